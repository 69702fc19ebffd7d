"""Plans, claim desk and treasury beside their references: every action goes to both, every answer and every book is
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from typing import Any

from brownie import web3
from eth_utils import keccak

from tests.reference.adjudicator import (
    Authorization,
    Category,
    Claim,
    Contract,
    LineResult,
    Membership,
    Plans,
    Price,
    Referral,
    Series,
    Terms,
    Version,
    benefit_year,
    window,
)
from tests.reference.desk import Decided, Desk, Party, Result, State
from tests.reference.registry import Answer, Directive, Effect, Registry, Standing
from tests.reference.treasury import Broken, Treasury
from tests.support.claim_builders import unpack
from tests.support.consent_builders import granting, permit
from tests.support.plain_accounts import CLAIM, DAY, HPAYMT
from tests.support.rpc_batch import FastContract, Receipt, RpcBatch, event

__all__ = ["ClaimBench", "low"]

INSURER_ROLE = 1 << 2
NOTHING = bytes(32)
NOBODY = "0x" + "00" * 20
FOR_EVER = 2**40 - 1
MOST_GAS = 29_000_000


def low(account: Any) -> str:
    """An account as the references write it."""
    return str(account).lower()


def packed_price(price: Price) -> int:
    """One word, by the layout that IPlans writes down."""
    fields = ((price.allowed, 176), (price.category, 168), (price.flags, 160), (price.groups, 144))
    return sum(value << at for value, at in (*fields, (price.limit, 128), (price.period, 112)))


def packed_line(code: bytes, line: LineResult) -> tuple[bytes, int, int, int]:
    """Four words, by the layout that IAdjudication writes down."""
    judged = line.charge << 176 | line.denied << 96 | line.counted << 16 | line.carc
    shares = (
        line.deductible << 176 | line.copay << 96 | line.coinsurance << 16 | line.limit_carc << 8 | line.authorization
    )
    return code, judged, shares, line.limited << 176 | line.prior << 96 | line.paid << 16 | line.units


def unpacked(words: tuple[bytes, int, int, int]) -> LineResult:
    """The same, read."""
    return LineResult(**unpack(words)._asdict())


def claim_words(claim: Claim) -> tuple[Any, ...]:
    """A claim as the contract takes it."""
    return (*list(vars(claim).values())[:-1], [astuple(line) for line in claim.lines])


class ClaimBench:
    """All contracts of claims.

    Args:
        refuses: Whether a token refuses a payee now.
    """

    def __init__(
        self, deployed_contracts: dict[str, Any], people: Any, refuses: Callable[[str, str], bool] = lambda *_: False
    ) -> None:
        self.rpc_batch = RpcBatch(web3.provider.endpoint_uri)
        self.anybody, self.regulator = people.stranger, people.regulator
        self.plans, self.desk, self.treasury = (
            FastContract(deployed_contracts[name]) for name in ("Plans", "ClaimDesk", "Treasury")
        )
        self.consents, self.institutions = (
            FastContract(deployed_contracts["ConsentRegistry"]),
            FastContract(deployed_contracts["Institutions"]),
        )
        self._delays = deployed_contracts["Treasury"].EXIT_DELAY(), deployed_contracts["Treasury"].EXIT_WINDOW()
        self._publish_delay = deployed_contracts["Plans"].PUBLISH_DELAY()
        self._refuses = refuses
        self._ids: dict[tuple[str, bytes], bytes] = {}
        self.restart()

    def restart(self) -> None:
        """Forget everything, as the chain does between two runs."""
        self.registry = Registry()
        self.book = Plans(self.permits)
        self.money = Treasury(*self._delays, self._refuses)
        self.reference = Desk(self.book, self.money, self.identify, lambda provider: provider not in self.suspended)
        self.suspended: set[str] = set()
        self.documents = 0

    # ---- asking ------------------------------------------------------------------------------------------------------

    def view(self, contract: FastContract, method: str, many: Iterable[Sequence[Any]]) -> list[Any]:
        answers = self.rpc_batch.ask([contract.call(self.anybody, method, *args) for args in many])
        return [contract.read(method, answer) for answer in answers]

    def identify(self, provider: str, number: bytes) -> bytes:
        if (provider, number) not in self._ids:
            (self._ids[provider, number],) = self.view(self.desk, "idOf", [(provider, number)])
        return self._ids[provider, number]

    def permits(self, patient: str, insurer: str, now: int) -> bool:
        actor = Standing(int(insurer, 16), INSURER_ROLE, True)
        return self.registry.decide(int(patient, 16), actor, HPAYMT, CLAIM, now).answer is Answer.PERMIT

    @property
    def now(self) -> int:
        """Of the latest block."""
        return self.rpc_batch.now()

    def tick(self) -> None:
        """Two actions within a second are another test's matter."""
        self.rpc_batch.mine(self.now + 1)

    # ---- acting ------------------------------------------------------------------------------------------------------

    def do(self, contract: FastContract, sender: Any, method: str, *args: Any) -> Receipt:
        """What must succeed."""
        call = contract.call(sender, method, *args)
        (receipt,) = self.rpc_batch.send([call], gas=MOST_GAS)
        assert receipt.succeeded, f"{method}{args}: {self.rpc_batch.error(call, contract.abi)}"
        return receipt

    def both(
        self,
        contract: FastContract,
        sender: Any,
        method: str,
        args: Sequence[Any],
        act: Callable[[int], Any],
        errors: Any = (),
    ) -> tuple[Receipt, Any] | None:
        """The same to a contract and to its reference: the receipt with the reference's answer; ``None`` when both
        refused.

        Args:
            errors: Further entries of an ABI: of contracts behind this one.
        """
        call = contract.call(sender, method, *args)
        (receipt,) = self.rpc_batch.send([call], gas=MOST_GAS)
        told = None if receipt.succeeded else self.rpc_batch.error(call, [*contract.abi, *errors])
        try:
            answer = act(receipt.time)
        except Broken as broken:
            assert told, f"the contract accepted what breaks {broken}: {method} {args}"
            assert told[0] in broken.errors, f"the contract says {told}, the reference {broken}"
            assert told[1] == tuple(broken.errors[told[0]]), f"the contract says {told}, the reference {broken}"
            return None
        assert receipt.succeeded, f"the contract refused: {told}: {method} {args}"
        return receipt, answer

    def _told(self, contract: FastContract, receipt: Receipt) -> list[tuple[str, dict[str, Any]]]:
        return [event(contract.abi, log) for log in receipt.logs if low(log["address"]) == low(contract.address)]

    # ---- consent, licences -------------------------------------------------------------------------------------------

    def consent(
        self,
        patient: Any,
        grantee: Any,
        *,
        purposes: int = HPAYMT,
        categories: int = CLAIM,
        deny: bool = False,
        index: int = 0,
    ) -> None:
        effect = Effect.DENY if deny else Effect.PERMIT
        terms = Directive(int(str(grantee), 16), index, effect, purposes, categories, 0, FOR_EVER)
        self.tick()
        said = permit(grantee, index=index, effect=effect, purposes=purposes, categories=categories, end=FOR_EVER)
        self.do(self.consents, patient, "grant", *granting(said))
        self.registry.grant(int(str(patient), 16), terms, self.now)

    def revoke(self, patient: Any, grantee: Any) -> None:
        self.tick()
        self.do(self.consents, patient, "revoke", str(grantee), 255)
        self.registry.revoke(int(str(patient), 16), int(str(grantee), 16), 255, self.now)

    def suspend(self, provider: Any) -> None:
        self.do(self.institutions, self.regulator, "suspend", str(provider))
        self.suspended.add(low(provider))

    def reinstate(self, provider: Any) -> None:
        self.do(self.institutions, self.regulator, "reinstate", str(provider))
        self.suspended.remove(low(provider))

    # ---- plans -------------------------------------------------------------------------------------------------------

    def version(
        self,
        terms: Terms,
        prices: dict[bytes, Price],
        categories: Sequence[Category] = (),
        schedules: dict[tuple[int, bytes], int] | None = None,
        *,
        after: bytes = NOTHING,
        published: bool = True,
    ) -> bytes:
        """Register a version, of a new series or after another of its versions; returns its id."""
        owner = terms.insurer
        self.documents += 1
        words = (*vars(terms).values(), keccak(text=f"plan {self.documents}"))
        made = self.do(self.plans, owner, "register", after, words)
        ((_, told),) = self._told(self.plans, made)
        plan = told["plan"]
        if categories:
            self.do(self.plans, owner, "addCategories", plan, [astuple(each) for each in categories])
        self.do(self.plans, owner, "addPrices", plan, 0, list(prices), [packed_price(each) for each in prices.values()])
        for number in {number for number, _ in schedules or {}}:
            own = {code: allowed for (its, code), allowed in schedules.items() if its == number}
            listed = [packed_price(Price(allowed)) for allowed in own.values()]
            self.do(self.plans, owner, "addPrices", plan, number, list(own), listed)
        at = self.do(self.plans, owner, "publish", plan).time + self._publish_delay if published else None
        series = self.book.versions[after].series if after != NOTHING else Series()
        self.book.versions[plan] = Version(series, terms, prices, list(categories), schedules or {}, at)
        return plan

    def _series(self, plan: bytes) -> tuple[Series, str]:
        return self.book.versions[plan].series, self.book.versions[plan].terms.insurer

    def enroll(self, plan: bytes, members: dict[str, Membership]) -> None:
        series, owner = self._series(plan)
        self.do(self.plans, owner, "enroll", plan, [(member, astuple(cover)) for member, cover in members.items()])
        series.members.update(members)

    def contract(self, plan: bytes, provider: str, terms: Contract) -> None:
        series, owner = self._series(plan)
        self.do(self.plans, owner, "contractProvider", plan, provider, astuple(terms))
        series.contracts[provider] = terms

    def authorize(self, plan: bytes, member: str, code: bytes, units: int, start: int, until: int) -> None:
        series, owner = self._series(plan)
        self.do(self.plans, owner, "authorize", plan, member, code, units, start, until)
        series.authorize(member, code, units, start, until)

    def refer(self, plan: bytes, by: str, member: str, to: str | None, start: int, until: int) -> None:
        self.do(self.plans, by, "refer", plan, member, to or NOBODY, start, until)
        self._series(plan)[0].referrals[member, to] = Referral(by, start, until)

    # ---- claims ------------------------------------------------------------------------------------------------------

    def estimate(self, claims: Sequence[Claim]) -> list[Result]:
        now = self.now
        expected = [self.reference.estimate(claim, now) for claim in claims]
        for claim, answer, result in zip(
            claims, self.view(self.desk, "estimate", [(claim_words(claim),) for claim in claims]), expected, strict=True
        ):
            self._same(claim, answer, result)
        return expected

    def _same(self, claim: Claim, answer: tuple[Any, ...], result: Result) -> None:
        """The contract's `Result` is the reference's."""
        id_, *facts, lines = answer
        assert id_ == self.identify(claim.provider, claim.number), claim
        assert facts == [result.refusal, result.carc, result.state, result.circumstances, result.paid], (
            claim,
            answer,
            result,
        )
        self._same_lines(claim, lines, result.lines)
        codes = [line.code for line in claim.lines]
        assert [code for code, *_ in lines] == (codes if result.lines else []), claim

    def _same_lines(self, claim: Claim, words: Sequence[Any], expected: Sequence[LineResult]) -> None:
        assert len(words) == len(expected), claim
        for line, told, result in zip(claim.lines, words, expected, strict=False):
            version = self.book.versions[claim.plan]
            where = f"{line} at {version.prices.get(line.code)} for {version.series.members[claim.patient]} in {claim}"
            assert unpacked(told) == result, f"the contract says {unpacked(told)}, the reference {result}: {where}"

    def submit(self, sender: Any, claims: Sequence[Claim]) -> list[Result]:
        """Claims, their own provider's or not; compares what the contract answers, and what it wrote into its log."""
        call = self.desk.call(sender, "submit", [claim_words(claim) for claim in claims], [])
        asked = self.now
        (answer,) = self.rpc_batch.ask([call])
        (receipt,) = self.rpc_batch.send([call], gas=MOST_GAS)
        assert receipt.succeeded, (
            claims,
            self.rpc_batch.error(call, [*self.desk.abi, *self.plans.abi, *self.treasury.abi]),
        )
        results = self.reference.submit(claims, receipt.time, attested=lambda claim: claim.provider == low(sender))
        if asked // DAY == receipt.time // DAY:
            for claim, result, words in zip(claims, results, self.desk.read("submit", answer), strict=True):
                self._same(claim, words, result)
        told = self._told(self.desk, receipt)
        for claim, result, (name, said) in zip(
            claims, results, [each for each in told if each[0] != "ClaimOwed"], strict=True
        ):
            assert (said["id"], said["provider"]) == (self.identify(claim.provider, claim.number), claim.provider)
            assert said["plan"] == claim.plan
            self._compare_event(claim, result, name, said)
        self._compare_owed(claims, results, told)
        return results

    def _compare_event(self, claim: Claim, result: Result, name: str, said: dict[str, Any]) -> None:
        if result.refusal:
            found = (name, said.get("refusal"), said.get("carc"))
            assert found == ("ClaimRefused", result.refusal, result.carc), (claim, said, result)
        elif result.state is State.PENDED:
            assert name == "ClaimPended", (claim, said, result)
            assert said["claim"] == tuple(
                tuple(each) if isinstance(each, list) else each for each in claim_words(claim)
            ), claim
            until = self.reference.records[claim.provider, claim.number].review_by
            assert (said["due"], said["reserved"], said["reviewBy"]) == (result.paid, result.reserved, until), claim
        else:
            assert name == "ClaimDecided", (claim, said, result)
            lines = tuple(packed_line(line.code, each) for line, each in zip(claim.lines, result.lines, strict=True))
            self._same_lines(claim, said["lines"], result.lines)
            assert said["lines"] == lines, claim
            assert (said["patient"], said["circumstances"]) == (claim.patient, result.circumstances), claim

    def _compare_owed(self, claims: Sequence[Claim], results: Sequence[Result], told: Any) -> None:
        said = [(each["id"], each["due"], each["position"]) for name, each in told if name == "ClaimOwed"]
        assert said == [
            (self.identify(claim.provider, claim.number), result.paid, result.debt)
            for claim, result in zip(claims, results, strict=True)
            if result.debt is not None
        ]

    def _decision(self, claim: Claim, outcome: tuple[Receipt, Result] | None) -> Result | None:
        if outcome is None:
            return None
        receipt, result = outcome
        told = self._told(self.desk, receipt)
        ((name, said),) = [each for each in told if each[0] != "ClaimOwed"]
        self._compare_event(claim, result, name, said)
        self._compare_owed([claim], [result], told)
        return result

    def decide(self, sender: Any, claim: Claim) -> Result | None:
        act = lambda now: self.reference.decide(claim, now)  # noqa: E731
        return self._decision(claim, self.both(self.desk, sender, "decide", [claim_words(claim)], act))

    def review(self, sender: Any, claim: Claim, carc: int) -> Result | None:
        def act(now: int) -> Result:
            return self.reference.review(claim, carc, self.party(sender, claim), str(sender).lower(), now)

        return self._decision(claim, self.both(self.desk, sender, "review", [claim_words(claim), carc], act))

    def withdraw(self, sender: Any, claim: Claim) -> bool:
        def act(now: int) -> None:
            self.reference.withdraw(claim, self.party(sender, claim), low(sender), now)

        return self.both(self.desk, sender, "withdraw", [claim_words(claim)], act) is not None

    def party(self, sender: Any, claim: Claim) -> Party:
        """As whom an account may act on a claim; who is suspended acts as nobody."""
        who = low(sender)
        if who in self.suspended:
            return Party.STRANGER
        insurer = self.book.versions[claim.plan].terms.insurer
        known = {claim.provider: Party.PROVIDER, insurer: Party.INSURER, claim.patient: Party.PATIENT}
        return known.get(who, Party.STRANGER)

    def said_again(self, decided: Decided) -> tuple[Any, ...]:
        """As the contract takes what was decided."""
        claim = decided.claim
        lines = [packed_line(line.code, each) for line, each in zip(claim.lines, decided.lines, strict=True)]
        id_ = self.identify(claim.provider, claim.number)
        return id_, claim.plan, claim.patient, claim.provider, decided.circumstances, lines

    def reverse(self, sender: Any, decided: Decided) -> bool:
        def act(now: int) -> int:
            return self.reference.reverse(decided, self.party(sender, decided.claim), low(sender), now)

        done = self.both(self.desk, sender, "reverse", [self.said_again(decided)], act)
        if done is None:
            return False
        ((name, said),) = self._told(self.desk, done[0])
        assert (name, said["id"], said["amount"]) == ("ClaimReversed", self.said_again(decided)[0], done[1])
        return True

    def appeal(self, sender: Any, decided: Decided) -> bool:
        def act(now: int) -> None:
            self.reference.appeal(decided, self.party(sender, decided.claim), low(sender), now)

        return self.both(self.desk, sender, "appeal", [self.said_again(decided)], act) is not None

    def arbitrate(self, decided: Decided, award: int, carc: int) -> bool:
        act = lambda now: self.reference.arbitrate(decided, award, now)  # noqa: E731
        args = [self.said_again(decided), award, carc]
        done = self.both(self.desk, self.regulator, "arbitrate", args, act)
        if done is None:
            return False
        told = [(name, each) for name, each in self._told(self.desk, done[0])]
        assert ("ClaimArbitrated", {"id": args[0][0], "award": award, "carc": carc}) in told
        owed = [each["position"] for name, each in told if name == "ClaimOwed"]
        assert owed == ([] if done[1] is None else [done[1]])
        return True

    # ---- money -------------------------------------------------------------------------------------------------------

    def fund(self, insurer: str, token: str, amount: int) -> bool:
        args = [self.desk.address, insurer, token, amount]
        act = lambda _: self.money.fund(insurer, token, amount)  # noqa: E731
        return self.both(self.treasury, insurer, "fund", args, act) is not None

    def announce(self, insurer: str, token: str, amount: int) -> bool:
        act = lambda now: self.money.announce(insurer, token, amount, now)  # noqa: E731
        return self.both(self.treasury, insurer, "announceExit", [self.desk.address, token, amount], act) is not None

    def exit(self, insurer: str, token: str) -> bool:
        desk = low(self.desk.address)
        act = lambda now: self.money.exit(desk, insurer, token, now)  # noqa: E731
        return self.both(self.treasury, insurer, "exit", [self.desk.address, token], act) is not None

    def settle(self, insurer: str, token: str, count: int) -> bool:
        desk = low(self.desk.address)
        act = lambda _: self.money.settle(desk, insurer, token, count)  # noqa: E731
        args = [self.desk.address, insurer, token, count]
        return self.both(self.treasury, self.anybody, "settle", args, act) is not None

    def repay(self, insurer: str, token: str, payee: str, amount: int) -> bool:
        """From the insurer's own purse, as anybody may."""
        act = lambda _: self.money.repay(insurer, token, payee, amount)  # noqa: E731
        args = [self.desk.address, insurer, token, payee, amount]
        return self.both(self.treasury, insurer, "repay", args, act) is not None

    def collect(self, payee: str, token: Any) -> bool:
        act = lambda _: self.money.collect(payee, low(token))  # noqa: E731
        done = self.both(self.treasury, payee, "collect", [str(token)], act, errors=token.abi)
        return done is not None

    # ---- the books ---------------------------------------------------------------------------------------------------

    def compare_money(self, tokens: Sequence[Any], payees: Sequence[str]) -> None:
        """Pools, debts, set-offs, held and received amounts."""
        desk, pools = self.desk.address, list(self.money.pools.items())
        for (key, pool), told in zip(
            pools, self.view(self.treasury, "pool", [(desk, *key) for key, _ in pools]), strict=True
        ):
            assert told == pool.facts(), key
        debts = [((desk, *key, position), debt) for key, pool in pools for position, debt in enumerate(pool.debts)]
        for (key, debt), told in zip(debts, self.view(self.treasury, "debt", [key for key, _ in debts]), strict=True):
            assert told[1] == debt.left, key
            assert not debt.left or (told[0], told[2]) == (debt.payee, debt.ref), key
        owing = [((desk, *key, payee), pool.set_off[payee]) for key, pool in pools for payee in payees]
        told = self.view(self.treasury, "setOffOf", [key for key, _ in owing])
        assert told == [amount for _, amount in owing]
        pairs = [(payee, low(token)) for token in tokens for payee in payees]
        assert self.view(self.treasury, "held", pairs) == [self.money.held[pair] for pair in pairs]
        for token in tokens:
            contract = FastContract(token)
            balances = self.view(contract, "balanceOf", [(each,) for each in (self.treasury.address, *payees)])
            assert balances[0] >= self.money.accounted(low(token))
            assert balances[1:] == [self.money.received[payee, low(token)] for payee in payees]

    def compare_records(self) -> None:
        keys = list(self.reference.records)
        told = self.view(self.desk, "claim", [(self.identify(*key),) for key in keys])
        for key, facts in zip(keys, told, strict=True):
            assert facts == self.reference.facts(*key), (key, self.reference.records[key])

    def compare_used(self) -> None:
        """Every accumulator, category, quantity and pre-authorisation of every member that a claim was judged for."""
        questions: dict[tuple[str, tuple[Any, ...]], Any] = {}
        for claim in self._judged_claims():
            self._ask_used(claim, questions)
        for method in ("accumulators", "categoryPaid", "used"):
            asked = [(args, answer) for (name, args), answer in questions.items() if name == method]
            told = self.view(self.plans, method, [(self.desk.address, *args) for args, _ in asked])
            for (args, expected), found in zip(asked, told, strict=True):
                assert found == expected, (method, args)

    def _judged_claims(self) -> list[Claim]:
        return [record.decided.claim for record in self.reference.records.values() if record.decided]

    def _ask_used(self, claim: Claim, questions: dict[tuple[str, tuple[Any, ...]], Any]) -> None:
        """What there is to ask about after a claim, with the reference's answers."""
        version, used, day = self.book.versions[claim.plan], self.reference.used, claim.service_day
        series, plan, member, year = version.series, claim.plan, claim.patient, benefit_year(day)
        questions["accumulators", (plan, member, year)] = astuple(used.member(series, member, year))
        questions["accumulators", (plan, member, 0)] = (0, 0, used.lifetime(series, member))
        for family in {each.family for each in series.members.values()} - {0}:
            shared = astuple(used.family(series, family, year))
            questions["accumulators", (plan, f"0x{family:040x}", year)] = shared
        for number, category in enumerate(version.categories, 1):
            if category.limit:
                paid = used.category(series, member, year, number)
                questions["categoryPaid", (plan, member, year, number)] = paid
        for code in {line.code for line in claim.lines}:
            price = version.prices.get(code)
            if price and price.limit:
                units = used.units(series, member, code, window(price, day))
                questions["used", (plan, member, code, day, 0)] = units
            granted: Authorization | None = series.authorizations.get((member, code))
            if granted:
                units = used.authorized(series, member, code, granted.serial)
                questions["used", (plan, member, code, day, granted.serial)] = units
