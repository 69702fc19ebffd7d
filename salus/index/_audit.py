"""The audit: the index compared with the contracts' storage, and with a fresh index."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from salus.abi.decoding import decode_event, plain
from salus.chain.rpc import data
from salus.errors import IndexTrouble, SalusError, one_line
from salus.index import _tables as t
from salus.index._compare import Difference, compare
from salus.index._headers import subjects
from salus.index._sync import Indexer, Report
from salus.index.expected_state import STATE_MODELS, EventRecord, Expected, StateModel

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.index._headers import Cursor
    from salus.index._store import Store

__all__ = ["Audit", "audit"]

_AT_ONCE = 200  # views asked in one call of the client, which makes batches of them


@dataclass
class Audit:
    """What an audit found.

    Attributes:
        block: The block at which all was compared.
        views: How many answers of each contract were compared with the events.
        without: Contracts whose storage is not compared, for they have no state model.
        rebuilt: Whether the index was compared with a fresh one.
        differences: What is not the same.
    """

    block: int
    views: dict[str, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    rebuilt: bool = False
    differences: list[Difference] = field(default_factory=list)


def audit(
    ledger: Ledger, store: Store, url: str, *, rebuild: bool = True, on_change: Callable[[Report], None] | None = None
) -> Audit:
    """Compare an index with the chain, at the last block of the index.

    Args:
        ledger: The chain and the book; its own index is not used.
        store: The index.
        url: The node's JSON-RPC, for the fresh index.
        rebuild: Whether to build a fresh index and compare all tables byte for byte.
        on_change: Called after each change of the fresh index, with the report so far.

    Returns:
        What was compared, and each difference.

    Raises:
        IndexTrouble: The index is not one of the book, or its last block is not on the chain: sync first.
        Unreachable: The node does not answer; one that has no state of that block any more does not either.
    """
    at = store.cursor()
    if at is None or (why := store.misfit(ledger.book)):
        why = "it was never filled" if at is None else why
        raise IndexTrouble(f"the index {store.display_name} is not one of this book: {why}; run `salus index rebuild`")
    _expect_on_chain(ledger, at, store)
    found = Audit(at.block)
    if broken := store.check():
        found.differences.append(Difference("database", store.display_name, broken, "a file that is whole"))
    _compare_views(ledger, store, found)
    if rebuild:
        found.differences += _against_fresh(ledger, store, at, url, on_change)
        found.rebuilt = True
    # What was asked by the block's number was asked of this block only if it still is that one.
    _expect_on_chain(ledger, at, store)
    return found


def _compare_views(ledger: Ledger, store: Store, found: Audit) -> None:
    """Compare what each contract's views answer with what its events say that they must."""
    names = [row["name"] for row in subjects(ledger.book)]
    found.without = tuple(name for name in names if name not in STATE_MODELS)
    models = {name: STATE_MODELS[name]() for name in names if name in STATE_MODELS}
    for event in _events(store):
        found.differences += _handle(models, event)
    for name, model in models.items():
        expected = list(model.reconstruct())
        found.views[name] = len(expected)
        for first in range(0, len(expected), _AT_ONCE):
            found.differences += _against_views(ledger, name, expected[first : first + _AT_ONCE], found.block)


def _handle(models: Mapping[str, StateModel], event: EventRecord) -> Iterator[Difference]:
    """Hand an event to every model; the differences are those models that it does not fit."""
    for name, model in models.items():
        try:
            model.handle(event)
        except KeyError:
            # An event that continues something which, by the index, never began.
            args = _text(tuple(event.args.values()))
            yield Difference(
                f"{event.contract}.{event.name}", args, "an event", f"nothing of {name} that it follows on"
            )


def _expect_on_chain(ledger: Ledger, at: Cursor, store: Store) -> None:
    there = data(ledger.node.block(at.block).get("hash"), "a block's hash", 32)
    if there != at.hash:
        raise IndexTrouble(
            f"block {at.block}, up to which the index {store.display_name} speaks, is another one on the chain now;"
            " run `salus index sync`, then the audit again"
        )


def _events(store: Store) -> Iterator[EventRecord]:
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
                yield EventRecord(row.contract, decoded[0], decoded[1], row.time)


def _against_views(ledger: Ledger, contract: str, expected: Sequence[Expected], block: int) -> Iterator[Difference]:
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
            expected_part, actual_part = _differing(one.value, answer)
            if expected_part != actual_part:
                yield Difference(f"{contract}.{view}", _text(one.args), _text(expected_part), _text(actual_part))


def _differing(value: Any, answer: Any) -> tuple[Any, Any]:
    """Those parts of an expectation and of an answer that differ."""
    if isinstance(value, frozenset):
        return (answer, answer) if answer in value else (sorted(value), answer)
    if not isinstance(value, Mapping):
        return _as_tuples(value), _as_tuples(answer)
    there = {name: getattr(answer, name, None) for name in value}
    differing = [name for name in value if _as_tuples(value[name]) != _as_tuples(there[name])]
    return {name: value[name] for name in differing}, {name: there[name] for name in differing}


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


def _text(value: Any) -> str:
    return one_line(
        plain(value) if not isinstance(value, tuple) else ", ".join(str(plain(item)) for item in value), 300
    )


def _against_fresh(
    ledger: Ledger, store: Store, at: Cursor, url: str, on_change: Callable[[Report], None] | None
) -> Iterator[Difference]:
    with tempfile.TemporaryDirectory(prefix="salus-audit-") as folder:
        with Indexer(url, ledger.book, Path(folder) / "fresh.sqlite", window=at.window) as indexer:
            indexer.sync(upto=at.block, on_change=on_change)
            yield from compare(store, indexer.store)
