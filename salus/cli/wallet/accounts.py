"""``salus wallet list``, ``address``, ``import`` and ``export``: the accounts whose keys are here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.options import command
from salus.cli.wallet._shared import noun

if TYPE_CHECKING:
    from salus.keys.accounts import LocalAccount


@command(noun, "list")
@click.option(
    "--relations",
    is_flag=True,
    help="Also for whom each account is, and when it last signed; this takes the wallet's password [default: only where"
    " --password-file is given, or an agent knows them].",
)
def list_(context: Context, relations: bool) -> None:
    """Show the accounts whose keys are here: the wallet's, and the keystore files that were imported.

    The wallet's accounts, for whom they are, and when each last signed stand in its encrypted file alone: ask with
    --relations.

    \b
    Example:
      salus wallet list
      salus wallet list --relations --json
    """
    from salus.keys.accounts import local_accounts, with_relations
    from salus.keys.wallet import Wallet

    path = context.wallet_path()
    relations = relations or bool(context.password_file and context.has_wallet)
    if relations:
        Wallet.require(path)
    accounts = local_accounts(path, named=context.keystore is not None)
    book = context.book_of_relations() if relations else context.known_relations()
    data: dict[str, Any] = {"wallet": str(path) if Wallet.is_in(path) else None}
    if book is not None:
        accounts = with_relations(accounts, book, path)
        data["accounts"] = {name: each.address for name, each in book.items()}
        data["paths"] = {name: each.path for name, each in book.items()}
        data["used"] = {name: each.used or None for name, each in book.items()}
        data["signer"] = next((account.file.address for account in accounts if account.signs), None)
    data["keystores"] = [
        {"address": a.file.address, "kind": a.kind, "file": str(a.file.path), "mode": a.mode} for a in accounts
    ]
    context.answer(data, lambda: _show(context, accounts, book is not None))
    if book is None and data["wallet"] and not context.json:
        context.note("for whom each account is, and when it signed: add --relations (it takes the wallet's password)")


def _show(context: Context, accounts: list[LocalAccount], relations: bool) -> None:
    """The accounts as a table; with what only the password opens where that is known."""
    if not relations:
        rows: list[tuple[object, ...]] = [(_address(a), a.kind, a.file.path, a.mode) for a in accounts]
        context.table("Accounts", ("address", "kind", "file", "mode"), rows)
        return
    rows = [
        (
            a.relation,
            _address(a),
            a.used or ("never" if a.relation else ""),
            a.kind,
            "signs" if a.signs else "",
            a.file.path,
            a.mode,
        )
        for a in accounts
    ]
    columns = ("relation", "address", "last signed", "kind", "by default", "file", "mode")
    context.table("Accounts", columns, rows)


def _address(account: LocalAccount) -> str:
    return account.file.address or ("encrypted" if account.kind == "wallet" else "not named")


@command(noun, "address")
@click.argument("relation", default="")
def address(context: Context, relation: str) -> None:
    """Show the account for a relation; a new relation gets a new account. Without one: the account that signs.

    \b
    Example:
      salus wallet address city-hospital
      salus wallet address --keystore hospital.json
    """
    from salus.keys.wallet import DEFAULT

    known = (context.known_relations() or {}).get(relation or DEFAULT)
    account = known.address if known else context.signer(relation or None).address
    context.answer({"relation": relation or None, "address": account}, account)


@command(noun, "import")
@click.argument("file", type=click.Path())
@click.option("--out", type=click.Path(), help="Where to [default: ~/.salus/keystores/<name of FILE>].")
@click.option("--new-password-file", type=click.Path(), help="File with the copy's password [default: the same].")
def import_(context: Context, file: str, out: str | None, new_password_file: str | None) -> None:
    """Copy a keystore v3 file (of eth-account, Brownie, cast, geth …), encrypted anew at full strength.

    \b
    Example:
      salus wallet import ~/.brownie/accounts/hospital.json
    """
    from salus.keys.keystores import import_keystore, private_folder, read_password_file
    from salus.keys.wallet import default_home

    target = Path(out) if out is not None else private_folder(default_home() / "keystores") / Path(file).name
    password = context.password(file)
    other = read_password_file(new_password_file) if new_password_file else None
    account = import_keystore(file, password, target, other)
    context.answer({"keystore": str(target), "address": account}, f"{account}  in {target}")


@command(noun, "export")
@click.argument("relation")
@click.option("--out", type=click.Path(), required=True, help="The keystore file to write.")
@click.option("--new-password-file", type=click.Path(), help="File with its password [default: the wallet's].")
def export(context: Context, relation: str, out: str, new_password_file: str | None) -> None:
    """Write one account as a keystore v3 file, for eth-account, Brownie, cast, geth …

    \b
    Example:
      salus wallet export default --out default.json
    """
    from salus.keys.keystores import read_password_file

    wallet = context.wallet()
    other = read_password_file(new_password_file) if new_password_file else None
    account = wallet.export_to(relation, Path(out), other)
    context.answer({"keystore": out, "address": account}, f"{account}  in {out}")
