"""What the days of a trend cost, where a price is known: as the statement charges them, unrounded.

Billing periods begin at the account's own midnights, so days of another zone have no cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from collector.domain.accounts import Agreement
from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.charges import billing_periods, period_charges
from reports.question import Question


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of local days, unrounded.

    Attributes:
        days: By day; a day without a price in force is missing.
        currency: None where nothing is told.
        note: Why nothing is told; empty where it is.
    """

    days: Mapping[date, Decimal]
    currency: str | None
    note: str = ""

    def between(self, first: date, end: date) -> Decimal | None:
        """Return what the days ``[first, end)`` cost together; None where none of them has a cost."""
        found = [amount for day, amount in self.days.items() if first <= day < end]
        return sum(found, Decimal(0)) if found else None


def costs_of(database: Database, question: Question, row: MeterRow, span: tuple[date, date]) -> Costs:
    """Return the cost of each local day ``[first, end)`` of ``span`` of one meter."""
    agreement = question.agreed_with(row.account, row.timezone)
    note = _untold(question, row, agreement)
    if note:
        return Costs({}, None, note)
    wanted = [(row, agreement, period) for period in billing_periods(row, agreement, *span)]
    first, end = span
    days = {
        day.day: day.charge.amount
        for period in period_charges(database, wanted)
        for day in period.days
        if first <= day.day < end and day.charge.amount is not None
    }
    return Costs(days, agreement.billing.currency)


def _untold(question: Question, row: MeterRow, agreement: Agreement) -> str:
    """Return why the days have no cost; empty where they have one."""
    if not agreement.terms_of(row.name).prices or agreement.billing.currency is None:
        return "no price is declared"
    if question.zone is not None and question.zone != agreement.zone:
        return f"prices hold for the days of {agreement.zone.key}, not of {question.zone.key}"
    return ""
