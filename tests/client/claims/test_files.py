"""Claims from X12 837, from CSV, through a mapping file; what cannot be read exactly is named and left out."""

import json
from decimal import Decimal

import pytest

from salus.claims import code_map as mapping
from salus.claims.files.any_format import read_claim_files
from salus.claims.files.x12 import HCPCS, NUMBER, REVENUE, read_x12
from salus.claims.plans.file import day_number
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

PROFESSIONAL = EXAMPLES / "claims-837p.txt"
INSTITUTIONAL = EXAMPLES / "claims-837i.txt"


def day(text):
    return day_number(text, source="", field="")


def shapes(claim):
    return [(line.system, line.code, line.quantity, str(line.charge), str(line.prior)) for line in claim.lines]


# --------------------------------------------------------------------------------------------------------------- X12


def test_professional_claims():
    first, second = read_x12(PROFESSIONAL)
    assert (first.number, first.number_system, first.currency) == ("P-1001", NUMBER, "USD")
    assert first.provider_ref == "http://hl7.org/fhir/sid/us-npi|1234567893"
    assert (first.patient_ref, first.primary, first.service_day) == ("MI|NM-0417", "", day("2025-03-03"))
    assert shapes(first) == [(HCPCS, "99213", 1, "120", "0"), (HCPCS, "90658", 1, "42.75", "0")]
    assert (second.number, second.service_day, shapes(second)) == (
        "P-1002",
        day("2025-03-17"),
        [(HCPCS, "96372", 2, "40", "0")],
    )
    assert first.type == ("http://terminology.hl7.org/CodeSystem/claim-type", "professional")


def test_institutional_claim_of_a_dependent_whose_other_payer_went_first():
    (claim,) = read_x12(INSTITUTIONAL)
    assert (claim.patient_ref, claim.primary) == ("MI|NM-0512#PATIENT/C/20150701", "RP-55501")
    assert shapes(claim) == [(HCPCS, "99283", 1, "700", "450"), (REVENUE, "0270", 4, "200", "50")]
    assert (claim.service_day, claim.type[1]) == (day("2025-04-01"), "institutional")


def test_line_ends_do_not_matter(tmp_path):
    text = PROFESSIONAL.read_text()
    for n, other in enumerate((text.replace("\n", ""), text.replace("\n", "\r\n"), text + "\n \n")):
        path = tmp_path / f"{n}.txt"
        path.write_bytes(other.encode())
        assert [shapes(claim) for claim in read_x12(path)] == [shapes(claim) for claim in read_x12(PROFESSIONAL)]


def test_other_delimiters(tmp_path):
    text = PROFESSIONAL.read_text().translate(str.maketrans({"*": "|", ":": ">", "~": "'"}))
    path = tmp_path / "other.txt"
    path.write_text(text)
    assert [shapes(claim) for claim in read_x12(path)] == [shapes(claim) for claim in read_x12(PROFESSIONAL)]


def edited(tmp_path, source, before, after):
    text = source.read_text()
    assert before in text
    path = tmp_path / source.name
    path.write_text(text.replace(before, after))
    return path


@pytest.mark.parametrize(
    "before, after, field, fix",
    [
        ("CLM*P-1001*162.75", "CLM*P-1001*162.76", "segment 20 (CLM02)", "is 162.76, but the lines sum to 162.75"),
        ("CLM*P-1001*", "CLM**", "segment 20 (CLM01)", "is empty; give the claim its number"),
        ("P-1001*162.75***11:B:1", "P-1001*162.75***11:B:7", "segment 20 (CLM05-3)", "is 7: only original claims"),
        ("120*UN*1", "120*MJ*1", "segment 23 (SV103)", "is 'MJ'; only units (UN) are read"),
        ("120*UN*1", "120*UN*1.5", "segment 23 (SV104)", "is 1.5; give a whole number from 1"),
        ("120*UN*1", "-120*UN*1", "segment 23 (SV102)", "is '-120'; give a number of 0 or more"),
        ("120*UN*1", "1e2*UN*1", "segment 23 (SV102)", "is '1e2'; give a number of 0 or more"),
        ("HC:99213", "ER:99213", "segment 23 (SV101-1)", "is 'ER'; only HC is read"),
        ("HC:99213", "HC", "segment 23 (SV101)", "is empty; give the code of the service"),
        ("DTP*472*D8*20250303", "DTP*473*D8*20250303", "segment 20 (CLM)", "has no service day"),
        (
            "RD8*20250317-20250317",
            "RD8*20250317-20250318",
            "segment 32 (DTP03)",
            "give one day, and split the line by day",
        ),
        ("RD8*20250317-20250317", "D8*20251317", "segment 32 (DTP03)", "is '2025-13-17'; give a date"),
        ("XX*1234567893", "XX", "segment 20 (CLM)", None),
        ("MI*NM-0417", "MI", "segment 20 (CLM)", "has no subscriber with a member number above it; give NM1*IL"),
        ("SBR*P*18", "SBR**18", "segment 20 (CLM)", "has the payer position '' (SBR01) above it"),
        ("SBR*P*18", "SBR*S*18", "segment 20 (CLM)", "goes to a payer in position S, and names none that goes first"),
        ("P-1002*", "P-1001*", "identifier", "is 'P-1001', as in"),
    ],
)
def test_x12_claim_that_cannot_be_read_exactly(before, after, field, fix, tmp_path):
    path = edited(tmp_path, PROFESSIONAL, before, after)
    if fix is None:  # without an NPI its tax number names the provider
        assert read_x12(path)[0].provider_ref == "urn:oid:2.16.840.1.113883.4.4|123456789"
        return
    with pytest.raises(BadInput) as refused:
        read_x12(path)
    assert refused.value.field == field and fix in refused.value.fix
    problems = []
    left = read_x12(path, problems=problems)
    assert problems and len(left) + len(problems) == 2


@pytest.mark.parametrize(
    "before, after, fix",
    [
        ("SVD*RP001*50**0270*4~\n", "", "does not say what RP001 paid, which goes first"),
        ("SVD*RP001*50*", "SVD*XX001*50*", "is no payer that goes before the one who is asked"),
        ("SVD*RP001*50*", "SVD*RP001*250*", "says that others paid 250, more than its charge"),
    ],
)
def test_what_the_first_payer_paid_must_be_said_line_by_line(before, after, fix, tmp_path):
    path = edited(tmp_path, INSTITUTIONAL, before, after)
    if not after:
        path.write_text(path.read_text().replace("SE*44*", "SE*43*"))
    with pytest.raises(BadInput) as refused:
        read_x12(path)
    assert fix in refused.value.fix


@pytest.mark.parametrize(
    "before, after, field, fix",
    [
        ("SE*31*", "SE*30*", "segment 33 (SE)", "does not count the segments that are there (SE01)"),
        ("HL*2*1*22", "HL*3*1*22", "segment 13 (HL)", "does not number the levels 1, 2, 3 … (HL01)"),
        ("HL*2*1*22", "HL*2*4*22", "segment 13 (HL)", "names a level above it that is not open (HL02)"),
        ("GE*1*71", "GE*2*71", "segment 34 (GE)", "does not count the transactions that are there (GE01)"),
        ("ST*837*0001*005010X222A1", "ST*835*0001*005010X221A1", "segment 3 (ST)", None),
        ("ISA*00*", "ISA*", "segment 1", None),
        ("IEA*1*000000071~\n", "", "segment 34 (GE)", None),
    ],
)
def test_a_damaged_envelope_refuses_the_file(before, after, field, fix, tmp_path):
    with pytest.raises(BadInput) as refused:
        read_x12(edited(tmp_path, PROFESSIONAL, before, after))
    assert refused.value.field == field
    assert fix is None or refused.value.fix == f"{fix}; send the whole file again"


@pytest.mark.parametrize("name, field", [("x12_valid.txt", "segment 27 (HL)"), ("x12_complex.txt", "segment 66 (HL)")])
def test_the_samples_of_another_parser_are_refused_with_segment_and_reason(name, field):
    """Their levels are numbered wrong and their segments counted wrong; so they are not what a sender wrote."""
    with pytest.raises(BadInput) as refused:
        read_claim_files([shared("x12-837", name)])
    assert refused.value.field == field and "does not number the levels" in refused.value.fix


# --------------------------------------------------------------------------------------------------------------- CSV


def test_csv():
    first, second = read_claim_files([EXAMPLES / "claims.csv"])
    assert (first.number, first.provider_ref, first.patient_ref) == ("C-3001", "city-hospital", "Patient/patient-1")
    assert (first.currency, first.service_day, len(first.lines)) == ("USD", day("2025-05-05"), 2)
    assert shapes(second) == [("http://snomed.info/sct", "76601001", 2, "40.00", "0")]


HEADER = "claim,provider,patient,day,code,charge"
ROW = "1,hospital,Patient/1,2025-05-05,99,10.00"


def written(tmp_path, *rows):
    path = tmp_path / "claims.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_csv_columns_in_any_order_and_what_is_left_out(tmp_path):
    path = written(
        tmp_path, "charge,code,day,patient,provider,claim,prior,primary", "10.00,99,2025-05-05,P,H,1,4.00,ER-1"
    )
    (claim,) = read_claim_files([path])
    assert (claim.currency, claim.primary, shapes(claim)) == ("USD", "ER-1", [("", "99", 1, "10.00", "4.00")])


@pytest.mark.parametrize(
    "rows, field, fix",
    [
        (["claim,provider,patient,day,code", "1,H,P,2025-05-05,9"], "header", "has no column charge"),
        ([HEADER + ",colour", ROW + ",red"], "header", "has the column 'colour'"),
        ([HEADER + ",code", ROW + ",9"], "header", "has the column 'code' twice"),
        ([HEADER, ROW + ",9"], "line 2", "has 7 cells, the header 6"),
        ([HEADER], "file", "holds no claims"),
        ([HEADER, ROW.replace("10.00", "-1")], "line 2: charge", "is '-1'; give an amount"),
        ([HEADER, ROW.replace("10.00", "1e3")], "line 2: charge", "is '1e3'; give an amount"),
        ([HEADER, ROW.replace("2025-05-05", "05/05/2025")], "line 2: day", "give a date from 1970 on"),
        (
            [HEADER, ROW, ROW.replace("05-05", "05-06")],
            "line 3: day",
            "is another than on line 2; split the claim by day",
        ),
        ([HEADER, ROW, ROW.replace("hospital", "clinic")], "line 3: provider", "is another than on line 2"),
        ([HEADER, ROW.replace("Patient/1", "")], "line 2: patient", "is empty; name one"),
        ([HEADER, ROW.replace("99", "")], "line 2: code", "give the code that the plan prices"),
        ([HEADER, ROW[1:]], "line 2: claim", "is empty; give the claim its number"),
        ([HEADER + ",units", ROW + ",0"], "line 2: units", "give a whole number from 1 to 65535"),
        ([HEADER + ",units", ROW + ",65536"], "line 2: units", "give a whole number from 1 to 65535"),
        ([HEADER + ",currency", ROW + ",dollar"], "line 2: currency", "give an ISO 4217 code"),
        ([HEADER + ",prior,primary", ROW + ",10.01,ER"], "line 2: prior", "another payer paid more than the charge"),
        ([HEADER + ",prior,primary", ROW + ",1.00,"], "line 2: primary", "give the number of the answer"),
        ([HEADER, '"1,hospital'], "line 2", "is not CSV"),
    ],
)
def test_csv_that_cannot_be_read_exactly(rows, field, fix, tmp_path):
    with pytest.raises(BadInput) as refused:
        read_claim_files([written(tmp_path, *rows)])
    assert refused.value.field == field and fix in str(refused.value)


def test_synthea_transactions_as_they_are():
    path, problems = shared("dbt-synthea-seeds", "claims_transactions.csv"), []
    claims = read_claim_files([path], problems=problems)
    assert (len(claims), sum(len(claim.lines) for claim in claims)) == (1261, 1519)
    assert [problem.field for problem in problems] == [
        "line 486: day",
        "line 488: day",
        "line 2007: day",
        "line 2158: day",
        "line 4643: day",
        "line 5200: day",
    ]
    first = claims[0]
    assert (first.provider_ref, shapes(first)) == (
        "e002090d-4e92-300e-b41e-7d1f21dee4c6",
        [("", "185345009", 1, "77.49", "0")],
    )


def test_synthea_tables_without_charges_are_refused():
    for path in shared("dbt-synthea-seeds").glob("*.csv"):
        if path.name != "claims_transactions.csv":
            with pytest.raises(BadInput, match="header: has no column"):
                read_claim_files([path])


# ------------------------------------------------------------------------------------------------------ several files


def test_bad_files_and_records_stop_no_other(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"resourceType": "Claim"}')
    lines = (EXAMPLES / "claims.ndjson").read_text().splitlines()
    lines[1] = lines[1].replace('"active"', '"draft"')
    half = tmp_path / "half.ndjson"
    half.write_text("\n".join(lines))
    problems, seen = [], []
    claims = read_claim_files(
        [bad, tmp_path / "none.json", half, PROFESSIONAL], problems=problems, progress=seen.append
    )
    assert [claim.number for claim in claims] == ["CH-2025-0002", "CH-2025-0004", "P-1001", "P-1002"]
    assert [(problem.file, problem.field) for problem in problems] == [
        (str(bad), "insurance"),
        (str(tmp_path / "none.json"), "file"),
        (str(half), "line 2: status"),
    ]
    assert seen == [1, 2, 3, 4]


def test_the_same_claim_in_two_files(tmp_path):
    copy = tmp_path / "copy.txt"
    copy.write_text(PROFESSIONAL.read_text())
    problems = []
    assert len(read_claim_files([PROFESSIONAL, copy], problems=problems)) == len(problems) == 2
    with pytest.raises(BadInput, match="give each claim of a provider its own number"):
        read_claim_files([PROFESSIONAL, copy])


# ----------------------------------------------------------------------------------------------------------- mapping


def test_mapping_gives_the_plans_codes_and_units(tmp_path):
    path = tmp_path / "codes.json"
    entry = {
        "fromSystem": HCPCS,
        "fromCode": "96372",
        "system": "http://snomed.info/sct",
        "code": "76601001",
        "units": 3,
    }
    path.write_text(json.dumps([entry]))
    table = mapping.load_mapping(path)
    first, second = mapping.apply(read_x12(PROFESSIONAL), table)
    assert shapes(first) == shapes(read_x12(PROFESSIONAL)[0])
    assert shapes(second) == [("http://snomed.info/sct", "76601001", 6, "40", "0")]
    assert second.total == Decimal(40)
    known = {("http://snomed.info/sct", "76601001")}
    assert [(u.claim, u.sequence, u.code) for u in mapping.unmapped([first, second], known)] == [
        ("P-1001", 1, (HCPCS, "99213")),
        ("P-1001", 2, (HCPCS, "90658")),
    ]


def test_mapping_as_csv():
    table = mapping.load_mapping(EXAMPLES / "codes.csv")
    assert table[HCPCS, "99213"] == mapping.Mapped(("http://snomed.info/sct", "185349003"), 1)
    assert len(table) == 3


@pytest.mark.parametrize(
    "entries, said",
    [
        ({"a": 1}, "is no list of objects"),
        ([{"fromSystem": "", "fromCode": "1", "system": ""}], r"\[0\]: code: is missing or no text"),
        ([{"fromSystem": "", "fromCode": " ", "system": "", "code": "1"}], r"\[0\]: fromCode: is missing"),
        ([{"fromSystem": "", "fromCode": "1", "system": "", "code": "1", "units": 0}], r"\[0\]: units: is 0"),
        ([{"fromSystem": "", "fromCode": "1", "system": "", "code": "1", "units": True}], r"\[0\]: units: is True"),
        ([{"fromSystem": "", "fromCode": "1", "system": "", "code": "1", "factor": 2}], r"\[0\]: factor: is unknown"),
        ([{"fromSystem": "", "fromCode": "1", "system": "", "code": "1"}] * 2, r"\[1\]: maps '1' a second time"),
    ],
)
def test_refused_mapping(entries, said, tmp_path):
    path = tmp_path / "codes.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(BadInput, match=said):
        mapping.load_mapping(path)


def test_more_units_than_a_line_holds():
    claims = read_x12(PROFESSIONAL)
    table = {(HCPCS, "96372"): mapping.Mapped(("", "1"), 65_535)}
    problems = []
    assert [claim.number for claim in mapping.apply(claims, table, problems=problems)] == ["P-1001"]
    assert problems[0].field == "line 1: units"
