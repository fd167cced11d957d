"""Request records: the items of a provider's recent-requests list, and the rule by which they change.

A record's identity is ``(account, request_id)``. A later observation replaces an earlier one only forward:
``processing`` becomes ``completed`` or ``failed``, a final status never goes back, ``credits_used`` and
``completed_at`` fill in. What an observation would have undone is kept as a change of its own kind, so nothing the
provider said is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

FINAL_STATUSES = frozenset({"completed", "failed"})
UNRESOLVED = "unresolved"
"""What is shown of a record that left the list before its end: the provider never said how it ended."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the provider lists it.

    Attributes:
        request_id: The provider's identifier, kept to the letter.
        status: The provider's word, kept as given even when unknown to us.
        created_at: When the request was made; the provider may leave it out.
        completed_at: When it finished.
        credits_used: What it cost, in the provider's credits.
    """

    request_id: str
    status: str
    created_at: datetime | None = None
    completed_at: datetime | None = None
    credits_used: int | None = None

    @property
    def final(self) -> bool:
        """True once the request can no longer change."""
        return self.status in FINAL_STATUSES


class ChangeKind(StrEnum):
    """What an observation did to a request record."""

    NEW = "new"
    UPDATE = "update"
    REGRESSION = "regression"
    CONFLICT = "conflict"


def merged(known: RequestRecord, seen: RequestRecord) -> tuple[RequestRecord, ChangeKind | None]:
    """Return the record after ``seen`` was observed upon ``known``, and what kind of change that is.

    None means that nothing changed. A ``REGRESSION`` (a final status taken back) or a ``CONFLICT`` (another final
    status, other credits or times after the end) leaves the record as it was.
    """
    filled = replace(
        seen,
        created_at=known.created_at if seen.created_at is None else seen.created_at,
        completed_at=known.completed_at if seen.completed_at is None else seen.completed_at,
        credits_used=known.credits_used if seen.credits_used is None else seen.credits_used,
    )
    if filled == known:
        return known, None
    if not known.final:
        return filled, ChangeKind.UPDATE
    if not filled.final:
        return known, ChangeKind.REGRESSION
    if _only_fills_in(known, filled):
        return filled, ChangeKind.UPDATE
    return known, ChangeKind.CONFLICT


def _only_fills_in(known: RequestRecord, filled: RequestRecord) -> bool:
    pairs = (
        (known.created_at, filled.created_at),
        (known.completed_at, filled.completed_at),
        (known.credits_used, filled.credits_used),
    )
    return known.status == filled.status and all(old is None or old == new for old, new in pairs)
