"""One tree of errors: custom errors by selector, as both local chains tell them, and foreign errors at one gate."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from eth_abi.abi import encode
from web3 import HTTPProvider, Web3

from salus import errors
from salus.abi import decoding
from salus.abi.bits import ROLES
from salus.chain.local_node import KINDS, LocalNode
from salus.chain.provider import open_node
from salus.errors.explanations import _WORDS

SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def revert(name, *values):
    """The bytes with which a contract reverts."""
    for abi in decoding.abi_names():
        for entry in decoding.load_abi(abi):
            if entry["type"] == "error" and entry["name"] == name:
                types = [part["type"] for part in entry["inputs"]]
                return decoding.selector(entry) + encode(types, values)
    raise AssertionError(name)


# ---------------------------------------------------------------------------------------------------------- the tree


def test_the_tree_in_the_docstring_is_the_tree():
    import salus.chain.node
    import salus.outbox  # noqa: F401  (they add some)

    def tree(kind, depth=0):
        yield kind.__name__, kind.exit_code
        for child in kind.__subclasses__():
            if child.__name__ not in errors.refusals():
                yield from tree(child)

    lines = [line.split() for line in errors.__doc__.splitlines() if "──" in line and "NotLicensed" not in line]
    shown = {
        (next(word for word in line if word.isalpha()), int(next(w for w in line if w.isdigit()))) for line in lines
    }
    assert shown == set(tree(errors.SalusError)) - {("SalusError", 1)}


def test_every_custom_error_of_ours_has_a_class_and_a_sentence():
    for abi in (
        "Institutions",
        "ConsentRegistry",
        "Guardians",
        "AccessLog",
        "Plans",
        "Treasury",
        "ClaimDesk",
        "Lots",
        "Loggers",
        "ColdChain",
        "Doses",
    ):
        for entry in decoding.load_abi(abi):
            if entry["type"] == "error" and entry["name"] not in GENERAL:
                assert entry["name"] in _WORDS, f"{abi}.{entry['name']} needs a sentence in explanations.py"
                assert getattr(errors, entry["name"]).__mro__[1] is errors.Refused


# Of libraries: their names and arguments are all that there is to say.
GENERAL = {
    "AccessManagedInvalidAuthority",
    "ECDSAInvalidSignature",
    "ECDSAInvalidSignatureLength",
    "ECDSAInvalidSignatureS",
    "InvalidShortString",
    "ReentrancyGuardReentrantCall",
    "SafeCastOverflowedUintDowncast",
    "StringTooLong",
}


def test_every_sentence_can_be_said():
    """Each template is filled with values of its error's types."""
    samples = {"address": SOMEBODY, "bytes32": b"\1" * 32, "string": "field"}
    for abi in decoding.abi_names():
        for entry in decoding.load_abi(abi):
            if entry["type"] == "error" and entry["name"] in _WORDS:
                arguments = {part["name"]: samples.get(part["type"], 1) for part in entry["inputs"]}
                assert _WORDS[entry["name"]](arguments)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 6, 255, 2**40 - 1])
def test_sentences_bear_every_number(number):
    for name in ("NotLicensed", "NotIntact", "WrongState", "InvalidPeriod", "Superseded"):
        entry = next(e for a in decoding.abi_names() for e in decoding.load_abi(a) if e.get("name") == name)
        samples = {"address": SOMEBODY, "bytes32": b"\1" * 32}
        assert _WORDS[name]({part["name"]: samples.get(part["type"], number) for part in entry["inputs"]})


# ------------------------------------------------------------------------------------------------------ custom errors


def test_a_custom_error_is_its_class_with_named_arguments():
    error = errors.from_revert(revert("NotLicensed", SOMEBODY, ROLES["INSURER"], 3))
    assert type(error) is errors.NotLicensed
    assert dict(error.arguments) == {"account": SOMEBODY, "role": 4, "standing": 3}
    assert str(error) == f"{SOMEBODY} may not act as INSURER: it has a licence that has expired"
    assert (error.name, error.exit_code) == ("NotLicensed", 1)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", "Reverted", "without giving a reason"),
        (b"\x01\x02", "UnknownRefusal", "0x0102"),
        (bytes.fromhex("deadbeef"), "UnknownRefusal", "0xdeadbeef"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["no way"]), "Reverted", "no way"),
        (bytes.fromhex("08c379a0") + b"\xff" * 40, "UnknownRefusal", "0x08c379a0"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "Reverted", "too large for its field"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x77]), "Reverted", "panic 0x77"),
    ],
)
def test_other_reverts(data, kind, said):
    error = errors.from_revert(data)
    assert (type(error).__name__, said in str(error), error.data) == (kind, True, data)


def test_a_custom_error_that_is_cut_short_is_unknown():
    data = revert("NotLicensed", SOMEBODY, 1, 3)[:40]
    assert type(errors.from_revert(data)) is errors.UnknownRefusal


def test_a_text_cannot_move_the_cursor():
    error = errors.from_revert(revert("InvalidTerms", "\x1b[2Jtoken"))
    assert "\x1b" not in str(error)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchError'"):
        errors.NoSuchError


# --------------------------------------------------------------------------------------------------- on both chains


@pytest.fixture(scope="module", params=KINDS)
def refusing(request):
    """A chain with a contract that always reverts ``IssuedInFuture(now, 7)``, built by hand."""
    head = revert("IssuedInFuture", 0, 0)[:4].hex()
    # push4 head, push1 e0, shl, push0.., mstore; timestamp at 4; 7 at 36; revert(0, 68)
    runtime = f"63{head}60e01b600052" + "42600452" + "6007602452" + "60446000fd"
    code = f"0x60{len(runtime) // 2:02x}600c60003960{len(runtime) // 2:02x}6000f3{runtime}"
    with LocalNode(request.param) as node:
        w3 = Web3(HTTPProvider(node.url))
        sent = w3.eth.send_transaction({"from": node.accounts[0], "data": code, "gas": 300_000})
        address = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)["contractAddress"]
        yield node, open_node(node.url), {"from": node.accounts[0], "to": address}


@pytest.mark.parametrize("way", ["eth_call", "eth_call pending", "eth_estimateGas"])
def test_a_custom_error_is_found_wherever_a_node_puts_it(refusing, way):
    node, w3, call = refusing
    with pytest.raises(errors.IssuedInFuture) as raised, errors.gate():
        if way == "eth_estimateGas":
            w3.eth.estimate_gas(call)
        else:
            w3.eth.call(call, "pending" if "pending" in way else "latest")
    assert raised.value.arguments["nowAt"] == 7
    assert abs(raised.value.arguments["issuedAt"] - w3.eth.get_block("latest")["timestamp"]) < 60


def test_too_little_ether_is_told(refusing):
    node, w3, call = refusing
    from eth_account import Account

    poor = Account.create()
    raw = poor.sign_transaction(
        {"to": SOMEBODY, "value": 1, "gas": 21_000, "gasPrice": 10**10, "nonce": 0, "chainId": node.chain_id}
    ).raw_transaction
    with pytest.raises(errors.NodeRefused, match="too little ether for the fee"), errors.gate():
        w3.eth.send_raw_transaction(raw)


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        ({"data": "0x11223344"}, "11223344"),
        ({"data": "Reverted 0x11223344"}, "11223344"),
        ({"data": {"result": "0x11223344", "programCounter": 5}}, "11223344"),
        ({"data": {"0xabc": {"error": "revert", "return": "0x11223344"}, "stack": "…"}}, "11223344"),
        ({"data": {"originalError": {"code": 3, "data": "0x11223344"}}}, "11223344"),
        ({"message": "execution reverted", "data": "0x"}, ""),
        ({"message": "execution reverted"}, ""),
        ({"message": "nonce too low"}, None),
        ({"message": "nonce too low", "data": None}, None),
        ({"data": "0x123"}, None),
        ({}, None),
    ],
)
def test_shapes_of_revert_data(answer, data):
    found = errors.revert_data(answer)
    assert (None if found is None else found.hex()) == data


# ------------------------------------------------------------------------------------------------------------ the gate


@pytest.fixture
def answering():
    """A web server that answers everything with one status and body."""
    servers = []

    def start(status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>hello</html>", "BadAnswer"),
        (200, b'{"jsonrpc": "2.0", "id": 1, "resu', "BadAnswer"),
        (200, b"{}", "BadAnswer"),
        (200, b"[]", "BadAnswer"),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": "zebra"}', "BadAnswer"),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": null}', "BadAnswer"),
        (200, json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}).encode(), "BadAnswer"),
        (429, b"slow down", "Unreachable"),
        (500, b"oh", "Unreachable"),
    ],
)
def test_what_is_no_node_is_told_in_one_line(answering, status, body, kind):
    w3 = open_node(answering(status, body), timeout=5, patience=0.3)
    with pytest.raises(errors.Unreachable) as raised, errors.gate("asking"):
        int(w3.eth.chain_id)
    assert type(raised.value).__name__ == kind
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("foreign", "kind"),
    [
        (requests.exceptions.ConnectionError("refused"), errors.Unreachable),
        (requests.exceptions.ReadTimeout("late"), errors.Unreachable),
        (ConnectionResetError(), errors.Unreachable),
        (TimeoutError(), errors.Unreachable),
    ],
)
def test_foreign_errors_become_ours(foreign, kind):
    with pytest.raises(kind) as raised, errors.gate("doing it", node="http://x"):
        raise foreign
    assert "doing it" in str(raised.value)
    assert raised.value.__cause__ is foreign


def test_a_mistake_of_ours_is_not_dressed_up():
    with pytest.raises(ZeroDivisionError), errors.gate():
        1 / 0


def test_our_errors_pass_as_they_are():
    error = errors.BadInput("a.json", "field", "is bad")
    with pytest.raises(errors.BadInput) as raised, errors.gate():
        raise error
    assert raised.value is error
    assert str(error) == "a.json: field: is bad"
