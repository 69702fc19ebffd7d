"""The ground that everything stands on: versions, locks, and what may import what."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import brownie
import pytest
import solcx

from salus.chain.local_node import KINDS, LocalNode, NodeError

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "package-lock.json", ".npmrc", "package.json", "pyproject.toml")


def solidity_files():
    return sorted([*ROOT.glob("contracts/**/*.sol"), *ROOT.glob("interfaces/**/*.sol")])


def client_files():
    return sorted(ROOT.glob("salus/**/*.py"))


# ---------------------------------------------------------------------------------------------------------- the tools


def test_brownie_is_not_compiled():
    """Compiled with mypyc, several of its documented features crash."""
    assert brownie._config.__file__.endswith(".py")


def test_the_compiler_is_the_one_the_contracts_name():
    solcx.set_solc_version("0.8.30", silent=True)
    assert str(solcx.get_solc_version()) == "0.8.30"


def test_the_compiler_tells_its_commit():
    """Whoever verifies a contract's source needs the exact build."""
    solcx.set_solc_version("0.8.30", silent=True)
    assert "73712a01" in str(solcx.get_solc_version(with_commit_hash=True))


def test_the_compiler_lies_inside_the_project():
    assert Path(solcx.get_solcx_install_folder()).resolve() == (ROOT / ".solc").resolve()


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_a_host(name):
    """A lock that names one fails wherever another mirror serves the packages."""
    found = re.findall(r"https?://[^\s\"']*(?:npmjs|pypi|pythonhosted|registry)[^\s\"']*", (ROOT / name).read_text())
    assert found == []


def test_every_npm_package_is_locked_by_its_hash():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [
        path for path, entry in packages.items() if path and "integrity" not in entry and "inBundle" not in entry
    ] == []


def test_every_python_package_is_locked_by_its_hash():
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


# ------------------------------------------------------------------------------------------------------- who may import


def imported(path):
    """The first name of every module that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def test_the_client_never_imports_brownie():
    assert [str(path) for path in client_files() if "brownie" in imported(path)] == []


def test_the_client_does_not_depend_on_brownie():
    project = (ROOT / "pyproject.toml").read_text()
    runtime = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL).group(1)
    assert "brownie" not in runtime


# ------------------------------------------------------------------------------------------------------------ the style


@pytest.mark.parametrize("path", solidity_files(), ids=lambda path: path.stem)
def test_a_solidity_file_fits_into_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", solidity_files(), ids=lambda path: path.stem)
def test_a_solidity_file_pins_its_compiler_and_names_its_licence(path):
    text = path.read_text()
    assert text.startswith("// SPDX-License-Identifier: MIT\n")
    assert "\npragma solidity 0.8.30;\n" in text


# -------------------------------------------------------------------------------------------------------- a local chain


def alive(pid):
    """Whether a process runs; one that has ended and only waits to be noticed does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pid, within=10):
    """Whether a process ends within some seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module", params=KINDS)
def node(request):
    with LocalNode(request.param, accounts=3, chain_id=4242, timestamp=1_900_000_000) as node:
        yield node


def test_a_node_has_the_chain_id_it_was_given(node):
    assert int(node.request("eth_chainId"), 16) == 4242


def test_a_node_starts_at_the_time_it_was_given(node):
    assert abs(int(node.request("eth_getBlockByNumber", "0x0", False)["timestamp"], 16) - 1_900_000_000) <= 5


def test_a_node_owns_the_accounts_it_says(node):
    assert [account.lower() for account in node.request("eth_accounts")] == [a.lower() for a in node.accounts]


def test_a_node_moves_its_clock(node):
    def now():
        return int(node.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    before = now()
    node.advance(86_400)
    assert now() >= before + 86_400


def test_a_node_ends_with_its_block():
    with LocalNode() as node:
        pid = node.pid
        assert alive(pid)
    assert not alive(pid)


def test_a_node_ends_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), LocalNode() as node:
        pid = node.pid
        1 / 0
    assert not alive(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_node_ends_with_the_program_that_started_it(number):
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux ends the child of a program that was killed")
    code = (
        "import time\n"
        "from salus.chain.local_node import LocalNode\n"
        "with LocalNode() as node:\n"
        "    print(node.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        pid = int(program.stdout.readline())
        program.send_signal(number)
        program.wait(20)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    assert gone(pid)


def states_of(node):
    """Mine so many blocks that anvil moves their states to disk; the folder that holds them, and no other."""
    node.request("anvil_mine", hex(1_500))
    (folder,) = (path for path in Path(tempfile.gettempdir()).glob("salus-anvil-*/*") if any(path.iterdir()))
    return folder


@pytest.fixture
def own_temporary(tmp_path, monkeypatch):
    """A folder for temporary files that no other test uses, also for the programs that this one starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    tempfile.tempdir = None


@pytest.mark.usefixtures("own_temporary")
def test_the_states_of_old_blocks_go_with_the_node(tmp_path):
    with LocalNode() as node:
        assert states_of(node).is_relative_to(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("own_temporary")
def test_a_node_that_did_not_start_leaves_no_folder(tmp_path):
    with pytest.raises(NodeError, match="ended at once"):
        LocalNode(balance=-1).start()
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("own_temporary")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_program_that_is_ended_takes_the_states_of_its_chain_along(tmp_path, number):
    code = (
        "import time\n"
        "from salus.chain.local_node import LocalNode\n"
        "with LocalNode() as node:\n"
        "    node.request('anvil_mine', hex(1_500))\n"
        "    print('mined', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        assert program.stdout.readline()
        assert list(tmp_path.glob("salus-anvil-*"))
        program.send_signal(number)
        program.wait(20)
    assert not list(tmp_path.glob("salus-anvil-*"))


def test_a_taken_port_is_named_in_the_error():
    with LocalNode() as first, pytest.raises(NodeError, match=f"port {first.port} .* is taken"):
        LocalNode(port=first.port).start()


def test_a_chain_that_ended_says_how():
    with LocalNode() as node:
        node._process.kill()
        node._process.wait()
        with pytest.raises(NodeError, match="the local anvil has ended with exit code -9"):
            node.request("eth_blockNumber")


def test_an_unknown_chain_is_refused():
    with pytest.raises(ValueError, match="no such local chain: 'hardhat'"):
        LocalNode("hardhat")


def test_a_command_beside_a_chain_gives_its_exit_code_and_leaves_nothing():
    code = "import os, sys; print(os.environ['SALUS_CHAIN_URL']); sys.exit(7)"
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "dev" / "with_chain.py", "--", sys.executable, "-c", code],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert result.returncode == 7
    assert "http://127.0.0.1:" in result.stdout
