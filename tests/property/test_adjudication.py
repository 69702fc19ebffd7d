"""The claim desk against the reference: random plans, members and claims, judged by both.

Given plans of every size (from single units to the largest amounts), calendar years that end in between, members with
    and without cover and consent, pools that run dry
when claims are estimated, submitted and settled
it is refused, cut, paid and owed as the prose says, to the unit.
"""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from brownie import web3
from eth_utils import keccak

from tests.conftest import INSURER, accredit
from tests.consent.build import granting, permit
from tests.property.house import CLAIM, DAY, HPAYMT, newcomers
from tests.property.wire import Call, Wire, cases, event, seed
from tests.reference.adjudicator import (
    LARGEST_AMOUNT,
    Accumulators,
    Claim,
    Desk,
    Line,
    LineResult,
    Membership,
    NotOwed,
    Plan,
    PoolShort,
    Refusal,
    State,
    Terms,
    benefit_year,
    judge_line,
)
from tests.reference.registry import Answer, Directive, Effect, Registry, Standing

# ---- the reference itself, on what can be counted by hand ------------------------------------------------------------

TERMS = Terms("insurer", 0, 30_000, 2_000, "token", 100_00, 500_00, 90)


@pytest.mark.parametrize(
    ("charge", "units", "price", "before", "expected", "after"),
    [
        # A visit of 200.00, of which 150.00 are allowed: 100.00 deductible, 20 % of the other 50.00.
        (200_00, 1, 150_00, (0, 0), LineResult(200_00, 150_00, 100_00, 10_00, 40_00, 0), (100_00, 110_00)),
        # Units count before the charge does.
        (200_00, 2, 150_00, (100_00, 100_00), LineResult(200_00, 200_00, 0, 40_00, 160_00, 0), (100_00, 140_00)),
        # 33 units at 20 % are 6.6: the patient's share is 7.
        (33, 1, 1_000, (100_00, 100_00), LineResult(33, 33, 0, 7, 26, 0), (100_00, 100_07)),
        # Not in the price list.
        (200_00, 1, None, (50_00, 60_00), LineResult(200_00, 0, 0, 0, 0, 204), (50_00, 60_00)),
        # Listed at nothing: covered, and all of it the provider's write-off.
        (200_00, 1, 0, (0, 0), LineResult(200_00, 0, 0, 0, 0, 0), (0, 0)),
        # 5.00 are left of the year's maximum: the coinsurance is cut first ...
        (100_00, 1, 100_00, (100_00, 495_00), LineResult(100_00, 100_00, 0, 5_00, 95_00, 0), (100_00, 500_00)),
        # ... then the deductible.
        (100_00, 1, 100_00, (40_00, 495_00), LineResult(100_00, 100_00, 5_00, 0, 95_00, 0), (45_00, 500_00)),
        (100_00, 1, 100_00, (40_00, 500_00), LineResult(100_00, 100_00, 0, 0, 100_00, 0), (40_00, 500_00)),
    ],
)
def test_reference_line(charge, units, price, before, expected, after):
    result, so_far = judge_line(Line(b"", units, charge), price, TERMS, Accumulators(*before))
    assert result == expected
    assert so_far == Accumulators(*after)


@pytest.mark.parametrize(
    ("day", "year"), [(0, 1970), (364, 1970), (365, 1971), (789, 1972), (19_722, 2023), (19_723, 2024)]
)
def test_reference_benefit_year(day, year):
    assert benefit_year(day) == year


def reference_desk():
    desk = Desk(lambda patient, insurer: patient != "silent", most_lines=2)
    desk.plans[b"plan"] = Plan(
        TERMS, {b"visit": 150_00}, {"patient": Membership(100, 400), "silent": Membership(100, 400)}
    )
    desk.plans[b"draft"] = Plan(TERMS, published=False)
    return desk


ONE_VISIT = (Line(b"visit", 1, 200_00),)


def reference_claim(number=b"1", day=200, plan=b"plan", patient="patient", lines=ONE_VISIT):
    return Claim(plan, patient, "clinic", number, day, lines)


@pytest.mark.parametrize(
    ("changes", "today", "refusal", "carc"),
    [
        ({"lines": ()}, 200, Refusal.MALFORMED, 16),
        ({"lines": (Line(b"visit", 1, 1),) * 3}, 200, Refusal.MALFORMED, 16),
        ({"lines": (Line(b"visit", 0, 1),)}, 200, Refusal.MALFORMED, 16),
        ({"lines": (Line(b"visit", 1, 2**95),) * 2}, 200, Refusal.MALFORMED, 16),
        ({"number": b"old"}, 200, Refusal.DUPLICATE, 18),
        ({"plan": b"none"}, 200, Refusal.UNKNOWN_PLAN, 31),
        ({"plan": b"draft"}, 200, Refusal.UNKNOWN_PLAN, 31),
        ({"day": 201}, 200, Refusal.FUTURE_SERVICE, 110),
        ({"day": 30_000}, 30_001, Refusal.OUTSIDE_PLAN, 27),
        ({"patient": "stranger"}, 200, Refusal.NOT_ENROLLED, 31),
        ({"day": 99}, 110, Refusal.OUTSIDE_COVER, 26),
        ({"day": 400}, 410, Refusal.OUTSIDE_COVER, 27),
        ({}, 290, Refusal.NONE, 0),
        ({}, 291, Refusal.FILED_LATE, 29),
        ({"patient": "silent"}, 200, Refusal.NO_CONSENT, 227),
    ],
)
def test_reference_gates(changes, today, refusal, carc):
    desk = reference_desk()
    desk.submit([reference_claim(b"old")], 200 * DAY)
    assert desk.gate(reference_claim(**{"number": b"new", **changes}), today * DAY) == (refusal, carc)


def test_reference_pool_pays_whole_claims_or_waits():
    desk = reference_desk()
    desk.pools["insurer", "token"] = 39_99
    (result,) = desk.submit([reference_claim()], 200 * DAY)
    assert (result.state, result.paid) == (State.OWED, 40_00)
    with pytest.raises(PoolShort):
        desk.settle("clinic", b"1")
    desk.pools["insurer", "token"] += 1
    desk.settle("clinic", b"1")
    assert desk.pools["insurer", "token"] == 0
    with pytest.raises(NotOwed):
        desk.settle("clinic", b"1")


# ---- the contract ----------------------------------------------------------------------------------------------------


class Bench:
    """Both desks side by side: every action goes to the contract and to the reference."""

    def __init__(self, house, people, containers, dice):
        self.dice = dice
        self.people = people
        self.wire = Wire(web3.provider.endpoint_uri)
        self.contract = house["ClaimDesk"]
        self.house = house
        self.registry = Registry()
        self.reference = Desk(self.permits, self.contract.MAX_LINES())
        fresh = newcomers()
        second = next(fresh)
        accredit(house["Institutions"], people.regulator, second, "second-insurer", INSURER)
        self.insurers = [people.insurer, second]
        self.providers = [people.hospital, people.clinic]
        # Few enough that many a member comes to the end of the deductible, and of the year's maximum.
        self.patients = list(fresh)[:9]
        self.tokens = [
            containers.TestToken.deploy("Money", "MNY", decimals, {"from": people.deployer}) for decimals in (2, 18)
        ]
        for token in self.tokens:
            for insurer in self.insurers:
                token.mint(insurer, 2**127, {"from": people.deployer})
                token.approve(house["Treasury"], 2**256 - 1, {"from": insurer})
                self.reference.pools[str(insurer), str(token)] = 0
        self.scales = {}
        self.used = []

    def permits(self, patient, insurer):
        actor = Standing(int(insurer, 16), INSURER, True)
        decision = self.registry.decide(int(patient, 16), actor, HPAYMT, CLAIM, self.wire.now())
        return decision.answer is Answer.PERMIT

    def tick(self):
        """Two actions within a second are another test's matter."""
        self.wire.mine(self.wire.now() + 1)

    # ---- people, plans, money ----------------------------------------------------------------------------------------

    def say(self, patient):
        """The patient says something new about one of the insurers, or about all, or takes it back."""
        grantee = self.dice.choice([*self.insurers, *self.insurers, f"0x{INSURER:040x}"])
        purposes = self.dice.choice((HPAYMT, HPAYMT, HPAYMT | 1, 1))
        categories = self.dice.choice((CLAIM, CLAIM, CLAIM | 1, 1))
        effect = self.dice.choice((Effect.PERMIT,) * 5 + (Effect.DENY,))
        if self.dice.random() < 0.2:
            self.revoke(patient)
        else:
            self.consent(patient, grantee, purposes, categories, effect)

    def consent(self, patient, grantee, purposes, categories, effect):
        terms = Directive(int(str(grantee), 16), self.dice.randrange(2), effect, purposes, categories, 0, 2**40 - 1)
        self.tick()
        said = permit(grantee, index=terms.index, effect=effect, purposes=purposes, categories=categories, end=terms.end)
        self.house["ConsentRegistry"].grant(*granting(said), {"from": patient})
        self.registry.grant(int(str(patient), 16), terms, self.wire.now())

    def revoke(self, patient):
        grantee = self.dice.choice(self.insurers)
        self.tick()
        self.house["ConsentRegistry"].revoke(grantee, 255, {"from": patient})
        self.registry.revoke(int(str(patient), 16), int(str(grantee), 16), 255, self.wire.now())

    def plan(self, number):
        """A random plan, published but for one in ten, with half of the patients enrolled."""
        dice, today = self.dice, self.wire.now() // DAY
        insurer, token = dice.choice(self.insurers), dice.choice(self.tokens)
        scale = dice.choice((20, 1_000_00, 1_000_00, 10**21, LARGEST_AMOUNT // 4))
        deductible = dice.choice((0, dice.randint(0, scale // 20), dice.randint(0, scale // 4), dice.randint(0, scale)))
        start = today - dice.choice((0, 100, 500, 900, 900, 900))
        terms = Terms(
            insurer=str(insurer),
            valid_from=start,
            valid_until=max(start + 1, dice.choice((start + 700, today, today + 1, today + 400, 2**24 - 1))),
            coinsurance=dice.choice((0, 1, 2_000, 3_333, 9_999, 10_000)),
            token=str(token),
            deductible=deductible,
            out_of_pocket_maximum=deductible + dice.choice((0, dice.randint(0, scale // 20), dice.randint(0, scale))),
            filing_days=(0, 30, 0, 365, 0, 2**16 - 1)[number % 6],
        )
        amounts = [0, LARGEST_AMOUNT, *(dice.randint(1, scale) for _ in range(6))]
        prices = {keccak(text=f"{number}/{i}"): amount for i, amount in enumerate(amounts)}

        plans, owner = self.house["Plans"], {"from": insurer}
        made = plans.register((*vars(terms).values(), keccak(text=f"plan {number}")), owner)
        plan = bytes.fromhex(str(made.events["PlanRegistered"]["plan"])[2:])
        plans.addPrices(plan, list(prices), list(prices.values()), owner)
        published = number == 0 or dice.random() < 0.9
        if published:
            plans.publish(plan, owner)
        members = {}
        narrower = ((today - 300, today + 300), (today - 5, today - 1), (start + 1, start + 50))[number % 3]
        for patients, cover in ((self.patients[:4], (start, terms.valid_until)), (self.patients[4:7], narrower)):
            plans.enroll(plan, patients, *cover, owner)
            members.update({str(patient): Membership(*cover) for patient in patients})
        self.reference.plans[plan] = Plan(terms, prices, members, published)
        self.scales[plan] = scale

    def fund(self, insurer, token, amount):
        self.house["Treasury"].fund(self.contract, insurer, token, amount, {"from": insurer})
        self.reference.pools[insurer, token] += amount

    # ---- random claims -----------------------------------------------------------------------------------------------

    def random_claim(self, provider):
        """Three of four are meant to pass; the fourth is spoilt in one way."""
        dice = self.dice
        known = self.reference.plans
        drafts = [plan for plan in known if not known[plan].published]
        plan = dice.choice(
            drafts if drafts and dice.random() < 0.02 else [plan for plan in known if plan not in drafts]
        )
        patient = dice.choice(list(self.reference.plans[plan].members))
        lines = tuple(self.random_line(plan) for _ in range(dice.choice((1, 1, 2, 3, 5))))
        claim = Claim(plan, patient, str(provider), dice.randbytes(32), self.good_day(plan, patient), lines)
        return claim if dice.random() < 0.75 else replace(claim, **self.random_fault(claim))

    def good_day(self, plan, patient):
        """A day that passes, where there is one; on an edge of what passes, or of a calendar year, every other time."""
        dice, today = self.dice, self.wire.now() // DAY
        terms, cover = self.reference.plans[plan].terms, self.reference.plans[plan].members[patient]
        first = max(terms.valid_from, cover.start, today - (terms.filing_days or today))
        last = min(terms.valid_until - 1, cover.until - 1, today)
        if first > last:
            return today
        january = today - (date(1970, 1, 1) + timedelta(days=today)).timetuple().tm_yday + 1
        edges = [day for day in (first, last, january, january - 1) if first <= day <= last]
        return dice.choice((dice.randint(first, last), dice.choice(edges)))

    def random_fault(self, claim):
        """One change after which a claim should be refused, now and then only just not."""
        dice, today = self.dice, self.wire.now() // DAY
        terms, cover = self.reference.plans[claim.plan].terms, self.reference.plans[claim.plan].members[claim.patient]
        line, most = claim.lines[0], self.reference.most_lines
        huge = replace(line, charge=LARGEST_AMOUNT)
        late = today - terms.filing_days
        kinds = [
            [{"lines": lines} for lines in ((), (replace(line, units=0),), (line,) * (most + 1), (huge, huge))],
            [{"lines": (line,) * most}, {"plan": dice.randbytes(32)}],
            [{"patient": str(patient)} for patient in self.patients[6:]],
            [{"service_day": today + 1}, {"service_day": 2**24 - 1}],
            [{"service_day": terms.valid_from - 1}, {"service_day": terms.valid_until}],
            [{"service_day": cover.start - 1}, {"service_day": cover.until}],
        ]
        if late > terms.valid_from and terms.filing_days:
            kinds += [[{"service_day": day} for day in (late - 1, late - 1, late)]] * 3
        if self.used:
            kinds.append([{"number": dice.choice(self.used)}])
        return dice.choice(dice.choice(kinds))

    def random_line(self, plan):
        dice, scale = self.dice, self.scales[plan]
        code = dice.choice(list(self.reference.plans[plan].prices)) if dice.random() < 0.9 else dice.randbytes(32)
        units = dice.choice((1, 1, 1, 2, 7, 2**32 - 1))
        charge = dice.choice((dice.randint(0, 1), *(dice.randint(0, scale // part) for part in (1, 3, 8, 8))))
        return Line(code, units, charge)

    # ---- asking and comparing ----------------------------------------------------------------------------------------

    def call(self, sender, method, *args):
        return Call(str(sender), self.contract.address, getattr(self.contract, method).encode_input(*args))

    def view(self, method, many):
        answers = self.wire.ask([self.call(self.people.stranger, method, *args) for args in many])
        return [getattr(self.contract, method).decode_output("0x" + answer.hex()) for answer in answers]

    def estimate(self, claims):
        now = self.wire.now()
        answers = self.view("estimate", [(words(claim),) for claim in claims])
        ids = self.view("idOf", [(claim.provider, claim.number) for claim in claims])
        seen = set()
        for claim, (id_, refusal, carc, state, paid, lines), known in zip(claims, answers, ids, strict=True):
            expected = self.reference.estimate(claim, now)
            assert str(id_) == str(known), claim
            assert (refusal, carc, state, paid) == (expected.refusal, expected.carc, expected.state, expected.paid), (
                claim
            )
            assert [LineResult(*line) for line in lines] == list(expected.lines), claim
            seen.add(expected.refusal)
        return seen

    def submit(self, provider, claims):
        """Submit to both desks; compare what the contract wrote into its log."""
        (receipt,) = self.wire.send([self.call(provider, "submit", [words(claim) for claim in claims])], gas=28_000_000)
        assert receipt.succeeded, claims
        results = self.reference.submit(claims, receipt.time)
        logs = [
            event(self.contract.abi, log) for log in receipt.logs if log["address"] == self.contract.address.lower()
        ]
        assert len(logs) == len(claims)
        for claim, result, (name, told) in zip(claims, results, logs, strict=True):
            assert (told["provider"], told["plan"]) == (claim.provider.lower(), claim.plan), claim
            if result.refusal:
                assert (name, told["refusal"], told["carc"]) == ("ClaimRefused", result.refusal, result.carc), claim
                continue
            assert name == "ClaimSettled", (claim, told)
            assert (told["patient"], told["serviceDay"]) == (claim.patient.lower(), claim.service_day)
            assert told["state"] == result.state, claim
            assert [LineResult(*line) for line in told["lines"]] == list(result.lines), claim
            self.used.append(claim.number)
        return {result.refusal for result in results} | {result.state for result in results if not result.refusal}

    def settle(self, provider, number):
        """Anyone asks both desks to pay one claim."""
        (id_,) = self.view("idOf", [(provider, number)])
        call = self.call(self.people.stranger, "settle", id_)
        (receipt,) = self.wire.send([call])
        record = self.reference.records[provider, number]
        raw = bytes.fromhex(str(id_)[2:])
        try:
            self.reference.settle(provider, number)
        except NotOwed:
            expected = ("NotOwed", (raw, record.state))
        except PoolShort:
            expected = ("PoolShort", (raw, record.paid))
        else:
            assert receipt.succeeded, record
            return
        assert not receipt.succeeded, record
        assert self.wire.error(call, self.contract.abi) == expected

    def compare_books(self):
        """Every record, every accumulator, every pool and every provider's money."""
        keys = list(self.reference.records)
        ids = self.view("idOf", keys)
        for key, raw in zip(keys, self.view("claim", [(id_,) for id_ in ids]), strict=True):
            state, _, paid, insurer, token, payee = raw
            record = self.reference.records[key]
            assert (state, paid, insurer, token, payee) == tuple(vars(record).values()), key
        accumulators = self.reference._accumulators
        for key, raw in zip(accumulators, self.view("accumulators", list(accumulators)), strict=True):
            assert Accumulators(*raw) == accumulators[key], key
        for (insurer, token), balance in self.reference.pools.items():
            assert self.house["Treasury"].pool(self.contract, insurer, token)[0] == balance
            owed = sum(
                record.paid
                for record in self.reference.records.values()
                if (record.state, record.insurer, record.token) == (State.OWED, insurer, token)
            )
            assert self.house["Treasury"].owed(self.contract, insurer, token) == owed
        for token in self.tokens:
            for provider in self.providers:
                paid = sum(
                    record.paid
                    for record in self.reference.records.values()
                    if (record.state, record.payee, record.token) == (State.SETTLED, str(provider), str(token))
                )
                assert token.balanceOf(provider) == paid


def words(claim):
    lines = [(line.code, line.units, line.charge) for line in claim.lines]
    return (claim.plan, claim.patient, claim.provider, claim.number, claim.service_day, lines)


def test_random_claims(house, people, salus_project):
    dice = random.Random(seed())
    bench = Bench(house, people, salus_project, dice)
    for number in range(max(2, min(12, cases() // 40))):
        bench.plan(number)
    for patient in bench.patients:
        for insurer in bench.insurers:
            bench.consent(patient, insurer, HPAYMT, CLAIM, Effect.PERMIT)

    estimated = submitted = 0
    seen = set()
    while estimated + submitted < cases():
        provider = dice.choice(bench.providers)
        claims = [bench.random_claim(provider) for _ in range(dice.randint(1, 6))]
        if dice.random() < 0.1:
            claims.append(claims[0])
        seen |= bench.submit(provider, claims)
        submitted += len(claims)

        claims = [bench.random_claim(dice.choice(bench.providers)) for _ in range(8)]
        seen |= bench.estimate(claims)
        estimated += len(claims)

        if dice.random() < 0.3:
            bench.say(dice.choice(bench.patients))
        if dice.random() < 0.4:
            insurer, token = dice.choice(list(bench.reference.pools))
            owed = [record.paid for record in bench.reference.records.values() if record.state == State.OWED]
            bench.fund(insurer, token, dice.choice([*owed, 10_000]) + dice.choice((0, 0, 1)))
        for key, record in list(bench.reference.records.items()):
            if dice.random() < (0.2 if record.state == State.OWED else 0.01):
                bench.settle(*key)
    bench.compare_books()
    if cases() >= 500:
        assert seen >= set(Refusal) | {State.SETTLED, State.OWED}
