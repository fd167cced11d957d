"""The chains of digests that make the ledger tamper-evident.

Every poll row carries SHA-256 over the account's previous digest and the canonical facts of this poll; every decision
one over the meter's previous decision and itself. Facts are named, not numbered (an account's and a meter's name
instead of a row id), so the same polls give the same chain on every engine. Rule for editors: whatever is added here
must be recomputable from what is stored, and needs a format of its own, or older databases could not be verified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.domain.falls import Decision

START = bytes(32)
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
FORMAT = 1
"""The newest format of a poll's facts; format 0 leaves out the list, what left it and what was imported."""


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One change of a request record; instants in microseconds since 1970 UTC.

    Attributes:
        first_seen_at: Of an imported record, as its file says.
        last_seen_at: The same; of a polled record, until when it had been listed before it came back.
    """

    request_id: str
    kind: str
    status: str
    created_at: int | None
    completed_at: int | None
    credits_used: int | None
    first_seen_at: int | None = None
    last_seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What a poll found out about the provider's list of requests; None where it could not be told.

    Attributes:
        listed, new, rejected: How many records were listed, new to us, refused alone.
        unmatched: Growth of the counter of requests less new records, with its sign.
        missed: Requests no list will ever show; they were made in ``(missed_after, missed_before)``.
        unexplained: Growth of the credits less those of records, with its sign.
        left: Ids that are no longer listed, in order.
    """

    listed: int | None = None
    new: int | None = None
    rejected: int | None = None
    unmatched: int | None = None
    missed: int | None = None
    missed_after: int | None = None
    missed_before: int | None = None
    unexplained: int | None = None
    left: tuple[str, ...] = ()


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
        listing: What it says of the provider's list.
        imported: Of an import, the digest of its rows as ``RowsDigest`` gives it, or None.
        format: Which of these enter the digest.
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
    listing: ListFacts = ListFacts()
    imported: bytes | None = None
    format: int = FORMAT


def chained(previous: bytes, facts: PollFacts) -> bytes:
    """Return the digest of ``facts`` after the digest ``previous`` (``START`` for an account's first poll)."""
    return _after(
        previous,
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
            *(_listing(facts) if facts.format else ()),
        ],
    )


def _listing(facts: PollFacts) -> list[object]:
    known = facts.listing
    return [
        facts.format,
        [known.listed, known.new, known.rejected, known.unmatched],
        [known.missed, known.missed_after, known.missed_before, known.unexplained],
        list(known.left),
        [[one.request_id, one.last_seen_at] for one in facts.changes if one.last_seen_at is not None],
        None if facts.imported is None else facts.imported.hex(),
    ]


class RowsDigest:
    """The digest of an import's rows, fed one by one: snapshots by meter and time, then records by id.

    A million rows never have to be held at once, to import them or to prove them.
    """

    __slots__ = ("_sha",)

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def snapshot(self, meter: str, observed_at: int, value: int) -> None:
        """Add the value of a meter, by its name, at an instant in microseconds since 1970 UTC."""
        self._sha.update(f"{meter}\t{observed_at}\t{value}\n".encode())

    def record(self, one: ChangeFact) -> None:
        """Add what an imported record says."""
        seen = [one.first_seen_at, one.last_seen_at]
        self._sha.update(
            _canonical(
                [one.request_id, one.kind, one.status, one.created_at, one.completed_at, one.credits_used, *seen]
            )
        )

    def digest(self) -> bytes:
        """Return the digest of the rows so far."""
        return self._sha.digest()


def chained_decision(previous: bytes, account: str, meter: str, decision: Decision, decided_at: int) -> bytes:
    """Return the digest of ``decision`` after that of the meter's decision before it (``START`` for the first).

    Args:
        previous: That digest.
        account: The account's name.
        meter: The meter's name.
        decision: What was decided.
        decided_at: When, in microseconds since 1970 UTC.
    """
    one = decision
    facts = [
        one.kind.value, one.at, one.since, one.before, one.after, one.offset, one.until, decided_at, one.decided_by,
        one.reason,
    ]  # fmt: skip
    return _after(previous, [account, meter, *facts])


def _after(previous: bytes, facts: list[object]) -> bytes:
    return hashlib.sha256(previous + _canonical(facts)).digest()


def _canonical(facts: list[object]) -> bytes:
    return _ENCODER.encode(facts).encode("ascii")
