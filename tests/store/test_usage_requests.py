from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.requests import RequestRecord

if TYPE_CHECKING:
    from tests.store.conftest import Desk

MADE = datetime(2025, 12, 3, 10, 30, tzinfo=UTC)
ENDED = datetime(2025, 12, 3, 10, 55, tzinfo=UTC)
RUNNING = RequestRecord("abcd1234", "processing", MADE)
DONE = RequestRecord("abcd1234", "completed", MADE, ENDED, 250)
FAILED = replace(DONE, status="failed", credits_used=0)
OTHER = RequestRecord("ffff", "completed", MADE, ENDED, 500)


def poll(desk: Desk, second: float, *listed: RequestRecord) -> None:
    desk.poll(second, {"requests": 9, "credits": 9}, listed)


def stands(desk: Desk, request_id: str = "abcd1234") -> RequestRecord:
    """Return the record as it now stands."""
    (row,) = [row for row in desk.rows("usage_request") if row.request_id == request_id]
    return as_record(row)


def as_record(row: Any) -> RequestRecord:
    return RequestRecord(row.request_id, row.status, row.created_at, row.completed_at, row.credits_used)


def changes(desk: Desk) -> list[tuple[int, str, RequestRecord]]:
    """Return every change as the poll's number, its kind, and what was seen."""
    return [(row.poll, row.kind, as_record(row)) for row in desk.rows("usage_request_change")]


def listed_over(desk: Desk, request_id: str = "abcd1234") -> tuple[datetime, datetime | None]:
    (row,) = [row for row in desk.rows("usage_request") if row.request_id == request_id]
    return row.first_seen_at, row.last_seen_at


def test_a_new_record_is_kept_as_given(desk: Desk) -> None:
    poll(desk, 0, DONE)
    assert stands(desk) == DONE
    assert changes(desk) == [(1, "new", DONE)]


def test_an_unchanged_list_writes_nothing(desk: Desk) -> None:
    poll(desk, 0, DONE, OTHER)
    before = desk.rows("usage_request"), desk.rows("usage_request_change")
    poll(desk, 300, OTHER, DONE)
    assert (desk.rows("usage_request"), desk.rows("usage_request_change")) == before


def test_a_record_that_ends_is_updated(desk: Desk) -> None:
    poll(desk, 0, RUNNING)
    poll(desk, 300, DONE)
    assert stands(desk) == DONE
    assert changes(desk) == [(1, "new", RUNNING), (2, "update", DONE)]


def test_what_a_later_list_leaves_out_is_kept(desk: Desk) -> None:
    poll(desk, 0, RUNNING)
    poll(desk, 300, RequestRecord("abcd1234", "completed", credits_used=250))
    assert stands(desk) == RequestRecord("abcd1234", "completed", MADE, None, 250)


def test_a_change_keeps_what_was_seen_not_what_stands(desk: Desk) -> None:
    poll(desk, 0, RUNNING)
    seen = RequestRecord("abcd1234", "completed", credits_used=250)
    poll(desk, 300, seen)
    assert changes(desk)[-1] == (2, "update", seen)


def test_a_final_record_is_filled_in(desk: Desk) -> None:
    poll(desk, 0, replace(DONE, credits_used=None))
    poll(desk, 300, DONE)
    assert stands(desk) == DONE
    assert changes(desk)[-1][1] == "update"


def test_a_final_status_never_goes_back(desk: Desk) -> None:
    poll(desk, 0, DONE)
    poll(desk, 300, RUNNING)
    assert stands(desk) == DONE
    assert changes(desk)[-1] == (2, "regression", RUNNING)


@pytest.mark.parametrize(
    "seen",
    [FAILED, replace(DONE, credits_used=251), replace(DONE, completed_at=ENDED + timedelta(microseconds=1))],
    ids=["another end", "other credits", "another time"],
)
def test_a_final_record_that_is_contradicted_stands(desk: Desk, seen: RequestRecord) -> None:
    poll(desk, 0, DONE)
    poll(desk, 300, seen)
    assert stands(desk) == DONE
    assert changes(desk)[-1] == (2, "conflict", seen)


@pytest.mark.parametrize("seen", [RUNNING, FAILED], ids=["regression", "conflict"])
def test_a_repeated_contradiction_is_told_once(desk: Desk, seen: RequestRecord) -> None:
    poll(desk, 0, DONE)
    for second in (300, 600, 900):
        poll(desk, second, seen)
    assert [number for number, *_ in changes(desk)] == [1, 2]


def test_a_contradiction_taken_back_and_repeated_is_told_once(desk: Desk) -> None:
    for second, seen in enumerate((DONE, RUNNING, DONE, RUNNING)):
        poll(desk, second, seen)
    assert [number for number, *_ in changes(desk)] == [1, 2]


def test_another_contradiction_is_told(desk: Desk) -> None:
    for second, seen in enumerate((DONE, RUNNING, FAILED, RUNNING)):
        poll(desk, second, seen)
    assert [kind for _, kind, _ in changes(desk)] == ["new", "regression", "conflict", "regression"]


def test_a_contradiction_of_one_record_does_not_silence_another(desk: Desk) -> None:
    poll(desk, 0, DONE, OTHER)
    poll(desk, 300, RUNNING, OTHER)
    poll(desk, 600, RUNNING, replace(OTHER, status="processing"))
    assert [(number, seen.request_id) for number, kind, seen in changes(desk) if kind == "regression"] == [
        (2, "abcd1234"), (3, "ffff"),
    ]  # fmt: skip


def test_an_unknown_status_is_kept_and_may_change(desk: Desk) -> None:
    queued = RequestRecord("abcd1234", "queued\x1b[31m")
    poll(desk, 0, queued)
    poll(desk, 300, RUNNING)
    assert [seen.status for *_, seen in changes(desk)] == ["queued\x1b[31m", "processing"]


def test_a_listed_record_has_no_end(desk: Desk) -> None:
    poll(desk, 0, DONE)
    poll(desk, 300, DONE)
    assert listed_over(desk) == (desk.at(0), None)


def test_a_record_that_leaves_the_list_was_last_seen_by_the_poll_before(desk: Desk) -> None:
    for second, listed in ((0, [DONE]), (300, [DONE, OTHER]), (600, [OTHER])):
        poll(desk, second, *listed)
    assert listed_over(desk) == (desk.at(0), desk.at(300))
    assert listed_over(desk, "ffff") == (desk.at(300), None)


def test_a_failed_poll_between_does_not_move_when_a_record_was_last_seen(desk: Desk) -> None:
    poll(desk, 0, DONE)
    desk.fail(300)
    poll(desk, 600)
    assert listed_over(desk) == (desk.at(0), desk.at(0))


def test_a_record_that_is_back_is_listed_again(desk: Desk) -> None:
    for second, listed in ((0, [DONE]), (300, []), (600, [DONE])):
        poll(desk, second, *listed)
    assert listed_over(desk) == (desk.at(0), None)


def test_until_when_a_record_that_is_back_had_been_listed_is_kept(desk: Desk) -> None:
    for second, listed in ((0, [DONE]), (300, [DONE]), (600, []), (900, [DONE])):
        poll(desk, second, *listed)
    assert changes(desk) == [(1, "new", DONE), (4, "update", DONE)]
    assert [row.last_seen_at for row in desk.rows("usage_request_change")] == [None, desk.at(300)]


def test_a_record_that_is_merely_back_is_no_changed_request(desk: Desk) -> None:
    for second, listed in ((0, [DONE]), (300, [])):
        poll(desk, second, *listed)
    assert desk.poll(600, {"requests": 9, "credits": 9}, [DONE]).updated_requests == 0


@pytest.mark.parametrize("seen", [RUNNING, FAILED], ids=["regression", "conflict"])
def test_a_contradiction_already_told_is_kept_where_the_record_is_back(desk: Desk, seen: RequestRecord) -> None:
    for second, listed in ((0, [DONE]), (300, [seen]), (600, []), (900, [seen])):
        poll(desk, second, *listed)
    assert [row.last_seen_at for row in desk.rows("usage_request_change")] == [None, None, desk.at(300)]
    assert listed_over(desk) == (desk.at(0), None)


def test_a_record_may_leave_and_return_again_and_again(desk: Desk) -> None:
    for second in range(0, 1800, 300):
        poll(desk, second, *([DONE] if second % 600 == 0 else []))
    assert [row.last_seen_at for row in desk.rows("usage_request_change")] == [None, desk.at(0), desk.at(600)]
    assert listed_over(desk) == (desk.at(0), desk.at(1200))
    assert desk.digests() == desk.chain()


def test_a_record_that_is_back_changed_is_updated(desk: Desk) -> None:
    for second, listed in ((0, [RUNNING]), (300, []), (600, [DONE])):
        poll(desk, second, *listed)
    assert stands(desk) == DONE
    assert listed_over(desk) == (desk.at(0), None)


def test_a_record_that_left_keeps_its_time_while_the_list_goes_on(desk: Desk) -> None:
    for second, listed in ((0, [DONE]), (300, [OTHER]), (600, [OTHER]), (900, [])):
        poll(desk, second, *listed)
    assert listed_over(desk) == (desk.at(0), desk.at(0))


def test_order_of_the_list_does_not_matter(desk: Desk) -> None:
    older = RequestRecord("older", "completed", MADE - timedelta(days=400))
    poll(desk, 0, OTHER, older, DONE)
    assert [seen.request_id for *_, seen in changes(desk)] == ["abcd1234", "ffff", "older"]


def test_a_record_created_before_all_known_ones_is_entered(desk: Desk) -> None:
    poll(desk, 0, OTHER)
    poll(desk, 300, OTHER, replace(DONE, created_at=MADE - timedelta(days=400)))
    assert changes(desk)[-1][:2] == (2, "new")


def test_a_time_with_an_offset_is_the_same_instant(desk: Desk) -> None:
    poll(desk, 0, DONE)
    berlin = timezone(timedelta(hours=1))
    poll(desk, 300, replace(DONE, created_at=MADE.astimezone(berlin), completed_at=ENDED.astimezone(berlin)))
    assert len(changes(desk)) == 1


IDS = ["abc", "ABC", "abc ", " abc", "a'b", "😀", unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")]


def test_ids_are_kept_to_the_letter(desk: Desk) -> None:
    poll(desk, 0, *(RequestRecord(one, "completed") for one in IDS))
    poll(desk, 300, *(RequestRecord(one, "completed") for one in IDS))
    assert sorted(row.request_id for row in desk.rows("usage_request")) == sorted(IDS)
    assert len(changes(desk)) == len(IDS)


def test_the_same_id_of_two_accounts_is_two_records(make_desk: Any) -> None:
    one, two = make_desk("one"), make_desk("two")
    poll(one, 0, DONE)
    poll(two, 0, RUNNING)
    poll(two, 300, FAILED)
    assert [as_record(row) for row in one.rows("usage_request")] == [DONE, FAILED]


def test_counts_are_told_and_kept(desk: Desk) -> None:
    desk.poll(0, {"requests": 1, "credits": 1}, [RUNNING])
    stored = desk.poll(300, {"requests": 3, "credits": 1}, [DONE, OTHER])
    assert (stored.new_requests, stored.updated_requests) == (1, 1)
    assert [row.new_requests for row in desk.rows("poll")] == [1, 1]


def test_a_thousand_records_are_one_poll(desk: Desk) -> None:
    listed = [RequestRecord(f"id-{number:04}", "completed", MADE, ENDED, number) for number in range(1000)]
    stored = desk.poll(0, {"requests": 1000, "credits": 1}, listed)
    assert stored.new_requests == len(desk.rows("usage_request")) == 1000


def test_credits_may_be_as_large_as_a_counter(desk: Desk) -> None:
    poll(desk, 0, replace(DONE, credits_used=2**63 - 1))
    assert stands(desk).credits_used == 2**63 - 1
