"""The client against a node that loses answers, lies, changes chain, or is slow."""

import json
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import salus as package
from salus import KeySigner, Salus
from salus.abi import decoding
from salus.chain.local_node import LocalNode
from salus.chain.node import Node
from salus.errors import BadAnswer, NodeRefused, NoSigner, NotMined, Refused, Unreachable, WrongChain, refusals
from tests.support.deployed_chain import ROOT, DeployedChain, kind

YEAR = 365 * 24 * 3600


class Proxy:
    """Stands between the client and a node; `modes` says by method what it does instead of passing on."""

    def __init__(self, url):
        self.modes = {}
        self.seen = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                method = "batch" if isinstance(asked, list) else asked["method"]
                proxy.seen.append(method)
                modes = proxy.modes.get(method, [])
                mode = modes.pop(0) if modes else "pass"
                if mode == "drop":  # before the node has it
                    self.close_connection = True
                    return
                request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                answer = json.load(opener.open(request, timeout=30))
                if mode == "lose":  # after the node has it
                    self.close_connection = True
                    return
                if callable(mode):
                    answer = mode(answer)
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(deployed_chain):
    proxy = Proxy(deployed_chain.url)
    yield proxy
    proxy.close()


@pytest.fixture
def client(deployed_chain, proxy):
    """An institution's client behind the proxy."""
    signer, _ = deployed_chain.institution("PROVIDER")
    return Salus.connect(proxy.url, book=deployed_chain.book, signer=signer, timeout=5)


def name_operator(deployed_chain, client):
    """One transaction of the client; it can happen once only, so that a second one would be seen."""
    return client.institutions.set_operator(deployed_chain.patient().address, ["PROVIDER"], client.now() + YEAR)


def transactions(deployed_chain, client):
    return deployed_chain.w3.eth.get_transaction_count(client.signer.address)


# --------------------------------------------------------------------------------------------------------- sending


@pytest.mark.parametrize("mode", ["lose", "drop"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_is_one_transaction(deployed_chain, client, proxy, mode, times):
    """F7: the node has it, or has not, and the client cannot tell."""
    proxy.modes["eth_sendRawTransaction"] = [mode] * times
    receipt = name_operator(deployed_chain, client)
    assert len(receipt.events("OperatorSet")) == 1
    assert transactions(deployed_chain, client) == 1


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas", "eth_gasPrice", "eth_getTransactionCount"])
def test_a_lost_answer_to_a_question_is_asked_again(deployed_chain, client, proxy, method):
    proxy.modes[method] = ["lose"]
    name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 1


def says(message, code=-32000):
    return lambda answer: {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": code, "message": message}}


@pytest.mark.parametrize("said", ["already known", "transaction already imported", "ALREADY_EXISTS: already known"])
def test_a_transaction_that_the_node_has_already_is_no_error(deployed_chain, client, proxy, said):
    """TK2: the first try came through although its answer did not."""
    proxy.modes["eth_sendRawTransaction"] = ["lose", says(said)]
    name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 1


def test_a_nonce_that_is_used_after_a_lost_answer_is_our_own(deployed_chain, client, proxy):
    """It must not be signed again with another nonce, even where the node does not show the first one yet."""
    nothing = lambda answer: {**answer, "result": None}  # noqa: E731
    # Not an account's very first: of nonce 0 ganache mines the same bytes, given twice, twice (the same hash in two
    # blocks).
    name_operator(deployed_chain, client)
    proxy.modes["eth_sendRawTransaction"] = ["lose", says("nonce too low")]
    proxy.modes["eth_getTransactionByHash"] = [nothing] * 2
    name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 2


def test_a_node_that_is_away_while_waiting_is_waited_for(deployed_chain, client, proxy):
    proxy.modes["eth_getTransactionReceipt"] = ["drop"] * 9
    receipt = name_operator(deployed_chain, client)
    assert receipt.events("OperatorSet")


def test_a_nonce_that_another_process_took_is_chosen_anew(deployed_chain, client, proxy):
    """TK4: two processes, one key."""

    def stale(answer):
        return {**answer, "result": "0x0"}

    name_operator(deployed_chain, client)
    proxy.modes["eth_getTransactionCount"] = [stale]
    name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 2


def test_two_clients_with_one_key_lose_nothing(deployed_chain, client):
    other = deployed_chain.client(client.signer)
    trouble = []

    def many(salus):
        try:
            for _ in range(8):
                name_operator(world_quietly, salus)
        except Exception as error:  # shown by the assertion below
            trouble.append(error)

    class Quiet:
        @staticmethod
        def patient():
            from eth_account import Account

            return KeySigner(Account.create())

    world_quietly = Quiet()
    threads = [threading.Thread(target=many, args=(salus,)) for salus in (client, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert trouble == []
    assert transactions(deployed_chain, client) == 16


def test_what_the_rules_refuse_is_not_sent(deployed_chain, client, proxy):
    proxy.seen.clear()
    with pytest.raises(refusals()["AccessManagedUnauthorized"]) as raised:
        client.institutions.suspend(client.signer.address)
    assert "eth_sendRawTransaction" not in proxy.seen
    assert raised.value.transaction is None


def test_what_fails_in_the_block_is_told_with_its_reason(deployed_chain, client):
    """F21: the try passed, and something came in between."""
    contract = client.contract("Institutions").functions
    with pytest.raises(refusals()["InvalidTerm"]) as raised:
        client.send(contract.setOperator(deployed_chain.patient().address, 1, 5), gas=200_000, preflight=False)
    assert dict(raised.value.arguments) == {"until": 5}
    assert deployed_chain.w3.eth.get_transaction_receipt(raised.value.transaction)["status"] == 0


def test_what_runs_out_of_gas_is_told(deployed_chain, client):
    contract = client.contract("Institutions").functions
    function = contract.setOperator(deployed_chain.patient().address, 1, client.now() + YEAR)
    with pytest.raises(Refused, match=r"setOperator ran out of gas \(30,000\)"):
        client.send(function, gas=30_000, preflight=False)


def test_without_a_try_the_gas_must_be_given(client):
    with pytest.raises(ValueError, match="the gas must be given"):
        client.send(client.contract("Institutions").functions.resign(), preflight=False)


def test_an_absurd_fee_is_not_paid(deployed_chain, client, proxy):
    """TK1: the node may say anything."""
    proxy.modes["eth_gasPrice"] = [lambda answer: {**answer, "result": hex(10**15)}]
    with pytest.raises(NodeRefused, match="above the ceiling of 1,000.0"):
        name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 0


def test_a_chain_that_changes_is_noticed_before_signing(deployed_chain, client, proxy):
    """F16."""
    proxy.modes["eth_chainId"] = [lambda answer: {**answer, "result": "0x1"}]
    with pytest.raises(WrongChain, match="the node is on chain 1"):
        name_operator(deployed_chain, client)
    assert transactions(deployed_chain, client) == 0


def test_the_receipt_of_another_transaction_is_refused(deployed_chain, client, proxy):
    def other(answer):
        if answer["result"] is None:
            return answer  # not in a block yet
        return {**answer, "result": {**answer["result"], "transactionHash": "0x" + "12" * 32}}

    proxy.modes["eth_getTransactionReceipt"] = [other] * 1000
    with pytest.raises(BadAnswer, match="the receipt of another transaction"):
        name_operator(deployed_chain, client)


def test_a_transaction_that_is_in_no_block_is_named(deployed_chain, client, proxy):
    client.patience = 0.3
    proxy.modes["eth_getTransactionReceipt"] = [lambda answer: {**answer, "result": None}] * 1000
    with pytest.raises(NotMined, match="look for it before doing it again") as raised:
        name_operator(deployed_chain, client)
    assert deployed_chain.w3.eth.get_transaction_receipt(raised.value.transaction)["status"] == 1


def test_who_has_no_ether_is_told(deployed_chain):
    poor = deployed_chain.client(deployed_chain.patient())
    with pytest.raises(Refused, match="too little ether|no accredited institution"):
        poor.institutions.set_operator(deployed_chain.patient().address, ["PROVIDER"], poor.now() + YEAR)
    with pytest.raises(NodeRefused, match="the sender has too little ether for the fee"):
        poor.consent.revoke(None)


def test_who_only_reads_sends_nothing(salus):
    with pytest.raises(NoSigner):
        salus.consent.revoke(None)


def test_an_account_of_the_node_sends(deployed_chain):
    from salus import NodeSigner

    client = deployed_chain.client(NodeSigner(Node(deployed_chain.node.url), deployed_chain.node.accounts[1]))
    receipt = client.institutions.accredit(
        deployed_chain.patient().address, "by-node", ["PROVIDER"], client.now() + YEAR
    )
    assert [event.name for event in receipt.logs] == ["InstitutionAccredited"]


# --------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("result", ["0x", "0x12", "0x" + "ff" * 31, None, 5, "zebra", {"a": 1}])
def test_an_answer_that_does_not_fit_is_one_error(client, proxy, result):
    proxy.modes["eth_call"] = [lambda answer: {**answer, "result": result}]
    with pytest.raises(Unreachable):
        client.institutions.standing(client.signer.address)


def test_logs_that_were_not_asked_for_are_left_out(deployed_chain, client, proxy):
    mine = client.signer.address

    def more(answer):
        """Everything twice, and an event of another institution."""
        (first, *_) = answer["result"]
        topics = [first["topics"][0], "0x" + "0" * 24 + "12" * 20, *first["topics"][2:]]
        return {**answer, "result": [{**first, "topics": topics, "logIndex": "0x63"}, *answer["result"], first]}

    name_operator(deployed_chain, client)
    proxy.modes["eth_getLogs"] = [more]
    (event,) = client.logs("Institutions", "OperatorSet", {"institution": mine})
    assert event.args["institution"] == mine


def test_a_node_that_limits_its_answers_is_asked_for_less(deployed_chain, client, proxy):
    whole = client.logs("Institutions", "InstitutionAccredited")
    proxy.modes["eth_getLogs"] = [says("query returned more than 10000 results")] * 3
    assert client.logs("Institutions", "InstitutionAccredited") == whole
    assert whole


def test_a_log_that_does_not_fit_is_one_error(deployed_chain, client, proxy):
    def broken(answer):
        return {**answer, "result": [{**answer["result"][0], "data": "0x12"}]}

    proxy.modes["eth_getLogs"] = [broken]
    with pytest.raises(BadAnswer, match="a log that does not fit"):
        client.logs("Institutions", "InstitutionAccredited")


def test_the_clock_is_the_chains(deployed_chain, salus):
    assert salus.now() == deployed_chain.w3.eth.get_block("latest")["timestamp"]


def test_what_is_called_encodes_without_asking_the_node(deployed_chain, client, proxy):
    proxy.seen.clear()
    client.institutions.standing(client.signer.address)
    assert proxy.seen == ["eth_call"]


def test_a_struct_has_names(client):
    found = client.call(client.contract("Institutions").functions.institution(client.signer.address))
    assert found.roles == found["roles"] == found[1] == 1
    assert decoding.plain(found)["handle"].startswith("0x70726f76")
    with pytest.raises(AttributeError, match="no field 'x'; there are handle"):
        found.x
    with pytest.raises(AttributeError, match="a struct does not change"):
        found.roles = 2


def test_a_struct_keeps_its_fields_apart_from_its_methods():
    from salus.abi.decoding import Struct

    struct = Struct(("index", "count", "from"), (7, 8, 9))
    assert (struct.index, struct.count, struct.from_, struct["from"]) == (7, 8, 9, 9)
    assert struct == (7, 8, 9) == Struct(("a", "b", "c"), (7, 8, 9))


# -------------------------------------------------------------------------------------------------------- a new chain


def test_a_chain_that_was_started_anew_is_noticed(deployed_chain):
    from salus.errors import NotDeployed

    with LocalNode(kind()) as other, pytest.raises(NotDeployed, match="there is no code"):
        Salus.connect(other.url, book=deployed_chain.book)


def test_blocks_at_intervals_are_waited_for(tmp_path):
    with LocalNode("anvil") as node:
        slow = DeployedChain(node, tmp_path)
        _, name = slow.institution("PROVIDER")
        person = slow.person()
        node.request("evm_setAutomine", False)
        node.request("evm_setIntervalMining", 1)
        patient = slow.client(person)
        from tests.client.consent.test_registry import draft

        patient.consent.grant(draft(patient, name))
        patient.consent.revoke(None)
        patient.consent.grant(draft(patient, name))
        assert patient.consent.decide(patient.signer.address, name, ["TREAT"], ["all"]).answer.name == "PERMIT"


# --------------------------------------------------------------------------------------------------------- the package


def test_all_that_is_promised_is_there():
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        there = package._HOMES[name].partition(":")[2] or name
        assert getattr(package, name).__name__ == there


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        package.Nothing


def test_the_help_waits_for_nothing():
    """What is heavy is loaded when it is used."""
    code = (
        "import sys; from salus.cli import cli\n"
        "for words in (['--help'], ['consent', '--help'], ['consent', 'grant', '--help'],\n"
        "              ['wallet', 'new', '--help'], ['chain', 'up', '--help'],\n"
        "              ['institution', 'accredit', '--help']):\n"
        "    try: cli(words, prog_name='salus')\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "heavy = {'web3', 'eth_account', 'eth_utils', 'eth_abi', 'requests', 'rich', 'fhir', 'pydantic',\n"
        "         'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "[]\n")
