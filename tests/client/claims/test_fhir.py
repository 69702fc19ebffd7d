"""FHIR Claims in: what real files become, and each way of refusing one."""

import copy
import json
from decimal import Decimal

import pytest

from salus.claims.files.fhir import RESOURCE_ID, read_claims
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

HL7 = {
    "100150": ("12345", "Organization/1", "Patient/1", ["135.57"]),
    "100152": ("12347", "http://www.jurisdiction.com/oralhealthoffices|3456", "Claim/100152#patient-1", ["135.57"]),
    "100154": (
        "12347",
        "http://www.jurisdiction.com/careorganizations|HOSP12345",
        "http://www.jurisdiction.com/nationalId|123AB345",
        ["135.57"],
    ),
    "100156": "payee.type: is 'other'; the provider is paid, name it or leave the payee out",
    "660151": ("6612346", "Organization/1", "Patient/1", ["214.0"]),
    "760150": ("7612345", "Organization/1", "Patient/1", ["60.0"]),
    "760152": ("7612345", "Organization/1", "Patient/1", ["155.0"]),
    "960150": ("9612345", "Organization/1", "Patient/1", ["125.0"]),
    "MED-00050": ("MED-00050", "Organization/1", "Claim/MED-00050#patient-1", ["12500.0"]),
}


@pytest.mark.parametrize("name", HL7)
def test_hl7_example(name):
    path = shared("hl7-fhir-r4-examples", f"Claim-{name}.json")
    expected = HL7[name]
    if isinstance(expected, str):
        with pytest.raises(BadInput) as refused:
            read_claims(path)
        assert str(refused.value) == f"{path}: {expected}"
        return
    (claim,) = read_claims(path)
    number, provider, patient, charges = expected
    assert (claim.number, claim.provider_ref, claim.patient_ref) == (number, provider, patient)
    assert [line.charge for line in claim.lines] == [Decimal(charge) for charge in charges]
    assert (claim.id, claim.currency) == (name, "USD")


def test_every_hl7_claim_is_in_the_table():
    files = {path.stem.removeprefix("Claim-") for path in shared("hl7-fhir-r4-examples").glob("Claim-*.json")}
    assert files == set(HL7)


def test_details_are_explained_by_their_line_which_has_the_units():
    (claim,) = read_claims(shared("hl7-fhir-r4-examples", "Claim-760152.json"))
    assert [(line.code, line.quantity, line.charge) for line in claim.lines] == [("compound", 30, Decimal("155.0"))]


@pytest.mark.parametrize("name, claims", [("Alberto_", 15), ("Fabian_", 11), ("Violet_", 16)])
def test_synthea_bundle(name, claims):
    """Every claim reads, and its lines sum to the total that Synthea wrote."""
    (path,) = shared("synthea-r4-bundles").glob(f"{name}*.json")
    read = read_claims(path)
    bundle = json.loads(path.read_text(), parse_float=Decimal)
    written = {e["resource"]["id"]: e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Claim"}
    assert len(read) == claims == len(written)
    for claim in read:
        assert claim.total == written[claim.id]["total"]["value"]
        assert (claim.number, claim.number_system) == (claim.id, RESOURCE_ID)
        assert len(claim.lines) == len(written[claim.id]["item"])


def test_synthea_condition_is_no_charge_and_the_visit_gets_the_rest():
    (path,) = shared("synthea-r4-bundles").glob("Alberto_*.json")
    charges = [[str(line.charge) for line in claim.lines] for claim in read_claims(path)]
    assert [row for row in charges if "0" in row] == [["125", "0"], ["125.0", "0", "2553.1"], ["125", "0"]]


def test_visit_over_midnight_counts_for_its_first_day():
    (path,) = shared("synthea-r4-bundles").glob("Fabian_*.json")
    assert read_claims(path)[0].service_day == 15418  # 2012-03-19T23:56:47 to 2012-03-20T00:11:47


# ---------------------------------------------------------------------------------------------------------- examples


def test_examples_read():
    (single,) = read_claims(EXAMPLES / "claim.json")
    assert (single.number, single.total, single.service_day) == ("CH-2025-0001", Decimal("182.75"), 20150)
    assert [claim.number for claim in read_claims(EXAMPLES / "claims.ndjson")] == [
        "CH-2025-0002",
        "CH-2025-0003",
        "CH-2025-0004",
    ]
    bundle = read_claims(EXAMPLES / "claims-bundle.json")
    assert [(claim.number, claim.lines[0].charge) for claim in bundle] == [
        ("CH-2025-0005", Decimal("120.00")),
        ("claim-6", Decimal("120.00")),
    ]


# ------------------------------------------------------------------------------------------------------ single rules


@pytest.fixture
def claim():
    return json.loads((EXAMPLES / "claim.json").read_text())


@pytest.fixture
def read(tmp_path):
    def reader(document, name="claim.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return read_claims(path)

    return reader


@pytest.fixture
def refusal(read):
    def refused(document, name="claim.json"):
        with pytest.raises(BadInput) as error:
            read(document, name)
        assert "\n" not in str(error.value)
        return error.value.field, error.value.fix

    return refused


def without(mapping, *names):
    return {key: value for key, value in mapping.items() if key not in names}


def test_charge_is_net_else_the_product_else_the_details(claim, read):
    usd = {"currency": "USD"}
    line = without(claim["item"][0], "net", "unitPrice")
    claim = without(claim, "total")
    claim["item"] = [
        {**line, "sequence": 1, "net": {"value": 7.5, **usd}},
        {**line, "sequence": 2, "unitPrice": {"value": 100, **usd}, "quantity": {"value": 3}, "factor": 0.75},
        {
            **line,
            "sequence": 3,
            "detail": [
                {"sequence": 1, "productOrService": line["productOrService"], "net": {"value": 1.1, **usd}},
                {
                    "sequence": 2,
                    "productOrService": line["productOrService"],
                    "subDetail": [
                        {"sequence": 1, "productOrService": line["productOrService"], "net": {"value": 2.2, **usd}}
                    ],
                },
            ],
        },
    ]
    (read_claim,) = read(claim)
    assert [str(line.charge) for line in read_claim.lines] == ["7.5", "225.00", "3.3"]
    assert [line.quantity for line in read_claim.lines] == [1, 3, 1]


def test_net_may_be_the_product_rounded_to_its_last_decimal(claim, read, refusal):
    claim = without(claim, "total")
    line = claim["item"][0]
    claim["item"] = [line]
    line |= {"unitPrice": {"value": 33.333, "currency": "USD"}, "quantity": {"value": 3}}
    line["net"]["value"] = 100.00
    claim_text = json.dumps(claim).replace("100.0", "100.00")
    assert read(claim_text)[0].lines[0].charge == 100
    line["net"]["value"] = 99.97
    assert refusal(claim) == (
        "item[0].net.value",
        "is 99.97, but unitPrice × quantity × factor is 99.999; correct one of them",
    )


def test_service_day_falls_back(claim, read):
    for item in claim["item"]:
        del item["servicedDate"]
    assert read(claim)[0].service_day == 20150  # created
    claim["billablePeriod"] = {"start": "2025-02-28T23:30:00-05:00", "end": "2025-03-03"}
    assert read(claim)[0].service_day == 20147  # as written, whatever the zone
    claim["item"][1]["servicedPeriod"] = {"start": "2025-03-01T08:00:00Z", "end": "2025-03-01"}
    assert read(claim)[0].service_day == 20148


def test_identifier_of_use_official_wins_and_old_ones_do_not_count(claim, read):
    claim["identifier"] = [
        {"use": "old", "value": "1"},
        {"use": "secondary", "value": "2"},
        {"use": "official", "system": "urn:a", "value": "3"},
    ]
    assert (read(claim)[0].number_system, read(claim)[0].number) == ("urn:a", "3")


def test_user_selected_coding_wins(claim, read):
    claim["item"][0]["productOrService"]["coding"] = [
        {"system": "urn:a", "code": "1"},
        {"system": "urn:b", "code": "2", "userSelected": True},
    ]
    assert (read(claim)[0].lines[0].system, read(claim)[0].lines[0].code) == ("urn:b", "2")


def test_predetermination_is_read_only_when_it_is_asked_for(claim, tmp_path):
    claim["use"] = "predetermination"
    path = tmp_path / "claim.json"
    path.write_text(json.dumps(claim))
    assert read_claims(path, use="predetermination")[0].number == "CH-2025-0001"
    with pytest.raises(BadInput, match="use: is 'predetermination'"):
        read_claims(path)


EDITS = {
    "status": (lambda c: c.update(status="cancelled"), "status", "is 'cancelled'; only 'active' is taken here"),
    "no lines": (lambda c: c.pop("item"), "item", "is missing; give at least one line"),
    "negative": (
        lambda c: c["item"][0]["net"].update(value=-1),
        "item[0].net.value",
        "is -1; give a number of 0 or more",
    ),
    "text amount": (
        lambda c: c["item"][0]["net"].update(value="120"),
        "item[0].net.value",
        "is '120'; give a JSON number",
    ),
    "no currency": (
        lambda c: c["item"][0]["net"].pop("currency"),
        "item[0].net.currency",
        "is missing; give the ISO 4217 code of every amount",
    ),
    "two currencies": (
        lambda c: c["item"][1]["net"].update(currency="EUR"),
        "item[1].net.currency",
        "is 'EUR' beside 'USD'; give one currency",
    ),
    "total": (
        lambda c: c["total"].update(value=1),
        "total.value",
        "is 1, but the lines sum to 182.75; correct one of them",
    ),
    "days": (
        lambda c: c["item"][2].update(servicedDate="2025-03-04"),
        "item[2].serviced",
        "is another day than the line before; split the claim by day",
    ),
    "partial day": (
        lambda c: [i.update(servicedDate="2025-03") for i in c["item"]],
        "item[0].servicedDate",
        "is '2025-03'; give a full date, YYYY-MM-DD",
    ),
    "fraction": (
        lambda c: c["item"][0].update(quantity={"value": 1.5}, unitPrice={"value": 80.0, "currency": "USD"}),
        "item[0].quantity.value",
        "is 1.5; give a whole number from 1",
    ),
    "zero units": (
        lambda c: c["item"][0].update(quantity={"value": 0}, unitPrice=None) or c["item"][0].pop("unitPrice"),
        "item[0].quantity.value",
        "is 0; give a whole number from 1",
    ),
    "huge units": (
        lambda c: (c["item"][0].update(quantity={"value": 2**32}), c["item"][0].pop("unitPrice")),
        "item[0].quantity.value",
        "is 4294967296; give a whole number from 1",
    ),
    "no code": (
        lambda c: c["item"][0].update(productOrService={"text": "a visit"}),
        "item[0].productOrService.coding",
        "is missing; give the code that the plan prices",
    ),
    "two codes": (
        lambda c: c["item"][0]["productOrService"]["coding"].append({"code": "x"}),
        "item[0].productOrService.coding",
        "holds 2; keep the one that the plan prices, or mark it userSelected",
    ),
    "two numbers": (
        lambda c: c["identifier"].append({"value": "x"}),
        "identifier",
        "holds 2; mark one as official or leave one",
    ),
    "other payee": (
        lambda c: c.update(
            payee={"type": {"coding": [{"code": "provider"}]}, "party": {"reference": "Organization/x"}}
        ),
        "payee.party",
        "is not the provider, who is paid; name the provider or leave it out",
    ),
    "same sequence": (
        lambda c: c["item"][1].update(sequence=1),
        "item[1].sequence",
        "is 1 a second time; number the lines",
    ),
    "unknown element": (
        lambda c: c.update(colour="blue"),
        "colour",
        "is not FHIR R4 (extra inputs are not permitted); correct it",
    ),
    "not contained": (
        lambda c: c.update(patient={"reference": "#p"}),
        "patient.reference",
        "is #p, which is not contained; contain it or name another",
    ),
    "nobody": (
        lambda c: c.update(patient={"display": "A"}),
        "patient",
        "names nobody; give a reference or an identifier",
    ),
    "several without amount": (
        lambda c: [c["item"][n].pop(k) for n in (0, 1) for k in ("net", "unitPrice")],
        "item[0].net",
        "is missing, as in 1 more; give each line its amount",
    ),
    "less than the lines": (
        lambda c: ([c["item"][0].pop(k) for k in ("net", "unitPrice")], c["total"].update(value=10)),
        "total.value",
        "is 10, less than the 62.75 of the lines; correct one of them",
    ),
    "neither amount nor total": (
        lambda c: ([c["item"][0].pop(k) for k in ("net", "unitPrice")], c.pop("total")),
        "item[0].net",
        "is missing, and total as well; give the line's amount",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_refused_edit(name, claim, refusal):
    edit, field, fix = EDITS[name]
    edit(claim)
    assert refusal(claim) == (field, fix)


EDITS |= {
    "null": (lambda c: c.update(total=None), "total", "is null, which says nothing; leave it out"),
    "null in a list": (lambda c: c["item"].append(None), "item[3]", "is null, which says nothing; leave it out"),
    "unknown contained type": (
        lambda c: c.update(contained=[{"resourceType": "Spell", "id": "x"}]),
        "Claim",
        "is not FHIR R4 ('R4.SpellType'); correct it",
    ),
}


TEXTS = {
    "empty": ("", "file", "is empty; give a FHIR Claim"),
    "not json": ("hello", "line 1, column 1", "is not JSON (Expecting value); give a complete JSON document"),
    "cut short": ('{"resourceType": "Claim",', "line 1, column 26", None),
    "array": ("[]", "resourceType", "is missing; give a FHIR R4 resource in JSON"),
    "not fhir": ('{"a": 1}', "resourceType", "is missing; give a FHIR R4 resource in JSON"),
    "wrong resource": ('{"resourceType": "Patient"}', "resourceType", "is 'Patient'; give a Claim or a Bundle of them"),
    "nan": (
        '{"resourceType": "Claim", "total": NaN}',
        "JSON",
        "holds NaN, which is no JSON number; write a plain decimal",
    ),
    "doubled key": (
        '{"resourceType": "Claim", "id": "a", "id": "b"}',
        "JSON",
        "holds the key 'id' twice in one object; keep one",
    ),
    "huge exponent": (
        '{"resourceType": "Claim", "total": 1e999999999}',
        "JSON",
        "holds the number 1e999999999; write a plain decimal",
    ),
    "huge integer": ('{"resourceType": "Claim", "total": ' + "9" * 5000 + "}", "JSON", None),
    "deep": ("[" * 100_000, "JSON", "is nested too deeply; give a plain document"),
    "empty bundle": ('{"resourceType": "Bundle"}', "Bundle.entry", "holds no Claim; give a Bundle with at least one"),
    "bundle in bundle": (
        '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle"}}]}',
        "entry[0].resource",
        "is a Bundle inside a Bundle; give it in a file of its own",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_refused_text(name, refusal):
    text, field, fix = TEXTS[name]
    found = refusal(text)
    assert found[0] == field
    if fix:
        assert found[1] == fix


def test_not_utf8(tmp_path):
    path = tmp_path / "claim.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BadInput, match=r"byte 7: is not UTF-8"):
        read_claims(path)


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("salus.formats.json_file.MAX_BYTES", 2**20)
    path = tmp_path / "claim.json"
    path.write_bytes(b" " * (2**20 + 1))
    with pytest.raises(BadInput, match="file: is larger than 1 MiB; split it"):
        read_claims(path)


def test_no_such_file(tmp_path):
    with pytest.raises(BadInput, match=r"none.json: file: cannot be read \(No such file or directory\)"):
        read_claims(tmp_path / "none.json")


def test_number_twice_in_one_file(claim, refusal):
    again = copy.deepcopy(claim)
    again["id"] = "claim-2"
    document = {"resourceType": "Bundle", "entry": [{"resource": claim}, {"resource": again}]}
    field, fix = refusal(document)
    assert field == "identifier" and fix.startswith("is 'CH-2025-0001', as in ")


def test_place_in_a_bundle_and_in_lines_is_named(claim, refusal):
    bad = copy.deepcopy(claim)
    bad["status"] = "draft"
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}, {"resource": bad}]}
    assert refusal(bundle)[0] == "entry[1].resource.status"
    assert refusal(f"{json.dumps(claim)}\n{json.dumps(bad)}\n", "claims.ndjson")[0] == "line 2: status"
    assert refusal(f"{json.dumps(claim)}\n{{]\n", "claims.ndjson")[0] == "line 2, column 2"


def test_what_a_file_says_cannot_break_the_line(claim, refusal):
    claim["status"] = "a\nb\x1b[2J" + "c" * 5000
    field, fix = refusal(claim)
    assert "\x1b" not in fix and len(fix) <= 200
