"""Institutions: who is accredited, in which roles, until when, and who acts for whom.

>>> hospital = salus.institutions.resolve("city-hospital")          # doctest: +SKIP
>>> salus.institutions.standing(hospital).status                    # doctest: +SKIP
<Standing.LICENSED: 1>
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from salus.abi.bits import role_names
from salus.errors import BadInput
from salus.institutions.roles import role_bits
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["Institution", "Institutions", "Operator", "Standing", "StandingNow", "handle_bytes", "handle_text"]

ZERO = "0x" + "0" * 40


class Standing(IntEnum):
    """What an account may do right now; only ``LICENSED`` lets it act."""

    UNKNOWN = 0
    LICENSED = 1
    OUT_OF_ROLE = 2
    EXPIRED = 3
    SUSPENDED = 4
    OPERATOR_EXPIRED = 5

    @property
    def words(self) -> str:
        """For people."""
        return (
            "unknown",
            "licensed",
            "licensed in another role",
            "licence expired",
            "suspended",
            "term as operator expired",
        )[self]


@dataclass(frozen=True)
class Institution:
    """What is stored of an institution.

    Attributes:
        address: Its own account.
        handle: Its public name.
        roles: Names of roles, see :mod:`salus.consent.codes`.
        licensed_until: First second without licence.
        suspended_at: Second of the suspension, 0 while not suspended.
        encryption_key: X25519 public key, 32 bytes; empty while none.
    """

    address: str
    handle: str
    roles: frozenset[str]
    licensed_until: int
    suspended_at: int
    encryption_key: bytes


@dataclass(frozen=True)
class Operator:
    """What is stored of an operator.

    Attributes:
        address: Its account.
        institution: For whom it acts.
        roles: Which roles it may use.
        until: First second at which it may no longer act.
    """

    address: str
    institution: str
    roles: frozenset[str]
    until: int


@dataclass(frozen=True)
class StandingNow:
    """The answer to "is this account licensed now, in which roles, and for whom does it act?".

    Attributes:
        institution: For whom it acts; the zero address when unknown.
        roles: Which roles it may use now; none unless licensed.
        status: Licensed, or why not.
    """

    institution: str
    roles: frozenset[str]
    status: Standing


def handle_bytes(handle: str, *, file: str = "") -> bytes:
    """The 32 bytes of an institution's public name.

    Raises:
        BadInput: Not 1 to 31 of ``a-z 0-9 -``.
    """
    if not isinstance(handle, str) or not re.fullmatch(r"[a-z0-9-]{1,31}", handle):
        raise BadInput(file, "handle", f"{handle!r} is no name for an institution: 1 to 31 of a-z, 0-9 and -")
    return handle.encode().ljust(32, b"\0")


def handle_text(handle: bytes) -> str:
    """The public name in 32 bytes; bytes that are no name are shown as hex."""
    text = handle.rstrip(b"\0").decode("ascii", "replace")
    return text if re.fullmatch(r"[a-z0-9-]{1,31}", text) else "0x" + handle.hex()


class Institutions:
    """The contract ``Institutions`` as the client's signer uses it; ``salus.institutions``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Institutions").functions

    # ---- the regulator

    def accredit(self, account: str, handle: str, roles: Iterable[str], until: int) -> Receipt:
        """Accredit a new institution; the signer is the regulator's registrar.

        Args:
            account: The institution's own account.
            handle: Its public name, unique for ever.
            roles: At least one.
            until: First second without licence.

        Raises:
            BadInput: A malformed value.
            Refused: ``AccessManagedUnauthorized``, ``AlreadyAccredited``, ``HandleTaken``, ``InvalidTerm`` …
        """
        target, name = address(account, "account"), handle_bytes(handle)
        return self._ledger.send(self._f.accredit(target, name, role_bits(roles), _uint40(until, "until")))

    def renew(self, account: str, roles: Iterable[str], until: int) -> Receipt:
        """Replace an institution's roles and term; the signer is the registrar."""
        return self._ledger.send(self._f.renew(self.resolve(account), role_bits(roles), _uint40(until, "until")))

    def suspend(self, account: str) -> Receipt:
        """Suspend an institution at once; the signer is the registrar."""
        return self._ledger.send(self._f.suspend(self.resolve(account)))

    def reinstate(self, account: str) -> Receipt:
        """End a suspension; the signer is the registrar."""
        return self._ledger.send(self._f.reinstate(self.resolve(account)))

    # ---- the institution

    def set_operator(self, operator: str, roles: Iterable[str], until: int) -> Receipt:
        """Name or change an operator of the signer, which is an institution."""
        target = address(operator, "operator")
        return self._ledger.send(self._f.setOperator(target, role_bits(roles), _uint40(until, "until")))

    def remove_operator(self, operator: str) -> Receipt:
        """Remove an operator of the signer at once."""
        return self._ledger.send(self._f.removeOperator(address(operator, "operator")))

    def resign(self) -> Receipt:
        """The signer lays down its powers as an operator."""
        return self._ledger.send(self._f.resign())

    def set_encryption_key(self, key: bytes) -> Receipt:
        """Publish the signer's X25519 public key, 32 bytes; zeros withdraw it."""
        if len(key) != 32:
            raise BadInput("", "encryption key", f"has {len(key)} bytes; an X25519 public key has 32")
        return self._ledger.send(self._f.setEncryptionKey(key))

    # ---- views

    def standing(self, account: str) -> StandingNow:
        """Is this account licensed now, in which roles, and for whom does it act?"""
        institution, roles, status = self._ledger.call(self._f.standing(self.resolve(account)))
        return StandingNow(institution, role_names(roles), Standing(status))

    def of_signer(self) -> str:
        """The account of the institution that the client's signer acts for.

        Raises:
            BadInput: It acts for none.
        """
        signer = self._ledger.need_signer().address
        found = self.standing(signer).institution
        if found == ZERO:
            raise BadInput("", "signer", f"{signer} acts for no institution; name one that does with --keystore")
        return found

    def get(self, account: str) -> Institution | None:
        """What is stored of an institution, by address or name; None when it was never accredited."""
        target = self.resolve(account)
        return _institution(target, self._ledger.call(self._f.institution(target)))

    def all(self) -> tuple[Institution, ...]:
        """Every institution that was ever accredited, in the order of accreditation, as it is stored now."""
        accounts = [event.args["institution"] for event in self._ledger.logs("Institutions", "InstitutionAccredited")]
        return tuple(found for found in self._several(accounts) if found is not None)

    def names(self, accounts: Iterable[str]) -> dict[str, str]:
        """The public names of many institutions by account, asked for at once; see :meth:`name`."""
        wanted = [address(account, "account") for account in dict.fromkeys(accounts)]
        several = zip(wanted, self._several(wanted), strict=True)
        return {account: account if found is None else found.handle for account, found in several}

    def _several(self, accounts: Sequence[str]) -> Sequence[Institution | None]:
        answers = self._ledger.calls("Institutions", "institution", [(account,) for account in accounts])
        return [_institution(account, found) for account, found in zip(accounts, answers, strict=True)]

    def operator(self, account: str) -> Operator | None:
        """What is stored of an operator; None when it is nobody's."""
        target = address(account, "operator")
        found = self._ledger.call(self._f.operator(target))
        if found.institution == ZERO:
            return None
        return Operator(target, found.institution, role_names(found.roles), found.until)

    def resolve(self, name: str, *, file: str = "") -> str:
        """The account of an institution's public name; an address is itself, with checksum.

        Args:
            name: ``city-hospital`` or ``0x…``.
            file: Where the name stood, for the message.

        Raises:
            BadInput: No institution has this name, or the address is malformed.
        """
        if name.startswith(("0x", "0X")):
            return address(name, "institution", file)
        found: str = self._ledger.call(self._f.byHandle(handle_bytes(name, file=file)))
        if found == ZERO:
            raise BadInput(
                file, "institution", f"nobody is called {name!r}; `salus institution list` shows who there is"
            )
        return found

    def name(self, account: str) -> str:
        """The public name of an institution, or the address as it is when it has none."""
        found = self.get(account)
        return found.handle if found is not None else address(account, "account")

    def operators(self, institution: str) -> tuple[Operator, ...]:
        """Every operator that an institution has now, its term running or not."""
        target = self.resolve(institution)
        events = self._ledger.logs("Institutions", "OperatorSet", {"institution": target})
        accounts = dict.fromkeys(event.args["operator"] for event in events)
        found = (self.operator(account) for account in accounts)
        return tuple(operator for operator in found if operator is not None and operator.institution == target)


def _institution(account: str, found: Any) -> Institution | None:
    if not any(found.handle):
        return None
    key = bytes(found.encryptionKey)
    return Institution(
        account,
        handle_text(found.handle),
        role_names(found.roles),
        found.licensedUntil,
        found.suspendedAt,
        key if any(key) else b"",
    )


def _uint40(value: int, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
        raise BadInput("", field, f"is {value!r}; it must be Unix seconds below 2^40")
    return value
