"""P3: no command prints a secret, whatever goes wrong.

Canaries stand in the node's address (before the host, in the path, in the query), in the index's URL, in the password
file and in SALUS_PASSWORD. Every command of the tree is run against nodes that fail in different ways, and stdout,
stderr, what is logged and every exception are searched for them.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
import pytest
from click.testing import CliRunner

from salus.chain import node as nodes
from salus.chain.connection import NodeAddress
from salus.cli import cli
from salus.keys.wallet import Wallet

CANARIES = {name: f"canary{name}" for name in ("user", "word", "path", "query", "dbword", "dbquery", "file", "environ")}

# These wait for something, or start a node: they are run as processes of their own by other tests.
WAITING = {("chain", "up"), ("shipment", "listen")}


def every_command(parent=cli, path=()):
    for name in parent.list_commands(None):
        found = parent.get_command(None, name)
        if isinstance(found, click.Group):
            yield from every_command(found, (*path, name))
        elif (*path, name) not in WAITING:
            yield (*path, name), found


COMMANDS = dict(every_command())


def answers(method, mode):
    """What a node answers in a mode: a status and a body."""
    if mode == "denied":
        return 401, b"unauthorized"
    if mode == "busy":
        return 503, b"try later"
    if mode == "page":
        return 200, b"<html>not a node</html>"
    if mode == "chain" and method == "eth_chainId":
        return 200, {"result": "0x7a69"}
    return 200, {"error": {"code": -32000, "message": "out of order"}}


@pytest.fixture(scope="module")
def servers():
    """The port of a node for each mode; nothing listens at the one called closed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows = [answers(row["method"], self.server.mode) for row in (asked if isinstance(asked, list) else [asked])]
            status, first = rows[0]
            if isinstance(first, bytes):
                raw = first
            else:
                ids = [row["id"] for row in asked] if isinstance(asked, list) else [asked["id"]]
                whole = [{"jsonrpc": "2.0", "id": n, **body} for n, (_, body) in zip(ids, rows, strict=True)]
                raw = json.dumps(whole if isinstance(asked, list) else whole[0]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_):
            pass

    started = {}
    for mode in ("denied", "busy", "page", "error", "chain"):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.mode = mode
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started[mode] = server
    yield {"closed": 1, **{mode: server.server_port for mode, server in started.items()}}
    for server in started.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def surroundings(tmp_path, monkeypatch, cheap):
    """A wallet, a book, a password file; secrets everywhere. What is needed to run a command in a mode."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALUS_PASSWORD", CANARIES["environ"])
    Wallet.create(os.environ["SALUS_HOME"] + "/wallet", CANARIES["environ"])
    entry = {"address": "0x" + "00" * 19 + "01", "block": 1}
    from salus.chain.book import CONTRACTS

    (tmp_path / "book.json").write_text(json.dumps({"chainId": 31337, "contracts": dict.fromkeys(CONTRACTS, entry)}))
    password = tmp_path / "password"
    password.write_text(CANARIES["file"] + "\n")
    password.chmod(0o600)
    (tmp_path / "given.json").write_text("{}")

    def at_once(self, trouble, doing):
        raise nodes._told(trouble, doing) from None

    monkeypatch.setattr(nodes._Turn, "wait", at_once)  # waiting tells no more than the first answer


def url(port):
    c = CANARIES
    return f"http://{c['user']}:{c['word']}@127.0.0.1:{port}/v2/{c['path']}?token={c['query']}"


PLACE = f"postgresql://me:{CANARIES['dbword']}@127.0.0.1:1/salus?password={CANARIES['dbquery']}&connect_timeout=1"


def words_of(found, *, text):
    """Something for each thing that a command needs."""
    given = []
    for parameter in found.params:
        if not parameter.required:
            continue
        kind = parameter.type
        value = text
        if isinstance(kind, click.Choice):
            value = str(next(iter(kind.choices)))
        elif isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
            value = str(max(1, int(getattr(kind, "min", 1) or 1)))
        elif isinstance(kind, click.Path | click.File):
            value = "given.json"
        flag = [max(parameter.opts, key=len)] if isinstance(parameter, click.Option) else []
        given += [*flag, value]
    return given


def told(result, caplog):
    """Everything that a command let out."""
    parts = [result.output, result.stderr, *(record.getMessage() for record in caplog.records)]
    if result.exception is not None:
        parts += [repr(result.exception), *traceback.format_exception(*result.exc_info)]
    return "\n".join(parts)


MODES = {
    "closed": ["--events", PLACE],
    "denied": ["--events", PLACE, "--password-file", "password"],
    "busy": ["--events", ""],
    "page": [],
    "error": ["--events", PLACE.replace("postgresql", "postgres+odd")],
    "chain": ["--events", PLACE, "--password-file", "given.json"],
}


@pytest.mark.parametrize("mode", MODES)
def test_P3_no_command_prints_a_secret(surroundings, servers, mode, caplog):
    caplog.set_level(logging.DEBUG)
    assert len(COMMANDS) > 80
    for path, found in COMMANDS.items():
        names = {name for parameter in found.params for name in parameter.opts}
        options = (
            ["--rpc", url(servers[mode]), "--book", "book.json", *MODES[mode], "--yes"] if "--rpc" in names else []
        )
        for text in ("0x" + "ab" * 32, "clinic"):
            caplog.clear()
            result = CliRunner().invoke(
                cli, [*path, *words_of(found, text=text), *options], input="", prog_name="salus"
            )
            said = told(result, caplog)
            for place, canary in CANARIES.items():
                assert canary not in said, f"salus {' '.join(path)} prints the secret of {place}: {said}"


@pytest.mark.parametrize("noun", ["institution", "index", "consent", "outbox", "doctor"])
def test_P3_no_process_prints_a_secret(surroundings, servers, noun):
    """As a user runs it, with everything in the environment."""
    path = next(path for path in COMMANDS if path[0] == noun)
    environment = {
        **os.environ,
        "SALUS_RPC": url(servers["denied"]),
        "SALUS_INDEX": PLACE,
        "SALUS_BOOK": "book.json",
        "PYTHONFAULTHANDLER": "1",
    }
    words = [sys.executable, "-m", "salus.cli", *path, *words_of(COMMANDS[path], text="clinic")]
    ran = subprocess.run(words, env=environment, input="", capture_output=True, text=True, timeout=60)
    assert ran.stderr or ran.stdout
    for canary in CANARIES.values():
        assert canary not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        "ftp://{user}:{word}@host/{path}",
        "http://{user}:{word}@/{path}",
        "http://{user}:{word}@host:{path}/",
        "{user}:{word}@host?{query}",
        "http://[{path}/?{query}@x",
    ],
)
def test_P3_an_address_that_is_none_is_refused_without_its_secrets(surroundings, wrong):
    given = wrong.format(**CANARIES)
    result = CliRunner().invoke(cli, ["institution", "list", "--rpc", given, "--book", "book.json"], prog_name="salus")
    assert result.exit_code == 2 and "is not the address of a node" in result.stderr
    assert not [canary for canary in CANARIES.values() if canary in result.output + repr(result.exception)]


def test_P3_a_confirmation_shows_the_nodes_without_their_secrets():
    from salus.cli.context import Context

    context = Context(rpc=f"{url(8545)},{url(8546)}")
    assert context.nodes == "http://127.0.0.1:8545, http://127.0.0.1:8546" == f"{context.nodes}"
    assert str(NodeAddress(url(8545))) == "http://127.0.0.1:8545"
