"""FHIR files: which resources are in them, whom a reference names, which day a date is.

a file
├── of one resource, of lines, of a Bundle
└── empty, without a type, of another type, a Bundle within a Bundle, a Bundle of what is none: refused by its place
a reference
├── literal, logical, contained with an identifier and without
└── to nobody, and to what is not contained: refused
a date
└── of the calendar, whole, from 1970 on
"""

import json

import pytest

from salus.errors import BadInput
from salus.formats.fhir import Resource, read_resources

PATIENT = {"resourceType": "Patient", "id": "1"}


@pytest.fixture
def file(tmp_path):
    def write(content, name="file.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def bundle(*entries):
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


def found(path, kind="Patient"):
    return [(resource.place, resource.json["id"]) for resource in read_resources(path, kind)]


def test_a_file_of_one_resource(file):
    assert found(file(PATIENT)) == [("", "1")]


@pytest.mark.parametrize("name", ["file.ndjson", "file.jsonl", "file.txt"])
def test_a_file_of_lines(file, name):
    lines = json.dumps(PATIENT) + "\n\n" + json.dumps(PATIENT | {"id": "2"}) + "\n"
    assert found(file(lines, name)) == [("line 1", "1"), ("line 3", "2")]


def test_of_a_bundle_the_wanted_ones(file):
    entries = [
        {"resource": {"resourceType": "Organization", "id": "o"}},
        {"fullUrl": "urn:uuid:1", "resource": PATIENT},
        {"request": {"method": "GET"}},  # an entry without a resource
        {"resource": PATIENT | {"id": "2"}},
    ]
    path = file(bundle(*entries))
    assert found(path) == [("entry[1].resource", "1"), ("entry[3].resource", "2")]
    (organization,) = read_resources(path, "Organization")
    assert organization.follow("urn:uuid:1") == organization.follow("Patient/1") == PATIENT
    assert organization.follow("Patient/3") is None


@pytest.mark.parametrize(
    "content, message",
    [
        (" \n", "file: is empty; give a FHIR Patient"),
        ("[]", "resourceType: is missing; give a FHIR R4 resource in JSON"),
        ({"id": "1"}, "resourceType: is missing; give a FHIR R4 resource in JSON"),
        ({"resourceType": "Group"}, "resourceType: is 'Group'; give a Patient or a Bundle of them"),
        (bundle() | {"entry": {}}, "Bundle.entry: is no list; give a FHIR Bundle"),
        (bundle("x"), "entry[0]: is no object; give a FHIR Bundle"),
        (bundle({"resource": {}}), "entry[0].resource: resourceType: is missing; give a FHIR R4 resource in JSON"),
        (
            bundle({"resource": bundle()}),
            "entry[0].resource: is a Bundle inside a Bundle; give it in a file of its own",
        ),
        (
            bundle({"resource": {"resourceType": "Group"}}),
            "Bundle.entry: holds no Patient; give a Bundle with at least",
        ),
        ('{"resourceType": "Patient"}\n{"resourceType": "Group"}', "line 2: resourceType: is 'Group'; give a Patient"),
    ],
)
def test_what_is_no_such_file_is_refused_by_its_place(file, content, message):
    path = file(content)
    with pytest.raises(BadInput) as refused:
        read_resources(path, "Patient")
    assert str(refused.value).startswith(f"{path}: {message}")


# ---- references


def claim(**fields):
    return Resource("f.json", "", {"resourceType": "Claim", "id": "9", **fields})


@pytest.mark.parametrize(
    "patient, contained, key",
    [
        (None, [], None),
        ({"reference": "Patient/1"}, [], "Patient/1"),
        ({"identifier": {"system": "urn:s", "value": "7"}}, [], "urn:s|7"),
        ({"identifier": {"value": "7"}}, [], "|7"),
        (
            {"reference": "#p"},
            [{"id": "p", "identifier": [{"use": "old"}, {"system": "urn:s", "value": "7"}]}],
            "urn:s|7",
        ),
        ({"reference": "#p"}, [{"id": "p", "identifier": {"system": "urn:s", "value": "7"}}], "urn:s|7"),
        ({"reference": "#p"}, [{"id": "o"}, {"id": "p", "identifier": "none"}], "Claim/9#p"),
    ],
)
def test_whom_a_reference_names(patient, contained, key):
    fields = {"contained": contained} | ({} if patient is None else {"patient": patient})
    assert claim(**fields).reference("patient") == key


def test_a_contained_resource_is_followed():
    inside = {"resourceType": "Patient", "id": "p"}
    assert claim(contained=[inside]).follow("#p") is inside
    assert claim().follow("#p") is None


@pytest.mark.parametrize(
    "patient, message",
    [
        ({"display": "Jane"}, "patient: names nobody; give a reference or an identifier"),
        ({"reference": "#q"}, "patient.reference: is #q, which is not contained; contain it or name another"),
    ],
)
def test_a_reference_to_nobody_is_refused(patient, message):
    with pytest.raises(BadInput) as refused:
        claim(patient=patient, contained=[{"id": "p"}]).reference("patient")
    assert str(refused.value) == f"f.json: {message}"


# ---- days


@pytest.mark.parametrize("text, day", [("1970-01-01", 0), ("2026-01-05", 20458), ("2026-01-05T23:59:59-12:00", 20458)])
def test_the_day_as_it_is_written(text, day):
    assert claim().day(text, "created") == day


@pytest.mark.parametrize(
    "text, message",
    [
        ("2026-01", "is '2026-01'; give a full date, YYYY-MM-DD"),
        (20260105, "is 20260105; give a full date, YYYY-MM-DD"),
        ("2026-02-30", "is '2026-02-30', which is no day; give a date of the calendar"),
        ("1969-12-31", "is 1969-12-31; give a date from 1970 on"),
    ],
)
def test_what_is_no_day_is_refused(text, message):
    with pytest.raises(BadInput) as refused:
        claim().day(text, "created")
    assert str(refused.value) == f"f.json: created: {message}"


# ---- validation


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_what_is_no_fhir_is_refused_by_its_field(version):
    resource = Resource("f.json", "", {"resourceType": "Patient", "birthDate": "soon"})
    with pytest.raises(BadInput, match=rf"^f\.json: birthDate: is not FHIR {version} \("):
        resource.validate(version)


def test_what_is_nested_too_deeply_is_refused():
    deep = {"resourceType": "Questionnaire", "status": "draft"}
    for _ in range(3_000):
        deep = {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "group", **deep}]}
    with pytest.raises(BadInput, match=r"^f\.json: Questionnaire: is nested too deeply; give a plain document$"):
        Resource("f.json", "", deep).validate()
