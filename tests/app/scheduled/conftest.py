"""A desk of scheduled reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from collector.domain.accounts import Account
from collector.store.engine import Database
from tests.app.scheduled.desk import ReportDesk

OpenDesk = Callable[[str, datetime], ReportDesk]


@pytest.fixture
def open_desk(sqlite_database: Database, tmp_path: Path, make_account: Callable[..., Account]) -> OpenDesk:
    """Return a function that gives a desk with the reports of a text, at an instant."""
    return lambda text, start: ReportDesk(sqlite_database, tmp_path, make_account, text, start)
