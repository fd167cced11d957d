"""What every suite may use: a database of each engine at the newest schema, and accounts as configured.

``database`` runs a test once per engine. The PostgreSQL server is named by ``TEST_POSTGRES_URL`` (by default a
local one); without it those cases are skipped, or fail where ``TEST_POSTGRES_REQUIRED=1`` says that they must not
be. A session uses databases of its own there, and drops them at its end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from sqlalchemy import make_url

from collector.domain.accounts import Account
from collector.domain.periods import Billing
from collector.domain.secret import Secret
from collector.store.engine import Database
from collector.store.revision import upgrade
from collector.store.schema import metadata
from tests.canary import NELLIE_KEY, leaks, leaks_in_files

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]

# A slow machine is no counter-example; a search of many runs finds what one of them does not. What judges a change
# looks at the same examples each time (TEST_REPEATABLE=1): it is to judge the change, not the luck of the draw.
_REPEATABLE = os.environ.get("TEST_REPEATABLE") == "1"
settings.register_profile("collector", deadline=None, max_examples=25 if _REPEATABLE else 50, derandomize=_REPEATABLE)
settings.load_profile("collector")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that passed although a key is in what it printed or logged."""
    report = yield
    found = leaks("\n".join(text for _, text in report.sections)) if report.passed else None
    if found:
        report.outcome = "failed"
        report.longrepr = f"a key is in what {item.nodeid} printed or logged: {sorted(found)[:5]}"
    return report


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """pytest's folder of the test; no file in it may hold a key when everything is over."""
    yield tmp_path
    found = leaks_in_files(tmp_path)
    assert not found, f"a key was written: {found}"


class Server:
    """A PostgreSQL server on which this session may create databases.

    Args:
        url: A database of the server, as ``postgresql://user@host:port/name``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._mark = f"collector_test_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self._count = 0

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction."""
        import psycopg

        with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database, give its URL, and drop it whatever happens."""
        self._count += 1
        name = f"{self._mark}_{self._count}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            # The suites test transactions, not PostgreSQL's durability.
            self.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
            # A transaction that a failed test left open must not keep all others waiting.
            self.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '60s'")
            self.execute(f"ALTER DATABASE {name} SET lock_timeout = '120s'")
            yield make_url(self._url).set(database=name).render_as_string(hide_password=False)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(autouse=True)
def _state_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test remember what another one saw stored: on PostgreSQL they share databases, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        mark = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
        patch.setenv("XDG_STATE_HOME", str(Path(tempfile.gettempdir()) / f"collector-state-{os.getpid()}" / mark))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_state_left() -> Iterator[None]:
    yield
    shutil.rmtree(Path(tempfile.gettempdir()) / f"collector-state-{os.getpid()}", ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Server:
    """The PostgreSQL server, or a skip with the reason."""
    server = Server(os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"))
    try:
        server.execute("SELECT 1")
    except Exception as error:  # noqa: BLE001 - a missing driver and a missing server mean the same here
        reason = f"no PostgreSQL to test with (TEST_POSTGRES_URL): {' '.join(str(error).split())}"
        if os.environ.get("TEST_POSTGRES_REQUIRED") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return server


@pytest.fixture(scope="session")
def upgraded_postgres(postgres_server: Server) -> Iterator[Database]:
    """The session's PostgreSQL database, at the newest schema; its connections stay open from test to test."""
    with postgres_server.database() as url:
        database = Database(url)
        upgrade(database)
        yield database
        database.close()


@pytest.fixture(scope="session")
def fresh_postgres(postgres_server: Server) -> Iterator[str]:
    """The URL of a PostgreSQL database for tests that make their own schema."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def upgraded_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "usage.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_database(upgraded_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database at the newest schema, for what only SQLite does."""
    path = tmp_path / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(upgraded_postgres: Database) -> Database:
    """An empty PostgreSQL database at the newest schema, for what only PostgreSQL does (mark such a test)."""
    with upgraded_postgres.write() as connection:
        # A hundred times quicker than TRUNCATE, which makes new files.
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.exec_driver_sql("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")
    return upgraded_postgres


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database at the newest schema: the test runs once per engine."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture(params=ENGINES)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema (on SQLite without a file): the test runs once per engine."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
        yield database
        database.close()
        return
    database = Database(request.getfixturevalue("fresh_postgres"))
    with database.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    yield database
    database.close()


@pytest.fixture(scope="session")
def make_account() -> Callable[..., Account]:
    """Return a function that builds an account as configured; it takes any field of ``Account``."""

    def make(name: str = "nellie-prod", **changes: object) -> Account:
        fields: dict[str, object] = {
            "provider": "nellie",
            "base_url": "https://api.example.com",
            "key": Secret(NELLIE_KEY),
            "zone": ZoneInfo("UTC"),
            "poll_every": timedelta(minutes=5),
            "billing": Billing(),
        }
        return Account(name=name, **{**fields, **changes})  # type: ignore[arg-type]  # any field, by name

    return make
