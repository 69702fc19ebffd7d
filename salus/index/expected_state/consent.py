"""Consents, guardians and uses of data: what their storage must be after the events so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from salus.index.expected_state.base import NO_ACCOUNT, Args, EventHandler, Expected

__all__ = ["AccessLogState", "ConsentRegistryState", "GuardiansState"]

_ALL = 255  # the index of a revocation of all
_PERMIT, _DENY = 1, 2


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
        """Without effect as of an issue, unless it was issued later, or in that second and is no permit."""
        if issued > self.issuedAt or (issued == self.issuedAt and self.effect == _PERMIT):
            self.effect, self.issuedAt = 0, issued

    def stands(self, since: int) -> bool:
        """Whether it has an effect although everything issued until then is revoked, but for a deny of that second."""
        return bool(self.effect) and self.issuedAt + (self.effect == _DENY) > since


class ConsentRegistryState(EventHandler):
    """The state of ``ConsentRegistry``.

    Places are numbered as the views do: those of a patient's first delegate are 4 to 7, and so on. Whether the
    delegate's mandate covers them is the state of ``Guardians`` and of the clock, and is left aside.
    """

    CONTRACTS = ("ConsentRegistry",)

    def __init__(self) -> None:
        self.places: dict[tuple[str, str, int], _Place] = defaultdict(_Place)
        self.revoked: dict[str, int] = defaultdict(int)
        # Of a pair until when signed permits are refused, and until when all is revoked.
        self.stopped: dict[tuple[str, str], int] = defaultdict(int)
        self.whole: dict[tuple[str, str], int] = defaultdict(int)
        self.delegates: dict[str, list[str]] = defaultdict(list)
        self._signer = ""

    def on_SignedByDelegate(self, args: Args, at: int) -> None:
        """It comes before the event of what the delegate did."""
        self._signer = args["delegate"]
        if self._signer not in self.delegates[args["patient"]]:
            self.delegates[args["patient"]].append(self._signer)

    def on_ConsentGranted(self, args: Args, at: int) -> None:
        self._signer = ""
        names = ("effect", "purposes", "categories", "start", "end", "issuedAt")
        self.places[args["patient"], args["grantee"], args["index"]] = _Place(*(args[name] for name in names))

    def on_ConsentRevoked(self, args: Args, at: int) -> None:
        patient, grantee, index, issued = args["patient"], args["grantee"], args["index"], args["issuedAt"]
        signer, self._signer = self._signer, ""
        if signer and index == _ALL:
            # What a delegate said, and nothing else, is revoked; it has no view but the directives'.
            first = 4 * (self.delegates[patient].index(signer) + 1)
            for (who, whose, place), held in self.places.items():
                if who == patient and grantee in (NO_ACCOUNT, whose) and first <= place < first + 4:
                    held.effect = held.effect if held.stands(issued) else 0
            return
        if grantee == NO_ACCOUNT:
            self.revoked[patient] = max(self.revoked[patient], issued)
            return
        pair = patient, grantee
        if index == _ALL:
            self.whole[pair] = max(self.whole[pair], issued)
        else:
            self.places[(*pair, index)].revoke(issued)
        # The patient's own call has no deadline; what it stops of a delegate's is no view's.
        if index == _ALL or (not args["deadline"] and index < 4):
            self.stopped[pair] = max(self.stopped[pair], issued)

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for (patient, grantee, index), place in self.places.items():
            value = dict(vars(place))
            if not place.stands(max(self.revoked[patient], self.whole[patient, grantee])):
                value["effect"] = 0
            if index >= 4:
                # None where the mandate does not cover it now.
                del value["effect"]
            yield Expected("directive", (patient, grantee, index), value)
        for patient, until in self.revoked.items():
            yield Expected("revokedUntil", (patient,), until)
        for patient, heard in self.delegates.items():
            yield Expected("delegatesOf", (patient,), tuple(heard))
        for pair in {**self.stopped, **self.whole}:
            yield Expected("refusedUntil", pair, (self.stopped[pair], self.whole[pair]))


_NOTHING_PENDING: dict[str, Any] = {"guardians": (), "threshold": 0, "delay": 0, "issuedAt": 0, "readyAt": 0}


@dataclass
class _Circle:
    """A patient's guardians, and a recovery under way."""

    guardians: tuple[str, ...] = ()
    threshold: int = 0
    delay: int = 0
    version: int = 0
    issuedAt: int = 0
    successor: str = NO_ACCOUNT
    readyAt: int = 0
    lapsesAt: int = 0
    controller: str = ""
    since: int = 0
    pending: dict[str, Any] = field(default_factory=lambda: dict(_NOTHING_PENDING))


class GuardiansState(EventHandler):
    """The state of ``Guardians``."""

    CONTRACTS = ("Guardians",)

    def __init__(self) -> None:
        self.delegations: dict[tuple[str, str], dict[str, int]] = {}
        self.circles: dict[str, _Circle] = defaultdict(_Circle)
        self.contacts: dict[str, str] = {}

    def on_DelegateSet(self, args: Args, at: int) -> None:
        names = ("purposes", "categories", "until", "issuedAt")
        self.delegations[args["patient"], args["delegate"]] = {name: args[name] for name in names}

    def on_GuardiansSet(self, args: Args, at: int) -> None:
        circle = self.circles[args["patient"]]
        circle.guardians, circle.threshold, circle.delay = tuple(args["guardians"]), args["threshold"], args["delay"]
        circle.version, circle.issuedAt, circle.pending = args["version"], args["issuedAt"], dict(_NOTHING_PENDING)

    def on_GuardiansProposed(self, args: Args, at: int) -> None:
        pending = {name: args[name] for name in _NOTHING_PENDING}
        self.circles[args["patient"]].pending = {**pending, "guardians": tuple(args["guardians"])}

    def on_GuardiansDeferred(self, args: Args, at: int) -> None:
        self.circles[args["patient"]].pending["readyAt"] = args["readyAt"]

    def on_RecoveryStarted(self, args: Args, at: int) -> None:
        circle = self.circles[args["patient"]]
        circle.successor, circle.readyAt, circle.lapsesAt = args["successor"], args["readyAt"], args["lapsesAt"]
        circle.version += 1

    def on_RecoveryVetoed(self, args: Args, at: int) -> None:
        circle = self.circles[args["patient"]]
        circle.successor, circle.readyAt, circle.lapsesAt = NO_ACCOUNT, 0, 0
        circle.version += 1

    on_RecoveryWithdrawn = on_RecoveryLapsed = on_RecoveryVetoed

    def on_PatientMoved(self, args: Args, at: int) -> None:
        self.on_RecoveryVetoed(args, at)
        circle = self.circles[args["patient"]]
        circle.controller, circle.since, circle.pending = args["successor"], at, dict(_NOTHING_PENDING)

    def on_EmergencyContactSet(self, args: Args, at: int) -> None:
        self.contacts[args["patient"]] = args["contact"]

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for pair, delegation in self.delegations.items():
            yield Expected("delegation", pair, delegation)
        for patient, circle in self.circles.items():
            names = ("guardians", "threshold", "delay", "version", "issuedAt")
            yield Expected("guardianSet", (patient,), {name: getattr(circle, name) for name in names})
            recovery = ("successor", "readyAt", "lapsesAt")
            yield Expected("recovery", (patient,), {name: getattr(circle, name) for name in recovery})
            yield Expected("pendingGuardians", (patient,), circle.pending)
            yield Expected("controllerOf", (patient,), circle.controller or patient)
            yield Expected("controlledSince", (patient,), circle.since)
        for patient, contact in self.contacts.items():
            yield Expected("contactOf", (patient,), contact)


@dataclass
class AccessLogState(EventHandler):
    """The state of ``AccessLog``; uses of data are events alone and leave nothing in storage.

    Attributes:
        emergencies: The emergencies by their ids, each with the fields of its view.
    """

    emergencies: dict[bytes, dict[str, Any]] = field(default_factory=dict)

    CONTRACTS = ("AccessLog",)

    def on_EmergencyDeclared(self, args: Args, at: int) -> None:
        names = ("patient", "institution", "clinician", "second", "number", "categories", "until", "cause")
        fixed = {name: args[name] for name in names}
        self.emergencies[args["emergency"]] = {**fixed, "declaredAt": at, "reviewedAt": 0, "outcome": 0}

    def on_EmergencyReviewed(self, args: Args, at: int) -> None:
        self.emergencies[args["emergency"]].update(outcome=args["outcome"], reviewedAt=at)

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for id, emergency in self.emergencies.items():
            yield Expected("emergency", (id,), emergency)
