from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from collector.domain.requests import RequestRecord
from reports.requests import COLUMNS, request_rows

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = MIDNIGHT + timedelta(days=30)
Record = Callable[..., RequestRecord]


@pytest.fixture
def listed(ledger: Ledger, record: Record) -> Ledger:
    """Three requests in each of two accounts: an hour before, at, and an hour after the midnight of 2 March UTC."""
    for account, zone in (("a-tokyo", "Asia/Tokyo"), ("b-utc", "UTC"), ("c-utc", "UTC")):
        ledger.open(account, zone=ZoneInfo(zone))
        requests = [record(f"{account}{hour:+}", "completed", MIDNIGHT + hour * HOUR, None, 250) for hour in (1, 0, -1)]
        ledger.poll(MIDNIGHT + 5 * HOUR, 3, account, requests=requests, requests_meter="credits")
    return ledger


def ids(ledger: Ledger, **question: object) -> list[object]:
    return [row["request_id"] for row in request_rows(ledger.database, ledger.question(NOW, **question))]


def test_columns_are_those_of_the_contract(listed: Ledger) -> None:
    expected = (
        "account", "request_id", "status", "created_at", "completed_at", "credits_used", "first_seen_at",
        "last_seen_at",
    )  # fmt: skip
    row = next(request_rows(listed.database, listed.question(NOW)))
    assert (COLUMNS, tuple(row)) == (expected, expected)


def test_row_says_what_is_known(listed: Ledger) -> None:
    row = next(request_rows(listed.database, listed.question(NOW, accounts=("b-utc",))))
    seen = MIDNIGHT + 5 * HOUR
    assert list(row.values()) == ["b-utc", "b-utc-1", "completed", MIDNIGHT - HOUR, None, 250, seen, seen]


def test_rows_come_by_account_and_time(listed: Ledger) -> None:
    assert ids(listed) == [f"{name}{hour:+}" for name in ("a-tokyo", "b-utc", "c-utc") for hour in (-1, 0, 1)]


def test_only_the_asked_accounts_are_listed(listed: Ledger) -> None:
    assert ids(listed, accounts=("c-utc",)) == ["c-utc-1", "c-utc+0", "c-utc+1"]


def test_dates_are_the_accounts_own(listed: Ledger) -> None:
    assert ids(listed, start=date(2026, 3, 2)) == [
        "a-tokyo-1", "a-tokyo+0", "a-tokyo+1", "b-utc+0", "b-utc+1", "c-utc+0", "c-utc+1",
    ]  # fmt: skip


def test_dates_are_half_open(listed: Ledger) -> None:
    asked = ids(listed, accounts=("b-utc",), start=date(2026, 3, 1), end=date(2026, 3, 2))
    assert asked == ["b-utc-1"]


def test_asked_zone_makes_the_days(listed: Ledger) -> None:
    asked = ids(listed, accounts=("b-utc",), end=date(2026, 3, 2), zone=ZoneInfo("America/New_York"))
    assert asked == ["b-utc-1", "b-utc+0", "b-utc+1"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    ("span", "count"),
    [
        ({"start": date.min}, 3),
        ({"end": date.min}, 0),
        ({"start": date.max}, 0),
        ({"end": date.max}, 3),
    ],
    ids=["from the first day", "to the first day", "from the last day", "to the last day"],
)
def test_ends_of_the_calendar_are_survived(listed: Ledger, zone: str, span: dict[str, date], count: int) -> None:
    assert len(ids(listed, accounts=("b-utc",), zone=ZoneInfo(zone), **span)) == count


def test_account_without_records_has_no_rows(ledger: Ledger) -> None:
    ledger.poll(MIDNIGHT, 5)
    assert ids(ledger) == []


def test_a_request_that_left_the_list_before_its_end_is_shown_as_unresolved(ledger: Ledger, record: Record) -> None:
    ledger.poll(MIDNIGHT, 1, requests=[record("a", "processing", MIDNIGHT)], requests_meter="credits")
    ledger.poll(MIDNIGHT + HOUR, 1, requests_meter="credits")
    question = ledger.question(NOW)
    assert [row["status"] for row in request_rows(ledger.database, question)] == ["unresolved"]
