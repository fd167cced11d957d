"""Rows as JSON and CSV, and files that appear whole or not at all.

JSON: stable keys, exact decimals as strings, instants as ``2026-01-31T23:59:59Z``, shares and rates as numbers. CSV has
the same columns; text that a spreadsheet would run as a formula gets a leading apostrophe. Rows are written as they
come, so a long report never has to fit into memory.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO, TypeAlias

from collector.domain.instants import format_instant
from collector.errors import UsageError
from collector.store.files import require_replaceable

Cell: TypeAlias = str | int | float | bool | Decimal | datetime | None
Row: TypeAlias = Mapping[str, Cell]

# What spreadsheets take for the start of a formula, the full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the look-alikes are meant


def write_json(rows: Iterable[Row], out: TextIO) -> None:
    """Write ``rows`` as a JSON list of objects, one a line."""
    out.write("[")
    separator = "\n"
    for row in rows:
        out.write(separator + json.dumps({key: _json(value) for key, value in row.items()}, ensure_ascii=False))
        separator = ",\n"
    out.write("]\n" if separator == "\n" else "\n]\n")


def write_object(row: Row, out: TextIO) -> None:
    """Write one row as a JSON object on a line of its own."""
    out.write(json.dumps({key: _json(value) for key, value in row.items()}, ensure_ascii=False) + "\n")


def _json(value: Cell) -> str | int | float | bool | None:
    if isinstance(value, datetime):
        return format_instant(value)
    return format(value, "f") if isinstance(value, Decimal) else value


def write_csv(rows: Iterable[Row], columns: Sequence[str], out: TextIO) -> None:
    """Write ``rows`` as CSV (RFC 4180) with a header of ``columns``."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv(row[column]) for column in columns])


def _csv(value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value
        case _:
            return str(_json(value))


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a new file of mode 0600 that takes the name ``path`` once it is written whole.

    Only a regular file is replaced.

    Raises:
        UsageError: ``path`` is a folder, a link or a device, or its folder is not there or not writable.
    """
    require_replaceable(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(handle)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
