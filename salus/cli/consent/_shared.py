"""``salus consent``: the group, and the options that its commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salus.cli.options import group, option

if TYPE_CHECKING:
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.keys.signers import Signer

__all__ = ["CATEGORY", "TO", "Look", "check_out", "named_signer", "noun"]

TO = "An institution's name or account, or role:PROVIDER for all with a role."
CATEGORY = "A FHIR resource type (Observation …), a sensitivity label (PSY …), or all."


@group("consent")
def noun() -> None:
    """Grant, revoke, relay and explain consent.

    A patient who has no ether signs an order (--out FILE), and anybody submits it (salus consent relay FILE), or both
    in one step (--relay-as KEYSTORE).
    """


@dataclass(frozen=True)
class Look:
    """Whose consents are looked at."""

    patient: str | None = option("--patient", help="Whose: an account [default: the wallet's].")
    relation: str | None = option("--relation", help="Only this account of the wallet [default: all of them].")

    def accounts(self, context: Context, salus: Salus) -> dict[str, str]:
        """Accounts by what they are called: the one that is named, or all of the person, also those that a recovery
        moved here and those of whom a key here is the delegate.
        """
        from salus.cli.consent._person import own_accounts, person_of
        from salus.errors import BadInput
        from salus.keys.addresses import address

        if self.patient:
            return {"": address(self.patient, "--patient")}
        if self.relation and context.has_wallet:
            own = own_accounts(context)
            if self.relation not in own:
                raise BadInput("--relation", self.relation, f"the wallet has no such account; it has {', '.join(own)}")
            return {self.relation: own[self.relation]}
        found = person_of(context, salus).accounts()
        return {
            account.name if account.relation or account.patient != account.signer else "": account.patient
            for account in found
        }


def check_out(out: str | None) -> None:
    """Before anybody is asked for a password: a file that is there is not overwritten.

    Raises:
        BadInput: It is there.
    """
    from salus.errors import BadInput

    if out and Path(out).exists():
        raise BadInput(out, "", "is there already; name another file")


def named_signer(context: Context, relation: str | None) -> Signer:
    """The account that is meant; of several it is named, for what one of them is told the others must not be linked to.

    Raises:
        BadInput: The wallet has no such account, or several and none is named.
    """
    from salus.errors import BadInput

    if not context.has_wallet:
        return single_signer(context, relation)
    known = context.wallet().relations()
    if relation is None and len(known) > 1:
        raise BadInput("--relation", "", f"is missing; say which account is meant: {', '.join(known)}")
    if relation is not None and relation not in known:
        raise BadInput("--relation", relation, f"the wallet has no such account; it has {', '.join(known)}")
    return context.signer(relation)


def single_signer(context: Context, relation: str | None) -> Signer:
    """The signer of ``--keystore`` where that is no wallet.

    Raises:
        BadInput: A relation is named.
    """
    from salus.errors import BadInput

    if relation:
        raise BadInput("--relation", "", "names an account of a wallet, and --keystore is a single key")
    return context.signer()
