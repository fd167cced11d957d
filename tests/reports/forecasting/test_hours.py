"""At which hours a meter is used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.reading import meters
from reports.forecasting.history import History, histories
from reports.forecasting.hours import Hours, hours_of, learned_hours

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

END = datetime(2026, 6, 15, 18, tzinfo=UTC)
OFFICE = [0.0] * 15 + [1 / 8] * 8 + [0.0]  # of a day that begins at 18:00: used from 9:00 to 17:00


def history(count: int, weights: list[float] | None = None) -> History:
    dates = np.datetime64("2026-06-15", "D") - np.arange(count)[::-1]
    return History(np.ones(count), dates, np.array(weights or [1.0] * count), END, ZoneInfo("UTC"))


def totals(*days: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.concatenate([[0.0], np.concatenate(days).cumsum()])


def learned(*days: list[float], weights: list[float] | None = None) -> Hours | None:
    return learned_hours(totals(*days), history(len(days), weights))


def test_office_hours_leave_the_night_to_the_one_even_day_that_was_not_seen() -> None:
    hours = learned(*[OFFICE] * 14)
    assert hours is not None
    assert hours.of_usage(0.5) == pytest.approx(0.5 / 15)
    assert hours.of_usage(23 / 24) == pytest.approx(1 - 1 / 24 / 15)


def test_even_usage_is_time() -> None:
    hours = learned(*[[2.0] * 24] * 5)
    assert hours is not None
    assert [hours.of_usage(days) for days in (0.0, 0.3, 1.0, 2.7)] == pytest.approx([0.0, 0.3, 1.0, 2.7])


def test_every_day_has_one_vote_however_much_it_used() -> None:
    early = [1.0, *[0.0] * 23]
    late = [*[0.0] * 23, 10_000.0]
    hours = learned(early, late, early)
    assert hours is not None
    assert hours.reached[1] == pytest.approx((2 + 1 / 24) / 4)


@pytest.mark.parametrize(
    ("days", "weights"),
    [([OFFICE, OFFICE], None), ([OFFICE, [0.0] * 24, OFFICE], None), ([OFFICE] * 4, [1.0, 0.4, 0.4, 1.0])],
    ids=["two days", "a day without usage", "days hardly observed"],
)
def test_too_few_days_tell_nothing(days: list[list[float]], weights: list[float] | None) -> None:
    assert learned(*days, weights=weights) is None


def test_a_fall_within_a_day_is_no_usage() -> None:
    day = [1.0] * 24
    fallen = [*day[:12], -5.0, *day[13:]]
    hours = learned(day, fallen, day)
    assert hours is not None
    assert list(hours.reached) == sorted(hours.reached)


@given(
    st.lists(st.lists(st.floats(0, 1e9), min_size=24, max_size=24), min_size=3, max_size=14),
    st.floats(0, 100),
)
def test_there_and_back_is_the_same_instant_and_a_whole_day_stays_one(days: list[list[float]], at: float) -> None:
    hours = learned(*days)
    if hours is None:
        assert sum(sum(day) > 0 for day in days) < 3
        return
    assert hours.of_time(hours.of_usage(at)) == pytest.approx(at, abs=1e-6)
    assert hours.of_usage(float(int(at))) == int(at)
    assert hours.of_usage(at) <= hours.of_usage(at + 0.1)
    assert hours.of_time(float("inf")) == float("inf")


def test_hours_are_read_from_the_ledger(ledger: Ledger) -> None:
    start = END - timedelta(days=6)
    for hour in range(6 * 24 + 1):
        at = start + timedelta(hours=hour)
        days, part = divmod((at - (END - timedelta(days=6))) / timedelta(hours=1), 24)
        ledger.poll(at, 1000 + round(80 * (days + min(max(part - 15, 0), 8) / 8)))
    with ledger.database.read() as connection:
        (row,) = meters(connection, None, None)
    known = histories(ledger.database, [row], {row.id: ZoneInfo("UTC")})[row.id]
    hours = hours_of(ledger.database, [(row, known)])[row.id]
    assert hours.reached[15] == pytest.approx(15 / 24 / 7)
    assert hours.reached[19] == pytest.approx((6 * 0.5 + 19 / 24) / 7)
