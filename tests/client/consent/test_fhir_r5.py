"""FHIR R5 Consents in and out: what they become, each way of refusing one, which version a file is in, and back
again.
"""

import json

import pytest

from salus.abi.bits import ROLES
from salus.consent import research_uses as duo
from salus.consent.codes import ALL, PURPOSES, purpose_bits
from salus.consent.files.fhir_read import FOREVER, PROVISIONS_ALONE, consent_resource, consents_bundle, read_consent
from salus.consent.registry import DirectiveDraft, Effect, Record, Status
from salus.errors import BadInput
from tests.client.consent.test_fhir import ACT, actor, coding
from tests.support.shared_data import EXAMPLES, shared

REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
NORMAL = coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")
ALONE = [{"url": PROVISIONS_ALONE, "valueBoolean": True}]
START, END = 1735689600, 2051222400  # 2025-01-01 to the end of 2034
EVERY = frozenset(PURPOSES)
HOSPITAL = {"identifier": {"system": "urn:salus:institution", "value": "city-hospital"}}


@pytest.fixture
def consent():
    return json.loads((EXAMPLES / "consent-r5.json").read_text())


@pytest.fixture
def read(tmp_path):
    def reader(document, **options):
        path = tmp_path / "consent.json"
        path.write_text(json.dumps(document))
        return read_consent(path, grantee={"Organization/f001": "city-hospital"}.get, **options)

    return reader


def test_the_example():
    (consent,) = read_consent(EXAMPLES / "consent-r5.json")
    assert (consent.version, consent.patient_ref, consent.id) == ("R5", "Patient/patient-1", "consent-r5")
    assert consent.directives == (
        DirectiveDraft("city-hospital", Effect.PERMIT, EVERY, frozenset({ALL}), START, END),
        DirectiveDraft("city-hospital", Effect.DENY, frozenset({"HMARKT", "POA"}), frozenset({ALL}), START, END),
        DirectiveDraft(
            "city-hospital", Effect.DENY, frozenset({"HPAYMT"}), frozenset({"QuestionnaireResponse"}), START, END
        ),
    )


# What an edit of the example becomes: (grantees, effect, purposes, categories, start, end) of each rule.
READ = {
    "no exception": (lambda c: c.pop("provision"), [(["city-hospital"], "PERMIT", EVERY, {ALL}, START, END)]),
    "a denial": (
        lambda c: (c.pop("provision"), c.update(decision="deny")),
        [(["city-hospital"], "DENY", EVERY, {ALL}, START, END)],
    ),
    "everyone, for ever": (
        lambda c: [c.pop(name) for name in ("provision", "grantee", "period")],
        [([f"role:{role}" for role in ROLES], "PERMIT", EVERY, {ALL}, 0, FOREVER)],
    ),
    "nobody but one, for one purpose": (
        lambda c: (
            c.pop("grantee"),
            c.update(
                decision="deny", provision=[{"actor": [actor("city-hospital")], "purpose": coding(REASON, "TREAT")}]
            ),
        ),
        [
            ([f"role:{role}" for role in ROLES], "DENY", EVERY, {ALL}, START, END),
            (["city-hospital"], "PERMIT", {"TREAT"}, {ALL}, START, END),
        ],
    ),
    "a grantee by reference": (
        lambda c: (c.pop("provision"), c.update(grantee=[{"reference": "Organization/f001"}])),
        [(["city-hospital"], "PERMIT", EVERY, {ALL}, START, END)],
    ),
    "labels denied in a shorter time": (
        lambda c: c.update(provision=[{"securityLabel": coding(ACT, "PSY"), "period": {"end": "2025-12-31"}}]),
        [
            (["city-hospital"], "PERMIT", EVERY, {ALL}, START, END),
            (["city-hospital"], "DENY", EVERY, {"PSY"}, START, 1767225600),
        ],
    ),
    "provisions alone": (
        lambda c: c.update(
            modifierExtension=ALONE,
            provision=[
                {"purpose": coding(REASON, "TREAT"), "securityLabel": NORMAL + coding(ACT, "HIV")},
                {
                    "purpose": coding(duo.SYSTEM, "DUO_0000006"),
                    "provision": [{"resourceType": c["provision"][1]["resourceType"]}],
                },
            ],
        ),
        [
            (["city-hospital"], "PERMIT", {"TREAT"}, {ALL, "HIV"}, START, END),
            (["city-hospital"], "PERMIT", {"HMB"}, {ALL}, START, END),
            (["city-hospital"], "DENY", {"HMB"}, {"QuestionnaireResponse"}, START, END),
        ],
    ),
    "who keeps it says nothing": (
        lambda c: (
            c.pop("provision"),
            c.update(manager=[HOSPITAL], controller=[HOSPITAL], verification=[{"verified": True}]),
        ),
        [(["city-hospital"], "PERMIT", EVERY, {ALL}, START, END)],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_read(name, consent, read):
    edit, rules = READ[name]
    edit(consent)
    (found,) = read(consent)
    assert found.directives == tuple(
        DirectiveDraft(grantee, Effect[effect], frozenset(purposes), frozenset(categories), start, end)
        for grantees, effect, purposes, categories, start, end in rules
        for grantee in grantees
    )


REFUSED = {
    "status": (lambda c: c.update(status="draft"), "status", "is 'draft'; only an active consent is granted"),
    "no decision": (lambda c: c.pop("decision"), "decision", "is missing; say permit or deny"),
    "another decision": (lambda c: c.update(decision="perhaps"), "decision", None),
    "somebody else grants": (lambda c: c.update(grantor=[{"reference": "RelatedPerson/1"}]), "grantor[0]", None),
    "of a group": (
        lambda c: (c.pop("grantor"), c.update(subject={"reference": "Group/1"})),
        "subject",
        "is a Group; a consent is of one patient",
    ),
    "of nobody": (lambda c: (c.pop("grantor"), c.pop("subject")), "subject", "is missing; name whose consent it is"),
    "regulation against the decision": (
        lambda c: c.update(regulatoryBasis=[{"coding": coding(ACT, "INFA")}, {"coding": coding(ACT, "OPTOUT")}]),
        "regulatoryBasis[1]",
        "is OPTOUT, and the base is permit; say which of them is meant",
    ),
    "regulation that nobody knows": (
        lambda c: c.update(regulatoryBasis=[{"coding": coding(ACT, "INFAO")}]),
        "regulatoryBasis[0]",
        f"is 'INFAO' of '{ACT}', which may change what provisions mean; say it by provisions",
    ),
    "policy against the decision": (
        lambda c: c.update(policyBasis={"url": "https://profiles.ihe.net/ITI/PCF/Policy-deny"}),
        "policyBasis.url",
        "permits nothing, and the base is permit; say which of them is meant",
    ),
    "not verified": (
        lambda c: c.update(verification=[{"verified": True}, {"verified": False}]),
        "verification[1]",
        "says that it was not verified; give one that stands",
    ),
    "research as a category": (
        lambda c: c["category"][0]["coding"][0].update(code="research"),
        "category[0]",
        "is 'research', which may change what provisions mean; say it by provisions",
    ),
    "modifier": (
        lambda c: c.update(modifierExtension=[{"url": "http://example.org", "valueBoolean": True}]),
        "modifierExtension",
        None,
    ),
    "modifier at a provision": (
        lambda c: c["provision"][1].update(modifierExtension=ALONE),
        "provision[1].modifierExtension",
        "may change what the consent means; give one without it",
    ),
    "modifier at a verification": (
        lambda c: c.update(verification=[{"verified": True, "modifierExtension": ALONE}]),
        "verification[0].modifierExtension",
        None,
    ),
    "alone without provision": (lambda c: (c.pop("provision"), c.update(modifierExtension=ALONE)), "provision", None),
    "rules": (lambda c: c.update(implicitRules="http://example.org"), "implicitRules", None),
    "unknown grantee": (lambda c: c.update(grantee=[{"reference": "Organization/2"}]), "grantee[0]", None),
    "period": (lambda c: c.update(period={"start": "2025", "end": "2024"}), "period", None),
    "document type": (
        lambda c: c["provision"][0].update(documentType=coding("urn:ietf:bcp:13", "application/pdf")),
        "provision[0].documentType",
        "is a kind of document, which no directive can hold; without it the provision would mean something else: say it"
        " by resourceType, securityLabel, purpose or period",
    ),
    "code": (
        lambda c: c["provision"][0].update(code=[{"coding": coding("http://loinc.org", "1-8")}]),
        "provision[0].code",
        None,
    ),
    "data": (
        lambda c: c["provision"][0].update(data=[{"meaning": "instance", "reference": {"reference": "Observation/1"}}]),
        "provision[0].data",
        None,
    ),
    "data period": (lambda c: c["provision"][0].update(dataPeriod={"start": "2020"}), "provision[0].dataPeriod", None),
    "expression": (
        lambda c: c["provision"][0].update(expression={"language": "text/cql", "expression": "true"}),
        "provision[0].expression",
        None,
    ),
    "action": (
        lambda c: c["provision"][0].update(
            action=[{"coding": coding("http://terminology.hl7.org/CodeSystem/consentaction", "correct")}]
        ),
        "provision[0].action",
        "is neither access nor use, and the registry decides only those; name one",
    ),
    "actor without a part": (
        lambda c: c["provision"][0].update(actor=[{"reference": HOSPITAL}]),
        "provision[0].actor[0].role",
        None,
    ),
    "actor without a name": (
        lambda c: c["provision"][0].update(actor=[{"role": actor("x")["role"]}]),
        "provision[0].actor[0].reference",
        "is missing; name the institution or the role",
    ),
    "actor beyond the grantees": (
        lambda c: c["provision"][0].update(actor=[actor("north-mutual")]),
        "provision[0].actor",
        None,
    ),
    "deeper": (
        lambda c: c["provision"][0].update(provision=[{"purpose": coding(REASON, "TREAT")}]),
        "provision[0].provision",
        None,
    ),
    "permit in a denial": (
        lambda c: c.update(decision="deny"),
        "provision[0]",
        "permits within a denial of the same rank, which would win; deny less instead",
    ),
    "resource type": (
        lambda c: c["provision"][1]["resourceType"][0].update(code="Basic"),
        "provision[1].resourceType[0]",
        None,
    ),
    "unknown purpose": (
        lambda c: c["provision"][0].update(purpose=coding(REASON, "TREAT", "FOO")),
        "provision[0].purpose[1]",
        None,
    ),
    "a disease": (
        lambda c: c["provision"][0].update(purpose=coding(duo.SYSTEM, "DUO:0000007")),
        "provision[0].purpose[0]",
        "is DS (disease specific research), which needs the code of a disease, which a directive has no room for;"
        " grant HMB, or nothing",
    ),
    "no term of DUO": (
        lambda c: c["provision"][0].update(purpose=coding(duo.SYSTEM, "DUO:9")),
        "provision[0].purpose[0]",
        f"is 'DUO:9', no term of DUO {duo.version()}; name one",
    ),
    "a modifier beside a permission": (
        lambda c: c["provision"][0].update(purpose=coding(duo.SYSTEM, "DUO:0000006", "DUO:0000046")),
        "provision[0].purpose",
        "NCU beside HMB would mean both in DUO, and either here; name one, in a directive of its own",
    ),
    "too many": (
        lambda c: c.update(
            provision=[{"purpose": coding(REASON, p)} for p in ("HRESCH", "HMARKT", "PUBHLTH", "PATRQT")]
        ),
        "provision",
        "says more than 4 rules for one grantee; join some of them",
    ),
    "not fhir": (lambda c: c.update(subject=3), "subject", None),
    "of both versions": (
        lambda c: c.update(scope={"coding": []}),
        "date",
        "is of R5, and scope of R4; say which version it is",
    ),
    "of neither": (
        lambda c: [c.pop(name) for name in set(c) - {"resourceType", "status", "id"}],
        "resourceType",
        "is a Consent with no element of R4 or R5 alone; say which version it is",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, consent, read):
    edit, field, fix = REFUSED[name]
    edit(consent)
    with pytest.raises(BadInput) as refused:
        read(consent)
    assert refused.value.field == field
    assert fix is None or refused.value.fix == fix


def test_every_element_of_r5_is_read_kept_out_or_refused(consent, read):
    """No element that FHIR has may pass unseen: each is in one of these lists, or adding it is refused above."""
    from fhir.resources import get_fhir_model_class

    def elements(kind):
        return {name for name in get_fhir_model_class(kind).model_fields if not name.endswith("__ext")}

    frame = {
        "id",
        "implicitRules",
        "language",
        "meta",
        "contained",
        "extension",
        "modifierExtension",
        "text",
        "fhir_comments",
    }
    says = {"category", "decision", "grantee", "grantor", "period", "provision", "status", "subject", "verification"}
    told = {"controller", "date", "identifier", "manager", "sourceAttachment", "sourceReference"}
    checked_and_told = {"policyBasis", "policyText", "regulatoryBasis"}
    assert elements("Consent") - frame == says | told | checked_and_told
    read_here = {"action", "actor", "period", "provision", "purpose", "resourceType", "securityLabel"}
    more = elements("ConsentProvision") - read_here - {"id", "extension", "modifierExtension", "fhir_comments"}
    assert more == {"code", "data", "dataPeriod", "documentType", "expression"}


# ---------------------------------------------------------------------------------------------------- which version


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_a_version_that_is_named_is_the_one_it_is_held_against(version, consent, read):
    other = {"R4": consent, "R5": json.loads((EXAMPLES / "consent-exception.json").read_text())}[version]
    with pytest.raises(BadInput, match=f"is not FHIR {version} "):
        read(other, version=version)


def test_an_unknown_version(consent, read):
    with pytest.raises(BadInput, match="FHIR version: is 'R3'; known are R4, R5"):
        read(consent, version="R3")


def test_versions_in_one_bundle(consent, read):
    old = json.loads((EXAMPLES / "consent-hospital.json").read_text())
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": old}, {"resource": consent}]}
    assert [found.version for found in read(bundle)] == ["R4", "R5"]


def test_every_shared_example_is_known_as_r4():
    """What each of them becomes is in test_fhir_consent; none is taken for R5 by its shape."""
    from salus.consent.files.fhir_read import version_of
    from salus.formats.fhir import read_resources

    for path in sorted(shared("hl7-fhir-r4-examples").glob("Consent-*.json")):
        assert [version_of(resource) for resource in read_resources(path, "Consent")] == ["R4"], path


# ---------------------------------------------------------------------------------------------------------- and back


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize("effect", [Effect.PERMIT, Effect.DENY])
def test_records_of_the_registry_as_a_bundle(effect, version, tmp_path):
    patient, hospital = "0x" + "11" * 20, "0x" + "22" * 20
    purposes = purpose_bits(["TREAT", "HMB"], deny=effect is Effect.DENY)
    record = Record(hospital, 0, effect, purposes, 1 << 12, 0, 1_900_000_000, 1_700_000_000, Status.ACTIVE)
    path = tmp_path / "bundle.json"
    path.write_text(
        json.dumps(consents_bundle([(patient, record)], name={hospital: "city-hospital"}.get, version=version))
    )
    (consent,) = read_consent(path)
    assert (consent.version, consent.patient_ref) == (version, f"urn:salus:patient|{patient}")
    assert consent.directives == (
        DirectiveDraft("city-hospital", effect, frozenset({"TREAT", "HMB"}), frozenset({"Claim"}), 0, 1_900_000_000),
    )


@pytest.mark.parametrize(
    ("purposes", "categories", "said"),
    [
        ({"only:HRESCH"}, {ALL}, "has the purpose only:HRESCH, which FHIR has no code for"),
        ({"bit30"}, {ALL}, "has the purpose bit30, which FHIR has no code for"),
        ({"TREAT"}, {"bit30"}, "has the category bit30, which FHIR has no code for"),
    ],
)
def test_what_fhir_has_no_code_for_is_not_written(purposes, categories, said):
    draft = DirectiveDraft("city-hospital", Effect.PERMIT, frozenset(purposes), frozenset(categories), 0, FOREVER)
    with pytest.raises(BadInput, match=said):
        consent_resource(draft, patient="0x" + "11" * 20, issued_at=0)


def test_an_unknown_version_is_not_written():
    draft = DirectiveDraft("city-hospital", Effect.PERMIT, EVERY, frozenset({ALL}), 0, FOREVER)
    with pytest.raises(BadInput, match="known are R4, R5"):
        consent_resource(draft, patient="0x" + "11" * 20, issued_at=0, version="R6")
