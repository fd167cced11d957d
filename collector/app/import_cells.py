"""Takes the lines of a file apart into rows of cells: CSV with a header, or JSON Lines.

Which of them it is, is told from the first character, and what the rows are from the names of the columns. Every cell
is a text: an empty one stands for null, a number of JSON keeps its digits as they are written.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from operator import itemgetter
from typing import Any, NoReturn, TypeAlias

from collector.errors import UsageError
from reports.rendering import without_apostrophe
from reports.requests import COLUMNS as REQUEST_COLUMNS

Cells: TypeAlias = tuple[str, ...]

_MOST_LINES = 100  # a quoted cell may go on for some lines, not to the end of the file


class Kind(StrEnum):
    """What the rows of a file are."""

    SNAPSHOTS = "snapshots"
    REQUESTS = "requests"


COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.SNAPSHOTS: ("account", "meter", "observed_at", "value"),
    Kind.REQUESTS: REQUEST_COLUMNS,
}
_FIGURES = {"value", "credits_used"}


class Number(str):
    """A number of JSON, to the letter."""

    __slots__ = ()


def rows_of(lines: Iterator[str], name: str) -> tuple[Kind, Iterator[tuple[int, Cells]]]:
    """Return what the rows are, and the rows: each with the number of its line and its cells in order of ``COLUMNS``.

    Raises:
        UsageError: The file is empty or is neither kind; also while the rows are read, if one is not as it should be.
    """
    number = 1
    for line in lines:
        if line.strip():
            break
        number += 1
    else:
        raise UsageError(f"{name} is empty; the first line of a CSV file names its columns: {_ways()}")
    start = line.lstrip()[0]
    if start == "[":
        raise UsageError(f"{name} holds one JSON list; write JSON Lines instead: an object in each line")
    if start == "{":
        return _json_rows(chain([line], lines), number)
    return _csv_rows(chain([line], lines), number)


def _ways() -> str:
    return " or ".join(",".join(columns) for columns in COLUMNS.values())


def _kind_of(columns: Sequence[str], number: int) -> Kind:
    """Return which kind of rows has ``columns``.

    Raises:
        UsageError: One is missing, unknown or named twice.
    """
    twice = next((one for place, one in enumerate(columns) if one in columns[:place]), None)
    if twice is not None:
        raise UsageError(f"line {number} names the column {shown(twice)} twice")
    named = set(columns)
    kind = Kind.REQUESTS if "request_id" in named else Kind.SNAPSHOTS
    wanted = COLUMNS[kind]
    if not named & {"request_id", "meter", "value", "observed_at"}:
        raise UsageError(f"line {number} names none of the columns of a file to import: {_ways()}")
    for problem, names in (("is missing", [one for one in wanted if one not in named]),
                           ("is unknown", [one for one in columns if one not in wanted])):  # fmt: skip
        if names:
            raise UsageError(
                f"line {number}: the column {shown(names[0])} {problem}; {kind} have {','.join(wanted)} in any order"
            )
    return kind


def _csv_rows(lines: Iterator[str], first: int) -> tuple[Kind, Iterator[tuple[int, Cells]]]:
    bounded = _Bounded(lines)
    reader = csv.reader(bounded, strict=True)
    records = _records(reader, bounded, first)
    _, named = next(records, (first, []))
    if not named:
        raise UsageError(f"line {first} names no column; the first line of a CSV file names its columns: {_ways()}")
    header = [one.strip() for one in named]
    kind = _kind_of(header, first)
    ordered: Callable[[list[str]], Cells] = itemgetter(*map(header.index, COLUMNS[kind]))
    width = len(header)

    def rows() -> Iterator[tuple[int, Cells]]:
        for number, record in records:
            if len(record) != width:
                raise UsageError(f"line {number} has {len(record)} columns, the header {width}")
            yield number, ordered(record)

    # Names of accounts and meters need no apostrophe; ids and words of a provider may.
    return kind, rows() if kind is Kind.SNAPSHOTS else _without_apostrophes(rows())


def _without_apostrophes(rows: Iterable[tuple[int, Cells]]) -> Iterator[tuple[int, Cells]]:
    """Take back the apostrophes with which our own CSV keeps spreadsheets from running a cell."""
    for number, cells in rows:
        yield number, tuple(map(without_apostrophe, cells)) if any(one[:1] == "'" for one in cells) else cells


class _Bounded:
    """Lines that end with an error where one record would take too many of them."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.left = _MOST_LINES

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.left -= 1
        if self.left < 0:
            raise csv.Error("a quote is not closed")
        return next(self._lines)


def _records(reader: Any, bounded: _Bounded, first: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the number of the line where it begins."""
    number = first
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield number, record
            bounded.left = _MOST_LINES
            number = reader.line_num + first
    except csv.Error as error:
        raise UsageError(f"line {number} is not CSV: {error}") from None


def _json_rows(lines: Iterator[str], first: int) -> tuple[Kind, Iterator[tuple[int, Cells]]]:
    objects = _objects(lines, first)
    number, one = next(objects)
    kind = _kind_of(list(one), number)
    columns = COLUMNS[kind]
    wanted = set(columns)
    ordered = itemgetter(*columns)
    figures = tuple(name in _FIGURES for name in columns)

    def rows() -> Iterator[tuple[int, Cells]]:
        for number, found in chain([(first, one)], objects):
            if found.keys() != wanted:
                _kind_of(list(found), number)
                raise UsageError(f"line {number} is of another kind than the lines before it")
            cells = ordered(found)
            yield number, tuple(map(_text, cells, figures)) if _is_plain(cells) else _refuse(number, columns, cells)

    return kind, rows()


def _is_plain(cells: Sequence[object]) -> bool:
    return all(one is None or isinstance(one, str) for one in cells)


def _text(cell: str | None, is_figure: bool) -> str:
    if cell is None:
        return ""
    # A number where a text belongs is left to whoever reads the cell: no account, id or instant is written like this.
    return f"number {cell}" if type(cell) is Number and not is_figure else cell


def _refuse(number: int, columns: Sequence[str], cells: Sequence[object]) -> NoReturn:
    wrong = next(name for name, one in zip(columns, cells, strict=True) if not (one is None or isinstance(one, str)))
    raise UsageError(f"line {number}: {wrong} is neither a text nor a number nor null")


def _objects(lines: Iterator[str], first: int) -> Iterator[tuple[int, dict[str, object]]]:
    decode = json.JSONDecoder(
        object_pairs_hook=_once, parse_int=Number, parse_float=Number, parse_constant=_no_constant
    ).decode
    for number, line in enumerate(lines, first):
        if line.isspace():
            continue
        try:
            found = decode(line)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]
            raise UsageError(f"line {number} is not a JSON object: {reason}") from None
        if not isinstance(found, dict):
            raise UsageError(f"line {number} is not a JSON object")
        yield number, found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def shown(text: str) -> str:
    """Return a text of the file as a message may hold it: short and without anything that a terminal obeys."""
    return ascii(text if len(text) <= 60 else text[:57] + "…")
