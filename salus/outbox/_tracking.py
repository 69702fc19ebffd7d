"""What became of transactions that were sent: receipts, which transaction replaced one, and how deep a block is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salus.chain.headers import encoded_transaction, holds_transactions
from salus.chain.proof import Contradiction, Proof, check_header, comparable, prove_block
from salus.chain.rpc import Call, Trouble, number
from salus.errors import BadAnswer, Refused, Reverted, SalusError, Unreachable
from salus.outbox._items import State
from salus.outbox._nodes import Nodes
from salus.outbox._outcomes import Cancelled, Mined, mined_of
from salus.outbox._rows import Attempt, Row

__all__ = ["Tracker"]

_READ_AT_ONCE = 500  # blocks, in one look for who used a nonce
_FULL_BLOCKS = 20  # with their transactions, in one message
_BLOCKS = 8  # with their receipts, in one message
# How many receipts are asked for at once: one shows a block that may hold many others.
_FIRST_HINTS, _MOST_HINTS = 16, 100
# A block may be replaced between two questions: an endpoint that contradicts itself is asked again after this pause
# before it is left for another.
_PAUSE = 0.05
_TALL = 1 << 63  # no number of a block, or of gas, is as high


@dataclass(slots=True)
class _Pass:
    """One look for transactions at one endpoint.

    Attributes:
        own: Signed bytes by hash.
        left: The hashes that are not found yet, in order.
        found: What is in a block, by hash.
        doubts: What did not fit.
        behind: Whether the endpoint does not have a block that another one has.
    """

    own: Mapping[str, bytes]
    left: dict[str, None]
    found: dict[str, Mined] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    behind: bool = False

    def take(self, receipts: Mapping[str, Mapping[str, Any]], proof: Proof) -> None:
        """Note receipts by hash."""
        for hash_, raw in receipts.items():
            self.found[hash_] = mined_of(raw, proof)
            self.left.pop(hash_, None)


class Tracker:
    """Looks for transactions of one account.

    Args:
        nodes: The endpoints.
        account: The account.
        confirmations: Blocks, its own included, after which a block counts as final; None to take the node's word.

    Attributes:
        doubt: What did not fit at the last look for receipts; None where all did.
    """

    def __init__(self, nodes: Nodes, account: str, confirmations: int | None) -> None:
        self._nodes, self._account, self._confirmations = nodes, account, confirmations
        self._by_block = True  # until a node says that it cannot
        self.doubt: Contradiction | None = None
        self._unread: dict[int, int] = {}  # of a nonce whose user is searched: the highest block that is not read yet

    def now(self) -> tuple[int, int]:
        """How many transactions of the account are in blocks, and the latest block's number.

        An endpoint whose answer is no number is left for the next one.

        Raises:
            BadAnswer: No endpoint gives numbers.
        """
        asked: list[Call] = [("eth_getTransactionCount", [self._account, "latest"]), ("eth_blockNumber", [])]
        turns = 2 * self._nodes.count
        while True:
            count, head = self._nodes.ask(asked)
            try:
                return number(count, "the nonce", most=1 << 64), number(head, "the latest block", most=_TALL)
            except BadAnswer as trouble:
                turns -= 1
                if not turns:
                    raise
                self._nodes.contradict(str(trouble))
                time.sleep(_PAUSE)

    # ----------------------------------------------------------------------------------------------------- receipts

    def receipts(
        self, wanted: Mapping[str, bytes | None], blocks: range = range(0), *, everywhere: bool = False
    ) -> dict[str, Mined]:
        """Those of some transactions that are in a block, by hash; only what is believed, see :class:`Proof`.

        An endpoint that contradicts itself is left for the next one, and noted in :attr:`Nodes.contradictions`. What no
        endpoint can show is not given, and :attr:`doubt` says why.

        Args:
            wanted: Signed bytes by hash; None of transactions that are not ours.
            blocks: Where they most likely are, if few blocks hold many of them: then whole blocks are asked for.
            everywhere: Whether the other endpoints are asked too for what the first one does not have.
        """
        own = {hash_: raw for hash_, raw in wanted.items() if raw is not None}
        found: dict[str, Mined] = {}
        self.doubt = None
        for turn in range(2 * self._nodes.count):
            one = _Pass(own, {hash_: None for hash_ in wanted if hash_ not in found})
            self._look(one, blocks, everywhere)
            found |= one.found
            if one.behind and not one.doubts:
                self._nodes.pass_on()
                continue
            if not one.doubts:
                break
            self.doubt = Contradiction(
                f"the node at {self._nodes.asked} contradicts itself: {one.doubts[0]}; it may lie"
            )
            if turn % 2:
                self._nodes.contradict(one.doubts[0])
            time.sleep(_PAUSE)
        found = self._undisputed(found)
        if len(found) == len(wanted):
            self.doubt = None
        return found

    def _look(self, one: _Pass, blocks: range, everywhere: bool) -> None:
        """Look once, at the endpoint that is asked now."""
        several = blocks.stop - blocks.start
        if self._by_block and several > 0 and (several == 1 or several * 2 <= len(one.left)):
            for start in range(blocks.start, blocks.stop, _BLOCKS):
                self._read_blocks(one, range(start, min(start + _BLOCKS, blocks.stop)))
        size, left = _FIRST_HINTS, list(one.left)
        while left:
            some, left = left[:size], left[size:]
            self._read_hints(one, some, everywhere)
            size, left = min(size * 2, _MOST_HINTS), [hash_ for hash_ in left if hash_ in one.left]

    def _read_hints(self, one: _Pass, hashes: Sequence[str], everywhere: bool) -> None:
        """Ask for receipts one by one: they say which blocks to read."""
        asked: list[Call] = [("eth_getTransactionReceipt", [hash_]) for hash_ in hashes]
        # Some nodes say "null", some that they do not know it.
        told = {h: a for h, a in zip(hashes, self._nodes.ask(asked), strict=True) if isinstance(a, Mapping)}
        if everywhere and len(told) < len(hashes):
            for _, answers in self._nodes.others(asked):
                told |= {h: a for h, a in zip(hashes, answers, strict=True) if h not in told and isinstance(a, Mapping)}
        if self._nodes.header_kind is None:
            self._compare(one, told)
            return
        places = _blocks_of(one, told)
        blocks = sorted(places)
        for start in range(0, len(blocks), _BLOCKS):
            some = blocks[start : start + _BLOCKS]
            there = self._read_blocks(one, some)
            one.behind |= everywhere and not there.issuperset(some) and self._nodes.count > 1
            one.doubts += [
                f"block {block} does not have {hash_}, whose receipt says so"
                for block in some
                for hash_ in places[block]
                if block in there and hash_ in one.left
            ]

    # -------------------------------------------------------------------------------------------------- whole blocks

    def _read_blocks(self, one: _Pass, blocks: Sequence[int]) -> set[int]:
        """Read blocks with all that is in them; of which the endpoint has them, and nothing was found that does not
        fit.
        """
        kind = self._nodes.header_kind
        asked: list[Call] = [("eth_getBlockByNumber", [hex(block), False]) for block in blocks]
        if self._by_block:
            asked += [("eth_getBlockReceipts", [hex(block)]) for block in blocks]
        answers = self._nodes.ask(asked)
        there = set()
        for n, block in enumerate(blocks):
            header = answers[n]
            if not isinstance(header, Mapping):
                continue  # there is no such block, or not any more
            try:
                check_header(header, kind, block)
                receipts = answers[len(blocks) + n] if self._by_block else None
                if isinstance(receipts, Trouble):
                    # ganache, and nodes of before 2023
                    self._by_block = False
                if self._read_block(one, block, header, receipts if isinstance(receipts, list) else None):
                    there.add(block)
            except Unreachable as trouble:
                if not isinstance(trouble, BadAnswer):
                    raise
                one.doubts.append(str(trouble))
        return there

    def _read_block(self, one: _Pass, height: int, block: Mapping[str, Any], receipts: Sequence[Any] | None) -> bool:
        """Take what is wanted from a block; whether the endpoint has all of it.

        Args:
            one: The look.
            height: The block's number.
            block: Its header, with the hashes of its transactions.
            receipts: All of the block's; None where they are still to be asked for.

        Raises:
            BadAnswer: Something does not fit.
        """
        told = block.get("transactions")
        if not isinstance(told, list):
            raise BadAnswer("the node gave a block without its transactions")
        hashes = [str(hash_).lower() for hash_ in told]
        wanted = [hash_ for hash_ in hashes if hash_ in one.left]
        if not wanted:
            return True
        if receipts is None:
            receipts = self._nodes.ask([("eth_getTransactionReceipt", [hash_]) for hash_ in hashes])
            if not all(isinstance(receipt, Mapping) for receipt in receipts):
                return False  # some come a moment later than the block
        if self._nodes.header_kind is None:
            proven = None
        else:
            if any(hash_ not in one.own for hash_ in hashes):
                (whole,) = self._nodes.ask([("eth_getBlockByNumber", [hex(height), True])])
                if not isinstance(whole, Mapping) or whole.get("hash") != block["hash"]:
                    return False
                block = check_header(whole, self._nodes.header_kind, height)
            proven = prove_block(block, receipts, one.own, wanted)
        if proven is None:
            pairs = zip(hashes, receipts, strict=False)
            self._compare(one, {hash_: raw for hash_, raw in pairs if hash_ in one.left and isinstance(raw, Mapping)})
        else:
            one.take(proven, Proof.PROVEN)
        return True

    def _undisputed(self, found: dict[str, Mined]) -> dict[str, Mined]:
        """What is in a block on whose hash all endpoints that have it agree."""
        if self._nodes.count == 1 or not found:
            return found
        disputed = self._nodes.disputed({mined.block: mined.block_hash for mined in found.values()})
        if disputed:
            self.doubt = Contradiction(f"the nodes contradict one another: {next(iter(disputed.values()))}")
        return {hash_: mined for hash_, mined in found.items() if mined.block not in disputed}

    # --------------------------------------------------------------------------------------------------- comparing

    def _compare(self, one: _Pass, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Take receipts that cannot be proven, where every endpoint that answers says the same; that of the only one
        is taken on trust.
        """
        asked: list[Call] = [("eth_getTransactionReceipt", [hash_]) for hash_ in told]
        said = [dict(zip(told, answers, strict=True)) for _, answers in self._nodes.others(asked)]
        for hash_, raw in told.items():
            try:
                mine = comparable(raw)
                if raw["transactionHash"].lower() != hash_:
                    raise Contradiction(f"the receipt of another transaction was given for {hash_}")
                theirs = [answers[hash_] for answers in said]
                if not all(isinstance(answer, Mapping) for answer in theirs):
                    continue  # one is behind
                if any(comparable(answer) != mine for answer in theirs):
                    raise Contradiction(f"the nodes say different things of {hash_}")
                one.take({hash_: raw}, Proof.COMPARED if theirs else Proof.TRUSTED)
            except BadAnswer as trouble:
                one.doubts.append(str(trouble))

    # -------------------------------------------------------------------------------------------------- who took it

    def find_replacement_tx(self, nonce: int, since: int, head: int) -> tuple[str, int] | None:
        """The transaction that used a nonce, and its block; None where it is not found yet.

        A node has the state of the last blocks only, unless it is an archive. Where the nonce was used before them, the
        blocks themselves are read, some at each call, the newest first.

        Args:
            nonce: The nonce.
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
                for transaction in self._of_account(block):
                    if number(transaction.get("nonce"), "a nonce") == nonce:
                        return self._signed_by_us(transaction, block, at)
        return None

    def _of_account(self, block: Any) -> Iterator[Mapping[str, Any]]:
        transactions = block.get("transactions") if isinstance(block, Mapping) else None
        for transaction in transactions if isinstance(transactions, list) else ():
            if isinstance(transaction, Mapping) and str(transaction.get("from")).lower() == self._account.lower():
                yield transaction

    def _signed_by_us(
        self, transaction: Mapping[str, Any], block: Mapping[str, Any], at: int
    ) -> tuple[str, int] | None:
        """A transaction's hash and block, where the account's key has signed it and the block has it; an item is never
        called lost for less.
        """
        from eth_hash.auto import keccak

        try:
            raw = encoded_transaction(transaction)
            if raw is None:
                return None
            check_header(block, self._nodes.header_kind, at)
            if self._nodes.header_kind is not None:
                all_ = [encoded_transaction(one) for one in block["transactions"]]
                known = [one for one in all_ if one is not None]
                if len(known) == len(all_) and not holds_transactions(block, known):
                    raise Contradiction(f"the transactions of block {at} do not fit its header")
            hash_ = "0x" + keccak(raw).hex()
            if _signer(raw) != self._account.lower():
                raise Contradiction(f"block {at} has {hash_}, which {self._account} has not signed")
        except BadAnswer as trouble:
            self._nodes.contradict(str(trouble))
            return None
        return hash_, at

    def record(self, row: Row, attempts: Sequence[Attempt], mined: Mined) -> bool:
        """Note in which block an item is, and how it went there; whether that is believed.

        A failure that is not proven is not believed where the same call does not fail: whoever gave the item again
        would have it done twice.

        Args:
            row: The item, which is changed.
            attempts: Its attempts.
            mined: The attempt that is in a block.
        """
        attempt = next(a for a in attempts if a.hash == mined.hash)
        state = State.INCLUDED
        error: SalusError | None = None
        if attempt.cancels:
            state, error = State.LOST, Cancelled(row.item.key, mined.hash, mined.block)
        elif not mined.succeeded:
            state, error = State.FAILED, self._reason(row, mined, attempt.gas)
            if error is None:
                self.doubt = Contradiction(
                    f"the node at {self._nodes.asked} says that {mined.hash} failed in block {mined.block}, and the"
                    " same call does not fail there; it may lie"
                )
                self._nodes.contradict(f"{mined.hash} failed in block {mined.block}, and the same call does not")
                return False
        row.block, row.block_hash, row.mined, row.gas_used = mined.block, mined.block_hash, mined.hash, mined.gas_used
        row.deep, row.state, row.error, row.proof = False, state, error, mined.proof
        return True

    def _reason(self, row: Row, mined: Mined, gas: int) -> SalusError | None:
        """Why a transaction failed in its block: the same call on the state after it tells, else on the one before.
        None where neither does, and the failure is not proven.
        """
        item, name = row.item, row.item.name or row.item.key
        call = {"from": self._account, "to": item.to, "data": "0x" + item.data.hex(), "value": hex(item.value)}
        call["gas"] = hex(gas)
        proven, blocks = mined.proof is Proof.PROVEN, [mined.block]
        if not proven and mined.block:
            blocks.append(mined.block - 1)
        answers = self._nodes.ask([("eth_call", [call, hex(block)]) for block in blocks])
        answer = next((a for a in answers if isinstance(a, Trouble) and a.revert is not None), answers[0])
        if isinstance(answer, Trouble) and answer.revert is not None:
            reason = answer.error(f"asking why {name} failed")
        elif not proven and not isinstance(answer, Trouble):
            return None
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
        """The highest block that counts as final; -1 where none does.

        Args:
            head: The latest block's number.
        """
        which = "latest" if self._confirmations is not None else "finalized"
        (block,) = self._nodes.ask([("eth_getBlockByNumber", [which, False])])
        if not isinstance(block, Mapping):
            return -1  # nothing is final yet, or the node has no word for it
        try:
            there = number(check_header(block, self._nodes.header_kind)["number"], "the final block", most=_TALL)
        except BadAnswer as trouble:
            self._nodes.contradict(str(trouble))
            return -1
        return there if self._confirmations is None else min(head, there) - self._confirmations + 1

    def on_chain(self, blocks: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Of blocks by number and hash those on whose hash all nodes that have them agree."""
        numbers = sorted({block for block, _ in blocks})
        hashes = dict(zip(numbers, self._nodes.agree_on(numbers) if numbers else [], strict=True))
        return {(block, hash_) for block, hash_ in blocks if hashes[block] == hash_}


def _blocks_of(one: _Pass, told: Mapping[str, Mapping[str, Any]]) -> dict[int, list[str]]:
    """The transactions of each block, as their receipts say; a receipt that does not fit is noted as a doubt."""
    places: dict[int, list[str]] = {}
    for hash_, answer in told.items():
        try:
            if str(answer.get("transactionHash")).lower() != hash_:
                raise Contradiction(f"the receipt of another transaction was given for {hash_}")
            places.setdefault(number(answer.get("blockNumber"), "a receipt's block", most=_TALL), []).append(hash_)
        except BadAnswer as trouble:
            one.doubts.append(str(trouble))
    return places


def _signer(raw: bytes) -> str:
    """Who signed a transaction, in lower case; empty where the signature is none."""
    from eth_account import Account

    try:
        return str(Account.recover_transaction(raw)).lower()
    except Exception:  # of several libraries, whose errors have no common kind
        return ""
