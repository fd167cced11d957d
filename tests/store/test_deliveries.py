from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.store.deliveries import (
    ClaimedDelivery,
    DeliveryState,
    claim_delivery,
    deliveries_to_tell,
    finish_delivery,
    give_back_delivery,
    put_off_delivery,
    reopen,
)
from collector.store.engine import Database
from collector.store.report_runs import NewDelivery, PlannedRun, claim_run, finish_run, plan, planned_until

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOBODY: frozenset[str] = frozenset()


@pytest.fixture
def outbox(database: Database) -> Database:
    """Three daily reports that were made, the first of 1 November, one delivery each."""
    planned_until(database, "daily", NOW)
    for number in range(3):
        start = NOW + (number - 3) * DAY
        plan(database, "daily", [PlannedRun(f"day {number}", start, start + DAY, NOW)], NOW)
        run = claim_run(database, ["daily"], "us", NOW, NOW + MINUTE)
        assert run is not None
        finish_run(database, run, NOW, ([], []), [NewDelivery("env A", f"{number}@x")])
    return database


def taken(database: Database, now: datetime, period: str = "day 0") -> ClaimedDelivery:
    found = claim_delivery(database, ["daily"], "us", now, now + MINUTE, period)
    assert found is not None
    return found


def test_days_of_trying_count_from_the_first_attempt(outbox: Database) -> None:
    first = taken(outbox, NOW + 3 * DAY)
    put_off_delivery(outbox, first, NOW + 4 * DAY, NOBODY, "down")
    assert [first.tried_since, taken(outbox, NOW + 4 * DAY).tried_since] == [NOW + 3 * DAY] * 2


def test_delivery_that_is_opened_again_has_its_days_anew(outbox: Database) -> None:
    finish_delivery(outbox, taken(outbox, NOW), (DeliveryState.FAILED, "no"), NOW, NOBODY)
    reopen(outbox, "daily", "day 0", NOW + 9 * DAY)
    again = taken(outbox, NOW + 9 * DAY)
    assert (again.tried_since, again.attempts) == (NOW + 9 * DAY, 0)


def test_delivery_that_is_given_back_was_not_tried(outbox: Database) -> None:
    give_back_delivery(outbox, taken(outbox, NOW), NOW + MINUTE)
    again = taken(outbox, NOW + MINUTE)
    assert again.attempts == 0


def test_only_what_is_worth_telling_is_read(outbox: Database) -> None:
    finish_delivery(outbox, taken(outbox, NOW, "day 0"), (DeliveryState.SENT, None), NOW, NOBODY)
    finish_delivery(outbox, taken(outbox, NOW, "day 1"), (DeliveryState.FAILED, "no"), NOW, NOBODY)
    finish_delivery(outbox, taken(outbox, NOW, "day 2"), (DeliveryState.SENT, None), NOW, NOBODY)
    with outbox.read() as connection:
        told = deliveries_to_tell(connection, ["daily"], ["day 2"])
        assert deliveries_to_tell(connection, ["other"], ["day 2"]) == []
    assert [one.period for one in told] == ["day 1", "day 2"]
