"""The gates of ClaimDesk

submit
├── a gate is shut → that claim is refused: its reason and CARC, nothing stored, the number stays free
│   ├── Malformed (16), Duplicate (18), NotAttested (16), NotLicensed (185): those of the desk, see test_attestation.py
│   ├── UnknownPlan (31), FutureService (110), OutsidePlan (26, 27)
│   ├── NotEnrolled (31), OutsideCover (26, 27), Waiting (179), FiledLate (29)
│   └── OutOfNetwork (242), NotCoordinated (22), NoConsent (227)
├── several are shut → the first in that order
└── one claim of a batch is refused → the others are paid
estimate: what submit would answer, of anyone's claim, without a trace
"""

import pytest

from tests.support import claim_builders as claim_builders
from tests.support.boundary_time import at
from tests.support.claim_builders import (
    CLAIM,
    DAY,
    DUPLICATE,
    FILED_LATE,
    FUTURE_SERVICE,
    HPAYMT,
    LARGEST,
    LAST_DAY,
    MALFORMED,
    NETWORK,
    NO_CONSENT,
    NONE,
    NOT_ATTESTED,
    NOT_COORDINATED,
    NOT_ENROLLED,
    NOT_LICENSED,
    NOTHING,
    OUT_OF_NETWORK,
    OUTSIDE_COVER,
    OUTSIDE_PLAN,
    PASSED,
    PENDED,
    SETTLED,
    UNKNOWN_PLAN,
    WAITING,
    a_claim,
    enroll,
    estimate,
    line,
    now,
    permit,
    publish,
    record,
    register,
    submit,
    today,
    word,
)
from tests.support.consent_builders import deny, granting


def refuses(desk, claim, sender, refusal, carc):
    """Submit a claim that must be refused just so, and find no trace of it."""
    expected = (refusal, carc, NONE, 0, 0, ())
    if refusal != NOT_ATTESTED:  # who sends it is no part of an estimate
        assert estimate(desk, claim)[1:] == expected
    (answer,), tx = submit(desk, [claim], sender)
    assert answer[1:] == expected
    assert answer.id == str(desk.idOf(claim.provider, claim.number))
    assert len(tx.events) == 1
    assert dict(tx.events["ClaimRefused"]) == {
        "id": answer.id, "provider": claim.provider, "plan": claim.plan, "refusal": refusal, "carc": carc,
    }  # fmt: skip
    assert record(desk, answer.id) == (NONE, 0, 0, False)
    return answer


def passes(desk, claim):
    assert estimate(desk, claim)[1:4] == (PASSED, 0, SETTLED)


def says(desk, claim, sender, refusal, carc):
    refuses(desk, claim, sender, refusal, carc) if carc else passes(desk, claim)


# ---- the gates of the desk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [[], [line(units=0)], [line(), line(units=0)], [line()] * 101],
    ids=["none", "no units", "no units in the second", "too many"],
)
def test_TP10_malformed(open_desk, plan, patient, hospital, lines):
    refuses(open_desk, a_claim(plan, patient, hospital)._replace(lines=lines), hospital, MALFORMED, 16)


@pytest.mark.parametrize(
    "lines",
    [
        [line("free", units=2**16 - 1, charge=0)],
        [line("free", charge=i) for i in range(100)],
        [line("free", charge=LARGEST), line("x-ray", 1, LARGEST), line("cast", 1, LARGEST, LARGEST)],
    ],
    ids=["most units", "most lines", "largest amounts"],
)
def test_well_formed_to_the_bounds(open_desk, plan, patient, hospital, lines):
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital, *lines)], hospital)
    assert (answer.refusal, answer.state) == (PASSED, SETTLED)


def test_TP1_a_duplicate(open_desk, plan, patient, hospital):
    submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    before = record(open_desk, open_desk.idOf(hospital, word("1")))
    again = a_claim(plan, patient, hospital, line("x-ray"), day=today() - 1)
    assert estimate(open_desk, again)[1:3] == (DUPLICATE, 18)
    (answer,), tx = submit(open_desk, [again], hospital)
    assert answer[1:] == (DUPLICATE, 18, NONE, 0, 0, ())
    assert list(tx.events.keys()) == ["ClaimRefused"]
    assert record(open_desk, answer.id) == before


def test_TP1_a_duplicate_within_the_batch(open_desk, plan, patient, hospital, token):
    claims = [a_claim(plan, patient, hospital, line(charge=150_00)) for _ in range(3)]
    claims.append(a_claim(plan, patient, hospital, line(charge=150_00), number="2"))
    tx = open_desk.submit(claims, [], {"from": hospital})
    assert [event["refusal"] for event in tx.events["ClaimRefused"]] == [DUPLICATE] * 2
    assert len(tx.events["ClaimDecided"]) == 2
    assert token.balanceOf(hospital) == 40_00 + 120_00


def test_the_same_number_of_two_providers_is_two_claims(open_desk, plan, patient, hospital, clinic):
    for provider in (hospital, clinic):
        (answer,), _ = submit(open_desk, [a_claim(plan, patient, provider)], provider)
        assert answer.state == SETTLED


def test_TP1_a_refusal_does_not_burn_the_number(open_desk, plan, patient, neighbour, hospital):
    for _ in range(2):
        refuses(open_desk, a_claim(plan, neighbour, hospital), hospital, NOT_ENROLLED, 31)
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    assert answer.state == SETTLED


# ---- the gates of the plan ---------------------------------------------------------------------------------------


def test_an_unknown_plan(open_desk, plan, plans, terms, patient, hospital):
    draft = register(plans, terms._replace(document=word("draft")))
    for unknown in (word("nothing"), NOTHING, draft, plan[:-8] + "00000000", plan[:-8] + "00000002"):
        refuses(open_desk, a_claim(unknown, patient, hospital), hospital, UNKNOWN_PLAN, 31)


def test_TP4_a_service_of_tomorrow(open_desk, plan, patient, hospital, chain):
    midnight = (today() + 1) * DAY
    claim = a_claim(plan, patient, hospital, day=today() + 1)
    chain.mine(timestamp=midnight - 60)
    refuses(open_desk, claim, hospital, FUTURE_SERVICE, 110)
    chain.mine(timestamp=midnight)
    (answer,), _ = submit(open_desk, [claim], hospital)
    assert answer.state == SETTLED


@pytest.mark.parametrize("ago, carc", [(41, 26), (40, 0), (11, 0), (10, 27), (0, 27)])
def test_TP4_the_days_of_the_version(desk, draw_plan, patient, hospital, ago, carc):
    plan = draw_plan(valid_from=today() - 40, valid_until=today() - 10)
    says(desk, a_claim(plan, patient, hospital, day=today() - ago), hospital, OUTSIDE_PLAN, carc)


@pytest.mark.parametrize("ago, carc", [(6, 26), (5, 0), (3, 0), (2, 27)])
def test_TP4_the_days_of_the_cover(open_desk, plans, plan, patient, insurer, hospital, ago, carc):
    enroll(plans, plan, insurer, patient, start=today() - 5, until=today() - 2)
    says(open_desk, a_claim(plan, patient, hospital, day=today() - ago), hospital, OUTSIDE_COVER, carc)


def test_a_patient_who_was_never_enrolled(open_desk, plan, neighbour, hospital):
    refuses(open_desk, a_claim(plan, neighbour, hospital), hospital, NOT_ENROLLED, 31)


@pytest.mark.parametrize("ago, carc", [(50, 179), (21, 179), (20, 0), (0, 0)])
def test_TP4_the_waiting_period(desk, draw_plan, patient, hospital, ago, carc):
    plan = draw_plan(waiting_days=30, cover={"start": today() - 50})
    says(desk, a_claim(plan, patient, hospital, day=today() - ago), hospital, WAITING, carc)


@pytest.mark.parametrize("ago, carc", [(89, 0), (90, 0), (91, 29)])
def test_TP4_the_filing_limit(open_desk, plan, patient, hospital, ago, carc):
    says(open_desk, a_claim(plan, patient, hospital, day=today() - ago), hospital, FILED_LATE, carc)


def test_TP4_the_last_second_to_file(open_desk, plan, patient, hospital, chain):
    claim = a_claim(plan, patient, hospital)
    ends = (claim.day + 91) * DAY
    chain.mine(timestamp=ends - 1)
    passes(open_desk, claim)
    chain.mine(timestamp=ends)
    refuses(open_desk, claim, hospital, FILED_LATE, 29)


def test_no_filing_limit(desk, draw_plan, bare, patient, hospital):
    passes(desk, a_claim(draw_plan(), patient, hospital, day=bare.valid_from))


@pytest.mark.parametrize("ago, carc", [(21, 242), (20, 0), (11, 0), (10, 242)])
def test_out_of_network(desk, plans, draw_plan, patient, hospital, insurer, ago, carc):
    plan = draw_plan(rules=NETWORK)
    plans.contractProvider(plan, hospital, (today() - 20, today() - 10, 0), {"from": insurer})
    says(desk, a_claim(plan, patient, hospital, day=today() - ago), hospital, OUT_OF_NETWORK, carc)


def test_a_provider_without_contract(desk, plans, draw_plan, patient, hospital, clinic, insurer):
    plan = draw_plan(rules=NETWORK)
    plans.contractProvider(plan, clinic, (0, LAST_DAY, 0), {"from": insurer})
    refuses(desk, a_claim(plan, patient, hospital), hospital, OUT_OF_NETWORK, 242)


def test_another_payer_goes_first(desk, plans, draw_plan, patient, hospital):
    plan = draw_plan(cover={"secondary": True})
    refuses(desk, a_claim(plan, patient, hospital), hospital, NOT_COORDINATED, 22)
    passes(desk, a_claim(plan, patient, hospital, primary=word("answer")))


# ---- the consent -------------------------------------------------------------------------------------------------


@pytest.fixture
def member(plans, plan, funded, insurer, neighbour):
    """Enrolled, and has not said anything yet."""
    enroll(plans, plan, insurer, neighbour)
    return neighbour


@pytest.mark.parametrize("said", ["nothing", "another purpose", "other records", "another insurer", "deny"])
def test_TP9_no_such_consent(desk, plan, member, hospital, consents, consent, insurer, rival, said):
    """The patient's own consent stands all the while: it is no neighbour's."""
    if said == "another purpose":
        permit(consents, member, insurer, purposes=1)
    if said == "other records":
        permit(consents, member, insurer, categories=CLAIM << 1)
    if said == "another insurer":
        permit(consents, member, rival)
    if said == "deny":
        consents.grant(*granting(deny(insurer, purposes=HPAYMT, categories=CLAIM)), {"from": member})
    refuses(desk, a_claim(plan, member, hospital), hospital, NO_CONSENT, 227)
    at(now() + 1)  # within the second of a deny no permit is later
    permit(consents, member, insurer)
    passes(desk, a_claim(plan, member, hospital))


def test_TP9_a_consent_that_has_ended(desk, plan, member, hospital, consents, insurer, chain):
    claim = a_claim(plan, member, hospital)
    end = now() + 1000
    permit(consents, member, insurer, end=end)
    chain.mine(timestamp=end - 1)
    passes(desk, claim)
    chain.mine(timestamp=end)
    refuses(desk, claim, hospital, NO_CONSENT, 227)


def test_TP9_an_insurer_without_licence_may_not_use_claims(
    open_desk, plan, patient, hospital, institutions, insurer, regulator
):
    institutions.suspend(insurer, {"from": regulator})
    refuses(open_desk, a_claim(plan, patient, hospital), hospital, NO_CONSENT, 227)


def test_TP9_a_revocation_stops_the_next_claim(open_desk, plan, patient, hospital, consents, insurer, token):
    submit(open_desk, [a_claim(plan, patient, hospital, line(charge=150_00))], hospital)
    consents.revoke(insurer, 255, {"from": patient})
    refuses(open_desk, a_claim(plan, patient, hospital, number="2"), hospital, NO_CONSENT, 227)
    assert token.balanceOf(hospital) == 40_00


@pytest.mark.parametrize("first", ["revocation", "claim"])
def test_TP9_a_revocation_in_the_same_block(open_desk, plan, patient, hospital, consents, insurer, token, first):
    """What comes first in the block decides; here the dearer gas comes first."""
    submit(open_desk, [a_claim(plan, patient, hospital, number="before")], hospital)
    prices = {"revocation": "2 gwei", "claim": "2 gwei", first: "4 gwei"}
    claim = a_claim(plan, patient, hospital, line(charge=100_00))
    with claim_builders.one_block():
        revocation = consents.revoke(
            insurer,
            255,
            {"from": patient, "gas_price": prices["revocation"], "gas_limit": 200_000, "required_confs": 0},
        )
        claimed = open_desk.submit(
            [claim], [], {"from": hospital, "gas_price": prices["claim"], "gas_limit": 2_000_000, "required_confs": 0}
        )
    revocation.wait(1)
    claimed.wait(1)
    assert revocation.block_number == claimed.block_number
    assert (revocation.txindex < claimed.txindex) == (first == "revocation")
    if first == "revocation":
        assert claimed.events["ClaimRefused"]["refusal"] == NO_CONSENT
        assert token.balanceOf(hospital) == 0
    else:
        assert "ClaimDecided" in claimed.events
        assert token.balanceOf(hospital) == 80_00


# ---- order, estimate ---------------------------------------------------------------------------------------------


def test_the_first_shut_gate_answers(
    desk, plans, bare, consents, insurer, hospital, clinic, neighbour, institutions, regulator, chain
):
    """One claim on which every gate is shut; they are opened one by one."""
    day = today() + 1
    claim = a_claim(word("nothing"), neighbour, hospital, day=day)._replace(lines=[line(units=0)])
    narrow = bare._replace(valid_from=day + 1, valid_until=day + 2, document=word("narrow"))
    late = narrow._replace(valid_from=0, waiting_days=9, filing_days=1, rules=NETWORK, document=word("late"))
    institutions.suspend(clinic, {"from": regulator})

    def step(refusal, carc, sender=hospital):
        refuses(desk, claim, sender, refusal, carc)

    step(MALFORMED, 16, sender=insurer)
    claim = claim._replace(lines=[line()])
    step(NOT_ATTESTED, 16, sender=insurer)
    claim = claim._replace(provider=str(clinic))
    step(NOT_LICENSED, 185, sender=clinic)
    claim = claim._replace(provider=str(hospital))
    step(UNKNOWN_PLAN, 31)
    claim = claim._replace(plan=publish(plans, narrow, {"visit": 1}))
    step(FUTURE_SERVICE, 110)
    chain.mine(timestamp=(day + 3) * DAY)
    step(OUTSIDE_PLAN, 26)
    plan = publish(plans, late, {"visit": 1})
    claim = claim._replace(plan=plan)
    step(NOT_ENROLLED, 31)
    enroll(plans, plan, insurer, neighbour, start=1, until=2, secondary=True)
    step(OUTSIDE_COVER, 27)
    enroll(plans, plan, insurer, neighbour, start=day, secondary=True)
    step(WAITING, 179)
    enroll(plans, plan, insurer, neighbour, secondary=True)
    step(FILED_LATE, 29)
    claim = claim._replace(plan=publish(plans, late._replace(filing_days=0, document=word("patient")), {"visit": 1}))
    enroll(plans, claim.plan, insurer, neighbour, secondary=True)
    step(OUT_OF_NETWORK, 242)
    plans.contractProvider(claim.plan, hospital, (0, LAST_DAY, 0), {"from": insurer})
    step(NOT_COORDINATED, 22)
    claim = claim._replace(primary=word("answer"))
    step(NO_CONSENT, 227)
    permit(consents, neighbour, insurer)
    passes(desk, claim)


def test_a_duplicate_is_told_after_malformed_and_before_all_else(open_desk, plan, patient, hospital, stranger):
    submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    for lines, refusal in (([line()], DUPLICATE), ([], MALFORMED)):
        claim = a_claim(word("nothing"), patient, hospital)._replace(lines=lines)
        (answer,), _ = submit(open_desk, [claim], stranger)
        assert answer.refusal == refusal


def test_TP10_a_bad_claim_does_not_stop_the_batch(open_desk, plan, patient, neighbour, hospital, clinic, token):
    claims = [
        a_claim(plan, neighbour, hospital, line(charge=150_00), number="1"),
        a_claim(plan, patient, hospital, line(charge=150_00), number="2")._replace(lines=[]),
        a_claim(plan, patient, hospital, line(charge=150_00), number="3"),
        a_claim(word("nothing"), patient, hospital, number="4"),
        a_claim(plan, patient, clinic, line(charge=150_00), number="5"),
        a_claim(plan, patient, hospital, line(charge=150_00), number="6"),
    ]
    answers, tx = submit(open_desk, claims, hospital)
    assert [each.refusal for each in answers] == [NOT_ENROLLED, MALFORMED, PASSED, UNKNOWN_PLAN, NOT_ATTESTED, PASSED]
    assert [each.state for each in answers] == [NONE, NONE, SETTLED, NONE, NONE, SETTLED]
    assert len(tx.events["ClaimRefused"]) == 4
    assert [str(event["id"]) for event in tx.events["ClaimDecided"]] == [answers[2].id, answers[5].id]
    assert token.balanceOf(hospital) == 40_00 + 120_00


def test_estimate_is_what_submit_answers(open_desk, plan, patient, hospital):
    claim = a_claim(plan, patient, hospital, line(charge=180_00), line("unlisted", charge=7), line("x-ray", 3, 300_00))
    expected = estimate(open_desk, claim)
    assert expected.state == SETTLED and expected.paid > 0
    (answer,), _ = submit(open_desk, [claim], hospital)
    assert answer == expected


def test_estimate_asks_neither_the_pool_nor_the_review(desk, draw_plan, patient, hospital):
    plan = draw_plan(review_threshold=100_00)
    for charge, state in ((100_00, SETTLED), (100_01, PENDED)):
        claim = a_claim(plan, patient, hospital, line(charge=charge))
        assert estimate(desk, claim)[1:6] == (PASSED, 0, state, claim_builders.circumstances(today()), charge)
    assert record(desk, desk.idOf(hospital, word("1"))) == (NONE, 0, 0, False)
