"""What every command shares: options, the connection, who signs, how to ask, how to answer, how to fail.

A command is options, a docstring with an example, and a call; this module is the rest. It imports nothing heavy: the
help must appear at once.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.client import Salus
    from salus.keys.signers import Signer
    from salus.keys.wallet import Wallet
    from salus.outbox import Outbox

__all__ = ["HELP", "Context", "command", "few", "group", "moment", "parse_end", "parse_moment", "safe"]

F = TypeVar("F", bound=Callable[..., Any])

#: Settings of every command and group.
HELP: Mapping[str, Any] = {"context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 110}}

_DEFAULT_RPC = "http://127.0.0.1:8545"


def safe(value: object) -> str:
    """Text from a chain or a file for a terminal: what could move the cursor or hide text is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def few(names: Collection[str]) -> str:
    """Names in a cell of a table; of many, how many: ``--json`` has them all."""
    return ", ".join(sorted(names)) if len(names) <= 3 else f"{len(names)} of them"


# -------------------------------------------------------------------------------------------------------------- moments


def parse_moment(text: str, now: Callable[[], int], option: str = "--until") -> int:
    """A moment as Unix seconds: ``2027-01-01``, ``2027-01-01T12:00:00Z`` (UTC unless it says otherwise), or ``+90d``.

    Args:
        now: Gives the chain's clock, for what is relative to it (``s``, ``m``, ``h``, ``d``, ``w``, ``y`` of 365 days).
        option: Its name in the message.

    Raises:
        BadInput: Neither of these.
    """
    import datetime

    from salus.errors import BadInput

    wrong = BadInput(option, "", f"{safe(text)!r} is no moment; write 2027-01-01, 2027-01-01T12:00:00Z or +90d")
    if match := re.fullmatch(r"\+(\d{1,9})([smhdwy])", text.strip()):
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}[match[2]]
        seconds = now() + int(match[1]) * unit
    else:
        try:
            point = datetime.datetime.fromisoformat(text.strip())
        except ValueError:
            raise wrong from None
        if point.tzinfo is None:
            point = point.replace(tzinfo=datetime.UTC)
        seconds = int(point.timestamp())
    if not 0 < seconds < 1 << 40:
        raise wrong
    return seconds


def parse_end(text: str, now: Callable[[], int], *, start: int = 0) -> int:
    """The moment of ``--until``, which must lie ahead, and after ``start``.

    Raises:
        BadInput: No moment, or one that is past: the chain would refuse it, after a password was typed and an order
            signed.
    """
    from salus.errors import BadInput

    end = parse_moment(text, now)
    if end <= now():
        raise BadInput("--until", "", f"{moment(end)} is past; the chain's clock says {moment(now())}")
    if end <= start:
        raise BadInput("--until", "", f"{moment(end)} is not after --from, {moment(start)}")
    return end


def moment(seconds: int) -> str:
    """Unix seconds for people, UTC."""
    from salus.errors.explanations import moment as words

    return words(seconds)


# --------------------------------------------------------------------------------------------------------- the context


@dataclass
class Context:
    """What the common options say, and what follows from them; made anew for every command.

    Attributes:
        rpc: The node's address; further ones, after commas, take over where the first fails.
        book: The address book's file, None for the default.
        keystore: A keystore file or a wallet's folder, None for the default wallet.
        password_file: Where its password stands, None to take SALUS_PASSWORD or to ask.
        yes: Do not ask.
        json: Answer with one JSON document.
        index: The local index of events, None for the default, "" for none.
    """

    rpc: str = _DEFAULT_RPC
    book: str | None = None
    keystore: str | None = None
    password_file: str | None = None
    yes: bool = False
    json: bool = False
    index: str | None = None

    # ---- the node and the signer

    def connect(self, signer: Signer | None = None) -> Salus:
        """A client for reading, or for a given signer."""
        from salus.client import Salus

        return Salus.connect(self.rpc.split(",")[0], book=self.book, signer=signer, index=self.index)

    @contextlib.contextmanager
    def outbox(self, salus: Salus, path: str | None = None, **options: Any) -> Iterator[Outbox | None]:
        """The signer's outbox, for commands that send in bulk; further addresses of ``--rpc`` take over where the first
        fails.

        None where the node holds the key: it signs and sends in one, so that nothing could be written down before.
        """
        from salus.keys.signers import NodeSigner

        if isinstance(salus.need_signer(), NodeSigner):
            yield None
            return
        with salus.outbox(path, also=self.rpc.split(",")[1:], **options) as outbox:
            yield outbox

    def connect_signing(self, relation: str | None = None) -> Salus:
        """A client that signs; see :meth:`signer`. The node is asked before the password is."""
        client = self.connect()
        return client.with_signer(self.signer(relation))

    def signer(self, relation: str | None = None) -> Signer:
        """The signer of ``--keystore`` (a file), or of the wallet's account for a relation.

        Args:
            relation: Whom the account is for; None for the wallet's first. A keystore file has one account for all.
        """
        from salus.keys.wallet import DEFAULT

        if self.has_wallet:
            return self.wallet().signer(relation or DEFAULT)
        return self.open_keystore(self.keystore or "", self.password_file)

    @property
    def has_wallet(self) -> bool:
        """Whether the signer is a wallet, with an account for each relation, and not a single key."""
        return not self.keystore or Path(self.keystore).is_dir()

    def open_keystore(self, keystore: str, password_file: str | None) -> Signer:
        """The signer of a keystore file, of a wallet's first account, or of an account that the node holds.

        Args:
            keystore: A file, a wallet's folder, or ``node:1`` (the second account of a local chain; ``node:0x…``).
            password_file: Where its password stands, None to take SALUS_PASSWORD or to ask.
        """
        from salus.keys.keystores import load_keystore
        from salus.keys.wallet import Wallet

        if keystore.startswith("node:"):
            return self._node_account(keystore[5:])
        if Path(keystore).is_dir():
            Wallet.require(keystore)
            return Wallet.open(keystore, self.password(keystore, file=password_file)).signer()
        if not Path(keystore).exists():
            from salus.errors import WalletError

            raise WalletError(f"there is no keystore {keystore}; name a file, a wallet's folder, or node:1")
        return load_keystore(keystore, self.password(keystore, file=password_file))

    def _node_account(self, which: str) -> Signer:
        from salus.chain.node import Node
        from salus.errors import BadInput
        from salus.keys.signers import NodeSigner

        node = Node(self.rpc.split(",")[0])
        given = node.one("eth_accounts", doing="asking for the node's accounts")
        accounts = [str(account) for account in given] if isinstance(given, list) else []
        if which.isdecimal() and int(which) < len(accounts):
            return NodeSigner(node, accounts[int(which)])
        for account in accounts:
            if account.lower() == which.lower():
                return NodeSigner(node, account)
        raise BadInput("--keystore", f"node:{which}", f"the node holds no such account; it holds {len(accounts)}")

    def wallet(self) -> Wallet:
        """The opened wallet of ``--keystore`` (a folder) or of the default place."""
        return self._opened

    def wallet_path(self) -> Path:
        """Where the wallet is, or would be."""
        from salus.keys.wallet import default_path

        return Path(self.keystore) if self.keystore else default_path()

    def password(self, what: str, *, new: bool = False, file: str | None = None) -> str:
        """The password of a keystore: from ``--password-file``, else SALUS_PASSWORD, else asked for without an echo.

        Args:
            what: What it opens, for the question.
            new: Ask twice.
            file: Another password file than ``--password-file``.
        """
        from salus.errors import Aborted
        from salus.keys.keystores import read_password_file

        if file or self.password_file:
            return read_password_file(file or self.password_file or "")
        if (given := os.environ.get("SALUS_PASSWORD")) is not None:
            return given
        if not sys.stdin.isatty():
            raise Aborted(f"the password of {what} is needed: use --password-file, or SALUS_PASSWORD, or a terminal")
        asked = f"{'New password' if new else 'Password'} of {safe(what)}"
        return str(click.prompt(asked, hide_input=True, confirmation_prompt=new, err=True))

    @functools.cached_property
    def _opened(self) -> Wallet:
        from salus.keys.wallet import Wallet

        path = self.wallet_path()
        Wallet.require(path)
        return Wallet.open(path, self.password(str(path)))

    # ---- asking and answering

    def confirm(self, facts: Sequence[tuple[str, object]], question: str) -> None:
        """Show what will be done, one line a fact, on stderr, and ask; ``--yes`` answers.

        Raises:
            Aborted: No, or nobody to ask.
        """
        from salus.errors import Aborted

        width = max(len(label) for label, _ in facts)
        for label, value in facts:
            click.echo(f"  {label:<{width}}  {safe(value)}", err=True)
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise Aborted("nobody is here to confirm; add --yes when this is what you want")
        if not click.confirm(question, err=True):
            raise Aborted("nothing was done")

    def where(self, salus: Salus) -> list[tuple[str, object]]:
        """Who signs and on which chain, as the last facts of :meth:`confirm`."""
        return [("signer", salus.need_signer().address), ("chain", f"{salus.chain_id} at {self.rpc}")]

    def answer(self, data: Any, text: str | Callable[[], None]) -> None:
        """Write the result: ``data`` as one JSON document with ``--json``, else the text, or what a function prints."""
        if self.json:
            from salus.abi.decoding import plain

            # ASCII only: what a terminal could take for a command is escaped by it.
            click.echo(json.dumps(plain(data), indent=2, ensure_ascii=True))
        elif callable(text):
            text()
        else:
            for line in text.splitlines():
                click.echo(safe(line))

    def sent(self, receipt: Receipt, text: str, **data: Any) -> None:
        """Write the result of one transaction; ``data`` goes into the JSON beside hash, block and gas."""
        self.answer(
            {**data, "transaction": receipt.hash, "block": receipt.block, "gas": receipt.gas_used},
            f"{text} (block {receipt.block}, {receipt.gas_used:,} gas)",
        )

    def note(self, text: str) -> None:
        """One line for people, on stderr, so that stdout stays the result."""
        click.echo(safe(text), err=True)

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table: drawn at a terminal, tab-separated elsewhere."""
        if not sys.stdout.isatty():
            click.echo("\t".join(columns))
            for row in rows:
                click.echo("\t".join(safe(cell) for cell in row))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(title=Text(title), title_justify="left", show_edge=False)
        for column in columns:
            drawn.add_column(column, overflow="fold")
        for row in rows:
            # As Text: a name with [brackets] is no markup.
            drawn.add_row(*(Text(safe(cell)) for cell in row))
        Console().print(drawn)

    def progress(self, label: str, length: int) -> Any:
        """A progress bar on stderr, for a ``with`` block; silent where nobody watches. ``bar.update(n)`` moves it."""
        return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


# --------------------------------------------------------------------------------------------------------- decorators

_COMMON = (
    click.option(
        "--rpc",
        envvar="SALUS_RPC",
        default=_DEFAULT_RPC,
        show_default=True,
        help="The node's address; more after commas, for commands that send in bulk.",
    ),
    click.option(
        "--book", envvar="SALUS_BOOK", type=click.Path(), help="Address book [default: deployments/<chainid>.json]."
    ),
    click.option(
        "--events",
        envvar="SALUS_INDEX",
        help="Index of events: a file, postgresql://…, or none [default: the one beside the book, where there is one].",
    ),
    click.option(
        "--keystore",
        envvar="SALUS_KEYSTORE",
        type=click.Path(),
        help="Who signs: a keystore v3 file, a wallet's folder, or node:1 for an account of a local chain"
        " [default: ~/.salus/wallet].",
    ),
    click.option(
        "--password-file",
        type=click.Path(),
        help="File with its password, readable by you alone [default: SALUS_PASSWORD, else you are asked].",
    ),
    click.option("--yes", "-y", is_flag=True, help="Do not ask before signing."),
    click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document."),
)


def group(name: str, **settings: Any) -> Callable[[F], click.Group]:
    """A group of commands, e.g. one noun."""
    return click.group(name, **{**HELP, **settings})  # type: ignore[return-value]


def command(parent: click.Group, name: str, **settings: Any) -> Callable[[F], click.Command]:
    """A command with the common options; the function's first argument is the :class:`Context`.

    Errors of the tree end it with one line on stderr and their exit code. With ``--json`` that line is a JSON document
    with ``error``, ``message``, and ``arguments`` where the rules refused.
    """

    def decorate(function: F) -> click.Command:
        @functools.wraps(function)
        def run(
            *,
            rpc: str,
            book: str | None,
            events: str | None,
            keystore: str | None,
            password_file: str | None,
            yes: bool,
            as_json: bool,
            **options: Any,
        ) -> None:
            context = Context(rpc, book, keystore, password_file, yes, as_json, "" if events == "none" else events)
            with failing(as_json):
                function(context, **options)

        for option in reversed(_COMMON):
            run = option(run)
        return parent.command(name, **{**HELP, **settings})(run)

    return decorate


@contextlib.contextmanager
def failing(as_json: bool = False) -> Iterator[None]:
    """End the program on an error of the tree: one line on stderr, its exit code, no traceback."""
    from salus.errors import Refused, SalusError, one_line

    try:
        yield
    except SalusError as error:
        if as_json:
            from salus.abi.decoding import plain

            name = error.name if isinstance(error, Refused) else type(error).__name__
            document: dict[str, Any] = {"error": name, "message": str(error)}
            if isinstance(error, Refused):
                document["arguments"] = plain(error.arguments)
                document["transaction"] = error.transaction
            click.echo(json.dumps(document, ensure_ascii=True), err=True)
        else:
            label = "refused" if isinstance(error, Refused) else "error"
            click.echo(f"{label}: {one_line(error, 1000)}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever reads us has gone (`salus … | head`); nothing is left to say, at interpreter exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
