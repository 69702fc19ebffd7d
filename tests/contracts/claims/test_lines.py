"""Whether a line may be paid, and how many of its units, asked of the plan itself

judge
├── 204 not listed, 96 not covered, 18 an earlier line is equal, 6 and 7 other age or sex groups, 288 no referral,
│   197 no pre-authorisation: the whole charge is denied; the first of them is told
├── 198 what the pre-authorisation leaves, 119 what the period's limit leaves: units beyond it are trimmed with their
│   share of the charge, which is rounded against the provider
├── allowed: the smaller of the charge and price × units; a provider's own list goes before the plan's
└── a line sees what those before it used up
"""

import pytest

from tests.support.claim_builders import (
    AUTHORIZE,
    DAY,
    LARGEST,
    LAST_DAY,
    LISTED,
    NETWORK,
    NOBODY,
    NOT_COVERED,
    OUTSIDE,
    REFER,
    Category,
    LineResult,
    Price,
    a_claim,
    add_prices,
    award,
    enroll,
    judge,
    line,
    now,
    publish,
    today,
    word,
)

EVERYTHING = LISTED | NOT_COVERED | AUTHORIZE | REFER


@pytest.fixture
def said(plans, patient, hospital, ledger):
    """What the ledger would hear of lines of one claim."""

    def ask(plan, *lines, provider=hospital, desk=ledger, **kwargs):
        return judge(plans, a_claim(plan, patient, provider, *lines, **kwargs), desk).lines

    return ask


@pytest.fixture
def use(plans, patient, hospital, ledger):
    """Let the ledger use lines of a claim up."""

    def write(plan, *lines, **kwargs):
        award(plans, a_claim(plan, patient, hospital, *lines, **kwargs), ledger)

    return write


def carcs(lines):
    return [each.carc for each in lines]


def denied(charge, carc):
    """A line of which nothing is left."""
    return LineResult(charge=charge, denied=charge, carc=carc)


# ---- may it be paid ----------------------------------------------------------------------------------------------


def test_a_code_that_is_not_listed(draw_plan, said):
    assert said(draw_plan(), line("wig", 3, 99_99, prior=5)) == (denied(99_99, 204),)


def test_a_code_that_is_not_covered(draw_plan, said):
    plan = draw_plan({"wig": Price(50_00, flags=LISTED | NOT_COVERED)})
    assert said(plan, line("wig", 1, 99_99)) == (denied(99_99, 96),)


def test_TP1_the_same_line_again(draw_plan, said):
    """Equal is what has the same code, units and charge, wherever it stands and whatever else differs."""
    lines = [
        line(charge=10),
        line("x-ray", charge=10),
        line(charge=10, prior=3),
        line(charge=11),
        line(units=2, charge=10),
        line("x-ray", charge=10),
        line(charge=11),
    ]
    assert carcs(said(draw_plan(), *lines)) == [0, 0, 18, 0, 0, 18, 18]


def test_TP1_a_line_that_was_denied_is_the_same_line_too(draw_plan, said):
    plan = draw_plan({"mri": Price(5, flags=LISTED | AUTHORIZE)})
    assert carcs(said(plan, line("mri"), line("mri"), line("wig"), line("wig"))) == [197, 18, 204, 204]


GROUPS = [
    (0, 0, 0),
    (0, 2**16 - 1, 0),
    (0x0FFF, 0x0001, 0),
    (0x0801, 0x0800, 0),
    (0x0801, 0x07FE, 6),
    (0x0001, 0x0000, 6),
    (0x0001, 0xF000, 6),
    (0xF000, 0x8FFF, 0),
    (0x1000, 0xEFFF, 7),
    (0x1000, 0x0FFF, 7),
    (0x1001, 0x1000, 6),
    (0x1001, 0x0001, 7),
    (0x1001, 0x2002, 6),
    (0x1001, 0x1001, 0),
]


def test_age_and_sex_groups(plans, draw_plan, said, patient, insurer):
    """What a price wants, what the member has, and what comes of it."""
    plan = draw_plan({f"{wanted}": Price(100_00, groups=wanted) for wanted, _, _ in GROUPS})
    for groups in {groups for _, groups, _ in GROUPS}:
        enroll(plans, plan, insurer, patient, groups=groups)
        for wanted, _, carc in (case for case in GROUPS if case[1] == groups):
            assert carcs(said(plan, line(f"{wanted}"))) == [carc], (wanted, groups)


@pytest.mark.parametrize("ago, carc", [(11, 6), (10, 0), (9, 0)])
def test_groups_that_change_on_a_birthday(draw_plan, said, ago, carc):
    cover = {"groups": 1, "next_groups": 2, "next_from": today() - 10}
    plan = draw_plan({"adult": Price(1, groups=2), "child": Price(1, groups=1)}, cover=cover)
    assert carcs(said(plan, line("adult"), line("child"), day=today() - ago)) == [carc, 6 - carc]


def test_groups_that_do_not_change(draw_plan, said):
    plan = draw_plan({"child": Price(1, groups=1)}, cover={"groups": 1, "next_from": 1})
    assert carcs(said(plan, line("child"))) == [0]


@pytest.fixture
def referred(draw_plan):
    return draw_plan({"mri": Price(100_00, flags=LISTED | REFER)})


def test_no_referral(referred, said):
    assert said(referred, line("mri")) == (denied(100_00, 288),)


@pytest.mark.parametrize(
    "by, to, carc",
    [
        ("clinic", "hospital", 0),
        ("clinic", "nobody", 0),
        ("hospital", "clinic", 288),  # to another provider
        ("hospital", "nobody", 288),  # by the provider itself
        ("nurse", "nobody", 288),  # by an operator of the provider itself
    ],
)
def test_TP1_who_may_refer_to_whom(plans, referred, said, patient, people, nurse, by, to, carc):
    accounts = {"nobody": NOBODY, "nurse": nurse, "clinic": people.clinic, "hospital": people.hospital}
    plans.refer(referred, patient, accounts[to], 0, LAST_DAY, {"from": accounts[by]})
    assert carcs(said(referred, line("mri"))) == [carc]


def test_TP4_the_days_of_a_referral(plans, referred, said, patient, hospital, clinic):
    plans.refer(referred, patient, hospital, today() - 20, today() - 10, {"from": clinic})
    answers = [carcs(said(referred, line("mri"), day=today() - ago)) for ago in (21, 20, 11, 10)]
    assert answers == [[288], [0], [0], [288]]


def test_a_referral_is_one_members_and_one_series(
    plans, draw_plan, referred, said, patient, neighbour, hospital, clinic
):
    other = draw_plan({"mri": Price(100_00, flags=LISTED | REFER)})
    plans.refer(other, patient, hospital, 0, LAST_DAY, {"from": clinic})
    plans.refer(referred, neighbour, hospital, 0, LAST_DAY, {"from": clinic})
    assert carcs(said(referred, line("mri")) + said(other, line("mri"))) == [288, 0]


# ---- how many units ----------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(draw_plan):
    """3.00 a unit, only with pre-authorisation."""
    return draw_plan({"mri": Price(3_00, flags=LISTED | AUTHORIZE)})


@pytest.fixture
def authorize(plans, guarded, patient, insurer):
    def make(units, start=0, until=LAST_DAY):
        plans.authorize(guarded, patient, word("mri"), units, start, until, {"from": insurer})

    return make


def test_no_pre_authorisation(guarded, said):
    assert said(guarded, line("mri")) == (denied(100_00, 197),)


def test_TP4_the_days_of_a_pre_authorisation(guarded, authorize, said):
    authorize(5, today() - 20, today() - 10)
    answers = [carcs(said(guarded, line("mri"), day=today() - ago)) for ago in (21, 20, 11, 10)]
    assert answers == [[197], [0], [0], [197]]


def test_TP5_a_pre_authorisation_trims(guarded, authorize, said):
    """The share of the charge that is left is rounded down: what the provider loses is at most a unit too much."""
    authorize(5)
    for units, accepted, cut in (
        (4, 4, 0),
        (5, 5, 0),
        (6, 5, 16_67),
        (7, 5, 28_58),
        (10, 5, 50_00),
        (2**16 - 1, 5, 100_00),
    ):
        (answer,) = said(guarded, line("mri", units, 100_00))
        assert answer == LineResult(
            units=accepted,
            charge=100_00,
            denied=cut,
            carc=198 if accepted < units else 0,
            allowed=min(100_00 - cut, accepted * 3_00),
            paid=min(100_00 - cut, accepted * 3_00),
            authorization=1,
        )


def test_a_pre_authorisation_is_used_up(guarded, authorize, said, use):
    authorize(5)
    use(guarded, line("mri", 2, 1), line("mri", 1, 2))
    answers = said(guarded, line("mri", 1, 7), line("mri", 3, 9), line("mri", 1, 8))
    assert [(each.units, each.denied, each.carc) for each in answers] == [(1, 0, 0), (1, 6, 198), (0, 8, 198)]
    assert [each.authorization for each in answers] == [1, 1, 0]
    assert said(guarded, line("mri", 2, 7), line("mri", 1, 1))[1] == denied(1, 198)


def test_a_new_pre_authorisation_counts_anew(guarded, authorize, said, use):
    authorize(5)
    use(guarded, line("mri", 5))
    authorize(2)
    assert [(each.units, each.authorization) for each in said(guarded, line("mri", 3))] == [(2, 2)]
    authorize(0)
    assert said(guarded, line("mri", 3, 9)) == (denied(9, 198),)


@pytest.fixture
def limited(draw_plan):
    """Ten units in a year, or three in ten days."""
    return draw_plan({"year": Price(3_00, limit=10), "days": Price(3_00, limit=3, period=10)})


def test_TP5_a_limit_trims(limited, said):
    for units, accepted, carc in ((9, 9, 0), (10, 10, 0), (11, 10, 119), (2**16 - 1, 10, 119)):
        (answer,) = said(limited, line("year", units, 1_000_00))
        rest = 1_000_00 * accepted // units
        assert (answer.units, answer.carc, answer.denied) == (accepted, carc, 1_000_00 - rest)
        assert answer.paid == min(rest, 3_00 * accepted)


def test_a_limit_is_used_up_by_lines_and_claims(limited, said, use):
    use(limited, line("year", 4, 1), line("year", 3, 1), line("days", 1, 1))
    answers = said(limited, line("year", 2, 1), line("days", 3, 3), line("year", 2, 2), line("year", 1, 1))
    assert [(each.units, each.carc) for each in answers] == [(2, 0), (2, 119), (1, 119), (0, 119)]


def test_limits_are_each_codes_own(limited, said, use):
    use(limited, line("year", 10, 1))
    assert carcs(said(limited, line("days", 3, 1), line("year", 1, 1))) == [0, 119]


def test_TP4_a_period_begins_anew(limited, said, use):
    """Periods of ten days are counted from 1970-01-01; three units are used on the first day of one."""
    first = (today() - 30) // 10 * 10
    use(limited, line("days", 3, 1), day=first)
    left = [said(limited, line("days", 3, 1), day=first + ahead)[0].units for ahead in (-1, 0, 9, 10)]
    assert left == [3, 0, 0, 3]


def test_another_version_counts_in_its_own_periods(plans, bare, consent, patient, use, said):
    day = today()
    old = bare._replace(document=word("periods"), valid_until=day)
    first = publish(plans, old, {"same": Price(1, limit=3), "other": Price(1, limit=3, period=7)}, [patient])
    prices = {"same": Price(1, limit=3, period=0), "other": Price(1, limit=3, period=8)}
    second = publish(plans, bare._replace(valid_from=day), prices, series=first)
    use(first, line("other", 3, 3), day=day - 1)
    assert said(second, line("other", 3, 3), day=day)[0].units == 3


def test_where_both_trim_the_last_is_told(plans, draw_plan, said, patient, insurer):
    """Nine units are claimed."""
    plan = draw_plan({f"up to {limit}": Price(3_00, flags=LISTED | AUTHORIZE, limit=limit) for limit in (4, 6, 9)})
    for authorized, limit, accepted, carc in (
        (6, 4, 4, 119),
        (4, 6, 4, 198),
        (4, 4, 4, 198),
        (9, 9, 9, 0),
        (0, 4, 0, 198),
    ):
        plans.authorize(plan, patient, word(f"up to {limit}"), authorized, 0, LAST_DAY, {"from": insurer})
        (answer,) = said(plan, line(f"up to {limit}", 9, 10_00))
        assert (answer.units, answer.carc, answer.denied) == (accepted, carc, 10_00 - 10_00 * accepted // 9)


def test_the_first_reason_is_told(plans, draw_plan, said, patient, hospital, insurer, clinic):
    """One code for which everything is wrong; it is set right step by step."""
    guarded = Price(1, flags=LISTED | AUTHORIZE | REFER, groups=0x1001, limit=1)
    plan = draw_plan({"mri": guarded, "not": guarded._replace(flags=EVERYTHING)})
    twice = [line("mri", 2, 10), line("mri", 2, 10)]
    assert carcs(said(plan, line("ct"), line("ct"), line("not"), line("not"))) == [204, 204, 96, 96]
    assert carcs(said(plan, *twice)) == [6, 18]
    enroll(plans, plan, insurer, patient, groups=0x0001)
    assert carcs(said(plan, *twice)) == [7, 18]
    enroll(plans, plan, insurer, patient, groups=0x1001)
    assert carcs(said(plan, *twice)) == [288, 18]
    plans.refer(plan, patient, hospital, 0, LAST_DAY, {"from": clinic})
    assert carcs(said(plan, *twice)) == [197, 18]
    plans.authorize(plan, patient, word("mri"), 3, 0, LAST_DAY, {"from": insurer})
    assert carcs(said(plan, *twice)) == [119, 18]
    assert carcs(said(plan, line("mri", 4, 10), line("mri", 1, 10))) == [119, 119]


# ---- allowed -----------------------------------------------------------------------------------------------------


ALLOWED = [
    (99, 1, 100, 99),
    (100, 1, 100, 100),
    (101, 1, 100, 100),
    (301, 3, 100, 300),
    (5, 1, 0, 0),
    (0, 1, 100, 0),
    (LARGEST, 2**16 - 1, LARGEST, LARGEST),
    (LARGEST, 2**16 - 1, 2**64, 2**80 - 2**64),
    (LARGEST, 2, 2**79, LARGEST),
]


def test_TP5_allowed(draw_plan, said):
    """A charge of so many units under a price of one."""
    plan = draw_plan({f"{price}": price for price in {case[2] for case in ALLOWED}})
    for charge, units, price, allowed in ALLOWED:
        expected = LineResult(units=units, charge=charge, allowed=allowed, paid=allowed)
        assert said(plan, line(f"{price}", units, charge)) == (expected,)


def test_a_providers_own_list(plans, draw_plan, said, insurer, hospital):
    plan = draw_plan(rules=NETWORK | OUTSIDE)
    add_prices(plans, plan, {"visit": 120_00, "wig": 1}, insurer, schedule=7)
    for until, schedule, paid in ((0, 7, 150_00), (LAST_DAY, 0, 150_00), (LAST_DAY, 7, 120_00), (LAST_DAY, 8, 150_00)):
        plans.contractProvider(plan, hospital, (0, until, schedule), {"from": insurer})
        answers = said(plan, line(charge=200_00), line("wig", 1, 9), line("x-ray", 1, 99_00))
        assert [each.paid for each in answers] == [paid, 0, 80_00]
        assert carcs(answers) == [0, 204, 0]  # what only the own list has is not in the plan's


def test_of_a_providers_own_list_only_the_amount_counts(plans, draw_plan, said, insurer, hospital):
    plan = draw_plan({"visit": Price(10, category=1)}, categories=[Category(copay=3)], rules=NETWORK)
    add_prices(plans, plan, {"visit": Price(20, 0, EVERYTHING, 0xFFFF, 1, 1)}, insurer, schedule=1)
    plans.contractProvider(plan, hospital, (0, LAST_DAY, 1), {"from": insurer})
    assert said(plan, line(units=2, charge=99)) == (LineResult(units=2, charge=99, allowed=40, copay=3, paid=37),)


def test_without_a_network_no_contract_counts(plans, draw_plan, said, insurer, hospital):
    plan = draw_plan()
    add_prices(plans, plan, {"visit": 120_00}, insurer, schedule=7)
    plans.contractProvider(plan, hospital, (0, LAST_DAY, 7), {"from": insurer})
    assert said(plan, line(charge=200_00))[0].paid == 150_00


def test_a_price_of_nothing_is_written_off(draw_plan, said):
    assert said(draw_plan(), line("free", 5, 10_00)) == (LineResult(units=5, charge=10_00),)


def test_each_desk_counts_units_of_its_own(limited, said, use, stranger):
    use(limited, line("year", 10, 1))
    assert carcs(said(limited, line("year", 10, 1))) == [119]
    assert carcs(said(limited, line("year", 10, 1), desk=stranger)) == [0]


def test_TP4_todays_day_is_utcs(draw_plan, said, chain):
    plan = draw_plan()
    midnight = (today() + 1) * DAY
    chain.mine(timestamp=midnight - 1)
    assert said(plan, line(), day=midnight // DAY) == () and now() == midnight - 1
    chain.mine(timestamp=midnight)
    assert len(said(plan, line(), day=midnight // DAY)) == 1
