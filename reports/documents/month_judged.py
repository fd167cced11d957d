"""The sentence about one row of a reconciliation: what the invoice says, what the ledger holds, and what to do.

Rule for editors: the sentence never says more than was checked. An invoice without amounts gets no "pay it" for money
without a word, a figure that the ledger does not know exactly is told with its bounds, and an incomplete ledger judges
nobody.

Public: ``PAY``, ``STOP``, ``CHECK``, ``WAIT``, ``UNBILLED``, ``WRONG``, ``ELSEWHERE``, ``APART``, ``UNUSED``,
``word_and_text``, ``billed_words``, ``open_reasons``, ``localised``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.domain.instants import instant_of
from reports.documents.month_money import amount_bounds
from reports.documents.month_words import between, counted, money, named, units, when
from reports.invoices import InvoiceLine
from reports.reconciliation import Reconciled, Status, in_another_currency
from reports.rendering import Cell
from reports.statement import MeterStatement
from reports.statement_views import StatementView, view_of
from reports.tables import number

PAY = "Pay it"
STOP = "Do not pay yet"
CHECK = "Check it first"
WAIT = "Wait"
UNBILLED = "Not billed"
WRONG = "Wrong period"
ELSEWHERE = "Not on this invoice"
APART = "Not billed separately"
UNUSED = "Nothing to bill"
_INSTANT = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|(\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)", re.ASCII)


def word_and_text(row: Reconciled) -> tuple[str, str]:
    """Return what to do about a row, and why: the rest of a sentence that begins with it."""
    statement = row.statement
    if statement is None or row.status is Status.PROVIDER_ONLY:
        return STOP, f"{billed_words(row, None)}, and nothing of it is in the ledger"
    view = view_of(statement)
    if row.billed is None:
        return _unbilled(row, statement, view)
    if row.status is Status.INCOMPLETE:
        return WAIT, _incomplete(row, statement, view)
    if row.status is Status.MISMATCH:
        return _mismatch(row, view, row.billed.line)
    return _fits(row, view, row.billed.line)


def _unbilled(row: Reconciled, statement: MeterStatement, view: StatementView) -> tuple[str, str]:
    """Return what it means that a meter is not on the invoice: nothing, where nobody would bill it by itself."""
    if not row.expected:
        if not view.figures["usage"]:
            return UNUSED, "nothing of it was used, and it is not on the invoice"
        return APART, f"{_used(view)}, without a price of its own; the invoice bills the account by other meters"
    if row.status is Status.INCOMPLETE:
        return WAIT, f"the ledger is incomplete ({_open(statement)}), and it is not on the invoice"
    verb = "was used and is" if view.figures["usage"] == 1 else "were used and are"
    return UNBILLED, f"{_used(view)} {verb} not on the invoice"


def _used(view: StatementView) -> str:
    """Return what was used, and what it costs where that is known."""
    figures = view.figures
    shown = counted(figures["usage"], view.unit)
    return shown if figures["amount"] is None else f"{shown} ({money(figures['amount'], figures['currency'])})"


def billed_words(row: Reconciled, view: StatementView | None) -> str:
    """Return what the invoice says of a row: ``the invoice bills 3,807 credits and 38.07 EUR``."""
    line = None if row.billed is None else row.billed.line
    unit = row.meter if view is None else view.unit
    parts = []
    if line is not None and line.quantity is not None:
        parts.append(counted(_plain(line.quantity), named(unit)))
    if line is not None and line.amount is not None:
        currency = line.currency or (None if view is None else view.figures["currency"])
        parts.append(money(line.amount, currency))
    whose = "" if view else f" of an account {named(row.account)!r}"
    return f"the invoice bills {' and '.join(parts) or 'no figure'}{whose}"


def _plain(value: Decimal) -> Cell:
    """Return a whole quantity without the noughts that an invoice may write behind the point."""
    return int(value) if value == value.to_integral_value() else value


def _fits(row: Reconciled, view: StatementView, line: InvoiceLine) -> tuple[str, str]:
    exact = row.status is Status.MATCHED
    figures = view.figures
    has = "exactly what the ledger has" if exact else f"within your tolerance of what the ledger has, {_used(view)}"
    text = f"{billed_words(row, view)}, {has}"
    if line.amount is None:
        if figures["amount"] is None:
            return PAY, f"{text}; it names no amount, and no price is declared, so only the quantity was checked"
        return PAY, f"{text}; it names no amount, and at your prices it is {_priced(view)}"
    if figures["amount"] is None or _in_another_currency(row):
        return CHECK, f"the quantity is right, but the amount could not be checked: {billed_words(row, view)}"
    if line.quantity is None:
        fits = "exactly" if exact else "within your tolerance of"
        return (
            PAY,
            f"{billed_words(row, view)}, {fits} what {_used_only(view)} cost at your prices; it names no quantity",
        )
    if figures["unpriced"]:
        return CHECK, f"{text}, but {counted(figures['unpriced'], view.unit)} of it have no declared price"
    return PAY, text


def _in_another_currency(row: Reconciled) -> bool:
    """Tell whether a row's amount is invoiced in another currency than the account's."""
    if row.statement is None or row.billed is None:
        return False
    return in_another_currency(row.statement, row.billed.line)


def _priced(view: StatementView) -> str:
    return money(view.figures["amount"], view.figures["currency"])


def _used_only(view: StatementView) -> str:
    return counted(view.figures["usage"], view.unit)


def _mismatch(row: Reconciled, view: StatementView, line: InvoiceLine) -> tuple[str, str]:
    difference = row.discrepancy
    if _in_another_currency(row):
        own = view.figures["currency"]
        return STOP, f"{billed_words(row, view)}, and the account's currency is {own}: the amounts cannot be compared"
    if difference:
        return _quantity_differs(row, view, difference)
    over = _amount_over(view, line)
    if not over:
        return STOP, next(iter(row.reasons), f"{billed_words(row, view)}, which cannot be compared with the ledger")
    right = "" if difference is None else f"the quantity is right ({_used_only(view)}), but "
    cost = f"your prices give for {_used_only(view)} ({_priced(view)}{_at_most(view, over)})"
    more = "more" if over > 0 else "less"
    asks = f"{right}the invoice asks for {money(line.amount, view.figures['currency'])}"
    return (STOP if over > 0 else CHECK), f"{asks}, {money(abs(over), view.figures['currency'])} {more} than {cost}"


def _amount_over(view: StatementView, line: InvoiceLine) -> Decimal | None:
    """Return by how much money too much is asked for; None where that is not known."""
    amount = view.figures["amount"]
    return None if line.amount is None or not isinstance(amount, Decimal) else line.amount - amount


def _at_most(view: StatementView, over: Decimal) -> str:
    """Return what the usage's bounds allow in money, where that is more than one figure."""
    bounds = amount_bounds(view)
    if bounds is None or bounds[0] == bounds[1]:
        return ""
    limit = bounds[1] if over > 0 else bounds[0]
    currency = view.figures["currency"]
    return "" if limit is None else f", at {'most' if over > 0 else 'least'} {money(limit, currency)}"


def _quantity_differs(row: Reconciled, view: StatementView, difference: Decimal) -> tuple[str, str]:
    figures = view.figures
    more = "more" if difference > 0 else "less"
    by = f"{counted(_plain(abs(difference)), view.unit)} {more} than"
    quantity = units(figures["usage"]) + difference
    rest = ""
    if difference > 0 and figures["upper"] is not None and quantity > units(figures["upper"]):
        by = f"{by} the ledger can hold ({_holds(view, 'upper')})"
    elif difference < 0 and quantity < units(figures["lower"]):
        by = f"{by} the ledger holds ({_holds(view, 'lower')})"
    else:
        span = between(figures["lower"], figures["upper"], view.unit)
        by = f"{by} the {_used_only(view)} used"
        rest = f"; the ledger itself only knows {span}, so this may be all that differs"
    text = f"{billed_words(row, view)}, {by}"
    line = None if row.billed is None else row.billed.line
    over = None if line is None else _amount_over(view, line)
    if over is not None:
        joined = "and" if not over or (over > 0) == (difference > 0) else "but"
        text += f", {joined} {_money_word(over, view)}"
    return (STOP if difference > 0 or (over or 0) > 0 else CHECK), f"{text}{rest}"


def _money_word(over: Decimal, view: StatementView) -> str:
    if not over:
        return f"asks for the right amount all the same, {_priced(view)}"
    shown = money(abs(over), view.figures["currency"])
    return f"{shown} too {'much' if over > 0 else 'little'} ({_priced(view)} at your prices)"


def _holds(view: StatementView, bound: str) -> str:
    """Return what the ledger holds: the figure where it is exact, else its bound."""
    figures = view.figures
    if figures["lower"] == figures["upper"]:
        return f"it holds exactly {number(figures['usage'])}"
    return f"at {'most' if bound == 'upper' else 'least'} {number(figures[bound])}"


def _incomplete(row: Reconciled, statement: MeterStatement, view: StatementView) -> str:
    figures = view.figures
    known = between(figures["lower"], figures["upper"], view.unit)
    known = "" if figures["lower"] == figures["upper"] else f", {known}"
    holds = f"It holds {_used(view)} so far{known}; {billed_words(row, view)}"
    text = f"the ledger is incomplete ({_open(statement)}). {holds}"
    quantity = None if row.billed is None else row.billed.line.quantity
    if quantity is not None and quantity < units(figures["lower"]):
        text += ", which is less than was used already"
    return text


def _open(statement: MeterStatement) -> str:
    return "; ".join(open_reasons(statement))


def open_reasons(statement: MeterStatement) -> Iterator[str]:
    """Yield why a statement's figures may still change, on the account's clock."""
    asked, zone = statement.asked, statement.asked.agreement.zone
    row, end = asked.row, asked.period.end
    if statement.late_start is not None:
        yield f"nothing was observed before {when(instant_of(row.first_at), zone)}"
    for reason in statement.pending:
        if reason.startswith("it is not over"):
            yield f"the period ends on {when(end, zone)}, and the last observation is of {_last(row.last_at, zone)}"
        else:
            yield localised(reason, zone)


def _last(at: int, zone: ZoneInfo) -> str:
    return when(instant_of(at), zone)


def localised(text: str, zone: ZoneInfo | None) -> str:
    """Return ``text`` with its UTC instants on the clock of ``zone``, as people write them; quoted names stay."""
    if zone is None:
        return text

    def local(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        return when(datetime.strptime(match[1], "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC), zone)

    return _INSTANT.sub(local, text)
