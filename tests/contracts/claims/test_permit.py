"""Treasury: funding with a permit instead of an approval (requirement 20)

fundWithPermit
├── the token has no code → InvalidToken
├── no permit that serves, and no allowance → NotAllowed
├── a good permit → funded, and the permit used up
├── somebody used the permit before → funded all the same
└── another permit, or none that the token knows, but an approval → funded
"""

import pytest
from brownie import chain, reverts, web3
from eth_account.messages import encode_typed_data

from tests.support.claim_builders import NOTHING, Pool, now, pool
from tests.support.errors import error
from tests.support.keys import key_of

NO_PERMIT = (0, NOTHING, NOTHING)


@pytest.fixture(scope="module")
def modern(deployed_contracts, salus_project, deployer, insurer):
    """A token with permits, of which the insurer has 100.00."""
    token = salus_project.PermitToken.deploy("Euro with permits", {"from": deployer})
    token.mint(insurer, 100_00, {"from": deployer})
    return token


@pytest.fixture
def permit(treasury, modern, insurer):
    """The insurer's permit for an amount: deadline, v, r, s."""

    def sign(amount, deadline=2**40, spender=treasury):
        permit = {
            "owner": "address",
            "spender": "address",
            "value": "uint256",
            "nonce": "uint256",
            "deadline": "uint256",
        }
        domain = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
        fields = {"EIP712Domain": domain, "Permit": permit}
        message = encode_typed_data(
            full_message={
                "types": {name: [{"name": n, "type": t} for n, t in each.items()] for name, each in fields.items()},
                "primaryType": "Permit",
                "domain": {
                    "name": "Euro with permits", "version": "1", "chainId": web3.eth.chain_id,
                    "verifyingContract": modern.address,
                },
                "message": {
                    "owner": str(insurer), "spender": str(spender), "value": amount,
                    "nonce": modern.nonces(insurer), "deadline": deadline,
                },
            }
        )  # fmt: skip
        signed = key_of(insurer).sign_message(message)
        return deadline, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)

    return sign


def test_a_permit_funds_in_one_transaction(treasury, desk, modern, insurer, permit):
    tx = treasury.fundWithPermit(desk, insurer, modern, 60_00, *permit(60_00), {"from": insurer})
    assert dict(tx.events["PoolFunded"])["amount"] == 60_00
    assert pool(treasury, desk, insurer, modern) == Pool(60_00)
    assert (modern.allowance(insurer, treasury), modern.nonces(insurer)) == (0, 1)


def test_TP10_a_permit_that_was_front_run_funds_all_the_same(treasury, desk, modern, insurer, permit, stranger):
    """Whoever watches the pool of transactions takes the signature out of it, and uses it first."""
    signed = permit(60_00)
    modern.permit(insurer, treasury, 60_00, *signed, {"from": stranger})
    treasury.fundWithPermit(desk, insurer, modern, 60_00, *signed, {"from": insurer})
    assert pool(treasury, desk, insurer, modern) == Pool(60_00)


def test_TP10_a_spent_permit_is_no_second_allowance(treasury, desk, modern, insurer, permit):
    signed = permit(60_00)
    treasury.fundWithPermit(desk, insurer, modern, 60_00, *signed, {"from": insurer})
    with reverts(error("NotAllowed", modern, 40_00, 0)):
        treasury.fundWithPermit(desk, insurer, modern, 40_00, *signed, {"from": insurer})


@pytest.mark.parametrize("spoil", ["late", "smaller", "another's", "junk"])
def test_TP10_a_permit_that_does_not_serve_is_named(treasury, desk, modern, insurer, permit, stranger, spoil):
    signed = {
        "late": lambda: permit(60_00, deadline=now() - 1),
        "smaller": lambda: permit(59_99),
        "another's": lambda: permit(60_00, spender=stranger),
        "junk": lambda: (2**40, *NO_PERMIT),
    }[spoil]()
    allowed = 59_99 if spoil == "smaller" else 0
    # What the token takes is used up, but for less than is asked for.
    if spoil == "smaller":
        modern.permit(insurer, treasury, allowed, *signed, {"from": stranger})
    with reverts(error("NotAllowed", modern, 60_00, allowed)):
        treasury.fundWithPermit(desk, insurer, modern, 60_00, *signed, {"from": insurer})


def test_an_approval_serves_a_token_without_permits(treasury, desk, token, insurer):
    token.mint(insurer, 60_00, {"from": insurer})
    token.approve(treasury, 60_00, {"from": insurer})
    treasury.fundWithPermit(desk, insurer, token, 60_00, 2**40, *NO_PERMIT, {"from": insurer})
    assert pool(treasury, desk, insurer, token) == Pool(60_00)


def test_a_permit_of_a_token_without_code(treasury, desk, insurer, stranger):
    with reverts(error("InvalidToken", stranger)):
        treasury.fundWithPermit(desk, insurer, stranger, 1, 2**40, *NO_PERMIT, {"from": insurer})


def test_TP3_nobody_funds_with_another_s_permit(treasury, desk, modern, insurer, permit, stranger):
    """A permit moves the money of its signer alone, who is the caller."""
    with reverts(error("NotAllowed", modern, 60_00, 0)):
        treasury.fundWithPermit(desk, insurer, modern, 60_00, *permit(60_00), {"from": stranger})
    assert len(chain) and modern.balanceOf(insurer) == 100_00
