"""``salus consent``: what institutions and the regulator do with it: access, evidence, late uses, emergency,
second, review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._shared import CATEGORY, check_out, noun
from salus.cli.context import Context
from salus.cli.moments import moment, parse_moment
from salus.cli.options import command, option, takes
from salus.cli.output import aligned
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.access_log import Access, Emergency, Recording

__all__ = ["access", "emergency", "evidence", "late", "review", "second"]

_CAUSES = click.Choice(["life-threatening", "unconscious", "danger-to-others", "public-health-emergency"])


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


@dataclass(frozen=True)
class Late:
    """On what a use relies, and when it was."""

    emergency: str | None = option(
        "--emergency", help="The emergency that opens it: its id or number [default: one that runs, where needed]."
    )
    used_at: str | None = option("--used-at", help="When it was used, where that is recorded late: 2027-01-01T12:00Z.")
    offline: str | None = option(
        "--offline", type=click.Path(), help="No node answers: sign it into this file, and record it later."
    )

    def named(self, salus: Salus, patient: str, purposes: Sequence[str], categories: Sequence[str]) -> tuple[int, int]:
        """The number of the emergency, 0 for none, and the time of the use, 0 for now.

        Raises:
            BadInput: No such emergency, or no such time.
        """
        from salus.errors import BadInput

        used_at = parse_moment(self.used_at, salus.now, "--used-at") if self.used_at else 0
        if self.emergency is None:
            if used_at:
                return 0, used_at
            actor = salus.need_signer().address
            return salus.accesses.may_access(patient, actor, purposes, categories).number, 0
        if self.emergency.isascii() and self.emergency.isdecimal():
            return int(self.emergency), used_at
        found = salus.accesses.emergency(identifier(self.emergency, "--emergency"))
        if found is None or found.patient.lower() != patient.lower():
            raise BadInput("--emergency", self.emergency, "is no emergency of this patient")
        return found.number, used_at


@command(noun, "access")
@click.argument("patient")
@click.option(
    "--purpose", "purposes", multiple=True, required=True, help="TREAT, HPAYMT …; several: all must be permitted."
)
@click.option("--category", "categories", multiple=True, required=True, help=CATEGORY)
@takes(records=Records)
@click.option("--check", is_flag=True, help="Only ask whether it may be used now; nothing is sent.")
@takes(timing=Late)
def access(
    context: Context,
    patient: str,
    purposes: tuple[str, ...],
    categories: tuple[str, ...],
    records: Records,
    check: bool,
    timing: Late,
) -> None:
    """Record that the signer's institution uses a patient's data. Without a permit or an emergency it is refused.

    The commitment is keccak-256 of the salt and the record. Keep the salt: only with it can you show which record it
    was. Where the patient does not permit it and an emergency runs that opens it, the record names that emergency.

    \b
    Example:
      salus consent access 0x7099… --purpose TREAT --category Observation --record hba1c.json --keystore hospital.json
    """
    from salus.consent.access_log import Access

    if check:
        _check(context, patient, purposes, categories)
        return
    check_out(timing.offline)
    committed = records.committed()
    uses = [Access(patient, purposes, categories, record) for _, record, _ in committed]
    lines = [{"file": file or None, "commitment": record, "salt": salt} for file, record, salt in committed]
    salts = [f"{file}: salt 0x{salt.hex()}, keep it" for file, _, salt in committed if salt is not None]
    if timing.offline:
        kept = _keep(context, uses, timing)
        done = f"{len(uses)} signed into {timing.offline}; record them with: salus consent evidence {timing.offline}"
        context.answer({"records": lines, "file": timing.offline, "madeAt": kept}, "\n".join([*salts, done]))
        return
    salus = context.connect_signing()
    number, used_at = timing.named(salus, patient, purposes, categories)
    facts: list[tuple[str, object]] = [
        ("patient", patient),
        ("purposes", ", ".join(purposes)),
        ("data", ", ".join(categories)),
        ("opened by", f"the emergency number {number}" if number else "the patient's consent"),
        ("used", moment(used_at) if used_at else "now"),
        ("records", len(committed)),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Record this?")
    done_ = salus.accesses.record([replace(use, emergency=number, used_at=used_at) for use in uses], strict=True)
    words = f"{done_.recorded} recorded" + (_UNPROVEN if done_.unproven else "")
    context.sent(done_.receipt, "\n".join([*salts, words]), records=lines, unproven=done_.unproven)


_UNPROVEN = ", too late for the chain to prove that it was permitted: a reviewer will look at it"


def _keep(context: Context, uses: Sequence[Access], timing: Late) -> int:
    """Sign uses into a file; no node is asked, so the time is this machine's."""
    import time

    from salus.chain.book import Book
    from salus.consent.evidence import save_evidence, sign_evidence
    from salus.errors import BadInput

    if not context.book:
        raise BadInput("--book", "", "is missing; without a node only the address book says which chain is meant")
    now = int(time.time())
    used_at = parse_moment(timing.used_at, lambda: now, "--used-at") if timing.used_at else now
    if timing.emergency and not timing.emergency.isdecimal():
        raise BadInput("--emergency", "", "must be its number where no node is asked; `consent emergency` shows it")
    number = int(timing.emergency or 0)
    book = Book.load(context.book)
    timed = [replace(use, used_at=used_at, emergency=number) for use in uses]
    signed = sign_evidence(timed, context.signer(), now, book.chain_id, book["AccessLog"].address)
    save_evidence(signed, timing.offline or "")
    return now


@command(noun, "evidence")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def evidence(context: Context, files: tuple[str, ...]) -> None:
    """Record the uses of files that were signed while no node answered. What is there already is left out.

    \b
    Example:
      salus consent evidence outage.json --keystore hospital.json
    """
    from salus.consent.evidence import load_evidence, record_evidence

    loaded = [load_evidence(file) for file in files]
    salus = context.connect_signing()
    facts: list[tuple[str, object]] = [
        *((f"{len(each.uses)} uses of", f"{each.actor}, written {moment(each.made_at)}") for each in loaded),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Record these late?")
    found = [done for each in loaded for done in record_evidence(salus.accesses, each, salus)]
    context.answer(_evidence_document(found), "\n".join(_evidence_lines(found)))


def _evidence_document(found: Sequence[Recording]) -> dict[str, Any]:
    return {
        "recorded": sum(done.recorded for done in found),
        "unproven": sum(done.unproven for done in found),
        "skipped": [
            {"patient": each.patient, "commitment": each.record, "refusal": each.refusal.name, "reason": each.words}
            for done in found
            for each in done.skipped
        ],
        "transactions": [done.receipt.hash for done in found],
    }


def _evidence_lines(found: Sequence[Recording]) -> list[str]:
    document = _evidence_document(found)
    lines = [f"0x{each.record.hex()}: not recorded: {each.words}" for done in found for each in done.skipped]
    proven = document["recorded"] - document["unproven"]
    return [*lines, f"{proven} recorded, {document['unproven']} more without proof, for a reviewer to look at"]


def _check(context: Context, patient: str, purposes: Sequence[str], categories: Sequence[str]) -> None:
    salus = context.connect_signing()
    answer = salus.accesses.may_access(patient, salus.need_signer().address, purposes, categories)
    data = {"allowed": answer.allowed, "reason": answer.reason.name, "emergency": answer.emergency or None}
    why = f"the emergency 0x{answer.emergency.hex()}" if answer.emergency else answer.reason.words
    context.answer(data, f"{'may' if answer.allowed else 'may not'} be used now: {why}")


@command(noun, "late")
@click.option("--institution", help="Only of this one: its name or account.")
def late(context: Context, institution: str | None) -> None:
    """List the uses that were recorded too late for the chain to prove that they were permitted: for a reviewer.

    \b
    Example:
      salus consent late --institution city-hospital
    """
    salus = context.connect()
    found = salus.accesses.unproven(institution=institution)
    names = salus.institutions.names({use.institution for use in found})
    data = [
        {
            "patient": use.patient,
            "institution": use.institution,
            "name": names[use.institution],
            "actor": use.actor,
            "purposes": sorted(use.purpose_names),
            "record": use.record,
            "usedAt": use.used_at,
            "emergency": use.emergency or None,
            "block": use.block,
        }
        for use in found
    ]
    columns = ("institution", "by", "patient", "used", "purposes", "block")
    rows = [
        (names[u.institution], u.actor, u.patient, moment(u.used_at or 0), ", ".join(sorted(u.purpose_names)), u.block)
        for u in found
    ]
    context.answer(data, (lambda: context.table("Late uses", columns, rows)) if rows else "there is none")


@command(noun, "emergency")
@click.argument("patient")
@click.option(
    "--cause",
    required=True,
    type=_CAUSES,
    help="Why.",
)
@click.option("--category", "categories", multiple=True, required=True, help=CATEGORY + " Labels must be named.")
@click.option("--hours", required=True, type=click.IntRange(1, 24), help="For how long.")
@click.option("--second", "opinion", type=click.Path(), help="A second clinician's signature (salus consent second).")
def emergency(
    context: Context, patient: str, cause: str, categories: tuple[str, ...], hours: int, opinion: str | None
) -> None:
    """Open a patient's data in an emergency, for care, at most a day. The patient sees it, the regulator reviews it.

    \b
    Example:
      salus consent emergency 0x7099… --cause unconscious --category all --hours 4 --keystore clinician.json
    """
    from salus.consent.access_log import Cause
    from salus.consent.second_opinions import load_opinion

    reason = Cause[cause.replace("-", "_").upper()]
    signed = load_opinion(opinion) if opinion else None
    salus = context.connect_signing()
    facts: list[tuple[str, object]] = [
        ("BREAK THE GLASS of", patient),
        ("because", reason.words),
        ("data", ", ".join(categories)),
        ("for", f"{hours} h"),
        *([("signed as well by", signed.signer)] if signed else []),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Declare this emergency? The patient and the regulator will see it.")
    id, receipt = salus.accesses.declare_emergency(patient, reason, categories, hours * 3600, second=signed)
    (event,) = receipt.events("EmergencyDeclared")
    until, number = event.args["until"], event.args["number"]
    text = f"emergency 0x{id.hex()} (number {number}) until {moment(until)}"
    context.sent(receipt, text, emergency=id, number=number, until=until)


@command(noun, "second")
@click.argument("patient")
@click.option("--clinician", required=True, help="Who declares the emergency: its account, or the institution's name.")
@click.option("--cause", required=True, type=_CAUSES, help="Why.")
@click.option("--category", "categories", multiple=True, required=True, help=CATEGORY + " As they are declared.")
@click.option("--hours", required=True, type=click.IntRange(1, 24), help="For how long, as it is declared.")
@click.option("--out", required=True, type=click.Path(), help="Write the signature here; it counts once, for an hour.")
def second(
    context: Context,
    patient: str,
    clinician: str,
    cause: str,
    categories: tuple[str, ...],
    hours: int,
    out: str,
) -> None:
    """As a second clinician, sign an emergency that another one declares.

    \b
    Example:
      salus consent second 0x7099… --clinician 0x3C44… --cause unconscious --category all --hours 4 --out second.json
    """
    from salus.consent.access_log import Cause
    from salus.consent.second_opinions import save_opinion

    check_out(out)
    reason = Cause[cause.replace("-", "_").upper()]
    salus = context.connect_signing()
    facts: list[tuple[str, object]] = [
        ("SECOND CLINICIAN for", clinician),
        ("patient", patient),
        ("because", reason.words),
        ("data", ", ".join(categories)),
        ("for", f"{hours} h"),
        *context.where(salus, "AccessLog"),
    ]
    context.confirm(facts, "Sign this? A verdict of the reviewer falls on you as well.")
    signed = salus.accesses.sign_second(patient, clinician, reason, categories, hours * 3600)
    save_opinion(signed, out)
    context.answer({"file": out, "deadline": signed.deadline}, f"signed into {out}, until {moment(signed.deadline)}")


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
        ("emergency", f"0x{id.hex()}, number {found.number}"),
        ("patient", found.patient),
        ("institution", salus.institutions.name(found.institution)),
        ("clinician", found.clinician),
        *([("second clinician", found.second)] if found.second else []),
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
        "second": found.second or None,
        "number": found.number,
        "cause": found.cause.name,
        "categories": _categories(found),
        "declaredAt": found.declared_at,
        "until": found.until,
        "outcome": found.outcome.name,
    }


def _categories(found: Emergency) -> list[str]:
    from salus.consent.codes import category_names

    return sorted(category_names(found.categories))
