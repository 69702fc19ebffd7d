"""The insurers' money: the noun ``treasury``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.chain.contracts import Contract
from salus.claims.treasury import permits
from salus.errors import BadInput
from salus.keys.addresses import address as checked_address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["Pool", "Treasury"]


@dataclass(frozen=True)
class Pool:
    """An insurer's pool, in the token's smallest units.

    Args:
        insurer: Whose it is.
        token: In which ERC-20.
        balance: What it can pay.
        exiting: How much of it the insurer has announced to withdraw.
        exit_from: First second at which it may, 0 when nothing is announced.
        reserved: Beside the balance: kept for payments under review.
        owed: Sum of the debts that wait.
        waiting: How many debts wait.
        halted_until: First second at which it pays again, when its insurer halted it; else 0.
    """

    insurer: str
    token: str
    balance: int
    exiting: int
    exit_from: int
    reserved: int
    owed: int
    waiting: int
    halted_until: int = 0


class Treasury:
    """The noun ``treasury``: fund a pool, look at it, pay what it owes, leave it; give back, collect what was held."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._decimals: dict[str, int] = {}

    def token(self, address: str) -> Contract:
        """An ERC-20: ``treasury.token(address).functions.approve(spender, amount)`` is a call."""
        return Contract("ERC20", checked_address(address, "token"))

    def decimals(self, token: str) -> int:
        """A token's decimals.

        Raises:
            NotDeployed: There is no token.
            BadInput: More than 36 decimals, with which no amount fits.
        """
        if token not in self._decimals:
            decimals = int(self._ledger.call(self.token(token).functions.decimals()))
            if decimals > 36:
                raise BadInput("token", token, f"has {decimals} decimals; use a token with at most 36")
            self._decimals[token] = decimals
        return self._decimals[token]

    def balance(self, token: str, account: str) -> int:
        """An account's balance in a token."""
        return int(self._ledger.call(self.token(token).functions.balanceOf(checked_address(account))))

    def fund(self, insurer: str, token: str, amount: int, *, desk: str | None = None) -> Receipt:
        """Add to an insurer's pool from the signer's balance.

        A token with permits (EIP-2612) is funded in one transaction, by a key that signs typed data; else what is
        needed, and no more, is approved first.

        Args:
            insurer: The insurer's account.
            token: The ERC-20.
            amount: In its smallest units.
            desk: The contract that may pay from the pool; by default the claim desk. It can never be changed.

        Raises:
            BadInput: The signer has less.
            Refused: See ITreasury.
        """
        functions = self._ledger.contract("Treasury").functions
        place = self._place(insurer, token, desk)
        if self._allowed(token, amount) < amount and (permit := self._permit(token, amount)):
            return self._ledger.send(functions.fundWithPermit(*place, amount, *permit))
        self._approve(token, amount)
        return self._ledger.send(functions.fund(*place, amount))

    def _permit(self, token: str, amount: int) -> tuple[int, int, bytes, bytes] | None:
        """The signer's permit for the treasury: deadline, v, r, s; None where the token has none, or no key can sign
        it.
        """
        return permits.sign(
            self._ledger, checked_address(token, "token"), self._ledger.contract("Treasury").address, amount
        )

    def _allowed(self, token: str, amount: int) -> int:
        """What the treasury may take from the signer already.

        Raises:
            BadInput: The signer has less than the amount.
        """
        signer = self._ledger.need_signer().address
        held = self.balance(token, signer)
        if held < amount:
            raise BadInput("amount", "", f"is {amount} units, but {signer} has {held} of {token}; send it tokens first")
        treasury = self._ledger.contract("Treasury").address
        return int(self._ledger.call(self.token(token).functions.allowance(signer, treasury)))

    def _approve(self, token: str, amount: int) -> None:
        """Let the treasury take an amount from the signer."""
        erc20, treasury = self.token(token), self._ledger.contract("Treasury")
        allowed = self._allowed(token, amount)
        if allowed < amount:
            if allowed:
                # Some tokens refuse to change one allowance into another.
                self._ledger.send(erc20.functions.approve(treasury.address, 0))
            self._ledger.send(erc20.functions.approve(treasury.address, amount))

    def halt(self, token: str, until: int, *, desk: str | None = None) -> Receipt:
        """Stop the payments of the signer's insurer's pool until a second of the chain's time, at most 30 days; 0 lets
        them go on.

        What becomes due meanwhile is owed, and paid in its order afterwards.

        Raises:
            NotLicensed, HaltTooLong: By the rules.
        """
        functions = self._ledger.contract("Treasury").functions
        return self._ledger.send(functions.halt(self._desk(desk), checked_address(token, "token"), until))

    def settle(self, insurer: str, token: str, *, count: int = 50, desk: str | None = None) -> Receipt:
        """Pay what a pool owes, oldest first, as far as it suffices; anyone may.

        Args:
            count: Debts that are looked at, at most.

        Raises:
            NothingOwed, PoolShort, Halted: By the rules.
        """
        functions = self._ledger.contract("Treasury").functions
        place = self._place(insurer, token, desk)
        return self._ledger.send(functions.settle(*place, count))

    def set_off(self, insurer: str, token: str, payee: str, *, desk: str | None = None) -> int:
        """What a payee has to give back to a pool; it is taken off what the pool pays it next."""
        functions = self._ledger.contract("Treasury").functions
        place = self._place(insurer, token, desk)
        return int(self._ledger.call(functions.setOffOf(*place, checked_address(payee, "payee"))))

    def repay(self, insurer: str, token: str, payee: str, amount: int, *, desk: str | None = None) -> Receipt:
        """Give back what a payee has to, from the signer's balance, approving first what is needed, and no more.

        Raises:
            BadInput: The signer has less.
            ZeroAmount, ExceedsSetOff, ReceivedOther: By the rules.
        """
        self._approve(token, amount)
        functions = self._ledger.contract("Treasury").functions
        place = self._place(insurer, token, desk)
        return self._ledger.send(functions.repay(*place, checked_address(payee, "payee"), amount))

    def pool(self, insurer: str, token: str, *, desk: str | None = None) -> Pool:
        """An insurer's pool."""
        functions = self._ledger.contract("Treasury").functions
        place = self._place(insurer, token, desk)
        found = self._ledger.call(functions.pool(*place))
        sums = (
            found.balance,
            found.exiting,
            found.exitFrom,
            found.reserved,
            found.owed,
            found.waiting,
            found.haltedUntil,
        )
        return Pool(place[1], place[2], *sums)

    def announce_exit(self, token: str, amount: int, *, desk: str | None = None) -> Receipt:
        """Announce that the signer's insurer will withdraw; 0 takes it back."""
        functions = self._ledger.contract("Treasury").functions
        return self._ledger.send(functions.announceExit(self._desk(desk), checked_address(token, "token"), amount))

    def exit(self, token: str, *, desk: str | None = None) -> Receipt:
        """Withdraw what was announced, or what is left of it."""
        functions = self._ledger.contract("Treasury").functions
        return self._ledger.send(functions.exit(self._desk(desk), checked_address(token, "token")))

    def held(self, payee: str, token: str) -> int:
        """What waits for a payee whom the token refused to pay."""
        functions = self._ledger.contract("Treasury").functions
        return int(self._ledger.call(functions.held(checked_address(payee), checked_address(token, "token"))))

    def collect(self, token: str) -> Receipt:
        """Send the signer what is held for it."""
        return self._ledger.send(self._ledger.contract("Treasury").functions.collect(checked_address(token, "token")))

    def _place(self, insurer: str, token: str, desk: str | None) -> tuple[str, str, str]:
        return self._desk(desk), checked_address(insurer, "insurer"), checked_address(token, "token")

    def _desk(self, desk: str | None) -> str:
        return self._ledger.book["ClaimDesk"].address if desk is None else checked_address(desk, "desk")
