"""Fixtures of the fault matrix."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from collector.app.wiring import load_settings
from collector.domain.accounts import Account
from collector.store.engine import Database
from tests.app.console import Console
from tests.app.world import World, logging_as_it_was
from tests.faults.season import Season, played
from tests.faults.stage import Stage
from tests.http.certificates import Authority
from tests.http.fault_server import Sink

_NO_SERVER = "no PostgreSQL to test with"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a case that is skipped for another reason than a missing PostgreSQL server: a row must have its case."""
    report = yield
    if report.skipped and _NO_SERVER not in str(report.longrepr):
        report.outcome, report.longrepr = "failed", f"a case of the matrix must not be skipped: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command configured."""
    with logging_as_it_was():
        yield


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A configured program on SQLite, or on the engine that an indirect parameter names.

    At the end nobody has talked to the sink, and no key is in anything that was printed or written.
    """
    folder = tmp_path / "work"
    folder.mkdir(mode=0o700)
    if getattr(request, "param", "sqlite") == "postgres":
        url = request.getfixturevalue("postgres_database").url.set(drivername="postgresql")
        place = url.render_as_string(hide_password=False)
    else:
        shutil.copy(request.getfixturevalue("upgraded_sqlite"), folder / "usage.db")
        place = "sqlite:///usage.db"
    with Sink() as sink:
        stage = Stage(Console(folder, monkeypatch), monkeypatch, place, sink)
        with stage.upstream:
            yield stage
        assert sink.untouched, "somebody talked to the sink"
        assert stage.leaks() == set()


@pytest.fixture(scope="session")
def season(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Season]:
    """All faults of HTTP and of payloads, as one daemon and the command line beside it met them."""
    with pytest.MonkeyPatch.context() as patch:
        console = Console(tmp_path_factory.mktemp("season"), patch)
        console.use(upgraded_sqlite)
        with played(console) as season:
            yield season


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority for this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, make_account: Callable[..., Account]) -> Iterator[World]:
    """Accounts polled by a daemon in this process, under a clock that is moved by hand."""
    path = tmp_path / "two-workers.toml"
    path.write_text('[daemon]\nworkers = 2\n[[accounts]]\nname = "a"\nprovider = "nellie"\n')
    world = World(sqlite_database, load_settings(path, {}), make_account)
    yield world
    world.holding.set()
