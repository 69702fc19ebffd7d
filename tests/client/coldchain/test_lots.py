"""The noun lots, against a chain with all contracts."""

import json
from importlib.resources import files

import pytest

from salus import errors
from salus.coldchain.lots import Lot, NewLot, lot_id
from salus.coldchain.temperature import Profile, StorageClass, ready_profiles
from salus.errors import BadInput
from tests.support.vaccine_scenario import GTIN, PATIENT, PREFIX, VaccineMaker

READY = ready_profiles()


@pytest.fixture
def vaccine_maker(deployed_chain):
    return VaccineMaker(deployed_chain)


# ------------------------------------------------------------------------------------------------------------ profiles


@pytest.mark.parametrize("name", READY)
def test_every_ready_profile_is_sound_and_comes_back_word_for_word(deployed_chain, name):
    regulator = deployed_chain.client(deployed_chain.regulator)
    try:
        assert regulator.lots.register_profile(READY[name]) == READY[name].id
    except errors.ProfileExists:
        pass
    assert regulator.lots.profile(READY[name].id) == READY[name]
    assert regulator.lots.profiles()[READY[name].id] == READY[name]


def test_every_ready_profile_names_its_sources_and_its_class():
    content = json.loads(files("salus.coldchain").joinpath("profiles.json").read_text(encoding="utf-8"))
    for name, entry in content.items():
        assert entry["title"] and len(entry["sources"]) >= 2, name
    assert {name: READY[name].storage_class for name in ("controlled-cold", "room", "freezer", "ultra-cold")} == {
        "controlled-cold": StorageClass.REFRIGERATOR,
        "room": StorageClass.ROOM,
        "freezer": StorageClass.FREEZER,
        "ultra-cold": StorageClass.ULTRA_COLD,
    }
    assert (READY["room"].mkt_limit, READY["room"].mkt_hours) == (2500, 720)
    assert (READY["controlled-cold"].mkt_limit, READY["controlled-cold"].mkt_hours) == (800, 24)


def test_an_unknown_profile_is_named(salus):
    with pytest.raises(BadInput, match="profile: 0xabab.* is unknown on this chain; `salus profile list`"):
        salus.lots.profile(b"\xab" * 32)


def test_only_the_rule_maker_registers_a_profile(vaccine_maker):
    with pytest.raises(errors.AccessManagedUnauthorized):
        vaccine_maker.salus.lots.register_profile(Profile(1, 2, 3, 4, PATIENT.rules))


# ------------------------------------------------------------------------------------------------------------ prefixes


def test_TT7_a_prefix_is_assigned_found_and_taken_back(vaccine_maker):
    lots = vaccine_maker.regulator.lots
    assert lots.prefix_holder(PREFIX) == vaccine_maker.signer.address
    lots.assign_prefix("0614141", vaccine_maker.handle)
    assert {p.digits: p.manufacturer for p in lots.prefixes()}["0614141"] == vaccine_maker.signer.address
    lots.assign_prefix("0614141", None)
    assert lots.prefix_holder("0614141") is None
    assert {p.digits: p.manufacturer for p in lots.prefixes()}["0614141"] is None


@pytest.mark.parametrize("digits", ["", "950", "9506000134352", "95 06", "٩٥٠٦", "0x95"])
def test_what_is_no_prefix_is_refused_before_it_is_sent(vaccine_maker, digits):
    with pytest.raises(BadInput, match="prefix: is .*; give the 4 to 12 digits"):
        vaccine_maker.regulator.lots.assign_prefix(digits, vaccine_maker.handle)


@pytest.mark.parametrize(
    ("gtin", "digits"), [("10614141007346", "0614141"), ("614141007349", "0614141"), ("96385074", "000000963850")]
)
def test_TT7_the_prefix_of_a_gtin_is_found(vaccine_maker, gtin, digits):
    """Leading zeros count, and the indicator digit does not."""
    vaccine_maker.regulator.lots.assign_prefix(digits, vaccine_maker.handle)
    found = vaccine_maker.salus.lots.prefix_of(gtin, vaccine_maker.signer.address)
    vaccine_maker.regulator.lots.assign_prefix(digits, None)
    assert found == (digits if len(gtin) != 8 else None)


# ---------------------------------------------------------------------------------------------------------------- lots


def test_a_lot_is_registered_and_found_by_its_box(vaccine_maker):
    now = vaccine_maker.salus.now()
    made = vaccine_maker.lot(number="A42", made_at=now - 10, expires_at=now + 1000, units=7, materials=b"\x5a" * 32)
    assert made == lot_id(GTIN, "A42")
    expected = Lot(
        id="0x" + made.hex(),
        manufacturer=vaccine_maker.signer.address,
        gtin=GTIN,
        number="A42",
        made_at=now - 10,
        expires_at=now + 1000,
        units=7,
        units_left=7,
        profile="0x" + PATIENT.id.hex(),
        materials="0x" + "5a" * 32,
        recall=0,
    )
    lots = vaccine_maker.deployed_chain.client().lots
    assert lots.lot(made) == lots.find(GTIN, "A42") == lots.find("9506000134352", "A42") == expected
    assert lots.all(vaccine_maker.handle) == (expected,)
    assert expected in lots.all()


def test_TT7_a_gtin_of_another_company_is_refused_in_words(vaccine_maker):
    with pytest.raises(errors.ForeignGtin) as refused:
        vaccine_maker.lot(gtin="4006381333931")
    assert str(refused.value) == (
        f"no GS1 company prefix of {vaccine_maker.signer.address} begins the GTIN 04006381333931;"
        " the regulator assigns prefixes"
    )


def test_TT6_a_lot_is_registered_once(vaccine_maker):
    lot = vaccine_maker.lot(number="TWICE")
    with pytest.raises(errors.LotExists, match=f"the lot 0x{lot.hex()} is registered already"):
        vaccine_maker.lot(number="TWICE")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"gtin": "09506000134353"}, "wrong check digit"), ({"number": "A B"}, "lot number: is 'A B'")],
)
def test_what_no_box_bears_is_refused_before_it_is_sent(vaccine_maker, changes, said):
    with pytest.raises(BadInput, match=said):
        vaccine_maker.lot(**changes)


def test_a_lot_that_nobody_registered_is_named(salus):
    with pytest.raises(BadInput, match="lot: 0xabab.* is unknown on this chain"):
        salus.lots.lot(b"\xab" * 32)
    with pytest.raises(BadInput, match="lot: NOPE of GTIN 09506000134352 was never registered"):
        salus.lots.find(GTIN, "NOPE")


def test_who_acts_for_nobody_registers_nothing(deployed_chain, vaccine_maker):
    stranger = deployed_chain.client(deployed_chain.person())
    with pytest.raises(BadInput, match="acts for no institution"):
        stranger.lots.register_lot(
            NewLot(gtin=GTIN, number="X", made_at=1, expires_at=2**31, units=1, profile=vaccine_maker.profile())
        )


def test_a_recall_is_seen(vaccine_maker):
    lot = vaccine_maker.lot()
    vaccine_maker.recall(lot, 12)
    assert vaccine_maker.salus.lots.lot(lot).recall == 12
