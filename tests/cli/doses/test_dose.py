"""The noun dose of the command line, against a chain with all contracts."""

import datetime as dt

import pytest

from salus.doses.schedules import ready_schedules


def test_doses_from_schedule_to_recall(typed, vaccine_maker, deployed_chain, tmp_path):
    name = "measles"
    found = typed("dose", "schedule", name, "--json").json()
    assert (found["cvx"], len(found["steps"])) == (5, 2)
    vaccine_maker.schedule(ready_schedules()[name])
    again = typed("dose", "schedule", name, "--register", by="regulator", code=1)
    assert again.err.splitlines()[-1].startswith("refused: the schedule 0x")
    lot = vaccine_maker.lot()
    shipment = "0x" + vaccine_maker.shipment(lot).hex()
    patient, newborn = deployed_chain.patient().address, deployed_chain.patient().address
    births = tmp_path / "births.csv"
    today = vaccine_maker.salus.doses.today()
    births.write_text(f"patient,birth\n{patient},2020-01-01\n{newborn},{today}\n")

    young = typed("dose", "give", shipment, newborn, "--schedule", name, "--births", births, by="maker", code=1)
    assert young.err.splitlines()[-1].startswith("refused: the patient is too young for dose 1 until ")
    stranger = typed(
        "dose", "give", shipment, vaccine_maker.device, "--schedule", name, "--births", births, by="maker", code=2
    )
    assert "has no line for" in stranger.err
    given = typed("dose", "give", shipment, patient, "--schedule", name, "--births", births, "--json", by="maker")
    dose = given.json()
    assert dose["ageChecked"] is True and "2020" not in given.out + given.err
    assert "NOT checked" in typed("dose", "give", shipment, newborn, "--schedule", name, by="maker").err
    due = today + dt.timedelta(days=183)
    assert f"due {due}, overdue from" in typed("dose", "next", patient, "--schedule", name).out

    assert typed("dose", "due", "--clinic", vaccine_maker.handle, "--json").json() == []
    later = typed("dose", "due", "--clinic", vaccine_maker.handle, "--on", "2100-01-01", "--json").json()
    assert [(d["patient"], d["dose"], d["status"]) for d in later] == [
        (who, 2, "overdue") for who in sorted([patient, newborn])
    ]
    everything = typed("dose", "due", "--clinic", vaccine_maker.handle, "--all", "--json").json()
    assert {d["status"] for d in everything} == {"later"}

    assert typed("dose", "list", "--recalled", "--clinic", vaccine_maker.handle, "--json").json() == []
    vaccine_maker.recall(lot)
    recalled = typed("dose", "list", "--recalled", "--clinic", vaccine_maker.handle, "--json").json()
    assert {d["patient"] for d in recalled} == {patient, newborn}
    assert len(typed("dose", "list", "--lot", "0x" + lot.hex(), "--json").json()) == 2
    typed("dose", "void", dose["dose"], by="maker")
    assert [d["voided"] for d in typed("dose", "list", "--patient", patient, "--json").json()] == [True]
    refused = typed("dose", "void", dose["dose"], by="maker", code=1)
    assert (
        refused.err.splitlines()[-1]
        == f"refused: the dose {dose['dose']} is voided already, or another one of its series followed it"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dose", "schedule", "nothing"), "error: SCHEDULE: 'nothing' is no ready schedule; there are hepatitis-b,"),
        (("dose", "schedule", "--register"), "error: NAME: is missing"),
        (("dose", "due", "--births", "x.csv"), "error: --schedule: is needed with --births"),
        (("dose", "due", "--on", "1.1.2025"), "error: --on: is '1.1.2025'; write 2025-01-31"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(typed, words, said):
    result = typed(*words, code=2)
    assert result.err.splitlines()[-1].startswith(said)
