"""What the index asks of a node, and how it verifies the answers.

Blocks are read by number and must link, parent by parent, to what the index holds; each header must hash to the hash
that it is given with. The header then tells whether a block may have logs of ours (``logsBloom``). Of a block that may,
all receipts are asked for, by the block's hash: a node that lags behind, or has replaced the block, then reports that
instead of giving fewer. The receipts must match the header's receipts root, which proves every log's address, topics,
data and place. A node can neither leave a log out nor change one without inventing a chain of its own.

The root does not cover which transaction a receipt belongs to: that is as the node lists it in the block, and must be
the same in block, receipt and log.

Of a chain whose headers have another form than the known ones, the receipts are compared with the node's answer to
``eth_getLogs`` and with the bloom; that finds a node that is inconsistent, not one that lies consistently.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from salus.abi.hashing import keccak
from salus.chain.headers import header_hash, header_kind, holds_receipts
from salus.chain.node import Node
from salus.chain.rpc import Trouble
from salus.errors import BadAnswer, NotDeployed, Unreachable, WrongChain, one_line
from salus.index._blocks import Block, Moved, Page
from salus.index._bloom import bloom_of, bloom_of_logs, signs, union
from salus.index._headers import Header
from salus.index._rows import LogRows, LogSorter, number, unhex

if TYPE_CHECKING:
    from salus.chain.book import Book

__all__ = ["Chain"]

_PAGE = 200  # headers that are read at once
_GAS = 15_000_000  # gas used in the blocks whose logs are asked for at once: it bounds how many logs those can be
_TRIES = 6  # how often contradicting answers are asked for again
_METHOD = "eth_getBlockByNumber"
# Transactions of a block above which each receipt is asked for by itself: anvil takes a time that grows with the square
# of their number to give them all (1,000 in 0.2 s, 5,000 in 9 s).
_MANY = 2_000


class Chain:
    """A node, asked for the blocks and logs of a book.

    Args:
        endpoint: The node.
        book: Whose contracts.
        sleep: How to pause; tests hand in another.
    """

    def __init__(self, endpoint: Node, book: Book, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.endpoint, self.book = endpoint, book
        self.sorter = LogSorter(book)
        self._sleep = sleep
        self._blooms = [bloom_of(bytes.fromhex(address[2:])) for address in self.sorter.addresses]
        self._signs = signs(self.sorter.names)
        self._whole_blocks = True  # whether the node knows eth_getBlockReceipts
        self._kind: str | None = None  # of the chain's headers, as soon as one was recognised

    # ------------------------------------------------------------------------------------------- the book's chain?

    def check_id(self, answer: Any) -> None:
        """Check a node's answer to ``eth_chainId``.

        Args:
            answer: As :meth:`Node.many` gives it.

        Raises:
            WrongChain: It is on another chain than the book.
        """
        there = _sure("the chain", number, answer)
        if there != self.book.chain_id:
            raise WrongChain(
                f"the node is on chain {there}, {self.book.path or 'the address book'} is for chain"
                f" {self.book.chain_id}; use another --rpc or --book"
            )

    def check_code(self) -> None:
        """Check that each contract has the code that was deployed.

        Raises:
            NotDeployed: One has none, or another.
        """
        entries = [entry for entry in self.book.contracts.values() if entry.name in self.sorter.names.values()]
        answers = self.endpoint.many([("eth_getCode", [entry.address, "latest"]) for entry in entries])
        for entry, answer in zip(entries, answers, strict=True):
            code = _sure(f"the code of {entry.name}", unhex, answer)
            if not code:
                raise NotDeployed(
                    f"{entry.name} is not at {entry.address} on chain {self.book.chain_id}: there is no code."
                    f" The chain was started anew, or {self.book.path or 'the book'} is of another one; deploy again"
                )
            if entry.code_hash and "0x" + keccak(code).hex() != entry.code_hash:
                raise NotDeployed(
                    f"the code at {entry.address} is not that of {entry.name} in {self.book.path or 'the book'}:"
                    " nothing more is indexed; deploy again, or use the book of this chain"
                )

    # --------------------------------------------------------------------------------------------------------- headers

    def head_and_block(self, at: int) -> tuple[Block, Block | None]:
        """The newest block, and the one of a number.

        Args:
            at: The number.

        Returns:
            Both blocks, the second None where the node has none of that number.

        Raises:
            WrongChain: The node is on another chain than the book.
            BadAnswer: The node has no latest block, or an answer is no block.
            Unreachable: The node does not answer.
        """
        chain, latest, there = self.endpoint.many(
            [("eth_chainId", []), (_METHOD, ["latest", False]), (_METHOD, [hex(at), False])]
        )
        self.check_id(chain)
        head = self._block(latest, None)
        if head is None:
            raise BadAnswer("the node has no latest block")
        return head, self._block(there, at)

    def tagged(self) -> dict[str, int | None]:
        """The numbers of the blocks that the node calls ``safe`` and ``finalized``; None where it does not say.

        Raises:
            Unreachable: The node does not answer.
        """
        names = ("safe", "finalized")
        answers = self.endpoint.many([(_METHOD, [name, False]) for name in names])
        found: dict[str, int | None] = {}
        for name, answer in zip(names, answers, strict=True):
            block = None if isinstance(answer, Trouble) else self._block(answer, None)
            found[name] = None if block is None else block.number
        return found

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """Blocks by their numbers, in the same order; None for each that the node does not have.

        Raises:
            WrongChain, BadAnswer, Unreachable: See :meth:`head_and_block`.
        """
        answers = self.endpoint.many([("eth_chainId", []), *((_METHOD, [hex(n), False]) for n in numbers)])
        self.check_id(answers[0])
        return [self._block(answer, n) for n, answer in zip(numbers, answers[1:], strict=True)]

    def linked(self, after: Header, last: int) -> list[Block]:
        """The blocks that follow on one, as far as each is the child of the one before.

        Args:
            after: The block before the first.
            last: The number of the last block, at most 200 after that.

        Raises:
            WrongChain, BadAnswer, Unreachable: See :meth:`head_and_block`.
        """
        found: list[Block] = []
        parent = after.hash
        for block in self.blocks(range(after.number + 1, last + 1)):
            if block is None or block.parent != parent:
                break
            found.append(block)
            parent = block.hash
        return found

    def _block(self, answer: Any, asked: int | None) -> Block | None:
        if answer is None:
            return None
        what = "a block" if asked is None else f"block {asked}"
        if isinstance(answer, Trouble):
            if asked is not None and any(word in answer.message.lower() for word in ("unknown", "not found", "beyond")):
                return None
            raise BadAnswer(f"the node answers to {what}: {answer.message}")
        try:
            block = Block(
                number(answer["number"]),
                unhex(answer["hash"], 32),
                unhex(answer["parentHash"], 32),
                number(answer["timestamp"]),
                int.from_bytes(unhex(answer["logsBloom"], 256)),
                number(answer["gasUsed"]),
                tuple(answer["transactions"]),
                self._receipts_root(answer),
            )
        except (KeyError, TypeError, ValueError) as trouble:
            raise BadAnswer(f"the node gives {what} that is none: {one_line(trouble)}") from None
        if asked is not None and block.number != asked:
            raise BadAnswer(f"the node gives block {block.number} for {asked}")
        return block

    def _receipts_root(self, header: Mapping[str, Any]) -> str:
        """The root by which a header proves its block's receipts; "" where its kind is unknown.

        Raises:
            BadAnswer: The chain's headers are of a known kind, and this one does not hash to the hash it is given with.
            KeyError: It has no root.
        """
        if self._kind is None:
            with suppress(BadAnswer):  # a chain whose headers lack a common field is of an unknown kind
                self._kind = header_kind(header)
            if self._kind is None:
                return ""
        elif header_hash(header, self._kind) != unhex(header["hash"], 32):
            raise BadAnswer(
                f"the node gives a header of block {one_line(header['number'], 20)} that does not hash to the hash it"
                " is given with; ask another node"
            )
        return str(header["receiptsRoot"])

    # ------------------------------------------------------------------------------------------------------------ logs

    def pages(self, after: Header, last: int) -> Iterator[Page]:
        """All blocks after one up to a number, with their logs, a bounded part at a time.

        Args:
            after: The block before the first.
            last: The number of the last block.

        Raises:
            Moved: The chain is another one than it was a moment ago, or the node does not know a block yet.
            BadAnswer: The node contradicts itself, again and again.
        """
        while after.number < last:
            blocks = self.linked(after, min(last, after.number + _PAGE))
            if not blocks:
                raise Moved(f"block {after.number + 1} is not there, or does not follow on block {after.number}")
            for some in self._portions(blocks):
                yield Page(tuple(some), self._rows([block for block in some if self._may_have(block)]))
            after = blocks[-1]

    def _may_have(self, block: Block) -> bool:
        """Whether the block's bloom says that there may be a log of one of our contracts."""
        return any(block.bloom & bloom == bloom for bloom in self._blooms)

    def _portions(self, blocks: Sequence[Block]) -> Iterator[list[Block]]:
        some: list[Block] = []
        gas = 0
        for block in blocks:
            cost = block.gas if self._may_have(block) else 0
            if some and gas + cost > _GAS:
                yield some
                some, gas = [], 0
            some.append(block)
            gas += cost
        yield some

    def _rows(self, blocks: Sequence[Block]) -> LogRows:
        """The rows of some blocks' logs; what the node contradicts itself about is asked for again."""
        into = LogRows([], [])
        left = list(blocks)
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(0.05 * 2**attempt * (0.5 + random.random()))
            found, left, trouble = self._ask_logs(left)
            for some in found:
                into.events.extend(some.events)
                into.quarantine.extend(some.quarantine)
            if not left:
                if attempt:  # some came at a later try: back into the order of the chain
                    for rows in (into.events, into.quarantine):
                        rows.sort(key=lambda row: (row[2], row[1]))
                return into
        raise BadAnswer(f"the node contradicts itself about the logs of block {left[0].number}: {trouble}")

    def _ask_logs(self, blocks: Sequence[Block]) -> tuple[list[LogRows], list[Block], str]:
        """Ask once for the logs of some blocks.

        Returns:
            The rows of those blocks whose logs are sure, the other blocks, and why the last of these is not sure.

        Raises:
            Moved: The node does not have one of the blocks.
        """
        sure: list[LogRows] = []
        unsure: list[Block] = []
        why = ""
        receipts = self._receipts(blocks)
        told = self._logs([block for block in blocks if not block.receipts_root])
        for block, found in zip(blocks, receipts, strict=True):
            logs = None if block.receipts_root else next(told)
            if isinstance(found, Trouble) or found is None or (isinstance(logs, Trouble) and not logs.wants_less):
                raise Moved(f"the node does not give the receipts of block {block.number}: {_message(found, logs)}")
            try:
                sure.append(self._proven(block, found) if block.receipts_root else self._agreed(block, logs, found))
            except BadAnswer as trouble:
                unsure.append(block)
                why = str(trouble)
        return sure, unsure, why

    def _receipts(self, blocks: Sequence[Block]) -> list[Any]:
        """What the node answers, for each block, when it is asked for all receipts."""
        whole = [self._whole_blocks and len(block.transactions) <= _MANY for block in blocks]
        asked = [block for block, at_once in zip(blocks, whole, strict=True) if at_once]
        answers = self.endpoint.many([("eth_getBlockReceipts", ["0x" + block.hash.hex()]) for block in asked])
        if answers and isinstance(answers[0], Trouble) and answers[0].unknown_method:
            self._whole_blocks = False
            return self._single_receipts(blocks)
        singly = self._single_receipts([block for block, at_once in zip(blocks, whole, strict=True) if not at_once])
        parts = iter(answers), iter(singly)
        return [next(parts[0] if at_once else parts[1]) for at_once in whole]

    def _logs(self, blocks: Sequence[Block]) -> Iterator[Any]:
        """What the node answers, for each block, when it is asked for our logs."""
        wanted = self.sorter.addresses
        hashes = ["0x" + block.hash.hex() for block in blocks]
        return iter(self.endpoint.many([("eth_getLogs", [{"blockHash": h, "address": wanted}]) for h in hashes]))

    def _proven(self, block: Block, receipts: Any) -> LogRows:
        """The rows of a block's logs, where its receipts are those that its header's root is of.

        Raises:
            BadAnswer: They are not.
        """
        ours = self._logs_in_receipts(block, receipts)
        if not holds_receipts({"receiptsRoot": block.receipts_root}, receipts):
            raise BadAnswer("its receipts are not those that its header proves: one is changed, or a log left out")
        return self._put(block, ours)

    def _agreed(self, block: Block, logs: Any, receipts: Any) -> LogRows:
        """The rows of a block's logs, where its receipts and the answer to ``eth_getLogs`` agree.

        Raises:
            BadAnswer: They do not, or the receipts are not those of the block.
        """
        ours = self._logs_in_receipts(block, receipts)
        rows = self._put(block, ours)
        # Where one block has more logs than the node gives at once, its receipts have them all.
        if not isinstance(logs, Trouble) and logs != ours and self._put(block, logs) != rows:
            raise BadAnswer("what its receipts have and what eth_getLogs gives are not the same")
        return rows

    def _single_receipts(self, blocks: Sequence[Block]) -> list[Any]:
        """For nodes that do not give a block's receipts at once."""
        hashes = [tx for block in blocks for tx in block.transactions]
        answers = iter(self.endpoint.many([("eth_getTransactionReceipt", [tx]) for tx in hashes]))
        found: list[Any] = []
        for block in blocks:
            some = [next(answers) for _ in block.transactions]
            bad = next((answer for answer in some if answer is None or isinstance(answer, Trouble)), some)
            found.append(bad)
        return found

    def _logs_in_receipts(self, block: Block, receipts: Any) -> list[Mapping[str, Any]]:
        """Our logs as a block's receipts have them, where those are complete.

        Raises:
            BadAnswer: They are not.
        """
        try:
            if [r["transactionHash"] for r in receipts] != list(block.transactions):
                raise BadAnswer("there is not one receipt for each of its transactions")
            if any(log["transactionHash"] != r["transactionHash"] for r in receipts for log in r["logs"]):
                raise BadAnswer("a log in its receipts is of another transaction than its receipt")
            logs = [log for receipt in receipts for log in receipt["logs"]]
            ours = self.sorter.of(logs)
            places = [number(log["logIndex"]) for log in logs]
        except (AttributeError, KeyError, TypeError, ValueError) as trouble:
            raise BadAnswer(f"its receipts are none: {one_line(trouble)}") from None
        if places != list(range(len(places))):
            raise BadAnswer("the logs of its receipts are not numbered without a hole")
        if not block.receipts_root:
            self._compare_blooms(block, receipts, logs, ours)
        return ours

    def _compare_blooms(
        self, block: Block, receipts: Any, logs: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]
    ) -> None:
        """Compare a header's bloom with its receipts, where the receipts root cannot be compared.

        Raises:
            BadAnswer: They contradict each other.
        """
        try:
            bloom = union(int.from_bytes(unhex(receipt["logsBloom"], 256)) for receipt in receipts)
            short = self._seems_short(block, ours)
        except (AttributeError, KeyError, TypeError, ValueError) as trouble:
            raise BadAnswer(f"its receipts are none: {one_line(trouble)}") from None
        if bloom != block.bloom:
            raise BadAnswer("its receipts are not those of its header")
        # The bloom of a whole block takes a hash for each topic of each log: only where something seems to be missing.
        if short and bloom_of_logs(logs) != block.bloom:
            raise BadAnswer("its header speaks of logs that its receipts do not have")

    def _seems_short(self, block: Block, mine: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the bloom has one of our contracts, or one of its events, that no log is of."""
        there = {(log["address"].lower(), topic) for log in mine for topic in (None, *log["topics"][:1])}
        bloom = block.bloom
        for address, own, events in self._signs:
            if bloom & own != own:
                continue
            if (address, None) not in there:
                return True
            if any(bloom & sign == sign and (address, topic) not in there for topic, sign in events):
                return True
        return False

    def _put(self, block: Block, logs: Any) -> LogRows:
        if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
            raise BadAnswer("its logs are none")
        rows = LogRows([], [])
        self.sorter.put(block, logs, rows)
        return rows


def _sure(what: str, reading: Callable[[Any], Any], answer: Any) -> Any:
    if isinstance(answer, Trouble):
        raise Unreachable(f"the node answers, when asked for {what}: {answer.message}")
    try:
        return reading(answer)
    except (TypeError, ValueError) as trouble:
        raise BadAnswer(f"the node's answer about {what} is malformed: {one_line(trouble)}") from None


def _message(*answers: Any) -> str:
    return next((answer.message for answer in answers if isinstance(answer, Trouble)), "it does not know the block")
