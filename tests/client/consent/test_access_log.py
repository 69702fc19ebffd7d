"""Uses of data and broken glass through the client."""

import pytest
from eth_utils.crypto import keccak

from salus.consent import codes
from salus.consent.access_log import Access, Cause, Outcome
from salus.consent.registry import DirectiveDraft, Effect, Policy, Reason
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


def use(patient, *purposes, categories=("Observation",), record=b"\1" * 32):
    return Access(patient.signer.address, purposes or ("TREAT",), categories, record)


# --------------------------------------------------------------------------------------------------------------- uses


def test_a_permitted_use_is_recorded_and_listed(patient, hospital):
    grant(patient, hospital)
    commitment, _ = commit(b"a record")
    receipt = hospital.accesses.record([use(patient, record=commitment)])
    (found,) = patient.accesses.all(patient.signer.address)
    assert (found.institution, found.actor) == (hospital.signer.address, hospital.signer.address)
    assert (found.purpose_names, found.categories) == ({"TREAT"}, codes.CATEGORIES["Observation"])
    assert (found.record, found.emergency, found.transaction) == (commitment, b"", receipt.hash)


def test_without_a_permit_it_is_refused_and_says_why(patient, hospital):
    with pytest.raises(errors.AccessRefused, match="nothing was ever granted to it") as raised:
        hospital.accesses.record([use(patient)])
    assert raised.value.arguments["reason"] == Reason.NO_DIRECTIVE
    grant(patient, hospital)
    with pytest.raises(errors.AccessRefused, match="does not cover these categories"):
        hospital.accesses.record([use(patient, categories=("Observation", "HIV"))])


def test_a_batch_is_recorded_whole_or_not_at_all(patient, hospital):
    grant(patient, hospital)
    hospital.accesses.record([use(patient, record=bytes([i]) * 32) for i in range(1, 4)])
    with pytest.raises(errors.AccessRefused):
        hospital.accesses.record([use(patient), use(patient, "HMARKT")])
    assert [found.record[0] for found in patient.accesses.all(patient.signer.address)] == [1, 2, 3]


def test_the_list_begins_where_it_is_told(patient, hospital):
    grant(patient, hospital)
    first = hospital.accesses.record([use(patient)])
    second = hospital.accesses.record([use(patient)])
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
    hospital.accesses.record([use(patient, "ETREAT")])
    assert [u.emergency for u in patient.accesses.all(patient.signer.address)] == [id]


def test_it_is_not_renewed_in_silence(patient, hospital):
    declare = hospital.accesses.declare_emergency
    id, _ = declare(patient.signer.address, Cause.UNCONSCIOUS, ["all"], 3600)
    with pytest.raises(errors.EmergencyUnderWay) as raised:
        declare(patient.signer.address, Cause.UNCONSCIOUS, ["all"], 3600)
    assert bytes(raised.value.arguments["emergency"]) == id


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


@pytest.mark.parametrize("kind", [Reason, Outcome, Cause, Policy])
def test_every_value_has_words(kind):
    assert len({value.words for value in kind}) == len(kind)
