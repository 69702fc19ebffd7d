"""How temperatures are judged: rules, profiles, judgements. In 0.01 °C; durations in seconds unless said otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from salus.abi.hashing import keccak

__all__ = [
    "BUDGET",
    "BY_HAND",
    "FORKED",
    "MKT",
    "Bound",
    "Judgement",
    "Profile",
    "Rule",
    "Span",
    "StorageClass",
    "judgement_of",
    "judgement_of_word",
    "ready_profile",
    "ready_profiles",
]

#: Bits of what was breached; those below are the rules, in the order of the profile.
MKT, BUDGET, FORKED, BY_HAND = 8, 9, 10, 11


class Bound(IntEnum):
    """Which side of a threshold a rule minds; the threshold itself counts."""

    ABOVE = 0
    BELOW = 1


class Span(IntEnum):
    """Whether a rule's time is in one run, or summed."""

    SINGLE = 0
    CUMULATIVE = 1


class StorageClass(IntEnum):
    """What the label says; the limits are what is judged."""

    UNSPECIFIED = 0
    ULTRA_COLD = 1
    FREEZER = 2
    REFRIGERATOR = 3
    COOL = 4
    ROOM = 5


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
        rules: At most eight.
        storage_class: What the label says.
        vvm: Type of the vaccine vial monitor (2, 7, 11, 14 or 30), 0 without one.
        budget: Stability budget, the most time outside the labelled range, seconds; 0: not limited.
        mkt_limit: Highest mean kinetic temperature of a window, 0.01 °C.
        mkt_hours: Length of the window; 0: not judged.
    """

    low: int
    high: int
    silence: int
    unknown: int
    rules: tuple[Rule, ...]
    storage_class: StorageClass = StorageClass.UNSPECIFIED
    vvm: int = 0
    budget: int = 0
    mkt_limit: int = 0
    mkt_hours: int = 0

    def struct(self) -> tuple[Any, ...]:
        """The struct ``ITemperatureRules.Profile``."""
        rules = [(int(r.bound), int(r.span), r.threshold, r.minutes) for r in self.rules]
        first = int(self.storage_class), self.vvm, self.low, self.high, self.silence, self.unknown, self.budget
        return *first, self.mkt_limit, self.mkt_hours, rules

    @classmethod
    def of_struct(cls, found: Any) -> Profile:
        """From the struct, as a view or an event gives it."""
        return cls(
            low=found.low,
            high=found.high,
            silence=found.silence,
            unknown=found.unknown,
            rules=tuple(Rule(Bound(r.bound), Span(r.span), r.threshold, r.afterMinutes) for r in found.rules),
            storage_class=StorageClass(found.storageClass),
            vvm=found.vvm,
            budget=found.budget,
            mkt_limit=found.mktLimit,
            mkt_hours=found.mktHours,
        )

    @property
    def id(self) -> bytes:
        """The profile's id on any chain: a hash of its content."""
        from eth_abi.abi import encode

        struct = "(uint8,uint8,int16,int16,uint32,uint32,uint32,int16,uint16,(uint8,uint8,int16,uint16)[])"
        return keccak(
            encode(["bytes32", "bytes32"], [keccak(text="salus.profile"), keccak(encode([struct], [self.struct()]))])
        )

    @property
    def words(self) -> tuple[str, ...]:
        """Every limit in words: the rules in their order, then what else there is."""
        more = [self.limit(bit) for bit, there in ((MKT, self.mkt_hours), (BUDGET, self.budget)) if there]
        return tuple(rule.words for rule in self.rules) + tuple(more)

    def limit(self, bit: int) -> str:
        """What a bit of ``breached`` stands for, in words."""
        if bit == MKT:
            return f"mean kinetic temperature > {self.mkt_limit / 100:.2f} °C over {self.mkt_hours} h"
        if bit == BUDGET:
            band = f"{self.low / 100:.2f} to {self.high / 100:.2f} °C"
            return f"outside {band} for more than {self.budget // 60:,} min in all"
        if bit == FORKED:
            return "two batches of one number: the logger's key is in two hands"
        if bit == BY_HAND:
            return "quarantined by hand"
        return self.rules[bit].words


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
        breached: Bits of what was breached: the rules in the order of the profile, then :data:`MKT`, :data:`BUDGET`,
            :data:`FORKED`, :data:`BY_HAND`.
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
    """A judgement as a view of the contract says it."""
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
        breached=tuple(n for n in range(BY_HAND + 1) if struct.breached >> n & 1),
    )


def judgement_of_word(word: int) -> Judgement:
    """A judgement as an event ``ReadingsLogged`` says it: after the batch, in one word."""
    lowest, highest = ((word >> at & 0xFFFF ^ 0x8000) - 0x8000 for at in (0, 16))
    above, below, unknown = (word >> at & 0xFFFFFFFF for at in (32, 64, 96))
    said = SimpleNamespace(
        until=word >> 144 & 0xFFFFFFFF,
        batches=word >> 176 & 0xFFFFFF,
        readings=word >> 200 & 0xFFFFFFFF,
        lowest=lowest,
        highest=highest,
        above=above,
        below=below,
        unknown=unknown,
        breached=word >> 128 & 0xFFFF,
    )
    return judgement_of(said)


def ready_profiles() -> dict[str, Profile]:
    """The profiles that come with Salus, by name; ``salus/coldchain/profiles.json`` names their sources."""
    content = json.loads(files("salus.coldchain").joinpath("profiles.json").read_text(encoding="utf-8"))

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
            storage_class=StorageClass[entry.get("storageClass", "unspecified").upper().replace("-", "_")],
            vvm=entry.get("vvm", 0),
            budget=entry.get("budgetMinutes", 0) * 60,
            mkt_limit=centi(entry.get("mktCelsius", "0")),
            mkt_hours=entry.get("mktHours", 0),
        )
        for name, entry in content.items()
    }


def ready_profile(name: str) -> Profile:
    """One of :func:`ready_profiles`.

    Raises:
        BadInput: There is none of this name.
    """
    from salus.errors import BadInput, one_line

    ready = ready_profiles()
    if name not in ready:
        raise BadInput("--profile", "", f"{one_line(name, 40)!r} is no ready profile; there are {', '.join(ready)}")
    return ready[name]
