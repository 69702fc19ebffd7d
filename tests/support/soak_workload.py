"""What the soak sends: real claims and signed grants, each told by its number alone, so that who is started again sends
the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from salus import KeySigner
from salus.abi.decoding import encode_calls, function_of
from salus.chain.book import Book
from salus.claims.input import ClaimInput
from salus.claims.model import PreparedClaim
from salus.claims.plans.file import load_plan
from salus.claims.plans.model import Plan
from salus.consent import codes
from salus.consent.model import Directive, Effect, Order
from salus.consent.relay import words
from salus.outbox import Item

# What the client too gives a claim: it may be denied when it is tried and paid in its block, which takes more.
GAS_OF_CLAIM = 600_000
CHUNK = 20  # items that a sender gives its outbox at once
YEAR = 365 * 24 * 3600
DAY = 24 * 3600

#: How often each kind of order comes: in ten, six plain grants, a revocation of the last of them, a renewal and, too
#: late, what it renews, which the block refuses although the dry run may have passed; and one more grant.
ORDERS = "ggggggrnlg"


@dataclass(frozen=True)
class Setting:
    """What every process of a soak knows.

    url      the proxy that spoils what passes
    liar     the proxy whose answers are lies now and then; a sender may ask it too
    folder   the outboxes, the index, and what the workers write down
    keys     of the hospital that submits claims and of the clinic that relays orders, by name
    began    the chain's clock when the soak began
    """

    seed: int
    url: str
    liar: str
    book: str
    plan: str
    plan_id: bytes
    folder: str
    keys: Mapping[str, str]
    members: Sequence[str]
    claim: ClaimInput
    began: int
    confirmations: int

    def file(self, name: str) -> Path:
        return Path(self.folder) / name

    def signer(self, name: str) -> KeySigner:
        return KeySigner.from_key(self.keys[name])


class Work:
    """The items of each sender, in chunks."""

    def __init__(self, setting: Setting):
        self.setting = setting
        self.book = Book.load(setting.book)

    @cached_property
    def plan(self) -> Plan:
        return load_plan(self.setting.plan)

    def items(self, sender: str, chunk: int) -> list[Item]:
        return self.some(sender, range(chunk * CHUNK, (chunk + 1) * CHUNK))

    def some(self, sender: str, numbers: Sequence[int]) -> list[Item]:
        if sender == "hospital":
            claims = {f"claim-{n}": ([self.claim(n).struct()], []) for n in numbers}
            return self._items("ClaimDesk", "submit", claims, GAS_OF_CLAIM)
        return self._items("ConsentRegistry", "relay", {f"order-{n}": words([self.order(n)]) for n in numbers})

    def _items(
        self, contract: str, function: str, calls: Mapping[str, Sequence[Any]], gas: int | None = None
    ) -> list[Item]:
        abi = function_of(contract, function)
        encoded = encode_calls(abi, list(calls.values()))
        where = self.book[contract].address
        return [Item(key, where, data, function, gas) for key, data in zip(calls, encoded, strict=True)]

    # ---- claims

    def claim(self, n: int) -> PreparedClaim:
        """One or two lines for one of the members, billed a little above or below the list."""
        s, plan = self.setting, self.plan
        day = s.began // DAY - 1 - n % 200
        prices = [plan.prices[(n + line) % len(plan.prices)] for line in range(1 + n % 2)]
        lines = [
            (plan.code(p.system, p.code), 1 + n % 3, int(p.allowed * 10**6) * (90 + n % 30) // 100, 0) for p in prices
        ]
        told = replace(s.claim, number=f"C-{s.seed}-{n}", service_day=day)
        member = s.members[n % len(s.members)]
        return PreparedClaim(
            told, s.plan_id, member, s.signer("hospital").address, plan.number("", told.number), tuple(lines), 6
        )

    # ---- orders

    def patient(self, n: int) -> KeySigner:
        """The patient of an order: a new one, but for those that speak of the one before."""
        about = n - 1 if ORDERS[n % 10] in "rl" else n
        return KeySigner(Account.from_key(keccak(text=f"patient {self.setting.seed} {about}")))

    def issued(self, n: int) -> int:
        return self.setting.began - YEAR + (1 if ORDERS[n % 10] in "rn" else 0)

    def order(self, n: int) -> Order:
        s, patient = self.setting, self.patient(n)
        grantee = s.signer("clinic").address
        if ORDERS[n % 10] == "r":
            directive = Directive(grantee, 0, Effect.NONE)
        else:
            scope = codes.purpose_bits({"TREAT"}), codes.category_bits({"all"})
            directive = Directive(grantee, 0, Effect.PERMIT, *scope, 0, s.began + YEAR)
        where = self.book["ConsentRegistry"].address
        deadline = s.began + YEAR
        order = Order(patient.address, directive, self.issued(n), deadline, self.book.chain_id, where)
        return replace(order, signature=patient.sign_typed(order.typed()))


def note(setting: Setting, worker: str, **words: Any) -> None:
    """A line in what a worker writes down."""
    with open(setting.file(f"{worker}.log"), "a") as file:
        file.write(json.dumps({"at": round(time.time(), 1), **words}) + "\n")
