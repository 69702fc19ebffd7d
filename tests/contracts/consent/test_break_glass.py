"""In an emergency a clinician breaks the glass (interfaces/consent/IAccessLog.sol).

given a clinician who breaks the glass
    when it is not licensed, or no PROVIDER                     it is refused: NotLicensed
    when cause, categories or duration are wanting              it is refused: InvalidEmergency
    when the patient denies ETREAT, or the policy is Deny       it is refused: EmergencyRefused
    when one is under way                                       it is refused: EmergencyUnderWay
    when all is well                                            it is told at once, and opens its scope for care, to the
    second
given a declaration
    when somebody else than the reviewer reviews                it is refused: AccessManagedUnauthorized
    when it is unknown, reviewed, or the outcome is Open        it is refused: UnknownEmergency, AlreadyReviewed,
        InvalidEmergency
    when all is well                                            it is closed once, and told
"""

import brownie
import pytest
from brownie import accounts
from eth_abi import encode
from eth_utils import keccak

from tests.conftest import PHARMACY, PROVIDER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import (
    CLAIM,
    CONDITION,
    ETREAT,
    EVERY_CATEGORY,
    FOR_EVER,
    HIV,
    HPAYMT,
    HRESCH,
    NO_DIRECTIVE,
    NOBODY,
    NOT_LICENSED,
    OBSERVATION,
    PSY,
    TREAT,
    WRONG_PURPOSE,
    deny,
    granting,
    permit,
    role,
)
from tests.support.errors import error

DAY, HOUR = 86_400, 3_600
NO_EMERGENCY = "0x" + "00" * 32
RECORD = b"\x5a" * 32
LIFE, UNCONSCIOUS, DANGER, PUBLIC = range(1, 5)
OPEN, JUSTIFIED, UNJUSTIFIED, REFERRED = range(4)


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


@pytest.fixture
def declaring(access_log, people):
    """How a declaration would be refused now."""

    def refused(by=None, patient=None, cause=LIFE, categories=OBSERVATION, duration=HOUR):
        args = (patient or people.patient, cause, categories, duration)
        return refusal(access_log.declareEmergency, *args, sender=by or people.hospital)

    return refused


@pytest.fixture
def broken(access_log, people):
    """The glass is broken by the hospital, for observations and conditions, for an hour; the event."""
    args = (people.patient, UNCONSCIOUS, OBSERVATION | CONDITION, HOUR)
    return access_log.declareEmergency(*args, {"from": people.hospital}).events["EmergencyDeclared"]


# ---- breaking the glass: refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trade", ["insurer", "carrier", "laboratory", "manufacturer", "logger"])
def test_TC10_only_clinicians_break_the_glass(people, declaring, trade):
    account = getattr(people, trade)
    assert declaring(by=account).startswith(f"NotLicensed: {account.address.lower()}, {PROVIDER}, ")


def test_TC10_whoever_has_no_licence_does_not(institutions, people, declaring, nurse):
    def refused(account):
        return error("NotLicensed", account, PROVIDER, institutions.standing(account)[2])

    assert declaring(by=people.stranger) == refused(people.stranger)
    assert declaring(by=nurse) is PASSED
    institutions.removeOperator(nurse, {"from": people.hospital})
    assert declaring(by=nurse) == refused(nurse)
    institutions.suspend(people.hospital, {"from": people.regulator})
    assert declaring() == refused(people.hospital)


def test_TC10_an_operator_who_is_no_clinician_does_not(institutions, people, declaring):
    counter = accounts[21]
    institutions.setOperator(counter, PHARMACY, FOR_EVER, {"from": people.clinic})
    assert declaring(by=counter).startswith("NotLicensed: ")
    assert declaring(by=people.clinic) is PASSED


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"cause": 0}, "cause"),
        ({"categories": 0}, "categories"),
        ({"duration": 0}, "duration"),
        ({"duration": DAY + 1}, "duration"),
        ({"duration": 2**40 - 1}, "duration"),
    ],
    ids=str,
)
def test_TC10_a_declaration_has_a_cause_a_scope_and_an_end(declaring, terms, field):
    assert declaring(**terms) == error("InvalidEmergency", field)


def test_TC10_a_cause_that_nobody_numbered_is_none(access_log, people):
    """The ABI's own check: no declaration at all."""
    data = access_log.declareEmergency.encode_input(people.patient, 4, OBSERVATION, HOUR)
    assert data.count("0" * 63 + "4") == 1
    with brownie.reverts(""):
        people.hospital.transfer(access_log, data=data.replace("0" * 63 + "4", "0" * 63 + "5"))


@pytest.mark.parametrize("duration", [1, DAY])
@pytest.mark.parametrize("cause", [LIFE, UNCONSCIOUS, DANGER, PUBLIC])
def test_every_cause_for_a_second_or_a_day(declaring, access_log, cause, duration):
    assert access_log.MAX_EMERGENCY() == DAY
    assert declaring(cause=cause, duration=duration, categories=EVERY_CATEGORY) is PASSED


@pytest.mark.parametrize("named", [True, False], ids=["institution", "role"])
def test_TC10_the_patients_deny_of_emergencies_is_respected(consents, people, declaring, named):
    """Where it touches what would be opened."""
    grantee = people.hospital if named else role(PROVIDER)
    consents.grant(*granting(deny(grantee, purposes=ETREAT, categories=PSY)), {"from": people.patient})
    assert declaring(categories=OBSERVATION) is PASSED
    for categories in (OBSERVATION | PSY, EVERY_CATEGORY):
        assert declaring(categories=categories) == error("EmergencyRefused", people.patient, people.hospital)


def test_a_deny_of_treatment_is_no_deny_of_emergencies(consents, people, declaring):
    consents.grant(*granting(deny(people.hospital, purposes=TREAT)), {"from": people.patient})
    assert declaring() is PASSED


def test_under_the_policy_deny_the_glass_is_not_broken(
    salus_project, deployed_contracts, people, institutions, guardians, manager
):
    for policy in range(4):
        registry = salus_project.ConsentRegistry.deploy(institutions, guardians, policy, {"from": people.deployer})
        log = salus_project.AccessLog.deploy(manager, institutions, registry, {"from": people.deployer})
        message = refusal(log.declareEmergency, people.patient, LIFE, OBSERVATION, HOUR, sender=people.hospital)
        assert message == (error("EmergencyRefused", people.patient, people.hospital) if policy == 0 else PASSED)


# ---- breaking the glass: told ----------------------------------------------------------------------------------------


def test_TC10_a_declaration_is_told_at_once_and_kept(access_log, people, nurse):
    tx = access_log.declareEmergency(people.patient, DANGER, OBSERVATION | HIV, 7 * HOUR, {"from": nurse})
    facts = ["bytes32", "address", "address", "uint40"]
    kind = keccak(text="salus.emergency")
    values = [kind, people.patient.address, people.hospital.address, tx.timestamp]
    id_ = "0x" + keccak(encode(facts, values)).hex()
    assert [event.name for event in tx.events] == ["EmergencyDeclared"]
    assert dict(tx.events["EmergencyDeclared"]) == {
        "emergency": id_,
        "patient": people.patient,
        "institution": people.hospital,
        "clinician": nurse,
        "cause": DANGER,
        "categories": OBSERVATION | HIV,
        "until": tx.timestamp + 7 * HOUR,
    }
    assert tuple(access_log.emergency(id_)) == (
        people.patient,
        people.hospital,
        nurse,
        OBSERVATION | HIV,
        tx.timestamp,
        tx.timestamp + 7 * HOUR,
        DANGER,
        OPEN,
    )


def test_nothing_is_known_of_an_id_that_nobody_declared(access_log):
    assert tuple(access_log.emergency(RECORD)) == (NOBODY, NOBODY, NOBODY, 0, 0, 0, 0, 0)


# ---- the broken glass: what it opens ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "categories", "allowed"),
    [
        (TREAT, OBSERVATION, True),
        (ETREAT, CONDITION, True),
        (TREAT | ETREAT, OBSERVATION | CONDITION, True),
        (HPAYMT, OBSERVATION, False),
        (TREAT | HPAYMT, OBSERVATION, False),
        (HRESCH, OBSERVATION, False),
        (0, OBSERVATION, False),
        (TREAT, 0, False),
        (TREAT, CLAIM, False),
        (TREAT, OBSERVATION | CLAIM, False),
        (TREAT, OBSERVATION | HIV, False),
        (TREAT, EVERY_CATEGORY, False),
    ],
)
def test_TC10_the_glass_opens_its_scope_for_care_alone(
    access_log, people, broken, recording, purpose, categories, allowed
):
    refused = error("AccessRefused", people.patient, people.hospital, NO_DIRECTIVE)
    assert recording(use(people.patient, purpose, categories)) == (PASSED if allowed else refused)
    expected = (allowed, NO_DIRECTIVE, broken["emergency"] if allowed else NO_EMERGENCY)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, purpose, categories)) == expected


def test_TC10_a_use_through_the_glass_names_the_declaration(access_log, people, broken, nurse):
    tx = access_log.record([use(people.patient)], {"from": nurse})
    event = tx.events["AccessRecorded"]
    assert (event["emergency"], event["actor"]) == (broken["emergency"], nurse)


def test_a_use_that_consent_permits_names_none(access_log, consents, people, broken):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    tx = access_log.record([use(people.patient), use(people.patient, ETREAT)], {"from": people.hospital})
    assert [event["emergency"] for event in tx.events["AccessRecorded"]] == [NO_EMERGENCY, broken["emergency"]]


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_TC10_the_glass_closes_by_itself(people, broken, recording, late):
    at(broken["until"] + late)
    refused = error("AccessRefused", people.patient, people.hospital, NO_DIRECTIVE)
    assert recording(use(people.patient)) == (PASSED if late == -1 else refused)


def test_TC10_the_glass_is_broken_for_one_house_and_one_patient(people, broken, recording):
    for account in (people.clinic, people.insurer):
        assert recording(use(people.patient), by=account) == error(
            "AccessRefused", people.patient, account, NO_DIRECTIVE
        )
    assert recording(use(people.stranger)) == error("AccessRefused", people.stranger, people.hospital, NO_DIRECTIVE)


def test_TC10_revoked_staff_gets_nothing_through_it(access_log, institutions, people, nurse, broken, recording):
    institutions.removeOperator(nurse, {"from": people.hospital})
    assert recording(use(people.patient), by=nurse).startswith("NotLicensed: ")
    assert tuple(access_log.mayAccess(people.patient, nurse, TREAT, OBSERVATION)) == (False, NOT_LICENSED, NO_EMERGENCY)
    institutions.suspend(people.hospital, {"from": people.regulator})
    assert recording(use(people.patient)).startswith("NotLicensed: ")
    refused = (False, NOT_LICENSED, NO_EMERGENCY)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)) == refused


def test_TC10_the_patient_closes_the_glass_with_a_deny(consents, people, broken, recording):
    consents.grant(*granting(deny(people.hospital, purposes=ETREAT, categories=CONDITION)), {"from": people.patient})
    assert recording(use(people.patient, categories=OBSERVATION)) == PASSED
    refused = error("AccessRefused", people.patient, people.hospital, WRONG_PURPOSE)
    assert recording(use(people.patient, categories=CONDITION)) == refused
    assert recording(use(people.patient, categories=OBSERVATION | CONDITION)) == refused


# ---- no silent renewal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0])
def test_TC10_it_is_not_renewed_while_it_is_open(broken, declaring, nurse, late):
    """By nobody of the hospital, for no other cause, no shorter, no longer."""
    at(broken["until"] + late)
    message = error("EmergencyUnderWay", broken["emergency"], broken["until"])
    for terms in ({}, {"by": nurse}, {"cause": LIFE}, {"duration": 1}, {"duration": DAY}):
        assert declaring(**terms) == (message if late == -1 else PASSED)


def test_TC10_a_new_one_is_a_new_event_and_a_new_review(access_log, people, broken):
    at(broken["until"])
    args = (people.patient, LIFE, CLAIM, HOUR)
    second = access_log.declareEmergency(*args, {"from": people.hospital}).events["EmergencyDeclared"]
    assert second["emergency"] != broken["emergency"]
    assert [access_log.emergency(event["emergency"])[7] for event in (broken, second)] == [OPEN, OPEN]


def test_another_house_breaks_its_own_glass(people, broken, declaring):
    assert declaring(by=people.clinic) is PASSED
    assert declaring(patient=people.stranger) is PASSED


# ---- review ----------------------------------------------------------------------------------------------------------


def test_TC10_only_the_reviewer_reviews(access_log, people, broken, nurse):
    for account in (people.hospital, nurse, people.patient, people.stranger, people.deployer, people.clinic):
        message = refusal(access_log.review, broken["emergency"], JUSTIFIED, sender=account)
        assert message == error("AccessManagedUnauthorized", account)
    assert refusal(access_log.review, broken["emergency"], JUSTIFIED, sender=people.regulator) is PASSED


@pytest.mark.parametrize("outcome", [JUSTIFIED, UNJUSTIFIED, REFERRED])
def test_TC10_a_review_closes_it_once(access_log, regulator, broken, outcome):
    tx = access_log.review(broken["emergency"], outcome, {"from": regulator})
    assert len(tx.events) == 1
    assert dict(tx.events["EmergencyReviewed"]) == {
        "emergency": broken["emergency"],
        "reviewer": regulator,
        "outcome": outcome,
    }
    assert access_log.emergency(broken["emergency"])[7] == outcome
    for again in (OPEN, JUSTIFIED, UNJUSTIFIED, REFERRED):
        message = refusal(access_log.review, broken["emergency"], again, sender=regulator)
        assert message == error("AlreadyReviewed", bytes(broken["emergency"]), outcome)


def test_a_review_has_an_outcome(access_log, regulator, broken):
    assert refusal(access_log.review, broken["emergency"], OPEN, sender=regulator) == error(
        "InvalidEmergency", "outcome"
    )


def test_what_nobody_declared_is_not_reviewed(access_log, regulator):
    assert refusal(access_log.review, RECORD, JUSTIFIED, sender=regulator) == error("UnknownEmergency", RECORD)


def test_TC10_it_is_open_to_review_for_ever(access_log, regulator, broken):
    at(broken["until"] + 400 * DAY)
    assert refusal(access_log.review, broken["emergency"], JUSTIFIED, sender=regulator) is PASSED


# ---- closed after an attacker's reading ------------------------------------------------------------------------------


def test_TC10_what_needs_more_data_is_declared_anew_aloud(access_log, people, broken, declaring, nurse):
    """A first declaration that was too narrow must not stand between a patient and its rescue."""
    assert declaring(categories=CONDITION) == error("EmergencyUnderWay", broken["emergency"], broken["until"])
    at(broken["until"] - HOUR + 10)
    tx = access_log.declareEmergency(people.patient, LIFE, CLAIM, 2 * HOUR, {"from": nurse})
    wider = tx.events["EmergencyDeclared"]
    assert wider["emergency"] != broken["emergency"]
    assert (wider["categories"], wider["until"]) == (OBSERVATION | CONDITION | CLAIM, tx.timestamp + 2 * HOUR)
    allowed = access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION | CLAIM)
    assert tuple(allowed) == (True, NO_DIRECTIVE, wider["emergency"])
    assert [access_log.emergency(event["emergency"])[7] for event in (broken, wider)] == [OPEN, OPEN]


@pytest.mark.parametrize("outcome", [JUSTIFIED, UNJUSTIFIED, REFERRED])
def test_TC10_a_reviewer_who_finds_it_unjustified_closes_the_glass(
    access_log, regulator, people, broken, recording, outcome
):
    access_log.review(broken["emergency"], outcome, {"from": regulator})
    refused = error("AccessRefused", people.patient, people.hospital, NO_DIRECTIVE)
    assert recording(use(people.patient)) == (refused if outcome == UNJUSTIFIED else PASSED)


def test_TC10_the_glass_is_broken_for_those_who_care(access_log, institutions, people):
    """The same institution insures: its desk sees nothing through it."""
    institutions.renew(people.hospital, PROVIDER | 4, FOR_EVER, {"from": people.regulator})
    desk = accounts[20]
    institutions.setOperator(desk, 4, FOR_EVER, {"from": people.hospital})
    access_log.declareEmergency(people.patient, LIFE, OBSERVATION, HOUR, {"from": people.hospital})
    assert access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)[0]
    assert tuple(access_log.mayAccess(people.patient, desk, TREAT, OBSERVATION)) == (False, NO_DIRECTIVE, NO_EMERGENCY)


@pytest.mark.parametrize("outcome", [None, JUSTIFIED, UNJUSTIFIED])
def test_TC10_what_was_found_unjustified_is_not_handed_on(access_log, regulator, people, broken, outcome):
    """A wider declaration takes over what the one under way opened, but not past the reviewer."""
    if outcome:
        access_log.review(broken["emergency"], outcome, {"from": regulator})
    at(broken["until"] - 100)
    tx = access_log.declareEmergency(people.patient, LIFE, CLAIM, HOUR, {"from": people.hospital})
    wider = CLAIM if outcome == UNJUSTIFIED else CLAIM | broken["categories"]
    assert tx.events["EmergencyDeclared"]["categories"] == wider
