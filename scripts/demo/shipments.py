"""Act 4: two shipments of one lot, every reading judged on chain."""

from __future__ import annotations

from dataclasses import replace

from salus import NewLot, Refused, Salus, commit, read_readings, ready_profiles, ready_schedules, write_qtag
from scripts.demo.stage import DAY, EXAMPLES, YEAR, Stage, patient_account
from scripts.demo.terminal import iso, say

# The pack's number, of an invented product: an indicator, the maker's prefix of seven digits, the item, the check
# digit.
GTIN = "04006381333931"


def track_shipments(stage: Stage) -> dict[str, str]:
    """Two shipments of one lot: one stays cold, is handed on and given; one gets warm and cannot be."""
    regulator, maker, pharmacy = stage["regulator"], stage["river-vaccines"], stage["harbour-pharmacy"]
    profile = regulator.lots.register_profile(ready_profiles()["refrigerated"])
    regulator.lots.assign_prefix(GTIN[1:8], maker.institutions.resolve("river-vaccines"))
    now = maker.now()
    lot = maker.lots.register_lot(
        NewLot(
            gtin=GTIN,
            number="RV-2025-017",
            made_at=now - 30 * DAY,
            expires_at=now + 2 * YEAR,
            units=1000,
            profile=profile,
        )
    )
    say("lot RV-2025-017 of 1,000 units, to be kept at 2 to 8 °C, registered by its manufacturer under its GS1 prefix")
    found = {}
    for name, example, logger in (("cold", "readings.csv", "logger-a"), ("warm", "qtag-excursion.txt", "logger-b")):
        found[name] = travel(stage, lot, name, example, logger)
        try:
            hand(stage, found[name], "river-vaccines", "cold-line", hours=48)
            hand(stage, found[name], "cold-line", "harbour-pharmacy")
        except Refused as refusal:
            say(f"handover refused by the contract: {refusal}")
    schedule = regulator.doses.register_schedule(ready_schedules()["mmr"])
    patient = patient_account(stage, "harbour-pharmacy")
    pharmacy.doses.give(found["cold"], patient, schedule)
    say("the pharmacy gave the patient a dose of it: the contract looked at the verdict in the same transaction")
    return {name: "0x" + shipment.hex() for name, shipment in found.items()}


def hand(stage: Stage, shipment: bytes, giver: str, receiver: str, *, hours: int = 0) -> None:
    """The giver signs an offer, the receiver looks and accepts it in one transaction."""
    to = stage[receiver].need_signer().address
    offer = stage[giver].coldchain.sign_offer(stage[giver].coldchain.handover(shipment, to, hours_allowed=hours))
    stage[receiver].coldchain.hand(offer, vvm=1)
    say(f"handed on: {giver} signed the offer, {receiver} accepted")


def ready_logger(device: Salus, laboratory: Salus) -> None:
    """A device registers itself, as it is licensed to, and a laboratory calibrates it for a year."""
    account = device.need_signer().address
    device.devices.register(account, accuracy=50)
    certificate, _salt = commit(b"certificate of this device's calibration")
    laboratory.devices.calibrate(account, laboratory.now() + YEAR, certificate)


def travel(stage: Stage, lot: bytes, name: str, example: str, logger: str) -> bytes:
    """Open a shipment, pair its logger, and log the logger's export: the example, moved in time so that it ends now."""
    maker, device = stage["river-vaccines"], stage[logger]
    export = read_readings(EXAMPLES / example)
    moved = maker.now() // 60 * 60 - export.readings[-1].time - export.interval_s
    readings = [replace(reading, time=reading.time + moved) for reading in export.readings]
    file = stage.folder / f"export-{name}.{'csv' if example.endswith('csv') else 'txt'}"
    if example.endswith("csv"):
        rows = (f"{iso(r.time)},{'' if r.centi is None else f'{r.centi / 100:.2f}'}" for r in readings)
        file.write_text("\n".join(["time,celsius", *rows]) + "\n")
    else:
        file.write_bytes(write_qtag(readings, export.serial))
    export = read_readings(file)
    key = device.need_signer()
    ready_logger(device, stage["quality-lab"])
    shipment = maker.coldchain.open_shipment(lot, units=400)
    maker.coldchain.pair(shipment, key.address, start=export.readings[0].time)
    maker.coldchain.log(maker.coldchain.sign_batches(export, shipment, key))
    verdict = maker.coldchain.verdict(shipment)
    count = len(export.readings)
    say(f"{file.name}: {count} readings signed by the device and judged one by one: {verdict.name.lower()}")
    return shipment
