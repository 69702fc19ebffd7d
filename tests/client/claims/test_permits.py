"""Funding a pool with a permit (EIP-2612) where the token has one."""

import pytest

from salus.claims.treasury import permits
from salus.keys.signers import KeySigner, NodeSigner
from tests.support.claim_scenario import USD, ClaimScenario


@pytest.fixture(scope="session")
def modern(deployed_chain):
    return deployed_chain.deploy("PermitToken", "Dollar with permits")


@pytest.fixture
def rich(deployed_chain, modern, tmp_path):
    """An insurer whose plan is counted in a token with permits, of which it has 1,000."""
    claim_scenario = ClaimScenario(deployed_chain, modern, tmp_path, fund=0, consent=False)
    claim_scenario.mint(claim_scenario.insurer.address, 1_000 * USD)
    return claim_scenario


def nonce(claim_scenario):
    return claim_scenario.payer.w3.eth.get_transaction_count(claim_scenario.insurer.address)


def test_a_permit_spares_the_approval(rich):
    before = nonce(rich)
    receipt = rich.payer.treasury.fund(rich.insurer.address, rich.token, 300 * USD)
    assert nonce(rich) == before + 1
    assert [event.name for event in receipt.logs] == ["PoolFunded"]
    assert rich.payer.treasury.pool(rich.insurer.address, rich.token).balance == 300 * USD
    # What was not asked for is not allowed either.
    allowance = rich.payer.treasury.token(rich.token).functions.allowance
    assert rich.payer.call(allowance(rich.insurer.address, rich.payer.book["Treasury"].address)) == 0


def test_what_is_approved_already_needs_no_permit(rich, monkeypatch):
    treasury = rich.payer.book["Treasury"].address
    rich.payer.send(rich.payer.treasury.token(rich.token).functions.approve(treasury, 300 * USD))
    monkeypatch.setattr(permits, "sign", None)
    rich.payer.treasury.fund(rich.insurer.address, rich.token, 300 * USD)
    assert rich.payer.treasury.pool(rich.insurer.address, rich.token).balance == 300 * USD


def test_a_token_without_permits_is_approved(claim_scenario):
    assert (
        permits.sign(claim_scenario.payer, claim_scenario.token, claim_scenario.payer.book["Treasury"].address, 1)
        is None
    )
    before = nonce(claim_scenario)
    claim_scenario.fund(5 * USD)
    assert nonce(claim_scenario) == before + 3  # minted, approved, funded


def test_a_token_whose_domain_is_another_than_it_seems_is_approved(rich, monkeypatch):
    """Its permit would be refused: nothing is signed that cannot serve."""
    monkeypatch.setattr(permits, "_version", lambda *_: "2")
    assert permits.sign(rich.payer, rich.token, rich.insurer.address, 1) is None


def test_a_key_signs_what_the_token_takes(rich):
    deadline, v, r, s = permits.sign(rich.payer, rich.token, rich.hospital.address, 7)
    assert rich.payer.now() < deadline <= rich.payer.now() + 3600 and v in (27, 28)
    assert isinstance(rich.payer.need_signer(), KeySigner) and not isinstance(rich.payer.need_signer(), NodeSigner)
    abi = rich.deployed_chain.build("PermitToken")["abi"]
    token = rich.payer.w3.eth.contract(address=rich.token, abi=abi)
    rich.desk.send(token.functions.permit(rich.insurer.address, rich.hospital.address, 7, deadline, v, r, s))
    assert rich.desk.call(token.functions.allowance(rich.insurer.address, rich.hospital.address)) == 7
