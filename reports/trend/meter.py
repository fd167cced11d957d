"""The trend of one meter: its windows are read in one look-up, everything else is worked out from their frames.

    history   ├──────────────────────────┼───────── asked ─────────┤
    learned   │←─ moving figures, what is usual, changes of level ─→│   all that lies before, shown of the range only
    recent               │←───── growth, weekdays, hours ─────────→│   the range, reached back to twelve weeks

Nothing after the asked range is looked at, so a report of a finished month stays what it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import instant_of, micros_of
from collector.store.engine import Database
from collector.store.reading import MeterRow
from collector.store.request_figures import by_quarter, request_span
from reports.daily import daily_deltas
from reports.question import Question
from reports.spikes import with_spikes
from reports.trend.changes import Change, changes
from reports.trend.costs import Costs, costs_of
from reports.trend.days import series_of, trend_days
from reports.trend.growth import Growth, growth
from reports.trend.hours import HourProfile, hour_windows, hours_by_polls, hours_by_requests
from reports.trend.periods import Comparison, compared_windows, comparisons, joined, month_of, week_of
from reports.trend.series import Series
from reports.trend.usual import Usual, usual
from reports.windows import Window, local_days, meters_asked, observed_share, usage_windows

RECENT_DAYS = 84
"""The least local days that growth and the week's rhythm look at, where the history has them: twelve weeks."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MeterTrend:
    """What is known of one meter's trend, before it is put into rows.

    Attributes:
        zone: Whose midnights make the days.
        begins: The first local day of the history, from which on is learned.
        days: Those asked for, as ``trend_days`` returns them.
        windows: The days' windows, in the same order.
        weeks, months: As ``reports.daily.daily_deltas`` returns them, ``day`` being the week or month.
        spans: By week and month its first day and the day after its last.
        series: The observed days of the history up to the end of the range.
        recent: Those of them in the range, reached back to ``RECENT_DAYS``; ``recent_from`` is its first local day.
        usual: What each day of ``days`` usually uses; None under the least number of days.
        growth: Of ``recent``; None under the least number of days.
        changes: Those in the range, learned from ``series``; None under the least number of days.
        hours: Of the days of ``recent``.
        compared: The comparisons, each with the usage of its later and of its earlier stretch.
    """

    row: MeterRow
    zone: ZoneInfo
    begins: date
    days: pd.DataFrame
    windows: Sequence[Window]
    weeks: pd.DataFrame
    months: pd.DataFrame
    spans: Mapping[str, tuple[date, date]]
    series: Series
    recent: Series
    recent_from: date
    usual: Usual | None
    growth: Growth | None
    changes: Sequence[Change] | None
    hours: HourProfile
    compared: Sequence[tuple[Comparison, pd.DataFrame]]
    costs: Costs


def meter_trends(database: Database, question: Question) -> Iterator[MeterTrend]:
    """Yield the trend of every meter with a history in the asked local dates, by account and meter.

    Meters are read one after another, so that a fleet never has to fit into memory.
    """
    for row in meters_asked(database, question):
        zone = question.agreement_of(row.account, row.timezone).zone
        start, end = question.dates(zone)
        learned, asked = local_days(row, zone, None, end), local_days(row, zone, start, end)
        if asked:
            yield _trend(database, question, (row, zone), _Range(learned, len(learned) - len(asked)))


@dataclass(frozen=True, slots=True)
class _Range:
    """The local days of the history up to the end of the range, and the place of the first one asked for."""

    learned: Sequence[Window]
    first: int

    @property
    def asked(self) -> Sequence[Window]:
        return self.learned[self.first :]

    @property
    def recent(self) -> int:
        """The place of the first day of the range, reached back to ``RECENT_DAYS``."""
        return min(self.first, max(0, len(self.learned) - RECENT_DAYS))


def _trend(database: Database, question: Question, meter: tuple[MeterRow, ZoneInfo], held: _Range) -> MeterTrend:
    row, zone = meter
    windows = held.asked
    weeks, months = list(joined(windows, week_of, zone)), list(joined(windows, month_of, zone))
    frames = list(
        _cut(
            usage_windows(database, [(row, [*held.learned, *weeks, *months])]),
            (len(held.learned), len(weeks), len(months)),
        )
    )
    learned = trend_days(with_spikes(database, [(row, held.learned)], daily_deltas(frames[0])))
    days = learned.iloc[held.first :].reset_index(drop=True)
    series, recent = series_of(learned), series_of(learned.iloc[held.recent :])
    found = changes(series)
    dates = [date.fromisoformat(one.name) for one in windows]
    return MeterTrend(
        row=row,
        zone=zone,
        begins=date.fromisoformat(held.learned[0].name),
        days=days,
        windows=windows,
        weeks=_whole_share(daily_deltas(frames[1]), frames[1]),
        months=_whole_share(daily_deltas(frames[2]), frames[2]),
        spans=dict(_spans(windows, [*weeks, *months])),
        series=series,
        recent=recent,
        recent_from=date.fromisoformat(held.learned[held.recent].name),
        usual=usual(series, found or (), days["ordinal"].to_numpy(dtype="int64"), portion(learned)),
        growth=growth(recent),
        changes=None if found is None else [one for one in found if one.ordinal >= dates[0].toordinal()],
        hours=_hours(database, meter, held.learned[held.recent :], _whole_days(learned.iloc[held.recent :])),
        compared=_compared(database, meter, _whole_days(days)),
        costs=costs_of(database, question, row, (dates[0], dates[-1] + _ONE_DAY)),
    )


def _whole_days(days: pd.DataFrame) -> list[date]:
    return [date.fromisoformat(day) for day in days.loc[~days["partial"], "day"].tolist()]


def portion(days: pd.DataFrame) -> float:
    """Return in which portions a meter is used, in units: what all observed days are multiples of, such as 250.

    Args:
        days: As ``trend_days`` returns them, of one meter.
    """
    observed = days[days["observed"]]
    common = math.gcd(*(int(one) for one in observed["usage"].tolist())) or 1
    return common * 10.0 ** -int(days["scale"].iloc[0])


def _cut(frame: pd.DataFrame, lengths: Sequence[int]) -> Iterator[pd.DataFrame]:
    first = 0
    for length in lengths:
        yield frame.iloc[first : first + length]
        first += length


def _whole_share(deltas: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Return weeks or months with coverage of the whole one, and partial also where the range cuts it."""
    cut = (windows["length_us"] < windows["nominal_us"]).to_numpy()
    coverage = observed_share(windows["observed_us"], windows["nominal_us"]).to_numpy()
    return deltas.assign(coverage=coverage, partial=deltas["partial"].to_numpy() | cut)


def _spans(days: Sequence[Window], joined_days: Sequence[Window]) -> Iterator[tuple[str, tuple[date, date]]]:
    starts = {one.start: date.fromisoformat(one.name) for one in days}
    ends = {one.end: date.fromisoformat(one.name) + _ONE_DAY for one in days}
    for one in joined_days:
        yield one.name, (starts[one.start], ends[one.end])


def _compared(
    database: Database, meter: tuple[MeterRow, ZoneInfo], whole: Sequence[date]
) -> list[tuple[Comparison, pd.DataFrame]]:
    row, zone = meter
    if not whole:
        return []
    found = comparisons(whole[-1], _first_whole_day(row, zone))
    frame = usage_windows(database, [(row, compared_windows(found, zone))])
    return [(one, frame.iloc[2 * place : 2 * place + 2]) for place, one in enumerate(found)]


def _first_whole_day(row: MeterRow, zone: ZoneInfo) -> date:
    begun = day_of(instant_of(row.first_at), zone)
    return begun if micros_of(start_of_day(begun, zone)) >= row.first_at else begun + timedelta(days=1)


def _hours(
    database: Database, meter: tuple[MeterRow, ZoneInfo], windows: Sequence[Window], whole: Sequence[date]
) -> HourProfile:
    """Return the hour profile: by requests where the account lists any, else by polls."""
    row, zone = meter
    wanted = frozenset(one.isoformat() for one in whole)
    held = [one for one in windows if one.name in wanted]
    if row.counts is not None and held:
        with database.read() as connection:
            span = request_span(connection, row.account, instant_of(held[0].start), instant_of(held[-1].end))
            if span is not None:
                by_requests = hours_by_requests(by_quarter(connection, span), whole, zone, row.counts)
                if by_requests.source is not None:
                    return by_requests
    return hours_by_polls(usage_windows(database, [(row, hour_windows(held))]), zone)
