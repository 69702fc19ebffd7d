"""Plans: the versions of a series

every function of an insurer
├── the caller is no licensed insurer → NotLicensed, with the standing
├── the plan is unknown → UnknownPlan
└── the plan is another insurer's → NotInsurer
register
├── the terms name another insurer → NotInsurer; the series is another's → NotInsurer
├── the insurer has such a document → PlanExists; no such series → UnknownPlan
├── a term is out of its bounds → InvalidTerms, with the field
├── a version begins before the last one ends, or counts in another token → InvalidTerms
└── else a version with the next number; its id is the series' with the number in the lowest 32 bits
addCategories: rates of at most 100 %, 255 of them, before publication
addPrices
├── the plan's own list is sealed → AlreadyPublished; a provider's own list never is
├── the lists differ in length → LengthMismatch; a word that is no price → InvalidPrice
├── a code is listed, or twice in the call → PriceExists
└── else each code has its price
publish: once only; what it seals never changes, and judges from the delay on
"""

import pytest
from brownie import reverts

from tests.conftest import INSURER
from tests.support.boundary_time import at
from tests.support.claim_builders import (
    DAY,
    LARGEST,
    LAST_DAY,
    LISTED,
    NETWORK,
    NOBODY,
    NOTHING,
    OUT_OF_ROLE,
    OUTSIDE,
    PASSED,
    SUSPENDED,
    UNKNOWN,
    UNKNOWN_PLAN,
    WIDEST,
    Category,
    Price,
    Terms,
    a_claim,
    add_prices,
    enroll,
    judge,
    line,
    packed,
    permit,
    plan_id,
    publish,
    register,
    series_of,
    today,
    word,
)
from tests.support.errors import error


@pytest.fixture
def draft(plans, terms):
    """A plan that is not sealed yet."""
    return register(plans, terms._replace(document=word("draft")))


def version_of(plan, number):
    return f"{plan[:-8]}{number:08x}"


MEMBER = ("0x" + "ab" * 20, (1, 2, 0, 0, 0, 0, False))
CALLS = {
    "addCategories": ([Category()],),
    "addPrices": (0, [word("new")], [packed(1)]),
    "publish": (),
    "enroll": ([MEMBER],),
    "contractProvider": (NOBODY, (1, 2, 0)),
    "authorize": (MEMBER[0], word("any"), 1, 1, 2),
}
OF_THE_SERIES = ("enroll", "contractProvider", "authorize")
WRONG = {"stranger": UNKNOWN, "patient": UNKNOWN, "regulator": UNKNOWN, "hospital": OUT_OF_ROLE, "carrier": OUT_OF_ROLE}


@pytest.mark.parametrize("who", WRONG)
def test_only_licensed_insurers_act(plans, draft, terms, people, refused, who):
    actor = getattr(people, who)
    why = error("NotLicensed", actor, INSURER, WRONG[who])
    refused(plans.register, NOTHING, terms._replace(insurer=str(actor)), sender=actor, why=why)
    for function, args in CALLS.items():
        refused(getattr(plans, function), draft, *args, sender=actor, why=why)


def test_TP7_a_suspended_insurer_does_not_act(plans, draft, terms, institutions, insurer, regulator, clerk, refused):
    institutions.suspend(insurer, {"from": regulator})
    for actor in (insurer, clerk):
        why = error("NotLicensed", actor, INSURER, SUSPENDED)
        refused(plans.register, NOTHING, terms, sender=actor, why=why)
        for function, args in CALLS.items():
            refused(getattr(plans, function), draft, *args, sender=actor, why=why)


@pytest.mark.parametrize("function", CALLS)
def test_another_insurer_does_not_touch_the_plan(plans, draft, rival, refused, function):
    refused(getattr(plans, function), draft, *CALLS[function], sender=rival, why=error("NotInsurer", draft, rival))


@pytest.mark.parametrize("function", CALLS)
def test_an_unknown_plan(plans, insurer, refused, function):
    unknown = word("nothing")
    named = version_of(unknown, 1) if function in OF_THE_SERIES else unknown
    refused(getattr(plans, function), unknown, *CALLS[function], sender=insurer, why=error("UnknownPlan", named))


@pytest.mark.parametrize("function", ["addCategories", "addPrices", "publish"])
def test_a_series_is_no_version(plans, draft, insurer, refused, function):
    why = error("UnknownPlan", series_of(draft))
    refused(getattr(plans, function), series_of(draft), *CALLS[function], sender=insurer, why=why)


@pytest.mark.parametrize("function", OF_THE_SERIES)
def test_functions_of_the_series_take_series_and_versions(plans, draft, insurer, allowed, function):
    for plan in (draft, series_of(draft), version_of(draft, 7)):
        allowed(getattr(plans, function), plan, *CALLS[function], sender=insurer)


# ---- register ----------------------------------------------------------------------------------------------------


def test_register_in_the_name_of_another(plans, plan, terms, insurer, rival, refused):
    new = terms._replace(insurer=str(rival))
    for series in (NOTHING, plan):
        refused(plans.register, series, new, sender=insurer, why=error("NotInsurer", series, insurer))


def test_TP7_register_a_version_of_anothers_series(plans, plan, terms, rival, refused):
    new = terms._replace(insurer=str(rival), valid_from=terms.valid_until, valid_until=LAST_DAY)
    refused(plans.register, plan, new, sender=rival, why=error("NotInsurer", series_of(plan), rival))


def test_register_twice(plans, plan, terms, insurer, refused):
    new = terms._replace(coinsurance=0)
    refused(plans.register, NOTHING, new, sender=insurer, why=error("PlanExists", series_of(plan)))


def test_register_a_version_of_no_series(plans, terms, insurer, refused):
    unknown = word("nothing")
    refused(plans.register, unknown, terms, sender=insurer, why=error("UnknownPlan", series_of(unknown)))
    refused(plans.register, version_of(NOTHING, 1), terms, sender=insurer, why=error("UnknownPlan", bytes(32)))


@pytest.mark.parametrize(
    "field, change",
    [
        ("validUntil", lambda t: {"valid_until": t.valid_from}),
        ("validUntil", lambda t: {"valid_until": t.valid_from - 1}),
        ("token", lambda t: {"token": NOBODY}),
        ("token", lambda t: {"token": t.insurer}),
        ("coinsurance", lambda t: {"coinsurance": 10_001}),
        ("coinsuranceOut", lambda t: {"coinsurance_out": 10_001}),
        ("outOfPocketMaximum", lambda t: {"deductible": t.out_of_pocket_maximum + 1}),
        ("familyOutOfPocketMaximum", lambda t: {"family_deductible": 2, "family_out_of_pocket_maximum": 1}),
        ("rules", lambda t: {"rules": 32}),
        ("rules", lambda t: {"rules": 255}),
        ("document", lambda t: {"document": NOTHING}),
    ],
)
def test_register_terms_out_of_bounds(plans, terms, insurer, refused, field, change):
    new = terms._replace(**{"document": word("bad"), **change(terms)})
    refused(plans.register, NOTHING, new, sender=insurer, why=error("InvalidTerms", field))


def unsaid(terms):
    """As the plan tells it back: without the document, which only the event has."""
    return terms._replace(document=NOTHING)


def test_register_terms_at_their_bounds(plans, terms):
    boundary_time = terms._replace(
        document=word("edge"),
        valid_from=0,
        valid_until=LAST_DAY,
        coinsurance=10_000,
        coinsurance_out=10_000,
        deductible=LARGEST,
        out_of_pocket_maximum=LARGEST,
        family_deductible=LARGEST,
        family_out_of_pocket_maximum=LARGEST,
        annual_limit=WIDEST,
        lifetime_limit=WIDEST,
        waiting_days=2**16 - 1,
        filing_days=2**16 - 1,
        review_threshold=LARGEST,
        review_days=2**16 - 1,
        appeal_days=2**16 - 1,
        rules=31,
    )
    assert tuple(plans.terms(register(plans, boundary_time))) == unsaid(boundary_time)


@pytest.mark.parametrize(
    "bound", ["family_deductible", "family_out_of_pocket_maximum", "annual_limit", "lifetime_limit"]
)
def test_each_rare_bound_alone(plans, terms, bound):
    new = terms._replace(document=word(bound), **{bound: 7})
    assert tuple(plans.terms(register(plans, new))) == unsaid(new)


def test_register_stores_and_tells(plans, terms, insurer):
    new = terms._replace(document=word("new"))
    tx = plans.register(NOTHING, new, {"from": insurer})
    plan = plan_id(insurer, new.document)
    assert len(tx.events) == 1
    event = tx.events["PlanRegistered"]
    assert (event["plan"], event["insurer"], tuple(event["terms"])) == (plan, insurer, new)
    assert tuple(plans.terms(plan)) == unsaid(new)
    assert (plans.inForceAt(plan), plans.versions(plan), plans.versions(series_of(plan))) == (0, 1, 1)


def test_nothing_is_known_of_an_unknown_plan(plans):
    unknown = word("nothing")
    assert plans.terms(unknown)[0] == NOBODY
    assert (plans.inForceAt(unknown), plans.versions(unknown)) == (0, 0)


def test_an_operator_registers_for_its_insurer(plans, terms, clerk, insurer):
    tx = plans.register(NOTHING, terms._replace(document=word("by the clerk")), {"from": clerk})
    assert tx.events["PlanRegistered"]["insurer"] == insurer


def test_equal_documents_of_two_insurers_are_two_plans(plans, plan, terms, rival):
    assert register(plans, terms._replace(insurer=str(rival))) == plan_id(rival, terms.document) != plan


# ---- the next version --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [lambda plan: plan, series_of, lambda plan: version_of(plan, 99)])
def test_the_next_version(plans, plan, terms, named):
    new = terms._replace(valid_from=terms.valid_until, valid_until=terms.valid_until + 1)
    assert register(plans, new, named(plan)) == version_of(plan, 2)
    assert plans.versions(plan) == 2
    assert plans.inForceAt(plan) != plans.inForceAt(version_of(plan, 2)) == 0


def test_TP5_no_day_is_judged_by_two_versions(plans, plan, terms, insurer, refused):
    new = terms._replace(valid_from=terms.valid_until - 1, valid_until=terms.valid_until + 9)
    refused(plans.register, plan, new, sender=insurer, why=error("InvalidTerms", "validFrom"))
    # Not the first version's end counts, but the last one's: no version comes in between.
    register(plans, new._replace(valid_from=terms.valid_until + 5), plan)
    between = new._replace(valid_from=terms.valid_until, valid_until=terms.valid_until + 5)
    refused(plans.register, plan, between, sender=insurer, why=error("InvalidTerms", "validFrom"))


def test_TP5_all_versions_count_in_one_token(plans, plan, terms, insurer, mischief, refused):
    new = terms._replace(valid_from=terms.valid_until, valid_until=LAST_DAY, token=str(mischief))
    refused(plans.register, plan, new, sender=insurer, why=error("InvalidTerms", "token"))


def test_TP4_each_day_has_its_version(plans, bare, consent, patient, insurer):
    """Two versions with other prices; members, and their consents, are the series'."""
    day = today()
    first = publish(plans, bare._replace(document=word("two"), valid_until=day), {"visit": 50}, [patient])
    second = publish(plans, bare._replace(valid_from=day), {"visit": 70}, series=first)
    assert (first[:-8], second[-8:]) == (second[:-8], "00000002")
    for plan, when, expected in ((first, day - 1, 50), (second, day, 70)):
        assert judge(plans, a_claim(plan, patient, insurer, day=when)).paid == expected
    assert judge(plans, a_claim(first, patient, insurer, day=day)).carc == 27
    assert judge(plans, a_claim(second, patient, insurer, day=day - 1)).carc == 26


# ---- categories --------------------------------------------------------------------------------------------------


def test_categories_are_numbered_in_order(plans, draft, insurer):
    whole = [Category(1, 2, True, 3, 4), Category(10_000, 10_000, False, LARGEST, WIDEST), Category()]
    tx = plans.addCategories(draft, whole[:2], {"from": insurer})
    assert tx.events["CategoriesAdded"]["plan"] == draft
    assert [Category(*each) for each in tx.events["CategoriesAdded"]["categories"]] == whole[:2]
    plans.addCategories(draft, whole[2:], {"from": insurer})
    assert [Category(*plans.category(draft, i)) for i in (1, 2, 3)] == whole


@pytest.mark.parametrize("bad", [Category(coinsurance=10_001), Category(coinsurance_out=10_001)])
def test_a_category_of_more_than_the_whole(plans, draft, insurer, refused, bad):
    args = draft, [Category(), bad]
    refused(plans.addCategories, *args, sender=insurer, why=error("InvalidCategory", 1))


def test_255_categories_and_no_more(plans, draft, insurer, refused):
    plans.addCategories(draft, [Category()] * 200, {"from": insurer})
    refused(plans.addCategories, draft, [Category()] * 56, sender=insurer, why=error("InvalidCategory", 55))
    plans.addCategories(draft, [Category()] * 54 + [Category(7)], {"from": insurer})
    refused(plans.addCategories, draft, [Category()], sender=insurer, why=error("InvalidCategory", 0))
    assert plans.category(draft, 255)[0] == 7
    add_prices(plans, draft, {"last": Price(1, 255)}, insurer)


# ---- prices ------------------------------------------------------------------------------------------------------


def test_prices_of_two_lengths(plans, draft, insurer, refused):
    args = draft, 0, [word("a"), word("b")], [packed(1)]
    refused(plans.addPrices, *args, sender=insurer, why=error("LengthMismatch", 2, 1))


@pytest.mark.parametrize(
    "value",
    [
        0,
        packed(Price(5, flags=0)),
        packed(Price(5, flags=2)),
        packed(Price(5, flags=16 | LISTED)),
        packed(Price(5, flags=128 | LISTED)),
        packed(Price(5, category=2)),
        packed(5) | 1,
        packed(5) | 1 << 111,
    ],
    ids=["nothing", "no flags", "not listed", "flag 16", "flag 128", "category", "lowest bit", "bit 111"],
)
def test_a_word_that_is_no_price(plans, draft, insurer, refused, value):
    plans.addCategories(draft, [Category()], {"from": insurer})
    for schedule in (0, 1):
        args = draft, schedule, [word("good"), word("bad")], [packed(1), value]
        refused(plans.addPrices, *args, sender=insurer, why=error("InvalidPrice", word("bad"), value))


def test_a_price_is_never_changed(plans, draft, insurer, refused):
    for schedule in (0, 3):
        add_prices(plans, draft, {"a": 0}, insurer, schedule)
        args = draft, schedule, [word("a")], [packed(5)]
        refused(plans.addPrices, *args, sender=insurer, why=error("PriceExists", draft, word("a")))


def test_a_code_twice_in_one_call(plans, draft, insurer, refused):
    args = draft, 0, [word(c) for c in "aba"], [packed(i) for i in (1, 2, 3)]
    refused(plans.addPrices, *args, sender=insurer, why=error("PriceExists", draft, word("a")))


def test_prices_are_listed(plans, draft, insurer):
    plans.addCategories(draft, [Category()], {"from": insurer})
    whole = {"a": Price(0), "b": Price(LARGEST, 1, 15, 2**16 - 1, 2**16 - 2, 2**16 - 3), "c": Price(1, 0, 3, 4, 5, 6)}
    tx = add_prices(plans, draft, whole, insurer)
    event = tx.events["PricesAdded"]
    assert (event["plan"], event["schedule"]) == (draft, 0)
    assert [str(code) for code in event["codes"]] == [word(text) for text in whole]
    assert list(event["prices"]) == [packed(price) for price in whole.values()]
    assert {text: Price(*plans.price(draft, 0, word(text))) for text in whole} == whole
    assert Price(*plans.price(draft, 0, word("d"))) == Price(0, flags=0)
    assert Price(*plans.price(draft, 1, word("a"))) == Price(0, flags=0)


def test_a_providers_list_grows_after_publication(plans, plan, insurer):
    tx = add_prices(plans, plan, {"visit": 1, "late": 2}, insurer, schedule=2**32 - 1)
    assert tx.events["PricesAdded"]["schedule"] == 2**32 - 1
    assert [plans.price(plan, 2**32 - 1, word(text))[0] for text in ("visit", "late")] == [1, 2]
    assert Price(*plans.price(plan, 0, word("late"))) == Price(0, flags=0)


# ---- publish -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["addCategories", "addPrices", "publish"])
def test_TP7_a_sealed_version_never_changes(plans, plan, insurer, refused, function):
    args = plan, *CALLS[function]
    refused(getattr(plans, function), *args, sender=insurer, why=error("AlreadyPublished", plan))


def test_publish_without_delay(plans, draft, insurer):
    tx = plans.publish(draft, {"from": insurer})
    assert dict(tx.events["PlanPublished"]) == {"plan": draft, "inForceAt": tx.timestamp}
    assert plans.inForceAt(draft) == tx.timestamp


@pytest.mark.parametrize("delay", [1, DAY, 30 * DAY])
def test_TP7_a_version_judges_from_the_delay_on(salus_project, institutions, consents, terms, patient, insurer, delay):
    later = salus_project.Plans.deploy(institutions, consents, delay, {"from": insurer})
    assert later.PUBLISH_DELAY() == delay
    permit(consents, patient, insurer)
    plan = register(later, terms)
    add_prices(later, plan, {"visit": 1}, insurer)
    enroll(later, plan, insurer, patient)
    tx = later.publish(plan, {"from": insurer})
    force = tx.timestamp + delay
    assert (tx.events["PlanPublished"]["inForceAt"], later.inForceAt(plan)) == (force, force)
    claim = a_claim(plan, patient, insurer, line(charge=1))
    if delay > 1:
        at(force - 1)
    assert judge(later, claim)[:2] == (UNKNOWN_PLAN, 31)
    at(force)
    assert judge(later, claim).refusal == PASSED
    with reverts(error("AlreadyPublished", plan)):
        later.publish(plan, {"from": insurer})


def test_the_judge_reads_the_words_that_the_compiler_wrote(plans, draw_plan, insurer, patient, hospital, clinic, desk):
    """`terms` reads the struct field by field, the judge by its place in three words: both must find the same."""
    plan = draw_plan(
        {"visit": 1000_00},
        coinsurance=12_34,
        coinsurance_out=56_78,
        deductible=70_01,
        out_of_pocket_maximum=300_02,
        review_threshold=500_03,
        review_days=3,
        filing_days=2**16 - 1,
        rules=NETWORK | OUTSIDE,
    )
    said = Terms(*plans.terms(plan))
    plans.contractProvider(plan, clinic, (0, LAST_DAY, 0), {"from": insurer})
    inside = judge(plans, a_claim(plan, patient, clinic, line(charge=100_00)), desk)
    outside = judge(plans, a_claim(plan, patient, hospital, line(charge=1000_00)), desk)
    assert {(verdict.insurer, verdict.token) for verdict in (inside, outside)} == {(said.insurer, said.token)}
    assert (inside.pended, inside.out_of_network, outside.pended, outside.out_of_network) == (False, False, True, True)
    rest = 100_00 - said.deductible
    assert (inside.lines[0].deductible, inside.lines[0].coinsurance) == (
        said.deductible,
        -(-rest * said.coinsurance // 10_000),
    )
    assert outside.lines[0].coinsurance == said.out_of_pocket_maximum - said.deductible
    assert outside.paid == 1000_00 - said.out_of_pocket_maximum > said.review_threshold
