"""What is shipped: temperature profiles, GS1 company prefixes and lots. Times are Unix seconds.

>>> salus.lots.find("09506000134352", "A42").expires_at            # doctest: +SKIP
1830297600
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.abi.hashing import keccak
from salus.coldchain.temperature import Profile
from salus.errors import BadAnswer, BadInput, one_line
from salus.formats.gs1 import gtin_number, lot_number
from salus.keys.addresses import address as checked_address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.institutions.registry import Institutions

__all__ = ["Lot", "Lots", "Prefix", "lot_id"]

_ZERO = "0x" + "0" * 40
_DIGITS = range(4, 13)  # of a company prefix
_NO_MATERIALS = bytes(32)


@dataclass(frozen=True)
class Lot:
    """A lot.

    Args:
        id: 0x-hex.
        manufacturer: Its account.
        gtin: 14 digits.
        number: The lot number.
        made_at: Unix seconds.
        expires_at: First second at which it may no longer be given.
        units: How many were made.
        units_left: How many are in no shipment yet.
        profile: Id of the profile, 0x-hex.
        materials: Commitment to the raw materials' documents, 0x-hex; None without one.
        recall: Code of its recall, 0 while there is none.
    """

    id: str
    manufacturer: str
    gtin: str
    number: str
    made_at: int
    expires_at: int
    units: int
    units_left: int
    profile: str
    materials: str | None
    recall: int


@dataclass(frozen=True)
class Prefix:
    """A GS1 company prefix.

    Args:
        digits: As it is written, leading zeros included.
        manufacturer: Whose it is; None when it was taken back.
    """

    digits: str
    manufacturer: str | None


def lot_id(gtin: str, number: str) -> bytes:
    """A lot's id, from what is printed on the box; the chain need not be asked.

    Raises:
        BadInput: No GTIN, or no lot number.
    """
    from eth_abi.abi import encode

    fields = [keccak(text="salus.lot"), gtin_number(gtin), lot_number(number)]
    return keccak(encode(["bytes32", "uint64", "bytes32"], fields))


@dataclass(frozen=True, kw_only=True)
class NewLot:
    """A lot to register.

    Attributes:
        gtin: 8, 12, 13 or 14 digits, check digit included.
        number: 1 to 20 visible ASCII characters.
        made_at: Unix seconds.
        expires_at: First second at which it may no longer be given.
        units: How many were made.
        profile: Id of a registered profile.
        materials: Commitment to the raw materials' documents, 32 bytes, salted.
    """

    gtin: str
    number: str
    made_at: int
    expires_at: int
    units: int
    profile: bytes
    materials: bytes | None = None


class Lots:
    """The contract ``Lots`` as the client's signer uses it; ``salus.lots``."""

    def __init__(self, ledger: Ledger, institutions: Institutions) -> None:
        self._ledger = ledger
        self._institutions = institutions

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Lots").functions

    # ---- profiles ------------------------------------------------------------------------------------------------

    def register_profile(self, profile: Profile) -> bytes:
        """Register a temperature profile for ever; the signer is the regulator's rule maker. Gives its id.

        Raises:
            Refused: ``ProfileExists``, ``InvalidProfile``, ``AccessManagedUnauthorized`` …
        """
        self._ledger.send(self._f.registerProfile(profile.struct()))
        return profile.id

    def profile(self, profile_id: bytes) -> Profile:
        """A registered profile.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._ledger.call(self._f.profile(profile_id))
        if not found.silence:
            raise BadInput(
                "",
                "profile",
                f"0x{profile_id.hex()} is unknown on this chain; `salus profile list` shows those there are",
            )
        return Profile.of_struct(found)

    def profiles(self) -> dict[bytes, Profile]:
        """Every registered profile by id, in the order of registration."""
        events = self._ledger.logs("Lots", "ProfileRegistered")
        return {bytes(event.args["profile"]): Profile.of_struct(event.args["terms"]) for event in events}

    # ---- prefixes ------------------------------------------------------------------------------------------------

    def assign_prefix(self, digits: str, manufacturer: str | None) -> Receipt:
        """Say whose a GS1 company prefix is; the signer is the regulator's registrar.

        Args:
            digits: As it is written, 4 to 12 of them, leading zeros included.
            manufacturer: Its account or name; None takes the prefix back. Lots that exist stay.

        Raises:
            BadInput: No prefix, or nobody has this name.
        """
        number = _prefix_number(digits)
        holder = _ZERO if manufacturer is None else self._institutions.resolve(manufacturer)
        return self._ledger.send(self._f.assignPrefix(number, len(digits), holder))

    def prefix_holder(self, digits: str) -> str | None:
        """Whose account a GS1 company prefix is, None when nobody's."""
        holder: str = self._ledger.call(self._f.prefixHolder(_prefix_number(digits), len(digits)))
        return None if holder == _ZERO else holder

    def prefixes(self) -> tuple[Prefix, ...]:
        """Every prefix that was ever assigned, and whose it is now, sorted."""
        now: dict[str, str | None] = {}
        for event in self._ledger.logs("Lots", "PrefixAssigned"):
            holder = event.args["manufacturer"]
            now[f"{event.args['prefix']:0{event.args['digits']}}"] = None if holder == _ZERO else holder
        return tuple(Prefix(digits, now[digits]) for digits in sorted(now))

    def prefix_of(self, gtin: str, manufacturer: str) -> str | None:
        """The prefix of a manufacturer (by account) that begins a GTIN, after its indicator digit; None without one."""
        text = f"{gtin_number(gtin):014}"[1:]
        asked = [(int(text[:digits]), digits) for digits in _DIGITS]
        holders = self._ledger.calls("Lots", "prefixHolder", asked)
        found = (text[:digits] for digits, holder in zip(_DIGITS, holders, strict=True) if holder == manufacturer)
        return next(found, None)

    # ---- lots ----------------------------------------------------------------------------------------------------

    def register_lot(self, lot: NewLot, *, manufacturer: str | None = None) -> bytes:
        """Register a lot of the signer's institution; gives its id.

        Args:
            lot: What is registered of it.
            manufacturer: Its account; by default whom the signer acts for.

        Raises:
            BadInput: A malformed value.
            Refused: ``ForeignGtin`` (no prefix of the manufacturer begins the GTIN), ``LotExists`` …
        """
        who = checked_address(manufacturer, "manufacturer") if manufacturer else self._institutions.of_signer()
        terms = (
            who,
            gtin_number(lot.gtin),
            lot_number(lot.number),
            lot.made_at,
            lot.expires_at,
            lot.units,
            lot.profile,
            _NO_MATERIALS if lot.materials is None else lot.materials,
        )
        # Without a prefix the contract says so; any number of digits will do for that.
        prefix = self.prefix_of(lot.gtin, who)
        receipt = self._ledger.send(self._f.registerLot(terms, len(prefix) if prefix else _DIGITS[0]))
        events = receipt.events("LotRegistered")
        if len(events) != 1:
            raise BadAnswer(f"{receipt.hash} has {len(events)} events LotRegistered, not one; look at the chain itself")
        return bytes(events[0].args["lot"])

    def anchor(self, subject: bytes, events: Sequence[str]) -> Receipt:
        """Put hashes of EPCIS events on chain; the signer acts for an institution, which vouches for them.

        Args:
            subject: A lot's or a shipment's id.
            events: Event ids as :func:`salus.formats.epcis.event_hash` makes them, at most 500.

        Raises:
            BadInput: An id that is no CBV 2.0 hash.
        """
        return self._ledger.send(self._f.anchor(subject, [_hash_of(event) for event in events]))

    def anchored(self, subject: bytes) -> dict[str, list[str]]:
        """Which institutions vouched for which EPCIS events about a lot or a shipment; institutions by event id."""
        found: dict[str, list[str]] = {}
        for event in self._ledger.logs("Lots", "EventAnchored", {"subject": subject}):
            name = f"ni:///sha-256;{bytes(event.args['epcisEvent']).hex()}?ver=CBV2.0"
            found.setdefault(name, []).append(event.args["institution"])
        return found

    def lot(self, lot: bytes) -> Lot:
        """A lot by its id.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._several([lot])[0]
        if found is None:
            raise BadInput(
                "", "lot", f"0x{lot.hex()} is unknown on this chain; `salus lot show GTIN NUMBER` finds it by its box"
            )
        return found

    def find(self, gtin: str, number: str) -> Lot:
        """A lot by what is printed on the box.

        Raises:
            BadInput: No GTIN, no lot number, or no such lot.
        """
        found = self._several([lot_id(gtin, number)])[0]
        if found is None:
            raise BadInput(
                "",
                "lot",
                f"{one_line(number, 40)} of GTIN {gtin} was never registered on this chain; look at the box again",
            )
        return found

    def all(self, manufacturer: str | None = None) -> tuple[Lot, ...]:
        """Every lot, or those of one manufacturer (account or name), in the order of registration."""
        where = None if manufacturer is None else {"manufacturer": self._institutions.resolve(manufacturer)}
        events = self._ledger.logs("Lots", "LotRegistered", where)
        found = self._several([bytes(event.args["lot"]) for event in events])
        return tuple(lot for lot in found if lot is not None)

    def _several(self, ids: Iterable[bytes]) -> list[Lot | None]:
        wanted = list(ids)
        found = self._ledger.calls("Lots", "lot", [(one,) for one in wanted])
        # Of what was never registered the chain has no units to tell.
        known = [one for one, lot in zip(wanted, found, strict=True) if lot.manufacturer != _ZERO]
        rows = [(one,) for one in known]
        left = dict(zip(known, self._ledger.calls("ColdChain", "unitsLeft", rows), strict=True))
        recalls = dict(zip(known, self._ledger.calls("ColdChain", "recallOf", rows), strict=True))
        return [
            _lot(one, lot, left[one], recalls[one]) if one in left else None
            for one, lot in zip(wanted, found, strict=True)
        ]


def _lot(lot: bytes, found: Any, left: int, recall: int) -> Lot:
    materials = bytes(found.materials)
    return Lot(
        id="0x" + lot.hex(),
        manufacturer=found.manufacturer,
        gtin=f"{found.gtin:014}",
        number=bytes(found.number).rstrip(b"\0").decode("ascii", "replace"),
        made_at=found.madeAt,
        expires_at=found.expiresAt,
        units=found.units,
        units_left=left,
        profile="0x" + bytes(found.profile).hex(),
        materials="0x" + materials.hex() if any(materials) else None,
        recall=recall,
    )


def _hash_of(event: str) -> bytes:
    match = re.fullmatch(r"ni:///sha-256;([0-9a-f]{64})\?ver=CBV2\.0", event)
    if match is None:
        raise BadInput(
            "",
            "eventID",
            f"is {one_line(event, 100)!r}, no hash of CBV 2.0; make the document with `salus shipment export`",
        )
    return bytes.fromhex(match[1])


def _prefix_number(digits: str) -> int:
    if not re.fullmatch(r"[0-9]{4,12}", digits):
        raise BadInput("", "prefix", f"is {one_line(digits, 40)!r}; give the 4 to 12 digits of a GS1 company prefix")
    return int(digits)
