"""``salus consent``: what institutions and the regulator do with it: access, emergency, review."""

from __future__ import annotations

from typing import Any

import click

from salus.cli.common import Context, command, moment
from salus.cli.consent.show import noun

__all__ = ["access", "emergency", "review"]

_CATEGORY = "A FHIR resource type (Observation …), a sensitivity label (PSY …), or all."


@command(noun, "access")
@click.argument("patient")
@click.option(
    "--purpose", "purposes", multiple=True, required=True, help="TREAT, HPAYMT …; several: all must be permitted."
)
@click.option("--category", "categories", multiple=True, required=True, help=_CATEGORY)
@click.option(
    "--record", "files", multiple=True, type=click.Path(), help="A record that is used; only a salted hash goes out."
)
@click.option("--commitment", "hashes", multiple=True, help="Or its commitment, 0x and 64 hex digits, made before.")
@click.option("--check", is_flag=True, help="Only ask whether it may be used now; nothing is sent.")
def access(
    context: Context,
    patient: str,
    purposes: tuple[str, ...],
    categories: tuple[str, ...],
    files: tuple[str, ...],
    hashes: tuple[str, ...],
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
    from salus.errors import BadInput
    from salus.formats.commitments import commit
    from salus.formats.json_file import read_bytes

    if check:
        salus = context.connect_signing()
        answer = salus.accesses.may_access(patient, salus.need_signer().address, purposes, categories)
        data = {"allowed": answer.allowed, "reason": answer.reason.name, "emergency": answer.emergency or None}
        why = f"the emergency 0x{answer.emergency.hex()}" if answer.emergency else answer.reason.words
        context.answer(data, f"{'may' if answer.allowed else 'may not'} be used now: {why}")
        return
    if not files and not hashes:
        raise BadInput("--record", "", "is missing; name the record that is used, or its --commitment")
    committed: list[tuple[str, bytes, bytes | None]] = [(file, *commit(read_bytes(file))) for file in files]
    committed += [("", _word(text, "--commitment"), None) for text in hashes]
    salus = context.connect_signing()
    facts = [
        ("patient", patient),
        ("purposes", ", ".join(purposes)),
        ("data", ", ".join(categories)),
        ("records", len(committed)),
        *_where(context, salus, "AccessLog"),
    ]
    context.confirm(facts, "Record this?")
    receipt = salus.accesses.record(Access(patient, purposes, categories, record) for _, record, _ in committed)
    lines = [{"file": file or None, "commitment": record, "salt": salt} for file, record, salt in committed]
    salts = [f"{file}: salt 0x{salt.hex()}, keep it" for file, _, salt in committed if salt is not None]
    text = "\n".join([*salts, f"{len(committed)} recorded"])
    context.sent(receipt, text, records=lines)


@command(noun, "emergency")
@click.argument("patient")
@click.option(
    "--cause",
    required=True,
    type=click.Choice(["life-threatening", "unconscious", "danger-to-others", "public-health-emergency"]),
    help="Why.",
)
@click.option("--category", "categories", multiple=True, required=True, help=_CATEGORY + " Labels must be named.")
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
        *_where(context, salus, "AccessLog"),
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
    from salus.consent.codes import category_names
    from salus.errors import BadInput

    id = _word(emergency_id, "EMERGENCY")
    salus = context.connect()
    found = salus.accesses.emergency(id)
    if found is None:
        raise BadInput("EMERGENCY", emergency_id, "there is none with this id; `salus consent inbox` shows the ids")
    facts: list[tuple[str, object]] = [
        ("emergency", "0x" + id.hex()),
        ("patient", found.patient),
        ("institution", salus.institutions.name(found.institution)),
        ("clinician", found.clinician),
        ("because", found.cause.words),
        ("data", ", ".join(sorted(category_names(found.categories)))),
        ("declared", moment(found.declared_at)),
        ("until", moment(found.until)),
        ("review", found.outcome.words),
    ]
    if outcome is None:
        data = {
            "emergency": id,
            "patient": found.patient,
            "institution": found.institution,
            "clinician": found.clinician,
            "cause": found.cause.name,
            "categories": sorted(category_names(found.categories)),
            "declaredAt": found.declared_at,
            "until": found.until,
            "outcome": found.outcome.name,
        }
        context.answer(data, "\n".join(f"{label:<12} {value}" for label, value in facts))
        return
    salus = salus.with_signer(context.signer())
    verdict = Outcome[outcome.upper()]
    context.confirm([*facts, ("OUTCOME", outcome), *_where(context, salus, "AccessLog")], "Close it with this?")
    context.sent(salus.accesses.review(id, verdict), f"closed: {outcome}", emergency=id, outcome=verdict.name)


def _word(text: str, option: str) -> bytes:
    """32 bytes from 0x-hex."""
    import re

    from salus.errors import BadInput

    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise BadInput(option, "", f"{text!r} is not 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _where(context: Context, salus: Any, contract: str) -> list[tuple[str, object]]:
    return [
        ("contract", f"{contract} at {salus.book[contract].address}"),
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("signer", salus.need_signer().address),
    ]
