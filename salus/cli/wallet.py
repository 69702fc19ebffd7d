"""``salus wallet``: keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from salus.cli.common import Context, command, group


@group("wallet")
def noun() -> None:
    """Keys: a wallet from twelve words, keystore files.

    A wallet has one account for each institution that its owner deals with, so that two institutions cannot tell that
    they know the same person. It is a folder that only its owner can read (default ~/.salus/wallet; --keystore names
    another).
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
    "--relations", is_flag=True, help="Also for whom each account of the wallet is, which takes its password."
)
def list_(context: Context, relations: bool) -> None:
    """Show the accounts whose keys are here: the wallet's, and the keystore files that were imported.

    Which institution an account is for stands in the wallet's encrypted book alone: ask with --relations.

    \b
    Example:
      salus wallet list
      salus wallet list --relations --json
    """
    from salus.keys.keystores import list_keystores
    from salus.keys.wallet import Wallet, default_home

    path, imported = context.wallet_path(), default_home() / "keystores"
    single, has_wallet = not context.has_wallet, Wallet.is_in(path)
    others = [path] if single else [imported] if not context.keystore and imported.is_dir() else []
    if relations or not (has_wallet or others):
        Wallet.require(path)
    found = [("wallet", each) for each in (list_keystores(path / "keystores") if has_wallet else ())]
    found += [("keystore", each) for place in others for each in list_keystores(place)]
    data: dict[str, Any] = {
        "wallet": str(path) if has_wallet else None,
        "keystores": [{"address": each.address, "kind": kind, "file": str(each.path)} for kind, each in found],
    }
    columns: tuple[str, ...] = ("address", "kind", "file")
    rows: list[tuple[object, ...]] = [(each.address or "not named", kind, each.path) for kind, each in found]
    if relations:
        wallet = context.wallet()
        whom = {wallet.address(name): (name, index) for name, index in wallet.relations().items()}
        data["accounts"] = {name: account for account, (name, _) in whom.items()}
        columns = ("relation", "m/44'/60'/0'/0/…", *columns)
        rows = [(*whom.get(str(row[0]), ("", "")), *row) for row in rows]
        rows.sort(
            key=lambda row: (row[1] == "", row[1])
        )  # in the order in which they were made, what is no relation last
    context.answer(data, lambda: context.table("Accounts", columns, rows))


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

    if out is None:
        target = private_folder(default_home() / "keystores") / Path(file).name
    else:
        target = Path(out)
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
