"""What holds where the patient never said anything: one of four policies, fixed at deployment
(IConsentRegistry.Policy).

given a deployment with a policy
    when the patient never said anything to the institution     the table of the policy answers: NoDirective or Implied
    when a sensitivity label is asked for                       no policy permits it
    when the patient said anything at all to it or its roles    the policy is silent
    when the actor is not licensed                              it is denied
"""

import brownie
import pytest
from brownie import accounts

from tests.conftest import INSURER, PHARMACY, PROVIDER
from tests.support.boundary_time import at
from tests.support.consent_builders import (
    ALL,
    ALL_RECORDS,
    CLAIM,
    COVERAGE,
    ETREAT,
    FOR_EVER,
    HIV,
    HOPERAT,
    HPAYMT,
    HRESCH,
    IMPLIED,
    NAMED,
    NO_DIRECTIVE,
    NOBODY,
    NOT_LICENSED,
    OBSERVATION,
    REVOKED,
    ROLE,
    TREAT,
    WRONG_PURPOSE,
    Decision,
    decide,
    deny,
    granting,
    permit,
    role,
)

POLICIES = ["deny", "emergency", "treatment", "normal"]
PUBHLTH, PATRQT, HMARKT = 1 << 6, 1 << 7, 1 << 8
NONE, PERMIT, DENY = range(3)

SILENT = Decision(NONE, NO_DIRECTIVE, NOBODY, 0)
GRANTED = Decision(PERMIT, IMPLIED, NOBODY, 0)

CARE = {TREAT, ETREAT, TREAT | ETREAT}
BUSINESS = {HPAYMT, COVERAGE, HOPERAT, HPAYMT | COVERAGE | HOPERAT}
BOTH = {TREAT | HPAYMT, ETREAT | COVERAGE | HOPERAT, TREAT | ETREAT | HPAYMT | COVERAGE | HOPERAT}
NEITHER = {HRESCH, PUBHLTH, PATRQT, HMARKT, 1 << 31, TREAT | HRESCH, HPAYMT | HMARKT, 2**32 - 1}

# What each trade may do where nothing was said.
TABLE = {
    "deny": {},
    "emergency": {},
    "treatment": {"hospital": CARE, "clinic": CARE, "pharmacy": CARE},
    "normal": {
        "hospital": CARE | BUSINESS | BOTH,
        "clinic": CARE | BUSINESS | BOTH,
        "pharmacy": CARE | BUSINESS | BOTH,
        "insurer": BUSINESS,
    },
}
TRADES = ["hospital", "clinic", "pharmacy", "insurer", "carrier", "laboratory", "manufacturer"]


@pytest.fixture(scope="module")
def registries(deployed_contracts, salus_project, people, institutions, guardians):
    """One registry of each policy."""
    make = salus_project.ConsentRegistry.deploy
    return {
        policy: make(institutions, guardians, number, {"from": people.deployer})
        for number, policy in enumerate(POLICIES)
    }


@pytest.fixture
def pharmacy(institutions, people):
    """The clinic's operator at the counter: a PHARMACY alone."""
    account = accounts[20]
    institutions.setOperator(account, PHARMACY, FOR_EVER, {"from": people.clinic})
    return account


@pytest.fixture
def who(people, pharmacy):
    return lambda trade: pharmacy if trade == "pharmacy" else getattr(people, trade)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("trade", TRADES)
def test_each_policy_permits_its_purposes_to_its_trades(registries, who, patient, policy, trade):
    allowed = TABLE[policy].get(trade, set())
    for purpose in CARE | BUSINESS | BOTH | NEITHER:
        for categories in (OBSERVATION, CLAIM, ALL_RECORDS):
            told = decide(registries[policy], patient, who(trade), purpose, categories)
            assert told == (GRANTED if purpose in allowed else SILENT), (purpose, categories)


def test_the_policy_is_published(registries):
    assert {policy: registry.policy() for policy, registry in registries.items()} == dict(zip(POLICIES, range(4)))


def test_there_is_no_fifth_policy(salus_project, institutions, guardians, deployer, deployed_contracts):
    with brownie.reverts(""):
        salus_project.ConsentRegistry.deploy(institutions, guardians, 4, {"from": deployer})


def test_the_house_is_deployed_for_emergencies(consents):
    assert consents.policy() == POLICIES.index("emergency")


@pytest.mark.parametrize("categories", [HIV, OBSERVATION | HIV, 1 << 40, 1 << 55, 2**56 - 1])
@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_speaks_for_a_sensitivity_label(registries, people, policy, categories):
    for trade in ("hospital", "insurer"):
        for purpose in (TREAT, HPAYMT):
            assert decide(registries[policy], people.patient, getattr(people, trade), purpose, categories) == SILENT


@pytest.mark.parametrize("policy", POLICIES)
def test_an_empty_request_is_never_permitted(registries, people, policy):
    for request in ((0, OBSERVATION), (TREAT, 0), (0, 0)):
        assert decide(registries[policy], people.patient, people.hospital, *request) == SILENT


@pytest.mark.parametrize("policy", POLICIES)
def test_whoever_is_not_licensed_is_denied(registries, institutions, people, policy):
    institutions.suspend(people.hospital, {"from": people.regulator})
    for actor in (people.hospital, people.stranger, NOBODY):
        assert decide(registries[policy], people.patient, actor) == (DENY, NOT_LICENSED, NOBODY, 0)


# ---- the patient spoke -----------------------------------------------------------------------------------------------

NORMAL = "normal"


def test_a_deny_goes_before_the_policy(registries, people):
    registry = registries[NORMAL]
    registry.grant(*granting(deny(people.hospital)), {"from": people.patient})
    assert decide(registry, people.patient, people.hospital)[:2] == (DENY, NAMED)


def test_a_permit_goes_before_the_policy(registries, people):
    registry = registries[NORMAL]
    registry.grant(*granting(permit(people.hospital)), {"from": people.patient})
    assert decide(registry, people.patient, people.hospital)[:2] == (PERMIT, NAMED)


@pytest.mark.parametrize("kind", [permit, deny])
@pytest.mark.parametrize("named", [True, False], ids=["institution", "role"])
def test_whatever_was_said_of_another_purpose_silences_the_policy(registries, people, kind, named):
    """The patient took it into its own hands: nothing is implied for this institution any more."""
    registry = registries[NORMAL]
    grantee = people.hospital.address if named else role(PROVIDER)
    registry.grant(*granting(kind(grantee, purposes=HRESCH)), {"from": people.patient})
    assert decide(registry, people.patient, people.hospital) == (NONE, WRONG_PURPOSE, grantee, 0)


@pytest.mark.parametrize("index", [0, ALL])
def test_what_was_revoked_is_not_implied(registries, people, index):
    registry = registries[NORMAL]
    registry.grant(*granting(permit(people.hospital)), {"from": people.patient})
    registry.revoke(people.hospital, index, {"from": people.patient})
    assert decide(registry, people.patient, people.hospital)[:2] == (NONE, REVOKED)


def test_whoever_revoked_everything_implies_nothing(registries, people):
    """Although nothing was there."""
    registry = registries[NORMAL]
    registry.revoke(NOBODY, ALL, {"from": people.patient})
    for trade in ("hospital", "insurer"):
        assert decide(registry, people.patient, getattr(people, trade), HPAYMT).answer == NONE


def test_TC8_a_consent_that_ended_is_no_reason_to_imply_one(registries, people, now):
    registry = registries[NORMAL]
    registry.grant(*granting(permit(people.hospital, end=now + 100)), {"from": people.patient})
    at(now + 100)
    assert decide(registry, people.patient, people.hospital).answer == NONE


def test_what_was_said_to_one_silences_nothing_for_another(registries, people):
    registry = registries[NORMAL]
    registry.grant(*granting(deny(people.hospital)), {"from": people.patient})
    registry.grant(*granting(deny(role(INSURER), purposes=HPAYMT)), {"from": people.patient})
    assert decide(registry, people.patient, people.clinic) == GRANTED
    assert decide(registry, people.stranger, people.hospital) == GRANTED
    assert decide(registry, people.patient, people.insurer, HPAYMT)[:2] == (DENY, ROLE)


@pytest.mark.parametrize("index", [0, 2, ALL])
@pytest.mark.parametrize("named", [True, False], ids=["institution", "role"])
def test_whoever_only_ever_withdrew_implies_nothing(registries, people, index, named):
    """The one way to say no to a policy: nothing was granted, and still it is withdrawn."""
    registry = registries[NORMAL]
    assert decide(registry, people.patient, people.hospital) == GRANTED
    grantee = people.hospital.address if named else role(PROVIDER)
    registry.revoke(grantee, index, {"from": people.patient})
    assert decide(registry, people.patient, people.hospital)[:3] == (NONE, REVOKED, grantee)


@pytest.mark.parametrize("kind", [permit, deny])
def test_TC1_fewer_roles_imply_no_more(registries, institutions, people, kind):
    """The patient spoke to the clinic's pharmacy; the key of somebody who is none is still the clinic's."""
    registry = registries[NORMAL]
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": people.clinic})
    registry.grant(*granting(kind(role(PHARMACY), purposes=HRESCH)), {"from": people.patient})
    for actor in (people.clinic, accounts[20]):
        assert decide(registry, people.patient, actor).answer == NONE
