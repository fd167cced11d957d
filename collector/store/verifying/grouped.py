"""Merges a stream of rows with the polls they belong to, both in order of the poll's number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Row


class Grouped:
    """Takes the rows of one poll after another.

    Args:
        rows: In order of their column ``poll``.
        stray: Is told of rows that belong to none of the polls asked for.
    """

    def __init__(self, rows: Iterator[Row[Any]], stray: Callable[[Row[Any]], None]) -> None:
        self._rows = rows
        self._stray = stray
        self._next = next(rows, None)

    def take(self, poll: int) -> Iterator[Row[Any]]:
        """Yield the rows of ``poll``; what stands before them belongs to no poll."""
        self._skip_before(poll)
        while self._next is not None and self._next.poll == poll:
            yield self._next
            self._next = next(self._rows, None)

    def skip(self) -> None:
        """Let go of the rest."""
        self._skip_before(None)

    def _skip_before(self, poll: int | None) -> None:
        while self._next is not None and (poll is None or self._next.poll < poll):
            self._stray(self._next)
            self._next = next(self._rows, None)
