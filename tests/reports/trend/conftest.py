"""A ledger with eleven weeks of one account that has a list of requests, and of one that has none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Account, Counts, Meter, MeterTerms
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.domain.requests import RequestRecord
from collector.store.engine import Database
from tests.reports.conftest import Ledger

FIRST = date(2026, 8, 31)  # a Monday
DAYS = 77
NOW = datetime(2026, 11, 16, tzinfo=UTC)
BUSY, IDLE, FROM, UNSEEN = 52, range(30, 34), 44, range(58, 61)
"""Days by number: one of eight times the usual, four without usage, the first at twice the level, three in a gap."""


def used(day: int) -> int:
    """Return how many requests of 250 credits the day makes, at noon UTC."""
    usual = 2 if (FIRST + timedelta(days=day)).weekday() > 4 else 8 + day % 3
    return 0 if day in IDLE else usual * (2 if day >= FROM else 1) * (8 if day == BUSY else 1)


def fill(ledger: Ledger) -> None:
    """Poll both accounts at each midnight and around each noon, but not in the gap."""
    listing = (
        Meter("credits", "credits", counts=Counts.CREDITS),
        Meter("requests", "requests", counts=Counts.REQUESTS),
    )
    prices = {"credits": MeterTerms(prices=(Price(Decimal("0.004")),))}
    ledger.open(
        "nellie-prod", listing, billing=Billing(PeriodKind.MONTHLY, currency="EUR"), terms=prices, zone=ZoneInfo("UTC")
    )
    ledger.open("hours", [Meter("hours", "hours", 2)])
    made = 0
    for day in range(DAYS + 1):
        midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=day)
        if day in UNSEEN:
            made += used(day)
            continue
        _poll(ledger, midnight, made, [])
        if day < DAYS:
            noon = midnight + timedelta(hours=12)
            _poll(ledger, noon, made, [])
            records = [_record(f"r-{day}-{one}", noon + timedelta(seconds=one)) for one in range(used(day))]
            made += used(day)
            _poll(ledger, noon + timedelta(minutes=20), made, records)


def _record(name: str, at: datetime) -> RequestRecord:
    failed = name.endswith("-1")
    return RequestRecord(
        name, "failed" if failed else "completed", at, at + timedelta(minutes=10), 0 if failed else 250
    )


def _poll(ledger: Ledger, at: datetime, made: int, records: list[RequestRecord]) -> None:
    values = {"credits": 250 * made, "requests": made}
    ledger.poll(at, values, "nellie-prod", requests=records, requests_meter="requests")
    ledger.poll(at, {"hours": 125 * made}, "hours")


@pytest.fixture(scope="session")
def weeks(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Ledger]:
    """The ledger; only to be read."""
    path = tmp_path_factory.mktemp("weeks") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    found = Ledger(Database(f"sqlite:///{path}"), make_account)
    fill(found)
    yield found
    found.database.close()
