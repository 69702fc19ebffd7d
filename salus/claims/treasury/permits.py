"""Permits of tokens (EIP-2612): an approval that is signed, not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salus.abi.hashing import keccak
from salus.chain.contracts import Contract
from salus.errors import BadAnswer, NotDeployed, Refused, WalletError
from salus.keys.typed_data import Domain, TypedData

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger

__all__ = ["sign"]

_PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_HOUR = 3600


def _view(name: str, output: str, *inputs: str) -> dict[str, Any]:
    places = ([{"name": "", "type": type_} for type_ in types] for types in (inputs, (output,)))
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        **dict(zip(("inputs", "outputs"), places, strict=True)),
    }


_ABI = [
    _view("nonces", "uint256", "address"),
    _view("DOMAIN_SEPARATOR", "bytes32"),
    _view("name", "string"),
    _view("version", "string"),
]


def sign(ledger: Ledger, token: str, spender: str, amount: int) -> tuple[int, int, bytes, bytes] | None:
    """The signer's permit for a spender, good for an hour.

    Args:
        token: The ERC-20's address.
        spender: Who may take the amount.
        amount: In the token's smallest units.

    Returns:
        deadline, v, r and s; None where the token has no permits of this kind, or the signer cannot sign typed data.
    """
    functions = Contract("ERC-2612", token, _ABI).functions
    signer = ledger.need_signer()
    try:
        nonce = int(ledger.call(functions.nonces(signer.address)))
        separator = bytes(ledger.call(functions.DOMAIN_SEPARATOR()))
        domain = Domain(str(ledger.call(functions.name())), _version(ledger, functions), ledger.chain_id, token)
    except (Refused, BadAnswer, NotDeployed):
        return None
    # A token whose domain is another than it seems would refuse the permit: then an approval is the way.
    if _separator(domain) != separator:
        return None
    deadline = ledger.now() + _HOUR
    message = {"owner": signer.address, "spender": spender, "value": amount, "nonce": nonce, "deadline": deadline}
    try:
        signature = signer.sign_typed(TypedData(_PERMIT, domain, message))
    except (Refused, WalletError):
        return None
    return deadline, signature[64], signature[:32], signature[32:64]


def _version(ledger: Ledger, functions: Any) -> str:
    """What the token says, or what most say that have no such function."""
    try:
        return str(ledger.call(functions.version()))
    except (Refused, BadAnswer, NotDeployed):
        return "1"


def _separator(domain: Domain) -> bytes:
    from eth_abi.abi import encode

    words = (keccak(text=text) for text in (_DOMAIN, domain.name, domain.version))
    return keccak(encode(["bytes32"] * 3 + ["uint256", "address"], [*words, domain.chain_id, domain.contract]))
