"""Ctrl-C ends every command with 130, one line and no traceback, wherever it comes; tried with real processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.fault_proxy import FaultProxy
from tests.support.shared_data import ROOT
from tests.support.terminal import Terminal


@pytest.fixture
def silent():
    """A node that takes every question and answers none; its address, and what is set once one was asked."""
    asked, ending = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def listen():
            with contextlib.ExitStack() as open_ones:
                while not ending.is_set():
                    with contextlib.suppress(TimeoutError):
                        connection, _ = server.accept()
                        open_ones.enter_context(connection)
                        connection.recv(1)
                        asked.set()

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        ending.set()
        thread.join(10)


def started(*words):
    """A `salus` without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "salus.cli", *map(str, words)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "SALUS_PASSWORD"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process):
    """What a process says and ends with after SIGINT."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "words",
    [
        ("institution", "list"),
        ("consent", "explain", "--patient", "0x" + "12" * 20),
        ("index", "sync"),
        ("outbox", "resume", "--keystore", "node:1"),
        ("doctor",),
    ],
)
def test_while_a_node_does_not_answer(silent, words):
    url, asked = silent
    process = started(*words, "--rpc", url)
    assert asked.wait(60)
    time.sleep(0.1)
    assert stopped(process) == (130, "", "interrupted\n")


def test_with_json_the_line_is_a_document(silent):
    url, asked = silent
    process = started("institution", "list", "--rpc", url, "--json")
    assert asked.wait(60)
    code, out, err = stopped(process)
    assert (code, out) == (130, "")
    assert json.loads(err) == {"error": "Interrupted", "message": "interrupted"}


def test_while_transactions_are_on_their_way_nothing_is_lost(deployed_chain, keystore, tmp_path):
    """What was signed is in the outbox, and the same command goes on with it."""
    from salus.outbox import read_status

    hospital, name = deployed_chain.institution("PROVIDER")
    file, orders, secret = keystore(hospital), [], tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    for number in range(2):
        wallet = Wallet.create(tmp_path / f"wallet-{number}", PASSWORD)[0]
        orders.append(tmp_path / f"order-{number}.json")
        place = ["--rpc", deployed_chain.url, "--book", deployed_chain.book_path, "--password-file", secret, "--yes"]
        words = ["consent", "grant", "--to", name, "--purpose", "TREAT", "--keystore", wallet.path, "--out", orders[-1]]
        process = started(*words, *place)
        assert process.wait(120) == 0, process.communicate()[1]
        process.communicate()
    with FaultProxy(deployed_chain.url) as proxy:
        sending = proxy.spoil("eth_sendRawTransaction", "hang")
        words = ["consent", "relay", *orders, "--batch", 1, "--keystore", file, "--rpc", proxy.url, *place[2:]]
        process = started(*words)
        deadline = time.monotonic() + 60
        while not sending.done and time.monotonic() < deadline:
            time.sleep(0.02)
        code, _, err = stopped(process)
        assert (code, err.splitlines()[-1]) == (130, "interrupted")
    (outbox,) = (tmp_path / "home" / "outbox").glob("*.sqlite")
    assert read_status(outbox)[0].open > 0
    process = started("consent", "relay", *orders, "--batch", 1, "--keystore", file, *place)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    consent = deployed_chain.client().consent
    from salus.consent.files.orders import load

    for order in orders:
        (one,) = load(order)
        assert [r.status.name for r in consent.directives(one.patient, one.directive.grantee)] == ["ACTIVE"]
    assert deployed_chain.w3.eth.get_transaction_count(hospital.address) == 2


# ------------------------------------------------------------------------------------------------- at a terminal


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_at_the_question_for_a_password(cheap, json_too):
    Wallet.create(os.environ["SALUS_HOME"] + "/wallet", PASSWORD)
    with Terminal("wallet", "address", *json_too) as terminal:
        terminal.wait_for("Password of ")
        assert terminal.interrupt() == 130
    last = terminal.shown.splitlines()[-1]
    assert "Traceback" not in terminal.shown
    assert last == ('{"error": "Interrupted", "message": "interrupted"}' if json_too else "interrupted")


def test_at_a_question(deployed_chain):
    place = {"SALUS_RPC": deployed_chain.url, "SALUS_BOOK": str(deployed_chain.book_path)}
    words = ("institution", "suspend", "0x" + "12" * 20, "--keystore", "node:1")
    with Terminal(*words, environment=place) as terminal:
        terminal.wait_for("Suspend it? [y/N]")
        assert terminal.interrupt() == 130
    assert terminal.shown.splitlines()[-1] == "interrupted" and "Traceback" not in terminal.shown


@pytest.mark.parametrize(("typed", "said"), [("\x04", "error: nothing was done"), ("n\n", "error: nothing was done")])
def test_a_no_and_the_end_of_input_are_no_interrupt(deployed_chain, typed, said):
    place = {"SALUS_RPC": deployed_chain.url, "SALUS_BOOK": str(deployed_chain.book_path)}
    words = ("institution", "suspend", "0x" + "12" * 20, "--keystore", "node:1")
    with Terminal(*words, environment=place) as terminal:
        terminal.wait_for("Suspend it? [y/N]")
        terminal.type(typed)
        assert terminal.end() == 2
    assert terminal.shown.splitlines()[-1] == said
