"""Which stretches a trend compares, and that both are of days the history holds."""

from __future__ import annotations

from datetime import date

import pytest

from reports.trend.periods import Comparison, comparisons


def compared(last: date, since: date) -> dict[str, Comparison]:
    return {one.name: one for one in comparisons(last, since)}


def test_a_year_that_begins_within_a_month_is_compared_from_its_first_whole_day_on() -> None:
    found = compared(date(2026, 11, 21), date(2025, 11, 2))
    assert found["month_year_ago"] == Comparison("month_year_ago", date(2026, 11, 2), date(2025, 11, 2), 20)
    assert found["year_to_date"] == Comparison("year_to_date", date(2026, 11, 2), date(2025, 11, 2), 20)


def test_the_last_whole_month_is_held_against_the_same_a_year_earlier() -> None:
    found = compared(date(2026, 3, 5), date(2020, 1, 1))
    assert found["last_month_year_ago"] == Comparison("last_month_year_ago", date(2026, 2, 1), date(2025, 2, 1), 28)


@pytest.mark.parametrize("since", [date(2025, 11, 16), date(2026, 6, 1)], ids=["under a week of it", "none of it"])
def test_a_year_of_which_too_little_is_known_stays_as_it_is(since: date) -> None:
    found = compared(date(2026, 11, 21), since)
    assert found["month_year_ago"] == Comparison("month_year_ago", date(2026, 11, 1), date(2025, 11, 1), 21)


def test_a_february_of_29_days_is_compared_on_28() -> None:
    assert compared(date(2024, 2, 29), date(2020, 1, 1))["month_year_ago"].days == 28
