"""The chain of digests that makes the ledger tamper-evident.

Every poll row carries SHA-256 over the account's previous digest and the canonical facts of this poll. Facts are
named, not numbered (an account's and a meter's name instead of a row id), so the same polls give the same chain on
every engine. Rule for editors: whatever is added here must be recomputable from what is stored, or no database
could be verified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

START = bytes(32)


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One change of a request record; instants in microseconds since 1970 UTC."""

    request_id: str
    kind: str
    status: str
    created_at: int | None
    completed_at: int | None
    credits_used: int | None


@dataclass(frozen=True, slots=True)
class PollFacts:
    """What one poll row states; instants in microseconds since 1970 UTC.

    Attributes:
        kind: ``poll`` or ``import``.
        outcome: ``ok`` or the code of the fault.
        values: The value of each meter by name, at ``finished_at``; empty for a failed poll.
        changes: Changes of request records, by request id.
        rejections: Records refused alone, as the text kept on the row, or None.
        body: What is kept of a refused answer, or None.
    """

    account: str
    kind: str
    started_at: int
    finished_at: int
    outcome: str
    http_status: int | None
    error: str | None
    flags: tuple[str, ...]
    values: Mapping[str, int]
    changes: Sequence[ChangeFact] = ()
    rejections: str | None = None
    body: bytes | None = None


def chained(previous: bytes, facts: PollFacts) -> bytes:
    """Return the digest of ``facts`` after the digest ``previous`` (``START`` for an account's first poll)."""
    canonical = json.dumps(
        [
            facts.account,
            facts.kind,
            facts.started_at,
            facts.finished_at,
            facts.outcome,
            facts.http_status,
            facts.error,
            list(facts.flags),
            sorted(facts.values.items()),
            [
                [one.request_id, one.kind, one.status, one.created_at, one.completed_at, one.credits_used]
                for one in facts.changes
            ],
            facts.rejections,
            None if facts.body is None else facts.body.hex(),
        ],
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()
