"""The report: public counters of every end that a claim may have, and the signs that are worth a second look."""

import dataclasses

import pytest

from salus.errors import BadInput
from tests.support.claim_scenario import REF, USD, ClaimScenario

DAY = 24 * 3600


def numbered(claim, *numbers, **changes):
    return [dataclasses.replace(claim, number=number, **changes) for number in numbers]


def of(claim_scenario, **options):
    return claim_scenario.deployed_chain.client().claims.report(insurer=claim_scenario.handle, **options)


def ids(answers):
    return [bytes.fromhex(answer.id[2:]) for answer in answers]


def test_every_end_is_counted_once(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(
        deployed_chain, token, tmp_path, reviewThreshold="30.00", reviewDays=5, appealDays=30
    )
    # The first uses up the deductible; the others would be paid 76 for their visit, which is reviewed.
    claim_scenario.submit(numbered(claim, "small", lines=claim.lines[:1]))
    visits = numbered(claim, *"abcdef", lines=claim.lines[:1])
    a, b, c, d, e, f = ids(claim_scenario.submit(visits))
    claim_scenario.payer.claims.review(a)
    claim_scenario.payer.claims.review(b, 50)
    claim_scenario.desk.claims.withdraw(c)
    for claim_id in (d, e):
        claim_scenario.payer.claims.review(claim_id)
    claim_scenario.desk.claims.reverse(d)
    claim_scenario.desk.claims.appeal(e)
    claim_scenario.submit(numbered(claim, "early", service_day=claim_scenario.cover_late()))
    (plan,) = of(claim_scenario).plans
    counts = ("submitted", "settled", "owed", "pended", "denied", "withdrawn", "reversed", "arbitrated", "appealed")
    assert {name: getattr(plan, name) for name in counts} == {
        "submitted": 8,
        "settled": 3,
        "owed": 0,
        "pended": 1,
        "denied": 1,
        "withdrawn": 1,
        "reversed": 1,
        "arbitrated": 0,
        "appealed": 1,
    }
    assert (plan.refused, plan.denials) == ({26: 1}, {50: 120 * USD})
    # The three that stand and the denied one; of the first 95 are the deductible's.
    assert (plan.charge, plan.paid, plan.insurer) == (480 * USD, 148 * USD, claim_scenario.handle)
    assert plan.paid == claim_scenario.balance() - claim_scenario.desk.treasury.set_off(
        claim_scenario.insurer.address, token, claim_scenario.hospital.address
    )
    arbiter = deployed_chain.client(deployed_chain.regulator)
    arbiter.claims.arbitrate(e, 5 * USD, 45)
    (after,) = of(claim_scenario).plans
    assert (after.settled, after.arbitrated, after.appealed, after.awarded) == (2, 1, 0, 5 * USD)
    assert f in ids(claim_scenario.submit(visits[5:]))


def test_days_from_service_to_payment_count_until_the_debt_is_paid(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, fund=0)
    today = deployed_chain.client().now() // DAY
    (recent,) = numbered(claim, "1", service_day=today - 10)
    claim_scenario.submit([recent])
    (waiting,) = of(claim_scenario).plans
    assert (waiting.owed, waiting.settled, waiting.days, waiting.median_days, waiting.most_days) == (
        1,
        0,
        [],
        None,
        None,
    )
    deployed_chain.node.advance(3 * DAY)
    claim_scenario.fund(100 * USD)
    claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)
    (paid,) = of(claim_scenario).plans
    assert (paid.owed, paid.settled, paid.days) == (0, 1, [13])
    assert (paid.median_days, paid.most_days) == (13, 13)


def test_the_same_line_under_two_numbers(claim_scenario, claim):
    first, second = claim_scenario.submit(numbered(claim, "1", "2"))
    assert {sign.claims for sign in of(claim_scenario).same_lines} == {(first.id, second.id)}
    assert {sign.member for sign in of(claim_scenario).same_lines} == {claim_scenario.patient.address}
    assert len(of(claim_scenario).same_lines) == len(claim.lines)
    claim_scenario.submit(numbered(claim, "3", service_day=claim.service_day + 1))
    assert len(of(claim_scenario).same_lines) == len(claim.lines)


def test_a_reversed_claim_is_no_sign(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, appealDays=30)
    first, _ = ids(claim_scenario.submit(numbered(claim, "1", "2")))
    claim_scenario.desk.claims.reverse(first)
    assert of(claim_scenario).same_lines == ()


def test_more_units_than_a_day_holds(claim_scenario, claim):
    line = dataclasses.replace(claim.lines[2], quantity=60, sequence=1)
    claim_scenario.submit(numbered(claim, "1", "2", lines=(line,)))
    (sign,) = of(claim_scenario).long_days
    assert (sign.provider, sign.day, sign.units, sign.claims) == (claim_scenario.provider, claim.service_day, 120, 2)
    assert of(claim_scenario, units_a_day=120).long_days == ()
    with pytest.raises(BadInput, match="--units-a-day: is 0; give at least 1"):
        of(claim_scenario, units_a_day=0)


def test_a_provider_whose_licence_no_longer_stands(claim_scenario, claim):
    (answer,) = claim_scenario.submit([claim])
    assert of(claim_scenario).lapsed == ()
    claim_scenario.deployed_chain.client(claim_scenario.deployed_chain.regulator).institutions.suspend(
        claim_scenario.hospital.address
    )
    (sign,) = of(claim_scenario).lapsed
    assert (sign.provider, sign.standing, sign.claims, sign.paid) == (
        claim_scenario.provider,
        "suspended",
        1,
        answer.paid,
    )


def test_other_insurers_are_left_out(deployed_chain, token, tmp_path, claim, claim_scenario):
    (tmp_path / "other").mkdir()
    other = ClaimScenario(deployed_chain, token, tmp_path / "other")
    claim_scenario.submit([claim])
    other.submit([claim])
    assert [plan.insurer for plan in of(other).plans] == [other.handle]
    everybody = {plan.insurer for plan in deployed_chain.client().claims.report().plans}
    assert {claim_scenario.handle, other.handle} <= everybody
    assert REF not in repr(of(other))
