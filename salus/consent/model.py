"""What consent is made of: directives, orders to sign, the registry's records and answers.

Sets of purposes and categories are integers (bits) in what the chain knows, and names in a :class:`DirectiveDraft`;
:mod:`salus.consent.codes` turns one into the other. Times are Unix seconds of the chain's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from salus.abi import terms
from salus.consent import codes
from salus.errors import BadInput
from salus.errors.explanations import REASONS
from salus.keys.typed_data import Domain, TypedData

__all__ = [
    "ALL_PLACES",
    "PLACES",
    "WEEK",
    "Answer",
    "Decision",
    "Directive",
    "DirectiveDraft",
    "Effect",
    "Explanation",
    "Mode",
    "Order",
    "Policy",
    "Reason",
    "Record",
    "ScopeMasks",
    "Status",
]

#: In a revocation: all places of the grantee.
ALL_PLACES = 255

#: Directives of a pair; those of the first delegate are the next four places, and so on.
PLACES = 4

#: Seconds for which an order can be submitted, by default.
WEEK = 7 * 24 * 3600

_GRANT = (
    "Grant(address patient,address grantee,uint8 index,uint8 effect,uint32 purposes,uint56 categories,uint40 start,"
    "uint40 end,bytes32 document,uint40 issuedAt,uint40 deadline)"
)
_REVOKE = "Revoke(address patient,address grantee,uint8 index,uint40 issuedAt,uint40 deadline)"
_NO_DOCUMENT = bytes(32)
_CLASSES = sum(codes.RECORDS.values())


class Effect(IntEnum):
    """What a directive does; ``NONE`` stands for none, or for a revocation."""

    NONE = 0
    PERMIT = 1
    DENY = 2


class Status(IntEnum):
    """What a directive is now."""

    NONE = 0
    ACTIVE = 1
    NOT_YET = 2
    EXPIRED = 3
    REVOKED = 4


class Answer(IntEnum):
    """The answer to a request; ``NONE``: nobody decided."""

    NONE = 0
    PERMIT = 1
    DENY = 2


class Reason(IntEnum):
    """Why the answer is what it is."""

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

    @property
    def words(self) -> str:
        """For people."""
        return REASONS[self]


class Mode(IntEnum):
    """What becomes of a batch in which an order, or a use of data, cannot be carried out."""

    TOLERANT = 0
    STRICT = 1


class Policy(IntEnum):
    """What holds where a patient never said anything; fixed at deployment (IHE PCF names these four)."""

    DENY = 0
    EMERGENCY = 1
    TREATMENT = 2
    NORMAL = 3

    @property
    def words(self) -> str:
        """For people."""
        return (
            "nothing",
            "nothing, but in an emergency the glass can be broken",
            "treatment by providers and pharmacies",
            "treatment, payment and operations by providers, pharmacies and insurers",
        )[self]


@dataclass(frozen=True)
class DirectiveDraft:
    """A directive as people write it, e.g. in a FHIR Consent.

    Attributes:
        grantee: An institution's name or address, or ``role:PROVIDER``.
        effect: Permit or deny.
        purposes: Names, see :data:`salus.consent.codes.PURPOSES`.
        categories: Names, see :data:`salus.consent.codes.CATEGORIES`, or ``all``.
        start: First second at which it holds, 0 from its issue.
        end: First second at which it no longer holds.
    """

    grantee: str
    effect: Effect
    purposes: frozenset[str]
    categories: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True)
class Directive:
    """A directive as the contract takes it; purposes and categories are bits, ``document`` 32 bytes."""

    grantee: str
    index: int
    effect: Effect
    purposes: int = 0
    categories: int = 0
    start: int = 0
    end: int = 0
    document: bytes = _NO_DOCUMENT

    def packed(self, issued_at: int = 0, deadline: int = 0) -> int:
        """All but grantee and document, and the two times of a signed one, as the contract takes it: one word.

        Raises:
            BadInput: A value is out of range.
        """
        try:
            return terms.pack(
                index=self.index,
                effect=self.effect,
                purposes=self.purposes,
                categories=self.categories,
                start=self.start,
                end=self.end,
                issuedAt=issued_at,
                deadline=deadline,
            )
        except ValueError as trouble:
            raise BadInput("", "directive", str(trouble)) from None


@dataclass(frozen=True)
class Order:
    """A grant, or with effect ``NONE`` a revocation, that is signed and relayed.

    Attributes:
        patient: Whose.
        directive: What.
        issued_at: When it was made: at one place the later issue stands.
        deadline: Last second at which it may be submitted.
        chain_id: The chain that it counts on.
        contract: The ``ConsentRegistry`` that it counts in.
        signature: 65 bytes, or what the signer's contract wallet takes; empty while unsigned.
        signer: The delegate who signs within its scope; "" for whoever controls the patient's account.
    """

    patient: str
    directive: Directive
    issued_at: int
    deadline: int
    chain_id: int
    contract: str
    signature: bytes = b""
    signer: str = ""

    def packed(self) -> int:
        """Its terms as the contract takes them: one word.

        Raises:
            BadInput: A value is out of range.
        """
        return self.directive.packed(self.issued_at, self.deadline)

    def typed(self) -> TypedData:
        """What the patient, or the delegate, signs.

        Raises:
            BadInput: A value is out of range, or a revocation carries more than its place.
        """
        d = self.directive
        domain = Domain("Salus Consent", "1", self.chain_id, self.contract)
        message: dict[str, Any] = {
            "patient": self.patient,
            "grantee": d.grantee,
            "index": d.index,
            "issuedAt": self.issued_at,
            "deadline": self.deadline,
        }
        if d.effect is Effect.NONE:
            if d.purposes or d.categories or d.start or d.end or d.document != _NO_DOCUMENT:
                raise BadInput("Revoke", "directive", "a revocation has no scope, period or document")
            return TypedData(_REVOKE, domain, message)
        message |= {
            "effect": int(d.effect),
            "purposes": d.purposes,
            "categories": d.categories,
            "start": d.start,
            "end": d.end,
            "document": d.document,
        }
        return TypedData(_GRANT, domain, message)


@dataclass(frozen=True)
class Record:
    """A directive as the chain has it now.

    Attributes:
        grantee: An institution, or a role as an account.
        index: Its place, 0 to 3; 4 times a delegate's number more for what that delegate said.
        effect: Permit or deny; ``NONE`` when there was never one, or it was revoked.
        purposes: Bits; see :attr:`purpose_names`.
        categories: Bits; see :attr:`category_names`.
        start: First second at which it holds, 0 from its issue.
        end: First second at which it no longer holds.
        issued_at: Issue of the last action on this place.
        status: Derived from all this and the chain's clock.
    """

    grantee: str
    index: int
    effect: Effect
    purposes: int
    categories: int
    start: int
    end: int
    issued_at: int
    status: Status

    @property
    def purpose_names(self) -> frozenset[str]:
        """Names of the purposes."""
        return codes.purpose_names(self.purposes, deny=self.effect is Effect.DENY)

    @property
    def category_names(self) -> frozenset[str]:
        """Names of the categories."""
        # Of what was revoked nothing says whether it was a denial, but that it was of everything.
        denied = self.effect is Effect.DENY or self.categories == codes.EVERYTHING
        return codes.category_names(self.categories, deny=denied)

    def draft(self, grantee: str) -> DirectiveDraft:
        """The directive as people write it; ``grantee`` is what they call its grantee."""
        names = self.purpose_names, self.category_names
        return DirectiveDraft(grantee, self.effect, *names, self.start, self.end)


@dataclass(frozen=True)
class Decision:
    """The answer to a request.

    Attributes:
        answer: Permit, deny, or none.
        reason: Why.
        grantee: With ``index`` the directive that decided, or the nearest one when none did.
        index: Its place.
    """

    answer: Answer
    reason: Reason
    grantee: str
    index: int


@dataclass(frozen=True)
class ScopeMasks:
    """Which categories an actor may use for a purpose: each by itself, see :meth:`salus.consent.Consent.scope`.

    Attributes:
        permitted: Bits; see :attr:`permitted_names`.
        denied: Bits; see :attr:`denied_names`.
    """

    permitted: int
    denied: int

    @property
    def permitted_names(self) -> frozenset[str]:
        """Names of the categories that are permitted."""
        return _named(self.permitted)

    @property
    def denied_names(self) -> frozenset[str]:
        """Names of the categories that are denied."""
        return _named(self.denied)


def _named(bits: int) -> frozenset[str]:
    """Names of categories; of those without a name only "all" says anything."""
    whole = bits & codes.ALL_RECORDS == codes.ALL_RECORDS
    return codes.category_names(bits & (sum(codes.LABELS.values()) | (codes.ALL_RECORDS if whole else _CLASSES)))


@dataclass(frozen=True)
class Explanation:
    """One line of "who may see what, and why".

    Attributes:
        institution: Its account.
        name: Its public name.
        answer: The answer to each request for one of these purposes on one of these categories.
        reason: Why.
        purposes: Names.
        categories: Names.
        grantee: With ``index`` the directive that decided, or the nearest one when none did.
        index: Its place.
        others: Further institutions to which this applies as well: those that the deployment's policy lets in.
        emergency: Id of the emergency that opens it, where that and no directive does.
        until: End of that emergency.
    """

    institution: str
    name: str
    answer: Answer
    reason: Reason
    purposes: frozenset[str]
    categories: frozenset[str]
    grantee: str
    index: int
    others: tuple[str, ...] = ()
    emergency: bytes = b""
    until: int = 0
