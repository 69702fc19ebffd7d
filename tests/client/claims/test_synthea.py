"""Every claim of Synthea that lies here, from its file to the money: each is paid, paid in part, or denied with a
code.
"""

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import pytest

from salus.claims.desk import State
from salus.claims.files.any_format import read_claim_files
from tests.support.claim_scenario import USD, ClaimScenario
from tests.support.shared_data import shared

# Of every so many codes one is left out of the price list.
MISSING = 7
EPOCH = date(1970, 1, 1)


@pytest.fixture(scope="module")
def claims():
    files = [
        *sorted(shared("synthea-r4-bundles").glob("*.json")),
        shared("dbt-synthea-seeds", "claims_transactions.csv"),
    ]
    problems = []
    found = read_claim_files(files, problems=problems)
    assert (len(found), len(problems)) == (42 + 1261, 6)
    return found


def priced(claims):
    """A price list from the charges themselves: four fifths of the median, without some codes."""
    charges = defaultdict(list)
    for claim in claims:
        for line in claim.lines:
            charges[line.system, line.code].append(line.charge / line.quantity)
    return [
        {"system": system, "code": code, "allowed": str((median(found) * Decimal("0.8")).quantize(Decimal("0.01")))}
        for n, ((system, code), found) in enumerate(sorted(charges.items()))
        if n % MISSING
    ]


@pytest.fixture(scope="module")
def submitted(deployed_chain, token, claims, tmp_path_factory):
    claim_scenario = ClaimScenario(
        deployed_chain,
        token,
        tmp_path_factory.mktemp("synthea"),
        fund=10_000_000 * USD,
        consent=False,
        prices=priced(claims),
        deductible="500.00",
        outOfPocketMaximum="3000.00",
        validFrom="1970-01-01",
    )
    people = {ref: deployed_chain.person(0.05) for ref in dict.fromkeys(claim.patient_ref for claim in claims)}
    claim_scenario.enroll(*(person.address for person in people.values()))
    for person in people.values():
        claim_scenario.permit(person)
    patients = {ref: person.address for ref, person in people.items()}
    answers = claim_scenario.desk.claims.submit(
        claims, claim_scenario.plan, patients, provider_refs={claim.provider_ref for claim in claims}
    )
    return claim_scenario, people, answers


def test_each_ends_paid_paid_in_part_or_denied_with_a_code(submitted, claims):
    _, _, answers = submitted
    assert [answer.input for answer in answers] == claims
    outcomes = Counter(answer.outcome for answer in answers)
    assert set(outcomes) <= {"paid", "partly paid", "nothing due", "denied"}
    assert all(outcomes[name] for name in ("partly paid", "nothing due", "denied"))
    for answer in answers:
        if answer.outcome == "denied":
            assert all(line.carc for line in answer.lines if line.charge)


def test_the_totals_reconcile_TP5(submitted, claims):
    claim_scenario, people, answers = submitted
    assert sum(answer.money(answer.charge) for answer in answers) == sum(claim.total for claim in claims)
    for answer in answers:
        for line in answer.lines:
            assert line.charge == line.paid + sum(adjustment.amount for adjustment in line.adjustments)
    assert claim_scenario.balance() == sum(answer.paid for answer in answers) > 0
    pool = claim_scenario.payer.treasury.pool(claim_scenario.insurer.address, claim_scenario.token)
    assert pool.balance == 10_000_000 * USD - claim_scenario.balance()


def test_the_members_years_are_what_the_lines_say(submitted):
    claim_scenario, people, answers = submitted
    years = defaultdict(Counter)
    for answer in answers:
        year = (EPOCH + timedelta(days=answer.input.service_day)).year
        for name in ("deductible", "coinsurance", "paid"):
            years[answer.patient, year][name] += answer.total(name)
    for (patient, year), sums in years.items():
        found = claim_scenario.desk.claims.accumulators(claim_scenario.plan_id, patient, year)
        assert found.deductible == sums["deductible"] <= 500 * USD
        assert found.out_of_pocket == sums["deductible"] + sums["coinsurance"] <= 3000 * USD
        assert found.paid == sums["paid"]


def test_no_transaction_took_more_than_one_may(submitted):
    claim_scenario, _, answers = submitted
    for transaction in {answer.transaction for answer in answers}:
        assert claim_scenario.deployed_chain.w3.eth.get_transaction(transaction)["gas"] <= 2**24


def test_submitting_all_of_them_again_pays_nothing_TP1(submitted, claims):
    claim_scenario, people, answers = submitted
    block, balance = claim_scenario.deployed_chain.w3.eth.block_number, claim_scenario.balance()
    patients = {ref: person.address for ref, person in people.items()}
    again = claim_scenario.desk.claims.submit(
        claims, claim_scenario.plan, patients, provider_refs={claim.provider_ref for claim in claims}
    )
    assert all(answer.earlier and answer.state is State.SETTLED for answer in again)
    assert [answer.lines for answer in again] == [answer.lines for answer in answers]
    assert (claim_scenario.deployed_chain.w3.eth.block_number, claim_scenario.balance()) == (block, balance)


def test_the_report_counts_the_same(submitted):
    claim_scenario, _, answers = submitted
    found = claim_scenario.deployed_chain.client().claims.report(insurer=claim_scenario.handle, units_a_day=20)
    (plan,) = found.plans
    assert (plan.submitted, plan.settled, plan.refused) == (len(answers), len(answers), {})
    for name in ("charge", "allowed", "paid", "patient"):
        total = sum(answer.patient_share if name == "patient" else getattr(answer, name) for answer in answers)
        assert getattr(plan, name) == total
    assert set(plan.denials) == {204}
    assert plan.denials[204] == sum(answer.total("denied") for answer in answers)
    assert len(plan.days) == sum(1 for answer in answers if answer.paid)
    # One hospital stands for all of theirs here, so some of its days are long; each sign says what it is about.
    assert all(sign.units > 20 for sign in found.long_days)
    assert found.lapsed == ()
    for sign in found.same_lines:
        assert len(set(sign.claims)) > 1
