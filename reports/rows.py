"""From a frame to plain rows: exact integers, decimals, instants; nothing of pandas gets past here."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import pandas as pd

from reports.rendering import Cell, Row

_QUANTITIES = frozenset(
    {"usage", "lower", "upper", "quota", "used", "remaining", "projected_usage", "projected_lower", "projected_upper"}
)


def rows_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[Row]:
    """Return ``frame`` as rows of plain values with the given columns.

    Quantities are ``int`` where the row's ``scale`` is 0 and ``Decimal`` otherwise; missing values are None.
    """
    values = {column: _plain(frame[column]) for column in columns}
    scales = frame["scale"].tolist() if "scale" in frame else [0] * len(frame)
    for column in _QUANTITIES.intersection(columns):
        values[column] = [scaled(value, scale) for value, scale in zip(values[column], scales, strict=True)]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _plain(column: pd.Series) -> list[Cell]:
    missing = column.isna().tolist()
    return [None if gone else _cell(value) for value, gone in zip(column.tolist(), missing, strict=True)]


def _cell(value: object) -> Cell:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else cast("Cell", value)


def scaled(value: Cell, scale: int) -> Cell:
    """Return a quantity in units: an ``int`` where the meter has no decimal places, else a ``Decimal``."""
    return Decimal(value).scaleb(-scale) if scale and isinstance(value, int) else value
