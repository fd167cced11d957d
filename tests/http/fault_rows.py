"""The faults of HTTP as data: what the server does, and the outcome that must follow.

A row's ``script`` is given the origin of a sink and returns one behaviour for each connection. A row with a ``lookup``
asks for ``localhost`` instead, whose addresses are what the lookup says.
"""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from tests.http.fault_server import (
    Behaviour,
    Headers,
    dead_endpoint,
    drip,
    hang_up,
    hang_up_at_once,
    json_response,
    raw,
    refusing_port,
    reset,
    response,
    silence,
)

Found = list[tuple[int, int, int, str, tuple[str, int]]]
Lookup = Callable[[ExitStack], Callable[[], Found]]
"""Prepares addresses, to be taken away with the stack, and returns what looks them up."""

MIB = 1 << 20
TRIES = 3


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault and what must follow.

    Attributes:
        fault: The number of the row, such as ``H15``.
        variant: Which form of the fault.
        outcome: The expected outcome code.
        transient: Whether trying again soon may help.
        script: From the sink's origin to the behaviours.
        says: What the message must contain.
        retry_after: What a 429 asks for.
        connections: How many connections may be made.
        allow_close_delimited: As given to the client.
        lookup: What the name server answers, for faults that come before any server.
    """

    fault: str
    variant: str
    outcome: str
    transient: bool
    script: Callable[[str], Sequence[Behaviour]]
    says: str = ""
    retry_after: timedelta | None = None
    connections: int = 1
    allow_close_delimited: bool = False
    lookup: Lookup | None = None


def _serve(*behaviours: Behaviour) -> Callable[[str], Sequence[Behaviour]]:
    return lambda sink: behaviours


def _status(status: int, *headers: tuple[str, str], body: object = None) -> Callable[[str], Sequence[Behaviour]]:
    return _serve(json_response({} if body is None else body, status=status, headers=headers))


def _limited(variant: str, headers: Headers, wait: timedelta | None, says: str = "") -> FaultRow:
    fault = "H4" if variant.startswith("seconds") else "H5"
    return FaultRow(fault, variant, "http_429", True, _status(429, *headers), says, wait)


def _redirect(status: int, variant: str = "") -> FaultRow:
    def script(sink: str) -> Sequence[Behaviour]:
        location = sink.replace("http://", "http://user:pw@") + "/steal?token=query-of-others"
        return [json_response({}, status=status, headers=[("Location", location)])]

    return FaultRow("H10", f"{status}{variant}", "redirect_refused", False, script, "'http://127.0.0.1:")


def _to(location: str, status: int = 302) -> Callable[[str], Sequence[Behaviour]]:
    return _status(status, ("Location", location))


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_WHOLE = _HEAD + b"Content-Length: 2\r\n\r\n{}"
_ENDLESS = _HEAD + b"Content-Length: 1000\r\n\r\n{"
_BOMB = gzip.compress(b"[" + b"0," * 500_000 + b"0]")
_FIVEFOLD = gzip.compress(gzip.compress(gzip.compress(gzip.compress(_BOMB))))


def _encoded(variant: str, encoding: str, body: bytes) -> FaultRow:
    script = _serve(raw(response(body, headers=[("Content-Encoding", encoding)])))
    return FaultRow("H18", variant, "encoding_refused", False, script, encoding.split(",", maxsplit=1)[0])


def _broken(variant: str, data: bytes, fault: str = "H21") -> FaultRow:
    return FaultRow(fault, variant, "protocol_error", True, _serve(raw(data)))


def _lost(variant: str, behaviour: Behaviour) -> FaultRow:
    return FaultRow("H12", variant, "conn_error", True, _serve(behaviour), connections=TRIES)


def _truncated(variant: str, data: bytes) -> FaultRow:
    return FaultRow("H19", variant, "truncated", True, _serve(raw(data)))


def _dripping(fault: str, variant: str, head: bytes, piece: bytes) -> FaultRow:
    return FaultRow(fault, variant, "timeout_total", True, _serve(drip(head, piece)), "0.3 s")


def _large(variant: str, behaviour: Behaviour, *, close_delimited: bool = False) -> FaultRow:
    script = _serve(behaviour)
    return FaultRow("H17", variant, "too_large", False, script, allow_close_delimited=close_delimited)


def _unreached(fault: str, variant: str, outcome: str, lookup: Lookup, says: str = "") -> FaultRow:
    script = _serve(json_response({}))
    return FaultRow(fault, variant, outcome, True, script, says, connections=0, lookup=lookup)


def _at(*addresses: tuple[str, int]) -> Found:
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for address in addresses]


def _dead(count: int) -> Lookup:
    def prepare(stack: ExitStack) -> Callable[[], Found]:
        found = _at(*(stack.enter_context(dead_endpoint()) for _ in range(count)))
        return lambda: found

    return prepare


def _refused(stack: ExitStack) -> Callable[[], Found]:
    found = _at(("127.0.0.1", refusing_port()), ("127.0.0.1", refusing_port()))
    return lambda: found


def _no_such_name(stack: ExitStack) -> Callable[[], Found]:
    def look_up() -> Found:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    return look_up


def _slow_name_server(stack: ExitStack) -> Callable[[], Found]:
    over = Event()
    stack.callback(over.set)

    def look_up() -> Found:
        over.wait(10)
        return _at(("127.0.0.1", 9))

    return look_up


_AUTH_REQUIRED = {"success": False, "error": "Unauthorized", "errorCode": "AUTH_REQUIRED"}

FAULT_ROWS: tuple[FaultRow, ...] = (
    FaultRow("H1", "json", "http_401", False, _status(401, body=_AUTH_REQUIRED), "rejected"),
    FaultRow("H1", "html", "http_401", False, _serve(raw(response(b"<p>", status=401, kind="text/html"))), "rejected"),
    FaultRow("H1", "no length", "http_401", False, _serve(raw(response(b"no", status=401, length=False)))),
    FaultRow("H2", "json", "http_403", False, _status(403), "valid but not allowed"),
    FaultRow("H3", "404", "http_4xx", False, _status(404), "check base_url"),
    FaultRow("H3", "405", "http_4xx", False, _status(405), "check base_url"),
    FaultRow("H3", "410", "http_4xx", False, _status(410), "check base_url"),
    FaultRow("H3", "422", "http_4xx", False, _status(422), "422"),
    FaultRow("H3", "408 may pass", "http_4xx", True, _status(408), "408"),
    _limited("seconds", [("Retry-After", "30")], timedelta(seconds=30), "'30'"),
    _limited("seconds: none", [("Retry-After", "0")], timedelta()),
    _limited("seconds: an hour", [("Retry-After", "3600")], timedelta(hours=1)),
    _limited("date", [("Retry-After", "Sun, 01 Mar 2026 12:01:30 GMT")], timedelta(seconds=90)),
    _limited("date in 9999", [("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")], timedelta(hours=1)),
    _limited("date that has passed", [("Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT")], None),
    _limited("10^14", [("Retry-After", "100000000000000")], timedelta(hours=1)),
    _limited("negative", [("Retry-After", "-5")], None),
    _limited("abc", [("Retry-After", "abc\x1b[31m")], None, "abc\\x1b[31m"),
    _limited("missing", [], None, "absent"),
    _limited("two headers", [("Retry-After", "5"), ("Retry-After", "9")], None),
    *(
        FaultRow("H6", str(status), "http_5xx", True, _status(status), str(status), connections=TRIES)
        for status in (500, 502, 503, 504, 599)
    ),
    FaultRow(
        "H6",
        "endless body",
        "http_5xx",
        True,
        _serve(drip(b"HTTP/1.1 503 No\r\nContent-Length: 9999999\r\n\r\n", b"x" * 9999, 0.001)),
        connections=TRIES,
    ),
    FaultRow(
        "H7",
        "login page",
        "content_type",
        False,
        _serve(raw(response(b"<html>Sign in</html>", kind="text/html; charset=utf-8"))),
        "'text/html; charset=utf-8'",
    ),
    FaultRow("H7", "plain text", "content_type", False, _serve(raw(response(b"{}", kind="text/plain"))), "text/plain"),
    FaultRow("H8", "success is false", "answered", False, _serve(json_response(_AUTH_REQUIRED))),
    FaultRow("H9", "200 empty", "http_unexpected", True, _serve(raw(response(b"")))),
    FaultRow("H9", "204", "http_unexpected", True, _serve(raw(b"HTTP/1.1 204 No Content\r\n\r\n")), "204"),
    *(
        FaultRow("H9", str(status), "http_unexpected", True, _status(status), str(status))
        for status in (101, 201, 203, 206, 304, 600, 999)
    ),
    *(_redirect(status) for status in (301, 302, 303, 307, 308)),
    FaultRow("H10", "other scheme", "redirect_refused", False, _to("ftp://files.example/a"), "'ftp://files.example'"),
    FaultRow("H10", "escape sequence", "redirect_refused", False, _to("http://a\x07b.example/"), "a\\x07b"),
    FaultRow("H11", "300 to itself", "redirect_refused", False, _to("/v1/usage", 300), "same host"),
    FaultRow("H11", "302 without Location", "redirect_refused", False, _status(302), "nowhere"),
    FaultRow("H11", "302 to nonsense", "redirect_refused", False, _to("http://[::1"), "unreadable"),
    _lost("reset", reset),
    _lost("closed before the status", hang_up),
    _lost("closed at once", hang_up_at_once),
    _lost("closed in the headers", raw(_HEAD)),
    _lost("closed in a header", raw(_HEAD + b"Content-Len")),
    _unreached("H12", "refused", "conn_error", _refused, "firewall"),
    _unreached("H13", "no such name", "dns_error", _no_such_name, "name server"),
    _unreached("H13", "slow", "timeout_total", _slow_name_server, "0.3 s"),
    _unreached("H14", "dead address", "timeout_connect", _dead(1), "0.3 s"),
    _unreached("H14", "five dead addresses", "timeout_connect", _dead(5), "0.3 s"),
    _dripping("H15", "known length", _ENDLESS, b" "),
    _dripping("H15", "chunks", _CHUNKED, b"1\r\n \r\n"),
    FaultRow("H15", "silence after the request", "timeout_total", True, _serve(silence())),
    _dripping("H16", "header lines", _HEAD, b"X-Drip: 1\r\n"),
    _dripping("H16", "one long header", _HEAD + b"X-Drip: ", b"1"),
    _dripping("H16", "status line", b"HTTP/1.1 200 ", b"O"),
    _large("declared", raw(response(b"", length=False, headers=[("Content-Length", str(MIB + 1))]))),
    _large("declared beyond all", raw(response(b"", length=False, headers=[("Content-Length", "9" * 18)]))),
    _large("endless chunks", drip(_CHUNKED, b"8000\r\n" + b" " * 0x8000 + b"\r\n", 0)),
    _large("one endless chunk", drip(_CHUNKED + b"fffffff\r\n", b" " * 0x8000, 0)),
    _large("chunks just too long", raw(_CHUNKED + b"100001\r\n" + b" " * (MIB + 1) + b"\r\n0\r\n\r\n")),
    _large("until closed", drip(_HEAD + b"\r\n", b" " * 0x8000, 0), close_delimited=True),
    _large("interim responses", drip(b"", b"HTTP/1.1 100 Continue\r\nX-Pad: " + b"x" * 60000 + b"\r\n\r\n", 0)),
    _encoded("bomb", "gzip", _BOMB),
    _encoded("five times", "gzip, gzip, gzip, gzip, gzip", _FIVEFOLD),
    _encoded("not even gzip", "gzip", b'{"plain": true}'),
    _encoded("deflate", "deflate", zlib.compress(b"{}")),
    _encoded("brotli", "br", b"\x0b\x00\x80{}\x03"),
    _truncated("known length", response(b"{", length=False, headers=[("Content-Length", "20")])),
    _truncated("no byte of it", response(b"", length=False, headers=[("Content-Length", "20")])),
    _truncated("inside a chunk", _CHUNKED + b"10\r\n{"),
    _truncated("between chunks", _CHUNKED + b"1\r\n{\r\n"),
    _truncated("in a chunk's size", _CHUNKED + b"2\r\n{}\r\n1"),
    _truncated("no empty line after the last chunk", _CHUNKED + b"2\r\n{}\r\n0\r\n"),
    _truncated("in a trailer", _CHUNKED + b"2\r\n{}\r\n0\r\nX-Sum: 1"),
    FaultRow(
        "H20", "no length", "no_length", False, _serve(raw(response(b"{}", length=False))), "allow_close_delimited"
    ),
    _broken("two lengths", response(b"{}", headers=[("Content-Length", "7")])),
    _broken("two lengths in one", response(b"{}", length=False, headers=[("Content-Length", "2, 7")])),
    _broken("length and chunks", response(b"2\r\n{}\r\n0\r\n\r\n", headers=[("Transfer-Encoding", "chunked")])),
    _broken("negative length", response(b"{}", length=False, headers=[("Content-Length", "-2")])),
    _broken("length is a word", response(b"{}", length=False, headers=[("Content-Length", "two")])),
    _broken("gzip as transfer encoding", response(b"", length=False, headers=[("Transfer-Encoding", "gzip, chunked")])),
    _broken("101 headers", response(headers=[(f"X-{number}", "1") for number in range(101)])),
    _broken("64 KiB header", response(headers=[("X-Long", "x" * 65_536)])),
    _broken("no colon", b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\n{}"),
    _broken("0.9 without a status", b'{"success": true}'),
    _broken("0.9 with a status", b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    _broken("version 2", b"HTTP/2 200\r\nContent-Length: 2\r\n\r\n{}"),
    _broken("status is a word", b"HTTP/1.1 fine\r\n\r\n"),
    _broken("chunk of a word", _CHUNKED + b"two\r\n{}\r\n0\r\n\r\n"),
    *(
        _broken(f"chunk of size {size!r}", _CHUNKED + size.encode() + b"\r\n{}\r\n0\r\n\r\n")
        for size in ("-2", "0x2", " 2 ", "+2", "0_2", "2 x", "")
    ),
    _broken("chunk that is longer than its size", _CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"),
    _broken("chunk's size ended by LF alone", _CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
    _broken("trailer without a colon", _CHUNKED + b"2\r\n{}\r\n0\r\nnonsense\r\n\r\n"),
    _broken("chunks under HTTP/1.0", _CHUNKED.replace(b"1.1", b"1.0") + b"2\r\n{}\r\n0\r\n\r\n"),
    _broken("folded transfer encoding", _HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    *(_broken(f"status {code}", _WHOLE.replace(b"200", code.encode())) for code in ("2_00", "+200", "0200", "20")),
    _broken("lines ended by LF alone", _WHOLE.replace(b"\r\n", b"\n")),
    _broken("head ended by LF alone", _WHOLE.replace(b"\r\n\r\n", b"\r\n\n")),
    _broken("CR alone in a header", _WHOLE.replace(b"OK\r\n", b"OK\r\nX-A: 1\rX-B: 2\r\n")),
    _broken("NUL in a header", _WHOLE.replace(b"OK\r\n", b"OK\r\nX-A: 1\x002\r\n")),
    _broken("escape in a header", _WHOLE.replace(b"OK\r\n", b"OK\r\nX-A: \x1b[31m\r\n")),
    _broken("space before the colon", _WHOLE.replace(b"Length:", b"Length :")),
    _dripping("H22", "endless 100 Continue", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    _dripping("H22", "endless 103 Early Hints", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    _dripping("H22", "both in turn", b"", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
)
