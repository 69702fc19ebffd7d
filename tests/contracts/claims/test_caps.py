"""Plans: caps on what a provider is paid in a period (requirement 19)

register: the rule without days for a review → InvalidTerms
capProvider
├── the caller does not act for the insurer → NotInsurer; a cap without a period → InvalidCap
└── else the provider's cap, or everyone's; a most of 0 takes it back
a claim
├── the plan has no such rule → caps are not asked
├── up to the cap → paid, and counted
├── beyond it → Pended, nothing is used, nothing counted; decided after the review it is paid, and counts
├── a provider's own cap goes before everyone's
└── the next period, another desk, another provider → counted anew
"""

import pytest
from brownie import reverts

from tests.conftest import INSURER
from tests.support.boundary_time import at as mine_at
from tests.support.claim_builders import (
    CAPS,
    DAY,
    NOBODY,
    NOTHING,
    OUT_OF_ROLE,
    PENDED,
    SETTLED,
    a_claim,
    accumulators,
    at,
    award,
    judge,
    line,
    now,
    publish,
    record,
    submit,
    this_year,
    today,
    word,
)
from tests.support.claim_replay import series_of
from tests.support.errors import error

CAP = (250_00, 1)


@pytest.fixture(scope="module")
def capped(draw_plan):
    """Pays everything, but has caps; review within 7 days."""
    return draw_plan(rules=CAPS, review_days=7)


@pytest.fixture
def cap(plans, capped, insurer):
    def set_(provider=NOBODY, most=250_00, period=1):
        return plans.capProvider(capped, provider, (most, period), {"from": insurer})

    return set_


@pytest.fixture
def send(desk, funded, capped, patient, hospital):
    """Submit claims of 100.00 each; returns their states."""
    sent = iter(range(1000))

    def submit_(count, provider=hospital):
        claims = [a_claim(capped, patient, provider, number=f"capped {next(sent)}") for _ in range(count)]
        results, _ = submit(desk, claims, provider)
        return [result.state for result in results]

    return submit_


@pytest.fixture
def noon():
    """A new day begins, so that no test runs over its end."""
    at((today() + 1) * DAY + DAY // 2)


def test_the_rule_needs_days_for_a_review(plans, bare, insurer):
    with reverts(error("InvalidTerms", "reviewDays")):
        plans.register(NOTHING, bare._replace(rules=CAPS, document=word("hasty")), {"from": insurer})


@pytest.mark.parametrize("who", ["rival", "hospital"])
def test_nobody_else_caps(plans, capped, request, who):
    actor = request.getfixturevalue(who)
    series = series_of(capped)[:-8] + "00000001"
    with reverts(
        error("NotInsurer", series, actor) if who == "rival" else error("NotLicensed", actor, INSURER, OUT_OF_ROLE)
    ):
        plans.capProvider(capped, NOBODY, CAP, {"from": actor})


def test_a_cap_has_a_period(plans, capped, insurer):
    with reverts(error("InvalidCap", 1, 0)):
        plans.capProvider(capped, NOBODY, (1, 0), {"from": insurer})
    plans.capProvider(capped, NOBODY, (0, 0), {"from": insurer})


def test_a_cap_is_kept_and_told(plans, capped, cap, hospital, clinic):
    tx = cap(hospital, 99, 7)
    assert dict(tx.events["ProviderCapped"]) == {"series": series_of(capped), "provider": hospital, "cap": (99, 7)}
    assert plans.capOf(capped, hospital) == (99, 7)
    assert plans.capOf(capped, clinic) == (0, 0)
    cap(most=5)
    assert plans.capOf(capped, clinic) == (5, 1)
    cap(hospital, 0)
    assert plans.capOf(capped, hospital) == (5, 1)


def test_TP8_a_stolen_key_takes_no_more_than_the_cap_in_one_block(
    plans, desk, capped, cap, send, noon, token, hospital
):
    """Each claim of the batch counts; what is beyond the cap waits for a person, and is not lost."""
    cap()
    before = token.balanceOf(hospital)
    assert send(20) == [SETTLED, SETTLED, *[PENDED] * 18]
    assert token.balanceOf(hospital) - before == 200_00
    assert plans.paidTo(desk, capped, hospital) == 200_00


def test_TP8_what_a_cap_holds_back_uses_nothing_up(plans, desk, capped, cap, send, noon, patient):
    cap(most=100_00)
    assert send(2) == [SETTLED, PENDED]
    assert accumulators(plans, desk, capped, patient, this_year()).paid == 100_00


def test_a_cap_is_reached_to_the_unit(cap, send, noon):
    cap(most=200_00)
    assert send(3) == [SETTLED, SETTLED, PENDED]


def test_a_reviewed_claim_is_paid_beyond_the_cap_and_counts(
    plans, desk, capped, cap, send, noon, patient, hospital, insurer
):
    cap(most=100_00)
    send(1)
    claim = a_claim(capped, patient, hospital, number="reviewed")
    submit(desk, [claim], hospital)
    desk.review(claim, 0, {"from": insurer})
    assert record(desk, desk.idOf(hospital, word("reviewed"))).state == SETTLED
    assert plans.paidTo(desk, capped, hospital) == 200_00


def test_a_claim_that_nobody_reviews_is_decided_by_the_rules(
    plans, desk, capped, cap, noon, funded, patient, hospital, stranger
):
    cap(most=1)
    claim = a_claim(capped, patient, hospital, number="forgotten")
    submit(desk, [claim], hospital)
    at(now() + 7 * DAY + 1)
    desk.decide(claim, {"from": stranger})
    assert record(desk, desk.idOf(hospital, word("forgotten"))).state == SETTLED


def test_a_provider_s_own_cap_goes_before_everyone_s(cap, send, noon, hospital, clinic):
    cap(most=100_00)
    cap(hospital, 300_00)
    assert send(4, hospital) == [*[SETTLED] * 3, PENDED]
    assert send(2, clinic) == [SETTLED, PENDED]


def test_the_next_period_counts_anew(plans, desk, capped, cap, send, noon, hospital):
    cap(most=100_00)
    assert send(2) == [SETTLED, PENDED]
    midnight = (today() + 1) * DAY
    mine_at(midnight - 2)
    assert (plans.paidTo(desk, capped, hospital), send(1)) == (100_00, [PENDED])
    mine_at(midnight)
    assert plans.paidTo(desk, capped, hospital) == 0
    assert send(2) == [SETTLED, PENDED]


def test_what_pays_nothing_needs_no_room(plans, desk, capped, cap, send, noon, patient, hospital):
    cap(most=1)
    claim = a_claim(capped, patient, hospital, line(charge=0), number="for nothing")
    assert judge(plans, claim, desk).pended is False


def test_another_desk_s_payments_are_its_own(plans, capped, cap, noon, patient, hospital, ledger, desk):
    cap(most=100_00)
    claim = a_claim(capped, patient, hospital)
    assert not award(plans, claim, ledger)[0].pended
    assert award(plans, claim._replace(number=word("2")), ledger)[0].pended
    assert (plans.paidTo(ledger, capped, hospital), plans.paidTo(desk, capped, hospital)) == (100_00, 0)
    assert not judge(plans, claim, desk).pended


def test_caps_count_only_under_the_rule(plans, desk, draw_plan, insurer, funded, patient, hospital):
    """A plan without it pays as ever, and counts nothing."""
    plan = draw_plan()
    plans.capProvider(plan, NOBODY, (1, 1), {"from": insurer})
    results, _ = submit(desk, [a_claim(plan, patient, hospital, number="uncapped")], hospital)
    assert results[0].state == SETTLED
    assert plans.paidTo(desk, plan, hospital) == 0


def test_TP8_caps_bind_every_version_of_the_series(
    plans, desk, bare, insurer, funded, patient, hospital, consent, office, noon
):
    """A day of an older version is no way around them."""
    day = today()
    first = bare._replace(rules=CAPS, review_days=7, document=word("v1"), valid_from=day - 100, valid_until=day)
    plan = publish(plans, first, {"visit": 150_00}, [patient], office=office)
    later = first._replace(document=word("v2"), valid_from=day, valid_until=day + 100)
    second = publish(plans, later, {"visit": 150_00}, series=plan)
    plans.capProvider(second, NOBODY, (100_00, 1), {"from": insurer})
    claims = [
        a_claim(plan, patient, hospital, number="old", day=day - 1),
        a_claim(second, patient, hospital, number="new"),
    ]
    assert [result.state for result in submit(desk, claims, hospital)[0]] == [SETTLED, PENDED]
