"""The reports as JSON, the same as the command line prints with ``--json``.

Public: ``json_of``, ``RANGED``, ``OF_PERIODS``, ``parameters_of``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TextIO, TypeAlias

from collector.app.web.parameters import Asked
from collector.errors import UsageError
from collector.store.engine import Database
from reports.question import Question

RANGED = frozenset({"daily", "requests", "gaps", "trend"})
"""Reports about a range of days."""
OF_PERIODS = frozenset({"month", "reconcile"})
"""Reports about a billing period."""
_WITHOUT_METERS = frozenset({"requests", "gaps"})
_MOST_BYTES = 32 * 1024 * 1024

_Writes: TypeAlias = Callable[[Database, Question, Asked, TextIO], None]


def parameters_of(name: str) -> tuple[str, ...]:
    """Return what can be asked of the report ``name``."""
    meters = () if name in _WITHOUT_METERS else ("meter",)
    span = ("from", "to", "last") if name in RANGED else ()
    return ("account", *meters, *span, "tz", *(("period",) if name in OF_PERIODS else ()))


def json_of(name: str, database: Database, question: Question, asked: Asked) -> str:
    """Return the report ``name`` as JSON.

    Raises:
        UsageError: It needs a period, or would be larger than an answer may be.
    """
    out = _Bounded()
    _WRITERS[name](database, question, asked, out)
    return out.getvalue()


class _Bounded(io.StringIO):
    """Text that is refused once it is larger than an answer may be."""

    def write(self, text: str) -> int:
        """Take some text."""
        if self.tell() + len(text) > _MOST_BYTES:
            raise UsageError("the answer is larger than 32 MB; ask for fewer days, accounts or meters")
        return super().write(text)


def period_asked(asked: Asked) -> str:
    """Return the billing period that was asked for.

    Raises:
        UsageError: None was.
    """
    period = asked.one("period")
    if period is None:
        raise UsageError("period is missing: 2026-10, 2026-W41, 2026 or 2026-10-15, as the account is billed")
    return period


def _daily(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from reports.catalogue import daily
    from reports.daily import COLUMNS
    from reports.rendering import write_json
    from reports.rows import rows_of

    write_json(rows_of(daily(database, question), COLUMNS), out)


def _burn(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from reports.burn_rate import COLUMNS
    from reports.catalogue import burn
    from reports.rendering import write_json
    from reports.rows import rows_of

    write_json(rows_of(burn(database, question), COLUMNS), out)


def _exhaustion(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from reports.catalogue import exhaustion_dates
    from reports.exhaustion import COLUMNS
    from reports.rendering import write_json
    from reports.rows import rows_of

    write_json(rows_of(exhaustion_dates(database, question), COLUMNS), out)


def _requests(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from reports.rendering import write_json
    from reports.requests import request_rows

    write_json(request_rows(database, question), out)


def _gaps(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from reports.rendering import write_json
    from reports.request_gaps import gap_rows

    write_json(gap_rows(database, question), out)


def _trend(database: Database, question: Question, _: Asked, out: TextIO) -> None:
    from collector.app.printing_trend import print_trend
    from reports.trend.report import trend

    print_trend(trend(database, question), "json", out)


def _month(database: Database, question: Question, asked: Asked, out: TextIO) -> None:
    from collector.app.printing_statements import print_month
    from reports.month import As, month

    print_month(month(database, question, period_asked(asked), As.NOW), As.NOW, "json", out)


def _reconcile(database: Database, question: Question, asked: Asked, out: TextIO) -> None:
    from reports.reconciliation import reconcile
    from reports.rendering import write_json

    write_json([one.row for one in reconcile(database, question, period_asked(asked), None).rows], out)


_WRITERS: Mapping[str, _Writes] = {
    "daily": _daily,
    "burn": _burn,
    "exhaustion": _exhaustion,
    "requests": _requests,
    "gaps": _gaps,
    "trend": _trend,
    "month": _month,
    "reconcile": _reconcile,
}
