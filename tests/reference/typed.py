"""EIP-712, written out: what a wallet must come to when it only knows the prose of the interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi import encode
from eth_utils import keccak

__all__ = ["ACCEPTANCE", "GRANT", "OFFER", "READINGS", "REVOKE", "Domain", "digest"]

GRANT = (
    "Grant(address patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,"
    "uint40 end,bytes32 document,uint40 issuedAt,uint40 deadline)"
)
REVOKE = "Revoke(address patient,address grantee,uint8 index,uint40 issuedAt,uint40 deadline)"
READINGS = (
    "Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,uint8 width,"
    "uint8 resolution,bytes16 previous,bytes32 file,bytes data)"
)
_HANDOVER = "bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal"
OFFER = f"Offer({_HANDOVER})"
ACCEPTANCE = f"Acceptance({_HANDOVER},uint8 vvm,uint8 shake)"

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


class Domain:
    """A contract's signing domain.

    Args:
        fields: What its ``eip712Domain()`` answers (ERC-5267): fields, name, version, chain id, contract, salt,
            extensions.

    Raises:
        ValueError: It has other fields than name, version, chain id and contract.
    """

    def __init__(self, fields: Sequence[Any]) -> None:
        present, name, version, chain_id, contract, salt, extensions = fields
        if bytes(present) != b"\x0f" or any(bytes(salt)) or extensions:
            raise ValueError(f"the domain must have name, version, chain id and contract, and nothing else: {fields}")
        self.separator = keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [keccak(text=_DOMAIN), keccak(text=name), keccak(text=version), chain_id, contract],
            )
        )


def digest(domain: Domain, kind: str, values: Sequence[Any]) -> bytes:
    """The digest of a message.

    Args:
        kind: The struct's type as EIP-712 writes it; only elementary types.
        values: One a field, in order.
    """
    types = [part.split()[0] for part in kind[kind.index("(") + 1 : -1].split(",")]
    words = [
        encode([name], [value]) if name != "bytes" else keccak(value) for name, value in zip(types, values, strict=True)
    ]
    return keccak(b"\x19\x01" + domain.separator + keccak(keccak(text=kind) + b"".join(words)))
