"""What the largest transactions cost: each at its cap stays below 16,777,216 gas, the most that a transaction may have
(EIP-7825)

given the caps that the interfaces name, or a size that a caller may choose
    when the lines are as bad as they can be     100 of one code (each is compared with all before it),
                                                 or of two categories in turn, with limits and pre-authorisations
    when the batch is large                      200 claims of one line, paid by one transfer, or each owed
    when debts wait                              100 settled in one call
"""

import pytest

from tests.support import claim_builders
from tests.support.claim_builders import (
    AUTHORIZE,
    LAST_DAY,
    LISTED,
    OWED,
    SETTLED,
    Category,
    Membership,
    Price,
    a_claim,
    decided,
    fund,
    line,
    packed,
    pool,
    record,
    register,
    word,
)

CAP = 2**24


def send(method, *args, sender):
    """Send, and mine by hand: Brownie takes a large transaction for lost when it asks while the node still writes the
    block.
    """
    with claim_builders.one_block():
        tx = method(*args, {"from": sender, "required_confs": 0})
    tx.wait(1)
    return tx


@pytest.fixture(scope="module")
def member(funded, consent, patient):
    """The patient, whose insurer may read and can pay."""
    return patient


@pytest.fixture
def worst(draw_plan, plans, member, insurer):
    """Everything that a line may need, in two categories with limits, under a plan with every bound."""
    plan = draw_plan(
        {
            "a": Price(10_00, 1, LISTED | AUTHORIZE, 0x1001, 2**16 - 1, 7),
            "b": Price(10_00, 2, LISTED | AUTHORIZE, 0x1001, 2**16 - 1, 7),
        },
        categories=[Category(10_00, 10_00, True, 1, 10**9), Category(20_00, 20_00, True, 1, 10**9)],
        cover={"family": 77, "groups": 0x1001},
        deductible=3,
        family_deductible=5,
        family_out_of_pocket_maximum=10**12,
        annual_limit=10**12,
        lifetime_limit=10**12,
        appeal_days=1,
        rules=claim_builders.COPAY_COUNTS,
    )
    for code in "ab":
        plans.authorize(plan, member, word(code), 2**16 - 1, 0, LAST_DAY, {"from": insurer})
    return plan


def test_TP10_a_hundred_lines_of_one_code(desk, draw_plan, member, hospital):
    lines = [line(charge=1_00 + i) for i in range(desk.MAX_LINES())]
    tx = send(desk.submit, [a_claim(draw_plan(), member, hospital, *lines)], [], sender=hospital)
    assert not [each for each in decided(tx).lines if claim_builders.unpack(each).carc]
    assert tx.gas_used < CAP / 2


def test_TP10_the_worst_claim_and_what_follows_it(desk, worst, member, patient, hospital, regulator):
    """Judged, given back, appealed and arbitrated: the same hundred lines are said four times."""
    lines = [line("ab"[i % 2], 1 + i // 50, 5_00 + i, 1) for i in range(100)]
    tx = send(desk.submit, [a_claim(worst, member, hospital, *lines)], [], sender=hospital)
    said = decided(tx)
    assert {claim_builders.unpack(each).authorization for each in said.lines} == {1}
    costs = [tx.gas_used]
    costs.append(send(desk.reverse, said, sender=hospital).gas_used)
    costs.append(send(desk.appeal, said, sender=patient).gas_used)
    costs.append(send(desk.arbitrate, said, 1, 50, sender=regulator).gas_used)
    assert max(costs) < CAP / 2


def test_TP10_the_worst_claim_under_review(desk, draw_plan, member, hospital, insurer):
    plan = draw_plan(review_threshold=1, review_days=1)
    claim = a_claim(plan, member, hospital, *[line(charge=1_00 + i) for i in range(100)])
    costs = [
        send(desk.submit, [claim], [], sender=hospital).gas_used,
        send(desk.review, claim, 0, sender=insurer).gas_used,
    ]
    assert max(costs) < CAP / 2


def test_TP10_a_batch_of_two_hundred(desk, draw_plan, member, hospital, token):
    plan = draw_plan()
    claims = [a_claim(plan, member, hospital, line(charge=1_00), number=str(i)) for i in range(200)]
    tx = send(desk.submit, claims, [], sender=hospital)
    assert len(tx.events["ClaimDecided"]) == 200 and len(tx.events["Transfer"]) == 1
    assert token.balanceOf(hospital) == 200_00
    assert tx.gas_used < CAP


def test_TP10_a_batch_that_nobody_can_pay_and_its_settlement(
    desk, treasury, draw_plan, member, hospital, insurer, mischief, stranger
):
    """Fifty claims are owed in one transaction, and fifty debts paid in another."""
    plan = draw_plan(token=str(mischief))
    claims = [a_claim(plan, member, hospital, line(charge=1_00), number=str(i)) for i in range(50)]
    tx = send(desk.submit, claims, [], sender=hospital)
    assert len(tx.events["ClaimOwed"]) == 50
    assert tx.gas_used < CAP
    fund(treasury, desk, insurer, mischief, 50_00, insurer)
    tx = send(treasury.settle, desk, insurer, mischief, 100, sender=stranger)
    assert tx.gas_used < 50 * 60_000
    assert pool(treasury, desk, insurer, mischief) == claim_builders.Pool(0)


def test_TP10_a_token_that_burns_gas_in_every_settlement(
    desk, treasury, draw_plan, member, hospital, insurer, mischief, stranger
):
    """The worst token costs 200,000 gas a debt: whoever settles chooses how many."""
    plan = draw_plan(token=str(mischief))
    send(desk.submit, [a_claim(plan, member, hospital, number=str(i)) for i in range(20)], [], sender=hospital)
    fund(treasury, desk, insurer, mischief, 2000_00, insurer)
    mischief.behave(8, {"from": insurer})
    tx = send(treasury.settle, desk, insurer, mischief, 20, sender=stranger)
    assert [each["held"] for each in tx.events["Paid"]] == [True] * 20
    assert tx.gas_used < 20 * (treasury.TRANSFER_GAS() + 60_000)


def test_a_usual_claim_takes_one_new_slot(desk, plans, terms, member, hospital):
    """The next claim of a member in a year: the claim's own slot, and nothing else that was 0 before."""
    plan = claim_builders.publish(plans, terms, {"visit": 150_00}, [member])
    costs = [
        send(
            desk.submit, [a_claim(plan, member, hospital, line(charge=150_00), number=str(i))], [], sender=hospital
        ).gas_used
        for i in range(4)
    ]
    assert costs[0] - costs[2] > 2 * 17_000  # the member's year, and the provider's first balance
    assert costs[2] < 150_000


def test_two_hundred_prices_and_members_fit_a_transaction(plans, bare, insurer):
    plan = register(plans, bare)
    codes = [word(f"code {i}") for i in range(200)]
    costs = [send(plans.addPrices, plan, 0, codes, [packed(i) for i in range(200)], sender=insurer).gas_used]
    members = [(f"0x{2**80 + i:040x}", Membership(1, 2)) for i in range(200)]
    costs.append(send(plans.enroll, plan, members, sender=insurer).gas_used)
    assert plans.price(plan, 0, codes[-1])[0] == 199 and plans.membership(plan, members[-1][0])[1] == 2
    assert max(costs) < CAP


def test_TP3_a_batch_of_which_half_is_paid(desk, treasury, draw_plan, member, hospital, insurer, mischief):
    """A batch of which the pool pays the first half: each claim has its own answer."""
    fund(treasury, desk, insurer, mischief, 25_00, insurer)
    plan = draw_plan(token=str(mischief))
    claims = [a_claim(plan, member, hospital, line(charge=1_00), number=str(i)) for i in range(50)]
    tx = send(desk.submit, claims, [], sender=hospital)
    states = [record(desk, str(each["id"])).state for each in tx.events["ClaimDecided"]]
    assert states == [SETTLED] * 25 + [OWED] * 25
    assert tx.gas_used < CAP
