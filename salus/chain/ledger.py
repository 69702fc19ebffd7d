"""The ledger: one node, one address book and at most one signer, and what every resource needs of them.

It reads views and events, sends transactions, and knows no resource. Each resource's class takes a ledger, and
:class:`salus.Salus` is a ledger with all of them. Times are seconds of the chain's clock (:meth:`Ledger.now`), never of
this machine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.chain.book import Book, Deployment, abi_hash
from salus.chain.connection import redact_url
from salus.chain.events import EventIndex, Events
from salus.chain.json_rpc import ask_many, data, quantity
from salus.chain.receipts import Event, Receipt
from salus.chain.transactions import Sender, eth_call, eth_calls
from salus.errors import BadAnswer, BadInput, NoSigner, NotDeployed, WrongChain, gate

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract
    from web3.contract.contract import ContractFunction

    from salus.keys.signers import Signer

__all__ = ["Ledger"]


class Ledger:
    """The contracts of one chain as one signer uses them.

    Args:
        w3: The node.
        book: The contracts.
        signer: Who sends transactions and signs; None to read only.
        index: What reads the local index of events; None to ask the node for all of them.

    Attributes:
        fee_ceiling: The most that one unit of gas may cost, wei; above it nothing is sent.
        patience: Seconds to wait for a transaction to be in a block.
    """

    def __init__(self, w3: Web3, book: Book, signer: Signer | None = None, index: EventIndex | None = None) -> None:
        self.w3 = w3
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
        provider: Any = self.w3.provider
        there, *codes = ask_many(
            self.w3,
            [("eth_chainId", []), *(("eth_getCode", [entry.address, "latest"]) for entry in entries)],
            "asking for the chain",
            node=redact_url(str(provider.endpoint_uri)),
        )
        self._same_chain(quantity(there))
        for entry, code in zip(entries, codes, strict=True):
            self._check_code(entry, data(code))

    def _check_code(self, entry: Deployment, code: bytes) -> None:
        from eth_utils.crypto import keccak

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

    def _check_chain(self) -> None:
        with gate("asking for the chain"):
            there = int(self.w3.eth.chain_id)
        self._same_chain(there)

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
        with gate("asking for the latest block"):
            return int(self.w3.eth.get_block("latest")["timestamp"])

    def block_time(self, block: int) -> int:
        """The time of a block, Unix seconds.

        Args:
            block: Its number.

        Raises:
            Unreachable, BadAnswer: No answer, or none that fits.
        """
        with gate(f"asking for block {block}"):
            return int(self.w3.eth.get_block(block)["timestamp"])

    def contract(self, name: str) -> Contract:
        """A contract of the book, for web3.

        Raises:
            BadInput: The book or this version of the client does not have it.
        """
        if name not in self._contracts:
            entry = self.book[name]
            try:
                abi = decoding.load_abi(name)
            except KeyError:
                raise BadInput(
                    self.book.path, f"contracts.{name}", "is a contract this client has no ABI for"
                ) from None
            where: Any = entry.address
            self._contracts[name] = self.w3.eth.contract(address=where, abi=list(abi))
        return self._contracts[name]

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

    def call(self, fn: ContractFunction, *, block: int | str = "latest", sender: str | None = None) -> Any:
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
        transaction: dict[str, Any] = {"to": fn.address, "data": self._encode(fn)}
        if sender is not None:
            transaction["from"] = sender
        return self._decode(fn.address, fn.abi, eth_call(self.w3, transaction, block, _name(fn)))

    def calls(
        self, contract: str, function: str, many: Sequence[tuple[Any, ...]], *, block: int | str = "latest"
    ) -> list[Any]:
        """Ask one view of a contract (by its name in the book) for many rows of arguments, in few messages to the node.

        Returns:
            The answers in order; see :meth:`call`.
        """
        where = self.book[contract].address
        abi = decoding.function_of(contract, function)
        asked = [{"to": where, "data": "0x" + data.hex()} for data in decoding.encode_calls(abi, many)]
        return [self._decode(where, abi, raw) for raw in eth_calls(self.w3, asked, block)]

    def _decode(self, where: str, abi: Mapping[str, Any], raw: bytes) -> Any:
        outputs: Sequence[Mapping[str, Any]] = abi.get("outputs", ())
        if not raw and outputs:
            raise NotDeployed(f"at {where} is no contract that answers {abi['name']}; is the book of this chain?")
        try:
            values = decoding.decode_values(outputs, raw)
        except ValueError as trouble:
            raise BadAnswer(f"the answer to {abi['name']} is {trouble}") from None
        return values[0] if len(values) == 1 else values

    def _encode(self, fn: ContractFunction) -> str:
        # With all of these given web3 asks the node nothing.
        whole = {"gas": 0, "gasPrice": 0, "nonce": 0, "value": 0, "chainId": self.chain_id}
        return str(fn.build_transaction(whole)["data"])  # type: ignore[arg-type]

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

    @cached_property
    def _events(self) -> Events:
        return Events(self.w3, self.book, self.index)

    # --------------------------------------------------------------------------------------------------------- sending

    def send(self, fn: ContractFunction, *, gas: int | None = None, preflight: bool = True) -> Receipt:
        """Send a transaction and wait until it is in a block.

        It is tried as a call first, so that what the rules refuse costs nothing and is told in words.

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
        signer = self.need_signer()
        if not preflight and gas is None:
            raise ValueError("without a preflight the gas must be given")
        self._check_chain()
        name = _name(fn)
        call = {
            "from": signer.address,
            "to": fn.address,
            "data": self._encode(fn),
            "value": 0,
            "chainId": self.chain_id,
        }
        sender = Sender(self.w3, signer, ceiling=self.fee_ceiling, patience=self.patience)
        raw = sender.send(call, name, gas=gas, preflight=preflight)
        return self._receipt(raw)

    def _receipt(self, raw: Mapping[str, Any]) -> Receipt:
        logs = tuple(event for event in map(self._events.read, raw["logs"]) if event is not None)
        sent = "0x" + bytes(raw["transactionHash"]).hex()
        return Receipt(sent, int(raw["blockNumber"]), int(raw["gasUsed"]), 1, logs)

    def receipt(self, raw: Mapping[str, Any]) -> Receipt:
        """A receipt as a node wrote it in JSON, with the events of the contracts in the book.

        Raises:
            BadAnswer: It does not fit.
        """
        try:
            return self._receipt({**_unhexed(raw), "logs": [_unhexed(log) for log in raw["logs"]]})
        except (KeyError, TypeError, ValueError) as trouble:
            raise BadAnswer(f"the node gave a receipt that does not fit: {trouble}") from None


def _name(fn: ContractFunction) -> str:
    return str(fn.fn_name)


def _unhexed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt or a log of JSON with the values that count as web3 gives them."""
    found = dict(raw)
    for name in ("blockNumber", "gasUsed", "logIndex"):
        if name in raw:
            found[name] = int(raw[name], 16)
    found["transactionHash"] = bytes.fromhex(raw["transactionHash"][2:])
    if "data" in raw:
        found["data"] = bytes.fromhex(raw["data"][2:])
        found["topics"] = [bytes.fromhex(topic[2:]) for topic in raw["topics"]]
    return found
