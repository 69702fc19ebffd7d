"""The noun claim of the command line and scripts/submit_claims.py, against a chain with the contracts."""

import json
import sys
from decimal import Decimal

import pytest
from click.testing import CliRunner

from salus.claims.plans.records import Membership
from salus.cli import cli
from salus.keys.keystores import write_keystore
from tests.support.claim_scenario import REF, USD, ClaimScenario
from tests.support.shared_data import EXAMPLES, shared

PASSWORD = "correct horse"
CLAIM = EXAMPLES / "claim.json"


class ClaimCommands(ClaimScenario):
    """An insurer, a hospital and a member, and what a user has on disk: a plan file, keystores, and the command."""

    def __init__(self, deployed_chain, token, folder, **options):
        super().__init__(deployed_chain, token, folder, **options)
        self.folder = folder
        people = {
            "insurer": self.insurer,
            "hospital": self.hospital,
            "patient": self.patient,
            "arbiter": deployed_chain.regulator,
        }
        self.keys = {name: folder / f"{name}.json" for name in people}
        for name, signer in people.items():
            write_keystore(self.keys[name], bytes(signer._account.key), PASSWORD)
        self.member = f"{REF}={self.patient.address}"

    def run(self, *words, who=None, code=0):
        options = ["--keystore", self.keys[who], "--yes"] if who else []
        result = CliRunner().invoke(cli, ["claim", *map(str, [*words, *options])], prog_name="salus")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    def send(self, *files, code=0, words=(), **options):
        given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        files = files or (CLAIM,)
        return self.run(
            "submit", *files, "--plan", self.path, "--patient", self.member, *words, *given, who="hospital", code=code
        )


@pytest.fixture
def claim_commands(deployed_chain, token, tmp_path, cheap, monkeypatch):
    monkeypatch.setenv("SALUS_RPC", deployed_chain.url)
    monkeypatch.setenv("SALUS_BOOK", str(deployed_chain.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    return lambda **options: ClaimCommands(deployed_chain, token, tmp_path, **options)


def rows(text):
    """A tab-separated table as dictionaries."""
    header, *lines = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


# ------------------------------------------------------------------------------------------------------------ submit


def test_from_file_to_paid_claim(claim_commands):
    commands = claim_commands()
    out = commands.folder / "answers"
    (row,) = rows(commands.send(out=out).stdout)
    claim = row.pop("id")
    assert row == {
        "claim": "CH-2025-0001",
        "outcome": "partly paid",
        "billed": "182.75",
        "allowed": "151.70",
        "deductible": "100.00",
        "copay": "0.00",
        "coinsurance": "10.34",
        "paid": "41.36",
        "patient": "110.34",
        "codes": "CO-45 PR-1 PR-2",
    }
    (answer,) = out.glob("ClaimResponse-*.json")
    response = json.loads(answer.read_text())
    assert (response["outcome"], response["payment"]["amount"]["value"]) == ("complete", 41.36)
    assert response["identifier"][0]["value"] == claim
    told = commands.run("status", claim).stdout.splitlines()
    assert told[0] == "settled" and "the plan pays 41.36" in told[1] and f"paid to {commands.provider}" in told[2]
    shown = json.loads(commands.run("show", claim, "--json").stdout)
    assert (shown["state"], [entry["event"] for entry in shown["history"]]) == ("settled", ["ClaimDecided", "Paid"])


def test_running_twice_pays_once(claim_commands):
    commands = claim_commands()
    out = commands.folder / "answers"
    commands.send(out=out)
    paid, block = commands.balance(), commands.deployed_chain.w3.eth.block_number
    (row,) = rows(commands.send(out=out).stdout)
    assert (row["outcome"], row["paid"]) == ("partly paid (earlier)", "41.36")
    assert (commands.balance(), commands.deployed_chain.w3.eth.block_number, len(list(out.iterdir()))) == (
        paid,
        block,
        1,
    )


def test_a_day_that_no_version_of_the_plan_covers_is_bad_input(claim_commands):
    commands = claim_commands(validFrom="2025-04-01")
    block = commands.deployed_chain.w3.eth.block_number
    said = commands.send(code=2).stderr.splitlines()[-1]
    assert said.startswith(f"error: {CLAIM}: servicedDate: is 2025-03-")
    assert "which no version of the plan covers (2025-04-01 to 2034-12-31); bill the plan of that day" in said
    assert commands.deployed_chain.w3.eth.block_number == block


def test_refused_claim_ends_with_1(claim_commands):
    commands = claim_commands()
    commands.payer.plans.enroll(
        commands.plan_id, [Membership(commands.patient.address, 20_200, commands.plan.valid_until)]
    )
    result = commands.send(code=1)
    assert rows(result.stdout)[0]["outcome"] == "refused (26)"
    said = "refused: claim CH-2025-0001: the patient was not covered on that service day (CARC 26)"
    assert said in result.stderr.splitlines()
    as_json = commands.send(words=("--json",), code=1)
    assert json.loads(as_json.stdout)[0]["outcome"] == "error"
    assert json.loads(as_json.stderr.splitlines()[-1])["error"] == "OUTSIDE_COVER"


def test_json(claim_commands):
    commands = claim_commands()
    result = commands.run(
        "submit",
        EXAMPLES / "claims.ndjson",
        "--plan",
        commands.path,
        "--patient",
        commands.patient.address,
        "--json",
        who="hospital",
    )
    responses = json.loads(result.stdout, parse_float=Decimal)
    assert [response["outcome"] for response in responses] == ["complete", "complete", "partial"]
    assert responses[0]["total"][0]["amount"] == {"value": Decimal("1150.00"), "currency": "USD"}


def test_bad_files_are_listed_and_stop_no_other(claim_commands):
    commands = claim_commands()
    bad = commands.folder / "bad.json"
    bad.write_text('{"resourceType": "Claim"}')
    result = commands.send(CLAIM, bad, code=1)
    assert any(line.startswith(f"left out: {bad}: ") for line in result.stderr.splitlines())
    assert rows(result.stdout)[0]["outcome"] == "partly paid"
    block = commands.deployed_chain.w3.eth.block_number
    alone = commands.send(bad, code=2)
    assert alone.stderr.splitlines()[-1].startswith(f"error: {bad}: ")
    blocked = commands.folder / "file"
    blocked.write_text("")
    assert "cannot be written to" in commands.send(EXAMPLES / "claims.ndjson", out=blocked, code=2).stderr
    assert commands.deployed_chain.w3.eth.block_number == block


def test_x12_through_a_mapping_file(claim_commands):
    commands = claim_commands()
    x12 = EXAMPLES / "claims-837p.txt"
    words = ("submit", x12, "--plan", commands.path, "--dry-run")
    dry = commands.run(*words, code=1)
    assert [(row["claim"], row["code"]) for row in rows(dry.stdout)] == [
        ("P-1001", "99213"),
        ("P-1001", "90658"),
        ("P-1002", "96372"),
    ]
    assert "2 claims read, 0 left out; 3 lines of 3 codes are not in the plan" in dry.stderr
    assert commands.run(*words, "--map", EXAMPLES / "codes.csv").stdout == ""
    result = commands.run(
        "submit", x12, "--plan", commands.path, "--patient", f"MI|NM-0417={commands.patient.address}",
        "--map", EXAMPLES / "codes.csv", who="hospital",
    )  # fmt: skip
    assert [(row["claim"], row["outcome"]) for row in rows(result.stdout)] == [
        ("P-1001", "partly paid"),
        ("P-1002", "partly paid"),
    ]


def test_patients(claim_commands):
    commands = claim_commands()
    path = shared("hl7-fhir-r4-examples", "Claim-100152.json")
    words = ("submit", CLAIM, path, "--plan", commands.path)
    several = commands.run(*words, "--patient", commands.patient.address, who="hospital", code=2)
    assert "names no patient, and the claims name 2; write REFERENCE=0x…" in several.stderr
    twice = commands.run(*words, "--patient", commands.member, "--patient", commands.member, who="hospital", code=2)
    assert "is given twice" in twice.stderr
    assert "--patient: is missing" in commands.run(*words, who="hospital", code=2).stderr
    table = commands.folder / "patients.csv"
    table.write_text(f"patient,account\n{REF},{commands.patient.address}\n")
    result = commands.run(*words, "--patients", table, who="hospital", code=1)
    assert "left out: " in result.stderr and "add --patient Claim/100152#patient-1=0x…" in result.stderr
    assert [row["claim"] for row in rows(result.stdout)] == ["CH-2025-0001"]


def test_nobody_confirms(claim_commands):
    commands = claim_commands()
    words = ["claim", "submit", CLAIM, "--plan", commands.path, "--patient", commands.member]
    result = CliRunner().invoke(
        cli, [str(w) for w in (*words, "--keystore", commands.keys["hospital"])], prog_name="salus"
    )
    assert result.exit_code == 2 and "add --yes" in result.stderr


def test_estimate_writes_nothing(claim_commands):
    commands = claim_commands()
    block = commands.deployed_chain.w3.eth.block_number
    words = ("--plan", commands.path, "--provider", commands.provider, "--patient", commands.member)
    for file in (CLAIM, EXAMPLES / "claim-predetermination.json"):
        (row,) = rows(commands.run("estimate", file, *words).stdout)
        assert (row["outcome"], row["paid"], row["patient"]) == ("would be partly paid", "41.36", "110.34")
    wrong = commands.run("estimate", CLAIM, *words, "--use", "predetermination", code=2)
    assert "use: is 'claim'; only 'predetermination' is taken here" in wrong.stderr
    assert commands.deployed_chain.w3.eth.block_number == block


def test_attested_by_the_hospital_relayed_by_the_insurer(claim_commands):
    commands = claim_commands()
    file = commands.folder / "attested.json"
    made = commands.run(
        "attest",
        EXAMPLES / "claims.ndjson",
        "--plan",
        commands.path,
        "--patient",
        commands.member,
        "--out",
        file,
        who="hospital",
    )
    assert "3 claims attested" in made.stdout and commands.balance() == 0
    result = commands.run("relay", file, who="insurer")
    assert [row["outcome"] for row in rows(result.stdout)] == ["partly paid"] * 3
    assert commands.balance() > 0
    assert [row["outcome"] for row in rows(commands.run("relay", file, who="patient").stdout)] == [
        "partly paid (earlier)"
    ] * 3


# ------------------------------------------------------------------------------------------------------ going on, money


def test_review_appeal_and_arbitration(claim_commands):
    commands = claim_commands(reviewThreshold="10.00", reviewDays=5, appealDays=30)
    (row,) = rows(commands.send().stdout)
    assert row["outcome"] == "pended"
    status = commands.run("status", row["id"]).stdout
    assert "waits for the insurer's review" in status and "the insurer reviews until" in status
    assert "reserved  41.36" in commands.run("pool", commands.path).stdout
    denied = commands.run("review", row["id"], "--deny", "50", who="insurer")
    assert "denied by the insurer's review" in denied.stdout and "Deny (CARC 50)" not in denied.stdout
    number = ("CH-2025-0001", "--plan", commands.path, "--provider", commands.provider)
    number = (*number, "--number-system", "https://city-hospital.example/claims")
    assert "an appeal waits for the arbiter" in commands.run("appeal", *number, who="patient").stdout
    decided = commands.run("arbitrate", *number, "--award", "41.36", "--carc", "45", who="arbiter")
    assert "decided on appeal" in decided.stdout and commands.balance() == 41_360_000
    told = commands.run("status", *number).stdout
    assert "decided on appeal: 41.36 more, above the price that the plan allows (CARC 45)" in told


def test_reversal_and_repayment(claim_commands):
    commands = claim_commands()
    (row,) = rows(commands.send().stdout)
    assert "reversed: what it used up is given back" in commands.run("reverse", row["id"], who="hospital").stdout
    told = commands.run("pool", commands.path, "--payee", commands.provider).stdout
    assert f"to be given back by {commands.provider}: 41.36" in told
    assert "given back; 31.36 USD is left" in commands.run("repay", commands.path, "10", who="hospital").stdout
    assert "given back; 0.00 USD is left" in commands.run("repay", commands.path, who="hospital").stdout
    assert commands.balance() == 0
    refused = commands.run("reverse", row["id"], who="hospital", code=1)
    assert "was reversed" in refused.stderr


def test_who_acts_for_no_institution_has_nothing_to_give_back(claim_commands):
    commands = claim_commands()
    refused = commands.run("repay", commands.path, who="patient", code=2)
    assert refused.stderr.splitlines()[-1] == (
        f"error: signer: {commands.patient.address} acts for no institution; name one that does with --keystore"
    )


def test_owed_claim_is_settled_by_anyone(claim_commands):
    commands = claim_commands(fund=0)
    (row,) = rows(commands.send().stdout)
    assert row["outcome"] == "owed"
    short = commands.run("settle", commands.path, who="hospital", code=1)
    assert short.stderr.splitlines()[-1] == "refused: the oldest debt is 41360000, and the pool holds 0"
    commands.mint(commands.insurer.address, 100 * USD)
    funded = commands.run("fund", commands.path, "100", who="insurer")
    assert "holds 100.00 USD and owes 41.36" in funded.stdout
    assert "1 debts paid" in commands.run("settle", commands.path, who="patient").stdout
    assert commands.run("status", row["id"]).stdout.splitlines()[0] == "settled"
    assert (
        "announced; it can be withdrawn from"
        in commands.run("leave", commands.path, "--announce", "5", who="insurer").stdout
    )
    assert "refused: " in commands.run("leave", commands.path, who="insurer", code=1).stderr
    assert "refused: nothing is held" in commands.run("collect", commands.token, who="hospital", code=1).stderr


def test_a_pool_is_halted_and_goes_on(claim_commands):
    commands = claim_commands()
    halted = commands.run("halt", commands.path, "--days", "2", who="insurer")
    assert f"the pool of {commands.handle} pays nothing until " in halted.stdout
    assert "halted    its insurer lets it pay nothing until " in commands.run("pool", commands.path).stdout
    assert rows(commands.send().stdout)[0]["outcome"] == "owed"
    assert (
        f"the pool of {commands.handle} pays again"
        in commands.run("halt", commands.path, "--end", who="insurer").stdout
    )
    assert "1 debts paid" in commands.run("settle", commands.path, who="patient").stdout
    both = commands.run("halt", commands.path, "--end", "--days", "1", who="insurer", code=2)
    assert both.stderr == "error: --end: is given with --days; give one of them\n"


def test_what_a_pool_has_too_much_is_withdrawn_after_its_announcement(claim_commands):
    commands = claim_commands()
    commands.run("leave", commands.path, "--announce", "5", who="insurer")
    assert "leaving   5.00, from " in commands.run("pool", commands.path).stdout
    taken_back = commands.run("leave", commands.path, "--announce", "0", who="insurer")
    assert taken_back.stdout.startswith("taken back (block ")


@pytest.mark.parametrize("amount", ["-1", "1e3", "ten", "1,5", ""])
def test_an_amount_is_a_plain_number(claim_commands, amount):
    commands = claim_commands()
    result = commands.run(
        "fund", commands.path, f"--keystore={commands.keys['insurer']}", "--yes", "--", amount, code=2
    )
    assert result.stderr.splitlines()[-1] == f"error: AMOUNT: is {amount!r}; give an amount, e.g. 25000.00"


def test_explanation_of_benefit(claim_commands):
    commands = claim_commands()
    (row,) = rows(commands.send().stdout)
    from_plan = json.loads(commands.run("eob", row["id"], "--plan", commands.path).stdout)
    assert from_plan["resourceType"] == "ExplanationOfBenefit"
    assert from_plan["item"][0]["productOrService"]["coding"][0]["code"] == "185349003"
    from_file = json.loads(commands.run("eob", row["id"], "--plan", commands.path, "--file", CLAIM).stdout)
    assert from_file["patient"] == {"reference": REF}
    alone = json.loads(commands.run("eob", row["id"], "--response").stdout)
    assert alone["resourceType"] == "ClaimResponse" and alone["insurer"]["identifier"]["value"] == commands.handle


def test_report(claim_commands):
    commands = claim_commands()
    commands.send(CLAIM, EXAMPLES / "claims.ndjson")
    found = json.loads(commands.run("report", "--insurer", commands.handle, "--json").stdout)
    (plan,) = found["plans"]
    assert (plan["submitted"], plan["settled"], plan["denials"]) == (4, 4, {"204": "310.00"})
    assert Decimal(plan["paid"]) == Decimal(commands.balance()).scaleb(-6)
    assert plan["daysToPayment"]["max"] >= plan["daysToPayment"]["median"] > 0
    assert "not in the plan's price list" in commands.run("report", "--insurer", commands.handle).stdout


def test_unknown_claim(claim_commands):
    assert "never submitted, or refused" in claim_commands().run("status", "0x" + "12" * 32).stdout


@pytest.mark.parametrize(
    "words, message",
    [
        (("status", "0x12"), "error: CLAIM: is '0x12'; give its id, 0x and 64 hex digits, or its number with --plan"),
        (("fund", "{plan}", "-5x"), None),
        (("fund", "{plan}", "1e9"), "error: AMOUNT: is '1e9'; give an amount, e.g. 25000.00"),
        (("reverse", "0x" + "12" * 32), "was never decided on this chain"),
        (("withdraw", "0x" + "12" * 32), "was never pended on this chain"),
        (("submit", "{plan}", "--plan", "{plan}", "--patient", "{member}"), "resourceType: is missing"),
        (("arbitrate", "0x" + "12" * 32, "--award", "x", "--carc", "0"), None),
    ],
)
def test_usage_ends_with_2(words, message, claim_commands):
    commands = claim_commands(fund=0, consent=False)
    words = [word.format(plan=commands.path, member=commands.patient.address) for word in words]
    result = commands.run(*words, who=None if words[0] == "status" else "insurer", code=2)
    assert message is None or message in result.stderr.splitlines()[-1]
    assert not result.stdout


@pytest.mark.parametrize(
    "name",
    "submit estimate attest relay status eob review decide withdraw reverse appeal arbitrate fund pool settle repay"
    " collect leave report".split(),
)
def test_help_has_an_example(name):
    result = CliRunner().invoke(cli, ["claim", name, "--help"], prog_name="salus")
    assert result.exit_code == 0 and f"salus claim {name}" in result.stdout.split("Example:")[1]


# -------------------------------------------------------------------------------------------------------- the script


def test_script(claim_commands, monkeypatch, capsys):
    from scripts import submit_claims as script

    commands = claim_commands()
    monkeypatch.setenv("SALUS_KEYSTORE", str(commands.keys["hospital"]))
    out = commands.folder / "answers"
    words = [
        str(EXAMPLES / "claims.ndjson"),
        "--plan",
        str(commands.path),
        "--patient",
        commands.member,
        "--out",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", ["submit_claims.py", *words, "--batch", "2", "--yes"])
    assert script.main() == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "CH-2025-0002: partly paid, billed 1150.00, allowed 820.00, paid 576.00, patient 244.00",
        "CH-2025-0003: partly paid, billed 209.90, allowed 181.90, paid 145.52, patient 36.38",
        "CH-2025-0004: partly paid, billed 430.00, allowed 95.00, paid 76.00, patient 19.00",
    ]
    assert said.err.splitlines()[-2:] == ["2 of 3 claims answered", "3 of 3 claims answered"]
    assert len(list(out.iterdir())) == 3
    assert script.main() == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("CH-2025-0002: partly paid earlier, ")


def test_script_with_a_bad_file(claim_commands, monkeypatch, capsys):
    from scripts import submit_claims as script

    commands = claim_commands(fund=0, consent=False)
    words = [str(commands.path), "--plan", str(commands.path), "--patient", commands.member, "--yes"]
    monkeypatch.setattr(sys, "argv", ["submit_claims.py", *words, "--keystore", str(commands.keys["hospital"])])
    assert script.main() == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("left out: ")
