"""A field that a contract refuses is explained with what to do, not only named (U10)."""

import re
from pathlib import Path

import pytest

from salus.errors import explanations

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
REVERT = re.compile(r'revert (?:I\w+\.)?(Invalid\w+)\((?:"(\w+)"|[^"()]*\(?\)?[^"]*\? "(\w+)" : "(\w+)")\)')


def reverted():
    """Every error and field that a contract names."""
    found = set()
    for path in CONTRACTS.rglob("*.sol"):
        for error, *fields in REVERT.findall(path.read_text()):
            found |= {(error, field) for field in fields if field}
    return sorted(found)


COVERED = [(error, field) for error, field in reverted() if error in explanations._FIELDS]


def test_the_fields_are_found_in_the_contracts():
    assert {"InvalidPairing", "InvalidShipment", "InvalidHandover", "InvalidLot"} <= {error for error, _ in COVERED}
    assert len(COVERED) > 30


@pytest.mark.parametrize(("error", "field"), COVERED)
def test_U10_a_field_that_is_refused_says_what_to_do(error, field):
    said = explanations._of_field(error, "it", field)
    assert said == explanations._FIELDS[error][field]
    assert len(said) > len(field) + 20 and re.search("[;:,(]", said) and not said.endswith(".")


@pytest.mark.parametrize("error", explanations._FIELDS)
def test_U10_no_words_are_kept_for_a_field_that_no_contract_names(error):
    assert set(explanations._FIELDS[error]) == {field for found, field in COVERED if found == error}


@pytest.mark.parametrize("error", explanations._FIELDS)
def test_U10_a_field_of_a_newer_contract_is_named_as_it_is(error):
    assert explanations._of_field(error, "the lot", "colour\x1b").startswith("the lot's ")
    assert "\x1b" not in explanations._of_field(error, "the lot", "colour\x1b")
