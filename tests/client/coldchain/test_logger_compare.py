"""The device's own alarms, minutes and mean kinetic temperature beside what its readings say."""

from pathlib import Path

import pytest

from salus.coldchain.loggers import Alarm, LoggerExport, Reading, compare, markdown, read
from salus.coldchain.loggers.export import DeviceReport
from tests.support.shared_data import ROOT, shared

FOLDER = "temperature-loggers"
EXPORTS = {
    "Q-tag CLm doc LR": "q-tag-clm_RCPJ00010_02.txt",
    "Fridge-tag Ultra Low": "fridge-tag-ul_100800001215.txt",
    "Fridge-tag 2": "fridge-tag-2_130400191542.txt",
    "Fridge-tag 2, another": "fridge-tag-2_130400191544.txt",
}


def export_of(centi, alarm, device_minutes, *, interval=600, **report):
    readings = tuple(Reading(1736143200 + n * interval, value) for n, value in enumerate(centi))
    known = [value for value in centi if value is not None]
    said = {"lowest": min(known), "highest": max(known), "energy": None, **report}
    return LoggerExport(
        "", "", "", interval, readings, (alarm,), None, "absent", report=DeviceReport(minutes=(device_minutes,), **said)
    )


def test_the_table_in_the_docs_is_what_is_computed_now():
    exports = [(name, read(shared(FOLDER, file))) for name, file in EXPORTS.items()]
    page = Path(ROOT, "docs", "loggers.md").read_text(encoding="utf-8")
    assert page.split("<!-- comparison -->\n")[1].split("<!-- end -->")[0] == markdown(exports)


def test_every_difference_in_real_files_is_explained_and_no_alarm_differs():
    for file in EXPORTS.values():
        for row in compare(read(shared(FOLDER, file))):
            assert row.explained, row
            if row.raised is not None and row.raised[1] is not None:
                assert row.raised[0] == row.raised[1], row


def test_q_tag_in_figures():
    rows = {row.quantity: row for row in compare(read(shared(FOLDER, EXPORTS["Q-tag CLm doc LR"])))}
    hot = rows["above 8.00 °C, 30 min at a time"]
    assert (hot.device, hot.ours, hot.raised) == (219, 210, (True, True))
    cold = rows["below 2.00 °C, 60 min altogether"]
    assert (cold.device, cold.ours) == (598, 630)
    assert cold.why.startswith("limit: 50 min hang on readings of 2.00 °C itself")
    mkt = rows["mean kinetic temperature"]
    assert mkt.device == 10.5 and mkt.ours == pytest.approx(10.5948, abs=1e-4)
    assert mkt.why == "energy: 83 kJ/mol gives 10.584, cut to one decimal"


def test_a_device_that_says_nothing_has_no_rows(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("time,celsius\n2025-01-06T06:00:00Z,4\n2025-01-06T06:10:00Z,4\n")
    assert compare(read(path)) == []


HOT = Alarm("above", "single", 800, 30, True)


@pytest.mark.parametrize(
    "device, why, explained",
    [
        (30, "", True),
        (25, "resolution: readings every 10 min allow 20 to 40 min", True),
        (40, "resolution: readings every 10 min allow 20 to 40 min", True),
        (41, "unexplained", False),
        (19, "unexplained", False),
    ],
)
def test_minutes_beyond_what_the_resolution_allows_are_unexplained(device, why, explained):
    alarm = Alarm("above", "cumulative", 800, 30, True)
    row = compare(export_of([500, 900, 900, 900, 500], alarm, device))[2]
    assert (row.why, row.explained, row.ours) == (why, explained, 30)


def test_readings_at_the_limit_count_here():
    row = compare(export_of([500, 800, 800, 800, 500], HOT, 0))[2]
    assert (row.ours, row.raised, row.why) == (30, (True, True), "limit: 30 min hang on readings of 8.00 °C itself")
    below = Alarm("below", "cumulative", -50, 10, False)
    row = compare(export_of([500, -50, 500], below, 0))[2]
    assert (row.ours, row.raised) == (10, (False, True))


def test_silence_explains_what_the_device_saw_and_did_not_log():
    alarm = Alarm("above", "cumulative", 800, 30, True)
    row = compare(export_of([500, 900, None, None, 500], alarm, 35))[2]
    assert (row.why, row.explained) == ("silence: no reading was logged for 20 min", True)


def test_a_device_that_logged_more_than_it_says_it_saw_is_unexplained():
    rows = compare(export_of([500, 900], HOT, 10, lowest=550, highest=850))
    assert [(row.why, row.explained) for row in rows[:2]] == [("unexplained", False)] * 2
