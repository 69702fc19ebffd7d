"""Log a temperature logger's export for a shipment; the contract judges every reading.

    python scripts/log_shipment.py 0x<shipment> qtag.txt --device logger.json --keystore carrier.json

Who pays and where, as for `salus`: --rpc, --book and --keystore, or SALUS_RPC, SALUS_BOOK, SALUS_KEYSTORE and
SALUS_PASSWORD. Each value is printed before anything is sent. The exit code is 1 when the shipment is not intact then.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from salus.cli.context import Context
from salus.cli.values import identifier
from salus.coldchain.loggers import read
from salus.coldchain.model import Verdict
from salus.errors import SalusError
from salus.outbox import resume_pending


def log_shipment(salus, shipment, file, device, *, utc_offset=None, outbox=None, say=lambda text: None):
    """Read an export, sign its readings with the device's key and log them.

    salus       client whose signer pays; it needs no role
    shipment    the shipment's id, 32 bytes
    file        Berlinger text export, or CSV time,celsius
    device      signer that is the logger's device key
    utc_offset  for CSV whose times name no offset
    outbox      writes each transaction down before it is sent, from Salus.outbox; None sends the plain way
    say         told of progress, a line at a time

    Readings that are judged already are left out. Returns the verdict, the judgement and the receipts.
    """
    export = read(file, utc_offset=utc_offset)
    resume_pending(outbox)
    signed = salus.coldchain.sign_batches(export, shipment, device)
    receipts = salus.coldchain.log(
        signed, progress=lambda done, of: say(f"{done} of {of} readings judged"), outbox=outbox
    )
    report = salus.coldchain.report(shipment)
    return report.verdict, report.judgement, receipts


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shipment", help="the shipment's id, 0x and 64 hex digits")
    parser.add_argument("file", help="the logger's export")
    parser.add_argument("--device", required=True, help="keystore of the device's key")
    parser.add_argument("--device-password-file")
    parser.add_argument("--utc-offset", help="for CSV whose times name no offset: Z or +05:30")
    parser.add_argument("--rpc", default=os.environ.get("SALUS_RPC", "http://127.0.0.1:8545"))
    parser.add_argument("--book", default=os.environ.get("SALUS_BOOK"))
    parser.add_argument("--keystore", default=os.environ.get("SALUS_KEYSTORE"))
    parser.add_argument("--password-file")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


def main():
    """Read the arguments, print them, ask, log, print the verdict."""
    given = arguments()
    try:
        shipment = identifier(given.shipment, "shipment")
        context = Context(
            rpc=given.rpc, book=given.book, keystore=given.keystore, password_file=given.password_file, yes=given.yes
        )
        device = context.open_keystore(given.device, given.device_password_file)
        salus = context.connect_signing()
        context.confirm(
            [
                ("shipment", given.shipment),
                ("export", given.file),
                ("device", device.address),
                ("payer", salus.need_signer().address),
                ("chain", f"{salus.chain_id} at {given.rpc}"),
            ],
            "Sign and log the readings?",
        )
        with context.outbox(salus) as outbox:
            verdict, judged, receipts = log_shipment(
                salus,
                shipment,
                given.file,
                device,
                utc_offset=given.utc_offset,
                outbox=outbox,
                say=lambda text: print(text, file=sys.stderr),
            )
    except SalusError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{judged.readings} readings so far, {sum(receipt.gas_used for receipt in receipts):,} gas now")
    print(f"{judged.above // 60} min above, {judged.below // 60} min below, {judged.unknown // 60} min unknown")
    print(f"verdict: {verdict.words}")
    return 0 if verdict is Verdict.INTACT else 1


if __name__ == "__main__":
    sys.exit(main())
