"""What a scheduled report foretells, in the form in which it is kept to be graded.

It is made of the same outlooks as the report itself, for the same question: the probability and the dates where the
report tells them, and the quantiles of the usage until the period's end, which it tells as the projection.

Public: ``foretold``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from collector.domain.report_schedule import ReportKind
from collector.store.engine import Database
from collector.store.forecasts import Foretold
from reports.catalogue import exhaustion_outlooks
from reports.documents.month_ahead import running_period
from reports.forecasting.history import histories
from reports.forecasting.prospect import TIMES, Prospect, prospect_of
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of
from reports.standing import QuotaStanding

_LIFETIME = timedelta(days=30)
"""How far the usage is kept where no period ends: near enough to be graded soon."""
_DATED = frozenset({"exhausts", "lasts"})


def foretold(database: Database, kind: ReportKind, question: Question, period: str) -> list[Foretold]:
    """Return what the report ``kind`` about ``period`` foretells; nothing where it shows no outlook."""
    if kind not in {ReportKind.EXHAUSTION, ReportKind.MONTH}:
        return []
    found = exhaustion_outlooks(database, question)
    rows = rows_of(found.frame, ("status", "probability"))
    told = list(_of_quotas(zip(found.standings, rows, strict=True), found.prospects))
    if kind is ReportKind.MONTH:
        without = [one for one in found.standings if one.allowance is None]
        told += _of_usage(database, without, question, period)
    return told


def _of_quotas(
    standings: Iterable[tuple[QuotaStanding, Row]], prospects: Mapping[int, Prospect | str]
) -> Iterator[Foretold]:
    """Yield what is foretold of the meters with a quota."""
    for standing, row in standings:
        prospect, allowance = prospects.get(standing.row.id), standing.allowance
        if not isinstance(prospect, Prospect) or allowance is None:
            continue
        until = standing.seen_at + _LIFETIME if allowance.period is None else allowance.period.end
        kept = _kept(standing, prospect, until, dated=row["status"] in _DATED)
        shown = row["probability"]
        yield replace(kept, probability=shown) if kept.times and isinstance(shown, float) else kept


def _of_usage(
    database: Database, standings: Iterable[QuotaStanding], question: Question, period: str
) -> Iterator[Foretold]:
    """Yield what the month report foretells of the meters without a quota: the usage of the period that runs."""
    asked = [(one, end) for one in standings if (end := _running_end(one, question, period)) is not None]
    known = histories(database, [one.row for one, _ in asked], {one.row.id: one.zone for one, _ in asked})
    for standing, until in asked:
        prospect = prospect_of(known[standing.row.id], until, question.now)
        if isinstance(prospect, Prospect):
            yield _kept(standing, prospect, until, dated=False)


def _running_end(standing: QuotaStanding, question: Question, period: str) -> datetime | None:
    running = running_period(standing.agreement, period, question.now)
    return None if running is None else running.end


def _kept(standing: QuotaStanding, prospect: Prospect, until: datetime, *, dated: bool) -> Foretold:
    remaining, days, curves = standing.remaining, prospect.days_until(until), prospect.curves
    dated = dated and remaining is not None and remaining > 0
    left = float(remaining or 0)
    levels = curves.levels.tolist()
    return Foretold(
        meter=standing.row.id,
        seen_at=prospect.history.end,
        until=until,
        quota=None if standing.allowance is None else standing.allowance.quota.amount,
        used=None if standing.used is None else standing.used.amount,
        remaining=remaining,
        probability=round(curves.probability(left, days), 6) if dated else None,
        times=tuple((level, _days(curves.time(left, level))) for level in TIMES) if dated else (),
        amounts=tuple((level, round(curves.quantile(level, days), 3)) for level in levels),
        method=prospect.method,
    )


def _days(found: float) -> float | None:
    return round(found, 6) if math.isfinite(found) else None
