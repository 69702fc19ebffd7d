"""Plan files: what the schema and the reader say of them, what goes on chain for them, the members' file."""

import json
from decimal import Decimal

import pytest
from eth_abi import encode
from eth_utils import keccak
from jsonschema import Draft202012Validator

from salus.claims.plans import check as plancheck
from salus.claims.plans.file import (
    PlanCategory,
    Quantity,
    day_number,
    load_plan,
    new_salt,
    number_commitment,
    read_plan,
    salted_code,
)
from salus.claims.plans.members import read_members, ungrouped
from salus.claims.plans.records import Membership
from salus.claims.plans.schema import schema
from salus.errors import BadInput
from salus.formats.days import day_text
from tests.support.shared_data import EXAMPLES

PLAN = json.loads((EXAMPLES / "plan.json").read_text())
FAMILY = json.loads((EXAMPLES / "plan-family.json").read_text())
SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PRICE = PLAN["prices"][0]


@pytest.fixture
def written(tmp_path):
    """Write a plan file: the basic example with changes; None removes a field."""

    def written(base=PLAN, /, **changes):
        path = tmp_path / "plan.json"
        content = {key: value for key, value in {**base, **changes}.items() if value is not None}
        path.write_text(json.dumps(content))
        return path

    return written


# ------------------------------------------------------------------------------------------------------- the schema


def test_the_schema_is_one():
    Draft202012Validator.check_schema(schema())


def test_every_rule_of_the_schema_offers_a_fix():
    def rules(rule):
        yield rule
        for part in (*rule.get("properties", {}).values(), rule.get("items"), rule.get("additionalProperties")):
            if isinstance(part, dict):
                yield from rules(part)

    every = [rule for root in (schema(), *schema()["$defs"].values()) for rule in rules(root)]
    assert [rule for rule in every if "title" not in rule and "$ref" not in rule] == []


@pytest.mark.parametrize("name", ["plan.json", "plan-family.json"])
def test_the_examples_are_plans_for_any_validator(name):
    Draft202012Validator(schema()).validate(json.loads((EXAMPLES / name).read_text()))
    assert read_plan(EXAMPLES / name)[1] == []


# ------------------------------------------------------------------------------------------------------- what is read


def test_a_plan_with_all_that_it_can_have():
    plan = load_plan(EXAMPLES / "plan-family.json")
    assert (plan.name, plan.version, plan.series) == ("North Mutual, family", 1, b"")
    assert (plan.deductible, plan.family_deductible) == (500, 1000)
    assert (plan.out_of_pocket_maximum, plan.family_out_of_pocket_maximum) == (3000, 6000)
    assert (plan.coinsurance, plan.coinsurance_out) == (2000, 4000)
    assert (plan.annual_limit, plan.lifetime_limit, plan.review_threshold) == (250_000, 1_000_000, 5000)
    assert (plan.waiting_days, plan.filing_days, plan.review_days, plan.appeal_days) == (30, 3650, 14, 180)
    assert (plan.copay_first, plan.copay_counts, plan.network, plan.covers_outside) == (True, False, True, True)
    assert plan.categories[0] == PlanCategory("prevention", 0, 4000, deductible=False)
    assert plan.categories[1] == PlanCategory("visit", 1000, 4000, copay=Decimal(20))
    assert plan.categories[2].annual_limit == 1200
    assert (plan.category_number("physiotherapy"), plan.category_number("")) == (3, 0)
    assert plan.bits(["age 0–17", "female"]) == 1 | 1 << 12
    colonoscopy = plan.prices[3]
    assert (colonoscopy.groups, colonoscopy.limit) == (("age 50–64", "age 65 and over"), Quantity(1, 3650))
    assert (plan.prices[5].referral, plan.prices[5].limit) == (True, Quantity(24, 0))
    assert (plan.prices[6].preauthorization, plan.prices[10].covered) == (True, False)
    (schedule,) = plan.schedules
    assert (schedule.number, schedule.provider, schedule.prices[0].allowed) == (1, "city-hospital", 88)


def test_what_is_left_out_is_not_there(written):
    plan = load_plan(written(filingDays=None))
    assert (plan.family_deductible, plan.annual_limit, plan.review_threshold, plan.filing_days) == (0, 0, 0, 0)
    assert (plan.coinsurance_out, plan.network, plan.categories, dict(plan.groups)) == (plan.coinsurance, False, (), {})


def test_numbers_are_exact(written):
    assert load_plan(written(deductible=0.1, outOfPocketMaximum=0.3)).deductible == Decimal("0.1")


def test_the_salt_is_never_shown(written):
    plan = load_plan(EXAMPLES / "plan.json")
    assert PLAN["salt"][2:] not in repr(plan)
    with pytest.raises(BadInput) as refused:
        load_plan(written(salt=PLAN["salt"][:-1]))
    assert PLAN["salt"][2:20] not in str(refused.value)
    assert "salus claim plan salt" in str(refused.value)


# ------------------------------------------------------------------------------------------------------- what is
# refused


@pytest.mark.parametrize(
    "change, field",
    [
        ({"salt": "0x" + "00" * 32}, "salt"),
        ({"salt": "0x12"}, "salt"),
        ({"salt": 5}, "salt"),
        ({"coinsurance": "1.1"}, "coinsurance"),
        ({"coinsurance": "0.00001"}, "coinsurance"),
        ({"coinsurance": 0.00001}, "coinsurance"),
        ({"deductible": "-1"}, "deductible"),
        ({"deductible": "1e3"}, "deductible"),
        ({"deductible": "1\n"}, "deductible"),
        ({"deductible": True}, "deductible"),
        ({"outOfPocketMaximum": "99.99"}, "outOfPocketMaximum"),
        ({"familyDeductible": "200", "familyOutOfPocketMaximum": "100"}, "familyOutOfPocketMaximum"),
        ({"annualLimit": "0.00"}, "annualLimit"),
        ({"reviewThreshold": 0}, "reviewThreshold"),
        ({"validUntil": "2025-01-01"}, "validUntil"),
        ({"validFrom": "2025-13-01"}, "validFrom"),
        ({"filingDays": 65536}, "filingDays"),
        ({"filingDays": "9"}, "filingDays"),
        ({"currency": "dollar"}, "currency"),
        ({"insurer": "North Mutual"}, "insurer"),
        ({"version": 0}, "version"),
        ({"version": 2}, "series"),
        ({"series": "0x" + "12" * 32}, "series"),
        ({"order": ["coinsurance", "copay", "deductible"]}, "order"),
        ({"network": {"has": False, "coversOutside": True}}, "network.coversOutside"),
        ({"network": {}}, "network.has"),
        ({"groups": {"young": 16}}, "groups.young"),
        ({"groups": {"young": 1, "old": 1}}, "groups.old"),
        ({"groups": {"a;b": 1}}, "groups.a;b"),
        ({"categories": [{"name": "a"}]}, "categories[0].coinsurance"),
        ({"categories": [{"name": "a", "coinsurance": 0}] * 2}, "categories[1].name"),
        ({"categories": [{"name": "a", "coinsurance": 0, "annualLimit": "0"}]}, "categories[0].annualLimit"),
        ({"prices": []}, "prices"),
        ({"prices": [PRICE] * 2}, "prices[1].code"),
        ({"prices": [{**PRICE, "code": " "}]}, "prices[0].code"),
        ({"prices": [{"system": "", "code": "1"}]}, "prices[0].allowed"),
        ({"prices": [{**PRICE, "category": "a"}]}, "prices[0].category"),
        ({"prices": [{**PRICE, "groups": ["young"]}]}, "prices[0].groups"),
        ({"prices": [{**PRICE, "limit": {"units": 0, "days": 1}}]}, "prices[0].limit.units"),
        ({"prices": [{**PRICE, "limit": {"units": 1, "days": "year"}}]}, "prices[0].limit.days"),
        ({"schedules": [{**FAMILY["schedules"][0], "until": "2025-01-01"}]}, "schedules[0].until"),
        (
            {"schedules": [FAMILY["schedules"][0], {**FAMILY["schedules"][0], "provider": "other"}]},
            "schedules[1].number",
        ),
        ({"extra": 1}, "extra"),
    ],
)
def test_refused_plan(change, field, written):
    path = written(**change)
    with pytest.raises(BadInput) as refused:
        load_plan(path)
    assert (refused.value.file, refused.value.field) == (str(path), field)
    assert "; " in refused.value.fix and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [name for name in PLAN if name != "filingDays"])
def test_missing_field(name, written):
    with pytest.raises(BadInput, match=f"{name}: is missing; give "):
        load_plan(written(**{name: None}))


def test_all_that_is_wrong_is_told_at_once(written):
    plan, problems = read_plan(written(deductible="x", validUntil=5, prices=[{**PRICE, "allowed": -1}], dedutible="1"))
    assert plan is None
    assert {problem.field for problem in problems} == {"deductible", "validUntil", "prices[0].allowed", "dedutible"}
    assert "did you mean deductible?" in str(next(problem for problem in problems if problem.field == "dedutible"))
    plan, problems = read_plan(written(validUntil="2025-01-01", prices=[{**PRICE, "category": "a"}] * 2, version=2))
    assert [problem.field for problem in problems] == [
        "validUntil",
        "prices[0].category",
        "prices[1].code",
        "prices[1].category",
        "series",
    ]


@pytest.mark.parametrize("content", ["[]", "5", '"plan"', "null"])
def test_another_document_is_no_plan(content, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(BadInput, match="file: is .*; give a plan"):
        load_plan(path)


# ------------------------------------------------------------------------------------------------------- hashes


def test_equal_plans_have_one_document(written):
    """Layout, order of prices, ways of writing amounts, texts for people and schedules are not what is sealed."""
    first = load_plan(written()).document
    prices = [{**price, "display": "x", "allowed": float(price["allowed"])} for price in reversed(PLAN["prices"])]
    usual = {"order": ["deductible", "copay", "coinsurance"], "schedules": FAMILY["schedules"]}
    other = written(deductible=100, coinsurance="0.20", prices=prices, **usual)
    assert load_plan(other).document == first


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"salt": new_salt()},
        {"deductible": "100.01"},
        {"coinsuranceOutOfNetwork": "0.3"},
        {"familyDeductible": "500"},
        {"order": ["copay", "deductible", "coinsurance"]},
        {"copayCountsToDeductible": True},
        {"network": {"has": True}},
        {"groups": {"female": 12}},
        {"categories": [{"name": "a", "coinsurance": "0"}]},
        {"prices": PLAN["prices"][1:]},
        {"prices": [{**PRICE, "covered": False}, *PLAN["prices"][1:]]},
        {"prices": [{**PRICE, "limit": {"units": 1, "days": 1}}, *PLAN["prices"][1:]]},
        {"prices": [{**PRICE, "preauthorization": True}, *PLAN["prices"][1:]]},
    ],
)
def test_another_plan_has_another_document(change, written):
    assert load_plan(written(**change)).document != load_plan(EXAMPLES / "plan.json").document


def test_the_order_of_categories_is_sealed_because_their_numbers_are(written):
    two = [{"name": "a", "coinsurance": "0"}, {"name": "b", "coinsurance": "0"}]
    assert load_plan(written(categories=two)).document != load_plan(written(categories=two[::-1])).document


def test_ids_of_a_series_and_its_versions(written):
    plan = load_plan(EXAMPLES / "plan.json")
    series = keccak(encode(["bytes32", "address", "bytes32"], [keccak(text="salus.plan"), SOMEBODY, plan.document]))[
        :28
    ]
    assert plan.series_id(SOMEBODY) == series + bytes(4)
    assert plan.id(SOMEBODY) == series + b"\0\0\0\1"
    for earlier in (plan.id(SOMEBODY), plan.series_id(SOMEBODY)):
        later = load_plan(written(version=258, series="0x" + earlier.hex()))
        assert later.id(SOMEBODY) == series + b"\0\0\1\2"


def test_code_is_the_hash_that_the_contracts_document():
    salt, system, code = bytes(range(32)), b"urn:x", b"42"
    words = [salt, (96).to_bytes(32), (160).to_bytes(32), len(system).to_bytes(32), system.ljust(32, b"\0")]
    words += [len(code).to_bytes(32), code.ljust(32, b"\0")]
    assert salted_code(salt, system.decode(), code.decode()) == keccak(b"".join(words))
    assert number_commitment(salt, "", "42") != number_commitment(salt, "4", "2")


def test_days():
    assert day_number("2025-01-01", source="", field="") == 20089
    assert (day_text(20089), day_text(2**24 - 1)) == ("2025-01-01", "day 16777215")
    with pytest.raises(BadInput, match="give a date from 1970 on"):
        day_number("1969-12-31", source="x", field="y")


# ------------------------------------------------------------------------------------------------------- in words


def test_worked_examples_are_computed_from_the_file():
    plan = load_plan(EXAMPLES / "plan-family.json")
    titles = ["within the deductible", "after the deductible", "13.75 from the out-of-pocket maximum"]
    found = plancheck.examples(plan)
    assert [example.title for example in found] == [*titles, "out of network, after the deductible"]
    names = ("charge", "written_off", "deductible", "copay", "coinsurance", "paid")
    assert [tuple(map(str, map(example.amount, names))) for example in found] == [
        ("118.75", "23.75", "75.00", "20.00", "0.00", "0.00"),
        ("118.75", "23.75", "0.00", "20.00", "7.50", "67.50"),
        ("118.75", "23.75", "0.00", "13.75", "0.00", "81.25"),
        ("118.75", "23.75", "0.00", "20.00", "30.00", "45.00"),
    ]


def test_a_plan_that_has_no_deductible_and_no_shares_has_one_example(written):
    plan = load_plan(written(deductible=0, coinsurance=0))
    (example,) = plancheck.examples(plan)
    assert (example.title, example.line.patient, example.amount("paid")) == ("a usual one", 0, Decimal("95.00"))


def test_a_deductible_below_every_price_is_reached_by_one_service(written):
    example = plancheck.examples(load_plan(written(deductible="10")))[0]
    assert (example.title, example.amount("deductible")) == ("into the deductible", Decimal("10.00"))
    assert example.price.code == "76601001"  # the cheapest


def test_decimals_are_as_many_as_the_amounts_need(written):
    assert plancheck.decimals_of(load_plan(written())) == 2
    assert plancheck.decimals_of(load_plan(written(deductible="0.12500"))) == 3


@pytest.mark.parametrize(
    "base, change, words",
    [
        (PLAN, {}, "5 codes (185349003, 76601001, 73761001, 140, 115) have no quantity limit"),
        (PLAN, {"prices": [{**PRICE, "allowed": 0}]}, "1 code (185349003) has the price 0"),
        (PLAN, {"categories": [{"name": "dental", "coinsurance": 0}]}, "no price is in the category dental"),
        (PLAN, {"groups": {"female": 12}}, "no price asks for the sex groups female"),
        (PLAN, {"groups": {"young": 0}, "prices": [{**PRICE, "groups": ["young"]}]}, "'young' is the only age group"),
        (PLAN, {"reviewThreshold": 1}, "reviewDays is 0"),
        (PLAN, {}, "appealDays is 0"),
        (PLAN, {"coinsuranceOutOfNetwork": 1}, "out of network that never applies"),
        (PLAN, {"schedules": FAMILY["schedules"]}, "there are schedules and no network"),
        (FAMILY, {"prices": FAMILY["prices"][1:]}, "the schedules of city-hospital price codes that"),
        (FAMILY, {"familyDeductible": "400.00"}, "familyDeductible is below deductible"),
    ],
)
def test_warnings(base, change, words, written):
    assert any(words in warning for warning in plancheck.warnings(load_plan(written(base, **change))))


def test_a_plan_without_doubts_has_no_warning():
    assert plancheck.warnings(load_plan(EXAMPLES / "plan-family.json")) == []


def test_the_words_tell_every_term():
    words = dict(plancheck.in_words(load_plan(EXAMPLES / "plan-family.json")))
    assert words["deductible"] == "500.00 USD, of a family 1,000.00 USD, in a calendar year"
    assert words["coinsurance"] == "20 %, out of network 40 % of what is left is the patient's"
    assert words["order"] == "copay, deductible, coinsurance; the copay counts to the deductible: no"
    assert words["limits"] == "250,000.00 USD in a calendar year, 1,000,000.00 USD in a lifetime"
    assert words["prices"].startswith(
        "11, 1 not covered, 1 with pre-authorisation, 1 on referral, 2 for some groups only"
    )


# ------------------------------------------------------------------------------------------------------- members


@pytest.fixture
def members(tmp_path):
    """Read the text of a members' file for the family plan."""

    def members(text, problems=None):
        path = tmp_path / "members.csv"
        path.write_text(text)
        return read_members(path, load_plan(EXAMPLES / "plan-family.json"), problems=problems)

    return members


def test_members_of_the_example():
    plan = load_plan(EXAMPLES / "plan-family.json")
    first, second, third = read_members(EXAMPLES / "members.csv", plan)
    day = day_number("2025-07-01", source="", field="")
    assert first == Membership(SOMEBODY, 20089, 23741, 1, 1 << 1 | 1 << 12, 1 << 2 | 1 << 12, day)
    assert (second.groups, second.secondary, second.next_from) == (1 << 2 | 1 << 13, True, 0)
    assert third.from_day == day_number("2025-03-15", source="", field="")
    assert ungrouped(plan, [first, second, third]) == {}


def test_the_least_that_a_members_file_says(members):
    assert members(f"until,member,from\n2026-01-01,{SOMEBODY.lower()},2025-01-01\n") == [
        Membership(SOMEBODY, 20089, 20454)
    ]


HEAD = "member,from,until,family,groups,nextGroups,nextFrom,secondary"


@pytest.mark.parametrize(
    "row, field",
    [
        ("0x12,2025-01-01,2026-01-01,,,,,", "member"),
        (f"{SOMEBODY.replace('C', 'c')},2025-01-01,2026-01-01,,,,,", "member"),
        (f"0x{7:040x},2025-01-01,2026-01-01,,,,,", "member"),
        (f"{SOMEBODY},01.01.2025,2026-01-01,,,,,", "from"),
        (f"{SOMEBODY},2025-01-01,,,,,,", "until"),
        (f"{SOMEBODY},2025-01-01,2025-01-01,,,,,", "until"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,F1,,,,", "family"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,{2**64},,,,", "family"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,,child,,,", "groups"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,,,female,,", "nextFrom"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,,,,2025-06-01,", "nextFrom"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,,,female,soon,", "nextFrom"),
        (f"{SOMEBODY},2025-01-01,2026-01-01,,,,,perhaps", "secondary"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_kept(row, field, members):
    good = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC,2025-01-01,2026-01-01,,,,,"
    problems = []
    assert [member.member for member in members(f"{HEAD}\n{row}\n{good}\n", problems)] == [good[:42]]
    (problem,) = problems
    assert problem.field == f"line 2: {field}"
    with pytest.raises(BadInput, match=f"line 2: {field}"):
        members(f"{HEAD}\n{row}\n{good}\n")


def test_a_row_that_does_not_fit_the_header(members):
    problems = []
    assert members(f"{HEAD}\n{SOMEBODY},2025-01-01\n", problems) == []
    assert problems[0].field == "line 2"


def test_a_member_twice(members):
    problems = []
    row = f"{SOMEBODY},2025-01-01,2026-01-01"
    assert len(members(f"member,from,until\n{row}\n{row.lower()}\n", problems)) == 1
    assert str(problems[0]).endswith("line 3: member: is on line 2 already; give each member one row")


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "has no column member, from, until"),
        ("member,from\n", "has no column until"),
        ("member,from,until,age\n", "has the column 'age'; known are"),
        ("member,from,until,from\n", "has the column 'from' twice"),
        ("member,from,until\n", "holds no members"),
        ('member,from,until\n"0x12\n', "is not CSV"),
    ],
)
def test_another_file_is_no_list_of_members(text, words, members):
    with pytest.raises(BadInput, match=words):
        members(text, [])


def test_members_without_the_groups_that_prices_ask_for():
    plan = load_plan(EXAMPLES / "plan-family.json")
    child, nobody = Membership(SOMEBODY, 1, 2, groups=1 | 1 << 12), Membership(SOMEBODY, 1, 2)
    assert ungrouped(plan, [child, nobody]) == {"age": [nobody], "sex": [nobody]}
