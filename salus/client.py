"""The client: one node, one address book, at most one signer, and a small class for each noun.

    >>> salus = Salus.connect("http://127.0.0.1:8545", signer=signer)      # doctest: +SKIP
    >>> salus.institutions.resolve("city-hospital")                        # doctest: +SKIP
    >>> salus.consent.decide(patient, hospital, ["TREAT"], ["Observation"])  # doctest: +SKIP

Nothing is global: two clients in one program know nothing of each other. Nothing is printed. Times are seconds of the
chain's clock (:meth:`Salus.now`), never of this machine's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.chain.book import Book, Deployment, abi_hash, default_book
from salus.chain.connection import redact_url
from salus.chain.events import Events
from salus.chain.json_rpc import ask_many, data, quantity
from salus.chain.receipts import Event, Receipt
from salus.chain.transactions import Sender, eth_call, eth_calls
from salus.errors import BadAnswer, BadInput, NoSigner, NotDeployed, WrongChain, gate
from salus.index import find_index

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract
    from web3.contract.contract import ContractFunction

    from salus.claims.desk import Claims
    from salus.claims.plans.plans import Plans
    from salus.claims.treasury.treasury import Treasury
    from salus.coldchain.loggers.devices import Devices
    from salus.coldchain.lots import Lots
    from salus.coldchain.shipments import ColdChain
    from salus.consent.access_log import Accesses
    from salus.consent.guardians import Guardians
    from salus.consent.registry import Consent
    from salus.doses.doses import Doses
    from salus.index import Reader
    from salus.institutions.registry import Institutions
    from salus.keys.signers import Signer
    from salus.outbox import Outbox

__all__ = ["Event", "Receipt", "Salus"]


class Salus:
    """The contracts of one chain as one signer uses them.

    Args:
        w3: The node.
        book: The contracts.
        signer: Who sends transactions and signs; None to read only.
        index: What reads the local index of events; None to ask the node for all of them.

    Most callers want :meth:`connect`, which also checks that node and book fit.

    Attributes:
        fee_ceiling: The most that one unit of gas may cost, wei; above it nothing is sent.
        patience: Seconds to wait for a transaction to be in a block.
    """

    def __init__(self, w3: Web3, book: Book, signer: Signer | None = None, index: Reader | None = None) -> None:
        self.w3 = w3
        self.book = book
        self.signer = signer
        self.index = index
        self.fee_ceiling = 1_000 * 10**9
        self.patience = 180.0
        self._contracts: dict[str, Contract] = {}

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        book: Book | str | os.PathLike[str] | None = None,
        signer: Signer | None = None,
        timeout: float = 30,
        index: str | os.PathLike[str] | None = None,
    ) -> Salus:
        """Connect to a node, and check that it is on the book's chain and has the book's code.

        Args:
            url: The node's JSON-RPC, ``http://`` or ``https://``.
            book: The address book or its file; by default ``deployments/<chainid>.json`` below the working folder.
            signer: Who signs; None to read only.
            timeout: Seconds for one answer. A node that is busy, or breaks off, is asked again for some seconds.
            index: The index of events that ``salus index sync`` made, a file or the URL of a PostgreSQL database; by
                default the one beside the address book, where there is one; "" for none.

        Raises:
            BadInput: The address or the book is malformed.
            IndexTrouble: The index that was named cannot be read.
            Unreachable: No answer.
            WrongChain: The node is on another chain than the book.
            NotDeployed: No code, or other code, at an address of the book.
        """
        from salus.chain.provider import open_node

        w3 = open_node(url, timeout=timeout)
        if book is None:
            with gate("asking for the chain", node=redact_url(url)):
                chain_id = int(w3.eth.chain_id)
            book = default_book(chain_id)
            if not book.is_file():
                raise BadInput(
                    book, "", f"there is no address book for chain {chain_id}; deploy first, or name one with --book"
                )
        if not isinstance(book, Book):
            book = Book.load(book)
        client = cls(w3, book, signer, find_index(index, book))
        client.check()
        return client

    def check(self) -> None:
        """Check that the node is on the book's chain and that each contract's code is the one that was deployed.

        Raises:
            Unreachable, WrongChain, NotDeployed: See :meth:`connect`.
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

    # ------------------------------------------------------------------------------------------------------- the nouns

    @cached_property
    def institutions(self) -> Institutions:
        """Who is accredited, and who acts for whom."""
        from salus.institutions.registry import Institutions

        return Institutions(self)

    @cached_property
    def consent(self) -> Consent:
        """Who may use which data of a patient."""
        from salus.consent.registry import Consent

        return Consent(self)

    @cached_property
    def guardians(self) -> Guardians:
        """Who may act for a patient, and the way back for who lost the key."""
        from salus.consent.guardians import Guardians

        return Guardians(self)

    @cached_property
    def accesses(self) -> Accesses:
        """Who used whose data, and who broke the glass."""
        from salus.consent.access_log import Accesses

        return Accesses(self)

    @cached_property
    def plans(self) -> Plans:
        """The insurers' plans."""
        from salus.claims.plans.plans import Plans

        return Plans(self)

    @cached_property
    def treasury(self) -> Treasury:
        """The insurers' money."""
        from salus.claims.treasury.treasury import Treasury

        return Treasury(self)

    @cached_property
    def claims(self) -> Claims:
        """Claims: submitted, judged and paid."""
        from salus.claims.desk import Claims

        return Claims(self)

    @cached_property
    def lots(self) -> Lots:
        """What is shipped: temperature profiles, GS1 prefixes, lots."""
        from salus.coldchain.lots import Lots

        return Lots(self)

    @cached_property
    def devices(self) -> Devices:
        """Temperature loggers, their calibration, and the makers whose signatures prove a file."""
        from salus.coldchain.loggers.devices import Devices

        return Devices(self)

    @cached_property
    def doses(self) -> Doses:
        """Doses given, and when the next one is due."""
        from salus.doses.doses import Doses

        return Doses(self)

    @cached_property
    def coldchain(self) -> ColdChain:
        """Shipments of lots: custody, readings, verdicts."""
        from salus.coldchain.shipments import ColdChain

        return ColdChain(self)

    # ------------------------------------------------------------------------------------------------------ the ground

    @property
    def chain_id(self) -> int:
        """The chain of the book, which the node was checked against."""
        return self.book.chain_id

    def now(self) -> int:
        """The chain's clock: the time of the latest block, Unix seconds."""
        with gate("asking for the latest block"):
            return int(self.w3.eth.get_block("latest")["timestamp"])

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
            self._contracts[name] = self.w3.eth.contract(address=where, abi=list(abi))  # type: ignore[arg-type]
        return self._contracts[name]

    def with_signer(self, signer: Signer | None) -> Salus:
        """The same node and book with another signer."""
        other = Salus(self.w3, self.book, signer, self.index)
        other.fee_ceiling, other.patience, other._contracts = self.fee_ceiling, self.patience, self._contracts
        return other

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

        Where the client has an index (see :meth:`connect`) they come from it as far as it reaches, and from the node
        after that; the answer is the same.

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
            NoSigner: The client only reads.
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

    def outbox(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Outbox:
        """The signer's outbox: many transactions, each exactly once, fast, through crashes and reorganisations.

        Args:
            path: Its file; by default one for each chain and account below ``$SALUS_HOME/outbox``.
            options: See :class:`salus.outbox.Outbox`.
        """
        from salus.outbox import Outbox

        return Outbox(self, path, **options)


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
