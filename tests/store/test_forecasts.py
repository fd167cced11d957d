"""What reports foretold is kept with the run that showed it, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from collector.domain.accounts import Account
from collector.errors import IntegrityError, LeaseLostError
from collector.store import schema
from collector.store.copying import copy_history
from collector.store.engine import Database
from collector.store.forecasts import Foretold, kept_forecasts, waiting_forecasts
from collector.store.report_runs import ClaimedRun, PlannedRun, claim_run, finish_run, plan, planned_until
from collector.store.verifying.soundness import column_check

if TYPE_CHECKING:
    from tests.store.conftest import Desk

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
YEAR = timedelta(days=365)
OCTOBER = PlannedRun("2026-10", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), NOW)


def foretold(meter: int) -> Foretold:
    return Foretold(
        meter=meter,
        seen_at=datetime(2026, 11, 1, 23, 55, tzinfo=UTC),
        until=datetime(2026, 12, 1, tzinfo=UTC),
        quota=10_000,
        used=-7,
        remaining=2**62,
        probability=0.1234567890123456,
        times=((0.1, 3.25), (0.5, None)),
        amounts=((0.1, 100.0), (0.9, 1e18)),
        method="quantile curves",
    )


def run_of(database: Database, report: str = "weekly") -> ClaimedRun:
    planned_until(database, report, NOW)
    plan(database, report, [OCTOBER], NOW)
    run = claim_run(database, [report], "us", NOW, LATER)
    assert run is not None
    return run


def kept(database: Database, *meters: int) -> list[tuple[str, str, datetime, Foretold]]:
    with database.read() as connection:
        found = [one for meter in meters for one in kept_forecasts(connection, meter, OCTOBER.end + YEAR, 400)]
    return [(one.report, one.period, one.made_at, one.foretold) for one in found]


def test_forecast_is_kept_as_it_was_shown_once_for_each_run_and_meter(desk: Desk) -> None:
    one, other = foretold(desk.meter("credits")), foretold(desk.meter("requests"))
    again = replace(one, probability=0.9)
    huge = replace(other, used=2**63)
    finish_run(desk.database, run_of(desk.database), NOW, ([], []), (), [one, again, huge])
    assert kept(desk.database, one.meter, other.meter) == [("weekly", "2026-10", NOW, one)]
    assert kept(desk.database, other.meter) == []


def test_without_a_quota_only_the_usage_is_kept(desk: Desk) -> None:
    plain = replace(foretold(desk.meter()), quota=None, used=None, remaining=None, probability=None, times=())
    finish_run(desk.database, run_of(desk.database), NOW, ([], []), (), [plain])
    assert [found for *_, found in kept(desk.database, plain.meter)] == [plain]


def test_ledger_with_kept_forecasts_is_sound_and_a_wrong_probability_is_found(desk: Desk) -> None:
    finish_run(desk.database, run_of(desk.database), NOW, ([], []), (), [foretold(desk.meter())])
    with desk.database.read() as connection:
        assert column_check(connection).ok
    if desk.database.is_sqlite:
        with desk.database.write() as connection:
            connection.exec_driver_sql("UPDATE forecast SET probability = 1")  # SQLite keeps it as 1.0
        with desk.database.read() as connection:
            assert column_check(connection).ok
        with desk.database.write() as connection:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("UPDATE forecast SET probability = 'likely'")
        with desk.database.read() as connection:
            assert not column_check(connection).ok


def test_only_the_newest_whose_time_is_over_are_read(desk: Desk) -> None:
    """Several from one instant to another are one; those that wait are counted."""
    one = foretold(desk.meter())
    earlier = replace(one, seen_at=one.seen_at - YEAR, until=one.until - YEAR)
    first = replace(one, until=one.until - timedelta(days=20))
    for report, told in (("a", one), ("b", first), ("c", one), ("d", earlier)):
        finish_run(desk.database, run_of(desk.database, report), NOW, ([], []), (), [told])
    with desk.database.read() as connection:
        ends = [kept_forecasts(connection, one.meter, end, 2) for end in (one.until, first.until)]
        waiting = waiting_forecasts(connection, {one.meter: first.until, one.meter + 1: NOW})
    assert [[each.report for each in found] for found in ends] == [["b", "a", "c"], ["d", "b"]]
    assert waiting == {one.meter: 1}


@pytest.mark.parametrize(
    "text",
    ["rubbish", "{}", "null", "[[0.5]]", "[[0.5, 1e999]]", '[["a", 1]]', "[" * 100_000],
    ids=lambda text: text[:9],
)
def test_forecast_that_cannot_be_read_is_found_and_told(desk: Desk, text: str) -> None:
    finish_run(desk.database, run_of(desk.database), NOW, ([], []), (), [foretold(desk.meter())])
    with desk.database.write() as connection:
        connection.execute(update(schema.forecast).values(amounts=text))
    with desk.database.read() as connection:
        assert not column_check(connection).ok
    with pytest.raises(IntegrityError, match="2026-10 is damaged"):
        kept(desk.database, desk.meter())


def test_run_that_was_taken_over_keeps_nothing(desk: Desk) -> None:
    run = run_of(desk.database)
    assert claim_run(desk.database, ["weekly"], "them", LATER, LATER + timedelta(minutes=1)) is not None
    with pytest.raises(LeaseLostError):
        finish_run(desk.database, run, NOW, ([], []), (), [foretold(desk.meter())])
    assert kept(desk.database, desk.meter()) == []


@pytest.mark.postgres
def test_copy_has_the_same_forecasts(
    sqlite_database: Database,
    postgres_database: Database,
    make_account: Callable[..., Account],
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk(sqlite_database, make_account())
    finish_run(sqlite_database, run_of(sqlite_database), NOW, ([], []), (), [foretold(desk.meter())])
    assert copy_history(sqlite_database, postgres_database)["forecast"] == 1
    assert kept(postgres_database, desk.meter()) == kept(sqlite_database, desk.meter())
