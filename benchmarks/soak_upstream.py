"""The provider of a soak: it knows the truth about every account, and spoils one answer in ten.

An account's counters are functions of how long the soak has gone on, so the truth is known at any time without being
kept. ``freeze`` stops them. Spoilt answers are of every kind: refused, reset, cut off, slow, garbage, a counter of
yesterday.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LISTED = 50
FAULTS = ("http_500", "http_503", "http_429", "http_401", "reset", "truncated", "drip", "garbage", "html", "glitch")
_DRIP_SECONDS = 4.0


class Truth:
    """What really was used.

    Args:
        accounts: How many there are; every fourth one has a counter alone, the others list their requests.
    """

    def __init__(self, accounts: int) -> None:
        self.names = [f"acct-{number:03}" for number in range(accounts)]
        self.said: dict[str, set[tuple[int | None, int]]] = {name: set() for name in self.names}
        self._began = time.time() - 3600
        self._stopped: float | None = None

    def freeze(self) -> None:
        """Let nothing be used any more."""
        self._stopped = time.time()

    @property
    def seconds(self) -> float:
        """How long there has been usage."""
        return (self._stopped or time.time()) - self._began

    def is_plain(self, name: str) -> bool:
        """Tell whether the account has a counter alone."""
        return int(name[-3:]) % 4 == 0

    def requests(self, name: str) -> int:
        """Return how many requests the account has made; each costs what ``credits_of`` says."""
        return int(self.seconds * (0.05 + int(name[-3:]) % 7 * 0.05))

    def credits_of(self, number: int) -> int:
        """Return what the account's request of a number has cost."""
        return 10 + number * number % 17

    def status_of(self, number: int) -> str:
        """Return how the account's request of a number ended."""
        return "failed" if number % 9 == 0 else "completed"

    def credits(self, name: str) -> int:
        """Return what all of an account's requests have cost."""
        whole, rest = divmod(self.requests(name), 17)
        cycle = sum(self.credits_of(number) for number in range(17))
        return whole * cycle + sum(self.credits_of(number) for number in range(rest))

    def listed(self, name: str) -> list[dict[str, object]]:
        """Return the account's newest requests, newest first; all of them are over."""
        count = self.requests(name)
        pace = 0.05 + int(name[-3:]) % 7 * 0.05
        found: list[dict[str, object]] = []
        for number in range(count - 1, max(-1, count - 1 - LISTED), -1):
            at = datetime.fromtimestamp(self._began + (number + 1) / pace, UTC)
            found.append(
                {
                    "requestId": f"{name}-{number}",
                    "status": self.status_of(number),
                    "createdAt": f"{at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%fZ}",
                    "completedAt": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
                    "creditsUsed": self.credits_of(number),
                }
            )
        return found

    def answer(self, name: str) -> dict[str, object]:
        """Return what the provider says of an account now."""
        if self.is_plain(name):
            return {"data": {"invocations": self.requests(name)}, "code": "success"}
        return {
            "success": True,
            "totalRequests": self.requests(name),
            "totalCreditsUsed": self.credits(name),
            "recentRequests": self.listed(name),
        }


class Upstream:
    """The server; ``spoilt`` is the share of answers that are wrong."""

    def __init__(self, truth: Truth, spoilt: float, seed: int) -> None:
        self.truth = truth
        self.spoilt = spoilt
        self.answered: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def fate(self) -> str:
        """Draw what becomes of the next answer, and count it."""
        with self._lock:
            found = self._chance.choice(FAULTS) if self._chance.random() < self.spoilt else "good"
            self.answered[found] += 1
            return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    upstream: Upstream

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer the account whose name begins the path."""
        upstream, name = self.server.upstream, self.path.split("/")[1]
        answer, fate = upstream.truth.answer(name), upstream.fate()
        if fate.startswith("http_"):
            wait = "1" if fate == "http_429" else ""
            self._send(int(fate[-3:]), b'{"success": false, "error": "no"}', Retry_After=wait)
        elif fate == "html":
            self._send(200, b"<html>sign in</html>", Content_Type="text/html")
        elif fate == "garbage":
            self._send(200, b'{"success": true, "totalRequests": 1E')
        elif fate == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif fate in {"truncated", "drip"}:
            self._cut_off(slowly=fate == "drip")
        else:
            told = _of_yesterday(answer) if fate == "glitch" else answer
            upstream.truth.said[name].add(counters_of(told))
            self._send(200, json.dumps(told).encode())

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response_only(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _cut_off(self, *, slowly: bool) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        ends = time.monotonic() + (_DRIP_SECONDS if slowly else 0)
        with suppress(OSError):
            self.wfile.write(b'{"success": ')
            self.wfile.flush()
            while time.monotonic() < ends:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.2)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def counters_of(answer: dict[str, Any]) -> tuple[int | None, int]:
    """Return what an answer says of credits, where it has them, and of requests."""
    if "data" in answer:
        return None, answer["data"]["invocations"]
    return answer["totalCreditsUsed"], answer["totalRequests"]


def _of_yesterday(answer: dict[str, object]) -> dict[str, object]:
    """Return an answer whose counter lags behind by one, as a replica's would."""
    if "data" in answer:
        data = answer["data"]
        assert isinstance(data, dict)
        return {**answer, "data": {"invocations": max(0, data["invocations"] - 1)}}
    spent = answer["totalCreditsUsed"]
    assert isinstance(spent, int)
    return {**answer, "totalCreditsUsed": max(0, spent - 1)}
