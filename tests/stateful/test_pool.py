"""Pools and claims against a model of a few lines of Python: solvency, conservation, each claim paid at most once.

The invariants carry the numbers of tests/INVARIANTS.md.
"""

from brownie import accounts, chain, reverts
from brownie.test import strategy

from tests.claims import build
from tests.conftest import PROVIDER, accredit
from tests.errors import error

DEDUCTIBLE, MAXIMUM, BASIS, PRICE = 500, 2_000, 33_33, 1_000
PROVIDERS = 2


class Pools:
    """One insurer, two members, two providers, one token that may refuse a payee."""

    st_amount = strategy("uint16", min_value=1, max_value=4_000)
    st_charges = strategy("uint16[3]", max_value=1_500)
    st_member = strategy("uint8", max_value=1)
    st_provider = strategy("uint8", max_value=PROVIDERS - 1)
    st_pick = strategy("uint8")
    st_share = strategy("uint8", max_value=110)

    def __init__(cls, house, salus_project, insurer, hospital, regulator, deployer):
        cls.insurer, cls.deployer = insurer, deployer
        cls.plans, cls.treasury, cls.desk = house["Plans"], house["Treasury"], house["ClaimDesk"]
        cls.token = salus_project.MisbehavingToken.deploy({"from": deployer})
        cls.members = accounts[23:25]
        cls.providers = [hospital, accounts[25]]
        accredit(house["Institutions"], regulator, cls.providers[1], "second", PROVIDER)
        # No filing limit and no end: a run moves through years.
        terms = build.Terms(
            str(insurer), 0, 2**24 - 1, BASIS, str(cls.token), DEDUCTIBLE, MAXIMUM, 0, build.word("pool")
        )
        cls.plan = build.publish(cls.plans, terms, {"visit": PRICE}, cls.members)
        for member in cls.members:
            build.permit(house["ConsentRegistry"], member, insurer)

    def setup(self):
        self.pool = self.exiting = self.exit_from = self.debt = 0
        self.funded = self.left = 0
        self.number = 0
        self.spent = {}  # (member, year) -> [deductible, out of pocket]
        self.claims = {}  # id -> [state, paid, provider]
        self.sent, self.held = [0] * PROVIDERS, [0] * PROVIDERS
        self.blocked = set()

    # ------------------------------------------------------------------------------------------------------ the model

    def judge(self, member, charge):
        """What the plan owes for one visit; the member's year grows."""
        year = self.spent.setdefault((member, build.this_year()), [0, 0])
        allowed = min(charge, PRICE)
        room = MAXIMUM - year[1]
        deductible = min(allowed, DEDUCTIBLE - year[0], room)
        coinsurance = min(-(-(allowed - deductible) * BASIS // 10_000), room - deductible)
        year[0] += deductible
        year[1] += deductible + coinsurance
        return allowed - deductible - coinsurance

    def pay(self, provider, amount):
        """Pays, or holds for the payee; False when the pool is short."""
        if self.pool < amount:
            return False
        self.pool -= amount
        (self.held if provider in self.blocked else self.sent)[provider] += amount
        return True

    # ------------------------------------------------------------------------------------------------------ the rules

    def rule_fund(self, st_amount):
        build.fund(self.treasury, self.desk, self.insurer, self.token, st_amount, self.deployer)
        self.pool += st_amount
        self.funded += st_amount

    def rule_submit(self, st_charges, st_member, st_provider):
        """A batch of three, in which the first comes twice."""
        provider, member = self.providers[st_provider], self.members[st_member]
        batch = []
        for charge in st_charges:
            self.number += 1
            batch.append(
                build.a_claim(self.plan, member, provider, build.line(charge=charge), number=str(self.number))
            )
        results, _ = build.submit(self.desk, [*batch, batch[0]], provider)
        for charge, result in zip(st_charges, results):
            due = self.judge(st_member, charge)
            state = build.SETTLED if self.pay(st_provider, due) else build.OWED
            assert (result.refusal, result.state, result.paid) == (build.PASSED, state, due)
            self.claims[result.id] = [state, due, st_provider]
            self.debt += due if state == build.OWED else 0
        assert results[3].refusal == build.DUPLICATE

    def rule_settle(self, st_pick):
        if not self.claims:
            return
        id_ = sorted(self.claims)[st_pick % len(self.claims)]
        state, due, provider = self.claims[id_]
        if state != build.OWED:
            with reverts(error("NotOwed", id_, state)):
                self.desk.settle(id_, {"from": self.deployer})
        elif self.pool < due:
            with reverts(error("PoolShort", id_, due)):
                self.desk.settle(id_, {"from": self.deployer})
        else:
            self.desk.settle(id_, {"from": self.deployer})
            assert self.pay(provider, due)
            self.debt -= due
            self.claims[id_][0] = build.SETTLED

    def rule_announce(self, st_share):
        amount = self.pool * st_share // 100
        if amount > self.pool:
            with reverts(error("ExceedsBalance", amount, self.pool)):
                self.treasury.announceExit(self.desk, self.token, amount, {"from": self.insurer})
            return
        tx = self.treasury.announceExit(self.desk, self.token, amount, {"from": self.insurer})
        self.exiting = amount
        self.exit_from = tx.timestamp + 30 * build.DAY if amount else 0

    def rule_exit(self):
        """Well inside the window: the seconds at its ends have tests of their own."""
        if not self.exiting:
            with reverts(error("NoExit", self.desk, self.insurer, self.token)):
                self.treasury.exit(self.desk, self.token, {"from": self.insurer})
            return
        if build.now() < self.exit_from:
            with reverts(error("ExitNotOpen", self.exit_from, self.exit_from + 7 * build.DAY)):
                self.treasury.exit(self.desk, self.token, {"from": self.insurer})
            chain.sleep(self.exit_from + build.DAY - build.now())
            chain.mine()
        free = max(0, self.pool - self.debt)
        if not min(self.exiting, free):
            with reverts(error("ExceedsBalance", self.exiting, free)):
                self.treasury.exit(self.desk, self.token, {"from": self.insurer})
            return
        self.treasury.exit(self.desk, self.token, {"from": self.insurer})
        self.pool -= min(self.exiting, free)
        self.left += min(self.exiting, free)
        self.exiting = self.exit_from = 0

    def rule_block(self, st_provider):
        blocked = st_provider not in self.blocked
        self.token.setBlocked(self.providers[st_provider], blocked, {"from": self.deployer})
        self.blocked ^= {st_provider}

    def rule_collect(self, st_provider):
        who = self.providers[st_provider]
        if not self.held[st_provider]:
            with reverts(error("NothingHeld", who, self.token)):
                self.treasury.collect(self.token, {"from": who})
        elif st_provider in self.blocked:
            with reverts(error("Blocked", who)):
                self.treasury.collect(self.token, {"from": who})
        else:
            self.treasury.collect(self.token, {"from": who})
            self.sent[st_provider] += self.held[st_provider]
            self.held[st_provider] = 0

    def rule_give(self, st_amount):
        """A plain transfer belongs to nobody's pool."""
        self.token.mint(self.treasury, st_amount, {"from": self.deployer})

    # ------------------------------------------------------------------------------------------------- the invariants

    def invariant_pool(self):
        """CL1, CL2: what is accounted is what came in less what went out, and it is here."""
        assert build.pool(self.treasury, self.desk, self.insurer, self.token) == (
            self.pool, self.exiting, self.exit_from,
        )  # fmt: skip
        accounted = self.treasury.accounted(self.token)
        assert accounted == self.pool + sum(self.held) == self.funded - self.left - sum(self.sent)
        assert accounted <= self.token.balanceOf(self.treasury)

    def invariant_claims(self):
        """CL3, CL4: each claim's money moved once, and the debts are those of the owed claims."""
        for id_, (state, due, provider) in self.claims.items():
            record = build.record(self.desk, id_)
            assert (record.state, record.paid, record.payee) == (state, due, self.providers[provider])
        owed = sum(due for state, due, _ in self.claims.values() if state == build.OWED)
        assert self.treasury.owed(self.desk, self.insurer, self.token) == self.debt == owed
        for number, provider in enumerate(self.providers):
            settled = sum(due for s, due, who in self.claims.values() if (s, who) == (build.SETTLED, number))
            assert self.token.balanceOf(provider) == self.sent[number]
            assert self.treasury.held(provider, self.token) == self.held[number]
            assert self.sent[number] + self.held[number] == settled

    def invariant_years(self):
        """CL6: the accumulators are the sums of what the members were charged, and stay below the plan's bounds."""
        for (member, year), spent in self.spent.items():
            stored = build.accumulators(self.desk, self.plan, self.members[member], year)
            assert stored == tuple(spent)
            assert stored.deductible <= DEDUCTIBLE and stored.out_of_pocket <= MAXIMUM


def test_pools_against_the_model(state_machine, house, salus_project, insurer, hospital, regulator, deployer):
    state_machine(
        Pools, house, salus_project, insurer, hospital, regulator, deployer,
        settings={"max_examples": 8, "stateful_step_count": 15},
    )  # fmt: skip
