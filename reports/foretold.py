"""What a report foretells, in the form in which it is kept to be graded: what the reader was told, and nothing else.

It is made of the very objects that the report's document is made of (``Document.foretold``), so no poll comes between:

- a probability where the row has one;
- the times of the quota's end at the quantiles that the row tells as days, or tells to lie behind the period's end;
- the quantiles of the usage until the period's end where the report projects it, which it does not for an idle meter.

Public: ``quotas_foretold``, ``usage_foretold``, ``rather``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collector.store.forecasts import Amounts, Foretold, Pairs
from reports.catalogue import Outlooks
from reports.exhaustion import TOLD, ends_at
from reports.forecasting.prospect import Prospect
from reports.forecasting.verdict import INTERVAL, LEVELS
from reports.rendering import Row
from reports.rows import rows_of
from reports.standing import QuotaStanding

_DATED = frozenset({"exhausts", "lasts"})


def quotas_foretold(found: Outlooks) -> Iterator[Foretold]:
    """Yield what the report ``exhaustion`` foretells of each quota; nothing of those of which nobody can tell."""
    for standing, row in zip(found.standings, rows_of(found.frame, TOLD), strict=True):
        prospect = found.prospects.get(standing.row.id)
        if isinstance(prospect, Prospect) and standing.allowance is not None and standing.used is not None:
            kept = Foretold(
                meter=standing.row.id,
                seen_at=prospect.history.end,
                until=ends_at(standing),
                quota=standing.allowance.quota.amount,
                used=standing.used.amount,
                remaining=standing.remaining,
                probability=_probability(row),
                times=_times(standing, prospect, row),
                amounts=() if row["projected_usage"] is None else _amounts(prospect, ends_at(standing)),
                method=prospect.method,
            )
            if kept.probability is not None or kept.times or kept.amounts:
                yield kept


def usage_foretold(meter: int, prospect: Prospect, until: datetime) -> Foretold:
    """Return what is foretold by who tells the usage until an instant alone.

    Args:
        meter: Its row id.
        prospect: What is to come of it.
        until: The end of the period.
    """
    return Foretold(
        meter=meter,
        seen_at=prospect.history.end,
        until=until,
        quota=None,
        used=None,
        remaining=None,
        probability=None,
        times=(),
        amounts=_amounts(prospect, until),
        method=prospect.method,
    )


def rather(quota: Foretold | None, usage: Foretold | None) -> Foretold | None:
    """Return which of two forecasts of one meter is kept: that of its quota, unless only the other tells the usage."""
    return usage if usage is not None and (quota is None or not quota.amounts) else quota


def _probability(row: Row) -> float | None:
    told = row["probability"]
    return told if isinstance(told, float) and row["status"] in _DATED else None


def _times(standing: QuotaStanding, prospect: Prospect, row: Row) -> Pairs:
    """Return by level the days until the quota's end, None for one behind the period's end."""
    if row["status"] not in _DATED or prospect.is_idle:
        return ()
    names = INTERVAL if prospect.interval_only else LEVELS.keys()
    left = float(standing.remaining or 0)
    return tuple(
        (level, None if row[name] is None else round(prospect.days_to(left, level), 6))
        for name, level in LEVELS.items()
        if name in names
    )


def _amounts(prospect: Prospect, until: datetime) -> Amounts:
    days = prospect.days_until(until)
    return tuple((level, round(prospect.curves.quantile(level, days), 3)) for level in prospect.curves.levels.tolist())
