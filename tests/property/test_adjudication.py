"""Plans, claim desk and treasury against the reference: random plans, histories and claims, judged by both.

Given plans of every size (from single units to the largest amounts), versions and calendar years that end in between,
members
    of every age, sex and family, with and without cover, consent, referrals and pre-authorisations, pools that run dry
when claims are estimated, submitted, reviewed and reversed
it is refused, denied, trimmed, shared, paid and owed as the prose says, to the unit.
"""

import random

from tests.conftest import INSURER, PROVIDER, accredit
from tests.reference.adjudicator import CARC, Refusal
from tests.reference.desk import State
from tests.support.claim_bench import ClaimBench, low
from tests.support.effort import cases, seed
from tests.support.plain_accounts import DAY, newcomers
from tests.support.random_claims import RandomClaims

#: The codes of lines and of limits, with 45 for what is written off, 23 for another payer's part, 1 to 3 for the
#: patient's.
LINE_CODES = (204, 96, 18, 6, 7, 288, 197, 198, 119, 35, 45, 23, 1, 2, 3)
#: What a thousand cases must have shown.
WANTED = {
    *(("line", code) for code in LINE_CODES),
    *(("gate", gate) for gate in Refusal),
    *(("gate code", code) for code in (*CARC.values(), 26, 27)),
    *(("state", state) for state in (State.SETTLED, State.OWED, State.PENDED, State.DENIED)),
}


class AdjudicationBench(ClaimBench):
    """Two insurers with two tokens, three providers of which one is suspended now and then, and nine patients."""

    def __init__(self, deployed_contracts, people, containers, dice):
        super().__init__(deployed_contracts, people)
        self.dice = dice
        fresh = newcomers()
        second, third = next(fresh), next(fresh)
        accredit(deployed_contracts["Institutions"], people.regulator, second, "second-insurer", INSURER)
        accredit(deployed_contracts["Institutions"], people.regulator, third, "third-provider", PROVIDER)
        self.insurers = [low(people.insurer), low(second)]
        self.providers = [low(people.hospital), low(people.clinic), low(third)]
        self.patients = [low(each) for each in list(fresh)[:9]]
        self.tokens = [
            containers.TestToken.deploy("Money", "MNY", decimals, {"from": people.deployer}) for decimals in (2, 18)
        ]
        for token in self.tokens:
            for insurer in self.insurers:
                token.mint(insurer, 2**127, {"from": people.deployer})
                token.approve(deployed_contracts["Treasury"], 2**256 - 1, {"from": insurer})
                self.fund(insurer, low(token), dice.choice((1, 1_000_000, 2**90)))
        tokens = [low(token) for token in self.tokens]
        today = self.now // DAY
        self.random_claims = RandomClaims(dice, today, self.insurers, tokens, self.providers, self.patients)
        self.missing = set(WANTED)

    def pool(self):
        return self.dice.choice(list(self.money.pools))

    # ---- plans -------------------------------------------------------------------------------------------------------

    def plan(self, number):
        """A series with its members; the version after the first, where that has ended; one in eight is never
        published.
        """
        draw = self.random_claims.draw(number)
        published = number < 4 or self.dice.random() < 0.88
        plan = self.version(draw.terms, draw.prices, draw.categories, draw.schedules, published=published)
        self.random_claims.scales[id(self.book.versions[plan])] = draw.scale
        self.enroll(plan, draw.members)
        for provider, terms in draw.contracts.items():
            self.contract(plan, provider, terms)
        for agreed in draw.authorizations:
            self.authorize(plan, *agreed)
        for referral in draw.referrals:
            self.refer(plan, *referral)
        if after := self.random_claims.next(draw, number):
            plan = self.version(after.terms, after.prices, after.categories, after=plan)
            self.random_claims.scales[id(self.book.versions[plan])] = after.scale

    # ---- what happens ------------------------------------------------------------------------------------------------

    def claim(self, provider=None):
        plan = self.dice.choice(list(self.book.versions))
        return self.random_claims.claim(plan, self.book.versions[plan], provider)

    def look(self, results):
        """What is seen is no longer missing."""
        for result in results:
            self.missing -= {("gate", result.refusal), ("gate code", result.carc), ("state", result.state)}
            for line in result.lines:
                shares = {1: line.deductible, 2: line.coinsurance, 3: line.copay, 23: line.prior, 45: line.written_off}
                codes = {line.carc, line.limit_carc} | {code for code, amount in shares.items() if amount}
                self.missing -= {("line", code) for code in codes}

    def submit_some(self):
        """Of one provider; one in ten batches holds a claim twice, and one in twelve is sent by somebody else."""
        provider = self.dice.choice(self.providers)
        claims = [self.claim(provider) for _ in range(self.dice.randint(1, 6))]
        if self.dice.random() < 0.1:
            claims.append(claims[0])
        sender = provider if self.dice.random() < 0.92 else self.dice.choice((*self.providers, self.patients[0]))
        self.look(self.submit(sender, claims))
        return len(claims)

    def estimate_some(self):
        claims = [self.claim() for _ in range(8)]
        known = [record.decided.claim for record in self.reference.records.values() if record.decided]
        if known:
            claims.append(self.dice.choice(known))
        self.look(self.estimate(claims))
        return len(claims)

    def go_on(self):
        """Review, withdraw or reverse a claim or two."""
        for record in list(self.reference.records.values()):
            if record.state is State.PENDED and self.dice.random() < 0.5:
                claim = record.claim
                insurer = self.book.versions[claim.plan].terms.insurer
                act = self.dice.choice(("withdraw", "deny", "deny", "let the rules decide"))
                if act == "withdraw":
                    self.withdraw(claim.provider, claim)
                elif result := self.review(insurer, claim, 50 if act == "deny" else 0):
                    self.look([result])
            elif record.state in (State.SETTLED, State.OWED) and record.judged and self.dice.random() < 0.03:
                done = self.reverse(record.decided.claim.provider, record.decided)
                assert done or record.decided.claim.provider in self.suspended

    def change(self):
        """Something of what the plans and the law of the land say changes."""
        dice = self.dice
        kind = dice.randrange(6)
        if kind == 0:
            self.say(dice.choice(self.patients))
        elif kind == 1:
            provider = self.providers[2]
            (self.reinstate if provider in self.suspended else self.suspend)(provider)
        elif kind == 2:
            (insurer, token) = self.pool()
            self.fund(insurer, token, dice.choice((1, 1_000_000, 2**90)))
            self.settle(insurer, token, dice.choice((1, 5, 50)))
        else:
            plan = dice.choice(list(self.book.versions))
            series, terms = self.book.versions[plan].series, self.book.versions[plan].terms
            member = dice.choice(list(series.members))
            if kind == 3:
                self.enroll(plan, {member: self.random_claims.membership(terms)})
            elif kind == 4 and series.authorizations:
                owner, code = dice.choice(list(series.authorizations))
                self.authorize(plan, owner, code, *self.random_claims.agreed(terms))
            else:
                self.contract(plan, dice.choice(self.providers), self.random_claims.contract(terms))

    def say(self, patient):
        """The patient says something new about one of the insurers, or about all, or takes it back."""
        grantee = self.dice.choice([*self.insurers, *self.insurers, f"0x{INSURER:040x}"])
        if self.dice.random() < 0.3:
            self.revoke(patient, self.dice.choice(self.insurers))
        else:
            self.consent(patient, grantee, index=self.dice.randrange(2), deny=self.dice.random() < 0.15)


def test_random_claims(deployed_contracts, people, salus_project):
    dice = random.Random(seed())
    bench = AdjudicationBench(deployed_contracts, people, salus_project, dice)
    # One patient says nothing to the second insurer.
    for patient, insurer in [(each, insurer) for each in bench.patients for insurer in bench.insurers][:-1]:
        bench.consent(patient, insurer)
    for number in range(max(2, min(16, cases() // 60))):
        bench.plan(number)

    judged = 0
    # A rule that no case reaches is a rule that nobody looks at: a full run goes on until each was reached.
    while judged < cases() or (bench.missing and 1_000 <= cases() > judged // 4):
        judged += bench.submit_some() + bench.estimate_some()
        if dice.random() < 0.3:
            bench.change()
        if dice.random() < 0.25:
            bench.go_on()
    bench.compare_records()
    bench.compare_used()
    bench.compare_money(bench.tokens, bench.providers)
    assert cases() < 1_000 or not bench.missing
