"""The report ``month``: a period's statement all in one, as now known, as closed, or both side by side.

A closed period is read for the instants and at the prices that were closed, whatever the account's settings are today;
what became known since is shown as corrections, with the later statement they were frozen into or none yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from collector.domain.accounts import Agreement
from collector.domain.named_periods import name_of
from collector.domain.periods import Period
from collector.errors import NotEnoughDataError, UsageError
from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from collector.store.statements import ClosedStatement, closed_statements
from reports.late_facts import closed_as, closed_period, corrections
from reports.question import Question
from reports.rendering import Cell, Row, Value
from reports.statement import asked_for, periods_named, statements
from reports.statement_views import CorrectionLine, StatementView, corrections_in, view_of, views_of

_SCALARS = (
    "opening", "closing", "usage", "lower", "upper", "coverage", "snapshots", "resets", "corrections", "held",
    "request_credits", "unexplained", "missing_requests", "amount", "currency", "unpriced",
)  # fmt: skip
COLUMNS = ("account", "meter", "unit", "period", "period_start", "period_end", "timezone", "as", *_SCALARS,
           "closed_at", "closed_by", "digest", "corrected_usage", "corrected_amount", "incomplete")  # fmt: skip
_AS_CLOSED = "closed_"


class As(StrEnum):
    """Which figures of a period are shown."""

    CLOSED = "closed"
    NOW = "now"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A meter's statement.

    Attributes:
        now, closed: Its figures as now known and as closed; at least one is there.
        statement: The closed statement, also where only ``now`` is shown; None for a period that is not closed.
        corrects: Corrections of earlier periods that were frozen into it.
        corrected: Corrections of this period, each with the period whose statement holds it; None for not yet.
    """

    now: StatementView | None
    closed: StatementView | None
    statement: ClosedStatement | None
    corrects: tuple[CorrectionLine, ...]
    corrected: tuple[tuple[str | None, CorrectionLine], ...]

    @property
    def shown(self) -> StatementView:
        """The figures that come first."""
        found = self.now or self.closed
        assert found is not None  # noqa: S101 - at least one is there
        return found


def columns_of(which: As) -> tuple[str, ...]:
    """Return the columns of ``summary_of``: with both kinds of figures, those as closed follow those of now."""
    return (*COLUMNS, *(_AS_CLOSED + name for name in _SCALARS)) if which is As.BOTH else COLUMNS


def month(database: Database, question: Question, text: str, which: As) -> list[MonthRow]:
    """Return the statements of the period that ``text`` names, by account and meter.

    Raises:
        UsageError: The text names no period; or closed figures are asked for in another zone.
        NotEnoughDataError: Closed figures are asked for, and no such period is closed.
    """
    if which is not As.NOW and question.zone is not None:
        raise UsageError("--tz cannot be combined with closed figures: a statement keeps the days it was closed in")
    periods, closed = _periods(database, question, text)
    if which is As.CLOSED and not closed:
        raise NotEnoughDataError(
            f"the period {text} is not closed; `collector close {text}` freezes it once it is over"
        )
    history = _history(database, closed)
    late = corrections(database, question, history)
    frozen = {view_key(view): view for one in closed.values() for view in views_of(one)}
    now = [] if which is As.CLOSED else _now(database, question, periods, closed)
    known = {view_key(view): view for view in now}
    keys = {*known, *(frozen if which is not As.NOW else ())}
    return [
        MonthRow(
            known.get(key),
            frozen.get(key) if which is not As.NOW else None,
            closed.get(key[0]),
            tuple(line for line in _corrects(closed.get(key[0])) if line.meter == key[1]),
            tuple(_corrected(closed.get(key[0]), key[1], history, late)),
        )
        for key in sorted(keys)
        if question.meters is None or key[1] in question.meters
    ]


def view_key(view: StatementView) -> tuple[str, str]:
    """Return account and meter."""
    return view.account, view.meter


def _periods(
    database: Database, question: Question, text: str
) -> tuple[dict[str, tuple[Agreement, Period]], dict[str, ClosedStatement]]:
    """Return by account the period that is meant, and its closed statement where there is one.

    A closed period stays readable under its name, also where the account's periods are others today.
    """
    with database.read() as connection:
        every = closed_statements(connection, question.accounts)
    named = {one.account: one for one in every if one.closing.period == text}
    try:
        periods = periods_named(database, question, text)
    except UsageError:
        if not named or question.zone is not None:
            raise
        periods = {}
    if question.zone is not None:
        return periods, {}
    zones = recorded_zones(database)
    closed = dict(named)
    for account, (agreement, period) in periods.items():
        own = [one for one in every if one.account == account]
        found = closed_as(own, name_of(period, agreement.billing), period)
        if found is not None:
            closed.setdefault(account, found)
    for account, one in closed.items():
        periods[account] = closed_period(one, question.agreed_with(account, zones.get(account, "UTC")))
    return periods, closed


def _now(
    database: Database,
    question: Question,
    periods: Mapping[str, tuple[Agreement, Period]],
    closed: Mapping[str, ClosedStatement],
) -> list[StatementView]:
    views = [view_of(one) for one in statements(database, asked_for(database, question, periods))]
    return [
        replace(view, period=closed[view.account].closing.period) if view.account in closed else view for view in views
    ]


def _history(database: Database, closed: Mapping[str, ClosedStatement]) -> list[ClosedStatement]:
    """Return every closed statement of the accounts that have closed the period."""
    with database.read() as connection:
        return closed_statements(connection, sorted(closed)) if closed else []


def _corrects(closed: ClosedStatement | None) -> list[CorrectionLine]:
    return [] if closed is None else corrections_in(closed)


def _corrected(
    closed: ClosedStatement | None, meter: str, history: Sequence[ClosedStatement], late: Sequence[CorrectionLine]
) -> Iterator[tuple[str | None, CorrectionLine]]:
    if closed is None:
        return
    wanted = closed.account, meter, closed.number
    for one in history:
        for line in corrections_in(one):
            if (line.account, line.meter, line.number) == wanted:
                yield one.closing.period, line
    for line in late:
        if (line.account, line.meter, line.number) == wanted:
            yield None, line


def object_of(row: MonthRow, which: As) -> dict[str, Value]:
    """Return a row as JSON has it, with its days, price lines and requests nested."""
    view = row.shown
    return {
        **_head(row, which),
        **{name: view.figures[name] for name in _SCALARS},
        "requests": None if view.requests is None else dict(view.requests),
        "price_lines": list(view.price_lines),
        "days": list(view.days),
        "incomplete": list(view.incomplete),
        **_closing(row),
        "corrects": [
            _line(None if row.statement is None else row.statement.closing.period, one) for one in row.corrects
        ],
        "corrected": [_line(period, one) for period, one in row.corrected],
        "closed": None if row.closed is None else _whole(row.closed),
    }


def _whole(view: StatementView) -> dict[str, Value]:
    return {
        **{name: view.figures[name] for name in _SCALARS},
        "requests": None if view.requests is None else dict(view.requests),
        "price_lines": list(view.price_lines),
        "days": list(view.days),
        "incomplete": list(view.incomplete),
    }


def _line(frozen_in: str | None, one: CorrectionLine) -> dict[str, Value]:
    return {
        "period": one.period,
        "usage": one.usage,
        "amount": one.amount,
        "currency": one.currency,
        "closed_with": frozen_in,
    }


def summary_of(row: MonthRow, which: As) -> Row:
    """Return a row as CSV has it: one line with the columns of ``columns_of``."""
    amounts = [one.amount for _, one in row.corrected if one.amount is not None]
    closed = {} if row.closed is None else row.closed.figures
    beside = {_AS_CLOSED + name: closed.get(name) for name in _SCALARS} if which is As.BOTH else {}
    return {
        **_head(row, which),
        **{name: row.shown.figures[name] for name in _SCALARS},
        **_closing(row),
        "corrected_usage": sum((one.usage for _, one in row.corrected), 0) if row.statement else None,
        "corrected_amount": sum(amounts) if amounts else None,
        "incomplete": "; ".join(row.shown.incomplete) or None,
        **beside,
    }


def _head(row: MonthRow, which: As) -> dict[str, Cell]:
    view = row.shown
    return {
        "account": view.account,
        "meter": view.meter,
        "unit": view.unit,
        "period": view.period,
        "period_start": view.start,
        "period_end": view.end,
        "timezone": view.timezone,
        "as": which.value,
    }


def _closing(row: MonthRow) -> dict[str, Cell]:
    one = row.statement
    return {
        "closed_at": None if one is None else one.closing.closed_at,
        "closed_by": None if one is None else one.closing.closed_by,
        "digest": None if one is None else one.digest.hex(),
    }
