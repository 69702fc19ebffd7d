"""The noun chain of the command line."""

import contextlib
import datetime
import json
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from salus import Salus
from salus.chain.local_node import LocalNode
from salus.cli import cli
from salus.institutions.registry import Standing
from tests.support.deployed_chain import kind
from tests.support.fault_proxy import FaultProxy
from tests.support.project_copy import copy_project


def test_the_status_shows_where_everything_is(deployed_chain):
    words = ["chain", "status", "--rpc", deployed_chain.url, "--book", str(deployed_chain.book_path), "--json"]
    document = json.loads(CliRunner().invoke(cli, words).stdout)
    assert (document["chainId"], document["time"]) == (31337, deployed_chain.w3.eth.get_block("latest")["timestamp"])
    assert document["contracts"]["Institutions"] == deployed_chain.book["Institutions"].address
    text = CliRunner().invoke(cli, words[:-1]).stdout
    assert f"ConsentRegistry\t{deployed_chain.book['ConsentRegistry'].address}\tas deployed" in text


def test_a_node_without_the_contracts_is_3(deployed_chain, tmp_path):
    book = tmp_path / "book.json"
    book.write_text(
        deployed_chain.book_path.read_text().replace(deployed_chain.book["Plans"].address, "0x5f" + "1" * 38)
    )
    result = CliRunner().invoke(cli, ["chain", "status", "--rpc", deployed_chain.url, "--book", str(book)])
    assert result.exit_code == 3
    assert result.stderr.startswith("error: Plans is not at 0x5")


def test_outside_of_a_checkout_it_says_what_is_missing(tmp_path, monkeypatch):
    import salus.chain.local_deployment

    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "site-packages" / "salus" / "chain" / "local_deployment.py"
    monkeypatch.setattr(salus.chain.local_deployment, "__file__", str(elsewhere))
    result = CliRunner().invoke(cli, ["chain", "up"])
    assert result.exit_code == 2
    assert "there is no checkout of Salus here" in result.stderr


def test_without_brownie_it_says_what_is_missing(tmp_path, monkeypatch):
    import importlib.util

    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "deploy.py").write_text("")
    (tmp_path / "brownie-config.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli, ["chain", "up"])
    assert result.exit_code == 2
    assert (
        result.stderr == "error: Brownie is needed to deploy, and is not installed: run `make setup` in the project\n"
    )


def test_C7_the_powers_are_read_back(deployed_chain):
    words = ["chain", "check", "--rpc", deployed_chain.url, "--book", str(deployed_chain.book_path)]
    text = CliRunner().invoke(cli, words).stdout
    assert text.splitlines()[0] == "role\twho\thow soon\tmay do\twho can cancel"
    assert f"role 5\t{deployed_chain.regulator.address}\tat once\tClaimDesk.arbitrate\t" in text
    assert "role 7\tDoses\tat once\tColdChain.dispense\t" in text
    assert "weak: ADMIN acts at once" in text
    document = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert {role["id"]: len(role["functions"]) for role in document["roles"]} == {
        0: 0,
        1: 6,
        2: 3,
        4: 1,
        5: 1,
        6: 1,
        7: 1,
    }


def test_U5_the_clock_of_a_local_chain_moves(tmp_path):
    with LocalNode(kind()) as node:
        before = int(node.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        result = CliRunner().invoke(cli, ["chain", "advance", "14d", "--rpc", node.url, "--json"])
        after = int(node.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    assert json.loads(result.stdout) == {"chainId": 31337, "time": after}
    assert 14 * 86_400 <= after - before < 14 * 86_400 + 120


@pytest.mark.parametrize("word", ["0d", "14", "-1d", "14 days", "1000y", "9999999999s"])
def test_U5_no_time_is_told_before_the_node_is_asked(word):
    result = CliRunner().invoke(cli, ["chain", "advance", "--rpc", "http://127.0.0.1:9", "--", word])
    assert (result.exit_code, "write 90d, 12h, 30m" in result.stderr) == (2, True), result.stderr


def test_U5_the_clock_of_a_chain_that_others_use_is_left_alone(deployed_chain):
    with FaultProxy(deployed_chain.url) as proxy:
        proxy.spoil("web3_clientVersion", "alter", change=lambda *_: "Geth/v1.13.15")
        result = CliRunner().invoke(cli, ["chain", "advance", "1d", "--rpc", proxy.url])
        assert result.exit_code == 2
        assert "the node is Geth/v1.13.15; only the clock of a local chain can be moved" in result.stderr
        assert not proxy.asked["evm_increaseTime"]


@contextlib.contextmanager
def started(project, *words):
    """`salus chain up` in a folder that looks like the project's, so that the real books are left alone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "salus.cli", "chain", "up", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(130)
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path / "project")


@pytest.fixture
def chain_up(project):
    with started(project, "--kind", kind(), "--json") as process:
        yield process


def line(stream, seconds=240):
    """The next line that a process prints."""
    ready, _, _ = select.select([stream], [], [], seconds)
    assert ready, "it said nothing"
    return stream.readline()


def family(pid):
    """A process and all that it started, of those that run."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    found = {pid} & set(parents)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def gone(pids, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(family(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@linux
@pytest.mark.chain
def test_a_chain_comes_up_with_everything_and_ends_with_the_command(chain_up):
    said = json.loads(line(chain_up.stdout))
    place = ["--rpc", said["url"], "--book", said["book"]]
    status = CliRunner().invoke(cli, ["chain", "status", *place, "--json"])
    assert status.exit_code == 0, status.stderr
    assert set(json.loads(status.stdout)["contracts"]) >= {"AccessManager", "ClaimDesk", "ColdChain"}
    words = ["institution", "accredit", "city-hospital", "0x" + "12" * 20, "--role", "PROVIDER", "--yes"]
    accredited = CliRunner().invoke(cli, [*words, "--keystore", "node:1", *place])
    assert accredited.exit_code == 0, accredited.stderr

    running = family(chain_up.pid)
    assert said["pid"] in running
    chain_up.send_signal(signal.SIGINT)
    assert chain_up.wait(30) == 0
    assert gone(running)


@pytest.mark.chain
def test_U2_the_book_of_a_chain_ends_with_it_and_no_other_book_is_touched(project):
    other = project / "deployments" / "31337.json"
    other.parent.mkdir()
    other.write_text("of another chain")
    with started(project, "--kind", kind(), "--json") as process:
        said = json.loads(line(process.stdout))
        assert Path(said["book"]).is_file() and Path(said["book"]) != other
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert [path.name for path in other.parent.iterdir()] == [other.name]
    assert other.read_text() == "of another chain"


@pytest.mark.chain
def test_U5_a_chain_to_play_with_has_everything_that_a_claim_and_a_shipment_need(project):
    with started(project, "--kind", kind(), "--json", "--play") as process:
        said = json.loads(line(process.stdout))
        salus = Salus.connect(said["url"], book=said["book"])
        people = {one["name"]: one for one in said["play"]["people"]}
        assert {"play-hospital", "play-insurer", "play-pharmacy", "play-laboratory", "logger", "member"} <= set(people)
        for one in people.values():
            if one["roles"]:
                assert salus.institutions.resolve(one["name"]) == one["account"]
        logger = salus.institutions.standing(people["logger"]["account"])
        assert (logger.status, logger.roles) == (Standing.LICENSED, {"LOGGER"})
        place = ["--rpc", said["url"], "--book", said["book"]]

        def run(*words):
            result = CliRunner().invoke(cli, [*words, *place, "--json"])
            assert result.exit_code == 0, result.stderr
            return json.loads(result.stdout)

        assert run("claim", "pool", said["play"]["plan"])["balance"] == "50000.00"
        member, by = people["member"]["account"], people["play-hospital"]["keystore"]
        rows = (
            "claim,provider,patient,day,system,code,units,charge,currency,text\n"
            "P-1,play-hospital,me,{},http://snomed.info/sct,185349003,1,120.00,USD,Check up\n"
        )
        file = project / "claims.csv"
        file.write_text(rows.format(datetime.datetime.fromtimestamp(salus.now(), datetime.UTC).date()))
        words = ["claim", "submit", str(file), "--plan", said["play"]["plan"], "--patient", f"me={member}"]
        assert run(*words, "--keystore", by, "--yes")


@pytest.mark.chain
def test_U5_who_is_who_is_a_table_for_people(project):
    with started(project, "--kind", kind(), "--play") as process:
        shown = ""
        while "Ctrl-C ends it." not in shown:
            shown += process.stdout.readline()
    assert "node:10\tplay-hospital\tprovider\ttreats, submits claims" in shown
    assert "node:18\tmember\t\ta patient" in shown
    assert "anyone may mint" in shown


@pytest.mark.skipif(kind() != "anvil", reason="anvil keeps its state")
@pytest.mark.chain
def test_U5_a_chain_that_is_kept_goes_on_where_it_was(project, tmp_path):
    folder, found = tmp_path / "kept", []
    for turn in range(2):
        with started(project, "--json", "--persist", str(folder)) as process:
            said = json.loads(line(process.stdout))
            salus = Salus.connect(said["url"], book=said["book"])
            found.append((said["book"], salus.book["Institutions"].address, salus.node.genesis()))
            if turn == 0:
                words = ["institution", "accredit", "city-hospital", "0x" + "12" * 20, "--role", "PROVIDER", "--yes"]
                place = ["--keystore", "node:1", "--rpc", said["url"], "--book", said["book"]]
                assert CliRunner().invoke(cli, [*words, *place]).exit_code == 0
            assert salus.institutions.resolve("city-hospital") == "0x" + "12" * 20
            process.send_signal(signal.SIGTERM)
            assert process.wait(130) == 0
    assert found[0] == found[1]
    assert sorted(path.name for path in folder.iterdir()) == sorted(["state.json", Path(found[0][0]).name])


def test_U5_a_chain_that_cannot_be_kept_is_told(tmp_path):
    result = CliRunner().invoke(cli, ["chain", "up", "--kind", "ganache", "--persist", str(tmp_path / "kept")])
    assert (result.exit_code, "ganache keeps no chain" in result.stderr) == (2, True)
    assert not (tmp_path / "kept").exists()


@linux
@pytest.mark.chain
def test_what_is_interrupted_while_deploying_leaves_nothing_behind(chain_up):
    assert "deploying" in line(chain_up.stderr)
    deadline = time.monotonic() + 30
    while len(running := family(chain_up.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(running) >= 3, "the command, the node and the deployment"
    chain_up.send_signal(signal.SIGTERM)
    assert chain_up.wait(30) == 130
    assert gone(running)


def test_a_port_that_is_taken_is_told(deployed_chain):
    words = ["chain", "up", "--kind", kind(), "--port", str(deployed_chain.node.port)]
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        result = CliRunner().invoke(cli, words)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert result.exit_code == 3
    assert f"port {deployed_chain.node.port} on 127.0.0.1 is taken" in result.stderr
