"""A set of guardians that stands is changed after its own delay (interfaces/consent/IGuardians.sol).

given guardians who stand
    when the patient changes them                               the change waits their delay, and is told
    when it is applied too early, twice, or none waits          it is refused: NotReady, NothingPending
    when a recovery runs
        and the set is changed, or a change applied             it is refused: RecoveryPending
        when that is finished                                   what waited is dropped
        when it ends without a move                             what waited waits longer, by the time for which it ran
    when all is well                                            the version grows, and what was signed is dead
"""

import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.boundary_time import now as clock
from tests.support.consent_builders import FOR_EVER, NOBODY, key
from tests.support.errors import error
from tests.support.guardian_helpers import (
    DAY,
    DIRECT,
    FINISH_WITHIN,
    MAX_DELAY,
    MIN_DELAY,
    NO_PENDING,
    VETO,
    WITHDRAW,
    Authorization,
    PendingSet,
    guardian_set,
    pending_set,
    recovery_of,
    signature,
    signed_contact,
    signed_delegate,
    signed_set,
)


def addresses(signers):
    return [signer.address for signer in signers]


@pytest.fixture
def changing(guardians, ana, stranger):
    """Ana, or who holds her key, signs another set; the transaction."""

    def change(members, threshold, delay=MIN_DELAY, issued_at=None):
        args = signed_set(guardians, ana, members, threshold, issued_at or clock(), delay=delay)
        return guardians.setGuardians(*args, {"from": stranger})

    return change


@pytest.fixture
def apply(guardians, ana, stranger):
    """How applying what waits would be refused now."""
    return lambda: refusal(guardians.applyGuardians, ana.address, sender=stranger)


@pytest.fixture
def recover(guardians, ana, family, stranger):
    """Two guardians start a recovery; the transaction."""

    def start(successor="successor"):
        args = recovery_of(guardians, ana.address, key(successor).address, family[:2])
        return guardians.startRecovery(*args, {"from": stranger})

    return start


def end_recovery(guardians, how, patient, family, sender):
    """Without a move: by the patient, or by the guardians."""
    version = guardian_set(guardians, patient.address).version
    successor = guardians.recovery(patient.address)[0]
    values = (patient.address, successor, version, FOR_EVER)
    if how == "veto":
        signed = signature(guardians, patient, VETO, *values)
        return guardians.veto(patient.address, Authorization(clock(), FOR_EVER, signed), {"from": sender})
    signed = [signature(guardians, signer, WITHDRAW, *values) for signer in family[:2]]
    return guardians.withdrawRecovery(patient.address, FOR_EVER, addresses(family[:2]), signed, {"from": sender})


def weaker(family):
    """Every way to weaken a set, and some that seem to strengthen it."""
    members, thief = addresses(family), key("thief").address
    more = sorted([*members, thief], key=lambda account: int(account, 16))
    return {
        "nobody": ([], 0, 0),
        "a thief alone": ([thief], 1, MIN_DELAY),
        "all must agree": (members, 3, MIN_DELAY),
        "one must agree": (members, 1, MIN_DELAY),
        "one less": (members[:2], 2, MIN_DELAY),
        "one more": (more, 2, MIN_DELAY),
        "a longer delay": (members, 2, MAX_DELAY),
    }


WEAKER = ["nobody", "a thief alone", "all must agree", "one must agree", "one less", "one more", "a longer delay"]


# ---- it waits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", WEAKER)
def test_C14_a_change_of_the_set_waits_its_delay(guardians, guarded, ana, family, changing, how):
    """A thief of the patient's key cannot be rid of the guardians at once."""
    before = guardian_set(guardians, ana.address)
    members, threshold, delay = weaker(family)[how]
    tx = changing(members, threshold, delay)
    event = dict(tx.events["GuardiansProposed"])
    assert len(tx.events) == 1
    assert event == {
        "patient": ana.address,
        "guardians": tuple(members),
        "threshold": threshold,
        "delay": delay,
        "issuedAt": event["issuedAt"],
        "readyAt": tx.timestamp + MIN_DELAY,
    }
    assert guardian_set(guardians, ana.address) == before
    waiting = PendingSet(tuple(members), threshold, delay, event["issuedAt"], tx.timestamp + MIN_DELAY)
    assert pending_set(guardians, ana.address) == waiting


@pytest.mark.parametrize("delay", [MIN_DELAY, MIN_DELAY + 5 * DAY, MAX_DELAY])
@pytest.mark.parametrize("late", [-1, 0])
def test_C14_it_waits_the_delay_of_the_set_that_stands(ana, family, changing, apply, delay, late):
    changing(addresses(family), 2, delay, issued_at=clock() - 1)
    ready = changing([], 0, 0).timestamp + delay
    at(ready + late)
    assert apply() == (error("NotReady", ana.address, ready) if late == -1 else PASSED)


@pytest.mark.parametrize("how", WEAKER)
def test_C14_anyone_makes_the_change_that_waited(guardians, guarded, ana, family, changing, apply, stranger, how):
    members, threshold, delay = weaker(family)[how]
    tx = changing(members, threshold, delay)
    issued_at = tx.events["GuardiansProposed"]["issuedAt"]
    at(tx.timestamp + MIN_DELAY)
    applied = guardians.applyGuardians(ana.address, {"from": stranger})
    assert [event.name for event in applied.events] == ["GuardiansSet"]
    assert tuple(guardian_set(guardians, ana.address)) == (tuple(members), threshold, delay, 2, issued_at)
    assert pending_set(guardians, ana.address) == NO_PENDING
    assert apply() == error("NothingPending", ana.address)


def test_C14_nothing_waits_where_nobody_stood(guardians, ana, guarded, apply):
    """The first set stands at once, and so does the next after there were none."""
    assert [event.name for event in guarded.events] == ["GuardiansSet"]
    assert pending_set(guardians, ana.address) == NO_PENDING
    assert apply() == error("NothingPending", ana.address)


def test_C14_who_removed_them_all_names_new_ones_at_once(guardians, guarded, ana, family, changing, stranger):
    at(changing([], 0, 0).timestamp + MIN_DELAY)
    guardians.applyGuardians(ana.address, {"from": stranger})
    tx = changing(addresses(family), 3)
    assert [event.name for event in tx.events] == ["GuardiansSet"]


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_C14_the_later_change_waits(guardians, guarded, ana, family, stranger, changing, later):
    """In the order of issue, and its wait begins anew."""
    first = changing([], 0, 0)
    issued_at = pending_set(guardians, ana.address).issued_at
    at(first.timestamp + DAY)
    args = signed_set(guardians, ana, addresses(family), 2, issued_at + later)
    message = refusal(guardians.setGuardians, *args, sender=stranger)
    assert message == (PASSED if later == 1 else error("Superseded", ana.address, issued_at))
    if later == 1:
        second = guardians.setGuardians(*args, {"from": stranger})
        waiting = pending_set(guardians, ana.address)
        assert (waiting.guardians, waiting.ready_at) == (tuple(addresses(family)), second.timestamp + MIN_DELAY)


def test_C14_a_patient_takes_a_thiefs_change_back(guardians, guarded, ana, family, changing, apply, stranger):
    """By proposing the set that stands."""
    changing([], 0, 0)
    at(clock() + DAY)
    again = changing(addresses(family), 2)
    at(again.timestamp + MIN_DELAY)
    guardians.applyGuardians(ana.address, {"from": stranger})
    assert guardian_set(guardians, ana.address)[:3] == (tuple(addresses(family)), 2, MIN_DELAY)


# ---- it freezes ------------------------------------------------------------------------------------------------------


def test_C14_a_recovery_freezes_the_set(guardians, recovering, ana, family, stranger, changing, apply):
    """Removing the guardians does not end their recovery."""
    before = guardian_set(guardians, ana.address)
    for members, threshold, delay in weaker(family).values():
        args = signed_set(guardians, ana, members, threshold, clock(), delay=delay)
        message = refusal(guardians.setGuardians, *args, sender=stranger)
        assert message == error("RecoveryPending", ana.address, key("successor").address)
    at(recovering)
    guardians.finishRecovery(ana.address, {"from": stranger})
    assert guardians.controllerOf(ana.address) == key("successor").address
    assert guardian_set(guardians, ana.address)[:3] == before[:3]


def test_C14_what_waits_is_not_applied_while_a_recovery_runs(
    guardians, guarded, ana, family, changing, recover, apply, stranger
):
    """The thief came first; the guardians are in time. What he proposed is dropped with the move."""
    ready = changing([], 0, 0).timestamp + MIN_DELAY
    at(ready - 1)
    started = recover()
    for second in (ready + 1, started.timestamp + MIN_DELAY):
        at(second)
        assert apply() == error("RecoveryPending", ana.address, key("successor").address)
    guardians.finishRecovery(ana.address, {"from": stranger})
    assert pending_set(guardians, ana.address) == NO_PENDING
    assert apply() == error("NothingPending", ana.address)
    assert guardian_set(guardians, ana.address)[:2] == (tuple(addresses(family)), 2)


@pytest.mark.parametrize("how", ["veto", "withdraw"])
@pytest.mark.parametrize("late", [-1, 0])
def test_C14_the_time_of_a_recovery_does_not_count(
    guardians, guarded, ana, family, changing, recover, apply, stranger, how, late
):
    """Neither do guardians stop a patient for ever, nor does a thief wait while they move her."""
    ready = changing([], 0, 0).timestamp + MIN_DELAY
    at(ready - DAY)
    started = recover().timestamp
    at(started + 5 * DAY)
    ended = end_recovery(guardians, how, ana, family, stranger)
    ready += ended.timestamp - started
    assert ended.events["GuardiansDeferred"]["readyAt"] == ready
    assert pending_set(guardians, ana.address).ready_at == ready
    at(ready + late)
    assert apply() == (error("NotReady", ana.address, ready) if late == -1 else PASSED)


def test_C14_nor_does_that_of_one_that_lapsed(guardians, guarded, ana, changing, recover, apply, stranger):
    """It ran until it lapsed, whenever that is noticed."""
    ready = changing([], 0, 0).timestamp + MIN_DELAY
    at(ready - DAY)
    started = recover().timestamp
    ready += MIN_DELAY + FINISH_WITHIN
    at(started + MIN_DELAY + FINISH_WITHIN)
    assert apply() == error("NotReady", ana.address, ready)
    at(ready)
    tx = guardians.applyGuardians(ana.address, {"from": stranger})
    assert [event.name for event in tx.events] == ["GuardiansDeferred", "RecoveryLapsed", "GuardiansSet"]
    assert tx.events["GuardiansDeferred"]["readyAt"] == ready


@pytest.mark.parametrize("how", ["veto", "withdraw"])
def test_C14_where_nothing_waits_nothing_is_deferred(guardians, recovering, ana, family, stranger, how):
    ended = end_recovery(guardians, how, ana, family, stranger)
    assert "GuardiansDeferred" not in ended.events


def test_C14_a_stolen_key_hour_by_hour(guardians, guarded, ana, family, changing, recover, apply, stranger):
    """The thief strikes at once; the guardians hear of it a day later. Who is awake keeps what stands."""
    ready = changing([], 0, 0).timestamp + MIN_DELAY
    at(ready - DAY)
    recover()
    for _ in range(3):
        at(clock() + DAY // 2)
        ended = end_recovery(guardians, "veto", ana, family, stranger)
        recover()
        assert pending_set(guardians, ana.address).ready_at > ended.timestamp
        assert apply() == error("RecoveryPending", ana.address, key("successor").address)
    at(clock() + MIN_DELAY)
    guardians.finishRecovery(ana.address, {"from": stranger})
    assert guardians.controllerOf(ana.address) == key("successor").address
    members = signed_set(guardians, ana, [], 0, clock(), delay=0)
    assert refusal(guardians.setGuardians, *members, sender=stranger) == error(
        "InvalidSignature", key("successor").address
    )


# ---- emergency contact -----------------------------------------------------------------------------------------------


def test_C8_a_contact_is_kept_told_and_removed(guardians, ana, carer, stranger, now):
    assert guardians.contactOf(ana.address) == NOBODY
    for contact, second in ((carer.address, now - 1), (stranger.address, now), (NOBODY, now)):
        tx = guardians.setEmergencyContact(*signed_contact(guardians, ana, contact, second), {"from": stranger})
        assert [event.name for event in tx.events] == ["EmergencyContactSet"]
        assert dict(tx.events["EmergencyContactSet"]) == {
            "patient": ana.address,
            "contact": contact,
            "issuedAt": second,
        }
        assert guardians.contactOf(ana.address) == contact


def test_C8_a_contact_is_the_patients_word(guardians, ana, carer, people, now):
    def message(*args):
        return refusal(guardians.setEmergencyContact, *args, sender=people.stranger)

    assert message(*signed_contact(guardians, ana, ana.address, now)) == error("InvalidContact", ana.address)
    patient, _, authorization = signed_contact(guardians, ana, carer.address, now)
    assert message(patient, people.stranger, authorization) == error("InvalidSignature", ana.address)
    assert message(patient, carer.address, DIRECT) == error("InvalidSignature", ana.address)
    args = signed_contact(guardians, carer, carer.address, now, patient=ana.address)
    assert message(*args) == error("InvalidSignature", ana.address)
    args = (people.patient, carer.address, DIRECT)
    assert refusal(guardians.setEmergencyContact, *args, sender=people.patient) is PASSED


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC1_the_later_contact_stands(guardians, ana, carer, stranger, now, later):
    """At the same second a removal does, once."""
    first = signed_contact(guardians, ana, carer.address, now - 1)
    guardians.setEmergencyContact(*first, {"from": stranger})
    superseded = error("Superseded", ana.address, now - 1)
    other = signed_contact(guardians, ana, stranger.address, now - 1 + later)
    message = refusal(guardians.setEmergencyContact, *other, sender=stranger)
    assert message == (PASSED if later == 1 else superseded)
    removal = signed_contact(guardians, ana, NOBODY, now - 1 + later)
    message = refusal(guardians.setEmergencyContact, *removal, sender=stranger)
    assert message == (superseded if later == -1 else PASSED)
    if later == 0:
        guardians.setEmergencyContact(*removal, {"from": stranger})
        for replay in (first, removal):
            assert refusal(guardians.setEmergencyContact, *replay, sender=stranger) == superseded


# ---- mandates --------------------------------------------------------------------------------------------------------


def test_C12_the_end_of_a_mandate_can_be_asked(guardians, ana, carer, stranger, now):
    """Of a minor's guardian it is the day of majority: what was granted until then is asked again."""
    assert tuple(guardians.mandate(ana.address, carer.address))[2:] == (0, 0)
    args = signed_delegate(guardians, ana, carer.address, now - 9, until=now + 5 * DAY)
    guardians.setDelegate(*args, {"from": stranger})
    assert tuple(guardians.mandate(ana.address, carer.address))[2:] == (now - 9, now + 5 * DAY)
    assert tuple(guardians.mandate(carer.address, ana.address))[2:] == (0, 0)


def test_C12_a_mandate_that_ended_still_says_when(guardians, ana, carer, stranger, now):
    args = signed_delegate(guardians, ana, carer.address, now, until=now + DAY)
    guardians.setDelegate(*args, {"from": stranger})
    at(now + 400 * DAY)
    assert not guardians.mayAct(ana.address, carer.address, args[2], args[3])
    assert tuple(guardians.mandate(ana.address, carer.address))[2:] == (now, now + DAY)


def test_C12_a_mandate_that_was_taken_back_is_none(guardians, ana, carer, stranger, now):
    for second, until in ((now - 1, FOR_EVER), (now, 0)):
        args = signed_delegate(guardians, ana, carer.address, second, until=until)
        guardians.setDelegate(*args, {"from": stranger})
    assert tuple(guardians.mandate(ana.address, carer.address))[3] == 0
