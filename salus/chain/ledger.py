"""The ledger: one node, one address book and at most one signer, and what every resource needs of them.

It reads views and events, sends transactions, and knows no resource. Each resource's class takes a ledger, and
:class:`salus.Salus` is a ledger with all of them. Times are seconds of the chain's clock (:meth:`Ledger.now`), never of
this machine's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.abi.hashing import keccak
from salus.chain.book import Book, Deployment, abi_hash
from salus.chain.contracts import Call, Contract
from salus.chain.events import EventIndex, Events
from salus.chain.node import Node
from salus.chain.receipts import Event, Receipt
from salus.chain.rpc import data, number
from salus.chain.transactions import Sender
from salus.errors import BadAnswer, BadInput, NoSigner, NotDeployed, WrongChain
from salus.keys.addresses import address

if TYPE_CHECKING:
    from web3 import Web3

    from salus.keys.signers import Signer

__all__ = ["Ledger"]


class Ledger:
    """The contracts of one chain as one signer uses them.

    Args:
        node: The node.
        book: The contracts.
        signer: Who sends transactions and signs; None to read only.
        index: What reads the local index of events; None to ask the node for all of them.

    Attributes:
        fee_ceiling: The most that one unit of gas may cost, wei; above it nothing is sent.
        patience: Seconds to wait for a transaction to be in a block.
    """

    def __init__(self, node: Node, book: Book, signer: Signer | None = None, index: EventIndex | None = None) -> None:
        self.node = node
        self.book = book
        self.signer = signer
        self.index = index
        self.fee_ceiling = 1_000 * 10**9
        self.patience = 180.0
        self._contracts: dict[str, Contract] = {}

    # ------------------------------------------------------------------------------------------------- node and book

    def check(self) -> None:
        """Check that the node is on the book's chain and that each contract's code is the one that was deployed.

        Raises:
            Unreachable: No answer.
            WrongChain: The node is on another chain than the book.
            NotDeployed: No code, or other code, at an address of the book.
        """
        entries = tuple(self.book.contracts.values())
        there, *codes = self.node.results(
            [("eth_chainId", []), *(("eth_getCode", [entry.address, "latest"]) for entry in entries)],
            doing="asking for the chain",
        )
        self._same_chain(number(there, "the chain's id"))
        for entry, code in zip(entries, codes, strict=True):
            self._check_code(entry, data(code, f"the code of {entry.name}"))

    def _check_code(self, entry: Deployment, code: bytes) -> None:
        if not code:
            raise NotDeployed(
                f"{entry.name} is not at {entry.address} on chain {self.book.chain_id}: there is no code."
                f" The chain was started anew, or {self.book.path or 'the book'} is of another one; deploy again"
            )
        known = entry.name in decoding.abi_names()
        if entry.abi_hash and known and abi_hash(decoding.load_abi(entry.name)) != entry.abi_hash:
            raise NotDeployed(
                f"{entry.name} at {entry.address} is another version than this client knows;"
                " deploy again, or use the client of that version"
            )
        if entry.code_hash and "0x" + keccak(code).hex() != entry.code_hash:
            raise NotDeployed(
                f"the code at {entry.address} is not that of {entry.name} in {self.book.path or 'the book'};"
                " deploy again, or use the book of this chain"
            )

    def _sender(self) -> Sender:
        """What sends for the signer, on the book's chain and no other."""
        self._same_chain(self.node.chain_id())
        return Sender(
            self.node,
            self.need_signer(),
            chain=(self.book.chain_id, self.node.genesis()),
            ceiling=self.fee_ceiling,
            patience=self.patience,
        )

    def _same_chain(self, there: int) -> None:
        if there != self.book.chain_id:
            raise WrongChain(
                f"the node is on chain {there}, {self.book.path or 'the address book'} is for chain"
                f" {self.book.chain_id}; use another --rpc or --book"
            )

    @property
    def chain_id(self) -> int:
        """The chain of the book, which the node was checked against."""
        return self.book.chain_id

    def now(self) -> int:
        """The chain's clock: the time of the latest block, Unix seconds."""
        return number(self.node.block().get("timestamp"), "the time of the latest block", most=1 << 64)

    def clock_offset(self) -> float:
        """How far the chain's clock is ahead of this machine's, seconds; negative where it is behind.

        The chain's is the time that the next block would have, so that a chain without traffic is not taken for one
        whose clock stands still. Times of issue and deadlines are of the chain's clock; where the two differ by
        minutes, one of them is wrong, and what is signed now may be valid much earlier or later than it seems.

        Raises:
            Unreachable, BadAnswer: No answer, or none that fits.
        """
        began = time.time()
        asked = [("eth_getBlockByNumber", [name, False]) for name in ("pending", "latest")]
        answers = self.node.many(asked, doing="asking for the chain's clock")
        there = max(_time_of(answer) for answer in answers)
        if there < 0:
            raise BadAnswer("the node does not tell the chain's time")
        return there - (began + time.time()) / 2

    def block_time(self, block: int) -> int:
        """The time of a block, Unix seconds.

        Args:
            block: Its number.

        Raises:
            Unreachable, BadAnswer: No answer, or none that fits.
        """
        return number(self.node.block(block).get("timestamp"), f"the time of block {block}", most=1 << 64)

    def contract(self, name: str) -> Contract:
        """A contract of the book: ``ledger.contract("Plans").functions.terms(plan)`` is what :meth:`call` and
        :meth:`send` take.

        Args:
            name: The contract's name in the book.

        Raises:
            BadInput: The book or this version of the client does not have it.
        """
        if name not in self._contracts:
            entry = self.book[name]
            try:
                self._contracts[name] = Contract(name, entry.address)
            except KeyError:
                raise BadInput(
                    self.book.path, f"contracts.{name}", "is a contract this client has no ABI for"
                ) from None
        return self._contracts[name]

    @cached_property
    def w3(self) -> Web3:
        """The node as web3 sees it, for what this package does not do; it asks through the same connection."""
        from salus.chain.provider import web3_of

        return web3_of(self.node)

    def need_signer(self) -> Signer:
        """The signer.

        Raises:
            NoSigner: There is none.
        """
        if self.signer is None:
            raise NoSigner(
                "this needs somebody who signs: make a wallet (`salus wallet new`) or name one with --keystore"
            )
        return self.signer

    # --------------------------------------------------------------------------------------------------------- reading

    def call(self, fn: Call, *, block: int | str = "latest", sender: str | None = None) -> Any:
        """Ask a view, e.g. ``salus.call(salus.contract("Plans").functions.terms(plan))``.

        Args:
            fn: A function of :meth:`contract` with its arguments.
            block: A number or ``"latest"``.
            sender: Who asks, where it matters.

        Returns:
            The value, or a tuple of them; structs as :class:`salus.abi.decoding.Struct`, enums as integers.

        Raises:
            Refused: The contract reverted; one class a custom error.
            Unreachable: No answer, or one that does not fit.
        """
        fn = Call.of(fn)
        transaction: dict[str, Any] = {"to": fn.address, "data": "0x" + fn.data.hex()}
        if sender is not None:
            transaction["from"] = sender
        return self._decode(fn.address, fn.abi, self.node.call(transaction, block, name=fn.name))

    def calls(
        self, contract: str, function: str, many: Sequence[tuple[Any, ...]], *, block: int | str = "latest"
    ) -> list[Any]:
        """Ask one view of a contract (by its name in the book) for many rows of arguments, in few messages to the node.

        Args:
            contract: The contract's name in the book.
            function: The view's name.
            many: A row of arguments for each call.
            block: A number or ``"latest"``.

        Returns:
            The answers in order; see :meth:`call`.
        """
        where = self.book[contract].address
        abi = decoding.function_of(contract, function)
        asked = [{"to": where, "data": "0x" + data.hex()} for data in decoding.encode_calls(abi, many)]
        at = block if isinstance(block, str) else hex(block)
        answers = self.node.results([("eth_call", [call, at]) for call in asked], doing=f"asking for {function}")
        return [self._decode(where, abi, data(answer, function)) for answer in answers]

    def _decode(self, where: str, abi: Mapping[str, Any], raw: bytes) -> Any:
        outputs: Sequence[Mapping[str, Any]] = abi.get("outputs", ())
        if not raw and outputs:
            raise NotDeployed(f"at {where} is no contract that answers {abi['name']}; is the book of this chain?")
        try:
            values = decoding.decode_values(outputs, raw)
        except ValueError as trouble:
            raise BadAnswer(f"the answer to {abi['name']} is {trouble}") from None
        return values[0] if len(values) == 1 else values

    def logs(
        self, contract: str, event: str, where: Mapping[str, str | bytes] | None = None, *, since: int | None = None
    ) -> tuple[Event, ...]:
        """Past events of a contract, oldest first: up to the node's latest block, which may still be replaced by
        another.

        Where there is an index (see :meth:`salus.Salus.connect`) they come from it as far as it reaches, and from the
        node after that; the answer is the same.

        Args:
            contract: Its name in the book.
            event: The event's name.
            where: Values that indexed arguments must have: addresses, or 32 bytes.
            since: The first block to look at; by default the contract's own.
        """
        return self._events.find(contract, event, where, since)

    def iter_logs(
        self, contract: str, event: str, where: Mapping[str, str | bytes] | None = None, *, since: int | None = None
    ) -> Iterator[Event]:
        """The events that :meth:`logs` gives, one after the other: with bounded memory, however many there are.

        They reach up to the block that was the latest when the first one was asked for.

        Args:
            contract: Its name in the book.
            event: The event's name.
            where: Values that indexed arguments must have: addresses, or 32 bytes.
            since: The first block to look at; by default the contract's own.

        Raises:
            BadAnswer: After the last event: that block was replaced meanwhile, so some of what was given may be of
                blocks that are gone.
        """
        return self._events.iterate(contract, event, where, since)

    def mentions(self, accounts: Iterable[str]) -> dict[str, frozenset[str]]:
        """Which of some accounts any event of the book's contracts is about, asked of the node.

        Args:
            accounts: Any number of them. The node sees them all: it can tell that they belong together.

        Returns:
            Those that there are events about, with the other accounts that these events name.
        """
        return self._events.mentions(accounts)

    @cached_property
    def _events(self) -> Events:
        return Events(self.node, self.book, self.index)

    # --------------------------------------------------------------------------------------------------------- sending

    def send(self, fn: Call, *, gas: int | None = None, preflight: bool = True) -> Receipt:
        """Send a transaction and wait until it is in a block.

        It is tried as a call first, so that what the rules refuse costs nothing and is told in words. It is signed and
        sent under the lock of its key: any number of threads and processes of this user may send with one key at once,
        also beside an outbox.

        Args:
            fn: A function of :meth:`contract` with its arguments.
            gas: The limit; by default the node's estimate and a fifth more.
            preflight: False skips the try (then ``gas`` is needed): a node whose calls see an old clock may refuse what
                its next block would take.

        Raises:
            Refused: The rules refuse it, in the try or in the block (then ``.transaction`` is its hash).
            NoSigner: There is none; the ledger only reads.
            NotMined: Not in a block within :attr:`patience`.
            Unreachable: No answer.
        """
        self.need_signer()
        if not preflight and gas is None:
            raise ValueError("without a preflight the gas must be given")
        fn = Call.of(fn)
        sender = self._sender()
        return self.receipt(sender.send(self._plain(fn.address, fn.data), fn.name, gas=gas, preflight=preflight))

    def transact(self, *, to: str | None = None, value: int = 0, data: bytes = b"", name: str = "") -> Receipt:
        """Send a plain transaction and wait until it is in a block: ether, or a call of a contract that is in no book.

        Args:
            to: The receiver; None deploys `data` as a contract.
            value: Wei.
            data: The call, or a contract's creation code.
            name: What it is, for messages.

        Raises:
            Refused, NoSigner, NotMined, Unreachable: See :meth:`send`.
        """
        self.need_signer()
        raw = self._sender().send(self._plain(to, data, value), name or "a transaction", preflight=False)
        return self.receipt(raw)

    def _plain(self, to: str | None, data: bytes, value: int = 0) -> dict[str, Any]:
        call: dict[str, Any] = {"from": self.need_signer().address, "data": "0x" + data.hex(), "value": value}
        return {**call, "chainId": self.chain_id} if to is None else {**call, "to": to, "chainId": self.chain_id}

    def receipt(self, raw: Mapping[str, Any]) -> Receipt:
        """A receipt as a node wrote it in JSON, with the events of the contracts in the book.

        Args:
            raw: The receipt's fields as JSON has them.

        Raises:
            BadAnswer: It does not fit.
        """
        logs = raw.get("logs")
        if not isinstance(logs, list):
            raise BadAnswer("the node gave a receipt without logs")
        return Receipt(
            hash="0x" + data(raw.get("transactionHash"), "a receipt's hash", 32).hex(),
            block=number(raw.get("blockNumber"), "a receipt's block", most=1 << 64),
            gas_used=number(raw.get("gasUsed"), "a receipt's gas", most=1 << 64),
            status=1,
            logs=tuple(event for event in map(self._events.read, logs) if event is not None),
            deployed="" if (made := raw.get("contractAddress")) is None else address(made, "contractAddress"),
        )


def _time_of(answer: Any) -> int:
    """The time of a block as a node gave it; -1 where it gave none, as some do of the pending one."""
    if not isinstance(answer, Mapping) or answer.get("timestamp") is None:
        return -1
    return number(answer["timestamp"], "the time of a block", most=1 << 64)
