"""Binding, closing, logging and concurrency of the server."""

import logging
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection, RemoteDisconnected
from time import perf_counter, sleep
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from collector.errors import UsageError
from collector.simulator.server import Simulator
from collector.simulator.switches import Switches

RAW_QUESTION = b"GET /v1/usage HTTP/1.1\r\nHost: localhost\r\nX-API-Key: nel_key\r\n\r\n"


class MovableClock(Protocol):
    instant: datetime

    def __call__(self) -> datetime: ...


def connection_to(simulator: Simulator) -> HTTPConnection:
    return HTTPConnection(urlsplit(simulator.url).netloc, timeout=10)


def raw_connection(simulator: Simulator) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(simulator.url).port or 0), timeout=10)


def status_of(simulator: Simulator, key: str = "nel_key") -> int:
    with closing(connection_to(simulator)) as connection:
        connection.request("GET", "/v1/usage", headers={"X-API-Key": key})
        response = connection.getresponse()
        response.read()
        return response.status


def test_closing_does_not_wait_for_latency(clock: MovableClock) -> None:
    running = Simulator(now=clock)
    running.start()
    running.put(Switches(latency=timedelta(minutes=5)))
    with closing(raw_connection(running)) as waiting:
        waiting.sendall(RAW_QUESTION)
        for _ in range(5_000):
            if running.requests_seen:
                break
            sleep(0.001)
        began = perf_counter()
        running.close()

        assert (waiting.recv(1), perf_counter() - began < 2) == (b"", True)


def test_a_client_that_goes_away_is_no_error(clock: MovableClock, caplog: pytest.LogCaptureFixture) -> None:
    with Simulator(now=clock) as running:
        running.put(Switches(latency=timedelta(milliseconds=60)))
        raw = raw_connection(running)
        raw.sendall(RAW_QUESTION * 2)
        # A linger of zero seconds makes closing a reset.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        sleep(0.15)

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_nothing_is_printed(simulator: Simulator, capfd: pytest.CaptureFixture[str]) -> None:
    status_of(simulator)

    assert capfd.readouterr() == ("", "")


def test_no_key_is_logged(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        status_of(simulator, "nel_canary")

    assert ("simulator answered" in caplog.text, "nel_canary" in caplog.text) == (True, False)


def test_a_fault_of_the_clock_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    naive = datetime(2026, 3, 10)  # noqa: DTZ001 - naive on purpose
    with Simulator(now=lambda: naive) as broken, pytest.raises(RemoteDisconnected):
        status_of(broken)

    assert "an instant needs a time zone" in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com", ""])  # noqa: S104 - refused
def test_an_address_that_is_not_loopback_is_refused(clock: MovableClock, host: str) -> None:
    with pytest.raises(UsageError, match="loopback only"):
        Simulator(now=clock, host=host)


def test_a_window_out_of_range_is_refused(clock: MovableClock) -> None:
    with pytest.raises(UsageError, match="0 to 10000 entries"):
        Simulator(now=clock, window=-1)


def test_a_port_in_use_is_refused(simulator: Simulator, clock: MovableClock) -> None:
    port = urlsplit(simulator.url).port
    assert port is not None

    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}"):
        Simulator(now=clock, port=port).start()


def test_a_port_out_of_range_is_refused(clock: MovableClock) -> None:
    with pytest.raises(UsageError, match="cannot listen"):
        Simulator(now=clock, port=99_999).start()


def test_it_is_started_once(simulator: Simulator) -> None:
    with pytest.raises(UsageError, match="started already"):
        simulator.start()


def test_it_has_no_address_before_it_is_started(clock: MovableClock) -> None:
    simulator = Simulator(now=clock)

    with pytest.raises(UsageError, match="once it is started"):
        _ = simulator.url


def test_closing_twice_does_nothing(clock: MovableClock) -> None:
    simulator = Simulator(now=clock)
    simulator.start()
    simulator.close()

    simulator.close()


def test_closing_ends_idle_connections_and_threads(clock: MovableClock) -> None:
    before = threading.active_count()
    with Simulator(now=clock) as running:
        idle = raw_connection(running)
        idle.sendall(RAW_QUESTION)
        idle.recv(65_536)
    with closing(idle):
        ended = idle.recv(65_536)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "process_request_thread" in thread.name:
            thread.join(5)

    assert (ended, threading.active_count()) == (b"", before)


def test_it_can_be_started_again(clock: MovableClock) -> None:
    simulator = Simulator(now=clock)
    for _ in range(2):
        simulator.start()
        simulator.close()
    with simulator:
        assert status_of(simulator) == 200


def test_it_listens_on_the_ipv6_loopback_too(clock: MovableClock) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    simulator = Simulator(now=clock, host="::1")
    try:
        simulator.start()
    except UsageError:
        pytest.skip("this machine has no IPv6 loopback")
    status = status_of(simulator)
    simulator.close()

    assert status == 200


def test_what_is_not_http_is_refused(simulator: Simulator) -> None:
    with closing(raw_connection(simulator)) as raw:
        raw.sendall(b"GET /v1/usage HTTP/nonsense\r\n\r\n")

        assert b"400" in raw.recv(4_096)


def test_many_clients_are_answered_at_once_while_switches_change(simulator: Simulator) -> None:
    def ask(number: int) -> int:
        if number % 10 == 0:
            simulator.put(Switches(window=number))
        return status_of(simulator, f"nel_{number % 7}")

    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(ask, range(120)))

    assert (statuses, simulator.requests_seen) == ({200}, 120)
