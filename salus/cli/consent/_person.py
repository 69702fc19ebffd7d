"""The person whose keys are here: which accounts there are, who signs for each, and the journal of what was signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.consent.journal import Journal
    from salus.consent.person import Account, Person

__all__ = [
    "Speaker",
    "account_names",
    "journal_of",
    "own_accounts",
    "person_of",
    "settled_journal",
    "speaker",
    "tell_left_out",
]


@dataclass(frozen=True)
class Speaker:
    """Who signs for one account.

    Attributes:
        client: Whose signer signs.
        patient: The account.
        delegate: The signer's account where it signs as a delegate, else "".
        relation: What the wallet calls the signer.
        name: What the account is called for people.
    """

    client: Salus
    patient: str
    delegate: str
    relation: str
    name: str


def own_accounts(context: Context) -> Mapping[str, str]:
    """The accounts of the keys by relation; "" for a single key."""
    if not context.has_wallet:
        return {"": context.signer().address}
    return context.accounts()


def person_of(context: Context, salus: Salus) -> Person:
    """The person whose keys are here."""
    from salus.consent.person import Person

    return Person(salus, salus.guardians, own_accounts(context))


def journal_of(context: Context, salus: Salus) -> Journal:
    """The journal beside the keys."""
    from salus.consent.journal import Journal
    from salus.keys.wallet import default_home

    folder = context.wallet_path() if context.has_wallet else default_home() / "orders"
    return Journal(folder / "journal.json", salus)


def settled_journal(context: Context, salus: Salus) -> Journal:
    """The journal, compared with the chain; what ended without an effect is told."""
    from salus.consent.journal import Fate

    journal = journal_of(context, salus)
    for entry, fate in journal.settle(salus.consent, salus.guardians):
        if fate is Fate.EXPIRED:
            context.note(
                f"order {entry.number} of {entry.relation or entry.signed.patient} was never submitted: {fate.value}"
            )
    return journal


def speaker(context: Context, salus: Salus, account: Account) -> Speaker:
    """Who signs for an account of the person."""
    client = salus.with_signer(context.signer(account.relation or None))
    return Speaker(client, account.patient, "", account.relation, account.name)


def tell_left_out(context: Context, accounts: Mapping[Account, str]) -> None:
    """Say which accounts an act leaves out, and why."""
    for account, why in accounts.items():
        context.note(f"left out: {account.name}: {why}")


def account_names(accounts: tuple[Account, ...]) -> str:
    """Accounts in words, for a message."""
    return ", ".join(account.name for account in accounts) or "none"
