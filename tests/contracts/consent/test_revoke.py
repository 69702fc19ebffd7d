"""A patient revokes directly: never blocked, one constant cost.

given a patient
    when it revokes one directive of nobody                     it is refused: InvalidGrantee
    when the index is neither 0 to 3 nor 255                    it is refused: InvalidIndex
    when it revokes one directive
        it is without effect, and what it said stays readable
        the pair's others stand
        every signed grant of the pair issued until now is dead, at whichever place
    when it revokes all of a grantee's (255)                    so are all places; other grantees stand
    when it revokes everything (nobody, 255)                    so is all that was issued until now, and only that
    when there is nothing to revoke                             it passes, and kills what was signed
    when nothing changes                                        it passes, and nothing is told
    when the institution is suspended, or the patient a contract it passes
"""

import brownie
import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    DENY,
    FOR_EVER,
    HPAYMT,
    NEVER,
    NOBODY,
    NOTHING,
    OBSERVATION,
    TREAT,
    WITHDRAWN,
    decide,
    granting,
    permit,
    record,
    revocation,
    role,
    sign,
    terms,
)
from tests.support.errors import error
from tests.support.keys import key_of


@pytest.fixture
def consented(consents, patient, hospital):
    """Four directives for the hospital."""
    for index in range(4):
        said = permit(hospital, index=index, purposes=TREAT | 1 << index + 4, start=index + 1, end=FOR_EVER - index)
        consents.grant(*granting(said), {"from": patient})
    return consents


def statuses(consents, patient, grantee):
    return [record(consents, patient, grantee, index).status for index in range(4)]


# ---- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 3, 62])
def test_nobody_has_no_single_directive(consents, patient, index):
    with brownie.reverts(error("InvalidGrantee", NOBODY)):
        consents.revoke(NOBODY, index, {"from": patient})


@pytest.mark.parametrize("index", [4, 59, 62, 63, 254])
def test_an_index_is_0_to_3_or_255(consents, patient, hospital, index):
    assert refusal(consents.revoke, hospital, index, sender=patient) == error("InvalidIndex", index)


# ---- one directive ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(4))
def test_one_directive_is_revoked_and_the_others_stand(consented, patient, hospital, index):
    consented.revoke(hospital, index, {"from": patient})
    expected = [ACTIVE] * 4
    expected[index] = WITHDRAWN
    assert statuses(consented, patient, hospital) == expected


@pytest.mark.parametrize("index", range(4))
def test_what_a_revoked_directive_said_stays_readable(consented, patient, hospital, index):
    before = record(consented, patient, hospital, index)
    tx = consented.revoke(hospital, index, {"from": patient})
    after = record(consented, patient, hospital, index)
    assert after == before._replace(effect=NOTHING, issued_at=tx.timestamp, status=WITHDRAWN)


def test_a_revocation_is_told_in_one_event(consented, patient, hospital):
    tx = consented.revoke(hospital, 2, {"from": patient})
    assert len(tx.events) == 1
    assert dict(tx.events["ConsentRevoked"]) == {
        "patient": patient,
        "grantee": hospital,
        "terms": terms(revocation(hospital, 2), tx.timestamp),
    }


def test_a_revocation_of_the_first_place_keeps_the_pairs_count(consented, patient, hospital):
    consented.grant(*granting(permit(hospital, index=3, effect=DENY)), {"from": patient})
    consented.revoke(hospital, 0, {"from": patient})
    assert decide(consented, patient, hospital).index == 3


def test_a_directive_may_be_granted_anew(consented, patient, hospital):
    consented.revoke(hospital, 1, {"from": patient})
    consented.grant(*granting(permit(hospital, index=1)), {"from": patient})
    assert statuses(consented, patient, hospital) == [ACTIVE] * 4


# ---- all of a grantee's, everything ----------------------------------------------------------------------------------


def test_all_of_a_grantees_are_revoked(consented, patient, hospital):
    tx = consented.revoke(hospital, ALL, {"from": patient})
    assert statuses(consented, patient, hospital) == [WITHDRAWN] * 4
    assert dict(tx.events["ConsentRevoked"])["terms"] == terms(revocation(hospital), tx.timestamp)
    assert len(tx.events) == 1


def test_other_grantees_and_other_patients_stand(consented, patient, stranger, hospital, clinic):
    consented.grant(*granting(permit(clinic)), {"from": patient})
    consented.grant(*granting(permit(role(1))), {"from": patient})
    consented.grant(*granting(permit(hospital)), {"from": stranger})
    consented.revoke(hospital, ALL, {"from": patient})
    assert record(consented, patient, clinic).status == ACTIVE
    assert record(consented, patient, role(1)).status == ACTIVE
    assert record(consented, stranger, hospital).status == ACTIVE


def test_everything_of_the_patient_is_revoked(consented, patient, stranger, hospital, clinic):
    consented.grant(*granting(permit(clinic, index=3)), {"from": patient})
    consented.grant(*granting(permit(hospital)), {"from": stranger})
    tx = consented.revoke(NOBODY, ALL, {"from": patient})
    assert statuses(consented, patient, hospital) == [WITHDRAWN] * 4
    assert record(consented, patient, clinic, 3).status == WITHDRAWN
    assert record(consented, stranger, hospital).status == ACTIVE
    assert consented.revokedUntil(patient) == tx.timestamp
    assert dict(tx.events["ConsentRevoked"]) == {
        "patient": patient,
        "grantee": NOBODY,
        "terms": terms(revocation(), tx.timestamp),
    }


def test_what_is_granted_after_revoking_everything_stands(consented, patient, hospital):
    everything = consented.revoke(NOBODY, ALL, {"from": patient}).timestamp
    at(everything + 1)
    consented.grant(*granting(permit(hospital, index=1)), {"from": patient})
    assert statuses(consented, patient, hospital) == [WITHDRAWN, ACTIVE, WITHDRAWN, WITHDRAWN]


def test_TC8_everything_ends_with_the_second_of_its_revocation(consents, ana, hospital, now, relay):
    """Of three grants, one issued a second before, one at and one after, the last stands."""
    at(now + 100)
    relay(*(sign(consents, ana, permit(hospital, index=i), now + i) for i in range(3)))
    relay(sign(consents, ana, revocation(), now + 1))
    assert [record(consents, ana.address, hospital, i).status for i in range(3)] == [WITHDRAWN, WITHDRAWN, ACTIVE]


# ---- nothing there, nothing changed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, ALL])
def test_nothing_there_may_be_revoked(consents, patient, hospital, index):
    tx = consents.revoke(hospital, index, {"from": patient})
    all_of_it = tx.timestamp if index == ALL else 0
    assert tuple(consents.refusedUntil(patient, hospital)) == (tx.timestamp, all_of_it)
    assert len(tx.events) == 1
    assert decide(consents, patient, hospital).answer == 0


@pytest.mark.parametrize(("grantee", "index"), [(None, 0), (None, 2), (None, ALL), (NOBODY, ALL)])
def test_the_same_twice_in_a_second_is_told_once(consents, wallet, hospital, stranger, grantee, index):
    twice = [consents.revoke.encode_input(grantee or hospital, index)] * 2
    assert len(wallet.run(consents, twice, {"from": stranger}).events) == 1


def test_a_grant_and_its_revocation_in_one_second_leave_nothing(consents, wallet, hospital, stranger):
    calls = [consents.grant.encode_input(*granting(permit(hospital))), consents.revoke.encode_input(hospital, 0)]
    wallet.run(consents, calls, {"from": stranger})
    assert record(consents, wallet, hospital).status == WITHDRAWN


# ---- what was signed and not handed in -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("revoked", [0, 3, ALL])
def test_TC1_withheld_grant_dies_with_a_direct_revocation(consents, people, hospital, now, refused, place, revoked):
    patient = key_of(people.patient)
    withheld = sign(consents, patient, permit(hospital, index=place), now)
    tx = consents.revoke(hospital, revoked, {"from": people.patient})
    assert refused(withheld) == error("Superseded", patient.address, hospital, place, tx.timestamp)


def test_TC1_withheld_grant_dies_with_the_revocation_of_everything(consents, people, hospital, now, refused):
    patient = key_of(people.patient)
    withheld = sign(consents, patient, permit(hospital), now)
    tx = consents.revoke(NOBODY, ALL, {"from": people.patient})
    assert refused(withheld) == error("Superseded", patient.address, hospital, 0, tx.timestamp)


def test_TC1_a_replay_of_a_revoked_grant_is_refused(consents, people, hospital, now, relay, refused):
    patient = key_of(people.patient)
    granted = sign(consents, patient, permit(hospital), now)
    relay(granted)
    tx = consents.revoke(hospital, 0, {"from": people.patient})
    assert refused(granted) == error("Superseded", patient.address, hospital, 0, tx.timestamp)


def test_TC1_a_direct_grant_supersedes_the_wider_one_that_was_withheld(consents, people, hospital, now, refused):
    patient = key_of(people.patient)
    wide = sign(consents, patient, permit(hospital, purposes=TREAT | HPAYMT), now)
    tx = consents.grant(*granting(permit(hospital)), {"from": people.patient})
    assert refused(wide) == error("Superseded", patient.address, hospital, 0, tx.timestamp)


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC1_the_limit_is_the_second_of_the_revocation(consents, people, hospital, refused, later):
    patient = key_of(people.patient)
    revoked = consents.revoke(hospital, ALL, {"from": people.patient}).timestamp
    at(revoked + 10)
    message = refused(sign(consents, patient, permit(hospital, index=1), revoked + later))
    dead = error("Superseded", patient.address, hospital, 1, revoked)
    assert message == (PASSED if later > 0 else dead)


def test_a_direct_revocation_leaves_grants_to_others_alone(consents, people, hospital, clinic, now, refused):
    patient = key_of(people.patient)
    withheld = sign(consents, patient, permit(clinic), now)
    consents.revoke(hospital, ALL, {"from": people.patient})
    assert refused(withheld) is PASSED


# ---- C16: what a revocation of one place leaves alone ----------------------------------------------------------------


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("revoked", [0, 3])
def test_c16_a_withheld_deny_outlives_the_direct_revocation_of_another_place(
    consents, people, hospital, now, refused, place, revoked
):
    patient = key_of(people.patient)
    withheld = sign(consents, patient, permit(hospital, index=place, effect=DENY), now)
    at(now + 5)
    tx = consents.revoke(hospital, revoked, {"from": people.patient})
    # At the place itself the revocation is the later word.
    dead = error("Superseded", patient.address, hospital, place, tx.timestamp)
    assert refused(withheld) == (dead if place == revoked else PASSED)


@pytest.mark.parametrize("grantee", [None, NOBODY], ids=["all of a grantee's", "everything"])
def test_c16_a_withheld_deny_dies_with_a_wide_revocation(consents, people, hospital, now, refused, grantee):
    patient = key_of(people.patient)
    withheld = sign(consents, patient, permit(hospital, effect=DENY), now)
    at(now + 5)
    tx = consents.revoke(grantee or hospital, ALL, {"from": people.patient})
    assert refused(withheld) == error("Superseded", patient.address, hospital, 0, tx.timestamp)


def test_c16_both_bars_stand_beside_each_other(consents, people, hospital, now, relay, refused):
    """All of it is revoked, then one place directly: each keeps its own second, also when the first is raised late."""
    patient = key_of(people.patient)
    whole = consents.revoke(hospital, ALL, {"from": people.patient}).timestamp
    at(whole + 100)
    single = consents.revoke(hospital, 0, {"from": people.patient}).timestamp
    assert tuple(consents.refusedUntil(people.patient, hospital)) == (single, whole)
    relay(sign(consents, patient, revocation(hospital), whole + 50))
    assert tuple(consents.refusedUntil(people.patient, hospital)) == (single, whole + 50)
    for effect, issued, passes in (
        (DENY, whole + 49, False),
        (DENY, whole + 50, True),
        (1, single, False),
        (1, single + 1, True),
    ):
        at(single + 10)
        message = refused(sign(consents, patient, permit(hospital, index=1, effect=effect), issued))
        assert (message is PASSED) is passes, (effect, issued)
    consents.revoke(hospital, ALL, {"from": people.patient})
    assert len(set(consents.refusedUntil(people.patient, hospital))) == 1


# ---- nothing stops a revocation --------------------------------------------------------------------------------------


def test_a_suspended_institution_can_be_revoked(consented, institutions, regulator, patient, hospital):
    institutions.suspend(hospital, {"from": regulator})
    consented.revoke(hospital, ALL, {"from": patient})
    assert statuses(consented, patient, hospital) == [WITHDRAWN] * 4


def test_TC12_revoking_costs_the_same_however_much_was_granted(consents, patient, hospital, clinic):
    consents.grant(*granting(permit(clinic)), {"from": patient})
    at(consents.revoke(NOBODY, ALL, {"from": patient}).timestamp + 10)
    few = consents.revoke(NOBODY, ALL, {"from": patient})
    at(few.timestamp + 10)
    for grantee in range(1, 41):
        consents.grant(*granting(permit(role(1 << 40 | grantee), categories=OBSERVATION)), {"from": patient})
    at(few.timestamp + 100)
    assert consents.revoke(NOBODY, ALL, {"from": patient}).gas_used == few.gas_used


def test_a_directive_of_nobody_was_never_there(consents, patient):
    assert record(consents, patient, NOBODY).status == NEVER
