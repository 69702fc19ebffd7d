"""``salus consent delegate``, ``guardians`` and ``recover``: who acts for a patient, and the way back for a lost
key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._changes import Change, change_account, keep_request, request_facts, stands
from salus.cli.consent._shared import Look, check_out, noun
from salus.cli.context import Context
from salus.cli.moments import moment, parse_end
from salus.cli.options import command, group, takes

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.guardian_model import EndedMandate, GuardianSet, PendingGuardians, Recovery
    from salus.consent.guardian_requests import Request

__all__ = ["delegate", "guardians", "recover"]

_DAY = 24 * 3600


@group("delegate")
def delegate() -> None:
    """Let somebody, e.g. a carer or a parent, grant and revoke for you, within a scope and until a date."""


@group("guardians")
def guardians() -> None:
    """Name those who together can move your account when its key is lost."""


@group("recover")
def recover() -> None:
    """Move a patient who lost the key to a new account: guardians agree, a delay passes, then the move is made."""


for _group in (delegate, guardians, recover):
    noun.add_command(_group)


# ----------------------------------------------------------------------------------------------------------- delegates


@command(delegate, "add")
@click.argument("account")
@click.option("--purpose", "purposes", multiple=True, required=True, help="TREAT, ETREAT, HPAYMT …")
@click.option("--category", "categories", multiple=True, help="A resource type, a label, or all [default: all].")
@click.option("--until", "end", required=True, help="When it ends, e.g. the day of majority: 2031-05-06 or +1y.")
@takes(change=Change)
def delegate_add(
    context: Context, account: str, purposes: tuple[str, ...], categories: tuple[str, ...], end: str, change: Change
) -> None:
    """Name a delegate, or change what it may do: for every account of yours, or for the one of --relation.

    \b
    Example:
      salus consent delegate add 0x7099… --purpose TREAT --until 2031-05-06 --relation city-hospital
    """

    def check(salus: Salus) -> None:
        from salus.consent.codes import category_bits, purpose_bits

        parse_end(end, salus.now)
        purpose_bits(purposes)
        category_bits(categories)

    def prepare(salus: Salus, patient: str) -> Request:
        until = parse_end(end, salus.now)
        return salus.guardians.prepare_delegate(account, purposes, categories or ("all",), until, patient=patient)

    change_account(context, change, prepare, f"{account} is a delegate", check=check)


@command(delegate, "remove")
@click.argument("account")
@takes(change=Change)
def delegate_remove(context: Context, account: str, change: Change) -> None:
    """Remove a delegate: from every account of yours that named it, or from the one of --relation.

    \b
    Example:
      salus consent delegate remove 0x7099… --relation city-hospital
    """

    def prepare(salus: Salus, patient: str) -> Request:
        return salus.guardians.prepare_removal(account, patient=patient)

    def concerned(salus: Salus, patient: str) -> bool:
        return salus.guardians.delegation(patient, account).until != 0

    change_account(context, change, prepare, f"{account} is no delegate any more", concerned=concerned)


@command(delegate, "list")
@takes(look=Look)
def delegate_list(context: Context, look: Look) -> None:
    """List the delegates of a patient.

    \b
    Example:
      salus consent delegate list --json
    """
    salus = context.connect()
    now = salus.now()
    accounts = list(look.accounts(context, salus).values())
    found = [(who, d) for who in accounts for d in salus.guardians.delegates(who)]
    over = {(who, m.delegate): m for who in accounts for m in salus.guardians.ended_mandates(who)}
    data: list[dict[str, Any]] = [
        {
            "patient": who,
            "delegate": d.delegate,
            "purposes": sorted(d.purpose_names),
            "categories": sorted(d.category_names),
            "until": d.until,
            "active": now < d.until,
            "askAgain": _to_ask_again(over.get((who, d.delegate))),
        }
        for who, d in found
    ]
    rows = [
        (line["patient"], line["delegate"], ", ".join(line["purposes"]), ", ".join(line["categories"]), moment(d.until))
        for line, (_, d) in zip(data, found, strict=True)
    ]
    columns = ("patient", "delegate", "purposes", "data", "until")
    if any(line["askAgain"] for line in data):
        context.note("a mandate is over: what its delegate granted is asked again of the patient (see --json)")
    context.answer(data, (lambda: context.table("Delegates", columns, rows)) if rows else "there is no delegate")


def _to_ask_again(over: EndedMandate | None) -> list[dict[str, Any]]:
    return [{"grantee": grantee, "index": index} for grantee, index in over.grants] if over else []


# ----------------------------------------------------------------------------------------------------------- guardians


@command(guardians, "set")
@click.option(
    "--guardian", "accounts", multiple=True, help="An account; at most ten. None at all removes the guardians."
)
@click.option("--threshold", type=click.IntRange(0, 10), default=0, help="How many must agree.")
@click.option("--delay", default="7", help="Days in which you can veto a move, 2 to 60.", show_default=True)
@takes(change=Change)
def guardians_set(context: Context, accounts: tuple[str, ...], threshold: int, delay: str, change: Change) -> None:
    """Name the guardians: of every account of yours, or of the one of --relation. Where some stand the change waits
    their delay, until `guardians apply`.

    \b
    Example:
      salus consent guardians set --guardian 0x7099… --guardian 0x3C44… --guardian 0x90F7… --threshold 2 --relation home
    """
    from salus.errors import BadInput

    if not delay.isascii() or not delay.isdecimal() or len(delay) > 3:
        raise BadInput("--delay", "", f"is {delay!r}; give whole days, 2 to 60")

    def prepare(salus: Salus, patient: str) -> Request:
        return salus.guardians.prepare_guardians(accounts, threshold, int(delay) * _DAY, patient=patient)

    change_account(context, change, prepare, f"{len(accounts)} guardians, {threshold} must agree")


@command(guardians, "apply")
@click.argument("patient")
def guardians_apply(context: Context, patient: str) -> None:
    """Make a change of a patient's guardians that has waited their delay; anybody may.

    \b
    Example:
      salus consent guardians apply 0x7099… --keystore hospital.json
    """
    from salus.keys.addresses import address

    who = address(patient, "PATIENT")
    salus = context.connect_signing()
    waiting = salus.guardians.pending(who)
    facts: list[tuple[str, object]] = [("patient", who), *context.where(salus, "Guardians")]
    if waiting:
        facts[1:1] = [("guardian", each) for each in waiting.guardians] or [("guardians", "none")]
    context.confirm(facts, "Make this change?")
    context.sent(salus.guardians.apply(who), "the guardians are changed", patient=who)


@command(guardians, "contact")
@click.argument("account", required=False)
@takes(change=Change)
def guardians_contact(context: Context, account: str | None, change: Change) -> None:
    """Name the account that an emergency of yours is told to; none removes it. Both accounts are public together.

    \b
    Example:
      salus consent guardians contact 0x7099… --relation city-hospital
    """

    def prepare(salus: Salus, patient: str) -> Request:
        return salus.guardians.prepare_contact(account, patient=patient)

    done = f"emergencies are told to {account}" if account else "nobody is told any more"
    change_account(context, change, prepare, done)


@command(guardians, "show")
@takes(look=Look)
def guardians_show(context: Context, look: Look) -> None:
    """Show the guardians of a patient, and a recovery that is under way.

    \b
    Example:
      salus consent guardians show --relation city-hospital
    """
    _status(context, look.accounts(context, context.connect()))


@command(guardians, "submit")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def guardians_submit(context: Context, files: tuple[str, ...]) -> None:
    """Submit a signed request; of a recovery the copies of all its guardians together. The signer pays, no more.

    \b
    Example:
      salus consent guardians submit daughter.json neighbour.json --keystore hospital.json
    """
    from salus.consent.guardian_requests import collect, load

    request = collect([load(file) for file in files])
    salus = context.connect_signing()
    context.confirm([*request_facts(context, salus, request), ("signatures", len(request.signatures))], "Submit this?")
    receipt = salus.guardians.submit(request)
    context.sent(receipt, _told(salus, request), action=request.action, patient=request.patient)


def _told(salus: Salus, request: Request) -> str:
    """What holds after a request was submitted, looked up."""
    if request.action == "recover":
        recovery = salus.guardians.recovery(request.patient)
        return f"the move can be made from {moment(recovery.ready_at)}" if recovery else "no move is under way"
    return f"{request.action}: {stands(salus, request, 'it holds now')}"


def _status(context: Context, accounts: dict[str, str]) -> None:
    salus = context.connect()
    now = salus.now()
    data: list[dict[str, Any]] = []
    lines: list[str] = []
    for name, who in accounts.items():
        those, recovery = salus.guardians.guardian_set(who), salus.guardians.recovery(who)
        controller, waiting = salus.guardians.controller_of(who), salus.guardians.pending(who)
        data.append(
            {
                "patient": who,
                "controller": controller,
                "guardians": those.guardians,
                "threshold": those.threshold,
                "delay": those.delay,
                "version": those.version,
                "pending": _pending_document(waiting) if waiting else None,
                "contact": salus.guardians.contact(who),
                "recovery": _recovery_document(recovery, now) if recovery else None,
            }
        )
        lines.append(f"{name or 'patient'}: {who}" + ("" if controller == who else f", signed for by {controller}"))
        lines.append(f"  {_guardian_words(those)}")
        if waiting:
            lines.append(f"  A CHANGE WAITS until {moment(waiting.ready_at)}: {_guardian_words(waiting)}")
        if recovery:
            lines += [f"  {line}" for line in _recovery_words(who, recovery, now)]
    context.answer(data, "\n".join(lines))


def _pending_document(waiting: PendingGuardians) -> dict[str, Any]:
    return {
        "guardians": waiting.guardians,
        "threshold": waiting.threshold,
        "delay": waiting.delay,
        "readyAt": waiting.ready_at,
    }


def _guardian_words(those: GuardianSet | PendingGuardians) -> str:
    if not those.guardians:
        return "no guardians"
    agree = f"{those.threshold} of {len(those.guardians)} must agree, then {those.delay / _DAY:g} days pass"
    return f"guardians: {', '.join(those.guardians)}; {agree}"


def _recovery_document(recovery: Recovery, now: int) -> dict[str, Any]:
    return {
        "successor": recovery.successor,
        "readyAt": recovery.ready_at,
        "lapsesAt": recovery.lapses_at,
        "ready": recovery.ready_at <= now,
    }


def _recovery_words(patient: str, recovery: Recovery, now: int) -> list[str]:
    if recovery.ready_at <= now:
        when = f"ready now, until {moment(recovery.lapses_at)}: salus consent recover finish {patient}"
    else:
        when = f"ready at {moment(recovery.ready_at)}"
    return [f"RECOVERY: to {recovery.successor}, {when}", "veto it if it is not yours: salus consent recover veto"]


# ------------------------------------------------------------------------------------------------------------ recovery


@command(recover, "start")
@click.argument("patient")
@click.option("--to", "successor", required=True, help="The patient's new account.")
@click.option("--out", type=click.Path(), help="Write the request here, for the other guardians to sign.")
def recover_start(context: Context, patient: str, successor: str, out: str | None) -> None:
    """As the first guardian, sign for a patient's move to a new account.

    Without --out it is submitted at once, which suffices where one guardian must agree.

    \b
    Example:
      salus consent recover start 0x7099… --to 0x3C44… --out move.json --keystore daughter.json
    """
    salus = context.connect()
    check_out(out)
    client = salus.with_signer(context.signer())
    _agree(context, client, client.guardians.prepare_recovery(patient, successor), out)


@command(recover, "approve")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--out", type=click.Path(), help="Write the request with your signature here, for the next guardian.")
def recover_approve(context: Context, files: tuple[str, ...], out: str | None) -> None:
    """As a further guardian, sign the request; without --out it is submitted with all signatures that the files have.

    \b
    Example:
      salus consent recover approve move.json --keystore neighbour.json
    """
    from salus.consent.guardian_requests import BY_GUARDIANS, collect, load
    from salus.errors import BadInput

    request = collect([load(file) for file in files])
    if request.action not in BY_GUARDIANS:
        raise BadInput(files[0], "action", f"is {request.action}; guardians approve a recovery or its withdrawal only")
    salus = context.connect()
    check_out(out)
    _agree(context, salus.with_signer(context.signer()), request, out)


def _agree(context: Context, client: Salus, request: Request, out: str | None) -> None:
    facts = [*request_facts(context, client, request), ("signed already", len(request.signatures))]
    context.confirm(facts, "Sign this? Be sure that the patient asks for it: call, or better meet.")
    signed = client.guardians.sign(request)
    if out:
        keep_request(context, signed, out)
        return
    receipt = client.guardians.submit(signed)
    if signed.action == "withdraw":
        context.sent(receipt, "the move is taken back", patient=request.patient)
        return
    (event,) = receipt.events("RecoveryStarted")
    ready = event.args["readyAt"]
    text = f"the move can be made from {moment(ready)}, unless the patient vetoes it"
    context.sent(receipt, text, patient=request.patient, successor=event.args["successor"], readyAt=ready)


@command(recover, "withdraw")
@click.argument("patient")
@click.option("--out", type=click.Path(), help="Write the request here, for the other guardians to approve.")
def recover_withdraw(context: Context, patient: str, out: str | None) -> None:
    """As a guardian, take back a move that runs, e.g. to a wrong account; as many as start one must agree.

    \b
    Example:
      salus consent recover withdraw 0x7099… --out back.json --keystore daughter.json
    """
    salus = context.connect()
    check_out(out)
    client = salus.with_signer(context.signer())
    _agree(context, client, client.guardians.prepare_withdrawal(patient), out)


@command(recover, "veto")
@takes(change=Change)
def recover_veto(context: Context, change: Change) -> None:
    """Stop a recovery of your account that you did not ask for.

    \b
    Example:
      salus consent recover veto --relation city-hospital --relay-as hospital.json
    """

    def prepare(salus: Salus, patient: str) -> Request:
        return salus.guardians.prepare_veto(patient=patient)

    def concerned(salus: Salus, patient: str) -> bool:
        return salus.guardians.recovery(patient) is not None

    change_account(context, change, prepare, "the move is stopped", concerned=concerned, at_once=True)


@command(recover, "finish")
@click.argument("patient")
def recover_finish(context: Context, patient: str) -> None:
    """Make the move once its delay is over, and let the consents follow; anybody may.

    \b
    Example:
      salus consent recover finish 0x7099… --keystore hospital.json
    """
    from salus.keys.addresses import address

    who = address(patient, "PATIENT")
    salus = context.connect_signing()
    facts = [
        ("MOVE", who),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
        ("submitted by", salus.need_signer().address),
    ]
    context.confirm(facts, "Make the move?")
    receipts = salus.guardians.finish(who)
    controller = salus.guardians.controller_of(who)
    context.sent(receipts[-1], f"{who} is signed for by {controller}", patient=who, controller=controller)


@command(recover, "status")
@click.argument("patient")
def recover_status(context: Context, patient: str) -> None:
    """Show how far a patient's recovery is.

    \b
    Example:
      salus consent recover status 0x7099…
    """
    from salus.keys.addresses import address

    _status(context, {"": address(patient, "PATIENT")})
