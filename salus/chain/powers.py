"""Who can do what, and how soon, as the chain says right now: read back from the AccessManager.

Its log tells who was ever named; what each of them can do is then asked of the contract itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.abi.decoding import selector

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger

__all__ = ["Holder", "Powers", "Role", "Scheduled", "read_powers"]

_MANAGER = "AccessManager"
_ADMIN = 0
_NEVER = (1 << 64) - 1  # the role PUBLIC: everybody has it


@dataclass(frozen=True)
class Holder:
    """An account that has a role.

    Attributes:
        account: The account.
        name: Of the contract that it is, where it is one of the book; else "".
        since: Second from which it has the role; later than now where the grant still waits.
        delay: Seconds between scheduling and executing what it does; 0: it acts at once.
        next_delay: The delay that is to come, seconds; the same where none is.
        next_at: Second from which that holds; 0 where none is to come.
    """

    account: str
    name: str
    since: int
    delay: int
    next_delay: int
    next_at: int


@dataclass(frozen=True)
class Role:
    """A role, and who has it.

    Attributes:
        id: Its number; 0 is the administrator.
        name: Its label.
        holders: Who has it.
        functions: What it may call, as ``Contract.function``; the administrator's own functions are not among them.
        guardians: Accounts that may cancel what its holders have scheduled.
        grant_delay: Seconds until a new holder has it.
    """

    id: int
    name: str
    holders: tuple[Holder, ...]
    functions: tuple[str, ...]
    guardians: tuple[str, ...]
    grant_delay: int


@dataclass(frozen=True)
class Scheduled:
    """What was announced and not yet done.

    Attributes:
        id: 32 bytes, 0x-hex.
        caller: Who may execute it.
        what: ``Contract.function``.
        at: Second from which it can be executed.
    """

    id: str
    caller: str
    what: str
    at: int


@dataclass(frozen=True)
class Powers:
    """Every power of a deployment.

    Attributes:
        roles: The administrator first, then by number.
        scheduled: What waits, the earliest first.
        closed: Names of contracts whose restricted functions are closed to everybody.
        warnings: What a thief of one key could do at once, or nobody could stop; a sentence each.
    """

    roles: tuple[Role, ...]
    scheduled: tuple[Scheduled, ...]
    closed: tuple[str, ...]
    warnings: tuple[str, ...]


def read_powers(ledger: Ledger) -> Powers:
    """Read every power from the chain.

    Args:
        ledger: The chain.

    Raises:
        Unreachable: The node does not answer.
    """
    reading = _Reading(ledger)
    numbers = sorted({_ADMIN, *reading.labels, *(role for role, _ in reading.named), *reading.functions})
    roles = tuple(reading.role(number) for number in numbers if number != _NEVER)
    closed = tuple(sorted({e.args["target"] for e in ledger.logs(_MANAGER, "TargetClosed")}))
    shut = ledger.calls(_MANAGER, "isTargetClosed", [(target,) for target in closed]) if closed else []
    names = tuple(reading.contract(target) for target, is_shut in zip(closed, shut, strict=True) if is_shut)
    return Powers(roles, reading.scheduled(), names, tuple(_warnings(roles)))


class _Reading:
    """The manager's log, and what it leads to."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.view = ledger, ledger.contract(_MANAGER).functions
        self._names = {entry.address: name for name, entry in ledger.book.contracts.items()}
        self.labels = {e.args["roleId"]: e.args["label"] for e in ledger.logs(_MANAGER, "RoleLabel")}
        granted = ledger.logs(_MANAGER, "RoleGranted")
        self.named = sorted({(e.args["roleId"], e.args["account"]) for e in granted})
        mapped = ledger.logs(_MANAGER, "TargetFunctionRoleUpdated")
        targets = sorted({(e.args["target"], bytes(e.args["selector"])) for e in mapped})
        self.functions: dict[int, list[str]] = {}
        found = ledger.calls(_MANAGER, "getTargetFunctionRole", targets) if targets else []
        for (target, four), role in zip(targets, found, strict=True):
            self.functions.setdefault(role, []).append(self.function(target, four))
        accesses = ledger.calls(_MANAGER, "getAccess", self.named) if self.named else []
        self._accesses = dict(zip(self.named, map(tuple, accesses), strict=True))

    def contract(self, account: str) -> str:
        """A contract's name in the book, or its address."""
        return self._names.get(account, account)

    def function(self, target: str, four: bytes) -> str:
        """``Contract.function`` of a selector; the selector itself where the client does not know the function."""
        name = self._names.get(target)
        known = self.ledger.contract(name).abi if name else ()
        fits = (e["name"] for e in known if e["type"] == "function" and selector(e) == four)
        return f"{self.contract(target)}.{next(fits, '0x' + four.hex())}"

    def role(self, number: int) -> Role:
        """One role with its holders."""
        call, view = self.ledger.call, self.view
        guardian = int(call(view.getRoleGuardian(number)))
        # The administrator's guardian is the administrator itself, and so is that of a role without one.
        guardians = tuple(holder.account for holder in self.holders(guardian))
        name = self.labels.get(number, "ADMIN" if number == _ADMIN else f"role {number}")
        functions = tuple(sorted(self.functions.get(number, ())))
        return Role(number, name, self.holders(number), functions, guardians, int(call(view.getRoleGrantDelay(number))))

    def holders(self, number: int) -> tuple[Holder, ...]:
        """Who has a role, or will have it."""
        found = []
        for role, account in self.named:
            since, delay, next_delay, next_at = self._accesses[role, account]
            if role == number and since:
                name = self._names.get(account, "")
                found.append(Holder(account, name, since, delay, next_delay if next_at else delay, next_at))
        return tuple(found)

    def scheduled(self) -> tuple[Scheduled, ...]:
        """What waits: announced, and neither executed, cancelled nor lapsed."""
        events = {bytes(e.args["operationId"]): e for e in self.ledger.logs(_MANAGER, "OperationScheduled")}
        ids = list(events)
        times = self.ledger.calls(_MANAGER, "getSchedule", [(one,) for one in ids]) if ids else []
        waiting = []
        for one, at in zip(ids, times, strict=True):
            if at:
                args: Any = events[one].args
                what = self.function(args["target"], bytes(args["data"])[:4])
                waiting.append(Scheduled("0x" + one.hex(), args["caller"], what, int(at)))
        return tuple(sorted(waiting, key=lambda each: each.at))


def _warnings(roles: tuple[Role, ...]) -> list[str]:
    """What is weak: the same that a deployment refuses."""
    held = [role for role in roles if role.functions or role.id == _ADMIN]
    people = {holder.account for role in held for holder in role.holders if not holder.name}
    found = []
    if not any(role.id == _ADMIN and role.holders for role in roles):
        found.append("nobody is the administrator: no power can ever be given or taken again")
    if len(people) == 1:
        found.append("one account holds every role: who steals its key is the regulator")
    for role in held:
        if role.name in ("ADMIN", "RULE_MAKER") and any(holder.delay == 0 for holder in role.holders):
            found.append(f"{role.name} acts at once: nobody can see what it does before it holds")
        watching = {holder.account for holder in role.holders if holder.delay} & set(role.guardians)
        if role.id != _ADMIN and watching:
            found.append(f"the guardian of {role.name} is its holder: who steals that key cancels nothing")
    return found
