"""The tables of docs/fhir-consents.md are what the reader does with the published examples.

given each published example, in a document of our own
    when the tables are made    they are those of the page
given the published files, where they are at hand
    when they are read          they become what the page says; those that were varied, what is said here
"""

import json

import pytest

from tests.support.published_consents import IHE, PAGE, R4, R5, outcome, rows, updated
from tests.support.shared_data import shared


def test_fhir_tables_are_what_the_reader_does():
    page = PAGE.read_text()
    assert updated(page) == page, "run `python -m tests.support.published_consents`"


def test_fhir_table_has_every_example_once():
    assert (len(IHE), len(R5), len(R4)) == (23, 18, 12)
    page = PAGE.read_text()
    for documents in (IHE, R5, R4):
        assert all(line in page for line in rows(documents))


def test_fhir_no_permit_is_wider_than_its_text():
    """What the profile's texts withhold is nowhere granted: a filter is held whole, or the Consent is refused."""
    lines = {line.split("`")[1]: line for line in rows(IHE)[2:]}
    for name, line in lines.items():
        filtered = any(word in name for word in ("timeframe", "authoredby", "encounter", "data"))
        assert ("| refused: " in line and "| the same |" in line) == filtered, line
    assert lines["basic-reject"].count("permit") == 0
    assert lines["dissent-intermediate-break-glass"].count("permit everyone") == 0


def test_fhir_a_page_without_its_place_is_told():
    with pytest.raises(LookupError, match="has no place for ihe"):
        updated("# A page\n")


# Published under these names, and varied or shortened in the files at hand.
VARIED = {
    "basic": "provision[0]",
    "grantor": "provision[0].actor[0].role",
    "smartonfhir": "provision[0].provision",
    "provider": "provision[0].actor[0].reference",
}
NAMES = {"no-emergency": "No-Emergency", "out": "Out", "not-seclabel": "notSecLabel"}


def said(document, folder, told):
    path = folder / "own.json"
    path.write_text(json.dumps(document))
    return outcome(path, told=told)


@pytest.mark.parametrize("told", [False, True])
def test_fhir_published_files_of_ihe(told, tmp_path):
    files = sorted(shared("ihe-pcf-consents").glob("*.json"))
    assert len(files) >= 12
    for path in files:
        name = path.stem.removeprefix("ex-consent-").removeprefix("ex-")
        found, own = outcome(path, told=told), said(IHE[name], tmp_path, told)
        # The one purpose that nobody knows has another name there.
        assert found.partition(" is 'FooBar'")[0] == own.partition(" is 'ONE-STUDY'")[0], path.name


@pytest.mark.parametrize("told", [False, True])
def test_fhir_published_files_of_r5(told, tmp_path):
    files = sorted(shared("hl7-fhir-r5-consents").glob("*.json"))
    assert len(files) >= 11
    for path in files:
        first, *rest = path.stem.split("-")
        name = NAMES.get(path.stem) or first + "".join(word.capitalize() for word in rest)
        found = outcome(path, told=told)
        if name in VARIED:
            assert found.startswith(f"refused: `{VARIED[name]}`"), (path.name, found)
        else:
            assert found == said(R5[name], tmp_path, told), path.name


@pytest.mark.parametrize("told", [False, True])
def test_fhir_published_files_of_r4(told, tmp_path):
    for path in sorted(shared("hl7-fhir-r4-examples").glob("Consent-*.json")):
        name = path.stem.removeprefix("Consent-consent-example-")
        assert outcome(path, told=told) == said(R4[name], tmp_path, told), path.name
