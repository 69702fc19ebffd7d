"""The tables of bits: the research uses are those of the ontology's table, and no bit is dropped."""

import pytest

from salus.abi import bits
from salus.consent import research_uses


def test_research_uses_are_those_of_the_table():
    assert dict(bits.RESEARCH_USES) == dict(research_uses.purposes())


def test_no_purpose_shares_a_bit_with_a_research_use():
    assert not sum(bits.PURPOSES.values()) & sum(bits.RESEARCH_USES.values())


@pytest.mark.parametrize(
    ("number", "names"),
    [(0, set()), (5, {"PROVIDER", "INSURER"}), (1 << 12 | 1 << 8, {"PUBLIC_HEALTH", "bit12"})],
)
def test_each_bit_of_a_set_of_roles_is_named(number, names):
    assert bits.role_names(number) == names
