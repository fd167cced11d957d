"""A statement as it is shown and as it is frozen: the same figures, whether they are as now known or as closed.

Frozen lines are canonical JSON: integers, and decimals as text. What is read back from them shows as what was written,
so a report of a closed period never asks the ledger.

Public: ``StatementView``, ``CorrectionLine``, ``view_of``, ``frozen_lines``, ``views_of``, ``corrections_in``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from collector.domain.prices import Price
from collector.store.statements import ClosedStatement, StatementLine, canonical
from reports.charges import ChargedDay
from reports.frozen_prices import frozen_prices, thawed_prices
from reports.rendering import Cell, Row
from reports.rows import scaled
from reports.statement import Figures, MeterStatement

_FIGURES = tuple(field.name for field in fields(Figures))
# Columns whose text in a frozen line is a decimal.
_DECIMALS = frozenset(
    {
        "opening",
        "closing",
        "usage",
        "lower",
        "upper",
        "request_credits",
        "unexplained",
        "amount",
        "quantity",
        "per_unit",
        "unpriced",
    }
)
_QUANTITIES = ("opening", "closing", "usage", "lower", "upper", "request_credits", "unexplained")


@dataclass(frozen=True, slots=True)
class StatementView:
    """The statement of one meter; quantities in units: integers where the meter has no decimal places.

    Attributes:
        period: As written, such as ``2026-10``.
        figures: By name as in ``reports.statement.Figures``.
        days: Usage, bounds, coverage and unrounded amount of each local day.
        price_lines: What was priced alike, unrounded.
        requests: The account's requests by status; None without a request list.
        incomplete: Why the figures may still change or, of a closed statement, could not be held against an invoice.
        prices: What was declared; None for a statement that was closed without them.
    """

    account: str
    meter: str
    unit: str
    period: str
    start: datetime
    end: datetime
    timezone: str
    figures: Row
    days: tuple[Row, ...]
    price_lines: tuple[Row, ...]
    requests: Mapping[str, int] | None
    incomplete: tuple[str, ...] = ()
    prices: tuple[Price, ...] | None = None


@dataclass(frozen=True, slots=True)
class CorrectionLine:
    """By how much what is now known of a closed period differs from what was closed, less what was corrected already.

    Attributes:
        number, period: Which of the account's statements is corrected.
        usage: In units, with its sign.
        amount: Money, with its sign; None where neither side has a price, or their currencies differ.
    """

    account: str
    meter: str
    number: int
    period: str
    usage: int | Decimal
    amount: Decimal | None
    currency: str | None


def view_of(statement: MeterStatement) -> StatementView:
    """Return a statement as now known."""
    asked, figures = statement.asked, statement.figures
    scale = asked.row.scale
    shown: dict[str, Cell] = {name: getattr(figures, name) for name in _FIGURES}
    shown |= {name: scaled(shown[name], scale) for name in _QUANTITIES}
    shown["unpriced"] = None if figures.unpriced is None else _whole(figures.unpriced, scale)
    return StatementView(
        account=asked.row.account,
        meter=asked.row.name,
        unit=asked.row.unit,
        period=asked.name,
        start=asked.period.start,
        end=asked.period.end,
        timezone=asked.agreement.zone.key,
        figures=shown,
        days=tuple(_day(day, scale) for day in statement.charges.days),
        price_lines=tuple(
            {
                "kind": line.kind,
                "starts_on": line.starts_on.isoformat(),
                "quantity": _whole(line.quantity, scale),
                "per_unit": line.per_unit,
                "amount": line.amount,
                "up_to": line.up_to,
            }
            for line in statement.charges.rating.lines
        ),
        requests=statement.requests,
        incomplete=statement.incomplete,
        prices=asked.agreement.terms_of(asked.row.name).prices,
    )


def _day(day: ChargedDay, scale: int) -> Row:
    return {
        "day": day.day.isoformat(),
        "usage": scaled(day.usage, scale),
        "lower": scaled(day.lower, scale),
        "upper": scaled(day.upper, scale),
        "coverage": day.coverage,
        "snapshots": day.snapshots,
        "resets": day.resets,
        "corrections": day.corrections,
        "held": day.held,
        "partial": day.partial,
        "amount": day.charge.amount,
    }


def _whole(quantity: Decimal, scale: int) -> Cell:
    return quantity if scale else int(quantity)


def frozen_lines(views: Sequence[StatementView], corrections: Sequence[CorrectionLine]) -> list[StatementLine]:
    """Return the lines that freeze an account's statement, in their order."""
    lines: list[StatementLine] = []
    for view in views:
        lines.append(_line("meter", view.meter, {"unit": view.unit, **view.figures}, _declared(view)))
        lines += [_line("day", view.meter, day) for day in view.days]
        lines += [_line("price", view.meter, line) for line in view.price_lines]
    requests = next((view.requests for view in views if view.requests is not None), {})
    lines += [_line("requests", None, {"status": status, "count": count}) for status, count in requests.items()]
    lines += [
        _line(
            "correction",
            one.meter,
            {
                "number": one.number,
                "period": one.period,
                "usage": one.usage,
                "amount": one.amount,
                "currency": one.currency,
            },
        )
        for one in corrections
    ]
    return lines


def _declared(view: StatementView) -> dict[str, object]:
    """Return what is frozen of a meter beside its figures."""
    return {"incomplete": list(view.incomplete), "prices": frozen_prices(view.prices or ())}


def _line(kind: str, meter: str | None, body: Row, more: Mapping[str, object] | None = None) -> StatementLine:
    return StatementLine(
        kind, meter, canonical({key: _frozen(value) for key, value in body.items()} | dict(more or {}))
    )


def _frozen(value: Cell) -> Cell:
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"{value:.6f}" if isinstance(value, float) else value


def views_of(closed: ClosedStatement) -> list[StatementView]:
    """Return the statement of each meter as it was closed."""
    found = []
    requests = {str(body["status"]): body["count"] for _, body in _bodies(closed, "requests")}
    days, prices = list(_bodies(closed, "day")), list(_bodies(closed, "price"))
    declared = {line.meter: json.loads(line.body) for line in closed.lines if line.kind == "meter"}
    for meter, body in _bodies(closed, "meter"):
        kept = declared[meter]
        figures = {name: body.get(name) for name in _FIGURES}
        listed = figures["missing_requests"] is not None or figures["request_credits"] is not None
        found.append(
            StatementView(
                account=closed.account,
                meter=meter,
                unit=str(body["unit"]),
                period=closed.closing.period,
                start=closed.closing.period_start,
                end=closed.closing.period_end,
                timezone=closed.closing.timezone,
                figures=figures,
                days=tuple(day for name, day in days if name == meter),
                price_lines=tuple(line for name, line in prices if name == meter),
                requests={name: int(str(count)) for name, count in requests.items()} if listed else None,
                incomplete=tuple(kept.get("incomplete", ())),
                prices=thawed_prices(kept["prices"]) if "prices" in kept else None,
            )
        )
    return found


def corrections_in(closed: ClosedStatement) -> list[CorrectionLine]:
    """Return the corrections of earlier periods that were frozen into a statement."""
    return [
        CorrectionLine(
            account=closed.account,
            meter=meter,
            number=int(str(body["number"])),
            period=str(body["period"]),
            usage=_number(body["usage"]),
            amount=None if body["amount"] is None else Decimal(str(body["amount"])),
            currency=None if body["currency"] is None else str(body["currency"]),
        )
        for meter, body in _bodies(closed, "correction")
    ]


def _number(value: Cell) -> int | Decimal:
    return value if isinstance(value, int | Decimal) else Decimal(str(value))


def _bodies(closed: ClosedStatement, kind: str) -> Iterator[tuple[str, dict[str, Cell]]]:
    for line in closed.lines:
        if line.kind == kind:
            yield line.meter or "", {key: _thawed(key, value) for key, value in json.loads(line.body).items()}


def _thawed(key: str, value: Cell) -> Cell:
    if not isinstance(value, str):
        return value
    if key == "coverage":
        return float(value)
    return Decimal(value) if key in _DECIMALS else value
