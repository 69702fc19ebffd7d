"""Grants from a FHIR Consent by the command line.

given a Consent that rests on a policy
    when it is granted          what is not kept is told before anything is signed
given a Consent that somebody else gave
    when the patient signs      it is refused, and no account is made
    when the delegate signs     it holds, and who gave it is told
given a Consent against break-glass access, and one with it
    when they are granted       an emergency can be declared only with the second
"""

import datetime as dt
import json

import pytest

from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.published_consents import BREAK_GLASS, actor, below, codes, pcf

TREAT = codes("http://terminology.hl7.org/CodeSystem/v3-ActReason", "TREAT")


@pytest.fixture
def consent_file(tmp_path):
    def writer(document):
        path = tmp_path / "consent.json"
        path.write_text(json.dumps(document))
        return path

    return writer


def only(name, **says):
    return {"actor": [actor("Organization/1")], "purpose": TREAT, **says}, f"Organization/1={name}"


def test_fhir_what_is_not_kept_is_told_before_signing(run, deployed_chain, hospital, wallet, consent_file):
    name, file, _ = hospital
    says, who = only(name)
    path = consent_file(pcf("permit", **says))
    result = run("consent", "grant", "--from-fhir", path, "--actor", who, "--relay-as", file, "--yes")
    told = f"{path}: not kept, because no directive holds it: organization, policy, sourceReference"
    assert (result.code, result.err.splitlines()[0]) == (0, told)
    patient = Wallet.open(wallet.path, PASSWORD).address(name)
    decide = deployed_chain.client().consent.decide
    assert decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"
    assert decide(patient, name, ["TREAT"], ["Observation", "PSY"]).answer.name == "NONE"


def test_fhir_somebody_elses_consent_is_signed_by_the_delegate_alone(
    run, deployed_chain, hospital, keystore, consent_file
):
    name, file, _ = hospital
    patient, parent = deployed_chain.patient(), deployed_chain.person()
    patient_file, parent_file = keystore(patient), keystore(parent)
    says, who = only(name)
    path = consent_file(pcf("permit", performer="RelatedPerson/parent", **says))
    words = ("consent", "grant", "--from-fhir", path, "--actor", who, "--yes")

    refused = run(*words, "--keystore", patient_file, "--relay-as", file)
    assert refused.code == 2
    assert refused.err.splitlines()[-1].startswith(
        f"error: {path}: performer[0]: is not the patient, whose key must sign"
    )

    scope = ("--purpose", "TREAT", "--until", "+3y", "--keystore", patient_file, "--relay-as", file, "--yes")
    assert run("consent", "delegate", "add", parent.address, *scope).code == 0
    soon = dt.datetime.fromtimestamp(deployed_chain.client().now(), dt.UTC) + dt.timedelta(days=90)
    says["period"] = {"end": soon.date().isoformat()}
    consent_file(pcf("permit", performer="RelatedPerson/parent", **says))
    granted = run(*words, "--as-delegate-of", patient.address, "--keystore", parent_file)
    assert granted.err.splitlines()[0] == f"{path}: given by RelatedPerson/parent, who signs as the patient's delegate"
    assert granted.code == 0, granted.err
    assert (
        deployed_chain.client().consent.decide(patient.address, name, ["TREAT"], ["Observation"]).answer.name
        == "PERMIT"
    )


@pytest.mark.parametrize("glass", [True, False])
def test_fhir_break_glass_access_is_open_as_the_consent_says(
    glass, run, deployed_chain, hospital, wallet, consent_file
):
    name, file, _ = hospital
    nested = [below("permit", purpose=BREAK_GLASS)] if glass else []
    path = consent_file(pcf("deny", *nested, purpose=None, actor=[actor("Organization/1")]))
    words = ("--actor", f"Organization/1={name}", "--relay-as", file, "--yes")
    assert run("consent", "grant", "--from-fhir", path, *words).code == 0
    patient = Wallet.open(wallet.path, PASSWORD).address(name)
    decide = deployed_chain.client().consent.decide
    assert decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "DENY"
    declared = run(
        *("consent", "emergency", patient, "--cause", "unconscious", "--category", "all", "--hours", "1"),
        *("--keystore", file, "--yes"),
    )
    assert (declared.code == 0) == glass, declared.err
