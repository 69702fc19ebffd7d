"""How temperatures are judged: rules, profiles, judgements. In 0.01 °C; durations in seconds unless said otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from importlib.resources import files
from typing import Any

__all__ = ["Bound", "Judgement", "Profile", "Rule", "Span", "judgement_of", "ready_profiles"]


class Bound(IntEnum):
    """Which side of a threshold a rule minds; the threshold itself counts."""

    ABOVE = 0
    BELOW = 1


class Span(IntEnum):
    """Whether a rule's time is in one run, or summed."""

    SINGLE = 0
    CUMULATIVE = 1


@dataclass(frozen=True)
class Rule:
    """A temperature rule: breached after so many minutes at or beyond the threshold.

    Args:
        threshold: 0.01 °C.
        minutes: 1 to 16,383.
    """

    bound: Bound
    span: Span
    threshold: int
    minutes: int

    @property
    def words(self) -> str:
        """E.g. ``≥ 8.00 °C for 30 min at a time``."""
        sign = "≥" if self.bound is Bound.ABOVE else "≤"
        span = "at a time" if self.span is Span.SINGLE else "altogether"
        return f"{sign} {self.threshold / 100:.2f} °C for {self.minutes} min {span}"


@dataclass(frozen=True)
class Profile:
    """What temperatures are judged by.

    Args:
        low: Lowest of the labelled range, 0.01 °C.
        high: Highest, 0.01 °C.
        silence: Longest time without readings that is not yet unknown, seconds.
        unknown: Most unknown time, seconds.
        rules: One to eight.
    """

    low: int
    high: int
    silence: int
    unknown: int
    rules: tuple[Rule, ...]

    def struct(self) -> tuple[Any, ...]:
        """The struct ``ITemperatureRules.Profile``."""
        rules = [(int(r.bound), int(r.span), r.threshold, r.minutes) for r in self.rules]
        return self.low, self.high, self.silence, self.unknown, rules

    @property
    def id(self) -> bytes:
        """The profile's id on any chain: a hash of its content."""
        from eth_abi.abi import encode
        from eth_utils.crypto import keccak

        content = encode(["(int16,int16,uint32,uint32,(uint8,uint8,int16,uint16)[])"], [self.struct()])
        return keccak(encode(["bytes32", "bytes32"], [keccak(text="salus.profile"), keccak(content)]))


@dataclass(frozen=True)
class Judgement:
    """What a shipment's readings amount to so far.

    Args:
        until: Time is judged until here, Unix seconds.
        batches: Accepted so far.
        readings: Accepted so far, missing ones included.
        lowest: 0.01 °C, None while there is no reading.
        highest: 0.01 °C, None while there is no reading.
        above: Seconds above the labelled range.
        below: Seconds below it.
        unknown: Seconds of which nothing is known.
        breached: Numbers of the rules that were breached, in the order of the profile.
    """

    until: int
    batches: int
    readings: int
    lowest: int | None
    highest: int | None
    above: int
    below: int
    unknown: int
    breached: tuple[int, ...]


def judgement_of(struct: Any) -> Judgement:
    """A judgement of the contract: of a view, or of an event ``ReadingsLogged``."""
    none = struct.lowest > struct.highest  # the sentinels of "no reading" cross
    return Judgement(
        until=struct.until,
        batches=struct.batches,
        readings=struct.readings,
        lowest=None if none else struct.lowest,
        highest=None if none else struct.highest,
        above=struct.above,
        below=struct.below,
        unknown=struct.unknown,
        breached=tuple(n for n in range(8) if struct.breached >> n & 1),
    )


def ready_profiles() -> dict[str, Profile]:
    """The profiles that come with Salus, by name; ``salus/profiles.json`` names their sources."""
    content = json.loads(files("salus").joinpath("profiles.json").read_text(encoding="utf-8"))

    def centi(text: str) -> int:
        return int(Decimal(text) * 100)

    return {
        name: Profile(
            low=centi(entry["low"]),
            high=centi(entry["high"]),
            silence=entry["silenceMinutes"] * 60,
            unknown=entry["unknownMinutes"] * 60,
            rules=tuple(
                Rule(Bound[rule["bound"].upper()], Span[rule["span"].upper()], centi(rule["celsius"]), rule["minutes"])
                for rule in entry["rules"]
            ),
        )
        for name, entry in content.items()
    }
