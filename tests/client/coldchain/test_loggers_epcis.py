"""Temperatures from EPCIS 2.0 documents."""

import json

import pytest

from salus.coldchain.loggers import Reading, read
from salus.coldchain.loggers.epcis import read_epcis
from salus.errors import BadInput
from tests.support.shared_data import shared

FOLDER = "openepcis-test-resources"
NONE = ("sensorElementList", "holds no temperature; give an event with a sensorReport of it")
WHOLE = "is of a whole time, from which no reading can be judged; give each value"
VOID = ("errorDeclaration", "calls all 1 temperatures wrong; give the corrected document")
NO_DOCUMENT = ("type", "is 'None'; give an EPCISDocument or an event")
NO_UNIT = "is 'None'; give CEL, FAH or KEL"
ONE = "is the only reading; give at least two, so that their distance is known"

# What is not refused with NONE: the number of readings, or where and why it is refused.
FILES = {
    "Capture/Documents/ObjectEvent_with_sensorData.json": 3,
    "Capture/Documents/TransactionEvent_with_sensorData.json": 3,
    "Capture/Documents/AggregationEvent_all_possible_fields.json": VOID,
    "Capture/Documents/ObjectEvent_all_possible_fields.json": VOID,
    "Capture/Documents/TransactionEvent_all_possible_fields.json": VOID,
    "Capture/Documents/TransformationEvent_all_possible_fields.json": VOID,
    "Query/ObjectEventWithAllPossibleFields.json": VOID,
    "Capture/Documents/AssociationEvent_all_possible_fields.json": (
        "epcisBody.eventList[0].sensorElementList[0].sensorReport[0]",
        ONE,
    ),
    "Capture/Documents/AggregationEvent_with_sensorData.json": (
        "epcisBody.eventList[0].sensorElementList[1].sensorReport[0].minValue",
        WHOLE,
    ),
    "Capture/Documents/TransformationEvent_with_sensorData.json": (
        "epcisBody.eventList[0].sensorElementList[0].sensorReport[0].minValue",
        WHOLE,
    ),
    "Capture/Documents/TransformationEvent_with_userExtensions.json": (
        "epcisBody.eventList[0].sensorElementList[0].sensorReport[0].minValue",
        WHOLE,
    ),
    "Capture/Documents/SensorData_and_extension.json": (
        "epcisBody.eventList[0].sensorElementList[0].sensorReport[0].minValue",
        WHOLE,
    ),
    "Capture/Documents/SensorData_with_combined_events.json": (
        "epcisBody.eventList[1].sensorElementList[0].sensorReport[0].minValue",
        WHOLE,
    ),
    "Query/SensorData_with_combined_events.json": (
        "epcisBody.queryResults.resultsBody.eventList[1].sensorElementList[0].sensorReport[0].minValue",
        WHOLE,
    ),
    "Capture/Documents/JumbledFieldsOrder.json": (
        "epcisBody.eventList[0].sensorElementList[0].sensorReport[0].uom",
        NO_UNIT,
    ),
    "Query/JumbledFieldsOrder.json": (
        "epcisBody.queryResults.resultsBody.eventList[0].sensorElementList[0].sensorReport[0].uom",
        NO_UNIT,
    ),
    "Query/Queries/SimpleEventQuery.json": NO_DOCUMENT,
    "Query/Queries/Invalid/Query_with_invalid_values.json": NO_DOCUMENT,
    "Query/Queries/Invalid/Query_with_unknown_parameter.json": NO_DOCUMENT,
}


def test_every_file_is_read_or_refused_with_its_path_and_reason():
    root = shared(FOLDER, "JSON")
    seen = 0
    for path in sorted(root.rglob("*.json")):
        name = path.relative_to(root).as_posix()
        due = FILES.get(name, NONE)
        try:
            answer = len(read(path).readings)
        except BadInput as refusal:
            answer = (refusal.field, refusal.fix)
            assert refusal.file == str(path) and "\n" not in str(refusal)
        assert answer == due, name
        seen += 1
    assert seen >= 72 and FILES.keys() <= {path.relative_to(root).as_posix() for path in root.rglob("*.json")}


def test_a_real_document():
    export = read(shared(FOLDER, "JSON/Capture/Documents/ObjectEvent_with_sensorData.json"))
    assert (export.device, export.serial, export.signature) == ("EPCIS", "urn:epc:id:giai:4000001.111", "absent")
    # 14:05, 14:35 and 14:55 at +01:00
    assert export.readings == (Reading(1554210300, 2600), Reading(1554212100, 2610), Reading(1554213300, 2620))
    assert export.report is None


# -------------------------------------------------------------------------------------------------------- our own ones


def report(value=4, uom="CEL", **more):
    return {"type": "Temperature", "value": value, "uom": uom, **more}


def event(*elements, **more):
    return {
        "type": "ObjectEvent",
        "eventTime": "2025-01-06T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "sensorElementList": list(elements),
        **more,
    }


def element(*reports, **metadata):
    return {"sensorMetadata": {"deviceID": "urn:example:1", **metadata}, "sensorReport": list(reports)}


def document(*events, context=()):
    return {"@context": list(context), "type": "EPCISDocument", "epcisBody": {"eventList": list(events)}}


TWO = (report(4, time="2025-01-06T06:00:00Z"), report(4.85, time="2025-01-06T06:10:00Z"))
READ = (Reading(1736143200, 400), Reading(1736143800, 485))


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "events.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return save


@pytest.mark.parametrize(
    "content",
    [
        document(event(element(*TWO))),
        event(element(*TWO)),
        [event(element(TWO[1])), event(element(TWO[0]))],
        {"type": "EPCISDocument", "epcisBody": {"event": event(element(*TWO))}},
        {
            "type": "EPCISQueryDocument",
            "epcisBody": {"queryResults": {"resultsBody": {"eventList": [event(element(*TWO))]}}},
        },
        # the same reading in two events
        document(event(element(*TWO)), event(element(*TWO))),
        document(event(element(*TWO)), event(element(report(99, time="2025-01-06T06:20:00Z")), errorDeclaration={})),
        document(event(element(*TWO, {"type": "RelativeHumidity", "value": 40, "uom": "P1"}))),
    ],
)
def test_forms_of_documents(content, saved):
    assert read(saved(content)).readings == READ


@pytest.mark.parametrize("kind", ["gs1:Temperature", "https://gs1.org/voc/Temperature", "g:Temperature"])
def test_spellings_of_the_type(kind, saved):
    reports = [{**one, "type": kind} for one in TWO]
    context = [{"g": "https://gs1.org/voc/"}]
    assert read(saved(document(event(element(*reports)), context=context))).readings == READ


def test_where_the_time_is(saved):
    content = document(
        event(element(report(1), time="2025-01-06T06:00:00+00:00")),
        event(element(report(2), startTime="2025-01-06T11:40:00+05:30", endTime="2025-01-06T12:00:00+05:30")),
        event(element(report(3)), eventTime="2025-01-06T06:20:00.900Z"),
        event(element(report(4, time="2025-01-06T06:30:00Z"), time="2025-01-06T01:00:00Z")),
    )
    assert read(saved(content)).readings == tuple(Reading(1736143200 + 600 * n, 100 * n + 100) for n in range(4))


@pytest.mark.parametrize(
    "value, uom, centi",
    [
        (4.85, "CEL", 485),
        (-0.5, "CEL", -50),
        (46.4, "FAH", 800),
        (31, "FAH", -56),
        (273.15, "KEL", 0),
        (281.15, "KEL", 800),
    ],
)
def test_units(value, uom, centi, saved):
    reports = [report(value, uom, time=f"2025-01-06T06:{minute}0:00Z") for minute in (0, 1)]
    assert read(saved(event(element(*reports)))).readings[0].centi == centi


def test_a_reading_that_could_not_be_taken_is_missing(saved):
    broken = {"type": "Temperature", "exception": "ERROR_CONDITION", "time": "2025-01-06T06:10:00Z"}
    readings = read(saved(event(element(TWO[0], broken)))).readings
    assert readings == (READ[0], Reading(1736143800, None))


def test_several_devices(saved):
    other = [report(9, time=one["time"], deviceID="urn:example:2") for one in TWO]
    path = saved(event(element(*TWO, *other)))
    with pytest.raises(BadInput) as error:
        read(path)
    assert error.value.fix == "names 2 devices; say whose readings are meant: urn:example:1, urn:example:2"
    assert read(path, device="urn:example:1").readings == READ
    assert read(path, device="urn:example:2").highest == 900
    with pytest.raises(BadInput):
        read(path, device="urn:example:3")


PATH = "sensorElementList[0].sensorReport[1]"


@pytest.mark.parametrize(
    "wrong, field, fix",
    [
        (report("5", time="2025-01-06T06:10:00Z"), f"{PATH}.value", "is '5'; give a number"),
        (report(True, time="2025-01-06T06:10:00Z"), f"{PATH}.value", "is 'True'; give a number"),
        (report(5, "K", time="2025-01-06T06:10:00Z"), f"{PATH}.uom", "is 'K'; give CEL, FAH or KEL"),
        (
            report(7.996, time="2025-01-06T06:10:00Z"),
            f"{PATH}.value",
            "is 7.996; give at most two decimals, or what is finer goes unjudged",
        ),
        # TT3: ten times too much
        (
            report(485, time="2025-01-06T06:10:00Z"),
            f"{PATH}.value",
            "is 485.00 °C, which is impossible; give −273.15 to 150 °C",
        ),
        (report(-32768, time="2025-01-06T06:10:00Z"), f"{PATH}.value", None),
        (
            report(5, time="2025-01-06T06:10:00"),
            f"{PATH}.time",
            "is '2025-01-06T06:10:00'; give a time with an offset, e.g. 2026-01-05T06:00:00Z",
        ),
        (report(5, time="2025-02-30T06:10:00Z"), f"{PATH}.time", None),
        (report(5, time="1969-01-06T06:10:00Z"), f"{PATH}.time", None),
        (report(5, time=1736143800), f"{PATH}.time", None),
        (
            report(5, time="2025-01-06T06:00:00Z"),
            PATH,
            "is of the same time as sensorElementList[0].sensorReport[0] and says another; keep one reading",
        ),
        ({"type": "Temperature", "time": "2025-01-06T06:10:00Z"}, f"{PATH}.value", "is missing; give the temperature"),
        ({"type": "Temperature", "exception": "ALARM_CONDITION"}, f"{PATH}.value", "is missing; give the temperature"),
        ({"type": "Temperature", "maxValue": 5}, f"{PATH}.maxValue", WHOLE),
        ({"type": "Temperature", "meanValue": 5}, f"{PATH}.meanValue", WHOLE),
        ("5", PATH, "is no object; give a sensor report"),
        (report(5, deviceID=7, time="2025-01-06T06:10:00Z"), f"{PATH}.deviceID", "is no text; give a URI"),
    ],
)
def test_refused(wrong, field, fix, saved):
    path = saved(event(element(TWO[0], wrong)))
    with pytest.raises(BadInput) as error:
        read_epcis(path)
    assert error.value.field == field
    assert fix is None or error.value.fix == fix


@pytest.mark.parametrize(
    "content, field",
    [
        ("{", "line 1, column 2"),
        ("{" * 100_000, None),
        ("[" * 100_000, None),
        ("7", "JSON"),
        ('{"type": "EPCISDocument"}', "epcisBody"),
        ('{"type": "EPCISDocument", "epcisBody": {}}', "epcisBody"),
        ('{"type": "EPCISDocument", "epcisBody": {"eventList": {}}}', "epcisBody.eventList"),
        ("[7]", "[0]"),
        ('[{"type": "ObjectEvent", "sensorElementList": 7}]', "[0].sensorElementList"),
        ('[{"type": "ObjectEvent", "sensorElementList": [7]}]', "[0].sensorElementList[0]"),
        ('[{"type": "ObjectEvent", "a": NaN}]', "JSON"),
        ('[{"a": 1, "a": 2}]', "JSON"),
    ],
)
def test_tt8_hostile_documents(content, field, saved):
    with pytest.raises(BadInput) as error:
        read_epcis(saved(content))
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    assert field is None or error.value.field == field


def test_readings_are_packed_like_others(saved):
    (batch,) = read(saved(event(element(*TWO)))).batches()
    assert (batch.start, batch.step, batch.count, batch.base) == (1736143200, 600, 2, 400)
