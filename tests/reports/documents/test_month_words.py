from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from reports.documents.month_judged import localised
from reports.documents.month_words import (
    between,
    counted,
    lasting,
    named,
    percent_more,
    period_text,
    span,
)
from reports.rendering import Cell

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        pytest.param((10, 12, 1, 10), (10, 12, 3, 40), "12 Oct 2026, 03:10–05:40 Europe/Berlin", id="within a day"),
        pytest.param(
            (10, 12, 20, 10),
            (10, 13, 3, 40),
            "12 Oct 2026, 22:10 – 13 Oct 2026, 05:40 Europe/Berlin",
            id="over midnight",
        ),
    ],
)
def test_span_stands_on_the_account_s_clock(start: tuple[int, ...], end: tuple[int, ...], said: str) -> None:
    first, last = (datetime(2026, one[0], one[1], one[2], one[3], tzinfo=UTC) for one in (start, end))
    assert span(first, last, BERLIN) == said


@pytest.mark.parametrize(
    ("first", "end", "said"),
    [
        pytest.param((2026, 10, 1), (2026, 11, 1), "October 2026", id="month"),
        pytest.param((2026, 10, 15), (2026, 11, 15), "15 Oct – 14 Nov 2026", id="anchored month"),
        pytest.param((2026, 12, 15), (2027, 1, 15), "15 Dec 2026 – 14 Jan 2027", id="over the year's end"),
        pytest.param((2026, 1, 1), (2027, 1, 1), "2026", id="year"),
        pytest.param((2026, 1, 1), (2026, 3, 1), "1 Jan – 28 Feb 2026", id="two months"),
        pytest.param((2026, 10, 5), (2026, 10, 12), "5 Oct – 11 Oct 2026", id="week"),
        pytest.param((2026, 10, 5), (2026, 10, 6), "5 Oct 2026", id="day"),
    ],
)
def test_period_is_named_as_people_name_it(first: tuple[int, int, int], end: tuple[int, int, int], said: str) -> None:
    assert period_text(datetime(*first, tzinfo=BERLIN), datetime(*end, tzinfo=BERLIN), BERLIN) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        pytest.param(timedelta(seconds=42), "42 s", id="seconds"),
        pytest.param(timedelta(minutes=150), "2 h 30 min", id="hours"),
        pytest.param(timedelta(days=1, hours=4, minutes=3), "1 day 4 h", id="a day"),
        pytest.param(timedelta(days=3), "3 days", id="days"),
    ],
)
def test_duration_has_its_two_largest_units(length: timedelta, said: str) -> None:
    assert lasting(length) == said


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        pytest.param(40, 55, "between 40 and 55 credits", id="bounds"),
        pytest.param(1, 1, "exactly 1 credit", id="exact"),
        pytest.param(4000, None, "at least 4,000 credits, with no upper limit known", id="open"),
        pytest.param(Decimal("0.125"), Decimal("1.000"), "between 0.125 and 1.000 credits", id="decimals"),
    ],
)
def test_bounds_are_told_in_words(lower: Cell, upper: Cell, said: str) -> None:
    assert between(lower, upper, "credits") == said


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        pytest.param(112.0, 100.0, "12 % more than", id="more"),
        pytest.param(95.5, 100.0, "4.5 % less than", id="less"),
        pytest.param(100.001, 100.0, "as much as", id="the same"),
        pytest.param(5.0, -10.0, "150 % more than", id="after a month taken back"),
    ],
)
def test_change_is_told_in_percent(now: float, before: float, said: str) -> None:
    assert percent_more(now, before) == said


def test_long_name_is_cut() -> None:
    assert named("x" * 1_000_000) == "x" * 80 + "…"


def test_count_of_one_is_singular() -> None:
    assert (counted(1, "credits"), counted(2, "credits"), counted(None, "credits")) == (
        "1 credit",
        "2 credits",
        "– credits",
    )


def test_instants_of_explanations_get_the_account_s_clock_and_quoted_names_stay() -> None:
    text = "the account's 2026-10-01 00:00:00Z, and '2026-10-01 00:00:00Z' is a name"
    assert localised(text, BERLIN) == (
        "the account's 1 Oct 2026, 02:00 Europe/Berlin, and '2026-10-01 00:00:00Z' is a name"
    )
