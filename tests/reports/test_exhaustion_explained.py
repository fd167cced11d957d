from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console

from reports.catalogue import Outlooks
from reports.exhaustion import exhaustion
from reports.exhaustion_explained import explanations
from reports.forecasting.curves import LEVELS, Curves
from reports.forecasting.history import History
from reports.forecasting.prospect import METHOD, Prospect
from reports.forecasting.recalibration import Recalibration

if TYPE_CHECKING:
    from reports.standing import QuotaStanding
    from tests.reports.conftest import Quotas

SEEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)  # a Monday
WEEK = [12.0, 12.0, 12.0, 12.0, 12.0, 5.0, 5.0]

PAGE = """\
nellie-prod · credits
runs out on 2026-03-16 (80 %: 2026-03-12 to 03-25); plan for 2026-03-13; the
last value is 2 days old; left out a correction of -10

The quota
  quota           1,000 credits, renewed on 2026-04-01
  used            860
  left            140
  at the reset    1,154 used (80 %: 1,036 to 1,272)

What was learned from
  history         28 days of 24 hours; the last ends at the newest value
  newest value    2026-03-02 14:30:00Z, 2 days old
  observed        27.1 of the last 28 days; gaps are filled by listed requests,
                  else evenly
  note            left out a correction of -10

Usage in credits a day
  last 28 days    10.0
  last 7 days     10.0 (+0 %)
  last 3 days     7.3 (-27 %)
  last day        5.0 (-50 %)
  next 28 days    10.0 expected
  weekdays        Mon 50 %  Tue 120 %  Wed 120 %  Thu 120 %
                  Fri 120 %  Sat 120 %  Sun 50 %
                  (24 hours up to 14:30, by their middle)
  varies          by 32 % from day to day, by 0 % from week to week

When it is used up, by probability
  10 %              by Thu 2026-03-12, about 14:00  (earliest)
  25 %              by Fri 2026-03-13, about 19:00  (plan for this day)
  50 %              by Mon 2026-03-16, about 14:00  (median)
  75 %              by Sat 2026-03-21, about 06:00
  90 %              by Wed 2026-03-25, about 22:00  (latest)
  before the reset  > 95 %

How it was told
  method          quantile curves of cumulative usage
  own record      the interval was made 20 % wider: 70 % of 48 own forecasts,
                  worth 24 independent ones, had held within it
"""


def prospect(
    standing: QuotaStanding, daily: list[float], own: Recalibration | None = None, weight: float = 1.0
) -> Prospect:
    values = np.array(daily)
    dates = np.datetime64("2026-03-02", "D") - np.arange(len(values))[::-1]
    weights = np.ones(len(values))
    weights[0] = weight
    history = History(values, dates, weights, standing.seen_at, standing.zone, ("left out a correction of -10",))
    rates = 5.0 + np.array(LEVELS) * 10.0
    return Prospect(history, Curves(np.array(LEVELS), rates[:, None] * np.arange(1, 731)), METHOD, own)


def page(standing: QuotaStanding, found: Prospect | str, now: datetime = SEEN) -> str:
    """Return what a terminal of 80 columns shows, without the blanks that fill its lines."""
    prospects = {1: found}
    (shown,) = explanations(Outlooks([standing], prospects, exhaustion([standing], prospects, {}, now)), now)
    out = io.StringIO()
    Console(file=out, width=80, highlight=False, color_system=None).print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def test_page_is_legible_on_a_narrow_terminal(quotas: Quotas) -> None:
    standing = quotas.standing(1000, 860, seen_at=SEEN)
    found = prospect(standing, WEEK * 4, Recalibration(1.2, 24, 0.7, 48), weight=0.1)
    assert page(standing, found, SEEN + timedelta(days=2)) == PAGE


@pytest.mark.parametrize(
    ("quota", "daily", "line"),
    [
        ({}, WEEK * 4, "  own record      too short to adjust the interval by"),
        ({}, [9.0], "  history         1 day of 24 hours; the last ends at the newest value"),
        ({"used": 100}, WEEK * 4, "  10 %              not before the reset"),
        ({"quota": 99_000, "lifetime": True}, WEEK * 4, "  10 %            later than two years"),
        ({"lifetime": True}, WEEK * 4, "  quota           1,000 credits, for life"),
        ({}, [*WEEK * 4, *[0.0] * 9], "  idle                for the last 9 days"),
    ],
    ids=["no record", "one day", "lasts", "for years", "for life", "idle"],
)
def test_what_it_rests_on_is_said(quotas: Quotas, quota: dict[str, int], daily: list[float], line: str) -> None:
    standing = quotas.standing(**{"quota": 1000, "used": 860, "seen_at": SEEN, **quota})  # type: ignore[arg-type]  # mixed
    lines = [" ".join(one.split()) for one in page(standing, prospect(standing, daily)).splitlines()]
    assert " ".join(line.split()) in lines


def test_former_pace_of_an_idle_meter_is_told(quotas: Quotas) -> None:
    text = page(quotas.standing(1000, 860, seen_at=SEEN), prospect(quotas.standing(), [*WEEK * 4, *[0.0] * 9]))
    (words,) = (line.split()[-1] for line in text.splitlines() if "before it was idle" in line)
    assert float(words) == pytest.approx(10, rel=0.1)


def test_meter_without_any_usage_yet_has_no_times(quotas: Quotas) -> None:
    standing = quotas.standing(1000, 860, seen_at=SEEN)
    found = replace(prospect(standing, [0.0] * 3), curves=Curves(np.array(LEVELS), np.zeros((len(LEVELS), 730))))
    text = page(standing, found)
    assert "no usage in 3 days of history: there is no former pace to judge by" in " ".join(text.split())
    assert "by probability" not in text
    assert "expected" not in text


def test_what_comes_within_hours_is_told_to_the_minute(quotas: Quotas) -> None:
    text = page(quotas.standing(1000, 999, seen_at=SEEN), prospect(quotas.standing(seen_at=SEEN), WEEK * 4))
    assert "by Mon 2026-03-02, about 16:12  (earliest)" in text
    assert "by Mon 2026-03-02, about 18:00  (latest)" in text


def test_quantile_that_has_passed_is_told_of_now(quotas: Quotas) -> None:
    standing = quotas.standing(1000, 860, seen_at=SEEN)
    lines = page(standing, prospect(standing, WEEK * 4), SEEN + timedelta(days=12)).splitlines()
    assert [" ".join(line.split()) for line in lines if "by now" in line] == [
        "10 % by now (earliest)",
        "25 % by now (plan for this day)",
    ]


@pytest.mark.parametrize(("amount", "parts"), [(None, []), (1000, ["The quota"])], ids=["no quota", "no forecast"])
def test_what_is_not_known_has_no_part(quotas: Quotas, amount: int | None, parts: list[str]) -> None:
    text = page(quotas.standing(amount, amount, seen_at=SEEN), "less than 24 hours of history: a forecast needs a day")
    titles = ("The quota", "What was learned from", "Usage in", "When it is used up", "How it was told")
    assert [one for one in titles if one in text] == parts


def test_used_up_quota_has_no_times(quotas: Quotas) -> None:
    standing = quotas.standing(1000, 1000, seen_at=SEEN)
    assert "by probability" not in page(standing, prospect(standing, WEEK))


def test_first_days_have_the_ends_of_the_interval_only(quotas: Quotas) -> None:
    standing = quotas.standing(1000, 860, seen_at=SEEN)
    assert "(median)" not in page(standing, prospect(standing, [10.0] * 3))


def test_no_meters_have_no_pages() -> None:
    assert explanations(Outlooks([], {}, exhaustion([], {}, {}, SEEN)), SEEN) == []
