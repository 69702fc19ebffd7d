"""The gates of ClaimDesk

submit
├── the caller is no licensed provider or pharmacy → NotLicensed, for the whole batch
├── a claim names another provider → NotProvider, for the whole batch
└── a gate is shut → that claim is refused: its reason and CARC, nothing stored, the number stays free
    ├── Malformed (16), Duplicate (18), UnknownPlan (31), FutureService (110), OutsidePlan (26, 27)
    ├── NotEnrolled (31), OutsideCover (26, 27), FiledLate (29), NoConsent (227)
    └── several are shut → the first in that order
estimate: what submit would answer, of anyone's claim, without a trace
"""

import pytest
from brownie import reverts

from tests.claims import build
from tests.claims.build import (
    CLAIM,
    DAY,
    DUPLICATE,
    EXPIRED,
    FILED_LATE,
    FUTURE_SERVICE,
    HPAYMT,
    LARGEST,
    MALFORMED,
    NO_CONSENT,
    NONE,
    NOT_ENROLLED,
    OPERATOR_EXPIRED,
    OUT_OF_ROLE,
    OUTSIDE_COVER,
    OUTSIDE_PLAN,
    PASSED,
    SETTLED,
    SUSPENDED,
    UNKNOWN,
    UNKNOWN_PLAN,
    a_claim,
    estimate,
    line,
    now,
    permit,
    publish,
    record,
    submit,
    today,
    word,
)
from tests.conftest import PHARMACY, PROVIDER, accredit
from tests.consent.build import deny, granting
from tests.errors import error


def refused(desk, claim, sender, refusal, carc):
    """Submit a claim that must be refused just so, and find no trace of it."""
    expected = (refusal, carc, NONE, 0, ())
    assert estimate(desk, claim)[1:] == expected
    (answer,), tx = submit(desk, [claim], sender)
    assert answer[1:] == expected
    assert answer.id == str(desk.idOf(claim[2], claim[3]))
    assert len(tx.events) == 1
    assert dict(tx.events["ClaimRefused"]) == {
        "id": answer.id, "provider": claim[2], "plan": claim[0], "refusal": refusal, "carc": carc,
    }  # fmt: skip
    assert tuple(record(desk, answer.id)) == (NONE, 0, 0, build.NOBODY, build.NOBODY, build.NOBODY)
    return answer


def passes(desk, claim):
    assert estimate(desk, claim).refusal == PASSED


# ---------------------------------------------------------------------------------------------------- who may submit


@pytest.mark.parametrize(
    "who, standing",
    [("stranger", UNKNOWN), ("patient", UNKNOWN), ("regulator", UNKNOWN), ("insurer", OUT_OF_ROLE), ("carrier", OUT_OF_ROLE)],
)
def test_only_providers_submit(open_desk, plan, patient, people, who, standing):
    actor = getattr(people, who)
    with reverts(error("NotLicensed", actor, PROVIDER | PHARMACY, standing)):
        open_desk.submit([a_claim(plan, patient, actor)], {"from": actor})


def test_a_suspended_provider(open_desk, plan, patient, hospital, institutions, regulator):
    institutions.suspend(hospital, {"from": regulator})
    with reverts(error("NotLicensed", hospital, PROVIDER | PHARMACY, SUSPENDED)):
        open_desk.submit([a_claim(plan, patient, hospital)], {"from": hospital})


def test_an_expired_provider(open_desk, plan, patient, hospital, institutions, regulator, chain):
    institutions.renew(hospital, PROVIDER, now() + DAY, {"from": regulator})
    chain.sleep(DAY)
    with reverts(error("NotLicensed", hospital, PROVIDER | PHARMACY, EXPIRED)):
        open_desk.submit([a_claim(plan, patient, hospital)], {"from": hospital})


def test_an_expired_operator(open_desk, plan, patient, hospital, nurse, chain):
    chain.sleep(365 * DAY + 60)
    with reverts(error("NotLicensed", nurse, PROVIDER | PHARMACY, OPERATOR_EXPIRED)):
        open_desk.submit([a_claim(plan, patient, hospital)], {"from": nurse})


def test_nobody_submits_an_empty_batch(open_desk, stranger):
    with reverts(error("NotLicensed", stranger, PROVIDER | PHARMACY, UNKNOWN)):
        open_desk.submit([], {"from": stranger})


def test_TP11_a_claim_in_the_name_of_another_stops_the_batch(open_desk, plan, patient, hospital, clinic):
    claims = [a_claim(plan, patient, hospital), a_claim(plan, patient, clinic)]
    with reverts(error("NotProvider", hospital, clinic)):
        open_desk.submit(claims, {"from": hospital})
    assert record(open_desk, open_desk.idOf(hospital, word("1"))).state == NONE


def test_an_operator_submits_for_its_institution_only(open_desk, plan, patient, hospital, nurse):
    with reverts(error("NotProvider", nurse, nurse)):
        open_desk.submit([a_claim(plan, patient, nurse)], {"from": nurse})
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital)], nurse)
    assert answer.state == SETTLED
    assert record(open_desk, answer.id).payee == hospital


def test_a_pharmacy_submits(open_desk, plan, patient, institutions, regulator, accounts):
    pharmacy = accounts[25]
    accredit(institutions, regulator, pharmacy, "pharmacy", PHARMACY)
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, pharmacy)], pharmacy)
    assert answer.state == SETTLED


def test_an_empty_batch_is_no_error(open_desk, hospital):
    answers, tx = submit(open_desk, [], hospital)
    assert answers == [] and not tx.events


# --------------------------------------------------------------------------------------------------------- the gates


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line(units=0)],
        [line(), line(units=0)],
        [line()] * 101,
        [line(charge=LARGEST), line(charge=1)],
        [line(charge=LARGEST)] * 3,
    ],
    ids=["none", "no units", "no units in the second", "too many", "sum one too large", "sum far too large"],
)
def test_malformed(open_desk, plan, patient, hospital, lines):
    claim = a_claim(plan, patient, hospital)[:5] + (lines,)
    refused(open_desk, claim, hospital, MALFORMED, 16)


@pytest.mark.parametrize(
    "lines",
    [[line("free", units=2**32 - 1, charge=0)], [line("free")] * 100, [line("free", charge=LARGEST), line("free", charge=0)]],
    ids=["most units", "most lines", "largest sum"],
)
def test_well_formed_to_the_bounds(open_desk, plan, patient, hospital, lines):
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital, *lines)], hospital)
    assert (answer.refusal, answer.state) == (PASSED, SETTLED)


def test_TP1_a_duplicate(open_desk, plan, patient, hospital):
    submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    again = a_claim(plan, patient, hospital, line("x-ray"), day=today() - 1)
    assert estimate(open_desk, again)[1:3] == (DUPLICATE, 18)
    (answer,), tx = submit(open_desk, [again], hospital)
    assert answer[1:] == (DUPLICATE, 18, NONE, 0, ())
    assert list(tx.events.keys()) == ["ClaimRefused"]


def test_TP1_a_duplicate_within_the_batch(open_desk, plan, patient, hospital, token):
    claims = [a_claim(plan, patient, hospital, line(charge=150_00)) for _ in range(3)]
    claims.append(a_claim(plan, patient, hospital, line(charge=150_00), number="2"))
    tx = open_desk.submit(claims, {"from": hospital})
    assert [event["refusal"] for event in tx.events["ClaimRefused"]] == [DUPLICATE] * 2
    assert len(tx.events["ClaimSettled"]) == 2
    assert token.balanceOf(hospital) == 40_00 + 120_00


def test_the_same_number_of_two_providers_is_two_claims(open_desk, plan, patient, hospital, clinic):
    for provider in (hospital, clinic):
        (answer,), _ = submit(open_desk, [a_claim(plan, patient, provider)], provider)
        assert answer.state == SETTLED


def test_TP1_a_refusal_does_not_burn_the_number(open_desk, plan, patient, neighbour, hospital, plans, terms):
    refused(open_desk, a_claim(plan, neighbour, hospital), hospital, NOT_ENROLLED, 31)
    refused(open_desk, a_claim(plan, neighbour, hospital), hospital, NOT_ENROLLED, 31)
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    assert answer.state == SETTLED


def test_an_unknown_plan(open_desk, patient, hospital):
    refused(open_desk, a_claim(word("nothing"), patient, hospital), hospital, UNKNOWN_PLAN, 31)


def test_a_plan_that_is_not_published(open_desk, plans, terms, patient, hospital):
    new = terms._replace(document=word("draft"))
    draft = plans.register(new, {"from": terms.insurer}).events["PlanRegistered"]["plan"]
    refused(open_desk, a_claim(str(draft), patient, hospital), hospital, UNKNOWN_PLAN, 31)


def test_TP4_a_service_of_tomorrow(open_desk, plan, patient, hospital, chain):
    midnight = (today() + 1) * DAY
    claim = a_claim(plan, patient, hospital, day=today() + 1)
    chain.mine(timestamp=midnight - 60)
    refused(open_desk, claim, hospital, FUTURE_SERVICE, 110)
    chain.mine(timestamp=midnight)
    (answer,), _ = submit(open_desk, [claim], hospital)
    assert answer.state == SETTLED


@pytest.fixture
def last_month(plans, consent, terms, patient):
    """A plan that judged thirty days and ended ten days ago; cover as long as it is looked for."""
    new = terms._replace(document=word("last month"), valid_from=today() - 40, valid_until=today() - 10)
    return publish(plans, new, {"visit": 150_00}, members=[patient], cover=(0, 2**24 - 1))


@pytest.mark.parametrize("ago, carc", [(41, 26), (40, 0), (11, 0), (10, 27), (0, 27)])
def test_TP4_the_days_of_the_plan(desk, last_month, patient, hospital, ago, carc):
    claim = a_claim(last_month, patient, hospital, day=today() - ago)
    if carc:
        refused(desk, claim, hospital, OUTSIDE_PLAN, carc)
    else:
        passes(desk, claim)


@pytest.mark.parametrize("ago, carc", [(6, 26), (5, 0), (3, 0), (2, 27)])
def test_TP4_the_days_of_the_cover(open_desk, plans, plan, consents, insurer, neighbour, hospital, ago, carc):
    permit(consents, neighbour, insurer)
    plans.enroll(plan, [str(neighbour)], today() - 5, today() - 2, {"from": insurer})
    claim = a_claim(plan, neighbour, hospital, day=today() - ago)
    if carc:
        refused(open_desk, claim, hospital, OUTSIDE_COVER, carc)
    else:
        passes(open_desk, claim)


def test_a_patient_who_was_never_enrolled(open_desk, plan, consents, insurer, neighbour, hospital):
    permit(consents, neighbour, insurer)
    refused(open_desk, a_claim(plan, neighbour, hospital), hospital, NOT_ENROLLED, 31)


def test_the_filing_limit(open_desk, plan, patient, hospital):
    passes(open_desk, a_claim(plan, patient, hospital, day=today() - 90))
    refused(open_desk, a_claim(plan, patient, hospital, day=today() - 91), hospital, FILED_LATE, 29)


def test_no_filing_limit(open_desk, plans, terms, patient, hospital):
    free = publish(plans, terms._replace(document=word("patient"), filing_days=0), {"visit": 1}, members=[patient])
    passes(open_desk, a_claim(free, patient, hospital, day=terms.valid_from))


# -------------------------------------------------------------------------------------------------------- the consent


@pytest.fixture
def member(plans, plan, funded, insurer, neighbour):
    """Enrolled, and has not said anything yet."""
    plans.enroll(plan, [str(neighbour)], 0, 2**24 - 1, {"from": insurer})
    return neighbour


def test_TP9_no_consent(desk, plan, member, hospital):
    refused(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_consent_for_another_purpose(desk, plan, member, hospital, consents, insurer):
    permit(consents, member, insurer, purposes=1)
    refused(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_consent_for_other_records(desk, plan, member, hospital, consents, insurer):
    permit(consents, member, insurer, categories=CLAIM << 1)
    refused(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_consent_to_another_insurer(desk, plan, member, hospital, consents, rival):
    permit(consents, member, rival)
    refused(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_consent_of_another_patient(open_desk, plan, member, hospital):
    refused(open_desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_deny(desk, plan, member, hospital, consents, insurer):
    consents.grant(*granting(deny(insurer, purposes=HPAYMT, categories=CLAIM)), {"from": member})
    refused(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_consent_that_has_ended(desk, plan, member, hospital, consents, insurer, chain):
    claim = a_claim(plan, member, hospital)
    end = now() + 1000
    permit(consents, member, insurer, end=end)
    chain.mine(timestamp=end - 1)
    passes(desk, claim)
    chain.mine(timestamp=end)
    refused(desk, claim, hospital, NO_CONSENT, 227)


def test_TP9_an_insurer_without_licence_may_not_use_claims(open_desk, plan, patient, hospital, institutions, insurer, regulator):
    institutions.suspend(insurer, {"from": regulator})
    refused(open_desk, a_claim(plan, patient, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_revocation_stops_the_next_claim(open_desk, plan, patient, hospital, consents, insurer, token):
    submit(open_desk, [a_claim(plan, patient, hospital, line(charge=150_00))], hospital)
    consents.revoke(insurer, 255, {"from": patient})
    refused(open_desk, a_claim(plan, patient, hospital, number="2"), hospital, NO_CONSENT, 227)
    assert token.balanceOf(hospital) == 40_00


@pytest.mark.parametrize("first", ["revocation", "claim"])
def test_TP9_a_revocation_in_the_same_block(open_desk, plan, patient, hospital, consents, insurer, token, first):
    """What comes first in the block decides; here the dearer gas comes first."""
    submit(open_desk, [a_claim(plan, patient, hospital, number="before")], hospital)
    prices = {"revocation": "2 gwei", "claim": "2 gwei", first: "4 gwei"}
    claim = a_claim(plan, patient, hospital, line(charge=100_00))
    with build.one_block():
        revocation = consents.revoke(
            insurer, 255, {"from": patient, "gas_price": prices["revocation"], "gas_limit": 200_000, "required_confs": 0}
        )
        claimed = open_desk.submit(
            [claim], {"from": hospital, "gas_price": prices["claim"], "gas_limit": 2_000_000, "required_confs": 0}
        )
    revocation.wait(1)
    claimed.wait(1)
    assert revocation.block_number == claimed.block_number
    assert (revocation.txindex < claimed.txindex) == (first == "revocation")
    if first == "revocation":
        assert claimed.events["ClaimRefused"]["refusal"] == NO_CONSENT
        assert token.balanceOf(hospital) == 0
    else:
        assert claimed.events["ClaimSettled"]["state"] == SETTLED
        assert token.balanceOf(hospital) == 80_00


# ---------------------------------------------------------------------------------------------------- order, estimate


def test_the_first_shut_gate_answers(desk, plans, consents, insurer, terms, neighbour, hospital, chain):
    """One claim on which every gate is shut; they are opened one by one."""
    day = today() + 1
    number, bad, good = word("all wrong"), [line(units=0)], [line()]
    new = terms._replace(document=word("ordered"), valid_from=day + 1, valid_until=day + 2, filing_days=1)
    late = terms._replace(document=word("ordered, valid"), filing_days=1)

    def desk_says(plan, lines):
        refused(desk, (plan, str(neighbour), str(hospital), number, day, lines), hospital, *step)

    step = (MALFORMED, 16)
    desk_says(word("nothing"), bad)
    step = (UNKNOWN_PLAN, 31)
    desk_says(word("nothing"), good)
    outside, valid = (publish(plans, t, {"visit": 1}) for t in (new, late))
    step = (FUTURE_SERVICE, 110)
    desk_says(outside, good)
    chain.mine(timestamp=(day + 3) * DAY)
    step = (OUTSIDE_PLAN, 26)
    desk_says(outside, good)
    step = (NOT_ENROLLED, 31)
    desk_says(valid, good)
    plans.enroll(valid, [str(neighbour)], 1, 2, {"from": insurer})
    step = (OUTSIDE_COVER, 27)
    desk_says(valid, good)
    plans.enroll(valid, [str(neighbour)], 1, 2**24 - 1, {"from": insurer})
    step = (FILED_LATE, 29)
    desk_says(valid, good)
    patient_plan = publish(
        plans, late._replace(document=word("ordered, patient"), filing_days=0), {"visit": 1}, [neighbour], (1, 2**24 - 1)
    )
    step = (NO_CONSENT, 227)
    desk_says(patient_plan, good)
    permit(consents, neighbour, insurer)
    passes(desk, (patient_plan, str(neighbour), str(hospital), number, day, good))


def test_a_duplicate_is_told_before_the_plan(open_desk, plan, patient, hospital):
    submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    (answer,), _ = submit(open_desk, [a_claim(word("nothing"), patient, hospital)], hospital)
    assert answer.refusal == DUPLICATE


def test_a_bad_claim_does_not_stop_the_batch(open_desk, plan, patient, neighbour, hospital, token):
    claims = [
        a_claim(plan, neighbour, hospital, line(charge=150_00), number="1"),
        a_claim(plan, patient, hospital, line(units=0), number="2"),
        a_claim(plan, patient, hospital, line(charge=150_00), number="3"),
        a_claim(word("nothing"), patient, hospital, number="4"),
        a_claim(plan, patient, hospital, line(charge=150_00), number="5"),
    ]
    tx = open_desk.submit(claims, {"from": hospital})
    assert [event["refusal"] for event in tx.events["ClaimRefused"]] == [NOT_ENROLLED, MALFORMED, UNKNOWN_PLAN]
    assert [str(event["id"]) for event in tx.events["ClaimSettled"]] == [
        str(desk_id) for desk_id in (open_desk.idOf(hospital, word("3")), open_desk.idOf(hospital, word("5")))
    ]
    assert token.balanceOf(hospital) == 40_00 + 120_00


def test_estimate_is_what_submit_answers(open_desk, plan, patient, hospital):
    claim = a_claim(plan, patient, hospital, line(charge=180_00), line("unlisted", charge=7), line("x-ray", 3, 300_00))
    expected = estimate(open_desk, claim)
    assert expected.state == NONE and expected.refusal == PASSED and expected.paid > 0
    (answer,), _ = submit(open_desk, [claim], hospital)
    assert answer == expected._replace(state=SETTLED)


def test_estimate_does_not_ask_the_pool(desk, plan, consent, patient, hospital):
    assert estimate(desk, a_claim(plan, patient, hospital, line(charge=150_00))).paid == 40_00
