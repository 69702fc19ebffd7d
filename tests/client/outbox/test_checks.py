"""What is told of an outbox as a whole: open, failed, lost, nonces used by something else, a chain that is gone."""

from pathlib import Path

import pytest

from salus.errors.checks import Level
from salus.outbox import State, Status, checks

ACCOUNT = "0x" + "12" * 20


def found(foreign=(), gone=False, **counts):
    """Levels and texts of a status with so many items in some states."""
    numbers = {state: counts.get(state.value, 0) for state in State}
    status = Status(Path("/x.sqlite"), ACCOUNT, 31337, numbers, foreign)
    return [
        (check.level, check.found.removeprefix(f"{ACCOUNT} on chain 31337: "), check.todo)
        for check in checks._of(status, gone)
    ]


def test_what_is_settled_is_fine():
    assert found() == found(final=3, included=2) == [(Level.OK, "all settled", "")]


@pytest.mark.parametrize("state", ["queued", "stored", "sent"])
def test_what_is_open_is_resumed(state):
    ((level, text, todo),) = found(**{state: 2})
    assert (level, text) == (Level.WARN, "2 open") and "salus outbox resume" in todo


def test_what_failed_or_was_lost_is_looked_at():
    ((level, text, todo),) = found(failed=1, lost=2, final=9)
    assert (level, text) == (Level.WARN, "3 failed or lost") and "--state failed --state lost" in todo


def test_gaps_that_something_else_made_are_told():
    ((level, text, todo),) = found(foreign=((4, 4), (7, 9)), final=1)
    assert (level, text) == (Level.WARN, "nonces 4, 7 to 9 were used by something else")
    assert todo == "let one program alone send with this key"


def test_each_trouble_has_a_line():
    assert [text for _, text, _ in found(sent=1, failed=1, foreign=((0, 0),))] == [
        "1 open",
        "1 failed or lost",
        "nonces 0 were used by something else",
    ]


def test_of_a_chain_that_is_gone_only_what_is_open_matters():
    ((level, _, todo),) = found(gone=True, sent=1)
    assert (level, todo) == (Level.WARN, "they can never be sent: remove /x.sqlite")
    assert found(gone=True, final=1) == [(Level.OK, "all settled", "")]
