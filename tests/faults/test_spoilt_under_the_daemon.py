"""What is done to the database of a running daemon, which keeps its file: cut, overwritten, given another schema."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.stage import Stage


def _checkpointed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _cut(path: Path) -> None:
    os.truncate(path, 3 * 4096)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("spoil", [pytest.param(_cut, id="cut"), pytest.param(_empty, id="empty")])
def test_a_file_that_is_cut_ends_the_daemon_and_stays_as_it_is(stage: Stage, spoil: Callable[[Path], None]) -> None:
    assert stage.path is not None
    stage.configure(account='poll_every = "1s"')
    with stage.process("run") as daemon:
        daemon.wait_for("polling")
        _checkpointed(stage.path)
        spoil(stage.path)
        assert daemon.code == 7
        left = stage.path.stat().st_size
        assert "going on would do harm" in daemon.err
    log = stage.path.with_name(stage.path.name + "-wal")
    assert (left in {0, 3 * 4096}, log.stat().st_size > 0) == (True, True)


def test_another_schema_ends_the_daemon_with_6(stage: Stage) -> None:
    assert stage.path is not None
    stage.configure(account='poll_every = "1s"')
    with stage.process("run") as daemon:
        daemon.wait_for("polling")
        with closing(sqlite3.connect(stage.path)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '0099'")
        assert daemon.code == 6
        assert "newer than this program" in daemon.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_after_the_start_ends_with_0(stage: Stage, number: signal.Signals) -> None:
    with stage.process("run") as daemon:
        caught = Path(f"/proc/{daemon.pid}/status")
        while f"{_caught(caught) >> (number - 1) & 1}" == "0" and daemon.running:
            pass
        daemon.signal(number)
        assert daemon.code == 0
    assert stage.polls == []


def _caught(status: Path) -> int:
    """Return the signals that a process handles, by the kernel's count; Python itself handles SIGINT from the start."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
    found = int(line.split()[1], 16)
    return found if found >> (signal.SIGTERM - 1) & 1 else 0
