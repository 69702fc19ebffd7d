"""Moments as they are typed."""

import pytest

from salus.cli.moments import parse_moment
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
