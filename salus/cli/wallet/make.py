"""``salus wallet new``, ``restore`` and ``backup``: how a wallet comes to be, and comes back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.options import command, option, takes
from salus.cli.wallet._shared import new_path, noun
from salus.cli.wallet.scan import look, show_found

if TYPE_CHECKING:
    from salus.keys.wallet import Wallet

_LANGUAGES = (
    "english japanese korean spanish chinese_simplified chinese_traditional french italian czech portuguese".split()
)


@command(noun, "new")
@click.option("--words", type=click.Choice(["12", "15", "18", "21", "24"]), default="12", show_default=True)
@click.option("--language", type=click.Choice(_LANGUAGES), default="english", show_default=True, help="Of the words.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase (BIP-39), which is needed beside the words.")
@click.option("--passphrase-file", type=click.Path(), help="File with the passphrase, readable by you alone.")
def new(context: Context, words: str, language: str, passphrase: bool, passphrase_file: str | None) -> None:
    """Make a wallet, and show its words once.

    \b
    Example:
      salus wallet new
      salus wallet new --keystore ~/second-wallet --password-file pw.txt
    """
    from salus.errors import Aborted
    from salus.keys.keystores import read_password_file
    from salus.keys.wallet import Wallet

    path = new_path(context)
    secret = read_password_file(passphrase_file) if passphrase_file else ""
    if passphrase and not passphrase_file:
        if not sys.stdin.isatty():
            raise Aborted("the passphrase is needed: use --passphrase-file, or a terminal")
        secret = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    wallet, phrase = Wallet.create(
        path, context.password(str(path), new=True), words=int(words), language=language, passphrase=secret
    )
    if not context.json:
        context.note("Write these words down, on paper, now. They are shown once, and whoever has them has the wallet:")
        if secret:
            context.note("Keep the passphrase elsewhere: the words with another one, or with none, are another wallet.")
    data = {"wallet": str(wallet.path), "address": wallet.address(), "words": phrase}
    context.answer(data, f"{phrase}\n\n{wallet.address()}  in {wallet.path}")


@dataclass(frozen=True)
class Origin:
    """What a wallet is made again from."""

    words_file: str | None = option(
        "--words-file", type=click.Path(), help="File with the words, readable by you alone [default: asked for]."
    )
    passphrase_file: str | None = option(
        "--passphrase-file", type=click.Path(), help="File with the passphrase of BIP-39 [default: asked for]."
    )
    backup: str | None = option(
        "--backup",
        type=click.Path(),
        help="File of `salus wallet backup`; with --words-file only its list of relations is used.",
    )
    relations: tuple[str, ...] = option("--relation", multiple=True, help="A relation that you had, in any order.")
    numbered: tuple[str, ...] = option(
        "--numbered",
        multiple=True,
        help="A relation of a wallet of version 1: all of them, in the order they were made, from default.",
    )


@command(noun, "restore")
@takes(origin=Origin)
@click.option("--scan/--no-scan", default=True, help="Look on the chain for the relations [default: yes].")
def restore(context: Context, origin: Origin, scan: bool) -> None:
    """Make the wallet again from its words, or from a backup, and look on the chain for its relations.

    The words hold no relation. Each account follows from the relation's name: the names of all institutions are tried,
    and those of the backup. A passphrase that is wrong or missing cannot be detected, for it gives another wallet:
    compare the first account with the one that you know.

    \b
    Example:
      salus wallet restore
      salus wallet restore --backup wallet.backup
    """
    path = new_path(context)
    wallet = _from_backup(context, origin, path) if origin.backup and not origin.words_file else None
    wallet = wallet or _from_words(context, origin, path)
    if origin.backup and origin.words_file:
        wallet.add_from(origin.backup)
    found = look(context, wallet) if scan else None
    accounts = dict(wallet.accounts())
    context.answer(
        {"wallet": str(wallet.path), "accounts": accounts, "scanned": found is not None},
        "\n".join(f"{address}  {name}" for name, address in accounts.items()),
    )
    show_found(context, wallet, found)


def _from_backup(context: Context, origin: Origin, path: Path) -> Wallet:
    from salus.errors import BadInput
    from salus.keys.wallet import Wallet

    if origin.relations or origin.numbered or origin.passphrase_file:
        raise BadInput("--backup", "", "has relations and passphrase in it; leave the other options out")
    backup = str(origin.backup)
    return Wallet.restore_backup(path, context.password(backup), backup)


def _from_words(context: Context, origin: Origin, path: Path) -> Wallet:
    from salus.errors import Aborted
    from salus.keys.keystores import read_password_file, read_private
    from salus.keys.phrases import check_phrase
    from salus.keys.wallet import DEFAULT, Wallet

    terminal = sys.stdin.isatty()
    if origin.words_file:
        phrase = read_private(Path(origin.words_file), "file of words")
    elif terminal:
        phrase = click.prompt("The words", hide_input=True, err=True)
    else:
        raise Aborted("the words are needed: use --words-file, or a terminal")
    check_phrase(phrase)  # before anything else is asked
    passphrase = ""
    if origin.passphrase_file:
        passphrase = read_password_file(origin.passphrase_file)
    elif terminal:
        asked = "The passphrase (Enter for none)"
        passphrase = click.prompt(asked, hide_input=True, default="", show_default=False, err=True)
    wallet = Wallet.restore(
        path,
        context.password(str(path), new=True),
        phrase,
        relations=dict.fromkeys((DEFAULT, *origin.relations)),
        numbered=origin.numbered,
        passphrase=passphrase,
    )
    context.note(
        f"The first account is {wallet.accounts()[DEFAULT]}, {'with' if passphrase else 'without'} a passphrase. If it"
        " is not the one that you know, the passphrase is another one: that cannot be detected."
    )
    return wallet


@command(noun, "backup")
@click.argument("file", type=click.Path())
def backup(context: Context, file: str) -> None:
    """Write all of the wallet into one encrypted file: the words, the passphrase and the names of the relations.

    The wallet's password opens it. Whoever has only the words can read the names in it. FILE is not overwritten.

    \b
    Example:
      salus wallet backup wallet.backup
      salus wallet restore --backup wallet.backup --keystore ~/again
    """
    from salus.errors import WalletError

    if Path(file).exists():
        raise WalletError(f"{file} is there already; it was left as it is")
    wallet = context.wallet()
    wallet.backup_to(file)
    count = len(wallet.relations())
    context.answer({"backup": file, "relations": count}, f"{count} accounts, in {file}")
