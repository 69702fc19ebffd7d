"""What a patient signs for its account: who signs it, how it is shown, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.consent._shared import check_out, named_signer
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import option

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.guardian_requests import Request

__all__ = ["Change", "change_account", "keep_request", "request_facts"]

_DAY = 24 * 3600


@dataclass(frozen=True)
class Change:
    """Who signs a change, and where it goes."""

    relation: str | None = option("--relation", help="The wallet's account that it concerns.")
    patient: str | None = option("--patient", help="The patient, where a recovery moved the account to the signer's.")
    out: str | None = option("--out", type=click.Path(), help="Only sign, and write the request to this file.")
    relay_as: str | None = option(
        "--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."
    )
    relay_password_file: str | None = option(
        "--relay-password-file", type=click.Path(), help="File with the password of --relay-as."
    )


def change_account(
    context: Context,
    change: Change,
    prepare: Callable[[Salus, str | None], Request],
    done: str,
    check: Callable[[Salus], None] = lambda _: None,
) -> None:
    """Prepare a change that the patient signs, show it, sign it, and send it on its way; ``check`` comes before the
    password.
    """
    from salus.errors import BadInput

    if change.out and change.relay_as:
        raise BadInput("--out", "", "and --relay-as exclude each other: write the request, or submit it")
    salus = context.connect()
    check_out(change.out)
    check(salus)
    client = salus.with_signer(named_signer(context, change.relation))
    request = prepare(client, change.patient)
    context.confirm(request_facts(context, client, request), "Sign this?")
    if change.out:
        keep_request(context, client.guardians.sign(request), change.out)
        return
    if change.relay_as:
        signed = client.guardians.sign(request)
        relayer = context.open_keystore(change.relay_as, change.relay_password_file)
        receipt = client.with_signer(relayer).guardians.submit(signed)
    else:
        receipt = client.guardians.carry_out(request)
    context.sent(receipt, done, patient=request.patient)


def keep_request(context: Context, request: Request, out: str) -> None:
    from salus.consent.guardian_requests import request_to_json, save

    save(request, out)
    context.answer(request_to_json(request), f"signed into {out}; submit it with: salus consent guardians submit {out}")


_ACTIONS = {
    "delegate": "DELEGATE",
    "guardians": "GUARDIANS",
    "contact": "EMERGENCY CONTACT",
    "recover": "MOVE THE ACCOUNT",
    "withdraw": "TAKE THE MOVE BACK",
    "veto": "STOP THE MOVE",
}


def request_facts(context: Context, salus: Salus, request: Request) -> list[tuple[str, object]]:
    from salus.consent.codes import category_names, purpose_names

    fields = request.fields
    facts: list[tuple[str, object]] = [("action", _ACTIONS[request.action]), ("patient", request.patient)]
    if request.action == "delegate":
        facts.append(("delegate", fields["delegate"]))
        if fields["until"]:
            facts += [
                ("may act for", ", ".join(sorted(purpose_names(fields["purposes"])))),
                ("data", ", ".join(sorted(category_names(fields["categories"])))),
                ("until", moment(fields["until"])),
            ]
        else:
            facts.append(("until", "removed now"))
    elif request.action == "guardians":
        facts += [("guardian", account) for account in fields["guardians"]] or [("guardians", "none")]
        facts += [("must agree", fields["threshold"]), ("delay", f"{fields['delay'] / _DAY:g} days")]
    elif request.action == "contact":
        facts.append(("contact", fields["contact"] if int(fields["contact"], 16) else "nobody"))
    else:
        facts.append(("new account", fields["successor"]))
    return [
        *facts,
        ("valid until", moment(request.deadline)),
        ("contract", f"Guardians at {salus.book['Guardians'].address}"),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
    ]
