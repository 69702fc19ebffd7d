"""Institutions record each use (interfaces/consent/IAccessLog.sol); emergencies are in test_break_glass.py, uses that
are recorded late in test_late_uses.py.

given an institution that records uses
    when it is not licensed                                     it is refused: NotLicensed
    when one names no purpose or no record class                all are refused: InvalidAccess
    when the patient does not permit one of them
        and the batch is strict                                 all are refused: AccessRefused, with the reason of
            decide
        and the batch is tolerant                               it is skipped with that reason, the others are recorded
    when all are permitted                                      each is told in one event
"""

import pytest
from brownie import accounts

from tests.conftest import PROVIDER
from tests.support.access_builders import (
    NO_CONSENT,
    NO_EMERGENCY,
    NO_SECOND,
    RECORD,
    UNKNOWN_EMERGENCY,
    use,
)
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.consent_builders import (
    ALL,
    FOR_EVER,
    HIV,
    HPAYMT,
    HRESCH,
    KNOWN_CATEGORIES,
    NAMED,
    NO_DIRECTIVE,
    NOT_LICENSED,
    OBSERVATION,
    REVOKED,
    ROLE,
    STRICT,
    TOLERANT,
    TREAT,
    WRONG_CATEGORY,
    WRONG_PURPOSE,
    decide,
    deny,
    granting,
    permit,
    role,
)
from tests.support.errors import error


@pytest.fixture
def nurse(institutions, people):
    """Somebody who works at the hospital."""
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.hospital})
    return accounts[20]


@pytest.fixture
def recording(access_log, people):
    """How uses would be refused now, recorded by the hospital or by whoever is named."""
    return lambda *uses, by=None: refusal(access_log.record, list(uses), STRICT, sender=by or people.hospital)


# ---- use -------------------------------------------------------------------------------------------------------------


def test_TC10_only_the_licensed_record(access_log, institutions, people, nurse, recording, consents):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    every = 2**32 - 1
    unknown = institutions.standing(people.stranger)[2]
    assert recording(use(people.patient), by=people.stranger) == error("NotLicensed", people.stranger, every, unknown)
    institutions.suspend(people.hospital, {"from": people.regulator})
    for account in (people.hospital, nurse):
        suspended = institutions.standing(account)[2]
        assert suspended != unknown
        assert recording(use(people.patient), by=account) == error("NotLicensed", account, every, suspended)
    institutions.reinstate(people.hospital, {"from": people.regulator})
    assert recording(use(people.patient), by=nurse) is PASSED


def test_a_use_without_a_permit_is_refused_with_the_reason_of_the_decision(consents, people, recording):
    patient, hospital = people.patient, people.hospital

    def refused(reason):
        return error("AccessRefused", patient, hospital, NO_CONSENT, reason)

    assert recording(use(patient)) == refused(NO_DIRECTIVE)
    consents.grant(*granting(permit(hospital)), {"from": patient})
    assert recording(use(patient, HPAYMT)) == refused(WRONG_PURPOSE)
    assert recording(use(patient, TREAT | HRESCH)) == refused(WRONG_PURPOSE)
    assert recording(use(patient, categories=OBSERVATION | HIV)) == refused(WRONG_CATEGORY)
    assert recording(use(people.clinic)) == refused(NO_DIRECTIVE).replace(
        patient.address.lower(), people.clinic.address.lower()
    )
    consents.grant(*granting(deny(hospital, index=1, categories=OBSERVATION)), {"from": patient})
    assert recording(use(patient)) == refused(NAMED)
    at(now() + 1)
    consents.revoke(hospital, ALL, {"from": patient})
    assert recording(use(patient)) == refused(REVOKED)
    consents.grant(*granting(deny(role(PROVIDER))), {"from": patient})
    assert recording(use(patient)) == refused(ROLE)


def test_a_use_is_told_in_one_event(access_log, consents, people, nurse):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    tx = access_log.record([use(people.patient)], STRICT, {"from": nurse})
    assert len(tx.events) == 1
    assert dict(tx.events["AccessRecorded"]) == {
        "patient": people.patient,
        "institution": people.hospital,
        "actor": nurse,
        "purpose": TREAT,
        "categories": OBSERVATION,
        "record": "0x" + RECORD.hex(),
        "emergency": NO_EMERGENCY,
    }


def test_uses_of_several_patients_in_one_go(access_log, consents, people):
    for patient in (people.patient, people.stranger):
        consents.grant(*granting(permit(people.hospital)), {"from": patient})
    records = [bytes([i]) * 32 for i in range(20)]
    uses = [use((people.patient, people.stranger)[i % 2], record=record) for i, record in enumerate(records)]
    tx = access_log.record(uses, STRICT, {"from": people.hospital})
    assert [bytes(event["record"]) for event in tx.events["AccessRecorded"]] == records


@pytest.mark.parametrize("bad", range(3))
def test_one_use_without_a_permit_stops_all(consents, people, recording, bad):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    uses = [use(people.patient) for _ in range(3)]
    uses[bad] = use(people.patient, HRESCH)
    assert recording(*uses) == error("AccessRefused", people.patient, people.hospital, NO_CONSENT, WRONG_PURPOSE)


def test_no_uses_are_no_trouble(access_log, hospital):
    assert len(access_log.record([], STRICT, {"from": hospital}).events) == 0


def test_a_use_after_the_revocation_is_refused(access_log, consents, people, recording):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    access_log.record([use(people.patient)], STRICT, {"from": people.hospital})
    consents.revoke(people.hospital, 0, {"from": people.patient})
    assert recording(use(people.patient)) == error(
        "AccessRefused", people.patient, people.hospital, NO_CONSENT, REVOKED
    )


def test_may_access_says_what_recording_does(access_log, consents, people):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    assert tuple(access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)) == (
        True,
        NAMED,
        0,
    )
    refused = (False, WRONG_PURPOSE, 0)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, HPAYMT, OBSERVATION)) == refused
    refused = (False, NOT_LICENSED, 0)
    assert tuple(access_log.mayAccess(people.patient, people.stranger, TREAT, OBSERVATION)) == refused
    assert decide(consents, people.patient, people.hospital).answer == 1


def test_C3_a_use_that_names_no_record_class_is_none(access_log, consents, people, recording):
    """Nor is one without a purpose: not recorded, not skipped, however wide the permit is."""
    consents.grant(*granting(permit(people.hospital, categories=KNOWN_CATEGORIES)), {"from": people.patient})
    assert recording(use(people.patient, categories=OBSERVATION | HIV)) is PASSED
    for strictness in (STRICT, TOLERANT):
        for bad, field in (
            (use(people.patient, categories=0), "categories"),
            (use(people.patient, categories=HIV), "categories"),
            (use(people.patient, categories=1 << 55), "categories"),
            (use(people.patient, purpose=0), "purpose"),
        ):
            uses = [use(people.patient), bad]
            message = refusal(access_log.record, uses, strictness, sender=people.hospital)
            assert message == error("InvalidAccess", 1, field)


def test_C3_may_access_says_no_where_no_record_class_is_named(access_log, consents, people):
    consents.grant(*granting(permit(people.hospital, categories=KNOWN_CATEGORIES)), {"from": people.patient})
    for request in ((TREAT, HIV), (TREAT, 0), (0, OBSERVATION)):
        assert access_log.mayAccess(people.patient, people.hospital, *request)[0] is False
    assert access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION | HIV)[0] is True


def test_C3_a_label_without_its_class_does_not_open_an_emergency(access_log, people):
    args = (people.patient, 1, HIV, 600, NO_SECOND)
    message = refusal(access_log.declareEmergency, *args, sender=people.hospital)
    assert message == error("InvalidEmergency", "categories")


# ---- tolerant --------------------------------------------------------------------------------------------------------


def skipped(people, patient, position, reason, refusal_=NO_CONSENT):
    return {
        "patient": patient,
        "institution": people.hospital,
        "position": position,
        "record": "0x" + RECORD.hex(),
        "refusal": refusal_,
        "reason": reason,
    }


@pytest.mark.parametrize("bad", range(4))
def test_C6_one_revoked_patient_does_not_refuse_a_whole_batch(access_log, consents, people, bad):
    for patient in (people.patient, people.stranger):
        consents.grant(*granting(permit(people.hospital)), {"from": patient})
    consents.revoke(people.hospital, 0, {"from": people.stranger})
    uses = [use(people.patient) for _ in range(4)]
    uses[bad] = use(people.stranger)
    tx = access_log.record(uses, TOLERANT, {"from": people.hospital})
    assert [event["patient"] for event in tx.events["AccessRecorded"]] == [people.patient] * 3
    assert [dict(event) for event in tx.events["AccessSkipped"]] == [skipped(people, people.stranger, bad, REVOKED)]


def test_C6_each_skipped_use_says_why_and_where_it_stood(access_log, consents, people):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    uses = [
        use(people.patient, HRESCH),
        use(people.patient),
        use(people.clinic),
        use(people.patient, categories=OBSERVATION | HIV),
        use(people.patient, emergency=7),
    ]
    tx = access_log.record(uses, TOLERANT, {"from": people.hospital})
    assert [event.name for event in tx.events] == ["AccessSkipped", "AccessRecorded", *["AccessSkipped"] * 3]
    assert [dict(event) for event in tx.events["AccessSkipped"]] == [
        skipped(people, people.patient, 0, WRONG_PURPOSE),
        skipped(people, people.clinic, 2, NO_DIRECTIVE),
        skipped(people, people.patient, 3, WRONG_CATEGORY),
        skipped(people, people.patient, 4, NO_DIRECTIVE, UNKNOWN_EMERGENCY),
    ]


def test_C6_a_batch_of_which_nothing_is_left_is_no_revert(access_log, people):
    tx = access_log.record([use(people.patient)] * 3, TOLERANT, {"from": people.hospital})
    assert [event["position"] for event in tx.events["AccessSkipped"]] == [0, 1, 2]
    assert "AccessRecorded" not in tx.events


def test_C6_who_is_not_licensed_records_nothing_however_tolerant(access_log, institutions, people):
    unknown = institutions.standing(people.stranger)[2]
    for uses in ([], [use(people.patient)]):
        message = refusal(access_log.record, uses, TOLERANT, sender=people.stranger)
        assert message == error("NotLicensed", people.stranger, 2**32 - 1, unknown)
