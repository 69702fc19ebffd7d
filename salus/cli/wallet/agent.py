"""``salus wallet agent`` and ``lock``: looking at one's own consents takes the password once."""

from __future__ import annotations

import click

from salus.cli.context import Context
from salus.cli.options import command
from salus.cli.wallet._shared import noun


@command(noun, "agent")
@click.option("--minutes", type=click.IntRange(1, 1440), default=10, show_default=True, help="How long it answers.")
def agent(context: Context, minutes: int) -> None:
    """Ask for the password once, and let commands that only look do without it for some minutes.

    A process in the background knows the names of your relations and their accounts for that time. It has no key, no
    word and no password, and cannot sign: what is signed takes the password as before. It answers your user alone.

    \b
    Example:
      salus wallet agent
      salus wallet agent --minutes 60
      salus wallet lock
    """
    import time

    from salus.cli.moments import moment
    from salus.keys.agent import start

    wallet = context.wallet()
    start(wallet, minutes * 60)
    end = int(time.time()) + minutes * 60
    context.answer(
        {"wallet": str(wallet.path), "relations": len(wallet.relations()), "until": end},
        f"until {moment(end)} no password is needed to look; end it with: salus wallet lock",
    )


@command(noun, "lock")
def lock(context: Context) -> None:
    """End the agent at once: from now on looking takes the password again.

    \b
    Example:
      salus wallet lock
    """
    from salus.keys.agent import lock as end

    ended = end()
    context.answer({"locked": ended}, "locked" if ended else "no agent runs")
