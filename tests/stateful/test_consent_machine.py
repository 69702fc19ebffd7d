"""The consent registry against its reference, with orders that are submitted late, in any order, or never.

The invariants carry the numbers of tests/INVARIANTS.md.
"""

from brownie.test import strategy

from tests.conftest import PHARMACY, PROVIDER
from tests.property.consents import Actor, ConsentBench, address
from tests.property.house import DAY, newcomers
from tests.reference.registry import ALL, Answer, Directive, Effect, Order, Registry, Status

PURPOSES = (1 << 0, 1 << 2, 1 << 0 | 1 << 2)
CATEGORIES = (1 << 2, (1 << 40) - 1, 1 << 43, 1 << 2 | 1 << 43)
# Seconds; the largest ends every period that can be granted.
PERIODS = (20, 600, DAY)


class Consents:
    """Two patients, a clinic and a hospital, a handful of orders in the hands of whoever may submit them."""

    st_patient = strategy("uint8", max_value=1)
    st_grantee = strategy("uint8", max_value=3)
    st_index = strategy("uint8", max_value=1)
    st_deny = strategy("bool")
    st_purposes = strategy("uint8", max_value=len(PURPOSES) - 1)
    st_categories = strategy("uint8", max_value=len(CATEGORIES) - 1)
    st_delay = strategy("uint8", max_value=1)
    st_period = strategy("uint8", max_value=len(PERIODS) - 1)
    st_age = strategy("uint8", max_value=30)
    st_breadth = strategy("uint8", max_value=5)
    st_picks = strategy("uint8[2]")

    def __init__(cls, house, people):
        patients = list(newcomers())[:2]
        cls.bench = ConsentBench(house, patients, people.stranger)
        clinic, hospital = str(people.clinic), str(people.hospital)
        cls.actors = [
            Actor(clinic, clinic, PROVIDER | PHARMACY),
            Actor(hospital, hospital, PROVIDER),
            Actor(str(people.stranger)),
        ]
        cls.grantees = [int(clinic, 16), int(hospital, 16), PROVIDER, PHARMACY]
        cls.born = cls.bench.wire.now()

    def setup(self):
        # Each run starts from the same chain, and so must its model.
        self.bench.reference = Registry()
        self.signed = []

    # ---- the rules ---------------------------------------------------------------------------------------------------

    def some_directive(self, grantee, index, deny, purposes, categories, delay, period):
        now = self.bench.wire.now()
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
        """Never refused, and from this second on nothing of it is in force."""
        place = self.some_place(st_grantee, st_index, st_breadth)
        patient = self.bench.patients[st_patient]
        assert self.bench.revoke(patient, place.grantee, place.index)
        now = self.bench.wire.now()
        for grantee in self.grantees if place.grantee == 0 else [place.grantee]:
            for index in range(4) if place.index == ALL else [place.index]:
                assert self.bench.reference.directive(patient, grantee, index, now).status is not Status.ACTIVE

    def sign(self, patient, directive, age):
        signer = self.bench.patients[patient]
        issued_at = max(self.born, self.bench.wire.now() - age)
        self.signed.append(Order(signer, directive, issued_at, issued_at + 2 * DAY, signer))

    def rule_sign_grant(
        self, st_patient, st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period, st_age
    ):  # fmt: skip
        terms = self.some_directive(st_grantee, st_index, st_deny, st_purposes, st_categories, st_delay, st_period)
        self.sign(st_patient, terms, st_age)

    def rule_sign_revocation(self, st_patient, st_grantee, st_index, st_breadth, st_age):
        self.sign(st_patient, self.some_place(st_grantee, st_index, st_breadth), st_age)

    def rule_submit(self, st_picks):
        """A relayer hands in two of what it holds, perhaps one of them twice, perhaps long after it was signed."""
        if self.signed:
            self.bench.relay([self.signed[pick % len(self.signed)] for pick in st_picks])

    def rule_submit_all(self):
        """Each by itself: one that is refused stops no other."""
        for order in self.signed:
            self.bench.relay([order])

    def rule_wait(self, st_period):
        self.bench.wire.mine(self.bench.wire.now() + PERIODS[st_period])

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
            if answer[0] == Answer.PERMIT
        ]
        records = self.bench.view("directive", [place for _, place in permits])
        bars = self.bench.view("revokedUntil", [place[:1] for _, place in permits])
        for (question, _), record, bar in zip(permits, records, bars, strict=True):
            effect, purposes, categories, _, end, issued_at, status = record
            assert (effect, status) == (Effect.PERMIT, Status.ACTIVE)
            assert purposes & question[2] == question[2] and categories & question[3] == question[3]
            assert issued_at > bar and self.bench.wire.now() < end

    def teardown(self):
        """CO7: whoever submits everything that was signed once more changes nothing."""
        for order in self.signed:
            self.bench.relay([order])
        places = [
            (patient, grantee, i) for patient in self.bench.patients for grantee in self.grantees for i in range(4)
        ]
        now = self.bench.wire.now()
        before = [self.bench.reference.directive(*place, now) for place in places]
        for order in self.signed:
            self.bench.relay([order])
        self.invariant_directives()
        # Time has gone on, and with it what is in force; who stands at each place has not.
        now = self.bench.wire.now()
        after = [self.bench.reference.directive(*place, now) for place in places]
        assert [(record.issues, record.effect) for record in after] == [
            (record.issues, record.effect) for record in before
        ]


def test_consents_against_the_reference(state_machine, house, people):
    state_machine(Consents, house, people, settings={"max_examples": 15, "stateful_step_count": 20})
