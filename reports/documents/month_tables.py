"""The tables of the month report; the figures of every sentence stand in one of them or beside a chart.

Public: ``records_table``, ``overview``, ``gap_table``, ``fall_table``, ``missed_table``, ``record_table``,
``price_table``, ``day_table``, ``figure_table``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from collector.store.records import RecordRow
from reports.document import Column, Kind, Table
from reports.documents.month_evidence import SilenceKind
from reports.documents.month_meters import MeterMonth, Month
from reports.documents.month_requests import took_of
from reports.documents.month_words import period_text
from reports.month import columns_of, summary_of
from reports.rendering import Cell, Row

_KINDS = {
    "period_start": Kind.INSTANT, "period_end": Kind.INSTANT, "closed_at": Kind.INSTANT, "coverage": Kind.SHARE,
    "amount": Kind.MONEY, "corrected_amount": Kind.MONEY,
    **dict.fromkeys(("snapshots", "resets", "corrections", "held", "missing_requests"), Kind.COUNT),
    **dict.fromkeys(("opening", "closing", "usage", "lower", "upper", "request_credits", "unexplained", "unpriced",
                     "corrected_usage"), Kind.QUANTITY),
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
    """Return the report's own rows, as its CSV has them."""
    columns = tuple(
        Column(key, key.replace("_", " ").capitalize(), kind_of_column(key)) for key in columns_of(found.which)
    )
    return Table("month", "Statements", columns, tuple(summary_of(row, found.which) for row in found.rows))


def overview(found: Month) -> Table:
    """Return one line for each account and meter: used, amount, verdict, observed."""
    columns = [
        Column("account", "Account"), Column("meter", "Meter"), Column("period", "Period"),
        Column("used", "Used", Kind.QUANTITY),
        Column("unit", "Unit"), Column("amount", "Amount", Kind.MONEY), Column("currency", "Currency"),
        Column("observed", "Observed", Kind.SHARE),
    ]  # fmt: skip
    if found.reconciliation is not None:
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


def gap_table(one: MeterMonth) -> Table | None:
    """Return every stretch without observations; None where there is none."""
    rows: list[Row] = [
        {
            "kind": silence.kind.value,
            "from": silence.start,
            "until": silence.end,
            "length": (silence.end - silence.start).total_seconds(),
            "share": silence.share,
            "usage": silence.usage,
            "lower": silence.lower,
            "upper": silence.upper,
        }
        for silence in one.evidence.silences
        if one.is_over or silence.kind is not SilenceKind.AHEAD
    ]
    columns = (
        Column("kind", "Why"), Column("from", "From", Kind.INSTANT), Column("until", "Until", Kind.INSTANT),
        Column("length", "Length", Kind.SECONDS), Column("share", "Of the period", Kind.SHARE),
        Column("usage", "Holds", Kind.QUANTITY), Column("lower", "At least", Kind.QUANTITY),
        Column("upper", "At most", Kind.QUANTITY),
    )  # fmt: skip
    return Table(f"{one.prefix}_gaps", "When nothing was observed", columns, tuple(rows)) if rows else None


def fall_table(one: MeterMonth) -> Table | None:
    """Return every fall of the counter and what it was found to be; None where it never fell."""
    rows: list[Row] = [
        {"kind": each.kind, "since": each.since, "at": each.at, "before": each.before, "after": each.after,
         "by": each.by, "reason": each.reason}
        for each in one.evidence.falls
    ]  # fmt: skip
    columns = (
        Column("kind", "What"), Column("since", "Last seen before", Kind.INSTANT), Column("at", "Seen", Kind.INSTANT),
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
            "polled_at": each.polled_at,
            "missed": each.missed_requests,
            "after": each.missed_after,
            "before": each.missed_before,
            "unexplained": each.unexplained,
        }
        for each in one.evidence.overruns
    ]
    columns = (
        Column("polled_at", "Poll", Kind.INSTANT), Column("missed", "Requests missed", Kind.COUNT),
        Column("after", "Made after", Kind.INSTANT), Column("before", "Made before", Kind.INSTANT),
        Column("unexplained", "Credits unexplained", Kind.QUANTITY),
    )  # fmt: skip
    title = "Polls whose list of requests was not complete"
    return Table(f"{one.prefix}_missed", title, columns, tuple(rows)) if rows else None
