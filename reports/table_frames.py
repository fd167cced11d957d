"""A report's rows as a DataFrame: every column has the dtype that its kind says, whatever the values happen to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pandas as pd

from reports.document import Kind, Table
from reports.frames import INSTANT
from reports.rendering import Cell

_DTYPES: Mapping[Kind, str] = {
    Kind.TEXT: "str",
    Kind.COUNT: "Int64",
    Kind.SHARE: "float64",
    Kind.DAY: "datetime64[s]",
    Kind.INSTANT: INSTANT,
    Kind.FLAG: "boolean",
}
_LIMIT = 2**63


def frame_of_table(table: Table) -> pd.DataFrame:
    """Return ``table`` as a frame, its rows read to their end.

    Args:
        table: A report's records.

    Returns:
        One row per row, index 0…n-1, a column per column under its key. Text is ``str``, counts ``Int64``, shares
        ``float64``, flags ``boolean``, instants ``datetime64[us, UTC]``, local days ``datetime64[s]`` without zone.
        Quantities are ``Int64``; where the meter has decimal places, or a number is beyond 64 bits, they are exact
        Python objects (``Decimal``, ``int``), as money always is. Rates and durations are ``float64``, or exact objects
        where a report tells them exactly. What is not known is missing, never 0. No rows for an empty table, with the
        same columns.
    """
    rows = list(table.rows)
    cells = {one.key: [row.get(one.key) for row in rows] for one in table.columns}
    return pd.DataFrame({one.key: _series(cells[one.key], one.kind) for one in table.columns})


def _series(cells: Sequence[Cell], kind: Kind) -> pd.Series:
    return pd.Series(list(cells), dtype=_dtype(cells, kind))


def _dtype(cells: Sequence[Cell], kind: Kind) -> str:
    known = [one for one in cells if one is not None]
    match kind:
        case Kind.MONEY:
            return "object"
        case Kind.QUANTITY | Kind.COUNT:
            whole = all(isinstance(one, int) and -_LIMIT <= one < _LIMIT for one in known)
            return "Int64" if whole else "object"
        case Kind.NUMBER | Kind.SECONDS:
            # An integer is a float without loss up to 2^53.
            exact = any(isinstance(one, Decimal) or (isinstance(one, int) and abs(one) > 2**53) for one in known)
            return "object" if exact else "float64"
        case _:
            return _DTYPES[kind]
