"""FHIR claims with several insurances: who goes first, and what was paid there."""

import copy
import json
from decimal import Decimal

import pytest

from salus.claims.files.fhir import read_claims
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES


@pytest.fixture
def claim():
    return json.loads((EXAMPLES / "claim-secondary.json").read_text())


@pytest.fixture
def read(tmp_path):
    def reader(document):
        path = tmp_path / "claim.json"
        path.write_text(json.dumps(document))
        return read_claims(path)[0]

    return reader


def benefits(claim):
    return [item["adjudication"] for item in claim["contained"][0]["item"]]


def test_what_the_first_payer_paid_line_by_line(claim, read):
    found = read(claim)
    assert found.primary == "RP-2025-118"
    assert [line.prior for line in found.lines] == [Decimal("90"), Decimal("30"), Decimal("15.5")]


def test_a_payer_that_comes_later_changes_nothing(claim, read):
    first, own = claim["insurance"]
    own["sequence"], first["sequence"] = 1, 2
    del first["claimResponse"]
    found = read(claim)
    assert (found.primary, {line.prior for line in found.lines}) == ("", {Decimal(0)})


def test_two_payers_go_first(claim, read):
    second = copy.deepcopy(claim["contained"][0])
    second.update(id="third", identifier=[{"value": "TH-1"}])
    for item in second["item"]:
        item["adjudication"][0]["amount"]["value"] = 1
    claim["contained"].append(second)
    claim["insurance"][1]["sequence"] = 3
    claim["insurance"].append(
        {"sequence": 2, "focal": False, "coverage": {"display": "x"}, "claimResponse": {"reference": "#third"}}
    )
    found = read(claim)
    assert found.primary == "RP-2025-118\nTH-1"
    assert [line.prior for line in found.lines] == [Decimal("91"), Decimal("31"), Decimal("16.5")]


@pytest.mark.parametrize("reference", ["urn:uuid:5d0a7f0a-2a2c-4a83-8a27-0d6e6d2f1b02", "ClaimResponse/er-1"])
def test_the_answer_beside_the_claim_in_a_bundle(reference, claim, tmp_path):
    (answer,) = claim.pop("contained")
    answer["id"] = "er-1"
    claim["insurance"][0]["claimResponse"]["reference"] = reference
    entries = [{"resource": claim}, {"fullUrl": "urn:uuid:5d0a7f0a-2a2c-4a83-8a27-0d6e6d2f1b02", "resource": answer}]
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    (found,) = read_claims(path)
    assert [line.prior for line in found.lines] == [Decimal("90"), Decimal("30"), Decimal("15.5")]


ANSWER = "insurance[0].claimResponse"


@pytest.mark.parametrize(
    "edit, field, fix",
    [
        (lambda c: c["insurance"][0].pop("claimResponse"), ANSWER, "is missing; this payer goes first"),
        (
            lambda c: c["insurance"][0].update(claimResponse={"reference": "ClaimResponse/1"}),
            ANSWER,
            "is ClaimResponse/1, no ClaimResponse in this file",
        ),
        (lambda c: c["contained"][0].pop("item"), ANSWER, "has no benefit of any item"),
        (
            lambda c: c["contained"][0]["item"][0].update(itemSequence=9),
            ANSWER,
            "answers item 9, which the claim does not have",
        ),
        (
            lambda c: benefits(c)[0][0]["amount"].update(value=120.01),
            "insurance",
            "says that 120.01 was paid for item 1",
        ),
        (
            lambda c: benefits(c)[0][0]["amount"].update(currency="EUR"),
            None,
            "is 'EUR' beside 'USD'; give one currency",
        ),
        (lambda c: benefits(c)[0][0].pop("amount"), f"{ANSWER}: item[0]", "has a benefit without an amount"),
        (lambda c: c["contained"][0].pop("outcome"), None, "is not FHIR R4"),
        (
            lambda c: c["insurance"][0].update(focal=True),
            "insurance",
            "names 2 as focal; mark the one that is asked here",
        ),
        (lambda c: c["insurance"][1].update(focal=False), "insurance", "names 0 as focal"),
        (lambda c: c["insurance"][0].update(sequence=2), "insurance", "has a sequence twice"),
    ],
)
def test_who_goes_first_must_be_clear(edit, field, fix, claim, read):
    edit(claim)
    with pytest.raises(BadInput) as refused:
        read(claim)
    assert (field is None or refused.value.field == field) and fix in refused.value.fix
