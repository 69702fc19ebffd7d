"""ClaimResponses and ExplanationsOfBenefit: valid FHIR, exact amounts, the right codes."""

import dataclasses
import json
from decimal import Decimal

import pytest

from salus.claims.desk import State
from salus.claims.files.fhir import read_claims
from salus.claims.files.fhir_eob import explanation_of_benefit
from salus.claims.files.fhir_response import claim_response
from salus.formats.json_file import dump_json
from tests.support.claim_scenario import PLAN, REF, USD, ClaimScenario
from tests.support.shared_data import EXAMPLES, shared


def parsed(answer, make=claim_response):
    """The resource after a round through the text, validated by the FHIR models."""
    from fhir.resources.R4B import get_fhir_model_class

    text = dump_json(make(answer, insurer="north-mutual"))
    found = json.loads(text, parse_float=Decimal)
    get_fhir_model_class(found["resourceType"]).model_validate_json(text)
    return found


def amounts(adjudication):
    """What each category has: amount, and the codes of the reason."""
    return {
        entry["category"]["coding"][0]["code"]: (
            entry["amount"]["value"],
            [c["code"] for c in entry.get("reason", {}).get("coding", ())],
        )
        for entry in adjudication
        if "amount" in entry
    }


def test_response_to_a_settled_claim(claim_scenario, claim):
    (answer,) = claim_scenario.submit([claim])
    response = parsed(answer)
    assert (response["outcome"], response["request"]["identifier"]["value"]) == ("complete", "CH-2025-0001")
    assert response["payment"]["amount"] == {"value": Decimal("41.36"), "currency": "USD"}
    assert amounts(response["item"][1]["adjudication"]) == {
        "submitted": (Decimal("42.75"), []),
        "discount": (Decimal("4.55"), ["45", "CO"]),
        "eligible": (Decimal("38.20"), []),
        "deductible": (Decimal("5.00"), ["1", "PR"]),
        "coinsurance": (Decimal("6.64"), ["2", "PR"]),
        "benefit": (Decimal("26.56"), []),
    }
    totals = {entry["category"]["coding"][0]["code"]: entry["amount"]["value"] for entry in response["total"]}
    assert totals == {
        "submitted": Decimal("182.75"),
        "discount": Decimal("31.05"),
        "eligible": Decimal("151.70"),
        "deductible": Decimal("100.00"),
        "coinsurance": Decimal("10.34"),
        "benefit": Decimal("41.36"),
    }
    assert '"value": 5.00,' in dump_json(claim_response(answer, insurer="x"))


@pytest.mark.parametrize("make", [claim_response, explanation_of_benefit])
def test_what_is_taken_away_and_paid_sums_to_what_was_submitted(make, claim_scenario):
    answers = claim_scenario.submit(
        [*read_claims(EXAMPLES / "claims.ndjson"), *read_claims(EXAMPLES / "claims-bundle.json")]
    )
    taken = ("noncovered", "discount", "deductible", "copay", "coinsurance", "priorpayerpaid", "benefit")
    for answer in answers:
        found = parsed(answer, make)
        for places in (*(item["adjudication"] for item in found["item"]), found["total"]):
            told = amounts(places)
            assert told["submitted"][0] == sum(told.get(name, (0,))[0] for name in taken)


def test_response_to_a_refused_claim(claim_scenario, claim):
    early = dataclasses.replace(claim, service_day=claim_scenario.cover_late())
    (answer,) = claim_scenario.submit([early])
    response = parsed(answer)
    assert (response["outcome"], "item" in response, "payment" in response) == ("error", False, False)
    assert response["error"][0]["code"]["coding"][0] == {
        "system": "https://x12.org/codes/claim-adjustment-reason-codes",
        "code": "26",
    }
    explained = parsed(answer, explanation_of_benefit)
    assert explained["outcome"] == "error" and "adjudication" not in explained["item"][0]
    assert explained["processNote"][0]["text"] == "CARC 26: before the cover or the plan began"


def test_response_to_an_owed_claim_and_a_line_that_is_not_covered(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, fund=0, prices=PLAN["prices"][1:], deductible="0")
    response = parsed(claim_scenario.submit([claim])[0])
    assert (response["outcome"], "payment" in response) == ("queued", False)
    first = amounts(response["item"][0]["adjudication"])
    assert (first["eligible"], first["noncovered"]) == ((0, []), (Decimal("120.00"), ["204", "CO"]))


def test_a_settled_claim_with_a_denied_line_is_partial(claim_scenario):
    answers = claim_scenario.submit(read_claims(EXAMPLES / "claims.ndjson"))
    assert [parsed(answer)["outcome"] for answer in answers] == ["complete", "complete", "partial"]


def test_pended_denied_and_reversed_claims(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, reviewThreshold="0.01", reviewDays=5, appealDays=30)
    other = dataclasses.replace(claim, number="2")
    pended, second = claim_scenario.submit([claim, other])
    assert pended.state is State.PENDED
    response = parsed(pended)
    assert (response["outcome"], "item" in response) == ("queued", False)
    assert parsed(pended, explanation_of_benefit)["outcome"] == "queued"
    ids = [bytes.fromhex(answer.id[2:]) for answer in (pended, second)]
    claim_scenario.payer.claims.review(ids[0], 50)
    claim_scenario.payer.claims.review(ids[1])
    claim_scenario.desk.claims.reverse(ids[1])
    denied, reversed_ = claim_scenario.submit([claim, other])
    explained = parsed(denied, explanation_of_benefit)
    assert (explained["outcome"], explained["disposition"]) == ("complete", "Denied by the insurer's review.")
    assert explained["processNote"][0]["text"] == "CARC 50: not medically necessary"
    assert amounts(explained["item"][0]["adjudication"])["noncovered"] == (Decimal("120.00"), ["50", "CO"])
    assert (parsed(reversed_)["status"], parsed(reversed_)["disposition"]) == (
        "cancelled",
        "Reversed; what was paid goes back.",
    )


def test_what_another_payer_paid(deployed_chain, token, tmp_path):
    (claim,) = read_claims(EXAMPLES / "claim-secondary.json")
    assert claim.primary == "RP-2025-118" and [str(line.prior) for line in claim.lines] == ["90.0", "30.0", "15.5"]
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path)
    (answer,) = claim_scenario.submit([claim])
    told = amounts(parsed(answer)["item"][0]["adjudication"])
    assert told["priorpayerpaid"] == (Decimal("90.00"), ["23", "OA"])
    assert told["deductible"][0] == Decimal("5.00")


def test_estimate_of_a_predetermination(claim_scenario):
    (claim,) = read_claims(EXAMPLES / "claim-predetermination.json", use="any")
    block = claim_scenario.deployed_chain.w3.eth.block_number
    (answer,) = claim_scenario.desk.claims.estimate(claim_scenario.prepare([claim]))
    response = parsed(answer)
    assert (response["use"], response["outcome"], "payment" in response) == ("predetermination", "complete", False)
    assert answer.patient_share == 110_340_000
    assert claim_scenario.deployed_chain.w3.eth.block_number == block


def test_response_to_a_contained_patient_and_an_estimate(claim_scenario):
    path = shared("hl7-fhir-r4-examples", "Claim-100154.json")
    # Of 2014 in the file: moved to a day that the plan covers, 2025-03-03.
    claims = [dataclasses.replace(claim, service_day=20_150) for claim in read_claims(path)]
    prepared = claim_scenario.desk.claims.prepare(
        claims, claim_scenario.plan, {claims[0].patient_ref: claim_scenario.patient.address}
    )
    response = parsed(claim_scenario.desk.claims.estimate(prepared)[0])
    assert response["patient"] == {
        "identifier": {"system": "http://www.jurisdiction.com/nationalId", "value": "123AB345"}
    }
    assert response["use"] == "predetermination"


def test_explanation_of_benefit_has_codes_units_and_network(claim_scenario, claim):
    (answer,) = claim_scenario.submit([claim])
    found = parsed(answer, explanation_of_benefit)
    item = found["item"][1]
    assert item["productOrService"]["coding"] == [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]
    assert (item["servicedDate"], item["quantity"], item["net"]["value"]) == (
        "2025-03-03",
        {"value": 1},
        Decimal("42.75"),
    )
    assert found["adjudication"][0]["category"]["coding"][0]["code"] == "innetwork"
    assert found["insurance"][0]["coverage"]["identifier"]["value"] == answer.plan
    assert found["patient"] == {"reference": REF}


def test_a_limit_of_the_plan(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, annualLimit="30.00")
    (answer,) = claim_scenario.submit([claim])
    assert answer.paid == 30 * USD
    told = amounts(parsed(answer)["item"][2]["adjudication"])
    assert told["noncovered"] == (Decimal("11.36"), ["119", "PR"])
