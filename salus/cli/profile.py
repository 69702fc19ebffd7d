"""``salus profile``: temperature profiles, those that come with Salus and those of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.options import command, group
from salus.cli.output import aligned
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.coldchain.temperature import Profile

__all__ = ["named_profile", "noun", "profile_id"]


@group("profile")
def noun() -> None:
    """Temperature profiles: what a lot's shipments are judged by.

    Some come with Salus, from published rules that each names. A profile is registered once and never changes.
    """


def named_profile(name: str) -> Profile:
    """A profile that comes with Salus, by its name.

    Raises:
        BadInput: None is called so.
    """
    from salus.coldchain.temperature import ready_profiles
    from salus.errors import BadInput, one_line

    ready = ready_profiles()
    if name not in ready:
        raise BadInput("PROFILE", "", f"{one_line(name, 40)!r} is no ready profile; there are {', '.join(ready)}")
    return ready[name]


def profile_id(text: str) -> bytes:
    """The id of a profile that was typed: a ready profile's name, or 0x and 64 hex digits."""
    return identifier(text, "PROFILE") if text.startswith("0x") else named_profile(text).id


def _document(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "storageClass": profile.storage_class.name.lower().replace("_", "-"),
        "vvm": profile.vvm,
        "low": profile.low,
        "high": profile.high,
        "silence": profile.silence,
        "unknown": profile.unknown,
        "budget": profile.budget,
        "mktLimit": profile.mkt_limit,
        "mktHours": profile.mkt_hours,
        "rules": [
            {"bound": r.bound.name.lower(), "span": r.span.name.lower(), "threshold": r.threshold, "minutes": r.minutes}
            for r in profile.rules
        ],
    }


def _range(profile: Profile) -> str:
    return f"{profile.low / 100:.2f} to {profile.high / 100:.2f} °C"


@command(noun, "list")
@click.option("--on-chain", is_flag=True, help="Those that are registered, instead of those that come with Salus.")
def list_(context: Context, on_chain: bool) -> None:
    """List the profiles that come with Salus, or those that a chain has.

    \b
    Example:
      salus profile list
      salus profile list --on-chain --json
    """
    from salus.coldchain.temperature import ready_profiles

    names = {profile.id: name for name, profile in ready_profiles().items()}
    if on_chain:
        listed = [(names.get(key, ""), profile) for key, profile in context.connect().lots.profiles().items()]
    else:
        listed = list(ready_profiles().items())
    rows = [(name or "-", _range(p), len(p.words), "0x" + p.id.hex()) for name, p in listed]
    context.answer(
        [{"name": name or None, **_document(p)} for name, p in listed],
        lambda: context.table("Temperature profiles", ("name", "range", "limits", "id"), rows),
    )


@command(noun, "show")
@click.argument("profile", metavar="PROFILE")
def show(context: Context, profile: str) -> None:
    """Show a profile's limits in words: by the name of a ready one, or by its id on the chain.

    \b
    Example:
      salus profile show refrigerated
    """
    found = (
        context.connect().lots.profile(identifier(profile, "PROFILE"))
        if profile.startswith("0x")
        else named_profile(profile)
    )
    facts: list[tuple[str, object]] = [
        ("id", "0x" + found.id.hex()),
        ("range", _range(found)),
        ("silence", f"{found.silence // 60:,} min without readings are not yet unknown time"),
        ("unknown", f"at most {found.unknown // 60:,} min"),
    ]
    if found.vvm:
        facts.append(("monitor", f"type {found.vvm}"))
    facts += [("limit", words) for words in found.words]
    context.answer(_document(found), aligned(facts, 8))


@command(noun, "register")
@click.argument("profile", metavar="PROFILE")
def register(context: Context, profile: str) -> None:
    """Register a ready profile for ever. The signer is the regulator's rule maker.

    \b
    Example:
      salus profile register refrigerated --keystore regulator.json
    """
    found = named_profile(profile)
    salus = context.connect_signing()
    limits = [("limit", words) for words in found.words]
    context.confirm(
        [("profile", profile), ("range", _range(found)), *limits, *context.where(salus)],
        "Register it? It can never be changed.",
    )
    made = salus.lots.register_profile(found)
    context.answer({"profile": made, "name": profile}, f"profile {profile} is registered as 0x{made.hex()}")
