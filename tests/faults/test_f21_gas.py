"""Calls of one kind that take very different gas, through the outbox."""

import dataclasses

import pytest

from salus import errors
from salus.fhir import read_claims
from salus.node import LocalNode
from salus.outbox import Item, State
from tests.client.house import House
from tests.client.scene import Scene
from tests.client.shared_data import EXAMPLES


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with LocalNode(accounts=3) as node:
        yield House(node, tmp_path_factory.mktemp("house"))


def test_a_claim_that_is_paid_is_not_refused_for_the_gas_of_one_that_is_not_F21(house, tmp_path):
    """The first is within the deductible; the second moves money, for which the treasury wants gas left, in words of its own."""
    scene = Scene(house, house.deploy("TestToken", "Dollar", "USD", 6), tmp_path)
    (claim,) = read_claims(EXAMPLES / "claim.json")
    small = dataclasses.replace(claim, number="small", lines=claim.lines[:1])
    submit = scene.desk.contract("ClaimDesk").functions.submit
    calls = [Item.of(c.input.number, submit([c.struct()], [])) for c in scene.prepare([small, claim])]
    with scene.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        results = {result.key: result for result in outbox.send_all(calls)}
    assert [results[item.key].state for item in calls] == [State.INCLUDED, State.INCLUDED]
    assert scene.balance() > 0


def test_what_the_rules_refuse_is_refused_in_their_words_F21(house, tmp_path):
    client = house.client(house.person())
    revoked = client.contract("Institutions").functions.suspend(client.signer.address)
    with client.outbox(tmp_path / "outbox.sqlite") as outbox:
        (result,) = outbox.send_all([("suspend", revoked)])
    assert result.state is State.REFUSED
    assert isinstance(result.error, errors.Refused)
    assert result.nonce is None
