"""Schedules of doses, as the regulator registers them (interfaces/doses/IDoses.sol).

given a schedule
    when vaccine, steps, an interval or a due day is impossible     it is refused: InvalidSchedule(field)
    when it is registered already                                   it is refused: ScheduleExists
    when it is sound                                                it is kept word for word, under a content hash
"""

import brownie
import pytest

from tests.support.boundary_time import PASSED, refusal
from tests.support.dose_builders import CVX, NOWHERE, STEPS, Step, schedule_id
from tests.support.errors import error


@pytest.fixture
def refused(doses, regulator):
    return lambda *steps, vaccine=CVX: refusal(doses.registerSchedule, vaccine, steps, sender=regulator)


def invalid(field):
    return error("InvalidSchedule", field)


def test_a_schedule_is_of_a_vaccine(refused):
    assert refused(*STEPS, vaccine=0) == invalid("vaccine")


@pytest.mark.parametrize(("count", "sound"), [(0, False), (1, True), (16, True), (17, False)])
def test_a_schedule_has_one_to_sixteen_steps(refused, count, sound):
    assert refused(*[Step(due=30)] * count) == (PASSED if sound else invalid("steps"))


def test_the_first_dose_follows_upon_none(refused):
    assert refused(Step(min_interval=1, due=1)) == invalid("minInterval")
    assert refused(Step(), Step(min_interval=1, due=1)) is PASSED


@pytest.mark.parametrize(("due", "sound"), [(27, False), (28, True), (29, True)])
def test_a_dose_is_not_due_before_it_may_be_given(refused, due, sound):
    assert refused(Step(), Step(min_interval=28, due=due)) == (PASSED if sound else invalid("due"))


@pytest.mark.parametrize(("overdue", "sound"), [(0, True), (29, False), (30, False), (31, True)])
def test_a_dose_is_overdue_after_it_is_due_or_never(refused, overdue, sound):
    assert refused(Step(due=30, overdue=overdue)) == (PASSED if sound else invalid("overdue"))
    assert refused(Step(), Step(due=30, overdue=overdue)) == (PASSED if sound else invalid("overdue"))


def test_a_schedule_is_registered_once(doses, regulator, schedule):
    with brownie.reverts(error("ScheduleExists", schedule)):
        doses.registerSchedule(CVX, STEPS, {"from": regulator})


@pytest.mark.parametrize(
    ("vaccine", "steps"),
    [
        (CVX + 1, STEPS),
        (2**16 - 1, (Step(65_535, 0, 65_534, 65_535), Step(65_535, 65_534, 65_534, 65_535))),
        (1, [Step(n, n, 2 * n, 3 * n) for n in range(16)]),
        (1, [Step(n, n, 2 * n, 3 * n) for n in range(5)]),
    ],
    ids=["usual", "largest", "longest", "across two slots"],
)
def test_a_schedule_is_kept_and_told(doses, regulator, vaccine, steps):
    tx = doses.registerSchedule(vaccine, steps, {"from": regulator})
    assert len(tx.events) == 1
    event = tx.events["ScheduleRegistered"]
    assert (str(event["schedule"]), event["vaccine"]) == (schedule_id(vaccine, steps), vaccine)
    assert [Step(*step) for step in event["steps"]] == list(steps)
    kept, its_steps = doses.schedule(event["schedule"])
    assert (kept, [Step(*step) for step in its_steps]) == (vaccine, list(steps))


def test_a_shorter_schedule_is_another_one(doses, refused, schedule):
    assert refused(*STEPS[:2]) is PASSED
    assert refused(*STEPS, vaccine=CVX + 1) is PASSED


def test_an_unknown_schedule_is_empty(doses):
    assert tuple(doses.schedule(NOWHERE)) == (0, ())
