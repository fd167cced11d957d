"""Hundreds of answers that nobody thought of: whatever a server sends ends as one poll row, and the daemon lives.

Every account asks the same server under a path of its own, and each answer is put together by chance: a status line,
headers that contradict each other, a body with something wrong in it, and a connection that ends too soon or too late.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.app import logs
from collector.app.due_polls import DuePolls
from collector.app.wiring import chosen, load_settings, targets
from collector.http import HttpClient, HttpSettings
from collector.store.checking import check
from tests.app.console import NELLIE_KEY, Console
from tests.app.timepiece import Timepiece
from tests.app.world import until
from tests.faults.stage import holds_key, log_lines
from tests.http.asker import NOW
from tests.http.fault_server import Exchange, FaultServer

COUNT = 250
OUTCOMES = re.compile(
    r"ok|http_(?:401|403|4xx|429|5xx|unexpected)|redirect_refused|conn_error|timeout_total|too_large|encoding_refused|"
    r"truncated|no_length|protocol_error|content_type|api_error|malformed_json|duplicate_key|too_deep|not_utf8|"
    r"schema(?::.+)?"
)
GOOD = b'{"success": true, "totalRequests": 41, "totalCreditsUsed": 8740, "recentRequests": []}'
KEY = NELLIE_KEY.encode()
ODD = (
    b"NaN", b"-0", b"1e5", b"1E+1000000", b"9" * 4301, b"-1", b"null", b"true", b'"41"', b"[41]", b"{}", b"41.0",
    b"0x29", b"041", b"9223372036854775807", b"9223372036854775808", b"1_000", b"\xd9\xa4\xd9\xa1", b"", KEY,
)  # fmt: skip
RECORDS = (
    b'{"requestId": "\\u0000", "status": "completed"}', b'{"requestId": "\\ud800", "status": "x"}', b"[[]]", b"7",
    b'{"requestId": "a", "status": "a"}, {"requestId": "a", "status": "b"}', b'{"requestId": {}, "status": []}',
    b'{"requestId": "a", "status": "completed", "creditsUsed": 1e9999}', b'{"requestId": "' + KEY + b'"}',
    b'{"requestId": "a", "status": "completed", "createdAt": "0000-00-00T00:00:00Z"}', b'{"__proto__": 1}',
    b'{"requestId": "a", "status": "\x1b[31m"}', b'{"requestId": "\\u202e\\r\\n", "status": "=1+1"}',
)  # fmt: skip
NUMBERS = (100, 103, 200, 201, 204, 226, 299, 301, 304, 307, 400, 402, 418, 429, 451, 500, 507, 599)
NUMBERS = (100, 103, 200, 201, 204, 226, 299, 301, 304, 307, 400, 402, 418, 429, 451, 500, 507, 599)
NO_NUMBERS = (b"20 OK", b"-200 OK", b"2e2 OK", b"0200 OK", b"", b"\xff\xff\xff", b"200 " + b"x" * 70_000)
STATUSES = ((b"200 OK",) * 8) + tuple(str(one).encode() for one in NUMBERS) + NO_NUMBERS
HEADERS = (
    b"Content-Type: text/html", b"Content-Type: application/json; charset=utf-16", b"Content-Type:",
    b"Content-Length: 5", b"Content-Length: 99999999999999999999", b"Content-Length: +7", b"Content-Length: 0x56",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity", b"Content-Encoding: gzip", b"Content-Encoding: identity, identity", b": nameless",
    b"Retry-After: 1e9", b"Retry-After: -1", b"Location: http://169.254.169.254/", b"Location: \x00", b"Age: -5",
    b"Age: 99999999999999999999", b"Date: yesterday", b"Date: Mon, 99 Foo 99999 99:99:99 GMT", b" folded: line",
    b"Set-Cookie: " + KEY, b"X-Echo: " + KEY, b"X-\xe9: \xe9", b"Connection: upgrade", b"Upgrade: h2c", b"a" * 9000,
)  # fmt: skip


def body(chance: random.Random) -> bytes:
    """Return Nellie's answer with something wrong in it."""
    wrong: tuple[Callable[[], bytes], ...] = (
        lambda: GOOD,
        lambda: GOOD.replace(chance.choice((b"41", b"8740", b"true", b"[]")), chance.choice(ODD)),
        lambda: GOOD.replace(b"[]", b"[" + chance.choice(RECORDS) + b"]"),
        lambda: GOOD[: chance.randrange(len(GOOD))],
        lambda: GOOD + chance.choice((b"x", GOOD, b"\0", b" " * 2000)),
        lambda: bytes(one ^ (chance.random() < 0.03) << chance.randrange(8) for one in GOOD),
        lambda: chance.randbytes(chance.randrange(400)),
        lambda: GOOD.decode().encode(chance.choice(("utf-16", "utf-32", "utf-7", "cp037"))),
        lambda: chance.choice((b"[", b'{"a":', b'[{"b":')) * chance.randrange(1, 30_000),
        lambda: gzip.compress(GOOD),
        lambda: json.dumps({"success": False, "error": NELLIE_KEY + "\x1b[2J"}).encode(),
        lambda: b'"' + b"\\u0041" * chance.randrange(100_000) + b'"',
    )
    return chance.choice(wrong)()


def answer(chance: random.Random) -> bytes:
    """Return the bytes of one answer."""
    said = body(chance)
    head = [chance.choice((b"HTTP/1.1 ",) * 12 + (b"HTTP/1.0 ", b"HTTP/9 ", b"ICY ", b"")) + chance.choice(STATUSES)]
    if chance.random() < 0.8:
        head.append(b"Content-Length: %d" % (len(said) + chance.choice((0,) * 8 + (-1, 1, 1000))))
    if chance.random() < 0.8:
        head.append(b"Content-Type: application/json")
    head += chance.sample(HEADERS, chance.choice((0, 0, 0, 1, 1, 2, 3)))
    chance.shuffle(rest := head[1:])
    end = chance.choice((b"\r\n",) * 8 + (b"\n", b"\r"))
    return end.join([head[0], *rest]) + end * 2 + said


class Crowd:
    """A server that gives every account an answer of its own, and later every account a good one."""

    def __init__(self, seed: int) -> None:
        self.answers = [answer(random.Random(seed * 100_000 + number)) for number in range(COUNT)]
        self.healed = False
        self.server = FaultServer(self._play)

    def _play(self, exchange: Exchange) -> None:
        head = exchange.read_request()
        if head is None:
            return
        if self.healed:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD.replace(b"41", b"42"))
            return
        exchange.send(self.answers[int(head.split(b"/")[1])])
        if int(head.split(b"/")[1]) % 7 == 0:
            exchange.reset()


@pytest.mark.fault(*(f"H{number}" for number in (7, 9, 12, 19, 21)), "P1", "P8", "P9")
@pytest.mark.parametrize("seed", [1, 2])
def test_any_answer_leaves_one_row_and_a_daemon_that_lives(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upgraded_sqlite: Path
) -> None:

    console, crowd, log, clock = Console(tmp_path, monkeypatch), Crowd(seed), io.StringIO(), Timepiece(NOW)
    console.use(upgraded_sqlite)
    with crowd.server as server, console.database() as database:
        accounts = "".join(
            f'[[accounts]]\nname = "a{number}"\nprovider = "nellie"\nbase_url = "{server.origin}/{number}"\n'
            for number in range(COUNT)
        )
        settings = load_settings(console.write(f"[daemon]\nworkers = 32\n{accounts}"), {})
        wanted = [one.account({"NELLIE_API_KEY": NELLIE_KEY}) for one in chosen(settings, [])]
        client = HttpClient(
            user_agent="usage-collector/0.1 (tests)",
            now=clock.now,
            monotonic=time.monotonic,
            wait=lambda _: False,
            settings=HttpSettings(retry_delays=()),
        )
        logs.configure([wanted[0].key], stream=log)
        daemon = DuePolls(settings, database, clock, client, targets(database, wanted))
        everybody(daemon, console)
        first = console.table("poll")
        crowd.healed = True
        clock.passes(3600 * 2)
        everybody(daemon, console)
        assert check(database) == []
        assert daemon.stop(10)
        client.close()
    assert sorted(row.account for row in first) == list(range(1, COUNT + 1))
    assert [row.outcome for row in first if not OUTCOMES.fullmatch(row.outcome)] == []
    assert len({row.outcome for row in first}) > 8, "the answers are as different as they should be"
    last = {row.account: (row.id, row.outcome) for row in console.table("poll")}
    assert set(last.values()) == {(2, "ok")}
    assert [line for line in log_lines(log.getvalue()) if line["level"] in {"error", "critical"}] == []
    assert not holds_key(log.getvalue().encode())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and holds_key(path.read_bytes())]


def everybody(daemon: DuePolls, console: Console) -> None:
    """Poll everybody who is due."""
    polled: Any = None
    while polled != (polled := len(console.table("poll"))):
        daemon.tick()
        until(lambda: daemon.running == 0, 120)
