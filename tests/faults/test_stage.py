"""The stage itself: a case can only be believed if what it stands on holds."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.canary import NELLIE_KEY
from tests.faults.stage import Stage, holds_key, usage
from tests.http.fault_server import reset

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.mark.parametrize("stage", ENGINES, indirect=True)
def test_good_poll_is_stored_and_seen(stage: Stage) -> None:
    stage.plays(usage(41, 8740))
    assert stage.poll().code == 0
    assert stage.outcomes == ["ok"]
    assert [row["value"] for row in stage.seen] == [8740, 41]


def test_fault_is_played_when_the_case_says_so(stage: Stage) -> None:
    stage.poll()
    stage.plays(reset)
    assert stage.poll().code == 1
    assert stage.outcomes == ["ok", "conn_error"]


def test_daemon_ends_when_the_condition_holds(stage: Stage) -> None:
    done = stage.daemon(lambda: stage.polls)
    assert (done.code, stage.outcomes) == (0, ["ok"])
    assert done.logged("info")[0] == "polling"


def test_daemon_as_a_process_is_ended_by_a_signal(stage: Stage) -> None:
    with stage.process("run") as daemon:
        daemon.wait_for("polling")
        daemon.signal(signal.SIGTERM)
        assert daemon.code == 0


def test_sink_notices_a_connection(stage: Stage) -> None:
    with socket.create_connection(("127.0.0.1", stage.sink.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.recv(1)
    assert not stage.sink.untouched
    stage.sink.forget()


def test_piece_of_a_key_is_found_where_it_lies(stage: Stage) -> None:
    path = stage.folder / "left.txt"
    path.write_text(f"…{NELLIE_KEY[5:13]}…")
    assert stage.leaks() == {str(path)}
    assert holds_key(path.read_bytes())
    path.unlink()
