"""Research uses from the client to the chain and back: what is signed, what is asked, what is read and exported."""

import json

import pytest

from salus.consent.files.fhir_read import consents_bundle, read_consent
from salus.consent.files.orders import order_from_json, order_to_json
from salus.consent.registry import Answer, DirectiveDraft, Effect


@pytest.fixture
def biobank(deployed_chain):
    return deployed_chain.institution("RESEARCHER")


@pytest.fixture
def patient(deployed_chain):
    return deployed_chain.client(deployed_chain.patient())


@pytest.fixture
def say(deployed_chain, biobank, patient):
    """Grant or deny the biobank a use for a month, by an order that went through a file."""

    def sayer(effect, use):
        draft = DirectiveDraft(biobank[1], effect, frozenset({use}), frozenset({"all"}), 0, patient.now() + 30 * 86_400)
        order = patient.consent.sign(patient.consent.prepare_grant(draft))
        written = json.loads(json.dumps(order_to_json(order)))
        assert written["purposes"] == [use]
        deployed_chain.client(biobank[0]).consent.relay([order_from_json(written, "order.json")])

    return sayer


@pytest.fixture
def answer(biobank, patient):
    return lambda use: patient.consent.decide(patient.signer.address, biobank[1], [use], ["Observation"]).answer


def test_a_grant_for_a_broader_use_covers_a_narrower_request_and_never_the_reverse(say, answer):
    say(Effect.PERMIT, "GRU")
    asked = {use: answer(use).name for use in ("GRU", "DUO:0000006", "NPUNCU", "POA", "HRESCH")}
    assert asked == {"GRU": "PERMIT", "DUO:0000006": "PERMIT", "NPUNCU": "PERMIT", "POA": "NONE", "HRESCH": "NONE"}


def test_a_denied_use_is_kept_out_of_a_broad_grant(say, answer):
    say(Effect.PERMIT, "HRESCH")
    assert answer("POA") is Answer.PERMIT
    say(Effect.DENY, "POA")
    asked = {use: answer(use).name for use in ("HRESCH", "GRU", "HMB", "POA")}
    assert asked == {"HRESCH": "DENY", "GRU": "PERMIT", "HMB": "PERMIT", "POA": "DENY"}


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_what_the_chain_has_is_exported_as_it_was_said(version, say, biobank, patient, tmp_path):
    say(Effect.PERMIT, "HRESCH")
    say(Effect.DENY, "POA")
    records = patient.consent.directives(patient.signer.address, biobank[1])
    assert [record.purpose_names for record in records] == [{"HRESCH"}, {"POA"}]
    bundle = consents_bundle([(patient.signer.address, r) for r in records], name=lambda _: biobank[1], version=version)
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle))
    read = [directive for consent in read_consent(path) for directive in consent.directives]
    assert read == [record.draft(biobank[1]) for record in records]
