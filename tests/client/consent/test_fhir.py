"""FHIR Consents in and out: what real files become, each way of refusing one, and back again."""

import json

import pytest

from salus.abi.bits import ROLES
from salus.consent.codes import ALL
from salus.consent.files.fhir_read import FOREVER, consent_resource, consents_bundle, read_consent
from salus.consent.registry import DirectiveDraft, Effect, Record, Status
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

KNOWN = {"Practitioner/f204": "nurse-f204", "Practitioner/13": "practice-13", "Organization/f001": "city-hospital"}
EVERYONE = [f"role:{role}" for role in ROLES]

# Why each of HL7's examples of R4 is refused: under a policy rule alone the published root provision is at times what
# is permitted and at times what is excepted.
UNTYPED = (
    "provision.type: is missing; say whether what this provision names is permitted or denied: under a policy rule"
    " alone it may be either"
)
HL7 = {
    "basic": UNTYPED,
    "notTime": UNTYPED,
    "Emergency": "category[0]: is 'EMRGONLY', which may change what provisions mean; say it by provisions",
    "notAuthor": UNTYPED,
    "notThem": UNTYPED,
    "signature": UNTYPED,
}


@pytest.mark.parametrize("name", HL7)
def test_hl7_example(name):
    path = shared("hl7-fhir-r4-examples", f"Consent-consent-example-{name}.json")
    with pytest.raises(BadInput) as refused:
        read_consent(path, grantee=KNOWN.get, by_delegate=True)
    assert str(refused.value) == f"{path}: {HL7[name]}"


@pytest.mark.parametrize(
    ("effect", "rule", "grantees"),
    [("permit", "OPTIN", ["nurse-f204"]), ("deny", "OPTOUT", ["nurse-f204"])],
)
def test_hl7_example_with_a_type_is_read(effect, rule, grantees, tmp_path):
    document = json.loads(shared("hl7-fhir-r4-examples", "Consent-consent-example-notThem.json").read_text())
    document["policyRule"]["coding"][0]["code"] = rule
    document["provision"]["type"] = effect
    path = tmp_path / "typed.json"
    path.write_text(json.dumps(document))
    (consent,) = read_consent(path, grantee=KNOWN.get)
    assert [(d.grantee, d.effect) for d in consent.directives] == [(name, Effect[effect.upper()]) for name in grantees]
    assert "provision.action[1]" in consent.unused


def test_every_hl7_consent_is_in_the_table():
    files = {
        p.stem.removeprefix("Consent-consent-example-") for p in shared("hl7-fhir-r4-examples").glob("Consent-*.json")
    }
    assert files == set(HL7)


def test_unknown_institution_is_named(consent, read):
    consent["provision"]["actor"] = [{**actor(""), "reference": {"reference": "Organization/9"}}]
    with pytest.raises(BadInput) as refused:
        read(consent)
    assert refused.value.field == "provision.actor[0].reference"
    assert refused.value.fix.startswith("is Organization/9, no institution known here;")


def test_examples_read():
    (hospital,) = read_consent(EXAMPLES / "consent-hospital.json")[0].directives
    assert hospital == DirectiveDraft(
        "city-hospital", Effect.PERMIT, frozenset({"TREAT"}), frozenset({ALL}), 0, FOREVER
    )
    (insurer,) = read_consent(EXAMPLES / "consent-insurer.json")[0].directives
    assert (insurer.grantee, insurer.purposes, insurer.categories) == (
        "north-mutual",
        frozenset({"HPAYMT"}),
        frozenset({"Claim", "Coverage"}),
    )
    permit, deny = read_consent(EXAMPLES / "consent-exception.json")[0].directives
    assert (deny.effect, deny.categories) == (Effect.DENY, frozenset({"HIV"}))
    assert (deny.grantee, deny.purposes, deny.start, deny.end) == (
        permit.grantee,
        permit.purposes,
        1735689600,
        2051222400,
    )


# ------------------------------------------------------------------------------------------------------- single rules


@pytest.fixture
def consent():
    return json.loads((EXAMPLES / "consent-exception.json").read_text())


@pytest.fixture
def read(tmp_path):
    def reader(document):
        path = tmp_path / "consent.json"
        path.write_text(json.dumps(document))
        return read_consent(path, grantee=KNOWN.get)

    return reader


ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def actor(value, system="urn:salus:institution", role="IRCP"):
    return {
        "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": role}]},
        "reference": {"identifier": {"system": system, "value": value}},
    }


def coding(system, *codes):
    return [{"system": system, "code": code} for code in codes]


def test_opt_out_of_everybody_with_one_named_exception(consent, read):
    consent["policyRule"]["coding"][0]["code"] = "OPTOUT"
    consent["provision"] = {"provision": [{"type": "permit", "actor": [actor("city-hospital")]}]}
    directives = read(consent)[0].directives
    assert [(d.grantee, d.effect) for d in directives] == [
        *((role, Effect.DENY) for role in EVERYONE),
        ("city-hospital", Effect.PERMIT),
    ]


def test_reference_and_role_as_actors(consent, read):
    reference = {**actor(""), "reference": {"reference": "Organization/f001"}}
    consent["provision"] |= {"actor": [reference, actor("PHARMACY", "urn:salus:role", "PRCP")], "provision": []}
    del consent["provision"]["provision"]
    assert [d.grantee for d in read(consent)[0].directives] == ["city-hospital", "role:PHARMACY"]


@pytest.mark.parametrize(
    "period, start, end",
    [
        ({"start": "2025"}, 1735689600, FOREVER),
        ({"end": "2024-02"}, 0, 1709251200),
        ({"end": "2025-01-31T12:00:00+01:00"}, 0, 1738321201),
        ({"start": "1960-01-01", "end": "2025-12-31"}, 0, 1767225600),
    ],
)
def test_period(period, start, end, consent, read):
    consent["provision"]["period"] = period
    assert {(d.start, d.end) for d in read(consent)[0].directives} == {(start, end)}


def nested(consent):
    return consent["provision"]["provision"][0]


EDITS = {
    "status": (lambda c: c.update(status="inactive"), "status", "is 'inactive'; only an active consent is granted"),
    "scope": (lambda c: c["scope"]["coding"][0].update(code="research"), "scope", None),
    "rule": (lambda c: c["policyRule"]["coding"][0].update(code="OPTINR"), "policyRule", None),
    "rule of another system": (lambda c: c["policyRule"]["coding"][0].update(system="urn:x"), "policyRule", None),
    "rule as text": (
        lambda c: c.update(policyRule={"text": "as agreed"}),
        "policyRule",
        "is text that no contract reads; give a code, or leave it out",
    ),
    "neither rule nor type": (
        lambda c: (c.pop("policyRule"), c["provision"].pop("type")),
        "provision.type",
        "is missing; say permit or deny",
    ),
    "rule without a type": (
        lambda c: c["provision"].pop("type"),
        "provision.type",
        "is missing; say whether what this provision names is permitted or denied: under a policy rule alone it may be"
        " either",
    ),
    "another type": (lambda c: c["provision"].update(type="maybe"), "provision.type", "is 'maybe'; say permit or deny"),
    "guardian": (lambda c: c.update(performer=[{"reference": "RelatedPerson/1"}]), "performer[0]", None),
    "modifier": (
        lambda c: c.update(modifierExtension=[{"url": "http://example.org", "valueBoolean": True}]),
        "modifierExtension",
        None,
    ),
    "base type": (
        lambda c: c["provision"].update(type="deny"),
        "policyRule",
        "is OPTIN, and the base is deny; say which of them is meant",
    ),
    "data": (
        lambda c: c["provision"].update(data=[{"meaning": "instance", "reference": {"reference": "Observation/1"}}]),
        "provision.data",
        "names single records, or what they belong to, which no directive can hold; without it the provision would mean"
        " something else: say it by class, securityLabel, purpose or period",
    ),
    "data period": (lambda c: c["provision"].update(dataPeriod={"start": "2020"}), "provision.dataPeriod", None),
    "code": (
        lambda c: nested(c).update(code=[{"coding": coding("http://loinc.org", "1-8")}]),
        "provision.provision[0].code",
        None,
    ),
    "deeper": (
        lambda c: nested(c).update(provision=[{"type": "permit"}]),
        "provision.provision[0].provision",
        "is an exception to an exception; state it in a Consent of its own",
    ),
    "no type": (lambda c: nested(c).pop("type"), "provision.provision[0].type", None),
    "nothing excepted": (
        lambda c: nested(c).pop("securityLabel"),
        "provision.provision[0]",
        "names nothing, and so takes back all of the base; name what is excepted",
    ),
    "somebody else": (lambda c: nested(c).update(actor=[actor("x")]), "provision.provision[0].actor", None),
    "permit in a denial": (
        lambda c: (
            c.pop("policyRule"),
            c["provision"].update(type="deny"),
            c["provision"].pop("securityLabel"),
            nested(c).update(
                type="permit",
                securityLabel=[
                    *coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N"),
                    *coding(ACT, "HIV"),
                ],
            ),
        ),
        "provision.provision[0]",
        "permits within a denial of the same rank, which would win; deny less instead",
    ),
    "purpose": (
        lambda c: c["provision"].update(purpose=coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", "FOO")),
        "provision.purpose[0]",
        None,
    ),
    "purpose of another system": (
        lambda c: c["provision"].update(purpose=coding("urn:x", "TREAT")),
        "provision.purpose[0]",
        None,
    ),
    "class": (
        lambda c: c["provision"].update({"class": coding("urn:ietf:bcp:13", "application/hl7-cda+xml")}),
        "provision.class[0]",
        None,
    ),
    "label": (lambda c: c["provision"].update(securityLabel=coding(ACT, "R")), "provision.securityLabel[0]", None),
    "labels only": (
        lambda c: c["provision"].update(securityLabel=coding(ACT, "ETH")),
        "provision.securityLabel",
        "permits labelled records only, which the registry cannot say; add N of v3-Confidentiality",
    ),
    "label and class denied": (
        lambda c: nested(c).update({"class": coding("http://hl7.org/fhir/resource-types", "Condition")}),
        "provision.provision[0].securityLabel",
        None,
    ),
    "period as a number": (
        lambda c: c["provision"].update(period={"end": 5}),
        "provision.period.end",
        "is 5; give a date, or a time with seconds and an offset",
    ),
    "period": (
        lambda c: c["provision"].update(period={"start": "2025-02-01", "end": "2025-01-31"}),
        "provision.period",
        None,
    ),
    "author": (
        lambda c: c["provision"].update(actor=[actor("city-hospital", role="AUT")]),
        "provision.actor[0].role",
        None,
    ),
    "role": (
        lambda c: c["provision"].update(actor=[actor("KING", "urn:salus:role")]),
        "provision.actor[0].reference",
        None,
    ),
    "handle": (lambda c: c["provision"].update(actor=[actor("City Hospital")]), "provision.actor[0].reference", None),
    "too many": (
        lambda c: c["provision"].update(
            provision=[
                {"type": "deny", "purpose": coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", p)}
                for p in ("HRESCH", "HMARKT", "PUBHLTH", "PATRQT")
            ]
        ),
        "provision.provision",
        "says more than 4 rules for one grantee; join some of them",
    ),
    "no patient": (lambda c: c.pop("patient"), "patient", "is missing; name whose consent it is"),
    "not fhir": (lambda c: c.update(scope=3), "scope", None),
    "other resource": (lambda c: c.update(resourceType="Claim"), "resourceType", None),
}


@pytest.mark.parametrize("name", EDITS)
def test_refused_edit(name, consent, read):
    edit, field, fix = EDITS[name]
    edit(consent)
    with pytest.raises(BadInput) as refused:
        read(consent)
    assert refused.value.field == field
    assert fix is None or refused.value.fix == fix


# ---------------------------------------------------------------------------------------------------------- and back


def test_records_of_the_registry_as_a_bundle(tmp_path):
    patient, hospital = "0x" + "11" * 20, "0x" + "22" * 20
    record = Record(hospital, 0, Effect.PERMIT, 1, 1 << 12 | 1 << 45, 0, 1_900_000_000, 1_700_000_000, Status.ACTIVE)
    bundle = consents_bundle([(patient, record)], name={hospital: "city-hospital"}.get)
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle))
    (consent,) = read_consent(path)
    assert consent.patient_ref == f"urn:salus:patient|{patient}"
    assert consent.directives == (
        DirectiveDraft(
            "city-hospital", Effect.PERMIT, frozenset({"TREAT"}), frozenset({"Claim", "HIV"}), 0, 1_900_000_000
        ),
    )


def test_permit_of_labels_alone_cannot_be_written():
    draft = DirectiveDraft("city-hospital", Effect.PERMIT, frozenset({"TREAT"}), frozenset({"HIV"}), 0, FOREVER)
    with pytest.raises(BadInput, match="permits sensitivity labels without records"):
        consent_resource(draft, patient="0x" + "11" * 20, issued_at=0)
