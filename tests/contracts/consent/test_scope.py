"""Which part may I see: the masks of one purpose in one call (IConsentRegistry.scope).

given what a patient said to an institution and its roles
    when the actor asks for a purpose                           each category is in the mask that `decide` says of it
    when nothing was said                                       both masks are empty, or the policy's
    when no purpose is asked                                    both masks are empty
    when the actor is not licensed                              all is denied
"""

import pytest

from tests.conftest import PHARMACY, PROVIDER
from tests.support.boundary_time import at
from tests.support.boundary_time import now as clock
from tests.support.consent_builders import (
    ALL_RECORDS,
    CLAIM,
    CONDITION,
    EVERY_CATEGORY,
    HIV,
    HPAYMT,
    NOBODY,
    OBSERVATION,
    PSY,
    TREAT,
    decide,
    deny,
    granting,
    permit,
    role,
    sign,
)

NONE, PERMIT, DENY = range(3)


@pytest.fixture
def say(consents, patient):
    """The patient says it, in a second of its own."""

    def said(*directives):
        for directive in directives:
            at(clock() + 1)
            consents.grant(*granting(directive), {"from": patient})

    return said


def scope(consents, patient, actor, purpose=TREAT):
    return tuple(consents.scope(patient, actor, purpose))


CASES = {
    "nothing": ([], (0, 0)),
    "a permit": ([permit("clinic", categories=ALL_RECORDS | HIV)], (ALL_RECORDS | HIV, 0)),
    "another purpose": ([permit("clinic", purposes=HPAYMT)], (0, 0)),
    "two permits": ([permit("clinic"), permit("clinic", index=1, categories=CLAIM)], (OBSERVATION | CLAIM, 0)),
    "a deny of some of it": (
        [permit("clinic", categories=ALL_RECORDS | PSY), deny("clinic", index=1, categories=PSY | CLAIM)],
        (ALL_RECORDS & ~CLAIM, PSY | CLAIM),
    ),
    "a deny of all records is of every label": (
        [permit("clinic", categories=ALL_RECORDS | PSY), deny("clinic", index=1, categories=ALL_RECORDS)],
        (0, EVERY_CATEGORY),
    ),
    "a later deny of a role": (
        [permit("clinic", categories=ALL_RECORDS), deny(role(PHARMACY), categories=CLAIM)],
        (ALL_RECORDS & ~CLAIM, CLAIM),
    ),
    "an earlier deny of a role": (
        [deny(role(PHARMACY), categories=CLAIM | PSY), permit("clinic", categories=ALL_RECORDS)],
        (ALL_RECORDS, PSY),
    ),
    "between two permits": (
        [
            permit("clinic", categories=CLAIM | CONDITION),
            deny(role(PROVIDER), categories=CLAIM | CONDITION),
            permit("clinic", index=1, categories=CLAIM),
        ],
        (CLAIM, CONDITION),
    ),
    "a role's permit past a deny of another role": (
        [permit(role(PROVIDER), categories=ALL_RECORDS), deny(role(PHARMACY), categories=CLAIM)],
        (ALL_RECORDS & ~CLAIM, CLAIM),
    ),
    "a role's permit does not lift a name's deny": (
        [deny("clinic", categories=CLAIM), permit(role(PROVIDER), categories=ALL_RECORDS)],
        (ALL_RECORDS & ~CLAIM, CLAIM),
    ),
}


def addressed(directives, people):
    return [each._replace(grantee=people.clinic.address) if each.grantee == "clinic" else each for each in directives]


@pytest.mark.parametrize("case", CASES)
def test_the_masks(consents, people, patient, say, case):
    said, expected = CASES[case]
    say(*addressed(said, people))
    assert scope(consents, patient, people.clinic) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_masks_say_of_each_record_class_what_the_decision_does(consents, people, patient, say, case):
    said, _ = CASES[case]
    say(*addressed(said, people))
    permitted, denied = scope(consents, patient, people.clinic)
    assert permitted & denied == 0
    for bit in (OBSERVATION, CLAIM, CONDITION, 1 << 0, 1 << 39):
        answer = decide(consents, patient, people.clinic, TREAT, bit).answer
        assert answer == (PERMIT if permitted & bit else DENY if denied & bit else NONE), bit


def test_no_purpose_no_masks(consents, patient, hospital, say):
    say(permit(hospital))
    assert scope(consents, patient, hospital, 0) == (0, 0)


def test_of_two_purposes_both(consents, patient, hospital, say):
    say(permit(hospital, purposes=TREAT | HPAYMT), permit(hospital, index=1, categories=CLAIM))
    assert scope(consents, patient, hospital, TREAT | HPAYMT) == (OBSERVATION, 0)
    say(deny(hospital, index=2, purposes=HPAYMT))
    assert scope(consents, patient, hospital, TREAT | HPAYMT) == (0, OBSERVATION)


@pytest.mark.parametrize("who", ["stranger", NOBODY])
def test_who_is_not_licensed_is_denied_everything(consents, people, patient, who):
    assert scope(consents, patient, getattr(people, who, who)) == (0, EVERY_CATEGORY)


def test_c10_a_delegates_word_is_in_the_masks(consents, ana, hospital, now, named, relay, carer):
    named()
    relay(
        sign(consents, ana, permit(hospital, categories=ALL_RECORDS), now - 5),
        sign(consents, carer, deny(hospital, categories=CLAIM), now, patient=ana.address, delegate=True),
    )
    assert scope(consents, ana.address, hospital) == (ALL_RECORDS & ~CLAIM, CLAIM)


def test_the_policy_is_in_the_masks(salus_project, institutions, guardians, people):
    registry = salus_project.ConsentRegistry.deploy(institutions, guardians, 3, {"from": people.deployer})
    assert scope(registry, people.patient, people.hospital) == (ALL_RECORDS, 0)
    registry.grant(*granting(permit(people.hospital, purposes=HPAYMT)), {"from": people.patient})
    assert scope(registry, people.patient, people.hospital) == (0, 0)
