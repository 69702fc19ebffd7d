"""Uses of data, emergencies and evidence through the client."""

import json
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from salus.consent import codes
from salus.consent.access_log import Access, Cause, Outcome, Refusal
from salus.consent.evidence import load_evidence, record_evidence, save_evidence, sign_evidence
from salus.consent.registry import DirectiveDraft, Effect, Policy, Reason
from salus.consent.second_opinions import load_opinion, save_opinion
from salus.errors import BadInput, refusals
from salus.formats.commitments import commit

DAY = 24 * 3600


class Refusals:
    def __getattr__(self, name):
        return refusals()[name]


errors = Refusals()


@pytest.fixture
def hospital(deployed_chain):
    """A client of a hospital."""
    return deployed_chain.client(deployed_chain.institution("PROVIDER")[0])


@pytest.fixture
def patient(deployed_chain):
    return deployed_chain.client(deployed_chain.patient())


def grant(patient, hospital, *purposes, categories=("all",), effect=Effect.PERMIT):
    scope = frozenset(purposes or ("TREAT",)), frozenset(categories)
    draft = DirectiveDraft(hospital.signer.address, effect, *scope, 0, patient.now() + 30 * DAY)
    return hospital.consent.relay([patient.consent.sign(patient.consent.prepare_grant(draft))])


def use(patient, *purposes, categories=("Observation",), record=b"\1" * 32, emergency=0, used_at=0):
    return Access(patient.signer.address, purposes or ("TREAT",), categories, record, emergency, used_at)


# --------------------------------------------------------------------------------------------------------------- uses


def test_a_permitted_use_is_recorded_and_listed(patient, hospital):
    grant(patient, hospital)
    commitment, _ = commit(b"a record")
    receipt = hospital.accesses.record([use(patient, record=commitment)]).receipt
    (found,) = patient.accesses.all(patient.signer.address)
    assert (found.institution, found.actor) == (hospital.signer.address, hospital.signer.address)
    assert (found.purpose_names, found.categories) == ({"TREAT"}, codes.CATEGORIES["Observation"])
    assert (found.record, found.emergency, found.transaction) == (commitment, b"", receipt.hash)


def test_without_a_permit_it_is_refused_and_says_why(patient, hospital):
    with pytest.raises(errors.AccessRefused, match="nothing was ever granted to it") as raised:
        hospital.accesses.record([use(patient)], strict=True)
    assert raised.value.arguments["reason"] == Reason.NO_DIRECTIVE
    grant(patient, hospital)
    with pytest.raises(errors.AccessRefused, match="does not cover these categories"):
        hospital.accesses.record([use(patient, categories=("Observation", "HIV"))], strict=True)


def test_a_strict_batch_is_recorded_whole_or_not_at_all(patient, hospital):
    grant(patient, hospital)
    hospital.accesses.record([use(patient, record=bytes([i]) * 32) for i in range(1, 4)])
    with pytest.raises(errors.AccessRefused):
        hospital.accesses.record([use(patient), use(patient, "HMARKT")], strict=True)
    assert [found.record[0] for found in patient.accesses.all(patient.signer.address)] == [1, 2, 3]


def test_the_list_begins_where_it_is_told(patient, hospital):
    grant(patient, hospital)
    first = hospital.accesses.record([use(patient)]).receipt
    second = hospital.accesses.record([use(patient)]).receipt
    assert [u.block for u in patient.accesses.all(patient.signer.address, since=first.block + 1)] == [second.block]


def test_the_list_is_of_one_patient(deployed_chain, patient, hospital):
    other = deployed_chain.client(deployed_chain.patient())
    for one in (patient, other):
        grant(one, hospital)
        hospital.accesses.record([use(one)])
    assert len(patient.accesses.all(patient.signer.address)) == 1


def test_who_is_no_institution_records_nothing(deployed_chain, patient):
    stranger = deployed_chain.client(deployed_chain.person())
    with pytest.raises(errors.NotLicensed):
        stranger.accesses.record([use(patient)])


def test_what_cannot_be_recorded_is_told(patient, hospital):
    for wrong, said in (
        ([], "accesses: there is none"),
        ([use(patient, record=b"short")], "record: has 5 bytes"),
        ([Access(patient.signer.address, (), ("all",), bytes(32))], "purpose: is missing"),
        ([use(patient, categories=())], "category: is missing"),
        ([use(patient, categories=("HIV",))], "category: names no record class"),
        ([use(patient, emergency=-1)], "emergency: is -1"),
        ([use(patient, used_at=2**40)], "used_at: is"),
    ):
        with pytest.raises(BadInput, match=said):
            hospital.accesses.record(wrong)


def test_a_commitment_is_salted_and_can_be_proven():
    first, salt = commit(b"record")
    second, other = commit(b"record")
    assert first != second and salt != other
    assert commit(b"record", salt) == (first, salt)
    assert keccak(salt + b"record") == first
    with pytest.raises(BadInput, match="salt: has 1 bytes"):
        commit(b"record", b"x")


# -------------------------------------------------------------------------------------------------------- broken glass


def test_broken_glass_opens_care_and_nothing_else(patient, hospital):
    id, receipt = hospital.accesses.declare_emergency(patient.signer.address, Cause.UNCONSCIOUS, ["all"], 3600)
    (found,) = patient.accesses.emergencies(patient.signer.address)
    assert (found.id, found.block) == (id, receipt.block)
    assert (found.clinician, found.cause, found.outcome) == (hospital.signer.address, Cause.UNCONSCIOUS, Outcome.OPEN)
    assert found.until - found.declared_at == 3600
    may = hospital.accesses.may_access
    assert may(patient.signer.address, hospital.signer.address, ["TREAT"], ["Observation"]).emergency == id
    assert not may(patient.signer.address, hospital.signer.address, ["HRESCH"], ["Observation"]).allowed
    assert not may(patient.signer.address, hospital.signer.address, ["TREAT"], ["PSY"]).allowed
    assert may(patient.signer.address, hospital.signer.address, ["TREAT"], ["Observation"]).number == found.number == 1
    hospital.accesses.record([use(patient, "ETREAT", emergency=1)], strict=True)
    assert [u.emergency for u in patient.accesses.all(patient.signer.address)] == [id]


def test_C6_what_is_not_permitted_is_told_and_the_rest_is_recorded(deployed_chain, patient, hospital):
    revoked = deployed_chain.client(deployed_chain.patient())
    for one in (patient, revoked):
        grant(one, hospital)
    hospital.consent.relay([revoked.consent.sign(revoked.consent.prepare_revoke(hospital.signer.address))])
    uses = [use(patient), use(revoked, record=b"\2" * 32), use(patient, "HMARKT"), use(patient, emergency=9)]
    done = hospital.accesses.record(uses)
    assert (done.recorded, done.unproven, [each.position for each in done.skipped]) == (1, 0, [1, 2, 3])
    first, _, last = done.skipped
    assert (first.patient, first.record, first.refusal) == (revoked.signer.address, b"\2" * 32, Refusal.CONSENT)
    assert (first.reason, first.words) == (Reason.REVOKED, "what was granted is revoked")
    assert (last.refusal, last.words) == (Refusal.UNKNOWN_EMERGENCY, "there is no such emergency")


def test_C8_declarations_stand_side_by_side(patient, hospital):
    declare = hospital.accesses.declare_emergency
    first, _ = declare(patient.signer.address, Cause.UNCONSCIOUS, ["Observation"], 3600)
    second, _ = declare(patient.signer.address, Cause.UNCONSCIOUS, ["Condition"], 3600)
    found = patient.accesses.emergencies(patient.signer.address)
    assert [(each.id, each.number) for each in found] == [(first, 1), (second, 2)]
    may = hospital.accesses.may_access
    answer = may(patient.signer.address, hospital.signer.address, ["TREAT"], ["Condition"])
    assert (answer.emergency, answer.number) == (second, 2)


def test_C8_two_clinicians_declare_after_a_verdict(deployed_chain, patient, hospital):
    doctor = deployed_chain.client(deployed_chain.institution("PROVIDER")[0])
    who = patient.signer.address
    id, _ = hospital.accesses.declare_emergency(who, Cause.UNCONSCIOUS, ["all"], 3600)
    assert not hospital.accesses.needs_second(who, hospital.signer.address)
    deployed_chain.client(deployed_chain.regulator).accesses.review(id, Outcome.UNJUSTIFIED)
    assert hospital.accesses.needs_second(who, hospital.signer.address)
    with pytest.raises(errors.SecondClinicianNeeded, match="a second clinician signs with it"):
        hospital.accesses.declare_emergency(who, Cause.UNCONSCIOUS, ["all"], 3600)
    said = who, hospital.signer.address, Cause.UNCONSCIOUS, ["all"], 3600
    signed = doctor.accesses.sign_second(*said)
    with pytest.raises(errors.InvalidSignature):
        hospital.accesses.declare_emergency(who, Cause.DANGER_TO_OTHERS, ["all"], 3600, second=signed)
    again, _ = hospital.accesses.declare_emergency(who, Cause.UNCONSCIOUS, ["all"], 3600, second=signed)
    found = hospital.accesses.emergency(again)
    assert (found.second, found.number) == (doctor.signer.address, 2)
    with pytest.raises(errors.SecondUsed, match="it counts once"):
        hospital.accesses.declare_emergency(who, Cause.UNCONSCIOUS, ["all"], 3600, second=signed)


def test_a_second_clinicians_signature_goes_as_a_file(patient, hospital, deployed_chain, tmp_path):
    doctor = deployed_chain.client(deployed_chain.institution("PROVIDER")[0])
    said = patient.signer.address, hospital.signer.address, Cause.UNCONSCIOUS, ["all", "HIV"], 3600
    signed = doctor.accesses.sign_second(*said)
    file = tmp_path / "second.json"
    save_opinion(signed, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_opinion(file) == signed
    text = json.loads(file.read_text())
    for change, message in (
        ({"version": 2}, "version: is 2"),
        ({"salus": "x"}, "is no signature of a second clinician"),
        ({"more": 1}, "more: is missing, or is no field"),
        ({"duration": 1.5}, "duration: must be a whole number"),
        ({"categories": "all"}, "categories: must be a list"),
        ({"signature": "0x1"}, "signature: must be 0x"),
        ({"signature": "0x" + "00" * 5000}, "signature: must have at most"),
        ({"patient": "0x12"}, "patient: "),
    ):
        other = tmp_path / "other.json"
        other.write_text(json.dumps({**text, **change}))
        with pytest.raises(BadInput, match=message):
            load_opinion(other)


# ----------------------------------------------------------------------------------------------------------- late uses


def test_C20_a_late_use_says_when_and_whether_it_is_proven(patient, hospital):
    grant(patient, hospital)
    now = patient.now()
    done = hospital.accesses.record([use(patient, used_at=now), use(patient, used_at=now - 3 * DAY)])
    assert (done.recorded, done.unproven, done.skipped) == (2, 1, ())
    hospital.accesses.record([use(patient)])
    found = patient.accesses.all(patient.signer.address)
    assert [(u.used_at, u.provable) for u in found] == [(now, True), (now - 3 * DAY, False), (None, True)]
    (unproven,) = hospital.accesses.unproven(institution=hospital.signer.address)
    assert (unproven.patient, unproven.used_at) == (patient.signer.address, now - 3 * DAY)
    assert unproven in patient.accesses.unproven()


def test_C20_what_was_not_permitted_then_is_refused_late(patient, hospital):
    (skipped,) = hospital.accesses.record([use(patient, used_at=patient.now() - 60)]).skipped
    assert (skipped.refusal, skipped.reason) == (Refusal.CONSENT, Reason.NO_DIRECTIVE)
    (skipped,) = hospital.accesses.record([use(patient, used_at=patient.now() + 600)]).skipped
    assert skipped.words == "the time of the use lies in the future"


def evidence_of(patient, hospital, *uses):
    where = hospital.chain_id, hospital.book["AccessLog"].address
    return sign_evidence(uses, hospital.signer, patient.now(), *where)


def test_C20_evidence_of_an_outage_is_recorded_later_and_once(patient, hospital, tmp_path):
    grant(patient, hospital)
    now = patient.now()
    file = tmp_path / "outage.json"
    uses = [use(patient, record=bytes([i]) * 32, used_at=now) for i in (1, 2)]
    signed = evidence_of(patient, hospital, *uses, use(patient, "HMARKT", record=b"\3" * 32, used_at=now))
    save_evidence(signed, file)
    assert file.stat().st_mode & 0o777 == 0o600
    loaded = load_evidence(file)
    assert loaded == signed
    hospital.accesses.record([use(patient, record=b"\1" * 32)])
    (done,) = record_evidence(hospital.accesses, loaded, hospital)
    assert (done.recorded, [each.record for each in done.skipped]) == (1, [b"\3" * 32])
    assert {u.record[0]: u.used_at for u in patient.accesses.all(patient.signer.address)} == {1: None, 2: now}
    # What was refused is tried again, what is there is not recorded twice.
    (done,) = record_evidence(hospital.accesses, loaded, hospital)
    assert done.recorded == 0


def test_C20_evidence_that_was_changed_is_none(patient, hospital, tmp_path):
    now = patient.now()
    signed = evidence_of(patient, hospital, use(patient, used_at=now))
    file = tmp_path / "evidence.json"
    save_evidence(signed, file)
    text = json.loads(file.read_text())
    (one,) = text["uses"]
    other = "0x" + "12" * 20
    for change, message in (
        ({"uses": [{**one, "usedAt": now - 1}]}, "something was changed since"),
        ({"uses": [one, one]}, "something was changed since"),
        ({"uses": [{**one, "record": "0x" + "02" * 32}]}, "something was changed since"),
        ({"uses": [{**one, "patient": other}]}, "something was changed since"),
        ({"uses": [{**one, "emergency": 1}]}, "something was changed since"),
        ({"madeAt": now + 1}, "something was changed since"),
        ({"chainId": 1}, "something was changed since"),
        ({"actor": other}, "something was changed since"),
        ({"uses": []}, "there are 0"),
        ({"uses": 1}, "must be a list"),
        ({"uses": [{**one, "usedAt": now + 1}]}, "not later than that of the file"),
        ({"uses": [{**one, "more": 1}]}, "must have exactly"),
        ({"uses": [{**one, "purposes": []}]}, "purposes: must be a list of names"),
        ({"uses": [{**one, "record": "0x12"}]}, "record: must be 0x and 64"),
        ({"uses": [{**one, "emergency": True}]}, "emergency: must be a whole number"),
        ({"version": 2}, "version: is 2"),
        ({"salus": "x"}, "is no evidence of uses"),
        ({"more": 1}, "is no field"),
    ):
        changed = tmp_path / "changed.json"
        changed.write_text(json.dumps({**text, **change}))
        with pytest.raises(BadInput, match=message):
            load_evidence(changed)


def test_C20_evidence_is_for_one_chain_and_each_use_has_its_time(patient, hospital):
    signed = evidence_of(patient, hospital, use(patient, used_at=patient.now()))
    for change in ({"chain_id": 1}, {"contract": patient.signer.address}):
        with pytest.raises(BadInput, match="not this one"):
            record_evidence(hospital.accesses, replace(signed, **change), hospital)
    for used_at in (0, patient.now() + 60):
        with pytest.raises(BadInput, match=r"uses\.1\.usedAt"):
            evidence_of(patient, hospital, use(patient, used_at=used_at))


def test_who_denied_emergencies_is_not_opened(patient, hospital):
    grant(patient, hospital, "ETREAT", effect=Effect.DENY)
    with pytest.raises(errors.EmergencyRefused, match="the glass cannot be broken"):
        hospital.accesses.declare_emergency(patient.signer.address, Cause.UNCONSCIOUS, ["all"], 3600)


@pytest.mark.parametrize(("seconds", "field"), [(DAY + 1, "duration")])
def test_more_than_a_day_is_refused(patient, hospital, seconds, field):
    with pytest.raises(errors.InvalidEmergency) as raised:
        hospital.accesses.declare_emergency(patient.signer.address, Cause.UNCONSCIOUS, ["all"], seconds)
    assert raised.value.arguments["field"] == field


@pytest.mark.parametrize("seconds", [0, -1, 1.5, True, 2**40])
def test_a_time_that_is_none_is_told(patient, hospital, seconds):
    with pytest.raises(BadInput, match="seconds: is"):
        hospital.accesses.declare_emergency(patient.signer.address, Cause.UNCONSCIOUS, ["all"], seconds)


def test_only_clinicians_break_the_glass(deployed_chain, patient):
    insurer = deployed_chain.client(deployed_chain.institution("INSURER")[0])
    with pytest.raises(errors.NotLicensed):
        insurer.accesses.declare_emergency(patient.signer.address, Cause.UNCONSCIOUS, ["all"], 3600)


def test_the_reviewer_closes_it_once(deployed_chain, patient, hospital):
    id, _ = hospital.accesses.declare_emergency(patient.signer.address, Cause.LIFE_THREATENING, ["all"], 3600)
    regulator = deployed_chain.client(deployed_chain.regulator)
    with pytest.raises(errors.AccessManagedUnauthorized):
        hospital.accesses.review(id, Outcome.JUSTIFIED)
    regulator.accesses.review(id, Outcome.UNJUSTIFIED)
    assert patient.accesses.emergency(id).outcome is Outcome.UNJUSTIFIED
    with pytest.raises(errors.AlreadyReviewed, match="it was not justified"):
        regulator.accesses.review(id, Outcome.JUSTIFIED)
    with pytest.raises(errors.UnknownEmergency):
        regulator.accesses.review(b"\1" * 32, Outcome.JUSTIFIED)
    assert patient.accesses.emergency(b"\1" * 32) is None
    with pytest.raises(BadInput, match="must be the 32 bytes"):
        patient.accesses.emergency(b"\1")


def test_the_policy_of_the_deployment_is_told(salus):
    assert salus.consent.policy() is Policy.EMERGENCY
    assert [policy.words for policy in Policy][1] == "nothing, but in an emergency the glass can be broken"


@pytest.mark.parametrize("kind", [Reason, Outcome, Cause, Policy, Refusal])
def test_every_value_has_words(kind):
    assert len({value.words for value in kind}) == len(kind)
