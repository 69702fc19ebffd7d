"""Signed transactions as bytes, fast: the two envelopes that are sent, and libsecp256k1.

A test compares every byte with eth-account, which does the same some twelve times slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.chain import rlp
from salus.errors import WalletError
from salus.keys.signers import KeySigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from salus.keys.signers import Signer

__all__ = ["Fees", "Unsigned", "signing"]


@dataclass(frozen=True, slots=True)
class Fees:
    """What a unit of gas may cost, wei.

    Attributes:
        most: The most, all in all; on a chain from before EIP-1559 the price itself.
        tip: The most for who makes the block; None on a chain from before EIP-1559.
    """

    most: int
    tip: int | None

    def raised(self, market: Fees, ceiling: int) -> Fees | None:
        """An eighth more on both, or what the market asks if that is more; None where the ceiling leaves no room.

        Nodes replace a pending transaction only when both fees grow by a tenth or more.

        Args:
            market: What the market asks now.
            ceiling: The most that one unit of gas may cost, wei.
        """
        least = -(-self.most * 9 // 8)
        if max(least, self.most + 1) > ceiling:
            return None
        most = min(max(least, self.most + 1, market.most), ceiling)
        if self.tip is None:
            return Fees(most, None)
        tip = max(-(-self.tip * 9 // 8), self.tip + 1, market.tip or 0)
        return Fees(max(most, tip), tip) if tip <= ceiling else None


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A call before it is signed.

    Attributes:
        nonce: The account's.
        data: The call.
        gas: Its limit.
        fees: What a unit of gas may cost.
        to: The contract, 20 bytes.
        value: Wei.
    """

    nonce: int
    to: bytes
    data: bytes
    gas: int
    fees: Fees
    value: int = 0


def signing(signer: Signer, chain_id: int) -> Callable[[Unsigned], tuple[bytes, bytes]]:
    """A function that signs calls on one chain; gives the raw transaction and its hash.

    For a key in memory it is done here; any other signer is asked, one by one.

    Args:
        signer: Who signs.
        chain_id: On which chain the signatures count.

    Raises:
        WalletError: The function does, where the signer signed something else.
    """
    from eth_hash.auto import keccak  # below eth_utils, whose checks take as long as the hash

    if not isinstance(signer, KeySigner):
        return _asking(signer, chain_id)
    from coincurve import PrivateKey

    key = PrivateKey(bytes(signer._account.key))

    def sign(call: Unsigned) -> tuple[bytes, bytes]:
        fees = call.fees
        if fees.tip is None:
            body = rlp.fields([call.nonce, fees.most, call.gas, call.to, call.value, call.data])
            signature = key.sign_recoverable(keccak(rlp.listed(body + rlp.fields([chain_id, 0, 0]))), hasher=None)
            raw = rlp.listed(body + rlp.fields([35 + 2 * chain_id + signature[64], *_halves(signature)]))
        else:
            body = (
                rlp.fields([chain_id, call.nonce, fees.tip, fees.most, call.gas, call.to, call.value, call.data])
                + rlp.EMPTY_LIST
            )
            signature = key.sign_recoverable(keccak(b"\x02" + rlp.listed(body)), hasher=None)
            raw = b"\x02" + rlp.listed(body + rlp.fields([signature[64], *_halves(signature)]))
        return raw, keccak(raw)

    return sign


def _halves(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])


def _asking(signer: Signer, chain_id: int) -> Callable[[Unsigned], tuple[bytes, bytes]]:
    from eth_utils.address import to_checksum_address
    from eth_utils.crypto import keccak

    def sign(call: Unsigned) -> tuple[bytes, bytes]:
        fees: dict[str, int] = {"gasPrice": call.fees.most}
        if call.fees.tip is not None:
            fees = {"maxFeePerGas": call.fees.most, "maxPriorityFeePerGas": call.fees.tip}
        asked = {
            "nonce": call.nonce,
            "to": to_checksum_address(call.to),
            "data": "0x" + call.data.hex(),
            "value": call.value,
            "gas": call.gas,
            "chainId": chain_id,
            **fees,
        }
        raw = signer.sign_transaction(asked)
        _expect_signed(raw, signer.address)
        return raw, keccak(raw)

    return sign


def _expect_signed(raw: bytes, account: str) -> None:
    """What is stored as a promise must be of this account: a node may sign with whatever it holds."""
    from eth_account import Account

    try:
        who = str(Account.recover_transaction(raw))
    except Exception:  # whatever eth-account makes of bytes from outside
        raise WalletError(f"what signed for {account} gave no transaction") from None
    if who != account:
        raise WalletError(f"what should sign for {account} signed with the key of {who}")
