"""Makes documents, files and pictures; the only module of scheduled reports that knows who renders them.

Nothing heavy is imported before a report is made.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from collector.config import ReportFormat, ReportSettings
from collector.domain.report_schedule import ReportKind
from collector.errors import ConfigError
from reports.extras import CHARTS, OF_FORMATS, missing_package

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Chart, Document
    from reports.question import Question

MEDIA = {
    ReportFormat.HTML: "text/html",
    ReportFormat.PDF: "application/pdf",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.CSV: "text/csv",
    ReportFormat.JSON: "application/json",
    ReportFormat.MD: "text/markdown",
    ReportFormat.PARQUET: "application/vnd.apache.parquet",
    ReportFormat.PNG: "image/png",
}


def require_extras(report: ReportSettings) -> None:
    """Make sure that every format of a report can be written here.

    Raises:
        ConfigError: One needs an extra that is not installed.
    """
    for format_ in report.formats:
        extra = OF_FORMATS.get(format_.value)
        if extra is not None and missing_package(extra) is not None:
            raise ConfigError(
                f"report {report.name}: the format {format_} needs an extra that is not installed; "
                f"`pip install 'usage-collector[{extra}]'` installs it"
            )


_PART = 2


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as a PNG."""

    chart: Chart
    content: bytes


class Renders(Protocol):
    """What scheduled reports need of the reports."""

    def document(
        self, database: Database, kind: ReportKind, question: Question, period: str, invoice: Path | None
    ) -> Document:
        """Return a report as a document, held against an invoice where there is one."""

    def write(self, document: Document, format_: ReportFormat, out: BinaryIO) -> None:
        """Write a document in any format but PNG."""

    def drawings(self, document: Document, most: int) -> Iterator[Drawing]:
        """Yield the first charts of a document; none where charts cannot be drawn here."""


class Renderer:
    """The reports as they are."""

    def document(
        self, database: Database, kind: ReportKind, question: Question, period: str, invoice: Path | None
    ) -> Document:
        """Return a report as a document, held against an invoice where there is one.

        Raises:
            CollectorError: It cannot be made, or the invoice cannot be read.
        """
        from reports.documents import catalogue
        from reports.invoices import read_invoice

        if kind.of_billing_period:
            billed = None if invoice is None else read_invoice(invoice)
            return catalogue.document(kind.value, database, question, period=period, invoice=billed)
        return catalogue.document(kind.value, database, question)

    def write(self, document: Document, format_: ReportFormat, out: BinaryIO) -> None:
        """Write a document in any format but PNG.

        Raises:
            CollectorError: What the format needs is not installed.
        """
        from reports.formats.catalogue import write
        from reports.rendering import write_csv, write_json

        if format_ not in {ReportFormat.CSV, ReportFormat.JSON}:
            write(document, format_.value, out)
            return
        text, records = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True), document.records
        if format_ is ReportFormat.CSV:
            write_csv(records.rows, [column.key for column in records.columns], text)
        else:
            write_json(records.rows if document.objects is None else document.objects, text)
        text.detach()

    def drawings(self, document: Document, most: int) -> Iterator[Drawing]:
        """Yield the first charts of a document; none where the extra ``charts`` is not installed."""
        if missing_package(CHARTS) is not None:
            return
        from reports.charts.pictures import png

        for chart in charts_of(document)[:most]:
            yield Drawing(chart, png(chart))


def charts_of(document: Document) -> list[Chart]:
    """Return the charts of a document: the first one of each part, then the second of each, and so on.

    So the first few tell of every meter. Where several parts have charts, each is titled with its part too.
    """
    from reports.document import Chart

    parts: dict[str, list[Chart]] = {}
    title = document.title
    for section in document.sections:
        title = section.title if section.level == _PART else title
        charts = [block for block in section.blocks if isinstance(block, Chart)]
        if charts:
            parts.setdefault(title, []).extend(charts)
    if len(parts) == 1:
        return next(iter(parts.values()))
    titled = [[replace(one, title=f"{part}: {one.title}") for one in charts] for part, charts in parts.items()]
    return [chart for rank in zip_longest(*titled) for chart in rank if chart is not None]
