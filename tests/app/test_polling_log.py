from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from collector.app import logs
from collector.app.polling_log import PollingLog
from collector.domain.accounts import Account
from collector.domain.digest import ListFacts
from collector.domain.falls import Decision, FallKind
from collector.domain.instants import micros_of
from collector.errors import LeaseLostError
from collector.polling.one_poll import Polled
from collector.providers.contract import Answer
from collector.store.entries import Stored
from tests.app.timepiece import NOON, Timepiece


class Book:
    """A polling log, its clock, and what it wrote."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.clock = Timepiece()
        self.log = PollingLog(self.clock.monotonic)
        self.stream = io.StringIO()
        logs.configure(stream=self.stream, verbose=True)

    def polled(self, outcome: str = "ok", **fields: Any) -> None:
        """Log one poll."""
        plain = {
            "account": self.account.name,
            "outcome": outcome,
            "started_at": NOON,
            "finished_at": NOON,
            "next_poll_at": NOON,
            "stored": Stored(outcome),
            "error": None if outcome == "ok" else f"it is {outcome}",
        }
        polled = Polled(**{**plain, **fields})
        self.log.polled(self.account, polled, polled.finished_at - polled.started_at)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was written, apart from details for developers."""
        written = (json.loads(line) for line in self.stream.getvalue().splitlines())
        return [line for line in written if line["level"] != "debug"]

    @property
    def said(self) -> list[str]:
        """The sentences that were written."""
        return [line["event"] for line in self.lines]


@pytest.fixture
def book(make_account: Callable[..., Account]) -> Book:
    return Book(make_account())


class TestMissedRequests:
    @staticmethod
    def overrun(missed: int | None = 12) -> Stored:
        found = ListFacts(missed=missed, missed_after=micros_of(NOON), missed_before=micros_of(NOON) + 10**6)
        return Stored("ok", listing=found)

    def test_are_told_with_number_and_span(self, book: Book) -> None:
        book.polled(stored=self.overrun())
        line = book.lines[0]
        assert (line["level"], line["missed_requests"], line["missed_after"], line["missed_before"]) == (
            "warning", 12, "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z",
        )  # fmt: skip

    def test_of_polls_in_a_row_are_told_once(self, book: Book) -> None:
        for _ in range(3):
            book.polled(stored=self.overrun())
        assert len(book.said) == 1

    def test_are_told_again_after_an_hour_with_their_sum(self, book: Book) -> None:
        for _ in range(13):
            book.polled(stored=self.overrun())
            book.clock.passes(300)
        assert [line["missed_requests"] for line in book.lines] == [12, 156]

    def test_after_a_complete_list_are_told_anew(self, book: Book) -> None:
        for stored in (self.overrun(), Stored("ok"), self.overrun(None)):
            book.polled(stored=stored)
        assert [line["missed_requests"] for line in book.lines] == [12, 0]


class TestFault:
    def test_is_told_once(self, book: Book) -> None:
        for _ in range(5):
            book.polled("http_503")
        assert book.said == ["poll failed: it is http_503"]

    def test_is_told_with_account_and_outcome(self, book: Book) -> None:
        book.polled("http_503")
        line = book.lines[0]
        assert (line["level"], line["account"], line["outcome"], line["failed_polls"]) == (
            "warning",
            "nellie-prod",
            "http_503",
            1,
        )

    def test_is_told_again_after_an_hour_with_the_count(self, book: Book) -> None:
        for _ in range(13):
            book.polled("http_503")
            book.clock.passes(300)
        assert [line["failed_polls"] for line in book.lines] == [1, 13]

    def test_of_another_kind_is_told_at_once(self, book: Book) -> None:
        book.polled("http_503")
        book.polled("http_401")
        assert [line["outcome"] for line in book.lines] == ["http_503", "http_401"]

    def test_end_is_told_with_the_count(self, book: Book) -> None:
        for outcome in ("http_503", "http_503", "http_503", "ok", "ok"):
            book.polled(outcome)
        assert [(line["event"], line["failed_polls"]) for line in book.lines] == [
            ("poll failed: it is http_503", 1),
            ("polling works again", 3),
        ]

    def test_of_ours_is_told_with_its_traceback(self, book: Book) -> None:
        book.polled("internal_error", cause=ZeroDivisionError("division by zero"))
        assert "ZeroDivisionError" in book.lines[0]["exception"]

    def test_being_interrupted_is_none(self, book: Book) -> None:
        book.polled("interrupted")
        assert book.said == []

    def test_being_interrupted_does_not_end_one(self, book: Book) -> None:
        for outcome in ("http_503", "interrupted", "ok"):
            book.polled(outcome)
        assert book.lines[-1]["failed_polls"] == 1


class TestPollThatWasNotStored:
    def test_is_told_once(self, book: Book) -> None:
        for _ in range(3):
            book.log.not_stored(book.account, LeaseLostError("taken over"))
        assert book.said == ["poll not stored: taken over"]

    def test_by_a_fault_of_ours_is_told_with_its_traceback(self, book: Book) -> None:
        for _ in range(3):
            book.log.ended_unexpectedly(book.account, SystemExit(3))
        assert [line["level"] for line in book.lines] == ["error"]
        assert "SystemExit: 3" in book.lines[0]["exception"]


class TestGoodPoll:
    def test_is_worth_a_line_to_developers_only(self, book: Book) -> None:
        book.polled()
        assert book.said == []
        assert '"event": "polled"' in book.stream.getvalue()

    def test_that_decides_about_a_fall_is_told(self, book: Book) -> None:
        fall = Decision(FallKind.RESET, 1, 0, 100, 5, 100, "the counter began again")
        book.polled(stored=Stored("ok", decisions={"credits": (fall,)}))
        line = book.lines[0]
        assert (line["event"], line["meter"], line["decided"], line["reason"]) == (
            "the counter fell",
            "credits",
            "reset",
            "the counter began again",
        )

    def test_that_is_flagged_is_told_once(self, book: Book) -> None:
        for _ in range(3):
            book.polled(flags=("clock_skew",))
        assert [line["flags"] for line in book.lines] == [["clock_skew"]]

    def test_that_is_flagged_anew_is_told_again(self, book: Book) -> None:
        for flags in (("clock_skew",), (), ("clock_skew",), ("clock_skew", "timestamps")):
            book.polled(flags=flags)
        assert [line["flags"] for line in book.lines] == [["clock_skew"], ["clock_skew"], ["clock_skew", "timestamps"]]


class TestSlowPoll:
    def test_that_covers_slots_is_told_once(self, book: Book) -> None:
        for _ in range(3):
            book.polled(finished_at=NOON + 2.5 * book.account.poll_every)
        assert [(line["event"], line["skipped_polls"]) for line in book.lines] == [
            ("polls take longer than poll_every, so slots fall out", 2)
        ]

    def test_count_is_told_once_an_hour(self, book: Book) -> None:
        for _ in range(5):
            book.polled("timeout_total", finished_at=NOON + book.account.poll_every)
            book.clock.passes(900)
        assert [line["skipped_polls"] for line in book.lines if "skipped_polls" in line] == [1, 5]

    def test_quick_poll_is_none(self, book: Book) -> None:
        book.polled(finished_at=NOON + book.account.poll_every - timedelta(microseconds=1))
        assert book.said == []


class TestUnknownFields:
    @staticmethod
    def answer(*fields: str) -> Answer:
        return Answer({}, unknown_fields=fields)

    def test_are_told_once_each(self, book: Book) -> None:
        book.polled(answer=self.answer("plan", "zone"))
        book.polled(answer=self.answer("plan", "zone", "tier"))
        assert [line["fields"] for line in book.lines] == [["plan", "zone"], ["tier"]]

    def test_are_worth_no_warning(self, book: Book) -> None:
        book.polled(answer=self.answer("plan"))
        assert book.lines[0]["level"] == "info"

    def test_that_are_invented_anew_each_time_are_not_told_for_ever(self, book: Book) -> None:
        for number in range(20):
            book.polled(answer=self.answer(*(f"field-{number}-{place}" for place in range(10))))
        assert sum(len(line["fields"]) for line in book.lines) == 50
