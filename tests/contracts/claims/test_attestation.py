"""Whose claim it is: who sends it, or who signed it

submit
├── signatures, but not one a claim → LengthMismatch
├── the caller acts for the claim's provider → attested, whatever signature is beside it
├── else the signature's key acts for it, or it is the provider's ERC-1271 wallet that signed → attested
├── else → NotAttested (16)
└── attested, but the provider, or its operator, has no licence as provider or pharmacy now → NotLicensed (185)
"""

import pytest
from brownie import web3

from tests.conftest import INSURER, PHARMACY, PROVIDER, accredit
from tests.support.attestations import compact, key, sign, twin, typed
from tests.support.boundary_time import forked, set_code
from tests.support.claim_builders import (
    DAY,
    DUPLICATE,
    NOT_ATTESTED,
    NOT_LICENSED,
    NOTHING,
    PASSED,
    SETTLED,
    a_claim,
    line,
    now,
    submit,
    today,
    word,
)
from tests.support.errors import error

GOOD, REVERTING, SHORT, DIRTY, WRONG, EMPTY, LONG, BURNING, WRITING = range(9)
BAD = {"reverting": REVERTING, "short": SHORT, "dirty": DIRTY, "wrong": WRONG, "empty": EMPTY, "writing": WRITING}
SHUT = (NOT_ATTESTED, 16)
UNLICENSED = (NOT_LICENSED, 185)
THROUGH = (PASSED, 0)


@pytest.fixture
def claim(plan, patient, hospital):
    """Of 40.00 above the deductible."""
    return a_claim(plan, patient, hospital, line(charge=140_00), line("x-ray", 2, 20_00, 3_00), primary=word("answer"))


@pytest.fixture
def relayed(open_desk, stranger):
    """How the desk answers a claim that a stranger brings with a signature."""

    def ask(claim, signature, sender=stranger):
        (answer,) = open_desk.submit.call([claim], [signature], {"from": sender})
        return answer[1], answer[2]

    return ask


# ---- the caller --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "patient", "regulator", "insurer", "clinic"])
def test_TP11_nobody_submits_for_another(open_desk, claim, people, who):
    (answer,), tx = submit(open_desk, [claim], getattr(people, who))
    assert (answer.refusal, answer.carc) == SHUT
    assert list(tx.events.keys()) == ["ClaimRefused"]


@pytest.mark.parametrize("who", ["stranger", "insurer", "carrier"])
def test_TP8_who_is_no_provider_has_no_claim(open_desk, plan, patient, people, who):
    actor = getattr(people, who)
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, actor)], actor)
    # A stranger acts for nobody, itself included.
    assert (answer.refusal, answer.carc) == (SHUT if who == "stranger" else UNLICENSED)


def test_nobody_s_claim_is_nobody_s(open_desk, plan, patient, stranger):
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, "0x" + "00" * 20)], stranger)
    assert (answer.refusal, answer.carc) == UNLICENSED


def test_a_pharmacy_submits(open_desk, plan, patient, institutions, regulator, accounts):
    pharmacy = accounts[25]
    accredit(institutions, regulator, pharmacy, "pharmacy", PHARMACY)
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, pharmacy)], pharmacy)
    assert answer.state == SETTLED


def test_TP11_an_operator_submits_for_its_institution_only(open_desk, plan, patient, claim, nurse, hospital, token):
    (answer, own), _ = submit(open_desk, [claim, a_claim(plan, patient, nurse)], nurse)
    assert (answer.state, own.refusal) == (SETTLED, NOT_ATTESTED)
    assert token.balanceOf(hospital) == answer.paid > 0 == token.balanceOf(nurse)


def test_TP8_a_provider_that_may_no_longer(open_desk, claim, institutions, hospital, nurse, regulator, chain):
    signatures = [sign(open_desk, claim, hospital)]

    def refused(standing):
        for sender, with_signature in ((hospital, ()), (nurse, ()), (regulator, signatures)):
            (answer,) = open_desk.submit.call([claim], with_signature, {"from": sender})
            assert (answer[1], answer[2]) == UNLICENSED, standing

    institutions.suspend(hospital, {"from": regulator})
    refused("suspended")
    institutions.reinstate(hospital, {"from": regulator})
    institutions.renew(hospital, PROVIDER, now() + DAY, {"from": regulator})
    chain.mine(timestamp=now() + DAY)
    refused("expired")


def test_TP8_an_operator_that_may_no_longer(open_desk, claim, institutions, hospital, nurse, relayed, chain):
    signature, end = sign(open_desk, claim, nurse), now() + 100
    institutions.setOperator(nurse, PROVIDER, end, {"from": hospital})
    for second, expected in ((end - 1, THROUGH), (end, UNLICENSED)):
        chain.mine(timestamp=second)
        assert relayed(claim, signature) == relayed(claim, b"", sender=nurse) == expected
    institutions.removeOperator(nurse, {"from": hospital})
    assert relayed(claim, signature) == relayed(claim, b"", sender=nurse) == SHUT


def test_TP8_an_operator_in_another_role(open_desk, plan, patient, institutions, regulator, accounts, stranger):
    """Who is insurer and provider at once names a clerk for the insurance alone: the clerk submits no claim."""
    both, clerk = accounts[25], accounts[26]
    accredit(institutions, regulator, both, "both", PROVIDER | INSURER)
    institutions.setOperator(clerk, INSURER, now() + DAY, {"from": both})
    claim = a_claim(plan, patient, both)
    (sent,) = open_desk.submit.call([claim], [], {"from": clerk})
    (signed,) = open_desk.submit.call([claim], [sign(open_desk, claim, clerk)], {"from": stranger})
    assert (sent[1], sent[2]) == (signed[1], signed[2]) == UNLICENSED


# ---- the signature -----------------------------------------------------------------------------------------------


def test_the_digest_is_what_a_wallet_signs(desk, claim):
    signable = typed(desk, claim)
    expected = web3.keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert bytes(desk.digest(claim)) == bytes(expected)
    assert tuple(desk.eip712Domain())[1:5] == ("Salus Claims", "1", web3.eth.chain_id, desk.address)


@pytest.mark.parametrize("who", ["hospital", "nurse"])
def test_a_stranger_brings_what_was_signed(open_desk, claim, hospital, nurse, stranger, token, who):
    signature = sign(open_desk, claim, hospital if who == "hospital" else nurse)
    (answer,), tx = submit(open_desk, [claim], stranger, [signature])
    assert answer.state == SETTLED
    assert tx.events["ClaimDecided"]["provider"] == tx.events["Paid"]["payee"] == hospital
    assert token.balanceOf(hospital) == answer.paid > 0


def test_TP1_what_was_signed_is_paid_once(open_desk, claim, hospital, stranger, token):
    signature = sign(open_desk, claim, hospital)
    answers, _ = submit(open_desk, [claim, claim], stranger, [signature, signature])
    assert [each.refusal for each in answers] == [PASSED, DUPLICATE]
    paid = token.balanceOf(hospital)
    for sender in (stranger, hospital):
        (answer,), _ = submit(open_desk, [claim], sender, [signature])
        assert answer.refusal == DUPLICATE
    assert token.balanceOf(hospital) == paid


def other_line(claim, **changes):
    return [claim.lines[0]._replace(**changes), *claim.lines[1:]]


FLIPS = {
    "plan": lambda c, clinic: {"plan": word("another")},
    "patient": lambda c, clinic: {"patient": str(clinic)},
    "provider": lambda c, clinic: {"provider": str(clinic)},
    "number": lambda c, clinic: {"number": word("2")},
    "day": lambda c, clinic: {"day": c.day - 1},
    "primary": lambda c, clinic: {"primary": NOTHING},
    "code": lambda c, clinic: {"lines": other_line(c, code=word("cast"))},
    "units": lambda c, clinic: {"lines": other_line(c, units=2)},
    "charge": lambda c, clinic: {"lines": other_line(c, charge=150_00)},
    "prior": lambda c, clinic: {"lines": other_line(c, prior=1)},
    "the last line's prior": lambda c, clinic: {"lines": [c.lines[0], c.lines[1]._replace(prior=0)]},
    "a line more": lambda c, clinic: {"lines": [*c.lines, c.lines[1]._replace(charge=1)]},
    "a line less": lambda c, clinic: {"lines": c.lines[:1]},
    "order": lambda c, clinic: {"lines": c.lines[::-1]},
}


@pytest.mark.parametrize("field", FLIPS)
def test_TC4_every_field_is_signed(open_desk, claim, hospital, clinic, relayed, field):
    signature = sign(open_desk, claim, hospital)
    assert relayed(claim, signature) == THROUGH
    flipped = claim._replace(**FLIPS[field](claim, clinic))
    assert relayed(flipped, signature) == SHUT
    # Signed as it is now it would be attested: it is the signature that stands in the way, not the flip.
    assert relayed(flipped, sign(open_desk, flipped, clinic if field == "provider" else hospital))[0] != NOT_ATTESTED


@pytest.mark.parametrize(
    "change",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + "11" * 20},
        {"name": "Salus Consents"},
        {"version": "2"},
    ],
    ids=["chain", "contract", "name", "version"],
)
def test_TC3_a_signature_for_elsewhere(open_desk, claim, hospital, relayed, change):
    assert relayed(claim, sign(open_desk, claim, hospital, **change)) == SHUT


def test_TC3_after_a_fork_the_separator_is_that_of_the_chain(open_desk, claim, hospital, relayed):
    """Requirement 1."""
    here, there = sign(open_desk, claim, hospital), sign(open_desk, claim, hospital, chainId=31338)
    assert (relayed(claim, here), relayed(claim, there)) == (THROUGH, SHUT)
    with forked(31338):
        assert (relayed(claim, here), relayed(claim, there)) == (SHUT, THROUGH)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: b"",
        lambda s: s[:64],
        lambda s: s + b"\0",
        compact,
        twin,
        lambda s: s[:64] + bytes([s[64] - 27]),
        lambda s: s[:64] + b"\x1d",
        lambda s: s[:64] + bytes([55 - s[64]]),
        lambda s: bytes(65),
        lambda s: bytes(64) + b"\x1b",
        lambda s: b"\xff" * 64 + b"\x1b",
        lambda s: bytes([s[0] ^ 1]) + s[1:],
    ],
    ids=[
        "none", "64 bytes", "66 bytes", "compact", "high s", "v 0 or 1", "v 29", "other v", "zeros", "zeros with v",
        "ones", "a bit",
    ],
)  # fmt: skip
def test_TC5_what_is_no_signature(open_desk, claim, hospital, relayed, spoil):
    signature = sign(open_desk, claim, hospital)
    assert relayed(claim, signature) == THROUGH
    assert relayed(claim, spoil(signature)) == SHUT


@pytest.mark.parametrize("who", ["patient", "insurer", "clinic", "stranger"])
def test_TP11_another_signed(open_desk, claim, people, relayed, who):
    assert relayed(claim, sign(open_desk, claim, getattr(people, who))) == SHUT


def test_TP11_a_key_that_nobody_knows_signed(open_desk, claim, relayed):
    assert relayed(claim, sign(open_desk, claim, key("nobody"))) == SHUT


def test_a_licence_is_asked_of_the_signer(open_desk, plan, patient, insurer, relayed):
    claim = a_claim(plan, patient, insurer)
    assert relayed(claim, sign(open_desk, claim, insurer)) == UNLICENSED


# ---- ERC-1271, EIP-7702 ------------------------------------------------------------------------------------------


@pytest.fixture
def wallet(salus_project, institutions, regulator, deployer):
    """A provider whose account is a contract; the key that it obeys is not accredited."""
    contract = salus_project.Wallet.deploy(key("director").address, {"from": deployer})
    accredit(institutions, regulator, contract.address, "practice", PROVIDER)
    return contract


@pytest.fixture
def its_claim(plan, patient, wallet):
    return a_claim(plan, patient, wallet.address, line(charge=140_00))


@pytest.fixture
def signature(open_desk, its_claim):
    return sign(open_desk, its_claim, key("director"))


def test_TC6_a_wallet_signs_and_is_paid(open_desk, its_claim, signature, wallet, stranger, token):
    (answer,), _ = submit(open_desk, [its_claim], stranger, [signature])
    assert (answer.state, token.balanceOf(wallet)) == (SETTLED, 32_00)


def test_TC6_a_wallet_that_answers_at_length_signs(its_claim, signature, wallet, stranger, relayed):
    wallet.behave(LONG, {"from": stranger})
    assert relayed(its_claim, signature) == THROUGH


@pytest.mark.parametrize("fault", BAD)
def test_TC6_a_wallet_that_does_anything_else_does_not(its_claim, signature, wallet, stranger, relayed, fault):
    wallet.behave(BAD[fault], {"from": stranger})
    assert relayed(its_claim, signature) == SHUT


def test_TC6_the_answer_of_the_moment_counts(its_claim, signature, wallet, stranger, relayed):
    for mode, answer in ((GOOD, THROUGH), (WRONG, SHUT), (GOOD, THROUGH)):
        wallet.behave(mode, {"from": stranger})
        assert relayed(its_claim, signature) == answer


def test_TP8_a_suspended_wallet_is_not_asked(its_claim, signature, wallet, institutions, regulator, relayed):
    institutions.suspend(wallet, {"from": regulator})
    assert relayed(its_claim, signature) == SHUT


def test_TP10_a_wallet_burns_its_own_chance_only(open_desk, plan, patient, wallet, hospital, stranger, token):
    """Three of its claims, between two of the hospital's, in a transaction of ordinary size."""
    wallet.behave(BURNING, {"from": stranger})
    who = [hospital, *[wallet.address] * 3, hospital]
    claims = [a_claim(plan, patient, p, line(charge=150_00), number=str(i)) for i, p in enumerate(who)]
    signatures = [sign(open_desk, c, hospital if p == hospital else key("director")) for c, p in zip(claims, who)]
    tx = open_desk.submit(claims, signatures, {"from": stranger, "gas_limit": 3_000_000})
    assert [event["refusal"] for event in tx.events["ClaimRefused"]] == [NOT_ATTESTED] * 3
    assert token.balanceOf(hospital) == 160_00


def test_TP10_nobody_calls_a_wallet_that_is_not_accredited(open_desk, plan, patient, salus_project, stranger):
    bomb = salus_project.Wallet.deploy(key("director").address, {"from": stranger})
    bomb.behave(BURNING, {"from": stranger})
    claim = a_claim(plan, patient, bomb.address)
    tx = open_desk.submit([claim], [sign(open_desk, claim, key("director"))], {"from": stranger})
    assert tx.events["ClaimRefused"]["refusal"] == NOT_ATTESTED
    assert tx.gas_used < 150_000


def test_TC6_another_key_is_not_the_wallets(open_desk, its_claim, hospital, relayed):
    for signer in (hospital, key("somebody")):
        assert relayed(its_claim, sign(open_desk, its_claim, signer)) == SHUT


def test_TC6_a_wallet_that_nobody_accredited(open_desk, plan, patient, salus_project, deployer, relayed):
    unknown = salus_project.Wallet.deploy(key("director").address, {"from": deployer})
    claim = a_claim(plan, patient, unknown.address)
    assert relayed(claim, sign(open_desk, claim, key("director"))) == SHUT


@pytest.mark.parametrize("code", ["0x60006000fd", "0x00", "0xfe"], ids=["reverts", "stops", "burns"])
def test_TC6_a_key_signs_although_its_account_has_code(open_desk, claim, hospital, relayed, code):
    """As an EIP-7702 delegation gives it."""
    signature = sign(open_desk, claim, hospital)
    set_code(hospital, code)
    assert relayed(claim, signature) == THROUGH


# ---- batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims, signatures", [(2, 1), (1, 2), (0, 1)])
def test_signatures_that_are_not_one_a_claim(open_desk, claim, stranger, refused, claims, signatures):
    why = error("LengthMismatch", claims, signatures)
    refused(open_desk.submit, [claim] * claims, [b"\1"] * signatures, sender=stranger, why=why)


def test_an_empty_batch_is_no_error(open_desk, stranger):
    answers, tx = submit(open_desk, [], stranger)
    assert answers == [] and not tx.events


def test_TP10_one_bad_signature_does_not_stop_the_batch(open_desk, plan, patient, hospital, clinic, stranger, token):
    claims = [
        a_claim(plan, patient, provider, line(charge=150_00), number=str(number))
        for number, provider in enumerate((hospital, clinic, hospital, clinic))
    ]
    signatures = [sign(open_desk, c, p) for c, p in zip(claims, (hospital, hospital, hospital, clinic))]
    answers, _ = submit(open_desk, claims, stranger, signatures)
    assert [each.refusal for each in answers] == [PASSED, NOT_ATTESTED, PASSED, PASSED]
    assert (token.balanceOf(hospital), token.balanceOf(clinic)) == (40_00 + 120_00, 120_00)


def test_a_provider_submits_its_own_beside_anothers(open_desk, plan, patient, hospital, clinic, token):
    own = a_claim(plan, patient, hospital, line(charge=150_00))
    others = a_claim(plan, patient, clinic, line(charge=150_00))
    answers, _ = submit(open_desk, [own, others, own], hospital, [b"", sign(open_desk, others, clinic), b"junk"])
    assert [each.refusal for each in answers] == [PASSED, PASSED, DUPLICATE]
    assert (token.balanceOf(hospital), token.balanceOf(clinic)) == (40_00, 120_00)


def test_signatures_are_asked_one_by_one(open_desk, plan, patient, hospital, stranger):
    """A batch of which nobody signed anything."""
    claims = [a_claim(plan, patient, hospital, number=str(i), day=today()) for i in range(3)]
    answers, _ = submit(open_desk, claims, stranger, [b""] * 3)
    assert [each.refusal for each in answers] == [NOT_ATTESTED] * 3
