"""The report ``exhaustion`` as a document: when each quota runs out, or that it lasts, or why nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd

from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import instant_of
from collector.store.engine import Database
from reports.catalogue import exhaustion_outlooks
from reports.charts.quota import Ahead, cumulative
from reports.daily import daily_deltas
from reports.document import Chart, Column, Document, Fact, Section, Table, Tone
from reports.documents.asked import NOTHING, heading, subtitle
from reports.documents.fan import fan_rows, marks_of
from reports.documents.month_words import day_text
from reports.documents.records import columns, records
from reports.exhaustion import TOLD
from reports.flag_notes import flag_sentences
from reports.forecasting.history import RECENT_DAYS
from reports.forecasting.prospect import Prospect
from reports.forecasting.words import RARELY, outlook, own_record, shortly
from reports.foretold import quotas_foretold
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of, scaled
from reports.standing import QuotaStanding
from reports.tables import number
from reports.windows import local_days, usage_windows

_FACTS = 4
_LOOK_BACK = timedelta(days=90)
"""How much of a lifetime quota's past is drawn."""
_LOOK_AHEAD, _FARTHEST = timedelta(days=60), timedelta(days=366)
"""How much of its future: so much at least, and farther where it is used up later."""
_MARGIN = timedelta(days=7)
_INSTANT = timedelta(microseconds=1)
_FOOTER = (
    "The outlook is learned from what was used on days of 24 hours that end at the last observation: their level, the "
    "rhythm of the week and how much they vary. The interval holds 80 % of what may come, the probability is that of "
    "running out before the billing period ends.",
    "Plan for: the day by which the quota is used up with 25 % probability; to be warned late costs more than early.",
    "With less than a day of history nothing is foretold, with less than five an interval alone. Where a meter's own "
    "record is long enough, the interval is recalibrated on it.",
)


@dataclass(frozen=True, slots=True)
class _Quota:
    """A quota: its row of the report, where it stands, and what is to come of it."""

    row: Row
    standing: QuotaStanding
    prospect: Prospect | str | None

    @property
    def foretold(self) -> Prospect | None:
        """What is to come, as far as it may be drawn: an idle meter is not foretold to stay so."""
        if isinstance(self.prospect, Prospect) and not self.prospect.is_idle:
            return self.prospect
        return None


def exhaustion_document(database: Database, question: Question) -> Document:
    """Return the report ``exhaustion`` as a document; an empty one where nothing was recorded."""
    found = exhaustion_outlooks(database, question)
    rows = rows_of(found.frame, TOLD)
    quotas = [
        _Quota(row, standing, found.prospects.get(standing.row.id))
        for row, standing in zip(rows, found.standings, strict=True)
    ]
    declared = [row for row in rows if row["quota"] is not None]
    overview = Section("overview", "All quotas", blocks=(_overview(rows),))
    return Document(
        name="exhaustion",
        title="How long the quotas last",
        subtitle=subtitle(database, question, ranged=False),
        made_at=question.now,
        records=records("exhaustion", rows, "Quotas"),
        facts=tuple(map(_fact, declared)) if len(declared) <= _FACTS else (),
        paragraphs=tuple(flag_sentences(database, [one.standing.row for one in quotas], RECENT_DAYS)),
        sections=(overview, *_sections(database, question, quotas)) if rows else (),
        footer=_FOOTER if rows else (),
        empty="" if rows else NOTHING,
        foretold=tuple(quotas_foretold(found)),
    )


def _fact(row: Row) -> Fact:
    said = shortly(row, _day)
    return Fact(heading(row), said[:1].upper() + said[1:], f"{_left(row)}; {outlook(row, _day)}", _tone(row))


def _day(day: str) -> str:
    return day_text(date.fromisoformat(day))


def _tone(row: Row) -> Tone:
    """Return how an outlook is meant; a risk is a warning whether or not it is the likelier case."""
    match row["status"]:
        case "exhausted":
            return Tone.BAD
        case "exhausts":
            return Tone.WARNING
        case "lasts":
            probability = row["probability"]
            return Tone.WARNING if isinstance(probability, float) and probability > RARELY else Tone.GOOD
        case _:
            return Tone.PLAIN


def _left(row: Row) -> str:
    if row["remaining"] is None:
        return f"of {number(row['quota'])} {row['unit']} nobody knows what is left"
    return f"{number(row['remaining'])} of {number(row['quota'])} {row['unit']} left"


def _overview(rows: Sequence[Row]) -> Table:
    outlook_, figures = Column("outlook", "Outlook"), columns("used", "quota", "remaining", "unit")
    wanted = (*columns("account", "meter"), outlook_, *figures)
    return Table(
        "outlook", "Where every quota stands", wanted, [{**row, "outlook": outlook(row, _day)} for row in rows]
    )


def _sections(database: Database, question: Question, quotas: Sequence[_Quota]) -> Iterator[Section]:
    """Yield the parts about quotas of which something can be drawn; of the others the overview says it all."""
    frames = _days(database, quotas)
    for place, one in enumerate(quotas, 1):
        days = frames.get((one.standing.row.account, one.standing.row.name))
        chart = None if days is None else _chart(f"meter_{place}", one, days, question)
        if chart is not None:
            yield Section(chart.name, heading(one.row), paragraphs=tuple(_said(one)), blocks=(chart,))


def _said(one: _Quota) -> Iterator[str]:
    """Yield the outlook, and how the own record changed its interval."""
    left = _left(one.row)
    yield f"{left[:1].upper()}{left[1:]}: {outlook(one.row, _day)}."
    own = None if one.foretold is None else one.foretold.recalibrated
    if own is not None:
        yield f"By the meter's own record {own_record(own)}."


def _first_day(standing: QuotaStanding) -> date:
    """Return the first day that is drawn: the period's, or of a lifetime quota the last weeks'."""
    period = None if standing.allowance is None else standing.allowance.period
    if period is not None:
        return day_of(period.start, standing.zone)
    return day_of(instant_of(standing.row.last_at), standing.zone) - _LOOK_BACK


def _days(database: Database, quotas: Sequence[_Quota]) -> dict[tuple[str, str], pd.DataFrame]:
    """Return by account and meter the daily deltas that are drawn."""
    known = [one.standing for one in quotas if one.standing.used is not None]
    wanted = [(one.row, local_days(one.row, one.zone, _first_day(one), None)) for one in known]
    frame = daily_deltas(usage_windows(database, wanted))
    return {(str(account), str(meter)): group for (account, meter), group in frame.groupby(["account", "meter"])}


def _chart(name: str, one: _Quota, days: pd.DataFrame, question: Question) -> Chart | None:
    """Return the course of what is used against the quota, and of what is expected; None without a quota."""
    standing = one.standing
    if standing.used is None or standing.allowance is None:
        return None
    used = _reached(days, standing)
    quota = scaled(standing.allowance.quota.amount, standing.row.scale)
    if not used or not isinstance(quota, int | Decimal):
        return None
    ahead = _ahead(one, days, question)
    title = "Used so far, and what is to come" if ahead.fan else "Used so far"
    return cumulative(used, name=name, title=title, unit=str(one.row["unit"]), quota=quota, ahead=ahead)


def _reached(days: pd.DataFrame, standing: QuotaStanding) -> list[Row]:
    """Return what was used at the end of each day, walking back from what is used now."""
    assert standing.used is not None  # noqa: S101 - the caller looked
    reached = standing.used.amount
    rows: list[Row] = []
    unseen = (days["coverage"] == 0) & (days["snapshots"] == 0)
    each = (reversed(column.tolist()) for column in (days["day"], days["usage"], unseen))
    for day, usage, gone in zip(*each, strict=True):
        rows.append({"day": str(day), "used": scaled(reached, standing.row.scale), "unseen": bool(gone)})
        reached -= int(usage)
    return rows[::-1]


def _ahead(one: _Quota, days: pd.DataFrame, question: Question) -> Ahead:
    """Return what is drawn beside the usage; the fan only where the report foretells anything."""
    standing, foretold = one.standing, one.foretold
    assert standing.used is not None  # noqa: S101 - the caller looked
    assert standing.allowance is not None  # noqa: S101 - the caller looked
    period, scale = standing.allowance.period, standing.row.scale
    begins = standing.used.amount - sum(int(usage) for usage in days["usage"])
    probability = one.row["probability"]
    common = Ahead(
        begins=scaled(begins, scale),
        seen_at=standing.seen_at.astimezone(standing.zone),
        now=question.stood_at.astimezone(standing.zone),
        starts=None if period is None else day_of(period.start, standing.zone),
        ends=None if period is None else day_of(period.end - _INSTANT, standing.zone),
        probability=probability if isinstance(probability, float) and foretold is not None else None,
    )
    if foretold is None:
        return common
    marks = {} if standing.exhausted else marks_of(foretold, standing.remaining or 0, one.row, question.stood_at)
    until = _farthest(standing, marks.get("latest") or marks.get("exhausts")) if period is None else period.end
    return replace(common, fan=tuple(fan_rows(foretold, standing.used.amount, scale, until)), **marks)  # type: ignore[arg-type]  # all are instants


def _farthest(standing: QuotaStanding, used_up: datetime | None) -> datetime:
    """Return until when a lifetime quota is drawn: to the end of a day, behind what is told of its end."""
    seen = standing.seen_at
    until = max(seen + _LOOK_AHEAD, seen if used_up is None else min(used_up + _MARGIN, seen + _FARTHEST))
    return start_of_day(day_of(until, standing.zone), standing.zone)
