"""Closed batches of a spool on their way to the chain.

given batches of the logger that lies beside the shipment
    when none of it is judged yet            they are signed with the logger's key and logged, once each
    when the chain has judged to their end   nothing is sent: they were logged before the spool heard of it
given a batch of another logger
    when it is handed on                     it is refused, and nothing is sent
"""

from types import SimpleNamespace

import pytest

from salus.coldchain.loggers import Reading
from salus.coldchain.loggers.delivery import Delivery
from salus.coldchain.loggers.spool import Spool
from salus.errors import BadInput

START, STEP = 1_700_000_000, 600
SHIPMENT, DEVICE = b"\5" * 32, object()


class ColdChain:
    """What the delivery asks of the client's cold chain; remembers what was logged."""

    def __init__(self, until):
        self.until, self.logged = until, []

    def report(self, shipment):
        assert shipment == SHIPMENT
        return SimpleNamespace(judgement=SimpleNamespace(until=self.until))

    def sign_batches(self, export, shipment, device):
        assert (shipment, device) == (SHIPMENT, DEVICE)
        return [(reading.time, reading.centi) for reading in export.readings]

    def log(self, batches):
        self.logged.append(batches)


@pytest.fixture
def batch(tmp_path):
    """A closed batch of three readings."""
    with Spool(tmp_path / "spool.db") as spool:
        spool.add("logger-1", [Reading(START + n * STEP, 400 + n) for n in range(3)])
        spool.close_batches(most=3, age_s=3600)
        (closed,) = spool.pending()
        yield closed


def deliver(batch, until, logger="logger-1", every=None):
    coldchain = ColdChain(until)
    Delivery(coldchain, SHIPMENT, logger, DEVICE, every)(batch)
    return coldchain.logged


@pytest.mark.parametrize("every", [None, STEP])
def test_a_batch_is_signed_and_logged(batch, every):
    assert deliver(batch, START, every=every) == [[(START + n * STEP, 400 + n) for n in range(3)]]


def test_a_batch_whose_last_reading_is_not_judged_is_logged(batch):
    assert len(deliver(batch, START + 2 * STEP)) == 1


def test_what_is_judged_to_its_end_is_not_sent_again(batch):
    assert deliver(batch, START + 2 * STEP + 1) == []


def test_another_loggers_batch_is_refused(batch):
    with pytest.raises(BadInput, match="^--topic: logger-1: is another logger than logger-2; listen to one logger a"):
        deliver(batch, START, logger="logger-2")
