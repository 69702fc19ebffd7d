"""Loggers' exports: what real files become, and each way of refusing one."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from salus.coldchain.loggers import Alarm, Reading, read, read_berlinger, read_csv, write_qtag
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

FOLDER = "temperature-loggers"
KEY = ec.derive_private_key(7, ec.SECP256R1())  # a key that everybody knows: the device is simulated


def refused(path, reader=read, **options):
    with pytest.raises(BadInput) as error:
        reader(path, **options)
    assert "\n" not in str(error.value)
    return error.value.field, error.value.fix


@pytest.fixture
def saved(tmp_path):
    def save(content, name="export.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save


# -------------------------------------------------------------------------------------------------------- real files


def test_q_tag():
    export = read(shared(FOLDER, "q-tag-clm_RCPJ00010_02.txt"))
    assert (export.device, export.serial, export.signature) == ("Q-tag CLm doc LR", "RCPJ00010", "verified")
    assert (export.interval_s, len(export.readings), export.missing) == (600, 124, 0)
    assert export.readings[0] == Reading(1667882940, 440)  # 2022-11-08 04:49 UTC
    assert export.readings[-1] == Reading(1667956740, 2410)  # 2022-11-09 01:19 UTC
    assert (export.lowest, export.highest) == (90, 2430)
    assert export.alarms == (
        Alarm("above", "single", 800, 30, True),
        Alarm("above", "cumulative", 800, 60, True),
        Alarm("below", "cumulative", 200, 60, True),
        Alarm("below", "single", 200, 30, True),
    )
    # The device cuts to one decimal and takes 83.0 kJ/mol; ours is USP's 83.144.
    assert export.device_mkt == 1050 and export.mkt == pytest.approx(10.5948, abs=1e-4)


def test_ultra_low():
    export = read(shared(FOLDER, "fridge-tag-ul_100800001215.txt"))
    assert (export.serial, export.signature, export.interval_s) == ("100800001215", "verified", 300)
    assert (len(export.readings), export.missing) == (841, 6)
    assert [reading.centi for reading in export.readings[:4]] == [None, None, None, -960]
    assert (export.lowest, export.highest) == (-1700, -960)
    assert [day.date for day in export.days] == ["2023-04-20", "2023-04-19", "2023-04-18", "2023-04-17"]
    assert export.days[0].alarm_minutes == (0, 834)
    assert export.alarms[1] == Alarm("above", "single", -6000, 60, True)


@pytest.mark.parametrize(
    "serial, days, lowest, highest, raised",
    [("130400191542", 60, 1470, 1950, True), ("130400191544", 4, 150, 2080, False)],
)
def test_fridge_tag_2_has_a_history_and_no_readings(serial, days, lowest, highest, raised):
    path = shared(FOLDER, f"fridge-tag-2_{serial}.txt")
    export = read(path)
    assert (export.serial, export.signature, export.readings, export.interval_s) == (serial, "verified", (), 0)
    assert (len(export.days), export.lowest, export.highest) == (days, lowest, highest)
    assert [alarm.raised for alarm in export.alarms] == [False, raised]
    assert export.mkt is None
    with pytest.raises(BadInput) as error:
        export.batches()
    assert str(error.value) == (
        f"{path}: Data: is missing: this Q-tag Fridge-tag 2 keeps a daily history only, from which no reading can be"
        " judged; give an export with readings"
    )


def test_edited_file_is_refused():
    path = shared(FOLDER, "fridge-tag-2l_edited.txt")
    assert refused(path) == ("line 593: Sig", "does not verify, so the file was edited; give it as the device wrote it")


def test_every_logger_file_is_in_a_test():
    assert {path.name for path in shared(FOLDER).glob("*.txt")} == {
        "q-tag-clm_RCPJ00010_02.txt",
        "fridge-tag-ul_100800001215.txt",
        "fridge-tag-2_130400191542.txt",
        "fridge-tag-2_130400191544.txt",
        "fridge-tag-2l_edited.txt",
    }


def test_line_ends_may_be_lf(saved):
    content = shared(FOLDER, "q-tag-clm_RCPJ00010_02.txt").read_bytes().replace(b"\r\n", b"\n")
    assert read(saved(content)).signature == "verified"


@pytest.mark.parametrize("part", [b"24.1", b"2022-11-08 04:49\t4.4", b"RCPJ00010", b"Zone: 0.00"])
def test_any_changed_part_breaks_the_signature(part, saved):
    content = shared(FOLDER, "q-tag-clm_RCPJ00010_02.txt").read_bytes()
    other = part[:-1] + (b"3" if part.endswith(b"1") else b"1")
    field, _ = refused(saved(content.replace(part, other, 1)))
    assert field.endswith(": Sig")


@pytest.mark.parametrize("length", [1, 20, 300, 1500, 2500, 4500, 4900, 5200, 5300, 5418])
def test_cut_short_real_file_is_refused(length, saved):
    content = shared(FOLDER, "q-tag-clm_RCPJ00010_02.txt").read_bytes()
    assert len(content) > length
    refused(saved(content[:length]), read_berlinger)


# ------------------------------------------------------------------------------------------------------ simulated ones


def simulated(centi=(400, 410, 395, 420), step=600, start=1736143200, **options):
    readings = [Reading(start + n * step, value) for n, value in enumerate(centi)]
    return write_qtag(readings, "SIM00000001", **options)


@given(
    centi=st.lists(st.none() | st.integers(-27315, 15000), min_size=2, max_size=40),
    minutes=st.integers(1, 1092),
    start=st.integers(0, 10**7),
    signed=st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, centi, minutes, start, signed):
    path = tmp_path_factory.mktemp("qtag") / "export.txt"
    path.write_bytes(simulated(centi, minutes * 60, start * 60, key=KEY if signed else None))
    export = read(path)
    assert [reading.centi for reading in export.readings] == centi
    assert [reading.time for reading in export.readings] == [(start + n * minutes) * 60 for n in range(len(centi))]
    assert (export.interval_s, export.signature) == (minutes * 60, "verified" if signed else "absent")


@pytest.mark.parametrize(
    "centi, step, start, serial",
    [
        ((400,), 600, 0, "S"),
        ((400, 400), 90, 0, "S"),
        ((400, 400), 600, 30, "S"),
        ((400, 16000), 600, 0, "S"),
        ((400, 400), 65_580, 0, "S"),
        ((400, 400), 600, 0, ""),
        ((400, 400), 600, 0, "a\nb"),
    ],
)
def test_what_cannot_be_written(centi, step, start, serial):
    with pytest.raises(ValueError):
        write_qtag([Reading(start + n * step, value) for n, value in enumerate(centi)], serial)


def test_unsigned_file_that_is_cut_short(saved):
    content = simulated()
    assert read(saved(content)).signature == "absent"
    short = content[: content.rindex(b"\t2025")]
    assert refused(saved(short)) == (
        "Data",
        "does not reach TS Stop 2025-01-06 06:30, the file is cut short; export it again",
    )
    assert refused(saved(content[:-2])) == (
        "Data",
        "does not reach TS Stop 2025-01-06 06:30, the file is cut short; export it again",
    )


@pytest.mark.parametrize(
    "old, new, field, fix",
    [
        ("\t4.1\t", "\t151.0\t", "line 26: Data", "is 151.00 °C, which is impossible; give −273.15 to 150 °C"),
        ("\t4.1\t", "\t-273.16\t", "line 26: Data", "is -273.16 °C, which is impossible; give −273.15 to 150 °C"),
        ("\t4.1\t", "\tNaN\t", "line 26: Data", "is 'NaN', no temperature; export it again"),
        ("\t4.1\t", "\t4,1\t", "line 26: Data", "is '4,1', no temperature; export it again"),
        (
            "06:10\t",
            "06:00\t",
            "line 26: Data",
            "is the same time as the reading above it; give the file as the device wrote it",
        ),
        ("06:10\t", "05:10\t", "line 26: Data", "is before the reading above it; give the file as the device wrote it"),
        ("06:10\t", "25:10\t", "line 26: Data", "is '2025-01-06 25:10', no time; export it again"),
        (
            "06:10\t4.1\t",
            "06:10",
            "line 26: Data",
            "is '2025-01-06 06:10', no reading, the file is cut short or edited",
        ),
        ("Interval: 10", "Interval: 0", "line 8: Logging Interval", "is '0'; give 1 to 1092 minutes"),
        ("Zone: 0.00", "Zone: 0.17", "line 7: Zone", "is '0.17'; give the hours from UTC, e.g. 5.50"),
        ("Zone: 0.00", "Temp unit: K\r\n Zone: 0.00", "line 7: Temp unit", "is 'K'; give an export in C or F"),
        ("Type: 2", "Type: 9", "line 10: Alarm", "is of the unknown type 9; export it again"),
        ("Serial: SIM00000001", "Serial:", "line 6: Serial", "is missing or no plain text; export it again"),
        ("Conf:", "Conf", "line 5", "is 'Conf', no `key: value`; export it again"),
        (
            "\tyyyy-MM-dd hh:mm\tT\tOut of limits\r\n",
            "",
            "line 23: Data",
            "lacks its header, the file is cut short; export it again",
        ),
    ],
)
def test_refused_edit(old, new, field, fix, saved):
    content = simulated().decode()
    assert old in content
    assert refused(saved(content.replace(old, new, 1))) == (field, fix)


def test_appended_lines_are_refused(saved):
    content = simulated(key=KEY)
    assert refused(saved(content + b"Data:\r\n"))[0].endswith(": Sig")


@pytest.mark.parametrize(
    "zone, hours", [("5.50", 5.5), ("-3.30", -3.5), ("+12.75", 12.75), ("12.45", 12.75), ("1.00", 1)]
)
def test_zone_is_taken_off(zone, hours, saved):
    content = simulated().decode().replace("Zone: 0.00", f"Zone: {zone}")
    assert read(saved(content)).readings[0].time == 1736143200 - hours * 3600


def test_fahrenheit(saved):
    content = simulated((4640, 3200, -4000)).decode().replace(" Zone:", " Temp unit: F\r\n Zone:")
    assert [reading.centi for reading in read(saved(content)).readings] == [800, 0, -4000]


# ----------------------------------------------------------------------------------------------------------------- csv


def test_csv(saved):
    text = "time,celsius\n2025-01-06T06:00:00Z,4.85\n2025-01-06T07:10:00+01:00,\n\n2025-01-06 06:20Z,-0.5\n"
    export = read(saved(text, "r.csv"))
    assert export.readings == (Reading(1736143200, 485), Reading(1736143800, None), Reading(1736144400, -50))
    assert (export.interval_s, export.signature, export.serial, export.missing) == (600, "absent", "", 1)


def test_csv_with_local_times(saved):
    path = saved("time,celsius\n2025-01-06T06:00,4\n2025-01-06T06:10,4\n", "r.csv")
    assert refused(path) == (
        "line 2: time",
        "is '2025-01-06T06:00', without an offset; write Z or ±hh:mm, or give --utc-offset",
    )
    assert read(path, utc_offset="+05:30").readings[0].time == 1736143200 - 19_800
    assert refused(path, utc_offset="5h") == ("offset", "is '5h'; give Z or ±hh:mm, e.g. +05:30")


def row(text):
    return f"time,celsius\n2025-01-06T06:00:00Z,4\n{text}\n"


@pytest.mark.parametrize(
    "text, field, fix",
    [
        ("a,b\n1,2\n", "line 1", "is 'a,b'; give the header time,celsius"),
        ("time;kelvins\n", "line 1", "is 'time,kelvins'; give the header time,celsius"),
        ("time,celsius,kelvin\n", "line 1", "is 'time,celsius,kelvin'; give the header time,celsius"),
        ("time,unix,celsius\n", "line 1", "is 'time,unix,celsius'; give the header time,celsius"),
        ("time,celsius\n", "file", "holds 0 readings; give at least two, so that their distance is known"),
        (
            row("2025-01-06T06:10:00Z,4")[:-1],
            "last line",
            "has no line end, so the file may be cut short; export it again",
        ),
        (row("2025-01-06T06:00:00Z,4"), "line 3: time", "comes twice; keep one reading"),
        (
            row("2025-01-06T05:00:00Z,4"),
            "line 3: time",
            "is before the line above; sort the readings by time, or give the files from before and after the clock was"
            " set one by one",
        ),
        (row("2025-01-06T06:10:00Z"), "line 3", "has 1 fields; give time,celsius"),
        (row("06/01/2025 06:10,4"), "line 3: time", "is '06/01/2025 06:10'; give ISO 8601, e.g. 2026-01-05T06:00:00Z"),
        (
            row("2025-02-30T06:10:00Z,4"),
            "line 3: time",
            "is '2025-02-30T06:10:00Z', which is no time; give one of the calendar",
        ),
        (
            row("2025-01-06T06:10:00Z,4.125"),
            "line 3: celsius",
            "is '4.125'; give °C with at most two decimals, or leave it empty",
        ),
        (
            row("2025-01-06T06:10:00Z,1e3"),
            "line 3: celsius",
            "is '1e3'; give °C with at most two decimals, or leave it empty",
        ),
        (
            row("2025-01-06T06:10:00Z,-300"),
            "line 3: celsius",
            "is -300.00 °C, which is impossible; give −273.15 to 150 °C",
        ),
        (row('"2025-01-06T06:10:00Z,4'), "line 3", "is not CSV (unexpected end of data); give time,celsius"),
        (row("2025-01-07T06:10:00Z,4"), "time", "steps by 87000 s; give readings at most 18 hours apart"),
        (row("1969-01-07T06:10:00Z,4"), "line 3: time", "is '1969-01-07T06:10:00Z'; give a time from 1970 on"),
    ],
)
def test_refused_csv(text, field, fix, saved):
    assert refused(saved(text, "r.csv"), read_csv) == (field, fix)


@pytest.mark.parametrize(
    "text, centi",
    [
        ("time;celsius\n2025-01-06T06:00:00Z;4,85\n2025-01-06T06:10:00Z;-0,5\n", [485, -50]),
        ("time\tcelsius\n2025-01-06T06:00:00Z\t4.85\n2025-01-06T06:10:00Z\t-0,5\n", [485, -50]),
        ("Time,Fahrenheit\n2025-01-06T06:00:00Z,46.4\n2025-01-06T06:10:00Z,31\n", [800, -56]),
        ("time,kelvin\n2025-01-06T06:00:00Z,273.15\n2025-01-06T06:10:00Z,281.15\n", [0, 800]),
        ("time,celsius_x10\n2025-01-06T06:00:00Z,48\n2025-01-06T06:10:00Z,-5\n", [480, -50]),
        ("time,celsius_x100\n2025-01-06T06:00:00Z,485\n2025-01-06T06:10:00Z,-50\n", [485, -50]),
        ("no,unix,celsius,remark\n1,1736143200,4.85,a\n2,1736143800,--.-,\n", [485, None]),
        ("time,celsius\n2025-01-06T06:00:00Z,NaN\n2025-01-06T06:10:00Z,null\n", [None, None]),
    ],
)
def test_other_separators_units_and_columns(text, centi, saved):
    export = read(saved(text, "r.csv"))
    assert export.readings == tuple(Reading(1736143200 + n * 600, value) for n, value in enumerate(centi))


@pytest.mark.parametrize(
    "text, field, fix",
    [
        # TT3: ten or a hundred times too much is refused where it is impossible, and never guessed.
        (
            "time,celsius\n2025-01-06T06:00:00Z,485\n",
            "line 2: celsius",
            "is 485.00 °C, which is impossible; give −273.15 to 150 °C",
        ),
        ("time,celsius_x10\n2025-01-06T06:00:00Z,4.8\n", "line 2: celsius_x10", None),
        (
            "time,celsius_x100\n2025-01-06T06:00:00Z,4.85\n",
            "line 2: celsius_x100",
            "is '4.85'; give whole hundredths of °C, or leave it empty",
        ),
        (
            "time,kelvin\n2025-01-06T06:00:00Z,277.151\n",
            "line 2: kelvin",
            "is '277.151'; give K with at most two decimals, or leave it empty",
        ),
        *(
            (
                f"time,{unit}\n2025-01-06T06:00:00Z,{value}\n",
                f"line 2: {unit}",
                f"is {value}, which loggers write for no reading; leave it empty where that is meant",
            )
            for unit, value in (
                ("celsius", "-999"),
                ("celsius", "327.67"),
                ("celsius", "-3276.8"),
                ("celsius", "9999"),
                ("celsius_x100", "-32768"),
                ("celsius_x100", "32767"),
                ("celsius_x10", "32767"),
            )
        ),
        ("unix,celsius\n1736143200.5,4\n", "line 2: time", "is '1736143200.5'; give Unix seconds"),
        ("time,celsius\n2025-01-06T06:00:00Z,4,85\n", "line 2", "has 3 fields; give time,celsius"),
    ],
)
def test_tt3_units_and_sentinels_are_not_guessed(text, field, fix, saved):
    path = saved(text, "r.csv")
    if fix is None:  # 4.8 tenths are 0.48 °C, which two decimals hold
        assert refused(path)[0] == "file"
    else:
        assert refused(path) == (field, fix)


def local(*times):
    return "time,celsius\n" + "".join(f"{time},4\n" for time in times)


def times_of(export):
    return [(reading.time - 1761433200) // 60 for reading in export.readings]  # from 2025-10-25 23:00 UTC


def test_daylight_saving_ends(saved):
    """In the night to 2025-10-26 Zurich has the hour from 2:00 twice."""
    hours = [f"2025-10-26T{clock}" for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")]
    export = read(saved(local(*hours), "r.csv"), utc_offset="Europe/Zurich")
    assert times_of(export) == [30, 60, 90, 120, 150, 180]


def test_daylight_saving_begins(saved):
    path = saved(local("2025-03-30T01:50", "2025-03-30T03:00"), "r.csv")
    one, other = read(path, utc_offset="Europe/Zurich").readings
    assert other.time - one.time == 600
    path = saved(local("2025-03-30T01:50", "2025-03-30T02:10"), "r.csv")
    assert refused(path, utc_offset="Europe/Zurich") == (
        "line 3: time",
        "is '2025-03-30T02:10', a time that Europe/Zurich skips; export with offsets",
    )


def test_first_reading_in_the_doubled_hour_could_be_either(saved):
    path = saved(local("2025-10-26T02:30", "2025-10-26T03:00"), "r.csv")
    assert refused(path, utc_offset="Europe/Zurich") == (
        "line 2: time",
        "is '2025-10-26T02:30', an hour that Europe/Zurich has twice; begin earlier, or export with offsets",
    )


def test_offsets_that_change_within_a_file(saved):
    path = saved(local("2025-10-26T02:50+02:00", "2025-10-26T02:00+01:00"), "r.csv")
    assert times_of(read(path)) == [110, 120]


def test_unknown_zone(saved):
    path = saved(local("2025-10-26T02:50", "2025-10-26T03:00"), "r.csv")
    assert refused(path, utc_offset="Europe/Atlantis")[1] == "is 'Europe/Atlantis', no known zone; give ±hh:mm"
    assert refused(path, utc_offset="../../etc/passwd")[0] == "offset"


def test_tt2_clock_that_jumps_ahead_leaves_a_gap(saved):
    """What lies between is no reading: the contract counts it as unknown."""
    times = ("2025-01-06T06:00Z", "2025-01-06T06:10Z", "2025-01-07T06:10Z", "2025-01-07T06:20Z")
    export = read(saved(local(*times), "r.csv"))
    assert export.interval_s == 600
    assert [(batch.start, batch.count) for batch in export.batches()] == [(1736143200, 2), (1736230200, 2)]


def test_unknown_format(saved):
    assert refused(saved(b"\x89PNG\r\n")) == (
        "line 1",
        "is of no known logger; give a Berlinger text export, EPCIS 2.0, or CSV with the header time,celsius",
    )
    assert refused(saved("hello\n"), read_berlinger)[0] == "line 1"


def test_examples():
    hot, intact, table = (read(EXAMPLES / name) for name in ("qtag-excursion.txt", "qtag-intact.txt", "readings.csv"))
    assert (hot.signature, hot.highest, len(hot.readings)) == ("verified", 1460, 288)
    assert (intact.signature, intact.highest, intact.lowest) == ("verified", 580, 380)
    assert (len(table.readings), table.missing, table.interval_s) == (144, 1, 600)


def test_mean_kinetic_temperature_of_known_vectors():
    """Hours at °C and the result, from USP <1079.2>'s formula with 10,000 K."""

    def mkt(*parts):
        from salus.coldchain.loggers import LoggerExport

        readings = tuple(
            Reading(n * 3600, c * 100) for n, c in enumerate(c for hours, c in parts for _ in range(hours))
        )
        return LoggerExport("", "", "", 3600, readings, (), None, "absent").mkt

    assert mkt((24, 5)) == pytest.approx(5.000, abs=5e-4)
    assert mkt((23, 5), (1, 25)) == pytest.approx(7.756, abs=5e-4)
    assert mkt((22, 5), (2, 15)) == pytest.approx(6.462, abs=5e-4)
    assert mkt((18, 5), (6, 14)) == pytest.approx(8.285, abs=5e-4)
    assert mkt((12, 5), (12, 8)) == pytest.approx(6.635, abs=5e-4)


def test_no_file_of_a_logger_names_a_machine():
    for name in ("qtag-excursion.txt", "qtag-intact.txt"):
        assert re.search(rb"simulated device", (EXAMPLES / name).read_bytes())
