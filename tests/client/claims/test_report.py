"""The report: public counters of every end that a claim may have, and the signs that are worth a second look."""

import dataclasses

import pytest

from salus.errors import BadInput
from tests.support.claim_scenario import REF, USD, Scene

DAY = 24 * 3600


def numbered(claim, *numbers, **changes):
    return [dataclasses.replace(claim, number=number, **changes) for number in numbers]


def of(scene, **options):
    return scene.world.client().claims.report(insurer=scene.handle, **options)


def ids(answers):
    return [bytes.fromhex(answer.id[2:]) for answer in answers]


def test_every_end_is_counted_once(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, reviewThreshold="30.00", reviewDays=5, appealDays=30)
    # The first uses up the deductible; the others would be paid 76 for their visit, which is reviewed.
    scene.submit(numbered(claim, "small", lines=claim.lines[:1]))
    visits = numbered(claim, *"abcdef", lines=claim.lines[:1])
    a, b, c, d, e, f = ids(scene.submit(visits))
    scene.payer.claims.review(a)
    scene.payer.claims.review(b, 50)
    scene.desk.claims.withdraw(c)
    for claim_id in (d, e):
        scene.payer.claims.review(claim_id)
    scene.desk.claims.reverse(d)
    scene.desk.claims.appeal(e)
    scene.submit(numbered(claim, "early", service_day=scene.cover_late()))
    (plan,) = of(scene).plans
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
    assert (plan.charge, plan.paid, plan.insurer) == (480 * USD, 148 * USD, scene.handle)
    assert plan.paid == scene.balance() - scene.desk.treasury.set_off(
        scene.insurer.address, token, scene.hospital.address
    )
    arbiter = world.client(world.regulator)
    arbiter.claims.arbitrate(e, 5 * USD, 45)
    (after,) = of(scene).plans
    assert (after.settled, after.arbitrated, after.appealed, after.awarded) == (2, 1, 0, 5 * USD)
    assert f in ids(scene.submit(visits[5:]))


def test_days_from_service_to_payment_count_until_the_debt_is_paid(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, fund=0)
    today = world.client().now() // DAY
    (recent,) = numbered(claim, "1", service_day=today - 10)
    scene.submit([recent])
    (waiting,) = of(scene).plans
    assert (waiting.owed, waiting.settled, waiting.days, waiting.median_days, waiting.most_days) == (
        1,
        0,
        [],
        None,
        None,
    )
    world.node.advance(3 * DAY)
    scene.fund(100 * USD)
    scene.desk.treasury.settle(scene.insurer.address, token)
    (paid,) = of(scene).plans
    assert (paid.owed, paid.settled, paid.days) == (0, 1, [13])
    assert (paid.median_days, paid.most_days) == (13, 13)


def test_the_same_line_under_two_numbers(scene, claim):
    first, second = scene.submit(numbered(claim, "1", "2"))
    assert {sign.claims for sign in of(scene).same_lines} == {(first.id, second.id)}
    assert {sign.member for sign in of(scene).same_lines} == {scene.patient.address}
    assert len(of(scene).same_lines) == len(claim.lines)
    scene.submit(numbered(claim, "3", service_day=claim.service_day + 1))
    assert len(of(scene).same_lines) == len(claim.lines)


def test_a_reversed_claim_is_no_sign(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, appealDays=30)
    first, _ = ids(scene.submit(numbered(claim, "1", "2")))
    scene.desk.claims.reverse(first)
    assert of(scene).same_lines == ()


def test_more_units_than_a_day_holds(scene, claim):
    line = dataclasses.replace(claim.lines[2], quantity=60, sequence=1)
    scene.submit(numbered(claim, "1", "2", lines=(line,)))
    (sign,) = of(scene).long_days
    assert (sign.provider, sign.day, sign.units, sign.claims) == (scene.provider, claim.service_day, 120, 2)
    assert of(scene, units_a_day=120).long_days == ()
    with pytest.raises(BadInput, match="--units-a-day: is 0; give at least 1"):
        of(scene, units_a_day=0)


def test_a_provider_whose_licence_no_longer_stands(scene, claim):
    (answer,) = scene.submit([claim])
    assert of(scene).lapsed == ()
    scene.world.client(scene.world.regulator).institutions.suspend(scene.hospital.address)
    (sign,) = of(scene).lapsed
    assert (sign.provider, sign.standing, sign.claims, sign.paid) == (scene.provider, "suspended", 1, answer.paid)


def test_other_insurers_are_left_out(world, token, tmp_path, claim, scene):
    (tmp_path / "other").mkdir()
    other = Scene(world, token, tmp_path / "other")
    scene.submit([claim])
    other.submit([claim])
    assert [plan.insurer for plan in of(other).plans] == [other.handle]
    everybody = {plan.insurer for plan in world.client().claims.report().plans}
    assert {scene.handle, other.handle} <= everybody
    assert REF not in repr(of(other))
