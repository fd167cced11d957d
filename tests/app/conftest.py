"""Fixtures of the command line's and the daemon's suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.app.wiring import load_settings
from collector.config import Settings
from collector.domain.accounts import Account
from collector.store.engine import Database
from tests.app.console import Console
from tests.app.world import World, logging_as_it_was
from tests.upstream import Upstream


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command configured."""
    with logging_as_it_was():
        yield


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A provider that answers what the test says."""
    with Upstream() as server:
        yield server


@pytest.fixture
def bare_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A command line in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Console(folder, monkeypatch)


@pytest.fixture
def console(bare_console: Console, upstream: Upstream, upgraded_sqlite: Path) -> Console:
    """A command line with settings for both providers at ``upstream`` and an empty database."""
    bare_console.configure(upstream.url)
    bare_console.use(upgraded_sqlite)
    return bare_console


@pytest.fixture
def two_workers(tmp_path: Path) -> Settings:
    """Settings of a small pool."""
    path = tmp_path / "two-workers.toml"
    path.write_text('[daemon]\nworkers = 2\n[[accounts]]\nname = "a"\nprovider = "nellie"\n')
    return load_settings(path, {})


@pytest.fixture
def world(sqlite_database: Database, two_workers: Settings, make_account: Callable[..., Account]) -> Iterator[World]:
    """Accounts polled by a daemon in this process."""
    world = World(sqlite_database, two_workers, make_account)
    yield world
    world.holding.set()
