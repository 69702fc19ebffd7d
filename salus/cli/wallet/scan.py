"""``salus wallet scan`` and ``add``: the relations of a wallet that was made again from its words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.options import command
from salus.cli.wallet._shared import noun

if TYPE_CHECKING:
    from salus.keys.search import Found
    from salus.keys.wallet import Wallet

__all__ = ["look", "show_found"]


@command(noun, "scan")
@click.option("--relation", "names", multiple=True, help="A further name to try, beside those of all institutions.")
@click.option("--backup", type=click.Path(), help="File of `salus wallet backup`, whose relations are added.")
def scan(context: Context, names: tuple[str, ...], backup: str | None) -> None:
    """Look on the chain for accounts of the wallet that it does not know, and add those that were used.

    The names of all institutions are tried, and the numbers that wallets of version 1 gave to accounts. For whom an
    account with a number is, you are asked. The node can tell that all these accounts belong together: use your own.

    \b
    Example:
      salus wallet scan
      salus wallet scan --relation dr-by-the-lake --backup wallet.backup
    """
    wallet = context.wallet()
    if backup:
        wallet.add_from(backup)
    found = find(context, wallet, names)
    data = {name: wallet.accounts()[name] for name in found}
    context.answer({"found": data}, "\n".join(f"{address}  {name}" for name, address in data.items()))
    show_found(context, wallet, found)


@command(noun, "add")
@click.argument("relation")
@click.option("--number", type=click.IntRange(0, 2**31 - 1), help="Its number in a wallet of version 1.")
def add(context: Context, relation: str, number: int | None) -> None:
    """Add a relation to the wallet: one that a restored wallet does not know, or the name of an account old:3.

    \b
    Example:
      salus wallet add city-hospital
      salus wallet add hill-clinic --number 3
    """
    from salus.keys.paths import numbered_path

    address = context.wallet().add(relation, None if number is None else numbered_path(number))
    context.answer({"relation": relation, "address": address}, address)


def look(context: Context, wallet: Wallet) -> dict[str, list[str]] | None:
    """Look for relations right after a wallet was restored; None, with a note, where the chain cannot be asked."""
    from salus.errors import SalusError, one_line

    try:
        return find(context, wallet, ())
    except SalusError as trouble:
        context.note(f"your relations were not looked for ({one_line(trouble, 200)}): run `salus wallet scan` later")
        return None


def find(context: Context, wallet: Wallet, names: Iterable[str]) -> dict[str, list[str]]:
    """Add the accounts that the chain knows to the wallet: their relations, with the institutions they deal with."""
    from salus.keys.search import search

    salus = context.connect()
    context.note(f"looking for your accounts at {context.nodes}, which can tell that they belong together")
    handles = {each.address: each.handle for each in salus.institutions.all()}
    # Before an institution is accredited its account is its name.
    tried = [*names, *handles.values(), *(account.lower() for account in handles)]
    taken = {}
    for found in search(wallet, dict.fromkeys(tried), salus.mentions):
        partners = sorted(handles[other] for other in found.others if other in handles)
        relation = found.relation or _name(context, wallet, found, partners)
        wallet.add(relation, found.path)
        taken[relation] = partners
    return taken


def _name(context: Context, wallet: Wallet, found: Found, partners: list[str]) -> str:
    """Whom an account is for that was found by its number: as its owner says, and never a guess of ours."""
    from salus.errors import WalletError
    from salus.keys.paths import check_relation, number_of
    from salus.keys.wallet import UNNAMED

    unnamed = f"{UNNAMED}{number_of(found.path)}"
    if not sys.stdin.isatty():
        return unnamed
    context.note(f"{found.address} was used, with {', '.join(partners) or 'no institution'}.")
    free = [name for name in partners if name not in wallet.relations()]
    while True:
        name: str = click.prompt("For whom is it?", default=free[0] if len(free) == 1 else unnamed, err=True)
        try:
            if check_relation(name) not in wallet.relations():
                return name
            context.note(f"{name} has another account already; give this one another name")
        except WalletError as trouble:
            context.note(str(trouble))


def show_found(context: Context, wallet: Wallet, found: Mapping[str, list[str]] | None) -> None:
    """What is left for the owner to do after a search."""
    from salus.keys.paths import number_of
    from salus.keys.wallet import UNNAMED

    if context.json or found is None:
        return
    if not found:
        context.note("no further account of this wallet was used on this chain, as far as the names go")
    for name, partners in found.items():
        if name.startswith(UNNAMED):
            used = f", used with {', '.join(partners)}," if partners else ""
            number = number_of(wallet.relations()[name])
            context.note(f"{name}{used} has no name: say whom it is for with `salus wallet add NAME --number {number}`")
