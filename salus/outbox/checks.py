"""A check of the outboxes: what is open, what failed or was lost, and which nonces somebody else used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from salus.errors import SalusError
from salus.errors.checks import Check
from salus.outbox import State, Status, outbox_folder, read_status

__all__ = ["check_outboxes"]


def check_outboxes(chain_id: int | None = None, genesis: str = "") -> Iterator[Check]:
    """Every outbox in the folder of SALUS_HOME, as it was written last; nothing is sent.

    Args:
        chain_id: The chain that the node is on, None where no node answers.
        genesis: The hash of its first block, 0x-hex: an outbox of the same chain id and another first block is of a
            chain that is gone.
    """
    files = sorted(outbox_folder().glob("*.sqlite"))
    for file in files:
        try:
            status, _ = read_status(file)
        except SalusError as error:
            yield Check.of("outbox", error, f"move {file} away")
            continue
        named = re.fullmatch(r"(\d+)-([0-9a-f]{8})-0x[0-9a-f]{40}", file.stem)
        gone = bool(named and genesis and int(named[1]) == chain_id and named[2] != genesis[2:10])
        yield from _of(status, gone)
    if not files:
        yield Check.ok("outbox", "nothing was sent in bulk yet")


def _of(status: Status, gone: bool) -> Iterator[Check]:
    who = f"{status.account} on chain {status.chain_id}"
    if gone and status.open:
        found = f"{who}: {status.open} open, of a chain that was started again since"
        yield Check.warn("outbox", found, f"they can never be sent: remove {status.path}")
        return
    lost = status.counts.get(State.FAILED, 0) + status.counts.get(State.LOST, 0)
    if status.open:
        yield Check.warn(
            "outbox", f"{who}: {status.open} open", "run `salus outbox resume` with this account's keystore"
        )
    if lost:
        yield Check.warn(
            "outbox", f"{who}: {lost} failed or lost", "see `salus outbox list --state failed --state lost`"
        )
    if status.foreign:
        ranges = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in status.foreign)
        found = f"{who}: nonces {ranges} were used by something else"
        yield Check.warn("outbox", found, "let one program alone send with this key")
    if not status.open and not lost and not status.foreign:
        yield Check.ok("outbox", f"{who}: all settled")
