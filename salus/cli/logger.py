"""``salus logger``: temperature loggers, their calibration and condition, and whose signature a file bears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import moment, parse_moment
from salus.cli.options import command, group
from salus.cli.output import aligned
from salus.cli.values import centi_degrees, identifier, is_identifier

if TYPE_CHECKING:
    from salus.coldchain.loggers.devices import Device

__all__ = ["noun"]

_DEVICE = "DEVICE"
_CONDITIONS = ("in-service", "lost", "replaced", "retired")


@group("logger")
def noun() -> None:
    """Temperature loggers: an owner registers its devices, a laboratory calibrates them, makers' keys prove files.

    A device is the account that signs its readings. Its owner first makes it an operator: `salus institution operator`.
    """


@command(noun, "register")
@click.argument("device", metavar=_DEVICE)
@click.option("--accuracy", default="0.5", show_default=True, help="Largest error within its range, °C.")
@click.option("--model", type=click.IntRange(1, 2**16 - 1), help="Number of its model, when its maker signs files.")
@click.option("--serial", help="Serial number; only a salted commitment goes on chain, and you are told the salt.")
def register(context: Context, device: str, accuracy: str, model: int | None, serial: str | None) -> None:
    """Register a device. The signer acts for its owner.

    \b
    Example:
      salus logger register 0x15d3… --accuracy 0.5 --serial RCPJ00010 --keystore loggers.json
    """
    from salus.coldchain.loggers.devices import commit_serial

    centi = centi_degrees(accuracy, "--accuracy")
    commitment, salt = commit_serial(serial) if serial else (bytes(32), None)
    salus = context.connect_signing()
    context.confirm(
        [
            ("device", device),
            ("accuracy", f"{centi / 100:.2f} °C"),
            ("model", model or "of none that signs"),
            ("serial", serial or "not said"),
            *context.where(salus),
        ],
        "Register it?",
    )
    receipt = salus.devices.register(device, accuracy=centi, model=model, serial=commitment)
    told = f"; keep the salt of its serial number: 0x{salt.hex()}" if salt else ""
    context.sent(receipt, f"{device} is registered{told}", device=device, serialSalt=salt)


@command(noun, "calibrate")
@click.argument("device", metavar=_DEVICE)
@click.option("--until", default="+1y", show_default=True, help="When it no longer holds: 2027-01-31 or +1y.")
@click.option(
    "--certificate", type=click.Path(), required=True, help="The certificate's file; its SHA-256 goes on chain."
)
def calibrate(context: Context, device: str, until: str, certificate: str) -> None:
    """State until when a device's calibration holds. The signer acts for a laboratory.

    \b
    Example:
      salus logger calibrate 0x15d3… --until 2027-01-31 --certificate certificate.pdf --keystore laboratory.json
    """
    from hashlib import sha256

    from salus.formats.json_file import read_bytes

    digest = sha256(read_bytes(certificate)).digest()
    salus = context.connect_signing()
    end = parse_moment(until, salus.now)
    facts = [("device", device), ("holds until", moment(end)), ("certificate", f"{certificate} (0x{digest.hex()})")]
    context.confirm([*facts, *context.where(salus)], "State it?")
    receipt = salus.devices.calibrate(device, end, digest)
    context.sent(receipt, f"calibrated until {moment(end)}", device=device, until=end, certificate=digest)


@command(noun, "condition")
@click.argument("device", metavar=_DEVICE)
@click.argument("condition", type=click.Choice(_CONDITIONS))
@click.option("--by", "successor", help="With replaced: the device that takes its place.")
def condition(context: Context, device: str, condition: str, successor: str | None) -> None:
    """Say what became of a device. The signer acts for its owner. Nothing comes back from replaced or retired.

    \b
    Example:
      salus logger condition 0x15d3… lost --keystore loggers.json
    """
    from salus.coldchain.loggers.devices import Condition
    from salus.errors import BadInput

    wanted = Condition[condition.upper().replace("-", "_")]
    if (wanted is Condition.REPLACED) != (successor is not None):
        raise BadInput("--by", "", "names the device that takes the place of one that is replaced, and only then")
    salus = context.connect_signing()
    facts = [("device", device), ("is now", wanted.words), ("replaced by", successor or "none")]
    context.confirm([*facts, *context.where(salus)], "Say so?")
    receipt = salus.devices.set_condition(device, wanted, successor=successor)
    context.sent(receipt, f"{device} is {wanted.words}", device=device, condition=condition)


@command(noun, "model")
@click.argument("name", required=False)
@click.option("--file", type=click.Path(), help="An export of such a logger: the key is taken from it.")
@click.option("--distrust", type=click.IntRange(1, 2**16 - 1), help="Number of a model whose files no longer count.")
def model(context: Context, name: str | None, file: str | None, distrust: int | None) -> None:
    """Accredit the key of a model's maker, distrust one (the signer is the regulator's rule maker), or list them.

    \b
    Example:
      salus logger model
      salus logger model q-tag-clm --file export.txt --keystore regulator.json
      salus logger model --distrust 2 --keystore regulator.json
    """
    from salus.errors import BadInput

    if (name is None) != (file is None) or (name is not None and distrust is not None):
        raise BadInput("NAME", "", "give a name and --file to accredit, --distrust alone, or nothing to list")
    if distrust is not None:
        salus = context.connect_signing()
        context.confirm([("distrust model", distrust), *context.where(salus)], "Take no further file of it?")
        context.sent(salus.devices.distrust_model(distrust), f"model {distrust} is distrusted", model=distrust)
    elif name is not None and file is not None:
        _accredit(context, name, file)
    else:
        _list_models(context)


def _accredit(context: Context, name: str, file: str) -> None:
    from salus.coldchain.loggers import file_proof

    proof = file_proof(file)
    salus = context.connect_signing()
    facts = [("model", name), ("key x", "0x" + proof.x.hex()), ("key y", "0x" + proof.y.hex()), ("from", file)]
    context.confirm([*facts, *context.where(salus)], "Trust every file that this key signs?")
    number = salus.devices.accredit_model(name, proof.x, proof.y)
    context.answer({"model": number, "name": name, "x": proof.x, "y": proof.y}, f"{name} is model {number}")


def _list_models(context: Context) -> None:
    found = context.connect().devices.models()
    rows = [(m.number, m.name[:18] + "…", "0x" + m.x.hex()[:16] + "…", "yes" if m.trusted else "NO") for m in found]
    context.answer(
        [{"model": m.number, "nameHash": m.name, "x": m.x, "y": m.y, "trusted": m.trusted} for m in found],
        lambda: context.table("Models", ("model", "hash of the name", "key x", "trusted"), rows),
    )


@command(noun, "prove")
@click.argument("file", type=click.Path())
@click.option(
    "--model", type=click.IntRange(1, 2**16 - 1), help="Number of the model [default: the one of the file's key]."
)
def prove(context: Context, file: str, model: int | None) -> None:
    """Prove on chain that a maker signed an export; the file stays here. Anyone may.

    It proves the model, never the unit. Some 315,000 gas; about a fifth of it where the chain verifies P-256 itself.

    \b
    Example:
      salus logger prove export.txt --keystore carrier.json
    """
    from salus.coldchain.loggers import file_proof

    proof = file_proof(file)
    salus = context.connect_signing()
    number = salus.devices.model_of(proof).number if model is None else model
    if salus.devices.proven_by(proof.digest) == number:
        context.answer(
            {"file": proof.digest, "model": number, "transaction": None}, f"{file} was proven before, by model {number}"
        )
        return
    facts = [("file", file), ("digest", "0x" + proof.digest.hex()), ("model", number)]
    context.confirm([*facts, *context.where(salus)], "Prove it?")
    receipt = salus.devices.prove_file(proof, model=number)
    context.sent(receipt, f"{file} was signed by model {number}", file=proof.digest, model=number)


@command(noun, "show")
@click.argument("device", metavar=_DEVICE)
def show(context: Context, device: str) -> None:
    """Show a device, by its account; or whether a file is proven, by its digest.

    \b
    Example:
      salus logger show 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65
    """
    salus = context.connect()
    if is_identifier(device):
        digest = identifier(device, _DEVICE)
        by = salus.devices.proven_by(digest)
        context.answer(
            {"file": digest, "model": by}, f"signed by model {by}" if by else "nobody proved a file of this digest"
        )
        return
    found = salus.devices.device(device)
    facts = {
        "account": found.account,
        "owner": salus.institutions.name(found.owner),
        "now": f"{found.condition.words} since {moment(found.since)}",
        "accuracy": f"{found.accuracy / 100:.2f} °C",
        "model": found.model or "of none that signs",
        "calibrated": _calibration(found, salus.now()),
    }
    context.answer(_document(found), aligned(facts))


@command(noun, "list")
@click.option("--owner", help="Only its devices: name or account.")
def list_(context: Context, owner: str | None) -> None:
    """List every device.

    \b
    Example:
      salus logger list --owner cold-data
    """
    salus = context.connect()
    found, now = salus.devices.all(owner), salus.now()
    names = salus.institutions.names(device.owner for device in found)
    rows = [(d.account, names[d.owner], d.condition.words, _calibration(d, now)) for d in found]
    context.answer(
        [_document(d) for d in found],
        lambda: context.table("Loggers", ("account", "owner", "now", "calibrated"), rows),
    )


def _document(found: Device) -> dict[str, Any]:
    return {
        "account": found.account,
        "owner": found.owner,
        "model": found.model,
        "accuracy": found.accuracy,
        "calibratedUntil": found.calibrated_until,
        "condition": found.condition.name,
        "since": found.since,
    }


def _calibration(found: Device, now: int) -> str:
    if found.calibrated_until is None:
        return "never"
    return f"until {moment(found.calibrated_until)}{', ENDED' if found.calibrated_until <= now else ''}"
