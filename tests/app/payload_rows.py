"""The faults of payloads as data: the bytes a provider sends with status 200, and the outcome that must follow.

Rows whose outcome is ``ok`` must be accepted. What counters say one after the other (P10 to P13) is ``FALLS``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.http.fault_rows import FaultRow
from tests.http.fault_server import raw, response


def _said(**changes: object) -> bytes:
    payload: dict[str, object] = {"success": True, "totalRequests": 43, "totalCreditsUsed": 8760, "recentRequests": []}
    return json.dumps({**payload, **changes}).encode()


def _with(old: bytes, new: bytes) -> bytes:
    body = _said()
    assert old in body
    return body.replace(old, new)


def _row(fault: str, variant: str, outcome: str, body: bytes, kind: str = "application/json") -> FaultRow:
    return FaultRow(fault, variant, outcome, False, lambda _: [raw(response(body, kind=kind))])


_REQUESTS, _CREDITS = "schema:totalRequests", "schema:totalCreditsUsed"

PAYLOAD_ROWS: tuple[FaultRow, ...] = (
    _row("P1", "cut", "malformed_json", _said()[:-4]),
    _row("P1", "trailing garbage", "malformed_json", _said() + b" -- end"),
    _row("P1", "two documents", "malformed_json", _said() * 2),
    _row("P1", "single quotes", "malformed_json", _said().replace(b'"', b"'")),
    _row("P1", "nothing but a space", "malformed_json", b" "),
    _row("P2", "NaN", "malformed_json", _with(b"8760", b"NaN")),
    _row("P2", "Infinity", "malformed_json", _with(b"8760", b"-Infinity")),
    _row("P2", "1e400", "malformed_json", _with(b"8760", b"1e400")),
    _row("P3", "at the top", "duplicate_key", _with(b'"success": true', b'"success": true, "success": true')),
    _row("P3", "further down", "duplicate_key", _said(extra=0).replace(b'"extra": 0', b'"extra": [{"a": 1, "a": 1}]')),
    _row("P4", "33 levels", "too_deep", _said(extra=0).replace(b'"extra": 0', b'"extra": ' + b"[" * 32 + b"]" * 32)),
    _row("P4", "forty thousand levels", "too_deep", b"[" * 40_000),
    _row("P5", "BOM", "ok", b"\xef\xbb\xbf" + _said()),
    _row("P6", "UTF-16", "not_utf8", _said().decode().encode("utf-16")),
    _row("P6", "Latin-1", "not_utf8", _said(note="é").replace(b"\\u00e9", b"\xe9")),
    _row("P6", "wrong charset in the header", "ok", _said(note="é").replace(b"\\u00e9", "é".encode()),
         "application/json; charset=iso-8859-1"),
    _row("P7", "list", "schema", b"[" + _said() + b"]"),
    _row("P7", "null", "schema", b"null"),
    _row("P7", "string", "schema", b'"8760"'),
    _row("P8", "missing", _REQUESTS, _with(b'"totalRequests": 43, ', b"")),
    *(
        _row("P8", f"{name}, {outcome.removeprefix('schema:')}", outcome, _with(old, value))
        for name, value in {
            "null": b"null", "string": b'"8750"', "true": b"true", "float": b"8750.5", "whole float": b"8750.0",
            "exponent": b"1e3", "negative": b"-1", "list": b"[1]",
        }.items()
        for outcome, old in ((_CREDITS, b"8760"), (_REQUESTS, b"43"))
    ),
    _row("P9", "2^63", _CREDITS, _with(b"8760", str(2**63).encode())),
    _row("P9", "20 digits", _CREDITS, _with(b"8760", b"9" * 20)),
    _row("P9", "21 digits", "schema", _with(b"8760", b"9" * 21)),
    _row("P9", "5000 digits", "schema", _with(b"8760", b"9" * 5000)),
    _row("P9", "1E+99999999", "schema", _with(b"8760", b"1E+99999999")),
    _row("P9", "largest that is one", "ok", _with(b"8760", str(2**63 - 1).encode())),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fall:
    """What a counter said one after the other, the usage booked, what was decided, and how many falls are held."""

    fault: str
    variant: str
    said: tuple[int, ...]
    booked: int
    decided: tuple[str, ...] = ()
    held: int = 0


FALLS: tuple[Fall, ...] = (
    Fall("P10", "unchanged", (8750, 8750, 8750), 0),
    Fall("P10", "unchanged, then on", (8750, 8750, 8760), 10),
    Fall("P11", "a little less", (8750, 8749, 8760), 10, ("glitch",)),
    Fall("P11", "a little less at the end", (8750, 8760, 8755), 10, ("held",), 1),
    Fall("P11", "a little less, and it stays", (8750, 8740, 8745), -5, ("correction",)),
    Fall("P12", "zero, and it stays", (700, 800, 0, 0, 30), 130, ("reset",)),
    Fall("P12", "small, and it stays", (100, 200, 300, 5, 20, 40), 240, ("reset",)),
    Fall("P12", "twice", (50, 90, 3, 9, 1, 4), 53, ("reset", "reset")),
    Fall("P13", "zero for a moment", (8750, 0, 8760), 10, ("glitch",)),
    Fall("P13", "opening balance of zero", (0, 10, 20, 10, 40, 20, 40), 40, ("glitch", "glitch")),
)
