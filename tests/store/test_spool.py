from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.requests import RequestRecord
from collector.errors import StorageError
from collector.store.entries import FinishedPoll
from collector.store.spool import Spool
from collector.store.spool_format import parse, written

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = FinishedPoll(
    account="a",
    provider="nellie",
    started_at=AT,
    finished_at=AT + timedelta(seconds=1, microseconds=5),
    outcome="ok",
    next_poll_at=AT + timedelta(minutes=5),
    not_before=AT,
    http_status=200,
    body=b"\x00\xff",
    flags=("clock_skew",),
    counters={"requests": 2**63 - 1, "credits": 0},
    requests=(RequestRecord("é\u2028\U0001f600", "completed", AT, None, 10), RequestRecord("b", "failed")),
    rejections=(("recentRequests[0]", "it is no object", "1"),),
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "state" / "spool", 100_000)


def test_what_is_written_is_what_is_read() -> None:
    assert parse(written(GOOD, "locked")) == (GOOD, "locked")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_poll_or_none(data: bytes) -> None:
    assert parse(data) is None


@given(st.integers(0, len(written(GOOD, "x")) - 2))
def test_file_that_was_cut_short_is_none(length: int) -> None:
    assert parse(written(GOOD, "x")[:length]) is None


def test_polls_come_back_in_the_order_in_which_they_were_kept(spool: Spool) -> None:
    for seconds in (3, 1, 2):
        spool.add(_at(seconds), "locked")
    assert [one.poll for one in spool.of_account("a")] == [_at(seconds) for seconds in (3, 1, 2)]


def test_polls_of_others_are_left_alone(spool: Spool) -> None:
    spool.add(GOOD, "locked")
    assert list(spool.of_account("b")) == []


def test_folder_that_is_not_there_is_empty(spool: Spool) -> None:
    assert (spool.waiting().count, spool.accounts()) == (0, frozenset())
    assert not spool.folder.exists()


def test_everything_is_for_its_owner_alone(spool: Spool) -> None:
    path = spool.add(GOOD, "locked")
    assert [one.stat().st_mode & 0o777 for one in (path, spool.folder, spool.folder.parent)] == [0o600, 0o700, 0o700]


def test_newest_is_dropped_and_counted_when_the_limit_is_reached(spool: Spool) -> None:
    small = Spool(spool.folder, len(written(GOOD, "locked")) + 10)
    small.add(GOOD, "locked")
    for _ in range(2):
        with pytest.raises(StorageError, match="is full"):
            small.add(GOOD, "locked")
    assert (small.waiting().count, small.waiting().dropped) == (1, 2)


def test_count_of_the_dropped_ends_with_the_last_poll(spool: Spool) -> None:
    small = Spool(spool.folder, len(written(GOOD, "locked")) + 10)
    small.add(GOOD, "locked")
    with pytest.raises(StorageError):
        small.add(GOOD, "locked")
    (only,) = small.of_account("a")
    small.remove(only)
    assert small.waiting().dropped == 0


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write into the spool"):
        Spool(tmp_path / "file" / "spool", 1000).add(GOOD, "locked")


def _at(seconds: int) -> FinishedPoll:
    return replace(GOOD, finished_at=AT + timedelta(seconds=seconds))
