"""The client: a ledger with a small class for each resource.

    >>> salus = Salus.connect("http://127.0.0.1:8545", signer=signer)      # doctest: +SKIP
    >>> salus.institutions.resolve("city-hospital")                        # doctest: +SKIP
    >>> salus.consent.decide(patient, hospital, ["TREAT"], ["Observation"])  # doctest: +SKIP

Nothing is global: two clients in one program do not affect each other. Nothing is printed. Times are seconds of the
chain's clock (:meth:`Salus.now`), never of this machine's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from salus.chain.book import Book, find_book
from salus.chain.events import EventIndex, default_index
from salus.chain.ledger import Ledger
from salus.chain.node import Node
from salus.errors import IndexTrouble

if TYPE_CHECKING:
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
    from salus.institutions.registry import Institutions
    from salus.keys.signers import Signer
    from salus.outbox import Outbox

__all__ = ["Salus", "find_index"]

R = TypeVar("R")


class Salus(Ledger):
    """The contracts of one chain as one signer uses them: one small class for each resource, one signer, one node.

    Most callers want :meth:`connect`, which also checks that node and address book fit.

    Args:
        node: The node.
        book: The contracts.
        signer: Who sends transactions and signs; None to read only.
        index: What reads the local index of events; None to ask the node for all of them.
    """

    def __init__(self, node: Node, book: Book, signer: Signer | None = None, index: EventIndex | None = None) -> None:
        super().__init__(node, book, signer, index)
        self._resources: dict[type, Any] = {}

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
            book: The address book or its file; by default that of the node's chain,
                ``deployments/<chainid>-<genesis>.json`` below the working folder.
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
        node = Node(url, timeout=timeout)
        if book is None:
            book = find_book(node)
        if not isinstance(book, Book):
            book = Book.load(book)
        client = cls(node, book, signer, find_index(index, book))
        client.check()
        return client

    def with_signer(self, signer: Signer | None) -> Salus:
        """The same node and book with another signer."""
        other = Salus(self.node, self.book, signer, self.index)
        other.fee_ceiling, other.patience, other._contracts = self.fee_ceiling, self.patience, self._contracts
        return other

    # -------------------------------------------------------------------------------------------------- the resources

    def _only(self, kind: type[R], *collaborators: Any) -> R:
        """The client's one object of a class; its module was imported by whoever asked, so that `salus` loads fast."""
        if kind not in self._resources:
            make: Any = kind
            self._resources[kind] = make(self, *collaborators)
        found: R = self._resources[kind]
        return found

    @property
    def institutions(self) -> Institutions:
        """Institutions: who is accredited, and who acts for whom."""
        from salus.institutions.registry import Institutions

        return self._only(Institutions)

    @property
    def guardians(self) -> Guardians:
        """Guardians: who may act for a patient, and how a patient who lost the key recovers the account."""
        from salus.consent.guardians import Guardians

        return self._only(Guardians)

    @property
    def consent(self) -> Consent:
        """Consent: who may use which data of a patient."""
        from salus.consent.registry import Consent

        return self._only(Consent, self.institutions, self.guardians)

    @property
    def accesses(self) -> Accesses:
        """Accesses: which data was used by whom, and emergency (break-glass) accesses."""
        from salus.consent.access_log import Accesses

        return self._only(Accesses, self.institutions)

    @property
    def treasury(self) -> Treasury:
        """Treasury: the insurers' pools, debts and payments."""
        from salus.claims.treasury.treasury import Treasury

        return self._only(Treasury)

    @property
    def plans(self) -> Plans:
        """Plans: the insurers' plans, members, prices, contracts, pre-authorisations."""
        from salus.claims.plans.plans import Plans

        return self._only(Plans, self.institutions, self.treasury)

    @property
    def claims(self) -> Claims:
        """Claims: prepared, submitted, adjudicated, paid, reviewed, reversed, appealed, counted."""
        from salus.claims.desk import Claims

        return self._only(Claims, self.institutions, self.plans, self.treasury)

    @property
    def lots(self) -> Lots:
        """Lots: temperature profiles, GS1 prefixes, lots."""
        from salus.coldchain.lots import Lots

        return self._only(Lots, self.institutions)

    @property
    def devices(self) -> Devices:
        """Devices: temperature loggers, their calibration, and the makers whose signatures prove a file."""
        from salus.coldchain.loggers.devices import Devices

        return self._only(Devices, self.institutions)

    @property
    def coldchain(self) -> ColdChain:
        """ColdChain: shipments of lots, their custody, readings and verdicts."""
        from salus.coldchain.shipments import ColdChain

        return self._only(ColdChain, self.institutions, self.lots)

    @property
    def doses(self) -> Doses:
        """Doses: schedules, doses given, and when the next one is due."""
        from salus.doses.doses import Doses

        return self._only(Doses, self.institutions)

    def outbox(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Outbox:
        """The signer's outbox: many transactions, each exactly once, fast, through crashes and reorganisations.

        Args:
            path: Its file; by default one for each chain and account below ``$SALUS_HOME/outbox``.
            options: See :class:`salus.outbox.Outbox`.
        """
        from salus.outbox import Outbox

        return Outbox(self, path, **options)


def find_index(named: str | os.PathLike[str] | None, book: Book) -> EventIndex | None:
    """The reader of an index.

    Args:
        named: A file or the URL of a database; None for the default one, where there is one; "" for none.
        book: The contracts whose events the index must hold.

    Raises:
        BadInput, IndexTrouble: The one that was named cannot be opened.
    """
    # Imported here: a user without an index need not wait for the library of databases.
    if named is not None:
        if named == "":
            return None
        from salus.index import Reader

        return Reader(named, book)
    path = default_index(book)
    if path is None or not path.exists():
        return None
    from salus.index import Reader

    try:
        return Reader(path, book, strict=False)
    except IndexTrouble:
        return None
