"""Says the outlook of a quota in plain words, the same everywhere: tables, ``status``, documents, the dashboard.

A probability of at most 10 % reads "not before the reset", one of at least 90 % is the day; between them stand the
probability and the interval. No forecast is certain: nothing below 5 % or above 95 % is printed as a figure. With less
than three days to go hours are told instead of days.

The words are made from a row of ``reports.exhaustion`` with the columns ``TOLD``; from the contract's columns alone
they are the same but for the reset's date, the hours and the day to plan for.

Public: ``outlook``, ``shortly``, ``percent``, ``hours_ahead``, ``length``, and the limits ``RARELY``, ``SURELY``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeAlias

from reports.rendering import Cell, Row

IDLE = "idle for"
"""How the reason of a meter begins that is not used: it says all there is to say."""
RARELY, SURELY = 0.1, 0.9
"""Up to which probability a quota is said to last, and from which on to run out."""

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
    if row["status"] in _SURE or (isinstance(probability, float) and probability <= RARELY):
        return _SURE.get(str(row["status"]), "lasts")
    if isinstance(probability, float) and probability < SURELY:
        return f"{percent(probability)} risk"
    if row["status"] == "lasts":
        return "lasts"
    soon, on = row.get("soon"), row["exhausts_on"]
    if soon is not None:
        return f"runs out {str(soon).partition(',')[0]}"
    return f"runs out from {day(str(row['earliest']))}" if on is None else f"runs out {day(str(on))}"


def _likely(row: Row) -> bool:
    """Return True where running out is told as a fact: it is as good as sure, or nothing ends before."""
    probability = row["probability"]
    return not isinstance(probability, float) or probability >= SURELY


def _said(row: Row, day: _Day) -> str:
    """Return the status in words; nothing where the reason says it all."""
    probability = row["probability"]
    if row["status"] == "exhausted":
        return "" if row["exhausts_on"] is None else f"used up since {day(str(row['exhausts_on']))}"
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
    if median is None:
        return _from(row, day) if latest is None else f"between {_interval(row, day, ' and ')}"
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
    return f"from {day(str(row['earliest']))} on"


def _plan(row: Row, day: _Day) -> Iterator[str]:
    """Yield the day to plan for: early, because being late costs more than being early."""
    if row.get("warn_on") is not None and row.get("soon") is None:
        yield f"plan for {day(str(row['warn_on']))}"


def percent(probability: Cell) -> str:
    """Return a probability that claims no certainty: ``< 5 %``, ``57 %``, ``> 95 %``; a dash where it is not known."""
    if not isinstance(probability, int | float):
        return "–"
    if probability < _LEAST:
        return "< 5 %"
    return "> 95 %" if probability > _MOST else f"{probability * 100:.0f} %"


def hours_ahead(earliest: timedelta, median: timedelta, latest: timedelta | None) -> str:
    """Return when something happens that is less than three days away: ``in about 14 hours, between 9 and 31 hours``.

    Args:
        earliest: Where the 80 % interval begins, counted from now; what is past counts as now.
        median: Its middle.
        latest: Where it ends; None for an open end.
    """
    low, about = _hours(earliest), _about(median)
    if latest is None:
        return f"{about}, in {_counted(low)} at the earliest" if low else about
    high = _hours(latest)
    return about if low == high else f"{about}, between {low} and {_counted(high)}"


def _about(median: timedelta) -> str:
    if median <= timedelta():
        return "about now"
    return f"in about {_counted(_hours(median))}" if _hours(median) else "within the hour"


def _hours(ahead: timedelta) -> int:
    return max(0, round(ahead / _HOUR))


def _counted(hours: int) -> str:
    return "1 hour" if hours == 1 else f"{hours} hours"


def length(age: timedelta) -> str:
    """Return a length of time in days, or in hours where it is under two days."""
    return f"{age.days} days" if age >= 2 * _DAY else _counted(age // _HOUR)
