"""Every observation of a meter, in order of time: what polls found, and what was imported.

A snapshot keeps only the first and the last observation of a run of equal values; those between are the instants of
the account's good polls. An import's rows are kept as they came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, column, text

_CHUNK = 5000

# Ends of snapshots are observations also where the polls that made them were pruned.
_OBSERVATIONS = text("""
        SELECT found.at, found.value FROM (
            SELECT imported.observed_at AS at, imported.value AS value
              FROM imported WHERE imported.meter = :meter AND imported.observed_at >= :since
            UNION SELECT ends.observed_at, ends.value
              FROM snapshot AS ends WHERE ends.meter = :meter AND ends.observed_at >= :since
            UNION SELECT ends.confirmed_at, ends.value
              FROM snapshot AS ends WHERE ends.meter = :meter AND ends.confirmed_at >= :since
            UNION SELECT poll.finished_at, seen.value
              FROM poll JOIN snapshot AS seen ON seen.meter = :meter AND seen.observed_at =
                   (SELECT max(s.observed_at) FROM snapshot AS s
                     WHERE s.meter = :meter AND s.observed_at <= poll.finished_at)
             WHERE poll.account = :account AND poll.kind = 'poll' AND poll.outcome = 'ok'
               AND poll.finished_at >= :since AND seen.confirmed_at >= poll.finished_at
        ) AS found ORDER BY found.at
    """).columns(column("at", BigInteger), column("value", BigInteger))


class Seen(NamedTuple):
    """One observation: when, in microseconds since 1970 UTC, and what."""

    at: int
    value: int


def observations(connection: Connection, account: int, meter: int, since: int) -> Iterator[Seen]:
    """Yield the observations of a meter from ``since`` on, in order of time, a few thousand at once."""
    rows = connection.execute(
        _OBSERVATIONS,
        {"account": account, "meter": meter, "since": since},
        execution_options={"yield_per": _CHUNK},
    )
    for at, value in rows:
        yield Seen(at, value)
