"""Says the outlook of a quota in plain words, the same everywhere: tables, ``status``, documents, the dashboard.

A probability of at most 10 % reads "not before the reset", one of at least 90 % is the day; between them stand the
probability and the interval. No forecast is certain: nothing below 5 % or above 95 % is printed as a figure. With less
than three days to go hours are told instead of days.

The words are made from a row of ``reports.exhaustion`` with the columns ``TOLD``; from the contract's columns alone
they are the same but for the reset's date, the hours and the day to plan for.

Public: ``outlook``, ``shortly``, ``percent``, ``hours_ahead``, ``length``, ``counted_days``, ``own_record``,
``widened``, the reasons ``IDLE``, ``UNSEEN``, and the limits ``RARELY``, ``SURELY``, ``SOON``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from reports.rendering import Cell, Row

if TYPE_CHECKING:
    from reports.forecasting.recalibration import Recalibration  # quick commands say these words without NumPy

IDLE = "idle for"
"""How the reason of a meter begins that is not used: it says all there is to say."""
UNSEEN = "it depends on what was used earlier in this billing period, before the history begins"
"""Why nobody knows whether a quota lasts of whose time a part lies before the history."""
RARELY, SURELY = 0.1, 0.9
"""Up to which probability a quota is said to last, and from which on to run out."""
SOON = timedelta(days=3)
"""With less than that to go hours count, and are told."""

_SURE = {"exhausted": "used up", "unknown": "unknown"}
_LEAST, _MOST = 0.05, 0.95
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_Day: TypeAlias = Callable[[str], str]
"""Writes an ISO date as it is to be read."""


def outlook(row: Row, day: _Day = str) -> str:
    """Return what the report ``exhaustion`` says of one meter, in words, with what a reader must know to judge it.

    Args:
        row: A row of the report.
        day: Writes an ISO date.
    """
    reason = row["reason"]
    if row["status"] == "unknown":
        return f"unknown: {reason}"
    return "; ".join(part for part in (_said(row, day), str(reason or "")) if part) or shortly(row, day)


def shortly(row: Row, day: _Day = str) -> str:
    """Return the outlook in at most 28 characters, for a cell or a headline; ``day`` writes an ISO date."""
    if row["quota"] is None:
        return "no quota"
    probability = row["probability"]
    if row.get("since") is not None:
        return "probably used up"
    if row["status"] in _SURE or (isinstance(probability, float) and probability <= RARELY):
        return _SURE.get(str(row["status"]), "lasts")
    if isinstance(probability, float) and probability < SURELY:
        return f"{percent(probability)} risk"
    return "lasts" if row["status"] == "lasts" else f"runs out {_middle(row, day)}"


def _middle(row: Row, day: _Day) -> str:
    """Return the middle of when it is used up, as far as it is told."""
    soon, on = row.get("soon"), row["exhausts_on"]
    if on is None:
        return f"from {day(str(row['earliest']))}"
    return day(str(on)) if soon is None else str(soon).partition(",")[0].partition(" (")[0]


def _likely(row: Row) -> bool:
    """Return True where running out is told as a fact: it is as good as sure, or nothing ends before."""
    probability = row["probability"]
    return not isinstance(probability, float) or probability >= SURELY


def _said(row: Row, day: _Day) -> str:
    """Return the status in words; nothing where the reason says it all."""
    probability = row["probability"]
    if row["status"] == "exhausted":
        return "" if row["exhausts_on"] is None else f"used up since {day(str(row['exhausts_on']))}"
    if row.get("since") is not None:
        return f"probably used up already, since about {day(str(row['since']))}"
    if row["status"] == "exhausts" and _likely(row):
        return "; ".join((f"runs out {_when(row, day)}", *_plan(row, day)))
    if not isinstance(probability, float) or str(row["reason"]).startswith(IDLE):
        return ""
    if probability <= RARELY:
        return f"not before {_reset(row, day)} ({percent(probability)} risk of running out)"
    risk = f"{percent(probability)} risk of running out before {_reset(row, day)}"
    return "; ".join((f"{risk}, {_from(row, day)}", *_plan(row, day)))


def _reset(row: Row, day: _Day) -> str:
    on = row.get("reset_on")
    return "the reset" if on is None else f"the reset on {day(str(on))}"


def _when(row: Row, day: _Day) -> str:
    """Return when it is as good as sure to run out: in hours where it is soon, else the day and its interval."""
    if row.get("soon") is not None:
        return str(row["soon"])
    earliest, latest, median = row["earliest"], row["latest"], row["exhausts_on"]
    if median is None and latest is None:
        return f"on {day(str(earliest))} at the earliest"
    if median is None:
        return f"between {_interval(row, day, ' and ')}"
    if earliest == latest:
        return f"on {day(str(median))}"
    return f"on {day(str(median))} (80 %: {_interval(row, day, ' to ')})"


def _interval(row: Row, day: _Day, joint: str) -> str:
    """Return the interval; in ISO dates its end carries the year only where it is another."""
    earliest, latest = str(row["earliest"]), row["latest"]
    if latest is None:
        return f"{day(earliest)} or later"
    end = day(str(latest))
    same_year = day(earliest) == earliest and end[:4] == earliest[:4]
    return f"{day(earliest)}{joint}{end[5:] if same_year else end}"


def _from(row: Row, day: _Day) -> str:
    """Return from when on it may run out, where the reset may come first."""
    if row.get("soon") is not None:
        return str(row["soon"])
    return f"possibly from {day(str(row['earliest']))}"


def _plan(row: Row, day: _Day) -> Iterator[str]:
    """Yield the day to plan for, unless hours are told of the middle: being late costs more than being early."""
    if row.get("warn_on") is not None and (row.get("soon") is None or row["exhausts_on"] is None):
        yield f"plan for {day(str(row['warn_on']))}"


def percent(probability: Cell) -> str:
    """Return a probability that claims no certainty: ``< 5 %``, ``57 %``, ``> 95 %``; a dash where it is not known."""
    if not isinstance(probability, int | float):
        return "–"
    if probability < _LEAST:
        return "< 5 %"
    return "> 95 %" if probability > _MOST else f"{probability * 100:.0f} %"


def hours_ahead(earliest: timedelta, median: timedelta | None, latest: timedelta | None) -> str:
    """Return when something happens that is less than three days away: ``in about 14 hours, between 9 and 31 hours``.

    Args:
        earliest: Where the 80 % interval begins, counted from now; what is past counts as now.
        median: Its middle; None where it is not told.
        latest: Where it ends; None for an open end.
    """
    low = _hours(earliest)
    if median is None:
        return _hours_until(low, latest)
    about = _about(median)
    middle, high = _hours(median), None if latest is None else _hours(latest)
    if high in {None, middle}:
        return f"{about} ({low} at the earliest)" if 0 < low < middle else about
    if not low:
        return f"{about} ({_counted(high)} at the latest)"
    return f"{about}, between {low} and {_counted(high)}"


def _hours_until(low: int, latest: timedelta | None) -> str:
    """Return an interval of which the middle is not told; its end in days where it is far away."""
    if latest is None:
        return f"in {_counted(low)} at the earliest" if low else "from now on"
    if latest >= SOON:
        return f"in {_counted(low)} to {latest.days} days" if low else f"within {latest.days} days"
    high = _hours(latest)
    if low == high:
        return _about(latest)
    return f"in {low} to {_counted(high)}" if low else f"within {_counted(high)}"


def _about(median: timedelta) -> str:
    if median <= timedelta():
        return "about now"
    return f"in about {_counted(_hours(median))}" if _hours(median) else "within the hour"


def _hours(ahead: timedelta) -> int:
    return max(0, round(ahead / _HOUR))


def _counted(hours: int) -> str:
    return "1 hour" if hours == 1 else f"{hours} hours"


def counted_days(count: int) -> str:
    """Return ``1 day`` or ``2 days``."""
    return "1 day" if count == 1 else f"{count} days"


def own_record(own: Recalibration) -> str:
    """Return what a meter's own record did to the interval, and what that rests on."""
    change = widened(own.spread)
    made = f"made {change}" if change else "left as it is"
    held = f"{own.covered_before * 100:.0f} % of {own.forecasts} own forecasts, worth {own.origins} independent ones"
    return f"the interval was {made}: {held}, had held within it"


def length(age: timedelta) -> str:
    """Return a length of time in days, or in hours where it is under two days."""
    return f"{age.days} days" if age >= 2 * _DAY else _counted(age // _HOUR)


def widened(spread: float) -> str:
    """Return in words what a factor does to the interval, such as "12 % wider"; empty where it does nothing."""
    percent = round(abs(spread - 1) * 100)
    if not percent:
        return ""
    return f"{percent} % {'wider' if spread > 1 else 'narrower'}"
