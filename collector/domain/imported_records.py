"""What two statements about one request come to: the rule by which imported records add up, in any order.

Rule for editors: the result may not depend on which of the two came first. So the states of a request are ranked:
final ones above others, then the one that was seen later, and at one instant ``unresolved`` (which only says that the
request left the list) behind the provider's own word. What is ahead stands, filled in from what is behind. Two final
states may fill each other in and never contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collector.domain.instants import EPOCH
from collector.domain.requests import UNRESOLVED, ChangeKind, RequestRecord, merged


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """A request record and the first and the last instant at which it was seen."""

    record: RequestRecord
    first_seen_at: datetime
    last_seen_at: datetime


def together(one: SeenRecord, other: SeenRecord) -> SeenRecord | None:
    """Return what two statements about one request come to; None where two final states contradict each other."""
    behind, ahead = sorted((one, other), key=_rank)
    record, kind = merged(behind.record, ahead.record)
    if kind is ChangeKind.CONFLICT:
        return None
    return SeenRecord(record, min(one.first_seen_at, other.first_seen_at), max(one.last_seen_at, other.last_seen_at))


def _rank(one: SeenRecord) -> tuple[object, ...]:
    record = one.record
    # Everything that can differ takes part: statements of one instant have an order as well.
    return (
        record.final,
        one.last_seen_at,
        record.status != UNRESOLVED,
        record.status,
        record.created_at or EPOCH,
        record.completed_at or EPOCH,
        -1 if record.credits_used is None else record.credits_used,
    )
