"""Who shall have which power: the table of a deployment, from a file or for one regulator, and what is weak about it.

A file `deployments/<name>.toml` looks like `deployments/template.toml`, which explains every line.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from eth_utils import is_address, to_checksum_address

DAY = 24 * 3600
# What holds where a patient never said anything, in the order of IConsentRegistry.Policy.
POLICIES = ("deny", "emergency", "treatment", "normal")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
# Of the AccessManager: delays are 32 bits there.
_LONGEST = 365 * DAY
# Roles of guardians that one role has for itself are numbered from here on.
OWN_GUARDIAN = 100


class BadSetup(ValueError):
    """A table that cannot be used; one line that names the file, the field and what belongs there."""


@dataclass(frozen=True)
class Holder:
    """Who holds a role.

    account    an account, with checksum
    delay      seconds between scheduling and executing what it does; 0: it acts at once
    guardian   who may cancel what it has scheduled; "" for the table's one
    """

    account: str
    delay: int = 0
    guardian: str = ""


@dataclass(frozen=True)
class Setup:
    """The table.

    holders      by the role's name, ADMIN among them
    guardian     who may cancel what the others have scheduled
    policy       what holds where a patient never said anything, one of `POLICIES`
    plan_delay   seconds between the publication of an insurer's plan and its first judgement
    name         the file, or what it was made from
    """

    holders: dict[str, tuple[Holder, ...]] = field(hash=False)
    guardian: str
    policy: str = "emergency"
    plan_delay: int = 0
    name: str = "one regulator"

    def accounts(self):
        """Everybody who gets a power."""
        own = {h.guardian for held in self.holders.values() for h in held if h.guardian}
        return {h.account for held in self.holders.values() for h in held} | own | {self.guardian}

    def guardian_of(self, role):
        """Who may cancel what the holders of a role have scheduled."""
        return next((h.guardian for h in self.holders[role] if h.guardian), self.guardian)


def for_regulator(regulator, roles, *, guardian=None, admin_delay=2 * DAY, rules_delay=0, policy="emergency"):
    """The table in which one account has every role."""
    held = {role: (Holder(regulator, rules_delay if role == "RULE_MAKER" else 0),) for role in roles}
    held["ADMIN"] = (Holder(regulator, admin_delay),)
    return Setup(held, guardian or regulator, policy, rules_delay)


# ---------------------------------------------------------------------------------------------------------- from a file


def load_setup(path, roles):
    """Read a table.

    path    the file, TOML
    roles   the names of the roles that people hold, ADMIN among them
    """
    file = str(path)
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as trouble:
        raise BadSetup(f"{file}: {trouble.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as trouble:
        raise BadSetup(f"{file}: is no TOML: {trouble}") from None
    _known(file, "", document, ("guardian", "policy", "plan_delay", "roles"))
    table = document.get("roles")
    if not isinstance(table, dict):
        raise BadSetup(f"{file}: roles: is missing; copy deployments/template.toml")
    _known(file, "roles", table, roles)
    if missing := [role for role in roles if role not in table]:
        raise BadSetup(f"{file}: roles.{missing[0]}: is missing; say who holds it")
    policy = document.get("policy", "emergency")
    if policy not in POLICIES:
        raise BadSetup(f"{file}: policy: is {policy!r}; write one of {', '.join(POLICIES)}")
    return Setup(
        {role: _holders(file, role, table[role]) for role in roles},
        _account(file, "guardian", document.get("guardian")),
        policy,
        _delay(file, "plan_delay", document.get("plan_delay", "0s")),
        file,
    )


def _holders(file, role, row):
    where = f"roles.{role}"
    if not isinstance(row, dict):
        raise BadSetup(f'{file}: {where}: is no row; write {role} = {{ holder = "0x…", delay = "2d" }}')
    _known(file, where, row, ("holder", "delay", "guardian"))
    named = row.get("holder")
    accounts = [_account(file, f"{where}.holder", each) for each in (named if isinstance(named, list) else [named])]
    if not accounts or len(set(accounts)) < len(accounts):
        raise BadSetup(f"{file}: {where}.holder: name each account once, and at least one")
    guardian = row.get("guardian", "")
    if guardian and role == "ADMIN":
        raise BadSetup(f"{file}: {where}.guardian: what the administrator scheduled only the administrator can cancel")
    guardian = _account(file, f"{where}.guardian", guardian) if guardian else ""
    delay = _delay(file, f"{where}.delay", row.get("delay", "0s"))
    return tuple(Holder(account, delay, guardian) for account in accounts)


def _known(file, where, table, names):
    for key in table:
        if key not in names:
            at = f"{where}.{key}" if where else key
            raise BadSetup(f"{file}: {at}: is unknown; there are {', '.join(names)}")


def _account(file, where, value):
    if not isinstance(value, str) or not is_address(value):
        raise BadSetup(f"{file}: {where}: is {value!r}; write an address, 0x and 40 hex digits")
    if int(value, 16) == 0:
        raise BadSetup(f"{file}: {where}: is account 0: nobody would have that power")
    return to_checksum_address(value)


def _delay(file, where, value):
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,9})([smhdw])", value)):
        seconds = int(found[1]) * _UNITS[found[2]]
        if seconds <= _LONGEST:
            return seconds
    raise BadSetup(f'{file}: {where}: is {value!r}; write a time of at most a year such as "0s", "12h" or "2d"')


# ------------------------------------------------------------------------------------------------------------- in words


def duration(seconds):
    """Seconds in words."""
    for name, unit in (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "at once"


def in_words(setup, powers):
    """The table, a line at a time.

    powers   what each role may do, by its name
    """
    yield f"who may do what ({setup.name})"
    for role, held in setup.holders.items():
        for holder in held:
            when = "at once" if holder.delay == 0 else f"{duration(holder.delay)} after it was announced"
            yield f"  {role:10} {holder.account}  {when}"
        yield f"  {'':10} {powers[role]}"
        if role != "ADMIN" and any(holder.delay for holder in held):
            yield f"  {'':10} {setup.guardian_of(role)} may cancel it until then"
    yield f"  patients who said nothing: policy {setup.policy!r}"
    when = "at once" if setup.plan_delay == 0 else f"{duration(setup.plan_delay)} after its publication"
    yield f"  a new plan of an insurer judges {when}"


def weaknesses(setup):
    """What a thief of one key could do at once, or nobody could stop: a line each."""
    found = []
    people = {h.account for held in setup.holders.values() for h in held}
    if len(people) == 1:
        found.append("one account holds every role: who steals its key is the regulator")
    for role in ("ADMIN", "RULE_MAKER"):
        if any(h.delay == 0 for h in setup.holders.get(role, ())):
            found.append(f"{role} acts at once: nobody can see what it does before it holds")
    for role, held in setup.holders.items():
        if role != "ADMIN" and any(h.delay and h.account == setup.guardian_of(role) for h in held):
            found.append(f"the guardian of {role} is its holder: who steals that key cancels nothing")
    if setup.guardian in {h.account for h in setup.holders.get("ADMIN", ())}:
        found.append("the guardian is the administrator: one key both acts and watches")
    return found
