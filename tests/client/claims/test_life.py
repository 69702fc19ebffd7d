"""A claim after its submission: review, time, withdrawal, reversal, appeal; and what the chain alone tells of it."""

import dataclasses

import pytest

from salus import errors
from salus.claims import attestations
from salus.claims.carc import Adjustment
from salus.claims.desk import Refusal, State
from salus.errors import BadInput
from tests.support.claim_scenario import REF, USD, ClaimScenario

DAY = 24 * 3600
REVIEWED = {"reviewThreshold": "10.00", "reviewDays": 5, "appealDays": 30}


@pytest.fixture
def reviewed(deployed_chain, token, tmp_path):
    """A plan that reviews what pays more than 10."""
    return ClaimScenario(deployed_chain, token, tmp_path, **REVIEWED)


def submitted(claim_scenario, claim):
    (answer,) = claim_scenario.submit([claim])
    return answer, bytes.fromhex(answer.id[2:])


# ------------------------------------------------------------------------------------------------------------ review


def test_a_large_claim_waits_with_its_money_aside(reviewed, claim):
    (estimated,) = reviewed.desk.claims.estimate(reviewed.prepare([claim]))
    answer, wanted = submitted(reviewed, claim)
    assert (estimated.state, estimated.paid) == (State.PENDED, answer.due)
    assert (answer.state, answer.lines, answer.due, answer.outcome) == (State.PENDED, (), 41_360_000, "pended")
    record = reviewed.desk.claims.get(wanted)
    assert (record.state, record.review_by) == (State.PENDED, answer.review_by)
    assert answer.review_by == answer.decided_at + 5 * DAY
    pool = reviewed.payer.treasury.pool(reviewed.insurer.address, reviewed.token)
    assert (pool.reserved, pool.balance) == (answer.due, 100_000 * USD - answer.due)
    pended = reviewed.desk.claims.pended(wanted)
    assert (pended.due, pended.reserved, pended.claim) == (answer.due, True, reviewed.prepare([claim])[0].struct())


def test_the_insurer_approves_and_the_rules_decide(reviewed, claim):
    answer, wanted = submitted(reviewed, claim)
    with pytest.raises(errors.ReviewOpen):
        reviewed.desk.claims.decide(wanted)
    with pytest.raises(errors.NotParty):
        reviewed.desk.claims.review(wanted)
    reviewed.payer.claims.review(wanted)
    assert reviewed.desk.claims.get(wanted).state is State.SETTLED
    assert reviewed.balance() == answer.due
    told = reviewed.submit([claim])[0]
    assert (told.state, told.paid, told.earlier) == (State.SETTLED, answer.due, True)


def test_the_insurer_denies_with_a_code(reviewed, claim):
    _, wanted = submitted(reviewed, claim)
    reviewed.payer.claims.review(wanted, 50)
    decided = reviewed.desk.claims.decided(wanted)
    assert (decided.told.denied, decided.paid, decided.charge) == (True, 0, 182_750_000)
    assert decided.lines[0].adjustments == (Adjustment("CO", 50, 120 * USD),)
    assert reviewed.desk.claims.get(wanted).state is State.DENIED
    pool = reviewed.payer.treasury.pool(reviewed.insurer.address, reviewed.token)
    assert (pool.reserved, pool.balance) == (0, 100_000 * USD)


def test_time_lets_the_rules_decide(reviewed, claim):
    answer, wanted = submitted(reviewed, claim)
    reviewed.deployed_chain.node.advance(5 * DAY + 1)
    with pytest.raises(errors.ReviewOver):
        reviewed.payer.claims.review(wanted, 50)
    reviewed.deployed_chain.client(reviewed.deployed_chain.person()).claims.decide(wanted)
    assert reviewed.balance() == answer.due


def test_a_withdrawn_claim_frees_its_number_for_another_content(reviewed, claim):
    _, wanted = submitted(reviewed, claim)
    reviewed.desk.claims.withdraw(wanted)
    assert reviewed.desk.claims.get(wanted).state is State.WITHDRAWN
    assert reviewed.submit([claim])[0].refusal is Refusal.DUPLICATE
    other = dataclasses.replace(claim, lines=claim.lines[:2])
    assert reviewed.submit([other])[0].state is State.PENDED
    with pytest.raises(BadInput, match="was never decided on this chain"):
        reviewed.desk.claims.reverse(wanted)


def test_a_claim_that_is_refused_when_it_is_decided_may_come_again_TP9(reviewed, claim):
    _, wanted = submitted(reviewed, claim)
    reviewed.deployed_chain.client(reviewed.patient).consent.revoke(reviewed.insurer.address)
    reviewed.payer.claims.review(wanted)
    assert reviewed.desk.claims.get(wanted).state is State.WITHDRAWN
    assert reviewed.desk.claims.history(wanted)[-2].words.endswith("(CARC 227)")
    assert reviewed.submit([claim])[0].refusal is Refusal.NO_CONSENT
    reviewed.deployed_chain.node.advance(1)
    reviewed.permit()
    assert reviewed.submit([claim])[0].state is State.PENDED


# ---------------------------------------------------------------------------------------------------- after the
# decision


@pytest.fixture
def appealable(deployed_chain, token, tmp_path):
    return ClaimScenario(deployed_chain, token, tmp_path, appealDays=30)


def test_a_reversal_gives_back_what_was_used_and_is_set_off(appealable, claim):
    answer, wanted = submitted(appealable, claim)
    accumulators = appealable.desk.claims.accumulators
    appealable.desk.claims.reverse(wanted)
    assert appealable.desk.claims.get(wanted).state is State.REVERSED
    year = accumulators(appealable.plan_id, appealable.patient.address, 2025)
    assert (year.deductible, year.out_of_pocket, year.paid) == (0, 0, 0)
    place = (appealable.insurer.address, appealable.token, appealable.hospital.address)
    assert appealable.desk.treasury.set_off(*place) == answer.paid
    appealable.desk.treasury.repay(*place, 1 * USD)
    again = appealable.submit([dataclasses.replace(claim, number="2")])[0]
    assert again.paid == answer.paid
    # The rest was set off against it: the hospital got as much as of one claim.
    assert (appealable.balance(), appealable.desk.treasury.set_off(*place)) == (answer.paid, 0)
    with pytest.raises(errors.ExceedsSetOff):
        appealable.desk.treasury.repay(*place, 1)
    with pytest.raises(errors.WrongState):
        appealable.desk.claims.reverse(wanted)


def test_the_patient_appeals_and_the_arbiter_awards(appealable, claim):
    answer, wanted = submitted(appealable, claim)
    arbiter = appealable.deployed_chain.client(appealable.deployed_chain.regulator)
    with pytest.raises(errors.NotAppealed):
        arbiter.claims.arbitrate(wanted, 1, 45)
    appealable.deployed_chain.client(appealable.patient).claims.appeal(wanted)
    assert appealable.desk.claims.get(wanted).appealed
    with pytest.raises(errors.AwardTooHigh):
        arbiter.claims.arbitrate(wanted, answer.charge - answer.paid + 1, 45)
    arbiter.claims.arbitrate(wanted, 7 * USD, 45)
    record = appealable.desk.claims.get(wanted)
    assert (record.state, record.appealed) == (State.ARBITRATED, False)
    assert appealable.balance() == answer.paid + 7 * USD


def test_an_appeal_too_late(appealable, claim):
    _, wanted = submitted(appealable, claim)
    appealable.deployed_chain.node.advance(30 * DAY + 1)
    with pytest.raises(errors.WindowClosed):
        appealable.desk.claims.appeal(wanted)


# ------------------------------------------------------------------------------------------------------------- history


def test_the_history_tells_every_step_in_words(reviewed, claim):
    answer, wanted = submitted(reviewed, claim)
    reviewed.payer.claims.review(wanted)
    reviewed.desk.claims.reverse(wanted)
    entries = reviewed.desk.claims.history(wanted)
    assert [entry.name for entry in entries] == [
        "Reserved",
        "ClaimPended",
        "ClaimDecided",
        "Released",
        "Paid",
        "SetOffAdded",
        "ClaimReversed",
    ]
    words = {entry.name: entry.words for entry in entries}
    assert words["ClaimPended"] == "waits for review; 41.36 would be paid, and is reserved"
    assert words["ClaimDecided"] == "decided: of 182.75 the plan pays 41.36, the patient bears 110.34"
    assert words["Paid"].startswith(f"41.36 paid to {reviewed.provider}")
    assert words["ClaimReversed"] == f"reversed by {reviewed.provider}: 41.36 goes back"
    assert entries[1].transaction == answer.transaction and entries[1].at == answer.decided_at
    assert sorted(entry.at for entry in entries) == [entry.at for entry in entries]


def test_the_history_of_a_refused_and_of_an_owed_claim(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, fund=0)
    early = dataclasses.replace(claim, service_day=claim_scenario.cover_late())
    _, wanted = submitted(claim_scenario, early)
    submitted(claim_scenario, claim)
    claim_scenario.fund(100 * USD)
    claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)
    entries = claim_scenario.desk.claims.history(wanted)
    assert [entry.name for entry in entries] == [
        "ClaimRefused",
        "ClaimDecided",
        "DebtAdded",
        "ClaimOwed",
        "DebtSettled",
        "Paid",
    ]
    assert entries[0].words == "refused: the patient was not covered on that service day (CARC 26)"
    assert entries[3].words == "the pool is short: 41.36 is owed, number 0 of its debts"


def test_a_claim_that_nobody_knows(claim_scenario):
    assert claim_scenario.desk.claims.get(b"\1" * 32).state is State.NONE
    assert claim_scenario.desk.claims.history(b"\1" * 32) == ()
    for act in (claim_scenario.desk.claims.decided, claim_scenario.desk.claims.pended):
        with pytest.raises(BadInput, match="on this chain"):
            act(b"\1" * 32)


def test_the_answer_is_told_again_from_the_chain(claim_scenario, claim):
    answer, wanted = submitted(claim_scenario, claim)
    told = claim_scenario.deployed_chain.client().claims.told(wanted, plan=claim_scenario.plan, inputs=[claim])
    assert told == answer
    without = claim_scenario.deployed_chain.client().claims.told(wanted, plan=claim_scenario.plan)
    assert [(line.system, line.code, line.charge) for line in without.input.lines] == [
        (line.system, line.code, line.charge) for line in claim.lines
    ]
    blind = claim_scenario.deployed_chain.client().claims.told(wanted)
    assert blind.lines == answer.lines and blind.input.lines[0].code.startswith("0x")


def test_the_id_follows_from_the_number_and_the_salt(claim_scenario, claim):
    answer, wanted = submitted(claim_scenario, claim)
    found = claim_scenario.desk.claims.id_of(
        claim_scenario.plan, claim_scenario.provider, claim.number, system=claim.number_system
    )
    assert found == wanted
    assert (
        claim_scenario.desk.call(
            claim_scenario.desk.contract("ClaimDesk").functions.idOf(
                claim_scenario.hospital.address, claim_scenario.plan.number(claim.number_system, claim.number)
            )
        )
        == wanted
    )


# ------------------------------------------------------------------------------------------------------------ attested


def test_attested_claims_are_submitted_by_anybody(claim_scenario, claim, tmp_path):
    claims = [claim, dataclasses.replace(claim, number="2", lines=claim.lines[:1])]
    attested = claim_scenario.desk.claims.attest(claim_scenario.prepare(claims))
    path = tmp_path / "attested.json"
    attestations.save(attested, path)
    assert attestations.load(path) == tuple(attested)
    stranger = claim_scenario.deployed_chain.client(claim_scenario.deployed_chain.person())
    prepared, signatures = stranger.claims.take(attestations.load(path))
    (answers,) = stranger.claims.submit_prepared(prepared, signatures=signatures)
    assert [answer.state for answer in answers] == [State.SETTLED] * 2
    assert claim_scenario.balance() == sum(answer.paid for answer in answers) > 0
    # Without the signature the same claim is nobody's.
    bare = claim_scenario.prepare([dataclasses.replace(claim, number="3")])
    (refused,) = next(iter(stranger.claims.submit_prepared(bare)))
    assert (refused.refusal, refused.carc) == (Refusal.NOT_ATTESTED, 16)


def test_the_client_signs_what_the_desk_hashes(claim_scenario, claim):
    (prepared,) = claim_scenario.prepare([claim])
    desk = claim_scenario.desk.contract("ClaimDesk")
    typed = attestations.of(prepared, claim_scenario.desk.chain_id, desk.address)
    assert typed.digest() == claim_scenario.desk.call(desk.functions.digest(prepared.struct()))


@pytest.mark.parametrize(
    "field, value",
    [
        ("patient", "0x" + "11" * 20),
        ("number", "0x" + "22" * 32),
        ("serviceDay", 20_000),
        ("primary", "0x" + "33" * 32),
        ("lines.0.charge", "1"),
        ("lines.0.units", 2),
        ("lines.0.prior", "1"),
        ("lines.0.code", "0x" + "44" * 32),
    ],
)
def test_a_changed_attestation_is_refused_before_it_costs_anything(field, value, claim_scenario, claim, tmp_path):
    import json

    path = tmp_path / "attested.json"
    attestations.save(claim_scenario.desk.claims.attest(claim_scenario.prepare([claim])), path)
    document = json.loads(path.read_text())
    at = document
    *way, last = field.split(".")
    for step in way:
        at = at[int(step)] if step.isdecimal() else at[step]
    at[last] = value
    path.write_text(json.dumps(document))
    stranger = claim_scenario.deployed_chain.client(claim_scenario.deployed_chain.person())
    with pytest.raises(BadInput, match=r"signature: is not by somebody who acts for the provider"):
        stranger.claims.take(attestations.load(path))


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda d: d.pop("plan"), "plan: is missing"),
        (lambda d: d.update(note="x"), "note: is unknown"),
        (lambda d: d.update(version=2), "salus: is no attested claim of version 1"),
        (lambda d: d.update(plan="0x12"), "plan: has 1 bytes; give 32"),
        (lambda d: d.update(serviceDay=-1), "serviceDay: is -1; it must be from 0 to 16777215"),
        (lambda d: d.update(serviceDay="1"), "serviceDay: is '1'; it must be a whole number"),
        (lambda d: d["lines"][0].update(charge=5), "lines\\[0\\].charge: is 5; give whole units as text"),
        (lambda d: d["lines"][0].update(units=2**16), "lines\\[0\\].units: is 65536; it must be from 0 to 65535"),
        (
            lambda d: d["lines"][0].update(charge=str(2**80)),
            "lines\\[0\\].charge: is 1208925819614629174706176; it must be",
        ),
        (lambda d: d.update(chainId=0), "chainId: is 0"),
        (lambda d: d.update(lines={}), "lines: is no list"),
    ],
)
def test_a_malformed_attestation(change, said, claim_scenario, claim, tmp_path):
    import json

    path = tmp_path / "attested.json"
    attestations.save(claim_scenario.desk.claims.attest(claim_scenario.prepare([claim])), path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=said):
        attestations.load(path)


def test_an_attestation_of_another_chain(claim_scenario, claim):
    (attested,) = claim_scenario.desk.claims.attest(claim_scenario.prepare([claim]))
    other = dataclasses.replace(attested, chain_id=1)
    with pytest.raises(BadInput, match="is of another chain or claim desk"):
        claim_scenario.desk.claims.take([other])


# ------------------------------------------------------------------------------------------- coordination of benefits


def test_who_pays_second_hears_what_the_first_paid(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path)
    second = deployed_chain.person()
    claim_scenario.enroll(second.address, secondary=True)
    claim_scenario.permit(second)
    patients = {REF: second.address}
    (refused,) = claim_scenario.desk.claims.submit([claim], claim_scenario.plan, patients)
    assert (refused.refusal, refused.carc) == (Refusal.NOT_COORDINATED, 22)
    told = dataclasses.replace(
        claim, primary="ER-77", lines=tuple(dataclasses.replace(line, prior=line.charge / 4) for line in claim.lines)
    )
    (answer,) = claim_scenario.desk.claims.submit([told], claim_scenario.plan, patients)
    assert [line.prior for line in answer.lines] == [30 * USD, 10_687_500, 5 * USD]
    assert Adjustment("OA", 23, 30 * USD) in answer.lines[0].adjustments
    for line in answer.lines:
        assert line.charge == line.paid + sum(adjustment.amount for adjustment in line.adjustments)
