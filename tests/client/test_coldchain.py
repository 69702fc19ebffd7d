"""The noun coldchain, against a chain with all contracts."""

import dataclasses
import secrets

import pytest

from salus import errors
from salus.coldchain import Bound, Disposition, Rule, Span, Verdict, gtin_number, lot_number, ready_profiles
from salus.errors import BadInput
from salus.loggers import LoggerExport, Reading, pack, read, write_qtag
from tests.client.shared_data import EXAMPLES, shared

GTIN = "09506000134352"
DAY = 86_400


def exported(readings, step=600):
    return LoggerExport("export.txt", "Q-tag", "SIM", step, tuple(readings), (), None, "absent")


class Journey:
    """A lot of a manufacturer, a shipment of it with a logger, a carrier and a clinic."""

    def __init__(self, world, *, monitored_from=None):
        self.world = world
        self.maker, _ = world.institution("MANUFACTURER")
        self.logger, self.logger_name = world.institution("LOGGER")
        self.carrier, self.carrier_name = world.institution("CARRIER")
        self.clinic, self.clinic_name = world.institution("PHARMACY")
        self.laboratory, _ = world.institution("LABORATORY")
        self.device = world.person(0)
        logger = world.client(self.logger)
        logger.institutions.set_operator(self.device.address, ["LOGGER"], logger.now() + 365 * DAY)
        self.chain = world.client(self.maker).coldchain
        self.profile = registered(world)
        now = world.client().now()
        # On the grid of ten minutes, so that readings have round times.
        self.start = (monitored_from if monitored_from is not None else now - 2 * DAY) // 600 * 600
        self.lot = self.chain.register_lot(
            gtin=GTIN,
            number=secrets.token_hex(8),
            made_at=self.start - DAY,
            expires_at=now + 300 * DAY,
            units=100,
            profile=self.profile,
        )
        self.shipment = self.chain.open_shipment(self.lot, units=40, logger=self.logger_name, monitored_from=self.start)

    def readings(self, *centi, after=0):
        return [Reading(self.start + (after + n) * 600, value) for n, value in enumerate(centi)]

    def as_(self, signer):
        return self.world.client(signer).coldchain

    def log(self, readings, **options):
        signed = self.chain.sign_batches(exported(readings), self.shipment, self.device, **options)
        return self.as_(self.carrier).log(signed)


def registered(world):
    """The refrigerated profile, registered once for all tests."""
    profile = ready_profiles()["refrigerated"]
    try:
        world.client(world.regulator).coldchain.register_profile(profile)
    except errors.ProfileExists:
        pass
    return profile.id


@pytest.fixture
def journey(world):
    return Journey(world)


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


def test_ready_profiles_have_the_limits_of_their_sources():
    profiles = ready_profiles()
    assert profiles["refrigerated"].rules == (
        Rule(Bound.ABOVE, Span.SINGLE, 800, 30),
        Rule(Bound.ABOVE, Span.CUMULATIVE, 800, 60),
        Rule(Bound.BELOW, Span.SINGLE, 200, 20),
        Rule(Bound.BELOW, Span.CUMULATIVE, 200, 40),
        Rule(Bound.BELOW, Span.SINGLE, -50, 60),
    )
    assert (profiles["refrigerated"].low, profiles["refrigerated"].high) == (200, 800)
    assert set(profiles) == {"refrigerated", "freeze-sensitive-shipment", "heat-sensitive-shipment"}


@pytest.mark.parametrize("name", sorted(ready_profiles()))
def test_profile_has_the_same_id_here_and_on_chain(name, world):
    profile = ready_profiles()[name]
    chain = world.client(world.regulator).coldchain
    if profile.id not in chain.profiles():
        chain.register_profile(profile)
    assert chain.profile(profile.id) == profile == chain.profiles()[profile.id]


# ------------------------------------------------------------------------------------------------- lots and shipments


def test_lot_and_shipment(journey):
    lot = journey.chain.lot(journey.lot)
    assert (lot.gtin, lot.units, lot.units_left, lot.manufacturer) == (GTIN, 100, 60, journey.maker.address)
    assert lot.profile == "0x" + journey.profile.hex()
    shipment = journey.chain.shipment(journey.shipment)
    assert (shipment.holder, shipment.offered_to, shipment.units) == (journey.maker.address, None, 40)
    assert (shipment.monitored_from, shipment.breached_at) == (journey.start, None)
    assert (shipment.logger, shipment.disposition) == (journey.logger.address, Disposition.ACTIVE)


def test_unknown_ids(world):
    chain = world.client().coldchain
    for ask, field in ((chain.lot, "lot"), (chain.shipment, "shipment"), (chain.profile, "profile")):
        with pytest.raises(BadInput) as refused:
            ask(b"\1" * 32)
        assert refused.value.field == field and "is unknown on this chain" in refused.value.fix
    assert chain.verdict(b"\1" * 32) is Verdict.NONE


def test_signer_of_no_institution(world):
    stranger = world.client(world.person()).coldchain
    with pytest.raises(BadInput, match="acts for no institution"):
        stranger.register_lot(gtin=GTIN, number="1", made_at=1, expires_at=2, units=1, profile=bytes(32))


def test_more_units_than_the_lot_has(journey):
    with pytest.raises(errors.UnitsExceeded):
        journey.chain.open_shipment(journey.lot, units=61, logger=journey.logger_name, monitored_from=journey.start)


# ----------------------------------------------------------------------------------------------------------- readings


def test_intact_journey_is_handed_over_in_two_steps(world):
    journey = Journey(world, monitored_from=world.client().now() - 3600)
    journey.log(journey.readings(450, 460, None, 480, 470, 465))
    judgement = journey.chain.judgement(journey.shipment)
    assert (judgement.batches, judgement.readings, judgement.lowest, judgement.highest) == (1, 6, 450, 480)
    assert (judgement.unknown, judgement.breached, judgement.until) == (600, (), journey.start + 3600)
    journey.chain.offer(journey.shipment, journey.carrier_name)
    assert journey.chain.shipment(journey.shipment).offered_to == journey.carrier.address
    journey.as_(journey.carrier).accept(journey.shipment)
    assert journey.chain.shipment(journey.shipment).holder == journey.carrier.address
    assert journey.chain.verdict(journey.shipment) is Verdict.INTACT


def test_withdrawn_offer(world):
    journey = Journey(world, monitored_from=world.client().now())
    journey.chain.offer(journey.shipment, journey.carrier_name)
    journey.chain.offer(journey.shipment, None)
    with pytest.raises(errors.NotOffered):
        journey.as_(journey.carrier).accept(journey.shipment)


def test_excursion_quarantines_and_the_next_handover_is_refused(journey):
    (receipt,) = journey.log(journey.readings(450, 500, 900, 950, 1000, 500))
    (event,) = receipt.events("ShipmentQuarantined")
    shipment = journey.chain.shipment(journey.shipment)
    assert (shipment.verdict, shipment.disposition) == (Verdict.EXCURSION, Disposition.QUARANTINED)
    assert shipment.breached_at == event.args["breachedAt"] == journey.start + 4 * 600
    judgement = journey.chain.judgement(journey.shipment)
    assert (judgement.breached, judgement.above, judgement.highest) == ((0,), 1800, 1000)
    with pytest.raises(errors.NotIntact):
        journey.chain.offer(journey.shipment, journey.carrier_name)


def test_laboratory_releases_and_destroys(journey):
    journey.log(journey.readings(*[1000] * 6))
    laboratory = journey.as_(journey.laboratory)
    laboratory.release(journey.shipment, 3)
    assert journey.chain.verdict(journey.shipment) is Verdict.INTACT
    assert journey.chain.judgement(journey.shipment).above == 3600
    laboratory.destroy(journey.shipment, 4)
    assert journey.chain.verdict(journey.shipment) is Verdict.DESTROYED
    with pytest.raises(errors.NotLicensed):
        journey.chain.destroy(journey.shipment, 4)


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
    assert refused.value.field == "readings" and refused.value.fix.startswith("end before ")


def test_gap_is_unknown_time(journey):
    journey.log(journey.readings(400, 410) + journey.readings(400, 410, after=10))
    assert journey.chain.judgement(journey.shipment).readings == 4
    assert [(r.time - journey.start) // 600 for r in journey.chain.readings(journey.shipment)] == [0, 1, 10, 11]


def test_history_without_readings(journey):
    export = dataclasses.replace(exported(()), device="Q-tag Fridge-tag 2")
    with pytest.raises(BadInput, match="Data: is missing: this Q-tag Fridge-tag 2 keeps a daily history only"):
        journey.chain.sign_batches(export, journey.shipment, journey.device)


def test_another_key_is_refused(journey):
    signed = journey.chain.sign_batches(exported(journey.readings(400, 400)), journey.shipment, journey.carrier)
    with pytest.raises(errors.NotTheLogger):
        journey.chain.log(signed)


def test_changed_readings_are_refused(journey):
    (signed,) = journey.chain.sign_batches(exported(journey.readings(1000, 1000)), journey.shipment, journey.device)
    (cooler,) = pack(journey.readings(400, 400))
    with pytest.raises(errors.NotTheLogger):
        journey.chain.log([dataclasses.replace(signed, batch=cooler)])


def test_readings_from_the_future(journey):
    now = journey.world.client().now()
    with pytest.raises(errors.FromTheFuture):
        journey.log([Reading(now + 3600 + n * 600, 400) for n in range(2)])


def test_node_that_shows_other_readings(journey, monkeypatch):
    journey.log(journey.readings(400, 410))
    real = type(journey.chain)._batch_of
    monkeypatch.setattr(
        type(journey.chain), "_batch_of", lambda self, data: dataclasses.replace(real(self, data), base=100)
    )
    with pytest.raises(errors.BadAnswer, match="shows other readings"):
        journey.chain.readings(journey.shipment)


def test_readings_that_were_not_logged_by_a_plain_call(journey, monkeypatch):
    journey.log(journey.readings(400, 410))
    whole = journey.chain._batch_of
    assert whole(b"") is None and whole(b"\1\2\3\4") is None
    monkeypatch.setattr(type(journey.chain), "_batch_of", lambda self, data: None)
    with pytest.raises(errors.BadAnswer, match="did not log its readings by a plain call"):
        journey.chain.readings(journey.shipment)


def test_written_export_of_a_simulated_device(journey, tmp_path):
    path = tmp_path / "export.txt"
    path.write_bytes(write_qtag(journey.readings(*(400, 410, None, 420) * 6), "SIM1"))
    journey.chain.log(journey.chain.sign_batches(read(path), journey.shipment, journey.device))
    assert journey.chain.judgement(journey.shipment).readings == 24


@pytest.mark.parametrize(
    "name, count, lowest, highest, breached",
    [
        ("q-tag-clm_RCPJ00010_02.txt", 124, 90, 2430, (0, 1, 2, 3)),
        ("fridge-tag-ul_100800001215.txt", 841, -1700, -960, (2, 3, 4)),
    ],
)
def test_real_export_is_judged(name, count, lowest, highest, breached, world):
    """The contract finds what the devices found: these two fridges were no place for vaccines at 2 to 8 °C."""
    export = read(shared("temperature-loggers", name))
    journey = Journey(world, monitored_from=export.readings[0].time)
    shifted = dataclasses.replace(
        export,
        readings=tuple(
            dataclasses.replace(r, time=r.time - export.readings[0].time + journey.start) for r in export.readings
        ),
    )
    journey.chain.log(journey.chain.sign_batches(shifted, journey.shipment, journey.device))
    judgement = journey.chain.judgement(journey.shipment)
    assert (judgement.readings, judgement.lowest, judgement.highest, judgement.breached) == (
        count,
        lowest,
        highest,
        breached,
    )
    expected = sum(r.centi is not None and r.centi > 800 for r in export.readings) * export.interval_s
    assert judgement.above == expected


def test_example_export(world):
    export = read(EXAMPLES / "qtag-excursion.txt")
    journey = Journey(world, monitored_from=export.readings[0].time)
    journey.chain.log(journey.chain.sign_batches(export, journey.shipment, journey.device))
    assert journey.chain.judgement(journey.shipment).breached == (0, 1)
    assert journey.chain.verdict(journey.shipment) is Verdict.EXCURSION
