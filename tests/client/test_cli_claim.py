"""The noun claim of the command line and scripts/submit_claims.py, against a chain with the contracts."""

import json
import sys
from decimal import Decimal

import pytest
from click.testing import CliRunner

from salus.cli import cli
from salus.consent import DirectiveDraft, Effect
from salus.keystores import write_keystore
from salus.plans import new_salt
from tests.client.shared_data import EXAMPLES, shared

PASSWORD = "correct horse"
PLAN = json.loads((EXAMPLES / "plan.json").read_text())
REF = "Patient/patient-1"


class Scene:
    """What a user has on disk: a plan file, keystores, and the command."""

    def __init__(self, world, tmp_path):
        self.world, self.folder = world, tmp_path
        (insurer, self.handle), (hospital, self.provider) = world.institution("INSURER"), world.institution("PROVIDER")
        self.insurer, self.hospital, self.patient = insurer, hospital, world.person()
        self.token = world.deploy("TestToken", "Dollar", "USD", 6)
        self.plan = tmp_path / "plan.json"
        self.plan.write_text(json.dumps({**PLAN, "insurer": self.handle, "salt": new_salt()}))
        self.keys = {name: tmp_path / f"{name}.json" for name in ("insurer", "hospital")}
        write_keystore(self.keys["insurer"], bytes(insurer._account.key), PASSWORD)
        write_keystore(self.keys["hospital"], bytes(hospital._account.key), PASSWORD)
        self.member = f"{REF}={self.patient.address}"

    def run(self, *words, who=None, code=0):
        options = ["--keystore", self.keys[who], "--yes"] if who else []
        result = CliRunner().invoke(cli, ["claim", *map(str, [*words, *options])], prog_name="salus")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    def ready(self, fund="1000"):
        self.run("plan", self.plan, "--token", self.token, who="insurer")
        self.run("enroll", self.plan, self.patient.address, who="insurer")
        erc20 = self.world.w3.eth.contract(address=self.token, abi=self.world.build("TestToken")["abi"])
        self.world.client(self.insurer).send(erc20.functions.mint(self.insurer.address, 10**12))
        if fund:
            self.run("fund", self.plan, fund, who="insurer")
        grant = DirectiveDraft(
            self.handle, Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, 2_000_000_000
        )
        self.world.client(self.patient).consent.grant(grant)
        return self

    def submit(self, *files, code=0, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        files = files or (EXAMPLES / "claim.json",)
        return self.run(
            "submit", *files, "--plan", self.plan, "--patient", self.member, *words, who="hospital", code=code
        )


@pytest.fixture
def scene(world, tmp_path, monkeypatch, cheap):
    monkeypatch.setenv("SALUS_RPC", world.url)
    monkeypatch.setenv("SALUS_BOOK", str(world.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    return Scene(world, tmp_path)


def rows(text):
    """A tab-separated table as dictionaries."""
    header, *lines = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_from_plan_to_paid_claim(scene):
    salt = scene.run("plan", "--new-salt").stdout.strip()
    assert len(salt) == 66 and salt != scene.run("plan", "--new-salt").stdout.strip()
    installed = scene.run("plan", scene.plan, "--token", scene.token, who="insurer")
    assert f"of {scene.handle} is published with 5 prices" in installed.stdout
    assert "coinsurance" in installed.stderr  # shown before it is signed
    scene.ready(fund="25000.50")
    out = scene.folder / "answers"
    (row,) = rows(scene.submit(out=out).stdout)
    assert row.pop("id").startswith("0x")
    assert row == {
        "claim": "CH-2025-0001",
        "state": "settled",
        "billed": "182.75",
        "allowed": "151.70",
        "deductible": "100.00",
        "coinsurance": "10.34",
        "paid": "41.36",
        "patient": "110.34",
    }
    (answer,) = out.glob("ClaimResponse-*.json")
    response = json.loads(answer.read_text())
    assert (response["outcome"], response["payment"]["amount"]["value"]) == ("complete", 41.36)
    claim_id = response["identifier"][0]["value"]
    assert f"41.36 paid by {scene.handle} to {scene.provider}" in scene.run("show", claim_id).stdout
    shown = json.loads(scene.run("show", claim_id, "--json").stdout)
    assert (shown["state"], shown["amount"], shown["payee"]) == ("settled", "41.36", scene.hospital.address)


def test_refused_claim_ends_with_1_and_keeps_the_older_answer(scene):
    scene.ready()
    out = scene.folder / "answers"
    scene.submit(out=out)
    again = scene.submit(out=out, code=1)
    assert rows(again.stdout)[0]["state"] == "refused (18)"
    assert (
        "refused: claim CH-2025-0001: a claim of this provider with this number is already settled or owed (CARC 18)"
        in (again.stderr.splitlines())
    )
    outcomes = sorted(json.loads(path.read_text())["outcome"] for path in out.iterdir())
    assert outcomes == ["complete", "error"]


def test_json(scene):
    scene.ready()
    result = scene.run(
        "submit",
        EXAMPLES / "claims.ndjson",
        "--plan",
        scene.plan,
        "--patient",
        scene.patient.address,
        "--json",
        who="hospital",
    )
    responses = json.loads(result.stdout, parse_float=Decimal)
    assert [response["outcome"] for response in responses] == ["complete"] * 3
    assert responses[0]["total"][0]["amount"] == {"value": Decimal("1150.00"), "currency": "USD"}
    refused = scene.run(
        "submit",
        EXAMPLES / "claims.ndjson",
        "--plan",
        scene.plan,
        "--patient",
        scene.patient.address,
        "--json",
        who="hospital",
        code=1,
    )
    assert [json.loads(line)["error"] for line in refused.stderr.splitlines() if line.startswith("{")] == [
        "DUPLICATE"
    ] * 3


def test_estimate_writes_nothing(scene):
    scene.ready()
    block = scene.world.w3.eth.block_number
    words = (
        "estimate",
        EXAMPLES / "claim.json",
        "--plan",
        scene.plan,
        "--patient",
        scene.member,
        "--provider",
        scene.provider,
    )
    (row,) = rows(scene.run(*words).stdout)
    assert (row["state"], row["paid"]) == ("estimate", "41.36")
    assert scene.world.w3.eth.block_number == block


def test_owed_claim_is_settled_by_anyone(scene):
    scene.ready(fund="")
    (row,) = rows(scene.submit().stdout)
    assert row["state"] == "owed"
    short = scene.run("settle", row["id"], who="hospital", code=1)
    assert short.stderr.splitlines()[-1].startswith("refused: ")
    funded = scene.run("fund", scene.plan, "100", who="insurer")
    assert "holds 100.00 USD and owes 41.36" in funded.stdout
    scene.run("settle", row["id"], who="hospital")
    assert "41.36 paid" in scene.run("show", row["id"]).stdout


def test_unknown_claim(scene):
    assert "never submitted, or refused" in scene.run("show", "0x" + "12" * 32).stdout


@pytest.mark.parametrize(
    "words, message",
    [
        (("show", "0x12"), "error: CLAIM: is '0x12'; give 0x and 64 hex digits"),
        (("plan",), "error: FILE: is missing; give the plan file and the token that it is counted in"),
        (("plan", "none.json", "--token", "0x" + "11" * 20), "error: none.json: file: cannot be read"),
        (("fund", "{plan}", "-5x"), None),
        (("fund", "{plan}", "1e9"), "error: AMOUNT: is '1e9'; give an amount, e.g. 25000.00"),
        (("enroll", "{plan}", "0x12"), None),
        (
            ("enroll", "{plan}", "{member}", "--from", "soon"),
            "error: --from: is 'soon'; give a date from 1970 on, YYYY-MM-DD",
        ),
        (
            ("submit", "{plan}", "--plan", "{plan}", "--patient", "{member}"),
            "resourceType: is missing; give a FHIR R4 resource in JSON",
        ),
    ],
)
def test_usage_ends_with_2(words, message, scene):
    scene.run("plan", scene.plan, "--token", scene.token, who="insurer")
    words = [word.format(plan=scene.plan, member=scene.patient.address) for word in words]
    result = scene.run(*words, who=None if words[0] == "show" else "insurer", code=2)
    assert message is None or message in result.stderr.splitlines()[-1]
    assert not result.stdout


def test_nothing_is_sent_when_one_file_is_bad(scene):
    scene.ready()
    block = scene.world.w3.eth.block_number
    bad = scene.folder / "bad.json"
    bad.write_text('{"resourceType": "Claim"}')
    result = scene.submit(EXAMPLES / "claim.json", bad, code=2)
    assert result.stderr.splitlines()[-1].startswith(f"error: {bad}: ")
    blocked = scene.folder / "file"
    blocked.write_text("")
    assert "cannot be written to" in scene.submit(out=blocked, code=2).stderr
    assert scene.world.w3.eth.block_number == block


def test_patients(scene):
    scene.ready()
    path = shared("hl7-fhir-r4-examples", "Claim-100152.json")
    words = ("submit", EXAMPLES / "claim.json", path, "--plan", scene.plan)
    several = scene.run(*words, "--patient", scene.patient.address, who="hospital", code=2)
    assert "names no patient, and the claims name 2; write REFERENCE=0x…" in several.stderr
    twice = scene.run(*words, "--patient", scene.member, "--patient", scene.member, who="hospital", code=2)
    assert "is given twice" in twice.stderr
    missing = scene.run(*words, "--patient", scene.member, who="hospital", code=2)
    assert "add --patient Claim/100152#patient-1=0x…" in missing.stderr


def test_nobody_confirms(scene):
    scene.ready()
    words = ["claim", "submit", EXAMPLES / "claim.json", "--plan", scene.plan, "--patient", scene.member]
    result = CliRunner().invoke(
        cli, [str(w) for w in (*words, "--keystore", scene.keys["hospital"])], prog_name="salus"
    )
    assert result.exit_code == 2 and "add --yes" in result.stderr


@pytest.mark.parametrize("name", ["plan", "enroll", "fund", "submit", "estimate", "show", "settle"])
def test_help_has_an_example(name):
    result = CliRunner().invoke(cli, ["claim", name, "--help"], prog_name="salus")
    assert result.exit_code == 0 and f"salus claim {name}" in result.stdout.split("Example:")[1]


# -------------------------------------------------------------------------------------------------------- the script


def test_script(scene, monkeypatch, capsys):
    from scripts import submit_claims as script

    scene.ready()
    monkeypatch.setenv("SALUS_KEYSTORE", str(scene.keys["hospital"]))
    out = scene.folder / "answers"
    words = [str(EXAMPLES / "claims.ndjson"), "--plan", str(scene.plan), "--patient", scene.member, "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["submit_claims.py", *words, "--batch", "2", "--yes"])
    assert script.main() == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "CH-2025-0002: settled, billed 1150.00, allowed 820.00, paid 576.00, patient 244.00",
        "CH-2025-0003: settled, billed 209.90, allowed 181.90, paid 145.52, patient 36.38",
        "CH-2025-0004: settled, billed 430.00, allowed 95.00, paid 76.00, patient 329.00",
    ]
    assert said.err.splitlines()[-2:] == ["2 of 3 claims answered", "3 of 3 claims answered"]
    assert len(list(out.iterdir())) == 3
    assert script.main() == 1
    assert (
        "refused, a claim of this provider with this number is already settled or owed (CARC 18)"
        in capsys.readouterr().out
    )


def test_script_with_a_bad_file(scene, monkeypatch, capsys):
    from scripts import submit_claims as script

    words = [str(scene.plan), "--plan", str(scene.plan), "--patient", scene.member, "--yes"]
    monkeypatch.setattr(sys, "argv", ["submit_claims.py", *words, "--keystore", str(scene.keys["hospital"])])
    assert script.main() == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
