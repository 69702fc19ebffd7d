"""A wallet that was made again from its words, on a chain: it finds its relations, and asks where it does not.

restore
├── finds what was used under the names of institutions
├── finds what an old wallet numbered, and asks whose it is
├── takes the relations of a backup, with its password or with the words alone
└── without a chain says that it did not look
a relation that it does not know
├── is not signed for where nobody can be asked, --yes or not
├── is asked for at a terminal
└── is signed for once it was added or found
"""

import json
import os
from pathlib import Path

import pytest

from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.old_wallets import ACCOUNTS, WORDS, write_old_wallet
from tests.support.terminal import Terminal

SLOW = 120


@pytest.fixture
def home():
    return Path(os.environ["SALUS_HOME"]) / "wallet"


@pytest.fixture
def words_of(tmp_path):
    """A private file with the words of a wallet."""

    def write(wallet):
        file = tmp_path / "words"
        file.touch(0o600)
        file.write_text(wallet if isinstance(wallet, str) else wallet.words())
        return file

    return write


@pytest.fixture
def hospitals(deployed_chain, keystore):
    """Two hospitals: (name, keystore) of each."""
    made = [deployed_chain.institution("PROVIDER") for _ in range(2)]
    return [(name, keystore(signer)) for signer, name in made]


@pytest.fixture
def lost(run, wallet, hospitals):
    """A wallet that two hospitals had a grant of, and then was lost: its words and its accounts."""
    for name, file in hospitals:
        assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file).code == 0
    before = Wallet.open(wallet.path, PASSWORD)
    wallet.path.rename(wallet.path.with_name("lost"))
    return before


def permitted(deployed_chain, patient, name):
    return deployed_chain.client().consent.decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"


# ----------------------------------------------------------------------------------------------------------- restore


def test_c5_a_restored_wallet_finds_its_relations(run, lost, words_of):
    restored = run("wallet", "restore", "--words-file", words_of(lost), "--json")
    assert restored.code == 0, restored.err
    assert restored.json()["scanned"] is True
    assert restored.json()["accounts"] == dict(lost.accounts())
    assert dict(Wallet.open(lost.path, PASSWORD).accounts()) == dict(lost.accounts())


def test_c5_a_restored_wallet_revokes_with_the_right_account(run, deployed_chain, lost, words_of, hospitals):
    """Two hospitals, and the one that is meant loses its access."""
    run("wallet", "restore", "--words-file", words_of(lost))
    (first, _), (second, keystore) = hospitals
    done = run("consent", "revoke", "--from", second, "--yes", "--relay-as", keystore)
    assert done.code == 0, done.err
    assert not permitted(deployed_chain, lost.address(second), second)
    assert permitted(deployed_chain, lost.address(first), first)


def test_c5_the_first_account_is_shown_for_a_wrong_passphrase_cannot_be_detected(run, lost, words_of, tmp_path):
    restored = run("wallet", "restore", "--words-file", words_of(lost))
    assert f"The first account is {lost.address()}, without a passphrase." in restored.err
    assert "that cannot be detected" in restored.err
    secret = tmp_path / "passphrase"
    secret.touch(0o600)
    secret.write_text("sesame")
    words = ("wallet", "restore", "--words-file", words_of(lost), "--passphrase-file", secret)
    other = run(*words, "--keystore", tmp_path / "other", "--json")
    assert other.json()["accounts"].keys() == {"default"}
    assert f"The first account is {other.json()['accounts']['default']}, with a passphrase." in other.err
    assert other.json()["accounts"]["default"] != lost.address()


def test_c5_what_an_old_wallet_numbered_is_kept_without_a_name_and_gets_one(
    run, deployed_chain, home, words_of, hospitals, tmp_path
):
    (name, file), (other, _) = hospitals
    old = write_old_wallet(tmp_path / "old")
    document = Wallet.open(old, PASSWORD)
    grant = ("consent", "grant", "--to", name, "--purpose", "TREAT", "--keystore", old, "--relation", "hill-clinic")
    assert run(*grant, "--yes", "--relay-as", file).code == 0
    assert permitted(deployed_chain, document.address("hill-clinic"), name)
    restored = run("wallet", "restore", "--words-file", words_of(WORDS))
    assert f"{ACCOUNTS['hill-clinic']}  old:2" in restored.out
    assert f"old:2, used with {name}, has no name: say whom it is for with `salus wallet add" in restored.err
    # It is looked at with the others, and nothing is signed with another account in its place.
    assert json.loads(run("consent", "list", "--json").out)
    # A grant asks whose it is; a revocation is of the account where something stands, and makes no other.
    refused = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
    assert (refused.code, f"does not know a relation '{name}'" in refused.err) == (2, True)
    assert run("consent", "revoke", "--from", name, "--yes", "--relay-as", file).code == 0
    assert not permitted(deployed_chain, ACCOUNTS["hill-clinic"], name)
    named = run("wallet", "add", name, "--number", 2, "--json")
    assert named.json() == {"relation": name, "address": ACCOUNTS["hill-clinic"]}
    # The other wallet of these words is another person's test.
    assert run("wallet", "add", other).code == 0


def test_c5_a_scan_finds_what_was_used_since(run, lost, words_of, hospitals):
    run("wallet", "restore", "--words-file", words_of(lost), "--no-scan")
    names = [name for name, _ in hospitals]
    found = run("wallet", "scan", "--json").json()["found"]
    assert found == {name: lost.accounts()[name] for name in names}
    again = run("wallet", "scan")
    assert (again.out, "no further account" in again.err) == ("", True)


def test_c5_a_scan_tries_the_names_that_are_given(run, deployed_chain, wallet, hospitals, words_of):
    """A relation may have any name: only its owner knows it."""
    name, file = hospitals[0]
    grant = ("consent", "grant", "--to", name, "--purpose", "TREAT", "--relation", "my-knee")
    assert run(*grant, "--yes", "--relay-as", file).code == 0
    known = Wallet.open(wallet.path, PASSWORD)
    wallet.path.rename(wallet.path.with_name("lost"))
    run("wallet", "restore", "--words-file", words_of(known))
    assert "my-knee" not in Wallet.open(wallet.path, PASSWORD).accounts()
    found = run("wallet", "scan", "--relation", "my-knee", "--json").json()["found"]
    assert found == {"my-knee": known.address("my-knee")}


def test_c5_a_node_that_can_link_the_accounts_is_named(run, deployed_chain, wallet, words_of, tmp_path):
    restored = run("wallet", "restore", "--words-file", words_of(wallet), "--keystore", tmp_path / "again")
    assert (
        f"looking for your accounts at {deployed_chain.url}, which can tell that they belong together" in restored.err
    )


def test_c5_without_a_chain_it_says_that_it_did_not_look(run, wallet, words_of, tmp_path):
    words = ("wallet", "restore", "--words-file", words_of(wallet), "--keystore", tmp_path / "again")
    restored = run(*words, "--rpc", "http://127.0.0.1:9", "--json")
    assert (restored.code, restored.json()["scanned"]) == (0, False)
    assert "your relations were not looked for (no node answers at" in restored.err
    assert "run `salus wallet scan` later" in restored.err


# ----------------------------------------------------------------------------------------------------------- a backup


def test_u12_a_backup_restores_all(run, wallet, tmp_path):
    run("wallet", "address", "a-name-of-my-own")
    made = run("wallet", "backup", tmp_path / "backup", "--json")
    assert made.json() == {"backup": str(tmp_path / "backup"), "relations": 2}
    again = run("wallet", "restore", "--backup", tmp_path / "backup", "--keystore", tmp_path / "again", "--json")
    assert again.json()["accounts"] == dict(Wallet.open(wallet.path, PASSWORD).accounts())


def test_u12_a_backup_is_not_written_over_a_file_and_no_password_is_asked_for_it(run, wallet, tmp_path, monkeypatch):
    (tmp_path / "backup").write_text("mine")
    monkeypatch.setenv("SALUS_PASSWORD", "wrong")
    refused = run("wallet", "backup", tmp_path / "backup")
    assert (refused.code, (tmp_path / "backup").read_text()) == (2, "mine")
    assert refused.err == f"error: {tmp_path / 'backup'} is there already; it was left as it is\n"


def test_c5_the_words_and_a_backup_bring_back_names_of_ones_own(run, wallet, words_of, tmp_path, monkeypatch):
    run("wallet", "address", "a-name-of-my-own")
    known = Wallet.open(wallet.path, PASSWORD)
    run("wallet", "backup", tmp_path / "backup")
    monkeypatch.setenv("SALUS_PASSWORD", "the old one was forgotten")
    words = ("--words-file", words_of(known), "--backup", tmp_path / "backup")
    again = run("wallet", "restore", *words, "--keystore", tmp_path / "again", "--no-scan", "--json")
    assert again.json()["accounts"] == dict(known.accounts())
    empty = run("wallet", "restore", *words[:2], "--keystore", tmp_path / "empty", "--no-scan")
    assert "a-name" not in empty.out
    scanned = run("wallet", "scan", "--backup", tmp_path / "backup", "--keystore", tmp_path / "empty")
    assert scanned.code == 0, scanned.err
    shown = run("wallet", "address", "a-name-of-my-own", "--keystore", tmp_path / "empty")
    assert shown.out == known.address("a-name-of-my-own") + "\n"


@pytest.mark.parametrize("option", [("--relation", "x"), ("--numbered", "default"), ("--passphrase-file", "x")])
def test_u12_what_a_backup_has_in_it_is_not_given_beside_it(run, tmp_path, option):
    refused = run("wallet", "restore", "--backup", tmp_path / "backup", *option)
    assert refused.code == 2 and "has relations and passphrase in it" in refused.err


# -------------------------------------------------------------------------------------- a relation that is not known


@pytest.mark.parametrize("sure", [(), ("--yes",)])
def test_c5_nothing_is_signed_for_a_relation_that_is_not_known(
    run, deployed_chain, home, lost, words_of, hospitals, sure
):
    run("wallet", "restore", "--words-file", words_of(lost), "--no-scan")
    (name, file), _ = hospitals
    refused = run("consent", "grant", "--to", name, "--purpose", "HRESCH", *sure, "--relay-as", file)
    assert (refused.code, refused.out) == (2, "")
    assert f"does not know a relation '{name}': look for your accounts with `salus wallet scan`" in refused.err
    assert list(Wallet.open(home, PASSWORD).accounts()) == ["default"]


def test_c5_what_was_added_is_signed_for(run, deployed_chain, lost, words_of, hospitals):
    run("wallet", "restore", "--words-file", words_of(lost), "--no-scan")
    (name, file), _ = hospitals
    assert run("wallet", "add", name).out == lost.accounts()[name] + "\n"
    done = run("consent", "revoke", "--from", name, "--yes", "--relay-as", file)
    assert (done.code, permitted(deployed_chain, lost.accounts()[name], name)) == (0, False)


@pytest.mark.parametrize(("answer", "code"), [("n", 2), ("y", 0)])
def test_c5_at_a_terminal_it_is_asked_for(run, home, words_of, answer, code):
    run("wallet", "restore", "--words-file", words_of(WORDS), "--no-scan")
    with Terminal("wallet", "address", "city-hospital") as terminal:
        terminal.wait_for("Use that account for city-hospital? [y/N]:", SLOW)
        assert "does not know city-hospital" in terminal.shown
        terminal.type(answer + "\n")
        assert terminal.end(SLOW) == code
    assert ("city-hospital" in Wallet.open(home, PASSWORD).accounts()) == (answer == "y")


def test_u12_at_a_terminal_the_passphrase_and_the_names_of_old_accounts_are_asked_for(
    run, deployed_chain, home, words_of, hospitals, tmp_path
):
    (name, file), _ = hospitals
    first, _ = Wallet.create(tmp_path / "first", PASSWORD, passphrase="sesame")
    number = first.add("old", "m/44'/60'/0'/0/1")
    grant = ("consent", "grant", "--to", name, "--purpose", "TREAT", "--relation", "old")
    assert run(*grant, "--keystore", tmp_path / "first", "--yes", "--relay-as", file).code == 0
    with Terminal("wallet", "restore") as terminal:
        terminal.wait_for("The words:", SLOW)
        terminal.type(first.words() + "\n")
        terminal.wait_for("The passphrase (Enter for none):", SLOW)
        terminal.type("sesame\n")
        terminal.wait_for(f"For whom is it? [{name}]:", SLOW)
        for wrong, said in (("Not A Name", "is no name for a relation"), ("default", "has another account already")):
            terminal.type(wrong + "\n")
            terminal.wait_for(said, SLOW)
        assert f"The first account is {first.address()}, with a passphrase." in " ".join(terminal.shown.split())
        terminal.type("\n")
        assert terminal.end(SLOW) == 0
        assert "sesame" not in terminal.shown and first.words() not in terminal.shown
    assert dict(Wallet.open(home, PASSWORD).accounts()) == {"default": first.address(), name: number}
