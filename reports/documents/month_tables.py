"""The tables of the month report; the figures of every sentence stand in one of them or beside a chart.

Public: ``records_table``, ``overview``, ``gap_table``, ``fall_table``, ``missed_table``,
``record_table``, ``price_table``, ``day_table``, ``figure_table``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from collector.store.records import RecordRow
from reports.document import Column, Kind, Table
from reports.documents.month_evidence import SilenceKind
from reports.documents.month_gaps import MOST_SHOWN, gaps_of, longest, together
from reports.documents.month_invoiced import INVOICED, invoiced_of
from reports.documents.month_meters import MeterMonth, Month
from reports.documents.month_requests import took_of
from reports.documents.month_words import period_text
from reports.month import columns_of, summary_of
from reports.rendering import Cell, Row

_KINDS = {
    "period_start": Kind.INSTANT, "period_end": Kind.INSTANT, "closed_at": Kind.INSTANT, "coverage": Kind.SHARE,
    **dict.fromkeys(("amount", "corrected_amount", "invoiced_amount"), Kind.MONEY),
    **dict.fromkeys(("snapshots", "resets", "corrections", "held", "missing_requests"), Kind.COUNT),
    **dict.fromkeys(("opening", "closing", "usage", "lower", "upper", "request_credits", "unexplained", "unpriced",
                     "corrected_usage", "invoiced_quantity", "discrepancy"), Kind.QUANTITY),
}  # fmt: skip
_DAYS = (
    Column("day", "Day", Kind.DAY), Column("usage", "Used", Kind.QUANTITY), Column("lower", "At least", Kind.QUANTITY),
    Column("upper", "At most", Kind.QUANTITY), Column("coverage", "Observed", Kind.SHARE),
    Column("amount", "Amount", Kind.MONEY), Column("snapshots", "Snapshots", Kind.COUNT),
    Column("resets", "Resets", Kind.COUNT), Column("corrections", "Corrections", Kind.COUNT),
    Column("held", "Falls held", Kind.COUNT), Column("partial", "Part of the day", Kind.FLAG),
)  # fmt: skip
_FIGURES = (
    ("opening", "Opening of the ledger"), ("usage", "Used"), ("closing", "Closing of the ledger"),
    ("lower", "Used at least"), ("upper", "Used at most"), ("request_credits", "Credits of the request records"),
    ("unexplained", "Not explained by requests"), ("missing_requests", "Requests in no list"),
    ("snapshots", "Snapshots"), ("resets", "Resets"), ("corrections", "Corrections"), ("held", "Falls held"),
    ("unpriced", "Used without a price"),
)  # fmt: skip


def kind_of_column(key: str) -> Kind:
    """Return the kind of a column of the report ``month``; those as closed are of the kind of those of now."""
    return _KINDS.get(key) or _KINDS.get(key.removeprefix("closed_"), Kind.TEXT)


def records_table(found: Month) -> Table:
    """Return the report's own rows, as its CSV has them: what an invoice says of them in the last columns."""
    keys = (*columns_of(found.which), *INVOICED)
    columns = tuple(Column(key, key.replace("_", " ").capitalize(), kind_of_column(key)) for key in keys)
    invoiced = {} if found.judgement is None else found.judgement.cells
    rows = tuple({**summary_of(row, found.which), **invoiced_of(row, invoiced)} for row in found.rows)
    return Table("month", "Statements", columns, rows)


def overview(found: Month) -> Table:
    """Return one line for each account and meter: used, amount, verdict, observed."""
    columns = [
        Column("account", "Account"), Column("meter", "Meter"), Column("period", "Period"),
        Column("used", "Used", Kind.QUANTITY),
        Column("unit", "Unit"), Column("amount", "Amount", Kind.MONEY), Column("currency", "Currency"),
        Column("observed", "Observed", Kind.SHARE),
    ]  # fmt: skip
    if found.judgement is not None:
        columns.append(Column("verdict", "Invoice"))
    rows: list[Row] = []
    for one in found.meters:
        figures = one.view.figures
        rows.append(
            {
                "account": one.view.account,
                "meter": one.view.meter,
                "period": period_text(one.view.start, one.view.end, one.zone),
                "used": figures["usage"],
                "unit": one.view.unit,
                "amount": figures["amount"],
                "currency": figures["currency"] if figures["amount"] is not None else None,
                "observed": one.evidence.observed,
                "verdict": None if one.verdict is None else one.verdict.word,
            }
        )
    known = {(one.view.account, one.view.meter) for one in found.meters}
    for verdict in found.verdicts:
        if (verdict.account, verdict.meter) not in known:
            blank = dict.fromkeys(("period", "used", "unit", "amount", "currency", "observed"))
            rows.append({"account": verdict.account, "meter": verdict.meter, **blank, "verdict": verdict.word})
    return Table(
        "overview", "Accounts and meters", tuple(columns), tuple(rows), "Observed: up to the last observation."
    )


def _local(at: datetime, one: MeterMonth) -> str:
    """Return an instant on the account's clock, as it sorts; the column's title names the zone."""
    return f"{at.astimezone(one.zone):%Y-%m-%d %H:%M:%S}"


def gap_table(one: MeterMonth) -> Table | None:
    """Return the stretches without observations, of many gaps the longest; None where there is none."""
    gaps = gaps_of(one)
    shown = longest(gaps, MOST_SHOWN)
    rest = [gap for gap in gaps if gap not in shown] if len(gaps) > len(shown) else []
    rows: list[Row] = [
        {
            "kind": silence.kind.value,
            "from": _local(silence.start, one),
            "until": _local(silence.end, one),
            "length": (silence.end - silence.start).total_seconds(),
            "share": silence.share,
            "usage": silence.usage,
            "lower": silence.lower,
            "upper": silence.upper,
        }
        for silence in one.evidence.silences
        if (one.is_over or silence.kind is not SilenceKind.AHEAD)
        and (silence in shown or silence.kind is not SilenceKind.GAP)
    ]
    columns = (
        Column("kind", "Why"), Column("from", f"From ({one.zone.key})"), Column("until", f"Until ({one.zone.key})"),
        Column("length", "Length", Kind.SECONDS), Column("share", "Of the period", Kind.SHARE),
        Column("usage", "Holds", Kind.QUANTITY), Column("lower", "At least", Kind.QUANTITY),
        Column("upper", "At most", Kind.QUANTITY),
    )  # fmt: skip
    noun, hold = ("other", "holds") if len(rest) == 1 else ("others", "hold")
    more = f"The {len(shown):,} longest of {len(gaps):,} gaps; the {len(rest):,} {noun} {hold} "
    note = f"{more}{together(rest, one.view.unit)}." if rest else ""
    return Table(f"{one.prefix}_gaps", "When nothing was observed", columns, tuple(rows), note) if rows else None


def fall_table(one: MeterMonth) -> Table | None:
    """Return every fall of the counter and what it was found to be; None where it never fell."""
    rows: list[Row] = [
        {"kind": each.kind, "since": _local(each.since, one), "at": _local(each.at, one), "before": each.before,
         "after": each.after, "by": each.by, "reason": each.reason}
        for each in one.evidence.falls
    ]  # fmt: skip
    columns = (
        Column("kind", "What"), Column("since", f"Last seen before ({one.zone.key})"),
        Column("at", f"Seen ({one.zone.key})"),
        Column("before", "From", Kind.QUANTITY), Column("after", "To", Kind.QUANTITY), Column("by", "Decided by"),
        Column("reason", "Why"),
    )  # fmt: skip
    return Table(f"{one.prefix}_falls", "Falls of the counter", columns, tuple(rows)) if rows else None


def figure_table(one: MeterMonth) -> Table:
    """Return the statement line by line, with the figures as closed and the difference where both are known."""
    now, closed = one.row.shown.figures, None if one.row.closed is None else one.row.closed.figures
    both = closed is not None and one.row.now is not None
    rows: list[Row] = [
        {"figure": title, "value": now[key], **({"closed": closed[key], "more": _less(now[key], closed[key])}
                                                  if both and closed is not None else {})}
        for key, title in _FIGURES
        if now[key] is not None
    ]  # fmt: skip
    beside = (
        (Column("closed", "As closed", Kind.QUANTITY), Column("more", "Became known later", Kind.QUANTITY))
        if both
        else ()
    )
    columns = (Column("figure", "Figure"), Column("value", "Now known" if both else "Value", Kind.QUANTITY), *beside)
    return Table(f"{one.prefix}_statement", "The statement, line by line", columns, tuple(rows))


def _less(now: Cell, closed: Cell) -> Cell:
    if not isinstance(now, int | Decimal) or not isinstance(closed, int | Decimal):
        return None
    return now - closed


def day_table(one: MeterMonth) -> Table:
    """Return every day of the period."""
    priced = any(day["amount"] is not None for day in one.view.days)
    columns = tuple(column for column in _DAYS if priced or column.key != "amount")
    currency = f", amounts in {one.view.figures['currency']}, unrounded" if priced else ""
    return Table(f"{one.prefix}_days", f"Day by day{currency}", columns, one.view.days)


def price_table(one: MeterMonth) -> Table | None:
    """Return what was priced alike; None where nothing was."""
    columns = (
        Column("kind", "Price"), Column("starts_on", "From", Kind.DAY), Column("up_to", "Tier up to", Kind.QUANTITY),
        Column("quantity", "Units", Kind.QUANTITY), Column("per_unit", "Each", Kind.NUMBER),
        Column("amount", "Amount", Kind.MONEY),
    )  # fmt: skip
    if not one.view.price_lines:
        return None
    title = f"How the amount comes about, in {one.view.figures['currency']}, unrounded"
    return Table(f"{one.prefix}_prices", title, columns, one.view.price_lines)


def record_table(name: str, title: str, records: Sequence[RecordRow]) -> Table | None:
    """Return request records as they stand; None for none."""
    rows: list[Row] = [
        {
            "request_id": record.request_id,
            "status": record.status,
            "created_at": record.created_at,
            "took": None if (took := took_of(record)) is None else took.total_seconds(),
            "credits_used": record.credits_used,
        }
        for record in records
    ]
    columns = (
        Column("request_id", "Request"), Column("status", "Status"), Column("created_at", "Made", Kind.INSTANT),
        Column("took", "Took", Kind.SECONDS), Column("credits_used", "Credits", Kind.QUANTITY),
    )  # fmt: skip
    return Table(name, title, columns, tuple(rows)) if rows else None


def missed_table(one: MeterMonth) -> Table | None:
    """Return the polls at which requests were missed or credits stayed unexplained; None where there was none."""
    rows: list[Row] = [
        {
            "polled_at": _local(each.polled_at, one),
            "missed": each.missed_requests,
            "after": None if each.missed_after is None else _local(each.missed_after, one),
            "before": None if each.missed_before is None else _local(each.missed_before, one),
            "unexplained": each.unexplained,
        }
        for each in one.evidence.overruns
    ]
    columns = (
        Column("polled_at", f"Poll ({one.zone.key})"), Column("missed", "Requests missed", Kind.COUNT),
        Column("after", f"Made after ({one.zone.key})"), Column("before", f"Made before ({one.zone.key})"),
        Column("unexplained", "Credits unexplained", Kind.QUANTITY),
    )  # fmt: skip
    title = "Polls whose list of requests was not complete"
    return Table(f"{one.prefix}_missed", title, columns, tuple(rows)) if rows else None
