"""Opens the configured ledger for a notebook: what is declared in ``collector.toml`` holds there as well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.library import Ledger


def ledger_of(config: str | Path | None = None) -> Ledger:
    """Return the configured ledger, opened for reading only, with the declared zones, periods, quotas and prices.

    Questions are asked at the moment of this call. No key is needed and nothing is polled.

    Args:
        config: The settings file; without it the one that the commands would find.

    Raises:
        ConfigError: There are no settings, or they are wrong.
        StorageError: The database is missing or cannot be read.
        RevisionError: Its schema is older or newer.
    """
    from collector.app.clock import SystemClock
    from collector.app.wiring import agreements, load_settings
    from reports.library import open_ledger

    settings = load_settings(None if config is None else Path(config))
    return open_ledger(settings.database_url, agreements=agreements(settings), now=SystemClock().now())
