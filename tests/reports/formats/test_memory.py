"""Long reports are written as they come: ten times the rows do not take ten times the memory."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from typing import BinaryIO

import pytest

from reports.document import Document
from reports.formats.markdown import write_markdown
from reports.formats.parquet import write_parquet
from reports.formats.xlsx import write_xlsx
from tests.reports.formats.samples import stream, streamed


class _Nowhere(io.RawIOBase):
    """Takes bytes and keeps none."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]  # bytes


def _peak(write: Callable[[Document, BinaryIO], None], rows: int) -> int:
    tracemalloc.start()
    try:
        write(streamed(stream(rows)), _Nowhere())  # type: ignore[arg-type]  # a raw stream is enough to write to
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("write", "rows"),
    [
        pytest.param(write_markdown, 2_000, id="md"),
        pytest.param(write_parquet, 16_000, id="parquet"),
        pytest.param(write_xlsx, 2_000, id="xlsx"),
    ],
)
def test_memory_stays_flat(write: Callable[[Document, BinaryIO], None], rows: int) -> None:
    _peak(write, 100)  # what is loaded and kept once
    assert _peak(write, 4 * rows) < 1.5 * _peak(write, rows)
