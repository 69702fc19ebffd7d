"""The chain's clock compared with this machine's, before anything is signed that ends by it (F18)."""

import time

import pytest

from salus.chain.book import Book
from salus.chain.ledger import Ledger
from salus.chain.rpc import Trouble
from salus.cli.context import Context
from salus.errors import BadAnswer


class Node:
    """Tells the times of its pending and its latest block."""

    def __init__(self, pending, latest):
        self.answers = [self.block(pending), self.block(latest)]

    @staticmethod
    def block(time):
        return {"timestamp": hex(time)} if isinstance(time, int) else time

    def many(self, calls, *, doing=""):
        assert [params[0] for _, params in calls] == ["pending", "latest"]
        return self.answers


NOW = 1_900_000_000
NONE = Trouble(-32602, "no pending block", {})


@pytest.fixture
def offset(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW + 0.25)
    return lambda pending, latest: Ledger(Node(pending, latest), Book(1)).clock_offset()


@pytest.mark.parametrize("shift", [-86_400, -1, 0, 1, 7_200])
@pytest.mark.parametrize("pending", [True, None, NONE])
def test_U10_the_offset_is_that_of_the_block_to_come(offset, shift, pending):
    assert offset(NOW + shift if pending is True else pending, NOW + shift - 12 * (pending is True)) == shift - 0.25


def test_U10_a_chain_without_traffic_is_not_one_whose_clock_stands(offset):
    assert offset(NOW, NOW - 50_000) == -0.25


@pytest.mark.parametrize("answer", [None, NONE, {}, {"timestamp": None}])
def test_U10_a_node_that_tells_no_time_is_told(offset, answer):
    with pytest.raises(BadAnswer, match="does not tell the chain's time"):
        offset(answer, answer)


@pytest.mark.parametrize(
    ("shift", "said"),
    [(7_300, "2 hours ahead of"), (-300, "5 minutes behind"), (-400_000, "4 days behind"), (100, ""), (-100, "")],
)
def test_U10_the_command_line_warns_where_the_clocks_differ(monkeypatch, capsys, shift, said):
    monkeypatch.setattr(time, "time", lambda: NOW)
    Context().compare_clocks(Ledger(Node(NOW + shift, NOW + shift), Book(1)))
    told = capsys.readouterr()
    assert told.out == "" and (
        f"warning: the chain's clock is {said} this machine's" in told.err if said else not told.err
    )
