"""Many questions in few messages, through a node that mixes up, drops or spoils the answers."""

import pytest
from eth_utils.address import to_checksum_address

from salus import Salus
from salus.abi import decoding
from salus.consent import codes
from salus.consent.registry import Directive, Effect, Order, Status
from salus.errors import Unreachable
from tests.client.test_client import client, proxy

__all__ = ["client", "proxy"]  # fixtures


def revoked(client, count):
    """As many questions as asked for, whose answers are all 0."""
    return client.calls("ConsentRegistry", "revokedUntil", [(f"0x{i + 1:040x}",) for i in range(count)])


def test_many_questions_are_few_messages(client, proxy):
    proxy.seen.clear()
    assert revoked(client, 250) == [0] * 250
    assert proxy.seen == ["batch"] * 3
    assert revoked(client, 0) == []


def test_answers_find_their_questions_in_any_order(client, proxy, deployed_chain):
    account = client.need_signer().address
    rows = [(account,), (deployed_chain.regulator.address,)]
    straight = client.calls("Institutions", "standing", rows)
    assert straight[0] != straight[1]
    proxy.modes["batch"] = [lambda answer: answer[::-1]]
    assert client.calls("Institutions", "standing", rows) == straight


def test_a_batch_is_asked_again_when_the_connection_breaks(client, proxy):
    proxy.modes["batch"] = ["drop", "lose"]
    assert revoked(client, 2) == [0, 0]


def test_a_node_that_takes_no_batches_is_asked_one_by_one(client, proxy):
    proxy.modes["batch"] = [lambda answer: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}]
    proxy.seen.clear()
    assert revoked(client, 3) == [0, 0, 0]
    assert proxy.seen == ["batch"] + ["eth_call"] * 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer[:-1],
        lambda answer: [answer[0], answer[0]],
        lambda answer: [answer[0], {**answer[1], "result": "0x1"}],
        lambda answer: [answer[0], {**answer[1], "result": None}],
        lambda answer: [answer[0], {**answer[1], "result": "0x"}],
        lambda answer: [answer[0], {**answer[1], "result": "0x" + "ff" * 32}],
        lambda answer: [{**answer[0], "id": "x"}, {**answer[1], "id": "y"}],
        lambda answer: [answer[0], 5],
        lambda answer: [answer[0], {"jsonrpc": "2.0", "id": answer[1]["id"], "error": {"code": 1, "message": "no"}}],
    ],
)
def test_a_batch_that_does_not_fit_is_refused(client, proxy, spoil):
    """It is asked again, as its fault may pass, and given up after some seconds."""
    proxy.modes["batch"] = [spoil] * 100
    client.node.patience = 0.5
    with pytest.raises(Unreachable):
        revoked(client, 2)
    proxy.modes["batch"] = [spoil]


def test_a_revert_in_a_batch_is_its_error(client, proxy):
    from salus import errors

    data = (
        "0x" + decoding.selector(next(e for e in decoding.load_abi("Guardians") if e.get("name") == "NoRecovery")).hex()
    )
    error = {"code": 3, "message": "execution reverted", "data": data + "00" * 12 + "11" * 20}
    proxy.modes["batch"] = [lambda answer: [{"jsonrpc": "2.0", "id": answer[0]["id"], "error": error}, answer[1]]]
    with pytest.raises(errors.NoRecovery, match="no recovery of 0x1111"):
        revoked(client, 2)


def test_arguments_that_do_not_fit_are_told(client):
    with pytest.raises(ValueError, match="not as revokedUntil takes it"):
        client.calls("ConsentRegistry", "revokedUntil", [(5,)])


def test_a_thousand_directives_are_listed_in_a_dozen_messages(deployed_chain, proxy):
    patient = deployed_chain.client(deployed_chain.person(10))
    account, now = patient.signer.address, patient.now()
    end, contract = now + 10**8, deployed_chain.book["ConsentRegistry"].address
    grantees = [to_checksum_address(f"0x{number:040x}") for number in range(2**40, 2**40 + 250)]
    orders = [
        Order(
            account,
            Directive(grantee, place, Effect.PERMIT, 1, codes.ALL_RECORDS, 0, end),
            now,
            now + 999,
            31337,
            contract,
        )
        for grantee in grantees
        for place in range(4)
    ]
    signed = [patient.consent.sign(order) for order in orders]
    for first in range(0, 1000, 100):
        patient.consent.relay(signed[first : first + 100])
    reader = Salus.connect(proxy.url, book=deployed_chain.book)
    proxy.seen.clear()
    found = reader.consent.all(account)
    assert (len(found), {record.status for record in found}) == (1000, {Status.ACTIVE})
    assert proxy.seen.count("batch") == 10 and len(proxy.seen) == 12
