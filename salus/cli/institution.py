"""``salus institution``: accredit, look up, name operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import moment, parse_moment
from salus.cli.options import command, group, option, takes
from salus.cli.output import aligned

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.institutions.registry import Institution, Operator

__all__ = ["noun"]

_ROLE = "A role: PROVIDER, PHARMACY, INSURER, MANUFACTURER, CARRIER, LABORATORY, LOGGER, RESEARCHER, PUBLIC_HEALTH."


@group("institution")
def noun() -> None:
    """Accredit institutions; look them up; name operators.

    An institution is named by its public name (city-hospital) or its account (0x…).
    """


@command(noun, "accredit")
@click.argument("name")
@click.argument("account")
@click.option("--role", "roles", multiple=True, required=True, help=_ROLE)
@click.option("--until", default="+1y", show_default=True, help="When the licence ends: 2027-01-01 or +90d.")
def accredit(context: Context, name: str, account: str, roles: tuple[str, ...], until: str) -> None:
    """Accredit an institution. The signer is the regulator.

    \b
    Example:
      salus institution accredit city-hospital 0x90F79bf6EB2c4f870365E785982E1f101E93b906 \\
          --role PROVIDER --until 2028-01-01 --keystore regulator.json
    """
    salus = context.connect_signing()
    end = parse_moment(until, salus.now)
    facts = [("accredit", name), ("account", account), ("roles", ", ".join(roles)), ("until", moment(end))]
    context.confirm([*facts, *context.where(salus, "Institutions")], "Accredit it?")
    receipt = salus.institutions.accredit(account, name, roles, end)
    context.sent(receipt, f"{name} is accredited until {moment(end)}", institution=account, until=end)


@command(noun, "renew")
@click.argument("institution")
@click.option("--role", "roles", multiple=True, required=True, help=_ROLE + " All that it shall have.")
@click.option("--until", default="+1y", show_default=True, help="When the licence ends: 2027-01-01 or +90d.")
def renew(context: Context, institution: str, roles: tuple[str, ...], until: str) -> None:
    """Replace an institution's roles and term. The signer is the regulator.

    \b
    Example:
      salus institution renew city-hospital --role PROVIDER --role PHARMACY --until +2y --keystore regulator.json
    """
    salus = context.connect_signing()
    end = parse_moment(until, salus.now)
    facts = [("renew", institution), ("roles", ", ".join(roles)), ("until", moment(end))]
    context.confirm([*facts, *context.where(salus, "Institutions")], "Renew it?")
    receipt = salus.institutions.renew(institution, roles, end)
    context.sent(receipt, f"{institution} is licensed until {moment(end)}", until=end)


@command(noun, "suspend")
@click.argument("institution")
def suspend(context: Context, institution: str) -> None:
    """Suspend an institution and its operators at once. The signer is the regulator.

    \b
    Example:
      salus institution suspend city-hospital --keystore regulator.json
    """
    salus = context.connect_signing()
    context.confirm([("suspend", institution), *context.where(salus, "Institutions")], "Suspend it?")
    context.sent(salus.institutions.suspend(institution), f"{institution} is suspended")


@command(noun, "reinstate")
@click.argument("institution")
def reinstate(context: Context, institution: str) -> None:
    """End a suspension. The signer is the regulator.

    \b
    Example:
      salus institution reinstate city-hospital --keystore regulator.json
    """
    salus = context.connect_signing()
    context.confirm([("reinstate", institution), *context.where(salus, "Institutions")], "Reinstate it?")
    context.sent(salus.institutions.reinstate(institution), f"{institution} is reinstated")


@command(noun, "operator")
@click.argument("account")
@click.option("--role", "roles", multiple=True, help=_ROLE)
@click.option("--until", default="+90d", show_default=True, help="When its term ends: 2027-01-01 or +90d.")
@click.option("--remove", is_flag=True, help="Remove it instead.")
def operator(context: Context, account: str, roles: tuple[str, ...], until: str, remove: bool) -> None:
    """Name, change or remove an operator (a member of staff, a service, a device). The signer is the institution.

    \b
    Example:
      salus institution operator 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65 --role PROVIDER --keystore hospital.json
    """
    from salus.errors import BadInput

    if bool(roles) == remove:
        raise BadInput("", "--role", "give at least one role, or --remove, and not both")
    salus = context.connect_signing()
    if remove:
        context.confirm([("remove operator", account), *context.where(salus, "Institutions")], "Remove it?")
        context.sent(salus.institutions.remove_operator(account), f"{account} is no operator any more")
        return
    end = parse_moment(until, salus.now)
    facts = [("operator", account), ("roles", ", ".join(roles)), ("until", moment(end))]
    context.confirm([*facts, *context.where(salus, "Institutions")], "Name it?")
    receipt = salus.institutions.set_operator(account, roles, end)
    context.sent(receipt, f"{account} may act until {moment(end)}", operator=account, until=end)


@dataclass(frozen=True)
class KeyOptions:
    """What is done with an encryption key."""

    make: str | None = option(
        "--make", type=click.Path(), help="Make a key pair; the private key goes into this file, encrypted."
    )
    file: str | None = option("--file", type=click.Path(), help="Publish the key of this PEM file.")
    withdraw: bool = option("--withdraw", is_flag=True, help="Withdraw the key that is published.")
    password_of_key: str | None = option(
        "--key-password-file", type=click.Path(), help="File with the key file's password [default: the signer's]."
    )

    def public(self, context: Context) -> bytes:
        """The public key, 32 bytes; zeros where it is withdrawn.

        Raises:
            BadInput: Not one thing is to be done, or the file is no key.
            WalletError: The file is there already, or the password is wrong.
        """
        from salus.errors import BadInput
        from salus.keys.encryption import make_key_file, read_public_key

        if (self.make is not None) + (self.file is not None) + self.withdraw != 1:
            raise BadInput("--make", "", "give one of --make, --file and --withdraw")
        if self.make is not None:
            return make_key_file(self.make, context.password(self.make, new=True, file=self.password_of_key))
        if self.file is not None:
            return read_public_key(self.file, context.password(self.file, file=self.password_of_key))
        return bytes(32)


@command(noun, "key")
@takes(given=KeyOptions)
def key(context: Context, given: KeyOptions) -> None:
    """Publish the key (X25519) by which others encrypt to an institution, or withdraw it. The signer is the
    institution.

    \b
    Example:
      salus institution key --make hospital.pem --keystore hospital.json
      salus institution key --withdraw --keystore hospital.json
    """
    reader = context.connect()
    public = given.public(context)
    salus = reader.with_signer(context.signer())
    words = "withdrawn" if given.withdraw else "0x" + public.hex()
    context.confirm([("key", words), *context.where(salus, "Institutions")], "Publish this?")
    receipt = salus.institutions.set_encryption_key(public)
    text = "the key is withdrawn" if given.withdraw else f"the key is published: {words}"
    context.sent(receipt, text, encryptionKey=None if given.withdraw else public)


@command(noun, "show")
@click.argument("account")
def show(context: Context, account: str) -> None:
    """Show what an institution is, its operators, and whether it may act now; also for an operator's account.

    \b
    Example:
      salus institution show city-hospital
    """
    salus = context.connect()
    standing = salus.institutions.standing(account)
    found = salus.institutions.get(account)
    operator = salus.institutions.operator(salus.institutions.resolve(account)) if found is None else None
    operators = salus.institutions.operators(found.address) if found else ()
    data: dict[str, Any] = {
        "standing": standing.status.name,
        "rolesNow": sorted(standing.roles),
        "institution": _document(found) if found else None,
        "operators": [{"address": o.address, "roles": sorted(o.roles), "until": o.until} for o in operators],
        "operatorOf": operator.institution if operator else None,
    }
    facts: list[tuple[str, object]] = [("now", f"{standing.status.words}{_listed(standing.roles)}")]
    if found:
        facts = _institution_facts(found, facts, operators)
    elif operator:
        facts += _operator_facts(salus, operator)
    context.answer(data, aligned(facts, 8))


def _institution_facts(
    found: Institution, now: list[tuple[str, object]], operators: tuple[Operator, ...]
) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("name", found.handle),
        ("account", found.address),
        ("roles", ", ".join(sorted(found.roles))),
        ("licence", f"until {moment(found.licensed_until)}"),
        ("key", "0x" + found.encryption_key.hex() if any(found.encryption_key) else "none"),
        *now,
    ]
    if found.suspended_at:
        facts.append(("suspended", moment(found.suspended_at)))
    return [
        *facts,
        *(("operator", f"{o.address} {', '.join(sorted(o.roles))} until {moment(o.until)}") for o in operators),
    ]


def _operator_facts(salus: Salus, operator: Operator) -> list[tuple[str, object]]:
    name = salus.institutions.name(operator.institution)
    return [
        ("operator", f"of {name} until {moment(operator.until)}"),
        ("roles", ", ".join(sorted(operator.roles))),
    ]


@command(noun, "list")
def list_(context: Context) -> None:
    """List every institution that was ever accredited.

    \b
    Example:
      salus institution list --json
    """
    salus = context.connect()
    found = salus.institutions.all()
    standings = {i.address: salus.institutions.standing(i.address).status for i in found}
    rows = [
        (i.handle, i.address, ", ".join(sorted(i.roles)), moment(i.licensed_until), standings[i.address].words)
        for i in found
    ]
    context.answer(
        [{**_document(i), "standing": standings[i.address].name} for i in found],
        lambda: context.table("Institutions", ("name", "account", "roles", "licence until", "now"), rows),
    )


def _document(found: Institution) -> dict[str, Any]:
    return {
        "name": found.handle,
        "account": found.address,
        "roles": sorted(found.roles),
        "licensedUntil": found.licensed_until,
        "suspendedAt": found.suspended_at or None,
        "encryptionKey": found.encryption_key or None,
    }


def _listed(roles: frozenset[str]) -> str:
    return f" as {', '.join(sorted(roles))}" if roles else ""
