"""``salus index``: all events of the contracts in a local database, in step with the chain."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, group

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.index import Audit, Indexer, Report, Status, Store


@group("index")
def noun() -> None:
    """Keep all events in a local database; compare it with the chain.

    Lists, histories and reports of the other commands then come from it as far as it reaches, and from the node after
    that, with the same answers.

    \b
    Example:
      salus index sync
      salus index status
    """


@command(noun, "sync")
@click.option("--follow", is_flag=True, help="Stay, and add new blocks as they come, until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.05, 3600), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--window", type=click.IntRange(2, 100_000), help="Blocks back that a reorg is followed [default: 256].")
def sync(context: Context, follow: bool, interval: float, window: int | None) -> None:
    """Bring the index up to the chain's newest block; blocks that the chain dropped are taken back.

    One program writes an index at a time. A sync that is broken off goes on where it was.

    \b
    Example:
      salus index sync --follow
    """
    with _indexer(context, window) as indexer:
        if follow:
            _follow(context, indexer, interval)
            return
        with _Watch(context, indexer.store) as watch:
            report = indexer.sync(on_change=watch.hear)
        _done(context, indexer, report)


@command(noun, "rebuild")
@click.option(
    "--window", type=click.IntRange(2, 100_000), help="Blocks back that a reorg is followed [default: as before]."
)
def rebuild(context: Context, window: int | None) -> None:
    """Forget the index and build it anew from the chain.

    \b
    Example:
      salus index rebuild --yes
    """
    with _indexer(context, window) as indexer:
        context.confirm([("index", indexer.store.display_name)], "Build it anew?")
        with _Watch(context, indexer.store) as watch:
            report = indexer.rebuild(on_change=watch.hear)
        _done(context, indexer, report)


@command(noun, "status")
def status(context: Context) -> None:
    """Show up to where the index speaks, how far the chain is ahead, and what is in it.

    Ends with 0 when it can be read from, 2 when it must be built anew or synced after a change of the chain, 3 when no
    node answered.

    \b
    Example:
      salus index status --json
    """
    from salus.index import Store, read_status

    book, place = _place(context)
    found = read_status(Store(place), book, context.rpc)
    context.answer(_json(found), lambda: _show(context, found))
    if found.trouble:
        context.note(f"error: {found.trouble}")
        sys.exit(3)
    if found.misfit or not found.stands:
        sys.exit(2)


@command(noun, "audit")
@click.option(
    "--no-rebuild", is_flag=True, help="Compare with the contracts' storage only, not with an index built anew."
)
def audit(context: Context, no_rebuild: bool) -> None:
    """Compare the index with the contracts' storage, and with an index that is built anew from the chain.

    Every directive, institution, plan, claim, pool and shipment that the events speak of is asked for at the block up
    to which the index speaks; every row is compared with a fresh one, byte for byte. Each difference is named, and then
    it ends with 1.

    \b
    Example:
      salus index audit
    """
    from salus.client import Salus
    from salus.index import Store
    from salus.index import audit as compare

    book, place = _place(context)
    store = Store(place)
    salus = Salus.connect(context.rpc, book=book, index="")
    with _Watch(context, store, "building anew", 0) as watch:
        found = compare(salus, store, context.rpc, rebuild=not no_rebuild, on_change=watch.hear)
    data = {
        "block": found.block,
        "views": found.views,
        "without": list(found.without),
        "rebuilt": found.rebuilt,
        "differences": [vars(difference) for difference in found.differences],
    }
    context.answer(data, lambda: _audited(context, found))
    if found.differences:
        sys.exit(1)


# -------------------------------------------------------------------------------------------------------------- helpers


def _place(context: Context) -> tuple[Book, str]:
    """The address book, and where its index is."""
    from salus.index.place import book_of, place_of

    book = book_of(context.rpc, context.book)
    return book, place_of(book, context.index)


def _indexer(context: Context, window: int | None) -> Indexer:
    from salus.index import Indexer

    book, place = _place(context)
    return Indexer(context.rpc, book, place, window=window)


class _Watch:
    """A progress line, and a line for each retraction, on stderr."""

    def __init__(self, context: Context, store: Store, label: str = "indexing", at: int | None = None) -> None:
        self._context = context
        self._at = _reached(store) if at is None else at
        self._told = 0
        self._bar = context.progress(label, 1)

    def __enter__(self) -> _Watch:
        self._bar.__enter__()
        self._bar.length = 0
        return self

    def __exit__(self, *words: Any) -> None:
        self._bar.__exit__(*words)

    def hear(self, report: Report) -> None:
        """Show how far a sync is."""
        if len(report.retractions) > self._told:
            self._told = len(report.retractions)
            _retracted(self._context, report)
            self._at = report.block
        if not self._bar.length:
            self._bar.length = max(1, report.head - self._at)
        self._bar.update(max(0, report.block - self._at))
        self._at = report.block


def _reached(store: Store) -> int:
    """Up to where an index speaks; 0 for one that does not yet, or not any more."""
    from salus.errors import IndexTrouble

    try:
        at = store.cursor()
    except IndexTrouble:
        return 0
    return 0 if at is None else at.block


def _retracted(context: Context, report: Report) -> None:
    last = report.retractions[-1]
    context.note(
        f"the chain changed: {last.blocks} blocks above block {last.ancestor} are taken back, with {last.events} events"
    )


def _done(context: Context, indexer: Indexer, report: Report) -> None:
    added = f"{report.events:,} events of {report.blocks:,} blocks added"
    text = f"block {report.block}: {added} to {indexer.store.display_name}"
    if report.quarantined:
        text += f"; {report.quarantined:,} logs fit no ABI and are put aside, see `salus index status`"
    context.answer(_report(report), text)


def _report(report: Report) -> dict[str, Any]:
    return {
        "block": report.block,
        "hash": report.hash,
        "head": report.head,
        "blocksAdded": report.blocks,
        "eventsAdded": report.events,
        "quarantined": report.quarantined,
        "retractions": [{"ancestor": r.ancestor, "blocks": r.blocks, "events": r.events} for r in report.retractions],
    }


def _follow(context: Context, indexer: Indexer, interval: float) -> None:
    from salus.errors import SalusError

    stop = threading.Event()

    def end(_number: int, _frame: Any) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    told = 0

    def heard(report: Report) -> None:
        nonlocal told
        if len(report.retractions) > told:
            told = len(report.retractions)
            _retracted(context, report)
        elif report.block < report.head:
            return  # far behind: one line at the end of the catching up is enough
        context.note(f"block {report.block}, {report.events:,} events so far")

    def trouble(error: SalusError) -> None:
        context.note(f"{error}; it is asked again")

    report = indexer.follow(stop, interval=interval, on_change=heard, trouble=trouble)
    _done(context, indexer, report)


def _audited(context: Context, found: Audit) -> None:
    context.table("Compared at block " + str(found.block), ("contract", "answers"), sorted(found.views.items()))
    if found.without:
        click.echo(f"not compared with storage: {', '.join(found.without)}")
    if found.differences:
        rows = [(d.where, d.what, d.index, d.chain) for d in found.differences]
        context.table("Differences", ("where", "what", "the index says", "the chain says"), rows)
    less = "" if found.rebuilt else "; not compared with one built anew"
    click.echo(f"{len(found.differences) or 'no'} differences{less}")


def _json(found: Status) -> dict[str, Any]:
    return {
        "index": found.where,
        "state": found.description,
        "chainId": found.chain_id,
        "block": found.block,
        "hash": found.hash,
        "time": found.time,
        "head": found.head,
        "behind": found.behind,
        "safe": found.safe,
        "finalized": found.finalized,
        "stands": found.stands,
        "misfit": found.misfit,
        "window": found.window,
        "events": found.events,
        "quarantined": found.quarantined,
        "retractions": found.retractions,
        "deepest": found.deepest,
        "withoutAbi": list(found.without_abi),
    }


def _show(context: Context, found: Status) -> None:
    context.table("Index", ("what", "value"), _facts(found))
    rows = [
        (contract, event, f"{count:,}") for contract, kinds in found.events.items() for event, count in kinds.items()
    ]
    if rows:
        context.table("Events", ("contract", "event", "events"), rows)
    aside = [
        (name, reason, f"{count:,}") for name, kinds in found.quarantined.items() for reason, count in kinds.items()
    ]
    if aside:
        context.table("Put aside", ("contract", "reason", "logs"), aside)


def _facts(found: Status) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("index", found.where), ("state", found.description), ("chain", found.chain_id)]
    if found.block >= 0:
        facts.append(("block", f"{found.block}, {moment(found.time)}"))
    facts += [(name, number) for name, number in _numbers(found) if number is not None]
    if found.retractions:
        facts.append(("taken back", f"{found.retractions} times, at most {found.deepest} blocks at once"))
    if found.without_abi:
        facts.append(("not indexed", ", ".join(found.without_abi) + " (no ABI here)"))
    return facts


def _numbers(found: Status) -> list[tuple[str, int | None]]:
    return [("head", found.head), ("safe", found.safe), ("final", found.finalized), ("window", found.window or None)]
