"""PDF by WeasyPrint, from the page that HTML is made of: A4, numbered, tagged for those who listen, no network."""

from __future__ import annotations

import hashlib
import logging
from typing import BinaryIO

from collector.errors import CollectorError
from reports.document import Document
from reports.formats.html import paper_page

MOST_ROWS = 400
"""Rows of one table that a PDF shows."""
_TALKATIVE = ("weasyprint", "fontTools")


def write_pdf(document: Document, out: BinaryIO) -> None:
    """Write ``document`` as a tagged PDF (PDF/UA-1); a table beyond ``MOST_ROWS`` is cut, and says so.

    The same document gives the same bytes.

    Raises:
        CollectorError: The libraries behind WeasyPrint (Pango) are missing.
    """
    for name in _TALKATIVE:
        # It tells on stderr of every property that only browsers know.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        from weasyprint import HTML  # noqa: PLC0415 - optional, and slow to load
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except OSError as error:
        raise CollectorError(f"PDF needs the system's Pango libraries (libpango, libpangoft2): {error}") from None
    page = paper_page(document, MOST_ROWS)
    HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=("data",), allow_redirects=False)).write_pdf(
        out, pdf_variant="pdf/ua-1", pdf_identifier=hashlib.sha256(page.encode()).digest()[:16]
    )
