"""S22 to S24: a schema that is changed while the power goes, by four at once, and on a disk without room."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from collector.app.cli.main import main
from collector.store.engine import Database
from collector.store.forecasts import Foretold
from collector.store.report_runs import PlannedRun, claim_run, finish_run, plan, planned_until
from collector.store.revision import HEAD, migrations_folder, revision_of, upgrade
from tests.conftest import ENGINES
from tests.faults.children import code_of, done_in_child, forked, killed_at
from tests.faults.stage import Stage
from tests.store.conftest import Desk, Dump, dump_of

MADE, DAY = datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=1)
RELEASED = [f"{number:04}" for number in range(1, int(HEAD))]


def downgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with database.migrate() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def populated(database: Database, make_account: Callable[..., Any], revision: str) -> None:
    """Give a database a history with a fall and a report with a forecast, and the schema of an earlier release."""
    upgrade(database)
    desk = Desk(database, make_account())
    for second, value in enumerate((5, 9, 2, 3)):
        desk.poll(second, {"requests": value, "credits": value})
    desk.fail(10)
    planned_until(database, "weekly", MADE)
    plan(database, "weekly", [PlannedRun("2026-10", MADE - 31 * DAY, MADE, MADE)], MADE)
    run = claim_run(database, ["weekly"], "us", MADE, MADE + DAY)
    assert run is not None
    told = Foretold(desk.meter(), MADE, MADE + DAY, 100, 9, 91, 0.5, ((0.5, 0.9),), ((0.5, 80.0),), "by hand")
    finish_run(database, run, MADE, ([], []), (), [told])
    downgrade(database, revision)
    database.close()


def revision(database: Database) -> str | None:
    with database.read() as connection:
        return revision_of(connection)


def old_copy(stage: Stage, revision: str = RELEASED[-1]) -> Path:
    """Give the stage a history under an earlier release's schema, and return its file."""
    assert stage.path is not None
    assert stage.poll().code == 0
    database = Database(f"sqlite:///{stage.path}")
    downgrade(database, revision)
    database.close()
    return stage.path


@pytest.fixture
def place(empty_database: Database) -> Iterator[str]:
    """The URL of a database without a schema, which nobody has open: the test runs once per engine."""
    empty_database.close()
    yield empty_database.url.render_as_string(hide_password=False)
    empty_database.close()


@pytest.mark.fault("S22")
class TestKilled:
    @pytest.mark.parametrize("begin", RELEASED)
    def test_at_any_statement_it_is_run_again_and_all_rows_are_as_without(
        self, begin: str, place: str, make_account: Callable[..., Any]
    ) -> None:
        database = Database(place)
        populated(database, make_account, begin)
        ended, number = -signal.SIGKILL, 0
        # The steps from later releases on have cases of their own.
        last = "" if begin == RELEASED[-1] else "UPDATE alembic_version"
        # A transaction of PostgreSQL's leaves nothing of a killed change; each kill costs ten times more there.
        stride = 1 if database.is_sqlite else 3
        while ended == -signal.SIGKILL:  # each run meets what the one before it left, and comes one statement further
            assert revision(database) == begin, number
            database.close()
            ended = done_in_child(killed_at(number, lambda: upgrade(Database(place)), last))
            number += stride
        assert (ended, revision(database)) == (0, HEAD)
        interrupted = dump_of(database)
        assert number > 10
        assert interrupted == self.uninterrupted(database, begin)

    def uninterrupted(self, database: Database, begin: str) -> Dump:
        """Take the upgrade back and make it again, at a stretch."""
        downgrade(database, begin)
        upgrade(database)
        try:
            return dump_of(database)
        finally:
            database.close()

    def test_while_the_copy_is_made_leaves_no_half_one(self, stage: Stage) -> None:
        path = old_copy(stage)
        before = dump_text(path)

        def killed_after_the_copy() -> None:
            # The half copy has another name until it is proved; killed before that, it stays under the other name.
            pytest.MonkeyPatch().setattr(Path, "replace", lambda *_: signal.raise_signal(signal.SIGKILL))
            upgrade_in(stage)

        assert done_in_child(killed_after_the_copy) == -signal.SIGKILL
        assert len(copies(stage)) == 1
        assert copies(stage)[0].name.endswith(".partial")
        assert dump_text(path) == before
        done = stage.run("db", "upgrade")
        assert (done.code, stage.outcomes) == (0, ["ok"])


def upgrade_in(stage: Stage) -> None:
    main(["--config", str(stage.folder / "collector.toml"), "db", "upgrade"])


def copies(stage: Stage) -> list[Path]:
    """Return the copies that an upgrade made."""
    return sorted(stage.folder.glob("usage.db.revision-*"))


def dump_text(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.mark.fault("S23")
@pytest.mark.parametrize("engine", ENGINES)
def test_of_four_upgrades_at_once_one_does_it_and_all_end_well(
    engine: str, stage: Stage, request: pytest.FixtureRequest, make_account: Callable[..., Any]
) -> None:
    place = "sqlite:///usage.db"
    if engine == "sqlite":
        old_copy(stage)
    else:
        place = request.getfixturevalue("fresh_postgres")
        database = Database(place)
        with database.write() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        populated(database, make_account, RELEASED[-1])
    stage.console.configure("http://127.0.0.1:9", database=place)
    said = [stage.folder / f"said-{number}" for number in range(4)]
    children = [forked(partial(upgrade_into, stage, target)) for target in said]
    assert [code_of(child) for child in children] == [0] * 4
    told = sorted("upgraded from" in one.read_text() for one in said)
    assert told == [False, False, False, True]
    assert sum("nothing to do" in one.read_text() for one in said) == 3
    assert len(copies(stage)) == (engine == "sqlite")


def upgrade_into(stage: Stage, target: Path) -> None:
    with target.open("w") as out, redirect_stdout(out):
        upgrade_in(stage)


@pytest.mark.fault("S24")
class TestRoom:
    def free(self, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size))

    def test_without_twice_the_file_nothing_is_changed(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        path = old_copy(stage)
        before = path.read_bytes()
        self.free(monkeypatch, 2 * len(before) - 1)
        done = stage.run("db", "upgrade")
        assert done.code == 5
        assert f"needs {2 * len(before) / 1e6:,.1f} MB of free disk" in done.err
        assert "nothing was changed" in done.err
        assert (path.read_bytes(), copies(stage)) == (before, [])
        assert stage.run("status").code == 6

    def test_with_it_a_proved_private_copy_is_made_first_and_told(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = old_copy(stage)
        before = dump_text(path)
        self.free(monkeypatch, 2 * path.stat().st_size)
        done = stage.run("db", "upgrade")
        assert done.code == 0, done.err
        (copy,) = copies(stage)
        assert copy.name.startswith(f"usage.db.revision-{RELEASED[-1]}-20")
        assert copy.name in done.out
        assert f"upgraded from {RELEASED[-1]}, revision {HEAD}" in done.out
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert dump_text(copy) == before
        assert stage.outcomes == ["ok"]

    def test_who_wants_no_copy_needs_room_once(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        path = old_copy(stage)
        self.free(monkeypatch, path.stat().st_size)
        assert stage.run("db", "upgrade").code == 5
        assert stage.run("db", "upgrade", "--no-backup").code == 0
        assert (copies(stage), stage.outcomes) == ([], ["ok"])

    def test_what_needs_no_upgrade_is_not_copied(self, stage: Stage) -> None:
        assert "nothing to do" in stage.run("db", "upgrade").out
        assert copies(stage) == []

    def test_a_damaged_database_is_not_changed_either(self, stage: Stage) -> None:
        path = old_copy(stage)
        with path.open("r+b") as file:
            file.seek(4096 * 5)
            file.write(b"\xff" * 4096 * 3)
        before = path.read_bytes()
        assert stage.run("db", "upgrade").code == 7
        assert (path.read_bytes(), copies(stage)) == (before, [])
