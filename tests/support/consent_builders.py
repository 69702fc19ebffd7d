"""Words to say consents with: purposes, categories, directives, orders, and a wallet that signs them by EIP-712."""

from typing import NamedTuple

from brownie import chain, web3
from eth_account import Account
from eth_utils import keccak

# Purposes, as contracts/consent/ConsentCodes.sol numbers them.
TREAT, ETREAT, HPAYMT, COVERAGE, HOPERAT, HRESCH = (1 << bit for bit in range(6))
EVERY_PURPOSE = 2**32 - 1
KNOWN_PURPOSES = 2**22 - 1  # those that have a meaning: a permit names no others

# Record classes and sensitivity labels.
CONDITION = 1 << 2
OBSERVATION = 1 << 4
IMMUNIZATION = 1 << 9
CLAIM = 1 << 12
PSY = 1 << 43
HIV = 1 << 45
ALL_RECORDS = 2**40 - 1
EVERY_CATEGORY = 2**56 - 1
KNOWN_CATEGORIES = 2**46 - 1  # the record classes, now or later, and the labels that have a meaning

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

# What becomes of a batch in which an order cannot be carried out.
TOLERANT, STRICT = range(2)

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


# The word of terms, as IConsentRegistry lays it out: names and bits from the top.
LAYOUT = {
    "issued_at": 40,
    "start": 40,
    "end": 40,
    "deadline": 40,
    "purposes": 32,
    "categories": 56,
    "index": 6,
    "effect": 2,
}
ALL_PACKED = 63


def terms(d: Directive, issued_at: int = 0, deadline: int = 0) -> int:
    """A directive, with its times when it is signed, in one word; a value that is too wide is an error of the test."""
    values = {**d._asdict(), "issued_at": issued_at, "deadline": deadline}
    if d.index == ALL:
        values["index"] = ALL_PACKED
    word = 0
    for name, bits in LAYOUT.items():
        assert 0 <= values[name] < 1 << bits, (name, values[name])
        word = word << bits | values[name]
    return word


def granting(d: Directive) -> tuple:
    """The arguments of a direct grant."""
    return d.grantee, terms(d), d.document


def words(order: Order, r: bytes, vs: bytes) -> tuple:
    """An order as the contract takes it."""
    d = order.directive
    return order.patient, d.grantee, terms(d, order.issued_at, order.deadline), d.document, r, vs


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """A key's 65 bytes as ERC-2098 packs them: r, and s with the parity of v on top."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r, (s | (v - 27) << 255).to_bytes(32, "big")


def relaying(*orders: Order, mode: int = STRICT) -> tuple[list, list, int]:
    """The arguments of ``relay``, strict unless it is said: every order with its signature in two words where that is a
    key's for the patient, and with the number of a proof where not."""
    given, proofs = [], []
    for order in orders:
        signature = order.signature
        if order.signer == NOBODY and len(signature) == 65 and signature[64] in (27, 28) and signature[32] < 0x80:
            given.append(words(order, *compact(signature)))
        else:
            given.append(words(order, bytes(32), len(proofs).to_bytes(32, "big")))
            proofs.append((order.signer, signature))
    return given, proofs, mode


def proven(*orders: Order) -> tuple[list, list, int]:
    """The same with a proof for each, whatever its signature."""
    given = [words(order, bytes(32), number.to_bytes(32, "big")) for number, order in enumerate(orders)]
    return given, [(order.signer, order.signature) for order in orders], STRICT


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


def granted(event) -> dict:
    """What a grant's event says, its terms by name."""
    told = dict(event)
    word = told.pop("terms")
    found = {}
    for name, bits in reversed(LAYOUT.items()):
        found[name] = word & (1 << bits) - 1
        word >>= bits
    return {**told, **found}


def digest(consents, order: Order) -> bytes:
    """What the contract says is to be signed."""
    return bytes(consents.digest(words(order, bytes(32), bytes(32))))


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
    order = Order(
        str(patient or signer.address), directive, issued_at, deadline, signer.address if delegate else NOBODY
    )
    return order._replace(signature=bytes(signed(consents, order, signer).signature))
