"""What is said about consent: effects, statuses, answers, directives, orders and actions, without any rule.

Addresses are integers, so that a role's account is simply its bit. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ALL",
    "BUSINESS",
    "CARE",
    "CARERS",
    "EVERYTHING_NAMED",
    "INDEXES",
    "INSURER",
    "KNOWN_LABELS",
    "KNOWN_PURPOSES",
    "MOST_DELEGATES",
    "NEAREST_FIRST",
    "RECORD_CLASSES",
    "ROLES",
    "Action",
    "Answer",
    "Decision",
    "Directive",
    "Effect",
    "Order",
    "Policy",
    "Reason",
    "Record",
    "Standing",
    "Status",
]

INDEXES = 4
#: How many delegates may ever say something for a patient.
MOST_DELEGATES = 14

#: Nine roles are known, each a bit and an account.
ROLES = [1 << bit for bit in range(9)]

#: The index that means all of a grantee's directives; with grantee 0, everything of the patient.
ALL = 255


class Effect(IntEnum):
    NONE = 0
    PERMIT = 1
    DENY = 2


class Status(IntEnum):
    NONE = 0
    ACTIVE = 1
    NOT_YET = 2
    EXPIRED = 3
    REVOKED = 4


class Answer(IntEnum):
    NONE = 0
    PERMIT = 1
    DENY = 2


class Reason(IntEnum):
    NO_DIRECTIVE = 0
    NAMED = 1
    ROLE = 2
    NOT_LICENSED = 3
    REVOKED = 4
    EXPIRED = 5
    NOT_YET = 6
    WRONG_PURPOSE = 7
    WRONG_CATEGORY = 8
    IMPLIED = 9


# When nothing decided, the reason that helps the patient most to mend it: the directive that came nearest.
NEAREST_FIRST = (
    Reason.WRONG_CATEGORY,
    Reason.WRONG_PURPOSE,
    Reason.NOT_YET,
    Reason.EXPIRED,
    Reason.REVOKED,
)


class Policy(IntEnum):
    """What holds where the patient never said anything."""

    DENY = 0
    EMERGENCY = 1
    TREATMENT = 2
    NORMAL = 3


# Bits of purposes and of roles, as contracts/consent/ConsentCodes.sol and contracts/institutions/Roles.sol number them.
CARE = 1 << 0 | 1 << 1
BUSINESS = 1 << 2 | 1 << 3 | 1 << 4
CARERS = 1 << 0 | 1 << 1
INSURER = 1 << 2
RECORD_CLASSES = (1 << 40) - 1
#: Purposes and labels that have a number; a permit names no others.
KNOWN_PURPOSES = (1 << 22) - 1
KNOWN_LABELS = ((1 << 6) - 1) << 40
EVERYTHING_NAMED = (1 << 56) - 1


@dataclass(frozen=True)
class Directive:
    """As in ``IConsentRegistry``; a revocation is one with effect ``NONE`` and nothing but grantee and index."""

    grantee: int
    index: int
    effect: Effect = Effect.NONE
    purposes: int = 0
    categories: int = 0
    start: int = 0
    end: int = 0
    document: bytes = bytes(32)


@dataclass(frozen=True)
class Order:
    """A signed action.

    ``signer`` stands for the signature: whose key made it. ``delegate`` is what the order names as its signer, 0 for
    whoever controls the patient's account.
    """

    patient: int
    directive: Directive
    issued_at: int
    deadline: int
    signer: int
    delegate: int = 0


@dataclass(frozen=True)
class Action:
    """An action that was accepted and changed something.

    ``by`` is the delegate that signed it, 0 for the patient's own word; ``index`` is where the views show it.
    """

    patient: int
    directive: Directive
    issued_at: int
    signed: bool
    by: int = 0
    index: int = 0

    @property
    def grants(self) -> bool:
        return self.directive.effect is not Effect.NONE

    @property
    def denies(self) -> bool:
        return self.directive.effect is Effect.DENY


@dataclass(frozen=True)
class Record:
    """One directive with its status; ``issued_at`` is that of the last action on this very place, 0 when there is
    none."""

    effect: Effect
    purposes: int
    categories: int
    start: int
    end: int
    issued_at: int
    status: Status


@dataclass(frozen=True)
class Standing:
    """What ``Institutions.standing`` says of an actor; ``roles`` is 0 unless it is licensed.

    ``house_roles`` are those of its institution; an operator may have fewer.
    """

    institution: int
    roles: int
    licensed: bool
    institution_roles: int = 0


@dataclass(frozen=True)
class Decision:
    answer: Answer
    reason: Reason
    grantee: int
    index: int
