"""The report ``burn`` as a document: how much is used per day, now and before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import pandas as pd

from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.store.engine import Database
from reports.burn_rate import COLUMNS
from reports.catalogue import burn
from reports.charts.quota import burn_rate
from reports.daily import daily_deltas
from reports.document import Chart, Document, Fact, Section, Table
from reports.documents.asked import NOTHING, by_meter, subtitle
from reports.documents.records import columns, records
from reports.flag_notes import rate_notes
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of
from reports.spikes import SPIKED, with_spikes
from reports.tables import moment, number, share
from reports.windows import local_days, meters_asked, usage_windows

_SHOWN = 90
"""Days of the chart."""
_LONGEST = 28
_WINDOWS = {"1d": "Last day", "7d": "Last 7 days", "28d": "Last 28 days", "period": "Billing period so far"}
_FOOTER = (
    "A window ends at the newest observation and does not reach back before the first; its usage is divided by its own "
    "length in days of 24 hours.",
    "In the chart each point is the mean of the 7 or 28 whole local days up to it.",
)


def burn_document(database: Database, question: Question) -> Document:
    """Return the report ``burn`` as a document; an empty one where nothing was recorded."""
    rows = rows_of(burn(database, question), COLUMNS)
    meters = by_meter(rows)
    days = _days(database, question)
    sections = [
        _section(f"meter_{place}", title, group, days.get((str(group[0]["account"]), str(group[0]["meter"])), []))
        for place, (title, group) in enumerate(meters, 1)
    ]
    table = records("burn", rows, "Usage per day")
    overview = Section("overview", "All meters", blocks=(table,))
    return Document(
        name="burn",
        title="Usage per day",
        subtitle=subtitle(database, question, ranged=False),
        made_at=question.now,
        records=table,
        sections=(*sections, *((overview,) if len(meters) > 1 else ())),
        paragraphs=tuple(rate_notes(database, question, _LONGEST)),
        footer=_FOOTER if rows else (),
        empty="" if rows else NOTHING,
    )


def _section(name: str, title: str, rows: Sequence[Row], days: Sequence[Row]) -> Section:
    unit = str(rows[0]["unit"])
    facts = tuple(_fact(row, unit) for row in rows)
    wanted = columns("window", "window_start", "window_end", "usage", "per_day", "coverage")
    chart: tuple[Chart, ...] = ()
    if len(days) > 1:
        chart = (burn_rate(days, name=name, title="Usage per day over time", unit=unit),)
    return Section(
        name,
        title,
        facts=facts,
        paragraphs=(f"The newest observation is of {moment(rows[0]['window_end'])}. {_change(rows)}".strip(),),
        blocks=(*chart, Table(f"{name}_windows", f"{title}, by window", wanted, list(rows))),
    )


def _fact(row: Row, unit: str) -> Fact:
    label = _WINDOWS.get(str(row["window"]), str(row["window"]))
    note = f"{number(row['usage'])} {unit} in all, {share(row['coverage'])} observed"
    return Fact(label, f"{number(row['per_day'])} {unit}/day", note)


def _change(rows: Sequence[Row]) -> str:
    """Return how the last week compares with the last four; nothing where one of them is not known."""
    rates = {row["window"]: row["per_day"] for row in rows}
    week, month = rates.get("7d"), rates.get("28d")
    if not isinstance(week, float) or not isinstance(month, float) or month <= 0:
        return ""
    change = week / month - 1
    if abs(change) < 0.05:
        return "The last 7 days went on as the last 28."
    word = "more" if change > 0 else "less"
    return f"The last 7 days used {abs(change) * 100:,.0f} % {word} per day than the last 28."


def _days(database: Database, question: Question) -> dict[tuple[str, str], list[Row]]:
    """Return by account and meter the moving means of the last days that were whole."""
    wanted = []
    for row in meters_asked(database, question):
        zone = question.agreement_of(row.account, row.timezone).zone
        first = day_of(instant_of(row.last_at), zone) - timedelta(days=_SHOWN + _LONGEST)
        wanted.append((row, local_days(row, zone, first, None)))
    frame = with_spikes(database, wanted, daily_deltas(usage_windows(database, wanted)))
    found: dict[tuple[str, str], list[Row]] = {}
    for (account, meter), group in frame.groupby(["account", "meter"]):
        found[str(account), str(meter)] = _means(group.loc[~group["partial"]])
    return found


def _means(days: pd.DataFrame) -> list[Row]:
    units = (days["usage"].astype("float64") - days[SPIKED].astype("float64")) / 10.0 ** days["scale"]
    week, month = (units.rolling(length).mean().round(6).tolist() for length in (7, _LONGEST))
    rows: list[Row] = [
        {"day": str(day), "per_day_7": _known(short), "per_day_28": _known(long)}
        for day, short, long in zip(days["day"].tolist(), week, month, strict=True)
    ]
    return [row for row in rows if row["per_day_7"] is not None][-_SHOWN:]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
