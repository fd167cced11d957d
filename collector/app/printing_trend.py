"""Prints trends and summaries of requests: pages for people, the same figures as JSON or CSV for programs."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from collector.app.printing import print_table
from reports.rendering import write_csv, write_json

if TYPE_CHECKING:
    from reports.request_summary import RequestSummary
    from reports.trend.report import TrendReport

_NOTHING = "nothing was recorded in this range; `collector poll` records, `collector status` tells more\n"


def print_trend(found: Iterable[TrendReport], chosen: str, out: TextIO) -> None:
    """Write the report ``trend`` to ``out`` as ``table``, ``json`` or ``csv``, one meter after another."""
    from reports.trend.pages import trend_pages
    from reports.trend.report import LONG_COLUMNS, long_rows

    if chosen == "json":
        write_json((report.facts for report in found), out)
    elif chosen == "csv":
        write_csv((row for report in found for row in long_rows(report)), LONG_COLUMNS, out)
    else:
        reports = list(found)
        if reports:
            print_table(trend_pages(reports), out)
        else:
            sys.stderr.write(_NOTHING)


def print_request_summary(found: Iterable[RequestSummary], chosen: str, out: TextIO) -> None:
    """Write the report ``requests --summary`` to ``out`` as ``table``, ``json`` or ``csv``."""
    from reports.request_pages import summary_pages
    from reports.request_summary import FLAT_COLUMNS, flat_row

    if chosen == "json":
        write_json((one.facts for one in found), out)
    elif chosen == "csv":
        write_csv((flat_row(one) for one in found), FLAT_COLUMNS, out)
    else:
        found = iter(found)
        first = next(found, None)
        if first is None:
            sys.stderr.write(_NOTHING)
        else:
            print_table(summary_pages(itertools.chain([first], found)), out)
