from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import StorageError
from collector.store.entries import PollHead
from collector.store.heads import Heads, Remembered

FIRST = PollHead(1, b"\x01" * 32)
SECOND = PollHead(2, b"\x02" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "heads.json"


def test_what_is_saved_is_remembered(path: Path) -> None:
    heads = Heads(path, "here")
    heads.committed("a", FIRST, 5)
    heads.save()
    assert Heads(path, "here").known("a") == Remembered("a", 1, FIRST.digest, 5)
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_where_nothing_is_new(path: Path) -> None:
    Heads(path, "here").save()
    assert not path.exists()


def test_of_another_database_nothing_is_remembered(path: Path) -> None:
    heads = Heads(path, "here")
    heads.committed("a", FIRST, 5)
    heads.save()
    assert Heads(path, "there").all == ()


def test_of_two_programs_the_higher_number_stands(path: Path) -> None:
    one, other = Heads(path, "here"), Heads(path, "here")
    one.committed("a", SECOND, 6)
    one.save()
    other.committed("a", FIRST, 5)
    other.save()
    assert Heads(path, "here").known("a") == Remembered("a", 2, SECOND.digest, 6)


def test_lost_poll_is_kept_apart_until_it_is_accepted(path: Path) -> None:
    heads = Heads(path, "here")
    heads.committed("a", SECOND, 6)
    heads.save()
    gone = heads.all
    heads.missing(gone)
    heads.committed("a", FIRST, 7)
    heads.save()
    again = Heads(path, "here")
    assert (again.lost, again.known("a")) == (gone, Remembered("a", 1, FIRST.digest, 7))
    assert again.forget(lost_only=True) == gone
    assert Heads(path, "here").all == (Remembered("a", 1, FIRST.digest, 7),)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_heads(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("heads") / "heads.json"
    path.write_bytes(data)
    assert Heads(path, "here").all == ()


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    heads = Heads(tmp_path / "file" / "heads.json", "here")
    heads.committed("a", FIRST, 5)
    with pytest.raises(StorageError, match="cannot write"):
        heads.save()


def test_no_poll_waits_for_another_program_that_keeps_the_file(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "heads.json", "here")
    heads.committed("a", PollHead(1, b"1" * 32), 1)
    heads.save()
    heads.committed("a", PollHead(2, b"2" * 32), 2)
    saving = threading.Thread(target=heads.save, daemon=True)
    with (tmp_path / ".heads.json.lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        saving.start()
        asking = threading.Thread(target=lambda: heads.committed("a", PollHead(3, b"3" * 32), 3), daemon=True)
        asking.start()
        asking.join(10)
        assert not asking.is_alive()
    saving.join(10)
    heads.save()
    found = Heads(tmp_path / "heads.json", "here").known("a")
    assert found is not None
    assert found.number == 3
