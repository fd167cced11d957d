"""Parquet: a report's own rows with exact types, written in groups so that a long report never has to fit into memory.

What a column's numbers need, whole or with places, is known only when all of them were seen. So rows go to a temporary
file first, exact numbers as text, and from there into their final types: nothing is guessed, nothing rounded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from collector.domain.instants import format_instant
from reports.document import Column, Document, Kind, Table
from reports.formats.inert import encodable
from reports.rendering import Cell, Row

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 8_000
_EXACT = frozenset({Kind.QUANTITY, Kind.COUNT, Kind.MONEY})
_LIMIT = 2**63
# Digits in all and after the point: the first that holds a column's numbers. One for nearly all data, so that files of
# different months have the same columns.
_DECIMALS = (38, 12), (76, 12), (76, 38)


def write_parquet(document: Document, out: BinaryIO) -> None:
    """Write ``document.records``: one column for each of theirs, its name the key.

    Whole quantities are int64, others and those beyond it decimal like money, with 12 places unless a number has more
    digits than that holds; days are date32, instants timestamp[us, UTC]; rates, shares and seconds float64. The file's
    metadata name the report and when it was made.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - optional, and slow to load

    records = document.records
    spans = {one.key: _Span() for one in records.columns}
    with tempfile.TemporaryFile() as held:
        first = _schema(records, {one.key: _first_type(one) for one in records.columns})
        with pq.ParquetWriter(held, first) as writer:
            for batch in _batches(records, spans, first):
                writer.write_batch(batch)
        held.seek(0)
        _convert(held, document, spans, out)


def _convert(held: BinaryIO, document: Document, spans: dict[str, _Span], out: BinaryIO) -> None:
    """Copy the held rows to ``out``, exact numbers in the smallest type that holds all of their column."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    records = document.records
    types = {one.key: spans[one.key].type(one) if one.kind in _EXACT else _first_type(one) for one in records.columns}
    schema = _schema(records, types).with_metadata(
        {"report": document.name, "title": encodable(document.title), "made_at": format_instant(document.made_at)}
    )
    source = pq.ParquetFile(held)
    with tempfile.TemporaryFile() as made:
        with pq.ParquetWriter(made, schema, compression="zstd") as writer:
            for batch in source.iter_batches(batch_size=_AT_ONCE):
                columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
        made.seek(0)
        while piece := made.read(1 << 20):
            out.write(piece)


def _schema(records: Table, types: dict[str, pa.DataType]) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - as above

    return pa.schema([(one.key, types[one.key]) for one in records.columns])


def _first_type(column: Column) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - as above

    match column.kind:
        case Kind.NUMBER | Kind.SHARE | Kind.SECONDS:
            return pa.float64()
        case Kind.DAY:
            return pa.date32()
        case Kind.INSTANT:
            return pa.timestamp("us", tz="UTC")
        case Kind.FLAG:
            return pa.bool_()
        case _:
            return pa.string()


@dataclass(slots=True)
class _Span:
    """How many digits the numbers of a column have before and after the point."""

    whole: int = 1
    places: int = 0
    beyond: bool = field(default=False)

    def see(self, value: Decimal) -> None:
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)  # noqa: S101 - no amount is infinite
        self.places = max(self.places, -exponent)
        self.whole = max(self.whole, len(digits) + exponent)
        self.beyond = self.beyond or not -_LIMIT <= value < _LIMIT

    def type(self, column: Column) -> pa.DataType:
        import pyarrow as pa  # noqa: PLC0415 - as above

        if column.kind is not Kind.MONEY and not self.places and not self.beyond:
            return pa.int64()
        for digits, places in _DECIMALS:
            if self.places <= places and self.whole <= digits - places:
                return pa.decimal128(digits, places) if digits == _DECIMALS[0][0] else pa.decimal256(digits, places)
        return pa.string()


def _batches(records: Table, spans: dict[str, _Span], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    rows = iter(records.rows)
    while group := list(islice(rows, _AT_ONCE)):
        arrays = [
            pa.array(_values(group, column, spans[column.key]), type=field.type)
            for column, field in zip(records.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(rows: Sequence[Row], column: Column, span: _Span) -> Iterable[object]:
    cells = [row.get(column.key) for row in rows]
    if column.kind in _EXACT:
        return [None if cell is None else _exact(cell, span) for cell in cells]
    return [None if cell is None else _plain(cell, column.kind) for cell in cells]


def _exact(cell: Cell, span: _Span) -> str:
    value = Decimal(str(cell))
    span.see(value)
    return format(value, "f")


def _plain(cell: Cell, kind: Kind) -> object:
    match kind:
        case Kind.DAY:
            return date.fromisoformat(str(cell))
        case Kind.NUMBER | Kind.SHARE | Kind.SECONDS:
            return float(cell) if isinstance(cell, int | float | Decimal) else None
        case Kind.TEXT:
            return encodable(cell if isinstance(cell, str) else _text(cell))
        case _:
            return cell


def _text(cell: Cell) -> str:
    return format_instant(cell) if isinstance(cell, datetime) else str(cell)
