"""When two clinicians must declare an emergency (interfaces/consent/IAccessLog.sol).

given a clinician with ten declarations that nobody reviewed
    when it declares alone                                      it is refused: SecondClinicianNeeded
    when one of them is reviewed                                it declares alone
given a declaration that was found unjustified
    when its clinician, or who signed it, declares for anybody  a second one is needed, until the cool-down is over
    when its house declares for that patient again              as well, whoever declares
given a second clinician's signature
    when it is not licensed as PROVIDER                         it is refused: NotLicensed
    when it is the first one, or in its own cool-down           it is refused: InvalidSecond
    when it is late, not for this, or submitted before          it is refused: DeadlinePassed, InvalidSignature,
        SecondUsed
    when all is well                                            nothing else stands in the way
"""

import pytest
from brownie import accounts

from tests.conftest import PHARMACY, PROVIDER
from tests.support.access_builders import (
    COOL_DOWN,
    DAY,
    HOUR,
    JUSTIFIED,
    LIFE,
    MOST_UNREVIEWED,
    NO_SECOND,
    REFERRED,
    UNCONSCIOUS,
    UNJUSTIFIED,
    emergency,
    second_opinion,
    use,
)
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import CONDITION, FOR_EVER, HIV, OBSERVATION, STRICT, key
from tests.support.errors import error
from tests.support.keys import key_of

DECLARED = {
    "patient": None,
    "institution": None,
    "clinician": None,
    "cause": LIFE,
    "categories": OBSERVATION,
    "duration": HOUR,
    "deadline": FOR_EVER,
}


@pytest.fixture
def nurse(institutions, people):
    """Somebody who works at the hospital."""
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.hospital})
    return accounts[20]


@pytest.fixture
def doctor(institutions, people):
    """A clinician of another house, who can sign."""
    institutions.setOperator(accounts[21], PROVIDER, FOR_EVER, {"from": people.clinic})
    return accounts[21]


@pytest.fixture
def opinion(access_log, people):
    """The signature of a second clinician for what the hospital declares."""

    def signed(by, clinician=None, patient=None, **terms):
        who = patient or people.patient, people.hospital, clinician or people.hospital
        return second_opinion(access_log, key_of(by), *who, **terms)

    return signed


@pytest.fixture
def declaring(access_log, people):
    """How a declaration would be refused now."""

    def refused(second=NO_SECOND, by=None, patient=None, cause=LIFE, categories=OBSERVATION, duration=HOUR):
        args = (patient or people.patient, cause, categories, duration, second)
        return refusal(access_log.declareEmergency, *args, sender=by or people.hospital)

    return refused


def declare(access_log, patient, by, second=NO_SECOND):
    return access_log.declareEmergency(patient, LIFE, OBSERVATION, HOUR, second, {"from": by}).return_value


@pytest.fixture
def busy(access_log, people):
    """The hospital's account has as many declarations without a review as it may have; their ids."""
    patients = [f"0x{number:040x}" for number in range(1 << 90, (1 << 90) + MOST_UNREVIEWED)]
    return [declare(access_log, patient, people.hospital) for patient in patients]


@pytest.fixture
def unjustified(access_log, people):
    """A declaration of the hospital's account for the patient was found unjustified; when."""
    id_ = declare(access_log, people.patient, people.hospital)
    return access_log.review(id_, UNJUSTIFIED, {"from": people.regulator}).timestamp


# ---- when one is needed ----------------------------------------------------------------------------------------------


def test_C8_the_limits_are_published(access_log):
    assert (access_log.COOL_DOWN(), access_log.MOST_UNREVIEWED()) == (COOL_DOWN, MOST_UNREVIEWED)


def test_C8_above_the_ceiling_of_unreviewed_ones_two_must_agree(access_log, people, declaring, nurse, busy):
    for patient in (people.patient, people.stranger):
        message = declaring(patient=patient)
        assert message == error("SecondClinicianNeeded", patient, people.hospital)
        assert access_log.needsSecond(patient, people.hospital)
    # The ceiling is a clinician's own.
    assert declaring(by=nurse) is PASSED
    assert not access_log.needsSecond(people.patient, nurse)


@pytest.mark.parametrize("outcome", [JUSTIFIED, REFERRED])
def test_C8_a_review_lowers_the_pile(access_log, people, declaring, busy, outcome):
    access_log.review(busy[3], outcome, {"from": people.regulator})
    assert declaring() is PASSED
    declare(access_log, people.patient, people.hospital)
    assert declaring() == error("SecondClinicianNeeded", people.patient, people.hospital)


@pytest.mark.parametrize("late", [-1, 0])
def test_C8_after_an_unjustified_one_its_clinician_cools_down(declaring, people, unjustified, late):
    """For every patient."""
    at(unjustified + COOL_DOWN + late)
    for patient in (people.patient, people.stranger):
        needed = error("SecondClinicianNeeded", patient, people.hospital)
        assert declaring(patient=patient) == (needed if late == -1 else PASSED)


def test_C8_one_junk_bit_does_not_open_the_same_data_again(access_log, people, declaring, unjustified):
    """Nor does a real one."""
    assert declaring(categories=OBSERVATION | 1 << 50) == error("InvalidEmergency", "categories")
    for categories in (OBSERVATION | HIV, OBSERVATION | CONDITION):
        assert declaring(categories=categories) == error("SecondClinicianNeeded", people.patient, people.hospital)


def test_C8_nor_do_other_staff_of_that_house(institutions, people, declaring, nurse, unjustified):
    """A house makes as many operators as it likes; another house has done nothing."""
    assert declaring(by=nurse) == error("SecondClinicianNeeded", people.patient, nurse)
    assert declaring(by=nurse, patient=people.stranger) is PASSED
    assert declaring(by=people.clinic) is PASSED


def test_C8_a_verdict_falls_on_both_who_signed(access_log, people, declaring, opinion, doctor):
    id_ = declare(access_log, people.patient, people.hospital, opinion(doctor))
    assert emergency(access_log, id_).second == doctor
    access_log.review(id_, UNJUSTIFIED, {"from": people.regulator})
    assert declaring(by=doctor, patient=people.stranger) == error("SecondClinicianNeeded", people.stranger, doctor)
    assert declaring(opinion(doctor, deadline=FOR_EVER - 1)) == error("InvalidSecond", doctor)


def test_C8_who_signed_it_does_not_review_it(access_log, manager, people, opinion, doctor):
    id_ = declare(access_log, people.patient, people.hospital, opinion(doctor))
    role = manager.getTargetFunctionRole(access_log, access_log.signatures["review"])
    manager.grantRole(role, doctor, 0, {"from": people.regulator})
    message = refusal(access_log.review, id_, JUSTIFIED, sender=doctor)
    assert message == error("ReviewerOfHouse", doctor, people.hospital)


# ---- a true emergency is never refused -------------------------------------------------------------------------------


def test_C8_a_true_emergency_is_never_refused(access_log, people, opinion, busy, declaring, doctor):
    """Above the ceiling and in the cool-down at once, time and again: two clinicians open."""
    access_log.review(busy[0], UNJUSTIFIED, {"from": people.regulator})
    for number in range(3):
        assert declaring() == error("SecondClinicianNeeded", people.patient, people.hospital)
        signed = opinion(doctor, deadline=FOR_EVER - number)
        args = (people.patient, LIFE, OBSERVATION, HOUR, signed)
        tx = access_log.declareEmergency(*args, {"from": people.hospital})
        assert tx.events["EmergencyDeclared"]["second"] == doctor
        access_log.record([use(people.patient, emergency=number + 1)], STRICT, {"from": people.hospital})


def test_C8_the_second_may_be_of_the_same_house(declaring, opinion, people, nurse, unjustified):
    """Where there is no other; both are named, and the reviewer judges both."""
    assert declaring(opinion(nurse)) is PASSED


def test_a_second_who_is_not_needed_is_named_all_the_same(access_log, people, opinion, doctor):
    id_ = declare(access_log, people.patient, people.hospital, opinion(doctor))
    assert emergency(access_log, id_).second == doctor


# ---- the second's signature ------------------------------------------------------------------------------------------


def test_C8_the_second_is_a_clinician(institutions, declaring, opinion, people, doctor):
    counter = accounts[22]
    institutions.setOperator(counter, PHARMACY, FOR_EVER, {"from": people.clinic})
    for account in (counter, people.stranger, people.insurer):
        assert declaring(opinion(account)).startswith(f"NotLicensed: {account.address.lower()}, {PROVIDER}, ")
    assert declaring(opinion(doctor)) is PASSED
    institutions.removeOperator(doctor, {"from": people.clinic})
    assert declaring(opinion(doctor)).startswith(f"NotLicensed: {doctor.address.lower()}, {PROVIDER}, ")


def test_C8_one_clinician_is_not_two(declaring, opinion, people, nurse):
    assert declaring(opinion(people.hospital)) == error("InvalidSecond", people.hospital)
    assert declaring(opinion(nurse, clinician=nurse), by=nurse) == error("InvalidSecond", nurse)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_the_seconds_deadline_is_the_last_second(declaring, opinion, doctor, now, late):
    signed = opinion(doctor, deadline=now + 100)
    at(now + 100 + late)
    assert declaring(signed) == (error("DeadlinePassed", now + 100, now + 101) if late == 1 else PASSED)


@pytest.mark.parametrize("field", DECLARED)
def test_TC4_no_field_of_it_is_the_first_ones_choice(access_log, people, declaring, doctor, field):
    given = {**DECLARED, "patient": people.patient, "institution": people.hospital, "clinician": people.hospital}
    assert declaring(second_opinion(access_log, key_of(doctor), **given)) is PASSED
    other = {
        "patient": people.stranger,
        "institution": people.clinic,
        "clinician": people.clinic,
        "cause": UNCONSCIOUS,
        "categories": OBSERVATION | CONDITION,
        "duration": HOUR + 1,
        "deadline": FOR_EVER - 1,
    }
    who, _, signature = second_opinion(access_log, key_of(doctor), **{**given, field: other[field]})
    assert declaring((who, FOR_EVER, signature)) == error("InvalidSignature", doctor)


def test_TC3_what_was_signed_elsewhere_was_not_signed_here(access_log, people, declaring, doctor):
    who = people.patient, people.hospital, people.hospital
    for change in ({"chainId": 1}, {"verifyingContract": people.stranger.address}, {"name": "Salus Consent"}):
        signed = second_opinion(access_log, key_of(doctor), *who, **change)
        assert declaring(signed) == error("InvalidSignature", doctor)


def test_one_does_not_sign_for_another(access_log, people, declaring, doctor):
    who = people.patient, people.hospital, people.hospital
    signed = second_opinion(access_log, key("somebody"), *who, by=doctor)
    assert declaring(signed) == error("InvalidSignature", doctor)


def test_TC3_a_seconds_signature_counts_once(access_log, people, declaring, opinion, doctor):
    """No emergency goes on for ever on one word."""
    signed = opinion(doctor)
    declare(access_log, people.patient, people.hospital, signed)
    assert declaring(signed) == error("SecondUsed", doctor)
    assert declaring(opinion(doctor, deadline=FOR_EVER - DAY)) is PASSED
