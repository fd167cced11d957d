from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import CommandLine, Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from collector.errors import ConfigError, RevisionError, StorageError
from collector.store.engine import APPLICATION_ID, Database
from collector.store.revision import HEAD, migrations_folder, require_head, revision_of, upgrade
from collector.store.schema import metadata

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

TOP = Path(__file__).parents[2]


def configured() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    return config


def downgrade(database: Database, revision: str = "base") -> None:
    config = configured()
    with database.migrate() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def mark(database: Database, revision: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def door_to(database: Database) -> Database:
    return Database(database.url.render_as_string(hide_password=False))


class TestScripts:
    def test_there_is_one_head_and_it_is_ours(self) -> None:
        assert ScriptDirectory.from_config(configured()).get_heads() == [HEAD]

    def test_every_step_can_be_taken_back(self) -> None:
        for script in ScriptDirectory.from_config(configured()).walk_revisions():
            assert script.doc
            assert callable(script.module.downgrade)

    def test_revisions_sort_by_their_order(self) -> None:
        found = [script.revision for script in ScriptDirectory.from_config(configured()).walk_revisions()]
        assert found == sorted(found, reverse=True)

    def test_the_folder_is_found(self) -> None:
        assert (migrations_folder() / "env.py").is_file()


def shape(connection: Connection) -> list[str]:
    """Return everything the engine knows of its tables, apart from the order of their parts."""
    if connection.dialect.name == "sqlite":
        statement = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
        parts = (part for sql in connection.scalars(text(statement)) for part in _parts(sql))
        return sorted(parts)
    found = connection.execute(
        text("""
            SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
              FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT concat_ws(' ', objoid::regclass, attname, description) FROM pg_description
              LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
             WHERE classoid = 'pg_class'::regclass AND objoid::regclass::text IN
                   (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
        """)
    )
    return sorted(row for row in found.scalars() if "alembic_version" not in row)


def _parts(sql: str) -> list[str]:
    """Split a CREATE statement into its parts, each named with its table; columns added later stand at its end."""
    head, _, body = re.sub(r"\s+", " ", sql.replace('"', "")).partition("(")
    parts, depth = [""], 0
    for one in body:
        depth += (one == "(") - (one == ")")
        if one == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += one
    *parts, last = (part.strip() for part in parts)
    last, _, tail = last.rpartition(")")
    return [head + tail, *(f"{head} {part}" for part in (*parts, last.strip()))]


class TestSchema:
    def test_the_model_describes_what_is_there(self, database: Database) -> None:
        with database.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []

    def test_the_model_makes_the_very_same_tables(self, empty_database: Database) -> None:
        upgrade(empty_database)
        with empty_database.read() as connection:
            migrated = shape(connection)
        downgrade(empty_database)
        with empty_database.migrate() as connection:
            metadata.create_all(connection)
            assert shape(connection) == migrated

    def test_every_constraint_has_a_name(self) -> None:
        assert all(one.name for table in metadata.tables.values() for one in table.constraints | table.indexes)

    def test_a_database_is_marked_as_ours(self, sqlite_database: Database) -> None:
        with sqlite_database.read() as connection:
            assert connection.scalar(text("PRAGMA application_id")) == APPLICATION_ID


class TestUpgrade:
    def test_a_new_database_gets_the_newest_schema(self, empty_database: Database) -> None:
        assert upgrade(empty_database) == (None, HEAD)
        require_head(empty_database)
        assert tables(empty_database) == {*metadata.tables, "alembic_version"}

    def test_upgrading_twice_changes_nothing(self, desk: Desk, dump: Callable[[], Dump]) -> None:
        desk.poll(0, {"requests": 1, "credits": 1})
        before = dump()
        assert upgrade(desk.database) == (HEAD, HEAD)
        assert dump() == before

    def test_a_zero_length_file_is_a_new_database(self, tmp_path: Path) -> None:
        path = tmp_path / "usage.db"
        path.touch()
        database = Database(f"sqlite:///{path}")
        assert upgrade(database) == (None, HEAD)
        database.close()

    def test_a_downgrade_takes_everything_back(self, empty_database: Database) -> None:
        upgrade(empty_database)
        downgrade(empty_database)
        assert tables(empty_database) == {"alembic_version"}

    def test_a_populated_database_goes_down_and_up_again(
        self, empty_database: Database, make_account: Callable[..., Any], open_desk: Callable[..., Desk]
    ) -> None:
        upgrade(empty_database)
        play(open_desk(empty_database, make_account()))
        downgrade(empty_database)
        assert upgrade(empty_database) == (None, HEAD)
        desk = open_desk(empty_database, make_account())
        assert desk.rows("poll") == []
        play(desk)
        assert desk.digests() == desk.chain()

    def test_a_step_that_fails_leaves_nothing_of_itself(self, empty_database: Database) -> None:
        empty_database.create_file()
        with empty_database.migrate() as connection:
            if empty_database.is_sqlite:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(text("CREATE TABLE snapshot (id INTEGER)"))
        with pytest.raises(StorageError, match="already exists"):
            upgrade(empty_database)
        assert tables(empty_database) == {"snapshot"}

    def test_threads_upgrading_at_once_all_succeed(self, empty_database: Database) -> None:
        doors = [door_to(empty_database) for _ in range(4)]
        barrier = threading.Barrier(len(doors), timeout=10)

        def work(door: Database) -> tuple[str | None, str]:
            barrier.wait()
            return upgrade(door)

        with ThreadPoolExecutor(len(doors)) as pool:
            found = list(pool.map(work, doors))
        for door in doors:
            door.close()
        assert sorted(map(str, found)) == sorted(map(str, [(None, HEAD), *[(HEAD, HEAD)] * 3]))

    def test_processes_upgrading_at_once_all_succeed(self, empty_database: Database) -> None:
        program = (
            "import sys; from collector.store.engine import Database; from collector.store.revision import upgrade;"
            "database = Database(sys.argv[1]); sys.stdin.read(); print(upgrade(database)); database.close()"
        )
        url = empty_database.url.render_as_string(hide_password=False)
        running = [
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", program, url],
                cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        for one in running:
            assert one.stdin is not None
            one.stdin.close()  # all are told to begin
            one.stdin = None
        found = [one.communicate(timeout=60) for one in running]
        assert [one.returncode for one in running] == [0, 0], found
        assert sorted(out.strip() for out, _ in found) == sorted(map(str, [(None, HEAD), (HEAD, HEAD)]))

    def test_developers_may_upgrade_with_alembic_itself(self, empty_database: Database) -> None:
        url = empty_database.url.render_as_string(hide_password=False)
        CommandLine("alembic").main(["-c", str(TOP / "alembic.ini"), "-x", f"url={url}", "upgrade", "head"])
        require_head(empty_database)

    def test_alembic_without_a_database_says_what_it_needs(self) -> None:
        with pytest.raises(ConfigError, match=r"say which database: alembic -x url=sqlite:///usage\.db"):
            CommandLine("alembic").main(["-c", str(TOP / "alembic.ini"), "upgrade", "head"])


def play(desk: Desk) -> None:
    for second, value in enumerate((5, 9, 2, 3)):
        desk.poll(second, {"requests": value, "credits": value})


class TestRequireHead:
    def test_the_newest_schema_is_accepted(self, database: Database) -> None:
        require_head(database)

    def test_no_schema_names_the_way_out(self, empty_database: Database) -> None:
        empty_database.create_file()
        with pytest.raises(RevisionError, match="has no tables yet; run `collector db upgrade`") as caught:
            require_head(empty_database)
        assert caught.value.exit_code == 6

    def test_an_older_schema_names_the_way_out(self, empty_database: Database) -> None:
        upgrade(empty_database)
        mark(empty_database, "0000")
        with pytest.raises(RevisionError, match=rf"has revision 0000, this program needs {HEAD}; run `collector db u"):
            require_head(empty_database)

    @pytest.mark.parametrize("revision", ["9999", "deadbeef"])
    def test_a_newer_schema_names_the_way_out(self, empty_database: Database, revision: str) -> None:
        upgrade(empty_database)
        mark(empty_database, revision)
        with pytest.raises(RevisionError, match=f"newer than this program's {HEAD}; install a newer collector or rest"):
            require_head(empty_database)

    def test_a_missing_file_is_a_fault_of_storage(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="no database at"):
            require_head(Database(f"sqlite:///{tmp_path / 'usage.db'}"))

    @pytest.mark.parametrize("revision", ["9999", "0000"], ids=["newer", "unknown"])
    def test_an_upgrade_of_a_schema_that_is_not_ours_is_refused(self, empty_database: Database, revision: str) -> None:
        upgrade(empty_database)
        mark(empty_database, revision)
        with pytest.raises(RevisionError, match=f"has revision {revision}") as caught:
            upgrade(empty_database)
        assert caught.value.exit_code == 6
        with empty_database.read() as connection:
            assert revision_of(connection) == revision

    def test_the_revision_is_read_without_alembic(self) -> None:
        program = "import sys; from collector.store.revision import require_head; sys.exit('alembic' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], cwd=TOP, check=False).returncode == 0
