"""Reads the request records made inside gaps: their times place usage that no snapshot saw.

One statement counts them for all gaps together, parted at the boundaries that lie inside; without such a boundary none
is sent. Rule for editors: it walks the key of ``created_at`` over each gap once, whatever the number of boundaries in
it, and never reads records outside of gaps and their run-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Row, bindparam, text

from collector.domain.evidence import Evidence, Stretch, Tally
from collector.domain.instants import SECOND

# A request made before a gap may have been completed in it. Ours, not the provider's: whatever took longer is missed,
# and its credits are interpolated.
_LONGEST_REQUEST = 6 * 3600 * SECOND

# The growth of the account's counter of requests over a stretch, where it was observed at both ends and did not fall.
_COUNTED = """
    SELECT later.value - prior.value
      FROM meter
      JOIN snapshot AS prior ON prior.meter = meter.id AND prior.observed_at =
           (SELECT s.observed_at FROM snapshot AS s
             WHERE s.meter = meter.id AND s.observed_at <= stretch.since AND s.status = 0
             ORDER BY s.observed_at DESC LIMIT 1)
      JOIN snapshot AS later ON later.meter = meter.id AND later.observed_at =
           (SELECT s.observed_at FROM snapshot AS s
             WHERE s.meter = meter.id AND s.observed_at <= stretch.until AND s.status = 0
             ORDER BY s.observed_at DESC LIMIT 1)
     WHERE meter.account = stretch.account AND meter.counts = 'requests'
       AND coalesce(prior.confirmed_at, prior.observed_at) >= stretch.since
       AND coalesce(later.confirmed_at, later.observed_at) >= stretch.until
       AND NOT EXISTS (SELECT 1 FROM decision
             WHERE decision.meter = meter.id AND decision.superseded_at IS NULL
               AND decision.at > stretch.since AND decision.at <= stretch.until)
     ORDER BY meter.id LIMIT 1
"""

# Credits are summed in two halves: a sum beyond 64 bits is an error on SQLite.
_SUMS = """
    count(*), coalesce(sum(credits_used >> 32), 0), coalesce(sum(credits_used & 4294967295), 0)
"""

# Each piece between two marks is a walk of its own, and only what was completed in another piece is placed by hand:
# SQLite has no search in an array.
_TALLIES_SQLITE = text(f"""
    WITH wanted AS (
        SELECT CAST(key AS INTEGER) AS number, json_extract(value, '$[0]') AS account,
               json_extract(value, '$[1]') AS since, json_extract(value, '$[2]') AS until,
               json_extract(value, '$[3]') AS marks, json_extract(value, '$[4]') AS pieces
          FROM json_each(:stretches)
    ), stretch AS MATERIALIZED (SELECT stretch.*, ({_COUNTED}) AS counted FROM wanted AS stretch),
    piece AS MATERIALIZED (
        SELECT stretch.number, stretch.account, stretch.since, stretch.counted, CAST(each.key AS INTEGER) AS made,
               json_extract(each.value, '$[0]') AS begins, json_extract(each.value, '$[1]') AS ends
          FROM stretch CROSS JOIN json_each(stretch.pieces) AS each
    ), request AS (
        SELECT piece.number, piece.counted, piece.made, made.credits_used,
               CASE WHEN coalesce(made.completed_at, made.created_at) BETWEEN piece.begins AND piece.ends - 1
                    THEN piece.made
                    ELSE (SELECT count(*) FROM stretch, json_each(stretch.marks) AS mark
                           WHERE stretch.number = piece.number
                             AND mark.value <= coalesce(made.completed_at, made.created_at))
                END AS settled
          FROM piece CROSS JOIN usage_request AS made
            ON made.account = piece.account AND made.created_at >= piece.begins AND made.created_at < piece.ends
           AND (piece.made > 0 OR made.completed_at > piece.since)
    )
    SELECT number, counted, made, settled, {_SUMS} FROM request GROUP BY number, counted, made, settled
""")  # noqa: S608 - put together from the constants above

_TALLIES_POSTGRESQL = text(f"""
    WITH stretch AS MATERIALIZED (
        SELECT stretch.*, (:marks)[stretch.begins : stretch.ends] AS marks, ({_COUNTED}) AS counted
          FROM unnest(:accounts, :sinces, :untils, :begins, :ends)
               WITH ORDINALITY AS stretch (account, since, until, begins, ends, number)
    ), request AS (
        SELECT stretch.number, stretch.counted, made.credits_used,
               width_bucket(made.created_at, stretch.marks) AS made,
               width_bucket(coalesce(made.completed_at, made.created_at), stretch.marks) AS settled
          FROM stretch JOIN usage_request AS made
            ON made.account = stretch.account AND made.created_at > stretch.since - :run_up
           AND made.created_at <= stretch.until
           AND (made.created_at > stretch.since OR made.completed_at > stretch.since)
    )
    SELECT number - 1, counted, made, settled, {_SUMS} FROM request GROUP BY number, counted, made, settled
""").bindparams(  # noqa: S608 - put together from the constants above
    *(bindparam(name, type_=ARRAY(BigInteger)) for name in ("accounts", "sinces", "untils", "begins", "ends", "marks")),
    bindparam("run_up", type_=BigInteger),
)


def evidence_of(connection: Connection, wanted: Mapping[Stretch, Iterable[int]]) -> dict[Stretch, Evidence]:
    """Return what the request records say of each stretch, in one statement.

    Args:
        connection: A reading transaction.
        wanted: By stretch, the boundaries inside it.

    Returns:
        The evidence of every stretch in which requests were made or could have been completed.
    """
    stretches = list(wanted)
    marks = [stretch.marks(wanted[stretch]) for stretch in stretches]
    tallies: dict[int, list[Tally]] = {}
    counted: dict[int, int | None] = {}
    for row in _tallies(connection, stretches, marks):
        number, counted[row[0]], made, settled, requests, high, low = tuple(row)
        tallies.setdefault(number, []).append(Tally(made, settled, requests, (int(high) << 32) + int(low)))
    return {
        stretches[number]: Evidence(stretches[number], marks[number], each, counted[number])
        for number, each in tallies.items()
    }


def _tallies(
    connection: Connection, stretches: Sequence[Stretch], marks: Sequence[Sequence[int]]
) -> Iterable[Row[Any]]:
    if connection.dialect.name == "sqlite":
        parted = [
            [*stretch, each, list(pairwise([stretch.since + 1 - _LONGEST_REQUEST, *each]))]
            for stretch, each in zip(stretches, marks, strict=True)
        ]
        return connection.execute(_TALLIES_SQLITE, {"stretches": json.dumps(parted)})
    begins = [1]
    for each in marks:
        begins.append(begins[-1] + len(each))
    return connection.execute(
        _TALLIES_POSTGRESQL,
        {
            "accounts": [one.account for one in stretches],
            "sinces": [one.since for one in stretches],
            "untils": [one.until for one in stretches],
            "begins": begins[:-1],
            "ends": [one - 1 for one in begins[1:]],
            "marks": [mark for each in marks for mark in each],
            "run_up": _LONGEST_REQUEST,
        },
    )
