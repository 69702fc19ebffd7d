"""The published examples of FHIR Consents, told in documents of our own, and the table of what each of them becomes.

Each document says what the example of that name says, by the elements that it says it by; names, texts and dates are
our own. ``python -m tests.support.published_consents`` brings the table of ``docs/fhir-consents.md`` up to date.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from salus.abi.bits import ROLES
from salus.consent.codes import LABELS, PURPOSES
from salus.consent.files.fhir_codes import (
    ACT_CODE,
    ACT_REASON,
    ACTIONS,
    CONFIDENTIALITY,
    FHIR_TYPES,
    FOREVER,
    LABEL_SYSTEMS,
    PARTICIPATION,
    RESOURCE_TYPES,
    SCOPE,
)
from salus.consent.files.fhir_read import ConsentInput, read_consent
from salus.errors import BadInput
from tests.support.shared_data import ROOT

__all__ = ["IHE", "KNOWN", "PAGE", "R4", "R5", "outcome", "updated"]

PAGE = ROOT / "docs" / "fhir-consents.md"
Json = dict[str, Any]

#: Who is meant in the second column of the table.
KNOWN = {
    "Practitioner/ex-practitioner": "hill-clinic",
    "Organization/ex-org-researcher": "biobank",
    "Group/ex-privilegedUsers": "role:PROVIDER",
    "Organization/f001": "city-hospital",
    "Organization/f201": "lake-hospital",
    "Organization/f203": "hill-clinic",
    "Practitioner/f204": "nurse-office",
    "Practitioner/f007": "heart-practice",
    "Practitioner/f001": "eye-practice",
    "Practitioner/13": "practice-13",
}


def codes(system: str, *names: str) -> list[Json]:
    return [{"system": system, "code": name} for name in names]


def concept(system: str, name: str) -> Json:
    return {"coding": codes(system, name)}


def actor(reference: str, part: str = "IRCP") -> Json:
    return {"role": concept(PARTICIPATION, part), "reference": {"reference": reference}}


def actions(*names: str) -> list[Json]:
    return [concept(ACTIONS, name) for name in names]


def data(meaning: str, *references: str) -> list[Json]:
    return [{"meaning": meaning, "reference": {"reference": reference}} for reference in references]


LOINC = [concept("http://loinc.org", "59284-0")]
USUAL = codes(ACT_REASON, "TREAT", "HPAYMT", "HOPERAT")
NORMAL = codes(CONFIDENTIALITY, "N")
RESTRICTED = codes(CONFIDENTIALITY, "R")
BREAK_GLASS = codes(ACT_REASON, "BTG")


# ---- IHE's Privacy Consent on FHIR ---------------------------------------------------------------------------------


def pcf(effect: str, *nested: Json, policy: str = "", performer: str = "Patient/ex-patient", **says: Any) -> Json:
    """A Consent of that profile; without a purpose of its own it is about treatment, payment and operations."""
    provision = {"type": effect, "purpose": USUAL, **says}
    if nested:
        provision["provision"] = list(nested)
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(SCOPE, "patient-privacy"),
        "category": LOINC,
        "patient": {"reference": "Patient/ex-patient"},
        "dateTime": "2024-03-01",
        "performer": [{"reference": performer}],
        "organization": [{"reference": "Organization/ex-organization"}],
        "sourceReference": {"reference": "DocumentReference/ex-document"},
        "policy": [{"uri": policy or "https://policies.example/base"}],
        "provision": {name: value for name, value in provision.items() if value is not None},
    }


def below(effect: str, **says: Any) -> Json:
    return {"type": effect, **says}


YEAR = {"start": "2022-01-01", "end": "2022-12-31"}
ONE_CLINICIAN = [actor("Practitioner/ex-practitioner")]
EMERGENCY_STAFF = [actor("Group/ex-privilegedUsers")]

IHE: dict[str, Json] = {
    "basic-treat": pcf("permit"),
    "basic-treat-infant": pcf("permit", performer="Patient/ex-mother"),
    "basic-ink": pcf("permit"),
    "expired-treat": pcf("permit", period={"end": "2022-12-31"}),
    "basic-reject": pcf("deny"),
    "basic-research": pcf("permit", purpose=codes(ACT_REASON, "HRESCH"), policy="https://policies.example/research"),
    "intermediate-timeframe": pcf("permit", dataPeriod=YEAR),
    "intermediate-not-timeframe": pcf("permit", below("deny", dataPeriod=YEAR)),
    "intermediate-authoredby": pcf("permit", data=data("authoredby", "Practitioner/ex-practitioner")),
    "intermediate-not-authoredby": pcf(
        "permit", below("deny", data=data("authoredby", "Practitioner/ex-practitioner"))
    ),
    "intermediate-encounter": pcf("permit", data=data("related", "Encounter/ex-encounter")),
    "intermediate-not-encounter": pcf("permit", below("deny", data=data("related", "Encounter/ex-encounter"))),
    "intermediate-data": pcf("permit", data=data("instance", "Encounter/ex-encounter", "Observation/ex-weight")),
    "intermediate-not-data": pcf("permit", below("deny", data=data("instance", "Observation/ex-alcoholUse"))),
    "intermediate-purpose": pcf(
        "permit",
        purpose=codes("https://policies.example/purposes", "ONE-STUDY"),
        actor=[actor("Organization/ex-org-researcher")],
        policy="https://profiles.ihe.net/ITI/PCF/Policy-basic-normal",
    ),
    "dissent-intermediate-break-glass": pcf(
        "deny",
        below("permit", purpose=BREAK_GLASS, actor=EMERGENCY_STAFF),
        purpose=None,
        policy="https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only",
    ),
    "advanced-normal": pcf("permit", securityLabel=NORMAL),
    "advanced-normal-restricted": pcf("permit", securityLabel=NORMAL + RESTRICTED),
    "advanced-normal-not-restricted": pcf("permit", below("deny", securityLabel=RESTRICTED), securityLabel=NORMAL),
    "advanced-normal-focused-restricted": pcf(
        "permit", below("permit", securityLabel=RESTRICTED, actor=ONE_CLINICIAN), securityLabel=NORMAL
    ),
    "advanced-normal-focused-psy": pcf(
        "permit", below("permit", securityLabel=codes(ACT_CODE, "PSY"), actor=ONE_CLINICIAN), securityLabel=NORMAL
    ),
    "advanced-normal-focused-psy-or-sdv": pcf(
        "permit",
        below("permit", securityLabel=codes(ACT_CODE, "PSY", "SDV"), actor=ONE_CLINICIAN),
        securityLabel=NORMAL,
    ),
    "advanced-normal-break-glass-restricted": pcf(
        "permit",
        below("permit", purpose=BREAK_GLASS, securityLabel=RESTRICTED, actor=EMERGENCY_STAFF),
        securityLabel=NORMAL,
    ),
}


# ---- HL7's examples of R5 --------------------------------------------------------------------------------------------


def r5(decision: str, *provisions: Json, category: list[Json] | None = None, **says: Any) -> Json:
    document = {
        "resourceType": "Consent",
        "status": "active",
        "category": category or LOINC,
        "subject": {"reference": "Patient/p1"},
        "date": "2024-03-01",
        "controller": [{"reference": "Organization/f001"}],
        "sourceAttachment": [{"title": "what was signed"}],
        "regulatoryBasis": [concept(ACT_CODE, "INFA")],
        "decision": decision,
        "provision": list(provisions),
        **says,
    }
    return {name: value for name, value in document.items() if value not in (None, [])}


INFA = [concept(ACT_CODE, "INFA")]
CUSTODIAN = [actor("Organization/f001", "CST")]

R5: dict[str, Json] = {
    "basic": r5("deny", {"period": {"start": "1964-01-01", "end": "2019-01-01"}}),
    "CDA": r5(
        "permit",
        {
            "period": {"start": "2018-10-10", "end": "2019-10-10"},
            "actor": [actor("Practitioner/f001", "PRCP")],
            "provision": [
                {
                    "actor": [actor("Practitioner/author", "AUT")],
                    "documentType": codes("urn:ietf:bcp:13", "application/hl7-cda+xml"),
                    "code": [concept("http://loinc.org", "34133-9")],
                }
            ],
        },
        category=[concept("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "npp")],
        grantee=[{"reference": "Patient/p1"}],
    ),
    "Emergency": r5(
        "deny",
        {"actor": [actor("Organization/f201", "CST")], "purpose": codes(ACT_REASON, "ETREAT")},
        category=INFA,
        controller=[{"reference": "Organization/f201"}],
    ),
    "grantor": r5(
        "deny",
        {
            "actor": [actor("Organization/f203", "CST"), actor("Practitioner/f007", "PRCP")],
            "action": actions("access"),
        },
        category=[concept(ACT_CODE, "INFAO")],
        grantor=[{"reference": "Patient/p1"}],
        grantee=[{"reference": "Practitioner/f007"}],
    ),
    "No-Emergency": r5(
        "permit", {"actor": [actor("Organization/f201", "PRCP")], "purpose": codes(ACT_REASON, "TREAT", "ETREAT")}
    ),
    "notAuthor": r5("permit", {"actor": CUSTODIAN}),
    "notLabs": r5("permit", {"action": actions("access"), "resourceType": codes(FHIR_TYPES, "MedicationStatement")}),
    "notOrg": r5("permit", {"actor": [actor("Organization/f001", "PRCP")], "action": actions("access", "correct")}),
    "notSecLabel": r5(
        "permit", {"action": actions("access", "correct"), "securityLabel": codes(LABEL_SYSTEMS[0], "HIV")}
    ),
    "notThem": r5(
        "permit",
        {"actor": [actor("Practitioner/f204", "PRCP")], "action": actions("access", "correct")},
        verification=[{"verified": True, "verificationDate": ["2021-11-11"]}],
    ),
    "notThis": r5("permit", {"data": data("related", "MedicationRequest/order-1")}),
    "notTime": r5("permit", {"period": {"start": "2015-01-01", "end": "2015-02-01"}}),
    "OrgToOrg": r5("deny", {"actor": [actor("Organization/f203")], "action": actions("disclose")}),
    "Out": r5(
        "deny",
        {"actor": CUSTODIAN, "action": actions("collect", "access", "use", "disclose", "correct")},
        category=INFA,
    ),
    "pkb": r5(
        "deny",
        {
            "actor": [actor("Organization/f001", "PRCP")],
            "action": actions("access"),
            "securityLabel": NORMAL,
            "provision": [{"securityLabel": codes(ACT_CODE, "PSY"), "actor": [actor("Organization/f001", "PRCP")]}],
        },
    ),
    "provider": r5(
        "deny",
        {
            "actor": [{"role": concept(PARTICIPATION, "IRCP"), "reference": {"display": "a team"}}],
            "action": [{"text": "specific value"}],
            "purpose": [{"display": "shelter"}],
        },
        category=[{"text": "conditional release"}],
        subject=None,
        controller=None,
        regulatoryBasis=None,
    ),
    "signature": r5(
        "permit",
        {
            "period": {"start": "2015-10-10", "end": "2016-10-10"},
            "actor": [actor("Practitioner/13", "PRCP")],
            "provision": [{"actor": [actor("Practitioner/author", "AUT")]}],
        },
        category=[concept("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "npp")],
        regulatoryBasis=[concept(ACT_CODE, "OPTIN")],
    ),
    "smartonfhir": r5(
        "permit",
        {
            "period": {"start": "2016-06-23T17:02:33+10:00", "end": "2016-06-23T17:32:33+10:00"},
            "provision": [{"action": actions("access", "correct")}],
        },
        grantor=[{"reference": "RelatedPerson/child"}],
    ),
}


# ---- HL7's examples of R4 --------------------------------------------------------------------------------------------


def r4(rule: str, category: list[Json] | None = None, performer: str = "", **says: Any) -> Json:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(SCOPE, "patient-privacy"),
        "category": category or LOINC,
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2024-03-01",
        **({"performer": [{"reference": performer}]} if performer else {}),
        "organization": [{"reference": "Organization/f001"}],
        "policyRule": concept(ACT_CODE, rule),
        "provision": says,
    }


R4: dict[str, Json] = {
    "basic": r4("OPTIN", period={"start": "1964-01-01", "end": "2016-01-01"}),
    "Emergency": r4("OPTOUT", [concept(ACT_CODE, "EMRGONLY")], actor=CUSTODIAN, purpose=codes(ACT_REASON, "ETREAT")),
    "grantor": r4(
        "OPTOUT",
        [concept(ACT_CODE, "INFAO")],
        actor=[*CUSTODIAN, actor("Patient/p2", "PRCP")],
        action=actions("access"),
    ),
    "notAuthor": r4("OPTIN", actor=CUSTODIAN),
    "notOrg": r4("OPTIN", actor=[actor("Organization/f001", "PRCP")], action=actions("access", "correct")),
    "notThem": r4("OPTIN", actor=[actor("Practitioner/f204", "PRCP")], action=actions("access", "correct")),
    "notTime": r4("OPTIN", period={"start": "2015-01-01", "end": "2015-02-01"}),
    "notThis": r4("OPTIN", data=data("related", "Task/task-1")),
    "Out": r4("OPTOUT", actor=CUSTODIAN),
    "pkb": r4(
        "OPTOUT",
        actor=[actor("Organization/f001", "PRCP")],
        action=actions("access"),
        securityLabel=NORMAL,
        provision=[below("permit", actor=[actor("Organization/f001", "PRCP")], securityLabel=codes(ACT_CODE, "PSY"))],
    ),
    "signature": r4(
        "OPTIN",
        [concept("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "npp")],
        "Patient/p1",
        period={"start": "2015-10-10", "end": "2016-10-10"},
        actor=[actor("Practitioner/13", "PRCP")],
        provision=[below("permit", actor=[actor("Practitioner/author", "AUT")])],
    ),
    "smartonfhir": r4(
        "OPTIN",
        performer="RelatedPerson/child",
        period={"start": "2016-06-23T17:02:33+10:00", "end": "2016-06-23T17:32:33+10:00"},
        provision=[below("permit", action=actions("access"), **{"class": codes(RESOURCE_TYPES, "MedicationRequest")})],
    ),
}


# ---- the table -------------------------------------------------------------------------------------------------------


def outcome(path: Path, *, told: bool = False) -> str:
    """What a file becomes, in a line.

    Args:
        path: A file with one Consent.
        told: Whether it is said who is meant (:data:`KNOWN`), and that a delegate signs.
    """
    known: Callable[[str], str | None] | None = KNOWN.get if told else None
    try:
        (consent,) = read_consent(path, grantee=known, by_delegate=told)
    except BadInput as trouble:
        return f"refused: `{trouble.field}` {_plain(trouble.fix)}"
    return _sentence(consent)


def _sentence(consent: ConsentInput) -> str:
    rules: dict[tuple[str, str, str, str], list[str]] = {}
    for d in consent.directives:
        effect = d.effect.name.lower()
        key = (effect, _purposes(d.purposes), _data(effect, d.categories), _period(d.start, d.end))
        rules.setdefault(key, []).append(d.grantee)
    said = []
    for (effect, purposes, categories, when), who in rules.items():
        said.append(f"{effect} {_who(who)} {categories} for {purposes}{when}")
    if consent.signer:
        said.append(f"signed by {consent.signer}")
    if not_kept := [f"`{path}`" for path in consent.unused if path.startswith("provision")]:
        said.append(f"not kept: {', '.join(not_kept)}")
    return "; ".join(said)


def _who(grantees: Iterable[str]) -> str:
    found = list(grantees)
    return "everyone" if set(found) == {f"role:{role}" for role in ROLES} else ", ".join(found)


def _purposes(names: frozenset[str]) -> str:
    missing = sorted(set(PURPOSES) - names)
    if not missing:
        return "every purpose"
    return f"every purpose but {', '.join(missing)}" if len(missing) < 3 else ", ".join(sorted(names))


def _data(effect: str, names: frozenset[str]) -> str:
    if effect == "deny" and "all" in names:
        return "everything"
    records = "all records" if "all" in names else ", ".join(sorted(names - set(LABELS)))
    labels = sorted(names & set(LABELS))
    words = "all labels" if len(labels) == len(LABELS) else ", ".join(labels)
    return " and ".join(part for part in (records, words) if part)


def _period(start: int, end: int) -> str:
    def moment(seconds: int) -> str:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M")

    return (f" from {moment(start)}" if start else "") + (f" until {moment(end)}" if end < FOREVER else "")


def _plain(text: str) -> str:
    return text.replace("|", "/")


def rows(documents: dict[str, Json]) -> list[str]:
    """The lines of the table of some documents."""
    lines = ["| example | as it is | when it is said who is meant, and that a delegate signs |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "consent.json"
        for name, document in documents.items():
            path.write_text(json.dumps(document))
            plain, told = outcome(path), outcome(path, told=True)
            lines.append(f"| `{name}` | {plain} | {'the same' if told == plain else told} |")
    return lines


def updated(page: str) -> str:
    """The page with its tables as they are now."""
    for mark, documents in (("ihe", IHE), ("r5", R5), ("r4", R4)):
        head, begin, rest = page.partition(f"<!-- {mark} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        if not begin or not end:
            raise LookupError(f"{PAGE} has no place for {mark}")
        page = head + begin + "\n".join(rows(documents)) + "\n" + end + tail
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
