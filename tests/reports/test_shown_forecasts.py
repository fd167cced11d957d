"""Forecasts that reports showed are graded against what was used, when their period has been seen to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.store.forecasts import Foretold
from collector.store.reading import MeterRow, meters
from collector.store.report_runs import PlannedRun, claim_run, finish_run, plan, planned_until
from reports.shown_forecasts import shown_trials
from tests.reports.conftest import Ledger

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def told(row: MeterRow, day: float = 1, days: float = 10, remaining: int | None = 450) -> Foretold:
    """Return what was foretold ``day`` days after the beginning about the next ``days``."""
    return Foretold(
        meter=row.id,
        seen_at=BEGIN + day * DAY,
        until=BEGIN + (day + days) * DAY,
        quota=remaining and 1000,
        used=remaining and 1000 - remaining,
        remaining=remaining,
        probability=None if remaining is None else 0.75,
        times=() if remaining is None else ((0.25, 4.0), (0.5, 6.0), (0.75, None)),
        amounts=((0.25, 500.0), (0.5, 800.0), (0.75, 1200.0)),
        method="by hand",
    )


def keep(ledger: Ledger, report: str, *told: Foretold) -> None:
    """Keep forecasts as the run of a report."""
    run = PlannedRun("2026-03", BEGIN, BEGIN + 31 * DAY, BEGIN)
    planned_until(ledger.database, report, BEGIN)
    plan(ledger.database, report, [run], BEGIN)
    claimed = claim_run(ledger.database, [report], "us", BEGIN, BEGIN + DAY / 24)
    assert claimed is not None
    finish_run(ledger.database, claimed, BEGIN, ([], []), (), told)


@pytest.fixture
def row(any_ledger: Ledger) -> MeterRow:
    """A meter of which 100 were used each day for twenty days."""
    any_ledger.open()
    any_ledger.polls((BEGIN + count * DAY, 100 * count) for count in range(21))
    with any_ledger.database.read() as connection:
        (found,) = meters(connection)
    return found


def test_nothing_was_shown_of_a_meter_without_forecasts(any_ledger: Ledger, row: MeterRow) -> None:
    assert shown_trials(any_ledger.database, [row]) == {}


def test_forecast_is_graded_by_what_was_used_and_the_same_one_counts_once(any_ledger: Ledger, row: MeterRow) -> None:
    usage_only = replace(told(row, remaining=None), method="of another report")
    keep(any_ledger, "a-month", usage_only)
    keep(any_ledger, "weekly", told(row))
    found = shown_trials(any_ledger.database, [row])[row.id]
    assert (len(found.trials), found.open, found.span) == (1, 0, 10)
    (trial,) = found.trials
    assert (trial.probability, trial.came, trial.days) == (0.75, True, 10)
    assert trial.error == pytest.approx(6.0 - 4.5)
    assert trial.place == pytest.approx((0.625, 0.625))


def test_same_forecast_counts_once_whatever_lies_between(any_ledger: Ledger, row: MeterRow) -> None:
    """Of one instant: until an end, until another one, and until the first again."""
    keep(any_ledger, "a", told(row))
    keep(any_ledger, "b", told(row, days=12))
    keep(any_ledger, "c", told(row))
    found = shown_trials(any_ledger.database, [row])[row.id]
    assert [trial.days for trial in found.trials] == [10, 12]


@pytest.mark.parametrize(
    ("changes", "graded"),
    [
        ({"times": ((0.1, 4.0), (0.9, None))}, (0.75, True, None, (0.625, 0.625))),
        ({"times": ()}, (0.75, True, None, (0.625, 0.625))),
        ({"times": (), "probability": None}, (None, True, None, (0.625, 0.625))),
        ({"times": (), "amounts": ()}, (0.75, True, None, None)),
    ],
    ids=["an interval alone", "no times", "nobody could tell", "idle"],
)
def test_what_was_not_told_is_not_graded(
    any_ledger: Ledger, row: MeterRow, changes: dict[str, object], graded: tuple[object, ...]
) -> None:
    keep(any_ledger, "weekly", replace(told(row), **changes))  # type: ignore[arg-type]  # any of its fields
    (trial,) = shown_trials(any_ledger.database, [row])[row.id].trials
    place = None if trial.place is None else tuple(round(one, 6) for one in trial.place)
    assert (trial.probability, trial.came, trial.error, place) == graded


@pytest.mark.parametrize(
    ("changes", "came", "error"),
    [
        ({"remaining": 5000}, False, None),
        ({"remaining": None}, False, None),
        ({"remaining": 900, "day": 0.5}, True, 6.0 - 9.0),
    ],
    ids=["did not run out", "no quota", "from inside a day"],
)
def test_outcomes(
    any_ledger: Ledger, row: MeterRow, changes: dict[str, float | None], came: bool, error: float | None
) -> None:
    keep(any_ledger, "weekly", told(row, **changes))  # type: ignore[arg-type]  # any of its arguments
    (trial,) = shown_trials(any_ledger.database, [row])[row.id].trials
    assert trial.came is came
    assert trial.error == (None if error is None else pytest.approx(error))


def test_date_beyond_what_was_told_counts_as_the_end_of_the_period(any_ledger: Ledger, row: MeterRow) -> None:
    keep(any_ledger, "weekly", replace(told(row), times=((0.25, 4.0), (0.5, None))))
    (trial,) = shown_trials(any_ledger.database, [row])[row.id].trials
    assert trial.error == pytest.approx(10.0 - 4.5)


def test_period_that_was_not_seen_to_its_end_waits(any_ledger: Ledger, row: MeterRow) -> None:
    keep(any_ledger, "weekly", told(row, days=19.5))
    found = shown_trials(any_ledger.database, [row])[row.id]
    assert (found.trials, found.open) == ((), 1)
