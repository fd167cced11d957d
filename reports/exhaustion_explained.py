"""What each forecast of ``report exhaustion`` rests on, in plain words: a page for each meter.

    the answer ─ the quota ─ what was learned from ─ the pace ─ when it is used up, by probability ─ how it was told

Nothing here computes a forecast; it reads the ones that the report was made from.

Public: ``explanations``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.catalogue import Outlooks
from reports.exhaustion import TOLD, ends_at
from reports.forecasting.history import RECENT_DAYS, History
from reports.forecasting.prospect import PACE_DAYS, TIMES, Prospect
from reports.forecasting.words import counted_days, length, outlook, own_record, percent
from reports.rendering import Row
from reports.rows import rows_of
from reports.standing import QuotaStanding
from reports.tables import moment, number, plain, share

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PURPOSES = {0.1: "  (earliest)", 0.25: "  (plan for this day)", 0.5: "  (median)", 0.9: "  (latest)"}
_WEEKS = 12
_NEAR = timedelta(hours=3)
_WHOLE_FROM = 100
_NAME_WIDTH = 16
_Line = tuple[str, str]


def explanations(found: Outlooks, now: datetime) -> list[Group]:
    """Return a page for each meter, in the order of the report; none for no meters.

    Args:
        found: The report and what it was made from.
        now: The instant of the question.
    """
    rows = rows_of(found.frame, TOLD)
    return [
        Group(*_page(row, standing, found.prospects.get(standing.row.id), now))
        for row, standing in zip(rows, found.standings, strict=True)
    ]


def _page(
    row: Row, standing: QuotaStanding, prospect: Prospect | str | None, now: datetime
) -> Iterator[RenderableType]:
    yield Text(f"{plain(row['account'])} · {plain(row['meter'])}", style="bold")
    yield Text(outlook(row))
    for title, lines in _parts(row, standing, prospect, now):
        told = list(lines)
        if told:
            yield Text()
            yield Text(title, style="dim")
            yield _table(told)


def _table(lines: Iterable[_Line]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    table.add_column("", no_wrap=True, min_width=_NAME_WIDTH)
    table.add_column("", overflow="fold")
    for name, words in lines:
        table.add_row(f"  {name}", Text(words))
    return table


def _parts(
    row: Row, standing: QuotaStanding, prospect: Prospect | str | None, now: datetime
) -> Iterator[tuple[str, Iterable[_Line]]]:
    yield "The quota", _quota(row)
    if not isinstance(prospect, Prospect):
        return
    history = prospect.history
    yield "What was learned from", [*_learned(history, now), *_hours(prospect)]
    yield f"Usage in {row['unit']} a day", _pace(prospect, standing.row.scale)
    if not (standing.exhausted or standing.remaining is None or prospect.is_idle):
        yield "When it is used up, by probability", _times(row, prospect, standing, now)
    yield "How it was told", _told(prospect)


def _quota(row: Row) -> Iterator[_Line]:
    if row["quota"] is None:
        return
    renewed = "for life" if row["reset_on"] is None else f"renewed on {row['reset_on']}"
    yield "quota", f"{number(row['quota'])} {row['unit']}, {renewed}"
    if row["used"] is None:
        return
    yield "used", number(row["used"])
    yield "left", number(row["remaining"])
    if row["projected_usage"] is not None:
        interval = f"{number(row['projected_lower'])} to {number(row['projected_upper'])}"
        yield "at the reset", f"{number(row['projected_usage'])} used (80 %: {interval})"


def _learned(history: History, now: datetime) -> Iterator[_Line]:
    yield "history", f"{counted_days(len(history))} of 24 hours; the last ends at the newest value"
    yield "newest value", f"{moment(history.end)}, {_age(now - history.end)}"
    recent = history.weights[-RECENT_DAYS:]
    if recent.min() < 1:
        seen = f"{recent.sum():.1f} of the last {counted_days(len(recent))}"
        yield "observed", f"{seen}; gaps are filled by listed requests, else evenly"
    else:
        yield "observed", f"the last {counted_days(len(recent))} without gaps"
    if history.idle_days:
        yield "idle", f"for the last {counted_days(history.idle_days)}"
    for sentence in history.left_out:
        yield "note", sentence


def _hours(prospect: Prospect) -> Iterator[_Line]:
    if prospect.hours is not None:
        night = prospect.hours.of_usage(0.25)
        yield "hours", f"of the last two weeks; the next 6 hours usually hold {share(night)} of a day's usage"


def _age(age: timedelta) -> str:
    return f"{length(age)} old" if age >= timedelta(hours=1) else "less than an hour old"


def _pace(prospect: Prospect, scale: int) -> Iterator[_Line]:
    daily = prospect.history.daily / 10**scale
    count = min(len(daily), RECENT_DAYS)
    level = float(daily[-count:].mean())
    yield f"last {counted_days(count)}", _amount(level)
    for days in (7, 3, 1):
        if days < count:
            mean = float(daily[-days:].mean())
            yield f"last {counted_days(days)}" if days > 1 else "last day", f"{_amount(mean)}{_compared(mean, level)}"
    former = prospect.at_former_pace() if prospect.is_idle else None
    if former is not None:
        yield "before it was idle", _amount(former.per_day / 10**scale)
    if not prospect.is_idle:
        yield f"next {counted_days(PACE_DAYS)}", f"{_amount(prospect.per_day / 10**scale)} expected"
    yield from _weekdays(prospect.history)
    yield from _volatility(daily)


def _amount(value: float) -> str:
    return number(round(value) if value >= _WHOLE_FROM else value)


def _compared(value: float, level: float) -> str:
    return "" if level <= 0 else f" ({(value / level - 1) * 100:+.0f} %)"


def _weekdays(history: History) -> Iterator[_Line]:
    """Yield how much of an average day each weekday is."""
    if len(history) < 2 * 7:
        return
    recent = history.daily[-_WEEKS * 7 :]
    weekday = (history.dates[-len(recent) :].astype("int64") + 3) % 7  # 1970-01-01 was a Thursday
    mean = float(recent.mean())
    if mean <= 0:
        return
    shares = [float(recent[weekday == place].mean()) / mean for place in range(7)]
    words = [f"{name} {part * 100:.0f} %" for name, part in zip(_WEEKDAYS, shares, strict=True)]
    until = history.end.astimezone(history.zone).strftime("%H:%M")
    days = f"(24 hours up to {until}, by their middle)"
    yield "weekdays", f"{'  '.join(words[:4])}\n{'  '.join(words[4:])}\n{days}"


def _volatility(daily: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Iterator[_Line]:
    recent = daily[-RECENT_DAYS:]
    if len(recent) < 7 or recent.mean() <= 0:
        return
    words = f"by {recent.std() / recent.mean() * 100:.0f} % from day to day"
    whole = len(daily) // 7 * 7
    weeks = daily[len(daily) - whole :][-_WEEKS * 7 :].reshape(-1, 7).sum(axis=1)
    if len(weeks) >= 3 and weeks.mean() > 0:
        words += f", by {np.abs(np.diff(weeks)).mean() / weeks.mean() * 100:.0f} % from week to week"
    yield "varies", words


def _times(row: Row, prospect: Prospect, standing: QuotaStanding, now: datetime) -> Iterator[_Line]:
    """Yield until when it is used up with which probability; one line for all that come too late to be told."""
    odds = prospect.odds(float(standing.remaining or 0), ends_at(standing))
    behind = "later than two years" if row["period_end"] is None else "not before the reset"
    for level in (TIMES[0], TIMES[-1]) if prospect.interval_only else TIMES:
        at = odds.at.get(level)
        if at is None:
            yield f"{level * 100:.0f} %", behind
            break
        yield f"{level * 100:.0f} %", f"by {_when(at.astimezone(standing.zone), now)}{_PURPOSES.get(level, '')}"
    if row["period_end"] is not None:
        yield "before the reset", percent(odds.probability)


def _when(at: datetime, now: datetime) -> str:
    """Return an instant to the hour, within a few hours to the minute; what has passed is now."""
    if at <= now:
        return "now"
    return at.strftime("%a %Y-%m-%d, about %H:%M" if at - now < _NEAR else "%a %Y-%m-%d, about %H:00")


def _told(prospect: Prospect) -> Iterator[_Line]:
    yield "method", prospect.method
    own = prospect.recalibrated
    yield "own record", "too short to adjust the interval by" if own is None else own_record(own)
