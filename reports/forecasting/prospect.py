"""What is to come of one meter: its history, the quantile curves drawn from it, and what its own record says of them.

    ──────── history ────────┤ end                  ┆ now                    ├ until
                             └ the forecast counts from here: what may have been used since then is part of it

Public: ``Prospect``, ``Odds``, ``prospect_of``, ``METHOD``, ``MOST_AHEAD``, ``PACE_DAYS``, ``TIMES``, ``TOO_OLD``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from reports.forecasting.curves import Curves, quantile_curves
from reports.forecasting.history import LEAST_IDLE, History
from reports.forecasting.hours import Hours
from reports.forecasting.recalibration import Recalibration, recalibration_of
from reports.forecasting.words import IDLE, SOON, counted_days

METHOD = "quantile curves of cumulative usage"
NORMAL_DAYS, NORMAL_KNOWN = 5, 4.5
"""Under so many days, or with so little known of them, a forecast is an interval only."""
MOST_AHEAD = 730
"""How many days a forecast looks ahead at most."""
TOO_OLD = timedelta(days=28)
"""Nothing is foretold from values that are older."""

PACE_DAYS = 28
"""Over how many coming days the pace is told."""
TIMES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Which quantiles of the time are told: the 80 % interval, its middle, and quarters."""

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Odds:
    """How probable it is that something is used up before an end, 0..1, and when.

    Attributes:
        at: By quantile of the time (0.25 is early) the instant; only those that lie before the end.
    """

    probability: float
    at: Mapping[float, datetime]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is to come of a meter, from the end of its history on.

    Attributes:
        method: How it was told, in words.
        recalibrated: What the account's own record says of the width; None where it is too short.
        hours: At which hours of a day it is used; None where that is not known or does not matter.
    """

    history: History
    curves: Curves
    method: str
    recalibrated: Recalibration | None = None
    hours: Hours | None = None

    @property
    def per_day(self) -> float:
        """Expected usage of an average day of the next 28."""
        return self.curves.quantile(0.5, PACE_DAYS) / PACE_DAYS

    @property
    def interval_only(self) -> bool:
        """True where so little is known that an interval can be told, but no day."""
        return len(self.history) < NORMAL_DAYS or self.history.known_days < NORMAL_KNOWN

    @property
    def little(self) -> str:
        """How little is known, in words, where there is an interval only; else empty."""
        if not self.interval_only:
            return ""
        count, known = len(self.history), round(self.history.known_days)
        if known < count:
            return f"only about {known} of {count} days observed"
        return f"only {counted_days(count)} of history"

    @property
    def is_idle(self) -> bool:
        """True for a meter that is not used any more, or that the curves foretell no usage of at all.

        That it stays so is not foretold: most such meters are used again.
        """
        return self.history.is_idle or not self.curves.cumulative[-1, -1] > 0

    @property
    def idle(self) -> str:
        """For how long a meter that is idle was not used, in words."""
        if self.history.idle_days < LEAST_IDLE:
            return f"no usage in {counted_days(len(self.history))} of history"
        return f"{IDLE} {self.history.idle_days} days"

    def days_until(self, instant: datetime) -> float:
        """Return how many days of usage lie between the end of the history and ``instant``; at least 0.

        Parts of a day count by the hours at which the meter is used, where they are known.
        """
        days = max(0.0, (instant - self.history.end) / _DAY)
        return days if self.hours is None else self.hours.of_usage(days)

    def days_to(self, remaining: float, level: float) -> float:
        """Return in how many days of 24 hours ``remaining`` is used up at quantile ``level``; inf beyond the curves."""
        return self._in_time(self.curves.time(remaining, level))

    def _in_time(self, used: float) -> float:
        return used if self.hours is None else self.hours.of_time(used)

    def is_near(self, remaining: float, end: datetime) -> bool:
        """Return True where the hours of a day matter: ``end``, or what uses ``remaining`` up, is a few days away."""
        near = SOON / _DAY
        return (end - self.history.end) / _DAY <= near or self.curves.time(remaining, TIMES[0]) <= near

    def reaches(self, instant: datetime) -> bool:
        """Return True where the curves tell of the usage up to ``instant``."""
        return self.days_until(instant) <= self.curves.cumulative.shape[1]

    def expected(self, instant: datetime) -> tuple[float, float, float]:
        """Return the 10 %, 50 % and 90 % quantiles of the usage from the end of the history to ``instant``.

        In the meter's smallest unit; zeros for an instant that is not later.
        """
        days = self.days_until(instant)
        low, middle, high = (self.curves.quantile(level, days) for level in (0.1, 0.5, 0.9))
        return low, middle, high

    def odds(self, remaining: float, end: datetime) -> Odds:
        """Return the chance that ``remaining`` is used up before ``end``, and when."""
        days = min(self.days_until(end), float(self.curves.cumulative.shape[1]))
        probability = self.curves.probability(remaining, days) if days or remaining <= 0 else 0.0
        return Odds(
            probability,
            {
                level: self.history.end + self._in_time(min(self.curves.time(remaining, level), days)) * _DAY
                for level in TIMES
                if level <= probability
            },
        )

    def used_up_at(self, remaining: float, level: float) -> datetime | None:
        """Return when ``remaining`` is used up at quantile ``level`` of the time; None beyond what the curves reach."""
        days = self.days_to(remaining, level)
        return None if days > self.curves.cumulative.shape[1] else self.history.end + days * _DAY

    def told(self, at: datetime, now: datetime) -> datetime:
        """Return the local instant as which the quantile ``at`` of the time is told, at ``now``: none that has passed.

        What is used up at a midnight was used up by the day before it.
        """
        return max(at - _SECOND, self.history.end, now).astimezone(self.history.zone)

    def at_former_pace(self) -> Prospect | None:
        """Return what was to come if the idle days at the end of the history had not been; None if all of it is idle.

        It counts from the same instant and reaches as far.
        """
        count = len(self.history) - self.history.idle_days
        if not count:
            return None
        former = replace(self.history.until(count), end=self.history.end)
        return _drawn(former, self.curves.cumulative.shape[1])


def prospect_of(history: History | None, until: datetime, now: datetime) -> Prospect | str:
    """Return what is to come, or why nothing can be said.

    Args:
        history: What is known; None for a meter without any.
        until: How far the curves reach at least, such as the period's end; 730 days ahead at most.
        now: The instant of the question.
    """
    if history is None:
        return "nothing was observed yet"
    if now - history.end > TOO_OLD:
        return f"no forecast from values that end more than {TOO_OLD.days} days ago"
    if not history.whole:
        return "less than 24 hours of history: a forecast needs a day"
    return _drawn(history, min(max(ceil((until - history.end) / _DAY), PACE_DAYS), MOST_AHEAD))


def _drawn(history: History, horizon: int) -> Prospect:
    """Return the prospect of ``horizon`` days, as wide as the account's own record says."""
    own = recalibration_of(history)
    spread = 1.0 if own is None else own.spread
    curves = quantile_curves(history.daily, history.dates, horizon, weights=history.weights, spread=spread)
    method = METHOD
    if own is not None:
        method += f", recalibrated on its own record (worth {own.origins} independent forecasts)"
    return Prospect(history, curves, method, own)
