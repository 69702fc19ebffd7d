"""``salus verify``: is what a label says true."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from salus.cli.common import Context, command, group
from salus.cli.label import label_data, label_lines

if TYPE_CHECKING:
    from salus.coldchain.label import Label
    from salus.coldchain.verification import ChainAnswer

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
        from dataclasses import asdict

        from salus.coldchain.label import label_of
        from salus.coldchain.verification import ChainAnswer, verification

        label = label_of(text_or_picture)
        asked = label.gtin is not None and label.lot is not None
        answer = ask(context, label, shipment) if asked else ChainAnswer(now=0, registered=False)
        found = verification(label, answer)
        rows = label_lines(label)
        if answer.holder is not None:
            rows.append(("holder", answer.holder))
        if answer.verdict is not None:
            rows.append(("verdict", answer.verdict_words or answer.verdict))
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {value}" for name, value in rows]
        data = {
            "ok": found.ok,
            "findings": list(found.findings),
            "words": list(found.words),
            "label": label_data(label),
            "chain": asdict(answer) if asked else None,
        }
        context.answer(data, "\n".join([*lines, *(found.words if found.ok else found.words[-1:])]))
        if not found.ok:
            if not context.json:
                against = [
                    words for kind, words in zip(found.findings, found.words, strict=True) if kind != "registered"
                ]
                context.note(f"refused: {'; '.join(against)}")
            sys.exit(1)

    return verify


def _ask(context: Context, label: Label, shipment: str | None) -> ChainAnswer:
    """What the chain knows of the label's lot, and of the shipment."""
    from salus.cli.claim._shared import identifier
    from salus.coldchain.lots import lot_id
    from salus.coldchain.verification import ChainAnswer
    from salus.errors import BadInput

    assert label.gtin is not None and label.lot is not None
    salus = context.connect()
    now, wanted = salus.now(), lot_id(label.gtin, label.lot)
    try:
        lot = salus.lots.lot(wanted)
    except BadInput:
        return ChainAnswer(now=now, registered=False)
    found = None if shipment is None else salus.coldchain.shipment(identifier(shipment, "--shipment"))
    return ChainAnswer(
        now=now,
        registered=True,
        lot=lot.id,
        manufacturer=salus.institutions.name(lot.manufacturer),
        expires_at=lot.expires_at,
        recalled=salus.coldchain.recall_of(wanted),
        shipment=None if found is None else found.id,
        of_lot=None if found is None else found.lot,
        holder=None if found is None else salus.institutions.name(found.holder),
        verdict=None if found is None else found.verdict.name.lower(),
        verdict_words=None if found is None else found.verdict.words,
    )


noun = verify_command(_ask)
