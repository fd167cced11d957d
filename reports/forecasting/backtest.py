"""Replays a history: what would have been foretold at each of many origins, from what was known then, and what came.

    ├─ first 14 days ─┤ o ─ o ─ o ─ … ─ o ─┤        o  an origin: the history until there, as it was, makes the forecast
                                        └ 4 days that tell at least something

The quotas are the account's own where one is declared: what was left of it at the origin, until that period's end.
Without one they are set from what was usual then: what the mean of the last 60 days at most uses in 4, 8, 16 and 30
days, a fifth less and a quarter more, with a reset after as many days; when it is used up is looked for up to 45 days.
Nothing of the days after an origin enters its forecast; only what the ledger decided later about days before it does.

Public: ``Replay``, ``replayed``, ``own_quotas``, ``set_quotas``, ``LEAST_DAYS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

import numpy as np

from collector.domain.accounts import Agreement
from collector.domain.quota import allowance_at
from reports.forecasting.backtest_trials import Grade, Trial, grade_of, place_among
from reports.forecasting.curves import Curves
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of

LEAST_DAYS = 28
"""Under so many days of history nothing is replayed."""
FIRST = 14  # days before the first origin
_MOST = 60  # origins
_LEAST_OWN = 5  # trials of the own quota; fewer tell less than quotas that are set
_WORTH = (4, 8, 16, 30)
_FACTORS = (0.8, 1.0, 1.25)
_USUAL = 60
_LOOK = 45.0
_FARTHEST = 90.0  # a date beyond is as late as this
_MEAN = 28
_DAY = timedelta(days=1)


class Quota(NamedTuple):
    """What is left at an origin.

    Attributes:
        remaining: In the meter's smallest unit, positive.
        days: Until the reset.
        look: For how many days the date is looked for; 0 where another one tells the same.
    """

    remaining: float
    days: float
    look: float


Quotas: TypeAlias = Callable[[int], Sequence[Quota]]
"""Returns the quotas at an origin, given after how many days of the history it is."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Attributes:
        own: Whether the quotas were the account's own.
        first_at, last_at: The first and the last origin.
    """

    own: bool
    trials: tuple[Trial, ...]
    grade: Grade
    first_at: datetime
    last_at: datetime


class _Totals:
    """Usage between two places of a history, in days since its beginning; inside a day usage is taken to be even."""

    def __init__(self, history: History) -> None:
        self.sums = np.concatenate(([0.0], history.daily.cumsum()))
        self.days = np.arange(len(self.sums), dtype="float64")

    def between(self, start: float, end: float) -> float:
        before, after = np.interp([start, end], self.days, self.sums)
        return max(0.0, float(after - before))

    def reached(self, start: float, amount: float) -> float:
        """Return after how many days from ``start`` on ``amount`` was used; it was."""
        wanted = float(np.interp(start, self.days, self.sums)) + amount
        day = max(int(np.searchsorted(self.sums, wanted, side="left")), 1)
        before, after = float(self.sums[day - 1]), float(self.sums[min(day, len(self.sums) - 1)])
        share = (wanted - before) / (after - before) if after > before else 1.0
        return max(0.0, day - 1 + share - start)


def own_quotas(history: History, agreement: Agreement, meter: str, used: int) -> Quotas:
    """Return the declared quota of ``meter`` as it stood at each origin; none where it was used up or not known then.

    Args:
        history: The meter's.
        agreement: What is declared now.
        meter: Its name.
        used: What is used of it now: for a lifetime allowance, from which the past is reckoned back.
    """
    totals, count = _Totals(history), len(history)
    begins = history.end - count * _DAY

    def quotas(origin: int) -> list[Quota]:
        at = begins + origin * _DAY
        allowance = allowance_at(agreement, meter, at)
        if allowance is None:
            return []
        if allowance.period is None:
            left, days = allowance.quota.amount - used + totals.between(origin, count), _LOOK
        else:
            since = (allowance.period.start - begins) / _DAY
            if since < 0:
                return []
            left = allowance.quota.amount - totals.between(since, origin)
            days = (allowance.period.end - at) / _DAY
        return [Quota(left, days, days)] if left > 0 and days > 0 else []

    return quotas


def set_quotas(history: History) -> Quotas:
    """Return quotas that are set from what was usual at each origin; none where nothing was used."""

    def quotas(origin: int) -> list[Quota]:
        usual = float(history.daily[max(0, origin - _USUAL) : origin].mean())
        if usual <= 0:
            return []
        return [
            Quota(usual * worth * factor, float(worth), _LOOK if factor == 1.0 else 0.0)
            for worth in _WORTH
            for factor in _FACTORS
        ]

    return quotas


def replayed(history: History, own: Quotas | None) -> Replay | str:
    """Return how the forecasts would have done on a history, or why that cannot be told.

    Args:
        history: At most as long as may be replayed.
        own: The account's own quotas; None where none is declared. Where they tell too little, quotas are set instead.
    """
    if len(history) < LEAST_DAYS:
        days = "day" if len(history) == 1 else "days"
        return f"{len(history)} {days} of history; a replay needs {LEAST_DAYS}"
    trials = [] if own is None else list(_trials(history, own))
    if len(trials) >= _LEAST_OWN:
        return _replay(history, trials, own=True)
    trials = list(_trials(history, set_quotas(history)))
    return _replay(history, trials, own=False) if trials else "nothing was used that could have been foretold"


def _replay(history: History, trials: Sequence[Trial], *, own: bool) -> Replay:
    begins = history.end - len(history) * _DAY
    first, last = trials[0].origin, trials[-1].origin
    return Replay(
        own=own,
        trials=tuple(trials),
        grade=grade_of(trials, len(history) - first),
        first_at=begins + first * _DAY,
        last_at=begins + last * _DAY,
    )


def _trials(history: History, quotas: Quotas) -> Iterator[Trial]:
    totals, count = _Totals(history), len(history)
    for origin in sorted({int(one) for one in np.linspace(FIRST, count - min(_WORTH), _MOST)}):
        known = [one for one in quotas(origin) if origin + one.days <= count]
        if not known:
            continue
        then = history.until(origin)
        until = then.end + max(_FARTHEST, *(one.days for one in known)) * _DAY
        prospect = prospect_of(then, until, then.end)
        if isinstance(prospect, Prospect):
            mean = float(then.daily[-_MEAN:].mean())
            yield from (_trial(prospect.curves, mean, totals, origin, one) for one in known)


def _trial(curves: Curves, mean: float, totals: _Totals, origin: int, quota: Quota) -> Trial:
    used = totals.between(origin, origin + quota.days)
    levels = curves.levels.tolist()
    amounts = [curves.quantile(level, quota.days) for level in levels] if quota.look else []
    error = plain_error = None
    ends = origin + quota.look
    if quota.look and ends <= totals.days[-1] and totals.between(origin, ends) >= quota.remaining:
        came = totals.reached(origin, quota.remaining)
        error = min(curves.time(quota.remaining, 0.5), _FARTHEST) - came
        plain_error = min(quota.remaining / mean if mean > 0 else _FARTHEST, _FARTHEST) - came
    return Trial(
        origin=origin,
        days=quota.days,
        foretold=curves.probability(quota.remaining, quota.days),
        came=used >= quota.remaining,
        place=place_among(levels, amounts, used) if quota.look else None,
        error=error,
        plain=mean * quota.days >= quota.remaining,
        plain_error=plain_error,
    )
