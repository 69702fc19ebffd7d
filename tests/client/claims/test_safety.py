"""Caps on what a provider is paid, and pools that are halted: requirement 19, in the client and its commands."""

import dataclasses
import json

import pytest

from salus import errors
from salus.claims.model import State
from salus.claims.plans.file import load_plan, read_plan
from salus.claims.plans.plans import Cap
from salus.errors import BadInput
from tests.cli.claims.test_claim import claim_commands  # noqa: F401  (a fixture)
from tests.support.claim_scenario import USD, ClaimScenario


@pytest.fixture
def capped(deployed_chain, token, tmp_path):
    return ClaimScenario(deployed_chain, token, tmp_path, providerCaps=True, reviewDays=7, deductible="0")


def numbered(claim, count):
    return [dataclasses.replace(claim, number=str(n)) for n in range(count)]


def test_TP8_claims_beyond_a_cap_wait_for_review(capped, claim):
    """Each would be paid 121.36."""
    capped.payer.plans.cap(capped.plan_id, Cap(250 * USD, 1))
    answers = capped.submit(numbered(claim, 4))
    assert [answer.state for answer in answers] == [State.SETTLED, State.SETTLED, State.PENDED, State.PENDED]
    assert capped.payer.plans.paid_to(capped.plan_id, capped.provider) == capped.balance() == 242_720_000


def test_a_provider_s_own_cap(capped):
    plans = capped.payer.plans
    plans.cap(capped.plan_id, Cap(9, 1))
    plans.cap(capped.plan_id, Cap(8, 7), provider=capped.provider)
    assert (plans.cap_of(capped.plan_id), plans.cap_of(capped.plan_id, provider=capped.provider)) == (
        Cap(9, 1),
        Cap(8, 7),
    )
    with pytest.raises(errors.InvalidCap):
        plans.cap(capped.plan_id, Cap(1, 0))
    with pytest.raises(errors.NotLicensed):
        capped.desk.plans.cap(capped.plan_id, Cap(0, 0))


def test_the_file_says_whether_caps_count(claim_scenario, capped, tmp_path):
    """What a plan without them is committed to stays what it was before there were caps."""
    assert (claim_scenario.plan.capped, capped.plan.capped) == (False, True)
    assert claim_scenario.payer.plans.terms(claim_scenario.plan_id).rules == 0
    assert capped.payer.plans.terms(capped.plan_id).rules == 16
    document = json.loads(capped.path.read_text())
    path = tmp_path / "other.json"
    path.write_text(json.dumps({**document, "providerCaps": False}))
    assert load_plan(path).document != capped.plan.document
    path.write_text(json.dumps({k: v for k, v in document.items() if k != "providerCaps"}))
    without = load_plan(path)
    path.write_text(json.dumps({**document, "providerCaps": False}))
    assert load_plan(path).document == without.document
    path.write_text(json.dumps({**document, "reviewDays": 0}))
    _, (problem,) = read_plan(path)
    assert str(problem).endswith(
        "reviewDays: is missing; what a provider's cap holds back is reviewed, give at least 1"
    )


def test_TP8_a_halted_pool_owes(claim_scenario, claim):
    treasury, until = claim_scenario.payer.treasury, claim_scenario.payer.now() + 3600
    treasury.halt(claim_scenario.token, until)
    (answer,) = claim_scenario.submit([claim])
    assert (answer.state, claim_scenario.balance()) == (State.OWED, 0)
    assert treasury.pool(claim_scenario.insurer.address, claim_scenario.token).halted_until == until
    with pytest.raises(errors.Halted):
        claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, claim_scenario.token)
    with pytest.raises(errors.NotLicensed):
        claim_scenario.desk.treasury.halt(claim_scenario.token, 0)
    treasury.halt(claim_scenario.token, 0)
    claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, claim_scenario.token)
    assert claim_scenario.balance() == answer.paid > 0


def test_halt_and_cap_on_the_command_line(claim_commands):  # noqa: F811
    claim_scenario = claim_commands(providerCaps=True, reviewDays=7)
    claim_scenario.run("halt", claim_scenario.path, "--days", "2", who="insurer")
    assert "halted    its insurer lets it pay nothing until" in claim_scenario.run("pool", claim_scenario.path).stdout
    assert claim_scenario.run(
        "halt", claim_scenario.path, "--end", "--days", 1, who="insurer", code=2
    ).stderr.startswith("error: --end: is given")
    claim_scenario.run("halt", claim_scenario.path, "--end", who="insurer")
    assert "halted" not in claim_scenario.run("pool", claim_scenario.path).stdout
    said = claim_scenario.run("plan", "cap", claim_scenario.path, "250.00", "--days", 7, who="insurer").stdout
    assert "all without their own: at most 250.00 USD in 7 days, then review" in said
    assert claim_scenario.payer.plans.cap_of(claim_scenario.plan_id) == Cap(250 * USD, 7)
    claim_scenario.run("plan", "cap", claim_scenario.path, "0", who="insurer")
    assert claim_scenario.payer.plans.cap_of(claim_scenario.plan_id) == Cap(0, 0)
    assert "a provider" in claim_scenario.run("plan", "check", claim_scenario.path).stdout


def test_a_cap_that_would_not_count_is_warned_of(claim_commands):  # noqa: F811
    claim_scenario = claim_commands()
    warned = claim_scenario.run("plan", "cap", claim_scenario.path, "250.00", who="insurer").stderr
    assert "warning: the plan does not say providerCaps" in warned
    with pytest.raises(BadInput):
        load_plan(claim_scenario.path.parent / "nowhere.json")
