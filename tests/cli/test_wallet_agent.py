"""The agent of the command line: looking takes the password once, signing takes it every time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from salus.keys import agent
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import ROOT

NEEDED = "is needed: use --password-file, or SALUS_PASSWORD, or a terminal"


@pytest.fixture(autouse=True)
def ended():
    yield
    agent.lock()


@pytest.fixture
def granted(run, hospital, wallet, monkeypatch):
    """A patient who granted, and started the agent; from now on nobody gives the password. The hospital."""
    name, file, _ = hospital
    assert run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file).code == 0
    assert run("wallet", "agent").code == 0
    monkeypatch.delenv("SALUS_PASSWORD")
    return hospital


@pytest.mark.parametrize("verb", ["list", "explain", "show", "history", "inbox"])
def test_u12_looking_takes_no_password_while_the_agent_runs(run, granted, verb):
    seen = run("consent", verb, "--json")
    assert seen.code == 0, seen.err
    if verb != "inbox":  # which tells what others did: nothing yet
        assert granted[2].address in seen.out or granted[0] in seen.out
    assert run("wallet", "lock").out == "locked\n"
    again = run("consent", verb)
    assert (again.code, NEEDED in again.err) == (2, True)


def test_u12_signing_takes_the_password_as_before(run, granted, tmp_path):
    name, file, _ = granted
    refused = run("consent", "revoke", "--from", name, "--yes", "--relay-as", file)
    assert (refused.code, NEEDED in refused.err) == (2, True)
    for words in (("export", "default", "--out", tmp_path / "x"), ("backup", tmp_path / "x"), ("add", "somebody")):
        refused = run("wallet", *words)
        assert (refused.code, NEEDED in refused.err) == (2, True)


def test_u12_looking_makes_no_account(run, granted, wallet, monkeypatch):
    before = dict(Wallet.open(wallet.path, PASSWORD).accounts())
    for _asked in ("the agent", "the wallet"):
        refused = run("consent", "list", "--relation", "somebody-new")
        assert refused.code == 2 and f"the wallet has no such account; it has {', '.join(before)}" in refused.err
        monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
        run("wallet", "lock")
    assert dict(Wallet.open(wallet.path, PASSWORD).accounts()) == before


def test_u12_addresses_and_the_list_take_none_either(run, granted, wallet):
    name = granted[0]
    accounts = dict(Wallet.open(wallet.path, PASSWORD).accounts())
    assert run("wallet", "address", name).out == accounts[name] + "\n"
    assert run("wallet", "address").out == accounts["default"] + "\n"
    listed = run("wallet", "list", "--json")
    assert listed.json()["accounts"] == accounts and listed.json()["used"][name]
    assert run("wallet", "list").out.splitlines()[2].split("\t")[:2] == [name, accounts[name]]
    # What is new is not made without it.
    assert run("wallet", "address", "somebody-new").code == 2


def test_u12_what_a_command_changes_the_agent_knows_at_once(run, granted, wallet, deployed_chain, monkeypatch):
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)
    fresh = run("wallet", "address", "hill-clinic").out
    monkeypatch.delenv("SALUS_PASSWORD")
    assert run("wallet", "address", "hill-clinic").out == fresh


def test_u12_another_wallet_is_asked_for_its_own_password(run, granted, wallet, tmp_path, cheap):
    Wallet.create(tmp_path / "other", "another")
    refused = run("wallet", "list", "--relations", "--keystore", tmp_path / "other")
    assert (refused.code, NEEDED in refused.err) == (2, True)


def test_u12_it_says_until_when_and_how_to_end_it(run, wallet):
    said = run("wallet", "agent", "--minutes", "3", "--json").json()
    assert said.keys() == {"wallet", "relations", "until"} and said["relations"] == 1
    assert "end it with: salus wallet lock" in run("wallet", "agent").out
    assert run("wallet", "lock", "--json").json() == {"locked": True}
    assert run("wallet", "lock", "--json").json() == {"locked": False}
    assert run("wallet", "lock").out == "no agent runs\n"


def test_u12_the_agent_takes_the_right_password(run, wallet, monkeypatch):
    monkeypatch.setenv("SALUS_PASSWORD", "wrong")
    refused = run("wallet", "agent")
    assert refused.code == 2 and refused.err.startswith("error: that is not the password of")
    assert agent.lock() is False


def test_u12_the_program_itself_returns_while_its_agent_runs(tmp_path, cheap):
    """As a user types it: the shell gets its prompt back, though a process goes on."""
    Wallet.create(Path(os.environ["SALUS_HOME"]) / "wallet", PASSWORD)

    def salus(*words, **more):
        command = [sys.executable, "-m", "salus.cli", "wallet", *words, "--json"]
        environment = {**os.environ, **more}
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert salus("agent", SALUS_PASSWORD=PASSWORD).returncode == 0
    listed = salus("list", "--relations")
    assert listed.returncode == 0, listed.stderr
    assert list(json.loads(listed.stdout)["accounts"]) == ["default"]
    assert json.loads(salus("lock").stdout) == {"locked": True}
    assert salus("list", "--relations").returncode == 2
