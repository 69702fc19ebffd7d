"""The noun coldchain, against a chain with all contracts."""

import dataclasses
import secrets

import pytest

from salus import errors
from salus.abi import decoding
from salus.coldchain import shipments
from salus.coldchain.handover import EPOCH, handed, read_handover, write_handover
from salus.coldchain.loggers import LoggerExport, Reading, pack, read, write_qtag
from salus.coldchain.lots import NewLot
from salus.coldchain.shipments import Disposition, Shake, Verdict
from salus.coldchain.temperature import (
    BUDGET,
    BY_HAND,
    FORKED,
    MKT,
    Bound,
    Profile,
    Rule,
    Span,
    judgement_of_word,
    ready_profiles,
)
from salus.errors import BadInput
from salus.formats.gs1 import gtin_number, lot_number
from tests.support.shared_data import EXAMPLES, shared

DAY = 86_400
GTIN = "09506000134352"


def exported(readings, step=600):
    return LoggerExport("export.txt", "Q-tag", "SIM", step, tuple(readings), (), None, "absent")


class Journey:
    """A lot of a manufacturer, a shipment of it with a calibrated logger, a carrier, a clinic and a laboratory."""

    def __init__(self, deployed_chain, *, start=None, profile=None, hours=0):
        self.deployed_chain = deployed_chain
        self.maker, self.maker_name = deployed_chain.institution("MANUFACTURER")
        self.logger, _ = deployed_chain.institution("LOGGER")
        self.carrier, self.carrier_name = deployed_chain.institution("CARRIER")
        self.clinic, self.clinic_name = deployed_chain.institution("PHARMACY")
        self.laboratory, _ = deployed_chain.institution("LABORATORY")
        self.device = self.new_device()
        self.chain = deployed_chain.client(self.maker).coldchain
        self.profile = registered(deployed_chain, profile or ready_profiles()["refrigerated"])
        now = deployed_chain.client().now()
        # On the grid of ten minutes, so that readings have round times.
        self.start = (start if start is not None else now - 2 * DAY) // 600 * 600
        regulator, lots = deployed_chain.client(deployed_chain.regulator), deployed_chain.client(self.maker).lots
        prefix = f"{secrets.randbelow(10**11):011}"
        digits = "1" + prefix
        self.gtin = digits + "0" + str((10 - sum(int(d) * w for d, w in zip(digits + "0", (3, 1) * 7))) % 10)
        regulator.lots.assign_prefix(prefix, self.maker_name)
        self.lot = lots.register_lot(
            NewLot(
                gtin=self.gtin,
                number=secrets.token_hex(8),
                made_at=self.start - DAY,
                expires_at=now + 300 * DAY,
                units=100,
                profile=self.profile,
            )
        )
        self.shipment = self.chain.open_shipment(self.lot, units=40, hours_allowed=hours)
        self.chain.pair(self.shipment, self.device.address, start=self.start)

    def new_device(self):
        device, owner = self.deployed_chain.person(0), self.deployed_chain.client(self.logger)
        owner.institutions.set_operator(device.address, ["LOGGER"], owner.now() + 365 * DAY)
        owner.devices.register(device.address, accuracy=50)
        self.deployed_chain.client(self.laboratory).devices.calibrate(
            device.address, owner.now() + 300 * DAY, bytes(32)
        )
        return device

    def readings(self, *centi, after=0):
        return [Reading(self.start + (after + n) * 600, value) for n, value in enumerate(centi)]

    def as_(self, signer):
        return self.deployed_chain.client(signer).coldchain

    def log(self, readings, **options):
        signed = self.chain.sign_batches(exported(readings), self.shipment, self.device, **options)
        return self.as_(self.carrier).log(signed)

    def hand(self, giver, receiver, **seen):
        offer = self.as_(giver).sign_offer(self.as_(giver).handover(self.shipment, receiver.address))
        return self.as_(receiver).hand(offer, **seen)


def registered(deployed_chain, profile):
    try:
        deployed_chain.client(deployed_chain.regulator).lots.register_profile(profile)
    except errors.ProfileExists:
        pass
    return profile.id


@pytest.fixture
def journey(deployed_chain):
    return Journey(deployed_chain)


@pytest.fixture
def fresh(deployed_chain):
    """A journey of the last hour, intact as long as its readings are."""
    return Journey(deployed_chain, start=deployed_chain.client().now() - 3600)


# ------------------------------------------------------------------------------------------------- standards and data


@pytest.mark.parametrize("text", ["09506000134352", "9506000134352", "12345670", "614141000036"])
def test_gtin(text):
    assert gtin_number(text) == int(text)


@pytest.mark.parametrize(
    "text, fix",
    [
        ("09506000134353", "09506000134353 has a wrong check digit, it should be 2; look at the pack again"),
        ("123", "is '123'; give 8, 12, 13 or 14 digits"),
        ("0950600013435A", "is '0950600013435A'; give 8, 12, 13 or 14 digits"),
        ("٠٩٥٠٦٠٠٠١٣٤٣٥٢", None),
        ("0" * 14, None),
    ],
)
def test_refused_gtin(text, fix):
    with pytest.raises(BadInput) as refused:
        gtin_number(text)
    assert refused.value.field == "gtin" and (fix is None or refused.value.fix == fix)


def test_lot_number():
    assert lot_number("AB-12/x") == b"AB-12/x" + bytes(25)
    for text in ("", "x" * 21, "a b", "é", "a\n"):
        with pytest.raises(BadInput, match="lot number"):
            lot_number(text)


# --------------------------------------------------------------------------------------------------------- the opening


def test_shipment(journey):
    lot = journey.deployed_chain.client().lots.lot(journey.lot)
    assert (lot.gtin, lot.units, lot.units_left) == (journey.gtin, 100, 60)
    shipment = journey.chain.shipment(journey.shipment)
    assert (shipment.holder, shipment.units, shipment.due) == (journey.maker.address, 40, None)
    assert shipment.disposition is Disposition.ACTIVE
    assert abs(shipment.since - journey.deployed_chain.client().now()) < 3600
    (pairing,) = journey.chain.pairings(journey.shipment)
    assert (pairing.logger, pairing.start, pairing.model) == (journey.device.address, journey.start, 0)
    assert journey.chain.shipments(journey.lot) == [journey.shipment]


def test_unknown_ids(deployed_chain):
    chain = deployed_chain.client().coldchain
    with pytest.raises(BadInput) as refused:
        chain.shipment(b"\1" * 32)
    assert refused.value.field == "shipment" and "is unknown on this chain" in refused.value.fix
    assert chain.verdict(b"\1" * 32) is Verdict.NONE


def test_more_units_than_the_lot_has(journey):
    with pytest.raises(errors.UnitsExceeded):
        journey.chain.open_shipment(journey.lot, units=61)


def test_never_monitored_is_not_intact_for_long(journey):
    silent = journey.chain.open_shipment(journey.lot, units=1)
    with pytest.raises(BadInput, match="was never paired with this shipment"):
        journey.chain.sign_batches(exported(journey.readings(400)), silent, journey.device)
    assert journey.chain.pairing(silent, journey.device.address) is None


# ------------------------------------------------------------------------------------------------------------- custody


def test_handed_on_in_one_transaction_by_either_party_and_by_a_relayer(fresh, tmp_path):
    fresh.log(fresh.readings(450, 460, None, 480, 470, 465))
    fresh.hand(fresh.maker, fresh.carrier, vvm=1)
    assert fresh.chain.shipment(fresh.shipment).holder == fresh.carrier.address

    # The receiver signs first, the giver sends.
    carrier = fresh.as_(fresh.carrier)
    draft = carrier.handover(fresh.shipment, fresh.clinic_name, hours_allowed=2, seal="SEAL-17")
    accepted = fresh.as_(fresh.clinic).sign_acceptance(draft, vvm=2, shake=Shake.PASSED)
    receipt = carrier.hand(accepted)
    (event,) = receipt.events("ShipmentHanded")
    held = fresh.chain.shipment(fresh.shipment)
    assert handed(event.args["terms"]) == ((held.since - EPOCH) // 60, held.due, 2, Shake.PASSED)
    assert event.args["seal"] == draft.seal and held.due is not None

    # Both sign, and whoever has both may send; through a file.
    clinic = fresh.as_(fresh.clinic)
    offered = clinic.sign_offer(clinic.handover(fresh.shipment, fresh.carrier_name, seal="SEAL-18"))
    write_handover(tmp_path / "offer.json", offered, clinic.domain)
    assert (tmp_path / "offer.json").stat().st_mode & 0o777 == 0o600
    both = carrier.sign_acceptance(read_handover(tmp_path / "offer.json", clinic.domain))
    fresh.as_(fresh.deployed_chain.person()).hand(both)
    assert fresh.chain.shipment(fresh.shipment).holder == fresh.carrier.address
    assert [to for _, to in fresh.chain.handovers(fresh.shipment)] == [
        fresh.carrier.address,
        fresh.clinic.address,
        fresh.carrier.address,
    ]
    # Each signature counted once.
    with pytest.raises(errors.Refused):
        fresh.as_(fresh.deployed_chain.person()).hand(both)


def test_offer_to_another_account_is_not_signed(fresh):
    offer = fresh.chain.handover(fresh.shipment, fresh.carrier_name)
    with pytest.raises(BadInput, match="ask for an offer to that account"):
        fresh.as_(fresh.clinic).sign_acceptance(offer)


@pytest.mark.parametrize(
    "field, value, fix",
    [
        ("kind", "salus.order", "is not salus.handover"),
        ("chainId", 1, "is another one"),
        ("shipment", "0x12", "is not 0x and 64 hex digits"),
        ("from", "0x12", "an address is 0x and 40 hex digits"),
        ("since", -1, "is no such number"),
        ("deadline", "tomorrow", "is no such number"),
        ("hoursAllowed", 9000, "give 0 to 8,760 hours"),
        ("shake", "shaken", "is unknown"),
        ("vvm", 5, "the stages of a vial monitor are 1 to 4"),
        ("offer", "0x1234", "is not 0x and 130 hex digits"),
        ("sealNumber", "SEAL-99", "does not fit the commitment"),
        ("sealSalt", "zz", "is not hex"),
    ],
)
def test_changed_handover_files_are_refused(field, value, fix, fresh, tmp_path):
    import json

    path = tmp_path / "offer.json"
    offer = fresh.chain.sign_offer(fresh.chain.handover(fresh.shipment, fresh.carrier_name, seal="SEAL-17"))
    write_handover(path, offer, fresh.chain.domain)
    assert read_handover(path, fresh.chain.domain) == offer
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(BadInput, match=fix):
        read_handover(path, fresh.chain.domain)


def test_receiver_rejects_a_spoilt_monitor(fresh):
    fresh.log(fresh.readings(450, 460, 470, 480, 470, 465))
    offer = fresh.chain.sign_offer(fresh.chain.handover(fresh.shipment, fresh.carrier_name))
    fresh.as_(fresh.carrier).reject(offer, 7, vvm=3)
    report = fresh.chain.report(fresh.shipment)
    assert (report.verdict, report.breached) == (Verdict.EXCURSION, (BY_HAND,))
    assert fresh.chain.shipment(fresh.shipment).holder == fresh.maker.address


def test_split_merge_dispense(fresh):
    fresh.log(fresh.readings(450, 460, 470, 480, 470, 465))
    part = fresh.chain.split(fresh.shipment, 15)
    assert [fresh.chain.shipment(s).units for s in (fresh.shipment, part)] == [25, 15]
    assert fresh.chain.shipments(fresh.lot) == [fresh.shipment, part]
    assert fresh.chain.report(part).judgement.highest == 480
    device = fresh.new_device()
    fresh.chain.pair(part, device.address)
    assert fresh.chain.readings(part) == []
    assert fresh.chain.recompute(part) == fresh.chain.report(part).judgement
    fresh.chain.dispense(part, 5)
    fresh.chain.merge(part, fresh.shipment)
    assert [fresh.chain.shipment(s).units for s in (fresh.shipment, part)] == [35, 0]
    assert fresh.chain.verdict(part) is Verdict.CLOSED
    assert fresh.chain.recompute(fresh.shipment) == fresh.chain.report(fresh.shipment).judgement


def test_recall_reaches_every_shipment(fresh):
    fresh.log(fresh.readings(450, 460, 470, 480, 470, 465))
    other = fresh.chain.open_shipment(fresh.lot, units=1)
    fresh.chain.recall(fresh.lot, 9)
    assert {fresh.chain.verdict(s) for s in (fresh.shipment, other)} == {Verdict.RECALLED}
    assert fresh.chain.recall_of(fresh.lot) == fresh.chain.report(fresh.shipment).recall == 9
    with pytest.raises(errors.NotIntact):
        fresh.hand(fresh.maker, fresh.carrier)


# ------------------------------------------------------------------------------------------------------------ readings


def test_excursion_quarantines_and_the_next_handover_is_refused(journey):
    (receipt,) = journey.log(journey.readings(450, 500, 900, 950, 1000, 500))
    (event,) = receipt.events("ShipmentQuarantined")
    report = journey.chain.report(journey.shipment)
    assert report.verdict is Verdict.EXCURSION
    assert report.breached_at == event.args["breachedAt"] == journey.start + 4 * 600
    assert (report.breached, report.judgement.above, report.judgement.highest) == ((0,), 1800, 1000)
    with pytest.raises(errors.NotIntact):
        journey.hand(journey.maker, journey.carrier)


@pytest.mark.parametrize("values", [(None, None), (-1500, 450, None), (450, 900, 1000)])
def test_the_event_of_a_batch_says_in_one_word_what_the_report_says(fresh, values):
    (receipt,) = fresh.log(fresh.readings(*values))
    (event,) = receipt.events("ReadingsLogged")
    told, report = judgement_of_word(event.args["judgement"]), fresh.chain.report(fresh.shipment)
    silence = report.judgement.unknown - told.unknown
    assert silence in (0, report.silence)  # the report goes on to count
    assert told == dataclasses.replace(report.judgement, unknown=told.unknown)
    known = [value for value in values if value is not None]
    assert (told.lowest, told.highest) == (min(known, default=None), max(known, default=None))


def test_laboratory_releases_and_destroys(fresh):
    fresh.log(fresh.readings(*[1000] * 6))
    laboratory = fresh.as_(fresh.laboratory)
    laboratory.release(fresh.shipment, 3)
    assert fresh.chain.verdict(fresh.shipment) is Verdict.INTACT
    assert fresh.chain.report(fresh.shipment).judgement.above == 3600
    assert fresh.chain.recompute(fresh.shipment) == fresh.chain.report(fresh.shipment).judgement
    laboratory.destroy(fresh.shipment, 4)
    assert fresh.chain.verdict(fresh.shipment) is Verdict.DESTROYED
    with pytest.raises(errors.NotLicensed):
        fresh.chain.destroy(fresh.shipment, 4)


def test_what_goes_back_to_a_laboratory_keeps_its_verdict(journey):
    journey.log(journey.readings(*[1000] * 6))
    journey.hand(journey.maker, journey.laboratory, vvm=4)
    shipment = journey.chain.shipment(journey.shipment)
    assert (shipment.holder, shipment.verdict) == (journey.laboratory.address, Verdict.EXCURSION)


def test_batches_follow_each_other_and_progress_is_told(journey):
    readings = journey.readings(*(400 + n % 7 * 10 for n in range(100)))
    seen = []
    signed = journey.chain.sign_batches(exported(readings), journey.shipment, journey.device, most=40)
    journey.chain.log(signed, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(40, 100), (80, 100), (100, 100)]
    assert journey.chain.readings(journey.shipment) == readings
    assert journey.chain.shipment(journey.shipment).chain == "0x" + signed[-1].chain.hex()


def test_export_that_has_grown_is_logged_from_where_it_was(journey):
    journey.log(journey.readings(400, 410, 420))
    journey.log([Reading(journey.start - 600, 2500), *journey.readings(400, 410, 420, 430, 440)])
    assert [reading.centi for reading in journey.chain.readings(journey.shipment)] == [400, 410, 420, 430, 440]
    with pytest.raises(BadInput) as refused:
        journey.log(journey.readings(400, 410, 420, 430, 440))
    assert refused.value.field == "readings" and refused.value.fix.startswith("has none from ")


def test_gap_is_unknown_time(journey):
    journey.log(journey.readings(400, 410) + journey.readings(400, 410, after=10))
    assert journey.chain.report(journey.shipment).judgement.readings == 4
    assert [(r.time - journey.start) // 600 for r in journey.chain.readings(journey.shipment)] == [0, 1, 10, 11]


def test_history_without_readings(journey):
    export = dataclasses.replace(exported(()), device="Q-tag Fridge-tag 2")
    with pytest.raises(BadInput, match="Data: is missing: this Q-tag Fridge-tag 2 keeps a daily history only"):
        journey.chain.sign_batches(export, journey.shipment, journey.device)


def test_changed_readings_are_refused(journey):
    (signed,) = journey.chain.sign_batches(exported(journey.readings(1000, 1000)), journey.shipment, journey.device)
    (cooler,) = pack(journey.readings(400, 400))
    with pytest.raises(errors.NotPaired):
        journey.chain.log([dataclasses.replace(signed, batch=cooler)])


def test_readings_from_the_future(journey):
    now = journey.deployed_chain.client().now() // 600 * 600
    with pytest.raises(errors.FromTheFuture):
        journey.log([Reading(now + 3600 + n * 600, 400) for n in range(2)])


def test_lost_logger_is_replaced_and_its_time_between_is_unknown(journey):
    journey.log(journey.readings(400, 410))
    until = journey.start + 1200
    journey.chain.unpair(journey.shipment, journey.device.address, end=until)
    second = journey.new_device()
    journey.chain.pair(journey.shipment, second.address, start=until + 1800)
    with pytest.raises(BadInput, match="has none from"):
        journey.log(journey.readings(400, after=5))
    late = exported(journey.readings(420, 430, after=5))
    journey.as_(journey.carrier).log(journey.chain.sign_batches(late, journey.shipment, second))
    assert [p.logger for p in journey.chain.pairings(journey.shipment)] == [journey.device.address, second.address]
    assert [r.centi for r in journey.chain.readings(journey.shipment)] == [400, 410, 420, 430]


def test_TT1_two_batches_of_one_number_are_reported(journey):
    """A cloned key is noticed: whoever has both batches shows them."""
    good, bad = (
        journey.chain.sign_batches(exported(journey.readings(*centi)), journey.shipment, journey.device)[0]
        for centi in ((400, 400), (900, 900))
    )
    journey.chain.log([good])
    journey.as_(journey.deployed_chain.person()).report_fork(good, bytes(16), bad, bytes(16))
    assert journey.chain.report(journey.shipment).breached == (FORKED,)
    assert journey.chain.recompute(journey.shipment).breached == (FORKED,)


def test_node_that_shows_other_readings(journey, monkeypatch):
    journey.log(journey.readings(400, 410))
    real = shipments._logged_data
    monkeypatch.setattr(shipments, "_logged_data", lambda calldata: real(calldata)[::-1])
    with pytest.raises(errors.BadAnswer, match="shows other readings"):
        journey.chain.readings(journey.shipment)


def test_readings_that_were_not_logged_by_a_plain_call(journey, monkeypatch):
    journey.log(journey.readings(400, 410))
    log = decoding.selector(decoding.function_of("ColdChain", "log"))
    assert [shipments._logged_data(data) for data in (b"", b"\1\2\3\4", log, log + bytes(31))] == [None] * 4
    monkeypatch.setattr(shipments, "_logged_data", lambda calldata: None)
    with pytest.raises(errors.BadAnswer, match="did not log its readings by a plain call"):
        journey.chain.readings(journey.shipment)


def test_written_export_of_a_simulated_device(journey, tmp_path):
    path = tmp_path / "export.txt"
    path.write_bytes(write_qtag(journey.readings(*(400, 410, None, 420) * 6), "SIM1"))
    journey.chain.log(journey.chain.sign_batches(read(path), journey.shipment, journey.device))
    assert journey.chain.report(journey.shipment).judgement.readings == 24


STRICT = Profile(
    low=200,
    high=800,
    silence=3600,
    unknown=7200,
    rules=(Rule(Bound.BELOW, Span.SINGLE, -50, 60), Rule(Bound.ABOVE, Span.CUMULATIVE, 1501, 60)),
    budget=10 * 3600,
    mkt_limit=800,
    mkt_hours=24,
)


@pytest.mark.parametrize(
    "centi, breached",
    [
        ([500] * 138 + [2500] * 6, (1,)),  # 23 h at 5 °C and 1 h at 25 °C: a mean of 7.756 °C, and 60 min at 15 °C
        ([500] * 138 + [2500] * 5, ()),
        ([500] * 132 + [1500] * 12, ()),  # 22 h at 5 °C and 2 h at 15 °C: 6.462 °C
        ([1400] * 36 + [500] * 108, (MKT,)),  # 6 h at 14 °C and 18 h at 5 °C: 8.285 °C
        ([1400] * 70, (MKT, BUDGET)),
    ],
)
def test_mean_kinetic_temperature_and_budget_as_the_contract_and_the_recomputation_have_them(
    centi, breached, deployed_chain
):
    journey = Journey(deployed_chain, profile=STRICT)
    journey.log(journey.readings(*centi), most=50)
    assert journey.chain.report(journey.shipment).breached == breached
    assert journey.chain.recompute(journey.shipment) == journey.chain.report(journey.shipment).judgement


@pytest.mark.parametrize(
    "name, count, lowest, highest, breached",
    [
        ("q-tag-clm_RCPJ00010_02.txt", 124, 90, 2430, (0, 1, 2, 3)),
        ("fridge-tag-ul_100800001215.txt", 841, -1700, -960, (2, 3, 4)),
    ],
)
def test_real_export_is_judged(name, count, lowest, highest, breached, deployed_chain):
    """The contract finds what the devices found: these two fridges were no place for vaccines at 2 to 8 °C."""
    export = read(shared("temperature-loggers", name))
    # Long ago, and longer than any calibration: moved in time so that it ends now.
    moved = deployed_chain.client().now() // 600 * 600 - export.readings[-1].time - export.interval_s
    shifted = dataclasses.replace(
        export, readings=tuple(dataclasses.replace(r, time=r.time + moved) for r in export.readings)
    )
    journey = Journey(deployed_chain, start=shifted.readings[0].time)
    journey.chain.log(journey.chain.sign_batches(shifted, journey.shipment, journey.device))
    judgement = journey.chain.report(journey.shipment).judgement
    assert (judgement.readings, judgement.lowest, judgement.highest, judgement.breached) == (
        count,
        lowest,
        highest,
        breached,
    )
    expected = sum(r.centi is not None and r.centi > 800 for r in export.readings) * export.interval_s
    assert judgement.above == expected
    assert journey.chain.recompute(journey.shipment) == judgement


def test_example_export(deployed_chain):
    export = read(EXAMPLES / "qtag-excursion.txt")
    journey = Journey(deployed_chain, start=export.readings[0].time)
    journey.chain.log(journey.chain.sign_batches(export, journey.shipment, journey.device))
    assert journey.chain.report(journey.shipment).judgement.breached == (0, 1)
    assert journey.chain.verdict(journey.shipment) is Verdict.EXCURSION


def test_files_that_the_maker_signed_can_be_demanded(deployed_chain):
    """TT2: readings that no carrier could have edited: the model's key proves the file on chain."""
    from salus.coldchain.loggers import file_proof

    path = shared("temperature-loggers", "q-tag-clm_RCPJ00010_02.txt")
    proof = file_proof(path)
    regulator = deployed_chain.client(deployed_chain.regulator)
    model = regulator.devices.accredit_model("Q-tag CLm", proof.x, proof.y)
    export = read(path)
    journey = Journey(deployed_chain, start=export.readings[0].time - 600)
    journey.chain.unpair(journey.shipment, journey.device.address, end=export.readings[0].time - 600)
    device = journey.new_device()
    journey.chain.pair(journey.shipment, device.address, start=export.readings[0].time, model=model)
    signed = journey.chain.sign_batches(export, journey.shipment, device, file=proof.digest)
    with pytest.raises(errors.FileNotProven):
        journey.chain.log(signed)
    deployed_chain.client(journey.carrier).devices.prove_file(proof, model=model)
    journey.chain.log(signed)
    assert journey.chain.report(journey.shipment).judgement.readings == len(export.readings)
