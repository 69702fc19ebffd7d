"""The audit: the index beside the contracts' storage, and beside an index that is built anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from salus.abi.decoding import decode_event, plain
from salus.errors import IndexTrouble, SalusError, gate, one_line
from salus.index import _tables as t
from salus.index._compare import Difference, compare
from salus.index._store import subjects
from salus.index._sync import Indexer, Report
from salus.index.expected_state import TRUTHS, Expected, Heard

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.index._store import Cursor, Store

__all__ = ["Audit", "audit"]

_AT_ONCE = 200  # views asked in one call of the client, which makes batches of them


@dataclass
class Audit:
    """What an audit found.

    Attributes:
        block: The block at which all was compared.
        views: How many answers of each contract were compared with the events.
        without: Contracts whose storage nothing here compares.
        rebuilt: Whether the index was compared with one that was built anew.
        differences: What is not the same.
    """

    block: int
    views: dict[str, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    rebuilt: bool = False
    differences: list[Difference] = field(default_factory=list)


def audit(
    ledger: Ledger, store: Store, url: str, *, rebuild: bool = True, heard: Callable[[Report], None] | None = None
) -> Audit:
    """Compare an index with the chain, at the block up to which it speaks.

    Args:
        salus: A client of the chain; its own index is not used.
        url: The node, for the index that is built anew.
        rebuild: Whether to build one and compare all tables byte for byte.
        heard: Called as that one grows.

    Raises:
        IndexTrouble: The index is none of the book, or its last block is not on the chain: sync first.
        Unreachable: The node does not answer; one that has forgotten the state at that block does not either.
    """
    at = store.cursor()
    if at is None or (why := store.misfit(ledger.book)):
        why = "it was never filled" if at is None else why
        raise IndexTrouble(f"the index {store.shown} is not one of this book: {why}; run `salus index rebuild`")
    _stands(ledger, at, store)
    found = Audit(at.block)
    if broken := store.check():
        found.differences.append(Difference("database", store.shown, broken, "a file that is whole"))
    names = [row["name"] for row in subjects(ledger.book)]
    found.without = tuple(name for name in names if name not in TRUTHS)
    truths = {name: TRUTHS[name]() for name in names if name in TRUTHS}
    for event in _events(store):
        for name, truth in truths.items():
            try:
                truth.hear(event)
            except KeyError:
                # An event that goes on with something which, so the index, never began.
                what = f"{event.contract}.{event.name}"
                args = _words(tuple(event.args.values()))
                found.differences.append(Difference(what, args, "an event", f"nothing of {name} that it follows on"))
    for name, truth in truths.items():
        expected = list(truth.told())
        found.views[name] = len(expected)
        for first in range(0, len(expected), _AT_ONCE):
            found.differences += _against(ledger, name, expected[first : first + _AT_ONCE], at.block)
    if rebuild:
        found.differences += _anew(ledger, store, at, url, heard)
        found.rebuilt = True
    # What was asked by the block's number was asked of this block only if it still is that one.
    _stands(ledger, at, store)
    return found


def _stands(ledger: Ledger, at: Cursor, store: Store) -> None:
    with gate(f"asking for block {at.block}"):
        there = bytes(ledger.w3.eth.get_block(at.block)["hash"])
    if there != at.hash:
        raise IndexTrouble(
            f"block {at.block}, up to which the index {store.shown} speaks, is another one on the chain now;"
            " run `salus index sync`, then the audit again"
        )


def _events(store: Store) -> Iterator[Heard]:
    """Every event of the index, in the order of the chain."""
    e = t.events.c
    columns = (e.contract, e.topic0, e.topic1, e.topic2, e.topic3, e.data, t.blocks.c.time)
    query = select(*columns).join(t.blocks, t.blocks.c.hash == e.block_hash).order_by(e.block, e.log_index)
    with store.reading() as connection:
        for row in connection.execution_options(yield_per=1000).execute(query):
            topics = [bytes(topic) for topic in row[1:5] if topic is not None]
            try:
                decoded = decode_event(row.contract, topics, bytes(row.data))
            except ValueError:
                decoded = None
            # What was changed in the file so that it fits no more, the comparison with a fresh index shows.
            if decoded is not None:
                yield Heard(row.contract, decoded[0], decoded[1], row.time)


def _against(ledger: Ledger, contract: str, expected: Sequence[Expected], block: int) -> Iterator[Difference]:
    """The differences between what views must answer and what they do."""
    for view in dict.fromkeys(one.view for one in expected):
        some = [one for one in expected if one.view == view]
        try:
            answers = ledger.calls(contract, view, [one.args for one in some], block=block)
        except SalusError as trouble:
            if trouble.exit_code == 3:  # the node, not the contract
                raise
            yield Difference(f"{contract}.{view}", f"{len(some)} of them", "an answer", one_line(trouble))
            continue
        for one, answer in zip(some, answers, strict=True):
            told, there = _parts(one.value, answer)
            if told != there:
                yield Difference(f"{contract}.{view}", _words(one.args), _words(told), _words(there))


def _parts(value: Any, answer: Any) -> tuple[Any, Any]:
    """Those parts of an expectation and of an answer that differ."""
    if isinstance(value, frozenset):
        return (answer, answer) if answer in value else (sorted(value), answer)
    if not isinstance(value, Mapping):
        return value, answer
    there = {name: getattr(answer, name, None) for name in value}
    differing = [name for name in value if _even(value[name]) != _even(there[name])]
    return {name: value[name] for name in differing}, {name: there[name] for name in differing}


def _even(value: Any) -> Any:
    return tuple(_even(item) for item in value) if isinstance(value, (list, tuple)) else value


def _words(value: Any) -> str:
    return one_line(
        plain(value) if not isinstance(value, tuple) else ", ".join(str(plain(item)) for item in value), 300
    )


def _anew(
    ledger: Ledger, store: Store, at: Cursor, url: str, heard: Callable[[Report], None] | None
) -> Iterator[Difference]:
    with tempfile.TemporaryDirectory(prefix="salus-audit-") as folder:
        with Indexer(url, ledger.book, Path(folder) / "fresh.sqlite", window=at.window) as indexer:
            indexer.sync(upto=at.block, heard=heard)
            yield from compare(store, indexer.store)
