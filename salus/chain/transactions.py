"""Sends one transaction so that it happens once, or the error says why it did not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salus.chain.json_rpc import ask_many, data
from salus.errors import BadAnswer, NodeRefused, NotMined, Refused, Reverted, Unreachable, gate
from salus.keys.signers import NodeSigner

if TYPE_CHECKING:
    from web3 import Web3

    from salus.keys.signers import Signer

__all__ = ["MOST_GAS", "Sender", "eth_call", "eth_calls"]

#: No transaction may be given more gas than this (EIP-7825).
MOST_GAS = 1 << 24

_GAS_MARGIN = 1.2  # the state may change between the estimate and the block
_SEND_TRIES = 5


def eth_call(w3: Web3, transaction: Mapping[str, Any], block: int | str, name: str) -> bytes:
    """Try a call without sending it.

    Args:
        w3: The node.
        transaction: ``to`` and ``data``, and what else ``eth_call`` takes.
        block: A block's number, or a tag such as ``"latest"``.
        name: What is called, for messages.

    Returns:
        The bytes that the contract returns.

    Raises:
        Refused: It reverted.
        Unreachable: No answer.
    """
    with gate(f"asking for {name}"):
        return bytes(w3.eth.call(transaction, block))  # type: ignore[arg-type]


def eth_calls(w3: Web3, transactions: Sequence[Mapping[str, Any]], block: int | str) -> list[bytes]:
    """Try several calls in few messages to the node.

    Args:
        w3: The node.
        transactions: See :func:`eth_call`.
        block: A block's number, or a tag such as ``"latest"``.

    Returns:
        The bytes that each returns, in order.

    Raises:
        Refused: The first that reverted.
        Unreachable: No answer.
    """
    at = block if isinstance(block, str) else hex(block)
    return [data(answer) for answer in ask_many(w3, [("eth_call", [call, at]) for call in transactions])]


class Sender:
    """Sends the transactions of one signer.

    Args:
        w3: The node.
        signer: Who signs.
        ceiling: The most that one unit of gas may cost, wei.
        patience: Seconds to wait for a transaction to be in a block.
    """

    def __init__(self, w3: Web3, signer: Signer, *, ceiling: int, patience: float) -> None:
        self._w3, self._signer, self._ceiling, self._patience = w3, signer, ceiling, patience

    def send(
        self, call: Mapping[str, Any], name: str, *, gas: int | None = None, preflight: bool = True
    ) -> Mapping[str, Any]:
        """Send a transaction and wait until it is in a block.

        Args:
            call: ``from``, ``to``, ``data``, ``value`` and ``chainId``.
            name: What is called, for messages.
            gas: The limit; by default the node's estimate and a fifth more.
            preflight: Whether to try it as a call first.

        Returns:
            The receipt of a transaction that did not fail.

        Raises:
            Refused, NotMined, Unreachable: See :meth:`salus.Salus.send`.
        """
        if preflight:
            # On the pending block: what would happen in the next one, with its clock.
            eth_call(self._w3, call, "pending", name)
        transaction = {**call, "gas": gas if gas is not None else self._estimate(call, name), **self._fees()}
        return self._await(self._broadcast(transaction, name), transaction, name)

    def _estimate(self, transaction: Mapping[str, Any], name: str) -> int:
        with gate(f"estimating the gas of {name}"):
            estimate = int(self._w3.eth.estimate_gas(transaction, "pending"))  # type: ignore[arg-type]
            limit = min(int(self._w3.eth.get_block("latest")["gasLimit"]), MOST_GAS)
        if estimate > limit:
            raise NodeRefused(f"{name} takes {estimate:,} gas, a transaction may take {limit:,}; send less at once")
        return min(int(estimate * _GAS_MARGIN), limit)

    def _fees(self) -> dict[str, Any]:
        with gate("asking for the fees"):
            price = int(self._w3.eth.gas_price)
            base = self._w3.eth.get_block("latest").get("baseFeePerGas")
        if base is None:
            fees = {"gasPrice": price}  # a chain from before EIP-1559
        else:
            tip = max(price - int(base), 0)
            # Twice the base fee holds for six full blocks in a row; only what is due is paid.
            fees = {"maxFeePerGas": 2 * int(base) + tip, "maxPriorityFeePerGas": tip}
        highest = max(fees.values())
        if highest > self._ceiling:
            raise NodeRefused(
                f"the node asks {highest / 1e9:,.1f} gwei a unit of gas, above the ceiling of"
                f" {self._ceiling / 1e9:,.1f}; wait, or raise the client's fee_ceiling",
                name="FeeTooHigh",
            )
        return fees

    def _broadcast(self, transaction: dict[str, Any], name: str) -> bytes:
        """Send; the hash. Another process may use the same key: where it took the nonce, another one is chosen."""
        if isinstance(self._signer, NodeSigner):
            return self._signer.send_transaction(transaction)
        for attempt in range(1, _SEND_TRIES + 1):
            raw, sent = self._signed(transaction)
            try:
                self._send_raw(raw, sent, name)
                return sent
            except NodeRefused as refused:
                if not _is_taken(refused) or attempt == _SEND_TRIES:
                    raise
                if self._known(sent):
                    return sent
                time.sleep(0.05 * attempt)
        raise AssertionError("unreachable")

    def _signed(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """The transaction signed with the account's next nonce, and its hash."""
        from eth_utils.crypto import keccak

        account: Any = self._signer.address
        with gate("asking for the sender's nonce"):
            nonce = int(self._w3.eth.get_transaction_count(account, "pending"))
        unsigned = {key: value for key, value in transaction.items() if key != "from"}
        raw = self._signer.sign_transaction({**unsigned, "nonce": nonce})
        return raw, keccak(raw)

    def _send_raw(self, raw: bytes, sent: bytes, name: str) -> None:
        """Send the same bytes until the node has them; a lost answer must never become a second transaction."""
        lost = False
        for attempt in range(1, _SEND_TRIES + 1):
            try:
                with gate(f"sending {name}"):
                    self._w3.eth.send_raw_transaction(raw)
                return
            except NodeRefused as refused:
                # After a lost answer it is most likely these bytes that took the nonce; the receipt tells.
                if _is_there(refused) or (lost and "nonce" in str(refused).lower()):
                    return
                raise
            except Unreachable:
                lost = True
                if attempt == _SEND_TRIES:
                    raise
                time.sleep(0.2 * attempt)
                if self._known(sent):
                    return

    def _known(self, sent: bytes) -> bool:
        from web3.exceptions import TransactionNotFound

        try:
            with gate("looking for a transaction"):
                try:
                    self._w3.eth.get_transaction(sent)  # type: ignore[arg-type]
                except TransactionNotFound:
                    return False
        except Unreachable:
            return False
        return True

    def _await(self, sent: bytes, transaction: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        from web3.exceptions import TransactionNotFound

        deadline = time.monotonic() + self._patience
        pause = 0.02
        while True:
            # A node that is away for a moment changes nothing about a transaction that was sent.
            with contextlib.suppress(Unreachable), gate(f"waiting for {name}"):
                try:
                    receipt = self._w3.eth.get_transaction_receipt(sent)  # type: ignore[arg-type]
                    break
                except TransactionNotFound:
                    pass
            if time.monotonic() > deadline:
                raise NotMined("0x" + sent.hex(), self._patience)
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        if bytes(receipt["transactionHash"]) != sent:
            raise BadAnswer("the node gave the receipt of another transaction")
        if receipt["status"] != 1:
            raise self._failed(sent, transaction, receipt, name)
        return receipt

    def _failed(self, sent: bytes, transaction: Mapping[str, Any], receipt: Mapping[str, Any], name: str) -> Refused:
        """Why a transaction failed in its block: the same call on the state after it tells."""
        again = {key: transaction[key] for key in ("from", "to", "data", "value")}
        try:
            eth_call(self._w3, again, int(receipt["blockNumber"]), name)
            if int(receipt["gasUsed"]) >= int(transaction["gas"]):
                reason: Refused = Reverted(f"{name} ran out of gas ({transaction['gas']:,})", name="OutOfGas")
            else:
                reason = Reverted(f"{name} failed in block {receipt['blockNumber']}, and would not fail any more")
        except Refused as refused:
            reason = refused
        reason.transaction = "0x" + sent.hex()
        return reason


def _is_taken(refused: NodeRefused) -> bool:
    """Whether a node says that the nonce is used, by a transaction in a block or by one that waits for a block."""
    said = str(refused).lower()
    return "nonce" in said or "underpriced" in said or "can't be replaced" in said


def _is_there(refused: NodeRefused) -> bool:
    """Whether a node says that it has these very bytes already."""
    said = str(refused).lower()
    return "already known" in said or "already imported" in said or "known transaction" in said
