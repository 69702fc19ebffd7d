"""F23: who signed an order is no signer any more, or another one, when it is relayed: wallets that change their mind,
and accounts that delegate to code (EIP-7702) or take that back. Refused in the rules' words, before it is sent or in
its block.
"""

import pytest
from eth_account import Account

from salus import KeySigner
from salus.chain import local_node as salus_node
from salus.chain.local_node import LocalNode
from salus.consent.model import Directive
from salus.consent.registry import Effect, Order
from salus.consent.relay import words
from salus.outbox import State
from tests.support.deployed_chain import YEAR, DeployedChain

GOOD, WRONG = 0, 4  # what a wallet answers, see contracts/mocks/Wallet.sol
NOBODY = "0x" + "00" * 20


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """Delegations need a chain of the Prague rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salus_node, "_HARDFORK", "prague")
        with LocalNode() as node:
            yield DeployedChain(node, tmp_path_factory.mktemp("chain"))


class Desk:
    """A hospital that relays what patients sign, and what happens to their accounts meanwhile."""

    def __init__(self, deployed_chain):
        self.deployed_chain, self.key = deployed_chain, KeySigner(Account.create())
        self.client = deployed_chain.client(deployed_chain.institution("PROVIDER")[0])
        self.registry = self.client.contract("ConsentRegistry")
        self.wallet = deployed_chain.deploy("Wallet", self.key.address)

    def order(self, patient, signer):
        """A grant to the hospital for a patient, signed by some key; as an item."""
        now = self.client.now()
        directive = Directive(self.client.signer.address, 0, Effect.PERMIT, 1, 1, 0, now + YEAR)
        order = Order(patient, directive, now - 1, now + YEAR, self.client.chain_id, self.registry.address)
        order = Order(**{**order.__dict__, "signature": signer.sign_typed(order.typed())})
        return f"grant of {patient}", self.registry.functions.relay(*words([order]))

    def send(self, item, *, between=None):
        """What becomes of it; `between` happens after the dry run and the signature, before it is sent."""
        hook = (lambda step: between() if step == "after_sign" else None) if between else None
        with self.client.outbox(hook=hook) as outbox:
            (result,) = outbox.send_all([item])
        return result

    def behave(self, mode):
        contract = self.deployed_chain.w3.eth.contract(
            address=self.wallet, abi=self.deployed_chain.build("Wallet")["abi"]
        )
        self.deployed_chain._act(self.wallet, contract.functions.behave(mode))

    def delegate(self, account, code):
        """An account lets some code speak for it; `NOBODY` ends that."""
        w3, sender = self.deployed_chain.w3, self.deployed_chain._rich
        count = w3.eth.get_transaction_count
        allowed = account._account.sign_authorization(
            {"chainId": self.deployed_chain.node.chain_id, "address": code, "nonce": count(account.address)}
        )
        signed = sender.sign_transaction(
            {
                "chainId": self.deployed_chain.node.chain_id,
                "nonce": count(sender.address),
                "to": NOBODY,
                "value": 0,
                "gas": 200_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
                "authorizationList": [allowed],
            }
        )
        assert w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction))["status"] == 1
        expected = "" if code == NOBODY else "ef0100" + code[2:].lower()
        assert w3.eth.get_code(account.address).hex() == expected


@pytest.fixture
def desk(deployed_chain):
    return Desk(deployed_chain)


def expect_refused(result, state, patient):
    assert (result.state, result.error.name) == (state, "InvalidSignature")
    assert [str(value).lower() for value in result.error.arguments.values()] == [patient.lower()]
    assert (result.gas_used is not None) == (state is State.FAILED)


def test_f23_a_wallet_that_changed_its_mind_is_refused_before_anything_is_sent(desk):
    item = desk.order(desk.wallet, desk.key)
    desk.behave(WRONG)
    result = desk.send(item)
    expect_refused(result, State.REFUSED, desk.wallet)
    assert result.nonce is None
    desk.behave(GOOD)
    assert desk.send(item).state is State.INCLUDED  # the same order, once it signs again


def test_f23_a_wallet_that_changes_its_mind_after_the_dry_run_fails_in_its_block(desk):
    result = desk.send(desk.order(desk.wallet, desk.key), between=lambda: desk.behave(WRONG))
    expect_refused(result, State.FAILED, desk.wallet)


def test_f23_a_key_that_delegates_meanwhile_has_signed_all_the_same(desk):
    """Whatever the code says: the order was the key's."""
    patient = desk.deployed_chain.patient()
    desk.behave(WRONG)
    item = desk.order(patient.address, patient)
    assert desk.send(item, between=lambda: desk.delegate(patient, desk.wallet)).state is State.INCLUDED


@pytest.mark.parametrize("between", [False, True])
def test_f23_a_delegation_that_is_taken_back_signs_no_more(desk, between):
    """The wallet's owner signs for the account as long as its code is the wallet's."""
    patient = desk.deployed_chain.patient()
    desk.delegate(patient, desk.wallet)
    item = desk.order(patient.address, desk.key)
    if not between:
        desk.delegate(patient, NOBODY)
    result = desk.send(item, between=(lambda: desk.delegate(patient, NOBODY)) if between else None)
    expect_refused(result, State.FAILED if between else State.REFUSED, patient.address)


def test_f23_a_delegation_that_stands_signs(desk):
    patient = desk.deployed_chain.patient()
    desk.delegate(patient, desk.wallet)
    assert desk.send(desk.order(patient.address, desk.key)).state is State.INCLUDED
