"""What a running month comes to: how the usage to come is spread over its days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.calendar import day_of, start_of_day
from collector.domain.periods import Period
from reports.documents.fan import fan_rows
from reports.documents.month_ahead import Projection, _days, _prospect
from reports.documents.month_compare import _quota, _usage
from reports.documents.month_meters import MeterMonth
from reports.forecasting.curves import Curves
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of

BERLIN = ZoneInfo("Europe/Berlin")
START = start_of_day(date(2026, 10, 1), BERLIN)
END = start_of_day(date(2026, 11, 1), BERLIN)  # clocks go back within the fan

REASON = "idle for 9 days; at the former pace it might not last until the reset"

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


class TestKnown:
    """What the outlook of the quota knows already is not foretold again."""

    SEEN = END - timedelta(days=9)

    def asked(self, known: Prospect | History | str | None) -> Prospect | str:
        return _prospect(known, Period(date(2026, 10, 1), date(2026, 11, 1), START, END), self.SEEN)

    def test_prospect_that_reaches_the_end_is_taken_as_it_is(self) -> None:
        known = prospect(self.SEEN, [10] * 30)
        assert self.asked(known) is known

    def test_prospect_that_ends_before_it_is_made_again(self) -> None:
        known = prospect(self.SEEN, [10] * 30)
        short = replace(known, curves=Curves(known.curves.levels, known.curves.cumulative[:, :5]))
        made = self.asked(short)
        assert isinstance(made, Prospect)
        assert made.reaches(END)

    def test_reason_is_told_as_it_is(self) -> None:
        assert self.asked("nothing was observed yet") == "nothing was observed yet"

    @pytest.mark.parametrize(
        ("daily", "reason"),
        [([10] * 30 + [0] * 9, "idle for 9 days"), ([0] * 3, "no usage in 3 days of history")],
        ids=["idle", "not used yet"],
    )
    def test_nothing_is_projected_for_a_meter_without_usage(self, daily: list[int], reason: str) -> None:
        known = prospect(self.SEEN, daily)
        assert self.asked(known.history) == f"{reason}, and nobody knows for how much longer"


def test_quota_of_which_nobody_knows_is_told_in_a_whole_sentence() -> None:
    standing = {"period_end": "2026-11-01", "quota": 1000, "used": 400, "remaining": 600, "status": "unknown"}
    one = cast(
        "MeterMonth", SimpleNamespace(standing={**standing, "reason": REASON}, view=SimpleNamespace(unit="credits"))
    )
    assert list(_quota(one)) == [
        f"400 of the quota of 1,000 credits are used, 600 are left; whether they last is not known: {REASON}."
    ]


def test_interval_of_a_history_that_was_hardly_observed_says_so() -> None:
    known = prospect(END - timedelta(days=9), [10] * 20)
    hardly = replace(known, history=replace(known.history, weights=np.full(20, 0.1)))
    outlook = cast("Projection", SimpleNamespace(projected=None, low=90, high=110, prospect=hardly))
    one = cast("MeterMonth", SimpleNamespace(view=SimpleNamespace(unit="credits"), scale=0))
    assert _usage(one, outlook) == (
        "between 90 and 110 credits by its end (80 %, with only about 2 of 20 days observed)"
    )
