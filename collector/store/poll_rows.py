"""Writes the row of a poll at the end of its account's chain, and says what is kept of records refused alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, insert

from collector.domain.digest import START, PollFacts, chained
from collector.domain.instants import instant_of
from collector.store import schema
from collector.store.entries import PollHead

_KEPT = 4096
_MOST_REASONS = 8
_LONGEST_REASON = 80

Rejection = tuple[str, str, str]


def kept_rejections(rejections: Sequence[Rejection]) -> str | None:
    """Return what the row keeps of records refused alone, as a JSON list of at most 4 KiB, or None without any.

    An answer that does not change is refused again at each poll, so all of it would fill the disk. Where it is too
    much, the first records are kept, and behind them one entry for each reason says how many more there were:

        [["recentRequests[0]", "the record is no object", "1"], ["and 899 more", "the record is no object", ""]]
    """
    if not rejections:
        return None
    first = _that_fit(rejections)
    while len(text := json.dumps([*rejections[:first], *_summed(rejections[first:])])) > _KEPT:
        first -= 1
    return text


def _that_fit(rejections: Sequence[Rejection]) -> int:
    """Return how many of the first would fit if nothing followed."""
    size = 2
    for number, one in enumerate(rejections):
        size += len(json.dumps(one)) + len(", " if number else "")
        if size > _KEPT:
            return number
    return len(rejections)


def _summed(rejections: Sequence[Rejection]) -> list[Rejection]:
    counted = Counter(reason[:_LONGEST_REASON] for _, reason, _ in rejections).most_common()
    named, others = counted[:_MOST_REASONS], sum(count for _, count in counted[_MOST_REASONS:])
    named += [("other reasons", others)] if others else []
    return [(f"and {count} more", reason, "") for reason, count in named]


def add_poll_row(
    connection: Connection, account: int, number: int, previous: bytes | None, facts: PollFacts
) -> PollHead:
    """Add the row of a poll and return it as the chain's head.

    Args:
        connection: The writing transaction.
        account: The row of its account.
        number: Its number among the account's polls.
        previous: The digest of the poll before it, or None for the first.
        facts: What it states.
    """
    known = facts.listing
    digest = chained(START if previous is None else previous, facts)
    connection.execute(
        insert(schema.poll).values(
            account=account,
            id=number,
            kind=facts.kind,
            started_at=instant_of(facts.started_at),
            finished_at=instant_of(facts.finished_at),
            outcome=facts.outcome,
            http_status=facts.http_status,
            error=facts.error,
            flags=json.dumps(facts.flags),
            format=facts.format,
            listed_requests=known.listed,
            new_requests=known.new,
            unmatched_requests=known.unmatched,
            missed_requests=known.missed,
            missed_after=None if known.missed_after is None else instant_of(known.missed_after),
            missed_before=None if known.missed_before is None else instant_of(known.missed_before),
            unexplained=known.unexplained,
            rejected_requests=known.rejected,
            rejections=facts.rejections,
            body=facts.body,
            digest=digest,
        )
    )
    return PollHead(number, digest)
