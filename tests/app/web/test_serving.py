"""The verb ``serve``: where it listens, for whom, and how it ends."""

from __future__ import annotations

import builtins
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.app.web.connections import BriefConnection
from collector.errors import UsageError
from tests.app.console import Console
from tests.app.web.dashboard import Dashboard, dashboard
from tests.app.world import stopped_when


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield int(found.getsockname()[1])


def test_sigterm_ends_it_in_order(console: Console) -> None:
    with stopped_when(lambda: True):
        done = console.run("serve", "--port", "0")

    assert done.code == 0, done.err
    assert done.out.startswith("serving on http://127.0.0.1:")


def test_a_port_in_use_is_told(console: Console, port: int) -> None:
    done = console.run("serve", "--port", str(port))

    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - that is what is refused
def test_for_other_machines_a_token_is_wanted(console: Console, host: str) -> None:
    done = console.run("serve", "--host", host, "--port", "0")

    assert done.code == 2
    assert "a token is needed" in done.err


def test_with_a_token_other_machines_are_served(console: Console) -> None:
    path = console.write("0123456789abcdef\n", "token")
    with stopped_when(lambda: True):
        done = console.run("serve", "--host", "0.0.0.0", "--port", "0", "--token-file", str(path))  # noqa: S104

    assert done.code == 0, done.err
    assert "0123456789abcdef" not in done.out + done.err


@pytest.mark.parametrize("host", ["", "a b", "127.0.0.1:80", "256.0.0.1"])
def test_what_is_no_address_is_refused(console: Console, host: str) -> None:
    assert console.run("serve", "--host", host).code == 2


def test_a_missing_database_ends_it_at_the_start(bare_console: Console) -> None:
    bare_console.configure("https://example.com")
    done = bare_console.run("serve", "--port", "0")

    assert done.code == 5
    assert "no database at" in done.err


def test_a_missing_extra_is_named(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.app.cli.serving.find_spec", lambda name: None if name == "uvicorn" else builtins)
    done = console.run("serve")

    assert done.code == 2
    assert "usage-collector[web]" in done.err


def test_the_database_is_opened_for_reading_only(history: Path) -> None:
    before = (history / "usage.db").read_bytes()
    with dashboard(history / "collector.toml") as found:
        assert found.ask("/api/status").status == 200
    assert (history / "usage.db").read_bytes() == before


class TestSlowClients:
    @pytest.fixture
    def hurried(self, history: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
        """A dashboard that waits for nobody."""
        monkeypatch.setattr(BriefConnection, "asking_seconds", 0.3)
        with dashboard(history / "collector.toml") as found:
            yield found

    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
    def test_who_does_not_finish_his_question_is_hung_up_on(self, hurried: Dashboard, sent: bytes) -> None:
        assert hurried.raw(sent) == b""

    def test_who_sends_a_byte_now_and_then_is_hung_up_on(self, hurried: Dashboard) -> None:
        with socket.create_connection(hurried.address, 10) as held, pytest.raises(OSError, match=r"reset|Broken"):
            _drip(held, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000)

    def test_others_are_served_meanwhile(self, hurried: Dashboard) -> None:
        held = [socket.create_connection(hurried.address, 10) for _ in range(40)]
        try:
            assert hurried.ask("/readyz").status == 200
        finally:
            for one in held:
                one.close()


def test_an_address_of_nobody_is_told(console: Console) -> None:
    done = console.run("serve", "--host", "192.0.2.1", "--port", "0")

    assert done.code == UsageError.exit_code
    assert "cannot listen on" in done.err


def _drip(connection: socket.socket, sent: bytes) -> None:
    """Send byte by byte, as a slow client does."""
    for byte in sent:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)
