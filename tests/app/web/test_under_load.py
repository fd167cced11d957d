"""Health while pages are slow, while somebody holds connections open, and while the database is away at the start."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector.app.web.working import BusyError, Workshop
from tests.app.console import Console
from tests.app.web.dashboard import Dashboard, dashboard


def test_health_does_not_wait_for_pages() -> None:
    workshop, slow = Workshop(), threading.Event()

    async def asked() -> str:
        pages = [asyncio.ensure_future(workshop.made(slow.wait)) for _ in range(16)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await workshop.made(slow.wait)
        found = await asyncio.wait_for(workshop.watched(lambda: "ok"), 5)
        slow.set()
        await asyncio.gather(*pages)
        return found

    assert asyncio.run(asked()) == "ok"
    assert workshop.stop(5)


def test_half_sent_requests_do_not_keep_others_out(shown: Dashboard) -> None:
    with ExitStack() as held:
        for _ in range(300):
            one = held.enter_context(socket.create_connection(shown.address, 10))
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        assert shown.ask("/readyz").status == 200


def test_a_request_under_way_is_not_given_up_for_newer_connections(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> bool:
        entered.set()
        go_on.wait(10)
        return True

    monkeypatch.setattr("collector.app.web.application.Metrics.text", lambda _: str(slow()).encode())
    with dashboard(history / "collector.toml") as found, ThreadPoolExecutor(1) as pool, ExitStack() as held:
        asked = pool.submit(found.ask, "/metrics")
        assert entered.wait(10)
        for _ in range(100):
            held.enter_context(socket.create_connection(found.address, 10)).sendall(b"GET")
        go_on.set()
        assert asked.result(10).text == "True"


def test_serving_starts_without_the_server_and_says_so(console: Console) -> None:
    console.write(
        '[database]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n[[accounts]]\nname = "nellie"\nprovider = "nellie"\n'
    )
    with dashboard(console.folder / "collector.toml") as found:
        health = found.ask("/healthz")
        assert (health.status, health.json["troubles"]) == (503, ["database"])
        assert found.ask("/readyz").status == 503
        assert found.ask("/").status == 503


def test_another_revision_is_refused_once_the_server_is_there(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collector.errors import DisconnectedError, RevisionError

    faults: list[Exception] = [DisconnectedError("away"), RevisionError("newer")]

    def require_head(_: object) -> None:
        if faults:
            raise faults.pop(0)

    monkeypatch.setattr("collector.app.web.ledger.require_head", require_head)
    with dashboard(history / "collector.toml") as found:
        assert found.ask("/healthz").json["troubles"] == ["database"]
        assert found.ask("/").status == 200
