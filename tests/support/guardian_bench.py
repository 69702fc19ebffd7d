"""Guardians and access log, each call made on the contract and on the reference; `tests.support.consent_bench` does the
same for the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brownie import web3

from tests.reference.access import AccessLog, Outcome
from tests.reference.guardians import Approval, Guardians, Refused
from tests.reference.registry import Policy, Registry
from tests.reference.typed import Domain, digest
from tests.support.consent_bench import Actor, ConsentBench, address
from tests.support.rpc_batch import Call, Receipt, event

__all__ = ["GuardianBench"]

DELEGATE = (
    "Delegate(address patient,address delegate,uint32 purposes,uint56 categories,uint40 until,uint40 issuedAt,"
    "uint40 deadline)"
)
RECOVER = "Recover(address patient,address successor,uint32 version,uint40 deadline)"
ANY_TIME = 2**40 - 1
NOTHING = bytes(32)


class GuardianBench(ConsentBench):
    """All contracts of consent.

    Args:
        reviewer: Who closes the reviews of broken glass.
    """

    def __init__(
        self, deployed_contracts: dict[str, Any], patients: Sequence[Any], relayer: Any, reviewer: Any
    ) -> None:
        super().__init__(deployed_contracts, patients, relayer)
        self.guardians, self.log = deployed_contracts["Guardians"], deployed_contracts["AccessLog"]
        self.policy = Policy(self.contract.policy())
        self.reviewer = reviewer
        self.care_domain = Domain(self.guardians.eip712Domain())
        self.restart()

    def restart(self) -> None:
        """Forget everything, as the chain does between two runs."""
        self.reference = Registry(Guardians(), self.policy)
        self.access = AccessLog(self.reference)
        self.emergencies: list[bytes] = []

    @property
    def guardians_reference(self) -> Guardians:
        return self.reference.guardians

    def _act(
        self, contract: Any, sender: Any, method: str, args: Sequence[Any], act: Callable[[int], Any]
    ) -> Receipt | None:
        """The same to a contract and to its reference; the receipt, or ``None`` when both refused."""
        call = Call(str(sender), contract.address, getattr(contract, method).encode_input(*args))
        (receipt,) = self.rpc_batch.send([call])
        told = None if receipt.succeeded else self.rpc_batch.error(call, contract.abi)
        try:
            act(receipt.time)
        except Refused as refused:
            assert told, f"the contract accepted what breaks {refused}: {method} {args}"
            assert told[0] in refused.names, f"the contract says {told}, the reference {refused}"
            return None
        assert receipt.succeeded, f"the contract refused: {told}"
        return receipt

    # ---- guardians ---------------------------------------------------------------------------------------------------

    def set_delegate(
        self, patient: int, delegate: int, terms: tuple[int, int, int], *, issued_at: int, key: int
    ) -> bool:
        """Signed by this key."""
        words = (address(patient), address(delegate), *terms)
        hash_ = digest(self.care_domain, DELEGATE, (*words, issued_at, ANY_TIME))
        signature = bytes(self._keys[key].unsafe_sign_hash(hash_).signature)
        args = (*words, (issued_at, ANY_TIME, signature))

        def act(now: int) -> None:
            self.guardians_reference.set_delegate(patient, delegate, terms, signer=key, issued_at=issued_at, now=now)

        return self._act(self.guardians, self.relayer, "setDelegate", args, act) is not None

    def set_guardians(self, patient: int, guardians: Sequence[int], threshold: int, delay: int) -> bool:
        """Sent by the patient's own account."""
        args = (address(patient), [address(each) for each in guardians], threshold, delay, (0, 0, b""))

        def act(now: int) -> None:
            self.guardians_reference.set_guardians(patient, guardians, threshold, delay, signer=patient, now=now)

        return self._act(self.guardians, self._accounts[patient], "setGuardians", args, act) is not None

    def start_recovery(self, patient: int, successor: int, approvals: Sequence[Approval]) -> bool:
        signatures = []
        for approval in approvals:
            values = (address(patient), address(approval.successor), approval.version, ANY_TIME)
            hash_ = digest(self.care_domain, RECOVER, values)
            signatures.append(bytes(self._keys[approval.key].unsafe_sign_hash(hash_).signature))
        signers = [address(approval.guardian) for approval in approvals]
        args = (address(patient), address(successor), ANY_TIME, signers, signatures)

        def act(now: int) -> None:
            self.guardians_reference.start_recovery(patient, successor, approvals, now)

        return self._act(self.guardians, self.relayer, "startRecovery", args, act) is not None

    def veto(self, patient: int) -> bool:
        """Sent by the patient's own account."""
        args = (address(patient), (0, 0, b""))
        act = lambda _: self.guardians_reference.veto(patient, signer=patient)  # noqa: E731
        return self._act(self.guardians, self._accounts[patient], "veto", args, act) is not None

    def finish_recovery(self, patient: int) -> bool:
        args = (address(patient),)
        act = lambda now: self.guardians_reference.finish_recovery(patient, now)  # noqa: E731
        return self._act(self.guardians, self.relayer, "finishRecovery", args, act) is not None

    def compare_circle(self, delegates: Sequence[int]) -> None:
        """Who controls each account, who may act for it, who guards it, and what is under way."""
        patients = [(address(patient),) for patient in self.patients]
        controllers = self._see(self.guardians, "controllerOf", patients)
        assert [int(each, 16) for each in controllers] == [
            self.guardians_reference.controller_of(each) for each in self.patients
        ]
        recoveries = self._see(self.guardians, "recovery", patients)
        assert [(int(who, 16), at) for who, at in recoveries] == [
            self.guardians_reference.recovery(each) for each in self.patients
        ]
        for patient, told in zip(self.patients, self._see(self.guardians, "guardianSet", patients), strict=True):
            held = self.guardians_reference.guardian_set(patient)
            assert (tuple(int(each, 16) for each in told[0]), *told[1:]) == tuple(vars(held).values())
            assert held.threshold <= len(held.guardians)
        pairs = [(patient, delegate) for patient in self.patients for delegate in delegates]
        words = [(address(patient), address(delegate)) for patient, delegate in pairs]
        for pair, told in zip(pairs, self._see(self.guardians, "delegation", words), strict=True):
            assert tuple(told) == tuple(vars(self.guardians_reference.delegation(*pair)).values()), pair

    def _see(self, contract: Any, method: str, many: Sequence[tuple[Any, ...]]) -> list[Any]:
        view = getattr(contract, method)
        calls = [Call(str(self.relayer), contract.address, view.encode_input(*args)) for args in many]
        return [view.decode_output("0x" + answer.hex()) for answer in self.rpc_batch.ask(calls)]

    # ---- access ------------------------------------------------------------------------------------------------------

    def declare(self, patient: int, actor: Actor, categories: int, duration: int) -> bool:
        args = (address(patient), 1, categories, duration)

        def act(now: int) -> None:
            self.access.declare(patient, actor.standing(now), categories, duration, now)

        receipt = self._act(self.log, actor.account, "declareEmergency", args, act)
        if receipt is None:
            return False
        ((name, told),) = [event(self.log.abi, log) for log in receipt.logs]
        held = self.access.declared[-1]
        assert (name, told["categories"], told["until"]) == ("EmergencyDeclared", held.categories, held.until)
        self.emergencies.append(told["emergency"])
        return True

    def review(self, number: int, outcome: Outcome) -> bool:
        args = (self.emergencies[number], outcome)
        act = lambda _: self.access.review(number, outcome)  # noqa: E731
        return self._act(self.log, self.reviewer, "review", args, act) is not None

    def use(self, patient: int, actor: Actor, purpose: int, categories: int) -> bool:
        """Recorded, in one event, when it may be; else refused."""
        args = ([(address(patient), purpose, categories, NOTHING)],)
        found: list[Any] = []

        def act(now: int) -> None:
            standing = actor.standing(now)
            if not standing.licensed:
                raise Refused(["NotLicensed"])
            allowed, _, emergency = self.access.may_access(patient, standing, purpose, categories, now)
            if not allowed:
                raise Refused(["AccessRefused"])
            found.append(emergency)

        receipt = self._act(self.log, actor.account, "record", args, act)
        if receipt is None:
            return False
        ((name, told),) = [event(self.log.abi, log) for log in receipt.logs]
        assert (name, told["emergency"]) == ("AccessRecorded", self._id(found[0]))
        return True

    def _id(self, emergency: Any) -> bytes:
        return NOTHING if emergency is None else self.emergencies[self.access.declared.index(emergency)]

    def compare_access(self, questions: Sequence[tuple[int, Actor, int, int]]) -> set[bool]:
        """Whether each use may be recorded, why, and through which emergency."""
        now = self.rpc_batch.now()
        asked = [(address(patient), actor.account, *request) for patient, actor, *request in questions]
        seen = set()
        for question, told in zip(questions, self._see(self.log, "mayAccess", asked), strict=True):
            patient, actor, *request = question
            allowed, reason, emergency = self.access.may_access(patient, actor.standing(now), *request, now)
            assert (told[0], told[1], bytes(told[2])) == (allowed, reason, self._id(emergency)), (question, told)
            seen.add(allowed)
        return seen

    def compare_emergencies(self) -> None:
        """One event each, kept as declared and as reviewed."""
        logs = web3.eth.get_logs({"address": self.log.address, "fromBlock": self._born})
        declared = web3.keccak(text="EmergencyDeclared(bytes32,address,address,address,uint8,uint56,uint40)")
        assert [bytes(log["topics"][1]) for log in logs if log["topics"][0] == declared] == self.emergencies
        kept = self._see(self.log, "emergency", [(each,) for each in self.emergencies])
        for held, told in zip(self.access.declared, kept, strict=True):
            facts = held.categories, held.declared_at, held.until, held.outcome
            assert (*told[3:6], told[7]) == facts
            assert (int(told[0], 16), int(told[1], 16)) == (held.patient, held.institution)

    @property
    def _born(self) -> int:
        return self.log.tx.block_number
