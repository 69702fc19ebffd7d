"""Consent against its references: orders that come late, in any order, or never, signed by patients, delegates and
successors; guardians who move a patient; glass that is broken and reviewed; under a policy that permits where nothing
was said.

The invariants carry the numbers of tests/INVARIANTS.md.
"""

import random
from inspect import signature

from brownie.test import strategy

from scripts.deploy import REVIEWER
from tests.conftest import PHARMACY, PROVIDER
from tests.reference.access import Outcome
from tests.reference.guardians import EVERYTHING, MIN_DELAY, Approval
from tests.reference.registry import ALL, Answer, Directive, Effect, Order, Policy, Reason, Status
from tests.support.consent_bench import Actor, address
from tests.support.effort import cases, machine_settings, seed
from tests.support.guardian_bench import GuardianBench
from tests.support.plain_accounts import DAY, newcomers, secret

PURPOSES = (1 << 0, 1 << 2, 1 << 0 | 1 << 2)
CATEGORIES = (1 << 2, (1 << 40) - 1, 1 << 43, 1 << 2 | 1 << 43)
# Seconds; the largest ends every period that can be granted.
PERIODS = (20, 600, DAY)
# How high each rule's numbers go.
MOST = {
    "st_patient": 1,
    "st_grantee": 3,
    "st_index": 1,
    "st_deny": 1,
    "st_purposes": len(PURPOSES) - 1,
    "st_categories": len(CATEGORIES) - 1,
    "st_delay": 1,
    "st_period": len(PERIODS) - 1,
    "st_age": 30,
    "st_breadth": 5,
    "st_first": 255,
    "st_second": 255,
    "st_scope": 2,
    "st_signer": 5,
    "st_tries": 3,
    "st_outcome": 3,
    "st_actor": 2,
}
# What a delegate may be named for.
SCOPES = ((1 << 0, (1 << 40) - 1), (1 << 0 | 1 << 2, 1 << 2 | 1 << 43), EVERYTHING)


def normal(deployed_contracts, people):
    """All contracts under the widest policy, so that silence is an answer."""
    sender = {"from": people.deployer}
    project_ = deployed_contracts["ConsentRegistry"]._project
    institutions, guardians, manager = (
        deployed_contracts["Institutions"],
        deployed_contracts["Guardians"],
        deployed_contracts["AccessManager"],
    )
    registry = project_.ConsentRegistry.deploy(institutions, guardians, Policy.NORMAL, sender)
    log = project_.AccessLog.deploy(manager, institutions, registry, sender)
    manager.setTargetFunctionRole(log, [log.signatures["review"]], REVIEWER, {"from": people.regulator})
    return {**deployed_contracts, "ConsentRegistry": registry, "AccessLog": log}


class Consents:
    """Two patients, a clinic and a hospital, a handful of orders in the hands of whoever may submit them."""

    def __init__(cls, deployed_contracts, people):
        patients = list(newcomers())[:2]
        cls.bench = GuardianBench(normal(deployed_contracts, people), patients, people.stranger, people.regulator)
        cls.delegates = [cls.bench.add_key(secret(name)) for name in ("carer", "parent")]
        cls.successors = [cls.bench.add_key(secret(name)) for name in ("new phone", "newer phone")]
        cls.family = sorted(cls.bench.add_key(secret(f"guardian {i}")) for i in range(3))
        clinic, hospital = str(people.clinic), str(people.hospital)
        cls.actors = [
            Actor(clinic, clinic, PROVIDER | PHARMACY),
            Actor(hospital, hospital, PROVIDER),
            Actor(str(people.stranger)),
        ]
        cls.grantees = [int(clinic, 16), int(hospital, 16), PROVIDER, PHARMACY]
        cls.born = cls.bench.rpc_batch.now()

    def setup(self):
        # Each run starts from the same chain, and so must its model.
        self.bench.restart()
        self.signed = []

    # ---- the rules ---------------------------------------------------------------------------------------------------

    def some_directive(self, grantee, index, deny, purposes, categories, delay, period):
        now = self.bench.rpc_batch.now()
        effect = Effect.DENY if deny else Effect.PERMIT
        start = now + 10 if delay else 0
        return Directive(
            self.grantees[grantee],
            index,
            effect,
            PURPOSES[purposes],
            CATEGORIES[categories],
            start,
            now + PERIODS[period],
        )

    def some_place(self, grantee, index, breadth):
        if breadth == 0:
            return Directive(0, ALL)
        return Directive(self.grantees[grantee], ALL if breadth < 3 else index)

    def rule_grant(
        self, st_patient, st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period
    ):  # fmt: skip
        terms = self.some_directive(st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period)
        self.bench.grant(self.bench.patients[st_patient], terms)

    def rule_revoke(self, st_patient, st_grantee, st_index, st_breadth):
        """Never refused to whose account it is, and from this second on nothing of it is in force but a deny of it."""
        place = self.some_place(st_grantee, st_index, st_breadth)
        patient = self.bench.patients[st_patient]
        own = self.bench.reference.controller_of(patient) == patient
        assert self.bench.revoke(patient, place.grantee, place.index) is own
        if not own:
            return
        now = self.bench.rpc_batch.now()
        for grantee in self.grantees if place.grantee == 0 else [place.grantee]:
            for index in range(4) if place.index == ALL else [place.index]:
                found = self.bench.reference.directive(patient, grantee, index, now)
                kept = found.effect is Effect.DENY and found.issued_at == now
                assert found.status is not Status.ACTIVE or kept

    def sign(self, patient, directive, age, signer=0):
        """By the patient's own key, the one that controls the account now, or a delegate's."""
        patient = self.bench.patients[patient]
        issued_at = max(self.born, self.bench.rpc_batch.now() - age)
        delegate = self.delegates[signer - 4] if signer >= 4 else 0
        key = delegate or (patient if signer < 2 else self.bench.reference.controller_of(patient))
        self.signed.append(Order(patient, directive, issued_at, issued_at + 9 * DAY, key, delegate))

    def rule_sign_grant(
        self, st_patient, st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period, st_age,
        st_signer,
    ):  # fmt: skip
        terms = self.some_directive(st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period)
        self.sign(st_patient, terms, st_age, st_signer)

    def rule_sign_revocation(self, st_patient, st_grantee, st_index, st_breadth, st_age, st_signer):
        self.sign(st_patient, self.some_place(st_grantee, st_index, st_breadth), st_age, st_signer)

    def rule_submit(self, st_first, st_second):
        """A relayer hands in two of what it holds, perhaps one of them twice, perhaps long after it was signed."""
        if self.signed:
            self.bench.relay([self.signed[pick % len(self.signed)] for pick in (st_first, st_second)])

    def rule_submit_all(self):
        """In one batch: one that is skipped stops no other."""
        self.bench.relay_tolerantly(self.signed)

    def rule_wait(self, st_period):
        self.bench.rpc_batch.mine(self.bench.rpc_batch.now() + PERIODS[st_period])

    def rule_name_delegate(self, st_patient, st_scope, st_period, st_age, st_signer):
        """Named, changed or removed, by the key that has a say or one that has none."""
        patient, now = self.bench.patients[st_patient], self.bench.rpc_batch.now()
        key = self.successors[0] if st_signer == 5 else self.bench.guardians_reference.controller_of(patient)
        until = 0 if st_signer == 4 else now + PERIODS[st_period]
        issued_at = max(self.born, now - st_age)
        terms = (*SCOPES[st_scope], until)
        self.bench.set_delegate(patient, self.delegates[st_signer % 2], terms, issued_at=issued_at, key=key)

    def rule_set_guardians(self, st_patient, st_tries):
        self.bench.set_guardians(self.bench.patients[st_patient], self.family[: st_tries + 1], st_tries, MIN_DELAY)

    def rule_recover(self, st_patient, st_index, st_tries, st_signer):
        """Some of the guardians sign: enough, too few, in the wrong order, for another successor or an old set."""
        patient = self.bench.patients[st_patient]
        held = self.bench.guardians_reference.guardian_set(patient)
        successor = self.successors[st_index]
        said = patient if st_signer == 3 else successor
        signers = {4: self.family[::-1], 5: [self.family[0]] * 2}.get(st_signer, self.family[:st_tries])
        version = held.version - (st_signer == 2)
        approvals = [Approval(each, each, said, max(0, version)) for each in signers]
        self.bench.start_recovery(patient, successor, approvals)

    def rule_recover_rightly(self, st_patient, st_index, st_deny, st_grantee):
        """Guardians who know what they do, and a patient who lets them; then the move, and the new key's first
        words.
        """
        patient = self.bench.patients[st_patient]
        self.bench.set_guardians(patient, self.family, 2, MIN_DELAY)
        held = self.bench.guardians_reference.guardian_set(patient)
        # Back to the patient's own account now and then.
        successor = self.successors[0] if st_index else patient
        approvals = [Approval(each, each, successor, held.version) for each in self.family[:2]]
        self.bench.start_recovery(patient, successor, approvals)
        self.bench.finish_recovery(patient)
        self.bench.rpc_batch.mine(self.bench.rpc_batch.now() + MIN_DELAY)
        self.bench.finish_recovery(patient)
        if st_deny:
            self.bench.follow(patient)
        self.sign(st_patient, Directive(self.grantees[st_grantee], ALL), 0, 2)
        self.bench.relay(self.signed[-1:])

    def rule_act_as_delegate(
        self, st_patient, st_scope, st_signer, st_grantee, st_index, st_purposes, st_categories, st_breadth
    ):  # fmt: skip
        """Named, and at work at once, within its scope or beyond."""
        patient, now = self.bench.patients[st_patient], self.bench.rpc_batch.now()
        key, delegate = self.bench.guardians_reference.controller_of(patient), 4 + st_signer % 2
        terms = (*SCOPES[st_scope], now + DAY)
        self.bench.set_delegate(patient, self.delegates[delegate - 4], terms, issued_at=now, key=key)
        said = self.some_directive(st_grantee, st_index, False, st_purposes, st_categories, False, 2)
        for directive in (said, self.some_place(st_grantee, st_index, st_breadth)):
            self.sign(st_patient, directive, 0, delegate)
            self.bench.relay(self.signed[-1:])

    def rule_veto(self, st_patient):
        self.bench.veto(self.bench.patients[st_patient])

    def rule_finish(self, st_patient):
        self.bench.finish_recovery(self.bench.patients[st_patient])

    def rule_follow(self, st_patient):
        self.bench.follow(self.bench.patients[st_patient])

    def rule_break_glass(self, st_patient, st_actor, st_categories, st_period):
        patient = self.bench.patients[st_patient]
        self.bench.declare(patient, self.actors[st_actor], CATEGORIES[st_categories], PERIODS[st_period])

    def rule_review(self, st_first, st_outcome):
        if self.bench.emergencies:
            self.bench.review(st_first % len(self.bench.emergencies), Outcome(st_outcome))

    def rule_use(self, st_patient, st_actor, st_purposes, st_categories):
        patient = self.bench.patients[st_patient]
        self.bench.use(patient, self.actors[st_actor], PURPOSES[st_purposes], CATEGORIES[st_categories])

    def state(self):
        """What of the rarer things is so at this moment."""
        patients, guardians_reference, registry = (
            self.bench.patients,
            self.bench.guardians_reference,
            self.bench.reference,
        )
        controllers = [
            (patient, guardians_reference.controller_of(patient), registry.controller_of(patient))
            for patient in patients
        ]
        return {
            *("moved" for patient, new, _ in controllers if new != patient),
            *("followed" for patient, _, known in controllers if known != patient),
            *("came back" for patient, new, known in controllers if new == patient != known),
            *("signed by a delegate" for action in registry.actions if action.by in self.delegates),
            *("glass broken" for _ in self.bench.emergencies),
            *("reviewed" for emergency in self.bench.access.declared if emergency.outcome is not Outcome.OPEN),
        }

    # ---- the invariants ----------------------------------------------------------------------------------------------

    def invariant_directives(self):
        """CO1, CO2, CO3: what stands at each place is what the whole history of accepted actions says."""
        self.bench.compare_directives(self.grantees)

    def invariant_decisions(self):
        """CO4, CO5: each answer, its reason and the directive that is named for it."""
        self.bench.compare_decisions(
            [
                (patient, actor, purpose, category)
                for patient in self.bench.patients
                for actor in self.actors
                for purpose in PURPOSES
                for category in CATEGORIES
            ]
        )

    def invariant_scopes(self):
        """CO4: what the masks say of each category is what the model says."""
        self.bench.compare_scopes(
            [
                (patient, actor, purpose)
                for patient in self.bench.patients
                for actor in self.actors
                for purpose in PURPOSES
            ]
        )

    def invariant_circle(self):
        """CO11, CO12, CO13: delegates, guardians, recoveries and who controls each account."""
        self.bench.compare_circle(self.delegates)

    def invariant_access(self):
        """CO14, CO15: what may be recorded and through which emergency; and each emergency with its one event."""
        self.bench.compare_access(
            [
                (patient, actor, purpose, category)
                for patient in self.bench.patients
                for actor in self.actors
                for purpose in (1 << 0, 1 << 1, 1 << 0 | 1 << 2)
                for category in CATEGORIES
            ]
        )
        self.bench.compare_emergencies()

    def invariant_a_permit_rests_on_a_grant(self):
        """CO6: by the contract's own word, without the model: each permit names a directive that covers it all."""
        questions = [
            (address(patient), self.actors[0].account, purpose, category)
            for patient in self.bench.patients
            for purpose in PURPOSES
            for category in CATEGORIES
        ]
        permits = [
            (question, (question[0], answer[2], answer[3]))
            for question, answer in zip(questions, self.bench.view("decide", questions), strict=True)
            if answer[0] == Answer.PERMIT and answer[1] != Reason.IMPLIED
        ]
        records = self.bench.view("directive", [place for _, place in permits])
        bars = self.bench.view("revokedUntil", [place[:1] for _, place in permits])
        for (question, _), record, bar in zip(permits, records, bars, strict=True):
            effect, purposes, categories, _, end, issued_at, status = record
            assert (effect, status) == (Effect.PERMIT, Status.ACTIVE)
            assert purposes & question[2] == question[2] and categories & question[3] == question[3]
            assert issued_at > bar and self.bench.rpc_batch.now() < end

    def teardown(self):
        """CO7: whoever submits everything that was signed once more changes nothing."""
        for order in self.signed:
            self.bench.relay([order])
        places = [
            (patient, grantee, i) for patient in self.bench.patients for grantee in self.grantees for i in range(4)
        ]
        now = self.bench.rpc_batch.now()
        before = [self.bench.reference.directive(*place, now) for place in places]
        for order in self.signed:
            self.bench.relay([order])
        self.invariant_directives()
        # Time has gone on, and with it what is in force; who stands at each place has not.
        now = self.bench.rpc_batch.now()
        after = [self.bench.reference.directive(*place, now) for place in places]
        assert [(record.issued_at, record.effect) for record in after] == [
            (record.issued_at, record.effect) for record in before
        ]


for name, most in MOST.items():
    setattr(Consents, name, strategy("uint8", max_value=most))


def test_consents_against_the_reference(state_machine, deployed_contracts, people):
    state_machine(Consents, deployed_contracts, people, settings=machine_settings(10, 20))


def test_a_long_walk(deployed_contracts, people):
    """All rules, each as often as any other, in one history of three hundred steps and more; hypothesis keeps to short
    ones.
    """
    machine, dice = Consents(deployed_contracts, people), random.Random(seed())
    machine.setup()
    rules = [getattr(machine, name) for name in sorted(dir(Consents)) if name.startswith("rule_")]
    checks = [getattr(machine, name) for name in sorted(dir(Consents)) if name.startswith("invariant_")]
    seen = set()
    for _ in range(max(300, cases() // 4)):
        rule = dice.choice(rules)
        rule(**{name: dice.randint(0, MOST[name]) for name in signature(rule).parameters})
        if len(machine.signed) > 12:
            del machine.signed[dice.randrange(12)]
        for check in checks:
            check()
        seen |= machine.state()
    assert seen == {"moved", "followed", "came back", "signed by a delegate", "glass broken", "reviewed"}
