"""Tells which faults of storing would come again however often a poll is stored.

Public: ``is_refusal``, ``refusal``.
"""

from __future__ import annotations

from collector.errors import CollectorError, RefusedError


def is_refusal(error: Exception) -> bool:
    """Tell whether storing a poll would fail in the same way whenever it is tried."""
    return isinstance(error, RefusedError) or not isinstance(error, CollectorError | MemoryError | OSError)


def refusal(error: BaseException) -> RefusedError:
    """Return such a fault as the error that says so."""
    if isinstance(error, RefusedError):
        return error
    return RefusedError(f"a fault in the collector keeps it from being stored ({type(error).__name__})")
