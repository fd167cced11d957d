"""The reports by name, each as a document: for the command line, for schedules, for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.errors import UsageError
from collector.store.engine import Database
from reports.document import Document
from reports.documents.burn import burn_document
from reports.documents.daily import daily_document
from reports.documents.exhaustion import exhaustion_document
from reports.documents.gaps import gaps_document
from reports.documents.month import month_document
from reports.documents.reconcile import reconcile_document
from reports.documents.requests import requests_document
from reports.documents.trend import trend_document
from reports.invoices import Invoice
from reports.month import As
from reports.question import Question

_OF_DATES: Mapping[str, Callable[[Database, Question], Document]] = {
    "daily": daily_document,
    "burn": burn_document,
    "exhaustion": exhaustion_document,
    "requests": requests_document,
    "gaps": gaps_document,
    "trend": trend_document,
}
NAMES = (*_OF_DATES, "month", "reconcile")
"""What ``document`` can be asked for."""
OF_PERIODS = frozenset({"month", "reconcile"})
"""Reports about one billing period, which must be named."""


def document(
    name: str, database: Database, question: Question, *, period: str | None = None, invoice: Invoice | None = None
) -> Document:
    """Return the report ``name``, one of ``NAMES``, as a document; an honest empty one where nothing was recorded.

    Args:
        name: Which report; ``gaps`` is ``requests --gaps``.
        database: Where the ledger is.
        question: What is asked.
        period: The billing period, such as ``2026-10``; only for those ``OF_PERIODS``.
        invoice: What the provider billed, for the same.

    Raises:
        UsageError: There is no such report, or its period is missing.
    """
    if name in _OF_DATES:
        return _OF_DATES[name](database, question)
    if name not in OF_PERIODS:
        raise UsageError(f"there is no report {name!r} (known: {', '.join(NAMES)})")
    if period is None:
        raise UsageError(f"the report {name} needs a billing period such as 2026-10")
    if name == "month":
        return month_document(database, question, period, As.NOW, invoice)
    return reconcile_document(database, question, period, invoice)
