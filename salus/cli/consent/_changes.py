"""Changes of delegates and guardians that the patient signs: for one account, or for each account of the person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._parcels import wide_accounts
from salus.cli.consent._person import Speaker, settled_journal, speaker, tell_left_out
from salus.cli.consent._shared import check_out, named_signer
from salus.cli.consent.orders import file_names
from salus.cli.moments import moment
from salus.cli.options import option

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.consent.guardian_requests import Request
    from salus.consent.journal import Journal
    from salus.keys.signers import Signer

__all__ = ["Change", "change_account", "keep_request", "request_facts", "stands"]

_DAY = 24 * 3600


@dataclass(frozen=True)
class Change:
    """Who signs a change, and where it goes."""

    relation: str | None = option("--relation", help="Only this account of the wallet [default: every account].")
    patient: str | None = option("--patient", help="The patient, where a recovery moved the account to the signer's.")
    out: str | None = option(
        "--out",
        type=click.Path(),
        help="Only sign, and write it to this file; several accounts: one file each.",
    )
    relay_as: str | None = option(
        "--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."
    )
    relay_password_file: str | None = option(
        "--relay-password-file", type=click.Path(), help="File with the password of --relay-as."
    )
    now: bool = option(
        "--now", is_flag=True, help="Of several accounts: all at once. It shows that they are one person's."
    )


@dataclass(frozen=True)
class _Part:
    """What one account signs, and from when on."""

    speaker: Speaker
    request: Request
    due: int


def change_account(
    context: Context,
    change: Change,
    prepare: Callable[[Salus, str], Request],
    done: str,
    *,
    check: Callable[[Salus], None] = lambda _: None,
    concerned: Callable[[Salus, str], bool] = lambda _, __: True,
    at_once: bool = False,
) -> None:
    """Prepare a change that the patient signs, show it, sign it, and send it on its way, for each account.

    Args:
        context: The keys and the node.
        change: Who signs, and where it goes.
        prepare: Makes the request of one account.
        done: What is told where it holds.
        check: Comes before the password.
        concerned: Whether an account has anything to do with it.
        at_once: It cannot wait: of several accounts all go now.

    Raises:
        BadInput: No account is concerned.
    """
    from salus.errors import BadInput

    if change.out and change.relay_as:
        raise BadInput("--out", "", "and --relay-as exclude each other: write the request, or submit it")
    salus = context.connect()
    check_out(change.out)
    check(salus)
    journal = settled_journal(context, salus)
    speakers = _speakers(context, salus, change, journal, concerned)
    requests = [prepare(one.client, one.patient) for one in speakers]
    parts = _apart(salus, speakers, requests, now=change.now or at_once)
    _warn(context, parts, change)
    facts = [fact for part in parts for fact in [*_fields(part.request), *_turn(part), ("", "")]]
    facts += [("accounts", len(parts))] if len(parts) > 1 else []
    context.confirm([*facts, *_where(context, salus)], "Sign this?")
    if change.out:
        _keep_all(context, parts, change.out, journal)
        return
    payer = context.open_keystore(change.relay_as, change.relay_password_file) if change.relay_as else None
    sent = [(part, _send(salus, part, payer, journal)) for part in parts]
    _tell(context, salus, sent, done)


def _speakers(
    context: Context,
    salus: Salus,
    change: Change,
    journal: Journal,
    concerned: Callable[[Salus, str], bool],
) -> list[Speaker]:
    """Who signs: for the account that is named, else for each account of the person."""
    from salus.errors import BadInput
    from salus.keys.addresses import address

    if change.patient or change.relation or not context.has_wallet:
        client = salus.with_signer(named_signer(context, change.relation))
        patient = address(change.patient, "--patient") if change.patient else client.need_signer().address
        return [Speaker(client, patient, "", change.relation or "", change.relation or patient)]
    covered, rest = wide_accounts(context, salus, journal, only_used=False)
    tell_left_out(context, rest)
    found = [speaker(context, salus, account) for account in covered if concerned(salus, account.patient)]
    if not found:
        raise BadInput("", "account", "none of your accounts is concerned: there is nothing to change")
    return found


def _apart(salus: Salus, speakers: Sequence[Speaker], requests: Sequence[Request], *, now: bool) -> list[_Part]:
    """Each account with its own turn and its own end; all at once where that was asked for."""
    from salus.consent.apart import due_times, end_apart
    from salus.consent.guardian_requests import WEEK
    from salus.consent.model import Effect

    pairs = list(zip(speakers, requests, strict=True))
    if now or len(pairs) < 2:
        return [_Part(one, request, 0) for one, request in pairs]
    clock = salus.now()
    ends: list[int] = []
    parts = []
    for at, (one, request) in sorted(zip(due_times(clock, len(pairs)), pairs, strict=True), key=lambda pair: pair[0]):
        issued = max(request.issued_at, at)
        fields = dict(request.fields)
        if until := fields.get("until"):
            ends.append(end_apart(Effect.PERMIT, until, clock, ends))
            fields["until"] = ends[-1]
        request = replace(request, fields=fields, issued_at=issued, deadline=issued + WEEK)
        parts.append(_Part(one, request, at if at > clock else 0))
    return parts


def _warn(context: Context, parts: Sequence[_Part], change: Change) -> None:
    if len(parts) < 2:
        return
    if change.now:
        context.note(
            "warning: --now: these accounts act in one moment; whoever looks at the chain can tell that they are one"
            " person's"
        )
    if any(part.request.fields.get("delegate") or part.request.fields.get("guardians") for part in parts):
        context.note(
            "warning: one guardian's or delegate's account named by several of your accounts shows on the chain that"
            " they are one person's; ask for another account of theirs for each, and name it with --relation"
        )


def _send(salus: Salus, part: _Part, payer: Signer | None, journal: Journal) -> Receipt | None:
    """Submit one request, or keep it until its turn."""
    from salus.errors import Refused

    client = part.speaker.client
    if payer is None and not part.due:
        receipt = client.guardians.carry_out(part.request)
        journal.sent(receipt.hash)
    else:
        signed = client.guardians.sign(part.request)
        numbers = journal.add([signed], relation=part.speaker.relation, due=part.due, handed_out=False)
        if part.due:
            return None
        try:
            receipt = salus.with_signer(payer).guardians.submit(signed)
        except Refused:
            journal.remove(numbers)  # it never left this machine
            raise
        journal.remove(numbers)
    journal.submitted(part.speaker.patient, receipt.block)
    return receipt


def holds(salus: Salus, request: Request) -> bool:
    """Whether the chain says now what a request asked for."""
    fields = request.fields
    if request.action == "delegate":
        found = salus.guardians.delegation(request.patient, fields["delegate"])
        return (found.purposes, found.categories, found.until) == (
            fields["purposes"],
            fields["categories"],
            fields["until"],
        )
    if request.action == "guardians":
        those = salus.guardians.guardian_set(request.patient)
        return (those.guardians, those.threshold) == (tuple(fields["guardians"]), fields["threshold"])
    if request.action == "contact":
        return int(salus.guardians.contact(request.patient) or "0x0", 16) == int(fields["contact"], 16)
    return salus.guardians.recovery(request.patient) is None


def stands(salus: Salus, request: Request, done: str) -> str:
    """What a request has come to, looked up.

    Args:
        salus: The client.
        request: What was asked for.
        done: What is told where it holds.
    """
    if holds(salus, request):
        return done
    waiting = salus.guardians.pending(request.patient) if request.action == "guardians" else None
    if waiting is None:
        return "submitted, but it does not hold yet: look again, or see its history"
    return (
        f"the change waits until {moment(waiting.ready_at)}; then anybody may make it with: salus consent guardians"
        f" apply {request.patient}"
    )


def _tell(context: Context, salus: Salus, sent: Sequence[tuple[_Part, Receipt | None]], done: str) -> None:
    """What holds now for each account, and which wait for their turn."""
    several = len(sent) > 1
    lines, data = [], []
    for part, receipt in sent:
        prefix = f"{part.speaker.name}: " if several else ""
        told: dict[str, Any] = {"patient": part.request.patient, "holds": False, "due": part.due}
        if receipt is None:
            lines.append(f"{part.speaker.name}: signed, NOT SUBMITTED yet; its turn is from {moment(part.due)} on")
        else:
            told |= {"transaction": receipt.hash, "block": receipt.block, "gas": receipt.gas_used}
            told["holds"] = holds(salus, part.request)
            text = stands(salus, part.request, done)
            lines.append(f"{prefix}{text} (block {receipt.block}, {receipt.gas_used:,} gas)")
        data.append(told)
    if any(receipt is None for _, receipt in sent):
        lines.append("submit what waits with: salus consent orders submit")
    context.answer(data if several else data[0], "\n".join(lines))


def _keep_all(context: Context, parts: Sequence[_Part], out: str, journal: Journal) -> None:
    from salus.consent.guardian_requests import request_to_json, save

    documents, lines = [], []
    for part, name in zip(parts, file_names(out, len(parts)), strict=True):
        signed = part.speaker.client.guardians.sign(part.request)
        journal.add([signed], relation=part.speaker.relation, due=part.due, handed_out=True)
        save(signed, name)
        documents.append(request_to_json(signed))
        account = f"{part.speaker.name}: " if len(parts) > 1 else ""
        turn = f" (not before {moment(part.due)})" if part.due else ""
        lines.append(f"{account}signed into {name}; submit it with: salus consent guardians submit {name}{turn}")
    context.answer(documents if len(documents) > 1 else documents[0], "\n".join(lines))


def keep_request(context: Context, request: Request, out: str) -> None:
    """Write a signed request to a file, and say how it is submitted."""
    from salus.consent.guardian_requests import request_to_json, save

    save(request, out)
    context.answer(request_to_json(request), f"signed into {out}; submit it with: salus consent guardians submit {out}")


# ------------------------------------------------------------------------------------------------------- what is shown


_ACTIONS = {
    "delegate": "DELEGATE",
    "guardians": "GUARDIANS",
    "contact": "EMERGENCY CONTACT",
    "recover": "MOVE THE ACCOUNT",
    "withdraw": "TAKE THE MOVE BACK",
    "veto": "STOP THE MOVE",
}


def request_facts(context: Context, salus: Salus, request: Request) -> list[tuple[str, object]]:
    """Every field of a request in words, the contract and the chain."""
    return [*_fields(request), *_where(context, salus)]


def _fields(request: Request) -> list[tuple[str, object]]:
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
    return [*facts, ("valid until", moment(request.deadline))]


def _where(context: Context, salus: Salus) -> list[tuple[str, object]]:
    return [
        ("contract", f"Guardians at {salus.book['Guardians'].address}"),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
    ]


def _turn(part: _Part) -> list[tuple[str, object]]:
    return [("not before", moment(part.due))] if part.due else []
