"""A JSON-RPC proxy before a node that spoils what it is told to spoil, in an order that a seed repeats.

    with FaultProxy(node.url, seed=7) as proxy:
        lost = proxy.spoil("eth_sendRawTransaction", "drop_reply", rate=0.3)
        proxy.spoil("eth_getLogs", "omit_log", times=1)
        Salus.connect(proxy.url)
    assert lost.done

It listens on 127.0.0.1 alone, and asks nobody but the one or two nodes that it is given.

Modes of a whole HTTP message; of a batch, where one question in it draws them:
    drop_request  the connection ends before the node hears of it
    drop_reply    the node answers, the connection ends without a word
    hang          the node answers, the caller waits: `seconds`, by default until the proxy ends
    hang_once     the same, one time
    slow          the answer comes `seconds` later, by default half a second
    429, 5xx      an HTTP status 429 or `status`, by default 503, instead of asking the node
    html          an error page with status 502, or `status`, instead of asking the node
    truncate      the node answers, half of the JSON arrives
Modes of one question:
    fail          an error -32603 instead of asking the node; of a batch, some questions fail and others do not
    omit_answer   no answer to it, among those of a batch
    unknown       the answer is null: the node does not know what it is asked for
    wrong_id      the answer has the id of no question
    chain_id      the answer is `value`, by default "0x1"
    stale         the other node answers
    aged          the answer that the node gave `seconds` ago to the same question, by default 1, or the oldest known
    shuffle_logs, dup_logs, omit_log      logs in another order; one twice; one left out (of logs or receipts)
    range_limit   an error -32005 where a range spans more than `blocks`, or its answer more than `logs`
    alter         the result is what `change(method, result, chance)` makes of it
    geth_underpriced      refused as geth does, and anvil not: a replacement without a tenth more on both fees
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import rlp
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

INSTEAD = ("drop_request", "429", "5xx", "html")  # the node is not asked
WHOLE = (*INSTEAD, "drop_reply", "hang", "hang_once", "slow", "truncate")
SINGLE = (
    *("fail", "omit_answer", "unknown", "wrong_id", "chain_id", "stale", "aged"),
    *("shuffle_logs", "dup_logs", "omit_log", "range_limit", "alter"),
)
MODES = (*WHOLE, *SINGLE, "geth_underpriced")

JSON = "application/json"
IDLE = 2.0  # seconds after which a node may have ended a connection; ganache does after five
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Rule:
    """One line of the schedule.

    seen   how many questions it looked at
    done   how many of them it spoiled
    """

    def __init__(self, seed: str, method: str, mode: str, rate: float, times: int | None, options: dict[str, Any]):
        self.method, self.mode, self.rate, self.times, self.options = method, mode, rate, times, options
        self.seen = self.done = 0
        self._seed = f"{seed}/{method}/{mode}"

    def draw(self, method: str) -> Fault | None:
        """The next question's fault, if any: by the seed and its number alone, whatever other threads do."""
        self.seen += 1
        chance = random.Random(f"{self._seed}/{self.seen}")
        if chance.random() >= self.rate or (self.times is not None and self.done >= self.times):
            return None
        self.done += 1
        return Fault(self, method, chance)


class Fault:
    """What happens to one question."""

    def __init__(self, rule: Rule, method: str, chance: random.Random):
        self.rule, self.method, self.chance = rule, method, chance
        self.mode, self.options = rule.mode, rule.options


class FaultProxy:
    """See the head of this file.

    url      where it listens
    counts   how often each (method, mode) was spoiled
    asked    how often each method was asked for
    """

    def __init__(self, node: str, *, seed: object = 0, other: str | None = None):
        self.node, self.other, self.seed = node, other, seed
        self.rules: list[Rule] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.pool: dict[tuple[str, int], tuple[bytes, int, int]] = {}  # for geth_underpriced: hash, fee, tip
        self.history: dict[str, list[tuple[float, Any]]] = {}  # for aged: when a question was answered how
        self.troubles: list[BaseException] = []  # the proxy's own

    def __enter__(self) -> FaultProxy:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.end()
        if self.troubles and kind is None:
            raise AssertionError("the proxy itself failed") from self.troubles[0]

    def spoil(self, method: str, mode: str, *, rate: float = 1.0, times: int | None = None, **options: Any) -> Rule:
        """From now on spoil a method, ``"*"`` for every one; of several rules the first that draws a question counts.

        Args:
            rate: Of how many questions, 0 to 1.
            times: At most how often.
            options: See the head of this file.
        """
        if mode not in MODES:
            raise ValueError(f"no such fault: {mode!r}; there are {', '.join(MODES)}")
        times = 1 if mode == "hang_once" and times is None else times
        with self.lock:
            rule = Rule(f"{self.seed}/{len(self.rules)}", method, mode, rate, times, options)
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """From now on spoil nothing."""
        with self.lock:
            for rule in self.rules:
                rule.rate = 0.0

    # ---- what the handlers ask

    def draw(self, question: Any, whole: bool) -> Fault | None:
        """The fault of one question, if any; then it is for :meth:`did` to say what came of it."""
        method = str(question.get("method"))
        with self.lock:
            fitting = (r for r in self.rules if r.method in ("*", method) and (r.mode in WHOLE) == whole)
            return next((fault for rule in fitting if (fault := rule.draw(method))), None)

    def did(self, fault: Fault, spoiled: bool = True) -> None:
        """Count a fault, or give it back where there was nothing to spoil."""
        with self.lock:
            if spoiled:
                self.counts[fault.method, fault.mode] += 1
            else:
                fault.rule.done -= 1


class _Server(ThreadingHTTPServer):
    """Ends with its connections: who waits for another question on one would keep its thread for ever."""

    proxy: FaultProxy
    daemon_threads = False  # so that the end waits for them
    request_queue_size = 64

    def __init__(self, *args: Any):
        self.connections: set[socket.socket] = set()
        super().__init__(*args)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        trouble = sys.exception()
        # A caller that gave up, or a node that is away, is what this is for.
        if trouble is not None and not isinstance(trouble, (OSError, http.client.HTTPException)):
            self.proxy.troubles.append(trouble)

    def end(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a caller, and its own connections to the nodes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.nodes: dict[str, http.client.HTTPConnection] = {}
        self.last = time.monotonic()

    def finish(self) -> None:
        for connection in self.nodes.values():
            connection.close()
        super().finish()

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        proxy = self.server.proxy
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the caller was ended in the middle of its question")
        message = json.loads(body)
        questions = message if isinstance(message, list) else [message]
        with proxy.lock:
            proxy.asked.update(str(question.get("method")) for question in questions)
        drawn = [fault for question in questions if (fault := proxy.draw(question, True))]
        for fault in drawn:
            proxy.did(fault, fault is drawn[0])
        mode, options = (drawn[0].mode, drawn[0].options) if drawn else ("", {})
        if mode in INSTEAD:
            return self.instead(mode, options)
        answers = self.answers(questions)
        body = json.dumps(answers if isinstance(message, list) else answers[0] if answers else {}).encode()
        if mode in ("drop_reply", "hang", "hang_once"):
            if mode != "drop_reply":
                proxy.ending.wait(options.get("seconds"))
            self.close_connection = True
            return
        if mode == "slow":
            proxy.ending.wait(options.get("seconds", 0.5))
        self.reply(200, JSON, body[: len(body) // 2] if mode == "truncate" else body)

    def instead(self, mode: str, options: dict[str, Any]) -> None:
        if mode == "drop_request":
            self.close_connection = True
        elif mode == "html":
            self.reply(options.get("status", 502), "text/html", PAGE)
        else:
            status = 429 if mode == "429" else options.get("status", 503)
            self.reply(status, "text/plain", b"too many requests" if status == 429 else b"out of order")

    def reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # ---- asking the node

    def answers(self, questions: list[Any]) -> list[Any]:
        proxy = self.server.proxy
        faults = [proxy.draw(question, False) for question in questions]
        found: list[Any] = [f and self.early(f, question) for f, question in zip(faults, questions, strict=True)]
        for stale in (False, True):
            mine = [n for n, f in enumerate(faults) if not found[n] and (f is not None and f.mode == "stale") == stale]
            if mine:
                told = self.ask(proxy.other if stale else proxy.node, [questions[n] for n in mine])
                for n, answer in zip(mine, told, strict=True):
                    found[n] = self.late(faults[n], questions[n], answer)
        for fault, answer in zip(faults, found, strict=True):
            if fault:
                proxy.did(fault, answer is None or "spoiled" in answer)
        return [{k: v for k, v in a.items() if k != "spoiled"} for a in found if a is not None]

    def ask(self, node: str | None, questions: list[Any]) -> list[Any]:
        """A node's answers, in the order of the questions."""
        assert node is not None, "the mode stale needs another node"
        if node not in self.nodes:
            self.nodes[node] = http.client.HTTPConnection(urlsplit(node).netloc, timeout=120)
        connection = self.nodes[node]
        if time.monotonic() - self.last > IDLE:
            connection.close()  # and is opened anew by the next question
        body = json.dumps(questions if len(questions) > 1 else questions[0])
        connection.request("POST", "/", body, {"Content-Type": JSON})
        self.last = time.monotonic()
        answers = json.loads(connection.getresponse().read())
        if not isinstance(answers, list):
            # ganache tells of a revert without the question's id where it was asked by itself.
            return [{**answers, "id": question.get("id")} for question in questions]
        by_id = {json.dumps(answer.get("id")): answer for answer in answers}
        return [by_id[json.dumps(question.get("id"))] for question in questions]

    def early(self, fault: Fault, question: Any) -> Any:
        """The answer that the node is not asked for; None where it is."""
        if fault.mode == "fail":
            return _error(question, -32603, "internal error")
        if fault.mode == "geth_underpriced" and (trouble := self.as_geth(question)):
            return _error(question, -32000, trouble)
        if fault.mode == "range_limit" and (most := fault.options.get("blocks")) and self.span(question) > most:
            return _error(question, -32005, f"query exceeds max block range {most}")
        return None

    def late(self, fault: Fault | None, question: Any, answer: Any) -> Any:
        """The node's answer, spoiled and marked as such; None for none."""
        if fault is None:
            return answer
        result, most, change = answer.get("result"), fault.options.get("logs"), {}
        if fault.mode == "omit_answer":
            return None
        if fault.mode == "wrong_id":
            change = {"id": 987_654_321}
        elif fault.mode == "unknown":
            change = {"result": None}
        elif fault.mode == "aged":
            change = {"result": self.aged(question, result, fault.options.get("seconds", 1.0))}
        elif fault.mode == "chain_id":
            change = {"result": fault.options.get("value", "0x1")}
        elif fault.mode == "alter" and "result" in answer:
            change = {"result": fault.options["change"](fault.method, result, fault.chance)}
        elif fault.mode == "geth_underpriced" and "error" not in answer:
            place, offer = _offer(question)
            self.server.proxy.pool[place] = offer
        elif fault.mode == "range_limit" and most and isinstance(result, list) and len(result) > most:
            return _error(question, -32005, f"query returned more than {most} results")
        elif fault.mode in ("omit_log", "dup_logs", "shuffle_logs") and result:
            change = {"result": _spoiled_logs(fault, result)}
        told = {**answer, **change}
        return {**told, "spoiled": True} if told != answer or fault.mode == "stale" else answer

    def aged(self, question: Any, result: Any, seconds: float) -> Any:
        """What the node answered to the same question so long ago."""
        now = time.monotonic()
        with self.server.proxy.lock:
            known = self.server.proxy.history.setdefault(json.dumps([question["method"], question["params"]]), [])
            known.append((now, result))
            return next((old for at, old in reversed(known) if now - at >= seconds), known[0][1])

    def node(self, method: str, *params: Any) -> Any:
        """What the proxy itself wants to know."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.ask(self.server.proxy.node, [question])[0]["result"]

    def span(self, question: Any) -> int:
        wanted = question["params"][0]
        if "blockHash" in wanted:
            return 1

        def number(tag: str) -> int:
            if tag.startswith("0x"):
                return int(tag, 16)
            return int(self.node("eth_getBlockByNumber", tag, False)["number"], 16)

        return number(wanted.get("toBlock", "latest")) - number(wanted.get("fromBlock", "latest")) + 1

    def as_geth(self, question: Any) -> str | None:
        """What geth would say against a raw transaction and anvil does not."""
        (sender, nonce), (hash_, *offer) = _offer(question)
        if nonce < int(self.node("eth_getTransactionCount", sender, "latest"), 16):
            return None  # both say that the nonce is too low
        before = self.server.proxy.pool.get((sender, nonce))
        if before is None or self.node("eth_getTransactionByHash", "0x" + before[0].hex()) is None:
            return None  # nothing to replace: there was none, or it was dropped
        if before[0] == hash_:
            return "already known"
        if any(new <= old or new * 10 < old * 11 for new, old in zip(offer, before[1:], strict=True)):
            return "replacement transaction underpriced"
        return None


def _error(question: Any, code: int, message: str) -> dict[str, Any]:
    error = {"code": code, "message": message}
    return {"jsonrpc": "2.0", "id": question.get("id"), "error": error, "spoiled": True}


def _offer(question: Any) -> tuple[tuple[str, int], tuple[bytes, int, int]]:
    """Sender and nonce of a raw transaction; its hash, the most that a unit of gas may cost, and the tip."""
    raw = HexBytes(question["params"][0])
    if raw[0] < 0x80:
        told = TypedTransaction.from_bytes(raw).as_dict()
        nonce, price = told["nonce"], told.get("maxFeePerGas", told.get("gasPrice"))
        tip = told.get("maxPriorityFeePerGas", price)
    else:
        nonce, price, *_ = (int.from_bytes(field, "big") for field in rlp.decode(raw))
        tip = price
    return (str(Account.recover_transaction(raw)), int(nonce)), (keccak(raw), int(price), int(tip))


def _spoiled_logs(fault: Fault, result: Any) -> Any:
    """Logs, a receipt or a list of receipts with the logs spoiled; as it was where there are none."""
    copy = json.loads(json.dumps(result))
    items = copy if isinstance(copy, list) else [copy]
    lists = [copy] if "topics" in items[0] else [item["logs"] for item in items if item.get("logs")]
    logs = fault.chance.choice(lists) if lists else []
    if logs and fault.mode == "omit_log":
        del logs[fault.chance.randrange(len(logs))]
    elif logs and fault.mode == "dup_logs":
        logs.insert(fault.chance.randrange(len(logs) + 1), fault.chance.choice(logs))
    else:
        fault.chance.shuffle(logs)
    return copy
