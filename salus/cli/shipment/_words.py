"""Shipments, judgements and exports in words and as JSON, for ``salus shipment``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salus.cli.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from salus.client import Salus
    from salus.coldchain.loggers import LoggerExport, ReadingBatch
    from salus.coldchain.lots import Lot
    from salus.coldchain.model import Pairing, Report, Shipment
    from salus.coldchain.temperature import Judgement, Profile

__all__ = ["export_data", "export_lines", "export_words", "facts", "judgement_data", "shipment_data", "why"]


def _celsius(centi: int | None) -> str:
    return "none" if centi is None else f"{centi / 100:.2f} °C"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60:,} min"


def export_words(export: LoggerExport) -> str:
    """An export in a line."""
    name = f"{export.device} {export.serial}".strip()
    return (
        f"{name}: {len(export.readings)} readings, {export.missing} missing, {_celsius(export.lowest)} to"
        f" {_celsius(export.highest)}, device signature {export.signature}"
    )


def export_data(export: LoggerExport, batches: Sequence[ReadingBatch]) -> dict[str, Any]:
    """An export and its batches as JSON."""
    return {
        "device": export.device,
        "serial": export.serial,
        "signature": export.signature,
        "readings": len(export.readings),
        "missing": export.missing,
        "lowest": export.lowest,
        "highest": export.highest,
        "batches": [
            {
                "start": batch.start,
                "step": batch.step,
                "count": batch.count,
                "base": batch.base,
                "width": batch.width,
                "resolution": batch.resolution,
                "data": batch.data,
            }
            for batch in batches
        ],
    }


def export_lines(export: LoggerExport, batches: Sequence[ReadingBatch]) -> list[str]:
    """An export and its batches, a line each."""
    return [
        export_words(export),
        *(
            f"batch {n}: {b.count} readings of {b.step} s from {moment(b.start)}, {b.width} bits each in steps of"
            f" {b.resolution / 100:.2f} °C, {len(b.data):,} bytes"
            for n, b in enumerate(batches)
        ),
    ]


def judgement_data(judged: Judgement) -> dict[str, Any]:
    """A judgement as JSON."""
    return {
        "until": judged.until,
        "batches": judged.batches,
        "readings": judged.readings,
        "lowest": judged.lowest,
        "highest": judged.highest,
        "above": judged.above,
        "below": judged.below,
        "unknown": judged.unknown,
        "breached": list(judged.breached),
    }


def why(report: Report, profile: Profile) -> list[str]:
    """What a verdict rests on, in words; empty for what is intact."""
    from salus.coldchain.model import Verdict

    verdict, reasons = report.verdict, []
    if verdict is Verdict.EXCURSION:
        for bit in report.breached:
            run = f" (hit for {_minutes(report.runs[bit])})" if bit < len(profile.rules) else ""
            reasons.append(profile.limit(bit) + run)
        if report.breached_at:
            reasons.append(f"first at {moment(report.breached_at)}")
    elif verdict is Verdict.UNKNOWN:
        known = f"{_minutes(report.judgement.unknown)} unknown, {_minutes(profile.unknown)} allowed"
        reasons.append(known if report.judgement.until else "no logger was ever paired")
    elif verdict is Verdict.RECALLED:
        reasons.append(f"code {report.recall}")
    return reasons


def shipment_data(
    found: Shipment, its_lot: Lot, its_profile: Profile, report: Report, pairings: Sequence[Pairing]
) -> dict[str, Any]:
    """A shipment as JSON."""
    return {
        "shipment": found.id,
        "verdict": report.verdict.name.lower(),
        "disposition": found.disposition.name.lower(),
        "holder": found.holder,
        "since": found.since,
        "due": found.due,
        "units": found.units,
        "loggers": [{"device": p.logger, "from": p.start, "to": p.end, "model": p.model} for p in pairings],
        "breachedAt": report.breached_at,
        "intactUntil": report.intact_until,
        "recall": report.recall,
        "lot": {"id": its_lot.id, "gtin": its_lot.gtin, "number": its_lot.number, "expiresAt": its_lot.expires_at},
        "judgement": judgement_data(report.judgement),
        "breachedRules": [its_profile.limit(bit) for bit in report.breached],
    }


def facts(
    salus: Salus, found: Shipment, its_lot: Lot, its_profile: Profile, report: Report, pairings: Sequence[Pairing]
) -> list[tuple[str, object]]:
    """A shipment in words, a fact each."""
    judged = report.judgement
    rows: list[tuple[str, object]] = [
        ("verdict", report.verdict.words),
        *(("because", reason) for reason in why(report, its_profile)),
        (
            "lot",
            f"{its_lot.number} of GTIN {its_lot.gtin}, {found.units} of {its_lot.units} units,"
            f" until {moment(its_lot.expires_at)}",
        ),
        ("holder", f"{salus.institutions.name(found.holder)} since {moment(found.since)}"),
    ]
    if found.due:
        rows.append(("hand on by", moment(found.due)))
    rows += [("logger", f"{p.logger} from {moment(p.start)} to {moment(p.end)}") for p in pairings]
    rows += [
        ("judged until", f"{moment(judged.until)}, {judged.readings} readings" if judged.until else "never monitored"),
        ("extremes", f"{_celsius(judged.lowest)} to {_celsius(judged.highest)}"),
        (
            "outside",
            f"{_minutes(judged.above)} above, {_minutes(judged.below)} below, {_minutes(judged.unknown)} unknown",
        ),
    ]
    if report.intact_until:
        rows.append(("next reading by", moment(report.intact_until)))
    return rows
