"""Doses given and voided, and when the next one is due (interfaces/doses/IDoses.sol).

given a clinic that holds a shipment
    when it is not licensed to give doses                           it is refused: NotLicensed
    when the schedule is unknown, or the series complete            UnknownSchedule, SeriesComplete
    when the day is in the future, or more than a week ago          InvalidDay
    when the interval, less four days of grace, has not passed      TooEarly, with the first day that would count
    when the shipment is not its own, not intact, or empty          as IColdChain.dispense refuses it
    when all is well                                                a unit leaves the shipment, and the dose is kept and
    told
given a dose
    when somebody else, or an expired operator, voids it            NotTheClinic
    when another one followed, or it is voided already              NotTheLastDose
    when it is voided                                               the series is as before it; the unit stays used
"""

import brownie
import pytest
from brownie import accounts

from tests.conftest import CARRIER, PHARMACY, PROVIDER, PUBLIC_HEALTH
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.dose_builders import CVX, DAY, GRACE, NOBODY, NOWHERE, STEPS, Dose, Next, Step, dose_id, on, today
from tests.support.errors import error

FOR_EVER = 2**40 - 1
CLINICS = PROVIDER | PHARMACY | PUBLIC_HEALTH
UNKNOWN, OUT_OF_ROLE, EXPIRED, SUSPENDED, OPERATOR_EXPIRED = 0, 2, 3, 4, 5
EXCURSION, RECALLED = 2, 6


def kept(doses, dose):
    found = Dose(*doses.dose(dose))
    return found._replace(shipment=str(found.shipment), schedule=str(found.schedule))


@pytest.fixture
def nurse(institutions, clinic):
    """Somebody who works at the clinic."""
    institutions.setOperator(accounts[20], PROVIDER, FOR_EVER, {"from": clinic})
    return accounts[20]


# ---- who -------------------------------------------------------------------------------------------------------------


def test_TT7_only_a_clinic_gives_doses(giving, institutions, people):
    stranger, carrier, clinic = people.stranger, people.carrier, people.clinic
    assert giving(by=stranger) == error("NotLicensed", stranger, CLINICS, UNKNOWN)
    assert giving(by=carrier) == error("NotLicensed", carrier, CLINICS, OUT_OF_ROLE)
    institutions.suspend(clinic, {"from": people.regulator})
    assert giving() == error("NotLicensed", clinic, CLINICS, SUSPENDED)


@pytest.mark.parametrize("role", [PROVIDER, PHARMACY, PUBLIC_HEALTH])
def test_hospitals_pharmacies_and_public_health_give_doses(giving, institutions, people, role):
    institutions.renew(people.clinic, role, FOR_EVER, {"from": people.regulator})
    assert giving() is PASSED


def test_an_operator_gives_for_its_clinic(doses, coldchain, give, nurse, clinic, shipment):
    assert kept(doses, give(by=nurse)).clinic == clinic
    assert coldchain.shipment(shipment)["units"] == 19


# ---- which, and when -------------------------------------------------------------------------------------------------


def test_a_schedule_must_be_registered(giving):
    assert giving(schedule=NOWHERE) == error("UnknownSchedule", NOWHERE)


@pytest.mark.parametrize(("ago", "sound"), [(-1, False), (0, True), (1, True), (7, True), (8, False), (20_000, False)])
def test_TC8_a_dose_is_recorded_within_a_week(giving, ago, sound):
    on(today() + 1)
    day = today() - ago
    assert giving(day) == (PASSED if sound else error("InvalidDay", day))


def test_TC8_a_day_begins_at_midnight_utc(giving):
    day = today() + 1
    at(day * DAY - 1)
    assert giving(day) == error("InvalidDay", day)
    assert (giving(day - 1), giving(day - 8)) == (PASSED, PASSED)
    at(day * DAY)
    assert giving(day) is PASSED
    assert giving(day - 8) == error("InvalidDay", day - 8)


@pytest.mark.parametrize("early", [-1, 0, GRACE - 1, GRACE, GRACE + 1])
def test_a_dose_may_be_four_days_early(doses, give, giving, schedule, patient, early):
    """ACIP's grace, to the day."""
    first = today()
    give(first)
    least = STEPS[1].min_interval
    on(first + least - early)
    expected = error("TooEarly", patient, schedule, first + least - GRACE) if early > GRACE else PASSED
    assert giving() == expected
    assert doses.GRACE() == GRACE


@pytest.mark.parametrize("interval", [0, 1, GRACE - 1, GRACE, GRACE + 1])
def test_a_short_interval_never_lets_a_dose_precede_the_one_before_it(
    doses, give, giving, regulator, patient, interval
):
    steps = [Step(), Step(min_interval=interval, due=interval)]
    tx = doses.registerSchedule(CVX, steps, {"from": regulator})
    short = str(tx.events["ScheduleRegistered"]["schedule"])
    on(today() + 5)
    first = today()
    give(first, schedule=short)
    on(first + 3)
    earliest = first + max(interval - GRACE, 0)
    assert giving(earliest, schedule=short) is PASSED
    assert giving(earliest - 1, schedule=short) == error("TooEarly", patient, short, earliest)


def test_a_complete_series_takes_no_more(doses, give, giving, schedule, patient):
    for step in STEPS:
        on(today() + step.due)
        give()
    on(today() + 400)
    assert giving() == error("SeriesComplete", patient, schedule)
    assert Next(*doses.next(patient, schedule)) == Next(3)


def test_series_of_other_patients_and_schedules_are_their_own(doses, give, giving, regulator, people):
    other = doses.registerSchedule(CVX, STEPS[:2], {"from": regulator}).events["ScheduleRegistered"]["schedule"]
    give()
    assert giving(schedule=str(other)) is PASSED
    assert giving(who=people.stranger) is PASSED
    assert giving().startswith("TooEarly")


# ---- from what -------------------------------------------------------------------------------------------------------


def test_TT6_a_clinic_gives_what_it_holds(giving, people, shipment):
    assert giving(by=people.hospital) == error("NotHolder", shipment, people.hospital)
    assert giving(shipment=NOWHERE) == error("UnknownShipment", NOWHERE)


def test_TT6_every_unit_is_given_once(coldchain, give, giving, send, clinic):
    """The last unit leaves an empty shipment, from which nothing is given."""
    small = send(clinic, units=2, ref=b"\2" * 32)
    for n in range(2):
        give(who=accounts[25 + n], shipment=small)
    assert coldchain.shipment(small)["units"] == 0
    assert giving(shipment=small) == error("InvalidShipment", "units")


def test_TT6_a_recalled_lot_is_not_given(coldchain, giving, lot, shipment, regulator):
    coldchain.recall(lot, 7, {"from": regulator})
    assert giving() == error("NotIntact", shipment, RECALLED)


def test_what_is_quarantined_is_not_given(coldchain, giving, shipment, clinic):
    coldchain.quarantine(shipment, 3, {"from": clinic})
    assert giving() == error("NotIntact", shipment, EXCURSION)


def test_nobody_else_dispenses_for_a_clinic(coldchain, shipment, people, manager):
    """The power of the contract Doses is nobody else's: not the regulator's either."""
    for account in (people.regulator, people.stranger, people.hospital, people.manufacturer, manager):
        refused = refusal(coldchain.dispense, shipment, people.clinic, 1, sender=account)
        assert refused == error("AccessManagedUnauthorized", account)


# ---- given -----------------------------------------------------------------------------------------------------------


def test_a_dose_is_kept_and_told(doses, coldchain, shipment, schedule, clinic, patient):
    day = today() - 3
    tx = doses.give(shipment, patient, schedule, day, {"from": clinic})
    dose = dose_id(patient, schedule, 0)
    assert tx.return_value == dose
    assert dict(tx.events["DoseGiven"]) == {
        "dose": dose,
        "patient": patient,
        "shipment": shipment,
        "clinic": clinic,
        "schedule": schedule,
        "step": 0,
        "day": day,
    }
    assert dict(tx.events["UnitsDispensed"]) == {"shipment": shipment, "holder": clinic, "units": 1}
    assert len(tx.events) == 2
    assert kept(doses, dose) == Dose(shipment, clinic, patient, schedule, 0, day, False)
    assert coldchain.shipment(shipment)["units"] == 19


def test_an_unknown_dose_is_empty(doses):
    assert kept(doses, NOWHERE) == Dose("0x" + "00" * 32, NOBODY, NOBODY, "0x" + "00" * 32, 0, 0, False)


def test_when_the_next_dose_is_due(doses, give, schedule, patient):
    assert Next(*doses.next(patient, schedule)) == Next(0)
    day = today()
    give(day)
    assert Next(*doses.next(patient, schedule)) == Next(1, day + 28 - GRACE, day + 30, day + 60)
    on(day + 25)
    give(day + 24)
    assert Next(*doses.next(patient, schedule)) == Next(2, day + 24 + 56 - GRACE, day + 24 + 150, day + 24 + 390)


def test_what_is_never_overdue(doses, give, regulator, patient):
    tx = doses.registerSchedule(CVX, [Step(), Step(due=9)], {"from": regulator})
    schedule = str(tx.events["ScheduleRegistered"]["schedule"])
    give(schedule=schedule)
    assert Next(*doses.next(patient, schedule)) == Next(1, today(), today() + 9, 0)


def test_an_unknown_schedule_has_no_next(doses, patient):
    with brownie.reverts(error("UnknownSchedule", NOWHERE)):
        doses.next(patient, NOWHERE)


# ---- voided ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def voiding(doses, clinic):
    return lambda dose, by=clinic: refusal(doses.void, dose, sender=by)


def test_an_unknown_dose_is_not_voided(voiding):
    assert voiding(NOWHERE) == error("UnknownDose", NOWHERE)


def test_only_the_clinic_voids_its_dose(give, voiding, institutions, people, nurse):
    dose = give()
    for account in (people.hospital, people.stranger, people.patient, people.regulator):
        assert voiding(dose, by=account) == error("NotTheClinic", dose, account)
    assert voiding(dose, by=nurse) is PASSED
    institutions.setOperator(nurse, PROVIDER, now() + 100, {"from": people.clinic})
    on(today() + 1)
    assert voiding(dose, by=nurse) == error("NotTheClinic", dose, nurse)
    institutions.renew(people.clinic, PROVIDER | CARRIER, FOR_EVER, {"from": people.regulator})
    institutions.setOperator(nurse, CARRIER, FOR_EVER, {"from": people.clinic})
    assert voiding(dose, by=nurse) == error("NotTheClinic", dose, nurse)


def test_a_clinic_that_lost_its_licence_puts_right_what_it_recorded(give, voiding, institutions, people, nurse):
    dose = give()
    institutions.suspend(people.clinic, {"from": people.regulator})
    assert voiding(dose) is PASSED
    assert voiding(dose, by=nurse) == error("NotTheClinic", dose, nurse)


def test_only_the_last_dose_is_voided_and_once(doses, give, voiding, clinic):
    first = give()
    on(today() + 30)
    second = give()
    assert voiding(first) == error("NotTheLastDose", first)
    doses.void(second, {"from": clinic})
    assert voiding(second) == error("NotTheLastDose", second)
    assert voiding(first) is PASSED


def test_a_voided_dose_never_counted_but_its_unit_stays_used(
    doses, coldchain, give, giving, schedule, patient, clinic, shipment
):
    day = today()
    give(day)
    before = Next(*doses.next(patient, schedule))
    on(day + 40)
    dose = give(day + 40)
    tx = doses.void(dose, {"from": clinic})
    assert [dict(event) for event in tx.events] == [{"dose": dose, "clinic": clinic}]
    assert Next(*doses.next(patient, schedule)) == before
    assert kept(doses, dose) == Dose(shipment, clinic, patient, schedule, 1, day + 40, True)
    assert coldchain.shipment(shipment)["units"] == 18
    # The interval counts from the dose that counts, and the same day may be recorded again.
    again = give(day + 40)
    assert again == dose_id(patient, schedule, 2) != dose
    assert kept(doses, again).step == 1 and kept(doses, dose).voided
    assert doses.next(patient, schedule)[0] == 2


def test_a_first_dose_that_was_voided_leaves_nothing(doses, give, schedule, patient, clinic):
    doses.void(give(), {"from": clinic})
    assert Next(*doses.next(patient, schedule)) == Next(0)
    on(today() + 1)
    give(today() - 7)
    assert doses.next(patient, schedule)[0] == 1


def test_what_a_dose_costs(doses, shipment, schedule, clinic, people):
    first = doses.give(shipment, people.patient, schedule, today(), {"from": clinic}).gas_used
    on(today() + 30)
    second = doses.give(shipment, people.patient, schedule, today(), {"from": clinic}).gas_used
    assert second < first < 210_000
