"""Which version of a plan judges a claim: the one of its service day, whichever file the provider has."""

import dataclasses
import json

import pytest

from salus.claims.desk import State
from salus.claims.plans.file import day_number, load_plan
from salus.claims.plans.versions import judging
from salus.errors import BadInput
from salus.formats.days import day_text
from tests.support.claim_scenario import REF, USD, ClaimScenario


@pytest.fixture
def two(deployed_chain, token, tmp_path):
    """A plan of 2025 and its next version of 2026, which pays all of what it allows; members are in both."""
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, validUntil="2026-01-01")
    document = json.loads(claim_scenario.path.read_text())
    later = {
        "version": 2,
        "series": "0x" + claim_scenario.plan_id.hex(),
        "validFrom": "2026-01-01",
        "validUntil": "2027-01-01",
    }
    claim_scenario.later = tmp_path / "plan-2026.json"
    claim_scenario.later.write_text(json.dumps({**document, **later, "deductible": "0", "coinsurance": "0"}))
    claim_scenario.second = claim_scenario.payer.plans.install(load_plan(claim_scenario.later), token=token)
    claim_scenario.enroll(claim_scenario.patient.address)
    members = [
        dataclasses.replace(
            claim_scenario.payer.plans.membership(claim_scenario.plan_id, claim_scenario.patient.address),
            until_day=30_000,
        )
    ]
    claim_scenario.payer.plans.enroll(claim_scenario.plan_id, members)
    return claim_scenario


def on(claim, date, number):
    return dataclasses.replace(claim, service_day=day_number(date, source="", field=""), number=number)


@pytest.mark.parametrize("file", ["path", "later"], ids=["with the old file", "with the new file"])
def test_each_claim_is_judged_by_the_version_of_its_day(two, claim, file):
    claims = [on(claim, "2025-12-31", "last of the old"), on(claim, "2026-01-01", "first of the new")]
    plan = load_plan(getattr(two, file))
    answers = two.desk.claims.submit(claims, plan, {REF: two.patient.address})
    assert [answer.plan for answer in answers] == ["0x" + two.plan_id.hex(), "0x" + two.second.hex()]
    # The old one takes its deductible and a fifth of the rest, the new one nothing.
    assert [(answer.state, answer.paid) for answer in answers] == [
        (State.SETTLED, 41_360_000),
        (State.SETTLED, 151_700_000),
    ]


def test_an_estimate_is_by_the_version_of_the_day_too(two, claim):
    prepared = two.prepare([on(claim, "2026-06-01", "1")])
    assert [answer.paid for answer in two.desk.claims.estimate(prepared)] == [151_700_000]


def test_submitting_again_with_the_other_file_pays_once_TP1(two, claim):
    claims = [on(claim, "2025-12-31", "1"), on(claim, "2026-01-01", "2")]
    first = two.desk.claims.submit(claims, two.plan, {REF: two.patient.address})
    again = two.desk.claims.submit(claims, load_plan(two.later), {REF: two.patient.address})
    assert [(answer.id, answer.earlier) for answer in again] == [(answer.id, True) for answer in first]
    assert two.balance() == sum(answer.paid for answer in first)


@pytest.mark.parametrize("date", ["2024-12-31", "2027-01-01"])
def test_a_day_that_no_version_covers_is_said_before_anything_is_sent(two, claim, date):
    bad = dataclasses.replace(on(claim, date, "2"), source="claims.csv: line 3")
    problems = []
    (kept,) = two.prepare([on(claim, "2025-06-01", "1"), bad], problems=problems)
    assert kept.input.number == "1"
    (problem,) = problems
    assert str(problem) == (
        f"claims.csv: line 3: servicedDate: is {date}, which no version of the plan covers"
        " (2025-01-01 to 2025-12-31, 2026-01-01 to 2026-12-31); bill the plan of that day"
    )


def test_a_version_that_is_not_published_judges_nothing(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, validUntil="2026-01-01")
    document = json.loads(claim_scenario.path.read_text())
    later = {
        "version": 2,
        "series": "0x" + claim_scenario.plan_id.hex(),
        "validFrom": "2026-01-01",
        "validUntil": "2027-01-01",
    }
    path = tmp_path / "draft.json"
    path.write_text(json.dumps({**document, **later}))
    claim_scenario.payer.plans.register(load_plan(path), token=token)
    with pytest.raises(BadInput, match="is 2026-03-01, which no version of the plan covers"):
        claim_scenario.prepare([on(claim, "2026-03-01", "1")])
    # Its file serves the days of the version that is published.
    (prepared,) = claim_scenario.desk.claims.prepare(
        [on(claim, "2025-03-01", "1")], load_plan(path), {REF: claim_scenario.patient.address}
    )
    assert prepared.plan == claim_scenario.plan_id


def test_a_version_that_waits_for_its_delay_says_how_long(two):
    versions = two.desk.plans.published(two.plan)
    assert [(day_text(v.valid_from), v.token) for v in versions] == [
        ("2025-01-01", two.token),
        ("2026-01-01", two.token),
    ]
    waiting = [dataclasses.replace(versions[0], in_force_at=1_000)]
    with pytest.raises(BadInput, match="the version that judges it is in force in 10 s: submit it then"):
        judging(waiting, versions[0].valid_from, source="claim.json", now=990)
    assert judging(waiting, versions[0].valid_from, source="claim.json", now=1_000) == waiting[0]
    assert USD  # the scenario's token has six decimals, as the sums above
