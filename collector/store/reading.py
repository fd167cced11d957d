"""Reads the ledger by boundary look-ups, never by scans.

Usage of any windows comes from the totals at their edges, and the snapshots around every edge of every meter are found
by one statement: for each boundary the row at ``max(observed_at) <= boundary`` on the primary key, and the good row
after it. A year of days costs 366 look-ups per meter whatever the number of snapshots between them. Rule for editors:
a statement here may walk a key from a boundary, it may not read what lies between two boundaries. Only where a boundary
lies inside a gap are the requests made in that gap read as well (``evidence``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Row, bindparam, func, select, text

from collector.domain.accounts import Counts
from collector.domain.edges import Bracket, Edge, Gap, History
from collector.domain.evidence import Stretch
from collector.domain.falls import Decision, Status
from collector.store import schema
from collector.store.evidence import evidence_of
from collector.store.rows import any_of, any_text_of
from collector.store.snapshots import decision_of

_account = schema.account
_meter = schema.meter
_snapshot = schema.snapshot
_decision = schema.decision
_gap = schema.gap

# SQLite would walk a meter's whole history here; the partial index holds only the few that are not good.
_NOT_GOOD_SQLITE = text("""
    SELECT meter, observed_at FROM snapshot INDEXED BY ix_snapshot_not_good
     WHERE status != 0 AND meter IN (SELECT value FROM json_each(:meters))
""")
_NOT_GOOD_POSTGRESQL = text("""
    SELECT meter, observed_at FROM snapshot WHERE status != 0 AND meter = ANY(:meters)
""").bindparams(bindparam("meters", type_=ARRAY(BigInteger)))


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One meter with a history; instants in microseconds since 1970 UTC.

    Attributes:
        first_at: When its first snapshot was observed.
        last_at: When any value was last observed or confirmed.
        good_at, good_value: When the last good value was last confirmed, and that value.
        latest: The newest value of any status.
        counts: What a listed request adds to it; None where requests do not tell.
        until: The instant at which the history is asked to end although it goes on; None where it is asked for whole.
    """

    id: int
    account: str
    account_id: int
    provider: str
    timezone: str
    name: str
    unit: str
    scale: int
    first_at: int
    last_at: int
    good_at: int
    good_value: int
    latest: int
    counts: Counts | None = None
    until: int | None = None


def meters(
    connection: Connection, accounts: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> list[MeterRow]:
    """Return the meters that have a snapshot, of the named accounts and meters, by account and meter name."""
    first = select(func.min(_snapshot.c.observed_at)).where(_snapshot.c.meter == _meter.c.id).scalar_subquery()
    statement = (
        select(
            _meter,
            _account.c.name.label("account_name"),
            _account.c.provider,
            _account.c.timezone,
            first.label("first_at"),
        )
        .join(_account, _account.c.id == _meter.c.account)
        .where(first.is_not(None))
    )
    if accounts is not None:
        statement = statement.where(any_text_of(connection, _account.c.name, accounts))
    if names is not None:
        statement = statement.where(any_text_of(connection, _meter.c.name, names))
    rows = connection.execute(statement).all()
    ids = [row.id for row in rows]
    newest = {row.id: (row.confirmed_at, row.value) for row in _newest(connection, ids, any_status=True)}
    good = {row.id: (row.confirmed_at, row.value) for row in _newest(connection, ids, any_status=False)}
    found = [
        MeterRow(
            row.id, row.account_name, row.account, row.provider, row.timezone, row.name, row.unit, row.scale,
            row.first_at,
            newest[row.id][0], *good[row.id], newest[row.id][1], None if row.counts is None else Counts(row.counts),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.account, one.name))


def _newest(connection: Connection, ids: Sequence[int], *, any_status: bool) -> Iterable[Row[Any]]:
    inner = _snapshot.alias()
    at = select(func.max(inner.c.observed_at)).where(inner.c.meter == _meter.c.id)
    if not any_status:
        at = at.where(inner.c.status == Status.GOOD)
    newest = (_snapshot.c.meter == _meter.c.id) & (_snapshot.c.observed_at == at.correlate(_meter).scalar_subquery())
    confirmed = func.coalesce(_snapshot.c.confirmed_at, _snapshot.c.observed_at).label("confirmed_at")
    return connection.execute(
        select(_meter.c.id, confirmed, _snapshot.c.value)
        .select_from(_meter.join(_snapshot, newest))
        .where(any_of(connection, _meter.c.id, ids))
    )


def histories(connection: Connection, rows: Sequence[MeterRow]) -> dict[int, History]:
    """Return, by meter id, what is needed beside the look-ups: decisions in force, excluded snapshots, gaps."""
    ids = [row.id for row in rows]
    decisions = in_force(connection, ids)
    excluded: dict[int, list[int]] = {}
    for row in _not_good(connection, ids):
        excluded.setdefault(row.meter, []).append(row.observed_at)
    gaps = gaps_of(connection, ids)
    return {
        row.id: History(
            row.first_at, row.last_at, decisions.get(row.id, ()), excluded.get(row.id, ()), gaps.get(row.id, ())
        )
        for row in rows
    }


def gaps_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[Gap]]:
    """Return the stretches without observations by meter id, in order of time; meters without any are left out."""
    found: dict[int, list[Gap]] = {}
    wanted = select(_gap).where(any_of(connection, _gap.c.meter, ids)).order_by(_gap.c.meter, _gap.c.started_at)
    for row in connection.execute(wanted):
        found.setdefault(row.meter, []).append(Gap(row.started_at, row.ended_at))
    return found


def _not_good(connection: Connection, ids: Sequence[int]) -> Iterable[Row[Any]]:
    if connection.dialect.name == "sqlite":
        return connection.execute(_NOT_GOOD_SQLITE, {"meters": json.dumps(ids)})
    return connection.execute(_NOT_GOOD_POSTGRESQL, {"meters": list(ids)})


def in_force(connection: Connection, ids: Sequence[int]) -> dict[int, list[Decision]]:
    """Return the decisions in force by meter id, in order of time."""
    found: dict[int, list[Decision]] = {}
    rows = connection.execute(
        select(_decision)
        .where(any_of(connection, _decision.c.meter, ids), _decision.c.superseded_at.is_(None))
        .order_by(_decision.c.meter, _decision.c.at, _decision.c.id)
    )
    for row in rows:
        found.setdefault(row.meter, []).append(decision_of(row))
    return found


_LOOK_UP_SQLITE = text("""
    SELECT wanted.meter, wanted.at,
           prior.observed_at, coalesce(prior.confirmed_at, prior.observed_at), prior.value, prior.number,
           later.observed_at, later.value
      FROM (SELECT CAST(per_meter.key AS INTEGER) AS meter, boundary.value AS at
              FROM json_each(:wanted) AS per_meter, json_each(per_meter.value) AS boundary) AS wanted
      LEFT JOIN snapshot AS prior ON prior.meter = wanted.meter AND prior.observed_at =
           (SELECT s.observed_at FROM snapshot AS s
             WHERE s.meter = wanted.meter AND s.observed_at <= wanted.at AND s.status = 0
             ORDER BY s.observed_at DESC LIMIT 1)
      LEFT JOIN snapshot AS later ON later.meter = wanted.meter AND later.observed_at =
           (SELECT s.observed_at FROM snapshot AS s
             WHERE s.meter = wanted.meter AND s.observed_at > wanted.at AND s.status = 0
             ORDER BY s.observed_at LIMIT 1)
""")

_LOOK_UP_POSTGRESQL = text("""
    SELECT wanted.meter, wanted.at,
           prior.observed_at, coalesce(prior.confirmed_at, prior.observed_at), prior.value, prior.number,
           later.observed_at, later.value
      FROM unnest(:meters, :ats) AS wanted (meter, at)
      LEFT JOIN LATERAL (SELECT s.observed_at, s.confirmed_at, s.value, s.number FROM snapshot AS s
             WHERE s.meter = wanted.meter AND s.observed_at <= wanted.at AND s.status = 0
             ORDER BY s.observed_at DESC LIMIT 1) AS prior ON true
      LEFT JOIN LATERAL (SELECT s.observed_at, s.value FROM snapshot AS s
             WHERE s.meter = wanted.meter AND s.observed_at > wanted.at AND s.status = 0
             ORDER BY s.observed_at LIMIT 1) AS later ON true
""").bindparams(bindparam("meters", type_=ARRAY(BigInteger)), bindparam("ats", type_=ARRAY(BigInteger)))


def brackets(connection: Connection, boundaries: Mapping[int, Sequence[int]]) -> dict[int, list[Bracket]]:
    """Return the good snapshots around each boundary of each meter, in one statement.

    Args:
        connection: A reading transaction.
        boundaries: By meter id, instants in microseconds since 1970 UTC, in any order.

    Returns:
        By meter id, one bracket per boundary in order of time.
    """
    found: dict[int, list[Bracket]] = {meter: [] for meter in boundaries}
    for row in _look_up(connection, boundaries):
        found[row[0]].append(Bracket._make(row[1:]))
    for each in found.values():
        each.sort(key=lambda one: one.at)
    return found


def _look_up(connection: Connection, boundaries: Mapping[int, Sequence[int]]) -> Iterable[Row[Any]]:
    if connection.dialect.name == "sqlite":
        wanted = json.dumps({str(meter): list(ats) for meter, ats in boundaries.items()})
        return connection.execute(_LOOK_UP_SQLITE, {"wanted": wanted})
    meters = [meter for meter, ats in boundaries.items() for _ in ats]
    ats = [at for each in boundaries.values() for at in each]
    return connection.execute(_LOOK_UP_POSTGRESQL, {"meters": meters, "ats": ats})


def edges(
    connection: Connection, rows: Sequence[MeterRow], boundaries: Mapping[int, Sequence[int]]
) -> dict[int, list[Edge]]:
    """Return the edges of ``boundaries`` by meter id, in order of time; totals are exact integers."""
    known = histories(connection, rows)
    found = brackets(connection, boundaries)
    placed = _placed(connection, rows, known, found)
    return {
        meter: [known[meter].edge(bracket, placed.get((meter, bracket.at))) for bracket in each]
        for meter, each in found.items()
    }


def _placed(
    connection: Connection,
    rows: Iterable[MeterRow],
    known: Mapping[int, History],
    found: Mapping[int, Iterable[Bracket]],
) -> dict[tuple[int, int], int | None]:
    """Return how much of a gap's growth lies before each boundary inside it by evidence, by meter id and boundary."""
    inside: list[tuple[int, int, Counts, int, Stretch]] = []
    wanted: dict[Stretch, set[int]] = {}
    for row in rows:
        if row.counts is not None:
            for bracket in found.get(row.id, ()):
                unseen = known[row.id].unseen_around(bracket)
                if unseen is not None:
                    stretch = Stretch(row.account_id, unseen.since, unseen.until)
                    inside.append((row.id, bracket.at, row.counts, unseen.growth, stretch))
                    wanted.setdefault(stretch, set()).add(bracket.at)
    evidence = evidence_of(connection, wanted) if wanted else {}
    return {
        (meter, at): evidence[stretch].used_before(at, counts, growth)
        for meter, at, counts, growth, stretch in inside
        if stretch in evidence
    }
