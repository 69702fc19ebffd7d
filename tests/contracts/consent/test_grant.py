"""A patient grants directly.

given a patient
    when it grants to nobody                                    it is refused: InvalidGrantee
    when the index is above 3                                   it is refused: InvalidIndex
    when the effect is None                                     it is refused: InvalidEffect
    when it grants no purpose or no category                    it is refused: EmptyScope
    when it permits what has no meaning yet                     it is refused: UnknownCodes
    when it ends before it begins, or has ended already         it is refused: InvalidPeriod
    when it has a time of issue or a deadline                   it is refused: UnexpectedTimes
    when everything was revoked in this very second             it is refused: Superseded
    when all is well
        it is kept word for word, and told in one event
        it stands beside the pair's other directives, and replaces the one at its place
        it concerns that patient and that grantee alone
"""

import brownie
import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.boundary_time import now as latest
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    DENY,
    ENDED,
    EVERY_CATEGORY,
    EVERY_PURPOSE,
    FOR_EVER,
    HPAYMT,
    KNOWN_CATEGORIES,
    KNOWN_PURPOSES,
    NEVER,
    NO_DOCUMENT,
    NOBODY,
    NOT_YET_BEGUN,
    NOTHING,
    OBSERVATION,
    PERMIT,
    TREAT,
    Record,
    granted,
    granting,
    permit,
    record,
    role,
    terms,
)
from tests.support.errors import error

NOTHING_THERE = Record(NOTHING, 0, 0, 0, 0, 0, NEVER)


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_nobody_is_no_grantee(consents, patient):
    with brownie.reverts(error("InvalidGrantee", NOBODY)):
        consents.grant(*granting(permit(NOBODY)), {"from": patient})


@pytest.mark.parametrize("number", [3, 1 << 9, (1 << 9) - 1, 2**32 - 1])
def test_several_or_unknown_roles_are_no_grantee(consents, patient, number):
    """A directive for them would never match: a deny would be lost in silence."""
    grantee = f"0x{number:040x}"
    with brownie.reverts(error("InvalidGrantee", grantee)):
        consents.grant(*granting(permit(grantee)), {"from": patient})


@pytest.mark.parametrize("bit", range(9))
def test_each_role_is_a_grantee(consents, patient, bit):
    assert refusal(consents.grant, *granting(permit(role(1 << bit))), sender=patient) is PASSED


@pytest.mark.parametrize("index", [4, 5, 8, 16, 32, 62, 255])
def test_a_pair_has_four_places(consents, patient, hospital, index):
    assert refusal(consents.grant, *granting(permit(hospital, index=index)), sender=patient) == error(
        "InvalidIndex", index
    )


@pytest.mark.parametrize("effect", [NOTHING, 3])
def test_a_grant_needs_an_effect(consents, patient, hospital, effect):
    without = permit(hospital)._replace(effect=effect)
    assert refusal(consents.grant, *granting(without), sender=patient) == error("InvalidEffect", effect)


@pytest.mark.parametrize(("issued_at", "deadline"), [(1, 0), (0, 1), (FOR_EVER, FOR_EVER)])
def test_a_direct_grant_has_no_times_of_its_own(consents, patient, hospital, issued_at, deadline):
    """Else it could be backdated, or postdated beyond the reach of any revocation."""
    timed = terms(permit(hospital), issued_at, deadline)
    message = refusal(consents.grant, hospital, timed, NO_DOCUMENT, sender=patient)
    assert message == error("UnexpectedTimes", issued_at, deadline)


@pytest.mark.parametrize(("purposes", "categories"), [(0, OBSERVATION), (TREAT, 0), (0, 0)])
def test_a_grant_needs_a_purpose_and_a_category(consents, patient, hospital, purposes, categories):
    empty = permit(hospital, purposes=purposes, categories=categories)
    assert refusal(consents.grant, *granting(empty), sender=patient) == error("EmptyScope", purposes, categories)


@pytest.mark.parametrize("length", [-1, 0])
def test_TC8_a_grant_ends_after_it_begins(consents, patient, hospital, now, length):
    start, end = now + 1_000, now + 1_000 + length
    backwards = permit(hospital, start=start, end=end)
    assert refusal(consents.grant, *granting(backwards), sender=patient) == error("InvalidPeriod", start, end)


@pytest.mark.parametrize("left", [-1, 0])
def test_TC8_a_grant_that_has_ended_is_refused(consents, patient, hospital, now, left):
    end = now + 1_000
    at(end - left)
    assert refusal(consents.grant, *granting(permit(hospital, end=end)), sender=patient) == error(
        "InvalidPeriod", 0, end
    )


def test_TC8_a_grant_of_one_second_passes(consents, patient, hospital, now):
    at(now + 1_000)
    one_second = permit(hospital, start=now + 1_000, end=now + 1_001)
    assert refusal(consents.grant, *granting(one_second), sender=patient) is PASSED


def test_TC8_an_account_that_is_too_wide_is_never_cut_to_fit(consents, patient, hospital):
    """A contract that calls with wider words must not have their upper bits dropped."""
    calldata = consents.grant.encode_input(*granting(permit(hospital)))
    assert reverts(patient, consents, calldata) is False
    # The decoder itself turns it down, without a reason.
    assert reverts(patient, consents, widened(calldata, 0, 160))


@pytest.mark.parametrize(
    ("word", "bits"), [(0, 160), (1, 160), (2, 32), (3, 56)], ids=["patient", "actor", "purpose", "categories"]
)
def test_TC8_a_field_that_is_too_wide_never_runs_into_its_neighbour(consents, patient, hospital, word, bits):
    """In a question: purpose and categories lie side by side in the word that is compared."""
    calldata = consents.decide.encode_input(patient, hospital, EVERY_PURPOSE, EVERY_CATEGORY)
    assert reverts(patient, consents, calldata) is False
    assert reverts(patient, consents, widened(calldata, word, bits))


def reverts(sender, contract, calldata):
    message = {"from": sender.address, "to": contract.address, "data": calldata}
    answer = brownie.web3.provider.make_request("eth_call", [message, "latest"])
    assert "error" not in answer or "revert" in str(answer["error"])
    return "error" in answer


def widened(calldata, word, bits):
    """One argument with the bit set that lies just above its width."""
    at = 10 + 64 * word
    return f"{calldata[:at]}{int(calldata[at : at + 64], 16) + (1 << bits):064x}{calldata[at + 64 :]}"


def test_a_grant_in_the_second_of_revoking_everything_is_refused(consents, wallet, hospital, stranger):
    now = latest()
    calls = [consents.revoke.encode_input(NOBODY, ALL), consents.grant.encode_input(*granting(permit(hospital)))]
    assert refusal(wallet.run, consents, calls, sender=stranger) == error("Superseded", wallet, hospital, 0, now)


def test_a_permit_in_the_second_of_revoking_all_of_a_grantees_is_refused(consents, wallet, hospital, stranger):
    now = latest()
    calls = [consents.revoke.encode_input(hospital, ALL), consents.grant.encode_input(*granting(permit(hospital)))]
    assert refusal(wallet.run, consents, calls, sender=stranger) == error("Superseded", wallet, hospital, 0, now)


def test_a_permit_in_the_second_of_revoking_one_place_stands(consents, wallet, hospital, stranger):
    """Direct ones of one second stand in the order of the chain."""
    calls = [consents.revoke.encode_input(hospital, 0), consents.grant.encode_input(*granting(permit(hospital)))]
    wallet.run(consents, calls, {"from": stranger})
    assert record(consents, wallet, hospital).status == ACTIVE


@pytest.mark.parametrize("grantee", [None, NOBODY], ids=["all of a grantee's", "everything"])
def test_c16_a_deny_in_the_second_of_a_wide_revocation_stands(consents, wallet, hospital, stranger, grantee):
    calls = [
        consents.revoke.encode_input(grantee or hospital, ALL),
        consents.grant.encode_input(*granting(permit(hospital, effect=DENY))),
    ]
    wallet.run(consents, calls, {"from": stranger})
    assert record(consents, wallet, hospital).status == ACTIVE


@pytest.mark.parametrize("second", ["permit", "revocation"])
def test_c4_a_deny_stands_before_what_else_is_said_in_its_second(consents, wallet, hospital, stranger, second):
    denied = consents.grant.encode_input(*granting(permit(hospital, effect=DENY)))
    other = {
        "permit": consents.grant.encode_input(*granting(permit(hospital, purposes=HPAYMT))),
        "revocation": consents.revoke.encode_input(hospital, 0),
    }[second]
    now = latest()
    message = refusal(wallet.run, consents, [denied, other], sender=stranger)
    if second == "permit":
        assert message == error("Superseded", wallet, hospital, 0, now)
        return
    wallet.run(consents, [denied, other], {"from": stranger})
    assert record(consents, wallet, hospital).effect == DENY


UNKNOWN = [(1 << 22, OBSERVATION), (TREAT | 1 << 31, OBSERVATION), (TREAT, 1 << 46), (EVERY_PURPOSE, EVERY_CATEGORY)]


@pytest.mark.parametrize(("purposes", "categories"), UNKNOWN)
def test_a_permit_names_nothing_that_has_no_meaning_yet(consents, patient, hospital, purposes, categories):
    """A later code would else be permitted by whoever once said "every"."""
    unknown = purposes & ~KNOWN_PURPOSES, categories & ~KNOWN_CATEGORIES
    told = permit(hospital, purposes=purposes, categories=categories)
    assert refusal(consents.grant, *granting(told), sender=patient) == error("UnknownCodes", *unknown)


@pytest.mark.parametrize(("purposes", "categories"), UNKNOWN)
def test_a_deny_may_name_all_that_will_ever_have_a_meaning(consents, patient, hospital, purposes, categories):
    told = permit(hospital, effect=DENY, purposes=purposes, categories=categories)
    assert refusal(consents.grant, *granting(told), sender=patient) is PASSED


def test_all_records_are_those_to_come_as_well(consents, patient, hospital):
    told = permit(hospital, purposes=KNOWN_PURPOSES, categories=KNOWN_CATEGORIES)
    assert refusal(consents.grant, *granting(told), sender=patient) is PASSED


# ---- granted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(4))
def test_a_directive_is_kept_word_for_word(consents, patient, hospital, index):
    scope = {"purposes": TREAT | HPAYMT, "categories": 0xABCDE}
    told = permit(hospital, index=index, effect=DENY, **scope, start=7, end=FOR_EVER - 8)
    tx = consents.grant(*granting(told), {"from": patient})
    expected = Record(DENY, TREAT | HPAYMT, 0xABCDE, 7, FOR_EVER - 8, tx.timestamp, ACTIVE)
    assert record(consents, patient, hospital, index) == expected


def test_a_grant_is_told_in_one_event(consents, patient, hospital):
    document = b"\x5a" * 32
    told = permit(hospital, index=2, purposes=HPAYMT, categories=0x123, start=5, end=FOR_EVER, document=document)
    tx = consents.grant(*granting(told), {"from": patient})
    assert len(tx.events) == 1
    assert granted(tx.events["ConsentGranted"]) == {
        "patient": patient,
        "grantee": hospital,
        "index": 2,
        "effect": PERMIT,
        "purposes": HPAYMT,
        "categories": 0x123,
        "start": 5,
        "end": FOR_EVER,
        "issued_at": tx.timestamp,
        "deadline": 0,
        "document": "0x" + document.hex(),
    }


EXTREMES = {
    "purposes": (1, KNOWN_PURPOSES),
    "categories": (1, KNOWN_CATEGORIES),
    "start": (0, FOR_EVER - 1),
    "end": (2**32, FOR_EVER),
}


@pytest.mark.parametrize("index", [0, 3])
@pytest.mark.parametrize("field", EXTREMES)
@pytest.mark.parametrize("others", [0, 1])
def test_no_field_bleeds_into_its_neighbours(consents, patient, hospital, field, index, others):
    """All fields at one extreme, one of them at the other, over a place that held the reverse."""
    values = {name: pair[others] for name, pair in EXTREMES.items()}
    if values["start"] >= values["end"] or (field == "start" and not others):
        values["end"] = FOR_EVER
    flipped = {**values, field: EXTREMES[field][1 - others]}
    if flipped["end"] <= flipped["start"]:
        flipped["start"] = 0
    at(consents.grant(*granting(permit(hospital, index=index, effect=DENY, **values)), {"from": patient}).timestamp + 1)
    tx = consents.grant(*granting(permit(hospital, index=index, **flipped)), {"from": patient})
    status = NOT_YET_BEGUN if flipped["start"] else ACTIVE
    expected = Record(PERMIT, *(flipped[name] for name in EXTREMES), tx.timestamp, status)
    assert record(consents, patient, hospital, index) == expected


def test_the_pairs_own_facts_survive_a_grant_at_the_first_place(consents, patient, hospital):
    """They share its word: the last refusal, and how many places were ever written."""
    consents.grant(*granting(permit(hospital, index=3, effect=DENY)), {"from": patient})
    refused = consents.revoke(hospital, 1, {"from": patient}).timestamp
    widest = permit(hospital, purposes=KNOWN_PURPOSES, categories=KNOWN_CATEGORIES, start=1)
    consents.grant(*granting(widest), {"from": patient})
    assert tuple(consents.refusedUntil(patient, hospital)) == (refused, 0)
    assert consents.decide(patient, hospital, TREAT, OBSERVATION)["index"] == 3


def test_the_four_places_stand_beside_each_other(consents, patient, hospital):
    issued = [
        consents.grant(*granting(permit(hospital, index=index, purposes=1 << index)), {"from": patient}).timestamp
        for index in (2, 0, 3, 1)
    ]
    expected = dict(zip((2, 0, 3, 1), issued))
    for index in range(4):
        found = record(consents, patient, hospital, index)
        assert (found.purposes, found.issued_at, found.status) == (1 << index, expected[index], ACTIVE)


def test_a_grant_replaces_what_was_at_its_place(consents, patient, hospital):
    widest = permit(hospital, effect=DENY, purposes=EVERY_PURPOSE, categories=EVERY_CATEGORY)
    at(consents.grant(*granting(widest), {"from": patient}).timestamp + 1)
    tx = consents.grant(*granting(permit(hospital, purposes=HPAYMT, start=9, end=FOR_EVER - 1)), {"from": patient})
    assert record(consents, patient, hospital) == Record(
        PERMIT, HPAYMT, OBSERVATION, 9, FOR_EVER - 1, tx.timestamp, ACTIVE
    )


def test_a_grant_concerns_that_patient_and_that_grantee_alone(consents, patient, stranger, hospital, clinic):
    consents.grant(*granting(permit(hospital)), {"from": patient})
    assert record(consents, patient, clinic) == NOTHING_THERE
    assert record(consents, stranger, hospital) == NOTHING_THERE
    assert record(consents, hospital, patient) == NOTHING_THERE


def test_a_role_may_be_the_grantee(consents, patient):
    consents.grant(*granting(permit(role(1))), {"from": patient})
    assert record(consents, patient, role(1)).status == ACTIVE


def test_TC8_the_status_follows_the_clock(consents, patient, hospital, now):
    start, end = now + 1_000, now + 2_000
    consents.grant(*granting(permit(hospital, start=start, end=end)), {"from": patient})
    seen = []
    for second in (start - 1, start, end - 1, end):
        at(second)
        seen.append(record(consents, patient, hospital).status)
    assert seen == [NOT_YET_BEGUN, ACTIVE, ACTIVE, ENDED]


def test_an_index_that_cannot_be_is_empty(consents, patient, hospital):
    assert record(consents, patient, hospital, 200) == NOTHING_THERE
