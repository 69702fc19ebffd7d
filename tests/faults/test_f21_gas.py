"""Calls of one kind that take very different gas, through the outbox."""

import contextlib
import dataclasses

import pytest

from salus import errors
from salus.chain.local_node import LocalNode
from salus.claims import model as answers
from salus.claims.files.fhir import read_claims
from salus.outbox import Item, NonceTaken, State
from tests.support.claim_scenario import USD, ClaimScenario
from tests.support.deployed_chain import DeployedChain
from tests.support.shared_data import EXAMPLES


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    with LocalNode(accounts=3) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("chain"))


def test_a_claim_that_is_paid_is_not_refused_for_the_gas_of_one_that_is_not_F21(deployed_chain, tmp_path):
    """The first is within the deductible; the second moves money, for which the treasury wants gas left, in words of
    its own.
    """
    claim_scenario = ClaimScenario(deployed_chain, deployed_chain.deploy("TestToken", "Dollar", "USD", 6), tmp_path)
    (claim,) = read_claims(EXAMPLES / "claim.json")
    small = dataclasses.replace(claim, number="small", lines=claim.lines[:1])
    submit = claim_scenario.desk.contract("ClaimDesk").functions.submit
    calls = [Item.of(c.input.number, submit([c.struct()], [])) for c in claim_scenario.prepare([small, claim])]
    with claim_scenario.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        results = {result.key: result for result in outbox.send_all(calls)}
    assert [results[item.key].state for item in calls] == [State.INCLUDED, State.INCLUDED]
    assert claim_scenario.balance() > 0


@pytest.fixture
def many(deployed_chain, tmp_path):
    """A hospital, a deductible that is used up, and a hundred claims of one line."""
    claim_scenario = ClaimScenario(deployed_chain, deployed_chain.deploy("TestToken", "Dollar", "USD", 6), tmp_path)
    return claim_scenario, claim_scenario.paid_ones(100)


@contextlib.contextmanager
def blocks_of(node, gas):
    """Blocks that hold no more gas than this."""
    limit = node.request("eth_getBlockByNumber", "latest", False)["gasLimit"]
    node.request("evm_setBlockGasLimit", hex(gas))
    try:
        node.request("evm_mine")
        yield
    finally:
        node.request("evm_setBlockGasLimit", limit)
        node.request("evm_mine")


def test_one_estimate_serves_for_batches_of_any_size_F21(many, tmp_path):
    claim_scenario, claims = many
    with claim_scenario.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        asked, ask = [], outbox._nodes.ask
        outbox._nodes.ask = lambda calls: asked.extend(method for method, _ in calls) or ask(calls)
        parts = list(claim_scenario.desk.claims.submit_prepared(claims, batch=45, outbox=outbox))
        assert sorted(map(len, parts)) == [10, 45, 45]
        assert {answer.state for part in parts for answer in part} == {answers.State.SETTLED}
        # The last one is too small for its share of what every transaction takes.
        assert asked.count("eth_estimateGas") <= 2
        rows = outbox._store.rows()
        gas = {row.item.size: attempts[-1].gas for row, attempts in zip(rows, outbox._store.attempts(rows).values())}
        assert {row.item.size: row.item.spare for row in rows} == {
            45 * 6: 350_000 + 45 * 60_000,
            60: 350_000 + 10 * 60_000,
        }
    assert all(gas[size] > spare for size, spare in ((60, 950_000), (270, 3_050_000)))
    assert (gas[60] - 950_000) * 3 < gas[270] - 3_050_000 < (gas[60] - 950_000) * 5


def test_what_no_block_holds_goes_in_halves_F21(many, deployed_chain, tmp_path):
    claim_scenario, claims = many
    with blocks_of(deployed_chain.node, 2_500_000), claim_scenario.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        parts = list(claim_scenario.desk.claims.submit_prepared(claims, outbox=outbox))
    assert 2 < len(parts) <= 8
    assert {answer.id for part in parts for answer in part} == {"0x" + claim.id.hex() for claim in claims}
    assert {answer.state for part in parts for answer in part} == {answers.State.SETTLED}


def test_a_pool_that_runs_short_under_way_stops_no_claim_F21_TP3(deployed_chain, tmp_path):
    """Each claim is then noted as owed, which takes three times the gas: what was tried with enough has too little in
    its block.
    """
    claim_scenario = ClaimScenario(
        deployed_chain, deployed_chain.deploy("TestToken", "Dollar", "USD", 6), tmp_path, fund=12_000 * USD
    )
    claims = claim_scenario.paid_ones(400)
    with claim_scenario.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        parts = list(claim_scenario.desk.claims.submit_prepared(claims, outbox=outbox))
        states = {result.state for result in outbox.results()}
    assert State.FAILED in states, "nothing met a short pool under way"
    assert sorted(answer.id for part in parts for answer in part) == sorted("0x" + claim.id.hex() for claim in claims)
    told = [answer.state for part in parts for answer in part]
    paid, owed = told.count(answers.State.SETTLED), told.count(answers.State.OWED)
    assert paid + owed == 400 and paid > 100 and owed > 200
    assert claim_scenario.desk.treasury.pool(claim_scenario.insurer.address, claim_scenario.token).waiting == owed


def test_claims_whose_nonce_somebody_else_used_are_told_and_not_sent_in_halves_F3(many, tmp_path):
    """Whether they are to be done anew is for the user to say."""
    claim_scenario, claims = many
    account = claim_scenario.hospital._account
    nonce = claim_scenario.deployed_chain.w3.eth.get_transaction_count(account.address)

    def hook(step):
        if step == "after_store":
            claim_scenario.deployed_chain.transact({"to": account.address, "value": 1, "nonce": nonce}, account)

    with claim_scenario.desk.outbox(tmp_path / "outbox.sqlite", hook=hook) as outbox:
        with pytest.raises(NonceTaken):
            list(claim_scenario.desk.claims.submit_prepared(claims[:10], outbox=outbox))
        assert [result.state for result in outbox.results()] == [State.LOST]


def test_one_claim_that_no_block_holds_is_refused_F21(many, deployed_chain, tmp_path):
    claim_scenario, claims = many
    with blocks_of(deployed_chain.node, 60_000), claim_scenario.desk.outbox(tmp_path / "outbox.sqlite") as outbox:
        with pytest.raises(errors.Refused):
            list(claim_scenario.desk.claims.submit_prepared(claims[:1], outbox=outbox))
    assert len(list(claim_scenario.desk.claims.submit_prepared(claims[:1]))) == 1


def test_what_the_rules_refuse_is_refused_in_their_words_F21(deployed_chain, tmp_path):
    client = deployed_chain.client(deployed_chain.person())
    revoked = client.contract("Institutions").functions.suspend(client.signer.address)
    with client.outbox(tmp_path / "outbox.sqlite") as outbox:
        (result,) = outbox.send_all([("suspend", revoked)])
    assert result.state is State.REFUSED
    assert isinstance(result.error, errors.Refused)
    assert result.nonce is None
