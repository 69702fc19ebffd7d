"""The consent registry and its reference side by side: every action goes to both, every answer is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from brownie import web3

from tests.reference.registry import Action, Decision, Directive, Effect, Order, Refused, Registry, Standing, Status
from tests.reference.typed import GRANT, REVOKE, Domain, digest
from tests.support import consent_builders
from tests.support.keys import key_of
from tests.support.rpc_batch import Call, Receipt, RpcBatch, custom_error, event

__all__ = ["Actor", "ConsentBench", "address", "order_words", "relaying"]

ANY_TIME = 2**40 - 1


def address(number: int) -> str:
    """An address as nodes write it; a role's account is its bit."""
    return f"0x{number:040x}"


@dataclass(frozen=True)
class Actor:
    """Somebody who asks: an institution's account or an operator's, as accredited.

    ``institution_roles`` are those of its institution, where they are more than its own.
    ``until`` is the first second at which it may no longer act; an account without an institution is nobody's.
    ``institution_roles`` are those of its institution, where they are more than its own.
    """

    account: str
    institution: str | None = None
    roles: int = 0
    until: int = ANY_TIME
    suspended: bool = False
    institution_roles: int = 0

    def standing(self, now: int) -> Standing:
        licensed = self.institution is not None and not self.suspended and now < self.until
        return Standing(
            int(self.institution or "0", 16), self.roles if licensed else 0, licensed, self.institution_roles
        )


def relaying(*orders: tuple[Order, bytes], mode: int = consent_builders.STRICT) -> tuple[list[Any], list[Any], int]:
    """Orders, each with its signature, as ``relay`` takes them."""
    return consent_builders.relaying(*(_order(order, signature) for order, signature in orders), mode=mode)


def order_words(order: Order) -> tuple[Any, ...]:
    """An unsigned order as ``digest`` takes it."""
    return consent_builders.words(_order(order, b""), bytes(32), bytes(32))


def _order(order: Order, signature: bytes) -> consent_builders.Order:
    directive = consent_builders.Directive(*directive_words(order.directive))
    times = order.issued_at, order.deadline
    return consent_builders.Order(address(order.patient), directive, *times, address(order.delegate), signature)


def directive_words(directive: Directive) -> tuple[Any, ...]:
    return (address(directive.grantee), *list(vars(directive).values())[1:])


def expected_event(action: Action, deadline: int) -> tuple[str, dict[str, Any]]:
    """The event of an accepted action, as `tests.support.rpc_batch.event` reads it."""
    directive = action.directive
    words = consent_builders.Directive(*directive_words(replace(directive, index=action.index)))
    base = {"patient": address(action.patient), "grantee": address(directive.grantee)}
    base["terms"] = consent_builders.terms(words, action.issued_at, deadline)
    if not action.grants:
        return "ConsentRevoked", base
    return "ConsentGranted", {**base, "document": directive.document}


class ConsentBench:
    """Both registries.

    Args:
        patients: Accounts that the node holds; they act directly and by signature.
        relayer: Who submits what is signed.
    """

    def __init__(self, deployed_contracts: dict[str, Any], patients: Sequence[Any], relayer: Any) -> None:
        self.rpc_batch = RpcBatch(web3.provider.endpoint_uri)
        self.contract = deployed_contracts["ConsentRegistry"]
        self.reference = Registry()
        self.patients = [int(str(patient), 16) for patient in patients]
        self.relayer = relayer
        self.domain = Domain(self.contract.eip712Domain())
        self._accounts = {int(str(patient), 16): str(patient) for patient in patients}
        self._keys = {int(str(patient), 16): key_of(patient) for patient in patients}

    def call(self, sender: Any, method: str, *args: Any) -> Call:
        return Call(str(sender), self.contract.address, getattr(self.contract, method).encode_input(*args))

    # ---- acting ------------------------------------------------------------------------------------------------------

    def grant(self, patient: int, directive: Directive) -> bool:
        """The patient grants directly; returns whether it was accepted (by both, or this raises)."""
        words = consent_builders.granting(consent_builders.Directive(*directive_words(directive)))
        call = self.call(self._accounts[patient], "grant", *words)
        return self._both(call, lambda now: self.reference.grant(patient, directive, now))

    def revoke(self, patient: int, grantee: int, index: int) -> bool:
        call = self.call(self._accounts[patient], "revoke", address(grantee), index)
        return self._both(call, lambda now: self.reference.revoke(patient, grantee, index, now))

    def relay(self, orders: Sequence[Order]) -> bool:
        call = self.call(self.relayer, "relay", *relaying(*((order, self.sign(order)) for order in orders)))
        return self._both(call, lambda now: self.reference.relay(orders, now), orders)

    def relay_tolerantly(self, orders: Sequence[Order]) -> list[bool]:
        """Which orders were carried out; the others are skipped, each with one event that has the reason."""
        signed = [(order, self.sign(order)) for order in orders]
        call = self.call(self.relayer, "relay", *relaying(*signed, mode=consent_builders.TOLERANT))
        (receipt,) = self.rpc_batch.send([call])
        assert receipt.succeeded
        logs = [event(self.contract.abi, log) for log in receipt.logs]
        found = []
        for order in orders:
            before = self.reference.actions
            (names,) = self.reference.relay_tolerantly([order], receipt.time)
            found.append(not names)
            if names:
                name, told = logs.pop(0)
                reason = custom_error(self.contract.abi, told.pop("reason"))
                terms = consent_builders.terms(
                    consent_builders.Directive(*directive_words(order.directive)), order.issued_at, order.deadline
                )
                words = {"patient": address(order.patient), "grantee": address(order.directive.grantee)}
                assert (name, told) == ("OrderSkipped", {**words, "terms": terms}), (order, names)
                assert reason[0] in names, f"the contract says {reason}, the reference {names}: {order}"
            else:
                self._take_events(logs, self.reference.actions[len(before) :], [order.deadline])
        assert not logs, f"events without an order: {logs}"
        return found

    def digest(self, order: Order) -> bytes:
        """What the prose says that the patient signs."""
        words = directive_words(order.directive)
        if order.directive.effect is Effect.NONE:
            values = (address(order.patient), *words[:2], order.issued_at, order.deadline)
            return digest(self.domain, REVOKE, values)
        return digest(self.domain, GRANT, (address(order.patient), *words, order.issued_at, order.deadline))

    def add_key(self, signer: Any) -> int:
        """A key that only signs; returns its account."""
        account = int(signer.address, 16)
        self._keys[account] = signer
        return account

    def sign(self, order: Order) -> bytes:
        return bytes(self._keys[order.signer].unsafe_sign_hash(self.digest(order)).signature)

    def _both(self, call: Call, act: Callable[[int], None], orders: Sequence[Order] = ()) -> bool:
        (receipt,) = self.rpc_batch.send([call])
        # A view sees the state and the time of the block in which the transaction failed.
        told = None if receipt.succeeded else self.rpc_batch.error(call, self.contract.abi)
        before = self.reference.actions
        try:
            act(receipt.time)
        except Refused as refused:
            assert told, f"the contract accepted what breaks {refused}"
            assert told[0] in refused.names, f"the contract says {told}, the reference {refused}"
            return False
        assert receipt.succeeded, f"the contract refused: {told}"
        self._compare_events(
            receipt, self.reference.actions[len(before) :], [order.deadline for order in orders] or [0]
        )
        return True

    def follow(self, patient: int) -> None:
        """The registry takes over who controls the account, and tells it when that is news."""
        (receipt,) = self.rpc_batch.send([self.call(self.relayer, "follow", address(patient))])
        assert receipt.succeeded
        logs = [event(self.contract.abi, log) for log in receipt.logs]
        changed = self.reference.follow(patient)
        names = {"patient": address(patient), "controller": address(self.reference.controller_of(patient))}
        assert logs == ([("ControllerFollowed", names)] if changed else [])

    def _compare_events(self, receipt: Receipt, actions: Sequence[Action], deadlines: Sequence[int]) -> None:
        """One event for each accepted action, in order."""
        logs = [event(self.contract.abi, log) for log in receipt.logs]
        self._take_events(logs, actions, deadlines)
        assert not logs, f"events without an action: {logs}"

    def _take_events(self, logs: list[Any], actions: Sequence[Action], deadlines: Sequence[int]) -> None:
        for action, deadline in zip(actions, deadlines, strict=False):
            if action.by:
                names = {"patient": address(action.patient), "delegate": address(action.by)}
                assert logs and logs.pop(0) == ("SignedByDelegate", names), action
            expected = expected_event(action, deadline)
            assert logs, f"no event for {action}"
            told = logs.pop(0)
            assert told == expected, (told, expected)

    # ---- comparing ---------------------------------------------------------------------------------------------------

    def view(self, method: str, many: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The contract's answers of one view to many arguments."""
        answers = self.rpc_batch.ask([self.call(self.relayer, method, *args) for args in many])
        return [getattr(self.contract, method).decode_output("0x" + answer.hex()) for answer in answers]

    def compare_directives(self, grantees: Sequence[int]) -> set[Status]:
        """Every directive, and what each patient and each pair refuses. Returns the statuses that occurred."""
        now = self.rpc_batch.now()
        heard = {patient: self.reference.delegates_of(patient) for patient in self.patients}
        for told, expected in zip(
            self.view("delegatesOf", [(address(patient),) for patient in heard]), heard.values(), strict=True
        ):
            assert [int(each, 16) for each in told] == expected
        places = [
            (patient, grantee, index)
            for patient in self.patients
            for grantee in grantees
            for index in range(4 + 4 * len(heard[patient]))
        ]
        seen = set()
        asked = [(address(patient), address(grantee), index) for patient, grantee, index in places]
        for place, answer in zip(places, self.view("directive", asked), strict=True):
            expected = self.reference.directive(*place, now)
            effect, purposes, categories, start, end, issued_at, status = answer
            assert (effect, status) == (expected.effect, expected.status), (place, answer, expected)
            assert issued_at == expected.issued_at, (place, answer, expected)
            if expected.effect is not Effect.NONE:
                scope = expected.purposes, expected.categories, expected.start, expected.end
                assert (purposes, categories, start, end) == scope, (place, answer, expected)
            seen.add(expected.status)
        pairs = [(patient, grantee) for patient in self.patients for grantee in grantees]
        refusals = self.view("refusedUntil", [(address(patient), address(grantee)) for patient, grantee in pairs])
        for pair, answer in zip(pairs, refusals, strict=True):
            assert tuple(answer) == self.reference.refused_until(*pair), (pair, answer)
        everything = self.view("revokedUntil", [(address(patient),) for patient in self.patients])
        assert everything == [self.reference.revoked_until(patient) for patient in self.patients]
        return seen

    def compare_decisions(self, questions: Sequence[tuple[int, Actor, int, int]]) -> set[tuple[int, int]]:
        """Answers to (patient, actor, purpose, categories). Returns the pairs of answer and reason that occurred."""
        now = self.rpc_batch.now()
        asked = [(address(patient), actor.account, *request) for patient, actor, *request in questions]
        seen = set()
        for question, answer in zip(questions, self.view("decide", asked), strict=True):
            patient, actor, *request = question
            expected = self.reference.decide(patient, actor.standing(now), *request, now)
            told, reason, grantee, index = answer
            assert Decision(told, reason, int(grantee, 16), index) == expected, (question, answer, expected, now)
            seen.add((expected.answer, expected.reason))
        return seen

    def compare_scopes(self, questions: Sequence[tuple[int, Actor, int]]) -> set[bool]:
        """Masks for (patient, actor, purpose). Returns whether both masks of one answer held something."""
        now = self.rpc_batch.now()
        asked = [(address(patient), actor.account, purpose) for patient, actor, purpose in questions]
        seen = set()
        for (patient, actor, purpose), answer in zip(questions, self.view("scope", asked), strict=True):
            expected = self.reference.scope(patient, actor.standing(now), purpose, now)
            assert tuple(answer) == expected, (patient, actor, purpose, answer, expected)
            seen.add(all(expected))
        return seen
