"""Moments as they are typed."""

import pytest

from salus.cli.moments import moment, parse_end, parse_moment
from salus.errors import BadInput

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-01", 1798761600),
        ("2027-01-01T00:00:01Z", 1798761601),
        ("2027-01-01T01:00:00+01:00", 1798761600),
        ("2027-01-01 12:00", 1798804800),
        ("+90d", NOW + 90 * 86400),
        ("+1y", NOW + 365 * 86400),
        ("+2w", NOW + 14 * 86400),
        ("+5s", NOW + 5),
        ("+5m", NOW + 300),
        (" +5h ", NOW + 18000),
    ],
)
def test_moments(text, seconds):
    assert parse_moment(text, lambda: NOW) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "90d", "+d", "+1.5d", "-1d", "2027-13-01", "1969-01-01", "+999999999y", "\x1b[2J"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(BadInput, match="^--until: .* is no moment; write 2027-01-01") as raised:
        parse_moment(text, lambda: NOW)
    assert "\x1b" not in str(raised.value)


# ---------------------------------------------------------------------------------------------------- the end of a span


def test_an_end_is_after_the_chains_clock_by_a_second_at_least():
    assert parse_end("+1s", lambda: NOW) == NOW + 1
    with pytest.raises(BadInput, match=rf"^--until: {moment(NOW)} is past; the chain's clock says {moment(NOW)}$"):
        parse_end("+0s", lambda: NOW)


def test_an_end_is_after_its_start_by_a_second_at_least():
    assert parse_end("+1h", lambda: NOW, start=NOW + 3599) == NOW + 3600
    with pytest.raises(BadInput, match=rf"^--until: {moment(NOW + 3600)} is not after --from, {moment(NOW + 3600)}$"):
        parse_end("+1h", lambda: NOW, start=NOW + 3600)


def test_the_last_moment_is_the_last_that_the_contracts_can_hold():
    last = (1 << 40) - 1
    assert parse_end("+1s", lambda: last - 1) == last
    with pytest.raises(BadInput, match="is no moment"):
        parse_end("+1s", lambda: last)
