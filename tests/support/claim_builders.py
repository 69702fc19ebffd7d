"""Words to say claims with: dates as days, salted codes, prices, lines, results with names."""

from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple

from brownie import chain, web3
from eth_abi import encode

from tests.support import consent_builders

DAY = 24 * 3600
EPOCH = date(1970, 1, 1)
HPAYMT = 1 << 2
CLAIM = 1 << 12
FOR_EVER = 2**40 - 1
LAST_DAY = 2**24 - 1
LARGEST = 2**80 - 1  # of a line's amounts
WIDEST = 2**96 - 1  # of limits and sums
NOBODY = "0x" + "00" * 20
NOTHING = "0x" + "00" * 32

# States and refusals, as IClaimDesk and IPlans number them.
NONE, SETTLED, OWED, PENDED, DENIED, WITHDRAWN, REVERSED, ARBITRATED = range(8)
(
    PASSED,
    MALFORMED,
    DUPLICATE,
    NOT_ATTESTED,
    NOT_LICENSED,
    UNKNOWN_PLAN,
    FUTURE_SERVICE,
    OUTSIDE_PLAN,
    NOT_ENROLLED,
    OUTSIDE_COVER,
    WAITING,
    FILED_LATE,
    OUT_OF_NETWORK,
    NOT_COORDINATED,
    NO_CONSENT,
) = range(15)

# Rules of a plan, flags of a price, and flags of a decided claim's circumstances.
COPAY_FIRST, COPAY_COUNTS, NETWORK, OUTSIDE, CAPS = 1, 2, 4, 8, 16
LISTED, NOT_COVERED, AUTHORIZE, REFER = 1, 2, 4, 8
JUDGED_OUTSIDE, DENIED_BY_REVIEW = 1, 2

# Standings of an account, as IInstitutions numbers them.
UNKNOWN, LICENSED, OUT_OF_ROLE, EXPIRED, SUSPENDED, OPERATOR_EXPIRED = range(6)


class Terms(NamedTuple):
    insurer: str
    valid_from: int
    valid_until: int
    token: str
    coinsurance: int = 0
    coinsurance_out: int = 0
    deductible: int = 0
    out_of_pocket_maximum: int = LARGEST
    family_deductible: int = 0
    family_out_of_pocket_maximum: int = 0
    annual_limit: int = 0
    lifetime_limit: int = 0
    waiting_days: int = 0
    filing_days: int = 0
    review_threshold: int = 0
    review_days: int = 0
    appeal_days: int = 0
    rules: int = 0
    document: str = NOTHING


class Category(NamedTuple):
    coinsurance: int = 0
    coinsurance_out: int = 0
    deductible: bool = False
    copay: int = 0
    limit: int = 0


class Price(NamedTuple):
    allowed: int
    category: int = 0
    flags: int = LISTED
    groups: int = 0
    limit: int = 0
    period: int = 0


class Membership(NamedTuple):
    start: int
    until: int
    family: int = 0
    groups: int = 0
    next_groups: int = 0
    next_from: int = 0
    secondary: bool = False


class Line(NamedTuple):
    code: str
    units: int
    charge: int
    prior: int


class Claim(NamedTuple):
    plan: str
    patient: str
    provider: str
    number: str
    day: int
    primary: str
    lines: list


class LineResult(NamedTuple):
    units: int = 0
    charge: int = 0
    denied: int = 0
    carc: int = 0
    allowed: int = 0
    deductible: int = 0
    copay: int = 0
    counted: int = 0
    coinsurance: int = 0
    limited: int = 0
    limit_carc: int = 0
    authorization: int = 0
    prior: int = 0
    paid: int = 0


class Verdict(NamedTuple):
    refusal: int
    carc: int
    pended: bool
    out_of_network: bool
    family: int
    insurer: str
    token: str
    paid: int
    lines: tuple


class Result(NamedTuple):
    id: str
    refusal: int
    carc: int
    state: int
    circumstances: int
    paid: int
    lines: tuple


class Decided(NamedTuple):
    id: str
    plan: str
    patient: str
    provider: str
    circumstances: int
    lines: tuple


class Record(NamedTuple):
    state: int
    at: int
    review_by: int
    appealed: bool


class Accumulators(NamedTuple):
    deductible: int
    out_of_pocket: int
    paid: int


class Pool(NamedTuple):
    balance: int
    exiting: int = 0
    exit_from: int = 0
    reserved: int = 0
    owed: int = 0
    waiting: int = 0
    halted_until: int = 0


# ---- words, time -------------------------------------------------------------------------------------------------


def word(text: str) -> str:
    """A bytes32 that stands for a text: a salted code, a claim's number, a plan's file."""
    return web3.keccak(text=text).to_0x_hex()


def now() -> int:
    """Second of the latest block."""
    return chain[-1].timestamp


def today() -> int:
    """The day of the latest block, in days since 1970-01-01."""
    return now() // DAY


def this_year() -> int:
    """The calendar year of the latest block."""
    return (EPOCH + timedelta(days=today())).year


def at(timestamp: int) -> None:
    """Let the next transaction be mined at exactly this second."""
    if "anvil" in web3.client_version.lower():
        request("evm_setNextBlockTimestamp", timestamp)
    else:
        request("evm_setTime", timestamp * 1000)


def request(method: str, *params):
    answer = web3.provider.make_request(method, list(params))
    assert "error" not in answer, answer
    return answer.get("result")


@contextmanager
def one_block():
    """Transactions sent inside (with `required_confs` 0) wait, and are mined together; the dearer gas goes first."""
    anvil = "anvil" in web3.client_version.lower()
    request("evm_setAutomine", False) if anvil else request("miner_stop")
    try:
        yield
        request("evm_mine")
    finally:
        request("evm_setAutomine", True) if anvil else request("miner_start")


# ---- claims ------------------------------------------------------------------------------------------------------


def line(text: str = "visit", units: int = 1, charge: int = 100_00, prior: int = 0) -> Line:
    return Line(word(text), units, charge, prior)


def a_claim(plan, patient, provider, *lines, number="1", day=None, primary=NOTHING) -> Claim:
    """A claim of today; one visit when no lines are given."""
    day = today() if day is None else day
    return Claim(str(plan), str(patient), str(provider), word(number), day, primary, list(lines or [line()]))


def unpack(packed) -> LineResult:
    """A line's result from its four words, by the layout that IAdjudication writes down."""
    _, judged, shares, payment = packed
    amounts = {
        "charge": judged >> 176,
        "denied": judged >> 96 & LARGEST,
        "counted": judged >> 16 & LARGEST,
        "deductible": shares >> 176,
        "copay": shares >> 96 & LARGEST,
        "coinsurance": shares >> 16 & LARGEST,
        "limited": payment >> 176,
        "prior": payment >> 96 & LARGEST,
        "paid": payment >> 16 & LARGEST,
    }
    allowed = sum(amounts[name] for name in ("deductible", "copay", "coinsurance", "limited", "prior", "paid"))
    return LineResult(
        units=payment & 0xFFFF,
        carc=judged & 0xFFFF,
        allowed=allowed,
        limit_carc=shares >> 8 & 0xFF,
        authorization=shares & 0xFF,
        **amounts,
    )


def result(raw) -> Result:
    made = Result(*raw)
    return made._replace(id=str(made.id), lines=tuple(unpack(each) for each in made.lines))


def verdict(raw) -> Verdict:
    made = Verdict(*raw)
    return made._replace(lines=tuple(unpack(each) for each in made.lines))


def judge(plans, claim, desk=NOBODY, reviewed=False) -> Verdict:
    """What a plan would say of a claim at a desk."""
    return verdict(plans.judge(desk, claim, reviewed))


def award(plans, claim, desk, reviewed=False):
    """Let a plan judge a claim, for an account that is a desk of its own; returns the verdict with the transaction."""
    judged = judge(plans, claim, desk, reviewed)
    return judged, plans.award(claim, reviewed, {"from": desk})


def submit(desk, claims, sender, signatures=()):
    """Submit and return the results with the transaction; the results are those of a call at the same state."""
    results = [result(raw) for raw in desk.submit.call(claims, signatures, {"from": sender})]
    return results, desk.submit(claims, signatures, {"from": sender})


def decided(tx, position=0) -> Decided:
    """A decided claim as its event tells it, to go on with it."""
    event = tx.events["ClaimDecided"][position]
    lines = tuple((str(code), *rest) for code, *rest in event["lines"])
    return Decided(
        str(event["id"]), str(event["plan"]), event["patient"], event["provider"], event["circumstances"], lines
    )


def circumstances(day, family=0, flags=0) -> int:
    return day << 72 | family << 8 | flags


def estimate(desk, claim) -> Result:
    return result(desk.estimate(claim))


def record(desk, id_) -> Record:
    return Record(*desk.claim(id_))


def accumulators(plans, desk, plan, member, year=None) -> Accumulators:
    """What a member, or a family by its number, used in a year; this year when none is given, 0 for ever."""
    who = f"0x{member:040x}" if isinstance(member, int) else str(member)
    return Accumulators(*plans.accumulators(desk, plan, who, this_year() if year is None else year))


def member_books(plans, desk, plan, member, family=77):
    """All that a desk keeps of a member and its family in this year, where the plan has a category, a limit on the code
    "drug" and a pre-authorisation for "mri".
    """
    return (
        accumulators(plans, desk, plan, member),
        accumulators(plans, desk, plan, family),
        accumulators(plans, desk, plan, member, year=0),
        plans.categoryPaid(desk, plan, member, this_year(), 1),
        plans.used(desk, plan, member, word("drug"), today(), 0),
        plans.used(desk, plan, member, word("mri"), today(), 0),
        plans.used(desk, plan, member, word("mri"), today(), 1),
    )


EMPTY_BOOKS = ((0, 0, 0), (0, 0, 0), (0, 0, 0), 0, 0, 0, 0)


# ---- plans and money ---------------------------------------------------------------------------------------------


def packed(price) -> int:
    """A price in one word, by the layout that IPlans writes down; a number is an allowed amount and nothing else."""
    p = price if isinstance(price, Price) else Price(price)
    return p.allowed << 176 | p.category << 168 | p.flags << 160 | p.groups << 144 | p.limit << 128 | p.period << 112


def price_list(prices: dict) -> tuple:
    """Codes and packed prices, as `addPrices` takes them."""
    return [word(text) for text in prices], [packed(price) for price in prices.values()]


def add_prices(plans, plan, prices: dict, owner, schedule=0):
    return plans.addPrices(plan, schedule, *price_list(prices), {"from": owner})


def member_list(members, **kwargs) -> list:
    """Accounts covered for ever, or as a `Membership` of these fields."""
    cover = Membership(**{"start": 0, "until": LAST_DAY, **kwargs})
    return [(str(member), cover) for member in members]


def enroll(plans, plan, owner, *members, **kwargs):
    return plans.enroll(plan, member_list(members, **kwargs), {"from": owner})


def plan_id(insurer, document, version=1) -> str:
    """The id of a version of a new series, by the rule of contracts/common/Ids.sol."""
    fields = [web3.keccak(text="salus.plan"), str(insurer), bytes.fromhex(document[2:])]
    return f"{web3.keccak(encode(['bytes32', 'address', 'bytes32'], fields)).to_0x_hex()[:-8]}{version:08x}"


def series_of(plan) -> str:
    """The id of the series that a version belongs to."""
    return plan[:-8] + "00000000"


def register(plans, terms: Terms, series=NOTHING) -> str:
    tx = plans.register(series, terms, {"from": terms.insurer})
    return str(tx.events["PlanRegistered"]["plan"])


def publish(
    plans, terms: Terms, prices: dict, members=(), *, categories=(), series=NOTHING, office=None, **cover
) -> str:
    """Register a plan with its categories and price list, seal it and enrol its members; returns its id.

    office  a contract that is the insurer's operator, and makes one transaction of it all (contracts/mocks/Wallet.sol)
    """
    plan = register(plans, terms, series) if office is None else plan_id(terms.insurer, terms.document)
    steps = [(plans.addPrices, plan, 0, *price_list(prices)), (plans.publish, plan)]
    if categories:
        steps.insert(0, (plans.addCategories, plan, list(categories)))
    if members:
        steps.append((plans.enroll, plan, member_list(members, **cover)))
    if office is None:
        for method, *args in steps:
            method(*args, {"from": terms.insurer})
    else:
        steps.insert(0, (plans.register, NOTHING, terms))
        office.run(plans, [method.encode_input(*args) for method, *args in steps], {"from": terms.insurer})
    return plan


def permit(consents, patient, insurer, purposes=HPAYMT, categories=CLAIM, end=FOR_EVER):
    """The patient lets the insurer use claims for payment."""
    said = consent_builders.permit(insurer, purposes=purposes, categories=categories, end=end)
    return consents.grant(*consent_builders.granting(said), {"from": patient})


def fund(treasury, desk, insurer, token, amount, sender):
    token.mint(sender, amount, {"from": sender})
    if token.allowance(sender, treasury) < amount:
        token.approve(treasury, 2**256 - 1, {"from": sender})  # for good: a transaction costs a test 40 ms
    return treasury.fund(desk, insurer, token, amount, {"from": sender})


def pool(treasury, desk, insurer, token) -> Pool:
    return Pool(*treasury.pool(desk, insurer, token))
