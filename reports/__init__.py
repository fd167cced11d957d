"""Reports: pure pandas functions over the ledger's boundary look-ups, and their rendering.

For notebooks: ``reports.open_ledger(url)`` returns a ``reports.Ledger``, every report as a typed DataFrame and every
chart as an Altair object; see ``reports.library``. Importing this package alone loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.library import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reports import library  # noqa: PLC0415 - loads pandas, which a poll must not

    return getattr(library, name)
