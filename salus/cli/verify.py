"""``salus verify``: is what a label says true."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.label import label_data, label_facts
from salus.cli.options import command, group
from salus.cli.output import aligned
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.coldchain.label import Label
    from salus.coldchain.verification import ChainAnswer, Verification

    #: Asks the chain about a label, and about a shipment that was named.
    Ask = Callable[[Context, Label, str | None], ChainAnswer]

__all__ = ["noun", "verify_command"]


def verify_command(ask: Ask) -> click.Command:
    """The command ``verify`` for a way to ask the chain.

    Args:
        ask: Called with the context, the label (of which GTIN and lot are known) and the shipment's name or None.
    """
    parent = group("salus")(lambda: None)

    @command(parent, "verify")
    @click.argument("text_or_picture", metavar="TEXT|PICTURE")
    @click.option("--shipment", help="The shipment that it came in: who holds it, and whether it stayed cold.")
    def verify(context: Context, text_or_picture: str, shipment: str | None) -> None:
        """Is this vaccine what it says, and may it be used? Anyone may ask; nothing is signed.

        The label is a GS1 Digital Link, an element string, the form (01)…(17)…(10)…, or a picture of its code. The exit
        code is 1 when anything speaks against its use.

        \b
        Example:
          salus verify label.png
          salus verify '(01)09506000134352(17)270131(10)A42' --shipment 0x5e0f…
        """
        from salus.coldchain.label import label_of
        from salus.coldchain.verification import ChainAnswer, verification

        label = label_of(text_or_picture)
        asked = label.gtin is not None and label.lot is not None
        answer = ask(context, label, shipment) if asked else ChainAnswer(now=0, registered=False)
        found = verification(label, answer)
        data = {
            "ok": found.ok,
            "findings": list(found.findings),
            "words": list(found.words),
            "label": label_data(label),
            "chain": asdict(answer) if asked else None,
        }
        context.answer(data, "\n".join([aligned(_facts(found)), *(found.words if found.ok else found.words[-1:])]))
        if not found.ok:
            if not context.json:
                context.note(f"refused: {'; '.join(_against(found))}")
            sys.exit(1)

    return verify


def _facts(found: Verification) -> list[tuple[str, object]]:
    facts, answer = label_facts(found.label), found.answer
    if answer.holder is not None:
        facts.append(("holder", answer.holder))
    if answer.verdict is not None:
        facts.append(("verdict", answer.verdict_words or answer.verdict))
    return facts


def _against(found: Verification) -> list[str]:
    return [words for kind, words in zip(found.findings, found.words, strict=True) if kind != "registered"]


def _ask(context: Context, label: Label, shipment: str | None) -> ChainAnswer:
    from salus.coldchain.lookup import LabelLookup

    salus = context.connect()
    lookup = LabelLookup(salus, salus.institutions, salus.lots, salus.coldchain)
    return lookup.answer(label, None if shipment is None else identifier(shipment, "--shipment"))


noun = verify_command(_ask)
