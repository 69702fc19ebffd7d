"""The commands `salus claim plan`, as an insurer and a provider type them."""

import json

import pytest
from click.testing import CliRunner

from salus.claims.plans.file import load_plan
from salus.claims.plans.records import Cap, Contract
from salus.cli import cli
from salus.keys.keystores import write_keystore
from tests.client.claims.test_plans import BASIC, SCT, USD, Insurance, many
from tests.support.commands import PASSWORD
from tests.support.shared_data import EXAMPLES

FAMILY_FILE = EXAMPLES / "plan-family.json"


class Office(Insurance):
    """An insurer's desk: the plan file, keystores, and the command."""

    def __init__(self, deployed_chain, token, folder):
        super().__init__(deployed_chain, token, folder)
        self.folder = folder
        self.keys = {name: folder / f"{name}.json" for name in ("insurer", "hospital")}
        for name, path in self.keys.items():
            write_keystore(path, bytes(getattr(self, name)._account.key), PASSWORD)
        self.write()

    def run(self, *words, who=None, code=0):
        options = ["--keystore", self.keys[who], "--yes"] if who else []
        result = CliRunner().invoke(cli, ["claim", "plan", *map(str, [*words, *options])], prog_name="salus")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    def insure(self, *words, code=0):
        return self.run(*words, who="insurer", code=code)

    def begin(self):
        """Register, load and publish."""
        self.insure("register", self.path, "--token", self.token)
        self.insure("prices", self.path)
        self.insure("publish", self.path)


@pytest.fixture
def office(deployed_chain, token, tmp_path, cheap, monkeypatch):
    monkeypatch.setenv("SALUS_RPC", deployed_chain.url)
    monkeypatch.setenv("SALUS_BOOK", str(deployed_chain.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    return Office(deployed_chain, token, tmp_path)


def rows(text):
    """A tab-separated table as dictionaries."""
    header, *lines = (line.split("\t") for line in text.splitlines() if "\t" in line)
    return [dict(zip(header, line, strict=False)) for line in lines]


def shown(result):
    """Facts by name."""
    return {name: value for name, _, value in (line.partition("  ") for line in result.stdout.splitlines()) if value}


# ------------------------------------------------------------------------------------------------------------- check


def test_check_explains_and_computes(office):
    result = office.run("check", FAMILY_FILE)
    facts = shown(result)
    assert facts["deductible"].strip() == "500.00 USD, of a family 1,000.00 USD, in a calendar year"
    assert facts["groups"].strip() == "age 0–17, age 18–49, age 50–64, age 65 and over, female, male"
    tables = result.stdout.partition("category\t")[2]
    assert rows("category\t" + tables)[1]["copay"] == "20.00"
    examples = rows("example\t" + tables.partition("example\t")[2])
    assert [(row["example"], row["paid"], row["patient"]) for row in examples] == [
        ("within the deductible", "0.00", "95.00"),
        ("after the deductible", "67.50", "27.50"),
        ("13.75 from the out-of-pocket maximum", "81.25", "13.75"),
        ("out of network, after the deductible", "45.00", "73.75"),
    ]
    assert result.stderr == ""


def test_check_as_json(office):
    document = json.loads(office.run("check", EXAMPLES / "plan.json", "--json").stdout)
    assert document["terms"]["coinsurance"] == "20 % of what is left is the patient's"
    assert [example["coinsurance"] for example in document["examples"]] == ["0.00", "19.00", "9.50"]
    assert any("no quantity limit" in warning for warning in document["warnings"])


def test_check_warns_on_stderr(office):
    result = office.run("check", EXAMPLES / "plan.json")
    assert "warning: 5 codes (185349003, 76601001, 73761001, 140, 115) have no quantity limit" in result.stderr
    assert "warning" not in result.stdout


def test_check_rounds_as_the_token_does(office):
    office.write(coinsurance="0.3333", categories=[], prices=[{"system": "", "code": "1", "allowed": "1"}])
    for decimals, share in (("2", "0.34"), ("6", "0.3333")):
        example = json.loads(office.run("check", office.path, "--decimals", decimals, "--json").stdout)["examples"][1]
        assert example["coinsurance"] == share


def test_check_tells_all_that_is_wrong(office):
    office.path.write_text(
        json.dumps({**json.loads(office.path.read_text()), "coinsurance": "2", "validUntil": "soon"})
    )
    result = office.run("check", office.path, code=2)
    assert result.stderr.splitlines() == [
        f'error: {office.path}: validUntil: is "soon"; give a date from 1970 on, YYYY-MM-DD',
        f'error: {office.path}: coinsurance: is "2";'
        ' give a fraction from 0 to 1 with at most four decimals, e.g. "0.2"',
    ]
    errors = [json.loads(line) for line in office.run("check", office.path, "--json", code=2).stderr.splitlines()]
    assert [error["field"] for error in errors] == ["validUntil", "coinsurance"]


def test_check_of_amounts_that_the_token_cannot_hold(office):
    assert "give no more" in office.run("check", FAMILY_FILE, "--decimals", "0", code=2).stderr


def test_a_salt(office):
    first, second = (office.run("salt").stdout.strip() for _ in range(2))
    assert first != second and len(bytes.fromhex(first[2:])) == 32


# --------------------------------------------------------------------------------------------------------- a version


def test_a_plan_from_file_to_force(office):
    registered = office.insure("register", office.path, "--token", office.token)
    plan_id = office.payer.plans.id_of(load_plan(office.path))
    assert f"is registered as 0x{plan_id.hex()}" in registered.stdout
    assert "coinsurance" in registered.stderr  # what is signed was shown
    assert "3 categories and 13 prices are not on chain" in office.run("show", office.path).stdout
    loaded = office.insure("prices", office.path, "--json")
    assert json.loads(loaded.stdout) == {"plan": "0x" + plan_id.hex(), "categories": 3, "prices": 13, "transactions": 3}
    assert office.insure("prices", office.path).stdout.startswith(
        "0 categories and 0 prices added in 0 transactions; all 13"
    )
    published = json.loads(office.insure("publish", office.path, "--json").stdout)
    facts = shown(office.run("show", office.path))
    assert facts["state"].strip().startswith("in force since")
    assert facts["prices"].strip() == "11 in 3 categories, 1 schedules; all on chain"
    assert office.payer.plans.terms(plan_id).in_force_at == published["inForceAt"]


def test_loading_that_broke_off_is_taken_up(office, monkeypatch):
    """What was signed and not sent is sent by the same command, as it was."""
    from salus.errors import Unreachable
    from salus.outbox._dispatch import Dispatch

    office.write(BASIC, prices=many(450))
    office.insure("register", office.path, "--token", office.token)

    def send(self, signed):
        raise Unreachable("the cable is cut")

    with monkeypatch.context() as cut:
        cut.setattr(Dispatch, "send", send)
        assert "the cable is cut" in office.insure("prices", office.path, code=3).stderr
    office.insure("prices", office.path)
    assert office.insure("prices", office.path).stdout.startswith("0 categories and 0 prices added in 0 transactions")


def test_publishing_by_halves_is_refused(office):
    office.insure("register", office.path, "--token", office.token)
    assert "load them with `salus claim plan prices`" in office.insure("publish", office.path, code=2).stderr


def test_a_plan_that_is_not_here(office):
    assert "not registered" in office.run("show", office.path).stdout
    assert "register it with `salus claim plan register`" in office.insure("prices", office.path, code=2).stderr


def test_only_an_insurer_registers(office):
    refused = office.run("register", office.path, "--token", office.token, who="hospital", code=1)
    assert "may not act as INSURER" in refused.stderr


def test_nothing_is_sent_unless_confirmed(office):
    block = office.block
    result = CliRunner().invoke(
        cli,
        [
            "claim",
            "plan",
            "register",
            str(office.path),
            "--token",
            office.token,
            "--keystore",
            str(office.keys["insurer"]),
        ],
    )
    assert (result.exit_code, office.block) == (2, block)
    assert "nobody is here to confirm" in result.stderr


# ------------------------------------------------------------------------------------------------------------ members

SOME = ("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")


def test_members_from_a_file(office):
    office.begin()
    result = json.loads(office.insure("enroll", office.path, EXAMPLES / "members.csv", "--json").stdout)
    assert (result["members"], result["added"], result["leftOut"]) == (3, 3, 0)
    again = office.insure("enroll", office.path, EXAMPLES / "members.csv")
    assert again.stdout.strip() == "3 members are enrolled as said, 0 of them now"
    facts = shown(office.run("show", office.path, "--member", SOME[0], "--year", "2025"))
    assert facts["covered"].strip() == "2025-01-01 until 2035-01-01"
    assert facts["groups"].strip() == "age 18–49, female; age 50–64, female from 2025-07-01"
    assert facts["used 2025"].strip() == "deductible 0.00, out of pocket 0.00, paid 0.00 USD"
    assert "another payer" in office.run("show", office.path, "--member", SOME[1]).stdout


def test_bad_rows_are_named_and_the_rest_is_enrolled(office):
    office.begin()
    file = office.folder / "members.csv"
    good = [f"0x{n:040x},2025-01-01,2026-01-01,female" for n in range(2**100, 2**100 + 120)]
    bad = ["0x12,2025-01-01,2026-01-01,", f"{SOME[0]},2025-01-01,soon,"]
    file.write_text("\n".join(["member,from,until,groups", *good[:60], bad[0], *good[60:], bad[1]]))
    result = office.insure("enroll", office.path, file, code=1)
    assert f"left out: {file}: line 62: member: is '0x12'" in result.stderr
    assert f"left out: {file}: line 123: until: is 'soon'" in result.stderr
    assert "warning: 120 members" in result.stderr and "have no age group" in result.stderr
    assert result.stdout.strip().startswith("120 members are enrolled as said, 120 of them now; 2 rows left out")
    file.write_text("\n".join(["member,from,until,groups", *good, f"{SOME[0]},2025-01-01,2026-01-01,"]))
    assert (
        office.insure("enroll", office.path, file).stdout.strip() == "121 members are enrolled as said, 1 of them now"
    )


def test_members_by_option(office):
    office.begin()
    words = ["enroll", office.path, "--member", SOME[0], "--member", SOME[1], "--from", "2025-02-01", "--family", 5]
    office.insure(*words, "--group", "male", "--group", "age 0–17", "--secondary")
    found = office.payer.plans.membership(office.payer.plans.id_of(load_plan(office.path)), SOME[1])
    assert (found.family, found.groups, found.secondary, found.until_day) == (5, 1 << 13 | 1, True, 23_741)
    assert "was never enrolled" in office.run("show", office.path, "--member", f"0x{2**90:040x}").stdout


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "give a file of members, or --member"),
        ([EXAMPLES / "members.csv", "--member", SOME[0]], "give a file of members, or --member"),
        ([EXAMPLES / "members.csv", "--from", "2025-01-01"], "holds what the other options say"),
        (["--member", SOME[0], "--group", "child"], "--group: is 'child'; the plan has age 0–17"),
        (["--member", SOME[0], "--from", "2040-01-01"], "--until: is 2035-01-01, not after 2040-01-01"),
        (["--member", SOME[0], "--from", "today"], "--from: is 'today'; give a date"),
        (["--member", "0x12"], "an address is 0x and 40 hex digits"),
    ],
)
def test_members_that_are_not_right(words, said, office):
    assert said in office.insure("enroll", office.path, *words, code=2).stderr


# ---------------------------------------------------------------------------------------------------------- providers


def test_contracts(office):
    office.begin()
    plan_id = office.payer.plans.id_of(load_plan(office.path))
    assert office.insure("contract", office.path).stdout.startswith("1 of 1 providers contracted")
    assert office.insure("contract", office.path).stdout.startswith("0 of 1 providers contracted")
    contract = shown(office.run("show", office.path, "--provider", office.provider))["contract"]
    assert contract.strip() == "2025-01-01 until 2035-01-01, price list 1"
    office.insure("contract", office.path, office.provider, "--until", "2026-01-01", "--schedule", 2)
    assert office.payer.plans.contract_of(plan_id, office.provider) == Contract(20_089, 20_454, 2)
    office.insure("contract", office.path, office.provider, "--end")
    assert shown(office.run("show", office.path, "--provider", office.provider))["contract"].strip() == "none"
    assert "PROVIDER: is missing" in office.insure("contract", office.path, "--end", code=2).stderr


def test_pre_authorisation(office):
    office.begin()
    words = ["authorize", office.path, SOME[0], "609588000", "--from", "2025-03-01", "--until", "2025-06-01"]
    assert (
        "pre-authorisation 1: 1 of Total knee replacement, 2025-03-01 until 2025-06-01" in office.insure(*words).stdout
    )
    second = json.loads(office.insure(*words, "--units", 2, "--system", SCT, "--json").stdout)
    plan = load_plan(office.path)
    found = office.payer.plans.authorization(office.payer.plans.id_of(plan), SOME[0], plan.code(SCT, "609588000"))
    assert (second["serial"], found.serial, found.units) == (2, 2, 2)
    assert "is not in the plan's price list" in office.insure("authorize", office.path, SOME[0], "1", code=2).stderr
    doubt = office.insure("authorize", office.path, SOME[0], "76601001").stderr
    assert "Intramuscular injection needs no pre-authorisation" in doubt


def test_referral(office, deployed_chain):
    office.begin()
    _, surgeon = deployed_chain.institution("PROVIDER")
    words = ["refer", office.path, SOME[0], "--from", "2025-03-01", "--until", "2025-06-01"]
    office.run(*words, "--to", surgeon, who="hospital")
    plans, plan_id = office.payer.plans, office.payer.plans.id_of(load_plan(office.path))
    assert plans.referral(plan_id, SOME[0], to=surgeon).by == office.hospital.address
    office.run(*words, who="hospital")
    assert plans.referral(plan_id, SOME[0]).until_day == 20_240
    assert "may not act as PROVIDER" in office.insure(*words, code=1).stderr


def test_the_price_of_a_schedule_is_on_chain(office):
    office.begin()
    plan = load_plan(office.path)
    price = office.payer.plans.price(office.payer.plans.id_of(plan), plan.code(SCT, "609588000"), schedule=1)
    assert price.allowed == 19_800 * USD


def test_a_cap_is_set_and_taken_back(office):
    office.begin()
    plan_id = office.payer.plans.id_of(load_plan(office.path))
    set_ = office.insure("cap", office.path, "50000.00", "--days", "7", "--provider", office.provider)
    assert "caps do not count in this version" in set_.stderr
    assert f"{office.provider}: at most 50000.00 USD in 7 days, then review" in set_.stdout
    assert office.payer.plans.cap_of(plan_id, provider=office.provider) == Cap(50_000 * USD, 7)
    assert "all without their own: no cap" in office.insure("cap", office.path, "0").stdout
    assert office.payer.plans.cap_of(plan_id) == Cap(0, 0)
