from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.imported_records import SeenRecord, together
from collector.domain.requests import RequestRecord

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
# What a provider says of a request, one after the other: nothing that was told is withdrawn.
COURSE = [
    RequestRecord("r", "queued"),
    RequestRecord("r", "processing", NOON),
    RequestRecord("r", "unresolved", NOON),
    RequestRecord("r", "completed", NOON),
    RequestRecord("r", "completed", NOON, NOON, 250),
]


def seen(record: RequestRecord, first: int = 0, last: int = 0) -> SeenRecord:
    return SeenRecord(record, NOON + timedelta(minutes=first), NOON + timedelta(minutes=last))


def both(one: SeenRecord, other: SeenRecord) -> SeenRecord:
    found = together(one, other)
    assert found is not None
    return found


statements = st.builds(
    lambda state, since: seen(COURSE[state], 10 * state, 10 * state + since), st.integers(0, 4), st.integers(0, 9)
)


@given(one=statements, other=statements)
def test_it_does_not_matter_which_comes_first(one: SeenRecord, other: SeenRecord) -> None:
    assert both(one, other) == both(other, one)


@given(one=statements, other=statements, third=statements)
def test_it_does_not_matter_which_are_brought_together_first(
    one: SeenRecord, other: SeenRecord, third: SeenRecord
) -> None:
    assert both(both(one, other), third) == both(one, both(other, third))


@given(one=statements)
def test_the_same_again_changes_nothing(one: SeenRecord) -> None:
    assert both(one, one) == one


def test_the_earliest_and_the_latest_instant_stand() -> None:
    assert both(seen(COURSE[1], 5, 6), seen(COURSE[1], 1, 9)) == seen(COURSE[1], 1, 9)


@pytest.mark.parametrize(
    "other",
    [RequestRecord("r", "failed", NOON, NOON, 250), RequestRecord("r", "completed", NOON, NOON, 251)],
    ids=["another end", "other credits"],
)
def test_two_final_states_that_contradict_each_other_come_to_nothing(other: RequestRecord) -> None:
    assert together(seen(COURSE[4]), seen(other)) is None
