"""Institutions, consents, guardians and uses of data: what their storage must be after what was heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from salus.index.expected_state.base import NOBODY, NOTHING, Expected, Hearer

__all__ = ["Accesses", "Consents", "Guards", "Register"]

_ALL = 255  # the index of a revocation of all


class Register(Hearer):
    """Of ``Institutions``."""

    CONTRACTS = ("Institutions",)

    def __init__(self) -> None:
        self.institutions: dict[str, dict[str, Any]] = {}
        self.operators: dict[str, dict[str, Any]] = {}

    def on_InstitutionAccredited(self, a: Any, at: int) -> None:
        entry = {"handle": a["handle"], "roles": a["roles"], "licensedUntil": a["licensedUntil"]}
        self.institutions[a["institution"]] = {**entry, "suspendedAt": 0, "encryptionKey": NOTHING}

    def on_LicenceRenewed(self, a: Any, at: int) -> None:
        self.institutions[a["institution"]] |= {"roles": a["roles"], "licensedUntil": a["licensedUntil"]}

    def on_InstitutionSuspended(self, a: Any, at: int) -> None:
        self.institutions[a["institution"]]["suspendedAt"] = at

    def on_InstitutionReinstated(self, a: Any, at: int) -> None:
        self.institutions[a["institution"]]["suspendedAt"] = 0

    def on_EncryptionKeySet(self, a: Any, at: int) -> None:
        self.institutions[a["institution"]]["encryptionKey"] = a["key"]

    def on_OperatorSet(self, a: Any, at: int) -> None:
        self.operators[a["operator"]] = {"institution": a["institution"], "roles": a["roles"], "until": a["until"]}

    def on_OperatorRemoved(self, a: Any, at: int) -> None:
        self.operators[a["operator"]] = {"institution": NOBODY, "roles": 0, "until": 0}

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for account, entry in self.institutions.items():
            yield Expected("institution", (account,), entry)
            yield Expected("byHandle", (entry["handle"],), account)
        for account, entry in self.operators.items():
            if account not in self.institutions:  # one that was accredited later is no operator any more
                yield Expected("operator", (account,), entry)


@dataclass
class _Place:
    """One directive: its terms, without effect once it is revoked."""

    effect: int = 0
    purposes: int = 0
    categories: int = 0
    start: int = 0
    end: int = 0
    issuedAt: int = 0

    def revoke(self, issued: int) -> None:
        """Without effect as of an issue, unless it was issued later or is without effect since then."""
        if issued >= self.issuedAt + (self.effect == 0):
            self.effect, self.issuedAt = 0, issued


class Consents(Hearer):
    """Of ``ConsentRegistry``."""

    CONTRACTS = ("ConsentRegistry",)

    def __init__(self) -> None:
        self.places: dict[tuple[str, str, int], _Place] = defaultdict(_Place)
        self.of_pair: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.revoked: dict[str, int] = defaultdict(int)
        # Of a pair what `refusedUntil` may be: whether a revocation was signed, its event does not say.
        self.refused: dict[tuple[str, str], set[int]] = defaultdict(lambda: {0})

    def on_ConsentGranted(self, a: Any, at: int) -> None:
        key = a["patient"], a["grantee"], a["index"]
        self.of_pair[key[:2]].add(a["index"])
        names = ("effect", "purposes", "categories", "start", "end", "issuedAt")
        self.places[key] = _Place(*(a[name] for name in names))

    def on_ConsentRevoked(self, a: Any, at: int) -> None:
        patient, grantee, index, issued = a["patient"], a["grantee"], a["index"], a["issuedAt"]
        pair = patient, grantee
        if grantee == NOBODY:
            self.revoked[patient] = max(self.revoked[patient], issued)
            return
        if index == _ALL:
            for one in self.of_pair[pair]:
                if self.places[(*pair, one)].effect:
                    self.places[(*pair, one)].revoke(issued)
        else:
            self.of_pair[pair].add(index)
            self.places[(*pair, index)].revoke(issued)
        before, raised = self.refused[pair], {max(issued, one) for one in self.refused[pair]}
        # What was issued before its block was signed; a direct one is issued at its block's time, and a signed one may
        # be.
        self.refused[pair] = raised if index == _ALL else before if issued != at else before | raised

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for (patient, grantee, index), place in self.places.items():
            value = dict(vars(place))
            if place.issuedAt <= self.revoked[patient]:
                value["effect"] = 0
            yield Expected("directive", (patient, grantee, index), value)
        for patient, until in self.revoked.items():
            yield Expected("revokedUntil", (patient,), until)
        for pair, may in self.refused.items():
            yield Expected("refusedUntil", pair, frozenset(may))


@dataclass
class _Circle:
    """A patient's guardians, and a recovery under way."""

    guardians: tuple[str, ...] = ()
    threshold: int = 0
    delay: int = 0
    version: int = 0
    issuedAt: int = 0
    successor: str = NOBODY
    readyAt: int = 0
    controller: str = ""


class Guards(Hearer):
    """Of ``Guardians``."""

    CONTRACTS = ("Guardians",)

    def __init__(self) -> None:
        self.delegations: dict[tuple[str, str], dict[str, int]] = {}
        self.circles: dict[str, _Circle] = defaultdict(_Circle)

    def on_DelegateSet(self, a: Any, at: int) -> None:
        names = ("purposes", "categories", "until", "issuedAt")
        self.delegations[a["patient"], a["delegate"]] = {name: a[name] for name in names}

    def on_GuardiansSet(self, a: Any, at: int) -> None:
        circle = self.circles[a["patient"]]
        circle.guardians, circle.threshold, circle.delay = tuple(a["guardians"]), a["threshold"], a["delay"]
        circle.version, circle.issuedAt = a["version"], a["issuedAt"]
        circle.successor, circle.readyAt = NOBODY, 0

    def on_RecoveryStarted(self, a: Any, at: int) -> None:
        circle = self.circles[a["patient"]]
        circle.successor, circle.readyAt = a["successor"], a["readyAt"]

    def on_RecoveryVetoed(self, a: Any, at: int) -> None:
        circle = self.circles[a["patient"]]
        circle.successor, circle.readyAt, circle.version = NOBODY, 0, circle.version + 1

    def on_PatientMoved(self, a: Any, at: int) -> None:
        self.on_RecoveryVetoed(a, at)
        self.circles[a["patient"]].controller = a["successor"]

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for pair, delegation in self.delegations.items():
            yield Expected("delegation", pair, delegation)
        for patient, circle in self.circles.items():
            names = ("guardians", "threshold", "delay", "version", "issuedAt")
            yield Expected("guardianSet", (patient,), {name: getattr(circle, name) for name in names})
            yield Expected("recovery", (patient,), {"successor": circle.successor, "readyAt": circle.readyAt})
            yield Expected("controllerOf", (patient,), circle.controller or patient)


@dataclass
class Accesses(Hearer):
    """Of ``AccessLog``; uses are events alone."""

    emergencies: dict[bytes, dict[str, Any]] = field(default_factory=dict)

    CONTRACTS = ("AccessLog",)

    def on_EmergencyDeclared(self, a: Any, at: int) -> None:
        names = ("patient", "institution", "clinician", "categories", "until", "cause")
        self.emergencies[a["emergency"]] = {**{name: a[name] for name in names}, "declaredAt": at, "outcome": 0}

    def on_EmergencyReviewed(self, a: Any, at: int) -> None:
        self.emergencies[a["emergency"]]["outcome"] = a["outcome"]

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for id, emergency in self.emergencies.items():
            yield Expected("emergency", (id,), emergency)
