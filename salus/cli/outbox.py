"""``salus outbox``: what commands sent in bulk, and what became of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from salus.cli.context import Context
from salus.cli.options import command, group
from salus.cli.output import escape_control_chars

if TYPE_CHECKING:
    from salus.outbox import Outbox, Result, Status

__all__ = ["cancel", "drop", "list_", "noun", "resume", "status"]


@group("outbox")
def noun() -> None:
    """What was sent in bulk: list, resume, cancel, forget.

    Commands that send much (`claim submit`, `claim plan prices`, `claim plan enroll`, `shipment log`) write every
    transaction into an outbox before it is sent: one file for each chain and account, in the folder outbox of
    SALUS_HOME. Whatever breaks off is resumed by the same command, or by `salus outbox resume`, and nothing happens
    twice. Several nodes may be named: --rpc URL,URL; the next one is asked where one fails.
    """


_FILE = click.option(
    "--outbox", "file", type=click.Path(), help="An outbox's file [default: those in the folder outbox of SALUS_HOME]."
)
_STATES = ("queued", "stored", "sent", "included", "final", "failed", "refused", "lost")


@command(noun, "list")
@_FILE
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these; may be repeated.")
def list_(context: Context, file: str | None, states: tuple[str, ...]) -> None:
    """List the items as they were written down last; no node is asked.

    `included` is in a block, `final` in one that will stay. What is `lost` did not happen: its nonce was used by a
    transaction from elsewhere.

    \b
    Example:
      salus outbox list --state failed --state lost
    """
    found = [(status, r) for status, results in _all(file) for r in results if not states or r.state.value in states]
    rows = [
        (r.key, r.name, r.state.value, *map(_cell, (r.nonce, r.block, r.gas_used, r.transaction)), _why(r))
        for _, r in found
    ]

    def tell() -> None:
        if rows:
            context.table("items", ("key", "call", "state", "nonce", "block", "gas", "transaction", "why"), rows)
        else:
            click.echo("no items")

    context.answer([{"account": status.account, **_document(result)} for status, result in found], tell)


@command(noun, "status")
@_FILE
def status(context: Context, file: str | None) -> None:
    """Show how many items stand where; the exit code is 1 when something is open, failed or was lost. No node is asked.

    \b
    Example:
      salus outbox status
    """
    found = [status for status, _ in _all(file)]
    documents = [
        {
            "file": str(s.path),
            "account": s.account,
            "chain": s.chain_id,
            "counts": {state.value: count for state, count in s.counts.items()},
            "usedElsewhere": [list(pair) for pair in s.foreign],
            "gap": None if s.gap is None else {"first": s.gap.first, "last": s.gap.last, "by": s.gap.by},
            "finalBlockGone": None if s.gone is None else {"number": s.gone[0], "hash": s.gone[1]},
            "contradictions": dict(s.contradictions),
        }
        for s in found
    ]
    context.answer(documents, lambda: _show_status(context, found))
    if any(_troubled(status) for status in found):
        sys.exit(1)


def _show_status(context: Context, found: list[Status]) -> None:
    rows = [(s.account, s.chain_id, *s.counts.values(), _ranges(s), s.path) for s in found]
    if rows:
        context.table("outboxes", ("account", "chain", *_STATES, "nonces used elsewhere", "file"), rows)
        for s in found:
            for node, said in s.contradictions.items():
                click.echo(escape_control_chars(f"{s.path}: the node at {node} contradicted itself: {said}"), err=True)
    else:
        click.echo(
            "nothing was sent in bulk yet by a keystore or a wallet; what accounts of a node (--keystore node:…) send"
            " is written down nowhere"
        )
    for status in found:
        for line in _advice(status):
            click.echo(escape_control_chars(line))


def _advice(status: Status) -> Iterator[str]:
    """What stops an outbox, who caused it, and what to do."""
    if (gap := status.gap) is not None:
        which = f"nonce {gap.first}" if gap.first == gap.last else f"nonces {gap.first} to {gap.last}"
        by = f"; last seen there: {gap.by}, which this outbox did not send" if gap.by else ""
        yield (
            f"{status.account}: no transaction with {which} is in a block{by}. What is signed above waits for it."
            " `salus outbox resume` fills it with transfers of nothing, once no other transaction waits there"
        )
    if status.gone is not None:
        yield (
            f"{status.account}: block {status.gone[0]} was final and is gone ({status.gone[1]}). Nothing is signed."
            " If the chain is right, run `salus outbox resume --final-too`"
        )


def _troubled(status: Status) -> bool:
    """Whether something is open, failed or was lost."""
    return (
        bool(status.open)
        or status.gone is not None
        or any(count for state, count in status.counts.items() if state.value in ("failed", "lost"))
    )


@command(noun, "resume")
@_FILE
@click.option("--final", is_flag=True, help="Wait until all of it is final, not only in a block.")
@click.option(
    "--confirmations", type=click.IntRange(1, 10_000), default=12, show_default=True, help="Blocks until one is final."
)
@click.option(
    "--final-too", is_flag=True, help="Look also at what counted as final: a reorganisation may have been deeper."
)
@click.option(
    "--accept-foreign",
    is_flag=True,
    help="Transactions of the key from elsewhere are no items of this outbox, whatever they call.",
)
def resume(
    context: Context, file: str | None, final: bool, confirmations: int, final_too: bool, accept_foreign: bool
) -> None:
    """Take up what broke off: send again what was signed, sign what is queued, look again at what is not final.

    What a reorganisation took out of its block is sent again as it was. What lost its nonce to another transaction is
    told, and never signed again by itself. A nonce that no transaction has, and that stops all above it, is filled with
    a transfer of nothing to the account itself. The exit code is 1 when an item was refused, failed or was lost.

    \b
    Example:
      salus outbox resume --keystore hospital.json
    """
    salus = context.connect_signing()
    with context.outbox(salus, file, confirmations=confirmations) as outbox:
        outbox = _required(outbox)
        before = outbox.status()
        facts: list[tuple[str, object]] = [("outbox", outbox.path), ("open", before.open)]
        context.confirm([*facts, *context.where(salus)], "Take it up?")
        until: Literal["final", "included"] = "final" if final else "included"
        with context.progress("items", before.open) as bar:
            found = outbox.resume(
                until=until,
                progress=lambda done, _: bar.update(done - bar.pos),
                final_too=final_too,
                accept_foreign=accept_foreign,
            )
            results = list(found)
        after = outbox.status()

    def tell() -> None:
        rows = [(r.key, r.name, r.state.value, _cell(r.block), _cell(r.transaction), _why(r)) for r in results]
        if rows:
            context.table("taken up", ("key", "call", "state", "block", "transaction", "why"), rows)
        counts = ", ".join(f"{count} {state.value}" for state, count in after.counts.items() if count)
        click.echo(escape_control_chars(f"{counts or 'nothing'} in {after.path}"))

    context.answer([_document(result) for result in results], tell)
    if any(result.error for result in results):
        sys.exit(1)


@command(noun, "cancel")
@click.argument("key")
@_FILE
def cancel(context: Context, key: str, file: str | None) -> None:
    """Cancel an item that is signed and in no block: a transfer of nothing with a higher fee takes its nonce.

    Either of the two may be faster. The exit code is 1 when the item happened all the same. An item that is not signed
    yet is forgotten.

    \b
    Example:
      salus outbox cancel invoice-17 --keystore hospital.json
    """
    salus = context.connect_signing()
    with context.outbox(salus, file) as outbox:
        outbox = _required(outbox)
        context.confirm([("item", key), ("outbox", outbox.path), *context.where(salus)], "Cancel it?")
        told = outbox.cancel(key)
    if told.done:
        words = f"{key} was faster: it is in block {told.block} and is not cancelled"
    elif told.state.value == "lost":
        words = str(told.error)
    else:
        words = f"{key} was {told.state.value} and is forgotten"
    context.answer(_document(told), words)
    if told.done:
        sys.exit(1)


@command(noun, "drop")
@click.argument("key")
@_FILE
def drop(context: Context, key: str, file: str | None) -> None:
    """Forget an item that has no effect, so that its key is free: one that is queued, was refused, or failed or was
    lost for good.

    What is done, or may still happen, cannot be dropped.

    \b
    Example:
      salus outbox drop invoice-17 --keystore hospital.json
    """
    salus = context.connect_signing()
    with context.outbox(salus, file) as outbox:
        outbox = _required(outbox)
        context.confirm([("item", key), ("outbox", outbox.path), *context.where(salus)], "Forget it?")
        dropped = outbox.drop(key)
    context.answer(_document(dropped), f"{key} was {dropped.state.value} and is forgotten")


# -------------------------------------------------------------------------------------------------------------- shared


def _all(file: str | None) -> list[tuple[Status, list[Result]]]:
    """The outboxes that are meant, as they were written last."""
    from salus.outbox import outbox_folder, read_status

    files = [Path(file)] if file else sorted(outbox_folder().glob("*.sqlite"))
    return [read_status(path) for path in files]


def _required(outbox: Outbox | None) -> Outbox:
    """The outbox.

    Raises:
        BadInput: The signer has none.
    """
    from salus.errors import BadInput

    if outbox is not None:
        return outbox
    raise BadInput(
        "--keystore", "", "names an account of the node, which signs and sends in one; such accounts have no outbox"
    )


def _document(result: Result) -> dict[str, Any]:
    return {
        "key": result.key,
        "call": result.name,
        "state": result.state.value,
        "nonce": result.nonce,
        "block": result.block,
        "gas": result.gas_used,
        "transaction": result.transaction,
        "attempts": list(result.attempts),
        "proof": None if result.proof is None else result.proof.value,
        "error": getattr(result.error, "name", None),
        "message": str(result.error) if result.error else None,
        "arguments": dict(getattr(result.error, "arguments", {})),
    }


def _cell(value: object) -> object:
    return "" if value is None else value


def _why(result: Result) -> str:
    return str(result.error) if result.error else ""


def _ranges(status: Status) -> str:
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in status.foreign)
