"""A grant or a revocation on its way: signed as an order that anybody may submit, or sent by its signer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.consent.codes import category_bits, purpose_bits
from salus.consent.model import DirectiveDraft, Effect
from salus.errors import BadInput
from salus.errors.explanations import moment

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.consent.model import Directive, Order
    from salus.consent.registry import Consent
    from salus.institutions.registry import Institutions

__all__ = ["Act", "check_draft", "check_grantee", "relation_of"]

#: The grantee of a revocation of everything.
_EVERYBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Act:
    """One directive on its way.

    Attributes:
        consent: Of the client whose signer signs.
        signer: The signer's account.
        patient: For whom.
        delegate: The signer's account where it signs as a delegate, else "".
        directive: What is granted, or revoked.
    """

    consent: Consent
    signer: str
    patient: str
    delegate: str
    directive: Directive

    @property
    def grantee(self) -> str:
        """Whom it concerns, for people; "" for everybody."""
        return "" if self.directive.grantee == _EVERYBODY else self.consent.name(self.directive.grantee)

    def order(self, signed: Sequence[Order] = (), at: int = 0) -> Order:
        """The order, signed; see :meth:`prepare`."""
        return self.consent.sign(self.prepare(signed, at))

    def prepare(self, signed: Sequence[Order] = (), at: int = 0) -> Order:
        """The order, to be signed.

        Args:
            signed: Orders of the patient that are not on the chain yet.
            at: Not issued before this second.
        """
        directive, delegate = self.directive, self.delegate or None
        if directive.effect is not Effect.NONE:
            return self.consent.prepare_grant(directive, patient=self.patient, delegate=delegate, signed=signed, at=at)
        return self.consent.prepare_revoke(
            self._revoked(), patient=self.patient, delegate=delegate, index=directive.index, signed=signed, at=at
        )

    def send(self, signed: Sequence[Order] = ()) -> Receipt:
        """Send it with the signer's key; where that signs for another account, as an order that it relays itself."""
        if self.patient != self.signer:
            return self.consent.relay([self.order(signed)])
        if self.directive.effect is not Effect.NONE:
            return self.consent.grant(self.directive)
        return self.consent.revoke(self._revoked(), index=self.directive.index)

    def _revoked(self) -> str | None:
        """Whom a revocation names: an account, a role by its name, or None for everybody."""
        grantee = self.directive.grantee
        if grantee == _EVERYBODY:
            return None
        return grantee if int(grantee, 16) >> 32 else self.consent.name(grantee)


def relation_of(consent: Consent, grantee: str) -> str | None:
    """The relation by which a wallet names its account for a grantee: the institution's public name, be it given by its
    account.

    Args:
        consent: Knows the institutions.
        grantee: A name, an account or a role; "" for everybody.

    Returns:
        None for a role and for everybody, which no account is for.
    """
    if not grantee or grantee.casefold().startswith("role:"):
        return None
    name = consent.name(consent.resolve(grantee))
    return None if name.startswith("role:") else name.lower()


def check_draft(consent: Consent, institutions: Institutions, draft: DirectiveDraft, now: int, file: str = "") -> None:
    """Find whatever is wrong with a draft and can be found without a signer.

    Args:
        consent: Resolves the grantee.
        institutions: Knows who is an institution and who works for one.
        draft: What is to be granted or denied.
        now: The chain's clock.
        file: Where it was read from, for the message.

    Raises:
        BadInput: An unknown grantee, purpose or category, a period that has ended, or a grantee that a directive cannot
            mean yet.
    """
    check_grantee(institutions, consent.resolve(draft.grantee, file=file), file)
    denied = draft.effect is Effect.DENY
    purpose_bits(draft.purposes, deny=denied, file=file)
    category_bits(draft.categories, deny=denied, file=file)
    if draft.end <= now:
        raise BadInput(file, "period", f"has ended: {moment(draft.end)} is past")


def check_grantee(institutions: Institutions, grantee: str, file: str = "") -> None:
    """Refuse a grantee that no request is ever made by: the registry asks for the institution that somebody works for.

    Args:
        institutions: Knows who works for one.
        grantee: An account.
        file: Where it was read from, for the message.

    Raises:
        BadInput: It is a member of staff, an operator of an institution.
    """
    operator = institutions.operator(grantee)
    if operator is not None and institutions.get(grantee) is None:
        house = institutions.name(operator.institution)
        raise BadInput(
            file,
            "grantee",
            f"{grantee} is a member of staff of {house}: a directive for one person or one unit would be stored and"
            f" never be asked for, so that it would protect nothing; name the institution, {house}",
        )
