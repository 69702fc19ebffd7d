"""Plans

register
├── the caller is no licensed insurer → NotLicensed, with the standing
├── the terms name another insurer → NotInsurer
├── the same insurer and document exist → PlanExists
├── a term is out of its bounds → InvalidTerms, with the field
└── else it stores the terms, and the id is the hash of insurer and document
addPrices
├── the plan is unknown → UnknownPlan; another insurer's → NotInsurer; sealed → AlreadyPublished
├── the lists differ in length → LengthMismatch
├── a code is listed, or twice in the call → PriceExists
└── else each code has its price
publish: once only, and what it seals never changes
enroll
├── the plan is unknown → UnknownPlan; another insurer's → NotInsurer
├── the period is empty, or the member is nobody → InvalidMembership
└── else each member is covered; a later call replaces the period
quote: all that a claim needs, of sealed plans only
"""

import pytest
from brownie import reverts, web3
from eth_abi import encode

from tests.claims.build import LARGEST, NOBODY, OUT_OF_ROLE, SUSPENDED, UNKNOWN, word
from tests.conftest import INSURER
from tests.errors import error


def price(plans, plan, text):
    allowed, listed = plans.price(plan, word(text))
    return allowed, listed


@pytest.fixture
def draft(plans, terms):
    """A plan that is not sealed yet."""
    new = terms._replace(document=word("draft"))
    return plans.register(new, {"from": terms.insurer}).events["PlanRegistered"]["plan"]


def calls(plans, plan, terms):
    """Every function of the insurer, with arguments that would do."""
    return {
        "register": lambda who: plans.register(terms._replace(document=word("other")), {"from": who}),
        "addPrices": lambda who: plans.addPrices(plan, [word("new")], [1], {"from": who}),
        "publish": lambda who: plans.publish(plan, {"from": who}),
        "enroll": lambda who: plans.enroll(plan, [str(who)], 1, 2, {"from": who}),
    }


FUNCTIONS = ("register", "addPrices", "publish", "enroll")
WRONG = {"stranger": UNKNOWN, "patient": UNKNOWN, "regulator": UNKNOWN, "hospital": OUT_OF_ROLE, "carrier": OUT_OF_ROLE}


@pytest.mark.parametrize("who", WRONG)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_licensed_insurers_act(plans, draft, terms, people, function, who):
    actor = getattr(people, who)
    with reverts(error("NotLicensed", actor, INSURER, WRONG[who])):
        calls(plans, draft, terms)[function](actor)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_suspended_insurer_does_not_act(plans, draft, terms, institutions, insurer, regulator, function):
    institutions.suspend(insurer, {"from": regulator})
    with reverts(error("NotLicensed", insurer, INSURER, SUSPENDED)):
        calls(plans, draft, terms)[function](insurer)


@pytest.mark.parametrize("function", FUNCTIONS[1:])
def test_another_insurer_does_not_touch_the_plan(plans, draft, terms, rival, function):
    with reverts(error("NotInsurer", draft, rival)):
        calls(plans, draft, terms)[function](rival)


@pytest.mark.parametrize("function", FUNCTIONS[1:])
def test_an_unknown_plan(plans, terms, insurer, function):
    with reverts(error("UnknownPlan", word("nothing"))):
        calls(plans, word("nothing"), terms)[function](insurer)


# ---------------------------------------------------------------------------------------------------------- register


def plan_id(insurer, document):
    kind = web3.keccak(text="salus.plan")
    return web3.keccak(encode(["bytes32", "address", "bytes32"], [kind, str(insurer), bytes.fromhex(document[2:])])).to_0x_hex()


def test_register_in_the_name_of_another(plans, terms, insurer, rival):
    with reverts(error("NotInsurer", plan_id(rival, terms.document), insurer)):
        plans.register(terms._replace(insurer=str(rival)), {"from": insurer})


def test_register_twice(plans, plan, terms, insurer):
    with reverts(error("PlanExists", plan)):
        plans.register(terms._replace(coinsurance=0), {"from": insurer})


@pytest.mark.parametrize(
    "change, field",
    [
        (lambda t: {"valid_until": t.valid_from}, "validUntil"),
        (lambda t: {"valid_until": t.valid_from - 1}, "validUntil"),
        (lambda t: {"coinsurance": 10_001}, "coinsurance"),
        (lambda t: {"token": NOBODY}, "token"),
        (lambda t: {"token": t.insurer}, "token"),
        (lambda t: {"deductible": t.out_of_pocket_maximum + 1}, "outOfPocketMaximum"),
    ],
)
def test_register_terms_out_of_bounds(plans, terms, insurer, change, field):
    with reverts(error("InvalidTerms", field)):
        plans.register(terms._replace(document=word("bad"), **change(terms)), {"from": insurer})


def test_register_terms_at_their_bounds(plans, terms, insurer):
    edge = terms._replace(
        document=word("edge"),
        valid_from=0,
        valid_until=2**24 - 1,
        coinsurance=10_000,
        deductible=LARGEST,
        out_of_pocket_maximum=LARGEST,
        filing_days=2**16 - 1,
    )
    plan = plans.register(edge, {"from": insurer}).events["PlanRegistered"]["plan"]
    assert tuple(plans.terms(plan)) == edge._replace(document="0x" + "00" * 32)


def test_register_stores_and_tells(plans, terms, insurer):
    new = terms._replace(document=word("new"))
    tx = plans.register(new, {"from": insurer})
    plan = plan_id(insurer, new.document)
    assert len(tx.events) == 1
    assert tx.events["PlanRegistered"]["plan"] == plan
    assert tx.events["PlanRegistered"]["insurer"] == insurer
    assert tuple(tx.events["PlanRegistered"]["terms"]) == new
    assert tuple(plans.terms(plan)) == new._replace(document="0x" + "00" * 32)
    assert plans.publishedAt(plan) == 0


def test_an_operator_registers_for_its_insurer(plans, terms, clerk, insurer):
    tx = plans.register(terms._replace(document=word("by the clerk")), {"from": clerk})
    assert tx.events["PlanRegistered"]["insurer"] == insurer


def test_equal_documents_of_two_insurers_are_two_plans(plans, plan, terms, rival):
    tx = plans.register(terms._replace(insurer=str(rival)), {"from": rival})
    assert tx.events["PlanRegistered"]["plan"] == plan_id(rival, terms.document) != plan


# ------------------------------------------------------------------------------------------------------------ prices


def test_prices_of_two_lengths(plans, draft, insurer):
    with reverts(error("LengthMismatch", 2, 1)):
        plans.addPrices(draft, [word("a"), word("b")], [1], {"from": insurer})


def test_a_price_is_never_changed(plans, draft, insurer):
    plans.addPrices(draft, [word("a")], [0], {"from": insurer})
    with reverts(error("PriceExists", draft, word("a"))):
        plans.addPrices(draft, [word("a")], [5], {"from": insurer})


def test_a_code_twice_in_one_call(plans, draft, insurer):
    with reverts(error("PriceExists", draft, word("a"))):
        plans.addPrices(draft, [word("a"), word("b"), word("a")], [1, 2, 3], {"from": insurer})


def test_prices_are_listed(plans, draft, insurer):
    tx = plans.addPrices(draft, [word("a"), word("b")], [0, LARGEST], {"from": insurer})
    assert tx.events["PricesAdded"]["plan"] == draft
    assert [str(code) for code in tx.events["PricesAdded"]["codes"]] == [word("a"), word("b")]
    assert list(tx.events["PricesAdded"]["allowed"]) == [0, LARGEST]
    assert price(plans, draft, "a") == (0, True)
    assert price(plans, draft, "b") == (LARGEST, True)
    assert price(plans, draft, "c") == (0, False)


def test_two_hundred_prices_fit_a_transaction(plans, draft, insurer):
    codes = [word(f"code {i}") for i in range(200)]
    plans.addPrices(draft, codes, list(range(200)), {"from": insurer})
    assert price(plans, draft, "code 199") == (199, True)


# ----------------------------------------------------------------------------------------------------------- publish


def test_TP7_a_sealed_plan_never_changes(plans, plan, insurer):
    for call in (
        lambda: plans.addPrices(plan, [word("late")], [1], {"from": insurer}),
        lambda: plans.publish(plan, {"from": insurer}),
    ):
        with reverts(error("AlreadyPublished", plan)):
            call()
    assert price(plans, plan, "late") == (0, False)


def test_publish_keeps_the_second(plans, draft, insurer):
    tx = plans.publish(draft, {"from": insurer})
    assert tx.events["PlanPublished"]["plan"] == draft
    assert plans.publishedAt(draft) == tx.timestamp


# ------------------------------------------------------------------------------------------------------------ enroll


@pytest.mark.parametrize("period", [(5, 5), (6, 5), (0, 0)])
def test_enroll_for_an_empty_period(plans, plan, patient, insurer, period):
    with reverts(error("InvalidMembership", patient, *period)):
        plans.enroll(plan, [str(patient)], *period, {"from": insurer})


def test_enroll_nobody(plans, plan, patient, insurer):
    with reverts(error("InvalidMembership", NOBODY, 1, 2)):
        plans.enroll(plan, [str(patient), NOBODY], 1, 2, {"from": insurer})


def test_enroll_and_change(plans, draft, patient, stranger, insurer):
    tx = plans.enroll(draft, [str(patient), str(stranger)], 10, 20, {"from": insurer})
    assert [(e["plan"], e["member"], e["from"], e["until"]) for e in tx.events["MemberEnrolled"]] == [
        (draft, patient, 10, 20),
        (draft, stranger, 10, 20),
    ]
    plans.enroll(draft, [str(stranger)], 10, 15, {"from": insurer})
    assert tuple(plans.membership(draft, patient)) == (10, 20)
    assert tuple(plans.membership(draft, stranger)) == (10, 15)
    assert tuple(plans.membership(draft, insurer)) == (0, 0)


# ------------------------------------------------------------------------------------------------------------- quote


def test_quote_of_an_unknown_plan(plans, patient):
    with reverts(error("NotPublished", word("nothing"))):
        plans.quote(word("nothing"), patient, [])


def test_quote_of_a_draft(plans, draft, patient):
    with reverts(error("NotPublished", draft)):
        plans.quote(draft, patient, [])


def test_quote_tells_all(plans, plan, terms, patient):
    stored, membership, prices = plans.quote(plan, patient, [word("x-ray"), word("unlisted"), word("free")])
    assert tuple(stored) == terms._replace(document="0x" + "00" * 32)
    assert tuple(membership) == (terms.valid_from, terms.valid_until)
    assert [tuple(each) for each in prices] == [(80_00, True), (0, False), (0, True)]
