"""Burn rate, rhythm of the week, statuses and durations: what is told and what is drawn."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from reports.charts.days import day_axis, range_words
from reports.charts.figures import figure, inert, total
from reports.charts.quota import burn_rate
from reports.charts.requests import by_status, duration_words, durations
from reports.charts.rhythm import week_by_hour, weekdays
from reports.document import Chart
from reports.rendering import Cell, Row
from tests.reports.charts.drawn_points import points, texts, words


def test_burn_rates_are_told_with_the_day_they_are_of() -> None:
    rows: list[Row] = [
        {"day": "2026-10-01", "per_day_7": 10.0, "per_day_28": 9.5},
        {"day": "2026-10-02", "per_day_7": 11.25, "per_day_28": None},
    ]
    told = burn_rate(rows, name="burn", title="Burn", unit="credits").summary
    assert "11.25 credits per day over the last 7 days up to 2 Oct 2026" in told
    assert "9.5 credits per day over the last 28 days up to 1 Oct 2026" in told


def _hours(*cells: tuple[int, int, Cell]) -> Chart:
    rows: list[Row] = [{"weekday": day, "hour": hour, "value": value} for day, hour, value in cells]
    return week_by_hour(rows, name="hours", title="Hours", unit="requests")


def test_the_busiest_hour_and_weekday_are_told() -> None:
    assert _hours((1, 14, 6), (2, 9, 5), (2, 10, 5)).summary == (
        "The busiest hour is Tuesday 14:00–15:00 with 6 requests; the busiest weekday is Wednesday with 62.5 % of all."
    )


def test_hours_of_which_nothing_is_known_are_not_drawn_as_none() -> None:
    chart = _hours((0, 0, 0), (0, 1, 4))
    assert "– unknown" in texts(chart)
    assert len(points(chart, "day", "said")) == 7 * 24 - 2


def test_a_single_towering_hour_leaves_the_others_apart() -> None:
    chart = _hours(*((0, hour, hour + 1) for hour in range(23)), (1, 0, 1000))
    assert "≤ 27" in texts(chart)


def test_few_requests_have_each_class_once() -> None:
    assert sorted(one for one in words(_hours((0, 1, 1), (0, 2, 2))) if one.startswith("≤")) == ["≤ 1", "≤ 2"]


def test_weekdays_are_told_by_name() -> None:
    rows: list[Row] = [
        {"weekday": 6, "mean": 2.5, "low": 1, "high": 4},
        {"weekday": 0, "mean": 9.0, "low": 8, "high": 9},
    ]
    chart = weekdays(rows, name="weekdays", title="Weekdays", unit="credits")
    assert chart.summary == "Monday uses most with 9 credits on average, Sunday least with 2.5."
    assert [row["weekday"] for row in chart.table.rows] == ["Monday", "Sunday"]


def _statuses(*counts: int) -> Chart:
    rows: list[Row] = [{"status": f"status {place}", "requests": one} for place, one in enumerate(counts)]
    return by_status(rows, name="statuses", title="Statuses")


def test_forty_statuses_are_eleven_and_the_others_together() -> None:
    chart = _statuses(*range(40, 0, -1))
    bars = points(chart, "count", "status")
    assert len(bars) == 12
    assert (bars[-1]["status"], bars[-1]["count"]) == ("other (29 statuses)", sum(range(1, 30)))
    assert len(list(chart.table.rows)) == 40


@pytest.mark.parametrize(
    ("counts", "told"),
    [((1,), "100 %"), ((9999, 1), "< 0.1 %"), ((100_000, 1), "> 99.9 %"), ((3, 1), "75.0 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(counts: tuple[int, ...], told: str) -> None:
    assert told in _statuses(*counts).summary


def test_durations_are_told_in_readable_units() -> None:
    rows: list[Row] = [
        {"from_seconds": 0, "to_seconds": 1, "requests": 1},
        {"from_seconds": 1, "to_seconds": 60, "requests": 8},
        {"from_seconds": 60, "to_seconds": None, "requests": 1},
    ]
    chart = durations(rows, name="durations", title="Durations")
    assert chart.summary == "10 requests; most, 8 (80.0 %), took 1 s to 1 min."
    assert {"0 s", "1 s", "1 min", "longer"} <= texts(chart)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (0.05, "50 ms"), (1, "1 s"), (90, "1.5 min"), (3600, "1 h"), (86_400 * 3, "3 d")],
)
def test_duration_words(seconds: Cell, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"), (float("nan"), "–"), (2**70, "1,180,591,620,717,411,303,424"), (Decimal("1234.50"), "1,234.50"),
        (0.0, "0"), (0.00012345, "0.000123"), (12.3456, "12.35"), (1234.6, "1,235"), (10**300, f"{10**300:,}"),
    ],
)  # fmt: skip
def test_figures_for_people(value: Cell, words: str) -> None:
    assert figure(value) == words


@pytest.mark.parametrize(
    ("values", "sum_"), [([], 0), ([1, None, 2**70], 2**70 + 1), ([1, Decimal("0.1")], Decimal("1.1")), ([1, 0.5], 1.5)]
)
def test_totals_are_exact(values: list[Cell], sum_: object) -> None:
    assert total(values) == sum_


def test_unseen_characters_are_named_and_long_words_cut() -> None:
    assert inert("a\u202eb\x1b[0m") == "a⟨U+202E⟩b⟨U+001B⟩[0m"
    assert inert("x" * 10**6, 20) == "x" * 19 + "…"


@pytest.mark.parametrize("days", [1, 2, 8, 31, 63, 64, 200, 1096, 36_500, 3_652_059])
def test_an_axis_of_any_length_has_few_ticks_within_it(days: int) -> None:
    first = date(1, 1, 1) if days > 36_500 else date(2024, 1, 1)
    axis = day_axis([first, date.fromordinal(first.toordinal() + days - 1)])
    assert axis.count == days
    assert 1 <= len(axis.ticks) <= 9
    assert all(axis.domain[0] <= tick <= axis.domain[1] for tick in axis.ticks)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 10, 1), date(2026, 10, 1), "1 Oct 2026"),
        (date(2026, 10, 1), date(2026, 10, 31), "1–31 Oct 2026"),
        (date(2026, 9, 30), date(2026, 10, 2), "30 Sep – 2 Oct 2026"),
        (date(2025, 12, 31), date(2026, 1, 1), "31 Dec 2025 – 1 Jan 2026"),
    ],
)
def test_ranges_for_people(first: date, last: date, words: str) -> None:
    assert range_words(first, last) == words
