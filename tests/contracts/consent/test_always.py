"""Nothing here can be paused, and nothing grows until it no longer fits a block.

given an administrator who closes every contract that listens to it, and a suspended institution
    when a patient revokes, directly or by signature            it is revoked
    when a patient vetoes, removes a delegate, a recovery ends  it is done
    when a licensed clinician breaks the glass                  it is broken
given a patient with years of use
    when it revokes all of a grantee's, or everything           the cost is bounded
"""

import pytest

from scripts.deploy import ADMIN
from tests.support.access_builders import NO_SECOND, use
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.boundary_time import now as clock
from tests.support.consent_builders import (
    ALL,
    NOBODY,
    OBSERVATION,
    STRICT,
    TREAT,
    WITHDRAWN,
    granting,
    permit,
    record,
    revocation,
    role,
    sign,
)
from tests.support.guardian_helpers import DIRECT

CONSENT = ["ConsentRegistry", "Guardians", "AccessLog"]


@pytest.fixture
def closed(deployed_contracts, manager, institutions, people):
    """Whatever the administrator can close is closed, and the hospital is suspended."""
    assert manager.hasRole(ADMIN, people.regulator)[0]
    institutions.suspend(people.hospital, {"from": people.regulator})
    for name, contract in deployed_contracts.items():
        if name != "AccessManager":
            manager.setTargetClosed(contract, True, {"from": people.regulator})
            assert manager.isTargetClosed(contract)


def test_requirement_8_a_closed_house_revokes(consents, ana, people, now, relay, request):
    relay(sign(consents, ana, permit(people.hospital), now))
    consents.grant(*granting(permit(people.hospital)), {"from": people.patient})
    request.getfixturevalue("closed")
    relay(sign(consents, ana, revocation(people.hospital), now))
    consents.revoke(people.hospital, 0, {"from": people.patient})
    for patient in (ana.address, people.patient):
        assert record(consents, patient, people.hospital).status == WITHDRAWN
    assert refusal(consents.revoke, NOBODY, ALL, sender=people.patient) is PASSED
    assert refusal(consents.grant, *granting(permit(people.clinic)), sender=people.patient) is PASSED


def test_requirement_8_a_closed_house_lets_the_patient_go_on(guardians, recovering, ana, people, closed):
    at(recovering)
    assert refusal(guardians.finishRecovery, ana.address, sender=people.stranger) is PASSED
    args = (people.patient, people.clinic, 0, 0, 0, DIRECT)
    assert refusal(guardians.setDelegate, *args, sender=people.patient) is PASSED
    assert refusal(guardians.setGuardians, people.patient, [], 0, 0, DIRECT, sender=people.patient) is PASSED


def test_requirement_8_TC10_a_closed_house_breaks_the_glass(access_log, consents, people, closed):
    """A patient who is offline and an administrator who closed everything stop no clinician, and no trace."""
    tx = access_log.declareEmergency(people.patient, 1, OBSERVATION, 600, NO_SECOND, {"from": people.clinic})
    assert [event.name for event in tx.events] == ["EmergencyDeclared"]
    used = access_log.record([use(people.patient, emergency=1)], STRICT, {"from": people.clinic})
    assert used.events["AccessRecorded"]["emergency"] == tx.return_value
    assert access_log.emergency(tx.return_value)[2] == people.clinic


@pytest.mark.parametrize("name", CONSENT)
def test_requirement_8_there_is_no_switch(deployed_contracts, name):
    offered = {entry["name"] for entry in deployed_contracts[name].abi if entry["type"] == "function"}
    assert not [function for function in offered if "pause" in function.lower() or "owner" in function.lower()]
    if name != "AccessLog":
        assert "authority" not in offered


# ---- bounded ---------------------------------------------------------------------------------------------------------


def test_TC12_all_of_a_grantees_costs_four_places_at_most(consents, patient, hospital):
    for index in range(4):
        consents.grant(*granting(permit(hospital, index=index)), {"from": patient})
    first = consents.revoke(hospital, ALL, {"from": patient})
    assert [record(consents, patient, hospital, index).status for index in range(4)] == [WITHDRAWN] * 4
    assert first.gas_used < 35_000  # one word, however many places there are


def test_TC12_years_of_use_make_nothing_dearer(consents, patient, hospital):
    """Each place granted and revoked again and again; many grantees beside."""
    costs = []
    for year in range(4):
        for index in range(4):
            consents.grant(*granting(permit(hospital, index=index)), {"from": patient})
        for other in range(10):
            consents.grant(*granting(permit(role(1 << 40 | year << 8 | other))), {"from": patient})
        at(clock() + 365 * 86_400)
        costs.append(consents.revoke(hospital, ALL, {"from": patient}).gas_used)
        at(clock() + 1)
    # The first revocation of a pair writes what it refuses for the first time; in the same slot, so that hardly shows.
    assert max(costs) - min(costs) < 200


def test_TC12_a_crowd_of_delegates_makes_nothing_dearer(guardians, patient):
    def name(number):
        terms = (patient, f"0x{number:040x}", TREAT, OBSERVATION, 2**40 - 1, DIRECT)
        return guardians.setDelegate(*terms, {"from": patient}).gas_used

    crowd = [name(1 << 100 | number) for number in range(1, 31)]
    assert max(crowd) - min(crowd) < 100


def test_TC12_no_function_answers_with_a_list_that_others_make_longer(deployed_contracts):
    """What is listed at all is bounded: guardians, ten of them, and delegates that were named and acted, fourteen."""
    lists = {
        (name, entry["name"])
        for name in CONSENT
        for entry in deployed_contracts[name].abi
        if entry["type"] == "function" and entry["stateMutability"] == "view"
        for value in entry["outputs"]
        if value["type"].endswith("[]") or any(part["type"].endswith("[]") for part in value.get("components", ()))
    }
    assert lists == {
        ("Guardians", "guardianSet"),
        ("Guardians", "pendingGuardians"),
        *((name, "eip712Domain") for name in CONSENT),
        ("ConsentRegistry", "delegatesOf"),
    }
