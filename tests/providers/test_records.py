from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.domain.requests import RequestRecord
from collector.errors import AnswerRejectedError
from collector.providers.contract import Rejection
from collector.providers.records import doubtful_times, read_record, read_records, unknown_record_fields

EARLY = datetime(2025, 12, 3, 10, 30, tzinfo=UTC)
LATE = datetime(2025, 12, 3, 10, 55, tzinfo=UTC)


def test_full_record_is_read_to_the_letter() -> None:
    item = {
        "requestId": " Ab-1 ",
        "status": "completed",
        "createdAt": "2025-12-03T10:30:00Z",
        "completedAt": "2025-12-03T11:55:00+01:00",
        "creditsUsed": 250,
    }
    assert read_record(item, "list[0]") == RequestRecord(" Ab-1 ", "completed", EARLY, LATE, 250)


def test_record_needs_only_id_and_status() -> None:
    assert read_record({"requestId": "a", "status": "queued"}, "list[0]") == RequestRecord("a", "queued")


def test_nulls_are_as_good_as_absence() -> None:
    item = {"requestId": "a", "status": "failed", "createdAt": None, "completedAt": None, "creditsUsed": None}
    assert read_record(item, "list[0]") == RequestRecord("a", "failed")


def test_rejection_names_place_reason_and_value() -> None:
    item = {"requestId": "a", "status": "failed", "creditsUsed": "12"}
    assert read_record(item, "list[3]") == Rejection("list[3].creditsUsed", "creditsUsed is not an integer", '"12"')


def test_rejection_of_a_missing_field_shows_the_record_around_it() -> None:
    assert read_record({"status": "failed"}, "list[0]") == Rejection(
        "list[0].requestId", "requestId is missing", '{"status": "failed"}'
    )


def test_rejection_of_no_object_names_the_item() -> None:
    assert read_record(7, "list[0]") == Rejection("list[0]", "the record is not an object", "7")


def test_first_documented_field_is_the_one_named() -> None:
    found = read_record({"creditsUsed": -1, "status": 3, "requestId": ""}, "list[0]")
    assert isinstance(found, Rejection)
    assert found.where == "list[0].requestId"


def test_reason_never_holds_the_record_s_own_text() -> None:
    found = read_record({"requestId": "secret\x1b", "status": "failed"}, "list[0]")
    assert isinstance(found, Rejection)
    assert "secret" not in found.reason


def test_records_stay_in_listed_order() -> None:
    items = [{"requestId": name, "status": "failed"} for name in "cab"]
    records, _ = read_records(items, "list", "Someone")
    assert [record.request_id for record in records] == ["c", "a", "b"]


def test_repeated_record_keeps_its_first_place() -> None:
    items = [{"requestId": name, "status": "failed"} for name in "aba"]
    records, _ = read_records(items, "list", "Someone")
    assert [record.request_id for record in records] == ["a", "b"]


def test_contradiction_is_named_by_its_place() -> None:
    items = [{"requestId": "a", "status": status} for status in ("failed", "completed")]
    with pytest.raises(AnswerRejectedError, match=r"list\[1\] repeats an id with other contents"):
        read_records(items, "list", "Someone")


@pytest.mark.parametrize(
    ("record", "doubtful"),
    [
        pytest.param(RequestRecord("a", "completed", EARLY, LATE), False, id="ends later"),
        pytest.param(RequestRecord("a", "completed", EARLY, EARLY), False, id="ends at once"),
        pytest.param(RequestRecord("a", "failed", LATE, EARLY), True, id="ends before it began"),
        pytest.param(RequestRecord("a", "completed", None, LATE), False, id="beginning unknown"),
        pytest.param(RequestRecord("a", "processing", EARLY, None), False, id="still going"),
        pytest.param(RequestRecord("a", "processing", EARLY, LATE), True, id="going but ended"),
        pytest.param(RequestRecord("a", "completed", EARLY, None), True, id="done but never ended"),
        pytest.param(RequestRecord("a", "failed", EARLY, None), False, id="failed without an end"),
    ],
)
def test_times_are_doubted_where_they_contradict(record: RequestRecord, doubtful: bool) -> None:
    assert doubtful_times(record) is doubtful


def test_unknown_fields_of_all_items_are_named_once() -> None:
    items = [{"requestId": "a", "x": 1}, 7, {"x": 2, "y": 3}]
    assert unknown_record_fields(items, "list") == {"list[].x", "list[].y"}
