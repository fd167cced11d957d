"""The file of a kept poll: a line with the digest of what follows, then JSON; any other bytes are no poll.

Rule for editors: a file that an older version wrote must be read by every newer one.

Public: ``written``, ``parse``.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from collector.domain.instants import instant_of, micros_of
from collector.domain.requests import RequestRecord
from collector.store.entries import FinishedPoll

_MAGIC = "usage-collector spool 1"


def written(poll: FinishedPoll, why: str) -> bytes:
    """Return a poll as its file holds it."""
    fields = {
        "account": poll.account,
        "provider": poll.provider,
        "started_at": micros_of(poll.started_at),
        "finished_at": micros_of(poll.finished_at),
        "outcome": poll.outcome,
        "next_poll_at": micros_of(poll.next_poll_at),
        "failures": poll.failures,
        "not_before": _micros(poll.not_before),
        "http_status": poll.http_status,
        "error": poll.error,
        "body": None if poll.body is None else poll.body.hex(),
        "flags": list(poll.flags),
        "counters": dict(poll.counters),
        "requests": [
            [one.request_id, one.status, _micros(one.created_at), _micros(one.completed_at), one.credits_used]
            for one in poll.requests
        ],
        "rejections": [list(one) for one in poll.rejections],
        "why": why,
    }
    body = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return f"{_MAGIC} {hashlib.sha256(body).hexdigest()}\n".encode("ascii") + body + b"\n"


def parse(data: bytes) -> tuple[FinishedPoll, str] | None:
    """Return the poll that a file holds and why it was not stored; None for any bytes that are not a whole file."""
    head, _, rest = data.partition(b"\n")
    body = rest.removesuffix(b"\n")
    if head != f"{_MAGIC} {hashlib.sha256(body).hexdigest()}".encode("ascii"):
        return None
    try:
        return _poll_of(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None  # the digest is right, so it was written by another version of this program, or by hand


def _poll_of(fields: dict[str, Any]) -> tuple[FinishedPoll, str]:
    return FinishedPoll(
        account=str(fields["account"]),
        provider=str(fields["provider"]),
        started_at=instant_of(fields["started_at"]),
        finished_at=instant_of(fields["finished_at"]),
        outcome=str(fields["outcome"]),
        next_poll_at=instant_of(fields["next_poll_at"]),
        failures=int(fields["failures"]),
        not_before=_instant(fields["not_before"]),
        http_status=fields["http_status"],
        error=fields["error"],
        body=None if fields["body"] is None else bytes.fromhex(fields["body"]),
        flags=tuple(map(str, fields["flags"])),
        counters={str(name): int(value) for name, value in fields["counters"].items()},
        requests=tuple(
            RequestRecord(str(one), str(status), _instant(created), _instant(completed), used)
            for one, status, created, completed, used in fields["requests"]
        ),
        rejections=tuple((str(where), str(reason), str(raw)) for where, reason, raw in fields["rejections"]),
    ), str(fields["why"])


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else instant_of(micros)
