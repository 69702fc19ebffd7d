"""Guardians and access log, each call made on the contract and on the reference; `tests.support.consent_bench` does the
same for the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from brownie import web3

from tests.reference.access import AccessLog, Emergency, Lateness, Outcome, Verdict
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
WITHDRAW = RECOVER.replace("Recover", "Withdraw")
SECOND = (
    "SecondClinician(address patient,address institution,address clinician,uint8 cause,uint56 categories,"
    "uint40 duration,uint40 deadline)"
)
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
        self.log_domain = Domain(self.log.eip712Domain())
        self.restart()

    def restart(self) -> None:
        """Forget everything, as the chain does between two runs."""
        self.reference = Registry(Guardians(), self.policy)
        self.access = AccessLog(self.reference)
        self.emergencies: list[bytes] = []
        self._opinions = 0

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

    def apply_guardians(self, patient: int) -> bool:
        act = lambda now: self.circle.apply_guardians(patient, now)  # noqa: E731
        return self._act(self.guardians, self.relayer, "applyGuardians", (address(patient),), act) is not None

    def start_recovery(self, patient: int, successor: int, approvals: Sequence[Approval]) -> bool:
        args = (address(patient), address(successor), *self._approved(RECOVER, patient, approvals))

        def act(now: int) -> None:
            self.guardians_reference.start_recovery(patient, successor, approvals, now)

        return self._act(self.guardians, self.relayer, "startRecovery", args, act) is not None

    def withdraw_recovery(self, patient: int, approvals: Sequence[Approval]) -> bool:
        args = (address(patient), *self._approved(WITHDRAW, patient, approvals))
        act = lambda now: self.circle.withdraw_recovery(patient, approvals, now)  # noqa: E731
        return self._act(self.guardians, self.relayer, "withdrawRecovery", args, act) is not None

    def _approved(self, kind: str, patient: int, approvals: Sequence[Approval]) -> tuple[int, list[str], list[bytes]]:
        """Deadline, guardians and signatures."""
        signatures = []
        for approval in approvals:
            values = (address(patient), address(approval.successor), approval.version, ANY_TIME)
            hash_ = digest(self.care_domain, kind, values)
            signatures.append(bytes(self._keys[approval.key].unsafe_sign_hash(hash_).signature))
        return ANY_TIME, [address(approval.guardian) for approval in approvals], signatures

    def veto(self, patient: int) -> bool:
        """Sent by the patient's own account."""
        args = (address(patient), (0, 0, b""))
        act = lambda now: self.circle.veto(patient, signer=patient, now=now)  # noqa: E731
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
        told = [(int(who, 16), *times) for who, *times in recoveries]
        assert told == [self.circle.recovery(each) for each in self.patients]
        waiting = self._see(self.guardians, "pendingGuardians", patients)
        told = [(tuple(int(each, 16) for each in members), *rest) for members, *rest in waiting]
        assert told == [self.circle.pending(each) for each in self.patients]
        since = self._see(self.guardians, "controlledSince", patients)
        assert since == [self.circle.controlled_since(each) for each in self.patients]
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

    def declare(
        self, patient: int, actor: Actor, categories: int, duration: int, second: tuple[Actor, Any] | None = None
    ) -> bool:
        """By one clinician, or with the signature of another one, whose key is given."""
        said = (address(0), 0, b"")
        if second is not None:
            self._opinions += 1
            deadline = ANY_TIME - self._opinions
            deployed_contracts = actor.institution or address(0)
            values = (address(patient), deployed_contracts, actor.account, 1, categories, duration, deadline)
            hash_ = digest(self.log_domain, SECOND, values)
            said = (second[0].account, deadline, bytes(second[1].unsafe_sign_hash(hash_).signature))
        args = (address(patient), 1, categories, duration, said)

        def act(now: int) -> None:
            other = said[0] if second else ""
            self.access.declare(patient, actor.standing(now), actor.account, categories, duration, now, other)

        receipt = self._act(self.log, actor.account, "declareEmergency", args, act)
        if receipt is None:
            return False
        ((name, told),) = [event(self.log.abi, log) for log in receipt.logs]
        held = self.access.declared[-1]
        assert (name, told["number"], told["categories"], told["until"]) == (
            "EmergencyDeclared",
            held.number,
            held.categories,
            held.until,
        )
        self.emergencies.append(told["emergency"])
        return True

    def review(self, number: int, outcome: Outcome) -> bool:
        args = (self.emergencies[number], outcome)
        act = lambda now: self.access.review(number, outcome, now)  # noqa: E731
        return self._act(self.log, self.reviewer, "review", args, act) is not None

    def use(self, patient: int, actor: Actor, uses: Sequence[tuple[int, int, int, int]]) -> list[str]:
        """Purpose, categories, number of an emergency and time of each, in a tolerant batch; the names of the
        events.
        """
        now = self.wire.now()
        words = [(address(patient), *use[:2], NOTHING, *use[2:]) for use in uses]
        found: list[Verdict] = []

        def act(now: int) -> None:
            standing = actor.standing(now)
            judge = self.access.judge
            found.extend(judge(patient, standing, use[:2], use[2], use[3], now) for use in uses)

        receipt = self._act(self.log, actor.account, "record", (words, 0), act)
        if receipt is None:
            return []
        told = [event(self.log.abi, log) for log in receipt.logs]
        assert len(told) == len(uses), (told, now)
        for position, (use, verdict, (name, values)) in enumerate(zip(uses, found, told, strict=True)):
            self._compare_use(position, use, verdict, name, values)
        return [name for name, _ in told]

    def _compare_use(
        self, position: int, use: tuple[int, ...], verdict: Verdict, name: str, told: dict[str, Any]
    ) -> None:
        if name == "AccessSkipped":
            assert (told["position"], told["refusal"] in verdict.refusals) == (position, True), (use, verdict, told)
            assert verdict.reason is None or told["reason"] == verdict.reason
            return
        assert told["emergency"] == self._id(verdict.emergency)
        if name == "AccessRecorded":
            assert not use[3] and not verdict.refusals, (use, verdict, told)
            return
        assert (name, told["usedAt"]) == ("LateAccessRecorded", use[3])
        if told["lateness"] == Lateness.PROVABLE:
            assert not verdict.refusals and verdict.known is not False, (use, verdict, told)
        else:
            assert verdict.known is not True, (use, verdict, told)

    def _id(self, emergency: Emergency | None) -> bytes:
        if emergency is None:
            return NOTHING
        return next(id for id, held in zip(self.emergencies, self.access.declared, strict=True) if held is emergency)

    def compare_access(self, questions: Sequence[tuple[int, Actor, int, int]]) -> set[bool]:
        """Whether each use may be recorded, why, and through which emergency."""
        now = self.rpc_batch.now()
        asked = [(address(patient), actor.account, *request) for patient, actor, *request in questions]
        seen = set()
        for question, told in zip(questions, self._see(self.log, "mayAccess", asked), strict=True):
            patient, actor, *request = question
            expected = self.access.may_access(patient, actor.standing(now), *request, now)
            assert tuple(told) == expected, (question, told, expected)
            seen.add(expected[0])
        return seen

    def compare_emergencies(self) -> None:
        """One event each, kept as declared and as reviewed."""
        logs = web3.eth.get_logs({"address": self.log.address, "fromBlock": self._born})
        declared = web3.keccak(
            text="EmergencyDeclared(bytes32,address,address,uint32,address,address,uint8,uint56,uint40)"
        )
        assert [bytes(log["topics"][1]) for log in logs if log["topics"][0] == declared] == self.emergencies
        kept = self._see(self.log, "emergency", [(each,) for each in self.emergencies])
        for held, told in zip(self.access.declared, kept, strict=True):
            second = held.second or address(0)
            facts = held.number, held.categories, held.declared_at, held.until, held.reviewed_at
            assert tuple(told[4:9]) == facts
            assert told[10] == held.outcome
            assert (int(told[0], 16), int(told[1], 16)) == (held.patient, held.institution)
            assert [each.lower() for each in told[2:4]] == [held.clinician.lower(), second.lower()]

    @property
    def _born(self) -> int:
        return self.log.tx.block_number
