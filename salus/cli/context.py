"""Where a command works and who signs: the node, the address book, the keys."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.output import Output, escape_control_chars

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.client import Salus
    from salus.keys.signers import Signer
    from salus.keys.vault import Relation
    from salus.keys.wallet import Wallet
    from salus.outbox import Outbox

__all__ = ["DEFAULT_RPC", "Context"]

# Seconds; above what a block takes on common chains, and what clocks are off by that are set by a time server.
_CLOCKS_DIFFER = 120

DEFAULT_RPC = "http://127.0.0.1:8545"


@dataclass
class Context(Output):
    """What the common options say, and what follows from them; one for every command.

    Attributes:
        rpc: The node's address; further ones, after commas, take over where the first fails.
        book: The address book's file, None for the default.
        keystore: A keystore file or a wallet's folder, None for the default wallet.
        password_file: Where its password stands, None to take SALUS_PASSWORD or to ask.
        index: The local index of events, None for the default, "" for none.
    """

    rpc: str = DEFAULT_RPC
    book: str | None = None
    keystore: str | None = None
    password_file: str | None = None
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

    def settle(self, salus: Salus) -> None:
        """Settle what an earlier run left open in the signer's outbox.

        Raises:
            SalusError: It cannot be settled now; see :meth:`salus.outbox.Outbox.resume`.
        """
        with self.outbox(salus) as outbox:
            for _ in outbox.resume() if outbox is not None else ():
                pass

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
            return self.relation_signer(relation or DEFAULT)
        return self.open_keystore(self.keystore or "", self.password_file)

    def relation_signer(self, relation: str) -> Signer:
        """The signer of the wallet's account for a relation; where a restored wallet does not know it, its owner is
        asked first.

        Raises:
            UnknownRelation: The owner cannot be asked; ``--yes`` is no answer to this.
            Aborted: The answer was no.
        """
        from salus.errors import Aborted, UnknownRelation

        wallet = self.wallet()
        try:
            return wallet.signer(relation)
        except UnknownRelation as unknown:
            if not sys.stdin.isatty():
                raise
            self.note(
                f"This wallet was restored and does not know {relation}. If you dealt with it before, say no and"
                f" look for your account with `salus wallet scan`. Its name gives the account {unknown.address}."
            )
            if not click.confirm(f"Use that account for {relation}?", err=True):
                raise Aborted("nothing was done; look for your accounts with `salus wallet scan`") from None
            wallet.add(relation)
            return wallet.signer(relation)

    def book_of_relations(self) -> Mapping[str, Relation]:
        """The wallet's relations and their accounts, for looking: from the agent where one knows them, so that no
        password is asked; else from the opened wallet.
        """
        known = self.known_relations()
        return self.wallet().book() if known is None else known

    def known_relations(self) -> Mapping[str, Relation] | None:
        """The wallet's relations as far as they are known without a password: the wallet is open, or an agent runs."""
        if "_opened" in self.__dict__:
            return self.wallet().book()
        return self._agents_word if self.has_wallet else None

    def accounts(self) -> dict[str, str]:
        """The wallet's accounts by their relations, for looking; see :meth:`book_of_relations`."""
        return {name: each.address for name, each in self.book_of_relations().items()}

    @functools.cached_property
    def _agents_word(self) -> Mapping[str, Relation] | None:
        from salus.keys.wallet import default_home

        if not (default_home() / "agent.sock").exists():  # most often: nothing is loaded for it
            return None
        from salus.keys.agent import known_relations

        return known_relations(self.wallet_path())

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
        asked = f"{'New password' if new else 'Password'} of {escape_control_chars(what)}"
        return str(click.prompt(asked, hide_input=True, confirmation_prompt=new, err=True))

    @functools.cached_property
    def _opened(self) -> Wallet:
        from salus.keys.wallet import Wallet

        path = self.wallet_path()
        Wallet.require(path)
        wallet = Wallet.open(path, self.password(str(path)))
        if (command := click.get_current_context(silent=True)) is not None:
            command.call_on_close(lambda: self._renew_agent(wallet))
        return wallet

    def _renew_agent(self, wallet: Wallet) -> None:
        """What the command changed in the wallet, the agent that runs shall know too."""
        from salus.errors import WalletError
        from salus.keys.wallet import default_home

        if not (default_home() / "agent.sock").exists():
            return
        from salus.keys.agent import renew

        with contextlib.suppress(WalletError):
            renew(wallet)

    # ---- for a confirmation

    def where(self, salus: Ledger, contract: str = "") -> list[tuple[str, object]]:
        """Who signs and on which chain, as the last facts of :meth:`confirm`; with the contract where one is named."""
        facts: list[tuple[str, object]] = []
        if contract:
            facts.append(("contract", f"{contract} at {salus.book[contract].address}"))
        return [*facts, ("signer", salus.need_signer().address), ("chain", f"{salus.chain_id} at {self.nodes}")]

    @property
    def nodes(self) -> str:
        """The nodes' addresses for messages, without their passwords and keys."""
        from salus.chain.connection import NodeAddress

        return ", ".join(str(NodeAddress(url)) for url in self.rpc.split(","))

    def compare_clocks(self, salus: Ledger) -> None:
        """Warn where the chain's clock and this machine's differ: what is signed counts by the chain's."""
        offset = round(salus.clock_offset())
        if abs(offset) > _CLOCKS_DIFFER:
            days, hours, minutes = abs(offset) // 86400, abs(offset) // 3600, abs(offset) // 60
            size = f"{days} days" if days > 1 else f"{hours} hours" if hours > 1 else f"{minutes} minutes"
            self.note(
                f"warning: the chain's clock is {size} {'ahead of' if offset > 0 else 'behind'} this machine's; the"
                " times below are the chain's. If this machine is right, the node is not: ask another one"
            )
