"""The reference of custody itself: what may be done with a shipment, by whom, told in short stories.

Given a manufacturer, a carrier, a clinic, a laboratory and a stranger
when one of them does what it may, or what it may not
the books say so.
"""

import pytest

from tests.reference.custody import (
    CARRIER,
    LABORATORY,
    LOGGER,
    MANUFACTURER,
    PROVIDER,
    Custody,
    Device,
    Disposition,
    Handover,
    Lot,
    Refused,
    Signed,
)
from tests.reference.judge import BUDGET, BY_HAND, Bound, Profile, Rule, Span, Verdict
from tests.support.random_series import DAY, series

HOUR = 3_600
NOW = 500_000 * HOUR  # a whole hour of 2027
HOT = Rule(Bound.ABOVE, Span.SINGLE, 801, 30)
TERMS = Profile(200, 800, silence=DAY, unknown=DAY, rules=(HOT,), budget=2 * HOUR)
STANDINGS = {
    "manufacturer": ("manufacturer", MANUFACTURER),
    "clerk": ("manufacturer", MANUFACTURER),
    "carrier": ("carrier", CARRIER),
    "driver": ("carrier", CARRIER),
    "clinic": ("clinic", PROVIDER),
    "laboratory": ("laboratory", LABORATORY),
    "owner": ("owner", LOGGER),
    "device": ("owner", LOGGER),
    "spare": ("owner", LOGGER),
}


@pytest.fixture
def standings():
    return dict(STANDINGS)


@pytest.fixture
def books(standings):
    """One shipment of ten doses, with the manufacturer, monitored since an hour ago."""
    books = Custody(lambda account: standings.get(account, (None, 0)), "regulator")
    books.lots["lot"] = Lot("manufacturer", NOW - 10 * DAY, NOW + 90 * DAY, 1_000, TERMS)
    books.devices = {name: Device("owner", NOW + 50 * DAY) for name in ("device", "spare")}
    books.open(NOW, "manufacturer", "box", "lot", 10)
    books.pair(NOW, "clerk", "box", "device", NOW - HOUR, NOW + DAY)
    return books


def refused(act, *args):
    with pytest.raises(Refused) as caught:
        act(*args)
    return [(name, args and tuple(args)) for name, args in caught.value.reasons]


def signed(books, by, terms, kind="offer"):
    at = books.shipments[terms.shipment]
    return Signed(by, at.holder, at.since, terms.offer() if kind == "offer" else terms)


def handed(books, to, by=None, now=NOW + 60, **terms):
    """Hand the box over, the giver sending."""
    terms = Handover("box", to, now, **terms)
    books.hand(now, by or books.shipments["box"].holder, terms, None, signed(books, to, terms, "acceptance"))


def heat(books, minutes=30, start=NOW - HOUR):
    readings = series(*[900] * (minutes // 10), start=start)
    at = books.shipments["box"]
    books.log(readings[-1].time + 600, "box", "device", at.batches, readings, b"digest")


# ---- opening, splitting, merging -------------------------------------------------------------------------------------


def test_units_of_a_lot_are_given_out_once(books):
    """TT6: what is in a shipment is not in the lot any more."""
    assert books.units_left("lot") == 990
    assert refused(books.open, NOW, "manufacturer", "new", "lot", 991) == [("UnitsExceeded", ("lot", 991, 990))]
    assert refused(books.open, NOW, "manufacturer", "box", "lot", 1) == [("ShipmentExists", ("box",))]
    assert refused(books.open, NOW, "manufacturer", "new", "lot", 0) == [("InvalidShipment", ("units",))]
    assert refused(books.open, NOW, "manufacturer", "new", "lot", 1, 8_761) == [("InvalidShipment", ("hoursAllowed",))]
    assert ("NotManufacturer", ("lot", "carrier")) in refused(books.open, NOW, "carrier", "new", "lot", 1)
    expired = refused(books.open, NOW + 90 * DAY, "clerk", "new", "lot", 1)
    assert expired == [("NotIntact", ("new", Verdict.EXPIRED))]


def test_what_was_never_monitored_does_not_move(books):
    """TT2."""
    books.open(NOW, "manufacturer", "new", "lot", 1)
    terms = Handover("new", "carrier", NOW)
    reasons = refused(books.hand, NOW, "manufacturer", terms, None, signed(books, "carrier", terms, "acceptance"))
    assert reasons == [("NotIntact", ("new", Verdict.UNKNOWN))]


def test_a_part_inherits_and_needs_its_own_logger(books):
    heat(books)
    books.split(NOW, "manufacturer", "box", "part", 4)
    part = books.shipments["part"]
    assert (books.shipments["box"].units, part.units) == (6, 4)
    assert part.disposition is Disposition.QUARANTINED
    assert refused(books.log, NOW, "part", "device", 1, series(500), b"") == [("NotPaired", ("part", "device"))]
    assert refused(books.split, NOW, "manufacturer", "box", "third", 6) == [("InvalidShipment", ("units",))]


def test_what_is_merged_is_closed(books):
    books.split(NOW, "manufacturer", "box", "part", 4)
    books.merge(NOW, "manufacturer", "part", "box")
    assert (books.shipments["box"].units, books.shipments["part"].units) == (10, 0)
    assert books.verdict("part", NOW) is Verdict.CLOSED
    # The silence of the last hour, which the profile would have let pass.
    assert books.shipments["box"].series.unknown == HOUR
    assert refused(books.split, NOW, "manufacturer", "part", "new", 1) == [
        ("InvalidShipment", ("units",)),
        ("NotIntact", ("part", Verdict.CLOSED)),
    ]
    assert ("InvalidShipment", ("into",)) in refused(books.merge, NOW, "manufacturer", "box", "box")


def test_a_shipment_holds_so_many(books):
    books.split(NOW, "manufacturer", "box", "part", 4)
    books.shipments["part"].units = 2**24 - 6
    assert refused(books.merge, NOW, "manufacturer", "part", "box") == [("InvalidShipment", ("units",))]
    books.shipments["part"].units -= 1
    books.merge(NOW, "manufacturer", "part", "box")


def test_what_is_not_intact_is_not_merged(books):
    books.split(NOW, "manufacturer", "box", "part", 4)
    heat(books)
    for one, other in (("box", "part"), ("part", "box")):
        reasons = refused(books.merge, NOW, "manufacturer", one, other)
        assert reasons == [("NotIntact", ("box", Verdict.EXCURSION))]


def test_what_is_merged_into_nothing_may_be_refused_for_either_reason(books):
    reasons = refused(books.merge, NOW, "carrier", "box", "none")
    assert ("NotHolder", ("box", "carrier")) in reasons and ("UnknownShipment", ("none",)) in reasons
    assert refused(books.merge, NOW, "manufacturer", "none", "box") == [("UnknownShipment", ("none",))]


# ---- custody ---------------------------------------------------------------------------------------------------------


def test_tt7_custody_needs_both(books):
    """TT7: nothing is pushed on anybody, and nobody signs for both."""
    terms = Handover("box", "carrier", NOW)
    giver = signed(books, "manufacturer", terms)
    assert refused(books.hand, NOW, "stranger", terms, giver, None) == [("InvalidSignature", None)]
    receiver = signed(books, "carrier", terms, "acceptance")
    assert ("InvalidSignature", None) in refused(books.hand, NOW, "carrier", terms, receiver, receiver)
    books.hand(NOW, "stranger", terms, giver, receiver)
    assert books.shipments["box"].holder == "carrier"
    # Nor does either signature serve again, not even within the minute.
    assert books.shipments["box"].since == (NOW - 1_735_689_600) // 60 + 1
    assert ("NotHolder", None) in refused(books.hand, NOW, "stranger", terms, giver, receiver)


def test_a_late_signature_does_not_count(books):
    terms = Handover("box", "carrier", NOW)
    receiver = signed(books, "carrier", terms, "acceptance")
    reasons = refused(books.hand, NOW + 1, "manufacturer", terms, None, receiver)
    assert reasons == [("SignatureExpired", (NOW, NOW + 1))]


def test_an_operator_receives_for_its_institution(books):
    handed(books, "driver")
    assert books.shipments["box"].holder == "carrier"
    reasons = refused(handed, books, "carrier", "driver")
    assert ("InvalidHandover", ("to",)) in reasons


def test_who_lost_its_licence_hands_over_what_it_holds(books, standings):
    handed(books, "carrier")
    del standings["carrier"], standings["driver"]
    assert refused(handed, books, "clinic", "driver")
    handed(books, "clinic")
    assert books.shipments["box"].holder == "clinic"
    standings["clinic"] = (None, 0)
    assert ("NotLicensed", None) in refused(books.dispense, NOW + 60, "clinic", "box", "clinic", 1)


def test_what_is_not_intact_goes_back_or_to_a_laboratory(books):
    handed(books, "carrier")
    heat(books)
    assert refused(handed, books, "clinic") == [("NotIntact", ("box", Verdict.EXCURSION))]
    handed(books, "laboratory")
    assert books.shipments["box"].disposition is Disposition.QUARANTINED
    handed(books, "manufacturer")


@pytest.mark.parametrize(
    ("terms", "field"),
    [({"vvm": 3}, "vvm"), ({"vvm": 5}, "vvm"), ({"shake": 2}, "shake"), ({"hours_allowed": 8_761}, "hoursAllowed")],
)
def test_what_a_monitor_says_is_spoilt_is_not_taken(books, terms, field):
    assert ("InvalidHandover", (field,)) in refused(lambda: handed(books, "carrier", **terms))


@pytest.mark.parametrize("terms", [{"vvm": 4}, {"shake": 2}])
def test_what_is_spoilt_goes_back_or_to_a_laboratory(books, terms):
    handed(books, "laboratory", **terms)
    assert books.shipments["box"].holder == "laboratory"


@pytest.mark.parametrize(("terms", "held"), [({}, 0), ({"vvm": 2}, 0), ({"vvm": 3}, 1), ({"shake": 2}, 1)])
def test_rejected(books, terms, held):
    terms = Handover("box", "carrier", NOW, **terms)
    giver = signed(books, "clerk", terms)
    assert refused(books.reject, NOW, "carrier", terms, giver, 0) == [("InvalidReason", (0,))]
    assert refused(books.reject, NOW, "stranger", terms, giver, 1) == [("InvalidSignature", None)]
    books.reject(NOW, "carrier", terms, giver, 1)
    assert books.shipments["box"].holder == "manufacturer"
    assert books.shipments["box"].series.breached == held << BY_HAND
    # What was offered is offered no more.
    assert ("InvalidSignature", None) in refused(books.reject, NOW, "carrier", terms, giver, 1)


def test_overdue(books):
    handed(books, "carrier", hours_allowed=2, now=NOW + 1)
    assert books.shipments["box"].due == NOW + 3 * HOUR
    assert books.verdict("box", NOW + 3 * HOUR - 1) is Verdict.INTACT
    assert books.verdict("box", NOW + 3 * HOUR) is Verdict.OVERDUE
    handed(books, "laboratory", hours_allowed=9, now=NOW + 3 * HOUR)  # late is late
    assert books.shipments["box"].due == NOW + 3 * HOUR
    books.release(NOW + 3 * HOUR, "laboratory", "box", 1)
    assert books.verdict("box", NOW + 3 * HOUR) is Verdict.INTACT


def test_units_are_dispensed_once(books):
    """TT6."""
    for _ in range(2):
        books.dispense(NOW, "clerk", "box", "manufacturer", 5)
    assert refused(books.dispense, NOW, "clerk", "box", "manufacturer", 1) == [("InvalidShipment", ("units",))]
    reasons = refused(books.dispense, NOW, "clinic", "box", "manufacturer", 1)
    assert ("AccessManagedUnauthorized", ("clinic",)) in reasons


# ---- loggers ---------------------------------------------------------------------------------------------------------


def test_tt1_a_device_is_in_one_place(books):
    """TT1: nothing else at any time of it, and readings of another time are not taken."""
    books.split(NOW, "manufacturer", "box", "part", 4)

    def pair(start, end):
        return refused(books.pair, NOW + 2 * DAY, "manufacturer", "part", "device", start, end)

    assert pair(NOW, NOW + 1) == [("InvalidPairing", ("busy",))]
    assert pair(NOW - 2 * HOUR, NOW - HOUR) == [("InvalidPairing", ("from",)), ("InvalidPairing", ("busy",))]
    assert pair(NOW + DAY, NOW + DAY) == [("InvalidPairing", ("to",))]
    assert pair(NOW + 2 * DAY + 1, NOW + 3 * DAY) == [("InvalidPairing", ("from",))]
    books.unpair("owner", "box", "device", NOW - HOUR + 600)
    books.pair(NOW, "manufacturer", "part", "device", NOW - HOUR + 600, NOW)
    # A reading starts within its pairing, and may end after it.
    books.log(NOW, "box", "device", 0, series(500, start=NOW - HOUR), b"")
    reasons = refused(books.log, NOW, "box", "device", 1, series(500, start=NOW - HOUR + 600), b"")
    assert reasons == [("OutsidePairing", (NOW - HOUR, NOW - HOUR + 600))]


def test_a_calibration_ends(books):
    books.unpair("manufacturer", "box", "device", NOW)
    books.pair(NOW, "manufacturer", "box", "spare", NOW, NOW + 900 * DAY)
    assert books.shipments["box"].pairings["spare"].stretch == [NOW, NOW + 50 * DAY]
    late = NOW + 50 * DAY
    reasons = refused(books.pair, late, "manufacturer", "box", "device", late, late + DAY)
    assert reasons == [("InvalidPairing", ("calibration",)), ("InvalidPairing", ("to",))]
    books.devices["device"].in_service = False
    assert ("InvalidPairing", ("device",)) in refused(books.pair, NOW, "manufacturer", "box", "device", NOW, NOW + 1)


def test_batches_come_in_order(books):
    readings = series(500, 500, start=NOW - HOUR)
    assert refused(books.log, NOW, "box", "device", 1, readings, b"") == [("OutOfSequence", ("box", 0, 1))]
    assert refused(books.log, NOW - HOUR, "box", "device", 0, readings, b"") == [
        ("FromTheFuture", (NOW - HOUR + 600, NOW - HOUR))
    ]
    books.log(NOW, "box", "device", 0, readings, b"first" * 7)
    assert books.shipments["box"].chain == (b"first" * 7)[:16]
    reasons = refused(books.log, NOW, "box", "device", 1, readings, b"")
    assert reasons == [("OutOfOrder", ("box", NOW - HOUR + 1_200, NOW - HOUR))]


# ---- disposition -----------------------------------------------------------------------------------------------------


def test_a_laboratory_releases_what_is_in_excursion(books):
    assert refused(books.release, NOW, "laboratory", "box", 1) == [("NothingToRelease", ("box",))]
    heat(books)
    assert refused(books.release, NOW, "manufacturer", "box", 1) == [("NotLicensed", None)]
    assert refused(books.release, NOW, "laboratory", "box", 0) == [("InvalidReason", (0,))]
    books.release(NOW, "laboratory", "box", 1)
    assert books.verdict("box", NOW) is Verdict.INTACT
    assert books.shipments["box"].disposition is Disposition.ACTIVE


def test_a_budget_is_not_released(books):
    heat(books, minutes=130)
    assert books.shipments["box"].series.breached >> BUDGET & 1
    later = NOW + 2 * HOUR
    assert refused(books.release, later, "laboratory", "box", 1) == [("NothingToRelease", ("box",))]
    books.destroy(later, "laboratory", "box", 1)
    assert books.verdict("box", later) is Verdict.DESTROYED
    assert refused(books.destroy, later, "laboratory", "box", 1) == [("NotIntact", ("box", Verdict.DESTROYED))]


def test_what_is_destroyed_is_read_and_stays_destroyed(books):
    books.destroy(NOW, "laboratory", "box", 1)
    heat(books)
    assert books.shipments["box"].disposition is Disposition.DESTROYED
    assert books.verdict("box", NOW) is Verdict.DESTROYED


def test_quarantined_by_hand(books):
    assert refused(books.quarantine, NOW, "carrier", "box", 1) == [("NotHolder", ("box", "carrier"))]
    assert ("NotLicensed", None) in refused(books.quarantine, NOW, "stranger", "box", 1)
    books.quarantine(NOW, "clerk", "box", 1)
    report = books.report("box", NOW)
    assert (report.verdict, report.breached, report.breached_at) == (Verdict.EXCURSION, 1 << BY_HAND, 0)


def test_a_recall_reaches_all_that_is_and_will_be(books):
    """TT6."""
    assert refused(books.recall, "carrier", "lot", 1)
    books.recall("regulator", "lot", 7)
    assert books.report("box", NOW).verdict is Verdict.RECALLED
    assert books.report("box", NOW).recall == 7
    assert refused(books.recall, "manufacturer", "lot", 1) == [("AlreadyRecalled", ("lot",))]
    assert refused(books.open, NOW, "manufacturer", "new", "lot", 1) == [("NotIntact", ("new", Verdict.RECALLED))]
