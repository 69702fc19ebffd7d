"""Who signs: anything that has an address, signs transactions and signs typed data.

Two signers are here: :class:`KeySigner` holds a key in memory, :class:`NodeSigner` lets a node sign with an account
that the node holds. Anything with the same three members is a signer (:class:`Signer`), e.g. one that asks a key
management service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from salus.errors import BadAnswer, WalletError
from salus.keys.addresses import address
from salus.keys.private_file import no_core_dumps
from salus.keys.typed_data import TypedData, recover

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

_SIGNING = "the node signs a transaction"

__all__ = ["Asked", "KeySigner", "NodeSigner", "Signer"]


@runtime_checkable
class Signer(Protocol):
    """Anything that can sign for one account."""

    @property
    def address(self) -> str:
        """The account, with checksum."""

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Sign a transaction.

        Args:
            transaction: Its fields as web3 names them (``nonce``, ``to``, ``data``, ``value``, ``gas``, ``chainId`` and
                the fees), numbers as integers.

        Returns:
            The signed transaction, as it is sent raw.
        """

    def sign_typed(self, typed: TypedData) -> bytes:
        """Sign typed data.

        Returns:
            65 bytes r‖s‖v, v 27 or 28.
        """


class KeySigner:
    """Signs with a key in memory. The key is never shown: ``repr`` has only the address.

    Args:
        account: An account of eth-account; :meth:`from_key` makes one of 32 bytes or 0x-hex.
    """

    __slots__ = ("_account",)

    def __init__(self, account: LocalAccount) -> None:
        no_core_dumps()
        self._account = account

    @classmethod
    def from_key(cls, key: bytes | str) -> KeySigner:
        """A signer for a private key.

        Args:
            key: 32 bytes, or the same as hex with or without 0x.

        Raises:
            WalletError: Not a private key.
        """
        from eth_account import Account

        try:
            return cls(Account.from_key(key))
        except Exception:
            # Whatever went wrong, the message of the library may hold the key.
            raise WalletError(
                "that is no private key: it must be 32 bytes, not 0 and below the curve's order"
            ) from None

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    @property
    def address(self) -> str:
        """See :class:`Signer`."""
        return str(self._account.address)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """See :class:`Signer`."""
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)

    def sign_typed(self, typed: TypedData) -> bytes:
        """See :class:`Signer`."""
        return bytes(self._account.sign_message(typed.signable()).signature)


class Asked(Protocol):
    """A node that can be asked one thing; :class:`salus.chain.node.Node` is one."""

    def one(self, method: str, *params: Any, doing: str = "") -> Any:
        """What the node answers to a method."""
        ...


class NodeSigner:
    """Lets a node sign with an account that the node holds (a local chain, or a node with an unlocked key).

    Args:
        node: The node, e.g. :class:`salus.chain.node.Node`.
        account: One of its accounts.

    Raises:
        BadInput: The account's address is malformed.
    """

    __slots__ = ("_address", "_node")

    def __init__(self, node: Asked, account: str) -> None:
        self._node = node
        self._address = address(account, "account")

    def __repr__(self) -> str:
        return f"NodeSigner({self._address})"

    @property
    def address(self) -> str:
        """See :class:`Signer`."""
        return self._address

    def send_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Sign and send in one.

        Returns:
            The hash of the transaction, 32 bytes.

        Raises:
            NodeRefused, Unreachable: The node did not take it, or did not answer.
        """
        given = self._node.one("eth_sendTransaction", self._asked(transaction), doing=_SIGNING)
        if not isinstance(given, str) or not re.fullmatch(r"0x[0-9a-fA-F]{64}", given):
            raise BadAnswer("the node did not give the hash of the transaction that it sent")
        return bytes.fromhex(given[2:])

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """See :class:`Signer`.

        Raises:
            NodeRefused, Unreachable: The node did not sign, or did not answer.
        """
        given = self._node.one("eth_signTransaction", self._asked(transaction), doing=_SIGNING)
        # geth answers with the transaction and its bytes, anvil and ganache with the bytes alone.
        raw = given.get("raw") if isinstance(given, Mapping) else given
        if not isinstance(raw, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})+", raw):
            raise WalletError("the node did not give the transaction that it signed")
        return bytes.fromhex(raw[2:])

    def _asked(self, transaction: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**transaction, "from": self._address}
        return {name: hex(value) if type(value) is int else value for name, value in whole.items()}

    def sign_typed(self, typed: TypedData) -> bytes:
        """See :class:`Signer`.

        Raises:
            WalletError: The node signed something else, or with another key.
            Unreachable: The node did not answer.
        """
        # As an object, which anvil and ganache both take; only browsers' wallets want it as text.
        doing = "the node signs typed data"
        given = self._node.one("eth_signTypedData_v4", self._address, typed.as_json(), doing=doing)
        if not isinstance(given, str) or not re.fullmatch(r"0x[0-9a-fA-F]{130}", given):
            raise WalletError("the node's signature is not 65 bytes")
        signature = bytes.fromhex(given[2:])
        if recover(typed, signature) != self._address:
            raise WalletError(f"the node signed with another key than that of {self._address}, or another message")
        return signature
