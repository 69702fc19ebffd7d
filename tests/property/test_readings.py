"""What a device signs, and what it is then taken for.

Given a shipment with its device
when somebody changes one field of a signed batch, or brings it elsewhere, or a second time
it is not the device's; and what has another length, padding, code or packing than the prose says is nobody's.
"""

import pytest
from eth_utils import keccak

from tests.reference.judge import FORK, Bound, Profile, Rule, Span, Verdict
from tests.support.coldchain_driver import ColdChainDriver
from tests.support.plain_accounts import DAY
from tests.support.random_series import LOWEST, Load

USUAL = Profile(200, 800, 3_600, 7_200, (Rule(Bound.ABOVE, Span.SINGLE, 801, 30),))


@pytest.fixture(scope="module")
def driver(deployed_contracts, people, salus_project):
    return ColdChainDriver(deployed_contracts, people, salus_project)


@pytest.fixture
def begun(driver):
    """A shipment's id, and the lines that open and pair it, for two shipments of one lot."""
    lot = driver.lot(USUAL, expires_at=driver.began + 900 * DAY)
    refs = [keccak(text="one"), keccak(text="other")]
    ids = driver.ids([(lot, ref) for ref in refs])
    lines = [driver.opening(lot, ref) for ref in refs]
    lines += [driver.pairing(shipment, driver.began - 2 * DAY, number) for number, shipment in enumerate(ids)]
    return ids, lines


def outcome(driver, lines):
    """How the last line fares after the others, which pass."""
    ((_, heard),) = driver.ask([lines])
    *before, (passed, answer) = heard
    assert all(ok for ok, _ in before), heard
    return None if passed else answer


# ---- signed ----------------------------------------------------------------------------------------------------------

WARM = Load(-DAY, 60, (900,) * 16)  # sixteen minutes breach nothing


def test_tt1_every_signed_field_binds(driver, begun):
    """TT1, requirement 2: whoever relays a batch changes one field of it, or brings it to another shipment."""
    (shipment, other), lines = begun
    warm = WARM.moved(driver.began)
    (sender, method, (batch, signature)), chain = driver.logging(shipment, warm, 0, bytes(16))
    assert outcome(driver, [*lines, (sender, method, (batch, signature))]) is None

    def forged(**changes):
        fields = dict(zip(("shipment", "header", "file", "data"), batch, strict=True)) | changes
        return outcome(driver, [*lines, (sender, method, (tuple(fields.values()), signature))])

    def header(**changes):
        return warm.header(0)._replace(**changes).word()

    cold = Load(warm.start, 60, (500,) * 16)
    forgeries = [
        {"shipment": other},
        {"header": header(start=warm.start - 60)},
        {"header": header(step=59)},
        {"header": header(base=-4_001)},
        {"header": header(resolution=2)},
        {"header": header(width=8, count=32)},
        {"header": header(count=15), "data": Load(0, 60, (900,) * 15).data()},
        {"file": b"\1" * 32},
        {"data": cold.data()},
        {"header": header(sequence=1)},
    ]
    for changes in forgeries:
        assert forged(**changes)[0] == "NotPaired", changes

    # The chain binds it as well: signed as if it were the first, sent as the second.
    again, _ = driver.logging(shipment, warm.moved(2_000), 1, bytes(16))
    assert outcome(driver, [*lines, (sender, method, (batch, signature)), again])[0] == "NotPaired"
    again, _ = driver.logging(shipment, warm.moved(2_000), 1, chain)
    assert outcome(driver, [*lines, (sender, method, (batch, signature)), again]) is None


def test_tt1_a_batch_counts_once(driver, begun):
    """TT1: the same one, which was signed upon another chain; or the same readings signed anew, or their number."""
    (shipment, _), lines = begun
    warm = WARM.moved(driver.began)
    first, chain = driver.logging(shipment, warm, 0, bytes(16))
    assert outcome(driver, [*lines, first, first])[0] == "NotPaired"
    for number in (0, 2):
        numbered, _ = driver.logging(shipment, warm.moved(2_000), number, chain)
        assert outcome(driver, [*lines, first, numbered]) == ("OutOfSequence", (shipment, 1, number))
    again, _ = driver.logging(shipment, warm, 1, chain)
    assert outcome(driver, [*lines, first, again]) == ("OutOfOrder", (shipment, warm.end, warm.start))


def test_tt1_another_device_is_a_stranger(driver, begun):
    """TT1: the device of the other shipment, though it is a good one."""
    (shipment, _), lines = begun
    line, _ = driver.logging(shipment, WARM.moved(driver.began), 0, bytes(16), 1)
    assert outcome(driver, [*lines, line]) == ("NotPaired", (shipment, driver.devices[1].address.lower()))


@pytest.mark.parametrize("sent", [0, 1])
def test_tt1_two_batches_of_one_number(driver, begun, sent):
    """TT1: a key in two hands shows; which of the two was sent, or whether any was, does not matter."""
    (shipment, other), lines = begun
    warm = WARM.moved(driver.began)
    cold = Load(warm.start, 60, (500,) * 16)
    (_, _, one), _ = first = driver.logging(shipment, warm, 0, bytes(16))
    (_, _, two), _ = driver.logging(shipment, cold, 0, bytes(16))
    lines = lines + [first[0]] * sent

    def shown(one, two, previous=(bytes(16), bytes(16))):
        return driver.line("reportFork", (one[0], two[0]), previous, (one[1], two[1]))

    assert outcome(driver, [*lines, shown(one, two)]) is None
    ((_, heard),) = driver.ask([[*lines, shown(two, one), driver.line("report", shipment)]])
    told = heard[-1][1]
    assert (told[0], told[1], told[2]) == (Verdict.EXCURSION, 1 << FORK, 0)

    # The same one twice, one of another number, one of another shipment; and one that another device signed.
    (_, _, later), _ = driver.logging(shipment, cold, 1, bytes(16))
    (_, _, elsewhere), _ = driver.logging(other, cold, 0, bytes(16), 1)
    for wrong in (one, later, elsewhere):
        assert outcome(driver, [*lines, shown(one, wrong)]) == ("NoFork", (shipment,)), wrong
    (_, _, stranger), _ = driver.logging(shipment, cold, 0, bytes(16), 1)
    assert outcome(driver, [*lines, shown(one, stranger)])[0] in ("NoFork", "NotPaired")
    # Signed upon another chain it is another batch of the same number.
    (_, _, forked), _ = driver.logging(shipment, warm, 0, b"\1" * 16)
    assert outcome(driver, [*lines, shown(one, forked, (bytes(16), b"\1" * 16))]) is None


def test_tt3_no_time_to_come(driver, begun):
    """TT3: the last reading was taken, though its step may still run; that is no silence then."""
    (shipment, _), lines = begun
    for late in (0, 1):
        ((at, _),) = driver.ask([lines])
        load = Load(at - 60 * 15 + late, 60, (500,) * 16)
        line, _ = driver.logging(shipment, load, 0, bytes(16))
        if late:
            assert outcome(driver, [*lines, line]) == ("FromTheFuture", (at + 1, at))
        else:
            ((again, heard),) = driver.ask([[*lines, line, driver.line("report", shipment)]])
            told = heard[-1][1]
            assert (again, told[4], told[-1][0]) == (at, 0, at + 60)


# ---- packed ----------------------------------------------------------------------------------------------------------


def codes(*values, width=16):
    """One word with these codes, the rest filled as a device must."""
    size, none = width // 8, (1 << (width - 1)) - 1
    filled = values + (none,) * (256 // width - len(values))
    return b"".join(value.to_bytes(size, "big") for value in filled)


ONE = Load(0, 60, (500,))


@pytest.mark.parametrize(
    ("load", "changes", "field"),
    [
        (ONE, {"beyond": 1 << 128}, "header"),
        (ONE, {"beyond": 1 << 255}, "header"),
        (Load(0, 0, (500,)), {}, "step"),
        (Load(0, 3_601, (500,)), {}, "step"),
        (Load(0, 60, ()), {"data": codes(4_500)}, "count"),
        (Load(0, 60, ()), {}, "count"),
        (ONE, {"data": b""}, "data"),
        (ONE, {"data": codes(4_500)[:-1]}, "data"),
        (ONE, {"data": codes(4_500) + codes()}, "data"),
        (Load(0, 60, (500,) * 17), {"data": codes(*(4_500,) * 16)}, "data"),
        (Load(0, 60, (500,) * 33, width=8, resolution=100), {"data": codes(*(45,) * 32, width=8)}, "data"),
        (ONE, {"data": codes(4_500, 4_500)}, "padding"),
        (Load(0, 60, (500,), width=8, resolution=100), {"data": codes(45, 45, width=8)}, "padding"),
        (ONE, {"data": codes(0x8000)}, "data"),
        (ONE, {"data": codes(0xFFFF)}, "data"),
        (Load(0, 60, (500,), width=8, resolution=100), {"data": codes(0x80, width=8)}, "data"),
        (Load(0, 60, (500,), width=8, resolution=100), {"data": codes(0xFF, width=8)}, "data"),
        # What no logger measures: beyond 16 bits, or beyond -273.15 and 150 °C.
        (Load(0, 60, (32_000,), base=32_000), {"data": codes(20_000)}, "temperature"),
        (Load(0, 60, (LOWEST - 1,), base=LOWEST - 1), {}, "temperature"),
        (Load(0, 60, (15_001,), base=15_000), {}, "temperature"),
        (Load(0, 60, (15_060,), base=-17_070, width=8, resolution=255), {}, "temperature"),
    ],
)
def test_tt3_only_the_packing_of_the_prose_is_read(driver, begun, load, changes, field):
    """TT3: a code that means nothing must not be read as some temperature, be it a good one."""
    (shipment, _), lines = begun
    line, _ = driver.logging(shipment, load.moved(driver.began - DAY), 0, bytes(16), **changes)
    assert outcome(driver, [*lines, line]) == ("MalformedReadings", (field,))


@pytest.mark.parametrize(
    ("width", "resolution", "field"), [(0, 1, "width"), (7, 1, "width"), (32, 1, "width"), (16, 0, "resolution")]
)
def test_tt3_other_widths(driver, begun, width, resolution, field):
    """TT3: no other width, and no resolution of nothing."""
    (shipment, _), lines = begun
    head = ONE.moved(driver.began - DAY).header(0)._replace(width=width, resolution=resolution)
    line, _ = driver.logging(shipment, ONE, 0, bytes(16), header=head.word(), signed=head)
    assert outcome(driver, [*lines, line]) == ("MalformedReadings", (field,))
