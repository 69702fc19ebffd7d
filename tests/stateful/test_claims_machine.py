"""The life of claims against the references: submitted, reviewed, withdrawn, reversed, appealed and paid in any order,
by anybody.

The invariants carry the numbers of tests/INVARIANTS.md.
"""

import random
from dataclasses import replace
from inspect import signature

import pytest
from brownie.test import strategy
from eth_utils import keccak

from tests.conftest import INSURER, PROVIDER, accredit
from tests.reference.adjudicator import (
    Category,
    Claim,
    Contract,
    Flag,
    Line,
    Membership,
    Price,
    Refusal,
    Rule,
    Terms,
    benefit_year,
)
from tests.reference.desk import State
from tests.support.claim_bench import ClaimBench, low
from tests.support.effort import cases, machine_settings, seed
from tests.support.plain_accounts import DAY, newcomers

VISIT, GLASSES, THERAPY = (keccak(text=f"machine: {name}") for name in ("visit", "glasses", "therapy"))
CODES = (VISIT, VISIT, GLASSES, THERAPY)
TERMS = {
    "coinsurance": 33_33,
    "deductible": 500,
    "out_of_pocket_maximum": 2_000,
    "family_deductible": 800,
    "family_out_of_pocket_maximum": 3_000,
    "annual_limit": 150_000,
    "lifetime_limit": 400_000,
    "review_threshold": 1_500,
    "review_days": 2,
    "appeal_days": 20,
    "rules": int(Rule.COPAY_COUNTS | Rule.NETWORK | Rule.OUTSIDE_TOO),
    "coinsurance_out": 50_00,
}
PRICES = {
    VISIT: Price(1_000),
    GLASSES: Price(4_000, 1),
    THERAPY: Price(600, 2, int(Flag.LISTED | Flag.AUTHORIZE), limit=40, period=30),
}
CATEGORIES = [Category(limit=15_000, copay=70), Category(10_00, 20_00, True)]
WAITS = (600, DAY, 2 * DAY, 4 * DAY, 40 * DAY)

# How high each rule's numbers go.
MOST = {
    "st_amount": 6_000,
    "st_charge": 5_000,
    "st_code": len(CODES) - 1,
    "st_units": 9,
    "st_prior": 4,
    "st_member": 2,
    "st_provider": 1,
    "st_again": 9,
    "st_pick": 255,
    "st_actor": 7,
    "st_content": 11,
    "st_carc": 2,
    "st_count": 9,
    "st_share": 105,
    "st_wait": len(WAITS) - 1,
}
EVENTS = {
    "settled", "owed", "pended", "pended without a reserve", "refused", "reviewed", "denied", "decided by time",
    "refused at last", "withdrawn", "comes again", "reversed by the provider", "reversed by the insurer", "cancelled",
    "set off", "appealed", "arbitrated", "award owed", "debts paid", "repaid", "held", "collected", "exited",
}  # fmt: skip


class Claims:
    """One insurer, two providers (one with a contract), three members (two are a family), a token that may refuse a
    payee.
    """

    def __init__(cls, deployed_contracts, salus_project, people):
        insurer, *rest = list(newcomers())[:6]
        cls.insurer = low(insurer)
        cls.providers, cls.members = [low(each) for each in rest[:2]], [low(each) for each in rest[2:]]
        cls.stranger = low(people.stranger)
        cls.token = salus_project.MisbehavingToken.deploy({"from": people.deployer})
        cls.token.mint(insurer, 2**100, {"from": people.deployer})
        cls.token.approve(deployed_contracts["Treasury"], 2**256 - 1, {"from": insurer})
        cls.owner, cls.place = people.deployer, (cls.insurer, low(cls.token))
        cls.blocked = set()
        cls.bench = ClaimBench(deployed_contracts, people, lambda _, payee: payee in cls.blocked)

    def setup(self):
        bench = self.bench
        bench.restart()
        self.blocked.clear()
        self.number, self.awards, self.returned, self.repaid, self.seen = 0, 0, 0, 0, set()
        self.plan = bench.version(Terms(self.insurer, 0, 2**24 - 1, self.place[1], **TERMS), PRICES, CATEGORIES)
        families = (1, 1, 0)
        members = zip(self.members, families, strict=True)
        bench.enroll(self.plan, {who: Membership(0, 2**24 - 1, family) for who, family in members})
        bench.contract(self.plan, self.providers[0], Contract(0, 2**24 - 1))
        for member in self.members:
            bench.consent(member, self.insurer)
            bench.authorize(self.plan, member, THERAPY, 12, 0, 2**24 - 1)
        bench.fund(*self.place, 10_000)

    # ---- who, and what -----------------------------------------------------------------------------------------------

    def actor(self, claim, number):
        """Whoever may, three times out of eight each for the provider and the insurer."""
        return (*[claim.provider] * 3, *[self.insurer] * 3, claim.patient, self.stranger)[number]

    def some(self, pick, *states):
        """A claim in one of the states, as the reference knows it."""
        reference = self.bench.reference
        found = [record for record in reference.records.values() if reference.state(record) in states]
        return found[pick % len(found)] if found else None

    def claim(self, member, provider, lines):
        self.number += 1
        day = self.bench.now // DAY
        number = self.number.to_bytes(32, "big")
        return Claim(self.plan, self.members[member], self.providers[provider], number, day, bytes(32), tuple(lines))

    def pended(self, record, content):
        """The claim that waits; or, one time in twelve, not quite."""
        claim = record.claim
        return claim if content else replace(claim, lines=(*claim.lines, Line(VISIT, 1, 1)))

    def decided(self, record, content):
        """What was decided; or, one time in twelve, a little more of it."""
        said = record.decided
        if content:
            return said
        first, *others = said.lines
        return replace(said, lines=(replace(first, paid=first.paid + 1), *others))

    # ---- the rules: claims -------------------------------------------------------------------------------------------

    def rule_submit(self, st_charge, st_code, st_units, st_prior, st_member, st_provider, st_again, st_actor):
        """Two claims in a batch; the first has two lines, and comes twice now and then; one in eight has another
        sender.
        """
        line = Line(CODES[st_code], st_units or 1, st_charge, st_charge * st_prior // 8)
        other = Line(CODES[-1 - st_code], 1, st_charge // 2)
        batch = [self.claim(st_member, st_provider, [line, other]), self.claim(st_member, st_provider, [other])]
        batch += batch[:1] if st_again == 0 else []
        results = self.bench.submit(self.stranger if st_actor == 7 else self.providers[st_provider], batch)
        for result in results:
            self.note(result)
            if result.debt is None and result.paid and self.providers[st_provider] in self.blocked:
                self.seen.add("held")

    def note(self, result):
        names = {State.SETTLED: "settled", State.OWED: "owed", State.PENDED: "pended", State.DENIED: "denied"}
        self.seen.add("refused" if result.refusal else names[result.state])
        if result.state is State.PENDED and not result.reserved:
            self.seen.add("pended without a reserve")

    def rule_submit_again(self, st_pick, st_content):
        """What was withdrawn, or could not be decided: as it was, or changed."""
        record = self.some(st_pick, State.WITHDRAWN)
        if record is None:
            return
        claim = record.claim
        claim = claim if st_content % 2 else replace(claim, lines=(Line(VISIT, 1, st_content * 100),))
        (result,) = self.bench.submit(claim.provider, [claim])
        if not result.refusal:
            self.seen.add("comes again")

    def rule_review(self, st_pick, st_actor, st_content, st_carc):
        record = self.some(st_pick, State.PENDED)
        if record:
            claim = self.pended(record, st_content)
            result = self.bench.review(self.actor(claim, st_actor), claim, (0, 0, 50)[st_carc])
            if result:
                self.seen.add("reviewed")
                self.outcome(result)

    def rule_decide(self, st_pick, st_content):
        record = self.some(st_pick, State.PENDED)
        if record:
            result = self.bench.decide(self.stranger, self.pended(record, st_content))
            if result:
                self.seen.add("decided by time")
                self.outcome(result)

    def rule_review_at_once(self, st_member, st_provider, st_carc):
        """A large claim, on the insurer's table the same day."""
        claim = self.claim(st_member, st_provider, [Line(GLASSES, 2, 8_000)])
        (result,) = self.bench.submit(claim.provider, [claim])
        if result.state is State.PENDED:
            self.outcome(self.bench.review(self.insurer, claim, (0, 50, 50)[st_carc]))
            self.seen.add("reviewed")

    def rule_change_ones_mind(self, st_member, st_provider):
        """The patient permits it when the claim comes, and no longer when it is to be decided."""
        self.bench.consent(self.members[st_member], self.insurer)
        claim = self.claim(st_member, st_provider, [Line(VISIT, 9, 9_000)])
        (result,) = self.bench.submit(claim.provider, [claim])
        self.bench.revoke(self.members[st_member], self.insurer)
        if result.state is State.PENDED:
            self.outcome(self.bench.review(self.insurer, claim, 0))
        self.bench.consent(self.members[st_member], self.insurer)

    def rule_decide_in_the_end(self, st_pick):
        if self.some(st_pick, State.PENDED):
            self.bench.rpc_batch.mine(self.bench.now + 2 * DAY + 1)
            self.rule_decide(st_pick, 1)

    def outcome(self, result):
        self.note(result)
        if result.refusal:
            assert result.refusal is Refusal.NO_CONSENT
            self.seen.add("refused at last")

    def rule_withdraw(self, st_pick, st_actor, st_content):
        record = self.some(st_pick, State.PENDED)
        if record:
            claim = self.pended(record, st_content)
            if self.bench.withdraw(self.actor(claim, st_actor), claim):
                self.seen.add("withdrawn")

    def rule_wrong_state(self, st_pick, st_actor):
        """What is final waits for nobody, and what waits is not final."""
        final = self.some(st_pick, State.SETTLED, State.OWED, State.DENIED, State.REVERSED, State.ARBITRATED)
        if final:
            claim = final.decided.claim
            assert self.bench.review(self.insurer, claim, 0) is None
            assert self.bench.decide(self.stranger, claim) is None
            assert not self.bench.withdraw(claim.provider, claim)
        gone = self.some(st_pick, State.DENIED, State.REVERSED, State.ARBITRATED)
        if gone:
            assert not self.bench.reverse(gone.decided.claim.provider, gone.decided)

    def rule_reverse(self, st_pick, st_actor, st_content):
        record = self.some(st_pick, State.SETTLED, State.OWED)
        if record:
            self.reverse(record, st_actor, st_content)

    def reverse(self, record, actor, content):
        said, waited = self.decided(record, content), self.bench.reference.state(record) is State.OWED
        actor = self.actor(said.claim, actor)
        if self.bench.reverse(actor, said):
            self.returned += 0 if waited else said.paid
            self.seen |= {"reversed by the insurer" if actor == self.insurer else "reversed by the provider"}
            self.seen |= {"cancelled"} if waited else {"set off"} if said.paid else set()

    def rule_reverse_at_once(self, st_pick, st_actor):
        """One of the last claims, before the insurer's time is over."""
        found = [record for record in self.bench.reference.records.values() if record.decided][-3:]
        states = {id(record): self.bench.reference.state(record) for record in found}
        open_ = [record for record in found if states[id(record)] in (State.SETTLED, State.OWED)]
        if open_:
            self.reverse(open_[st_pick % len(open_)], st_actor, 1)

    def rule_appeal(self, st_pick, st_actor, st_content):
        record = self.some(st_pick, *State)
        if record and record.decided:
            said = self.decided(record, st_content)
            if self.bench.appeal(self.actor(said.claim, st_actor), said):
                self.seen.add("appealed")

    def rule_arbitrate(self, st_pick, st_content, st_share):
        records = [record for record in self.bench.reference.records.values() if record.decided]
        waiting = [record for record in records if record.appealed] or records
        if waiting:
            record = waiting[st_pick % len(waiting)]
            self.arbitrate(self.decided(record, st_content), st_share)

    def rule_appeal_at_once(self, st_pick, st_share):
        """One of the last claims, by its provider; and the arbiter is quick."""
        found = [record for record in self.bench.reference.records.values() if record.decided][-3:]
        if found:
            said = found[st_pick % len(found)].decided
            self.bench.appeal(said.claim.provider, said)
            self.arbitrate(said, st_share)

    def arbitrate(self, said, share):
        """Half of the charges and a little more at most: now and then too much."""
        award = sum(line.charge for line in said.lines) * share // 200
        owed = self.bench.money.pool(*self.place).owed
        if self.bench.arbitrate(said, award, 1 + share):
            self.seen |= {"arbitrated"} | ({"award owed"} if self.bench.money.pool(*self.place).owed > owed else set())
            self.awards += award

    # ---- the rules: money --------------------------------------------------------------------------------------------

    def rule_fund(self, st_amount):
        self.bench.fund(*self.place, st_amount)

    def rule_settle(self, st_count):
        if self.bench.settle(*self.place, st_count):
            self.seen.add("debts paid")

    def rule_repay(self, st_provider, st_share):
        owing = self.bench.money.pool(*self.place).set_off
        payee = max(self.providers, key=lambda each: (owing[each] > 0, each == self.providers[st_provider]))
        amount = owing[payee] * st_share // 100
        if self.bench.repay(*self.place, payee, amount):
            self.repaid += amount
            self.seen.add("repaid")

    def rule_leave(self, st_share, st_wait):
        """The insurer takes out what it may; too early now and then, or too much, or what it owes."""
        if st_wait == 1:
            self.bench.fund(*self.place, self.bench.money.pool(*self.place).owed + 5_000)
        self.bench.announce(*self.place, self.bench.money.pool(*self.place).balance * st_share // 100)
        if st_wait < 2:
            self.bench.rpc_batch.mine(self.bench.now + 31 * DAY)
        if self.bench.exit(*self.place):
            self.seen.add("exited")

    def rule_block(self, st_provider):
        payee = self.providers[st_provider]
        self.token.setBlocked(payee, payee not in self.blocked, {"from": self.owner})
        self.blocked ^= {payee}

    def rule_collect(self, st_provider):
        if self.bench.collect(self.providers[st_provider], self.token):
            self.seen.add("collected")

    # ---- the rules: what else changes --------------------------------------------------------------------------------

    def rule_wait(self, st_wait):
        self.bench.rpc_batch.mine(self.bench.now + WAITS[st_wait])

    def rule_consent(self, st_member, st_share):
        """Taken back one time in five."""
        if st_share < 20:
            self.bench.revoke(self.members[st_member], self.insurer)
        else:
            self.bench.consent(self.members[st_member], self.insurer)

    def rule_change_family(self, st_member, st_provider):
        """What a claim used stays with the family that the member had when it was judged."""
        self.bench.enroll(self.plan, {self.members[st_member]: Membership(0, 2**24 - 1, family=st_provider + 1)})

    def rule_authorize(self, st_member, st_units):
        self.bench.authorize(self.plan, self.members[st_member], THERAPY, st_units, 0, 2**24 - 1)

    # ---- the invariants ----------------------------------------------------------------------------------------------

    def invariant_money(self):
        """CL1, CL2, CL4, CL12, CL13: pools, debts in their order, reserves, set-offs; and the balance behind them."""
        self.bench.compare_money([self.token], self.providers)
        reserved = sum(
            record.reserved for record in self.bench.reference.records.values() if record.state is State.PENDED
        )
        assert self.bench.money.pool(*self.place).reserved == reserved

    def invariant_claims(self):
        """CL3: each claim stands where it should."""
        self.bench.compare_records()

    def invariant_paid_once(self):
        """CL3: a provider has, by the token's own books, what its claims came to: each once, less what it gave back."""
        reference, pool = self.bench.reference, self.bench.money.pool(*self.place)
        (here,) = self.bench.view(self.bench.treasury, "pool", [(self.bench.desk.address, *self.place)])
        settled = sum(
            record.decided.paid
            for record in reference.records.values()
            if record.decided and not any(pool.debts[at].left or pool.debts[at].cancelled for at in record.debts)
        )
        waiting = sum(debt.left for debt in pool.debts)
        of_claims = sum(
            pool.debts[at].left for record in reference.records.values() if record.decided for at in record.debts
        )
        awards = self.awards - (waiting - of_claims)
        gone = self.bench.money.funded[self.place[1]] - self.bench.money.left[self.place[1]] - here[0] - here[3]
        assert gone == settled + awards - self.taken_off()

    def taken_off(self):
        """What was set off, is owed no longer and was not repaid: it was taken off payments."""
        pool = self.bench.money.pool(*self.place)
        owing = [(self.bench.desk.address, *self.place, payee) for payee in self.providers]
        left = sum(self.bench.view(self.bench.treasury, "setOffOf", owing))
        assert left == sum(pool.set_off.values())
        return self.returned - self.repaid - left

    def invariant_used(self):
        """CL6, CL14: the accumulators are the sums over the claims that stand, and stay below the plan's bounds."""
        self.bench.compare_used()
        used, series = self.bench.reference.used, self.bench.book.versions[self.plan].series
        year = benefit_year(self.bench.now // DAY)
        for member in self.members:
            spent = used.member(series, member, year)
            assert spent.deductible <= TERMS["deductible"] and spent.out_of_pocket <= TERMS["out_of_pocket_maximum"]
            assert spent.paid <= TERMS["annual_limit"]
            assert used.lifetime(series, member) <= TERMS["lifetime_limit"]

    def invariant_every_unit_is_somewhere(self):
        """CL5: on the claim decided last."""
        for record in list(self.bench.reference.records.values())[-2:]:
            for line in record.decided.lines if record.decided else ():
                parts = line.deductible, line.copay, line.coinsurance, line.limited, line.prior, line.paid
                assert line.charge == line.denied + line.written_off + sum(parts) and min(parts) >= 0


for name, most in MOST.items():
    setattr(Claims, name, strategy("uint16", max_value=most))


@pytest.fixture(scope="module")
def long_lived(deployed_contracts, regulator):
    """An insurer and two providers, accredited for longer than any walk."""
    kinds = (("payer", INSURER), ("first", PROVIDER), ("second", PROVIDER))
    for (handle, role), account in zip(kinds, newcomers(), strict=False):
        accredit(deployed_contracts["Institutions"], regulator, account, handle, role, years=500)
    return deployed_contracts


def test_claims_against_the_reference(state_machine, long_lived, salus_project, people):
    state_machine(Claims, long_lived, salus_project, people, settings=machine_settings(10, 20))


def test_a_long_walk_TP1_TP2_TP3(long_lived, salus_project, people):
    """All rules, each as often as any other, in one history of hundreds of steps."""
    machine, dice = Claims(long_lived, salus_project, people), random.Random(seed())
    machine.setup()
    rules = [getattr(machine, name) for name in sorted(dir(Claims)) if name.startswith("rule_")]
    checks = [getattr(machine, name) for name in sorted(dir(Claims)) if name.startswith("invariant_")]
    steps = max(300, cases() // 3)
    for step in range(3 * steps):
        rule = dice.choice([*rules, machine.rule_submit, machine.rule_submit])
        rule(**{name: dice.randint(0, MOST[name]) for name in signature(rule).parameters})
        for check in checks:
            check()
        if step >= steps and machine.seen == EVENTS:
            break
    assert machine.seen == EVENTS
