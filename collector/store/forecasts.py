"""What scheduled reports foretold, kept as shown: once for each run and meter, to be graded when its time is over.

    seen_at ───────── made_at ───────────────────── until          what was used from seen_at to until tells how it was
       └ the last good observation                    └ the period's end

It is written in the transaction that finishes the run, so a forecast is kept if and only if its report is made. Nothing
here grades anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, func, select

from collector.errors import IntegrityError
from collector.store import schema
from collector.store.rows import any_of, insert_new

_forecast = schema.forecast
_LARGEST = 2**63

Pairs: TypeAlias = tuple[tuple[float, float | None], ...]
Amounts: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Foretold:
    """What one report says of the days to come of one meter; quantities in the meter's smallest unit.

    Attributes:
        meter: The meter's row id.
        seen_at: The last good observation; everything here counts from there.
        until: How far it looks: the end of the billing period, or of what was looked ahead where there is none.
        quota, used, remaining: Where the quota stood at ``seen_at``; None where none is declared.
        probability: That ``remaining`` is used before ``until``, 0..1; None where none was told.
        times: By level of the time, rising, the days from ``seen_at`` until ``remaining`` is used; None for later than
            ``until``. Only the levels that were told.
        amounts: By level, rising, the usage from ``seen_at`` to ``until``; empty where it was not told.
        method: How it was made.
    """

    meter: int
    seen_at: datetime
    until: datetime
    quota: int | None
    used: int | None
    remaining: int | None
    probability: float | None
    times: Pairs
    amounts: Amounts
    method: str

    @property
    def fits(self) -> bool:
        """True where every quantity fits into 64 bits; others are not kept."""
        return all(one is None or abs(one) < _LARGEST for one in (self.quota, self.used, self.remaining))


@dataclass(frozen=True, slots=True)
class KeptForecast:
    """A forecast with the run that showed it."""

    report: str
    period: str
    made_at: datetime
    foretold: Foretold


def keep_forecasts(connection: Connection, run: tuple[str, str], now: datetime, foretold: Sequence[Foretold]) -> None:
    """Keep what the run of a report for a period, made ``now``, foretold; of a meter that has one the first stays."""
    report, period = run
    rows = [
        {
            "meter": one.meter,
            "report": report,
            "period": period,
            "made_at": now,
            "seen_at": one.seen_at,
            "until": one.until,
            "quota": one.quota,
            "used": one.used,
            "remaining": one.remaining,
            "probability": one.probability,
            "times": json.dumps(one.times),
            "amounts": json.dumps(one.amounts),
            "method": one.method,
        }
        for one in foretold
        if one.fits and one.until > one.seen_at
    ]
    insert_new(connection, _forecast, rows)


def kept_forecasts(connection: Connection, meter: int, over_by: datetime, newest: int) -> list[KeptForecast]:
    """Return the forecasts that were kept of a meter and whose time was over by then, the oldest first.

    Args:
        connection: Where to read.
        meter: Its row id.
        over_by: The latest end.
        newest: How many at most; several from one instant to another count once, and all of them are returned.
    """
    place = func.dense_rank().over(order_by=(_forecast.c.seen_at.desc(), _forecast.c.until.desc())).label("place")
    ranked = select(_forecast, place).where(_forecast.c.meter == meter, _forecast.c.until <= over_by).subquery()
    each = ranked.c
    statement = select(ranked).where(each.place <= newest).order_by(each.seen_at, each.until, each.report, each.period)
    return [_kept(row) for row in connection.execute(statement)]


def waiting_forecasts(connection: Connection, meters: Mapping[int, datetime]) -> dict[int, int]:
    """Return how many forecasts of each meter end later than the instant given for it; only meters that have any kept.

    Several from one instant to another count once.
    """
    found = (
        select(_forecast.c.meter, _forecast.c.seen_at, _forecast.c.until)
        .where(any_of(connection, _forecast.c.meter, list(meters)))
        .distinct()
    )
    waiting: dict[int, int] = {}
    for row in connection.execute(found):
        waiting[row.meter] = waiting.get(row.meter, 0) + (row.until > meters[row.meter])
    return waiting


def _kept(row: Row[Any]) -> KeptForecast:
    try:
        times, amounts = pairs_of(row.times), pairs_of(row.amounts)
    except ValueError as error:
        raise IntegrityError(
            f"the forecast kept with {row.report} {row.period} is damaged ({error}): restore a backup"
        ) from None
    foretold = Foretold(
        meter=row.meter,
        seen_at=row.seen_at,
        until=row.until,
        quota=row.quota,
        used=row.used,
        remaining=row.remaining,
        probability=row.probability,
        times=times,
        amounts=tuple((level, amount) for level, amount in amounts if amount is not None),
        method=row.method,
    )
    return KeptForecast(row.report, row.period, row.made_at, foretold)


def pairs_of(text: str) -> tuple[tuple[float, float | None], ...]:
    """Return the pairs of level and value that a column holds.

    Raises:
        ValueError: It holds anything else.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        found = None
    if not isinstance(found, list) or not all(map(_is_pair, found)):
        raise ValueError("it holds no pairs of level and value")
    return tuple((float(level), None if value is None else float(value)) for level, value in found)


def _is_pair(one: object) -> bool:
    return (
        isinstance(one, list)
        and len(one) == 2
        and isinstance(one[0], float)
        and 0 < one[0] < 1
        and (one[1] is None or (isinstance(one[1], int | float) and math.isfinite(one[1])))
    )
