"""Sets of signed orders in any order of arrival, and what events alone say.

Given a set of orders of a patient and of delegates, for an institution and its roles, that tie and overtake one another
when they arrive in two orders, in batches
the same directives are in force, and every question gets the same answer; the model, which knows no arrival, agrees.

Given random acts, direct and signed
when somebody has nothing but the events
everything that the registry keeps can be told from them.
"""

import random
from collections import defaultdict
from dataclasses import replace

import pytest

from tests.conftest import PHARMACY, PROVIDER
from tests.reference.guardians import Guardians
from tests.reference.registry import ALL, Answer, Directive, Effect, Order, Policy, Reason, Registry, Standing
from tests.support.consent_bench import Actor, address
from tests.support.effort import cases, seed
from tests.support.guardian_bench import GuardianBench
from tests.support.plain_accounts import DAY, newcomers, secret
from tests.support.rpc_batch import event

TREAT, HPAYMT = 1 << 0, 1 << 2
CONDITION, CLAIM, PSY = 1 << 2, 1 << 12, 1 << 43
ALL_RECORDS = (1 << 40) - 1
PURPOSES = (TREAT, HPAYMT, TREAT | HPAYMT)
REQUESTS = [
    (purpose, categories)
    for purpose in PURPOSES
    for categories in (CONDITION, CLAIM, CONDITION | PSY, CONDITION | CLAIM)
]


def some_orders(dice, patient, signers, grantees, now, number):
    """Orders of few seconds and few places, so that they tie."""
    found = []
    for _ in range(number):
        signer = dice.choice(signers)
        grantee = dice.choice(grantees)
        directive = Directive(grantee, dice.choice((0, 0, 1)), Effect.DENY if dice.random() < 0.4 else Effect.PERMIT)
        directive = replace(
            directive,
            purposes=dice.choice(PURPOSES),
            categories=dice.choice((ALL_RECORDS, CONDITION, ALL_RECORDS | PSY, PSY, CLAIM)),
            end=now + dice.choice((1, 2)) * DAY,
        )
        kind = dice.random()
        if kind < 0.25:
            directive = Directive(grantee, dice.choice((0, 0, 1, ALL)))
        elif kind < 0.3:
            directive = Directive(0, ALL)
        delegate = 0 if signer == patient else signer
        found.append(Order(patient, directive, now - dice.randrange(6), now + DAY, signer, delegate))
    return found


def told(answer, reason, grantee, index, alone):
    """What of a decision cannot depend on arrival.

    What was revoked before it came is never written: where nothing decides, it is as if nothing had been said. And
    delegates are numbered as they come: which of two with equal claims is named goes by that.
    """
    if answer == Answer.NONE and reason in (Reason.NO_DIRECTIVE, Reason.REVOKED):
        return int(answer)
    return int(answer), int(reason), grantee, index if alone else None


def standing(registry, patient, actors, now, alone):
    """Whatever can be asked."""
    found = []
    for actor in actors:
        for request in REQUESTS:
            decision = registry.decide(patient, actor, *request, now)
            found.append(told(decision.answer, decision.reason, decision.grantee, decision.index, alone))
        found += [registry.scope(patient, actor, purpose, now) for purpose in PURPOSES]
    return found


def test_the_model_knows_no_arrival():
    """Of itself: it keeps every order that changed something, and asks all of them."""
    dice, now, patient, clinic = random.Random(seed()), 1_000_000, 0xA77, 0xC11 << 64
    delegates = [0xDE1 << 64, 0xDE2 << 64]
    guardians = Guardians()
    for delegate in delegates:
        terms = (2**32 - 1, 2**56 - 1, now + 9 * DAY)
        guardians.set_delegate(patient, delegate, terms, signer=patient, issued_at=now - 100, now=now)
    actors = [Standing(clinic, PROVIDER | PHARMACY, True), Standing(clinic, PHARMACY, True, PROVIDER | PHARMACY)]
    for _ in range(min(cases(), 3_000)):
        alone = dice.random() < 0.5
        signers = [patient] if alone else [patient, *delegates]
        orders = some_orders(dice, patient, signers, [clinic, PROVIDER, PHARMACY], now, 7)
        seen = set()
        for _ in range(3):
            registry = Registry(guardians, Policy.EMERGENCY)
            registry.relay_tolerantly(dice.sample(orders, len(orders)), now)
            seen.add(str(standing(registry, patient, actors, now, alone)))
        assert len(seen) == 1, orders


class World:
    """A chain on which each set of orders meets fresh patients, one for each order of arrival."""

    def __init__(self, deployed_contracts, people, dice, accounts=0):
        self.dice = dice
        fresh = newcomers()
        # Accounts that the node holds act directly, too.
        self.bench = GuardianBench(
            deployed_contracts, [next(fresh) for _ in range(accounts)], people.stranger, people.regulator
        )
        self.delegates = [self.bench.add_key(secret(name)) for name in ("carer", "parent")]
        clinic, hospital = str(people.clinic), str(people.hospital)
        self.actors = [Actor(clinic, clinic, PROVIDER | PHARMACY), Actor(hospital, hospital, PROVIDER)]
        self.grantees = [int(clinic, 16), int(hospital, 16), PROVIDER, PHARMACY]

    def patients(self, number, *, alone=False):
        """Patients of whom nothing was ever said, with their two delegates unless they are alone."""
        found = []
        for _ in range(number):
            key = secret(f"patient {self.dice.random()}")
            patient = self.bench.add_key(key)
            found.append(patient)
            if not alone:
                self.name_delegates(patient)
        self.bench.patients = found
        return found

    def name_delegates(self, patient):
        now = self.bench.rpc_batch.now()
        for delegate in self.delegates:
            terms = (2**32 - 1, 2**56 - 1, now + 99 * DAY)
            assert self.bench.set_delegate(patient, delegate, terms, issued_at=now - 50, key=patient)

    def questions(self, patient):
        return [(patient, actor, *request) for actor in self.actors for request in REQUESTS]


def as_of(order, patient):
    """The same order, of another patient."""
    return replace(order, patient=patient, signer=order.delegate or patient)


def test_c6_any_order_of_arrival_gives_the_same_answers(deployed_contracts, people):
    dice = random.Random(seed())
    deployed_chain = World(deployed_contracts, people, dice)
    bench = deployed_chain.bench
    spread = set()
    for _ in range(max(8, cases() // 10)):
        alone = dice.random() < 0.5
        patients = deployed_chain.patients(2, alone=alone)
        now = bench.rpc_batch.now()
        signers = [patients[0], patients[0], *([] if alone else deployed_chain.delegates)]
        orders = some_orders(
            dice, patients[0], signers, dice.sample(deployed_chain.grantees, 3), now, dice.randrange(3, 9)
        )
        for patient in patients:
            arrival = [as_of(order, patient) for order in dice.sample(orders, len(orders))]
            cut = dice.randrange(len(arrival) + 1)
            for batch in (arrival[:cut], arrival[cut:]):
                bench.relay_tolerantly(batch)
        answers = []
        for patient in patients:
            bench.compare_decisions(deployed_chain.questions(patient))
            bench.compare_scopes([(patient, actor, purpose) for actor in deployed_chain.actors for purpose in PURPOSES])
            asked = [(address(patient), actor.account, *rest) for _, actor, *rest in deployed_chain.questions(patient)]
            answers.append([told(*answer, alone) for answer in bench.view("decide", asked)])
            masks = [
                (address(patient), actor.account, purpose) for actor in deployed_chain.actors for purpose in PURPOSES
            ]
            answers[-1] += [tuple(answer) for answer in bench.view("scope", masks)]
        assert answers[0] == answers[1], orders
        spread |= {answer[0] for answer in answers[0] if isinstance(answer, tuple) and len(answer) == 4}
    assert spread >= {Answer.PERMIT, Answer.DENY}


@pytest.mark.parametrize("again", [1, 2])
def test_c6_arriving_again_changes_no_answer(deployed_contracts, people, again):
    dice = random.Random(seed() + again)
    deployed_chain = World(deployed_contracts, people, dice)
    bench = deployed_chain.bench
    for _ in range(3):
        (patient,) = deployed_chain.patients(1)
        orders = some_orders(
            dice, patient, [patient, *deployed_chain.delegates], deployed_chain.grantees, bench.rpc_batch.now(), 8
        )
        bench.relay_tolerantly(orders)
        asked = [(address(patient), actor.account, *rest) for _, actor, *rest in deployed_chain.questions(patient)]
        before = bench.view("decide", asked)
        for _ in range(again):
            assert not any(bench.relay_tolerantly(dice.sample(orders, len(orders))))
        assert bench.view("decide", asked) == before


# ---- C19: events alone -----------------------------------------------------------------------------------------------


class FromEvents:
    """What the registry keeps of patients, told from its events in the order of the chain and from nothing else."""

    def __init__(self):
        self.places = {}
        self.revoked = defaultdict(int)
        self.whole = defaultdict(int)
        self.stopped = defaultdict(int)
        self.delegates = defaultdict(list)
        self.ended_by_delegate = defaultdict(int)
        self.signer = None

    def hear(self, name, args):
        if name == "SignedByDelegate":
            self.signer = args["delegate"]
            if self.signer not in self.delegates[args["patient"]]:
                self.delegates[args["patient"]].append(self.signer)
            return
        signer, self.signer = self.signer, None
        if name == "ConsentGranted":
            word = args["terms"]
            self.places[args["patient"], args["grantee"], word >> 2 & 63] = word
        elif name == "ConsentRevoked":
            self._revoked(args["patient"], args["grantee"], args["terms"], signer)

    def _revoked(self, patient, grantee, word, signer):
        issued, index, direct = word >> 216, word >> 2 & 63, not word >> 96 & 2**40 - 1
        if int(grantee, 16) == 0:
            into = self.revoked if signer is None else self.ended_by_delegate
            into[(patient,) if signer is None else (patient, signer)] = issued
            return
        layer = index // 4 if index != 63 else 1 + self.delegates[patient].index(signer) if signer else 0
        pair = patient, grantee, layer
        if index == 63:
            self.whole[pair] = max(self.whole[pair], issued)
        else:
            old = self.places.get((patient, grantee, index), 0)
            if issued > old >> 216 or (issued == old >> 216 and old & 3 == 1):
                self.places[patient, grantee, index] = issued << 216 | (old & (1 << 216) - 4)
        if direct or index == 63:
            self.stopped[pair] = max(self.stopped[pair], issued)

    def record(self, patient, grantee, index):
        """Effect and time of issue of a place, as `directive` tells them (the mandates of delegates aside)."""
        word = self.places.get((patient, grantee, index), 0)
        ends = [self.revoked[patient,], self.whole[patient, grantee, 0], self.whole[patient, grantee, index // 4]]
        if index >= 4:
            ends.append(self.ended_by_delegate[patient, self.delegates[patient][index // 4 - 1]])
        effect, issued = word & 3, word >> 216
        alive = effect and issued + (effect == 2) > max(ends)
        return effect if alive else 0, issued


def test_c19_events_alone_tell_everything_that_is_kept(deployed_contracts, people):
    dice = random.Random(seed())
    deployed_chain = World(deployed_contracts, people, dice, accounts=2)
    bench, patients = deployed_chain.bench, deployed_chain.bench.patients
    first = bench.rpc_batch.block_number() + 1
    for patient in patients:
        deployed_chain.name_delegates(patient)
    withheld = []
    for _ in range(max(40, cases() // 10)):
        patient = dice.choice(patients)
        signers = [patient, *deployed_chain.delegates]
        orders = some_orders(dice, patient, signers, deployed_chain.grantees, bench.rpc_batch.now(), 9)
        kind = dice.random()
        if kind < 0.3:
            place = dice.choice([(dice.choice(deployed_chain.grantees), dice.choice((0, 1, 1, ALL))), (0, ALL)])
            bench.revoke(patient, *place)
        elif kind < 0.5:
            order = next(each for each in orders if each.directive.effect)
            bench.grant(patient, order.directive)
        else:
            withheld += orders[:3]
            bench.relay_tolerantly([withheld.pop(dice.randrange(len(withheld))) for _ in range(2)])
    kept = FromEvents()
    for log in bench.rpc_batch.logs(bench.contract.address, first):
        kept.hear(*event(bench.contract.abi, log))
    places = [
        (address(patient), address(grantee), index)
        for patient in patients
        for grantee in deployed_chain.grantees
        for index in range(4 + 4 * len(kept.delegates[address(patient)]))
    ]
    for place, answer in zip(places, bench.view("directive", places), strict=True):
        assert (answer[0], answer[5]) == kept.record(*place), place
        word = kept.places.get(place, 0)
        assert (answer[1], answer[2]) == (word >> 64 & 2**32 - 1, word >> 8 & 2**56 - 1), place
    pairs = [(address(patient), address(grantee)) for patient in patients for grantee in deployed_chain.grantees]
    for pair, answer in zip(pairs, bench.view("refusedUntil", pairs), strict=True):
        assert tuple(answer) == (kept.stopped[*pair, 0], kept.whole[*pair, 0]), pair
    owners = [(address(patient),) for patient in patients]
    assert bench.view("revokedUntil", owners) == [kept.revoked[owner] for owner in owners]
    heard = [[each.lower() for each in many] for many in bench.view("delegatesOf", owners)]
    assert heard == [kept.delegates[owner[0]] for owner in owners]
    assert any(index >= 4 for *_, index in kept.places)
