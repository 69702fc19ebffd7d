"""Typed data is built strictly: what the library beneath would let through is refused, and the digest is the
contract's.
"""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from salus.chain.node import Node
from salus.consent.registry import Directive, Effect, Order
from salus.errors import BadInput, WalletError
from salus.keys.addresses import address
from salus.keys.signers import KeySigner, NodeSigner, Signer
from salus.keys.typed_data import Domain, TypedData, compact, recover

REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
DOMAIN = Domain("Salus Consent", "1", 31337, REGISTRY)
KIND = "Sample(address who,uint8 small,int16 cold,bytes32 hash,bytes data,string words,bool yes)"
GOOD = {"who": SOMEBODY, "small": 255, "cold": -32768, "hash": b"\1" * 32, "data": b"\2", "words": "ü", "yes": True}

# One curve, so that s has a twin above half of it.
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def signer():
    return KeySigner(Account.create())


# ------------------------------------------------------------------------------------------------------ typed data


def test_what_is_right_is_taken():
    assert dict(TypedData(KIND, DOMAIN, GOOD).message) == GOOD


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_refused(field):
    with pytest.raises(BadInput, match=f"Sample: {field}: is missing"):
        TypedData(KIND, DOMAIN, {key: value for key, value in GOOD.items() if key != field})


def test_a_field_that_would_be_shown_and_not_signed_is_refused():
    """Phishing by an extra field: the hash would be that of the message without it."""
    with pytest.raises(BadInput, match="Sample: scope: is no field of what is signed"):
        TypedData(KIND, DOMAIN, {**GOOD, "scope": "read only"})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("small", 256, "from 0 to 255"),
        ("small", -1, "from 0 to 255"),
        ("small", "5", "whole number"),
        ("small", 5.0, "whole number"),
        ("small", True, "whole number"),
        ("small", None, "whole number"),
        ("cold", 32768, "from -32768 to 32767"),
        ("cold", -32769, "from -32768 to 32767"),
        ("hash", b"\1" * 31, "has 31 bytes"),
        ("hash", b"\1" * 33, "has 33 bytes"),
        ("hash", "hello", "must be bytes"),
        ("hash", "0x" + "11" * 32, "must be bytes"),
        ("hash", 5, "must be bytes"),
        ("data", "0x02", "must be bytes"),
        ("who", SOMEBODY[:-1], "an address is 0x and 40 hex digits"),
        ("who", SOMEBODY.replace("C", "c"), "wrong checksum"),
        ("who", SOMEBODY.upper(), "an address is 0x and 40 hex digits"),
        ("who", SOMEBODY[2:], "an address is 0x and 40 hex digits"),
        ("who", 0, "an address is 0x and 40 hex digits"),
        ("who", b"\1" * 20, "an address is 0x and 40 hex digits"),
        ("words", None, "must be text"),
        ("words", b"x", "must be text"),
        ("words", "\ud800", "not valid Unicode"),
        ("yes", 1, "true or false"),
        ("yes", "true", "true or false"),
    ],
)
def test_a_value_of_another_type_or_range_is_refused(field, value, said):
    with pytest.raises(BadInput, match=said):
        TypedData(KIND, DOMAIN, {**GOOD, field: value})


@pytest.mark.parametrize(
    "domain",
    [
        ("", "1", 1, REGISTRY),
        ("Salus", "", 1, REGISTRY),
        (None, "1", 1, REGISTRY),
        ("Salus", 1, 1, REGISTRY),
        ("Salus", "1", 0, REGISTRY),
        ("Salus", "1", "1", REGISTRY),
        ("Salus", "1", None, REGISTRY),
        ("Salus", "1", True, REGISTRY),
        ("Salus", "1", 1, ""),
        ("Salus", "1", 1, None),
        ("Salus", "1", 1, "0x" + "0" * 40),
    ],
)
def test_all_four_fields_of_the_domain_are_required(domain):
    with pytest.raises(BadInput, match="^domain: "):
        Domain(*domain)


@pytest.mark.parametrize(
    "kind",
    ["", "grant(uint8 a)", "G()", "G(uint8 a,uint8 a)", "G(uint8[] a)", "G(address[2] a)", "G(Other a)", "G(uint8)"],
)
def test_only_flat_types_are_built(kind):
    with pytest.raises(ValueError, match="flat struct|occurs twice"):
        TypedData(kind, DOMAIN, {})


LIST = "G(address[] who,uint8 n)"


def test_a_list_of_addresses_is_signed_with_its_checksums():
    typed = TypedData(LIST, DOMAIN, {"who": [SOMEBODY.lower(), OTHER], "n": 1})
    assert typed.message["who"] == (SOMEBODY, OTHER)
    assert typed.as_json()["message"]["who"] == [SOMEBODY, OTHER]
    assert typed.digest() != TypedData(LIST, DOMAIN, {"who": [OTHER, SOMEBODY], "n": 1}).digest()
    # By hand: the words of the addresses, hashed, stand for the list.
    words = b"".join(bytes.fromhex(account[2:]).rjust(32, b"\0") for account in (SOMEBODY, OTHER))
    inside = keccak(keccak(text=LIST) + keccak(words) + (1).to_bytes(32))
    assert typed.signable().body == inside


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (SOMEBODY, "must be a list of addresses"),
        ({SOMEBODY}, "must be a list of addresses"),
        (None, "must be a list of addresses"),
        ([SOMEBODY, "0x12"], r"who\[1\]: is '0x12'"),
        ([[SOMEBODY]], r"who\[0\]: is"),
    ],
)
def test_a_list_that_is_none_is_refused(who, said):
    with pytest.raises(BadInput, match=said):
        TypedData(LIST, DOMAIN, {"who": who, "n": 1})


def test_lower_case_and_checksum_are_one_account():
    assert address(SOMEBODY.lower()) == SOMEBODY
    lower = TypedData(KIND, DOMAIN, {**GOOD, "who": SOMEBODY.lower()})
    assert lower.digest() == TypedData(KIND, DOMAIN, GOOD).digest()


@pytest.mark.parametrize("field", list(GOOD))
def test_the_digest_depends_on_every_field(field):
    other = {"who": OTHER, "small": 1, "cold": 1, "hash": b"\3" * 32, "data": b"", "words": "", "yes": False}[field]
    assert TypedData(KIND, DOMAIN, {**GOOD, field: other}).digest() != TypedData(KIND, DOMAIN, GOOD).digest()


@pytest.mark.parametrize(
    "domain",
    [
        ("Salus", "1", 31337, REGISTRY),
        ("Salus Consent", "2", 31337, REGISTRY),
        ("Salus Consent", "1", 1, REGISTRY),
        ("Salus Consent", "1", 31337, OTHER),
    ],
)
def test_the_digest_depends_on_the_whole_domain(domain):
    assert TypedData(KIND, Domain(*domain), GOOD).digest() != TypedData(KIND, DOMAIN, GOOD).digest()


# ----------------------------------------------------------------------------------------------------- signatures


def test_who_signed_is_found_again(signer):
    typed = TypedData(KIND, DOMAIN, GOOD)
    assert recover(typed, signer.sign_typed(typed)) == signer.address


def test_the_twin_of_a_signature_is_refused(signer):
    typed = TypedData(KIND, DOMAIN, GOOD)
    signature = signer.sign_typed(typed)
    s = ORDER_OF_CURVE - int.from_bytes(signature[32:64])
    twin = signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])
    with pytest.raises(BadInput, match="the one form that is accepted"):
        recover(typed, twin)


@pytest.mark.parametrize("bad", [b"", b"\1" * 64, b"\1" * 66, b"\0" * 65, b"\1" * 64 + b"\0", b"\xff" * 64 + b"\x1b"])
def test_what_is_no_signature_is_refused(bad):
    with pytest.raises(BadInput, match="^Sample: signature: "):
        recover(TypedData(KIND, DOMAIN, GOOD), bad)


def test_a_signer_shows_no_secret(signer):
    key = bytes(signer._account.key).hex()
    assert key not in repr(signer)
    assert isinstance(signer, Signer)


@pytest.mark.parametrize("key", ["", "0x12", b"\0" * 32, b"\xff" * 32, "0xzz" + "1" * 62, None])
def test_what_is_no_key_is_refused_without_showing_it(key):
    with pytest.raises(WalletError, match="that is no private key") as raised:
        KeySigner.from_key(key)
    assert raised.value.__suppress_context__


# ----------------------------------------------------------------------------------------------- against the chain


def order(deployed_chain, patient, **changes):
    values = {"grantee": OTHER, "index": 2, "effect": Effect.PERMIT, "purposes": 5, "categories": 1 << 45, "start": 7}
    directive = Directive(**{**values, "end": 2**40 - 1, "document": b"\7" * 32, **changes})
    return Order(
        patient, directive, 1_800_000_000, 1_900_000_000, 31337, deployed_chain.book["ConsentRegistry"].address
    )


def digest_of_the_contract(deployed_chain, it):
    given = (it.patient, it.directive.grantee, it.packed(), it.directive.document, bytes(32), bytes(32))
    client = deployed_chain.client()
    return client.call(client.contract("ConsentRegistry").functions.digest(given))


@pytest.mark.parametrize("effect", [Effect.PERMIT, Effect.DENY])
def test_the_digest_of_a_grant_is_the_contracts(deployed_chain, effect):
    it = order(deployed_chain, SOMEBODY, effect=effect)
    assert it.typed().digest() == digest_of_the_contract(deployed_chain, it)


@pytest.mark.parametrize("index", [0, 3, 255])
def test_the_digest_of_a_revocation_is_the_contracts(deployed_chain, index):
    empty = {"purposes": 0, "categories": 0, "start": 0, "end": 0, "document": bytes(32)}
    it = order(deployed_chain, SOMEBODY, effect=Effect.NONE, index=index, **empty)
    assert it.typed().digest() == digest_of_the_contract(deployed_chain, it)


def test_a_revocation_that_carries_more_is_refused():
    with pytest.raises(BadInput, match="a revocation has no scope"):
        Order(SOMEBODY, Directive(OTHER, 0, Effect.NONE, purposes=1), 1, 2, 31337, REGISTRY).typed()


@pytest.mark.parametrize("number", [0, 5])
def test_a_node_signs_the_same(deployed_chain, number):
    account = deployed_chain.node.accounts[number]
    typed = order(deployed_chain, account).typed()
    by_node = NodeSigner(Node(deployed_chain.node.url), account).sign_typed(typed)
    assert by_node == KeySigner.from_key(deployed_chain.node.keys[number]).sign_typed(typed)


def test_a_node_without_the_account_is_told(deployed_chain):
    from salus.errors import SalusError

    with pytest.raises(SalusError):
        NodeSigner(Node(deployed_chain.node.url), "0x" + "12" * 20).sign_typed(
            order(deployed_chain, "0x" + "12" * 20).typed()
        )


ROWS = "Bill(address who,Row[] rows)Row(bytes32 code,uint16 units)"
ROW = {"code": b"\2" * 32, "units": 3}


def test_a_list_of_structs_is_signed_as_the_standard_says():
    typed = TypedData(ROWS, DOMAIN, {"who": SOMEBODY, "rows": [ROW, {**ROW, "units": 4}]})
    kind = keccak(text="Row(bytes32 code,uint16 units)")
    rows = b"".join(keccak(kind + b"\2" * 32 + units.to_bytes(32)) for units in (3, 4))
    who = bytes.fromhex(SOMEBODY[2:]).rjust(32, b"\0")
    assert typed.signable().body == keccak(keccak(text=ROWS) + who + keccak(rows))
    assert typed.as_json()["message"]["rows"][0] == {"code": "0x" + "02" * 32, "units": "3"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"0": ROW}, "rows: is .* it must be a list"),
        ([5], r"rows\[0\]: must be given as fields by name"),
        ([{"code": b"\2" * 32}], r"rows\[0\].units: is missing"),
        ([ROW, {**ROW, "units": 2**16}], r"rows\[1\].units: is 65536; it must be from 0 to 65535"),
        ([{**ROW, "more": 1}], r"rows\[0\].more: is no field of what is signed"),
    ],
)
def test_each_struct_of_a_list_is_checked(rows, said):
    with pytest.raises(BadInput, match=said):
        TypedData(ROWS, DOMAIN, {"who": SOMEBODY, "rows": rows})


@pytest.mark.parametrize(
    "kind",
    [
        "A(B[] b)",
        "A(B b)B(uint8 n)",
        "A(B[] b)B(C[] c)C(uint8 n)",
        "A(uint8 n)A(uint8 n)",
        "A(B[] b)B(uint8 n)B(uint8 n)",
    ],
)
def test_deeper_types_are_not_built(kind):
    with pytest.raises(ValueError, match="flat struct|occurs twice"):
        TypedData(kind, DOMAIN, {})


# ------------------------------------------------------------------------------------------------------ in two words

# The two examples of ERC-2098: a key, a message, r and vs.
KEY = "0x1234567890123456789012345678901234567890123456789012345678901234"
EXAMPLES = [
    (
        "Hello World",
        "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90",
        "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
    ),
    (
        "It's a small(er) world",
        "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76",
        "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
    ),
]


@pytest.mark.parametrize(("text", "r", "vs"), EXAMPLES)
def test_a_signature_in_two_words_is_that_of_the_standard(text, r, vs):
    signature = bytes(Account.sign_message(encode_defunct(text=text), KEY).signature)
    assert tuple(word.hex() for word in compact(signature)) == (r, vs)


def test_what_is_no_keys_signature_has_no_two_words():
    good = bytes(Account.sign_message(encode_defunct(text="Hello World"), KEY).signature)
    assert compact(good) is not None
    high = (1 << 255).to_bytes(32, "big")
    for bad in (b"", good[:64], good + b"\0", good[:64] + b"\0", good[:32] + high + good[64:], bytes(32) + good[32:]):
        assert compact(bad) is None
