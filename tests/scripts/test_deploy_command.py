"""The command `scripts/deploy.py` as an engineer runs it, on nodes that call themselves geth: live chains to Brownie.

given a mistake in what it is told
    when it starts                      one line, before anything is asked or sent
given a deployment that is killed or interrupted somewhere
    when it is run again                it ends with every contract, every power where it belongs, none with the payer
given a chain whose blocks come slowly
    when it deploys                     all transactions are in a few blocks
given another node, or a chain that was reset
    when it deploys there               nothing of the first one is in its way
"""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest
from eth_account import Account
from web3 import HTTPProvider, Web3

from salus import Salus
from salus.chain.local_node import LocalNode
from scripts.deployment.pipeline import most_per_gas
from tests.support.fault_proxy import FaultProxy
from tests.support.project_copy import ROOT, copy_project
from tests.support.terminal import Terminal

pytestmark = pytest.mark.chain

PASSWORD = "correct horse"
REGULATOR = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOLD = ("ACCOUNT", "KEYSTORE", "PASSWORD_FILE", "REGULATOR", "SETUP", "WEAK", "REPLACE", "BOOKS", "YES")
STEPS = 14  # thirteen creations and the handing-over


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a Brownie account, a keystore and two password files; the payer is the node's first account."""
    folder = tmp_path_factory.mktemp("home")
    with LocalNode() as node:
        key = node.keys[0]
    stored = json.dumps(Account.encrypt(key, PASSWORD, iterations=2))
    (folder / ".brownie" / "accounts").mkdir(parents=True)
    for path in (folder / ".brownie" / "accounts" / "payer.json", folder / "payer.json"):
        path.write_text(stored)
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "wrong").write_text("no horse\n")
    return folder


@pytest.fixture
def words(home, tmp_path):
    """The environment of a deployment that works; a test takes away or adds."""
    kept = {k: v for k, v in os.environ.items() if k not in TOLD and not k.startswith(("SALUS_", "PYTEST_"))}
    return kept | {
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "KEYSTORE": str(home / "payer.json"),
        "PASSWORD_FILE": str(home / "password"),
        "REGULATOR": REGULATOR,
        "BOOKS": str(tmp_path / "books"),
        "WEAK": "1",
        "YES": "1",
    }


@contextlib.contextmanager
def geth(**options):
    """A node that says it is geth, and the proxy before it."""
    with LocalNode(**options) as node, FaultProxy(node.url) as proxy:
        proxy.spoil("web3_clientVersion", "alter", change=lambda method, result, chance: "Geth/v1.13.15")
        yield node, proxy.url


@pytest.fixture(scope="module")
def quick():
    """A chain on which no test of this file leaves anything."""
    with geth() as (node, url):
        yield node, url


def start(url, words, project=ROOT):
    return subprocess.Popen(
        [sys.executable, str(project / "scripts" / "deploy.py"), "--rpc", url],
        env=words,
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(url, words, project=ROOT):
    """Its exit code and what it said."""
    process = start(url, words, project)
    said, _ = process.communicate(timeout=180)
    return process.returncode, said


def book_of(words):
    (path,) = (p for p in (ROOT / words["BOOKS"]).glob("*.json") if p.name.count(".") == 1)
    return path


def stands(url, words):
    """Every contract is there as the client wants it, every power with the regulator, none with the payer."""
    salus = Salus.connect(url, book=book_of(words))
    manager = salus.contract("AccessManager").functions
    payer = Account.from_key(LocalNode().keys[0]).address
    held = {who: [bool(salus.call(manager.hasRole(role, who))[0]) for role in range(8)] for who in (payer, REGULATOR)}
    assert held == {payer: [False] * 8, REGULATOR: [*[True] * 7, False]}
    assert not list((ROOT / words["BOOKS"]).glob("*unfinished*"))
    return salus


# ---- what is told before anything is asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"REGULATOR": None}, "REGULATOR is not an address"),
        ({"REGULATOR": "0x" + "0" * 40}, "the regulator is account 0"),
        ({"KEYSTORE": None}, "no payer; set ACCOUNT"),
        ({"KEYSTORE": None, "ACCOUNT": "nobody"}, "Brownie has no account 'nobody'"),
        (
            {"KEYSTORE": None, "ACCOUNT": "payer", "PASSWORD_FILE": "wrong"},
            "the password of Brownie's account payer is wrong",
        ),
        ({"PASSWORD_FILE": "wrong"}, "payer.json: no keystore v3 file, or the password is wrong"),
        (
            {"KEYSTORE": None, "ACCOUNT": "payer", "PASSWORD_FILE": None},
            "the password of Brownie's account payer is needed",
        ),
        ({"PASSWORD_FILE": None}, "payer.json is needed: set PASSWORD_FILE, or use a terminal"),
        ({"PASSWORD_FILE": "none"}, "none: No such file or directory"),
        ({"YES": None}, "nobody can be asked without a terminal; set YES=1"),
        ({"SETUP": "nothing.toml"}, "SETUP and REGULATOR are both set"),
        ({"SETUP": "nothing.toml", "REGULATOR": None}, "nothing.toml: No such file or directory"),
        ({"WEAK": None}, "the powers are weak: one account holds every role"),
        ({"REGULATOR": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"}, "pays, and must keep no power"),
    ],
)
def test_U4_a_mistake_is_one_line(quick, words, home, change, said):
    for name, value in change.items():
        if value is None:
            words.pop(name, None)
        else:
            words[name] = str(home / value) if name == "PASSWORD_FILE" else value
    code, told = run(quick[1], words)
    assert (code, told.count("\n")) == (1, 1), told
    assert told.startswith("error: ") and said in told
    assert int(quick[0].request("eth_getTransactionCount", quick[0].accounts[0], "pending"), 16) == 0


@pytest.mark.parametrize("missing", ["REGULATOR", "SETUP"])
def test_U4_at_a_terminal_too_no_password_is_asked_for_before_a_mistake_is_told(quick, words, missing):
    del words["PASSWORD_FILE"], words["REGULATOR"]
    if missing == "SETUP":
        words["SETUP"] = "nothing.toml"
    with at_a_terminal(quick[1], words) as terminal:
        assert terminal.end() == 1
    assert "Password" not in terminal.shown and "Traceback" not in terminal.shown


def at_a_terminal(url, words):
    given = {name: words[name] for name in (*TOLD, "HOME", "PYTHONUNBUFFERED") if name in words}
    program = (
        "import os, runpy, sys\n"
        f"for name in {TOLD!r}: os.environ.pop(name, None)\n"
        f"os.environ.update({given!r})\n"
        f"sys.argv = ['deploy.py', '--rpc', {url!r}]\n"
        "runpy.run_path('scripts/deploy.py', run_name='__main__')"
    )
    return Terminal(program=program)


@pytest.mark.parametrize("question", ["Password of", "deploy? [y/N]"])
def test_U4_ctrl_c_at_a_question_sends_nothing(quick, words, question):
    del words["YES"]
    if question.startswith("Password"):
        del words["PASSWORD_FILE"]
    with at_a_terminal(quick[1], words) as terminal:
        terminal.wait_for(question)
        assert terminal.interrupt() == 130
    assert "nothing was sent" in terminal.shown and "Traceback" not in terminal.shown
    if question.startswith("deploy"):
        assert "about" in terminal.shown and "the payer has" in terminal.shown
    assert int(quick[0].request("eth_getTransactionCount", quick[0].accounts[0], "pending"), 16) == 0


# ---- breaks ----------------------------------------------------------------------------------------------------------


def stopped_at(url, words, text, number):
    """Start it, and send it a signal when it says something; what it had said."""
    process, said = start(url, words), ""
    for line in process.stdout:
        said += line
        if text in line:
            process.send_signal(number)
            break
    said += process.communicate(timeout=60)[0]
    return process.returncode, said


KILLED_AT = (
    "deploying AccessManager",
    "deploying Plans",
    "deploying Doses",
    "handing the powers",
    "transactions are in blocks",
)


@pytest.mark.parametrize("text", KILLED_AT)
def test_U2_a_deployment_that_was_killed_is_finished_by_the_same_command(words, text):
    with geth(block_time=1, gas_limit=15_000_000) as (_node, url):
        code, said = stopped_at(url, words, text, signal.SIGKILL)
        assert code == -signal.SIGKILL and "written" not in said
        code, said = run(url, words)
        assert code == 0, said
        assert "a deployment was broken off here" in said
        stands(url, words)


def test_U2_killed_after_its_last_block_it_sends_nothing_more(words):
    with geth() as (node, url):
        assert run(url, words)[0] == 0
        path = book_of(words)
        whole = path.read_text()
        height = node.request("eth_blockNumber")
        # As a kill would have left it: the journal is still there, the book not yet.
        manager = json.loads(whole)["contracts"]["AccessManager"]["block"]
        what = journal_of(url, words)
        journal = path.with_suffix(".unfinished.json")
        journal.write_text(json.dumps({"what": what, "start": manager - 1, "nonces": [*range(STEPS)], "hashes": {}}))
        path.unlink()
        code, said = run(url, words)
        assert code == 0, said
        assert path.read_text() == whole
        assert node.request("eth_blockNumber") == height
        stands(url, words)


def journal_of(url, words):
    """What a journal says of what is deployed: the same on every chain with this payer and this table."""
    with geth(block_time=600) as (_node, other):
        elsewhere = words | {"BOOKS": words["BOOKS"] + "-elsewhere"}
        stopped_at(other, elsewhere, "handing", signal.SIGKILL)
        (path,) = (ROOT / elsewhere["BOOKS"]).glob("*unfinished.json")
        return json.loads(path.read_text())["what"]


def test_U2_what_the_payer_sent_in_between_costs_nothing_but_its_nonce(words):
    """The contract of that nonce would never come; it and all later ones get others."""
    with geth(block_time=2) as (node, url):
        stopped_at(url, words, "deploying Plans", signal.SIGKILL)
        w3 = Web3(HTTPProvider(node.url))
        w3.eth.send_transaction({"from": node.accounts[0], "to": REGULATOR, "value": 1})
        code, said = run(url, words)
        assert code == 0, said
        stands(url, words)
        assert w3.eth.get_transaction_count(node.accounts[0]) > STEPS


@pytest.mark.parametrize("change", [{"RULES_DELAY": "60"}, {"REGULATOR": "0x" + "12" * 20}])
def test_U2_another_deployment_does_not_finish_one_that_was_broken_off(words, change):
    with geth(block_time=600) as (_node, url):
        stopped_at(url, words, "deploying Plans", signal.SIGKILL)
        code, said = run(url, words | change)
    assert code == 1
    assert "is of a deployment that was broken off and had another payer, other powers or other code" in said


def test_U4_ctrl_c_in_the_middle_says_what_stands_and_is_130(words):
    with geth(block_time=2, gas_limit=15_000_000) as (_node, url):
        code, said = stopped_at(url, words, "transactions are in blocks", signal.SIGINT)
        assert code == 130
        assert "Traceback" not in said
        assert said.splitlines()[-1].startswith("stopped: ")
        assert f"of {STEPS} transactions are in blocks" in said.splitlines()[-1]
        code, said = run(url, words)
        assert code == 0, said
        stands(url, words)


def test_U4_the_payer_has_no_power_even_where_the_whole_was_interrupted_before_its_end(words):
    """Between the first block and the last the payer is the administrator of contracts that nobody uses yet."""
    with geth(block_time=2, gas_limit=15_000_000) as (_node, url):
        stopped_at(url, words, "transactions are in blocks", signal.SIGTERM)
        assert not [p for p in (ROOT / words["BOOKS"]).glob("*.json") if "unfinished" not in p.name], "no book yet"
        assert run(url, words)[0] == 0
        stands(url, words)


# ---- slow chains, other chains -------------------------------------------------------------------------------------


def test_U2_slow_blocks_are_filled_and_not_waited_for_one_by_one(words):
    with geth(block_time=3) as (_node, url):
        code, said = run(url, words)
        assert code == 0, said
        used = next(line for line in said.splitlines() if line.startswith("used: "))
        assert int(used.split(" in ")[1].split()[0]) <= 5, used
        stands(url, words)


def test_U3_another_node_of_the_same_id_and_a_chain_that_was_reset(words, tmp_path):
    project = copy_project(tmp_path / "project")
    # What earlier versions left behind, of a chain that is gone.
    for place in ("fetch", "31337"):
        stale = project / "build" / "deployments" / place / f"0x{'5f' * 20}.json"
        stale.parent.mkdir(parents=True, exist_ok=True)
        stale.write_text((project / "build" / "contracts" / "Lots.json").read_text())
    for _ in range(2):
        with geth() as (_node, url):
            code, said = run(url, words, project)
            assert code == 0, said
            assert "Traceback" not in said
    assert len(list((ROOT / words["BOOKS"]).glob("*.json"))) == 2


def test_U3_brownie_writes_down_no_contract(words, tmp_path, home):
    project = copy_project(tmp_path / "project")
    with geth() as (_node, url):
        assert run(url, words, project)[0] == 0
    assert not list((project / "build" / "deployments").glob("*/0x*.json"))


def test_C7_a_table_in_a_file_is_deployed_as_it_says(words, tmp_path):
    accounts = ["0x" + f"{number:040d}" for number in range(1, 8)]
    text = (
        (ROOT / "deployments" / "template.toml")
        .read_text()
        .replace("0x…", "{}")
        .replace("{ ", "{{ ")
        .replace(" }", " }}")
    )
    file = tmp_path / "here.toml"
    file.write_text(
        text.format(*accounts)
        .replace('"2d" }', f'"2d", guardian = "{accounts[5]}" }}')
        .replace(f'delay = "2d", guardian = "{accounts[5]}" }}', 'delay = "2d" }', 1)
    )
    del words["REGULATOR"], words["WEAK"]
    with geth() as (_node, url):
        code, said = run(url, words | {"SETUP": str(file)})
        assert code == 0, said
        salus = Salus.connect(url, book=book_of(words))
        manager = salus.contract("AccessManager").functions
        held = {
            (n, role): tuple(salus.call(manager.hasRole(role, accounts[n - 1])))
            for n in range(1, 8)
            for role in (0, 1, 2, 3, 4, 5, 6, 102)
        }
        expected = {
            (1, 3): 0,
            (2, 0): 172_800,
            (3, 1): 0,
            (4, 2): 172_800,
            (5, 4): 0,
            (6, 5): 0,
            (7, 6): 0,
            (6, 102): 0,
        }
        assert {key: delay for key, (holds, delay) in held.items() if holds} == expected
        assert salus.call(manager.getRoleGuardian(2)) == 102


def test_U2_a_node_that_does_not_count_what_waits_is_no_reason_to_stop(words):
    """Some answer for `pending` what they answer for `latest`: then everything seems lost, and is sent again."""
    with geth(block_time=2, gas_limit=15_000_000) as (node, _url), FaultProxy(node.url) as proxy:
        proxy.spoil("web3_clientVersion", "alter", change=lambda *_: "Geth/v1.13.15")
        latest = lambda *_: node.request("eth_getTransactionCount", node.accounts[0], "latest")  # noqa: E731
        proxy.spoil("eth_getTransactionCount", "alter", change=latest)
        stopped_at(proxy.url, words, "deploying Plans", signal.SIGKILL)
        code, said = run(proxy.url, words)
        assert code == 0, said
        stands(proxy.url, words)


def test_U2_a_chain_without_fees_costs_nothing():
    assert [most_per_gas(fees) for fees in ({"gasPrice": 0}, {"maxFeePerGas": 3, "maxPriorityFeePerGas": 1})] == [0, 3]
