"""Where each quota stands, without frames: quick enough to be asked before every job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement
from collector.domain.instants import instant_of, micros_of
from collector.domain.quota import Allowance, Standing, Used, allowance_at, used_of
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges
from reports.question import Question


@dataclass(frozen=True, slots=True)
class QuotaStanding:
    """One meter's quota and what is used of it.

    Attributes:
        agreement: What is agreed with the account; its zone is where billing periods begin.
        zone: Whose midnights make a day.
        allowance: The quota in force, or None where none is declared.
        used: What is used of it, or None where nothing was observed in its period.
    """

    row: MeterRow
    agreement: Agreement
    zone: ZoneInfo
    allowance: Allowance | None
    used: Used | None

    @property
    def remaining(self) -> int | None:
        """What is left, in the meter's smallest unit; None where it is not known."""
        if self.allowance is None or self.used is None:
            return None
        return max(0, self.allowance.quota.amount - self.used.amount)

    @property
    def exhausted(self) -> bool:
        """True where nothing is known to be left."""
        return self.remaining == 0

    @property
    def seen_at(self) -> datetime:
        """When the last good value was confirmed: what is used is known up to then."""
        return instant_of(self.row.good_at)


def quota_standings(database: Database, question: Question, rows: Sequence[MeterRow]) -> list[QuotaStanding]:
    """Return where the quota of each meter stands at ``question.stood_at``, in the given order.

    Args:
        database: Where the ledger is.
        question: What is asked.
        rows: As ``reports.windows.meters_asked`` returns them.
    """
    agreements = [question.agreed_with(row.account, row.timezone) for row in rows]
    allowances = [
        allowance_at(agreement, row.name, question.stood_at) for row, agreement in zip(rows, agreements, strict=True)
    ]
    starts = {
        row.id: row.first_at if allowance.period is None else micros_of(allowance.period.start)
        for row, allowance in zip(rows, allowances, strict=True)
        if allowance is not None
    }
    asked = [row for row in rows if row.id in starts and starts[row.id] <= row.last_at]
    with database.read() as connection:
        found = edges(connection, asked, {row.id: sorted({starts[row.id], row.last_at}) for row in asked})
    totals = {row.id: [edge.total for edge in found[row.id]] for row in asked}
    return [
        QuotaStanding(
            row=row,
            agreement=agreement,
            zone=question.agreement_of(row.account, row.timezone).zone,
            allowance=allowance,
            used=_used(row, agreement, allowance, totals.get(row.id)),
        )
        for row, agreement, allowance in zip(rows, agreements, allowances, strict=True)
    ]


def _used(
    row: MeterRow,
    agreement: Agreement,
    allowance: Allowance | None,
    totals: list[int] | None,
) -> Used | None:
    if allowance is None or totals is None:
        return None
    standing = Standing(totals[0], totals[-1], row.good_value, row.first_at, row.good_at)
    return used_of(allowance, standing, agreement.terms_of(row.name).resets)
