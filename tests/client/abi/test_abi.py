"""What the client carries is what was built."""

import subprocess
import sys

import pytest

from salus.abi import decoding
from salus.chain.book import CONTRACTS
from tests.support.deployed_chain import BUILD, ROOT


def export(*words):
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "export.py"), *words], capture_output=True, text=True, timeout=60
    )


@pytest.mark.chain
def test_the_abis_are_those_of_the_build():
    result = export("--check")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_has_an_abi(name):
    assert {entry["type"] for entry in decoding.load_abi(name)} > {"function"}


@pytest.mark.chain
def test_a_difference_is_found(monkeypatch, tmp_path, capsys):
    """The check must be able to fail."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import export as script
    finally:
        sys.path.pop(0)
    monkeypatch.setattr(script, "ABIS", ROOT / "salus" / "no-such-folder")
    assert script.main(["--check"]) == 1
    assert "salus/no-such-folder/Institutions.json is missing" in capsys.readouterr().err


@pytest.mark.chain
def test_the_build_is_there():
    assert (BUILD / "Institutions.json").is_file()
