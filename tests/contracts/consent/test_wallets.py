"""Patients whose account has code: ERC-1271 wallets, good and bad, and keys with an EIP-7702 delegation.

given a patient whose account is a contract
    when it accepts the signature                               the order is carried out
    when it reverts, burns its gas, writes, answers nothing, too little or anything else
                                                                it is refused: InvalidSignature
    when it has changed its mind                                its answer at that moment counts
    when it is not deployed yet                                 it is refused: InvalidSignature
given a patient with a key whose account has code besides (EIP-7702)
    when the key signed                                         the order is carried out, whatever the code says
    when it did not                                             the code is asked
"""

import pytest
from brownie import web3

from tests.support.boundary_time import PASSED, refusal, set_code
from tests.support.consent_builders import ACTIVE, WITHDRAWN, granting, key, permit, record, relaying, revocation, sign
from tests.support.errors import error

GOOD, REVERTING, SHORT, DIRTY, WRONG, EMPTY, LONG, BURNING, WRITING = range(9)
BAD = {
    "reverting": REVERTING,
    "short": SHORT,
    "dirty": DIRTY,
    "wrong": WRONG,
    "empty": EMPTY,
    "burning": BURNING,
    "writing": WRITING,
}


@pytest.fixture
def order(consents, ana, wallet, hospital, now):
    """A grant of the wallet, signed by the key that owns it."""
    return sign(consents, ana, permit(hospital), now - 10, patient=wallet.address)


def test_TC6_a_wallet_that_accepts_signs(consents, wallet, order, hospital, relay):
    relay(order)
    assert record(consents, wallet, hospital).status == ACTIVE


def test_TC6_a_wallet_revokes_by_signature(consents, ana, wallet, order, hospital, now, relay):
    relay(order, sign(consents, ana, revocation(hospital, 0), now - 9, patient=wallet.address))
    assert record(consents, wallet, hospital).status == WITHDRAWN


def test_TC6_a_wallet_that_answers_at_length_signs(wallet, order, stranger, refused):
    wallet.behave(LONG, {"from": stranger})
    assert refused(order) is PASSED


@pytest.mark.parametrize("fault", BAD)
def test_TC6_a_wallet_that_does_anything_else_does_not(wallet, order, stranger, refused, fault):
    wallet.behave(BAD[fault], {"from": stranger})
    assert refused(order) == error("InvalidSignature", wallet)


def test_TC6_somebody_elses_signature_is_not_the_owners(consents, wallet, hospital, now, refused):
    order = sign(consents, key("ben"), permit(hospital), now, patient=wallet.address)
    assert refused(order) == error("InvalidSignature", wallet)


def test_TC6_the_answer_of_the_moment_counts(wallet, order, stranger, refused):
    assert refused(order) is PASSED
    wallet.behave(WRONG, {"from": stranger})
    assert refused(order) == error("InvalidSignature", wallet)
    wallet.behave(GOOD, {"from": stranger})
    assert refused(order) is PASSED


def test_TC6_the_owners_own_consent_is_not_the_wallets(consents, ana, order, refused):
    """The same key, another account: a signature for one says nothing for the other."""
    assert refused(order._replace(patient=ana.address)) == error("InvalidSignature", ana.address)


def test_TC6_a_wallet_that_changes_its_mind_cannot_unsay(consents, wallet, order, hospital, stranger, relay):
    relay(order)
    wallet.behave(WRONG, {"from": stranger})
    assert record(consents, wallet, hospital).status == ACTIVE


def test_TC6_an_account_without_code_is_no_wallet(consents, ana, hospital, now, refused):
    nobody_there = key("not deployed yet").address
    order = sign(consents, ana, permit(hospital), now, patient=nobody_there)
    assert refused(order) == error("InvalidSignature", nobody_there)


def test_a_wallet_acts_directly_too(consents, wallet, hospital, stranger):
    wallet.run(consents, [consents.grant.encode_input(*granting(permit(hospital)))], {"from": stranger})
    assert record(consents, wallet, hospital).status == ACTIVE


# ---- EIP-7702 --------------------------------------------------------------------------------------------------------

REFUSES_ALL = "0x60006000fd"  # PUSH1 0 PUSH1 0 REVERT
ACCEPTS_ALL = "0x631626ba7e60e01b60005260206000f3"  # answers 0x1626ba7e, padded


@pytest.mark.parametrize(
    "code", [REFUSES_ALL, "0x00", "0xfe", ACCEPTS_ALL], ids=["reverts", "stops", "burns", "accepts"]
)
def test_TC6_a_key_signs_although_its_account_has_code(consents, ana, hospital, now, refused, code):
    order = sign(consents, ana, permit(hospital), now)
    set_code(ana.address, code)
    assert web3.eth.get_code(ana.address) != b""
    assert refused(order) is PASSED


def test_TC6_where_the_key_did_not_sign_its_code_is_asked(consents, ana, hospital, now, refused):
    order = sign(consents, key("ben"), permit(hospital), now, patient=ana.address)
    set_code(ana.address, REFUSES_ALL)
    assert refused(order) == error("InvalidSignature", ana.address)
    set_code(ana.address, ACCEPTS_ALL)
    assert refused(order) is PASSED


def test_TC6_a_burning_wallet_leaves_enough_gas_to_be_refused(consents, wallet, order, stranger):
    wallet.behave(BURNING, {"from": stranger})
    assert refusal(consents.relay, *relaying(order), sender=stranger) == error("InvalidSignature", wallet)
