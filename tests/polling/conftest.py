"""Fixtures of the polling suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from collector.domain.accounts import Account
from collector.store.engine import Database
from tests.polling.canary import KEY
from tests.polling.door import Bench


@pytest.fixture
def bench(database: Database, make_account: Callable[..., Account]) -> Bench:
    """A Nellie account on each engine."""
    return Bench(database, make_account())


@pytest.fixture
def keyed_bench(sqlite_database: Database, make_account: Callable[..., Account]) -> Bench:
    """A Nellie account in a SQLite file, with a key that must not be found again."""
    return Bench(sqlite_database, make_account(key=KEY))
