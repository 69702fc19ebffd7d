"""A batch of orders in which some cannot be carried out (IConsentRegistry.relay).

given a tolerant batch
    when an order is superseded, expired, of the future, badly signed, out of scope, malformed
                                                                it is skipped, told with its reason; the others hold
    when all are dead                                           nothing is changed, and each is told
    when an order stands twice                                  it is carried out once
    when it is handed in again                                  every order is skipped, and nothing is changed
given a strict batch
    when one order cannot be carried out                        none is, and its reason is the batch's
"""

import brownie
import pytest
from brownie import chain

from tests.support.consent_builders import (
    ACTIVE,
    FOR_EVER,
    NEVER,
    NOBODY,
    OBSERVATION,
    STRICT,
    TOLERANT,
    TREAT,
    WITHDRAWN,
    deny,
    key,
    permit,
    record,
    relaying,
    revocation,
    sign,
    terms,
    words,
)
from tests.support.errors import encoded, error

CLEAN = bytes(4)


def selectors(consents, orders, sender):
    """What the call answers, before it is sent: a selector for each order."""
    return [bytes(each) for each in consents.relay.call(*relaying(*orders, mode=TOLERANT), {"from": sender})]


@pytest.fixture
def dead(consents, ana, carer, hospital, now, relay):
    """Orders that cannot be carried out now, by what is the matter with them, each with its error."""
    relay(sign(consents, ana, permit(hospital, index=3), now - 5))
    late = sign(consents, ana, permit(hospital), now - 50, now - 1)
    return {
        "superseded": (
            sign(consents, ana, permit(hospital, index=3), now - 6),
            ("Superseded", ana.address, hospital, 3, now - 5),
        ),
        "a replay": (
            sign(consents, ana, permit(hospital, index=3), now - 5),
            ("Superseded", ana.address, hospital, 3, now - 5),
        ),
        "expired": (late, ("DeadlinePassed", now - 1, None)),
        "of the future": (sign(consents, ana, permit(hospital), now + 500), ("IssuedInFuture", now + 500, None)),
        "badly signed": (
            sign(consents, key("ben"), permit(hospital), now, patient=ana.address),
            ("InvalidSignature", ana.address),
        ),
        "out of scope": (
            sign(consents, carer, permit(hospital), now, patient=ana.address, delegate=True),
            ("OutOfScope", ana.address, carer.address),
        ),
        "of nobody": (sign(consents, ana, permit(NOBODY), now), ("InvalidGrantee", NOBODY)),
        "at no place": (sign(consents, ana, permit(hospital, index=4), now), ("InvalidIndex", 4)),
        "of no effect": (sign(consents, ana, permit(hospital)._replace(effect=3), now), ("InvalidEffect", 3)),
        "of no scope": (sign(consents, ana, permit(hospital, purposes=0), now), ("EmptyScope", 0, OBSERVATION)),
        "of no meaning": (sign(consents, ana, permit(hospital, purposes=1 << 30), now), ("UnknownCodes", 1 << 30, 0)),
        "of no time": (sign(consents, ana, permit(hospital, start=9, end=9), now), ("InvalidPeriod", 9, 9)),
    }


MATTERS = (
    "superseded",
    "a replay",
    "expired",
    "of the future",
    "badly signed",
    "out of scope",
    "of nobody",
    "at no place",
    "of no effect",
    "of no scope",
    "of no meaning",
    "of no time",
)


def reason(consents, name, *args, block):
    """The error as it would have reverted; `None` stands for the block's time."""
    return encoded(consents, name, *(block if arg is None else arg for arg in args))


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
@pytest.mark.parametrize("matter", MATTERS)
def test_c6_a_dead_order_stops_no_other(consents, ana, hospital, clinic, now, stranger, dead, matter, place):
    order, what = dead[matter]
    good = [sign(consents, ana, permit(clinic), now), sign(consents, ana, deny(clinic, index=1), now)]
    batch = [*good[:place], order, *good[place:]]
    tx = consents.relay(*relaying(*batch, mode=TOLERANT), {"from": stranger})
    assert [record(consents, ana.address, clinic, i).status for i in (0, 1)] == [ACTIVE, ACTIVE]
    names = ["ConsentGranted", "ConsentGranted"]
    assert [event.name for event in tx.events] == [*names[:place], "OrderSkipped", *names[place:]]
    told = dict(tx.events["OrderSkipped"])
    said = order.directive
    assert told == {
        "patient": order.patient,
        "grantee": said.grantee,
        "terms": terms(said, order.issued_at, order.deadline),
        "reason": "0x" + reason(consents, *what, block=tx.timestamp).hex(),
    }


@pytest.mark.parametrize("matter", MATTERS)
def test_c6_a_call_says_beforehand_which_are_dead(consents, ana, clinic, now, stranger, dead, matter):
    order, what = dead[matter]
    batch = [sign(consents, ana, permit(clinic), now), order, sign(consents, ana, deny(clinic, index=1), now)]
    assert selectors(consents, batch, stranger) == [CLEAN, reason(consents, *what, block=0)[:4], CLEAN]
    assert selectors(consents, [batch[0], batch[2]], stranger) == []


def test_c6_a_stranger_who_comes_first_stops_nothing(consents, ana, hospital, now, stranger, relay):
    """One of a hospital's twenty orders is relayed by somebody else before."""
    signers = [key(f"patient {number}") for number in range(20)]
    orders = [sign(consents, signer, permit(hospital), now) for signer in signers]
    relay(orders[7])
    tx = consents.relay(*relaying(*orders, mode=TOLERANT), {"from": stranger})
    assert len(tx.events["ConsentGranted"]) == 19
    assert tx.events["OrderSkipped"]["patient"] == signers[7].address
    assert all(record(consents, signer.address, hospital).status == ACTIVE for signer in signers)


def test_c6_a_batch_again_changes_nothing(consents, ana, hospital, now, stranger):
    orders = [sign(consents, ana, permit(hospital, index=i), now - 5) for i in range(3)]
    orders.append(sign(consents, ana, revocation(hospital, 1), now - 4))
    batch = relaying(*orders, mode=TOLERANT)
    consents.relay(*batch, {"from": stranger})
    before = [record(consents, ana.address, hospital, i) for i in range(4)]
    tx = consents.relay(*batch, {"from": stranger})
    assert [event.name for event in tx.events] == ["OrderSkipped"] * 4
    assert [record(consents, ana.address, hospital, i) for i in range(4)] == before


def test_c6_an_order_twice_in_a_batch_is_carried_out_once(consents, ana, hospital, now, stranger):
    order = sign(consents, ana, permit(hospital), now)
    tx = consents.relay(*relaying(order, order, mode=TOLERANT), {"from": stranger})
    assert [event.name for event in tx.events] == ["ConsentGranted", "OrderSkipped"]


def test_a_skipped_order_of_a_delegate_leaves_no_trace(consents, ana, carer, hospital, now, named, stranger):
    """Neither the event that names the delegate, nor a number for it."""
    named(now - 9)
    order = sign(consents, carer, permit(hospital, end=now + 1), now - 5, patient=ana.address, delegate=True)
    chain.mine(timestamp=now + 10)
    tx = consents.relay(*relaying(order, mode=TOLERANT), {"from": stranger})
    assert [event.name for event in tx.events] == ["OrderSkipped"]
    assert list(consents.delegatesOf(ana.address)) == []


def test_d8_a_strict_batch_is_all_or_none(consents, ana, hospital, clinic, now, stranger, dead):
    order, what = dead["superseded"]
    good = sign(consents, ana, permit(clinic), now)
    with brownie.reverts(error(*what)):
        consents.relay(*relaying(good, order, mode=STRICT), {"from": stranger})
    assert record(consents, ana.address, clinic).status == NEVER


def test_d8_there_is_no_third_mode(consents, ana, hospital, now, stranger):
    order = sign(consents, ana, permit(hospital), now)
    with brownie.reverts(""):
        consents.relay(*relaying(order, mode=2), {"from": stranger})


def test_an_empty_batch_does_nothing(consents, stranger):
    assert not consents.relay([], [], TOLERANT, {"from": stranger}).events


def test_c6_a_revocation_with_a_field_that_is_not_signed_is_skipped(consents, ana, hospital, now, stranger, relay):
    relay(sign(consents, ana, permit(hospital), now - 5))
    order = sign(consents, ana, revocation(hospital, 0), now)
    smuggled = order._replace(directive=order.directive._replace(purposes=TREAT))
    tx = consents.relay(*relaying(smuggled, order, mode=TOLERANT), {"from": stranger})
    assert [event.name for event in tx.events] == ["OrderSkipped", "ConsentRevoked"]
    assert record(consents, ana.address, hospital).status == WITHDRAWN


def test_a_proof_that_is_not_there_is_skipped(consents, ana, hospital, now, stranger):
    order = sign(consents, ana, permit(hospital, end=FOR_EVER), now)
    missing = words(order, bytes(32), (7).to_bytes(32, "big"))
    given, _, _ = relaying(order)
    tx = consents.relay([missing, *given], [], TOLERANT, {"from": stranger})
    assert [event.name for event in tx.events] == ["OrderSkipped", "ConsentGranted"]
