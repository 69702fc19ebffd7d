"""The table of powers in a file: what it says is what is shown, each mistake is one line that names file and field, and
what is weak is found. No chain.

given deployments/template.toml, filled in
    when it is read            each role has its holders, delays and guardians, and nothing is weak
    when a line is wrong       the message names the file, the field, and what belongs there
given a table with one weakness
    when it is judged          that one is told, and no other
"""

import dataclasses
import itertools
from pathlib import Path

import pytest

from scripts.deployment.powers import BadSetup, Holder, for_regulator, in_words, load_setup, weaknesses

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("ADMIN", "REGISTRAR", "RULE_MAKER", "REVIEWER", "ARBITER", "RECALLER")
DAY = 86_400


def account(number):
    return "0x" + f"{number:040d}"


@pytest.fixture
def filled(tmp_path):
    """The template with an account of its own for each power; the guardian is number 1."""
    numbers = itertools.count(1)
    parts = (ROOT / "deployments" / "template.toml").read_text().split("0x…")
    path = tmp_path / "here.toml"
    path.write_text(parts[0] + "".join(account(next(numbers)) + part for part in parts[1:]))
    return path


def test_C7_the_template_filled_in_is_a_strong_table(filled):
    setup = load_setup(filled, ROLES)
    assert setup.guardian == account(1)
    assert setup.holders == {
        "ADMIN": (Holder(account(2), 2 * DAY),),
        "REGISTRAR": (Holder(account(3)),),
        "RULE_MAKER": (Holder(account(4), 2 * DAY),),
        "REVIEWER": (Holder(account(5)),),
        "ARBITER": (Holder(account(6)),),
        "RECALLER": (Holder(account(7)),),
    }
    assert (setup.policy, setup.plan_delay) == ("emergency", 7 * DAY)
    assert weaknesses(setup) == []


def test_C7_the_template_itself_is_no_table():
    with pytest.raises(BadSetup, match="template.toml: roles.ADMIN.holder: is '0x…'; write an address"):
        load_setup(ROOT / "deployments" / "template.toml", ROLES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('policy = "emergency"', 'policy = "open"', "policy: is 'open'; write one of deny, emergency"),
        ('policy = "emergency"', 'polity = "deny"', "polity: is unknown; there are guardian, policy"),
        ('plan_delay = "7d"', "plan_delay = 7", "plan_delay: is 7; write a time"),
        ('plan_delay = "7d"', 'plan_delay = "366d"', "plan_delay: is '366d'; write a time of at most a year"),
        ('delay = "2d"', 'delay = "-2d"', "roles.ADMIN.delay: is '-2d'; write a time"),
        ("RECALLER =", "RECALER =", "roles.RECALER: is unknown"),
        ("RECALLER =", "# RECALLER =", "roles.RECALLER: is missing; say who holds it"),
        (account(2), account(0), "roles.ADMIN.holder: is account 0"),
        (f'"{account(3)}"', f'["{account(3)}", "{account(3)}"]', "roles.REGISTRAR.holder: name each account once"),
        (f'"{account(3)}"', "[]", "roles.REGISTRAR.holder: name each account once, and at least one"),
        ('delay = "2d"', f'guardian = "{account(9)}"', "roles.ADMIN.guardian: what the administrator scheduled"),
        ("[roles]", "[roles", "is no TOML"),
        (f'ARBITER = {{ holder = "{account(6)}" }}', 'ARBITER = "nobody"', "roles.ARBITER: is no row"),
        (f'guardian = "{account(1)}"', "", "guardian: is None; write an address"),
    ],
)
def test_C7_a_wrong_line_is_told_with_its_file_and_field(filled, old, new, said):
    text = filled.read_text()
    assert old in text
    filled.write_text(text.replace(old, new, 1))
    with pytest.raises(BadSetup) as told:
        load_setup(filled, ROLES)
    assert str(told.value).startswith(f"{filled}: {said}")


def test_C7_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadSetup, match="none.toml: No such file"):
        load_setup(tmp_path / "none.toml", ROLES)


def test_C7_one_role_may_have_several_holders_and_a_guardian_of_its_own(filled):
    row = f'{{ holder = ["{account(4)}", "{account(8)}"], delay = "12h", guardian = "{account(9)}" }}'
    filled.write_text(filled.read_text().replace(f'{{ holder = "{account(4)}", delay = "2d" }}', row))
    setup = load_setup(filled, ROLES)
    assert setup.holders["RULE_MAKER"] == tuple(Holder(account(n), DAY // 2, account(9)) for n in (4, 8))
    assert (setup.guardian_of("RULE_MAKER"), setup.guardian_of("REGISTRAR")) == (account(9), account(1))
    assert setup.accounts() == {account(n) for n in range(1, 10)}


def changed(setup, **rows):
    return dataclasses.replace(setup, holders=setup.holders | {k: (v,) for k, v in rows.items()})


def test_C7_one_key_for_all_is_weak_in_three_ways():
    found = weaknesses(for_regulator(account(1), ROLES))
    assert [line.split(":")[0] for line in found] == [
        "one account holds every role",
        "RULE_MAKER acts at once",
        "the guardian is the administrator",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"ADMIN": Holder(account(2))}, "ADMIN acts at once"),
        ({"RULE_MAKER": Holder(account(4))}, "RULE_MAKER acts at once"),
        ({"RULE_MAKER": Holder(account(1), DAY)}, "the guardian of RULE_MAKER is its holder"),
        ({"REGISTRAR": Holder(account(3), DAY, account(3))}, "the guardian of REGISTRAR is its holder"),
        ({"ADMIN": Holder(account(1), DAY)}, "the guardian is the administrator"),
    ],
)
def test_C7_each_weakness_is_told_by_itself(filled, rows, said):
    (found,) = weaknesses(changed(load_setup(filled, ROLES), **rows))
    assert found.startswith(said)


def test_C7_the_table_is_shown_in_words(filled):
    meaning = {role: f"does {role.lower()}" for role in ROLES}
    lines = list(in_words(load_setup(filled, ROLES), meaning))
    assert f"  ADMIN      {account(2)}  2 days after it was announced" in lines
    assert f"  REGISTRAR  {account(3)}  at once" in lines
    # Beside every row what it may do, and who may stop it where there is time to.
    assert [line.strip() for line in lines].count(f"{account(1)} may cancel it until then") == 1
    assert {f"does {role.lower()}" for role in ROLES} <= {line.strip() for line in lines}
    assert lines[-1] == "  a new plan of an insurer judges 7 days after its publication"
