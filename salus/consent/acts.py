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

__all__ = ["Act", "check_draft", "relation_of", "summary"]

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
        renewal: Whether it gives a directive a new end, and nothing else.
    """

    consent: Consent
    signer: str
    patient: str
    delegate: str
    directive: Directive
    renewal: bool = False

    @property
    def grantee(self) -> str:
        """Whom it concerns, for people; "" for everybody."""
        return "" if self.directive.grantee == _EVERYBODY else self.consent.name(self.directive.grantee)

    def order(self) -> Order:
        """The order, signed."""
        directive, delegate = self.directive, self.delegate or None
        if directive.effect is not Effect.NONE:
            order = self.consent.prepare_grant(directive, patient=self.patient, delegate=delegate)
        else:
            order = self.consent.prepare_revoke(
                self._revoked(), patient=self.patient, delegate=delegate, index=directive.index
            )
        return self.consent.sign(order)

    def send(self) -> Receipt:
        """Send it with the signer's key; where that signs for another account, as an order that it relays itself."""
        if self.patient != self.signer:
            return self.consent.relay([self.order()])
        if self.directive.effect is not Effect.NONE:
            return self.consent.grant(self.directive)
        return self.consent.revoke(self._revoked(), index=self.directive.index)

    def _revoked(self) -> str | None:
        return None if self.directive.grantee == _EVERYBODY else self.directive.grantee


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


def check_draft(consent: Consent, draft: DirectiveDraft, now: int, file: str = "") -> None:
    """Find whatever is wrong with a draft and can be found without a signer.

    Args:
        consent: Knows the institutions.
        draft: What is to be granted or denied.
        now: The chain's clock.
        file: Where it was read from, for the message.

    Raises:
        BadInput: An unknown grantee, purpose or category, or a period that has ended.
    """
    consent.resolve(draft.grantee, file=file)
    purpose_bits(draft.purposes, deny=draft.effect is Effect.DENY, file=file)
    category_bits(draft.categories, file=file)
    if draft.end <= now:
        raise BadInput(file, "period", f"has ended: {moment(draft.end)} is past")


def summary(acts: Sequence[Act]) -> str:
    """What was done, in words: ``permitted city-hospital, revoked everything``."""
    done = {Effect.NONE: "revoked", Effect.PERMIT: "permitted", Effect.DENY: "denied"}
    return ", ".join(
        f"renewed {act.grantee} until {moment(act.directive.end)}"
        if act.renewal
        else f"{done[act.directive.effect]} {act.grantee or 'everything'}"
        for act in acts
    )
