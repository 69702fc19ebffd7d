"""Sends one transaction so that it happens once, or the error says why it did not.

Its nonce is chosen, and it is signed and sent, under the lock of its key (:mod:`salus.chain.nonces`): no other thread,
process or outbox of this user on this host gives the same nonce away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.abi.hashing import keccak
from salus.chain.nonces import PLAIN, Given, key_lock, settled_next
from salus.chain.proof import Contradiction, Proof, prove_receipt
from salus.chain.rpc import Call, Trouble, data, number
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
_REVIVE, _REVIVE_NEAR = 3.0, 0.5  # seconds after which what waits for a block is looked for in the node's pool
# A block may be replaced between two questions: a node that contradicts itself is asked again before that is told.
_PROOF_TRIES = 3
_OTHER_BLOCK = 10.0  # seconds for which a node may give another block than its receipt names


class Sender:
    """Sends the transactions of one signer.

    Args:
        node: Where they are sent.
        signer: Who signs.
        chain: The chain's id and the hash of its first block, 0x-hex.
        ceiling: The most that one unit of gas may cost, wei.
        patience: Seconds to wait for a transaction to be in a block, and before that for the key's lock.
    """

    def __init__(self, node: Node, signer: Signer, *, chain: tuple[int, str], ceiling: int, patience: float) -> None:
        self._node, self._signer, self._chain = node, signer, chain
        self._ceiling, self._patience = ceiling, patience

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
        return self._await(self._broadcast(transaction, name), name)

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

    def _broadcast(self, transaction: dict[str, Any], name: str) -> _Sent:
        """Sign and send. Another host may use the same key: where it took the nonce, another one is chosen."""
        for attempt in range(1, _SEND_TRIES + 1):
            try:
                with key_lock(*self._chain, self._signer.address, self._patience) as given:
                    return self._give_nonce(given, transaction, name)
            except NodeRefused as refused:
                if not _is_taken(refused) or attempt == _SEND_TRIES:
                    raise
                # Together above a second: so old may be what a node counts of another host's transactions.
                time.sleep(0.05 * attempt**2)
        raise AssertionError("unreachable")

    def _give_nonce(self, given: Given, transaction: dict[str, Any], name: str) -> _Sent:
        """Sign with the account's next nonce and send, under the key's lock."""
        nonce = settled_next(given, self._counted, self._knows, near=self._node.address.is_local)
        numbered = {**transaction, "nonce": nonce}
        if isinstance(self._signer, NodeSigner):
            sent = self._signer.send_transaction(numbered)
        else:
            raw, sent = self._signed(numbered)
            try:
                self._send_raw(raw, sent, name)
            except NodeRefused as refused:
                if not _is_taken(refused) or not self._known(sent):
                    raise
            except Unreachable:
                self._note(given, nonce, sent)  # it may be there
                raise
        self._note(given, nonce, sent)
        return _Sent(numbered, [sent])

    def _note(self, given: Given, nonce: int, sent: bytes) -> None:
        given.give(nonce, 1, PLAIN)
        given.note(nonce + 1, "0x" + sent.hex(), sent=True)

    def _counted(self, block: str = "pending") -> int:
        asked = self._signer.address, block
        told = self._node.one("eth_getTransactionCount", *asked, doing="asking for the sender's nonce")
        return number(told, "the sender's nonce", most=1 << 64)

    def _knows(self, hash_: str) -> bool:
        return self._known(bytes.fromhex(hash_[2:]))

    def _signed(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """The signed transaction, and its hash."""
        raw = self._signer.sign_transaction({key: value for key, value in transaction.items() if key != "from"})
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

    def _await(self, sent: _Sent, name: str) -> Mapping[str, Any]:
        """Wait for the receipt, and take it when it fits its block.

        Raises:
            Contradiction: What the node says does not fit; nothing is sent again.
        """
        deadline = time.monotonic() + self._patience
        pause, wait = 0.02, _REVIVE_NEAR if self._node.address.is_local else _REVIVE
        look = time.monotonic() + wait
        doubts = _Doubts(self._node, sent)
        while (receipt := self._receipt(sent, name)) is None or (proof := doubts.prove(receipt)) is None:
            if time.monotonic() > deadline:
                raise NotMined("0x" + sent.hashes[-1].hex(), self._patience)
            if receipt is None and time.monotonic() > look:
                self._revive(sent, name)
                wait *= 2
                look = time.monotonic() + wait
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
        mined = data(receipt.get("transactionHash"), "a receipt's hash", 32)
        if number(receipt.get("status"), "a receipt's status", most=2) != 1:
            raise self._failed(mined, sent.transaction, receipt, name, proof)
        return receipt

    def _receipt(self, sent: _Sent, name: str) -> Mapping[str, Any] | None:
        """The receipt; None while there is none, also where the node is away for a moment: what was sent is sent."""
        asked: list[Call] = [("eth_getTransactionReceipt", ["0x" + hash_.hex()]) for hash_ in sent.hashes]
        try:
            answers = self._node.many(asked, doing=f"waiting for {name}")
        except Unreachable:
            return None
        for found in answers:
            if found is not None and not isinstance(found, Mapping | Trouble):
                raise BadAnswer(f"the node's answer is malformed while waiting for {name}")
        return next((found for found in answers if isinstance(found, Mapping)), None)

    def _revive(self, sent: _Sent, name: str) -> None:
        """Sign the transaction again, with its own nonce and an eighth more fee, where it is next and the node does not
        count it among those that wait.

        anvil puts what arrives just as its predecessor goes into a block among those whose predecessor is missing, for
        good. With one nonce there is one effect, whichever is mined; more than the ceiling is never paid.
        """
        fees = {fee: -(-sent.transaction[fee] * 9 // 8) for fee in _FEES if fee in sent.transaction}
        if isinstance(self._signer, NodeSigner) or len(sent.hashes) > 2 or max(fees.values()) > self._ceiling:
            return
        try:
            nonce = sent.transaction["nonce"]
            if self._counted("latest") != nonce or self._counted() > nonce:
                return
            sent.transaction |= fees
            raw, hash_ = self._signed(sent.transaction)
            sent.hashes.append(hash_)
            self._send_raw(raw, hash_, name)
        except (NodeRefused, Unreachable):
            return  # the receipt tells, or the patience ends

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


@dataclass(slots=True)
class _Sent:
    """A transaction that was sent, by its newest fees, and the hashes under which it may be in a block."""

    transaction: dict[str, Any]
    hashes: list[bytes]


_FEES = ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas")


class _Doubts:
    """How often, and since when, a node's receipt of one transaction has not fitted its block."""

    def __init__(self, node: Node, sent: _Sent) -> None:
        self._node, self._sent, self._contradictions, self._since = node, sent, 0, 0.0

    def prove(self, receipt: Mapping[str, Any]) -> Proof | None:
        """What the receipt is worth; None where the node is to be asked again.

        Raises:
            Contradiction: It has not fitted too often, or for too long.
        """
        mined = data(receipt.get("transactionHash"), "a receipt's hash", 32)
        if mined not in self._sent.hashes:
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
                    f"the node at {self._node.address} contradicts itself: the receipt of 0x{mined.hex()} names a"
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
