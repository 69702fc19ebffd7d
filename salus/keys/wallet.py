"""A wallet: the words of BIP-39 and the accounts that follow from them, encrypted in one file.

A wallet is a folder (mode 0700) with one file, ``vault.json`` (mode 0600). It has one account for each **relation** (an
institution, by the name the user gives it), so that two institutions cannot link their patient on chain. Which account
a relation has follows from its name (:mod:`salus.keys.paths`); which relations there are is itself private, and lies in
the vault (:mod:`salus.keys.vault`).

A wallet that was made again from its words knows no relation but the first. It looks for them on the chain
(:mod:`salus.keys.search`), and does not sign in a relation that it does not know before its owner said so.

Wallets of version 1 have a folder ``keystores`` with a keystore v3 file for each account too. It is not needed: an
account is exported with :meth:`Wallet.export_to`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from salus.errors import UnknownRelation, WalletError
from salus.keys.keystores import derive, new_kdf, private_folder, write_keystore, write_private
from salus.keys.passwords import normal_form
from salus.keys.paths import DEFAULT, check_relation, numbered_path, path_of
from salus.keys.phrases import check_phrase, new_phrase, seed_of
from salus.keys.private_file import no_core_dumps
from salus.keys.signers import KeySigner
from salus.keys.typed_data import TypedData
from salus.keys.vault import BACKUP, Inside, Relation, open_names, open_sealed, seal, seal_names
from salus.keys.vault_file import VaultFile

__all__ = ["DEFAULT", "UNNAMED", "Wallet", "default_home", "default_path"]

#: What an account that was found by its number, and whose relation is not known, is called: ``old:3``.
UNNAMED = "old:"


def default_home() -> Path:
    """Where Salus keeps what is the user's: ``$SALUS_HOME``, else ``~/.salus``."""
    return Path(os.environ.get("SALUS_HOME") or Path.home() / ".salus")


def default_path() -> Path:
    """The default wallet's folder."""
    return default_home() / "wallet"


class _RelationSigner(KeySigner):
    """Signs in a relation, and lets the wallet know that it was used."""

    __slots__ = ("_used",)

    def __init__(self, account: Any, used: Callable[[], None]) -> None:
        super().__init__(account)
        self._used = used

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """See :class:`salus.keys.signers.Signer`."""
        self._used()
        return super().sign_transaction(transaction)

    def sign_typed(self, typed: TypedData) -> bytes:
        """See :class:`salus.keys.signers.Signer`."""
        self._used()
        return super().sign_typed(typed)


class Wallet:
    """An opened wallet. Make one with :meth:`create`, :meth:`restore` or :meth:`open`; ``repr`` shows no secret.

    Args:
        file: Its file.
        inside: What is in the file.
    """

    def __init__(self, file: VaultFile, inside: Inside) -> None:
        no_core_dumps()
        self._file = file
        self._inside = self._derived(inside)

    def __repr__(self) -> str:
        return f"Wallet({str(self.path)!r}, {len(self._inside.relations)} accounts)"

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._file.folder

    @property
    def restored(self) -> bool:
        """Whether it was made again from its words alone, so that there may be relations that it does not know."""
        return self._inside.restored

    # ---- making and opening

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        password: str,
        *,
        words: int = 12,
        language: str = "english",
        passphrase: str = "",
    ) -> tuple[Wallet, str]:
        """Make a wallet from fresh randomness.

        Args:
            path: A folder that is not there yet, or is empty.
            password: Opens the wallet; the words are the only other way to it.
            words: 12, 15, 18, 21 or 24.
            language: Of which list of BIP-39, see :data:`salus.keys.phrases.LANGUAGES`.
            passphrase: A further secret that is needed beside the words to restore the wallet; "" for none.

        Returns:
            The wallet and its words. Show them once; they are not to be read again without the password.

        Raises:
            WalletError: Something is there already, the password is empty, or there are no such words.
        """
        phrase = new_phrase(words, language)
        return cls._make(path, password, Inside(check_phrase(phrase), passphrase), {DEFAULT: numbered_path(0)}), phrase

    @classmethod
    def restore(
        cls,
        path: str | os.PathLike[str],
        password: str,
        words: str,
        *,
        relations: Iterable[str] = (DEFAULT,),
        numbered: Iterable[str] = (),
        passphrase: str = "",
    ) -> Wallet:
        """Make a wallet from its words.

        Args:
            path: A folder that is not there yet, or is empty.
            password: Opens the wallet from then on.
            words: The BIP-39 words, in any of its ten languages.
            relations: Those that are known, in any order: each has the account that its name gives.
            numbered: Those of a wallet of version 1, in the order in which they were made, from ``default``: each has
                the account of its number.
            passphrase: The passphrase of BIP-39. A wrong one cannot be detected: it gives another wallet.

        Raises:
            WalletError: The words are not valid, or see :meth:`create`.
        """
        inside = Inside(check_phrase(words), passphrase, restored=True)
        seed = seed_of(inside.words, passphrase)
        named, by_number = list(relations), list(numbered)
        if len(set(by_number)) != len(by_number) or len(set(named)) != len(named):
            raise WalletError("a relation is named twice")
        if by_number and by_number[0] != DEFAULT:
            raise WalletError(f"the first relation of every wallet is {DEFAULT!r}; name those after it, in their order")
        paths = {DEFAULT: numbered_path(0)} | {name: path_of(seed, name) for name in named}
        for number, name in enumerate(by_number):
            if name in paths and paths[name] != numbered_path(number):
                raise WalletError(f"{name} is named twice: by its name, and as number {number}")
            paths[check_relation(name)] = numbered_path(number)
        return cls._make(path, password, inside, paths)

    @classmethod
    def restore_backup(cls, path: str | os.PathLike[str], password: str, file: str | os.PathLike[str]) -> Wallet:
        """Make a wallet from its backup, with all its relations.

        Args:
            path: A folder that is not there yet, or is empty.
            password: Opens the backup, and the wallet from then on.
            file: The backup, of :meth:`backup_to`.

        Raises:
            WrongPassword: It is not the password.
            WalletError: The file is no backup, others can read it, or see :meth:`create`.
        """
        inside = open_sealed(BACKUP, Path(file), password).inside
        return cls._make(path, password, inside, {})

    @classmethod
    def _make(cls, path: str | os.PathLike[str], password: str, inside: Inside, paths: Mapping[str, str]) -> Wallet:
        folder = Path(path)
        if not password:
            raise WalletError("the password is empty; whoever finds the files could use them")
        if folder.is_dir() and any(folder.iterdir()):
            raise WalletError(f"{folder} is not empty; choose another folder, or open the wallet that is there")
        relations = {**inside.relations, **{name: Relation(way) for name, way in paths.items()}}
        inside = replace(inside, relations=relations)
        wallet = cls(VaultFile.create(private_folder(folder), password, inside), inside)
        wallet._file.write(wallet._inside, new=True)
        return wallet

    @classmethod
    def open(cls, path: str | os.PathLike[str], password: str) -> Wallet:
        """Open a wallet.

        Args:
            path: The wallet's folder.
            password: Opens it.

        Raises:
            WrongPassword: It is not the password.
            WalletError: No wallet there, others can read it, or it is damaged.
        """
        cls.require(path)
        return cls(*VaultFile.open(Path(path), password))

    @staticmethod
    def is_in(path: str | os.PathLike[str]) -> bool:
        """Whether a wallet is in a folder.

        Args:
            path: The folder.
        """
        return (Path(path) / "vault.json").is_file()

    @staticmethod
    def require(path: str | os.PathLike[str]) -> None:
        """Check that a wallet is there, before anybody is asked for its password.

        Args:
            path: The folder.

        Raises:
            WalletError: It is not.
        """
        if not Wallet.is_in(path):
            raise WalletError(
                f"there is no wallet in {os.fspath(path)}; make one with `salus wallet new`, or name a keystore with"
                " --keystore"
            )

    # ---- accounts

    def relations(self) -> Mapping[str, str]:
        """The relations and their derivation paths, in the order in which they were made."""
        return MappingProxyType({name: each.path for name, each in self._inside.relations.items()})

    def accounts(self) -> Mapping[str, str]:
        """The relations and their accounts, in the same order. Nothing is made, and no key is derived."""
        return MappingProxyType({name: each.address for name, each in self._inside.relations.items()})

    def book(self) -> Mapping[str, Relation]:
        """The relations with all that is known of each, in the same order."""
        return MappingProxyType(dict(self._inside.relations))

    def snapshot(self) -> tuple[str, Mapping[str, Relation]]:
        """The state of its file (:func:`salus.keys.vault.fingerprint`) and the relations in it, read together."""
        with self._alone():
            return self._file.fingerprint, self.book()

    def signer(self, relation: str = DEFAULT) -> KeySigner:
        """Who signs in a relation; a relation that is new gets its account, which is written at once.

        Args:
            relation: A name of the user's own choice, by default an institution's: 1 to 63 of ``a-z 0-9 : . _ -``.

        Raises:
            UnknownRelation: The wallet was restored from its words and does not know it; see :meth:`add`.
            WalletError: Not such a name.
        """
        known = self._known(relation)
        account = self._account(known.path)
        if account.address != known.address:
            raise WalletError(f"{self.path} gives {relation} another account than it has; restore it from its words")
        return _RelationSigner(account, lambda: self._note_use(relation))

    def address(self, relation: str = DEFAULT) -> str:
        """The account of a relation; see :meth:`signer`.

        Args:
            relation: The relation's name.
        """
        return self._known(relation).address

    def _known(self, relation: str) -> Relation:
        check_relation(relation)
        if relation not in self._inside.relations:
            with self._alone():  # another process may have added it
                unknown = relation not in self._inside.relations
            if unknown and self.restored:
                raise UnknownRelation(relation, self.address_at(self.path_of(relation)))
            if unknown:
                self.add(relation)
        return self._inside.relations[relation]

    def add(self, relation: str, path: str | None = None) -> str:
        """Take a relation into the wallet, which its owner knows to be theirs; written at once.

        An account that was called ``old:3`` for want of a name gets this one.

        Args:
            relation: Its name.
            path: Its derivation path; by default the one that its name gives.

        Returns:
            Its account.

        Raises:
            WalletError: Not such a name, it has another account already, or the account has another name.
        """
        way = path or self.path_of(check_relation(relation))
        with self._alone():
            there = dict(self._inside.relations)
            if relation in there and there[relation].path != way:
                raise WalletError(f"{relation} has the account {there[relation].address} already; use another name")
            other = next((name for name, each in there.items() if each.path == way and name != relation), None)
            if other is not None and not other.startswith(UNNAMED):
                raise WalletError(f"that is the account of {other} already")
            if relation not in there:
                made = there[other] if other is not None else Relation(way, self.address_at(way))
                kept = {relation if name == other else name: each for name, each in there.items()}
                self._write(replace(self._inside, relations={**kept, relation: made}))
            return self._inside.relations[relation].address

    def path_of(self, relation: str) -> str:
        """The derivation path that a relation's name gives, whether the wallet knows the relation or not.

        Args:
            relation: Its name.
        """
        return path_of(self._seed, relation)

    def address_at(self, path: str) -> str:
        """The account at a derivation path of this wallet's seed.

        Args:
            path: The path.
        """
        from coincurve import PublicKey

        from salus.abi.hashing import checksum_address, keccak

        public = PublicKey.from_secret(self._key_at(path)).format(compressed=False)
        return checksum_address("0x" + keccak(public[1:])[-20:].hex())

    # ---- taking it elsewhere

    def words(self) -> str:
        """The BIP-39 words; they give access to every account, with the passphrase where there is one."""
        return self._inside.words

    def export_to(self, relation: str, path: Path, password: str | None = None) -> str:
        """Write one account as a keystore v3 file.

        Args:
            relation: One that is there already.
            path: A file that is not there yet.
            password: The file's own; by default the wallet's.

        Returns:
            The account's address.

        Raises:
            WalletError: No such relation, or the file is there.
        """
        if relation not in self._inside.relations:
            raise WalletError(f"there is no relation {relation!r}; there are {', '.join(self.relations())}")
        return write_keystore(
            path, self._key_at(self._inside.relations[relation].path), password or self._file.password
        )

    def backup_to(self, file: str | os.PathLike[str]) -> None:
        """Write all of the wallet into one encrypted file: words, passphrase, and the names of its relations.

        Args:
            file: Not there yet; readable by its owner alone. The wallet's password opens it, and the words open its
                list of names.

        Raises:
            WalletError: It is there, or cannot be written.
        """
        target = Path(file)
        if target.exists() or target.is_symlink():
            raise WalletError(f"{target} is there already; it was left as it is")
        kdf = new_kdf()
        document = seal(BACKUP, self._inside, derive(normal_form(self._file.password), kdf, str(target)), kdf)
        names = seal_names(self._inside, self._seed)
        write_private(target, json.dumps({**document, "names": names}, indent=1) + "\n")

    def add_from(self, backup: str | os.PathLike[str]) -> None:
        """Add the relations of a backup of this wallet; the backup's password is not needed, for this wallet has the
        words.

        Args:
            backup: The file.

        Raises:
            WalletError: It is no backup of this wallet, or damaged, or has another account for a relation.
        """
        for relation, path in open_names(Path(backup), self._seed).items():
            self.add(relation, path)

    # ---- keys and the file

    @cached_property
    def _seed(self) -> bytes:
        return seed_of(self._inside.words, self._inside.passphrase)

    def _key_at(self, path: str) -> bytes:
        from eth_account.hdaccount import key_from_seed

        return bytes(key_from_seed(self._seed, path))

    def _account(self, path: str) -> Any:
        from eth_account import Account

        return Account.from_key(self._key_at(path))

    def _derived(self, inside: Inside) -> Inside:
        """With the accounts that a file of version 1 does not have."""
        if all(each.address for each in inside.relations.values()):
            return inside
        self._inside = inside  # what the seed follows from
        relations = {
            name: each if each.address else replace(each, address=self.address_at(each.path))
            for name, each in inside.relations.items()
        }
        return replace(inside, relations=relations)

    def _note_use(self, relation: str) -> None:
        """Remember the day on which a relation signed."""
        today = datetime.now(UTC).date().isoformat()
        if self._inside.relations[relation].used == today:
            return
        # A folder that cannot be written to must not keep anybody from signing.
        with contextlib.suppress(WalletError, OSError), self._alone():
            self._write(self._inside.having(relation, replace(self._inside.relations[relation], used=today)))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the wallet meanwhile, and see what they changed before."""
        with self._file.alone() as inside:
            if (inside.words, inside.passphrase) != (self._inside.words, self._inside.passphrase):
                raise WalletError(f"another wallet is in {self.path} meanwhile; run the command again")
            self._inside = self._derived(inside)
            yield

    def _write(self, inside: Inside) -> None:
        self._file.write(inside)
        self._inside = inside
