"""Rows as JSON and CSV, and files that appear whole or not at all.

JSON: stable keys, exact decimals as strings, instants as ``2026-01-31T23:59:59Z``, shares and rates as numbers, what is
not known as null; characters that a terminal would obey or that turn a line around are escaped. CSV has the same
columns; text that a spreadsheet would run as a formula gets a leading apostrophe. Rows are written as they come, so a
long report never has to fit into memory.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, TextIO, TypeAlias

from collector.domain.instants import format_instant
from collector.errors import CollectorError, UsageError
from collector.store.files import require_replaceable

Cell: TypeAlias = str | int | float | bool | Decimal | datetime | None
Row: TypeAlias = Mapping[str, Cell]
# What only JSON can hold: lists and objects of cells, to any depth.
Value: TypeAlias = "Cell | Sequence[Value] | Mapping[str, Value]"

# What spreadsheets take for the start of a formula, the full-width forms included.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_PARTIAL = re.compile(r"\.([0-9]{1,10})-[0-9]+\.partial", re.ASCII)
_DAY_SECONDS = 24 * 60 * 60
_BREAKS = ("\t", "\r", "\n")


def write_json(rows: Iterable[Mapping[str, Value]], out: TextIO) -> None:
    """Write ``rows`` as a JSON list of objects, one a line; values may be nested."""
    out.write("[")
    separator = "\n"
    for row in rows:
        out.write(separator + _object(row))
        separator = ",\n"
    out.write("]\n" if separator == "\n" else "\n]\n")


def write_object(row: Mapping[str, Value], out: TextIO) -> None:
    """Write one row as a JSON object on a line of its own."""
    out.write(_object(row) + "\n")


def _object(row: Mapping[str, Value]) -> str:
    text = json.dumps({key: _json(value) for key, value in row.items()}, ensure_ascii=False)
    # Outside of strings JSON is printable ASCII, so whatever is not printable here stands in one.
    return text if text.isprintable() else "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _json(value: Value) -> object:
    match value:
        case Mapping():
            return {key: _json(one) for key, one in value.items()}
        case list() | tuple():
            return [_json(one) for one in value]
        case datetime():
            return format_instant(value)
        case Decimal():
            return format(value, "f")
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value


def write_csv(rows: Iterable[Row], columns: Sequence[str], out: TextIO) -> None:
    """Write ``rows`` as CSV (RFC 4180) with a header of ``columns``."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv(row[column]) for column in columns])


def _csv(value: Cell) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # Also where apostrophes stand before the formula already, so that one can be taken back without a doubt.
            return f"'{value}" if _is_formula(value.lstrip("'")) else value
        case _:
            plain = _json(value)
            return "" if plain is None else str(plain)


def without_apostrophe(cell: str) -> str:
    """Return the text that ``write_csv`` wrote as ``cell``."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell.lstrip("'")) else cell


def _is_formula(text: str) -> bool:
    """Tell whether a spreadsheet may run ``text``: also behind blanks and characters that nobody sees."""
    seen = next((place for place, one in enumerate(text) if one.isprintable() and not one.isspace()), len(text))
    return text.startswith(_BREAKS) or text.startswith(_FORMULA, seen)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a new text file of mode 0600 that takes the name ``path`` once it is written whole.

    Only a regular file is replaced, and only by a whole one: after an exception, also the caller's, everything is as it
    was before. Several writers do not disturb each other; the last to finish stays.

    Raises:
        UsageError: ``path`` is a folder, a link or a device, or its folder is not there or not writable.
        CollectorError: The file cannot be written to its end, such as on a full disk.
    """
    with _whole(path) as handle, os.fdopen(handle, "w", encoding="utf-8", newline="", closefd=False) as out:
        yield out


@contextmanager
def whole_binary_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file as ``whole_file`` does, for bytes.

    Raises:
        UsageError: As ``whole_file``.
        CollectorError: As ``whole_file``.
    """
    with _whole(path) as handle, os.fdopen(handle, "w+b", closefd=False) as out:
        yield out


@contextmanager
def _whole(path: Path) -> Iterator[int]:
    """Give the handle of a new file; its writer must have flushed it when the body ends."""
    require_replaceable(path)
    handle, partial = _new_file_beside(path)
    _remove_remains(path.parent, os.fstat(handle).st_mtime)
    try:
        try:
            yield handle
            os.fsync(handle)
        finally:
            os.close(handle)
        require_replaceable(path)
        partial.replace(path)
    except OSError as error:
        raise CollectorError(f"cannot write {path}: {error.strerror}; nothing was left behind") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _remove_remains(folder: Path, now: float) -> None:
    """Remove what killed writers left in a folder: whose process is gone, or which is a day older than ``now``."""
    with suppress(OSError):
        for left in folder.glob(".*-*.partial"):
            found = _PARTIAL.fullmatch(left.name)
            if found is not None and _is_left(left, int(found[1]), now):
                left.unlink(missing_ok=True)


def _is_left(partial: Path, pid: int, now: float) -> bool:
    if now - partial.stat().st_mtime > _DAY_SECONDS:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _new_file_beside(path: Path) -> tuple[int, Path]:
    attempt = 0
    while True:
        # Short whatever the report is called: its own name may be as long as names can be.
        partial = path.with_name(f".{os.getpid()}-{attempt}.partial")
        try:
            return os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), partial
        except FileExistsError:
            attempt += 1
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
