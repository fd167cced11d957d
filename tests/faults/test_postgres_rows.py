"""PostgreSQL away, restarted, in conflict, or failed over to a server that lost its tail."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Connection, event, text

from collector.domain.accounts import Account
from collector.domain.terms import fall_terms
from collector.errors import ConflictError, DisconnectedError
from collector.providers import provider_named
from collector.store.accounts import AccountRow, Lease, claim, register
from collector.store.engine import Database
from collector.store.entries import Entry, Plan
from collector.store.revision import upgrade
from collector.store.writing import record_poll
from tests.faults.stage import Stage, usage

pytestmark = pytest.mark.postgres
on_postgres = pytest.mark.parametrize("stage", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Desk:
    """Stores polls of one account, with faults at chosen moments."""

    def __init__(self, database: Database, account: Account) -> None:
        self.database = database
        self.url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        rows = register(database, [(account, provider_named("nected").meters)])
        self.row: AccountRow = rows[account.name]
        self.terms = account.agreement

    def entry(self, seconds: int, value: int, **fields: Any) -> Entry:
        at = NOW + timedelta(seconds=seconds)
        lease = claim(self.database, self.row.id, "desk", at, at + timedelta(minutes=1))
        assert isinstance(lease, Lease)
        plan = Plan(at + timedelta(minutes=5))
        entry = Entry(self.row, lease, plan, at, at + timedelta(seconds=1), "ok", http_status=200)
        terms = fall_terms(self.terms)
        name = next(iter(self.row.meters))
        return replace(entry, counters={name: value}, terms={name: terms.of_meter(name)}, fall_terms=terms, **fields)

    def rows(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(text("SELECT id, outcome FROM poll ORDER BY id")).all())

    def kill_others(self) -> None:
        """Terminate every other connection to the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def desk(postgres_database: Database, make_account: Callable[..., Account]) -> Desk:
    """A desk in an empty database."""
    return Desk(postgres_database, make_account("a", provider="nected"))


@contextmanager
def once_before(desk: Desk, statement: str, act: Callable[[], None]) -> Iterator[None]:
    """Do something once, just before a statement that begins with ``statement`` is sent."""
    left = [act]

    def sent(_connection: object, _cursor: object, words: str, *_: object) -> None:
        if left and words.startswith(statement):
            left.pop()()

    engine = desk.database._writer
    event.listen(engine, "before_cursor_execute", sent)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", sent)
    assert not left, "it never happened"


@pytest.mark.fault("S19")
class TestKilledBackend:
    def test_poll_cut_off_in_mid_transaction_is_stored_by_the_second_try(self, desk: Desk) -> None:
        entry = desk.entry(0, 7)
        with once_before(desk, "INSERT INTO poll", desk.kill_others):
            stored = record_poll(desk.database, entry)
        assert stored.growth["invocations"] == (7, None)
        assert desk.rows() == [(1, "ok")]

    def test_poll_cut_off_in_the_commit_is_stored_once(self, desk: Desk) -> None:
        entry = desk.entry(0, 7)
        cut: list[bool] = []

        def committing(connection: Connection) -> None:
            if not cut:
                cut.append(True)
                connection.connection.commit()  # it reaches the server, and the answer is lost
                desk.kill_others()
                connection.exec_driver_sql("SELECT 1")

        event.listen(desk.database._writer, "commit", committing)
        try:
            stored = record_poll(desk.database, entry)
        finally:
            event.remove(desk.database._writer, "commit", committing)
        assert cut
        assert (stored.outcome, desk.rows()) == ("ok", [(1, "ok")])

    def test_server_that_stays_away_is_told(self, desk: Desk) -> None:
        entry = desk.entry(0, 7)
        away = Database("postgresql://postgres@127.0.0.1:1/none")
        with pytest.raises(DisconnectedError):
            record_poll(away, entry)
        away.close()


@pytest.mark.fault("S20")
class TestConflict:
    def test_victim_of_a_deadlock_is_stored_by_the_next_try(self, desk: Desk) -> None:
        entry = desk.entry(0, 7)
        other = psycopg.connect(desk.url)
        waiting: list[threading.Thread] = []

        def wait_for_us() -> None:
            other.execute("SELECT 1 FROM account WHERE id = %s FOR UPDATE", (desk.row.id,))
            other.rollback()

        def cross() -> None:
            other.execute("SET deadlock_timeout = '30s'")  # so that the poll is the one that is given up
            other.execute("LOCK TABLE poll IN SHARE ROW EXCLUSIVE MODE")
            waiting.append(threading.Thread(target=wait_for_us))
            waiting[0].start()

        with other, once_before(desk, "INSERT INTO poll", cross):
            stored = record_poll(desk.database, entry)
            waiting[0].join(10)
        assert (stored.outcome, desk.rows()) == ("ok", [(1, "ok")])

    @pytest.mark.parametrize(("conflicts", "stored"), [(5, True), (6, False)], ids=["five times", "six times"])
    def test_serialization_failure_is_repeated_up_to_five_times(self, desk: Desk, conflicts: int, stored: bool) -> None:
        entry = desk.entry(0, 7)
        with psycopg.connect(desk.url, autocommit=True) as connection:
            connection.execute("CREATE SEQUENCE tries")
            connection.execute(
                f"""CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('tries') <= {conflicts} THEN RAISE serialization_failure; END IF; RETURN NEW; END $$"""
            )
            connection.execute("CREATE TRIGGER conflict BEFORE INSERT ON poll FOR EACH ROW EXECUTE FUNCTION conflict()")
            try:
                if stored:
                    assert record_poll(desk.database, entry).growth["invocations"] == (7, None)
                else:
                    with pytest.raises(ConflictError):
                        record_poll(desk.database, entry)
            finally:
                connection.execute("DROP TRIGGER conflict ON poll")
                connection.execute("DROP FUNCTION conflict")
                connection.execute("DROP SEQUENCE tries")
        assert desk.rows() == ([(1, "ok")] if stored else [])


@on_postgres
@pytest.mark.fault("S21")
class TestLostTail:
    def test_server_without_the_newest_poll_is_not_written(self, stage: Stage) -> None:
        stage.poll()
        stage.poll()
        _forget_newest(stage)
        done = stage.poll()
        assert (done.code, len(stage.polls)) == (7, 1)
        assert "lost its tail" in done.err
        assert stage.run("run").code == 7
        proof = stage.run("verify")
        assert (proof.code, "not there any more" in proof.out) == (7, True)
        assert "lost its tail" in stage.run("doctor", "--json").out
        assert stage.poll().code == 7
        accepted = stage.run("verify", "--accept-loss")
        assert any("forgotten" in line for line in accepted.logged("warning"))
        assert stage.poll().code == 0

    def test_fail_over_in_mid_run_ends_the_daemon_and_keeps_the_poll(self, stage: Stage) -> None:
        stage.configure(account='poll_every = "1s"')
        gone: list[bool] = []

        def fail_over() -> bool:
            if not gone and len(stage.polls) >= 2:
                _forget_newest(stage)
                gone.append(True)
            return False

        done = stage.daemon(fail_over, seconds=20)
        assert done.code == 7
        assert len(done.logged("error")) == 1
        (kept,) = stage.folder.glob("state/usage-collector/*/spool/*.poll")
        assert kept.stat().st_mode & 0o777 == 0o600

    def test_right_server_that_is_back_is_used_again(self, stage: Stage) -> None:
        stage.poll()
        row = _forget_newest(stage)
        assert stage.poll().code == 7
        _bring_back(stage, row)
        done = stage.poll()
        assert done.code == 0
        assert any("lost again" in line for line in done.logged("info"))


def _forget_newest(stage: Stage) -> dict[str, Any]:
    with psycopg.connect(stage.url, autocommit=True, row_factory=dict_row) as connection:
        row = connection.execute("SELECT * FROM poll ORDER BY id DESC LIMIT 1").fetchone()
        assert row is not None
        connection.execute("ALTER TABLE usage_request_change DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM poll WHERE account = %s AND id = %s", (row["account"], row["id"]))
    return row


def _bring_back(stage: Stage, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(["%s"] * len(row))
    with psycopg.connect(stage.url, autocommit=True) as connection:
        statement = f"INSERT INTO poll ({names}) VALUES ({marks})"  # noqa: S608 - the columns of the table itself
        connection.execute(statement.encode(), list(row.values()))


class Cluster:
    """A PostgreSQL server of one's own, which may be stopped."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, _free_port()
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", str(folder))

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self._folder), "-l", f"{self._folder}/log", "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-s", "-m", "immediate", "-D", str(self._folder))

    def _run(self, program: str, *words: str) -> None:
        path = next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), Path(program))
        who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*who, str(path), *words], check=True, capture_output=True, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A server that runs and has our schema."""
    with tempfile.TemporaryDirectory(prefix="collector-cluster-", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        found = Cluster(Path(folder) / "data")
        found.start()
        database = Database(found.url)
        upgrade(database)
        database.close()
        yield found
        with suppress(subprocess.CalledProcessError):
            found.stop()


@pytest.mark.fault("S18")
def test_server_that_is_away_at_the_start_is_waited_for_and_then_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_DATABASE__URL", f"postgresql://postgres@127.0.0.1:{_free_port()}/none")
    monkeypatch.setenv("COLLECTOR_DATABASE__CONNECT_PATIENCE", "1s")
    for verb in ("poll", "run"):
        done = stage.run(verb)
        assert done.code == 5
        assert any("waiting for the database" in line for line in done.logged("warning"))
    assert stage.upstream.connections == 0


@pytest.mark.fault("S18", "S19")
def test_daemon_outlives_a_restart_of_the_server_and_loses_nothing(
    stage: Stage, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_DATABASE__URL", cluster.url)
    stage.configure(account='poll_every = "1s"')
    stage.plays(*(usage(number, 10 * number) for number in range(1, 90)))
    stage.url = cluster.url
    phase = ["up"]

    def kept() -> list[Path]:
        return sorted(stage.folder.glob("state/usage-collector/*/spool/*.poll"))

    def enough() -> bool:
        if phase[0] == "up" and len(stage.polls) >= 2:
            cluster.stop()
            phase[0] = "down"
        elif phase[0] == "down" and len(kept()) >= 2:
            cluster.start()
            phase[0] = "again"
        return phase[0] == "again" and not kept()

    done = stage.daemon(enough, seconds=60)
    assert done.code == 0, done.err
    flags = [json.loads(row.flags) for row in stage.polls]
    assert sum("spooled" in one for one in flags) >= 2
    values = [row.value for row in stage.snapshots if row.value % 10]
    assert values == sorted(set(values))
    assert len(done.logged("error")) == 1
    assert stage.run("verify").code == 0
