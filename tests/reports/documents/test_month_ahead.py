"""What a running month comes to: how the usage to come is spread over its days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.calendar import day_of, start_of_day
from reports.documents.fan import fan_rows
from reports.documents.month_ahead import _days
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of

BERLIN = ZoneInfo("Europe/Berlin")
END = start_of_day(date(2026, 11, 1), BERLIN)  # clocks go back within the fan

INSTANTS = st.integers(1, 31 * 24 * 60).map(lambda minutes: END - timedelta(minutes=minutes))


def prospect(seen: datetime, daily: list[int]) -> Prospect:
    first = day_of(seen, BERLIN) - timedelta(days=len(daily))
    dates = np.datetime64(first) + np.arange(len(daily))
    past = History(np.array(daily, dtype="float64"), dates, np.ones(len(daily)), seen, BERLIN)
    found = prospect_of(past, END, seen)
    assert isinstance(found, Prospect)
    return found


@given(
    INSTANTS,
    st.lists(st.integers(0, 10**9), min_size=1, max_size=40),
    st.integers(0, 10**12),
    st.integers(0, 3),
)
def test_usage_to_come_is_spread_to_the_unit(seen: datetime, daily: list[int], more: int, scale: int) -> None:
    today = day_of(seen, BERLIN)
    spread = list(_days((), prospect(seen, daily), (END, more), scale))
    assert sum(one.quantity for one in spread) == Decimal(more).scaleb(-scale)
    assert all(one.quantity >= 0 for one in spread)
    assert [one.day for one in spread] == [today + timedelta(days=count) for count in range(len(spread))]
    assert spread[-1].day == date(2026, 10, 31)


@given(
    INSTANTS,
    st.lists(st.integers(0, 10**9), min_size=1, max_size=40),
)
def test_fan_widens_from_what_was_used_and_never_falls(seen: datetime, daily: list[int]) -> None:
    known = prospect(seen, daily)
    rows = list(fan_rows(known, 100, 0, END))
    names = ("low", "high") if known.interval_only else ("low", "low_half", "middle", "high_half", "high")
    before = dict.fromkeys(names, 100)
    for row in rows:
        levels = [row[name] for name in names]
        assert levels == sorted(levels)  # type: ignore[type-var]  # all are whole numbers
        assert all(row[name] >= before[name] for name in names)  # type: ignore[operator]  # as above
        before = {name: int(str(row[name])) for name in names}
    assert rows[0]["day"] == day_of(seen, BERLIN).isoformat()
    assert rows[-1]["day"] == "2026-10-31"
