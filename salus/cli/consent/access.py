"""``salus consent``: what institutions and the regulator do with it: access, emergency, review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._shared import CATEGORY, noun
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, option, takes
from salus.cli.output import aligned
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.access_log import Emergency

__all__ = ["access", "emergency", "review"]


@dataclass(frozen=True)
class Records:
    """Which records are used."""

    files: tuple[str, ...] = option(
        "--record", multiple=True, type=click.Path(), help="A record that is used; only a salted hash goes out."
    )
    hashes: tuple[str, ...] = option(
        "--commitment", multiple=True, help="Or its commitment, 0x and 64 hex digits, made before."
    )

    def committed(self) -> list[tuple[str, bytes, bytes | None]]:
        """File, commitment and salt of each; a commitment that was given has no file and no salt.

        Raises:
            BadInput: None is given, or one cannot be read.
        """
        from salus.errors import BadInput
        from salus.formats.commitments import commit
        from salus.formats.json_file import read_bytes

        if not self.files and not self.hashes:
            raise BadInput("--record", "", "is missing; name the record that is used, or its --commitment")
        made: list[tuple[str, bytes, bytes | None]] = [(file, *commit(read_bytes(file))) for file in self.files]
        return [*made, *(("", identifier(text, "--commitment"), None) for text in self.hashes)]


@command(noun, "access")
@click.argument("patient")
@click.option(
    "--purpose", "purposes", multiple=True, required=True, help="TREAT, HPAYMT …; several: all must be permitted."
)
@click.option("--category", "categories", multiple=True, required=True, help=CATEGORY)
@takes(records=Records)
@click.option("--check", is_flag=True, help="Only ask whether it may be used now; nothing is sent.")
def access(
    context: Context,
    patient: str,
    purposes: tuple[str, ...],
    categories: tuple[str, ...],
    records: Records,
    check: bool,
) -> None:
    """Record that the signer's institution uses a patient's data. Without a permit it is refused.

    The commitment is keccak-256 of the salt and the record. Keep the salt: only with it can you show which record it
    was.

    \b
    Example:
      salus consent access 0x7099… --purpose TREAT --category Observation --record hba1c.json --keystore hospital.json
    """
    from salus.consent.access_log import Access

    if check:
        _check(context, patient, purposes, categories)
        return
    committed = records.committed()
    salus = context.connect_signing()
    facts = [
        ("patient", patient),
        ("purposes", ", ".join(purposes)),
        ("data", ", ".join(categories)),
        ("records", len(committed)),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Record this?")
    receipt = salus.accesses.record(Access(patient, purposes, categories, record) for _, record, _ in committed)
    lines = [{"file": file or None, "commitment": record, "salt": salt} for file, record, salt in committed]
    salts = [f"{file}: salt 0x{salt.hex()}, keep it" for file, _, salt in committed if salt is not None]
    context.sent(receipt, "\n".join([*salts, f"{len(committed)} recorded"]), records=lines)


def _check(context: Context, patient: str, purposes: Sequence[str], categories: Sequence[str]) -> None:
    salus = context.connect_signing()
    answer = salus.accesses.may_access(patient, salus.need_signer().address, purposes, categories)
    data = {"allowed": answer.allowed, "reason": answer.reason.name, "emergency": answer.emergency or None}
    why = f"the emergency 0x{answer.emergency.hex()}" if answer.emergency else answer.reason.words
    context.answer(data, f"{'may' if answer.allowed else 'may not'} be used now: {why}")


@command(noun, "emergency")
@click.argument("patient")
@click.option(
    "--cause",
    required=True,
    type=click.Choice(["life-threatening", "unconscious", "danger-to-others", "public-health-emergency"]),
    help="Why.",
)
@click.option("--category", "categories", multiple=True, required=True, help=CATEGORY + " Labels must be named.")
@click.option("--hours", required=True, type=click.IntRange(1, 24), help="For how long.")
def emergency(context: Context, patient: str, cause: str, categories: tuple[str, ...], hours: int) -> None:
    """Break the glass: open a patient's data for care, at most a day. The patient sees it, the regulator reviews it.

    \b
    Example:
      salus consent emergency 0x7099… --cause unconscious --category all --hours 4 --keystore clinician.json
    """
    from salus.consent.access_log import Cause

    reason = Cause[cause.replace("-", "_").upper()]
    salus = context.connect_signing()
    facts = [
        ("BREAK THE GLASS of", patient),
        ("because", reason.words),
        ("data", ", ".join(categories)),
        ("for", f"{hours} h"),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Declare this emergency? The patient and the regulator will see it.")
    id, receipt = salus.accesses.declare_emergency(patient, reason, categories, hours * 3600)
    (event,) = receipt.events("EmergencyDeclared")
    until = event.args["until"]
    context.sent(receipt, f"emergency 0x{id.hex()} until {moment(until)}", emergency=id, until=until)


@command(noun, "review")
@click.argument("emergency_id", metavar="EMERGENCY")
@click.option(
    "--outcome",
    type=click.Choice(["justified", "unjustified", "referred"]),
    help="What was found [default: only show it].",
)
def review(context: Context, emergency_id: str, outcome: str | None) -> None:
    """Look at an emergency, and as the regulator's reviewer close it; once.

    \b
    Example:
      salus consent review 0x5f2a… --outcome justified --keystore regulator.json
    """
    from salus.consent.access_log import Outcome
    from salus.errors import BadInput

    id = identifier(emergency_id, "EMERGENCY")
    salus = context.connect()
    found = salus.accesses.emergency(id)
    if found is None:
        raise BadInput("EMERGENCY", emergency_id, "there is none with this id; `salus consent inbox` shows the ids")
    facts = _facts(salus, id, found)
    if outcome is None:
        context.answer(_document(id, found), aligned(facts))
        return
    salus = salus.with_signer(context.signer())
    verdict = Outcome[outcome.upper()]
    context.confirm([*facts, ("OUTCOME", outcome), *context.where(salus, "AccessLog")], "Close it with this?")
    context.sent(salus.accesses.review(id, verdict), f"closed: {outcome}", emergency=id, outcome=verdict.name)


def _facts(salus: Salus, id: bytes, found: Emergency) -> list[tuple[str, object]]:
    return [
        ("emergency", "0x" + id.hex()),
        ("patient", found.patient),
        ("institution", salus.institutions.name(found.institution)),
        ("clinician", found.clinician),
        ("because", found.cause.words),
        ("data", ", ".join(_categories(found))),
        ("declared", moment(found.declared_at)),
        ("until", moment(found.until)),
        ("review", found.outcome.words),
    ]


def _document(id: bytes, found: Emergency) -> dict[str, Any]:
    return {
        "emergency": id,
        "patient": found.patient,
        "institution": found.institution,
        "clinician": found.clinician,
        "cause": found.cause.name,
        "categories": _categories(found),
        "declaredAt": found.declared_at,
        "until": found.until,
        "outcome": found.outcome.name,
    }


def _categories(found: Emergency) -> list[str]:
    from salus.consent.codes import category_names

    return sorted(category_names(found.categories))
