"""The table of research uses: DUO's own, its bits, and what is narrower than what; each rule of names and bits.

That the contract's decision then follows the ancestor rule is in tests/contracts/consent/test_research.py.
"""

import csv
import random

import pytest

from salus.consent import research_uses as duo
from salus.consent.codes import PURPOSES, purpose_bits, purpose_names, request_bits
from salus.errors import BadInput
from tests.support.shared_data import shared

USES = ("HRESCH", *duo.purposes())

# Written out here, so that a slip in the table shows: every use below each.
NARROWER = {
    "HRESCH": {"GRU", "HMB", "POA", "NPOA", "NMDS", "GSO", "NPU", "NCU", "NPUNCU", "IRB", "PUB", "COL", "RTN"},
    "GRU": {"HMB", "NPOA", "NMDS", "GSO", "NPU", "NCU", "NPUNCU", "IRB", "PUB", "COL", "RTN"},
    "NPU": {"NPUNCU"},
    "NCU": {"NPUNCU"},
}


def test_the_terms_are_those_of_the_ontology():
    with shared("ga4gh-duo", "duo.csv").open(newline="") as file:
        known = {(row["id"], row["shorthand"], row["label"]) for row in csv.DictReader(file)}
    assert {(term.id, term.code, term.name) for term in duo.terms()} == known


def test_no_definition_of_the_ontology_is_copied():
    text = " ".join(f"{term.name} {term.refused}" for term in duo.terms())
    with shared("ga4gh-duo", "duo.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert row["description"] not in text


def test_each_term_is_a_purpose_or_refused():
    for term in duo.terms():
        assert (term.bit is None) == bool(term.refused)
        assert (term.bit is None) == (not term.below)
    assert [term.bit for term in duo.terms() if term.bit is not None] == list(range(9, 22))
    assert not sum(duo.purposes().values()) & sum(PURPOSES.values())


def test_the_release_is_named():
    assert duo.version() == "2021-02-23"


@pytest.mark.parametrize("use", USES)
def test_what_is_narrower(use):
    assert duo.narrower(use) == NARROWER.get(use, set())
    assert duo.above(use) == {broad for broad, narrow in NARROWER.items() if use in narrow}


def test_permissions_follow_the_tree_of_the_ontology():
    """A permission that is a purpose lies below another exactly when DUO has it there."""
    by_id = {term.id: term for term in duo.terms()}
    for term in duo.terms():
        if term.kind == "permission" and term.bit is not None:
            parent = by_id[term.parent]
            assert term.below == ((parent.code,) if parent.code else ("HRESCH",))


@pytest.mark.parametrize("name", ["GRU", "gru", " DUO:0000042 ", "DUO_0000042", "duo:0000042"])
def test_a_use_by_its_code_or_its_id(name):
    assert request_bits([name]) == 1 << 9
    assert purpose_bits([name]) == sum(duo.purposes()[code] for code in ("GRU", *NARROWER["GRU"]))


@pytest.mark.parametrize("term", [term for term in duo.terms() if term.refused], ids=lambda term: term.id)
@pytest.mark.parametrize("read", [purpose_bits, request_bits])
def test_a_term_that_no_bit_can_say_is_refused_with_the_reason(read, term):
    for name in filter(None, (term.id, term.code)):
        with pytest.raises(BadInput) as refused:
            read([name], file="x.json")
        assert str(refused.value) == f"x.json: purpose: {term.code or term.id} ({term.name}) {term.refused}"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["HMB", "NCU"], "NCU beside HMB would mean both in DUO, and either here; name one, in a directive of its own"),
        (
            ["HRESCH", "IRB"],
            "IRB beside HRESCH would mean both in DUO, and either here; name one, in a directive of its own",
        ),
        (["NPU", "NCU"], "NCU beside NPU would mean both in DUO, and either here; name NPUNCU"),
    ],
)
def test_a_modifier_stands_alone_among_research_uses(names, why):
    with pytest.raises(BadInput) as refused:
        purpose_bits(names)
    assert refused.value.fix == why
    assert purpose_bits(["TREAT", names[1]]) & 1 == 1
    assert request_bits(names) == sum(request_bits([name]) for name in names)


def test_a_grant_carries_what_is_narrower_and_a_denial_also_what_is_broader():
    assert purpose_bits(["HRESCH"]) == PURPOSES["HRESCH"] | sum(duo.purposes().values())
    assert purpose_bits(["HMB"]) == duo.purposes()["HMB"]
    assert purpose_bits(["HMB"], deny=True) == request_bits(["HMB", "GRU", "HRESCH"])
    assert purpose_bits(["TREAT"], deny=True) == 1
    assert purpose_bits(["only:HRESCH"]) == PURPOSES["HRESCH"]


@pytest.mark.parametrize("use", [*USES, *set(PURPOSES) - {"HRESCH"}])
@pytest.mark.parametrize("deny", [False, True])
def test_a_name_becomes_bits_and_the_name_again(use, deny):
    assert purpose_names(purpose_bits([use], deny=deny), deny=deny) == {use}
    assert purpose_names(purpose_bits([use, "HPAYMT"], deny=deny), deny=deny) == {use, "HPAYMT"}


@pytest.mark.parametrize("deny", [False, True])
def test_any_bits_are_named_exactly(deny):
    """Whatever a foreign client put on the chain: a signed order's bits survive being written as names."""
    dice = random.Random(7)
    uses = [purpose_bits([use], deny=deny) for use in USES]
    for _ in range(3000):
        bits = dice.getrandbits(22)
        if dice.random() < 0.5:
            bits = dice.choice(uses) | dice.choice(uses) | dice.choice((0, 1, 1 << dice.randrange(22)))
        assert purpose_bits(purpose_names(bits, deny=deny), deny=deny) == bits
    assert purpose_names(PURPOSES["HRESCH"], deny=deny) == {"only:HRESCH"}
    assert purpose_names(1 | 1 << 30, deny=deny) == {"TREAT", "bit30"}


def test_bits_of_a_modifier_beside_another_use_are_named_one_by_one():
    bits = purpose_bits(["HMB"]) | purpose_bits(["NPU"])
    assert purpose_names(bits) == {"only:HMB", "only:NPU", "only:NPUNCU"}
