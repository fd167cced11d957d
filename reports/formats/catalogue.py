"""The formats by name: each writes any document; what an optional package is needed for says so before work starts."""

from __future__ import annotations

from typing import BinaryIO

from collector.errors import UsageError
from reports.document import Document
from reports.extras import OF_FORMATS, missing_package
from reports.formats.html import write_html
from reports.formats.markdown import write_markdown
from reports.formats.parquet import write_parquet
from reports.formats.pdf import write_pdf
from reports.formats.xlsx import write_xlsx

WRITERS = {
    "md": write_markdown,
    "html": write_html,
    "xlsx": write_xlsx,
    "parquet": write_parquet,
    "pdf": write_pdf,
}
ENDINGS = {one: f".{one}" for one in WRITERS}
"""By format the ending of its files."""


def require_installed(format_: str) -> None:
    """Make sure that ``format_`` can be written here.

    Raises:
        UsageError: There is no such format, or the extra that it needs is not installed.
    """
    if format_ not in WRITERS:
        raise UsageError(f"there is no format {format_!r} for a document (known: {', '.join(WRITERS)})")
    extra = OF_FORMATS.get(format_)
    package = None if extra is None else missing_package(extra)
    if package is not None:
        raise UsageError(
            f"{format_} needs {package}, which is not installed; `pip install 'usage-collector[{extra}]'` installs it"
        )


def write(document: Document, format_: str, out: BinaryIO) -> None:
    """Write ``document`` to ``out`` in ``format_``, one of ``WRITERS``.

    Raises:
        UsageError: As ``require_installed``.
        CollectorError: The system lacks what the format needs, such as the libraries behind PDF.
    """
    require_installed(format_)
    WRITERS[format_](document, out)
