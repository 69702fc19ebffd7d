"""What holds after an act: looked up on the chain, for a transaction that went through says nothing of it.

Who revoked wants to read that the hospital may no longer use the data; where something else still lets it in, that is
what has to be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.consent import codes
from salus.consent.explain import emergencies, explain_directive, implied
from salus.consent.model import ALL_PLACES, Answer, Directive, Effect, Explanation, Reason
from salus.errors.explanations import moment
from salus.institutions.registry import ZERO

if TYPE_CHECKING:
    from salus.consent.access_log import Accesses
    from salus.consent.registry import Consent
    from salus.institutions.registry import Institution, Institutions

__all__ = ["Effects", "Outcome"]

_NAMED = 3  # institutions of which is told
_SHOWN = 9  # purposes or categories of one answer


@dataclass(frozen=True)
class Outcome:
    """What holds after one act.

    Attributes:
        patient: The account.
        text: In words, a sentence or several.
        holds: Whether it is what was wanted.
        lines: The contract's answers behind it.
    """

    patient: str
    text: str
    holds: bool
    lines: tuple[Explanation, ...]


class Effects:
    """Looks up what holds.

    Args:
        consent: Answers.
        institutions: Says who there is.
        accesses: Says which emergencies are running.
        now: The chain's clock.
    """

    def __init__(self, consent: Consent, institutions: Institutions, accesses: Accesses, now: int) -> None:
        self._consent, self._institutions, self._accesses, self._now = consent, institutions, accesses, now

    def of(self, patient: str, directive: Directive) -> Outcome:
        """What holds for an account after a directive, or a revocation, reached the chain."""
        if directive.effect is Effect.NONE:
            return self._after_revocation(patient, directive)
        houses = self._houses(directive.grantee)
        if not houses:
            who = self._consent.name(directive.grantee)
            text = f"kept for {who}: no accredited institution is meant by it now, so it serves nobody"
            return Outcome(patient, text, directive.effect is Effect.DENY, ())
        lines = explain_directive(self._consent, houses, patient, directive)
        if directive.effect is Effect.PERMIT:
            return self._after_permit(patient, directive, lines)
        permitted = [line for line in lines if line.answer is Answer.PERMIT]
        if permitted:
            return Outcome(patient, "; ".join(map(_still, _few(permitted))), False, lines)
        text = f"{self._whom(directive.grantee, houses)} may not use {_scope(lines)} until {moment(directive.end)}"
        if directive.start > self._now:
            text = f"from {moment(directive.start)} on {text}"
        return Outcome(patient, text, True, lines)

    def _after_permit(self, patient: str, directive: Directive, lines: tuple[Explanation, ...]) -> Outcome:
        whom = self._whom(directive.grantee, self._houses(directive.grantee))
        permitted = [line for line in lines if line.answer is Answer.PERMIT]
        rest = [line for line in lines if line.answer is not Answer.PERMIT]
        if rest and all(line.reason is Reason.NOT_YET for line in rest) and directive.start > self._now:
            until = f"from {moment(directive.start)} until {moment(directive.end)}"
            return Outcome(patient, f"{whom} may use {_scope(lines)} {until}", True, lines)
        parts = [f"{whom} may use {_scope(permitted)} until {moment(directive.end)}"] if permitted else []
        parts += [f"{line.name} may not use {_scope([line])}: {line.reason.words}" for line in _few(rest)]
        return Outcome(patient, "; ".join(parts), not rest, lines)

    def _after_revocation(self, patient: str, directive: Directive) -> Outcome:
        everything = directive.grantee == ZERO
        houses = None if everything else {house.address for house in self._houses(directive.grantee)}
        lines = self._consent.explain(patient, only=houses)
        if everything:
            lines += implied(self._consent, self._institutions, patient)
        running = emergencies(self._accesses, self._institutions, patient, self._now)
        opened = [line for line in running if everything or line.institution in (houses or ())]
        permitted = [line for line in lines if line.answer is Answer.PERMIT]
        if permitted:
            return Outcome(patient, "; ".join(map(_still, _few(permitted))), self._is_part(directive), lines)
        whom = "nobody" if everything else self._consent.name(directive.grantee)
        text = "nobody may use your data any longer" if everything else f"{whom} may no longer use your data"
        if houses is not None and len(houses) != 1:
            text = f"no institution may use your data any longer as {whom}"
        text += "".join(
            f"; but a running emergency opens {_scope([line])} to {line.name} until {moment(line.until)}"
            for line in opened
        )
        return Outcome(patient, text, True, (*lines, *opened))

    @staticmethod
    def _is_part(directive: Directive) -> bool:
        """Whether only one place was revoked, so that others may rightly permit something still."""
        return directive.index != ALL_PLACES

    def _houses(self, grantee: str) -> list[Institution]:
        """The institutions that a grantee means now."""
        number = int(grantee, 16)
        if number >> 32:
            house = self._institutions.get(grantee)
            return [] if house is None else [house]
        role = self._consent.name(grantee).removeprefix("role:")
        return [house for house in self._institutions.all() if role in house.roles]

    def _whom(self, grantee: str, houses: Sequence[Institution]) -> str:
        if int(grantee, 16) >> 32:
            return houses[0].handle
        role = self._consent.name(grantee).removeprefix("role:")
        return f"every {role} ({len(houses)} now)"


def _few(lines: Iterable[Explanation]) -> list[Explanation]:
    """The lines of some institutions: nobody reads hundreds."""
    known = list(lines)
    first = set(list(dict.fromkeys(line.institution for line in known))[:_NAMED])
    return [line for line in known if line.institution in first]


def _still(line: Explanation) -> str:
    return f"{line.name} may still use {_scope([line])}: {line.reason.words}"


def _scope(lines: Sequence[Explanation]) -> str:
    """What lines are about, in words: the categories, and the purposes."""
    categories = {name for line in lines for name in line.categories}
    whole = categories >= {codes.ALL, *codes.LABELS}
    purposes = {name for line in lines for name in line.purposes}
    return f"{'all data' if whole else _several(categories)} for {_several(purposes)}"


def _several(names: Iterable[str]) -> str:
    known = sorted(names)
    rest = len(known) - _SHOWN
    return ", ".join(known) if rest <= 1 else f"{', '.join(known[:_SHOWN])} and {rest} more"
