"""Custody of shipments against the reference: opened, split, merged, handed, judged and released by anybody, in any
order.

Given two lots, two loggers, everybody who may and many who may not
when they act at random, an hour or a day apart
the contract does what the prose promises or refuses with an error that it promises, and says of each shipment what the
    reference says.
"""

import random
from collections import Counter

import pytest

from tests.reference.custody import Refused
from tests.support.effort import cases, seed
from tests.support.plain_accounts import DAY
from tests.support.shipment_driver import ShipmentDriver

ACTS = {
    "open": 4, "split": 2, "merge": 3, "hand": 7, "reject": 2, "dispense": 3, "pair": 5, "unpair": 2, "log": 12,
    "quarantine": 1, "release": 3, "destroy": 1, "recall": 0.1, "suspend": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def driver(deployed_contracts, people, salus_project):
    return ShipmentDriver(deployed_contracts, people, salus_project)


def test_everybody_acts(driver):
    """TT1, TT2, TT6, TT7: one holder, one state, and nothing moves that is not intact."""
    dice = random.Random(seed())
    seen = Counter()
    for _ in range(max(2, cases() // 50)):
        driver.begin(dice)
        for _ in range(40):
            (act,) = dice.choices(list(ACTS), list(ACTS.values()))
            seen[act, step(driver, act)] += 1
            if dice.random() < 0.4:
                driver.rpc_batch.mine(driver.rpc_batch.now() + dice.choice((60, 600, 3_600, 3_600, DAY)))
            driver.compare()
    if cases() >= 1_000:
        acts = ("open", "split", "hand", "dispense", "pair", "log", "release")
        assert not [(act, done) for act in acts for done in (True, False) if not seen[act, done]], seen


def step(driver, act):
    """One act; whether it was done."""
    call, judged = getattr(driver, act)()
    (receipt,) = driver.rpc_batch.send([call])
    try:
        judged(receipt.time)
    except Refused as refused:
        assert not receipt.succeeded, (act, refused.reasons)
        name, arguments = driver.rpc_batch.error(call, driver.errors)
        spelt = tuple(each.lower() if isinstance(each, str) and each.startswith("0x") else each for each in arguments)
        # The second of asking is not the act's, and an id that never was cannot be known.
        open_ = name in ("SignatureExpired", "FromTheFuture")
        if open_ or b"" in [part for _, args in refused.reasons for part in args or ()]:
            spelt = next((args for reason, args in refused.reasons if reason == name), None)
        assert refused.allows(name, spelt), (act, name, arguments, refused.reasons)
        return False
    assert receipt.succeeded, (act, driver.rpc_batch.error(call, driver.errors))
    return True
