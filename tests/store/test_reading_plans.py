"""How much work a reading is: it may not grow with what lies between two boundaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from collector.domain.accounts import Account, Counts, Meter
from collector.domain.instants import DAY, SECOND, instant_of
from collector.domain.pace import Bounds
from collector.domain.requests import RequestRecord
from collector.store import reading, schema, usage_requests
from collector.store.accounts import AccountRow, register
from collector.store.engine import Database
from collector.store.list_facts import poll_before
from collector.store.pacing import interval_of
from collector.store.revision import upgrade
from collector.store.snapshots import tail_of

METERS = (
    Meter("requests", "requests", counts=Counts.REQUESTS),
    Meter("credits", "credits", counts=Counts.CREDITS),
)
BEGUN = 1_767_268_800_000_000
EVERY = 300 * SECOND
ROWS = 12_000  # of each meter
NOT_GOOD = 1000  # one snapshot of so many was taken back
SILENT = range(100, 112)  # of the 288 snapshots of a day these were not taken
BOUNDARIES = [BEGUN + hour * DAY // 24 for hour in range(-1, 167)]

GROWING = {"snapshot", "usage_request", "usage_request_change", "poll"}

Sent = list[tuple[str, Any]]


def fill(database: Database, row: AccountRow, numbers: range) -> None:
    """Give each meter of an account the snapshots of ``numbers``, and the account as many requests."""
    seen = [index for index in numbers if index % 288 not in SILENT]
    silences = [index for index in seen if index % 288 == SILENT.stop and index - len(SILENT) > numbers.start]
    with database.write() as connection:
        connection.execute(
            insert(schema.gap),
            [
                {
                    "meter": meter,
                    "started_at": BEGUN + (index - len(SILENT) - 1) * EVERY,
                    "ended_at": BEGUN + index * EVERY,
                }
                for meter in row.meters.values()
                for index in silences
            ],
        )
        connection.execute(
            insert(schema.snapshot),
            [
                {
                    "meter": meter,
                    "observed_at": BEGUN + index * EVERY,
                    "value": index,
                    "number": index + 1,
                    "status": 2 if index % NOT_GOOD == NOT_GOOD - 1 else 0,
                }
                for meter in row.meters.values()
                for index in seen
            ],
        )
        connection.execute(insert(schema.usage_request), requests_of(row, numbers))
        connection.execute(insert(schema.poll), polls_of(row, seen))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")


def polls_of(row: AccountRow, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return the polls that found the snapshots of ``numbers``, each with a list that shows one request more."""
    plain = {"account": row.id, "kind": "poll", "outcome": "ok", "flags": "[]", "digest": b""}
    return [
        {
            **plain,
            "id": index + 1,
            "started_at": instant_of(BEGUN + index * EVERY),
            "finished_at": instant_of(BEGUN + index * EVERY),
            "listed_requests": 50,
            "new_requests": 1,
            "unmatched_requests": 0,
        }
        for index in numbers
    ]


def requests_of(row: AccountRow, numbers: range) -> list[dict[str, Any]]:
    """Return request records, of which the provider still lists the first fifty."""
    return [
        {
            "account": row.id,
            "request_id": f"request-{index:08}",
            "status": "completed",
            "created_at": instant_of(BEGUN + index * EVERY),
            "first_seen_at": instant_of(BEGUN + index * EVERY),
            "last_seen_at": None if index < 50 else instant_of(BEGUN + index * EVERY),
        }
        for index in numbers
    ]


@pytest.fixture
def row(empty_database: Database, make_account: Callable[..., Account]) -> AccountRow:
    """The account, on a database of its own: another's statistics would be another's plans."""
    upgrade(empty_database)
    return register(empty_database, [(make_account(), METERS)])["nellie-prod"]


@pytest.fixture
def sent(empty_database: Database) -> Iterator[Sent]:
    """Every reading statement as it is sent, with its parameters."""
    statements: Sent = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    engine = empty_database._reader
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def read_report(connection: Connection, row: AccountRow) -> None:
    """What a report of days reads."""
    meters = reading.meters(connection)
    reading.edges(connection, meters, dict.fromkeys(row.meters.values(), BOUNDARIES))


def read_for_poll(connection: Connection, row: AccountRow) -> None:
    """What a poll reads before it writes: 50 listed requests, of which one is new."""
    for meter in row.meters.values():
        tail_of(connection, meter)
    listed = [RequestRecord(f"request-{index:08}", "completed") for index in (*range(49), 10**7)]
    usage_requests.compare(connection, row.id, listed)
    usage_requests.newest_made_at(connection, row.id)
    poll_before(connection, row.id)
    interval_of(connection, row.id, row.meters["requests"], Bounds(timedelta(minutes=5), timedelta(seconds=30)))


readers = pytest.mark.parametrize("read", [read_report, read_for_poll], ids=["report", "poll"])


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


def plans_of(connection: Connection, sent: Sent) -> list[dict[str, Any]]:
    """Return the nodes of every plan on PostgreSQL, with how often each ran."""
    found = []
    for statement, parameters in list(sent):
        if statement.lstrip().startswith("SELECT"):
            (answer,) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).one()
            plan = answer if isinstance(answer, list) else json.loads(answer)
            found += list(nodes_of(plan[0]["Plan"]))
    return found


@readers
def test_no_statement_scans_what_grows(
    empty_database: Database, row: AccountRow, sent: Sent, read: Callable[[Connection, AccountRow], None]
) -> None:
    fill(empty_database, row, range(ROWS))
    with empty_database.read() as connection:
        sent.clear()
        read(connection, row)
        if empty_database.is_sqlite:
            details = [
                detail
                for statement, parameters in list(sent)
                if statement.lstrip().startswith("SELECT")
                for *_, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            scanned = {one.split()[1] for one in details if one.startswith("SCAN")}
            arrays = {"json_each", "anon_1", "per_meter", "boundary", "stretch", "request", "mark"}
            assert scanned <= {"meter", *arrays}
            assert any("USING PRIMARY KEY" in one for one in details)
        else:
            nodes = [one for one in plans_of(connection, sent) if one.get("Relation Name") in GROWING]
            assert {one["Node Type"] for one in nodes} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
            read_rows = sum(
                (one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"] for one in nodes
            )
            assert read_rows < 10 * len(BOUNDARIES) * len(METERS)


@readers
def test_work_does_not_grow_with_the_history(
    sqlite_database: Database,
    make_account: Callable[..., Account],
    read: Callable[[Connection, AccountRow], None],
) -> None:
    row = register(sqlite_database, [(make_account(), METERS)])["nellie-prod"]
    fill(sqlite_database, row, range(ROWS // 6))
    young = steps(sqlite_database, row, read)
    fill(sqlite_database, row, range(ROWS // 6, ROWS))
    assert steps(sqlite_database, row, read) < 1.1 * young


def steps(database: Database, row: AccountRow, read: Callable[[Connection, AccountRow], None]) -> int:
    """Count the instructions of SQLite's machine that a reading takes."""
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    with database.read() as connection:
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(tick, 1)
        try:
            read(connection, row)
        finally:
            raw.set_progress_handler(None, 1)
    return counted
