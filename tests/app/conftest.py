"""Fixtures of the command line's and the daemon's suites."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.app.console import Console
from tests.upstream import Upstream


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command configured."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


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
