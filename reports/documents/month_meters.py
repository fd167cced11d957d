"""Everything the month report tells of one meter and of one account, read once before any sentence is written.

Public: ``MeterMonth``, ``Month``, ``month_of``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement, Quota
from collector.domain.calendar import day_of, start_of_day
from collector.domain.periods import Period
from collector.store.engine import Database
from collector.store.forecasts import Foretold
from collector.store.reading import MeterRow
from reports.catalogue import Outlooks, exhaustion_outlooks
from reports.documents.month_ahead import Projection, Running, outlook_of, running_period
from reports.documents.month_before import Earlier, earlier_periods
from reports.documents.month_evidence import Evidence, SilenceKind, evidence_of
from reports.documents.month_invoiced import Judgement, judged
from reports.documents.month_money import amount_bounds
from reports.documents.month_requests import AccountRequests, requests_of
from reports.documents.month_verdict import Verdict
from reports.documents.month_words import units
from reports.exhaustion import TOLD
from reports.explanations import explanations
from reports.forecasting.history import History, histories
from reports.forecasting.prospect import Prospect
from reports.foretold import quotas_foretold, rather, usage_foretold
from reports.invoices import Invoice
from reports.month import As, MonthRow, month
from reports.question import Question
from reports.reconciliation import reconcile
from reports.rendering import Row
from reports.rows import rows_of
from reports.statement import left_out
from reports.statement_views import StatementView
from reports.windows import meters_asked


@dataclass(frozen=True, slots=True)
class MeterMonth:
    """One meter's month.

    Attributes:
        prefix: Names its tables and anchors; unique within the document.
        verdict: On the invoice; None without one.
        earlier: The periods before it, the oldest first.
        compared: How many of its days are whole and over: all of them where it is over.
        amounts: The least and the most it can have cost; the most None where usage is open.
        outlook: Of this period where it runs, else of the one that runs now; None where nothing of it was seen.
        quota: Of each period, or for ever.
        standing: Its row of the report ``exhaustion``, for the period that runs now.
        foretold: What ``standing`` and ``outlook`` foretell; None where nothing.
    """

    prefix: str
    row: MonthRow
    zone: ZoneInfo
    now: datetime
    evidence: Evidence
    verdict: Verdict | None
    earlier: tuple[Earlier, ...]
    compared: int
    amounts: tuple[Decimal, Decimal | None] | None
    outlook: Projection | None
    quota: Quota | None
    scale: int
    standing: Row | None
    foretold: Foretold | None

    @property
    def view(self) -> StatementView:
        """The figures that are shown."""
        return self.row.shown

    @property
    def is_over(self) -> bool:
        """True where the period was over when the question was asked."""
        return self.view.end <= self.now

    @property
    def whole_days(self) -> int:
        """How many of its days were over and seen from their beginning at the last observation."""
        return len(self._whole())

    @property
    def per_day(self) -> float | None:
        """Usage of an average whole day; None where no whole day is over.

        Of a period that was observed to its end and from its beginning these are all days.
        """
        days = self._whole()
        if len(days) == len(self.view.days):
            return float(units(self.view.figures["usage"])) / len(days) if days else None
        return float(sum((units(day["usage"]) for day in days), Decimal(0))) / len(days) if days else None

    def _whole(self) -> Sequence[Row]:
        begun = (each.end for each in self.evidence.silences if each.kind is SilenceKind.BEFORE)
        first = next((at.astimezone(self.zone) for at in begun), None)
        days = self.view.days[: self.compared]
        if first is None:
            return days
        return [day for day in days if start_of_day(date.fromisoformat(str(day["day"])), self.zone) >= first]

    @property
    def quota_amount(self) -> Decimal | None:
        """The period's quota in units; None without one, or where it is for ever."""
        if self.quota is None or self.quota.lifetime:
            return None
        return Decimal(self.quota.amount).scaleb(-self.scale)


class _Told(NamedTuple):
    """What was read for all meters at once: by account and meter, what is known of what is to come by meter id."""

    verdicts: Mapping[tuple[str, str], Verdict]
    standings: Mapping[tuple[str, str], Row]
    known: Mapping[int, Prospect | History | str]
    foretold: Mapping[int, Foretold]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of every account and meter asked for.

    Attributes:
        text: The period as it was asked for.
        meters: By account, the most telling meter of each first.
        requests: By account, of those that have a request list.
        judgement: On the invoice; None without one.
        notes: What must be said beside the figures.
    """

    text: str
    which: As
    now: datetime
    rows: tuple[MonthRow, ...]
    meters: tuple[MeterMonth, ...]
    requests: Mapping[str, AccountRequests]
    verdicts: tuple[Verdict, ...]
    judgement: Judgement | None
    notes: tuple[str, ...]


def month_of(database: Database, question: Question, text: str, which: As, invoice: Invoice | None) -> Month:
    """Return the month that ``text`` names with all that is told of it.

    Raises:
        UsageError: The text names no period, closed figures are asked for in another zone, or a line of the invoice
            cannot be meant as it stands.
        NotEnoughDataError: Closed figures are asked for, and no such period is closed.
    """
    rows = month(database, question, text, which)
    held = None if invoice is None else reconcile(database, question, text, invoice)
    judgement = None
    if held is not None and invoice is not None:
        told = {(one.account, one.meter): explanations(database, one) for one in held.rows}
        judgement = judged(held, invoice, told)
    verdicts = {} if judgement is None else judgement.verdicts
    known = {(one.account, one.name): one for one in meters_asked(database, question)}
    ordered = sorted(rows, key=lambda one: (one.shown.account, _rank(one, verdicts)))
    outlooks = _outlooks(database, question, [one.shown for one in rows])
    zones = {known[key].id: ZoneInfo(view.timezone) for key, view in _views(rows).items() if key in known}
    foretold = _foretold(outlooks, zones)
    past = histories(database, [one for one in known.values() if one.id in zones and one.id not in foretold], zones)
    kept = {} if outlooks is None else {one.meter: one for one in quotas_foretold(outlooks)}
    told_of = _Told(verdicts, _standings(outlooks), {**past, **foretold}, kept)
    found = [
        _meter(database, question, (f"m{number}", row), known, told_of)
        for number, row in enumerate(ordered, 1)
        if (row.shown.account, row.shown.meter) in known
    ]
    notes = [*(held.notes if held else ()), *left_out(database, question, text, {one.shown.account for one in rows})]
    return Month(
        text, which, question.now, tuple(rows), tuple(found), _requests(database, found), tuple(verdicts.values()),
        judgement, tuple(notes),
    )  # fmt: skip


def _views(rows: Sequence[MonthRow]) -> dict[tuple[str, str], StatementView]:
    return {(one.shown.account, one.shown.meter): one.shown for one in rows}


def _rank(row: MonthRow, verdicts: Mapping[tuple[str, str], Verdict]) -> tuple[bool, bool, bool, str]:
    """Return where a meter stands among those of its account: what is billed or priced first."""
    view = row.shown
    verdict = verdicts.get((view.account, view.meter))
    figures = view.figures
    return (
        verdict is None or not verdict.decides,
        figures["amount"] is None,
        figures["request_credits"] is None,
        view.meter,
    )


def _meter(
    database: Database,
    question: Question,
    numbered: tuple[str, MonthRow],
    known: Mapping[tuple[str, str], MeterRow],
    told: _Told,
) -> MeterMonth:
    prefix, row = numbered
    view = row.shown
    key = view.account, view.meter
    meter, zone = known[key], ZoneInfo(view.timezone)
    agreement = _agreed(question, view, zone)
    period = Period(day_of(view.start, zone), day_of(view.end, zone), view.start, view.end)
    over = view.end <= question.now
    evidence = evidence_of(database, meter, view)
    compared = _compared(view, evidence, zone)
    runs = running_period(agreement, view.period, question.now) if over else period
    running = None if runs is None else Running(runs, view.period, question.now)
    outlook = None if running is None else outlook_of(database, meter, agreement, running, told.known.get(meter.id))
    return MeterMonth(
        prefix=prefix,
        row=row,
        zone=zone,
        now=question.now,
        evidence=evidence,
        verdict=told.verdicts.get(key),
        earlier=tuple(earlier_periods(database, meter, agreement, period, view.period, compared)),
        compared=compared,
        amounts=amount_bounds(view),
        outlook=outlook,
        quota=agreement.terms_of(view.meter).quota,
        scale=meter.scale,
        standing=told.standings.get(key),
        foretold=_kept(told.foretold.get(meter.id), meter, outlook),
    )


def _kept(quota: Foretold | None, meter: MeterRow, outlook: Projection | None) -> Foretold | None:
    """Return what a meter's part of the report foretells."""
    prospect = None if outlook is None else outlook.prospect
    if outlook is None or prospect is None:
        return quota
    return rather(quota, usage_foretold(meter.id, prospect, outlook.period.end))


def _agreed(question: Question, view: StatementView, zone: ZoneInfo) -> Agreement:
    return replace(question.agreed_with(view.account, view.timezone), zone=zone)


def _compared(view: StatementView, evidence: Evidence, zone: ZoneInfo) -> int:
    """Return how many whole local days of the period were over at its last observation."""
    reached = day_of(evidence.seen_until, zone)
    return sum(1 for day in view.days if str(day["day"]) < reached.isoformat())


def _outlooks(database: Database, question: Question, views: Sequence[StatementView]) -> Outlooks | None:
    if not views:
        return None
    return exhaustion_outlooks(database, replace(question, accounts=tuple(sorted({one.account for one in views}))))


def _standings(outlooks: Outlooks | None) -> dict[tuple[str, str], Row]:
    rows = () if outlooks is None else rows_of(outlooks.frame, TOLD)
    return {(str(row["account"]), str(row["meter"])): row for row in rows if row["quota"] is not None}


def _foretold(outlooks: Outlooks | None, zones: Mapping[int, ZoneInfo]) -> dict[int, Prospect | str]:
    """Return by meter id what the outlooks foretell with the same midnights; it needs no second forecast."""
    if outlooks is None:
        return {}
    same = (one.row.id for one in outlooks.standings if zones.get(one.row.id) == one.zone)
    return {meter: outlooks.prospects[meter] for meter in same if meter in outlooks.prospects}


def _requests(database: Database, months: Sequence[MeterMonth]) -> dict[str, AccountRequests]:
    """Return the requests of each account that has a list; its meters have one period."""
    found: dict[str, AccountRequests] = {}
    for one in months:
        view = one.view
        if view.requests is not None and view.account not in found:
            found[view.account] = requests_of(database, view.account, view.start, view.end)
    return found
