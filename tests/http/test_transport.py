"""Every step of a socket ends with the attempt that uses it, and no byte beyond the limit is received."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from collector.errors import AskError
from collector.http.attempt import CURRENT_ATTEMPT, Attempt
from collector.http.faults import Ask
from collector.http.settings import HttpSettings
from collector.http.stopping import StopSwitch
from collector.http.transport import DeadlineSocket, connect
from tests.http.asker import KEY
from tests.http.fault_server import Behaviour, Exchange, FaultServer


@contextmanager
def attempting(*, max_bytes: int = 1000, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Attempt]:
    attempt = Attempt(
        Ask("http://127.0.0.1", KEY),
        "X-API-Key",
        HttpSettings(deadline=timedelta(seconds=5), max_bytes=max_bytes),
        monotonic=monotonic,
        wait=lambda seconds: False,
        stop=StopSwitch(),
    )
    token = CURRENT_ATTEMPT.set(attempt)
    try:
        yield attempt
    finally:
        CURRENT_ATTEMPT.reset(token)


def flood(exchange: Exchange) -> None:
    while True:
        exchange.send(b"x" * 65_536)


def read_until_refused(connection: DeadlineSocket, size: int) -> tuple[int, str]:
    count = 0
    buffer = bytearray(size)
    try:
        while received := connection.recv_into(buffer):
            count += received
    except AskError as error:
        return count, error.outcome
    return count, "ended"


@contextmanager
def connected(
    behaviour: Behaviour, *, max_bytes: int = 1000, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[tuple[Attempt, DeadlineSocket]]:
    with (
        FaultServer(behaviour) as server,
        attempting(max_bytes=max_bytes, monotonic=monotonic) as attempt,
        connect("127.0.0.1", server.port, attempt) as connection,
    ):
        yield attempt, connection


def say_nothing(exchange: Exchange) -> None:
    exchange.pause(5)


@pytest.mark.parametrize(("size", "limit"), [(1, 10), (8192, 1000), (1 << 20, 1000)], ids=str)
def test_no_byte_is_received_beyond_the_limit(size: int, limit: int) -> None:
    with connected(flood, max_bytes=limit) as (_, connection):
        assert read_until_refused(connection, size) == (limit + 65_536, "too_large")


def test_read_after_the_deadline_does_not_wait() -> None:
    clock = [0.0]
    with connected(say_nothing, monotonic=lambda: clock[0]) as (_, connection):
        clock[0] = 5.0
        assert read_until_refused(connection, 10) == (0, "timeout_total")


def test_write_after_the_deadline_does_not_wait() -> None:
    clock = [0.0]
    with connected(say_nothing, monotonic=lambda: clock[0]) as (_, connection):
        clock[0] = 5.0
        with pytest.raises(AskError, match="5 s"):
            connection.sendall(b"GET")


def test_socket_obeys_the_attempt_that_uses_it_now() -> None:
    with connected(flood) as (first, connection):
        first.received(1000 + 65_536)
        with attempting():
            assert connection.recv_into(bytearray(10)) == 10


def test_reader_of_a_socket_closed_by_the_switch_is_told_why() -> None:
    with connected(flood) as (attempt, connection):
        attempt.stop.throw()
        assert read_until_refused(connection, 10) == (0, "interrupted")
