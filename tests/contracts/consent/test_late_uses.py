"""Uses that are recorded after they happened (interfaces/consent/IAccessLog.sol).

given a use with the time at which it happened
    when that lies in the future                                it is refused: UsedInFuture
    when it is more than a day ago                              it is recorded, not provable
    when nothing that may have answered was changed since
        and it was permitted then                               it is recorded, provable
        and it was not                                          it is refused: Consent, or EmergenciesDenied
    when something was                                          it is recorded, not provable
given one that names a declaration
    when that had not begun, had ended or was found unjustified it is refused: NotRunning, FoundUnjustified
    when a verdict came after it                                it is recorded
"""

import pytest
from brownie import accounts

from tests.conftest import PHARMACY, PROVIDER
from tests.support.access_builders import (
    DAY,
    EMERGENCIES_DENIED,
    FOUND_UNJUSTIFIED,
    HOUR,
    LIFE,
    NO_CONSENT,
    NO_EMERGENCY,
    NO_SECOND,
    NOT_PROVABLE,
    NOT_RUNNING,
    PROVABLE,
    RECORD,
    UNJUSTIFIED,
    USED_IN_FUTURE,
    use,
)
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import (
    ALL,
    CONDITION,
    ETREAT,
    EXPIRED,
    FOR_EVER,
    HRESCH,
    NAMED,
    NO_DIRECTIVE,
    NOBODY,
    NOT_YET,
    OBSERVATION,
    REVOKED,
    ROLE,
    STRICT,
    TOLERANT,
    TREAT,
    WRONG_PURPOSE,
    deny,
    granting,
    permit,
    role,
)
from tests.support.errors import error


@pytest.fixture
def late(access_log, people):
    """What becomes of a use of the hospital's that is recorded now: its lateness, or how it is refused."""

    def recorded(used_at, **terms):
        one = use(people.patient, used_at=used_at, **terms)
        message = refusal(access_log.record, [one], STRICT, sender=people.hospital)
        if message is not PASSED:
            return message
        tx = access_log.record([one], STRICT, {"from": people.hospital})
        assert [event.name for event in tx.events] == ["LateAccessRecorded"]
        return tx.events["LateAccessRecorded"]["lateness"]

    return recorded


@pytest.fixture
def granted(consents, people):
    """Consents of the patient, given directly; the second of each."""
    return lambda directive: consents.grant(*granting(directive), {"from": people.patient}).timestamp


def refused(people, refusal_, reason=NO_DIRECTIVE):
    return error("AccessRefused", people.patient, people.hospital, refusal_, reason)


# ---- the event -------------------------------------------------------------------------------------------------------


def test_C20_a_late_use_is_told_as_late(access_log, people, granted):
    """It is no `AccessRecorded`: who counts those counts what was permitted when it was recorded."""
    since = granted(permit(people.hospital))
    at(since + 2 * HOUR)
    one = use(people.patient, used_at=since + HOUR)
    tx = access_log.record([one], TOLERANT, {"from": people.hospital})
    assert [event.name for event in tx.events] == ["LateAccessRecorded"]
    assert dict(tx.events["LateAccessRecorded"]) == {
        "patient": people.patient,
        "institution": people.hospital,
        "actor": people.hospital,
        "purpose": TREAT,
        "categories": OBSERVATION,
        "record": "0x" + RECORD.hex(),
        "emergency": NO_EMERGENCY,
        "usedAt": since + HOUR,
        "lateness": PROVABLE,
    }


@pytest.mark.parametrize("early", [-1, 0, 1])
def test_TC8_C20_a_use_does_not_lie_in_the_future(people, granted, late, early):
    since = granted(permit(people.hospital))
    at(since + HOUR)
    message = late(since + HOUR + early)
    # A transaction's block comes a second later at least; what is asked before it sees the latest one.
    assert message == (refused(people, USED_IN_FUTURE) if early == 1 else PROVABLE)


def test_C20_a_tolerant_batch_takes_late_and_new_ones_together(access_log, people, granted):
    since = granted(permit(people.hospital))
    at(since + HOUR)
    uses = [use(people.patient), use(people.patient, used_at=since), use(people.patient, used_at=since + DAY)]
    tx = access_log.record(uses, TOLERANT, {"from": people.hospital})
    assert [event.name for event in tx.events] == ["AccessRecorded", "LateAccessRecorded", "AccessSkipped"]
    assert tx.events["AccessSkipped"]["refusal"] == USED_IN_FUTURE


# ---- judged as of then -----------------------------------------------------------------------------------------------


def test_C20_a_lawful_use_is_recorded_after_the_consents_end(people, now, granted, late):
    """An outage leaves neither a gap nor a lie."""
    granted(permit(people.hospital, end=now + HOUR))
    at(now + 3 * HOUR)
    assert late(0) == refused(people, NO_CONSENT, EXPIRED)
    assert late(now + HOUR - 1) == PROVABLE
    assert late(now + HOUR) == refused(people, NO_CONSENT, EXPIRED)


def test_C20_what_had_not_begun_did_not_permit(people, now, granted, late):
    granted(permit(people.hospital, start=now + HOUR))
    at(now + 3 * HOUR)
    assert late(now + HOUR) == PROVABLE
    assert late(now + HOUR - 1) == refused(people, NO_CONSENT, NOT_YET)


def test_C20_what_a_consent_did_not_cover_it_did_not_cover_then(people, granted, late):
    since = granted(permit(people.hospital))
    at(since + HOUR)
    assert late(since, purpose=HRESCH) == refused(people, NO_CONSENT, WRONG_PURPOSE)
    assert late(since, purpose=TREAT | HRESCH) == refused(people, NO_CONSENT, WRONG_PURPOSE)
    assert late(since) == PROVABLE


def test_C20_who_never_said_anything_permitted_nothing(people, now, late):
    at(now + HOUR)
    assert late(now) == refused(people, NO_CONSENT, NO_DIRECTIVE)


@pytest.mark.parametrize("whole", [True, False], ids=["everything", "the house's"])
def test_C20_what_was_revoked_since_is_not_provable(consents, people, granted, late, whole):
    """The registry keeps one word a place: what a revoked one permitted, it no longer says."""
    since = granted(permit(people.hospital))
    at(since + HOUR)
    consents.revoke(*((NOBODY, ALL) if whole else (people.hospital, ALL)), {"from": people.patient})
    assert late(0) == refused(people, NO_CONSENT, REVOKED)
    assert late(since + 1) == NOT_PROVABLE


def test_C20_what_was_revoked_before_permitted_nothing(consents, people, granted, late):
    since = granted(permit(people.hospital))
    at(since + HOUR)
    consents.revoke(people.hospital, 0, {"from": people.patient})
    at(since + 2 * HOUR)
    assert late(since + HOUR + 60) == refused(people, NO_CONSENT, REVOKED)


@pytest.mark.parametrize("index", [0, 1])
def test_C20_what_was_written_since_is_not_provable(people, granted, late, index):
    """Over the permit, or beside it, where a deny may have stood."""
    since = granted(permit(people.hospital))
    at(since + HOUR)
    granted(permit(people.hospital, index=index))
    assert late(since + 1) == NOT_PROVABLE


def test_C20_a_deny_of_the_house_that_still_stands_denied_then(people, granted, late):
    """Whatever else was written since."""
    since = granted(permit(people.hospital))
    granted(deny(people.hospital, index=1))
    at(since + HOUR)
    granted(permit(people.hospital, index=2))
    assert late(since + 60) == refused(people, NO_CONSENT, NAMED)


def test_C20_a_role_permits_and_denies_as_of_then(institutions, people, granted, late):
    since = granted(permit(role(PROVIDER)))
    at(since + HOUR)
    assert late(since) == PROVABLE
    # For a role that its house has not, a word changes nothing.
    granted(deny(role(PHARMACY)))
    assert late(since) == PROVABLE
    institutions.renew(people.hospital, PROVIDER | PHARMACY, FOR_EVER, {"from": people.regulator})
    assert late(since) == NOT_PROVABLE
    at(since + 2 * HOUR)
    assert late(since + HOUR + 60) == refused(people, NO_CONSENT, ROLE)


def test_C20_a_permit_for_a_role_serves_those_who_have_it(access_log, institutions, people, granted):
    institutions.renew(people.hospital, PROVIDER | PHARMACY, FOR_EVER, {"from": people.regulator})
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.hospital})
    since = granted(permit(role(PHARMACY)))
    at(since + HOUR)
    uses = [use(people.patient, used_at=since)]
    tx = access_log.record(uses, STRICT, {"from": people.hospital})
    assert tx.events["LateAccessRecorded"]["lateness"] == PROVABLE
    message = refusal(access_log.record, uses, STRICT, sender=accounts[20])
    assert message == refused(people, NO_CONSENT, NO_DIRECTIVE)


def test_C20_a_wider_deny_that_was_issued_later_denied(people, granted, late):
    since = granted(permit(people.hospital))
    at(since + 60)
    granted(deny(role(PROVIDER)))
    at(since + HOUR)
    assert late(since + HOUR).startswith(f"AccessRefused: {people.patient.address.lower()}, ")


def test_C20_a_narrower_permit_that_was_issued_later_permitted(people, granted, late):
    since = granted(deny(role(PROVIDER)))
    at(since + 1)
    granted(permit(people.hospital))
    at(since + HOUR)
    assert late(since + HOUR) == PROVABLE


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC8_C20_after_a_day_nothing_is_provable(access_log, people, granted, later):
    since = granted(permit(people.hospital))
    at(since + 1000 + DAY + later)
    assert access_log.PROVABLE_FOR() == DAY
    one = use(people.patient, used_at=since + 1000)
    tx = access_log.record([one], STRICT, {"from": people.hospital})
    late_by = tx.timestamp - one.used_at
    assert tx.events["LateAccessRecorded"]["lateness"] == (NOT_PROVABLE if late_by > DAY else PROVABLE)


def test_C20_after_a_day_a_use_is_heard_all_the_same(people, now, late):
    """Evidence is always heard; a reviewer judges it."""
    at(now + 3 * DAY)
    assert late(now) == NOT_PROVABLE
    assert late(1) == NOT_PROVABLE


def test_C20_a_policy_that_speaks_now_spoke_then(salus_project, institutions, guardians, manager, people, now):
    registry = salus_project.ConsentRegistry.deploy(institutions, guardians, 2, {"from": people.deployer})
    log = salus_project.AccessLog.deploy(manager, institutions, guardians, registry, {"from": people.deployer})
    at(now + HOUR)
    tx = log.record([use(people.patient, used_at=now)], STRICT, {"from": people.hospital})
    assert tx.events["LateAccessRecorded"]["lateness"] == PROVABLE


# ---- with a declaration ----------------------------------------------------------------------------------------------


@pytest.fixture
def broken(access_log, people):
    """The glass is broken by the hospital for an hour; the event."""
    args = (people.patient, LIFE, OBSERVATION | CONDITION, HOUR, NO_SECOND)
    return access_log.declareEmergency(*args, {"from": people.hospital}).events["EmergencyDeclared"]


def test_C20_a_use_in_an_emergency_is_recorded_after_its_end(people, broken, late):
    at(broken["until"] + HOUR)
    began = broken["until"] - HOUR
    assert late(0, emergency=1) == refused(people, NOT_RUNNING)
    for second, expected in (
        (began - 1, refused(people, NOT_RUNNING)),
        (began, PROVABLE),
        (broken["until"] - 1, PROVABLE),
        (broken["until"], refused(people, NOT_RUNNING)),
    ):
        assert late(second, emergency=1) == expected, second


def test_C20_a_verdict_closes_from_its_second_on(access_log, people, regulator, broken, late):
    """What was used before it was used in good faith, and is told."""
    at(broken["until"] - 1800)
    verdict = access_log.review(broken["emergency"], UNJUSTIFIED, {"from": regulator}).timestamp
    at(verdict + 60)
    assert late(verdict - 1, emergency=1) == PROVABLE
    for second in (verdict, verdict + 1):
        assert late(second, emergency=1) == refused(people, FOUND_UNJUSTIFIED)


def test_C20_a_deny_of_emergencies_holds_from_its_second_on(people, broken, granted, late):
    at(broken["until"] - 1800)
    denied = granted(deny(people.hospital, purposes=ETREAT, categories=CONDITION))
    at(denied + 60)
    assert late(denied + 1, emergency=1) == PROVABLE
    assert late(denied + 1, emergency=1, categories=CONDITION) == refused(people, EMERGENCIES_DENIED, NAMED)
    # Whether another stood there before it nobody knows.
    assert late(denied - 1, emergency=1, categories=CONDITION) == NOT_PROVABLE


def test_C20_an_emergency_of_last_week_is_not_provable_and_yet_its_times_are(people, broken, late):
    at(broken["until"] + 7 * DAY)
    assert late(broken["until"] - 1, emergency=1) == NOT_PROVABLE
    assert late(broken["until"], emergency=1) == refused(people, NOT_RUNNING)
