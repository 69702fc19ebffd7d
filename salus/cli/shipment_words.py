"""Shipments, judgements and exports in words and as JSON, for ``salus shipment``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .common import moment

if TYPE_CHECKING:
    from ..client import Salus
    from ..custody import Lot, Shipment
    from ..loggers import LoggerExport
    from ..temperature import Judgement, Profile

__all__ = ["export_words", "facts", "judgement_data"]


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


def facts(
    salus: Salus, found: Shipment, its_lot: Lot, its_profile: Profile, judged: Judgement
) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("verdict", found.verdict.words),
        (
            "lot",
            f"{its_lot.number} of GTIN {its_lot.gtin}, {found.units} of {its_lot.units} units,"
            f" until {moment(its_lot.expires_at)}",
        ),
        ("holder", salus.institutions.name(found.holder)),
    ]
    if found.offered_to:
        rows.append(("offered to", salus.institutions.name(found.offered_to)))
    rows += [
        ("logger", salus.institutions.name(found.logger)),
        ("monitored", f"{moment(found.monitored_from)} to {moment(judged.until)}, {judged.readings} readings"),
        ("extremes", f"{_celsius(judged.lowest)} to {_celsius(judged.highest)}"),
        (
            "outside",
            f"{_minutes(judged.above)} above, {_minutes(judged.below)} below, {_minutes(judged.unknown)} unknown",
        ),
    ]
    rows += [("breached", its_profile.rules[n].words) for n in judged.breached]
    if found.breached_at:
        rows.append(("first breach", moment(found.breached_at)))
    return rows
