"""Shipments, judgements and exports in words and as JSON, for ``salus shipment``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salus.cli.common import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from salus.client import Salus
    from salus.coldchain.loggers import LoggerExport
    from salus.coldchain.lots import Lot
    from salus.coldchain.model import Pairing, Report, Shipment
    from salus.coldchain.temperature import Judgement, Profile

__all__ = ["export_words", "facts", "judgement_data", "why"]


def _celsius(centi: int | None) -> str:
    return "none" if centi is None else f"{centi / 100:.2f} °C"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60:,} min"


def export_words(export: LoggerExport) -> str:
    name = f"{export.device} {export.serial}".strip()
    return (
        f"{name}: {len(export.readings)} readings, {export.missing} missing, {_celsius(export.lowest)} to"
        f" {_celsius(export.highest)}, device signature {export.signature}"
    )


def judgement_data(judged: Judgement) -> dict[str, Any]:
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


def facts(
    salus: Salus, found: Shipment, its_lot: Lot, its_profile: Profile, report: Report, pairings: Sequence[Pairing]
) -> list[tuple[str, object]]:
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
