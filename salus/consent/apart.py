"""Keeping the accounts of one person apart on the chain: times that differ, and submissions that do not follow closely.

A wide act is an order for each account. If these orders shared an issue time, an end or a block, anybody could tell
that the accounts are one person's. So the accounts come in a random order, an hour or two apart, and each has an
end of its own, which is a whole day, as the ends of many other people's directives are.
"""

from __future__ import annotations

import random
from collections.abc import Collection

from salus.consent.model import Effect

__all__ = ["BLOCKS", "FOREVER", "due_times", "end_apart"]

#: At least so many blocks lie between two accounts of one person.
BLOCKS = 25

#: No end: half of the country has it, so it tells nothing.
FOREVER = (1 << 40) - 1

_GAP = (45 * 60, 150 * 60)  # seconds between two accounts
_DAY = 24 * 3600
_CHOICES = 7  # days among which an end is drawn
_UNITS = (_DAY, 3600, 60)

_RANDOM = random.SystemRandom()


def due_times(now: int, count: int, chance: random.Random = _RANDOM) -> list[int]:
    """When each of so many accounts has its turn, the first one now; in a random order.

    Args:
        now: The chain's clock.
        count: How many accounts.
        chance: Where the gaps come from.
    """
    times = [now]
    while len(times) < count:
        times.append(times[-1] + chance.randint(*_GAP))
    chance.shuffle(times)
    return times


def end_apart(effect: Effect, end: int, now: int, taken: Collection[int], chance: random.Random = _RANDOM) -> int:
    """An end that no other account of the person has, at the end of a day (UTC).

    Of a permit it is earlier than what was asked for, of a denial it is later: never is more permitted than was said.

    Args:
        effect: Of the directive.
        end: What was asked for.
        now: The chain's clock; half of the time until the end remains at least.
        taken: Ends of the other accounts.
        chance: Where it comes from.
    """
    if end == FOREVER:
        return end
    steps = range(len(taken) + _CHOICES)
    if effect is Effect.DENY:
        first = -(-end // _DAY) * _DAY
        return chance.choice([day for n in steps if (day := first + n * _DAY) not in taken][:_CHOICES])
    for unit in _UNITS:
        last = end // unit * unit
        found = [at for n in steps if (at := last - n * unit) not in taken and at > (now + end) // 2]
        if found:
            return chance.choice(found[:_CHOICES])
    return end - 1 - chance.randrange(max(1, (end - now) // 2))
