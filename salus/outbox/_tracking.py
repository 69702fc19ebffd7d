"""What became of transactions that were sent: receipts, the culprit behind a nonce that is gone, and how deep a block
is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.rpc import Call, Trouble, number
from salus.errors import BadAnswer, Refused, Reverted, SalusError
from salus.outbox._items import State
from salus.outbox._nodes import Nodes
from salus.outbox._store import Attempt, Row

__all__ = ["Cancelled", "Mined", "NonceTaken", "Tracker"]

_READ_AT_ONCE = 500  # blocks, in one look for who used a nonce
_FULL_BLOCKS = 20  # with their transactions, in one message


class NonceTaken(Refused):
    """The nonce of a signed transaction was used by one that is not of this outbox: the item did not happen.

    Attributes:
        arguments: ``nonce`` and ``by``, the other's hash.
    """

    def __init__(self, nonce: int, by: str, block: int) -> None:
        super().__init__(
            f"nonce {nonce} was used by {by} in block {block}, which this outbox did not send: somebody else uses the"
            " key."
            " It did not happen and is not signed again by itself; give it once more with --again",
            name="NonceTaken",
            arguments={"nonce": nonce, "by": by},
        )


class Cancelled(Refused):
    """An item was cancelled, and did not happen: a transfer of nothing to the account itself used its nonce."""

    def __init__(self, key: str, by: str, block: int) -> None:
        super().__init__(
            f"{key} was cancelled by {by} in block {block}: it did not happen. It is not signed again by itself;"
            " give it once more with --again",
            name="Cancelled",
            arguments={"by": by},
        )


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block.

    Attributes:
        hash, block_hash: 0x-hex, lower case.
        succeeded: Whether it did not revert.
        raw: The receipt.
    """

    hash: str
    block: int
    block_hash: str
    gas_used: int
    succeeded: bool
    raw: Mapping[str, Any]


class Tracker:
    """Looks for transactions of one account.

    Args:
        account: The account.
        confirmations: Blocks, its own included, after which a block counts as final; None to take the node's word.
    """

    def __init__(self, nodes: Nodes, account: str, confirmations: int | None) -> None:
        self._nodes, self._account, self._confirmations = nodes, account, confirmations
        self._by_block = True  # until a node says that it cannot
        self._unread: dict[int, int] = {}  # of a nonce whose user is searched: the highest block that is not read yet

    def now(self) -> tuple[int, int]:
        """How many transactions of the account are in blocks, and the latest block's number."""
        asked: list[Call] = [("eth_getTransactionCount", [self._account, "latest"]), ("eth_blockNumber", [])]
        count, head = self._nodes.ask(asked)
        return number(count, "the nonce", most=1 << 64), number(head, "the latest block", most=1 << 64)

    # ----------------------------------------------------------------------------------------------------- receipts

    def receipts(self, hashes: Iterable[str], blocks: range = range(0)) -> dict[str, Mined]:
        """Those of some transactions that are in a block, by hash.

        Args:
            blocks: Where they most likely are, if few blocks hold many of them: then whole blocks are asked for.
        """
        wanted = list(dict.fromkeys(hashes))
        found: dict[str, Mined] = {}
        if self._by_block and len(blocks) * 4 <= len(wanted):
            found = self._of_blocks(blocks, set(wanted))
        rest = [hash_ for hash_ in wanted if hash_ not in found]
        asked: list[Call] = [("eth_getTransactionReceipt", [hash_]) for hash_ in rest]
        for hash_, answer in zip(rest, self._nodes.ask(asked) if rest else [], strict=True):
            # Some nodes say "null", some that they do not know it.
            if isinstance(answer, Mapping):
                mined = _mined(answer)
                if mined.hash != hash_:
                    raise BadAnswer(f"the node gave the receipt of another transaction than {hash_}")
                found[hash_] = mined
        return found

    def _of_blocks(self, blocks: range, wanted: set[str]) -> dict[str, Mined]:
        asked: list[Call] = [("eth_getBlockReceipts", [hex(block)]) for block in blocks]
        found = {}
        for answer in self._nodes.ask(asked) if asked else []:
            if isinstance(answer, Trouble):
                # ganache, and nodes of before 2023
                self._by_block = False
                return {}
            for raw in answer if isinstance(answer, list) else []:
                if isinstance(raw, Mapping) and raw.get("transactionHash") in wanted:
                    mined = _mined(raw)
                    found[mined.hash] = mined
        return found

    # -------------------------------------------------------------------------------------------------- who took it

    def find_replacement_tx(self, nonce: int, since: int, head: int) -> tuple[str, int] | None:
        """The transaction that used a nonce, and its block; None where it is not found yet.

        A node has the state of the last blocks only, unless it is an archive. Where the nonce was used before them, the
        blocks themselves are read, some at each call, the newest first.

        Args:
            since: A block before which it cannot have been.
            head: One after which it cannot have been.
        """
        first, last, forgotten = max(since, 0), head, -1
        while first < last:
            middle = (first + last) // 2
            (answer,) = self._nodes.ask([("eth_getTransactionCount", [self._account, hex(middle)])])
            if isinstance(answer, Trouble):
                forgotten = middle
                first = middle + 1
            elif number(answer, "the nonce") > nonce:
                last = middle
            else:
                first, forgotten = middle + 1, -1
        if found := self._used([first], nonce):
            return found
        if forgotten < 0:
            return None
        lowest, upto = max(since, 0), min(self._unread.get(nonce, forgotten), forgotten)
        down = max(lowest, upto - _READ_AT_ONCE + 1)
        self._unread[nonce] = down - 1 if down > lowest else forgotten  # from above again: the chain may have changed
        return self._used(range(upto, down - 1, -1), nonce)

    def _used(self, blocks: Sequence[int], nonce: int) -> tuple[str, int] | None:
        """The account's transaction of a nonce in some blocks, and its block."""
        for start in range(0, len(blocks), _FULL_BLOCKS):
            some = blocks[start : start + _FULL_BLOCKS]
            answers = self._nodes.ask([("eth_getBlockByNumber", [hex(block), True]) for block in some])
            for at, block in zip(some, answers, strict=True):
                for transaction in block.get("transactions", ()) if isinstance(block, Mapping) else ():
                    if (
                        not isinstance(transaction, Mapping)
                        or str(transaction.get("from")).lower() != self._account.lower()
                    ):
                        continue
                    if number(transaction.get("nonce"), "a nonce") == nonce:
                        return str(transaction.get("hash")).lower(), at
        return None

    def record(self, row: Row, attempts: Sequence[Attempt], mined: Mined) -> None:
        """Note in which block an item is, and how it went there."""
        row.block, row.block_hash, row.mined, row.gas_used = mined.block, mined.block_hash, mined.hash, mined.gas_used
        row.deep, row.error = False, None
        attempt = next(a for a in attempts if a.hash == mined.hash)
        if attempt.cancels:
            row.state, row.error = State.LOST, Cancelled(row.item.key, mined.hash, mined.block)
            return
        row.state = State.INCLUDED if mined.succeeded else State.FAILED
        if not mined.succeeded:
            row.error = self._reason(row, mined, attempt.gas)

    def _reason(self, row: Row, mined: Mined, gas: int) -> SalusError:
        """Why a transaction failed in its block: the same call on the state after it tells."""
        item, name = row.item, row.item.name or row.item.key
        call = {"from": self._account, "to": item.to, "data": "0x" + item.data.hex(), "value": hex(item.value)}
        call["gas"] = hex(gas)
        (answer,) = self._nodes.ask([("eth_call", [call, hex(mined.block)])])
        if isinstance(answer, Trouble) and answer.revert:
            reason = answer.error(f"asking why {name} failed")
        elif mined.gas_used * 10 >= gas * 9:  # a call inside gets a 64th less than all
            reason = Reverted(f"{name} ran out of gas ({gas:,})", name="OutOfGas")
        elif isinstance(answer, Trouble):
            reason = answer.error(f"asking why {name} failed")
        else:
            reason = Reverted(f"{name} failed in block {mined.block}, and would not fail any more")
        if isinstance(reason, Refused):
            reason.transaction = mined.hash
        return reason

    # ----------------------------------------------------------------------------------------------------- finality

    def last_final(self, head: int) -> int:
        """The highest block that counts as final; -1 where none does."""
        if self._confirmations is not None:
            return head - self._confirmations + 1
        (block,) = self._nodes.ask([("eth_getBlockByNumber", ["finalized", False])])
        if not isinstance(block, Mapping):
            return -1  # nothing is final yet, or the node has no word for it
        return number(block.get("number"), "the final block", most=1 << 64)

    def on_chain(self, blocks: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Of blocks by number and hash those on whose hash all nodes that have them agree."""
        numbers = sorted({block for block, _ in blocks})
        hashes = dict(zip(numbers, self._nodes.agree_on(numbers), strict=True))
        return {(block, hash_) for block, hash_ in blocks if hashes[block] == hash_}


def _mined(raw: Mapping[str, Any]) -> Mined:
    hash_, block_hash = raw.get("transactionHash"), raw.get("blockHash")
    if not isinstance(hash_, str) or not isinstance(block_hash, str):
        raise BadAnswer("the node gave a receipt without hashes")
    return Mined(
        hash_.lower(),
        number(raw.get("blockNumber"), "a receipt's block", most=1 << 64),
        block_hash.lower(),
        number(raw.get("gasUsed"), "a receipt's gas", most=1 << 64),
        number(raw.get("status"), "a receipt's status", most=2) == 1,
        raw,
    )
