"""Usage by day, by period and its trend: what is told and what is drawn."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reports.charts.palette import LIGHT
from reports.charts.signs import HATCHED
from reports.charts.usage import daily_usage, period_usage, trend_line
from reports.document import Chart, Kind
from reports.rendering import Cell, Row
from tests.reports.charts.conftest import FIRST, day_rows
from tests.reports.charts.drawn_points import points, texts


def _daily(rows: list[Row]) -> Chart:
    return daily_usage(rows, name="by_day", title="Credits by day", unit="credits")


def test_the_summary_tells_the_exact_total_and_the_highest_day() -> None:
    chart = _daily(day_rows([2**62, 2**62, 2**62 + 1]))
    assert "13,835,058,055,282,163,713 credits were used, 1–3 Oct 2026" in chart.summary
    assert "the highest day was 3 Oct with 4,611,686,018,427,387,905" in chart.summary


def test_the_summary_counts_partial_and_unobserved_days() -> None:
    rows = [*day_rows([5], partial=True), *day_rows([7, 7], coverage=0.0, snapshots=0)]
    assert "1 day is only partly in the history. 2 days were not observed" in _daily(rows).summary


def test_the_average_is_of_whole_days() -> None:
    rows = day_rows([10, 20, 1])
    assert ", 15 a day on average;" in _daily([*rows[:2], {**rows[2], "partial": True}]).summary


def test_the_table_has_the_figures_as_they_came() -> None:
    table = _daily(day_rows([Decimal("1.25"), None])).table
    assert [(row["day"], row["usage"]) for row in table.rows] == [("2026-10-01", Decimal("1.25")), ("2026-10-02", None)]
    assert [one.kind for one in table.columns[:3]] == [Kind.DAY, Kind.QUANTITY, Kind.QUANTITY]


def test_bars_stand_on_zero_and_end_at_the_usage() -> None:
    bars = points(_daily(day_rows([3, 8])), "height", "base")
    assert [(one["base"], one["height"]) for one in bars] == [(0, 3), (0, 8)]


def test_a_day_of_unknown_usage_has_no_bar() -> None:
    assert [one["height"] for one in points(_daily(day_rows([3, None, 4])), "height", "base")] == [3, 4]


def test_partial_days_are_in_the_layer_that_is_hatched() -> None:
    rows = [*day_rows([3]), *day_rows([9], partial=True)]
    layers = _daily(rows).draw(LIGHT).to_dict()["layer"]
    assert isinstance(layers, list)
    assert sum(str(one.get("name", "")).startswith(f"{HATCHED}_bars") for one in layers) == 1


def test_bounds_are_whiskers_from_least_to_most() -> None:
    chart = _daily(day_rows([10, 20], lower=8, upper=23))
    assert {(one["low"], one["high"]) for one in points(chart, "low", "high")} == {(8, 23)}
    assert "least and most possible" in texts(chart)


def test_a_day_without_upper_bound_is_marked_so() -> None:
    assert "no upper bound" in texts(_daily(day_rows([10], lower=8, upper=None)))


def test_days_without_a_row_are_shaded_as_not_observed() -> None:
    rows = day_rows([1, 2, 3])
    shaded = points(_daily([rows[0], rows[2]]), "at", "until")
    assert min((one["until"] - one["at"]) / 86_400_000 for one in shaded if "height" not in one) == 1


def test_the_key_names_only_what_is_drawn() -> None:
    assert texts(_daily(day_rows([1, 2]))).isdisjoint({"partial day", "interpolated", "not observed", "no upper bound"})


@pytest.mark.parametrize(
    ("largest", "heading"),
    [
        (9_999_999, "credits per day, 1 Oct 2026"),
        (10_000_000, "millions of credits per day, 1 Oct 2026"),
        (10**10, "billions of credits per day, 1 Oct 2026"),
        (2**62, "10¹⁸ credits per day, 1 Oct 2026"),
    ],
)
def test_the_heading_says_in_which_magnitude_figures_are(largest: int, heading: str) -> None:
    title = _daily(day_rows([largest])).draw(LIGHT).to_dict()["title"]
    assert isinstance(title, dict)
    assert title["text"] == heading


def test_many_days_are_drawn_as_one_outline_in_which_every_day_keeps_its_height() -> None:
    usages = [(place * 37) % 90 for place in range(400)]
    drawn = points(_daily(day_rows(usages)), "run", "height")
    assert [one["height"] for one in drawn] == [*usages, usages[-1]]


def test_an_outline_does_not_run_through_days_without_a_row() -> None:
    rows = day_rows([5] * 400)
    assert {one["run"] for one in points(_daily([*rows[:100], *rows[120:]]), "run", "height")} == {0, 1}


def _months(*usages: int, **changes: object) -> list[Row]:
    rows: list[Row] = [
        {"period": f"2026-{place:02}", "usage": one, "lower": one, "upper": one, "partial": False}
        for place, one in enumerate(usages, 1)
    ]
    return [*rows[:-1], {**rows[-1], **changes}]  # type: ignore[dict-item]  # cells, by name


def test_the_summary_of_periods_compares_whole_ones_only() -> None:
    chart = period_usage(_months(300, 500, 20, partial=True), name="months", title="By month", unit="credits")
    assert chart.summary == (
        "2026-03: 20 credits so far or in part. Of 2 whole periods the highest was 2026-02 with 500, "
        "the lowest 2026-01 with 300."
    )


def test_periods_carry_their_figures_and_names() -> None:
    chart = period_usage(_months(300, 1500), name="months", title="By month", unit="credits")
    assert {"300", "1,500", "Jan", "Feb", "2026"} <= texts(chart)


def test_a_cost_is_in_the_table_where_one_is_known() -> None:
    rows = _months(1, 2, cost=Decimal("0.10"))
    chart = period_usage(rows, name="months", title="By month", unit="credits")
    assert chart.table.columns[-1].kind is Kind.MONEY
    assert [row["cost"] for row in chart.table.rows] == [None, Decimal("0.10")]


def test_unusual_days_are_ringed_and_labelled_by_date() -> None:
    known: dict[str, Cell] = {
        "mean": 10.0,
        "median": 10.0,
        "expected_low": 5.0,
        "expected_high": 15.0,
        "unusual": False,
    }
    rows = day_rows([10, 40, 11], FIRST, **known)
    chart = trend_line([rows[0], {**rows[1], "unusual": True}, rows[2]], name="trend", title="Trend", unit="credits")
    assert {"2 Oct", "unusual", "moving mean", "expected"} <= texts(chart)
    assert "1 day was unusual: 2 Oct with 40." in chart.summary


def test_at_most_six_unusual_days_are_labelled_but_all_are_ringed() -> None:
    known: dict[str, Cell] = {"mean": 1.0, "median": 1.0, "expected_low": 0.0, "expected_high": 2.0, "unusual": True}
    chart = trend_line(day_rows(list(range(30, 60)), FIRST, **known), name="trend", title="Trend", unit="credits")
    dates = {one for one in texts(chart) if one.endswith(" Oct")}
    assert 1 <= len(dates) <= 6
    layers = chart.draw(LIGHT).to_dict()["layer"]
    assert isinstance(layers, list)
    rings = [one for one in layers if one["mark"].get("stroke") == LIGHT.bad]
    assert max(len(points(chart, "at", "height", layer=one)) for one in rings) == 30
