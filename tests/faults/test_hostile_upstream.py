"""Providers that mean harm, each with an account of its own in one daemon, beside an honest one.

Whatever they send, each of their polls is recorded within the deadline and a second, the process grows by less than
64 MiB, the honest account is polled at every slot, and the database stands up to ``verify`` afterwards.
"""

from __future__ import annotations

import gzip
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from collector.domain.instants import EPOCH
from collector.domain.schedule import phase_of
from tests.app.world import until
from tests.canary import NELLIE_KEY
from tests.faults.stage import Process, Stage, usage
from tests.http.fault_server import Behaviour, Exchange, FaultServer, drip, json_response, raw, response, silence

pytestmark = pytest.mark.xdist_group("hostile upstream")

DEADLINE = 2
INTERVAL = 6  # a tick claims as many as there are workers: all are asked in four of them
ROUNDS = 3
MIB = 1 << 20
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_ITEM = {"requestId": "r", "status": "completed", "createdAt": None, "completedAt": None, "creditsUsed": 1}


def answer(text: str | bytes) -> Behaviour:
    """Answer with a body that is said to be JSON."""
    return raw(response(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")))


def counters(requests: str = "1", credits: str = "1", listed: str = "[]", more: str = "") -> str:
    """Return the text of an answer, with these texts in the places of the values."""
    return f'{{"success":true,"totalRequests":{requests},"totalCreditsUsed":{credits},"recentRequests":{listed}{more}}}'


def to(location: str, status: int = 302, *headers: tuple[str, str]) -> Behaviour:
    """Redirect."""
    return json_response({}, status=status, headers=[("Location", location), *headers])


def flood(head: bytes, piece: bytes) -> Behaviour:
    """Send as fast as it goes, without an end."""
    return drip(head, piece, 0)


def records(number: int, **fields: object) -> str:
    """Return a list of so many records, all with ids of their own."""
    return json.dumps([{**_ITEM, "requestId": f"r-{one}", **fields} for one in range(number)])


def growing(exchange: Exchange, numbers: Iterator[int] = count(1)) -> None:  # noqa: B008 - counts all connections
    """Answer honestly, with counters that grow."""
    usage(next(numbers), next(numbers))(exchange)


@dataclass(frozen=True, slots=True)
class Hostile:
    """What one provider does, and what must be recorded of it.

    Attributes:
        outcome: Of every poll; of two that are right it depends on the machine which comes first.
    """

    name: str
    behaviour: Callable[[str], Behaviour]
    outcome: str


def _is(name: str, outcome: str, behaviour: Behaviour) -> Hostile:
    return Hostile(name, lambda sink: behaviour, outcome)


_LONG = "x" * (MIB - 200)
_DETAILS = [NELLIE_KEY.encode().hex(), NELLIE_KEY]
_ECHOES = json.dumps({"success": False, "error": f"no {NELLIE_KEY}", "details": _DETAILS})
_BOMB = gzip.compress(b"0" * 30 * MIB)

HOSTILE = (
    Hostile("to-the-sink", lambda sink: to(f"{sink}/?k=1"), "redirect_refused"),
    Hostile("to-the-sink-308", lambda sink: to(f"{sink.replace('http', 'https')}/", 308), "redirect_refused"),
    Hostile(
        "refresh-header",
        lambda sink: json_response({"success": False}, headers=[("Refresh", f"0; {sink}"), ("Link", f"<{sink}>")]),
        "api_error",
    ),
    _is("loop", "redirect_refused", to("/v1/usage", 307)),
    _is("loop-without-end", "redirect_refused", flood(b"HTTP/1.1 302 No\r\nLocation: /v1/usage\r\n\r\n", b"x" * 65536)),
    _is("key-in-location", "redirect_refused", to(f"http://{NELLIE_KEY.replace('/', '.')}.example/?{NELLIE_KEY}")),
    _is("drip-status", "timeout_total", drip(b"HTTP/1.1 200 ", b"O")),
    _is("drip-headers", "timeout_total", drip(_HEAD, b"X-A: 1\r\n", 0.05)),
    _is("drip-one-header", "timeout_total", drip(_HEAD + b"X-A: ", b"1")),
    _is("drip-body", "timeout_total", drip(_HEAD + b"Content-Length: 9999\r\n\r\n{", b" ")),
    _is("drip-chunks", "timeout_total", drip(_CHUNKED, b"1\r\n \r\n")),
    _is("drip-chunk-extension", "timeout_total", drip(_CHUNKED + b"1;a=", b"b")),
    _is("drip-trailers", "timeout_total", drip(_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: 1\r\n")),
    _is("drip-error-page", "http_5xx", drip(b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n", b"x")),
    _is("silence", "timeout_total", silence()),
    _is("endless-100", "timeout_total", drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    _is("flood-of-100", "too_large", flood(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 9000 + b"\r\n\r\n")),
    _is("flood-of-headers", "too_large", flood(_HEAD, b"X-A: " + b"a" * 500 + b"\r\n")),
    _is("flood-of-one-header", "protocol_error", flood(_HEAD + b"X-A: ", b"a" * 65536)),
    _is("flood-of-body", "too_large", flood(_CHUNKED, b"8000\r\n" + b" " * 0x8000 + b"\r\n")),
    _is("flood-of-single-bytes", "timeout_total|too_large", flood(_CHUNKED, b"1\r\n \r\n" * 10_000)),
    _is(
        "bomb",
        "encoding_refused",
        raw(response(_BOMB, headers=[("Content-Encoding", "gzip")])),
    ),
    _is("bomb-in-capitals", "encoding_refused", raw(response(b"x", headers=[("CONTENT-ENCODING", "GZIP, Br")]))),
    _is("exponent", "schema", answer(counters("1E+1000000"))),
    _is("long-exponent", "schema", answer(counters("1E+" + "9" * 100_000))),
    _is("long-integer", "schema", answer(counters("9" * 1_000_000))),
    _is("long-fraction", "schema", answer(counters("0." + "9" * 1_000_000))),
    _is("negative-zero", "schema:totalRequests", answer(counters("-0.0"))),
    _is("deep-lists", "too_deep", answer("[" * 100_000 + "]" * 100_000)),
    _is("deep-lists-open", "too_deep", answer("[" * 1_000_000)),
    _is("deep-objects", "too_deep", answer('{"a":' * 100_000 + "1" + "}" * 100_000)),
    _is("duplicate-keys", "duplicate_key", answer(counters(more=',"totalRequests":2'))),
    _is("duplicate-by-escape", "duplicate_key", answer(counters(more=',"total\\u0052equests":2'))),
    _is("no-utf-8", "not_utf8", answer(counters(more=',"a":"').encode() + b'\xff\xfe"}')),
    _is("overlong-utf-8", "not_utf8", answer(b'{"a":"\xc0\x80"}')),
    _is("surrogate-in-utf-8", "not_utf8", answer('{"a":"\ud800"}')),
    _is("nul", "not_utf8", answer(counters(more=',"a":"\0"'))),
    _is("escaped-nul", "ok", answer(counters(listed=records(3, requestId="r\0")))),
    _is("lone-surrogates", "ok", answer(counters(listed=records(1, requestId="\ud800")))),
    _is("surrogate-in-a-name", "ok", answer(counters(more=',"\\ud800\\u202e\\u001b[2J":1'))),
    _is("long-id", "ok", answer(counters(listed=json.dumps([{**_ITEM, "requestId": _LONG}])))),
    _is("long-name", "ok", answer(counters(more=f',"{_LONG}":1'))),
    _is("long-error", "api_error", answer(f'{{"success":false,"error":"{_LONG}"}}')),
    _is("escapes-all-over", "ok", answer(counters(more=',"a":"' + "\\u005c" * 170_000 + '"'))),
    _is("key-echoed", "api_error", answer(_ECHOES)),
    _is("key-as-id", "ok", answer(counters(listed=records(5, note=NELLIE_KEY, requestId=f"r-{NELLIE_KEY}")))),
    _is("many-items", "schema", answer(counters(listed="[" + "1," * 100_000 + "1]"))),
    _is("many-names", "schema", answer(counters(more="".join(f',"{one}":1' for one in range(100_000))))),
    _is("many-empty-tables", "schema", answer(f"[{'{},' * 300_000}1]")),
    _is("full-list", "ok", answer(counters(listed=records(1000, status="\u202e" * 90)))),
    _is("list-too-long", "schema:recentRequests", answer(counters(listed=records(1001)))),
    _is("html", "content_type", raw(response(b"<script>alert(1)</script>" * 9000, kind="text/html"))),
    _is("kind-of-escapes", "protocol_error", raw(response(b"{}", kind="\x1b[2J\x07" + "a" * 9000))),
    _is("retry-after-1e14", "http_429", json_response({}, 429, [("Retry-After", "9" * 5000)])),
)
HONEST = "honest"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What was seen of the daemon among hostile providers."""

    stage: Stage
    daemon: Process
    grown: int
    polls: dict[str, list[Any]]
    asked: int

    def outcomes(self, name: str) -> set[str]:
        """Return the outcomes of an account's polls; what the end of the daemon cut off is none."""
        return {row.outcome for row in self.polls[name] if row.outcome != "interrupted"}


def resident(pid: int) -> int:
    """Return the bytes that a process holds in memory."""
    fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in fields if line.startswith("VmRSS"))


def _settings(stage: Stage, urls: dict[str, str]) -> str:
    accounts = "".join(
        f'[[accounts]]\nname = "{name}"\nprovider = "nellie"\nbase_url = "{url}"\npoll_every = "{INTERVAL}s"\n'
        f'poll_every_min = "{INTERVAL}s"\n'
        for name, url in urls.items()
    )
    return f'[database]\nurl = "{stage.url}"\n[http]\ndeadline = "{DEADLINE}s"\n[daemon]\nworkers = 16\n{accounts}'


def _by_name(stage: Stage) -> dict[str, list[Any]]:
    names = {row.id: row.name for row in stage.table("account")}
    polls: dict[str, list[Any]] = {name: [] for name in names.values()}
    for row in stage.polls:
        polls[names[row.account]].append(row)
    return polls


def settled(polls: dict[str, list[Any]]) -> list[Any]:
    """Return the honest account's polls since every provider has shown what it does."""
    known_at = max(rows[0].finished_at for rows in polls.values())
    return [row for row in polls[HONEST] if row.started_at > known_at]


@pytest.fixture
def witnessed(stage: Stage) -> Iterator[Witnessed]:
    """A daemon that has polled every hostile provider at least once, and the honest one some times; it is over."""
    with ExitStack() as stack:
        servers = {one.name: FaultServer(one.behaviour(stage.sink.origin)) for one in HOSTILE}
        servers[HONEST] = FaultServer(growing)
        urls = {name: stack.enter_context(server).origin for name, server in servers.items()}
        stage.console.write(_settings(stage, {HONEST: urls[HONEST]}))
        daemon = stack.enter_context(stage.process("run", "--verbose"))
        until(lambda: stage.polls, 20)
        before = resident(daemon.pid)
        daemon.signal(signal.SIGTERM)
        assert daemon.code == 0
        stage.console.write(_settings(stage, urls))
        daemon = stack.enter_context(stage.process("run", "--verbose"))
        largest = 0

        def all_polled() -> bool:
            nonlocal largest
            assert daemon.running, daemon.err
            largest = max(largest, resident(daemon.pid))
            polls = _by_name(stage)
            return all(polls.get(name) for name in urls) and len(settled(polls)) >= ROUNDS

        until(all_polled, 60)
        daemon.signal(signal.SIGTERM)
        assert daemon.code == 0, daemon.err[-3000:]
        yield Witnessed(stage, daemon, largest - before, _by_name(stage), servers[HONEST].connections)


def slots(rows: list[Any], name: str) -> list[int]:
    """Return in which slot of the account's grid each poll began."""
    interval = timedelta(seconds=INTERVAL)
    return [(row.started_at - EPOCH - interval * phase_of(name)) // interval for row in rows]


@pytest.mark.fault("X1", "H15", "H16", "H17", "H18", "H22", "P3", "P4", "P6", "P9", "P22")
def test_hostile_providers_harm_nobody(witnessed: Witnessed) -> None:
    found = {one.name: witnessed.outcomes(one.name) for one in HOSTILE}
    right = {one.name: set(one.outcome.split("|")) for one in HOSTILE}
    assert {name: outcomes for name, outcomes in found.items() if not outcomes or outcomes - right[name]} == {}
    late = timedelta(seconds=DEADLINE + 1)
    took = {name: max(row.finished_at - row.started_at for row in rows) for name, rows in witnessed.polls.items()}
    assert {name: time for name, time in took.items() if time > late} == {}
    assert witnessed.grown <= 64 * MIB, f"{witnessed.grown / MIB:.0f} MiB"
    assert witnessed.outcomes(HONEST) == {"ok"}
    seen = slots(settled(witnessed.polls), HONEST)
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    done = witnessed.stage.run("verify")
    assert done.code == 0, done.out
    warned = Counter(
        line["account"] for line in witnessed.daemon.log if line["level"] == "warning" and "account" in line
    )
    assert max(warned.values()) <= 2, "the log is flooded"
    assert "Traceback" not in witnessed.daemon.err
