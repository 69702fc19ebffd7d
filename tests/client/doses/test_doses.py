"""The noun doses: given, voided, due, and out of a recalled lot."""

import datetime as dt
import json
from importlib.resources import files

import pytest

from salus import errors
from salus.doses.doses import Next
from salus.doses.schedules import GRACE, read_births, ready_schedules
from salus.errors import BadInput, Refused
from salus.formats.days import day_of
from tests.support.vaccine_scenario import SHORT, VaccineMaker

READY = ready_schedules()
DAYS = dt.timedelta


@pytest.fixture
def vaccine_maker(deployed_chain):
    return VaccineMaker(deployed_chain)


@pytest.fixture
def patient(deployed_chain):
    return deployed_chain.patient().address


# ----------------------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("name", READY)
def test_every_ready_schedule_is_sound_and_comes_back_word_for_word(deployed_chain, name):
    regulator = deployed_chain.client(deployed_chain.regulator)
    try:
        assert regulator.doses.register_schedule(READY[name]) == READY[name].id
    except errors.ScheduleExists:
        pass
    assert regulator.doses.schedule(READY[name].id) == READY[name]
    assert regulator.doses.schedules()[READY[name].id] == READY[name]


@pytest.mark.parametrize("name", READY)
def test_every_ready_schedule_makes_sense(name):
    """Who comes when due is old enough, and not too early; the ages rise; a source is named for all of it."""
    entry = json.loads(files("salus.doses").joinpath("schedules.json").read_text(encoding="utf-8"))[name]
    assert entry["title"] and len(entry["sources"]) >= 3 and entry["left"]
    age = 0
    for number, step in enumerate(READY[name].steps):
        age += step.due
        assert age + GRACE >= step.min_age and step.due >= step.min_interval
        assert not step.overdue or step.overdue > step.due
        assert not number or step.min_age >= READY[name].steps[number - 1].min_age + step.min_interval
    assert len(READY[name].words) == len(READY[name].steps)


def test_an_unknown_schedule_is_named(salus):
    with pytest.raises(BadInput, match="schedule: 0xabab.* is unknown on this chain"):
        salus.doses.schedule(b"\xab" * 32)


# ---------------------------------------------------------------------------------------------------------- give, void


def test_a_series(vaccine_maker, patient):
    shipment, schedule, doses = (
        vaccine_maker.shipment(vaccine_maker.lot()),
        vaccine_maker.schedule(),
        vaccine_maker.salus.doses,
    )
    assert doses.next(patient, schedule) == Next(0, None, None, None)
    first_day = vaccine_maker.days_ago(7)
    first = doses.give(shipment, patient, schedule, day=first_day)
    found = doses.dose(first)
    assert (found.patient, found.clinic, found.step, found.day, found.voided) == (
        patient,
        vaccine_maker.signer.address,
        0,
        first_day,
        False,
    )
    assert (found.shipment, found.schedule) == ("0x" + shipment.hex(), "0x" + schedule.hex())
    assert doses.next(patient, schedule) == Next(1, first_day + DAYS(4), first_day + DAYS(9), first_day + DAYS(12))
    with pytest.raises(errors.TooEarly, match=f"counts from {first_day + DAYS(4)} on, the grace included"):
        doses.give(shipment, patient, schedule, day=first_day + DAYS(3))
    second = doses.give(shipment, patient, schedule)
    with pytest.raises(errors.NotTheLastDose):
        doses.void(first)
    doses.void(second)
    assert [(d.id, d.voided) for d in doses.given(patient=patient)] == [
        ("0x" + first.hex(), False),
        ("0x" + second.hex(), True),
    ]
    assert doses.next(patient, schedule).step == 1
    assert vaccine_maker.salus.call(vaccine_maker.salus.contract("ColdChain").functions.shipment(shipment)).units == 8


def test_who_is_too_young_is_refused_here_and_nothing_is_sent(vaccine_maker, patient):
    shipment, schedule, doses = (
        vaccine_maker.shipment(vaccine_maker.lot()),
        vaccine_maker.schedule(),
        vaccine_maker.salus.doses,
    )
    today = doses.today()
    before = vaccine_maker.deployed_chain.w3.eth.get_transaction_count(vaccine_maker.signer.address)
    with pytest.raises(Refused, match=f"too young for dose 1 until {today + DAYS(1)}") as refused:
        doses.give(shipment, patient, schedule, birth=today - DAYS(30 - GRACE - 1))
    assert (refused.value.name, day_of(refused.value.arguments["earliest"])) == ("TooYoung", today + DAYS(1))
    assert vaccine_maker.deployed_chain.w3.eth.get_transaction_count(vaccine_maker.signer.address) == before
    doses.give(shipment, patient, schedule, birth=today - DAYS(30 - GRACE))


def test_a_dose_out_of_somebody_elses_shipment_is_refused(deployed_chain, vaccine_maker, patient):
    shipment, schedule = vaccine_maker.shipment(vaccine_maker.lot()), vaccine_maker.schedule()
    clinic, _ = deployed_chain.institution("PROVIDER")
    with pytest.raises(errors.NotHolder):
        deployed_chain.client(clinic).doses.give(shipment, patient, schedule)


def test_an_unknown_dose_is_named(salus):
    with pytest.raises(BadInput, match="dose: 0xabab.* is unknown on this chain"):
        salus.doses.dose(b"\xab" * 32)


# ----------------------------------------------------------------------------------------------------------------- due


def test_who_is_due(deployed_chain, vaccine_maker):
    shipment, schedule, doses = (
        vaccine_maker.shipment(vaccine_maker.lot()),
        vaccine_maker.schedule(),
        vaccine_maker.salus.doses,
    )
    today, patients = doses.today(), [deployed_chain.patient().address for _ in range(5)]
    early, late, gone, young, newborn = patients
    doses.give(shipment, early, schedule, day=today)
    doses.give(shipment, late, schedule, day=today - DAYS(7))
    doses.void(doses.give(shipment, gone, schedule, day=today - DAYS(7)))
    doses.give(shipment, young, schedule, day=today - DAYS(7))
    births = {young: today, newborn: today - DAYS(12)}

    found = {due.patient: due for due in doses.due(clinic=vaccine_maker.handle, schedule=schedule, births=births)}
    assert list(found) == [late, early, newborn, young]
    assert (found[early].step, found[early].earliest, found[early].due) == (1, today + DAYS(4), today + DAYS(9))
    assert (found[late].clinic, found[late].due, found[late].overdue) == (
        vaccine_maker.signer.address,
        today + DAYS(2),
        today + DAYS(5),
    )
    # A first dose counts from birth: due at ten days, and here the least age, less the grace, is later than that.
    assert (found[newborn].step, found[newborn].clinic) == (0, None)
    of_age = today - DAYS(12) + DAYS(30 - GRACE)
    assert (found[newborn].earliest, found[newborn].due, found[newborn].overdue) == (of_age, of_age, of_age + DAYS(10))
    status = [found[late].status(today + DAYS(n)) for n in (-4, -3, 1, 2, 4, 5)]
    assert status == ["later", "possible", "possible", "due", "due", "overdue"]


def test_who_is_complete_or_at_another_clinic_is_not_due(deployed_chain, vaccine_maker):
    shipment, schedule, doses = (
        vaccine_maker.shipment(vaccine_maker.lot()),
        vaccine_maker.schedule(READY["hepatitis-b"]),
        vaccine_maker.salus.doses,
    )
    patient = deployed_chain.patient().address
    doses.give(shipment, patient, schedule)
    assert [due.patient for due in doses.due(clinic=vaccine_maker.handle)] == [patient]
    _, elsewhere = deployed_chain.institution("PROVIDER")
    assert doses.due(clinic=elsewhere) == []
    assert doses.due(clinic=vaccine_maker.handle, schedule=vaccine_maker.schedule(SHORT)) == []


# -------------------------------------------------------------------------------------------------------------- recall


def test_who_had_a_dose_of_a_recalled_lot(deployed_chain, vaccine_maker):
    schedule, doses = vaccine_maker.schedule(), vaccine_maker.salus.doses
    bad, good = vaccine_maker.lot(), vaccine_maker.lot()
    one, two, three = vaccine_maker.shipment(bad), vaccine_maker.shipment(bad), vaccine_maker.shipment(good)
    a, b, c = (deployed_chain.patient().address for _ in range(3))
    for shipment, who in ((one, a), (two, b), (three, c)):
        doses.give(shipment, who, schedule)
    assert [dose.patient for dose in doses.of_lot(bad)] == [a, b]
    assert not {dose.patient for dose in doses.recalled()} & {a, b, c}
    vaccine_maker.recall(bad)
    assert {dose.patient for dose in doses.recalled()} & {a, b, c} == {a, b}
    with pytest.raises(errors.NotIntact):
        doses.give(one, deployed_chain.patient().address, schedule)


# ------------------------------------------------------------------------------------------------------------ birthdays

SOMEBODY = "0x" + "ab" * 20


def test_birthdays_are_read(tmp_path):
    path = tmp_path / "births.csv"
    path.write_text(f"patient,birth,note\n{SOMEBODY},2024-02-29,x\n")
    assert list(read_births(path).values()) == [dt.date(2024, 2, 29)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "patient: is no column"),
        ("patient;birth\n", "line 1: its cells are separated by semicolons; save it with commas"),
        (f"patient,birth\n{SOMEBODY},29.2.2024\n", "line 2: birth: is '29.2.2024'; give YYYY-MM-DD"),
        (f"patient,birth\n{SOMEBODY},2023-02-29\n", "line 2: birth: is '2023-02-29'"),
        ("patient,birth\n0x12,2024-01-01\n", "line 2: patient: is '0x12'"),
        (f"patient,birth\n{SOMEBODY}\n", "line 2: has more or fewer cells"),
        (
            f"patient,birth\n{SOMEBODY},2024-01-01\n{SOMEBODY},2024-01-02\n",
            "line 3: patient: has another birthday above",
        ),
        (f'patient,birth\n"{SOMEBODY},2024-01-01\n', "is not CSV"),
    ],
)
def test_what_is_no_list_of_birthdays_is_refused_by_line(tmp_path, text, said):
    path = tmp_path / "births.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        read_births(path)
