from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from reports.frames import INSTANT, frame_of
from reports.rendering import Cell
from reports.rows import rows_of, scaled

SCHEMA = {"usage": "Int64", "upper": "Int64", "at": INSTANT, "rate": "float64", "ok": "bool", "name": "str"}
NOON = datetime(2026, 3, 2, 12, 0, 0, 5, tzinfo=UTC)
ROW: dict[str, object] = {"usage": 2**62 + 1, "upper": None, "at": NOON, "rate": None, "ok": True, "name": None}


def rows(*given: dict[str, object], scale: int | None = None) -> list[dict[str, Cell]]:
    schema = SCHEMA if scale is None else {**SCHEMA, "scale": "int64"}
    whole = [{**one, "scale": scale} for one in given]
    frame = frame_of({name: [one[name] for one in whole] for name in schema}, schema)
    return [dict(row) for row in rows_of(frame, list(SCHEMA))]


def test_row_has_the_asked_columns_in_their_order() -> None:
    frame = frame_of({"b": [1], "a": [2]}, {"b": "int64", "a": "int64"})
    assert list(rows_of(frame, ["a", "b"])[0]) == ["a", "b"]


def test_missing_values_are_none() -> None:
    assert rows(ROW, {**ROW, "upper": 5, "rate": 0.5, "name": "x", "at": None})[0] == {
        "usage": 2**62 + 1, "upper": None, "at": NOON, "rate": None, "ok": True, "name": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "kind"),
    [("usage", int), ("at", datetime), ("rate", float), ("ok", bool), ("name", str)],
)
def test_values_are_plain(column: str, kind: type) -> None:
    (row,) = rows({**ROW, "rate": 0.5, "name": "x"})
    assert type(row[column]) is kind


def test_no_rows_are_no_rows() -> None:
    assert rows() == []


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (1_500_000, 6, Decimal("1.500000")),
        (-5, 2, Decimal("-0.05")),
        (0, 6, Decimal("0.000000")),
        (2**63 - 1, 18, Decimal("9.223372036854775807")),
        (2**63 - 1, 0, 2**63 - 1),
        (None, 6, None),
    ],
)
def test_quantities_are_in_units(value: int | None, scale: int, expected: Cell) -> None:
    found = scaled(value, scale)
    assert (found, type(found)) == (expected, type(expected))


def test_scale_of_the_row_applies_to_its_quantities() -> None:
    (row,) = rows({**ROW, "usage": 1_500_000, "upper": 2_000_001}, scale=6)
    assert (row["usage"], row["upper"]) == (Decimal("1.500000"), Decimal("2.000001"))
