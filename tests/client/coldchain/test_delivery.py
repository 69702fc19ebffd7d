"""Batches of a spool on their way to the chain, for one shipment and one logger."""

from types import SimpleNamespace

import pytest

from salus.coldchain.loggers import Reading
from salus.coldchain.loggers.delivery import Delivery
from salus.coldchain.loggers.spool import SpoolBatch
from salus.errors import BadInput

SHIPMENT = b"\5" * 32


class Chain:
    """What a delivery asks of a cold chain; it is judged up to a moment."""

    def __init__(self, until):
        self.until, self.logged = until, []

    def report(self, shipment):
        assert shipment == SHIPMENT
        return SimpleNamespace(judgement=SimpleNamespace(until=self.until))

    def sign_batches(self, export, shipment, device):
        return [(export.readings, shipment, device)]

    def log(self, signed):
        self.logged += signed


def batch(logger="logger-1", count=3):
    readings = tuple(Reading(1_000_000 + n * 600, 450) for n in range(count))
    return SpoolBatch(1, logger, readings)


def test_a_batch_is_signed_by_the_device_and_logged():
    chain = Chain(until=0)
    Delivery(chain, SHIPMENT, "logger-1", "the device")(batch())
    ((readings, shipment, device),) = chain.logged
    assert (readings, shipment, device) == (batch().readings, SHIPMENT, "the device")


def test_what_is_judged_already_is_left_out():
    chain = Chain(until=1_000_000 + 3 * 600)
    Delivery(chain, SHIPMENT, "logger-1", None)(batch())
    assert chain.logged == []
    Delivery(chain, SHIPMENT, "logger-1", None)(batch(count=4))
    assert len(chain.logged) == 1


def test_another_loggers_batch_is_refused():
    chain = Chain(until=0)
    with pytest.raises(BadInput) as raised:
        Delivery(chain, SHIPMENT, "logger-1", None)(batch("logger-2"))
    said = "--topic: logger-2: is another logger than logger-1; listen to one logger a shipment"
    assert (str(raised.value), chain.logged) == (said, [])
