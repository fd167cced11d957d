"""A small provider on loopback, independent of the simulator: it answers what a test tells it to.

with Upstream() as upstream:
    upstream.invocations = 1000              Nected's counter
    upstream.say(requests=42, credits=8750)  Nellie's counters
    upstream.listed = [listed("r-1")]        and her list
    upstream.answers["/v1/usage"] = ...      anything else, as a function without arguments
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

NECTED, NELLIE = "/dev/usage", "/v1/usage"
_KEY_HEADERS = {NECTED: "Nected-API-Key", NELLIE: "X-API-Key"}

Reply = tuple[int, dict[str, str], object]
"""Status, headers, and the body: bytes as they are, anything else as JSON."""


def listed(request_id: str, status: str = "completed", **fields: object) -> dict[str, object]:
    """Return one item of Nellie's list."""
    return {
        "requestId": request_id,
        "status": status,
        "createdAt": "2026-02-28T10:30:00Z",
        "completedAt": "2026-02-28T10:55:00Z",
        "creditsUsed": 250,
        **fields,
    }


class Upstream:
    """Both APIs under one address."""

    def __init__(self) -> None:
        self.invocations = 1000
        self.requests = 42
        self.credits = 8750
        self.listed: Sequence[object] = ()
        self.asked: list[tuple[str, str | None]] = []
        self.answers: dict[str, Callable[[], Reply | None]] = {NECTED: self._nected, NELLIE: self._nellie}
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def say(self, *, requests: int, credits: int) -> None:
        """Set both of Nellie's counters."""
        self.requests, self.credits = requests, credits

    def refuse(self, path: str, status: int, **headers: str) -> None:
        """Answer ``path`` with an error from now on."""
        self.answers[path] = lambda: (status, headers, {"success": False, "error": "no"})

    def hang(self, path: str) -> None:
        """Accept requests for ``path`` and never answer them, until ``released`` is set."""

        def wait() -> None:
            self.released.wait(60)

        self.answers[path] = wait

    def heal(self) -> None:
        """Answer everything again."""
        self.answers |= {NECTED: self._nected, NELLIE: self._nellie}

    def asked_of(self, path: str) -> int:
        """Return how often ``path`` was asked for."""
        return sum(one == path for one, _ in self.asked)

    def _nected(self) -> Reply:
        return 200, {}, {"data": {"invocations": self.invocations}, "code": "success", "message": "Success."}

    def _nellie(self) -> Reply:
        body = {
            "success": True,
            "totalRequests": self.requests,
            "totalCreditsUsed": self.credits,
            "recentRequests": list(self.listed),
        }
        return 200, {}, body

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    upstream: Upstream

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        upstream = self.server.upstream
        upstream.asked.append((self.path, self.headers.get(_KEY_HEADERS.get(self.path, ""))))
        reply = upstream.answers[self.path]()
        if reply is None:
            self.close_connection = True
            return
        status, headers, said = reply
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
