"""The reports for notebooks: a ledger opened for reading, every report as a typed DataFrame, every chart for Altair.

    with reports.open_ledger("sqlite:///usage.db") as ledger:
        ledger.daily(meters="credits", last_days=30)
        ledger.chart("daily", meters="credits", last_days=30)

Nothing can be written through it. What it returns is what the commands report: the same documents, read as frames.
Names are refused where the history does not know them, because an empty answer would look like no usage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, Unpack
from zoneinfo import ZoneInfo

import pandas as pd

from collector.domain.accounts import Agreement
from collector.domain.instants import instant_of
from collector.errors import UsageError
from collector.store.accounts import recorded
from collector.store.engine import Database
from collector.store.reading import meters as recorded_meters
from collector.store.revision import require_head
from reports.asked_question import OF_PERIODS, Asked, AskedOfAny, AskedOfPeriod, question_of, zone_of
from reports.charts.palette import LIGHT, Palette
from reports.document import Chart, Document
from reports.documents.burn import burn_document
from reports.documents.daily import daily_document
from reports.documents.exhaustion import exhaustion_document
from reports.documents.gaps import gaps_document
from reports.documents.month import month_document
from reports.documents.reconcile import reconcile_document
from reports.documents.requests import requests_document
from reports.documents.trend import trend_document
from reports.invoices import read_invoice
from reports.month import As
from reports.question import Question
from reports.table_frames import frame_of_table

if TYPE_CHECKING:
    from reports.charts.drawn import AltairChart

_Builder: TypeAlias = Callable[[Database, Question], Document]
_BUILDERS: Mapping[str, _Builder] = {
    "daily": daily_document,
    "burn": burn_document,
    "exhaustion": exhaustion_document,
    "trend": trend_document,
    "requests": requests_document,
    "gaps": gaps_document,
}
REPORTS = (*_BUILDERS, "month", "reconcile")
"""The names of the reports; the last two need a period."""


class Ledger:
    """A ledger opened for reading; a context manager that closes it.

    Args:
        database: Where it is, opened for reading only.
        question: What every question begins with: the instant it is asked at, what is agreed, the zone.
    """

    def __init__(self, database: Database, question: Question) -> None:
        self._database = database
        self._question = question

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    @property
    def now(self) -> datetime:
        """The instant at which its questions are asked, in UTC."""
        return self._question.now

    @property
    def meters(self) -> Mapping[str, Sequence[str]]:
        """The meters with a history, by account."""
        return {name: sorted(found) for name, found in sorted(recorded(self._database).items())}

    def daily(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Return the usage of every local day: one row per account, meter and day.

        Columns as ``report daily --json``, dtypes as ``reports.table_frames.frame_of_table`` says. Empty without a
        history in the asked days.

        Raises:
            UsageError: A name, date or zone is unknown.
        """
        return self.frame("daily", **asked)

    def burn(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Return usage per day over the last 1, 7 and 28 days and the billing period, as ``report burn``.

        Raises:
            UsageError: As for ``daily``.
        """
        return self.frame("burn", **asked)

    def exhaustion(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Return when each quota runs out, as ``report exhaustion``; quotas come from the ledger's agreements.

        Raises:
            UsageError: As for ``daily``.
        """
        return self.frame("exhaustion", **asked)

    def trend(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Return usage by day, week and month with moving figures and what is unusual, as ``report trend`` in CSV.

        Raises:
            UsageError: As for ``daily``.
        """
        return self.frame("trend", **asked)

    def requests(self, **asked: Unpack[Asked]) -> pd.DataFrame:
        """Return the request records, one row each, as ``report requests``; all of them in memory.

        Raises:
            UsageError: As for ``daily``.
        """
        return self.frame("requests", **asked)

    def month(self, period: str, **asked: Unpack[AskedOfPeriod]) -> pd.DataFrame:
        """Return the statement of a billing period, one row per account and meter, as ``report month`` in CSV.

        Raises:
            UsageError: As for ``daily``; or no period is called so.
            NotEnoughDataError: Figures as closed are asked for, and the period is not closed.
        """
        return self.frame("month", period=period, **asked)

    def reconcile(self, period: str, **asked: Unpack[AskedOfPeriod]) -> pd.DataFrame:
        """Return a billing period's usage against the invoice, as ``report reconcile``.

        Raises:
            UsageError: As for ``month``; or the invoice cannot be read or meant as it stands.
        """
        return self.frame("reconcile", period=period, **asked)

    def frame(self, report: str, **asked: Unpack[AskedOfAny]) -> pd.DataFrame:
        """Return the rows of the report called ``report``, one of ``REPORTS``.

        Raises:
            UsageError: There is no such report; else as the method of its name.
        """
        return frame_of_table(self.document(report, **asked).records)

    def charts(self, report: str, **asked: Unpack[AskedOfAny]) -> dict[str, Chart]:
        """Return the charts of a report by name, in its order; each has a ``summary`` in words and its ``table``.

        Raises:
            UsageError: As for ``frame``.
        """
        found = self.document(report, **asked)
        blocks = (block for section in found.sections for block in section.blocks)
        return {block.name: block for block in blocks if isinstance(block, Chart)}

    def chart(
        self, report: str, name: str | None = None, *, palette: Palette = LIGHT, **asked: Unpack[AskedOfAny]
    ) -> AltairChart:
        """Return a chart of a report as an Altair object.

        Args:
            report: One of ``REPORTS``.
            name: Of one of its ``charts``, or how that ends, such as ``by_day``; the report's first chart without it.
            palette: ``LIGHT`` or ``DARK`` of ``reports.charts.palette``.
            **asked: What the report is asked.

        Raises:
            UsageError: As for ``frame``; or the report has no such chart, or several whose names end so.
        """
        from reports.charts.pictures import titled  # noqa: PLC0415 - needs an extra, as nothing else here does

        found = self.charts(report, **asked)
        exact = [one for one in found if one == name] or [one for one in found if name is None or one.endswith(name)]
        if not exact or (name is not None and len(exact) > 1):
            have = ", ".join(found) or "none"
            raise UsageError(f"{report} has no single chart called {name or 'anything'} (its charts: {have})")
        return titled(found[exact[0]], palette)

    def document(self, report: str, **asked: Unpack[AskedOfAny]) -> Document:
        """Return a report as a document: what the pages and files of ``reports.formats`` are made of.

        Raises:
            UsageError: As for ``frame``.
        """
        question = question_of(self._question, asked, self.meters)
        if report in _BUILDERS:
            strange = sorted(OF_PERIODS.intersection(asked))
            if strange:
                raise UsageError(f"{report} takes no {strange[0]}")
            return _BUILDERS[report](self._database, question)
        if report not in REPORTS:
            raise UsageError(f"no report is called {report!r} (there are {', '.join(REPORTS)})")
        return self._of_period(report, question, asked)

    def _of_period(self, report: str, question: Question, asked: AskedOfAny) -> Document:
        period = asked.get("period")
        if period is None:
            raise UsageError(f"{report} needs a period such as 2026-10")
        invoice = read_invoice(Path(asked["invoice"])) if "invoice" in asked else None
        if report == "reconcile":
            return reconcile_document(self._database, question, period, invoice)
        which = asked.get("which", As.NOW)
        if which not in list(As):
            raise UsageError(f"which is now, closed or both, not {which!r}")
        return month_document(self._database, question, period, As(which), invoice)


def open_ledger(
    url: str,
    *,
    agreements: Mapping[str, Agreement] | None = None,
    now: datetime | None = None,
    zone: str | ZoneInfo | None = None,
) -> Ledger:
    """Open a collector's database for reading only.

    Args:
        url: As in ``database.url``: ``sqlite:///usage.db`` or ``postgresql://user@host/name``.
        agreements: What is declared, by account: zones, billing periods, quotas, prices. Without it an account has its
            recorded zone and nothing else; ``collector.app.notebook.ledger_of`` reads it from ``collector.toml``.
        now: When questions are asked, aware; without it the instant of the newest value.
        zone: Whose midnights make a day, instead of the accounts' own.

    Raises:
        ConfigError: The URL names no database of the collector.
        StorageError: The database is missing or cannot be read.
        RevisionError: Its schema is older or newer than this program's.
        UsageError: The zone is unknown, or ``now`` has none.
    """
    if now is not None and now.tzinfo is None:
        raise UsageError("now must be aware: give it a zone, such as datetime(2026, 10, 1, tzinfo=UTC)")
    database = Database(url, read_only=True)
    try:
        require_head(database)
        asked_at = _newest(database) if now is None else now.astimezone(UTC)
        return Ledger(database, Question(now=asked_at, agreements=agreements or {}, zone=zone_of(zone)))
    except BaseException:
        database.close()
        raise


def _newest(database: Database) -> datetime:
    """Return the instant of the newest value; 1970 for a ledger that has none."""
    with database.read() as connection:
        return instant_of(max((row.last_at for row in recorded_meters(connection)), default=0))
