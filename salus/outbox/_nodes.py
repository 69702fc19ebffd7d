"""Several endpoints of one chain as one that can be relied on: each is vetted, a failing one is left for the next.

Whatever is asked may be asked again, and bytes that were signed may be sent again; nothing here signs. One total time
holds for every question; within it an endpoint that is down, overloaded or talks nonsense is tried again after a while.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.chain.connection import NodeAddress
from salus.chain.headers import header_kind
from salus.chain.proof import check_header
from salus.chain.rpc import Call, Endpoint, Overloaded, Trouble, number
from salus.errors import BadAnswer, NotDeployed, Unreachable, WrongChain, one_line
from salus.outbox._envelope import Fees

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from salus.chain.book import Book, Deployment

__all__ = ["Nodes", "Survey", "UnderWay"]

BATCH = 100  # questions in one message; no common node allows fewer
_BYTES = 1_000_000  # in one message
_SILENCE = Trouble(0, "no answer", None)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_MUTE = 10.0  # seconds for which an endpoint that did not answer is not asked for its say


@dataclass(frozen=True, slots=True)
class Survey:
    """What a signature depends on, as one endpoint sees it now.

    Attributes:
        count: Transactions of the account in blocks: its next nonce there.
        pending: The same with those that wait.
        balance: Wei.
        fees: What the market asks.
        base: The base fee, wei; None on a chain from before EIP-1559.
        head: The latest block's number.
        gas_limit: Gas in a block.
    """

    count: int
    pending: int
    balance: int
    fees: Fees
    base: int | None
    head: int
    gas_limit: int


class UnderWay:
    """Messages under way to one endpoint, each tried once.

    Args:
        parts: How many questions are in each, and what it will have brought.
        failed: Called where one got no answer.
    """

    def __init__(self, parts: Sequence[tuple[int, Future[list[Any]]]], failed: Callable[[], None]) -> None:
        self._parts, self._failed = parts, failed

    def is_done(self, timeout: float | None = 0) -> bool:
        """Whether all have their answers, or will get none; waited for so many seconds, None for as long as it
        takes.
        """
        from concurrent.futures import wait

        # One that was cancelled is done, and yet would be waited for.
        left = [future for _, future in self._parts if not future.done()]
        return not left or not wait(left, timeout).not_done

    def answers(self) -> list[Any]:
        """What each question was answered, waited for; :class:`Trouble` without a code where nothing came."""
        from concurrent.futures import CancelledError

        found: list[Any] = []
        for count, future in self._parts:
            try:
                found += future.result()
            except (Unreachable, CancelledError):
                self._failed()
                found += [_SILENCE] * count
                # What comes back after a break may be another chain: nothing more is said to it before it is looked at.
                for _, later in self._parts:
                    later.cancel()
        return found


class Nodes:
    """The endpoints of one chain.

    Args:
        urls: At least one; the first is preferred.
        book: The contracts; each endpoint must be on its chain and have their code.
        timeout: Seconds for one reply.
        patience: Seconds for one question, all tries together.
        genesis: The hash of the first block, where it is known; else the first endpoint's holds for all.

    Attributes:
        header_kind: How the headers of the chain's blocks are hashed, by the first endpoint whose latest block shows
            it; None where that is unknown. See :data:`salus.chain.headers.HEADER_KINDS`.
        contradictions: What did not fit in the answers of an endpoint, by its name.
    """

    def __init__(
        self, urls: Sequence[NodeAddress], book: Book, *, timeout: float, patience: float, genesis: str = ""
    ) -> None:
        self._endpoints = [Endpoint(url, timeout=timeout) for url in dict.fromkeys(urls)]
        self._book, self.patience, self.genesis = book, patience, genesis
        self._vetted: set[Endpoint] = set()
        self._barred: dict[Endpoint, WrongChain | NotDeployed] = {}
        self.header_kind: str | None = None
        self.contradictions: dict[str, str] = {}
        self._mute: dict[Endpoint, float] = {}
        self._at = 0
        self._random = random.Random()
        self._couriers: dict[str, ThreadPoolExecutor] = {}
        self.near = all(endpoint.address.is_local for endpoint in self._endpoints)  # all on this machine

    @property
    def contracts(self) -> frozenset[bytes]:
        """The addresses of the book's contracts, 20 bytes each."""
        return frozenset(bytes.fromhex(entry.address[2:]) for entry in self._book.contracts.values())

    def close(self) -> None:
        """End all connections; what is under way is waited for, its reply's time at most."""
        for courier in self._couriers.values():
            courier.shutdown(cancel_futures=True)
        for endpoint in self._endpoints:
            endpoint.close()

    # ------------------------------------------------------------------------------------------------------- asking

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """Ask several things, in messages of a hundred; any endpoint may answer.

        Returns:
            What each was answered, in order: JSON values, or :class:`Trouble`.

        Raises:
            Unreachable: No endpoint answered in time.
            WrongChain, NotDeployed: No endpoint is left that has the book's chain and contracts.
        """
        found: list[Any] = []
        for part in _parts(calls):
            found += self._ask(part)
        return found

    def begin(self, lane: str, calls: Sequence[Call]) -> UnderWay:
        """Begin to ask, in messages of a hundred, after what was begun in the same lane before and beside everything
        else.

        Only the asking is done by another thread: whom to ask is settled here, and what came of it by
        :meth:`UnderWay.answers`.

        Raises:
            WrongChain, NotDeployed: No endpoint is left that has the book's chain and contracts.
        """
        from concurrent.futures import Future, ThreadPoolExecutor

        endpoint = self._current()
        try:
            self._vet(endpoint)
        except Unreachable as trouble:
            if isinstance(trouble, (WrongChain, NotDeployed)) and len(self._barred) == len(self._endpoints):
                raise
            nothing: Future[list[Any]] = Future()
            nothing.set_exception(trouble)
            return UnderWay([(len(calls), nothing)], lambda: self._leave(endpoint))
        if lane not in self._couriers:
            self._couriers[lane] = ThreadPoolExecutor(1, f"salus-outbox-{lane}")
        ask = endpoint.aside(lane).ask
        parts = [(len(part), self._couriers[lane].submit(ask, part)) for part in _parts(calls)]
        return UnderWay(parts, lambda: self._leave(endpoint))

    def wait_idle(self, lane: str) -> None:
        """Wait until nothing is under way in a lane, whoever began it."""
        if lane in self._couriers:
            self._couriers[lane].submit(int).result()

    def _leave(self, endpoint: Endpoint) -> None:
        """Prefer another endpoint to one that did not answer; what comes back after a break may be another chain."""
        self._vetted.discard(endpoint)
        if self._current() is endpoint:
            self._next()

    def _ask(self, calls: Sequence[Call]) -> list[Any]:
        end = time.monotonic() + self.patience
        found: list[Any] = [None] * len(calls)
        open_ = list(range(len(calls)))
        pause = _FIRST_PAUSE
        while True:
            wait = 0.0
            try:
                endpoint = self._vet(self._current())
                answers = endpoint.ask([calls[n] for n in open_])
                for n, answer in zip(open_, answers, strict=True):
                    found[n] = answer
                open_ = [n for n in open_ if isinstance(found[n], Trouble) and found[n].passing]
                if not open_:
                    return found
                trouble: Unreachable = Overloaded(f"{endpoint.name} answers: {one_line(found[open_[0]].message)}")
            except (WrongChain, NotDeployed) as barred:
                trouble = barred
                if len(self._barred) == len(self._endpoints):
                    raise
            except Unreachable as failed:
                trouble = failed
                if isinstance(failed, Overloaded):
                    wait = failed.seconds
                # What comes back after a break may be another chain.
                self._vetted.discard(self._endpoints[self._at])
            self._next()
            pause = self._pause(pause, max(wait, 0), end, trouble)

    def _pause(self, pause: float, least: float, end: float, trouble: Unreachable) -> float:
        """Wait, with jitter so that many clients do not come back at once; the next time longer."""
        left = end - time.monotonic()
        if left <= 0:
            raise type(trouble)(f"{trouble}; no better answer within {self.patience:g} s") from None
        time.sleep(min(max(pause * self._random.uniform(0.5, 1.5), least), left))
        return min(pause * 2, _LONGEST_PAUSE)

    def _current(self) -> Endpoint:
        return self._endpoints[self._at]

    def _next(self) -> None:
        for _ in self._endpoints:
            self._at = (self._at + 1) % len(self._endpoints)
            if self._endpoints[self._at] not in self._barred:
                return

    # ------------------------------------------------------------------------------------------------------ vetting

    def _vet(self, endpoint: Endpoint) -> Endpoint:
        """See that an endpoint is on the book's chain and has its contracts, before it is believed anything."""
        if endpoint in self._barred:
            raise self._barred[endpoint]
        if endpoint in self._vetted:
            return endpoint
        entries = list(self._book.contracts.values())
        calls: list[Call] = [("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False])]
        calls += [("eth_getBlockByNumber", ["latest", False])]
        calls += [("eth_getCode", [entry.address, "latest"]) for entry in entries]
        chain, first, latest, *codes = endpoint.ask(calls)
        try:
            self._expect_chain(endpoint, chain)
            genesis = self._expect_genesis(endpoint, first)
            for entry, code in zip(entries, codes, strict=True):
                _expect_code(endpoint, entry, code)
        except (WrongChain, NotDeployed) as barred:
            self._barred[endpoint] = barred
            raise
        self.genesis = genesis
        if self.header_kind is None and isinstance(latest, dict):
            with contextlib.suppress(BadAnswer):
                self.header_kind = header_kind(latest)
        self._vetted.add(endpoint)
        return endpoint

    def _expect_chain(self, endpoint: Endpoint, answer: Any) -> None:
        there = number(answer, "the chain's id")
        if there != self._book.chain_id:
            raise WrongChain(
                f"{endpoint.name} is on chain {there}, {self._book.path or 'the address book'} is for chain"
                f" {self._book.chain_id}; nothing is signed. Use another --rpc or --book"
            )

    def _expect_genesis(self, endpoint: Endpoint, block: Any) -> str:
        """The hash of the first block, which must be the one that is known."""
        genesis = _hash_of(block)
        if self.genesis and genesis != self.genesis:
            raise WrongChain(
                f"{endpoint.name} has another first block than the outbox knows: the chain was started anew, or it"
                " is another one; use another --rpc, or another outbox"
            )
        return genesis

    # ---------------------------------------------------------------------------------------------------- surveying

    def survey(self, account: str, explained: int) -> Survey:
        """What a signature depends on, asked of every endpoint; where they disagree they are waited for.

        Args:
            account: Who signs.
            explained: The next nonce by our own books: that an endpoint counts fewer is a matter of time; that one
                counts more must be said by all.

        Raises:
            Unreachable: They do not agree in time, or none answers.
            WrongChain: Another chain than the book's.
        """
        end = time.monotonic() + self.patience
        pause = _FIRST_PAUSE
        while True:
            seen = list(self._surveys(account, end))
            most = max(survey.pending for survey in seen)
            if most <= explained or all(survey.pending == most for survey in seen):
                first = seen[0]
                return Survey(
                    max(s.count for s in seen),
                    most,
                    min(s.balance for s in seen),
                    first.fees,
                    first.base,
                    max(s.head for s in seen),
                    first.gas_limit,
                )
            told = sorted({survey.pending for survey in seen})
            trouble = BadAnswer(f"the nodes disagree on the next nonce of {account}: {', '.join(map(str, told))}")
            pause = self._pause(pause, 0, end, trouble)

    def _surveys(self, account: str, end: float) -> Iterator[Survey]:
        calls: list[Call] = [
            ("eth_chainId", []),
            ("eth_getTransactionCount", [account, "latest"]),
            ("eth_getTransactionCount", [account, "pending"]),
            ("eth_getBalance", [account, "latest"]),
            ("eth_gasPrice", []),
            ("eth_getBlockByNumber", ["latest", False]),
        ]
        pause, given = _FIRST_PAUSE, False
        while True:
            trouble: Unreachable | None = None
            for endpoint in self._endpoints:
                try:
                    self._vet(endpoint)
                    answers = endpoint.ask(calls)
                    try:
                        self._expect_chain(endpoint, answers[0])
                    except WrongChain as wrong:
                        self._barred[endpoint] = wrong
                        raise
                    survey = _survey(answers)
                except Unreachable as failed:
                    trouble = trouble or failed
                    self._vetted.discard(endpoint)
                    continue
                given = True
                yield survey
            if given:
                return
            assert trouble is not None
            if len(self._barred) == len(self._endpoints):
                raise trouble
            pause = self._pause(pause, trouble.seconds if isinstance(trouble, Overloaded) else 0, end, trouble)

    # ------------------------------------------------------------------------------------------------------- blocks

    @property
    def count(self) -> int:
        """How many endpoints there are."""
        return len(self._endpoints)

    @property
    def asked(self) -> str:
        """The name of the endpoint that is asked now."""
        return self._current().name

    def contradict(self, words: str) -> None:
        """What the endpoint that is asked now says does not fit: note it, and leave it for another.

        Args:
            words: What does not fit.
        """
        self.contradictions[self._current().name] = words
        self._leave(self._current())

    def pass_on(self) -> None:
        """Ask another endpoint from now on."""
        self._next()

    def agree_on(self, blocks: Sequence[int]) -> list[str | None]:
        """The hash of each block, None where an endpoint that has it says otherwise, or none has it.

        The block of an endpoint whose header does not have its hash does not count.
        """
        calls: list[Call] = [("eth_getBlockByNumber", [hex(block), False]) for block in blocks]
        own = self.ask(calls)
        found: list[set[str]] = [set() for _ in blocks]
        for name, answers in [(self.asked, own), *self.others(calls)]:
            for hashes, block, answer in zip(found, blocks, answers, strict=True):
                if isinstance(answer, dict):
                    try:
                        hashes.add(str(check_header(answer, self.header_kind, block)["hash"]).lower())
                    except BadAnswer as trouble:
                        self.contradictions[name] = str(trouble)
        return [next(iter(hashes)) if len(hashes) == 1 else None for hashes in found]

    def disputed(self, blocks: Mapping[int, str]) -> dict[int, str]:
        """Of blocks, by number the hash, those of which another endpoint than the one that is asked now has another
        hash; by number what it says, in words.
        """
        calls: list[Call] = [("eth_getBlockByNumber", [hex(block), False]) for block in blocks]
        found: dict[int, str] = {}
        for name, answers in self.others(calls):
            for (block, hash_), answer in zip(blocks.items(), answers, strict=True):
                if not isinstance(answer, dict):
                    continue
                try:
                    there = str(check_header(answer, self.header_kind, block)["hash"]).lower()
                except BadAnswer as trouble:
                    self.contradictions[name] = str(trouble)
                    continue
                if there != hash_:
                    found[block] = f"block {block} is {hash_} at {self.asked} and {there} at {name}"
        return found

    def others(self, calls: Sequence[Call]) -> Iterator[tuple[str, list[Any]]]:
        """What each endpoint but the one that is asked now says to some calls, with its name. One that does not answer
        has no say, and is not asked for a while.
        """
        if not calls:
            return
        current, now = self._current(), time.monotonic()
        for endpoint in self._endpoints:
            if endpoint is current or self._mute.get(endpoint, 0.0) > now:
                continue
            try:
                self._vet(endpoint)
                answers = [answer for part in _parts(calls) for answer in endpoint.ask(part)]
            except Unreachable:
                self._mute[endpoint] = now + _MUTE
                continue
            yield endpoint.name, answers


def _parts(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Messages that are neither too many questions nor too many bytes."""
    part: list[Call] = []
    size = 0
    for call in calls:
        long = sum(
            len(p) if isinstance(p, str) else len(p.get("data", "")) if isinstance(p, dict) else 0 for p in call[1]
        )
        if part and (len(part) == BATCH or size + long > _BYTES):
            yield part
            part, size = [], 0
        part.append(call)
        size += long
    if part:
        yield part


def _expect_code(endpoint: Endpoint, entry: Deployment, code: Any) -> None:
    """Check that a contract of the book has the code that was deployed.

    Raises:
        NotDeployed: It has none, or another.
        BadAnswer: The answer is no code.
    """
    from eth_utils.crypto import keccak

    if not isinstance(code, str) or not code.startswith("0x"):
        raise BadAnswer(f"{endpoint.name} does not tell the code of {entry.name}")
    try:
        raw = bytes.fromhex(code[2:])
    except ValueError:
        raise BadAnswer(f"{endpoint.name} gave a code that is not hex") from None
    if not raw or (entry.code_hash and "0x" + keccak(raw).hex() != entry.code_hash):
        raise NotDeployed(f"{endpoint.name} has no {entry.name}, or another one, at {entry.address}")


def _hash_of(block: Any) -> str:
    found = block.get("hash") if isinstance(block, dict) else None
    if not isinstance(found, str) or len(found) != 66:
        raise BadAnswer("the node does not tell the hash of the first block")
    return found.lower()


def _survey(answers: Sequence[Any]) -> Survey:
    _, count, pending, balance, price, block = answers
    if not isinstance(block, dict):
        raise BadAnswer("the node does not tell its latest block")
    asked = number(price, "the price of gas")
    base = number(block["baseFeePerGas"], "the base fee") if block.get("baseFeePerGas") is not None else None
    if base is None:
        fees = Fees(asked, None)  # a chain from before EIP-1559
    else:
        # Twice the base fee holds for six full blocks in a row; only what is due is paid.
        tip = max(asked - base, 0)
        fees = Fees(2 * base + tip, tip)
    return Survey(
        number(count, "the nonce", most=1 << 64),
        number(pending, "the nonce", most=1 << 64),
        number(balance, "the balance"),
        fees,
        base,
        number(block.get("number"), "the latest block", most=1 << 64),
        number(block.get("gasLimit"), "the gas of a block", most=1 << 64),
    )
