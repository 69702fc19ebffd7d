"""The people of a FHIR Consent: who signs, who is meant, whose it is.

given who signs
    when it is the patient              nobody else is told
    when it is somebody else            it is refused, unless a delegate signs
    when it is an organization, or two  it is refused
given actors
    when one receives nothing           it is refused with the part that it has
    when one is no institution          it is refused with what it is
    when there are several              each has directives of its own
given a merged patient
    when the file has the records       the one that remains is the patient
"""

from copy import deepcopy

import pytest

from salus.abi.bits import ROLES
from salus.consent.codes import ALL
from salus.consent.files.fhir_codes import ACT_CODE
from salus.consent.files.fhir_read import FOREVER
from salus.consent.model import DirectiveDraft, Effect
from tests.support.published_consents import actor, below, codes, pcf, r5

EVERYONE = tuple(f"role:{role}" for role in ROLES)
CARE = frozenset({"TREAT", "HPAYMT", "HOPERAT"})
RECORDS = frozenset({ALL})
HOSPITAL, CLINIC = actor("Organization/f001"), actor("Organization/f203")


# ---- who signs -------------------------------------------------------------------------------------------------------


def test_fhir_another_performer_is_refused_unless_a_delegate_signs(read, refused):
    document = pcf("permit", performer="RelatedPerson/parent")
    assert refused(document) == (
        "performer[0]",
        "is not the patient, whose key must sign; sign as the patient's delegate, or give the patient's consent",
    )
    consent = read(document, by_delegate=True)
    assert consent.signer == "RelatedPerson/parent"
    assert consent.directives == read(pcf("permit")).directives
    assert read(pcf("permit"), by_delegate=True).signer == ""


@pytest.mark.parametrize("kind", ["Organization", "Practitioner", "PractitionerRole"])
def test_fhir_an_institution_signs_for_nobody(kind, refused):
    for document, field in (
        (pcf("permit", performer=f"{kind}/1"), "performer[0]"),
        (r5("permit", grantor=[{"reference": f"{kind}/1"}]), "grantor[0]"),
    ):
        assert refused(document, by_delegate=True) == (
            field,
            f"is of type {kind}; a person signs for a patient: name a RelatedPerson or a Patient",
        )


def test_fhir_two_who_sign_together_are_refused(refused):
    document = pcf("permit")
    document["performer"].append({"reference": "RelatedPerson/parent"})
    assert refused(document, by_delegate=True) == (
        "performer[1]",
        "signs beside another one, and an order has one signature; give a Consent of each",
    )


def test_fhir_a_signer_by_identifier(read):
    identifier = {"system": "urn:person", "value": "7"}
    consent = read(r5("permit", grantor=[{"identifier": identifier}]), by_delegate=True)
    assert consent.signer == "urn:person|7"


def test_fhir_what_whoever_signs_has_to_know_is_told_in_sentences(read, tmp_path):
    source = tmp_path / "consent.json"
    told = read(
        bundle(pcf("permit", performer="RelatedPerson/parent"), record("ex-patient", "second")), by_delegate=True
    )
    place = f"{source} (entry[0].resource)"
    assert told.notes == (
        f"{place}: given by RelatedPerson/parent, who signs as the patient's delegate",
        f"{place}: Patient/ex-patient was merged into Patient/second, whose consent it is",
        f"{place}: not kept, because no directive holds it: organization, policy, sourceReference",
    )
    assert read(r5("permit", controller=None, sourceAttachment=None, regulatoryBasis=None)).notes == ()


# ---- who is meant ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "words"), [("CST", "who keeps the data"), ("AUT", "who wrote the data")])
def test_fhir_an_actor_who_receives_nothing_is_refused_with_its_part(part, words, refused):
    field, fix = refused(pcf("permit", actor=[actor("Organization/f001", part)]))
    assert field == "provision.actor[0].role"
    assert part in fix and words in fix


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("Practitioner/9", "one member of a staff"),
        ("PractitionerRole/9", "one member of a staff"),
        ("https://hospital.example/fhir/CareTeam/9", "a team"),
        ("Group/9", "a group of people"),
        ("RelatedPerson/9", "a person"),
    ],
)
def test_fhir_who_is_no_institution_is_told_what_it_is(reference, words, refused):
    assert refused(pcf("permit", actor=[actor(reference)])) == (
        "provision.actor[0].reference",
        f"is {reference}, {words}, and a directive names an institution or a role; say which of them is meant",
    )


# ---- a merged patient ------------------------------------------------------------------------------------------------


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": found} for found in resources]}


def record(name, *replaced_by, kind="replaced-by"):
    links = [{"type": kind, "other": {"reference": f"Patient/{other}"}} for other in replaced_by]
    return {"resourceType": "Patient", "id": name, "link": links}


def test_fhir_a_merged_patient_is_the_record_that_remains(read):
    document = pcf("permit")
    records = [
        record("ex-patient", "second"),
        record("second", "third"),
        record("third", "ex-patient", kind="replaces"),
    ]
    consent = read(bundle(document, *records))
    assert (consent.patient_ref, consent.replaced) == ("Patient/third", "Patient/ex-patient")
    assert consent.signer == ""
    signed = deepcopy(document)
    signed["performer"] = [{"reference": "Patient/third"}]
    assert read(bundle(signed, *records)).signer == ""
    assert read(document).replaced == ""


def test_fhir_a_link_that_is_no_merge_changes_nothing(read):
    for kind in ("seealso", "refer", "replaces"):
        consent = read(bundle(pcf("permit"), record("ex-patient", "second", kind=kind)))
        assert (consent.patient_ref, consent.replaced) == ("Patient/ex-patient", "")
    odd = {"resourceType": "Patient", "id": "ex-patient", "link": {"type": "replaced-by"}}
    assert read(bundle(pcf("permit"), odd)).patient_ref == "Patient/ex-patient"


@pytest.mark.parametrize(
    "records",
    [
        [record("ex-patient", "second"), record("second", "ex-patient")],
        [record("ex-patient", "second", "third")],
        [{"resourceType": "Patient", "id": "ex-patient", "link": [{"type": "replaced-by"}]}],
    ],
)
def test_fhir_a_patient_merged_into_no_single_record_is_refused(records, refused):
    assert refused(bundle(pcf("permit"), *records)) == (
        "entry[0].resource.patient",
        "is Patient/ex-patient, which was merged into no single record; name the one that remains",
    )


# ---- several actors --------------------------------------------------------------------------------------------------


def test_c17_each_of_two_actors_has_directives_of_its_own(read):
    deny = below("deny", securityLabel=codes(ACT_CODE, "HIV"))
    consent = read(pcf("permit", deny, actor=[HOSPITAL, CLINIC]))
    by_grantee = consent.by_grantee()
    assert list(by_grantee) == ["city-hospital", "hill-clinic"]
    for grantee, directives in by_grantee.items():
        assert directives == (
            DirectiveDraft(grantee, Effect.PERMIT, CARE, RECORDS, 0, FOREVER),
            DirectiveDraft(grantee, Effect.DENY, CARE, frozenset({"HIV"}), 0, FOREVER),
        )


def test_c17_one_actor_named_twice_has_one_directive(read):
    assert len(read(pcf("permit", actor=[HOSPITAL, HOSPITAL])).directives) == 1
    twice = read(pcf("permit", below("deny", actor=[HOSPITAL]), below("deny", actor=[HOSPITAL])))
    assert [d.effect for d in twice.by_grantee()["city-hospital"]] == [Effect.DENY]


def test_c17_everyone_is_every_role_and_no_institution(read):
    assert set(read(pcf("permit")).by_grantee()) == set(EVERYONE)
