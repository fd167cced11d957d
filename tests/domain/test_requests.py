from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.requests import FINAL_STATUSES, ChangeKind, RequestRecord, merged

MADE = datetime(2025, 12, 3, 10, 30, tzinfo=UTC)
DONE = datetime(2025, 12, 3, 10, 55, tzinfo=UTC)
LATER = DONE + timedelta(seconds=1)

GOING = RequestRecord("r-1", "processing", MADE)
ENDED = RequestRecord("r-1", "completed", MADE, DONE, 250)
BARE = RequestRecord("r-1", "completed")

RECORDS = st.builds(
    RequestRecord,
    st.just("r-1"),
    st.sampled_from(["processing", "completed", "failed", "queued"]),
    st.sampled_from([None, MADE, LATER]),
    st.sampled_from([None, DONE, LATER]),
    st.sampled_from([None, 0, 250]),
)


@pytest.mark.parametrize(("status", "final"), [("completed", True), ("failed", True), ("processing", False)])
def test_only_documented_ends_are_final(status: str, final: bool) -> None:
    assert RequestRecord("r-1", status).final is final


@pytest.mark.parametrize("status", ["queued", "COMPLETED", "completed ", ""])
def test_unknown_status_is_never_final(status: str) -> None:
    assert not RequestRecord("r-1", status).final


@pytest.mark.parametrize(
    ("known", "seen", "after"),
    [
        pytest.param(GOING, ENDED, ENDED, id="processing completes"),
        pytest.param(GOING, replace(ENDED, status="failed"), replace(ENDED, status="failed"), id="processing fails"),
        pytest.param(GOING, BARE, replace(GOING, status="completed"), id="completes without its times"),
        pytest.param(GOING, replace(GOING, credits_used=5), replace(GOING, credits_used=5), id="credits while going"),
        pytest.param(replace(GOING, status="queued"), GOING, GOING, id="unknown status goes on"),
        pytest.param(
            GOING, replace(GOING, status="queued"), replace(GOING, status="queued"), id="unknown status comes"
        ),
        pytest.param(BARE, ENDED, ENDED, id="everything fills in"),
        pytest.param(replace(ENDED, credits_used=None), ENDED, ENDED, id="credits fill in after the end"),
        pytest.param(replace(ENDED, completed_at=None), ENDED, ENDED, id="completion time fills in after the end"),
        pytest.param(replace(ENDED, created_at=None), BARE, None, id="nothing new about it"),
    ],
)
def test_later_observation_moves_a_record_forward(
    known: RequestRecord, seen: RequestRecord, after: RequestRecord | None
) -> None:
    assert merged(known, seen) == ((known, None) if after is None else (after, ChangeKind.UPDATE))


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(ENDED, id="the same"),
        pytest.param(BARE, id="less"),
        pytest.param(replace(ENDED, credits_used=None), id="without credits"),
    ],
)
def test_observation_that_adds_nothing_changes_nothing(seen: RequestRecord) -> None:
    assert merged(ENDED, seen) == (ENDED, None)


@pytest.mark.parametrize("status", ["processing", "queued", "COMPLETED"])
def test_final_status_taken_back_is_a_regression(status: str) -> None:
    assert merged(ENDED, replace(ENDED, status=status)) == (ENDED, ChangeKind.REGRESSION)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(replace(ENDED, status="failed"), id="other final status"),
        pytest.param(replace(ENDED, credits_used=251), id="other credits"),
        pytest.param(replace(ENDED, credits_used=0), id="credits taken back"),
        pytest.param(replace(ENDED, completed_at=LATER), id="other completion time"),
        pytest.param(replace(ENDED, created_at=LATER), id="other creation time"),
    ],
)
def test_contradiction_after_the_end_is_a_conflict(seen: RequestRecord) -> None:
    assert merged(ENDED, seen) == (ENDED, ChangeKind.CONFLICT)


def test_contradiction_does_not_let_anything_fill_in() -> None:
    known = replace(ENDED, credits_used=None)
    assert merged(known, replace(ENDED, completed_at=LATER)) == (known, ChangeKind.CONFLICT)


@given(RECORDS, RECORDS)
def test_final_status_never_changes(known: RequestRecord, seen: RequestRecord) -> None:
    after, _ = merged(known, seen)
    assert known.status not in FINAL_STATUSES or after.status == known.status


@given(RECORDS, RECORDS)
def test_known_value_is_never_forgotten(known: RequestRecord, seen: RequestRecord) -> None:
    after, _ = merged(known, seen)
    pairs = (
        (known.created_at, after.created_at),
        (known.completed_at, after.completed_at),
        (known.credits_used, after.credits_used),
    )
    assert all(old is None or new is not None for old, new in pairs)


@given(RECORDS, RECORDS)
def test_same_observation_twice_changes_nothing_the_second_time(known: RequestRecord, seen: RequestRecord) -> None:
    once, _ = merged(known, seen)
    assert merged(once, seen)[0] == once


@given(RECORDS, RECORDS)
def test_record_stays_as_it_was_unless_updated(known: RequestRecord, seen: RequestRecord) -> None:
    after, change = merged(known, seen)
    assert (after != known) == (change is ChangeKind.UPDATE)
