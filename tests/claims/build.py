"""Words to say claims with: dates as days, salted codes, lines, results with names."""

from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple

from brownie import chain, web3

from tests.consent import build as consent

DAY = 24 * 3600
EPOCH = date(1970, 1, 1)
HPAYMT = 1 << 2
CLAIM = 1 << 12
FOR_EVER = 2**40 - 1
LARGEST = 2**96 - 1
NOBODY = "0x" + "00" * 20

# States and refusals, as IClaimDesk numbers them.
NONE, SETTLED, OWED = range(3)
(
    PASSED,
    MALFORMED,
    DUPLICATE,
    UNKNOWN_PLAN,
    FUTURE_SERVICE,
    OUTSIDE_PLAN,
    NOT_ENROLLED,
    OUTSIDE_COVER,
    FILED_LATE,
    NO_CONSENT,
) = range(10)

# Standings of an account, as IInstitutions numbers them.
UNKNOWN, LICENSED, OUT_OF_ROLE, EXPIRED, SUSPENDED, OPERATOR_EXPIRED = range(6)


class Terms(NamedTuple):
    insurer: str
    valid_from: int
    valid_until: int
    coinsurance: int
    token: str
    deductible: int
    out_of_pocket_maximum: int
    filing_days: int
    document: str


class LineResult(NamedTuple):
    charge: int
    allowed: int
    deductible: int
    coinsurance: int
    paid: int
    carc: int


class Result(NamedTuple):
    id: str
    refusal: int
    carc: int
    state: int
    paid: int
    lines: tuple


class Record(NamedTuple):
    state: int
    decided_at: int
    paid: int
    insurer: str
    token: str
    payee: str


class Accumulators(NamedTuple):
    deductible: int
    out_of_pocket: int


class Pool(NamedTuple):
    balance: int
    exiting: int
    exit_from: int


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


def line(text: str = "visit", units: int = 1, charge: int = 100_00) -> tuple:
    return (word(text), units, charge)


def a_claim(plan, patient, provider, *lines, number="1", day=None) -> tuple:
    """A claim of today; one visit when no lines are given."""
    day = today() if day is None else day
    return (plan, str(patient), str(provider), word(number), day, list(lines or [line()]))


def result(raw) -> Result:
    made = Result(*raw)
    return made._replace(id=str(made.id), lines=tuple(LineResult(*each) for each in made.lines))


def submit(desk, claims, sender):
    """Submit and return the results with the transaction; the results are those of a call at the same state."""
    results = [result(raw) for raw in desk.submit.call(claims, {"from": sender})]
    return results, desk.submit(claims, {"from": sender})


def estimate(desk, claim) -> Result:
    return result(desk.estimate(claim))


def record(desk, id_) -> Record:
    return Record(*desk.claim(id_))


def accumulators(desk, plan, member, year) -> Accumulators:
    return Accumulators(*desk.accumulators(plan, member, year))


def pool(treasury, desk, insurer, token) -> Pool:
    return Pool(*treasury.pool(desk, insurer, token))


def publish(plans, terms: Terms, prices: dict, members=(), cover=None) -> str:
    """Register a plan with its price list, seal it and enrol its members; returns its id."""
    owner = {"from": terms.insurer}
    plan = plans.register(terms, owner).events["PlanRegistered"]["plan"]
    plans.addPrices(plan, [word(text) for text in prices], list(prices.values()), owner)
    plans.publish(plan, owner)
    if members:
        plans.enroll(plan, [str(member) for member in members], *(cover or (terms.valid_from, terms.valid_until)), owner)
    return str(plan)


def permit(consents, patient, insurer, purposes=HPAYMT, categories=CLAIM, end=FOR_EVER):
    """The patient lets the insurer use claims for payment."""
    said = consent.permit(insurer, purposes=purposes, categories=categories, end=end)
    return consents.grant(*consent.granting(said), {"from": patient})


def fund(treasury, desk, insurer, token, amount, sender):
    token.mint(sender, amount, {"from": sender})
    token.approve(treasury, amount, {"from": sender})
    return treasury.fund(desk, insurer, token, amount, {"from": sender})
