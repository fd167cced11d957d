"""The report ``exhaustion`` as a document: when each quota runs out, or that it lasts, or why nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist

import pandas as pd

from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.store.engine import Database
from reports.catalogue import exhaustion_dates
from reports.charts.quota import cumulative
from reports.daily import daily_deltas
from reports.document import Chart, Column, Document, Fact, Section, Table, Tone
from reports.documents.asked import NOTHING, heading, subtitle
from reports.documents.records import columns, records
from reports.exhaustion import COLUMNS
from reports.flag_notes import flag_sentences
from reports.forecast import MOST_DAYS, course, days_ahead, weekday_profile
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of, scaled
from reports.spikes import with_spikes
from reports.standing import QuotaStanding, quota_standings
from reports.tables import number, outlook
from reports.windows import local_days, meters_asked, usage_windows

_TONES = {"exhausted": Tone.BAD, "exhausts": Tone.WARNING, "lasts": Tone.GOOD}
_STATUS = {"exhausted": "Used up", "lasts": "Lasts", "unknown": "Not known"}
_FACTS = 4
_EIGHTY = NormalDist().inv_cdf(0.9)
_LOOK_BACK = 90  # days of a lifetime quota that are drawn
_LOOK_AHEAD = timedelta(days=60)
_FOOTER = (
    "The outlook expects each coming weekday to be used as the same weekdays of the last four weeks; the interval "
    "holds 80 % of what may come.",
    "Without seven whole days observed nothing is foretold.",
)


def exhaustion_document(database: Database, question: Question) -> Document:
    """Return the report ``exhaustion`` as a document; an empty one where nothing was recorded."""
    rows = rows_of(exhaustion_dates(database, question), COLUMNS)
    standings = quota_standings(database, question, meters_asked(database, question))
    frames = _days(database, standings)
    drawn = [
        (row, _chart(f"meter_{place}", row, standing, frames))
        for place, (row, standing) in enumerate(zip(rows, standings, strict=True), 1)
    ]
    sections = [_section(chart[0].name, row, chart) for row, chart in drawn if chart]
    table = records("exhaustion", rows, "Quotas")
    declared = [row for row in rows if row["quota"] is not None]
    overview = Section("overview", "All quotas", blocks=(_overview(rows),))
    return Document(
        name="exhaustion",
        title="How long the quotas last",
        subtitle=subtitle(database, question, ranged=False),
        made_at=question.now,
        records=table,
        facts=tuple(map(_fact, declared)) if len(declared) <= _FACTS else (),
        paragraphs=tuple(flag_sentences(database, [one.row for one in standings], MOST_DAYS)),
        sections=(overview, *sections) if rows else (),
        footer=_FOOTER if rows else (),
        empty="" if rows else NOTHING,
    )


def _fact(row: Row) -> Fact:
    value = _STATUS.get(str(row["status"])) or f"{row['exhausts_on']}"
    return Fact(heading(row), value, f"{_left(row)}; {outlook(row)}", _TONES.get(str(row["status"]), Tone.PLAIN))


def _left(row: Row) -> str:
    if row["remaining"] is None:
        return f"of {number(row['quota'])} {row['unit']} nobody knows what is left"
    return f"{number(row['remaining'])} of {number(row['quota'])} {row['unit']} left"


def _overview(rows: Sequence[Row]) -> Table:
    wanted = (*columns("account", "meter", "unit", "used", "quota", "remaining"), Column("outlook", "Outlook"))
    return Table("outlook", "Where every quota stands", wanted, [{**row, "outlook": outlook(row)} for row in rows])


def _section(name: str, row: Row, chart: tuple[Chart, ...]) -> Section:
    """Return the part about a quota of which something can be drawn; of the others the overview says it all."""
    return Section(name, heading(row), paragraphs=(f"{_left(row).capitalize()}: {outlook(row)}.",), blocks=chart)


def _first_day(standing: QuotaStanding) -> date:
    """Return the first day that is drawn: the period's, or of a lifetime quota the last weeks'."""
    period = None if standing.allowance is None else standing.allowance.period
    if period is not None:
        return day_of(period.start, standing.zone)
    return day_of(instant_of(standing.row.last_at), standing.zone) - timedelta(days=_LOOK_BACK)


def _days(database: Database, standings: Sequence[QuotaStanding]) -> dict[tuple[str, str], pd.DataFrame]:
    """Return by account and meter the daily deltas that are drawn, and those that a forecast learns from."""
    wanted = []
    for one in standings:
        learned = day_of(instant_of(one.row.last_at), one.zone) - timedelta(days=MOST_DAYS)
        wanted.append((one.row, local_days(one.row, one.zone, min(learned, _first_day(one)), None)))
    frame = with_spikes(database, wanted, daily_deltas(usage_windows(database, wanted)))
    return {(str(account), str(meter)): group for (account, meter), group in frame.groupby(["account", "meter"])}


def _chart(
    name: str, row: Row, standing: QuotaStanding, frames: dict[tuple[str, str], pd.DataFrame]
) -> tuple[Chart, ...]:
    """Return the course of what is used against the quota, and of what is expected; nothing without a quota."""
    days = frames.get((standing.row.account, standing.row.name))
    if days is None or standing.used is None or standing.allowance is None:
        return ()
    used = _reached(days, standing)
    quota = scaled(standing.allowance.quota.amount, standing.row.scale)
    if not used or not isinstance(quota, int | Decimal):
        return ()
    unit = str(row["unit"])
    return (cumulative(used, name=name, title="Used so far", unit=unit, quota=quota, fan=_fan(days, row, standing)),)


def _reached(days: pd.DataFrame, standing: QuotaStanding) -> list[Row]:
    """Return what was used at the end of each day, walking back from what is used now."""
    assert standing.used is not None  # noqa: S101 - the caller looked
    shown = days.loc[days["day"] >= _first_day(standing).isoformat()]
    reached = standing.used.amount
    rows: list[Row] = []
    for day, usage in zip(reversed(shown["day"].tolist()), reversed(shown["usage"].tolist()), strict=True):
        rows.append({"day": str(day), "used": scaled(reached, standing.row.scale)})
        reached -= int(usage)
    return rows[::-1]


def _fan(days: pd.DataFrame, row: Row, standing: QuotaStanding) -> list[Row]:
    """Return the expected course with its 80 % interval; nothing where the report does not foretell either."""
    profile = None if row["per_day"] is None else weekday_profile(days)
    if profile is None or standing.used is None or standing.allowance is None:
        return []
    period = standing.allowance.period
    end = standing.seen_at + _LOOK_AHEAD if period is None else period.end
    ahead = days_ahead(standing.seen_at, end, standing.zone)
    if not ahead:
        return []
    expected = course(profile, ahead)
    rows: list[Row] = []
    for day, mean, spread in zip(expected.days, expected.mean.tolist(), expected.spread.tolist(), strict=True):
        low, middle, high = (
            scaled(standing.used.amount + max(0, round(mean + score * spread)), standing.row.scale)
            for score in (-_EIGHTY, 0.0, _EIGHTY)
        )
        rows.append({"day": day.isoformat(), "low": low, "middle": middle, "high": high})
    return rows
