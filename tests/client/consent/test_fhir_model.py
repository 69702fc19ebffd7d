"""Random Consents of R4 and R5 against a model of what FHIR says, written without the reader.

given a base with up to three nested provisions, of either effect
    when it is read        every request gets from its directives the answer that the Consent gives
    when it is refused     the element and a reason are there
given broken documents
    when they are read     they are refused with an element, and nothing else happens
"""

import json
import os
import random
from collections import Counter
from copy import deepcopy
from itertools import product

import pytest

from salus.consent.codes import ALL, LABELS
from salus.consent.files.fhir_codes import ACT_CODE, ACT_REASON, FHIR_TYPES, INSTITUTION, RESOURCE_TYPES, ROLE
from salus.consent.files.fhir_read import read_consent
from salus.consent.model import Effect
from salus.errors import BadInput
from tests.support.published_consents import IHE, KNOWN, NORMAL, R4, R5, actor, codes, pcf, r5

CASES = int(os.environ.get("SALUS_CASES", "400"))
SEED = int(os.environ.get("SALUS_SEED", "20260727"))

HOUSES = {
    "city-hospital": {"PROVIDER"},
    "hill-clinic": {"PROVIDER", "PHARMACY"},
    "north-mutual": {"INSURER"},
}
PURPOSES = ("TREAT", "ETREAT", "HPAYMT")
CLASSES = ("Observation", "Condition")
SOME_LABELS = ("PSY", "HIV")
DAYS = {"2030-01-01": 1893456000, "2040-01-01": 2208988800}
MOMENTS = (1_700_000_000, 1893456000, 2208988800, 2208988800 + 86_400)
LABEL_SETS = ((), ("PSY",), ("PSY", "HIV"))
REQUESTS = list(product(HOUSES, PURPOSES, CLASSES, LABEL_SETS, MOMENTS))


def random_says(rng, effect):
    """What a provision is about, in words of the model; a part that is left out is not there."""
    says = {}
    if rng.random() < 0.4:
        says["who"] = tuple(rng.sample([*HOUSES, "role:PROVIDER", "role:PHARMACY"], rng.randint(1, 2)))
    if rng.random() < 0.4:
        says["purposes"] = tuple(rng.sample(PURPOSES, rng.randint(1, 2)))
    if rng.random() < 0.25:
        says["classes"] = (rng.choice(CLASSES),)
    if rng.random() < 0.35:
        says["labels"] = tuple(rng.sample(SOME_LABELS, rng.randint(1, 2)))
        says["normal"] = effect == "permit" and rng.random() < 0.5
    if rng.random() < 0.2:
        says["from"] = "2030-01-01"
    if rng.random() < 0.2:
        says["until"] = "2040-01-01"
    return says


def written(says, version):
    """The same as elements of a provision."""
    provision = {}
    if "who" in says:
        provision["actor"] = []
        for name in says["who"]:
            system, value = (ROLE, name[5:]) if name.startswith("role:") else (INSTITUTION, name)
            provision["actor"].append(actor("") | {"reference": {"identifier": {"system": system, "value": value}}})
    if "purposes" in says:
        provision["purpose"] = codes(ACT_REASON, *says["purposes"])
    if "classes" in says:
        name, system = ("class", RESOURCE_TYPES) if version == "R4" else ("resourceType", FHIR_TYPES)
        provision[name] = codes(system, *says["classes"])
    if "labels" in says:
        provision["securityLabel"] = (NORMAL if says["normal"] else []) + codes(ACT_CODE, *says["labels"])
    period = {end: says[word] for end, word in (("start", "from"), ("end", "until")) if word in says}
    return provision | ({"period": period} if period else {})


def random_consent(rng, version):
    """A document, and its levels as the model has them: the base, and what is nested in it."""
    effect = rng.choice(["permit", "deny"])
    base = random_says(rng, effect)
    if version == "R5":  # which has only these two at its base
        base = {name: value for name, value in base.items() if name in ("who", "from", "until")}
    other = "deny" if effect == "permit" else "permit"
    nested = []
    for _ in range(rng.randint(0, 3)):
        inner = other if version == "R5" or rng.random() < 0.7 else effect
        nested.append((inner, random_says(rng, inner)))
    if version == "R5":
        frame = written(base, version)
        frame["grantee"] = [found["reference"] for found in frame.pop("actor", [])]
        return r5(effect, *(written(says, version) for _, says in nested), **frame), effect, base, nested
    document = pcf(effect, **{"purpose": None, **written(base, version)})
    if nested:
        document["provision"]["provision"] = [{"type": inner, **written(says, version)} for inner, says in nested]
    return document, effect, base, nested


# ---- what FHIR says --------------------------------------------------------------------------------------------------


def speaks(effect, says, request, *, more=False):
    """Whether a provision, with all that it inherits, is about a request; ``more``: it adds to a permit of records."""
    house, purpose, record, labels, now = request
    who = says.get("who")
    if who and house not in who and not {f"role:{role}" for role in HOUSES[house]} & set(who):
        return False
    if purpose not in says.get("purposes", PURPOSES) or record not in says.get("classes", CLASSES):
        return False
    first = DAYS[says["from"]] if "from" in says else 0
    after = DAYS[says["until"]] + 86_400 if "until" in says else now + 1
    if not first <= now < after:
        return False
    if effect == "deny":
        return "labels" not in says or bool(set(labels) & set(says["labels"]))
    return set(labels) <= set(says.get("labels", ())) and (bool(labels) or more or says.get("normal", True))


def inherited(base, says, inner, effect):
    """A nested provision with what it leaves out."""
    left = {name: value for name, value in base.items() if name not in ("labels", "normal") or inner == effect}
    if inner == "deny" and "labels" in says:
        left.pop("classes", None)  # labels are denied wherever they are
    return left | says


def fhir_answer(effect, base, nested, request):
    """What the Consent says: a denial among the nested goes before what they permit, and both before the base."""
    whole = [(inner, inherited(base, says, inner, effect)) for inner, says in nested]
    for wanted in ("deny", "permit"):
        if any(inner == wanted != effect and speaks(inner, says, request) for inner, says in whole):
            return wanted
        if any(inner == wanted == effect == "deny" and speaks(inner, says, request) for inner, says in whole):
            return wanted
    if speaks(effect, base, request) or any(
        inner == effect and speaks(inner, says, request, more=True) for inner, says in whole
    ):
        return effect
    return "none"


# ---- what the registry says ------------------------------------------------------------------------------------------


def registry_answer(directives, request):
    """Who is named before the roles; on either level a denial that touches before a permit that covers."""
    house, purpose, record, labels, now = request
    for level in ({house}, {f"role:{role}" for role in HOUSES[house]}):
        there = [d for d in directives if d.grantee in level and purpose in d.purposes and (d.start <= now < d.end)]
        touching = [d for d in there if ALL in d.categories or {record, *labels} & d.categories]
        if any(d.effect is Effect.DENY for d in touching):
            return "deny"
        covers = [({record} if ALL not in d.categories else set()) | set(labels) for d in there]
        if any(d.effect is Effect.PERMIT and need <= d.categories for d, need in zip(there, covers, strict=True)):
            return "permit"
    return "none"


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_fhir_directives_answer_as_the_consent_does(version, tmp_path):
    rng = random.Random(SEED)
    path = tmp_path / "consent.json"
    seen = Counter()
    for case in range(CASES):
        document, effect, base, nested = random_consent(rng, version)
        path.write_text(json.dumps(document))
        try:
            (consent,) = read_consent(path)
        except BadInput as trouble:
            seen["refused"] += 1
            assert trouble.field.startswith(("provision", "decision")) and trouble.fix, document
            continue
        for request in REQUESTS:
            said, does = fhir_answer(effect, base, nested, request), registry_answer(consent.directives, request)
            seen[said] += 1
            assert does == said, f"case {case} of seed {SEED}, {request}: {json.dumps(document)}"
    assert min(seen["permit"], seen["deny"]) > CASES and seen["refused"] < CASES * 0.9, seen


# ---- broken documents ------------------------------------------------------------------------------------------------


def places(value, at=()):
    yield at
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[step], (*at, step))


def found(value, at):
    for step in at:
        value = value[step]
    return value


def test_fhir_no_document_does_more_than_be_refused(tmp_path):
    rng = random.Random(SEED)
    documents = [*IHE.values(), *R5.values(), *R4.values()]
    pieces = [found(document, at) for document in documents for at in places(document)]
    pieces += [None, {}, [], "", 0, True, "#x", "9" * 5000, "2024-01-01T00:00:00." + "1" * 6000 + "Z", [{}]]
    path = tmp_path / "consent.json"
    seen = Counter()
    for _ in range(CASES):
        document = deepcopy(rng.choice(documents))
        for _ in range(rng.randint(1, 3)):
            *above, last = rng.choice([at for at in places(document) if at])
            if rng.random() < 0.3:
                del found(document, above)[last]
            else:
                found(document, above)[last] = deepcopy(rng.choice(pieces))
        path.write_text(json.dumps(document))
        try:
            read_consent(path, grantee=KNOWN.get, by_delegate=rng.random() < 0.5)
            seen["read"] += 1
        except BadInput as trouble:
            seen["refused"] += 1
            assert trouble.field and trouble.fix
    assert seen["refused"] > seen["read"] > 0, seen


def test_the_model_on_what_can_be_decided_by_hand():
    request = ("hill-clinic", "TREAT", "Observation", ("PSY",), MOMENTS[0])
    assert fhir_answer("permit", {}, [], request) == "none"
    assert fhir_answer("permit", {"labels": ("PSY",), "normal": True}, [], request) == "permit"
    assert fhir_answer("permit", {}, [("permit", {"labels": ("PSY",), "normal": False})], request) == "permit"
    assert fhir_answer("permit", {}, [("deny", {"who": ("role:PHARMACY",)})], request) == "deny"
    assert fhir_answer("deny", {}, [("permit", {"labels": ("PSY", "HIV"), "normal": True})], request) == "permit"
    assert fhir_answer("deny", {"who": ("north-mutual",)}, [], request) == "none"
    assert set(SOME_LABELS) <= set(LABELS)
