from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.domain.accounts import Meter
from collector.store.reading import meters
from reports.forecasting.history import LEAST_WEIGHT, History, histories

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reports.conftest import Ledger

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


def history_of(ledger: Ledger, zone: ZoneInfo = UTC_ZONE, name: str = "credits", **changes: Any) -> History:
    with ledger.database.read() as connection:
        rows = meters(connection)
    found = histories(ledger.database, rows, {row.id: zone for row in rows}, **changes)
    return found[next(row.id for row in rows if row.name == name)]


def steady(days: float, per_day: int = 40, start: datetime = START, value: int = 1000) -> list[tuple[datetime, int]]:
    """Return polls every twelve hours of a counter that grows evenly."""
    return [(start + index * 12 * HOUR, value + index * per_day // 2) for index in range(int(days * 2) + 1)]


def written(history: History) -> dict[str, object]:
    """Return all that a history holds, to the last bit."""
    return {
        "daily": history.daily.tolist(),
        "dates": [str(one) for one in history.dates],
        "weights": history.weights.tolist(),
        "end": history.end,
        "left_out": history.left_out,
    }


def by_hand(daily: Iterable[float]) -> History:
    values = np.array(list(daily), dtype="float64")
    dates = np.datetime64("2026-03-02", "D") + np.arange(len(values))
    return History(values, dates, np.ones(len(values)), START + len(values) * DAY, UTC_ZONE)


CORRECTED = [
    *steady(2),
    (START + 2 * DAY + HOUR, 1070),
    (START + 2 * DAY + 2 * HOUR, 1073),
    *steady(1.5, start=START + 2.5 * DAY, value=1090),
]
"""On the third day ten units are taken back."""


class TestDays:
    def test_days_end_at_the_newest_observation(self, ledger: Ledger) -> None:
        ledger.polls([(START, 0), (START + 20 * HOUR, 20), (START + 44 * HOUR, 68), (START + 50 * HOUR, 80)])
        found = history_of(ledger)
        assert (found.end, found.daily.tolist()) == (START + 50 * HOUR, [30.0, 48.0])

    def test_first_part_of_a_day_is_left_out(self, ledger: Ledger) -> None:
        ledger.polls(steady(3.5))
        assert history_of(ledger).daily.tolist() == [40.0] * 3

    def test_part_of_a_day_that_is_all_there_is_stays_and_says_so(self, ledger: Ledger) -> None:
        ledger.polls(steady(0.5))
        found = history_of(ledger)
        assert (found.daily.tolist(), found.whole) == ([20.0], False)

    def test_one_observation_is_a_part_of_a_day_without_usage(self, ledger: Ledger) -> None:
        ledger.poll(START, 7)
        found = history_of(ledger)
        assert (found.daily.tolist(), found.weights.tolist(), found.whole) == ([0.0], [1.0], False)

    def test_days_are_called_by_the_local_date_of_their_middle(self, ledger: Ledger) -> None:
        ledger.polls(steady(2, start=START + 4 * HOUR))
        found = history_of(ledger, ZoneInfo("Asia/Tokyo"))
        assert [str(one) for one in found.dates] == ["2026-03-03", "2026-03-04"]

    @pytest.mark.parametrize("month", [3, 10], ids=["March", "October"])
    @pytest.mark.parametrize("minutes", [-30, 30], ids=["before midnight", "after midnight"])
    def test_change_of_the_clocks_moves_no_day_to_another_weekday(
        self, ledger: Ledger, month: int, minutes: int
    ) -> None:
        zone = ZoneInfo("Europe/Berlin")
        last = datetime(2026, month, 31, tzinfo=zone).astimezone(UTC) + timedelta(minutes=minutes)
        ledger.polls((last - day * DAY, 1000 - day) for day in range(9, -1, -1))
        days = [f"2026-{month:02}-{day}" for day in range(22, 31)]
        assert [str(one) for one in history_of(ledger, zone).dates] == days

    def test_no_more_days_than_asked_for_are_read(self, ledger: Ledger) -> None:
        ledger.polls(steady(5))
        assert len(history_of(ledger, most_days=2)) == 2

    def test_value_that_stays_is_idle_until_it_was_last_confirmed(self, ledger: Ledger) -> None:
        ledger.polls([*steady(2), (START + 3 * DAY, 1080), (START + 4 * DAY, 1080)])
        found = history_of(ledger)
        assert (found.end, found.daily.tolist(), found.idle_days) == (START + 4 * DAY, [40.0, 40.0, 0.0, 0.0], 2)

    def test_no_meters_have_no_histories(self, ledger: Ledger) -> None:
        assert histories(ledger.database, [], {}) == {}


class TestGaps:
    @pytest.fixture
    def outage(self, ledger: Ledger) -> History:
        """Five days, a gap of ten, and two more."""
        ledger.polls([*steady(5), *steady(2, start=START + 15 * DAY, value=1600)])
        return history_of(ledger)

    def test_usage_of_a_gap_is_spread_evenly(self, outage: History) -> None:
        assert outage.daily.tolist() == [40.0] * 17

    def test_swallowed_day_weighs_little_but_not_nothing(self, outage: History) -> None:
        assert (outage.weights[5:15] < 0.5).all()
        assert (outage.weights >= LEAST_WEIGHT).all()

    def test_ten_swallowed_days_weigh_like_one_or_two(self, outage: History) -> None:
        assert 1 <= outage.weights[5:15].sum() <= 2

    def test_days_around_a_gap_weigh_fully(self, outage: History) -> None:
        assert outage.weights[:5].tolist() + outage.weights[15:].tolist() == [1.0] * 7

    def test_gap_is_said(self, outage: History) -> None:
        assert outage.left_out == ("10 of the last 17 days were hardly observed and count little",)

    def test_one_poll_a_day_at_nearly_the_same_time_is_enough(self, ledger: Ledger) -> None:
        minutes = (0, 3, 1, 4, 2, 0, 5)
        ledger.polls((START + day * DAY + timedelta(minutes=late), 1000 * day) for day, late in enumerate(minutes))
        assert (history_of(ledger).weights > 0.95).all()


class TestWhatIsLeftOut:
    def test_usage_goes_on_across_a_reset(self, ledger: Ledger) -> None:
        ledger.polls([*steady(3), (START + 3.5 * DAY, 20), (START + 4 * DAY, 40)])
        assert history_of(ledger).daily.tolist() == [40.0] * 4

    def test_reset_costs_its_day_no_more_than_the_step_before_it(self, ledger: Ledger) -> None:
        hourly = [(START + index * HOUR, 9000 + index if index < 30 else index - 30) for index in range(49)]
        for at, value in hourly:
            ledger.poll(at, value, gap_after=timedelta(minutes=30))
        assert history_of(ledger).weights.tolist() == pytest.approx([1, 0.96])

    def test_correction_is_left_out_and_said(self, ledger: Ledger) -> None:
        ledger.polls(CORRECTED)
        found = history_of(ledger)
        assert found.daily.tolist() == pytest.approx([40, 40, 40, 40], abs=3)
        assert found.left_out == ("left out a correction of -10 at 2026-03-04 10:30:00Z",)

    def test_usage_taken_back_is_no_negative_day(self, ledger: Ledger) -> None:
        ledger.polls([*steady(2), (START + 2 * DAY + HOUR, 700), (START + 3 * DAY, 701), (START + 3.1 * DAY, 702)])
        assert (history_of(ledger).daily >= 0).all()

    def test_unconfirmed_spike_is_left_out_and_said(self, ledger: Ledger) -> None:
        ledger.polls(steady(2))
        ledger.poll(START + 2 * DAY + HOUR, 9080, flags=("spike:credits",))
        ledger.polls(steady(2, start=START + 2.5 * DAY, value=9100))
        found = history_of(ledger)
        assert found.daily.tolist() == pytest.approx([40, 40, 40, 40], abs=3)
        assert found.left_out == ("left out an unconfirmed spike of 8,000 at 2026-03-04 10:30:00Z",)

    def test_several_spikes_are_counted(self, ledger: Ledger) -> None:
        ledger.poll(START, 0)
        for hour, value in ((10, 8000), (30, 17_000)):
            ledger.poll(START + hour * HOUR, value, flags=("spike:credits",))
        assert history_of(ledger).left_out == ("left out 2 unconfirmed spikes, the last at 2026-03-03 15:30:00Z",)

    def test_day_that_is_nothing_but_a_spike_is_like_the_others_and_weighs_little(self, ledger: Ledger) -> None:
        ledger.polls(steady(3))
        ledger.poll(START + 4 * DAY, 99_000, flags=("spike:credits",))
        found = history_of(ledger)
        assert (found.daily.tolist(), found.weights[-1]) == ([40.0] * 4, LEAST_WEIGHT)

    def test_held_fall_ends_the_history_at_the_last_good_value(self, ledger: Ledger) -> None:
        ledger.polls([*steady(2), (START + 2.5 * DAY, 600)])
        found = history_of(ledger)
        assert (found.end, found.daily.tolist()) == (START + 2 * DAY, [40.0, 40.0])


def test_history_is_the_same_on_every_engine(any_ledger: Ledger) -> None:
    any_ledger.open()
    any_ledger.polls([*CORRECTED, (START + 6 * DAY, 1200)])
    assert written(history_of(any_ledger)) == {
        "daily": [40.0, 40.0, 41.73913043478261, 40.0, 25.0, 25.0],
        "dates": [f"2026-03-0{day}" for day in range(2, 8)],
        "weights": [1.0, 1.0, 0.9583333333333334, 1.0, 1 / 3, 1 / 3],
        "end": START + 6 * DAY,
        "left_out": (
            "left out a correction of -10 at 2026-03-04 10:30:00Z",
            "2 of the last 6 days were hardly observed and count little",
        ),
    }


def test_offset_of_the_counter_changes_nothing(ledger: Ledger) -> None:
    ledger.open(meters=(Meter("credits", "credits"), Meter("requests", "requests")))
    for at, value in [*steady(3), *steady(2, start=START + 8 * DAY, value=1300)]:
        ledger.poll(at, {"credits": value, "requests": value + 10**15})
    assert written(history_of(ledger)) == written(history_of(ledger, name="requests"))


class TestUntil:
    def test_earlier_history_ends_earlier(self) -> None:
        found = by_hand([1, 2, 3]).until(2)
        assert (found.daily.tolist(), found.end) == ([1.0, 2.0], START + 2 * DAY)

    @pytest.mark.parametrize("count", [0, 4])
    def test_days_that_there_are_not_are_refused(self, count: int) -> None:
        with pytest.raises(ValueError, match=f"a history of 3 days has no first {count}"):
            by_hand([1, 2, 3]).until(count)


@pytest.mark.parametrize(
    ("daily", "is_idle"),
    [
        ([5] * 20 + [0] * 6, False),
        ([5] * 20 + [0] * 7, True),
        ([5] + [0] * 8 + [5] + [0] * 8, False),
        ([5] + [0] * 8 + [5] + [0] * 9, True),
        ([0] * 30 + [5] * 10 + [0] * 20, True),
        ([0] * 9, True),
    ],
    ids=["under a week", "a week", "not longer than before", "longer than ever", "not used before", "never"],
)
def test_meter_is_idle_after_a_week_that_is_longer_than_any_pause_before(daily: list[float], is_idle: bool) -> None:
    assert by_hand(daily).is_idle is is_idle
