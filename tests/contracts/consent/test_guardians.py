"""A patient names guardians, k of n (interfaces/consent/IGuardians.sol); what they can do is in test_recovery.py.

given a patient who names guardians
    when they are more than ten, not ascending, or the patient is one   it is refused: InvalidGuardians guardians
    when the threshold is 0 or more than they are               it is refused: InvalidGuardians threshold
    when the delay is out of its bounds                         it is refused: InvalidGuardians delay
    when a set as late stands                                   it is refused: Superseded
    when the patient neither sends nor signed it                it is refused: InvalidSignature
    when all is well                                            the first set stands at once; how it is changed is in
        test_changing_guardians.py
"""

import pytest

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.consent_builders import NOBODY, key
from tests.support.errors import error
from tests.support.guardian_helpers import DIRECT, MAX_DELAY, MIN_DELAY, guardian_set, signed_set
from tests.support.guardian_helpers import family as relatives


@pytest.fixture
def setting(guardians, ana, stranger, now):
    """How a set of guardians would be refused now."""

    def refused(members, threshold, issued_at=now, **terms):
        args = signed_set(guardians, ana, members, threshold, issued_at, **terms)
        return refusal(guardians.setGuardians, *args, sender=stranger)

    return refused


def addresses(signers):
    return [signer.address for signer in signers]


# ---- the set ---------------------------------------------------------------------------------------------------------


def test_the_guardians_ascend(setting, family):
    one, two, three = addresses(family)
    bad = error("InvalidGuardians", "guardians")
    for members in ([two, one, three], [one, three, two], [one, one, two], [NOBODY, one]):
        assert setting(members, 1) == bad
    assert setting([one, two, three], 1) is PASSED


def test_TC9_the_patient_is_no_guardian_of_its_own(setting, ana, family):
    members = sorted([ana.address, *addresses(family)], key=lambda account: int(account, 16))
    assert setting(members, 1) == error("InvalidGuardians", "guardians")


@pytest.mark.parametrize("number", [10, 11])
def test_TC12_the_guardians_are_ten_at_most(setting, number):
    message = setting(addresses(relatives(number)), 1)
    assert message == (PASSED if number == 10 else error("InvalidGuardians", "guardians"))


@pytest.mark.parametrize("threshold", [0, 1, 3, 4])
def test_the_threshold_is_one_to_all_of_them(setting, family, threshold):
    message = setting(addresses(family), threshold)
    assert message == (PASSED if threshold in (1, 3) else error("InvalidGuardians", "threshold"))


@pytest.mark.parametrize(("limit", "inward"), [(MIN_DELAY, 1), (MAX_DELAY, -1)])
def test_TC8_the_delay_has_bounds(setting, family, limit, inward):
    members = addresses(family)
    assert setting(members, 2, delay=limit) is PASSED
    assert setting(members, 2, delay=limit + inward) is PASSED
    assert setting(members, 2, delay=limit - inward) == error("InvalidGuardians", "delay")


def test_the_bounds_are_published(guardians):
    assert (guardians.MIN_DELAY(), guardians.MAX_DELAY()) == (MIN_DELAY, MAX_DELAY)


def test_only_the_patient_sets_its_guardians(guardians, people, family):
    args = (people.patient, addresses(family), 2, MIN_DELAY, DIRECT)
    for sender in (people.stranger, people.regulator, people.deployer):
        assert refusal(guardians.setGuardians, *args, sender=sender) == error("InvalidSignature", people.patient)
    assert refusal(guardians.setGuardians, *args, sender=people.patient) is PASSED


FLIPS = {"patient": key("ben").address, "guardians": [key("ben").address], "threshold": 1, "delay": MIN_DELAY + 1}


@pytest.mark.parametrize("field", FLIPS)
def test_TC4_no_field_of_a_set_is_the_relayers_choice(guardians, ana, family, now, stranger, field):
    args = list(signed_set(guardians, ana, addresses(family), 1 if field == "guardians" else 2, now))
    assert refusal(guardians.setGuardians, *args, sender=stranger) is PASSED
    args[list(FLIPS).index(field)] = FLIPS[field]
    assert refusal(guardians.setGuardians, *args, sender=stranger) == error("InvalidSignature", args[0])


@pytest.mark.parametrize("early", [-1, 0, 1])
def test_TC8_a_set_is_not_issued_in_the_future(setting, family, now, early):
    message = setting(addresses(family), 2, now + early)
    assert message == (error("IssuedInFuture", now + 1, now) if early == 1 else PASSED)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_TC8_a_sets_deadline_is_the_last_second(setting, family, now, late):
    at(now + 100 + late)
    message = setting(addresses(family), 2, now, deadline=now + 100)
    assert message == (error("DeadlinePassed", now + 100, now + 101) if late == 1 else PASSED)


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TC1_the_later_set_stands(guardians, ana, guarded, family, setting, later):
    issued_at = guardian_set(guardians, ana.address).issued_at
    message = setting(addresses(family), 3, issued_at + later)
    assert message == (PASSED if later == 1 else error("Superseded", ana.address, issued_at))


def test_a_set_is_kept_and_told(guardians, ana, guarded, family):
    members = tuple(addresses(family))
    event = dict(guarded.events["GuardiansSet"])
    issued_at = event["issuedAt"]
    assert tuple(guardian_set(guardians, ana.address)) == (members, 2, MIN_DELAY, 1, issued_at)
    assert event == {
        "patient": ana.address,
        "guardians": members,
        "threshold": 2,
        "delay": MIN_DELAY,
        "version": 1,
        "issuedAt": issued_at,
    }
    assert len(guarded.events) == 1


def test_no_guardians_have_no_threshold(setting):
    """The threshold is at most their number, always."""
    assert setting([], 0, delay=0) is PASSED
    assert setting([], 1, delay=MIN_DELAY) == error("InvalidGuardians", "threshold")
    assert setting([], 1, delay=0) == error("InvalidGuardians", "threshold")


@pytest.mark.parametrize("delay", [1, MIN_DELAY, MAX_DELAY])
def test_no_guardians_have_no_delay(setting, delay):
    """It is the delay that is named, for nothing else is wrong."""
    assert setting([], 0, delay=delay) == error("InvalidGuardians", "delay")
