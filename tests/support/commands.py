"""Fixtures for tests of the command line: commands as a user types them, keystores, a hospital, a wallet."""

import json
import os

import pytest
from click.testing import CliRunner

from salus.cli import cli
from salus.keys.keystores import write_keystore
from salus.keys.wallet import Wallet
from tests.support.vaccine_scenario import VaccineMaker

PASSWORD = "correct horse"


class Result:
    def __init__(self, result):
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def run(deployed_chain, monkeypatch):
    """Run a command as a user would; the node, the book and the password are in the environment."""
    monkeypatch.setenv("SALUS_RPC", deployed_chain.url)
    monkeypatch.setenv("SALUS_BOOK", str(deployed_chain.book_path))
    monkeypatch.setenv("SALUS_PASSWORD", PASSWORD)

    def run(*words, input=None):
        return Result(CliRunner().invoke(cli, [str(word) for word in words], input=input, prog_name="salus"))

    return run


@pytest.fixture
def keystore(tmp_path, cheap):
    """Write a signer's key into a keystore file; its path."""

    def keystore(signer):
        path = tmp_path / f"{signer.address}.json"
        write_keystore(path, bytes(signer._account.key), PASSWORD)
        return path

    return keystore


@pytest.fixture
def hospital(deployed_chain, keystore):
    signer, name = deployed_chain.institution("PROVIDER")
    return name, keystore(signer), signer


@pytest.fixture
def wallet(tmp_path, cheap):
    """The user's default wallet."""
    return Wallet.create(os.environ["SALUS_HOME"] + "/wallet", PASSWORD)[0]


@pytest.fixture
def vaccine_maker(deployed_chain):
    return VaccineMaker(deployed_chain)


@pytest.fixture
def typed(run, keystore, vaccine_maker):
    """Commands as the company types them, and as the regulator does."""
    keys = {"maker": keystore(vaccine_maker.signer), "regulator": keystore(vaccine_maker.deployed_chain.regulator)}

    def typed(*words, by=None, code=0):
        options = ["--keystore", keys[by], "--yes"] if by else []
        result = run(*words, *options)
        assert result.code == code, result.err
        return result

    return typed
