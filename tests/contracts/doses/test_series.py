"""Series of doses beside a model that keeps every dose in a list: whatever is given and voided, in any order.

DO1, DO2 and DO3 of INVARIANTS.md.
"""

import pytest
from brownie.test import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.support import dose_builders
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.dose_builders import DAY, GRACE, Next, Step, dose_id, today
from tests.support.errors import error

SCHEDULE = (Step(0, 0, 10, 20), Step(0, 3, 5, 0), Step(0, 10, 12, 13))


class Model:
    """What IDoses says, over a plain list of all that was ever recorded."""

    def __init__(self):
        self.all = []  # [patient, day, voided]

    def counted(self, patient):
        return [day for who, day, voided in self.all if who == patient and not voided]

    def refused(self, patient, schedule, day, clock):
        counted = self.counted(patient)
        if len(counted) == len(SCHEDULE):
            return error("SeriesComplete", patient, schedule)
        if day > clock or day < clock - 7:
            return error("InvalidDay", day)
        if counted:
            earliest = max(counted[-1], counted[-1] + SCHEDULE[len(counted)].min_interval - GRACE)
            if day < earliest:
                return error("TooEarly", patient, schedule, earliest)
        return PASSED

    def next(self, patient):
        counted = self.counted(patient)
        if not counted or len(counted) == len(SCHEDULE):
            return Next(len(counted))
        step, last = SCHEDULE[len(counted)], counted[-1]
        overdue = last + step.overdue if step.overdue else 0
        return Next(len(counted), last + max(step.min_interval - GRACE, 0), last + step.due, overdue)

    def last(self, n):
        """Whether a dose is the last of its series that counts."""
        who, _, voided = self.all[n]
        return not voided and not [1 for other, _, gone in self.all[n + 1 :] if other == who and not gone]


@pytest.fixture(scope="module")
def short(doses, regulator):
    return str(
        doses.registerSchedule(dose_builders.CVX, SCHEDULE, {"from": regulator}).events["ScheduleRegistered"][
            "schedule"
        ]
    )


# Every step there is, in one list: to draw one of it costs next to nothing. What would be drawn too seldom stands in it
# more than once.
GIVE = [("give", who, ago) for who in (0, 1) for ago in range(-1, 10)]
GIVE_NOW = [("give", who, ago) for who in (0, 1) for ago in (0, 1)]
VOID = [("void", n, 0) for n in range(21)]
WAIT = [("wait", days, 0) for days in range(1, 13)]
STEPS = st.lists(st.sampled_from([*GIVE, *5 * GIVE_NOW, *VOID, *2 * WAIT]), min_size=1, max_size=14)


@given(steps=STEPS)
@settings(max_examples=25)
def test_any_series_is_as_the_model_says(doses, coldchain, shipment, short, clinic, people, steps):
    patients = (people.patient, people.stranger)
    model, ids = Model(), []
    for word, n, ago in steps:
        if word == "wait":
            at(now() + n * DAY)
        elif word == "give":
            who, day = patients[n], today() - ago
            expected = model.refused(who, short, day, today())
            assert refusal(doses.give, shipment, who, short, day, sender=clinic) == expected
            if expected is PASSED:
                number = sum(other == who for other, _, _ in model.all)
                ids.append(dose_id(who, short, number))
                assert doses.give(shipment, who, short, day, {"from": clinic}).return_value == ids[-1]
                model.all.append([who, day, False])
        elif ids:
            n %= len(ids)
            expected = PASSED if model.last(n) else error("NotTheLastDose", ids[n])
            assert refusal(doses.void, ids[n], sender=clinic) == expected
            if expected is PASSED:
                doses.void(ids[n], {"from": clinic})
                model.all[n][2] = True
        for who in patients:
            assert Next(*doses.next(who, short)) == model.next(who)
    for dose, (who, day, voided) in zip(ids, model.all, strict=True):
        found = doses.dose(dose)
        assert (found[2], found[5], found[6]) == (who, day, voided)
    assert coldchain.shipment(shipment)["units"] == 20 - len(ids)
