"""Writes facts as files that import to the same ledger: every observation of every meter, and the request records."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, TextIO, cast
from zoneinfo import ZoneInfo

from collector.app.import_cells import COLUMNS, Kind
from collector.app.printing import output_stream
from collector.domain.calendar import start_of_day
from collector.domain.instants import DAY, SECOND, instant_of, micros_of
from collector.domain.quantities import quantity_text
from collector.store.engine import Database
from collector.store.exporting import ExportMeter, export_meters, observed_between
from reports.question import Question
from reports.rendering import whole_file, write_csv, write_object
from reports.requests import request_rows

_AT_ONCE = 2000


@contextmanager
def export_stream(output: Path | None) -> Iterator[TextIO]:
    """Open where an export goes: the screen or a file that appears whole, packed if its name ends in ``.gz``.

    The same rows give the same bytes: what is packed names neither the file nor the time.
    """
    if output is None:
        yield output_stream()
        return
    with whole_file(output) as out:
        if output.suffix != ".gz":
            yield out
            return
        plain = cast("BinaryIO", cast("io.TextIOWrapper", out).buffer)
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
            text = io.TextIOWrapper(cast("BinaryIO", packed), encoding="utf-8", newline="")
            yield text
            text.flush()
            text.detach()


def export_snapshots(database: Database, question: Question, out: TextIO, *, as_csv: bool) -> None:
    """Write every observation of the meters asked for, by account, meter and time."""
    columns = COLUMNS[Kind.SNAPSHOTS]
    if as_csv:
        out.write(",".join(columns) + "\r\n")
    clock = _Written()
    with database.read() as connection:
        for meter in export_meters(connection, question.accounts, question.meters):
            before, between, after = _csv_frame(meter) if as_csv else _json_frame(meter)
            lines: list[str] = []
            for at, value in observed_between(connection, meter, *_span(question, meter)):
                lines.append(f"{before}{clock.text(at)}{between}{quantity_text(value, meter.scale)}{after}")
                if len(lines) >= _AT_ONCE:
                    out.write("".join(lines))
                    lines = []
            out.write("".join(lines))


def _csv_frame(meter: ExportMeter) -> tuple[str, str, str]:
    head = io.StringIO()
    csv.writer(head, lineterminator=",").writerow([meter.account, meter.name])
    return head.getvalue(), ",", "\r\n"


def _json_frame(meter: ExportMeter) -> tuple[str, str, str]:
    head = json.dumps({"account": meter.account, "meter": meter.name})[:-1]
    # A decimal is a string, as in every other JSON of ours.
    mark = '"' if meter.scale else ""
    return f'{head}, "observed_at": "', f'", "value": {mark}', f"{mark}}}\n"


def _span(question: Question, meter: ExportMeter) -> tuple[int | None, int | None]:
    zone = question.agreement_of(meter.account, meter.timezone).zone
    first, last = question.dates(zone)
    return _start_of(first, zone), _start_of(last, zone)


def _start_of(day: date | None, zone: ZoneInfo) -> int | None:
    return None if day is None else micros_of(start_of_day(day, zone))


class _Written:
    """Writes instants; those of one day share its date."""

    __slots__ = ("_date", "_start")

    def __init__(self) -> None:
        self._start, self._date = -1, ""

    def text(self, at: int) -> str:
        """Return RFC 3339 in UTC, with microseconds only where there are any, as ``format_instant`` writes it."""
        since = at - self._start
        if not 0 <= since < DAY or not self._date:
            since = at % DAY
            self._start, self._date = at - since, instant_of(at).date().isoformat()
        seconds, micros = divmod(since, SECOND)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        fraction = f".{micros:06}" if micros else ""
        return f"{self._date}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


def export_requests(database: Database, question: Question, out: TextIO, *, as_csv: bool) -> None:
    """Write the request records asked for, by account, time of creation and id."""
    rows = request_rows(database, question)
    if as_csv:
        write_csv(rows, COLUMNS[Kind.REQUESTS], out)
        return
    for row in rows:
        write_object(row, out)
