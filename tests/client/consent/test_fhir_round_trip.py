"""What is written as FHIR is read as the same directives, in both versions.

given random directives, as the registry can hold them
    when they are written and read      the same is permitted and denied, to the same, for the same time
    when that is written and read again the documents are the same, byte for byte
given what FHIR has no code for
    when it is written                  it is left out with its reason, and the rest is as before
"""

import json
import os
import random

import pytest

from salus.consent import research_uses as duo
from salus.consent.codes import ALL, CATEGORIES, LABELS, PURPOSES, RECORDS, category_bits, purpose_bits
from salus.consent.files.fhir_read import FOREVER, consent_resource, read_consent
from salus.consent.files.fhir_write import consents_of
from salus.consent.model import DirectiveDraft, Effect, Record, Status

CASES = int(os.environ.get("SALUS_CASES", "300"))
SEED = int(os.environ.get("SALUS_SEED", "20260727"))
GRANTEES = ("city-hospital", "hill-clinic", "0x" + "Ab" * 20, "role:PROVIDER", "role:PUBLIC_HEALTH")
PATIENT = "0x" + "cd" * 20
EVERYTHING = (1 << 56) - 1


def some(rng, names, least=1):
    names = sorted(names)
    return frozenset(rng.sample(names, rng.randint(least, len(names))))


def random_draft(rng):
    effect = rng.choice([Effect.PERMIT, Effect.DENY])
    purposes = rng.choice([frozenset(PURPOSES), some(rng, PURPOSES), frozenset({rng.choice(sorted(duo.purposes()))})])
    categories = rng.choice([frozenset({ALL}), some(rng, RECORDS), some(rng, RECORDS) | some(rng, LABELS)])
    if rng.random() < 0.3:
        categories |= some(rng, LABELS)
    if effect is Effect.DENY and rng.random() < 0.3:
        categories = some(rng, LABELS)
    start = rng.choice([0, rng.randint(1, 2**31)])
    end = rng.choice([FOREVER, rng.randint(start + 1, 2**33)])
    return DirectiveDraft(rng.choice(GRANTEES), effect, purposes, categories, start, end)


def meaning(drafts):
    """What is said, whatever it is made of: for each grantee, effect, purposes and time the bits of the categories."""
    said = {}
    for draft in drafts:
        deny = draft.effect is Effect.DENY
        everything = deny and ALL in draft.categories
        bits = EVERYTHING if everything else category_bits(draft.categories)
        key = (draft.grantee, draft.effect, purpose_bits(draft.purposes, deny=deny), draft.start, draft.end)
        said[key] = said.get(key, 0) | bits
    return said


def written(drafts, version, path):
    resources = [
        resource
        for n, draft in enumerate(drafts)
        for resource in consent_resource(draft, patient=PATIENT, issued_at=n, version=version)
    ]
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    return path


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_fhir_out_and_in_is_the_same(version, tmp_path):
    rng = random.Random(SEED)
    once, twice = tmp_path / "once.ndjson", tmp_path / "twice.ndjson"
    for case in range(CASES):
        draft = random_draft(rng)
        consents = read_consent(written([draft], version, once))
        found = [directive for consent in consents for directive in consent.directives]
        assert meaning(found) == meaning([draft]), f"case {case} of seed {SEED}: {draft}"
        assert len(found) == 1 or draft.effect is Effect.DENY, draft
        assert {(c.version, c.signer, c.patient_ref) for c in consents} == {
            (version, "", f"urn:salus:patient|{PATIENT}")
        }
        again = [d for c in read_consent(written(found, version, twice)) for d in c.directives]
        assert again == found


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_fhir_out_and_in_of_a_whole_registry(version, tmp_path):
    rng = random.Random(SEED + 1)
    path = tmp_path / "consents.json"
    for _ in range(CASES // 10):
        drafts = {draft.grantee: draft for draft in (random_draft(rng) for _ in range(4))}
        records = [(PATIENT, as_record(str(n), draft)) for n, draft in enumerate(drafts.values())]
        name = {str(n): grantee for n, grantee in enumerate(drafts)}.__getitem__
        document, left_out = consents_of(records, name=name, version=version)
        path.write_text(json.dumps(document))
        found = [directive for consent in read_consent(path) for directive in consent.directives]
        assert left_out == []
        assert meaning(found) == meaning(drafts.values())


def as_record(grantee, draft):
    deny = draft.effect is Effect.DENY
    purposes = purpose_bits(draft.purposes, deny=deny)
    categories = EVERYTHING if deny and ALL in draft.categories else category_bits(draft.categories)
    return Record(grantee, 0, draft.effect, purposes, categories, draft.start, draft.end, 1, Status.ACTIVE)


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_c3_a_denial_of_everything_is_written_without_a_list(version, tmp_path):
    """Labels that have no name yet are denied too, and need no code for that."""
    nameless = frozenset({ALL, *LABELS, "bit46", "bit55"})
    drafts = [
        DirectiveDraft("city-hospital", Effect.DENY, frozenset({"TREAT"}), names, 0, FOREVER)
        for names in (frozenset({ALL}), nameless, frozenset(CATEGORIES) | {ALL}, frozenset({f"only:{ALL}"}))
    ]
    texts = {
        json.dumps(consent_resource(draft, patient=PATIENT, issued_at=0, version=version), sort_keys=True)
        for draft in drafts
    }
    assert len(texts) == 1
    (resource,) = json.loads(texts.pop())
    assert "securityLabel" not in json.dumps(resource)
    path = tmp_path / "consent.json"
    path.write_text(json.dumps(resource))
    assert read_consent(path)[0].directives == (drafts[0],)


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_what_cannot_be_written_is_told_and_the_rest_is(version, tmp_path):
    labels = as_record("0", DirectiveDraft("x", Effect.PERMIT, frozenset({"TREAT"}), frozenset({"HIV"}), 0, FOREVER))
    records = as_record("1", DirectiveDraft("x", Effect.PERMIT, frozenset({"TREAT"}), frozenset({ALL}), 0, FOREVER))
    document, left_out = consents_of(
        [(PATIENT, labels), (PATIENT, records)],
        name={"0": "hill-clinic", "1": "city-hospital"}.__getitem__,
        version=version,
    )
    path = tmp_path / "consent.json"
    path.write_text(json.dumps(document))
    assert [d.grantee for d in read_consent(path)[0].directives] == ["city-hospital"]
    ((record, trouble),) = left_out
    assert (record, trouble.field) == (labels, "to hill-clinic")
