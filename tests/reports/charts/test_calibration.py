"""Foretold against come: what is told and what is drawn."""

from __future__ import annotations

import pytest

from reports.charts.calibration import Outcome, places, reliability
from reports.document import Chart
from reports.palette import LIGHT
from tests.reports.charts.drawn_points import points, texts


def outcomes(*classes: tuple[float, int, int]) -> list[Outcome]:
    """Return so many forecasts of each probability, of which so many came."""
    return [Outcome(foretold, place < came) for foretold, count, came in classes for place in range(count)]


def drawn(found: list[Outcome], independent: float = 50) -> Chart:
    return reliability(found, independent=independent, name="reliability", title="Foretold and come")


def test_dots_are_how_often_it_came_with_their_counts() -> None:
    chart = drawn(outcomes((0.05, 20, 1), (0.75, 40, 30)))
    dots = points(chart, "foretold", "came", "low", "high")
    assert [(one["foretold"], one["came"]) for one in dots[:2]] == [(pytest.approx(0.05), 0.05), (0.75, 0.75)]
    assert all(one["low"] < one["came"] < one["high"] for one in dots)
    assert {"20", "40", "n"} <= set(texts(chart))


def test_whiskers_are_as_wide_as_the_independent_forecasts_allow() -> None:
    wide, narrow = (
        next(iter(drawn(outcomes((0.5, 100, 50)), independent).table.rows)) for independent in (10.0, 100.0)
    )
    assert isinstance(wide["high"], float)
    assert isinstance(narrow["high"], float)
    assert wide["high"] > narrow["high"] > 0.5


def test_what_is_off_by_more_than_chance_is_told() -> None:
    assert drawn(outcomes((0.9, 100, 20)), 100).summary == (
        "Not as often as foretold: 90 % was foretold and 20 % came. "
        "100 forecasts, which overlap: they are worth 100 independent ones."
    )
    assert drawn(outcomes((0.9, 100, 88)), 100).summary.startswith("Wherever a probability was foretold, it came as")


def test_few_forecasts_make_fewer_classes() -> None:
    spread = outcomes(*((place / 10 + 0.05, 4, 2) for place in range(10)))
    assert len(list(drawn(spread, 50).table.rows)) == 10
    assert len(list(drawn(spread, 20).table.rows)) == 5


def test_certainty_has_a_class() -> None:
    assert [row["foretold"] for row in drawn(outcomes((0.0, 3, 0), (1.0, 3, 3))).table.rows] == [0.0, 1.0]


def test_bars_are_the_shares_and_the_ends_are_told() -> None:
    shares = [0.2, *[0.05] * 8, 0.4]
    chart = places(shares, count=60, independent=12, name="places", title="Where it lay")
    assert [one["share"] for one in points(chart, "share", "ground")] == shares
    assert chart.summary == (
        "The 80 % interval held 40 % of what came; 20 % was less than its lower end, 40 % more than its upper. "
        "60 forecasts, which overlap: they are worth 12 independent ones."
    )
    (band,) = points(chart, "start", "low", "high")[:1]
    assert band["low"] < 0.1 < band["high"]


@pytest.mark.parametrize(
    "chart",
    [drawn([], 1), places([], count=0, independent=1, name="places", title="Where it lay")],
    ids=["reliability", "places"],
)
def test_nothing_to_draw_says_so(chart: Chart) -> None:
    assert chart.summary == "Nothing to draw."
    assert chart.draw(LIGHT).to_dict()["height"] == 72
