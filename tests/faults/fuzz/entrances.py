"""Every door through which bytes of strangers come in: each takes any bytes, and lets out no error that is not ours.

A door is a function of the bytes. Whatever it reads them into is thrown away: what it must not do is to fail in another
way than by refusing. The tests try them with hypothesis, ``make fuzz`` with a fuzzer that sees which code was run.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from collector.app.import_cells import Kind, rows_of
from collector.app.import_files import ImportFile
from collector.app.import_rows import Instants, Names, records, snapshots
from collector.config import load
from collector.domain.instants import micros_of
from collector.errors import CollectorError
from collector.http import load_json
from collector.http.retry_after import parse_http_date, parse_retry_after
from collector.providers import PROVIDERS
from collector.store.spool_format import _MAGIC
from collector.store.spool_format import parse as parse_spooled
from reports.invoices import parse_invoice

Door = Callable[[bytes], object]

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_KNOWN = {"busy": {"credits": 0, "dollars": 6}, "idle": {"invocations": 0}}


def _answer(data: bytes) -> None:
    payload = load_json(data)
    for provider in PROVIDERS.values():
        with suppress(CollectorError):
            provider.parse(payload)


def _header(data: bytes) -> None:
    text = data.decode("latin-1")  # as headers are read
    parse_retry_after([text], _NOW)
    parse_http_date(text)


def _import(data: bytes) -> None:
    source = ImportFile("facts", io.BytesIO(data), len(data))
    kind, rows = rows_of(source.lines(), source.name)
    read = snapshots if kind is Kind.SNAPSHOTS else records
    for _ in read(rows, Names(_KNOWN), Instants(micros_of(_NOW))):
        pass


def _invoice(data: bytes) -> None:
    parse_invoice(data, "invoice")


@lru_cache
def _settings_file() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="settings-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "collector.toml"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    return path


def _settings(data: bytes) -> None:
    path = _settings_file()
    path.write_bytes(data)
    load(path, {})


def _spool(data: bytes) -> None:
    parse_spooled(data)
    digest = hashlib.sha256(data).hexdigest()  # past its first guard, as if somebody had written it by hand
    parse_spooled(f"{_MAGIC} {digest}\n".encode() + data)


DOORS: Mapping[str, Door] = {
    "json": load_json,
    "answer": _answer,
    "header": _header,
    "import": _import,
    "invoice": _invoice,
    "settings": _settings,
    "spool": _spool,
}
"""By name: bodies, payloads, headers, files to import, invoices, settings, and what waits in the spool."""

EXAMPLES: Mapping[str, tuple[bytes, ...]] = {
    "json": (b'{"a": [1, 2.5e3, "\\u00fc", null]}', b"[1E+99999999]", b"[" * 40),
    "answer": (
        b'{"success": true, "totalRequests": 2, "totalCreditsUsed": 5, "recentRequests": [{"requestId": "a", '
        b'"status": "completed", "createdAt": "2026-01-01T00:00:00Z", "completedAt": null, "creditsUsed": 5}]}',
        b'{"data": {"invocations": 1000}, "code": "success", "message": "Success."}',
    ),
    "header": (
        b"120",
        b"Sun, 01 Mar 2026 12:00:00 GMT",
        b"Sunday, 01-Mar-26 12:00:00 GMT",
        b"Sun Mar  1 12:00:00 2026",
    ),
    "import": (
        b"account,meter,observed_at,value\nbusy,credits,2026-01-01T00:00:00Z,5\nbusy,dollars,2026-01-01T00:00:00Z,1.5\n",
        b'{"account": "busy", "meter": "credits", "observed_at": "2026-01-01T00:00:00Z", "value": 5}\n',
        b"account,request_id,status,created_at,completed_at,credits_used,first_seen_at,last_seen_at\n"
        b"busy,r-1,completed,2026-01-01T00:00:00Z,,5,2026-01-01T00:00:00Z,\n",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ),
    "invoice": (
        b"account,meter,period_start,period_end,quantity,amount,currency\n"
        b'busy,credits,2026-01-01,2026-02-01,"1,234",12.50,EUR\n',
        b'[{"account": "busy", "meter": "credits", "period_start": "2026-01-01", "period_end": "2026-02-01", '
        b'"quantity": 1, "amount": 1.50}]',
    ),
    "settings": (
        b'[database]\nurl = "sqlite:///usage.db"\n[[accounts]]\nname = "a"\nprovider = "nellie"\npoll_every = "5m"\n',
        b'[[reports]]\nname = "r"\nreport = "daily"\nschedule = { every = "month", day = 2, at = "07:00" }\n',
    ),
    "spool": (
        b'{"account": "a", "provider": "nellie", "started_at": 1, "finished_at": 2, "outcome": "ok", '
        b'"next_poll_at": 3, '
        b'"failures": 0, "not_before": null, "http_status": 200, "error": null, "body": null, "flags": [], '
        b'"counters": {"requests": 5}, "requests": [["r-1", "completed", 1, null, 5]], "rejections": [], "why": "x"}',
        b'{"account": "a", "counters": []}',
    ),
}
"""By name: what is right, or nearly, to begin from."""


def tried(name: str, data: bytes) -> None:
    """Pass bytes through a door; only its own refusals are taken in silence."""
    with suppress(CollectorError):
        DOORS[name](data)
