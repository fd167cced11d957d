"""Holds the ledger's statement against an invoice: one row for each meter and period, with a status.

    matched            quantities and, where both are known, amounts are equal
    within_tolerance   they differ by no more than the account's tolerance allows
    mismatch           they differ by more, or cannot be compared
    provider_only      invoiced, but the account, the meter or its history is not here
    local_only         used, but not invoiced
    incomplete         the ledger's own figures may still change

A meter that used nothing, or that has no price while the invoice bills its account by other meters, is nothing that a
provider would bill: its row stays ``local_only``, and it does not decide the exit code.

Rule for editors: the bounds of a period's usage explain a mismatch, they never turn it into a match. Expected
disagreement is a value here, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from reports.billed_lines import MatchedLines, matched_lines, notes_on, overlap, parts_of
from reports.billed_periods import Billed
from reports.invoices import Invoice, InvoiceLine
from reports.question import Question
from reports.rendering import Cell, Row
from reports.rows import scaled
from reports.statement import MeterStatement, asked_for, periods_named, statements
from reports.tables import number
from reports.windows import meters_asked

COLUMNS = (
    "account", "meter", "unit", "period_start", "period_end", "opening", "closing", "usage", "lower", "upper",
    "request_credits", "unexplained", "missing_requests", "coverage", "amount", "currency", "invoiced_quantity",
    "invoiced_amount", "discrepancy", "status",
)  # fmt: skip
_MOST_NAMED = 3
_QUANTITIES = ("opening", "closing", "usage", "lower", "upper", "request_credits", "unexplained")


class Status(StrEnum):
    """What the comparison of one meter's period came to."""

    MATCHED = "matched"
    WITHIN_TOLERANCE = "within_tolerance"
    MISMATCH = "mismatch"
    PROVIDER_ONLY = "provider_only"
    LOCAL_ONLY = "local_only"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One row of the report.

    Attributes:
        statement: What the ledger says; None for what is only invoiced.
        billed: What the invoice says; None for what is only in the ledger.
        reasons: Why the status is what it is, where the figures do not show it.
        expected: False for a meter that may well be missing on the invoice.
    """

    account: str
    meter: str
    status: Status
    statement: MeterStatement | None
    billed: Billed | None
    reasons: tuple[str, ...] = ()
    expected: bool = True

    @property
    def discrepancy(self) -> Decimal | None:
        """The invoiced quantity less the usage, in units."""
        if self.statement is None or self.billed is None or self.billed.line.quantity is None:
            return None
        return self.billed.line.quantity - usage_of(self.statement)

    @property
    def row(self) -> Row:
        """The row with the columns of ``COLUMNS``."""
        found: dict[str, Cell] = dict.fromkeys(COLUMNS)
        found |= {"account": self.account, "meter": self.meter, "status": self.status.value}
        scale = 0
        if self.billed is not None:
            found |= {"period_start": self.billed.start, "period_end": self.billed.end}
            found |= {"currency": self.billed.line.currency, "invoiced_amount": self.billed.line.amount}
        if self.statement is not None:
            scale = self.statement.asked.row.scale
            found |= _local(self.statement, found["currency"])
            if self.billed is not None and in_another_currency(self.statement, self.billed.line):
                found["invoiced_amount"] = None
        quantity = None if self.billed is None else self.billed.line.quantity
        found["invoiced_quantity"] = _unit(quantity, scale)
        found["discrepancy"] = _unit(self.discrepancy, scale)
        return found


def usage_of(statement: MeterStatement) -> Decimal:
    """Return a statement's usage in units."""
    return Decimal(statement.figures.usage).scaleb(-statement.asked.row.scale)


def in_another_currency(statement: MeterStatement, line: InvoiceLine) -> bool:
    """Tell whether an amount is invoiced in another currency than the account's."""
    own = statement.figures.currency
    return line.amount is not None and None not in (line.currency, own) and line.currency != own


def _local(statement: MeterStatement, currency: Cell) -> dict[str, Cell]:
    asked, figures = statement.asked, statement.figures
    return {
        "unit": asked.row.unit,
        "period_start": asked.period.start,
        "period_end": asked.period.end,
        **{name: scaled(getattr(figures, name), asked.row.scale) for name in _QUANTITIES},
        "missing_requests": figures.missing_requests,
        "coverage": figures.coverage,
        "amount": figures.amount,
        "currency": figures.currency or currency,
    }


def _unit(value: Decimal | None, scale: int) -> Cell:
    """Return a quantity in units as JSON has it: an integer where the meter has no decimal places and it is one."""
    return int(value) if value is not None and scale == 0 and value == value.to_integral_value() else value


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The report's rows by account and meter, and what must be said beside them.

    Attributes:
        elsewhere: The invoice's lines that bill another period than was asked for.
    """

    rows: tuple[Reconciled, ...]
    notes: tuple[str, ...] = ()
    elsewhere: tuple[Billed, ...] = ()

    def exit_code(self, *, invoiced: bool) -> int:
        """Return 1 where an invoice does not fit, 4 where that cannot be told yet, else 0."""
        statuses = {one.status for one in self.rows if one.expected}
        if invoiced and statuses & {Status.MISMATCH, Status.PROVIDER_ONLY, Status.LOCAL_ONLY}:
            return 1
        return 4 if invoiced and Status.INCOMPLETE in statuses else 0


def reconcile(database: Database, question: Question, text: str, invoice: Invoice | None) -> Reconciliation:
    """Hold the statements of the period that ``text`` names against ``invoice``.

    Raises:
        UsageError: The text names no period, or a line of the invoice cannot be meant as it stands.
    """
    periods = periods_named(database, question, text)
    known = {one.asked.key: one for one in statements(database, asked_for(database, question, periods))}
    if invoice is None:
        rows = [Reconciled(*key, _uninvoiced(one), one, None, _why(one)) for key, one in known.items()]
        return Reconciliation(tuple(rows))
    matched = matched_lines(invoice.lines, question, periods, text)
    here = _known_meters(database, question) if matched.lines.keys() - known.keys() else {}
    rows = []
    for key in sorted({*known, *matched.lines}):
        statement, line = known.get(key), matched.lines.get(key)
        if statement is not None and line is None:
            rows.append(_unbilled(statement, matched))
        elif statement is not None and line is not None:
            status, reasons = _compared(statement, line.line, matched.overlapping.get(key, ()))
            rows.append(Reconciled(*key, status, statement, line, reasons))
        else:
            rows.append(Reconciled(*key, Status.PROVIDER_ONLY, None, line, (_unknown(here, key),)))
    elsewhere = [*matched.others, *(one for each in matched.overlapping.values() for one in each)]
    return Reconciliation(tuple(rows), tuple(notes_on(invoice, matched)), tuple(elsewhere))


def _uninvoiced(statement: MeterStatement) -> Status:
    return Status.INCOMPLETE if statement.incomplete else Status.LOCAL_ONLY


def _why(statement: MeterStatement) -> tuple[str, ...]:
    return tuple(f"incomplete: {reason}" for reason in statement.incomplete)


def _unbilled(statement: MeterStatement, matched: MatchedLines) -> Reconciled:
    """Return the row of a meter that no line of the invoice bills for the period."""
    asked, figures = statement.asked, statement.figures
    by_others = any(account == asked.row.account for account, _ in matched.lines)
    expected, reason = True, "it was used, but it is not on the invoice"
    if asked.key in matched.overlapping:
        spans = ", ".join(f"{overlap(one)} ({one.line.place})" for one in matched.overlapping[asked.key][:_MOST_NAMED])
        reason = f"the invoice bills it {spans}, which overlaps the period and is not it"
    elif not figures.usage and not statement.charges.rating.amount:
        expected, reason = False, "nothing was used, and it is not on the invoice"
    elif statement.charges.rating.amount is None and by_others:
        expected = False
        reason = (
            "it is not on the invoice, which bills the account by other meters; it has no price, so it does not count "
            "as a mismatch"
        )
    status = _uninvoiced(statement)
    reasons = (reason,) if status is Status.LOCAL_ONLY else (*_why(statement), reason)
    return Reconciled(*asked.key, status, statement, None, reasons, expected)


def _known_meters(database: Database, question: Question) -> dict[str, list[str]]:
    """Return the meters with a history of every account of the settings and of the history."""
    found: dict[str, list[str]] = {name: [] for name in (*question.agreements, *recorded_zones(database))}
    for row in meters_asked(database, replace(question, accounts=None, meters=None)):
        found[row.account].append(row.name)
    return found


def _unknown(here: Mapping[str, Sequence[str]], key: tuple[str, str]) -> str:
    """Return what is missing here of what is only invoiced."""
    account, meter = key
    if account not in here:
        return f"it is invoiced, but no account here is called {account!r}; `accounts.name` in the settings names them"
    if here[account] and meter not in here[account]:
        own = ", ".join(here[account])
        return f"it is invoiced, but the account {account} has no meter {meter!r} here; it has {own}"
    return "it is invoiced, but nothing of it was recorded here in this period"


def _compared(statement: MeterStatement, line: InvoiceLine, beside: Sequence[Billed]) -> tuple[Status, tuple[str, ...]]:
    """Return the status of a line that bills the period; ``beside`` it stand lines that only overlap the period."""
    told = (parts_of(line),) if line.parts else ()
    verdicts, reasons = _verdicts(statement, line)
    for name in ("quantity", "amount"):
        if getattr(line, name) is None and any(getattr(one, name) is not None for one in line.parts):
            reasons.append(f"the {name} could not be checked: not every charge that was added up has one")
    charged = [one for one in beside if not one.line.is_credit]
    if charged:
        verdicts.append(Status.MISMATCH)
        spans = ", ".join(f"{overlap(one)} ({one.line.place})" for one in charged[:_MOST_NAMED])
        reasons.append(f"the invoice bills it {spans} as well, which overlaps the period")
    if statement.incomplete:
        return Status.INCOMPLETE, (*_why(statement), *told, *reasons)
    return max(verdicts, key=list(Status).index, default=Status.MISMATCH), (*told, *reasons)


def _verdicts(statement: MeterStatement, line: InvoiceLine) -> tuple[list[Status], list[str]]:
    """Return the verdict on each figure that both sides have, and what the figures do not show."""
    tolerance, figures = statement.asked.agreement.tolerance, statement.figures
    verdicts: list[Status] = []
    reasons: list[str] = []
    if line.quantity is not None:
        difference = line.quantity - usage_of(statement)
        verdicts.append(_verdict(difference, within=tolerance.allows_quantity(difference, line.quantity)))
    if line.amount is None:
        return verdicts, reasons
    shown = f"{number(line.amount)} {line.currency or figures.currency or ''}".rstrip()
    if in_another_currency(statement, line):
        verdicts.append(Status.MISMATCH)
        reasons.append(f"{shown} are invoiced, and the account's currency is {figures.currency}: not compared")
    elif figures.amount is not None:
        if figures.unpriced:
            reasons.append(
                f"{number(figures.unpriced)} of its units were used on days without a price: not in the costs"
            )
        difference = line.amount - figures.amount
        verdicts.append(_verdict(difference, within=tolerance.allows_amount(difference, line.amount)))
    else:
        lacking = "no price of it was in force" if figures.currency else "the account has no accounts.billing.currency"
        reasons.append(f"the invoiced amount, {shown}, could not be checked: {lacking}")
    return verdicts, reasons


def _verdict(difference: Decimal, *, within: bool) -> Status:
    if not difference:
        return Status.MATCHED
    return Status.WITHIN_TOLERANCE if within else Status.MISMATCH


def rows_of(found: Sequence[Reconciled]) -> list[Row]:
    """Return the report's rows."""
    return [one.row for one in found]
