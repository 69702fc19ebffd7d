"""Institutions record each use (interfaces/consent/IAccessLog.sol); emergencies are in test_break_glass.py.

given an institution that records uses
    when it is not licensed                                     it is refused: NotLicensed
    when the patient permits one of them not                    all are refused: AccessRefused, with the reason of
        decide
    when all are permitted                                      each is told in one event
"""

import pytest
from brownie import accounts

from tests.conftest import PROVIDER
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.consent_builders import (
    ALL,
    FOR_EVER,
    HIV,
    HPAYMT,
    HRESCH,
    NAMED,
    NO_DIRECTIVE,
    NOT_LICENSED,
    OBSERVATION,
    REVOKED,
    ROLE,
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

NO_EMERGENCY = "0x" + "00" * 32
RECORD = b"\x5a" * 32


def use(patient, purpose=TREAT, categories=OBSERVATION, record=RECORD):
    return str(patient), purpose, categories, record


@pytest.fixture
def nurse(institutions, people):
    """Somebody who works at the hospital."""
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.hospital})
    return accounts[20]


@pytest.fixture
def recording(access_log, people):
    """How uses would be refused now, recorded by the hospital or by whoever is named."""
    return lambda *uses, by=None: refusal(access_log.record, list(uses), sender=by or people.hospital)


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
        return error("AccessRefused", patient, hospital, reason)

    assert recording(use(patient)) == refused(NO_DIRECTIVE)
    consents.grant(*granting(permit(hospital)), {"from": patient})
    assert recording(use(patient, HPAYMT)) == refused(WRONG_PURPOSE)
    assert recording(use(patient, TREAT | HRESCH)) == refused(WRONG_PURPOSE)
    assert recording(use(patient, categories=OBSERVATION | HIV)) == refused(WRONG_CATEGORY)
    assert recording(use(patient, 0)) == refused(NO_DIRECTIVE)
    assert recording(use(patient, categories=0)) == refused(NO_DIRECTIVE)
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
    tx = access_log.record([use(people.patient)], {"from": nurse})
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
    tx = access_log.record(uses, {"from": people.hospital})
    assert [bytes(event["record"]) for event in tx.events["AccessRecorded"]] == records


@pytest.mark.parametrize("bad", range(3))
def test_one_use_without_a_permit_stops_all(consents, people, recording, bad):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    uses = [use(people.patient) for _ in range(3)]
    uses[bad] = use(people.patient, HRESCH)
    assert recording(*uses) == error("AccessRefused", people.patient, people.hospital, WRONG_PURPOSE)


def test_no_uses_are_no_trouble(access_log, hospital):
    assert len(access_log.record([], {"from": hospital}).events) == 0


def test_a_use_after_the_revocation_is_refused(access_log, consents, people, recording):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    access_log.record([use(people.patient)], {"from": people.hospital})
    consents.revoke(people.hospital, 0, {"from": people.patient})
    assert recording(use(people.patient)) == error("AccessRefused", people.patient, people.hospital, REVOKED)


def test_may_access_says_what_recording_does(access_log, consents, people):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    assert tuple(access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)) == (
        True,
        NAMED,
        NO_EMERGENCY,
    )
    refused = (False, WRONG_PURPOSE, NO_EMERGENCY)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, HPAYMT, OBSERVATION)) == refused
    refused = (False, NOT_LICENSED, NO_EMERGENCY)
    assert tuple(access_log.mayAccess(people.patient, people.stranger, TREAT, OBSERVATION)) == refused
    assert decide(consents, people.patient, people.hospital).answer == 1
