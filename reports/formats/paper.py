"""Tables on paper: how wide each column must be, in which size of type all of them fit, and on which way of the sheet.

Nothing may run off a page. So a table that is too wide for an upright page gets smaller type, then loses the columns
that say the same in every row, which a sentence says instead, and then lies across the page; whatever is wider still
breaks its lines anywhere. Widths are worked out from the cells and given to the page, which is much quicker than to let
it find them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.document import Block, Chart, Column, Kind, Table
from reports.formats.cells import UNKNOWN
from reports.rendering import Row

APPENDED = 60
"""Rows of a chart's figures that paper shows besides its picture."""
UPRIGHT, ACROSS = 178.0, 265.0
"""Millimetres between the margins of an A4 page, upright and lying across."""
_SIZES = (8.5, 7.5, 6.5)
_POINT = 0.3528  # millimetres
_EM = 0.66  # a figure's width in the widest usual face, DejaVu Sans, and a little more
_PADDING = 3.2  # millimetres left and right of a cell together


@dataclass(frozen=True, slots=True)
class _Text:
    """How many characters of text stand in one line of a cell, and how long a word is kept in one piece."""

    line: int
    word: int


# An identifier has 36 characters; only at the last is it broken.
_TEXT = (_Text(34, 38), _Text(22, 38), _Text(22, 18), _Text(12, 12))


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a table lies on paper.

    Attributes:
        kept: Places of the columns that are shown, in order.
        widths: Of each of them, in per cent.
        size: Of the type, in points.
        across: Whether the table needs a page that lies across.
        same: Sentence that tells the columns that are left out; empty for none.
        whole: Whether every figure has room on one line.
    """

    kept: tuple[int, ...]
    widths: tuple[float, ...]
    size: float
    across: bool
    same: str
    whole: bool = True


def laid_out(columns: Sequence[Column], titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Sheet:
    """Return how a table lies on paper.

    Args:
        columns: All of them.
        titles: What stands above each.
        rows: The cells that are shown, in words.
    """
    every = tuple(range(len(columns)))
    differ = tuple(place for place in every if len({row[place] for row in rows}) > 1)
    varied = differ or every
    needs = {
        text: [
            _need(one, title, [row[place] for row in rows], text)
            for place, (one, title) in enumerate(zip(columns, titles, strict=True))
        ]
        for text in _TEXT
    }
    tries = [*((every, text, False) for text in _TEXT[:2]), (varied, _TEXT[1], False)]
    tries += [(varied, text, True) for text in _TEXT]
    for kept, text, across in tries:
        wanted = [needs[text][place] for place in kept]
        for size in _SIZES:
            if _millimetres(wanted, size) <= (ACROSS if across else UPRIGHT):
                return Sheet(kept, _shares(wanted), size, across, _said(titles, rows, kept))
    wanted = [needs[_TEXT[-1]][place] for place in varied]
    return Sheet(varied, _shares(wanted), _SIZES[-1], across=True, same=_said(titles, rows, varied), whole=False)


def _need(column: Column, title: str, cells: Sequence[str], text: _Text) -> int:
    """Return how many characters wide a column must be: its figures whole, its text in lines and words of ``text``."""
    head = math.ceil(1.15 * max(map(len, title.split()), default=0))  # it is bold
    longest = max(map(len, cells), default=0)
    if column.kind is Kind.TEXT:
        words = max((len(word) for cell in cells for word in cell.split()), default=0)
        longest = max(min(longest, text.line), min(words, text.word))
    return max(head, longest)


def _millimetres(wanted: Sequence[int], size: float) -> float:
    return sum(count * size * _EM * _POINT + _PADDING for count in wanted)


def _shares(wanted: Sequence[int]) -> tuple[float, ...]:
    whole = _millimetres(wanted, _SIZES[0])
    return tuple(round(100 * _millimetres([count], _SIZES[0]) / whole, 2) for count in wanted)


def _said(titles: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> str:
    """Return the sentence about the columns that are left out because every row says the same."""
    left = [place for place in range(len(titles)) if place not in kept]
    told = [f"{titles[place]}: {rows[0][place]}" for place in left if rows[0][place] not in {"", UNKNOWN}]
    empty = [titles[place] for place in left if rows[0][place] in {"", UNKNOWN}]
    said = f"The same in every row shown – {'; '.join(told)}." if told else ""
    none = f"Empty in every row shown – {', '.join(empty)}." if empty else ""
    return " ".join(one for one in (said, none) if one)


def is_repeated(chart: Chart, blocks: Sequence[Block]) -> bool:
    """Tell whether one of the tables among ``blocks`` holds all figures of ``chart``: they need not stand twice."""
    keys = [one.key for one in chart.table.columns if one.kind is not Kind.FLAG]
    wanted = {tuple(row.get(key) for key in keys) for row in chart.table.rows}
    return any(wanted <= {tuple(row.get(key) for key in keys) for row in rows} for rows in _holding(keys, blocks))


def _holding(keys: Sequence[str], blocks: Sequence[Block]) -> Iterator[Sequence[Row]]:
    """Yield the rows of the tables that have all the columns; a stream is not read for that."""
    for one in blocks:
        if isinstance(one, Table) and {column.key for column in one.columns}.issuperset(keys):
            yield from [one.rows] if isinstance(one.rows, Sequence) else []
