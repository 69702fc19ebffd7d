"""Sends one transaction so that it happens once, or the error says why it did not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salus.chain.proof import Contradiction, Proof, prove_receipt
from salus.chain.rpc import Trouble, data, number
from salus.errors import BadAnswer, NodeRefused, NotMined, Refused, Reverted, SalusError, Unreachable
from salus.keys.signers import NodeSigner

if TYPE_CHECKING:
    from salus.chain.node import Node
    from salus.keys.signers import Signer

__all__ = ["MOST_GAS", "Sender"]

#: No transaction may be given more gas than this (EIP-7825).
MOST_GAS = 1 << 24

_GAS_MARGIN = 1.2  # the state may change between the estimate and the block
_SEND_TRIES = 5
# A block may be replaced between two questions: a node that contradicts itself is asked again before that is told.
_PROOF_TRIES = 3
_OTHER_BLOCK = 10.0  # seconds for which a node may give another block than its receipt names


class Sender:
    """Sends the transactions of one signer.

    Args:
        node: Where they are sent.
        signer: Who signs.
        ceiling: The most that one unit of gas may cost, wei.
        patience: Seconds to wait for a transaction to be in a block.
    """

    def __init__(self, node: Node, signer: Signer, *, ceiling: int, patience: float) -> None:
        self._node, self._signer, self._ceiling, self._patience = node, signer, ceiling, patience

    def send(
        self, call: Mapping[str, Any], name: str, *, gas: int | None = None, preflight: bool = True
    ) -> Mapping[str, Any]:
        """Send a transaction and wait until it is in a block.

        Args:
            call: ``from``, ``to`` (not where a contract is deployed), ``data`` as 0x-hex, ``value`` and ``chainId``.
            name: What is called, for messages.
            gas: The limit; by default the node's estimate and a fifth more.
            preflight: Whether to try it as a call first.

        Returns:
            The receipt of a transaction that did not fail, as the node wrote it in JSON.

        Raises:
            Refused, NotMined, Unreachable: See :meth:`salus.Salus.send`.
        """
        if preflight:
            # On the pending block: what would happen in the next one, with its clock.
            self._node.call(_in_json(call), "pending", name=name)
        transaction = {**call, "gas": gas if gas is not None else self._estimate(call, name), **self._fees()}
        return self._await(self._broadcast(transaction, name), transaction, name)

    def _estimate(self, transaction: Mapping[str, Any], name: str) -> int:
        doing = f"estimating the gas of {name}"
        given = self._node.one("eth_estimateGas", _in_json(transaction), "pending", doing=doing)
        estimate = number(given, "an estimate of gas", most=1 << 64)
        limit = min(number(self._node.block().get("gasLimit"), "the gas of a block", most=1 << 64), MOST_GAS)
        if estimate > limit:
            raise NodeRefused(f"{name} takes {estimate:,} gas, a transaction may take {limit:,}; send less at once")
        return min(int(estimate * _GAS_MARGIN), limit)

    def _fees(self) -> dict[str, Any]:
        price = number(self._node.one("eth_gasPrice", doing="asking for the fees"), "the price of gas")
        base = self._node.block(doing="asking for the fees").get("baseFeePerGas")
        if base is None:
            fees = {"gasPrice": price}  # a chain from before EIP-1559
        else:
            base_fee = number(base, "the base fee")
            tip = max(price - base_fee, 0)
            # Twice the base fee holds for six full blocks in a row; only what is due is paid.
            fees = {"maxFeePerGas": 2 * base_fee + tip, "maxPriorityFeePerGas": tip}
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

        asked = self._signer.address, "pending"
        given = self._node.one("eth_getTransactionCount", *asked, doing="asking for the sender's nonce")
        nonce = number(given, "the sender's nonce", most=1 << 64)
        unsigned = {key: value for key, value in transaction.items() if key != "from"}
        raw = self._signer.sign_transaction({**unsigned, "nonce": nonce})
        return raw, keccak(raw)

    def _send_raw(self, raw: bytes, sent: bytes, name: str) -> None:
        """Send the same bytes until the node has them; a lost answer must never become a second transaction."""
        lost = False
        for attempt in range(1, _SEND_TRIES + 1):
            try:
                self._node.one("eth_sendRawTransaction", "0x" + raw.hex(), doing=f"sending {name}")
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
        """Whether the node has a transaction; where it does not answer, it is taken not to."""
        try:
            (found,) = self._node.many([("eth_getTransactionByHash", ["0x" + sent.hex()])])
        except Unreachable:
            return False
        return isinstance(found, Mapping)

    def _await(self, sent: bytes, transaction: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Wait for the receipt, and take it when it fits its block.

        Raises:
            Contradiction: What the node says does not fit; nothing is sent again.
        """
        deadline = time.monotonic() + self._patience
        pause = 0.02
        doubts = _Doubts(self._node, sent)
        while (receipt := self._receipt(sent, name)) is None or (proof := doubts.prove(receipt)) is None:
            if time.monotonic() > deadline:
                raise NotMined("0x" + sent.hex(), self._patience)
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        if number(receipt.get("status"), "a receipt's status", most=2) != 1:
            raise self._failed(sent, transaction, receipt, name, proof)
        return receipt

    def _receipt(self, sent: bytes, name: str) -> Mapping[str, Any] | None:
        """The receipt; None while there is none, also where the node is away for a moment: what was sent is sent."""
        asked = [("eth_getTransactionReceipt", ["0x" + sent.hex()])]
        try:
            (found,) = self._node.many(asked, doing=f"waiting for {name}")
        except Unreachable:
            return None
        if found is not None and not isinstance(found, Mapping | Trouble):
            raise BadAnswer(f"the node's answer is malformed while waiting for {name}")
        return found if isinstance(found, Mapping) else None

    def _failed(
        self, sent: bytes, transaction: Mapping[str, Any], receipt: Mapping[str, Any], name: str, proof: Proof
    ) -> SalusError:
        """Why a transaction failed in its block: the same call on the state after it tells."""
        again = _in_json({key: transaction[key] for key in ("from", "to", "data", "value") if key in transaction})
        block = number(receipt.get("blockNumber"), "a receipt's block", most=1 << 64)
        try:
            self._node.call(again, block, name=name)
            if number(receipt.get("gasUsed"), "a receipt's gas", most=1 << 64) >= int(transaction["gas"]):
                reason: Refused = Reverted(f"{name} ran out of gas ({transaction['gas']:,})", name="OutOfGas")
            elif proof is Proof.PROVEN:
                reason = Reverted(f"{name} failed in block {block}, and would not fail any more")
            else:
                return Contradiction(
                    f"the node at {self._node.address} says that {name} failed in block {block}, and the same call does"
                    f" not fail there; it may lie. Look up 0x{sent.hex()} at another node before anything is sent again"
                )
        except Refused as refused:
            reason = refused
        reason.transaction = "0x" + sent.hex()
        return reason


class _Doubts:
    """How often, and since when, a node's receipt of one transaction has not fitted its block."""

    def __init__(self, node: Node, sent: bytes) -> None:
        self._node, self._sent, self._contradictions, self._since = node, sent, 0, 0.0

    def prove(self, receipt: Mapping[str, Any]) -> Proof | None:
        """What the receipt is worth; None where the node is to be asked again.

        Raises:
            Contradiction: It has not fitted too often, or for too long.
        """
        if data(receipt.get("transactionHash"), "a receipt's hash", 32) != self._sent:
            raise BadAnswer(f"the node at {self._node.address} gave the receipt of another transaction")
        try:
            proof = prove_receipt(self._node, receipt)
        except Contradiction:
            self._contradictions += 1
            if self._contradictions == _PROOF_TRIES:
                raise
            return None
        except Unreachable:
            return None  # away for a moment: what was sent is sent
        if proof is None:
            self._since = self._since or time.monotonic()
            if time.monotonic() - self._since > _OTHER_BLOCK:
                raise Contradiction(
                    f"the node at {self._node.address} contradicts itself: the receipt of 0x{self._sent.hex()} names a"
                    " block that the node does not have; it may lie"
                )
        return proof


def _is_taken(refused: NodeRefused) -> bool:
    """Whether a node says that the nonce is used, by a transaction in a block or by one that waits for a block."""
    said = str(refused).lower()
    return "nonce" in said or "underpriced" in said or "can't be replaced" in said


def _is_there(refused: NodeRefused) -> bool:
    """Whether a node says that it has these very bytes already."""
    said = str(refused).lower()
    return "already known" in said or "already imported" in said or "known transaction" in said


def _in_json(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call with its numbers in hex."""
    return {name: hex(value) if isinstance(value, int) else value for name, value in call.items()}
