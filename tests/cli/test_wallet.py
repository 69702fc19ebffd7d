"""The noun wallet of the command line."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from salus.cli import cli
from salus.keys.wallet import Wallet
from tests.support.deployed_chain import ROOT
from tests.support.old_wallets import ACCOUNTS, write_old_wallet
from tests.support.terminal import Terminal

WORDS = "test test test test test test test test test test test junk"
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # of number 1
CITY_HOSPITAL = "0x77C181f7c8B54eA06Ac63FddB6C73bD5466057c1"  # of the name


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
    result = run("wallet", "restore", "--words-file", words, "--relation", "city-hospital", "--no-scan", "--json")
    assert json.loads(result.stdout)["accounts"] == {"default": FIRST, "city-hospital": CITY_HOSPITAL}
    assert run("wallet", "address", "city-hospital").stdout == CITY_HOSPITAL + "\n"


def test_c5_an_old_wallet_is_restored_with_the_numbers_of_its_relations(run, private):
    words = private("words", WORDS + "\n")
    numbered = ("--numbered", "default", "--numbered", "city-hospital")
    result = run("wallet", "restore", "--words-file", words, *numbered, "--no-scan", "--json")
    assert json.loads(result.stdout)["accounts"] == {"default": FIRST, "city-hospital": SECOND}
    assert run("wallet", "address", "city-hospital").stdout == SECOND + "\n"


@pytest.mark.parametrize("language", ["japanese", "portuguese"])
def test_u12_a_wallet_in_another_language_is_made_and_restored(run, private, tmp_path, language):
    made = json.loads(run("wallet", "new", "--language", language, "--words", "15", "--json").stdout)
    words = private("words", "\ufeff" + made["words"])
    again = run("wallet", "restore", "--words-file", words, "--no-scan", "--keystore", tmp_path / "again", "--json")
    assert json.loads(again.stdout)["accounts"] == {"default": made["address"]}


def test_u12_a_passphrase_comes_from_a_file_and_is_needed_to_restore(run, private, tmp_path):
    secret = private("passphrase", "\ufeffcaf\u00e9\n")
    made = run("wallet", "new", "--passphrase-file", secret)
    assert "Keep the passphrase elsewhere" in made.stderr and "caf" not in made.stdout
    words = ("wallet", "restore", "--words-file", private("words", made.stdout.splitlines()[0]), "--no-scan", "--json")
    same = run(*words, "--passphrase-file", private("again", "cafe\u0301"), "--keystore", tmp_path / "same")
    none = run(*words, "--keystore", tmp_path / "none")
    address = made.stdout.split()[-3]
    assert json.loads(same.stdout)["accounts"] == {"default": address} != json.loads(none.stdout)["accounts"]


def test_u12_a_passphrase_is_asked_for_at_a_terminal_alone(run):
    refused = run("wallet", "new", "--passphrase")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "error: the passphrase is needed: use --passphrase-file, or a terminal\n"
    assert not Path(os.environ["SALUS_HOME"]).exists()


def test_u12_at_a_terminal_a_passphrase_is_asked_for_twice(cheap, monkeypatch):
    monkeypatch.setenv("SALUS_PASSWORD", "correct horse")
    with Terminal("wallet", "new", "--passphrase") as terminal:
        for question in ("New passphrase:", "Repeat for confirmation:"):
            terminal.wait_for(question, 120)
            terminal.type("sesame\n")
        assert terminal.end(120) == 0
        assert "sesame" not in terminal.shown
    wallet = Wallet.open(Path(os.environ["SALUS_HOME"]) / "wallet", "correct horse")
    assert wallet.address() in terminal.shown and wallet._inside.passphrase == "sesame"


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


def test_a_new_relation_gets_an_account_and_keeps_it(run):
    run("wallet", "new")
    first = run("wallet", "address", "city-hospital", "--json")
    assert json.loads(first.stdout)["relation"] == "city-hospital"
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


@pytest.fixture
def restored(run, private):
    """The user's wallet with two relations, made again from its words."""
    words = private("words", WORDS)
    made = run("wallet", "restore", "--words-file", words, "--relation", "city-hospital", "--no-scan")
    assert made.exit_code == 0
    return Path(os.environ["SALUS_HOME"]) / "wallet"


def test_a_list_takes_no_password(run, restored, tmp_path, monkeypatch):
    """Nor the time that scrypt takes."""
    run("wallet", "export", "default", "--out", tmp_path / "out.json")
    run("wallet", "import", tmp_path / "out.json")
    monkeypatch.delenv("SALUS_PASSWORD")
    monkeypatch.setattr("hashlib.scrypt", None)
    listed = run("wallet", "list", "--json")
    assert (listed.exit_code, listed.stderr) == (0, "")
    vault, imported = restored / "vault.json", restored.parent / "keystores" / "out.json"
    assert json.loads(listed.stdout) == {
        "wallet": str(restored),
        "keystores": [
            {"address": None, "kind": "wallet", "file": str(vault), "mode": "0600"},
            {"address": FIRST.lower(), "kind": "keystore", "file": str(imported), "mode": "0600"},
        ],
    }
    assert run("wallet", "list").stdout.splitlines() == [
        "address\tkind\tfile\tmode",
        f"encrypted\twallet\t{vault}\t0600",
        f"{FIRST.lower()}\tkeystore\t{imported}\t0600",
    ]
    assert run("wallet", "list", "--relations").stderr.startswith(f"error: the password of {restored} is needed")


def test_nothing_outside_of_the_encrypted_file_tells_whom_an_account_is_for_or_which_there_are(run, restored):
    """Neither the names of files nor what is in them."""
    run("wallet", "backup", restored.parent / "backup")
    told = run("wallet", "list", "--json").stdout + run("wallet", "list").stdout
    files = [file for file in restored.parent.rglob("*") if file.is_file()]
    assert sorted(file.name for file in files) == ["backup", "vault.json"]
    told += "".join(file.name + file.read_text() for file in files)
    for secret in ("city-hospital", "default", FIRST[2:], CITY_HOSPITAL[2:]):
        assert secret.lower() not in told.lower()


def test_whom_each_account_is_for_and_when_it_signed_is_told_to_who_has_the_password(run, restored, private):
    key = Account.create()
    file = private("clinic.json", json.dumps(Account.encrypt(key.key, "correct horse", kdf="pbkdf2", iterations=1000)))
    run("wallet", "import", file)
    Wallet.open(restored, "correct horse").signer("city-hospital").sign_transaction(
        {"nonce": 0, "gas": 21000, "gasPrice": 1, "to": FIRST, "value": 0, "chainId": 1}
    )
    day = datetime.now(UTC).date().isoformat()
    document = json.loads(run("wallet", "list", "--relations", "--json").stdout)
    assert document["accounts"] == {"default": FIRST, "city-hospital": CITY_HOSPITAL}
    assert document["used"] == {"default": None, "city-hospital": day}
    assert [each["kind"] for each in document["keystores"]] == ["wallet", "wallet", "keystore"]
    rows = [line.split("\t") for line in run("wallet", "list", "--relations").stdout.splitlines()]
    assert [row[:5] for row in rows] == [
        ["relation", "address", "last signed", "kind", "by default"],
        ["default", FIRST, "never", "wallet", "signs"],
        ["city-hospital", CITY_HOSPITAL, day, "wallet", ""],
        ["", key.address.lower(), "", "keystore", ""],
    ]
    assert document["paths"]["default"] == "m/44'/60'/0'/0/0" and {row[6] for row in rows[1:]} == {"0600"}
    assert document["signer"] == FIRST == run("wallet", "address").stdout.strip()


def test_an_old_wallet_lists_its_keystores_beside_its_relations(run):
    """A wallet of version 1 has a keystore file for each account."""
    home = write_old_wallet(Path(os.environ["SALUS_HOME"]) / "wallet")
    Wallet.open(home, "correct horse").export_to("default", home / "default.json")
    (home / "keystores").mkdir(mode=0o700)
    old = home / "keystores" / f"{FIRST}.json"
    (home / "default.json").rename(old)
    assert run("wallet", "list").stdout.splitlines()[1] == f"{FIRST}\twallet\t{old}\t0600"
    rows = [line.split("\t") for line in run("wallet", "list", "--relations").stdout.splitlines()]
    assert [(row[0], row[1], row[5]) for row in rows[1:]] == [
        (name, account, str(old if name == "default" else home / "vault.json")) for name, account in ACCOUNTS.items()
    ]


def test_a_list_says_how_to_see_relations(run, restored, private, monkeypatch):
    monkeypatch.delenv("SALUS_PASSWORD")
    hint = "for whom each account is, and when it signed: add --relations (it takes the wallet's password)\n"
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
        "keystores": [{"address": key.address.lower(), "kind": "keystore", "file": str(file), "mode": "0600"}],
    }
    file.write_text(json.dumps({name: value for name, value in document.items() if name != "address"}))
    assert run("wallet", "list", "--keystore", file).stdout.splitlines()[1].startswith("not named\t")


def test_a_keystore_that_others_can_read_is_not_passed_over(run):
    run("wallet", "new")
    (file,) = (Path(os.environ["SALUS_HOME"]) / "wallet").iterdir()
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
    assert listed.returncode == 0, listed.stderr
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
