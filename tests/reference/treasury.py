"""The insurers' money: the reference for ``interfaces/claims/ITreasury.sol``, for the pools of one desk.

A pool's debts are one list from its first day on; nothing is taken out of it. Who is paid what is an entry of a ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Broken", "Debt", "Pool", "Treasury"]


class Broken(Exception):
    """A rule was broken; ``errors`` has every error that may say so, with its arguments."""

    def __init__(self, **errors: tuple[Any, ...]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass
class Debt:
    """``left`` is 0 when it is paid or cancelled."""

    payee: str
    left: int
    ref: bytes
    cancelled: bool = False


@dataclass
class Pool:
    """One insurer's money in one token. ``head`` is the position of the first debt at which `settle` has not looked."""

    balance: int = 0
    exiting: int = 0
    exit_from: int = 0
    reserved: int = 0
    debts: list[Debt] = field(default_factory=list)
    head: int = 0
    set_off: Counter[str] = field(default_factory=Counter)

    @property
    def owed(self) -> int:
        return sum(debt.left for debt in self.debts)

    @property
    def waiting(self) -> int:
        return sum(debt.left > 0 for debt in self.debts)

    def facts(self) -> tuple[int, ...]:
        """As ``ITreasury.Pool``."""
        return (
            self.balance,
            self.exiting,
            self.exit_from,
            self.reserved,
            self.owed,
            self.waiting,
            0,
        )  # nobody halts here


class Treasury:
    """All pools of a desk, by (insurer, token).

    Args:
        refuses: Whether a token refuses a payee now.
    """

    def __init__(
        self, exit_delay: int, exit_window: int, refuses: Callable[[str, str], bool] = lambda *_: False
    ) -> None:
        self.pools: dict[tuple[str, str], Pool] = {}
        self.held: Counter[tuple[str, str]] = Counter()
        self.received: Counter[tuple[str, str]] = Counter()
        self.funded: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self._delay, self._window = exit_delay, exit_window
        self._refuses = refuses

    def pool(self, insurer: str, token: str) -> Pool:
        return self.pools.setdefault((insurer, token), Pool())

    def accounted(self, token: str) -> int:
        """What of a token is somebody's here."""
        pools = sum(pool.balance + pool.reserved for (_, its), pool in self.pools.items() if its == token)
        return pools + sum(amount for (_, its), amount in self.held.items() if its == token)

    # ---- the insurer, and anyone for it ------------------------------------------------------------------------------

    def fund(self, insurer: str, token: str, amount: int) -> None:
        if amount == 0:
            raise Broken(ZeroAmount=())
        self.pool(insurer, token).balance += amount
        self.funded[token] += amount

    def announce(self, insurer: str, token: str, amount: int, now: int) -> None:
        pool = self.pool(insurer, token)
        if amount > pool.balance:
            raise Broken(ExceedsBalance=(amount, pool.balance))
        pool.exiting = amount
        pool.exit_from = now + self._delay if amount else 0

    def exit(self, desk: str, insurer: str, token: str, now: int) -> int:
        pool = self.pool(insurer, token)
        if not pool.exiting:
            raise Broken(NoExit=(desk, insurer, token))
        closes = pool.exit_from + self._window
        if not pool.exit_from <= now < closes:
            raise Broken(ExitNotOpen=(pool.exit_from, closes))
        amount = min(pool.exiting, max(0, pool.balance - pool.owed))
        if not amount:
            raise Broken(ExceedsBalance=(pool.exiting, max(0, pool.balance - pool.owed)))
        pool.balance -= amount
        pool.exiting = pool.exit_from = 0
        self.left[token] += amount
        return amount

    def settle(self, desk: str, insurer: str, token: str, count: int) -> int:
        """Pay the oldest debts, pass over cancelled ones; returns how many were paid. Short is who cannot move on at
        all.
        """
        pool = self.pool(insurer, token)
        if not pool.waiting:
            raise Broken(NothingOwed=(desk, insurer, token))
        paid, head = 0, pool.head
        for debt in self._oldest(pool, count):
            if not pool.waiting:
                break  # cancelled ones behind the last that waits are passed over another time
            if debt.left and not self._covers(pool, debt.payee, debt.left):
                if head == pool.head:
                    raise Broken(PoolShort=(debt.left, pool.balance))
                break
            if debt.left:
                amount, debt.left = debt.left, 0
                self._move(insurer, token, debt.payee, amount)
                paid += 1
            head += 1
        pool.head = head
        return paid

    @staticmethod
    def _oldest(pool: Pool, count: int) -> Iterator[Debt]:
        return iter(pool.debts[pool.head : pool.head + count])

    # ---- the desk ----------------------------------------------------------------------------------------------------

    def pay(self, insurer: str, token: str, payee: str, amount: int) -> bool:
        pool = self.pool(insurer, token)
        if amount and (pool.waiting or not self._covers(pool, payee, amount)):
            return False
        self._move(insurer, token, payee, amount)
        return True

    def owe(self, insurer: str, token: str, payee: str, amount: int, ref: bytes) -> int:
        """The position of the debt."""
        if amount == 0:
            raise Broken(ZeroAmount=())
        pool = self.pool(insurer, token)
        pool.debts.append(Debt(payee, amount, ref))
        return len(pool.debts) - 1

    def cancel(self, insurer: str, token: str, position: int) -> bool:
        debt = self.pool(insurer, token).debts[position]
        if not debt.left:
            return False
        debt.left, debt.cancelled = 0, True
        return True

    def reserve(self, insurer: str, token: str, amount: int) -> bool:
        pool = self.pool(insurer, token)
        if pool.waiting or pool.balance < amount:
            return False
        pool.balance -= amount
        pool.reserved += amount
        return True

    def release(self, insurer: str, token: str, amount: int, payee: str = "", due: int = 0) -> bool:
        """What was put aside for a payment is paid, older debts or not; only what goes beyond it has to wait its
        turn.
        """
        pool = self.pool(insurer, token)
        if amount > pool.reserved:
            raise Broken(ExceedsReserve=(amount, pool.reserved))
        pool.balance += amount
        pool.reserved -= amount
        if due > amount:
            return self.pay(insurer, token, payee, due)
        self._move(insurer, token, payee, due)
        return True

    def give_back(self, insurer: str, token: str, payee: str, amount: int) -> None:
        """`setOff`: from now on the payee has to."""
        if amount == 0:
            raise Broken(ZeroAmount=())
        self.pool(insurer, token).set_off[payee] += amount

    @staticmethod
    def _covers(pool: Pool, payee: str, amount: int) -> bool:
        """Whether the pool has what would really leave it."""
        return pool.balance >= amount - min(amount, pool.set_off[payee])

    def _move(self, insurer: str, token: str, payee: str, amount: int) -> None:
        pool = self.pool(insurer, token)
        kept = min(amount, pool.set_off[payee])
        pool.set_off[payee] -= kept
        pool.balance -= amount - kept
        ledger = self.held if self._refuses(token, payee) else self.received
        ledger[payee, token] += amount - kept

    # ---- the payee, and anyone for it --------------------------------------------------------------------------------

    def repay(self, insurer: str, token: str, payee: str, amount: int) -> None:
        pool = self.pool(insurer, token)
        if amount == 0:
            raise Broken(ZeroAmount=())
        if amount > pool.set_off[payee]:
            raise Broken(ExceedsSetOff=(amount, pool.set_off[payee]))
        pool.set_off[payee] -= amount
        pool.balance += amount
        self.funded[token] += amount

    def collect(self, payee: str, token: str) -> int:
        """Raises `Broken`, also where the token refuses, which then says so by itself."""
        amount = self.held[payee, token]
        if not amount:
            raise Broken(NothingHeld=(payee, token))
        if self._refuses(token, payee):
            raise Broken(Blocked=(payee,))
        self.held[payee, token] = 0
        self.received[payee, token] += amount
        return amount
