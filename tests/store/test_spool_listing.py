"""A spool with many files, files that cannot be read, and what a killed writer leaves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from collector.store.spool import Spool
from tests.store.test_spool import GOOD


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 1_000_000)


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    usual = os.scandir

    def scandir(path: object) -> object:
        found.append(path)
        return usual(path)  # type: ignore[call-overload]  # passed on as it came

    monkeypatch.setattr(os, "scandir", scandir)
    return found


def test_the_folder_is_not_listed_for_each_poll(spool: Spool, listings: list[object]) -> None:
    spool.add(GOOD, "locked")
    listings.clear()
    for _ in range(20):
        spool.add(GOOD, "locked")
    for one in list(spool.of_account("a")):
        spool.remove(one)
    assert spool.waiting().count == 0
    assert listings == []


def test_what_another_process_kept_is_seen_and_numbered_behind(spool: Spool) -> None:
    spool.add(GOOD, "mine")
    other = Spool(spool.folder, 1_000_000)
    other.add(GOOD, "theirs")
    spool.add(GOOD, "mine again")
    assert [one.why for one in spool.of_account("a")] == ["mine", "theirs", "mine again"]
    assert [one.why for one in other.of_account("a")] == ["mine", "theirs", "mine again"]


def test_nobody_overwrites_what_was_kept_in_the_same_moment(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's time may be too coarse to tell two changes apart."""
    spool.add(GOOD, "mine")
    theirs = Spool(spool.folder, 1_000_000).add(GOOD, "theirs")
    usual = spool.folder.stat()
    spool._listing._stamp = usual.st_mtime_ns
    spool.add(GOOD, "mine again")
    assert theirs.exists()
    assert len(list(Spool(spool.folder, 1_000_000).of_account("a"))) == 3


def test_a_file_that_cannot_be_read_blocks_nothing(spool: Spool) -> None:
    path = spool.add(GOOD, "first")
    spool.add(GOOD, "second")
    path.unlink()
    path.mkdir()
    assert [one.why for one in spool.of_account("a")] == ["second"]
    assert spool.waiting().unreadable == 1
    assert "chown" in " ".join(spool.told())
    assert spool.told() == []


def test_a_file_that_can_be_read_again_is_taken_in(spool: Spool) -> None:
    path = spool.add(GOOD, "first")
    aside = path.with_suffix(".unreadable")
    path.rename(aside)
    again = Spool(spool.folder, 1_000_000)
    assert [one.why for one in again.of_account("a")] == ["first"]


def test_what_a_killed_writer_left_is_removed(spool: Spool) -> None:
    spool.add(GOOD, "first")
    left = spool.folder / ".000000000009.b.poll.part"
    left.write_bytes(b"half")
    Spool(spool.folder, 1_000_000).add(replace(GOOD, account="b"), "second")
    assert not left.exists()
