"""The noun wallet of the command line."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from salus.cli import cli
from tests.support.deployed_chain import ROOT

WORDS = "test test test test test test test test test test test junk"
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def run(cheap, monkeypatch):
    monkeypatch.setenv("SALUS_PASSWORD", "correct horse")

    def run(*words, **options):
        return CliRunner().invoke(cli, [str(word) for word in words], **options)

    return run


@pytest.fixture
def private(tmp_path):
    """A file that only its owner can read."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def test_a_new_wallet_shows_its_words_once(run):
    made = run("wallet", "new", "--json")
    document = json.loads(made.stdout)
    assert (made.exit_code, made.stderr, len(document["words"].split())) == (0, "", 12)
    listed = run("wallet", "list", "--relations", "--json")
    assert document["words"] not in listed.stdout
    assert json.loads(listed.stdout)["accounts"] == {"default": document["address"]}


def test_a_person_is_told_to_write_the_words_down(run):
    made = run("wallet", "new")
    assert "Write these words down" in made.stderr
    assert len(made.stdout.splitlines()[0].split()) == 12


def test_a_second_wallet_does_not_replace_the_first(run):
    run("wallet", "new")
    again = run("wallet", "new")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "is there already; choose another place with --keystore" in again.stderr


def test_a_wallet_is_restored_with_its_relations(run, private):
    words = private("words", WORDS + "\n")
    relations = ("--relation", "default", "--relation", "city-hospital")
    result = run("wallet", "restore", "--words-file", words, *relations, "--json")
    assert json.loads(result.stdout)["accounts"] == {"default": FIRST, "city-hospital": SECOND}
    assert run("wallet", "address", "city-hospital").stdout == SECOND + "\n"


def test_wrong_words_are_one_line(run, private):
    result = run("wallet", "restore", "--words-file", private("words", WORDS.replace("junk", "zebra")))
    assert result.exit_code == 2
    assert result.stderr == "error: the words do not belong together: one is wrong, or their order is\n"


def test_a_file_of_words_that_others_can_read_is_refused(run, private):
    words = private("words", WORDS)
    words.chmod(0o644)
    result = run("wallet", "restore", "--words-file", words)
    assert result.exit_code == 2
    assert "can be read by others" in result.stderr


def test_a_new_relation_gets_an_account_and_keeps_it(run, private):
    run("wallet", "restore", "--words-file", private("words", WORDS))
    first = run("wallet", "address", "city-hospital", "--json")
    assert json.loads(first.stdout) == {"relation": "city-hospital", "address": SECOND}
    assert run("wallet", "address", "city-hospital", "--json").stdout == first.stdout


def test_accounts_go_out_and_come_in(run, private, tmp_path):
    run("wallet", "restore", "--words-file", private("words", WORDS))
    out = tmp_path / "out.json"
    other = private("pw", "another\n")
    assert run("wallet", "export", "default", "--out", out, "--new-password-file", other).exit_code == 0
    assert Account.from_key(Account.decrypt(json.loads(out.read_text()), "another")).address == FIRST

    same = run("wallet", "import", out, "--password-file", other, "--json")
    document = json.loads(same.stdout)
    assert document["address"] == FIRST
    assert stat.S_IMODE(os.stat(document["keystore"]).st_mode) == 0o600
    shown = run("wallet", "address", "--keystore", document["keystore"], "--password-file", other)
    assert shown.stdout == FIRST + "\n"


def test_a_keystore_of_another_program_comes_in(run, private, tmp_path):
    key = Account.create()
    file = private("brownie.json", json.dumps(Account.encrypt(key.key, "correct horse", kdf="pbkdf2", iterations=1000)))
    result = run("wallet", "import", file, "--out", tmp_path / "mine.json")
    assert (result.exit_code, result.stdout) == (0, f"{key.address}  in {tmp_path / 'mine.json'}\n")
    assert json.loads((tmp_path / "mine.json").read_text())["crypto"]["kdf"] == "scrypt"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list",), "there is no wallet in"),
        (("list", "--relations"), "there is no wallet in"),
        (("list", "--keystore", "/nowhere.json"), "there is no keystore /nowhere.json"),
        (("address", "--keystore", "/nowhere.json"), "there is no keystore /nowhere.json"),
        (("export", "default", "--out", "/tmp/x"), "there is no wallet in"),
        (("import", "/nowhere.json"), "there is no keystore /nowhere.json"),
    ],
)
def test_what_is_not_there_is_told(run, words, said):
    result = run("wallet", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_list_takes_no_password(run, private, tmp_path, monkeypatch):
    """Nor the time that scrypt takes: what it tells stands in the keystore files in clear."""
    words = ("restore", "--words-file", private("words", WORDS), "--relation", "default", "--relation", "city-hospital")
    run("wallet", *words)
    run("wallet", "export", "default", "--out", tmp_path / "out.json")
    run("wallet", "import", tmp_path / "out.json")
    monkeypatch.delenv("SALUS_PASSWORD")
    monkeypatch.setattr("hashlib.scrypt", None)
    home = Path(os.environ["SALUS_HOME"])
    listed = run("wallet", "list", "--json")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert json.loads(listed.stdout) == {
        "wallet": str(home / "wallet"),
        "keystores": [
            {"address": SECOND, "kind": "wallet", "file": str(home / "wallet" / "keystores" / f"{SECOND}.json")},
            {"address": FIRST, "kind": "wallet", "file": str(home / "wallet" / "keystores" / f"{FIRST}.json")},
            {"address": FIRST.lower(), "kind": "keystore", "file": str(home / "keystores" / "out.json")},
        ],
    }
    assert run("wallet", "list").stdout.splitlines()[:2] == [
        "address\tkind\tfile",
        f"{SECOND}\twallet\t{home / 'wallet' / 'keystores' / SECOND}.json",
    ]
    assert run("wallet", "list", "--relations").stderr.startswith(f"error: the password of {home / 'wallet'} is needed")


def test_nothing_outside_of_the_encrypted_book_tells_whom_an_account_is_for(run, private):
    words = ("restore", "--words-file", private("words", WORDS), "--relation", "default", "--relation", "city-hospital")
    run("wallet", *words)
    told = run("wallet", "list", "--json").stdout + run("wallet", "list").stdout
    assert SECOND in told and "city-hospital" not in told and "default" not in told
    home = Path(os.environ["SALUS_HOME"])
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) == 3
    for file in files:
        assert "city-hospital" not in file.name and b"city-hospital" not in file.read_bytes()


def test_whom_each_account_is_for_is_told_to_who_has_the_password(run, private, tmp_path):
    words = ("restore", "--words-file", private("words", WORDS), "--relation", "default", "--relation", "city-hospital")
    run("wallet", *words)
    key = Account.create()
    file = private("clinic.json", json.dumps(Account.encrypt(key.key, "correct horse", kdf="pbkdf2", iterations=1000)))
    run("wallet", "import", file)
    listed = run("wallet", "list", "--relations", "--json")
    document = json.loads(listed.stdout)
    assert document["accounts"] == {"default": FIRST, "city-hospital": SECOND}
    assert [each["kind"] for each in document["keystores"]] == ["wallet", "wallet", "keystore"]
    rows = [line.split("\t") for line in run("wallet", "list", "--relations").stdout.splitlines()]
    assert [row[:5] for row in rows] == [
        ["relation", "m/44'/60'/0'/0/…", "address", "kind", "by default"],
        ["default", "0", FIRST, "wallet", "signs"],
        ["city-hospital", "1", SECOND, "wallet", ""],
        ["", "", key.address.lower(), "keystore", ""],
    ]
    assert document["signer"] == FIRST == run("wallet", "address").stdout.strip()


def test_a_list_says_how_to_see_relations_and_signer(run, private, monkeypatch):
    words = ("restore", "--words-file", private("words", WORDS), "--relation", "default", "--relation", "city-hospital")
    run("wallet", *words)
    monkeypatch.delenv("SALUS_PASSWORD")
    hint = "for whom each account is, and which one signs: add --relations (it takes the wallet's password)\n"
    assert run("wallet", "list").stderr == hint and run("wallet", "list", "--json").stderr == ""
    shown = run("wallet", "list", "--password-file", private("pw", "correct horse\n"))
    assert (shown.stderr, shown.stdout.splitlines()[1].split("\t")[0]) == ("", "default")


def test_one_keystore_is_listed_alone(run, private):
    run("wallet", "new")
    key = Account.create()
    document = Account.encrypt(key.key, "correct horse", kdf="pbkdf2", iterations=1000)
    file = private("clinic.json", json.dumps(document))
    listed = json.loads(run("wallet", "list", "--keystore", file, "--json").stdout)
    assert listed == {
        "wallet": None,
        "keystores": [{"address": key.address.lower(), "kind": "keystore", "file": str(file)}],
    }
    file.write_text(json.dumps({name: value for name, value in document.items() if name != "address"}))
    assert run("wallet", "list", "--keystore", file).stdout.splitlines()[1].startswith("not named\t")


def test_a_keystore_that_others_can_read_is_not_passed_over(run):
    run("wallet", "new")
    (file,) = (Path(os.environ["SALUS_HOME"]) / "wallet" / "keystores").iterdir()
    file.chmod(0o644)
    result = run("wallet", "list")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {file} can be read by others; run: chmod 600 {file}\n"


def test_a_list_waits_for_no_library_of_keys(tmp_path):
    """Half a second is what a list may take, and importing eth-account alone takes longer."""
    environment = {**os.environ, "SALUS_PASSWORD": "correct horse", "SALUS_HOME": str(tmp_path / "home")}
    program = (
        "import sys; from salus.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "slow = {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(' '.join(slow & {'web3', 'eth_account', 'eth_utils', 'cryptography', 'rich'}) or 0)"
    )

    def salus(*words):
        return subprocess.run(
            [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
        )

    assert salus("-m", "salus.cli", "wallet", "new").returncode == 0
    listed = salus("-c", program, "wallet", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "\twallet\t" in listed.stdout


def test_a_wrong_password_tells_no_secret(run, private, monkeypatch):
    run("wallet", "restore", "--words-file", private("words", WORDS))
    monkeypatch.setenv("SALUS_PASSWORD", "not the password")
    result = run("wallet", "list", "--relations")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: that is not the password of ")
    assert "not the password\n" not in result.stderr
    assert "test" not in result.stderr.replace(str(private("x", "").parent), "")


def test_the_program_itself_runs(tmp_path):
    """As a user starts it, with its real cost; nothing secret is on the command line."""
    environment = {**os.environ, "SALUS_PASSWORD": "correct horse", "SALUS_HOME": str(tmp_path / "home")}
    made = subprocess.run(
        [sys.executable, "-m", "salus.cli", "wallet", "new", "--json"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert json.loads(made.stdout)["address"].startswith("0x")
