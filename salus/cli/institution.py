"""``salus institution``: accredit, look up, name operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import Context, command, group, moment, parse_moment

if TYPE_CHECKING:
    from salus.institutions.registry import Institution

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
    context.confirm([*facts, *_where(context, salus)], "Accredit it?")
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
    context.confirm([*facts, *_where(context, salus)], "Renew it?")
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
    context.confirm([("suspend", institution), *_where(context, salus)], "Suspend it?")
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
    context.confirm([("reinstate", institution), *_where(context, salus)], "Reinstate it?")
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
        context.confirm([("remove operator", account), *_where(context, salus)], "Remove it?")
        context.sent(salus.institutions.remove_operator(account), f"{account} is no operator any more")
        return
    end = parse_moment(until, salus.now)
    facts = [("operator", account), ("roles", ", ".join(roles)), ("until", moment(end))]
    context.confirm([*facts, *_where(context, salus)], "Name it?")
    receipt = salus.institutions.set_operator(account, roles, end)
    context.sent(receipt, f"{account} may act until {moment(end)}", operator=account, until=end)


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
    lines = [f"now       {standing.status.words}{_listed(standing.roles)}"]
    if found:
        lines = [
            f"name      {found.handle}",
            f"account   {found.address}",
            f"roles     {', '.join(sorted(found.roles))}",
            f"licence   until {moment(found.licensed_until)}",
            *lines,
        ]
        if found.suspended_at:
            lines.append(f"suspended {moment(found.suspended_at)}")
        lines += [f"operator  {o.address} {', '.join(sorted(o.roles))} until {moment(o.until)}" for o in operators]
    elif operator:
        lines += [
            f"operator  of {salus.institutions.name(operator.institution)} until {moment(operator.until)}",
            f"roles     {', '.join(sorted(operator.roles))}",
        ]
    context.answer(data, "\n".join(lines))


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


def _where(context: Context, salus: Any) -> list[tuple[str, object]]:
    return [
        ("contract", f"Institutions at {salus.book['Institutions'].address}"),
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("signer", salus.need_signer().address),
    ]
