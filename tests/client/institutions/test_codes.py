"""The names of the bits are those of the contracts."""

import re

import pytest

from salus.abi import bits
from salus.consent import codes
from salus.consent import research_uses as duo
from salus.errors import BadInput
from salus.institutions.roles import role_bits
from tests.support.deployed_chain import ROOT


def constants(path):
    """Every ``NAME = 1 << n`` and ``NAME = (1 << n) - 1`` of a Solidity library."""
    text = (ROOT / path).read_text()
    single = {name: 1 << int(bit) for name, bit in re.findall(r"constant (\w+) = 1 << (\d+);", text)}
    whole = {name: (1 << int(bit)) - 1 for name, bit in re.findall(r"constant (\w+) = \(1 << (\d+)\) - 1;", text)}
    return single, whole


def solidity_name(category):
    """The constant of a category: Coverage would be a purpose's name."""
    if category == "Coverage":
        return "COVERAGE_RECORD"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", category).upper()


def test_roles_are_those_of_the_contract():
    single, whole = constants("contracts/institutions/Roles.sol")
    assert dict(bits.ROLES) == single
    assert sum(bits.ROLES.values()) == whole["ALL"]


def test_purposes_and_categories_are_those_of_the_contract():
    single, whole = constants("contracts/consent/ConsentCodes.sol")
    purposes = dict(list(single.items())[: len(codes.PURPOSES)])
    assert dict(codes.PURPOSES) == purposes
    research = {name.removeprefix("DUO_"): bit for name, bit in single.items() if name.startswith("DUO_")}
    assert dict(duo.purposes()) == research
    categories = {name: bit for name, bit in single.items() if name not in purposes and not name.startswith("DUO_")}
    assert {solidity_name(name): bit for name, bit in codes.CATEGORIES.items()} == categories
    assert whole["ALL_RECORDS"] == codes.ALL_RECORDS


def test_every_purpose_and_label_has_words():
    assert set(codes.WORDS) == {*codes.PURPOSES, *duo.purposes(), *codes.LABELS, codes.ALL}


@pytest.mark.parametrize("name", ["all", "ALL"])
def test_all_is_every_record_and_no_label(name):
    assert codes.category_bits([name]) == codes.ALL_RECORDS
    assert codes.ALL_RECORDS & sum(codes.LABELS.values()) == 0


@pytest.mark.parametrize(
    ("bits", "names"),
    [(0, set()), (1, {"Patient"}), (codes.ALL_RECORDS, {"all"}), (codes.ALL_RECORDS | 1 << 45, {"all", "HIV"})],
)
def test_names_of_categories(bits, names):
    assert codes.category_names(bits) == names
    assert codes.category_bits(names) == bits


def test_a_bit_without_a_name_is_shown():
    assert codes.purpose_names(1 | 1 << 30) == {"TREAT", "bit30"}


@pytest.mark.parametrize("name", ["allergyintolerance", "ALLERGY_INTOLERANCE", " AllergyIntolerance "])
def test_names_are_read_in_any_case(name):
    assert codes.category_bits([name]) == codes.RECORDS["AllergyIntolerance"]


@pytest.mark.parametrize("read", [role_bits, codes.purpose_bits, codes.category_bits])
def test_an_unknown_name_is_refused_with_the_known_ones(read):
    with pytest.raises(BadInput, match="consent.json: .*: there is no 'KING'; known are"):
        read(["KING"], file="consent.json")
