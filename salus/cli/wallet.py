"""``salus wallet``: keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.options import command, group

if TYPE_CHECKING:
    from salus.keys.accounts import LocalAccount

__all__ = ["noun"]


@group("wallet")
def noun() -> None:
    """Keys: a wallet from twelve words, keystore files.

    A wallet has one account for each institution that its owner deals with, so that two institutions cannot tell that
    they know the same person. It is a folder that only its owner can read (default ~/.salus/wallet). --keystore names
    another, or a keystore v3 file, or node:1 for an account of a local chain.
    """


@command(noun, "new")
@click.option("--words", type=click.Choice(["12", "15", "18", "21", "24"]), default="12", show_default=True)
def new(context: Context, words: str) -> None:
    """Make a wallet, and show its words once.

    \b
    Example:
      salus wallet new
      salus wallet new --keystore ~/second-wallet --password-file pw.txt
    """
    from salus.keys.wallet import Wallet

    path = _new_path(context)
    wallet, phrase = Wallet.create(path, context.password(str(path), new=True), words=int(words))
    if not context.json:
        context.note("Write these words down, on paper, now. They are shown once, and whoever has them has the wallet:")
    data = {"wallet": str(wallet.path), "address": wallet.address(), "words": phrase}
    context.answer(data, f"{phrase}\n\n{wallet.address()}  in {wallet.path}")


@command(noun, "restore")
@click.option(
    "--words-file", type=click.Path(), help="File with the words, readable by you alone [default: asked for]."
)
@click.option(
    "--relation", "relations", multiple=True, help="The relations in the order they were made, from the first."
)
def restore(context: Context, words_file: str | None, relations: tuple[str, ...]) -> None:
    """Make the wallet again from its words. Relations are not in them: name those that you had, in their order.

    \b
    Example:
      salus wallet restore --relation default --relation city-hospital
    """
    from salus.errors import Aborted
    from salus.keys.keystores import read_private
    from salus.keys.wallet import DEFAULT, Wallet

    path = _new_path(context)
    if words_file:
        phrase = read_private(Path(words_file), "file of words")
    elif sys.stdin.isatty():
        phrase = click.prompt("The words", hide_input=True, err=True)
    else:
        raise Aborted("the words are needed: use --words-file, or a terminal")
    wallet = Wallet.restore(path, context.password(str(path), new=True), phrase, relations=relations or (DEFAULT,))
    accounts = {name: wallet.address(name) for name in wallet.relations()}
    context.answer(
        {"wallet": str(wallet.path), "accounts": accounts},
        "\n".join(f"{address}  {name}" for name, address in accounts.items()),
    )


def _new_path(context: Context) -> Path:
    """Where the new wallet will be; told before anybody thinks of a password."""
    from salus.errors import WalletError

    path = context.wallet_path()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise WalletError(f"{path} is there already; choose another place with --keystore")
    return path


@command(noun, "list")
@click.option(
    "--relations",
    is_flag=True,
    help="Also for whom each account is, and which one signs; this takes the wallet's password [default: only where"
    " --password-file is given].",
)
def list_(context: Context, relations: bool) -> None:
    """Show the accounts whose keys are here: the wallet's, and the keystore files that were imported.

    Which institution an account is for, and which account signs where none is named, stands in the wallet's encrypted
    book alone: ask with --relations.

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
    data: dict[str, Any] = {"wallet": str(path) if Wallet.is_in(path) else None}
    if relations:
        wallet = context.wallet()
        accounts = with_relations(accounts, wallet)
        data["accounts"] = {name: wallet.address(name) for name in wallet.relations()}
        data["signer"] = next((account.file.address for account in accounts if account.signs), None)
    data["keystores"] = [{"address": a.file.address, "kind": a.kind, "file": str(a.file.path)} for a in accounts]
    context.answer(data, lambda: _show(context, accounts, relations))
    if not relations and not context.json and any(account.signs is None for account in accounts):
        context.note("for whom each account is, and which one signs: add --relations (it takes the wallet's password)")


def _show(context: Context, accounts: list[LocalAccount], relations: bool) -> None:
    """The accounts as a table; with what only the password opens where that was asked for."""
    rows: list[tuple[object, ...]] = [(a.file.address or "not named", a.kind, a.file.path) for a in accounts]
    if not relations:
        context.table("Accounts", ("address", "kind", "file"), rows)
        return
    rows = [
        (
            a.relation,
            "" if a.number is None else a.number,
            a.file.address or "not named",
            a.kind,
            "signs" if a.signs else "",
            a.file.path,
        )
        for a in accounts
    ]
    context.table("Accounts", ("relation", "m/44'/60'/0'/0/…", "address", "kind", "by default", "file"), rows)


@command(noun, "address")
@click.argument("relation", default="")
def address(context: Context, relation: str) -> None:
    """Show the account for a relation; a new relation gets a new account. Without one: the account that signs.

    \b
    Example:
      salus wallet address city-hospital
      salus wallet address --keystore hospital.json
    """
    signer = context.signer(relation or None)
    context.answer({"relation": relation or None, "address": signer.address}, signer.address)


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
