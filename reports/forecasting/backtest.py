"""Replays a history: what would have been foretold at each of many origins, from what was known then, and what came.

    ├─ first 14 days ─┤ o ─ o ─ o ─ … ─ o ─┤        o  an origin: the history until there, as it was, makes the forecast
                                        └ 4 days that tell at least something

What is graded is what a report would have said (``reports.forecasting.verdict``): where that is that nobody can tell,
neither probability nor date count, and the trial is counted as unknown. Of an interval alone no date counts; of an idle
meter nothing is projected.

The quotas are the account's own where one is declared: what would have been left at the origin of the quota that is
declared now, until that period's end; of a lifetime allowance 45 days are asked about. Without one they are set from
what was usual then: what the mean of the last 60 days at most uses in 4, 8, 16 and 30 days, a fifth less and a quarter
more, with a reset after as many days; when it is used up is looked for up to 45 days.

Nothing of the days after an origin enters its forecast; only what the ledger decided later about days before it does.
How usage lies inside a gap is learned at its end: no forecast is made from inside one, and what came there is no
outcome.

Public: ``Replay``, ``replayed``, ``Left``, ``Lefts``, ``own_quotas``, ``set_quotas``, ``FIRST``, ``LEAST_DAYS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple, TypeAlias

import numpy as np

from collector.domain.accounts import Agreement
from collector.domain.quota import allowance_at
from reports.forecasting.backtest_trials import Grade, Trial, grade_of, place_among
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of
from reports.forecasting.recalibration import KNOWN
from reports.forecasting.verdict import Foresight, Stake, verdict

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
_UNKNOWN = "unknown"
_NOTHING = "nothing was used that could have been foretold"


class Left(NamedTuple):
    """What is left of a quota at an origin.

    Attributes:
        remaining: In the meter's smallest unit, positive.
        days: Until the reset.
        look: For how many days the date is looked for; 0 where another one tells the same.
    """

    remaining: float
    days: float
    look: float


Lefts: TypeAlias = Callable[[int], Sequence[Left]]
"""Returns what is left at an origin, given after how many days of the history it is."""


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


class _Record:
    """Usage between two places of a history, in days since its beginning; inside a day usage is taken to be even."""

    def __init__(self, history: History) -> None:
        self.weights = history.weights
        self.sums = np.concatenate(([0.0], history.daily.cumsum()))
        self.days = np.arange(len(self.sums), dtype="float64")

    def tells(self, start: float, end: float) -> bool:
        """Tell whether the days from ``start`` to ``end`` lie in it, and were observed well enough to judge by them."""
        known = self.weights[int(start) : max(ceil(end), int(start) + 1)]
        return bool(end <= self.days[-1] and known.mean() >= KNOWN)

    def between(self, start: float, end: float) -> float:
        before, after = np.interp([start, end], self.days, self.sums)
        return max(0.0, float(after - before))

    def reached(self, start: float, amount: float) -> float:
        """Return after how many days from ``start`` on ``amount`` was used; it was."""
        wanted = min(float(np.interp(start, self.days, self.sums)) + amount, float(self.sums[-1]))
        day = max(int(np.searchsorted(self.sums, wanted, side="left")), 1)
        before, after = float(self.sums[day - 1]), float(self.sums[day])
        share = (wanted - before) / (after - before) if after > before else 1.0
        return max(0.0, day - 1 + share - start)


def own_quotas(history: History, agreement: Agreement, meter: str, used: int) -> Lefts:
    """Return what would have been left at each origin of the quota that is declared now for ``meter``.

    What was declared in the past is not kept: a quota that was raised since is replayed as raised. None is left where
    it was used up, and what was left of a period that began before the history is not known.

    Args:
        history: The meter's.
        agreement: What is declared now.
        meter: Its name.
        used: What is used of it now: for a lifetime allowance, from which the past is reckoned back.
    """
    record, count = _Record(history), len(history)
    begins = history.end - count * _DAY

    def lefts(origin: int) -> list[Left]:
        at = begins + origin * _DAY
        allowance = allowance_at(agreement, meter, at)
        if allowance is None:
            return []
        if allowance.period is None:
            left, days = allowance.quota.amount - used + record.between(origin, count), _LOOK
        else:
            since = (allowance.period.start - begins) / _DAY
            if since < 0:
                return []
            left = allowance.quota.amount - record.between(since, origin)
            days = (allowance.period.end - at) / _DAY
        return [Left(left, days, days)] if left > 0 and days > 0 else []

    return lefts


def set_quotas(history: History) -> Lefts:
    """Return quotas that are set from what was usual at each origin; none where nothing was used."""

    def lefts(origin: int) -> list[Left]:
        usual = float(history.daily[max(0, origin - _USUAL) : origin].mean())
        if usual <= 0:
            return []
        return [
            Left(usual * worth * factor, float(worth), _LOOK if factor == 1.0 else 0.0)
            for worth in _WORTH
            for factor in _FACTORS
        ]

    return lefts


def replayed(history: History, own: Lefts | None) -> Replay | str:
    """Return how the forecasts would have done on a history, or why that cannot be told.

    Args:
        history: At most as long as may be replayed.
        own: The account's own quotas; None where none is declared. Where they tell too little, quotas are set instead.
    """
    if len(history) < LEAST_DAYS:
        days = "day" if len(history) == 1 else "days"
        return f"{len(history)} {days} of history; a replay needs {LEAST_DAYS}"
    if not history.daily.any():
        return _NOTHING
    trials = [] if own is None else list(_trials(history, own))
    if len(trials) >= _LEAST_OWN:
        return _replay(history, trials, own=True)
    trials = list(_trials(history, set_quotas(history)))
    return _replay(history, trials, own=False) if trials else _NOTHING


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


def _trials(history: History, lefts: Lefts) -> Iterator[Trial]:
    record, count = _Record(history), len(history)
    for origin in sorted({int(one) for one in np.linspace(FIRST, count - min(_WORTH), _MOST)}):
        if history.weights[origin - 1] < KNOWN:
            continue
        asked = [one for one in lefts(origin) if record.tells(origin, origin + one.days)]
        if not asked:
            continue
        then = history.until(origin)
        until = then.end + max(_FARTHEST, *(one.days for one in asked)) * _DAY
        prospect = prospect_of(then, until, then.end)
        if isinstance(prospect, Prospect):
            yield from (_trial(prospect, record, origin, one) for one in asked)


def _trial(prospect: Prospect, record: _Record, origin: int, left: Left) -> Trial:
    used = record.between(origin, origin + left.days)
    levels = prospect.curves.levels.tolist()
    amounts = [prospect.curves.quantile(level, left.days) for level in levels] if left.look else []
    mean = float(prospect.history.daily[-_MEAN:].mean())
    said = _said(prospect, left.remaining, left.days)
    came = _reached(record, origin, left)
    error = plain_error = None
    if came is not None and _tells_date(prospect, left):
        error = min(prospect.curves.time(left.remaining, 0.5), _FARTHEST) - came
        plain_error = min(left.remaining / mean if mean > 0 else _FARTHEST, _FARTHEST) - came
    return Trial(
        origin=origin,
        days=left.days,
        probability=said.probability,
        came=used >= left.remaining,
        place=place_among(levels, amounts, used) if left.look and not prospect.is_idle else None,
        error=error,
        plain=mean * left.days >= left.remaining,
        plain_error=plain_error,
        unknown=said.status == _UNKNOWN,
    )


def _said(prospect: Prospect, remaining: float, days: float) -> Foresight:
    """Return what a report would have said at the end of the prospect's history."""
    at = prospect.history.end
    return verdict(prospect, Stake(remaining, at + days * _DAY), at)


def _tells_date(prospect: Prospect, left: Left) -> bool:
    """Tell whether a report would have told a day, asked for as long as it is looked for."""
    if prospect.interval_only or prospect.is_idle:
        return False
    return _said(prospect, left.remaining, left.look).status != _UNKNOWN


def _reached(record: _Record, origin: int, left: Left) -> float | None:
    """Return after how many days what was left was used; None where it was not, or nobody saw when."""
    ends = origin + left.look
    if not left.look or ends > record.days[-1] or record.between(origin, ends) < left.remaining:
        return None
    came = record.reached(origin, left.remaining)
    seen = record.tells(origin, origin + came) and record.weights[ceil(origin + came) - 1] >= KNOWN
    return came if seen else None
