from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update

from collector.store import schema
from collector.store.engine import Database
from collector.store.statements import (
    Closing,
    StatementLine,
    add_statement,
    broken_statements,
    canonical,
    closed_statements,
    held_account,
)

START = datetime(2026, 8, 1, tzinfo=UTC)
STATEMENT, LINE = schema.statement, schema.statement_line


def closing(number: int) -> Closing:
    start = START + timedelta(days=30 * number)
    return Closing(
        f"2026-0{7 + number}", start, start + timedelta(days=30), "UTC", "EUR", start + timedelta(days=31), "ada"
    )


@pytest.fixture
def kept(database: Database) -> Database:
    """Two accounts with three closed statements each, of three lines."""
    with database.write() as connection:
        for name in ("a", "b"):
            connection.execute(insert(schema.account).values(name=name, provider="nellie", timezone="UTC"))
            identity = held_account(connection, name)
            for number in (1, 2, 3):
                lines = [StatementLine("day", "credits", canonical({"usage": n, "of": number})) for n in (1, 2)]
                add_statement(connection, identity, closing(number), [*lines, StatementLine("requests", None, "{}")])
    return database


def broken(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(one.account, one.number) for one in broken_statements(connection)]


def account_id(database: Database, name: str = "a") -> int:
    with database.write() as connection:
        return held_account(connection, name)


def change(database: Database, statement: Any) -> None:
    with database.migrate() as connection:
        connection.execute(statement)


def test_statements_read_back_as_they_were_closed(kept: Database) -> None:
    with kept.read() as connection:
        found = closed_statements(connection, ["a"])
    assert [(one.number, one.closing, len(one.lines)) for one in found] == [(n, closing(n), 3) for n in (1, 2, 3)]


def test_whole_chains_are_not_broken(kept: Database) -> None:
    assert broken(kept) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("period", "2026-19"),
        ("period_start", datetime(2026, 8, 1, tzinfo=UTC)),
        ("period_end", datetime(2026, 12, 2, tzinfo=UTC)),
        ("timezone", "UTB"),
        ("currency", None),
        ("closed_at", datetime(2026, 12, 2, tzinfo=UTC)),
        ("closed_by", "bob"),
    ],
)
def test_changed_statement_is_found(column: str, value: object, kept: Database) -> None:
    own = (STATEMENT.c.account == account_id(kept)) & (STATEMENT.c.number == 2)
    change(kept, update(STATEMENT).where(own).values({column: value}))
    assert broken(kept) == [("a", 2)]


def test_changed_digest_is_found_with_the_one_chained_to_it(kept: Database) -> None:
    own = (STATEMENT.c.account == account_id(kept)) & (STATEMENT.c.number == 2)
    change(kept, update(STATEMENT).where(own).values(digest=bytes(32)))
    assert broken(kept) == [("a", 2), ("a", 3)]


@pytest.mark.parametrize(
    "values",
    [{"kind": "price"}, {"meter": "credit"}, {"meter": None}, {"body": '{"of":2,"usage":9}'}, {"line": 7}],
    ids=str,
)
def test_changed_line_is_found(values: dict[str, Any], kept: Database) -> None:
    own = (LINE.c.account == account_id(kept)) & (LINE.c.statement == 2) & (LINE.c.line == 2)
    change(kept, update(LINE).where(own).values(values))
    assert broken(kept) == [("a", 2)]


def test_removed_line_is_found(kept: Database) -> None:
    change(kept, delete(LINE).where(LINE.c.account == account_id(kept), LINE.c.statement == 3, LINE.c.line == 3))
    assert broken(kept) == [("a", 3)]


def test_exchanged_lines_are_found(kept: Database) -> None:
    own = (LINE.c.account == account_id(kept)) & (LINE.c.statement == 1)
    for old, new in ((1, 9), (2, 1), (9, 2)):
        change(kept, update(LINE).where(own, LINE.c.line == old).values(line=new))
    assert broken(kept) == [("a", 1)]


def test_removed_statement_is_found_by_its_number(kept: Database) -> None:
    identity = account_id(kept)
    change(kept, delete(LINE).where(LINE.c.account == identity, LINE.c.statement == 2))
    change(kept, delete(STATEMENT).where(STATEMENT.c.account == identity, STATEMENT.c.number == 2))
    with kept.read() as connection:
        (found,) = broken_statements(connection)
    assert (found.account, found.number, "is missing" in found.fault) == ("a", 2, True)


def test_removed_newest_statement_cannot_be_found(kept: Database) -> None:
    identity = account_id(kept)
    change(kept, delete(LINE).where(LINE.c.account == identity, LINE.c.statement == 3))
    change(kept, delete(STATEMENT).where(STATEMENT.c.account == identity, STATEMENT.c.number == 3))
    assert broken(kept) == []


def test_account_that_was_renamed_no_longer_has_what_was_closed(kept: Database) -> None:
    change(kept, update(schema.account).where(schema.account.c.name == "a").values(name="c"))
    assert broken(kept) == [("c", 1), ("c", 2), ("c", 3)]


class TestOnSqlite:
    """What no server lets happen, but a bit of a file can."""

    @pytest.fixture
    def file(self, sqlite_database: Database) -> Database:
        with sqlite_database.write() as connection:
            connection.execute(insert(schema.account).values(name="a", provider="nellie", timezone="UTC"))
            for number in (1, 2):
                lines = [StatementLine("day", "credits", canonical({"usage": number}))]
                add_statement(connection, held_account(connection, "a"), closing(number), lines)
        return sqlite_database

    @pytest.mark.parametrize(
        ("statement", "found"),
        [
            ("UPDATE statement SET period_start = -4611686018427387904 WHERE number = 1", [("a", 1)]),
            ("UPDATE statement SET closed_by = CAST(x'ff61' AS TEXT) WHERE number = 1", [("a", 1)]),
            ("UPDATE statement SET closed_at = x'00' WHERE number = 2", [("a", 2)]),
            ("UPDATE statement_line SET body = CAST(x'ff' AS TEXT) WHERE statement = 1", [("a", 1)]),
            ("UPDATE statement_line SET statement = 3 WHERE statement = 2", [("a", 2), ("a", 3)]),
            ("UPDATE statement SET account = 5 WHERE number = 1", [("a", 1), ("a", 1), ("number 5", 1)]),
            ("UPDATE statement SET number = 1073741825 WHERE number = 1", [("a", 1), ("a", 3), ("a", 1)]),
        ],
        ids=[
            "far instant",
            "no text",
            "no number",
            "no text in a line",
            "another statement",
            "another account",
            "number",
        ],
    )
    def test_flipped_bit_is_found(self, statement: str, found: list[tuple[str, int]], file: Database) -> None:
        with file.migrate() as connection:
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
            connection.execute(text(statement))
        assert broken(file) == found
