"""In an emergency a clinician opens a patient's data (interfaces/consent/IAccessLog.sol).

given a clinician who declares an emergency
    when it is not licensed, or no PROVIDER                     it is refused: NotLicensed
    when cause, categories or duration are wanting              it is refused: InvalidEmergency
    when the patient denies ETREAT, or the policy is Deny       it is refused: EmergencyRefused
    when others run already                                     it stands beside them
    when a second clinician is needed                           see test_second_clinician.py
    when all is well                                            it is told at once, and opens its scope for care, to the
        second
given a declaration
    when somebody else than the reviewer reviews                it is refused: AccessManagedUnauthorized
    when the reviewer is of the declaring house                 it is refused: ReviewerOfHouse
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
from tests.support.access_builders import (
    DANGER,
    DAY,
    EMERGENCIES_DENIED,
    FOUND_UNJUSTIFIED,
    HOUR,
    JUSTIFIED,
    KNOWN_CATEGORIES,
    LIFE,
    NO_CONSENT,
    NO_EMERGENCY,
    NO_SECOND,
    NOT_CARE,
    NOT_RUNNING,
    OPEN,
    OUT_OF_SCOPE,
    PUBLIC,
    RECORD,
    REFERRED,
    UNCONSCIOUS,
    UNJUSTIFIED,
    UNKNOWN_EMERGENCY,
    Emergency,
    emergency,
    use,
)
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
    STRICT,
    TREAT,
    WRONG_PURPOSE,
    deny,
    granting,
    permit,
    role,
)
from tests.support.errors import error
from tests.support.guardian_helpers import DIRECT


@pytest.fixture
def nurse(institutions, people):
    """Somebody who works at the hospital."""
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.hospital})
    return accounts[20]


@pytest.fixture
def recording(access_log, people):
    """How uses would be refused now, recorded by the hospital or by whoever is named."""
    return lambda *uses, by=None: refusal(access_log.record, list(uses), STRICT, sender=by or people.hospital)


@pytest.fixture
def declaring(access_log, people):
    """How a declaration would be refused now."""

    def refused(by=None, patient=None, cause=LIFE, categories=OBSERVATION, duration=HOUR):
        args = (patient or people.patient, cause, categories, duration, NO_SECOND)
        return refusal(access_log.declareEmergency, *args, sender=by or people.hospital)

    return refused


@pytest.fixture
def broken(access_log, people):
    """The glass is broken by the hospital, for observations and conditions, for an hour; the event."""
    args = (people.patient, UNCONSCIOUS, OBSERVATION | CONDITION, HOUR, NO_SECOND)
    return access_log.declareEmergency(*args, {"from": people.hospital}).events["EmergencyDeclared"]


def not_opened(people, refusal_, patient=None, deployed_contracts=None):
    """A use that names a declaration is refused for the declaration's sake: the reason of `decide` says nothing."""
    return error(
        "AccessRefused", patient or people.patient, deployed_contracts or people.hospital, refusal_, NO_DIRECTIVE
    )


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
        ({"categories": HIV}, "categories"),
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
    data = access_log.declareEmergency.encode_input(people.patient, 4, OBSERVATION, HOUR, NO_SECOND)
    assert data.count("0" * 63 + "4") == 1
    with brownie.reverts(""):
        people.hospital.transfer(access_log, data=data.replace("0" * 63 + "4", "0" * 63 + "5"))


@pytest.mark.parametrize("duration", [1, DAY])
@pytest.mark.parametrize("cause", [LIFE, UNCONSCIOUS, DANGER, PUBLIC])
def test_every_cause_for_a_second_or_a_day(declaring, access_log, cause, duration):
    assert access_log.MAX_EMERGENCY() == DAY
    assert declaring(cause=cause, duration=duration, categories=KNOWN_CATEGORIES) is PASSED


@pytest.mark.parametrize("named", [True, False], ids=["institution", "role"])
def test_TC10_the_patients_deny_of_emergencies_is_respected(consents, people, declaring, named):
    """Where it touches what would be opened."""
    grantee = people.hospital if named else role(PROVIDER)
    consents.grant(*granting(deny(grantee, purposes=ETREAT, categories=PSY)), {"from": people.patient})
    assert declaring(categories=OBSERVATION) is PASSED
    for categories in (OBSERVATION | PSY, KNOWN_CATEGORIES):
        assert declaring(categories=categories) == error("EmergencyRefused", people.patient, people.hospital)


def test_a_deny_of_treatment_is_no_deny_of_emergencies(consents, people, declaring):
    consents.grant(*granting(deny(people.hospital, purposes=TREAT)), {"from": people.patient})
    assert declaring() is PASSED


def test_under_the_policy_deny_the_glass_is_not_broken(
    salus_project, deployed_contracts, people, institutions, guardians, manager
):
    for policy in range(4):
        registry = salus_project.ConsentRegistry.deploy(institutions, guardians, policy, {"from": people.deployer})
        log = salus_project.AccessLog.deploy(manager, institutions, guardians, registry, {"from": people.deployer})
        message = refusal(
            log.declareEmergency, people.patient, LIFE, OBSERVATION, HOUR, NO_SECOND, sender=people.hospital
        )
        assert message == (error("EmergencyRefused", people.patient, people.hospital) if policy == 0 else PASSED)


# ---- breaking the glass: told ----------------------------------------------------------------------------------------


def test_TC10_a_declaration_is_told_at_once_and_kept(access_log, people, nurse):
    tx = access_log.declareEmergency(people.patient, DANGER, OBSERVATION | HIV, 7 * HOUR, NO_SECOND, {"from": nurse})
    facts = ["bytes32", "address", "address", "uint32"]
    kind = keccak(text="salus.emergency")
    values = [kind, people.patient.address, people.hospital.address, 1]
    id_ = "0x" + keccak(encode(facts, values)).hex()
    assert [event.name for event in tx.events] == ["EmergencyDeclared"]
    assert dict(tx.events["EmergencyDeclared"]) == {
        "emergency": id_,
        "patient": people.patient,
        "institution": people.hospital,
        "number": 1,
        "clinician": nurse,
        "second": NOBODY,
        "cause": DANGER,
        "categories": OBSERVATION | HIV,
        "until": tx.timestamp + 7 * HOUR,
    }
    assert tx.return_value == id_ == access_log.emergencyId(people.patient, people.hospital, 1)
    assert access_log.declared(people.patient, people.hospital) == 1
    assert emergency(access_log, id_) == Emergency(
        patient=people.patient,
        institution=people.hospital,
        clinician=nurse,
        second=NOBODY,
        number=1,
        categories=OBSERVATION | HIV,
        declared_at=tx.timestamp,
        until=tx.timestamp + 7 * HOUR,
        reviewed_at=0,
        cause=DANGER,
        outcome=OPEN,
    )


def test_nothing_is_known_of_an_id_that_nobody_declared(access_log):
    assert emergency(access_log, RECORD) == Emergency(NOBODY, NOBODY, NOBODY, NOBODY, *[0] * 7)


# ---- the broken glass: what it opens ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "categories", "refused"),
    [
        (TREAT, OBSERVATION, None),
        (ETREAT, CONDITION, None),
        (TREAT | ETREAT, OBSERVATION | CONDITION, None),
        (HPAYMT, OBSERVATION, NOT_CARE),
        (TREAT | HPAYMT, OBSERVATION, NOT_CARE),
        (HRESCH, OBSERVATION, NOT_CARE),
        (TREAT, CLAIM, OUT_OF_SCOPE),
        (TREAT, OBSERVATION | CLAIM, OUT_OF_SCOPE),
        (TREAT, OBSERVATION | HIV, OUT_OF_SCOPE),
        (TREAT, EVERY_CATEGORY, OUT_OF_SCOPE),
    ],
)
def test_TC10_the_glass_opens_its_scope_for_care_alone(
    access_log, people, broken, recording, purpose, categories, refused
):
    message = recording(use(people.patient, purpose, categories, emergency=1))
    assert message == (not_opened(people, refused) if refused else PASSED)
    expected = (not refused, NO_DIRECTIVE, 0 if refused else 1)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, purpose, categories)) == expected


def test_TC10_a_use_through_the_glass_names_the_declaration(access_log, people, broken, nurse):
    tx = access_log.record([use(people.patient, emergency=1)], STRICT, {"from": nurse})
    event = tx.events["AccessRecorded"]
    assert (event["emergency"], event["actor"]) == (broken["emergency"], nurse)


def test_a_use_names_what_it_relies_on(access_log, consents, people, broken, recording):
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    uses = [use(people.patient), use(people.patient, ETREAT, emergency=1)]
    tx = access_log.record(uses, STRICT, {"from": people.hospital})
    assert [event["emergency"] for event in tx.events["AccessRecorded"]] == [NO_EMERGENCY, broken["emergency"]]
    # A declaration that is not named opens nothing.
    refused = error("AccessRefused", people.patient, people.hospital, NO_CONSENT, WRONG_PURPOSE)
    assert recording(use(people.patient, ETREAT)) == refused
    assert recording(use(people.patient, emergency=2)) == not_opened(people, UNKNOWN_EMERGENCY)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_TC10_the_glass_closes_by_itself(people, broken, recording, late):
    at(broken["until"] + late)
    assert recording(use(people.patient, emergency=1)) == (PASSED if late == -1 else not_opened(people, NOT_RUNNING))


def test_TC10_the_glass_is_broken_for_one_house_and_one_patient(people, broken, recording):
    for account in (people.clinic, people.insurer):
        assert recording(use(people.patient, emergency=1), by=account) == not_opened(
            people, UNKNOWN_EMERGENCY, deployed_contracts=account
        )
    assert recording(use(people.stranger, emergency=1)) == not_opened(people, UNKNOWN_EMERGENCY, people.stranger)


def test_TC10_revoked_staff_gets_nothing_through_it(access_log, institutions, people, nurse, broken, recording):
    institutions.removeOperator(nurse, {"from": people.hospital})
    assert recording(use(people.patient, emergency=1), by=nurse).startswith("NotLicensed: ")
    assert tuple(access_log.mayAccess(people.patient, nurse, TREAT, OBSERVATION)) == (False, NOT_LICENSED, 0)
    institutions.suspend(people.hospital, {"from": people.regulator})
    assert recording(use(people.patient, emergency=1)).startswith("NotLicensed: ")
    refused = (False, NOT_LICENSED, 0)
    assert tuple(access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)) == refused


def test_TC10_the_patient_closes_the_glass_with_a_deny(access_log, consents, people, broken, recording):
    consents.grant(*granting(deny(people.hospital, purposes=ETREAT, categories=CONDITION)), {"from": people.patient})
    assert recording(use(people.patient, categories=OBSERVATION, emergency=1)) == PASSED
    for categories in (CONDITION, OBSERVATION | CONDITION):
        use_ = use(people.patient, categories=categories, emergency=1)
        assert recording(use_) == not_opened(people, EMERGENCIES_DENIED)
        refused = (False, WRONG_PURPOSE, 0)
        assert tuple(access_log.mayAccess(people.patient, people.hospital, TREAT, categories)) == refused


# ---- side by side ----------------------------------------------------------------------------------------------------


def declare(access_log, people, categories=OBSERVATION, duration=HOUR, by=None):
    args = (people.patient, LIFE, categories, duration, NO_SECOND)
    return access_log.declareEmergency(*args, {"from": by or people.hospital}).events["EmergencyDeclared"]


def test_C8_a_declaration_that_opens_nothing_stands_in_nobodys_way(access_log, people, declaring, nurse, recording):
    """A narrow one of 24 hours comes first; the rescue comes a moment later, by the same clinician or another."""
    declare(access_log, people, CLAIM, DAY, by=nurse)
    for terms in ({}, {"by": nurse}, {"categories": CLAIM}, {"duration": DAY}, {"cause": PUBLIC}):
        assert declaring(**terms) is PASSED
    declare(access_log, people)
    assert recording(use(people.patient, emergency=1)) == not_opened(people, OUT_OF_SCOPE)
    assert recording(use(people.patient, emergency=2)) is PASSED


def test_C8_no_declaration_takes_over_what_another_opens(access_log, people, broken, nurse):
    """Each is on record with what its clinician asked for."""
    second = declare(access_log, people, CLAIM, by=nurse)
    assert (second["number"], second["categories"], second["clinician"]) == (2, CLAIM, nurse)
    assert not access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION | CLAIM)[0]
    assert [access_log.mayAccess(people.patient, people.hospital, TREAT, c)[2] for c in (OBSERVATION, CLAIM)] == [1, 2]


@pytest.mark.parametrize("outcome", [JUSTIFIED, UNJUSTIFIED, REFERRED])
def test_C8_a_verdict_on_one_changes_no_other(access_log, regulator, people, broken, recording, nurse, outcome):
    declare(access_log, people, OBSERVATION | CLAIM, by=nurse)
    access_log.review(broken["emergency"], outcome, {"from": regulator})
    first = not_opened(people, FOUND_UNJUSTIFIED) if outcome == UNJUSTIFIED else PASSED
    assert recording(use(people.patient, emergency=1)) == first
    assert recording(use(people.patient, categories=CLAIM, emergency=2)) is PASSED
    # What is asked without a name is found where it is open.
    number = access_log.mayAccess(people.patient, people.hospital, TREAT, CONDITION)[2]
    assert number == (0 if outcome == UNJUSTIFIED else 1)


def test_C8_each_lasts_as_long_as_it_says(access_log, people, broken, recording):
    later = declare(access_log, people, duration=DAY)
    at(broken["until"])
    assert recording(use(people.patient, emergency=1)) == not_opened(people, NOT_RUNNING)
    assert recording(use(people.patient, emergency=2)) is PASSED
    at(later["until"])
    assert recording(use(people.patient, emergency=2)) == not_opened(people, NOT_RUNNING)


def test_C8_may_access_looks_at_the_last_eight(access_log, people, regulator):
    """The bound of its loop; who names an older one still uses it."""
    wide = declare(access_log, people, OBSERVATION | CONDITION)
    for number in range(2, 9):
        # Reviewed, or a second clinician would be needed.
        access_log.review(declare(access_log, people)["emergency"], JUSTIFIED, {"from": regulator})
        assert access_log.mayAccess(people.patient, people.hospital, TREAT, CONDITION)[2] == 1, number
    declare(access_log, people)
    assert access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)[2] == 9
    assert not access_log.mayAccess(people.patient, people.hospital, TREAT, CONDITION)[0]
    old = use(people.patient, categories=CONDITION, emergency=1)
    tx = access_log.record([old], STRICT, {"from": people.hospital})
    assert tx.events["AccessRecorded"]["emergency"] == wide["emergency"]


UNKNOWN = [1 << 19, 1 << 39, 1 << 46, 1 << 55, 2**40 - 2, 2**40 - 1 ^ 1 << 38]


@pytest.mark.parametrize("bits", UNKNOWN, ids=hex)
def test_C8_a_bit_without_a_meaning_opens_nothing(declaring, bits):
    """Every class together is every class, now or later; a single one must have a number."""
    assert declaring(categories=OBSERVATION | bits) == error("InvalidEmergency", "categories")


def test_C8_every_known_bit_can_be_named(declaring):
    for bit in range(19):
        assert declaring(categories=1 << bit) is PASSED
    for bit in range(40, 46):
        assert declaring(categories=OBSERVATION | 1 << bit) is PASSED
        assert declaring(categories=2**40 - 1 | 1 << bit) is PASSED


def test_C8_the_emergency_contact_is_told(access_log, guardians, people, declaring):
    guardians.setEmergencyContact(people.patient, people.stranger, DIRECT, {"from": people.patient})
    args = (people.patient, LIFE, OBSERVATION, HOUR, NO_SECOND)
    tx = access_log.declareEmergency(*args, {"from": people.hospital})
    assert [event.name for event in tx.events] == ["EmergencyDeclared", "EmergencyContactNotified"]
    assert dict(tx.events["EmergencyContactNotified"]) == {
        "emergency": tx.return_value,
        "contact": people.stranger,
        "patient": people.patient,
    }
    guardians.setEmergencyContact(people.patient, NOBODY, DIRECT, {"from": people.patient})
    tx = access_log.declareEmergency(*args, {"from": people.hospital})
    assert [event.name for event in tx.events] == ["EmergencyDeclared"]


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
    found = emergency(access_log, broken["emergency"])
    assert (found.outcome, found.reviewed_at) == (outcome, tx.timestamp)
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


@pytest.mark.parametrize("outcome", [JUSTIFIED, UNJUSTIFIED])
def test_C8_the_reviewer_is_never_of_the_declaring_house(
    access_log, manager, institutions, people, broken, nurse, outcome
):
    """Neither the house itself, nor its staff, nor who declared it and left the house since."""
    role_ = manager.getTargetFunctionRole(access_log, access_log.signatures["review"])
    colleague = accounts[22]
    institutions.setOperator(colleague, PHARMACY | PROVIDER, FOR_EVER, {"from": people.hospital})
    for account in (people.hospital, nurse, colleague, people.clinic):
        manager.grantRole(role_, account, 0, {"from": people.regulator})
    for account in (people.hospital, nurse, colleague):
        message = refusal(access_log.review, broken["emergency"], outcome, sender=account)
        assert message == error("ReviewerOfHouse", account, people.hospital)
    assert refusal(access_log.review, broken["emergency"], outcome, sender=people.clinic) is PASSED

    mine = declare(access_log, people, by=nurse)
    institutions.removeOperator(nurse, {"from": people.hospital})
    message = refusal(access_log.review, mine["emergency"], outcome, sender=nurse)
    assert message == error("ReviewerOfHouse", nurse, people.hospital)
    assert refusal(access_log.review, broken["emergency"], outcome, sender=nurse) is PASSED


# ---- closed after an attacker's reading ------------------------------------------------------------------------------


def test_TC10_the_glass_is_broken_for_those_who_care(access_log, institutions, people, recording):
    """The same house insures: its desk sees nothing through it."""
    institutions.renew(people.hospital, PROVIDER | 4, FOR_EVER, {"from": people.regulator})
    desk = accounts[20]
    institutions.setOperator(desk, 4, FOR_EVER, {"from": people.hospital})
    declare(access_log, people)
    assert access_log.mayAccess(people.patient, people.hospital, TREAT, OBSERVATION)[0]
    assert tuple(access_log.mayAccess(people.patient, desk, TREAT, OBSERVATION)) == (False, NO_DIRECTIVE, 0)
    assert recording(use(people.patient, emergency=1), by=desk) == not_opened(people, NOT_CARE)
