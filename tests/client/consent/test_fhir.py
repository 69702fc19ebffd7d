"""FHIR Consents in and out: what real files become, each way of refusing one, and back again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.abi.bits import ROLES
from salus.consent.codes import ALL, LABELS, PURPOSES, RECORDS
from salus.consent.files.fhir_read import FOREVER, consent_resource, consents_bundle, read_consent
from salus.consent.registry import DirectiveDraft, Effect, Record, Status
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES, shared

KNOWN = {"Practitioner/f204": "nurse-f204", "Practitioner/13": "practice-13", "Organization/f001": "city-hospital"}
EVERYONE = [f"role:{role}" for role in ROLES]

# What each of HL7's examples becomes: the period of a permit to everyone for everything, or why it is refused.
HL7 = {
    "basic": (0, 1451692800),  # 1964-01-01 to 2016-01-01
    "notTime": (1420070400, 1422835200),  # 2015-01-01 to 2015-02-01
    "Emergency": "category[0]: is 'EMRGONLY', which may change what provisions mean; say it by provisions",
    "notAuthor": "provision.actor[0].role: is 'CST'; the registry knows who receives, IRCP or PRCP, and no other part",
    "notThem": "provision.action[1]: is 'correct'; the registry decides access and use only",
    "signature": "provision.provision[0].type: is 'permit', no exception to the base; state it in its own Consent",
}


@pytest.mark.parametrize("name", HL7)
def test_hl7_example(name):
    path = shared("hl7-fhir-r4-examples", f"Consent-consent-example-{name}.json")
    expected = HL7[name]
    if isinstance(expected, str):
        with pytest.raises(BadInput) as refused:
            read_consent(path, grantee=KNOWN.get)
        assert str(refused.value) == f"{path}: {expected}"
        return
    (consent,) = read_consent(path, grantee=KNOWN.get)
    assert consent.patient_ref == "Patient/f001"
    assert [d.grantee for d in consent.directives] == EVERYONE
    for directive in consent.directives:
        assert (directive.effect, directive.purposes) == (Effect.PERMIT, frozenset(PURPOSES))
        assert (directive.categories, (directive.start, directive.end)) == (frozenset({ALL}), expected)


def test_every_hl7_consent_is_in_the_table():
    files = {
        p.stem.removeprefix("Consent-consent-example-") for p in shared("hl7-fhir-r4-examples").glob("Consent-*.json")
    }
    assert files == set(HL7)


def test_unknown_institution_is_named():
    path = shared("hl7-fhir-r4-examples", "Consent-consent-example-notThem.json")
    with pytest.raises(BadInput) as refused:
        read_consent(path)
    assert refused.value.field == "provision.actor[0].reference"
    assert refused.value.fix.startswith("is Practitioner/f204, no institution known here;")


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
    "no rule": (lambda c: c.pop("policyRule"), "policyRule", None),
    "policy": (lambda c: c.update(policy=[{"uri": "http://example.org"}]), "policy", None),
    "guardian": (lambda c: c.update(performer=[{"reference": "RelatedPerson/1"}]), "performer[0]", None),
    "modifier": (
        lambda c: c.update(modifierExtension=[{"url": "http://example.org", "valueBoolean": True}]),
        "modifierExtension",
        None,
    ),
    "base type": (lambda c: c["provision"].update(type="deny"), "provision.type", None),
    "data": (
        lambda c: c["provision"].update(data=[{"meaning": "instance", "reference": {"reference": "Observation/1"}}]),
        "provision.data",
        "is more than the registry can say; leave it out, or narrow by class",
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
    "same type": (lambda c: nested(c).update(type="permit"), "provision.provision[0].type", None),
    "somebody else": (lambda c: nested(c).update(actor=[actor("x")]), "provision.provision[0].actor", None),
    "permit in a denial": (
        lambda c: (
            c["policyRule"]["coding"][0].update(code="OPTOUT"),
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

DRAFTS = st.builds(
    DirectiveDraft,
    st.sampled_from(["city-hospital", "0x" + "Ab" * 20, "role:PROVIDER", "role:PUBLIC_HEALTH"]),
    st.sampled_from([Effect.PERMIT, Effect.DENY]),
    st.frozensets(st.sampled_from(sorted(PURPOSES)), min_size=1),
    st.one_of(st.just(frozenset({ALL})), st.frozensets(st.sampled_from(sorted(RECORDS)), min_size=1)),
    st.integers(0, 2**31),
    st.integers(2**31 + 1, 2**33) | st.just(FOREVER),
)


@given(draft=DRAFTS, labels=st.frozensets(st.sampled_from(sorted(LABELS))), issued_at=st.integers(0, 2**33))
def test_out_and_in_is_the_same(tmp_path_factory, draft, labels, issued_at):
    """A deny of classes and labels comes back as two directives that together deny the same; all else as itself."""
    whole = DirectiveDraft(
        draft.grantee, draft.effect, draft.purposes, draft.categories | labels, draft.start, draft.end
    )
    resources = consent_resource(whole, patient="0x" + "cd" * 20, issued_at=issued_at)
    path = tmp_path_factory.mktemp("consent") / "consents.ndjson"
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    found = [directive for consent in read_consent(path) for directive in consent.directives]
    if labels and draft.effect is Effect.DENY:
        only_labels = DirectiveDraft(draft.grantee, Effect.DENY, draft.purposes, labels, draft.start, draft.end)
        assert found == [draft, only_labels]
    else:
        assert found == [whole]


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
