"""A ledger filled by hand, and frames as the ledger would give them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import func, select

from collector.domain.accounts import Account, Agreement, Meter, MeterTerms, Quota, Resets
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.quota import Used, allowance_at
from collector.domain.requests import RequestRecord
from collector.domain.terms import fall_terms
from collector.store import schema
from collector.store.accounts import AccountRow, Lease, claim, register
from collector.store.engine import Database
from collector.store.entries import Entry, Plan, Stored
from collector.store.reading import MeterRow
from collector.store.writing import record_poll
from reports.daily import COLUMNS, daily_deltas
from reports.frames import frame_of
from reports.question import Question
from reports.standing import QuotaStanding
from reports.windows import SCHEMA
from tests.reports.finance_ledger import fill

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MONTHLY = Billing(PeriodKind.MONTHLY)


class Ledger:
    """Accounts of one database, polled by hand at any instant.

    Args:
        database: Where they are kept.
        make_account: Builds an account as configured.
    """

    def __init__(self, database: Database, make_account: Callable[..., Account]) -> None:
        self.database = database
        self.agreements: dict[str, Agreement] = {}
        self._make_account = make_account
        self._accounts: dict[str, tuple[Account, tuple[Meter, ...]]] = {}
        self._rows: dict[str, AccountRow] = {}

    def open(
        self, name: str = "nellie-prod", meters: Sequence[Meter] = (Meter("credits", "credits"),), **changes: Any
    ) -> str:
        """Configure an account; ``changes`` are fields of ``Account``."""
        account = self._make_account(name, **changes)
        self._accounts[name] = (account, tuple(meters))
        self._rows.pop(name, None)
        self.agreements[name] = account.agreement
        return name

    @property
    def is_empty(self) -> bool:
        """Whether nothing was polled yet."""
        with self.database.read() as connection:
            return not connection.scalar(select(func.count()).select_from(schema.account))

    def poll(
        self, at: datetime, value: int | Mapping[str, int], account: str = "nellie-prod", **changes: Any
    ) -> Stored:
        """Store a poll of ``account`` answered at ``at``: the value of ``credits``, or of every meter by name."""
        configured, meters = self._accounts[account]
        if account not in self._rows:
            self._rows |= register(self.database, [(configured, meters)])
        row = self._rows[account]
        lease = claim(self.database, row.id, "us", at, at + timedelta(seconds=30), force=True)
        assert isinstance(lease, Lease)
        entry = Entry(
            account=row,
            lease=lease,
            plan=Plan(at + timedelta(minutes=5)),
            started_at=at,
            finished_at=at,
            outcome=changes.pop("outcome", "ok"),
            counters=value if isinstance(value, Mapping) else {"credits": value},
            terms={one.name: fall_terms(configured.agreement).of_meter(one.name) for one in meters},
            gap_after=changes.pop("gap_after", timedelta(hours=12)),
            **changes,
        )
        return record_poll(self.database, entry)

    def polls(self, course: Iterable[tuple[datetime, int]], account: str = "nellie-prod") -> None:
        """Store one poll after another."""
        for at, value in course:
            self.poll(at, value, account)

    def question(self, now: datetime, **changes: Any) -> Question:
        """Return a question about everything, at ``now``."""
        return Question(now=now, **{"agreements": self.agreements, **changes})


@pytest.fixture
def ledger(sqlite_database: Database, make_account: Callable[..., Account]) -> Ledger:
    """An empty ledger in which the account ``nellie-prod`` measures ``credits``; its days are those of UTC."""
    found = Ledger(sqlite_database, make_account)
    found.open()
    return found


@pytest.fixture(scope="session")
def finance(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Ledger]:
    """A ledger as finance meets it, see ``finance_ledger``; only to be read."""
    path = tmp_path_factory.mktemp("finance") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    found = Ledger(Database(f"sqlite:///{path}"), make_account)
    fill(found)
    yield found
    found.database.close()


@pytest.fixture
def any_ledger(database: Database, make_account: Callable[..., Account]) -> Ledger:
    """An empty ledger without accounts; the test runs once per engine."""
    return Ledger(database, make_account)


@pytest.fixture(scope="session")
def record() -> Callable[..., RequestRecord]:
    """Return a function that builds a request record."""
    return RequestRecord


class Frames:
    """Builds frames as ``usage_windows`` and ``daily_deltas`` return them."""

    def windows(self, *rows: Mapping[str, object]) -> pd.DataFrame:
        """Return a frame of windows; what a row does not say is a full, ordinary day."""
        whole = [self._row(**row) for row in rows]
        return frame_of({name: [row[name] for row in whole] for name in SCHEMA}, SCHEMA)

    def _row(self, **changes: Any) -> dict[str, Any]:
        start: datetime = changes.get("start", MIDNIGHT)
        end: datetime = changes.get("end", start + timedelta(days=1))
        length = micros_of(end) - micros_of(start)
        usage = changes.get("usage", 10)
        plain = {
            "meter_id": 1,
            "account": "nellie-prod",
            "meter": "credits",
            "unit": "credits",
            "scale": 0,
            "window": start.date().isoformat(),
            "start": start,
            "end": end,
            "first_at": MIDNIGHT - timedelta(days=365),
            "last_at": MIDNIGHT + timedelta(days=365),
            "usage": usage,
            "lower": usage,
            "upper": usage,
            "length_us": length,
            "nominal_us": length,
            "observed_us": length,
            "snapshots": 5,
            "resets": 0,
            "corrections": 0,
            "held": 0,
        }
        return plain | changes

    def days(self, usages: Sequence[int], last: date = date(2026, 3, 1), **changes: object) -> pd.DataFrame:
        """Return the daily deltas of whole days, the last of them ``last``; ``changes`` hold for every day."""
        start = datetime(last.year, last.month, last.day, tzinfo=UTC) - timedelta(days=len(usages) - 1)
        return daily_deltas(
            self.windows(
                *({"start": start + timedelta(days=count), "usage": one, **changes} for count, one in enumerate(usages))
            )
        )


@pytest.fixture(scope="session")
def frames() -> Frames:
    """The builder of frames."""
    return Frames()


class Quotas:
    """Builds standings of quotas."""

    def standing(
        self,
        quota: int | None = 1000,
        used: int | None = 100,
        *,
        seen_at: datetime = MIDNIGHT,
        first_at: datetime = MIDNIGHT - timedelta(days=60),
        lifetime: bool = False,
        complete: bool = True,
        zone: str = "UTC",
        **row: Any,
    ) -> QuotaStanding:
        """Return where a quota stands: monthly unless ``lifetime``, in the period that contains ``seen_at``."""
        terms = {} if quota is None else {"credits": MeterTerms(Quota(quota, lifetime))}
        agreement = Agreement(ZoneInfo("UTC"), MONTHLY, terms)
        last = micros_of(seen_at)
        plain: dict[str, Any] = {
            "id": 1,
            "account": "nellie-prod",
            "account_id": 1,
            "provider": "nellie",
            "timezone": "UTC",
            "name": "credits",
            "unit": "credits",
            "scale": 0,
            "first_at": micros_of(first_at),
            "last_at": last,
            "good_at": last,
            "good_value": 5000,
            "latest": 5000,
        }
        return QuotaStanding(
            row=MeterRow(**(plain | row)),
            agreement=agreement,
            zone=ZoneInfo(zone),
            allowance=allowance_at(agreement, "credits", seen_at),
            used=None if used is None else Used(used, complete),
        )


@pytest.fixture(scope="session")
def quotas() -> Quotas:
    """The builder of standings."""
    return Quotas()


@pytest.fixture(scope="session")
def terms() -> Callable[..., dict[str, MeterTerms]]:
    """Return a function that declares terms of ``credits``."""

    def make(quota: int | None, *, lifetime: bool = False, resets: Resets = Resets.UNKNOWN) -> dict[str, MeterTerms]:
        return {"credits": MeterTerms(None if quota is None else Quota(quota, lifetime), resets)}

    return make


@pytest.fixture(scope="session")
def daily_columns() -> tuple[str, ...]:
    """The columns of the report ``daily``."""
    return COLUMNS
