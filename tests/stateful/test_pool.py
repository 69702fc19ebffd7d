"""The treasury against its reference: pools, debts, reserves, set-offs and exits, told by a desk that does anything in
any order.

The invariants carry the numbers of tests/INVARIANTS.md.
"""

import random
from inspect import signature

import pytest
from brownie.test import strategy

from tests.conftest import INSURER, accredit
from tests.support.claim_bench import ClaimBench, low
from tests.support.effort import cases, machine_settings, seed
from tests.support.plain_accounts import DAY, newcomers
from tests.support.rpc_batch import FastContract

WAITS = (600, 29 * DAY, 31 * DAY, 38 * DAY)
# How high each rule's numbers go.
MOST = {
    "st_amount": 3_000,
    "st_due": 3_000,
    "st_payee": 2,
    "st_insurer": 1,
    "st_pick": 255,
    "st_count": 6,
    "st_share": 110,
    "st_wait": len(WAITS) - 1,
}
EVENTS = {
    "paid", "owed", "settled", "cancelled", "short", "reserved", "released", "paid ahead", "set off", "repaid", "held",
    "collected", "exited",
}  # fmt: skip


class Pools:
    """Two insurers with a pool each, three payees whom the token may refuse, and a desk that is told what to do."""

    def __init__(cls, deployed_contracts, salus_project, people):
        first, second, *payees = list(newcomers())[:5]
        cls.insurers = [low(first), low(second)]
        cls.payees = [low(each) for each in payees]
        cls.token = salus_project.MisbehavingToken.deploy({"from": people.deployer})
        for insurer in cls.insurers:
            cls.token.mint(insurer, 2**100, {"from": people.deployer})
            cls.token.approve(deployed_contracts["Treasury"], 2**256 - 1, {"from": insurer})
        cls.fake_desk = FastContract(salus_project.Caller.deploy({"from": people.deployer}))
        cls.blocked = set()
        cls.bench = ClaimBench(deployed_contracts, people, lambda _, payee: payee in cls.blocked)
        cls.bench.desk, cls.money_token, cls.owner = cls.fake_desk, low(cls.token), people.deployer

    def setup(self):
        self.bench.restart()
        self.blocked.clear()
        self.said = 0
        self.seen = set()
        for insurer in self.insurers:
            self.bench.fund(insurer, self.money_token, 2_000)

    def tell(self, method, *args, act):
        """The desk calls the treasury; the answer must be the reference's. ``None`` when both refused."""
        treasury = self.bench.treasury
        data = bytes.fromhex(treasury.call(self.owner, method, *args).data[2:])
        call = self.fake_desk.call(self.owner, "call", treasury.address, data)
        answers = [] if self.bench.rpc_batch.error(call, treasury.abi) else self.bench.rpc_batch.ask([call])
        done = self.bench.both(
            self.fake_desk,
            self.owner,
            "call",
            [treasury.address, data],
            lambda _: act(self.bench.money),
            errors=treasury.abi,
        )
        if done is None:
            return None
        raw = self.fake_desk.read("call", answers[0])
        assert (int.from_bytes(raw, "big") if raw else None) == (None if done[1] is None else int(done[1]))
        return done[1]

    def place(self, insurer):
        return self.insurers[insurer], self.money_token

    def ref(self):
        self.said += 1
        return self.said.to_bytes(32, "big")

    def pool(self, insurer):
        return self.bench.money.pool(*self.place(insurer))

    # ---- the rules ---------------------------------------------------------------------------------------------------

    def rule_fund(self, st_amount, st_insurer):
        self.bench.fund(*self.place(st_insurer), st_amount)

    def rule_pay_or_owe(self, st_amount, st_payee, st_insurer):
        place, ref = self.place(st_insurer), self.ref()
        whom = (self.payees[st_payee], st_amount)
        paid = self.tell("pay", *place, *whom, ref, act=lambda money: money.pay(*place, *whom))
        if paid:
            self.seen |= {"paid"} | ({"held"} if st_payee in self.blocked_numbers() else set())
        else:
            self.tell("owe", *place, *whom, ref, act=lambda money: money.owe(*place, *whom, ref))
            self.seen.add("owed")

    def blocked_numbers(self):
        return {self.payees.index(payee) for payee in self.blocked}

    def rule_settle(self, st_insurer, st_count):
        done = self.bench.settle(*self.place(st_insurer), st_count)
        self.seen.add("settled" if done else "short")

    def rule_cancel(self, st_insurer, st_pick):
        pool, place = self.pool(st_insurer), self.place(st_insurer)
        if pool.debts:
            position = st_pick % len(pool.debts)
            if self.tell("cancel", *place, position, act=lambda money: money.cancel(*place, position)):
                self.seen.add("cancelled")

    def rule_reserve(self, st_amount, st_insurer):
        place = self.place(st_insurer)
        if self.tell("reserve", *place, st_amount, self.ref(), act=lambda money: money.reserve(*place, st_amount)):
            self.seen.add("reserved")

    def rule_release(self, st_amount, st_due, st_payee, st_insurer, st_share):
        """A part of the reserve, or more than there is, for a payment that is larger or smaller, or for none."""
        place, payee, pool = self.place(st_insurer), self.payees[st_payee], self.pool(st_insurer)
        amount = pool.reserved * st_share // 100
        due = st_due % (amount + 2) if st_amount % 3 else st_due
        waited = pool.waiting
        paid = self.tell(
            "release",
            *place,
            amount,
            payee,
            due,
            self.ref(),
            act=lambda money: money.release(*place, amount, payee, due),
        )
        if paid:
            self.seen |= {"released"} | ({"paid ahead"} if waited and due else set())

    def rule_set_off(self, st_amount, st_payee, st_insurer):
        args = (*self.place(st_insurer), self.payees[st_payee], st_amount)
        self.tell("setOff", *args, self.ref(), act=lambda money: money.give_back(*args))
        self.seen |= {"set off"} if st_amount else set()

    def rule_repay(self, st_payee, st_insurer, st_share):
        payee = self.payees[st_payee]
        amount = self.pool(st_insurer).set_off[payee] * st_share // 100
        if self.bench.repay(*self.place(st_insurer), payee, amount):
            self.seen.add("repaid")

    def rule_announce(self, st_insurer, st_share):
        self.bench.announce(*self.place(st_insurer), self.pool(st_insurer).balance * st_share // 100)

    def rule_exit(self, st_insurer):
        self.leave(st_insurer)

    def rule_leave_in_time(self, st_insurer, st_share):
        """Announced, and waited for as long as it takes."""
        self.bench.announce(*self.place(st_insurer), self.pool(st_insurer).balance * min(100, st_share) // 100)
        self.bench.rpc_batch.mine(self.bench.now + 31 * DAY)
        self.leave(st_insurer)

    def leave(self, insurer):
        if self.bench.exit(*self.place(insurer)):
            self.seen.add("exited")

    def rule_wait(self, st_wait):
        self.bench.rpc_batch.mine(self.bench.now + WAITS[st_wait])

    def rule_block(self, st_payee):
        payee = self.payees[st_payee]
        self.token.setBlocked(payee, payee not in self.blocked, {"from": self.owner})
        self.blocked ^= {payee}

    def rule_collect(self, st_payee):
        if self.bench.collect(self.payees[st_payee], self.token):
            self.seen.add("collected")

    def rule_give(self, st_amount):
        """A plain transfer belongs to nobody's pool."""
        self.token.mint(self.bench.treasury.address, st_amount, {"from": self.owner})

    # ---- the invariants ----------------------------------------------------------------------------------------------

    def invariant_books(self):
        """CL3, CL4, CL12, CL13: pools, debts in their order, set-offs, what is held and what was received."""
        self.bench.compare_money([self.token], self.payees)

    def invariant_solvent_and_conserved(self):
        """CL1, CL2: by the contract's own words, and what came in and went out."""
        bench, money = self.bench, self.bench.money
        keys = [(self.fake_desk.address, insurer, self.money_token) for insurer in self.insurers]
        pools = sum(told[0] + told[3] for told in bench.view(bench.treasury, "pool", keys))
        held = sum(bench.view(bench.treasury, "held", [(payee, self.money_token) for payee in self.payees]))
        (here,) = bench.view(FastContract(self.token), "balanceOf", [(bench.treasury.address,)])
        assert pools + held <= here
        received = sum(money.received.values())
        assert pools + held == money.funded[self.money_token] - money.left[self.money_token] - received


@pytest.fixture(scope="module")
def two_insurers(deployed_contracts, regulator):
    """Accredited for longer than any walk."""
    for handle, account in zip(("first", "second"), newcomers(), strict=False):
        accredit(deployed_contracts["Institutions"], regulator, account, handle, INSURER, years=500)
    return deployed_contracts


for name, most in MOST.items():
    setattr(Pools, name, strategy("uint16", max_value=most))


def test_pools_against_the_reference(state_machine, two_insurers, salus_project, people):
    state_machine(Pools, two_insurers, salus_project, people, settings=machine_settings(20, 20))


def test_a_long_walk_TP2_TP3(two_insurers, salus_project, people):
    """All rules, each as often as any other, in one history of hundreds of steps."""
    machine, dice = Pools(two_insurers, salus_project, people), random.Random(seed())
    machine.setup()
    rules = [getattr(machine, name) for name in sorted(dir(Pools)) if name.startswith("rule_")]
    steps = max(300, cases() // 3)
    for step in range(3 * steps):
        rule = dice.choice(rules)
        rule(**{name: dice.randint(0, MOST[name]) for name in signature(rule).parameters})
        machine.invariant_books()
        machine.invariant_solvent_and_conserved()
        if step >= steps and machine.seen == EVENTS:
            break
    assert machine.seen == EVENTS
