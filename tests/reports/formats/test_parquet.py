"""Parquet, read back: exact types, whole numbers, whole text."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.document import Column, Document, Kind, Table
from reports.formats.parquet import write_parquet
from reports.rendering import Cell
from tests.reports.formats.samples import EVERY_KIND, EXACT, HOSTILE, MADE_AT, day_rows, empty, every_kind, sample


def table_of(document: Document) -> pa.Table:
    out = io.BytesIO()
    write_parquet(document, out)
    return pq.read_table(io.BytesIO(out.getvalue()))


def of_column(kind: Kind, *cells: Cell) -> pa.Table:
    return table_of(
        Document("x", "X", "", MADE_AT, Table("x", "X", (Column("c", "C", kind),), [{"c": one} for one in cells]))
    )


def test_records_come_back_as_they_were() -> None:
    found = table_of(sample()).to_pylist()
    columns = ("account", "day", "usage", "lower", "upper", "coverage", "partial")
    expected = [{key: row[key] for key in columns} for row in day_rows()]
    assert found == [{**row, "day": date.fromisoformat(str(row["day"]))} for row in expected]


@pytest.mark.parametrize(
    ("kind", "cells", "type_"),
    [
        (Kind.QUANTITY, (1, None, 2**63 - 1), pa.int64()),
        (Kind.QUANTITY, (1, 2**63), pa.decimal128(38, 12)),
        (Kind.QUANTITY, (Decimal("1.25"), 3), pa.decimal128(38, 12)),
        (Kind.QUANTITY, (10**40,), pa.decimal256(76, 12)),
        (Kind.QUANTITY, (Decimal("0.1234567890123"),), pa.decimal256(76, 38)),
        (Kind.MONEY, (Decimal("18.42"), None), pa.decimal128(38, 12)),
        (Kind.MONEY, (Decimal("0.004217"), 1), pa.decimal128(38, 12)),
        (Kind.MONEY, (None,), pa.decimal128(38, 12)),
        (Kind.COUNT, (3,), pa.int64()),
        (Kind.SHARE, (0.5, None), pa.float64()),
        (Kind.SECONDS, (4, 0.5), pa.float64()),
        (Kind.DAY, ("2026-10-01", None), pa.date32()),
        (Kind.INSTANT, (datetime(2026, 10, 1, 2, 3, 4, 567891, tzinfo=UTC), None), pa.timestamp("us", tz="UTC")),
        (Kind.FLAG, (True, None), pa.bool_()),
        (Kind.TEXT, ("x", None), pa.string()),
    ],
)
def test_column_has_the_exact_type_of_its_kind(kind: Kind, cells: tuple[Cell, ...], type_: pa.DataType) -> None:
    found = of_column(kind, *cells)
    assert found.schema.field("c").type == type_
    assert [date.fromisoformat(one) if type_ == pa.date32() and isinstance(one, str) else one for one in cells] == (
        found.column("c").to_pylist()
    )


def test_a_later_row_may_need_more_than_the_first() -> None:
    assert of_column(Kind.QUANTITY, *range(30_000), Decimal("0.125")).column("c").to_pylist()[-1] == Decimal("0.125")


def test_hostile_text_is_kept_whole() -> None:
    document = Document("x", "X", "", MADE_AT, Table("x", "X", EVERY_KIND, every_kind()))
    found = table_of(document)
    names = found.column("name").to_pylist()
    assert names[: len(HOSTILE)] == [one.replace("\ud800", "\\ud800") for one in HOSTILE]
    assert [int(one) for one in found.column("quantity").to_pylist()[len(HOSTILE) :]] == EXACT


def test_metadata_names_the_report_and_its_time() -> None:
    metadata = table_of(sample()).schema.metadata
    assert (metadata[b"report"], metadata[b"made_at"]) == (b"daily", b"2026-11-01T08:00:00Z")


def test_empty_history_has_its_columns() -> None:
    found = table_of(empty())
    assert (found.num_rows, found.column_names[:2]) == (0, ["account", "day"])
