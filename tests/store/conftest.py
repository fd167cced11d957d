"""An account polled by hand: the clock is a number of seconds, the provider says what the test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from collector.domain.accounts import Account, Meter, Resets
from collector.domain.digest import START, ChangeFact, ListFacts, PollFacts, chained
from collector.domain.falls import Terms
from collector.domain.instants import micros_of
from collector.domain.requests import RequestRecord
from collector.store import schema
from collector.store.accounts import AccountRow, Lease, claim, register
from collector.store.engine import Database
from collector.store.entries import Entry, Plan, Stored
from collector.store.writing import record_poll

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
METERS = (Meter("requests", "requests"), Meter("credits", "credits"))

Dump = dict[str, list[tuple[Any, ...]]]


class Desk:
    """One account of one database.

    Args:
        database: Where it is kept.
        account: The account as configured.
        meters: What its provider measures; ``requests``, if there, counts the listed requests.
        resets: What every meter is declared to do.
        boundaries: Starts of billing periods, as seconds.
    """

    def __init__(
        self,
        database: Database,
        account: Account,
        meters: Sequence[Meter] = METERS,
        resets: Resets = Resets.UNKNOWN,
        boundaries: Sequence[float] = (),
    ) -> None:
        self.database = database
        self.account = account
        self.row: AccountRow = register(database, [(account, meters)])[account.name]
        starts = [self.micros(second) for second in boundaries]
        self.terms = Terms(
            resets, lambda after, until: max((one for one in starts if after < one <= until), default=None)
        )

    @staticmethod
    def at(second: float) -> datetime:
        """Return the instant ``second`` seconds after the suite's beginning."""
        return NOON + timedelta(seconds=second)

    def micros(self, second: float) -> int:
        """Return the same in microseconds since 1970 UTC."""
        return micros_of(self.at(second))

    def meter(self, name: str = "credits") -> int:
        """Return the row id of a meter."""
        return self.row.meters[name]

    def claim(self, second: float, owner: str = "us") -> Lease:
        """Take the account's lease for thirty seconds."""
        lease = claim(self.database, self.row.id, owner, self.at(second), self.at(second + 30), force=True)
        assert isinstance(lease, Lease)
        return lease

    def entry(self, second: float, lease: Lease, **changes: Any) -> Entry:
        """Return an ``ok`` poll answered at ``second``, with any field of ``Entry`` changed."""
        plain = Entry(
            account=self.row,
            lease=lease,
            plan=Plan(self.at(second + 300)),
            started_at=self.at(second - 0.25),
            finished_at=self.at(second),
            outcome="ok",
            http_status=200,
            terms=dict.fromkeys(self.row.meters, self.terms),
            requests_meter="requests" if "requests" in self.row.meters else None,
            credits_meter="credits" if "requests" in self.row.meters else None,
        )
        return replace(plain, **changes)

    def poll(
        self, second: float, counters: Mapping[str, int], requests: Sequence[RequestRecord] = (), **changes: Any
    ) -> Stored:
        """Claim the account and store a poll that says ``counters`` and ``requests``."""
        entry = self.entry(second, self.claim(second), counters=counters, requests=requests, **changes)
        return record_poll(self.database, entry)

    def fail(self, second: float, outcome: str = "http_503", **changes: Any) -> Stored:
        """Store a poll that failed."""
        fields = {"http_status": 503, "error": "the provider answered 503", **changes}
        return record_poll(self.database, self.entry(second, self.claim(second), outcome=outcome, **fields))

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        columns = schema.snapshot_columns if table == "snapshot" else found.columns
        with self.database.read() as connection:
            return list(connection.execute(select(*columns).order_by(*found.primary_key.columns)).all())

    def courses(self, meter: str = "credits") -> list[tuple[float, float, int, int]]:
        """Return a meter's snapshots as seconds observed and confirmed, value and status."""
        return [
            ((row.observed_at - self.micros(0)) / 1e6, (row.confirmed_at - self.micros(0)) / 1e6, row.value, row.status)
            for row in self.rows("snapshot")
            if row.meter == self.meter(meter)
        ]

    def chain(self) -> list[bytes]:
        """Return the account's digests, recomputed from nothing but what is stored."""
        names = {identity: name for name, identity in self.row.meters.items()}
        snapshots = [row for row in self.rows("snapshot") if row.meter in names]
        changes = [row for row in self.rows("usage_request_change") if row.account == self.row.id]
        digests, good = [START], None
        for row in (row for row in self.rows("poll") if row.account == self.row.id):
            seen = micros_of(row.finished_at)
            covering = [one for one in snapshots if one.observed_at <= seen <= one.confirmed_at]
            facts = PollFacts(
                self.account.name, row.kind, micros_of(row.started_at), seen, row.outcome, row.http_status, row.error,
                tuple(json.loads(row.flags)),
                {names[one.meter]: one.value for one in covering} if row.outcome == "ok" else {},
                sorted((_fact(one) for one in changes if one.poll == row.id), key=lambda one: one.request_id),
                row.rejections, row.body, self._listing(row, good),
            )  # fmt: skip
            digests.append(chained(digests[-1], facts))
            good = row.finished_at if row.kind == "poll" and row.outcome == "ok" else good
        return digests[1:]

    def _listing(self, row: Any, good: datetime | None) -> ListFacts:
        """Return what a poll found out about the list, given when the good poll before it ended."""
        if row.new_requests is None:
            return ListFacts()
        kept = [
            one
            for one in [*self.rows("usage_request"), *self.rows("usage_request_change")]
            if one.account == self.row.id and one.last_seen_at == good and good is not None
        ]
        return ListFacts(
            row.listed_requests, row.new_requests, row.rejected_requests, row.unmatched_requests, row.missed_requests,
            _micros(row.missed_after), _micros(row.missed_before), row.unexplained,
            tuple(sorted(one.request_id for one in kept)),
        )  # fmt: skip

    def digests(self) -> list[bytes]:
        """Return the account's digests as stored."""
        return [row.digest for row in self.rows("poll") if row.account == self.row.id]


def _fact(row: Any) -> ChangeFact:
    created, completed, until = (_micros(one) for one in (row.created_at, row.completed_at, row.last_seen_at))
    return ChangeFact(row.request_id, row.kind, row.status, created, completed, row.credits_used, last_seen_at=until)


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def dump_of(database: Database) -> Dump:
    """Return every row of every table in order of its key."""
    with database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


@pytest.fixture(scope="session", name="dump_of")
def _dump_of() -> Callable[[Database], Dump]:
    """The function that gives every row of a database."""
    return dump_of


@pytest.fixture(scope="session")
def open_desk() -> type[Desk]:
    """The class of desks, for tests that choose their database."""
    return Desk


@pytest.fixture
def make_desk(database: Database, make_account: Callable[..., Account]) -> Callable[..., Desk]:
    """Return a function that opens a desk for an account of a name."""

    def make(name: str = "nellie-prod", **changes: Any) -> Desk:
        return Desk(database, make_account(name), **changes)

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """The desk of one account with the counters ``requests`` and ``credits``."""
    return make_desk()


@pytest.fixture
def credits_desk(make_desk: Callable[..., Desk]) -> Desk:
    """The desk of one account with the counter ``credits`` alone."""
    return make_desk(meters=METERS[1:])


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that is read with, as it is sent."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    engine = database._reader
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def dump(database: Database) -> Callable[[], Dump]:
    """Return a function that gives every row of the database."""
    return lambda: dump_of(database)


@pytest.fixture
def other(database: Database) -> Iterator[Database]:
    """A second collector's door to the same database."""
    second = Database(database.url.render_as_string(hide_password=False))
    yield second
    second.close()
