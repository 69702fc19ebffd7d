"""Words to say consents with: purposes, categories, directives, orders, and a wallet that signs them by EIP-712."""

from typing import NamedTuple

from brownie import chain, web3
from eth_account import Account
from eth_utils import keccak

# Purposes, as contracts/consent/ConsentCodes.sol numbers them.
TREAT, ETREAT, HPAYMT, COVERAGE, HOPERAT, HRESCH = (1 << bit for bit in range(6))
EVERY_PURPOSE = 2**32 - 1

# Record classes and sensitivity labels.
CONDITION = 1 << 2
OBSERVATION = 1 << 4
IMMUNIZATION = 1 << 9
CLAIM = 1 << 12
PSY = 1 << 43
HIV = 1 << 45
ALL_RECORDS = 2**40 - 1
EVERY_CATEGORY = 2**56 - 1

# Effects, statuses, answers and reasons, as IConsentRegistry numbers them.
NOTHING, PERMIT, DENY = range(3)
NEVER, ACTIVE, NOT_YET_BEGUN, ENDED, WITHDRAWN = range(5)
(
    NO_DIRECTIVE,
    NAMED,
    ROLE,
    NOT_LICENSED,
    REVOKED,
    EXPIRED,
    NOT_YET,
    WRONG_PURPOSE,
    WRONG_CATEGORY,
    IMPLIED,
) = range(10)

ALL = 255
FOR_EVER = 2**40 - 1
NOBODY = "0x" + "00" * 20
NO_DOCUMENT = b"\0" * 32


def role(bit: int) -> str:
    """The account that stands for a role."""
    return web3.to_checksum_address(f"0x{bit:040x}")


class Directive(NamedTuple):
    grantee: str
    index: int = 0
    effect: int = PERMIT
    purposes: int = TREAT
    categories: int = OBSERVATION
    start: int = 0
    end: int = FOR_EVER
    document: bytes = NO_DOCUMENT


class Order(NamedTuple):
    patient: str
    directive: Directive
    issued_at: int
    deadline: int = FOR_EVER
    signer: str = NOBODY  # whoever controls the patient's account, or a delegate
    signature: bytes = b""


class Record(NamedTuple):
    effect: int
    purposes: int
    categories: int
    start: int
    end: int
    issued_at: int
    status: int


class Decision(NamedTuple):
    answer: int
    reason: int
    grantee: str
    index: int


def permit(grantee, **terms) -> Directive:
    return Directive(str(grantee), **terms)


def deny(grantee, **terms) -> Directive:
    return Directive(str(grantee), effect=DENY, **terms)


def revocation(grantee=NOBODY, index=ALL) -> Directive:
    return Directive(str(grantee), index, NOTHING, 0, 0, 0, 0)


def record(consents, patient, grantee, index=0) -> Record:
    return Record(*consents.directive(patient, grantee, index))


def decide(consents, patient, actor, purpose=TREAT, categories=OBSERVATION) -> Decision:
    return Decision(*consents.decide(patient, actor, purpose, categories))


# ---- signing ---------------------------------------------------------------------------------------------------------

GRANT = {
    "Grant": [
        {"name": "patient", "type": "address"},
        {"name": "grantee", "type": "address"},
        {"name": "index", "type": "uint8"},
        {"name": "effect", "type": "uint8"},
        {"name": "purposes", "type": "uint32"},
        {"name": "categories", "type": "uint56"},
        {"name": "start", "type": "uint40"},
        {"name": "end", "type": "uint40"},
        {"name": "document", "type": "bytes32"},
        {"name": "issuedAt", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}
REVOKE = {
    "Revoke": [
        {"name": "patient", "type": "address"},
        {"name": "grantee", "type": "address"},
        {"name": "index", "type": "uint8"},
        {"name": "issuedAt", "type": "uint40"},
        {"name": "deadline", "type": "uint40"},
    ]
}


def key(name: str):
    """A key that only this name leads to; a test's own, never worth anything."""
    return Account.from_key(keccak(text=f"salus consent test: {name}"))


def domain(consents, **changes) -> dict:
    return {
        "name": "Salus Consent",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": consents.address,
        **changes,
    }


def signed(consents, order: Order, signer, **domain_changes):
    """What a wallet makes of an order: the message's hash and its signature."""
    d = order.directive
    message = {
        "patient": order.patient,
        "grantee": d.grantee,
        "index": d.index,
        "issuedAt": order.issued_at,
        "deadline": order.deadline,
    }
    if d.effect != NOTHING:
        message |= {
            "effect": d.effect,
            "purposes": d.purposes,
            "categories": d.categories,
            "start": d.start,
            "end": d.end,
            "document": d.document,
        }
    types = REVOKE if d.effect == NOTHING else GRANT
    return signer.sign_typed_data(domain(consents, **domain_changes), types, message)


def sign(consents, signer, directive, issued_at, deadline=FOR_EVER, patient=None, delegate=False) -> Order:
    """An order, signed; by the patient's own key unless another patient is named, as its delegate or as its own."""
    order = Order(str(patient or signer.address), directive, issued_at, deadline, signer.address if delegate else NOBODY)
    return order._replace(signature=bytes(signed(consents, order, signer).signature))
