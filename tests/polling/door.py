"""A door to the network that says what the test says, and an account that is polled through it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.http import HttpAnswer, load_json
from collector.polling.one_poll import Polled, Poller, Target
from collector.providers import provider_named
from collector.providers.contract import Provider
from collector.store import schema
from collector.store.accounts import Lease, Refusal, claim, register
from collector.store.engine import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Saying = HttpAnswer | BaseException | Callable[[], HttpAnswer]


def usage(requests: int = 42, credits: int = 8750, listed: Sequence[object] = (), **fields: object) -> dict[str, Any]:
    """Return what Nellie says."""
    return {
        "success": True,
        "totalRequests": requests,
        "totalCreditsUsed": credits,
        "recentRequests": list(listed),
        **fields,
    }


def record(request_id: object = "r-1", **fields: object) -> dict[str, object]:
    """Return one listed request."""
    return {
        "requestId": request_id,
        "status": "completed",
        "createdAt": "2026-02-28T10:30:00Z",
        "completedAt": "2026-02-28T10:55:00Z",
        "creditsUsed": 250,
        **fields,
    }


def answer(said: object, at: datetime = NOON, **fields: Any) -> HttpAnswer:
    """Return an accepted answer with ``said`` (bytes as they are, anything else as JSON), complete at ``at``."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    plain = HttpAnswer(load_json(body), at, server_date=at, age_seconds=None, body=body)
    return replace(plain, **fields)


class Door:
    """Answers in turn what it was told to; the last saying serves the rest."""

    def __init__(self, *sayings: Saying) -> None:
        self.sayings = list(sayings)
        self.asked: list[tuple[str, str, Secret, bool]] = []

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Say the next thing."""
        self.asked.append((url, key_header, key, allow_close_delimited))
        saying = self.sayings.pop(0) if len(self.sayings) > 1 else self.sayings[0]
        if isinstance(saying, BaseException):
            raise saying
        return saying() if callable(saying) else saying


class Bench:
    """One account that is polled by hand, under a clock that is set by hand."""

    def __init__(self, database: Database, account: Account, provider: Provider | None = None) -> None:
        self.database = database
        self.account = account
        self.provider = provider or provider_named(account.provider)
        row = register(database, [(account, self.provider.meters)])[account.name]
        self.target = Target(account, self.provider, row)
        self.clock = NOON

    def lease(self, *, force: bool = True) -> Lease | Refusal:
        """Take the lease as a collector of its own."""
        until = self.clock + timedelta(minutes=1)
        return claim(self.database, self.target.row.id, "us", self.clock, until, force=force)

    def poll(self, *sayings: Saying, **options: Any) -> Polled:
        """Poll once; the door says ``sayings``."""
        lease = self.lease()
        assert isinstance(lease, Lease)
        return Poller(self.database, Door(*sayings), lambda: self.clock).poll(self.target, lease, **options)

    def hear(self, said: object, after: float = 0.0, **fields: Any) -> Polled:
        """Poll once, ``after`` seconds later; the provider answers ``said``."""
        self.clock += timedelta(seconds=after)
        return self.poll(answer(said, self.clock, **fields))

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        with self.database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())

    @property
    def last_poll(self) -> Any:
        """The newest poll's row."""
        return self.rows("poll")[-1]

    @property
    def state(self) -> Any:
        """The account's row."""
        return self.rows("account")[0]
