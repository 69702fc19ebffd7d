"""Days since 1970-01-01, as numbers, dates and texts."""

import datetime as dt

import pytest

from salus.formats.days import day_of, day_text, number_of


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "1970-01-01"), (-1, "1969-12-31"), (19_782, "2024-02-29"), (2_932_896, "9999-12-31")],
)
def test_a_day_is_a_number_a_date_and_a_text(number, text):
    assert (day_of(number), day_text(number)) == (dt.date.fromisoformat(text), text)
    assert number_of(day_of(number)) == number


@pytest.mark.parametrize("number", [2_932_897, 2**24 - 1, 2**31])
def test_a_day_after_the_calendars_end_is_shown_as_its_number(number):
    assert day_text(number) == f"day {number}"
    with pytest.raises(OverflowError):
        day_of(number)
