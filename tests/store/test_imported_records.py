from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from collector.domain.accounts import Account, Meter
from collector.domain.digest import START, ChangeFact, PollFacts, RowsDigest, chained
from collector.domain.instants import micros_of
from collector.domain.requests import RequestRecord
from collector.errors import UsageError
from collector.store import schema
from collector.store.engine import Database
from collector.store.staging import StagedRecord
from tests.store.importer import LATER, import_records, owner_of

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

REQUESTS = Meter("requests", "requests")
_names = itertools.count()


def staged(
    request: str, status: str = "completed", *, made: int | None = 1, ended: int | None = None,
    credits_used: int | None = None, first: int = 10, last: int = 20, line: int = 0,
) -> StagedRecord:  # fmt: skip
    return (line, 0, request, status, made, ended, credits_used, first, last)


def numbered(rows: Sequence[StagedRecord]) -> list[StagedRecord]:
    return [(line, *row[1:]) for line, row in enumerate(rows, 2)]


class Book:
    """The request records of one account."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def take(self, *rows: StagedRecord) -> tuple[int, int]:
        found = import_records(self.desk.database, owner_of(self.desk.account, [REQUESTS]), numbered(rows))
        return found.new, found.changed

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        table = schema.usage_request
        columns = [column for column in table.columns if column.name != "account"]
        with self.desk.database.read() as connection:
            found = connection.execute(select(*columns).where(table.c.account == self.desk.row.id))
            return sorted(tuple(micros_of(cell) if hasattr(cell, "tzinfo") else cell for cell in row) for row in found)


@pytest.fixture
def make_book(database: Database, open_desk: type[Desk], make_account: Callable[..., Account]) -> Callable[[], Book]:
    return lambda: Book(open_desk(database, make_account(f"r{next(_names)}")))


@pytest.fixture
def book(make_book: Callable[[], Book]) -> Book:
    return make_book()


def test_a_record_is_stored_as_the_file_says(book: Book) -> None:
    assert book.take(staged("a", ended=5, credits_used=7)) == (1, 0)
    assert book.rows == [("a", "completed", 1, 5, 7, 10, 20)]


def test_the_same_again_writes_nothing(book: Book, dump: Callable[[], Dump]) -> None:
    book.take(staged("a"), staged("b", "processing"))
    before = dump()
    assert book.take(staged("b", "processing"), staged("a")) == (0, 0)
    assert dump() == before


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "the other way"])
def test_a_final_state_stands_whichever_comes_first(turned: bool, book: Book) -> None:
    states = [staged("a", "processing", first=10, last=10), staged("a", ended=5, first=11, last=30)]
    for one in reversed(states) if turned else states:
        book.take(one)
    assert book.rows == [("a", "completed", 1, 5, None, 10, 30)]


def test_two_finals_fill_each_other_in(book: Book) -> None:
    book.take(staged("a", made=None, credits_used=5))
    book.take(staged("a", made=1, ended=4))
    assert book.rows == [("a", "completed", 1, 4, 5, 10, 20)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(staged("a", "failed"), id="another end"),
        pytest.param(staged("a", credits_used=6), id="other credits"),
        pytest.param(staged("a", made=2), id="another time"),
    ],
)
def test_a_contradiction_of_a_finished_request_stops_the_import(
    other: StagedRecord, book: Book, dump: Callable[[], Dump]
) -> None:
    book.take(staged("a", credits_used=5))
    before = dump()
    with pytest.raises(UsageError, match=r"^line 3: request a is finished.* what is recorded; nothing was imported"):
        book.take(staged("b"), other)
    assert dump() == before


def test_lines_of_a_file_that_contradict_each_other_stop_the_import(book: Book, dump: Callable[[], Dump]) -> None:
    before = dump()
    with pytest.raises(UsageError, match=r"^line 4: request a .* an earlier line"):
        book.take(staged("a"), staged("b"), staged("a", "failed"))
    assert dump() == before


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "the other way"])
def test_unresolved_stands_behind_what_was_seen_at_the_same_instant(turned: bool, book: Book) -> None:
    states = [staged("a", "processing"), staged("a", "unresolved")]
    for one in reversed(states) if turned else states:
        book.take(one)
    assert book.rows == [("a", "processing", 1, None, None, 10, 20)]


def test_unresolved_says_nothing_of_a_record_that_was_polled(book: Book, dump: Callable[[], Dump]) -> None:
    book.desk.poll(0, {"requests": 1, "credits": 0}, [RequestRecord("a", "processing")])
    before = dump()
    assert book.take(staged("a", "unresolved", last=micros_of(LATER))) == (0, 0)
    assert dump() == before


def test_a_record_known_only_as_unresolved_is_kept_as_that(book: Book) -> None:
    book.take(staged("a", "unresolved"))
    assert [row[1] for row in book.rows] == ["unresolved"]


def test_what_a_poll_listed_keeps_when_it_was_seen(book: Book) -> None:
    desk = book.desk
    desk.poll(0, {"requests": 1, "credits": 0}, [RequestRecord("a", "processing")])
    desk.poll(300, {"requests": 1, "credits": 0}, [])
    far = micros_of(LATER)
    assert book.take(staged("a", made=3, ended=4, first=1, last=far)) == (0, 1)
    assert book.rows == [("a", "completed", 3, 4, None, desk.micros(0), desk.micros(0))]


def test_every_change_is_kept_with_its_import(book: Book) -> None:
    book.take(staged("a", "processing"))
    book.take(staged("a", first=5))
    found = [
        (row.poll, row.kind, row.status, micros_of(row.first_seen_at)) for row in book.desk.rows("usage_request_change")
    ]
    assert found == [(1, "new", "processing", 10), (2, "update", "completed", 5)]


def test_an_import_of_records_is_chained(book: Book) -> None:
    book.take(staged("b"), staged("a", credits_used=4))
    digest = RowsDigest()
    digest.record(ChangeFact("a", "new", "completed", 1, None, 4, 10, 20))
    digest.record(ChangeFact("b", "new", "completed", 1, None, None, 10, 20))
    now = micros_of(LATER)
    name = book.desk.account.name
    facts = PollFacts(name, "import", now, now, "ok", None, None, (), {}, imported=digest.digest())
    assert book.desk.digests() == [chained(START, facts)]


def test_ids_are_compared_to_the_letter(book: Book) -> None:
    names = ["a", "A", "a ", "é", "e\u0301", "\U0001f600", "\\N", "a\\tb", "'=1+1"]
    assert book.take(*map(staged, names)) == (len(names), 0)
    assert [row[0] for row in book.rows] == sorted(names)


# What a provider says of a request, one after the other: nothing that was told is withdrawn.
STATES = [
    ("queued", None, None, None),
    ("processing", 5, None, None),
    ("unresolved", 5, None, None),
    ("completed", 5, None, None),
    ("completed", 5, 9, None),
    ("completed", 5, 9, 250),
]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seen=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=9),
    chance=st.randoms(use_true_random=False),
)
def test_in_whatever_order_and_pieces_records_come_the_same_is_stored(
    seen: list[tuple[str, int, int]], chance: Random, make_book: Callable[[], Book]
) -> None:
    rows = [
        staged(request, status, made=made, ended=ended, credits_used=cost, first=10 * state, last=10 * state + later)
        for request, state, later in seen
        for status, made, ended, cost in [STATES[state]]
    ]
    whole, pieces = make_book(), make_book()
    whole.take(*rows)
    chance.shuffle(rows)
    size = chance.randint(1, len(rows))
    for start in range(0, len(rows), size):
        pieces.take(*rows[start : start + size])
    assert pieces.rows == whole.rows
