"""``salus doctor``: is everything here that the other commands need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.options import command, group

if TYPE_CHECKING:
    from salus.errors.checks import Check

__all__ = ["noun"]


def _doctor() -> click.Command:
    parent = group("salus")(lambda: None)

    @command(parent, "doctor")
    def doctor(context: Context) -> None:
        """Check node, address book, keys, index, outbox and what Brownie remembers; say what to do. Nothing is changed.

        No password is asked for. The exit code is 1 when something does not work; a warning alone is none.

        \b
        Example:
          salus doctor
          salus doctor --json --rpc http://127.0.0.1:8545
        """
        found = list(_checks(context))
        data = [{"part": c.part, "state": c.level.value, "found": c.found, "todo": c.todo or None} for c in found]
        rows = [(check.part, check.level.value, check.found, check.todo) for check in found]
        context.answer(data, lambda: context.table("", ("part", "state", "found", "what to do"), rows))
        if any(check.level.value == "fail" for check in found):
            sys.exit(1)

    return doctor


def _checks(context: Context) -> Iterator[Check]:
    """Every part in the order in which the others rest on it; a part that is broken hides no other."""
    from salus.chain.checks import check_book, check_node
    from salus.errors.checks import checked
    from salus.index.checks import check_index
    from salus.outbox.checks import check_outboxes

    url = context.rpc.split(",")[0]
    node, found = check_node(url)
    yield from found
    yield from checked("book", lambda: check_book(node, context.book), "deploy again, or name another with --book")
    yield from _check_keys(context)
    again = "run `salus index rebuild`, or use --events none"
    yield from checked("index", lambda: check_index(url, context.book, context.index), again)
    chain_id, genesis = (node.chain_id, node.genesis) if node else (None, "")
    yield from checked("outbox", lambda: check_outboxes(chain_id, genesis), "see `salus outbox status`")


def _check_keys(context: Context) -> list[Check]:
    from salus.errors.checks import Check, checked
    from salus.keys.checks import check_keys

    keystore = context.keystore or ""
    if not keystore.startswith("node:"):
        place = context.wallet_path()
        return checked("keys", lambda: check_keys(place, named=bool(keystore)), "name another with --keystore")

    def ask() -> list[Check]:
        account = context.open_keystore(keystore, None).address
        return [Check.ok("keystore", f"{account} of the node, which signs for it")]

    return checked("keystore", ask, "name an account that the node holds, or a keystore file")


noun = _doctor()
