"""The state of plans, desk and treasury, rebuilt from their events and from nothing else (requirement 23)."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from brownie import web3

from tests.support.claim_builders import (
    ARBITRATED,
    AUTHORIZE,
    CAPS,
    DAY,
    DENIED,
    DENIED_BY_REVIEW,
    EPOCH,
    NOBODY,
    NOTHING,
    OWED,
    PENDED,
    REVERSED,
    SETTLED,
    UNKNOWN_PLAN,
    WITHDRAWN,
    Accumulators,
    Category,
    Decided,
    Membership,
    Pool,
    Price,
    Record,
    Terms,
    series_of,
    unpack,
)


def year_of(day):
    return (EPOCH + timedelta(days=day)).year


def plain(value):
    """A decoded value with bytes as hex and tuples all the way down."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return tuple(plain(each) for each in value.values())
    return tuple(plain(each) for each in value) if isinstance(value, (list, tuple)) else value


def history(*contracts):
    """Every event of the contracts in order: (contract's name, event's name, arguments, second of its block)."""
    found = []
    for contract in contracts:
        decoder = web3.eth.contract(address=contract.address, abi=contract.abi)
        kinds = {bytes(web3.keccak(text=event.signature)): event for event in decoder.events}
        for log in web3.eth.get_logs({"address": contract.address, "fromBlock": 0}):
            if event := kinds.get(bytes(log["topics"][0])):
                found.append((log["blockNumber"], log["logIndex"], contract._name, event().process_log(log)))
    seconds = {number: web3.eth.get_block(number)["timestamp"] for number, *_ in found}
    for number, _, name, told in sorted(found, key=lambda each: each[:2]):
        yield name, told["event"], {key: plain(value) for key, value in told["args"].items()}, seconds[number]


class Replay:
    """What a reader who only ever saw the events holds to be true."""

    def __init__(self, desk):
        self.desk = desk
        self.kinds = set()
        # plans
        self.terms, self.force, self.versions = {}, {}, defaultdict(int)
        self.categories, self.prices = defaultdict(list), {}
        self.members, self.contracts, self.authorizations, self.referrals = {}, {}, {}, {}
        self.caps = {}
        # what the desk used up
        self.totals = defaultdict(lambda: [0, 0, 0])
        self.category_paid, self.units = defaultdict(int), defaultdict(int)
        self.paid_to = defaultdict(int)
        # the desk
        self.records, self.decided, self.serials, self.positions = {}, {}, {}, {}
        # the treasury
        self.pools, self.debts = defaultdict(lambda: Pool(0)), {}
        self.set_offs, self.held = defaultdict(int), defaultdict(int)

    def read(self, events):
        for contract, event, args, second in events:
            self.kinds.add((contract, event))
            if handler := getattr(self, f"on_{event}", None):
                handler(args, second)
        return self

    # ---- plans ---------------------------------------------------------------------------------------------------

    def on_PlanRegistered(self, a, second):
        self.terms[a["plan"]] = Terms(*a["terms"])._replace(document=NOTHING)
        self.versions[series_of(a["plan"])] += 1

    def on_CategoriesAdded(self, a, second):
        self.categories[a["plan"]] += [Category(*each) for each in a["categories"]]

    def on_PricesAdded(self, a, second):
        for code, price in zip(a["codes"], a["prices"], strict=True):
            fields = (
                price >> 176,
                price >> 168 & 0xFF,
                price >> 160 & 0xFF,
                *(price >> at & 0xFFFF for at in (144, 128, 112)),
            )
            self.prices[a["plan"], a["schedule"], code] = Price(*fields)

    def on_PlanPublished(self, a, second):
        self.force[a["plan"]] = a["inForceAt"]

    def on_MemberEnrolled(self, a, second):
        self.members[a["series"], a["member"]] = Membership(*a["membership"])

    def on_ProviderContracted(self, a, second):
        self.contracts[a["series"], a["provider"]] = a["terms"]

    def on_Authorized(self, a, second):
        self.authorizations[a["series"], a["member"], a["code"]] = a["authorization"]

    def on_ProviderCapped(self, a, second):
        self.caps[a["series"], a["provider"]] = a["cap"]

    def on_Referred(self, a, second):
        self.referrals[a["series"], a["member"], a["to"]] = a["referral"]

    # ---- the desk ------------------------------------------------------------------------------------------------

    def on_ClaimDecided(self, a, second):
        said = Decided(a["id"], a["plan"], a["patient"], a["provider"], a["circumstances"], a["lines"])
        denied = said.circumstances & DENIED_BY_REVIEW
        self.records[said.id] = Record(DENIED if denied else SETTLED, second, 0, False)
        self.decided[said.id] = said
        if not denied:
            self._count(said, second)
        self._use(said, 1)

    def _count(self, said, second):
        """What counts to the provider's cap, in the period of the decision."""
        series, provider = series_of(said.plan), said.provider
        most, days = self.caps.get((series, provider)) or self.caps.get((series, NOBODY)) or (0, 0)
        if most and self.terms[said.plan].rules & CAPS:
            self.paid_to[series, provider, days, second // DAY // days] += sum(unpack(line).paid for line in said.lines)

    def _use(self, said, sign):
        """What a decided claim uses up, or a reversed one gives back."""
        day, family, series = said.circumstances >> 72, said.circumstances >> 8 & (2**64 - 1), series_of(said.plan)
        terms, year = self.terms[said.plan], year_of(day)
        for position, packed in enumerate(said.lines):
            r = unpack(packed)
            used = (r.deductible + r.counted, r.deductible + r.copay + r.coinsurance, r.paid)
            self._add((series, said.patient, year), sign, *used)
            if terms.lifetime_limit:
                self._add((series, said.patient, 0), sign, 0, 0, r.paid)
            if family:
                bounds = terms.family_deductible, terms.family_out_of_pocket_maximum
                self._add((series, family, year), sign, *(part if bound else 0 for part, bound in zip(used, bounds)), 0)
            price = self.prices.get((said.plan, 0, packed[0]))
            if not r.units:
                continue
            if price.category and self.categories[said.plan][price.category - 1].limit:
                self.category_paid[series, said.patient, year, price.category] += sign * r.paid
            if price.limit:
                period = day // price.period if price.period else year
                self.units[series, said.patient, packed[0], price.period, period] += sign * r.units
            if price.flags & AUTHORIZE:
                now = self.authorizations[series, said.patient, packed[0]][3]
                serial = self.serials.setdefault((said.id, position), now)
                if serial == now:
                    self.units[series, said.patient, packed[0], "serial", serial] += sign * r.units

    def _add(self, key, sign, *parts):
        self.totals[key] = [old + sign * part for old, part in zip(self.totals[key], parts)]

    def on_ClaimRefused(self, a, second):
        known = self.records.get(a["id"])
        # The desk's own gates say nothing of a claim under review; the plan's are asked when it is decided.
        if known and known.state == PENDED and a["refusal"] >= UNKNOWN_PLAN:
            self.records[a["id"]] = Record(WITHDRAWN, second, 0, False)

    def on_ClaimOwed(self, a, second):
        known = self.records[a["id"]]
        if known.state == SETTLED:
            self.records[a["id"]] = known._replace(state=OWED)
            self.positions[a["id"]] = a["position"]

    def on_ClaimPended(self, a, second):
        self.records[a["id"]] = Record(PENDED, second, a["reviewBy"], False)

    def on_ClaimWithdrawn(self, a, second):
        self.records[a["id"]] = Record(WITHDRAWN, second, 0, False)

    def on_ClaimReversed(self, a, second):
        self.records[a["id"]] = self.records[a["id"]]._replace(state=REVERSED, at=second)
        self._use(self.decided[a["id"]], -1)

    def on_ClaimAppealed(self, a, second):
        self.records[a["id"]] = self.records[a["id"]]._replace(appealed=True)

    def on_ClaimArbitrated(self, a, second):
        self.records[a["id"]] = Record(ARBITRATED, second, 0, False)

    def record(self, id_):
        """As `IClaimDesk.claim` tells it: an owed claim whose debt is gone is settled."""
        known = self.records[id_]
        if known.state != OWED:
            return known
        terms = self.terms[self.decided[id_].plan]
        waits = (self.desk, terms.insurer, terms.token, self.positions[id_]) in self.debts
        return known if waits else known._replace(state=SETTLED)

    def accumulators(self, key):
        return Accumulators(*self.totals[key])

    # ---- the treasury --------------------------------------------------------------------------------------------

    def _move(self, a, **changes):
        key = a["desk"], a["insurer"], a["token"]
        pool = self.pools[key]
        self.pools[key] = pool._replace(**{name: getattr(pool, name) + change for name, change in changes.items()})

    def on_PoolFunded(self, a, second):
        self._move(a, balance=a["amount"])

    def on_ExitAnnounced(self, a, second):
        key = a["desk"], a["insurer"], a["token"]
        self.pools[key] = self.pools[key]._replace(exiting=a["amount"], exit_from=a["exitFrom"])

    def on_PoolHalted(self, a, second):
        key = a["desk"], a["insurer"], a["token"]
        self.pools[key] = self.pools[key]._replace(halted_until=a["until"])

    def on_PoolExited(self, a, second):
        self._move(a, balance=-a["amount"])
        self.on_ExitAnnounced({**a, "amount": 0, "exitFrom": 0}, second)

    def on_Paid(self, a, second):
        self._move(a, balance=-a["amount"])
        if a["held"]:
            self.held[a["payee"], a["token"]] += a["amount"]

    def on_Collected(self, a, second):
        self.held[a["payee"], a["token"]] -= a["amount"]

    def on_Reserved(self, a, second):
        self._move(a, balance=-a["amount"], reserved=a["amount"])

    def on_Released(self, a, second):
        self._move(a, balance=a["amount"], reserved=-a["amount"])

    def on_DebtAdded(self, a, second):
        self._move(a, owed=a["amount"], waiting=1)
        self.debts[a["desk"], a["insurer"], a["token"], a["position"]] = (a["payee"], a["amount"], a["ref"])

    def on_DebtSettled(self, a, second):
        _, amount, _ = self.debts.pop((a["desk"], a["insurer"], a["token"], a["position"]))
        self._move(a, owed=-amount, waiting=-1)

    def on_SetOffAdded(self, a, second):
        self.set_offs[a["desk"], a["insurer"], a["token"], a["payee"]] += a["amount"]

    def on_SetOffTaken(self, a, second):
        self.set_offs[a["desk"], a["insurer"], a["token"], a["payee"]] -= a["amount"]
        if a["repaid"]:
            self._move(a, balance=a["amount"])
