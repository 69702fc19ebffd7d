"""Nonces that the account used and this outbox's file does not know: who used them, and for what.

A file that was restored from a backup, or deleted, has forgotten what was sent since. So each such transaction is read
before anything is signed. One that does what a queued item is to do (receiver, value and data) is that item's: it is
adopted and not done again. One that calls what the items of this outbox call, and is no item's, may be an item that is
given later: nothing is signed until it is given, or until the user says that the transaction is none.

What the file has forgotten may also wait at a node above a gap, where no node shows it, and be carried out as soon as
the gap is filled. The journal of the key tells its nonces. They are used up before anything else is signed: by the
forgotten transactions, which are then read like the others, or by transfers of nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.chain.headers import encoded_transaction
from salus.chain.nonces import Given
from salus.chain.rpc import number
from salus.errors import BadAnswer, BadInput, NodeRefused
from salus.outbox._items import digest_of
from salus.outbox._rows import Attempt, Foreign
from salus.outbox._survey import Survey

if TYPE_CHECKING:
    from salus.outbox._dispatch import Flight
    from salus.outbox._run import Run

__all__ = ["Gap", "claims_nonce", "examine", "expect_explained", "waiting"]

_FULL_BLOCKS = 20  # with their transactions, in one message
_PAUSE = 0.2
_HIDDEN = 2.0  # seconds after which what no node shows waits above a gap, or nowhere


@dataclass(frozen=True)
class Gap:
    """Nonces that no transaction fills, below what an outbox has signed: nothing above them is mined.

    Attributes:
        first, last: The nonces, both included.
        by: The hash of a transaction from elsewhere that was seen to wait with the first of them, or None.
    """

    first: int
    last: int
    by: str | None = None


def examine(run: Run, own: int, survey: Survey, first: int, given: Given) -> set[int]:
    """Read who used the nonces that the file does not know; under the key's lock.

    Args:
        run: The run.
        own: The next nonce by the outbox's file.
        survey: The account as the node sees it.
        first: The next nonce to be given away.
        given: What the holders of the key's lock tell each other.

    Returns:
        The nonces that the file has forgotten and that no node shows.

    Raises:
        NodeRefused: One waits for a block, and the node does not tell what it is.
    """
    unknown, forgotten = _unknown(run, own, survey, first, given)
    unknown -= run.store.read_foreign()
    began = time.monotonic()
    while unknown:
        mined = {nonce for nonce in unknown if nonce < survey.count}
        found: dict[int, Foreign] = {}
        try:
            if mined:
                found = _mined(run, mined, survey.head)
            if left := unknown - mined:
                there = waiting(run, left)
                found |= there
                if not own:
                    unknown &= set(there) | mined | forgotten  # nothing else that waits is a new file's
        except BadAnswer as trouble:
            if time.monotonic() - began > run.settings.patience:
                raise
            run.nodes.contradict(str(trouble))
        run.store.note_foreign(found.values())
        unknown -= set(found)
        waited = time.monotonic() - began
        if not unknown or (waited > _HIDDEN and unknown <= forgotten and min(unknown) >= survey.pending):
            return unknown
        if waited > run.settings.patience:
            raise NodeRefused(
                f"nonce {min(unknown)} of {run.account} was used by a transaction that this outbox did not send, and"
                " the node does not tell which; nothing is signed. Wait until it is in a block, or ask another node,"
                " then `salus outbox resume`",
                name="ForeignNonce",
            )
        time.sleep(_PAUSE)
        survey = run.nodes.survey(run.account, own)
    return set()


def _unknown(run: Run, own: int, survey: Survey, first: int, given: Given) -> tuple[set[int], set[int]]:
    """The nonces that neither the file nor the journal of the key explains; and those that the journal gives to this
    outbox, be they above all that the node counts.
    """
    me = run.store.giver
    upto = max(first, given.end_for(me))
    givers = given.givers(own, upto)
    forgotten = {nonce for nonce, giver in givers.items() if giver.may_be(me)}
    # Of a new file: of what is in blocks only that was its own which the journal gives to a file in its place.
    unexplained = range(own if own else survey.count, first)
    return forgotten | {nonce for nonce in unexplained if nonce not in givers}, forgotten


def _mined(run: Run, nonces: set[int], head: int) -> dict[int, Foreign]:
    """The account's transactions of some nonces that are in blocks, as far as they are found by now."""
    since, upto = run.store.around(min(nonces), head)
    ends = [run.tracker.find_replacement_tx(nonce, since, upto) for nonce in (min(nonces), max(nonces))]
    if None in ends:
        return {}
    (_, lowest), (_, highest) = (end for end in ends if end is not None)
    found: dict[int, Foreign] = {}
    for start in range(lowest, highest + 1, _FULL_BLOCKS):
        blocks = range(start, min(start + _FULL_BLOCKS, highest + 1))
        answers = run.nodes.ask([("eth_getBlockByNumber", [hex(block), True]) for block in blocks])
        for block, answer in zip(blocks, answers, strict=True):
            found |= _of_block(run, answer, nonces, block)
    return found


def waiting(run: Run, nonces: Iterable[int]) -> dict[int, Foreign]:
    """The account's transactions of some nonces that wait for a block, as far as the node tells them.

    Args:
        run: The run.
        nonces: The nonces.
    """
    (block,) = run.nodes.ask([("eth_getBlockByNumber", ["pending", True])])
    return _of_block(run, block, set(nonces), None)


def _of_block(run: Run, block: Any, nonces: set[int], at: int | None) -> dict[int, Foreign]:
    rows = block.get("transactions") if isinstance(block, Mapping) else None
    found: dict[int, Foreign] = {}
    for told in rows if isinstance(rows, list) else []:
        if not isinstance(told, Mapping) or str(told.get("from")).lower() != run.account.lower():
            continue
        if (nonce := number(told.get("nonce"), "a nonce")) in nonces:
            found[nonce] = _foreign(told, nonce, at)
    return found


def _foreign(told: Mapping[str, Any], nonce: int, block: int | None) -> Foreign:
    """A transaction as a node tells it, by what it does and by its bytes."""
    from eth_utils.crypto import keccak

    raw, hash_ = encoded_transaction(told), str(told.get("hash")).lower()
    if raw is not None and "0x" + keccak(raw).hex() != hash_:
        raise BadAnswer(f"the node tells a transaction that has not the hash {hash_}")
    try:
        target = bytes.fromhex(str(told.get("to") or "0x")[2:])
        data = bytes.fromhex(str(told.get("input", told.get("data")))[2:])
    except ValueError:
        raise BadAnswer(f"the node tells the transaction {hash_} without its call") from None
    digest = digest_of(target, number(told.get("value"), "a value"), data)
    tip = told.get("maxPriorityFeePerGas")
    price = told.get("maxFeePerGas", told.get("gasPrice")) if tip is not None else told.get("gasPrice")
    attempt = Attempt(
        hash_,
        raw or b"",
        number(told.get("gas"), "the gas of a transaction", most=1 << 64),
        number(price, "the price of gas"),
        None if tip is None else number(tip, "the tip"),
    )
    return Foreign(nonce, block, digest, target, attempt)


def expect_explained(run: Run, book: frozenset[bytes]) -> None:
    """Check that no transaction from elsewhere may be an item that is only given later.

    Args:
        run: The run.
        book: The addresses of the book's contracts.

    Raises:
        BadInput: One calls what items of the outbox call, and is no item's.
    """
    open_ = run.store.unclaimed()
    if not open_:
        return
    targets = book | run.store.targets()
    for foreign in open_:
        if foreign.target in targets:
            where = "waits for a block" if foreign.block is None else f"is in block {foreign.block}"
            raise BadInput(
                run.store.path,
                f"nonce {foreign.nonce}",
                f"was used by {foreign.attempt.hash}, which {where} and which no item of this outbox explains: the file"
                " was restored from a backup or replaced, or the key is used elsewhere. Nothing is signed. Give the"
                " items that were given since then, all in one list: those that were done are recognised. If it is"
                " none of them, run `salus outbox resume --accept-foreign`",
            )


def claims_nonce(run: Run, flight: Flight, hash_: str, block: int) -> bool:
    """Whether a transaction that used an item's nonce does what the item is to do: then it is an attempt of the item,
    signed with a raised fee after the backup that the file was restored from.

    Else it may be what the file has forgotten, and is noted for the items that are given later; but not where another
    outbox on this host was given the nonce.

    Args:
        run: The run.
        flight: The item.
        hash_: The transaction's hash.
        block: Its block's number.
    """
    (told,) = run.nodes.ask([("eth_getTransactionByHash", [hash_])])
    row = flight.row
    if not isinstance(told, Mapping) or str(told.get("hash")).lower() != hash_ or row.nonce is None:
        return False
    foreign = _foreign(told, row.nonce, block)
    if foreign.attempt.raw and foreign.digest == row.item.digest():
        run.store.adopt_attempt(row.id, foreign.attempt)
        flight.attempts = run.store.attempts([row])[row.id]
        return True
    with run.lock() as given:
        elsewhere = given.is_given_elsewhere(row.nonce, run.store.giver)
    if not elsewhere:
        run.store.note_foreign([foreign])
    return False
