"""Nothing that was answered is lost: polls that cannot be stored wait in the spool, and a lost end is noticed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.stage import Stage, usage
from tests.http.fault_server import Behaviour, json_response

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
both_engines = pytest.mark.parametrize("stage", ENGINES, indirect=True)


@pytest.fixture
def hurried(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage whose writers wait for a second only."""
    monkeypatch.setenv("COLLECTOR_DATABASE__BUSY_TIMEOUT", "1s")
    return stage


def _usage(number: int) -> Behaviour:
    """Answer with so many requests, each of ten credits, of which the newest is listed."""
    times = {"createdAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:01Z"}
    made = {"requestId": f"r{number}", "status": "completed", "creditsUsed": 10, **times}
    return usage(number, 10 * number, [made])


@contextmanager
def locked(stage: Stage) -> Iterator[sqlite3.Connection]:
    """Keep the database's write lock, as another program would."""
    assert stage.path is not None
    with closing(sqlite3.connect(stage.path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def spool_of(stage: Stage) -> list[Path]:
    assert stage.path is not None
    return sorted((stage.path.parent / "usage.db.state" / "spool").glob("*.poll"))


@pytest.mark.fault("S4")
def test_poll_waits_for_a_lock_that_ends_in_time(stage: Stage) -> None:
    with locked(stage) as holder:
        ending = threading.Timer(0.5, holder.rollback)
        ending.start()
        done = stage.poll()
        ending.join()
    assert (done.code, stage.outcomes, spool_of(stage)) == (0, ["ok"], [])
    assert (done.logged("warning"), done.logged("error")) == ([], [])
    assert {row["health"] for row in stage.seen} == {"ok"}


@pytest.mark.fault("S5")
class TestLockedForLonger:
    def test_answer_is_kept_and_stored_by_the_next_poll(self, hurried: Stage) -> None:
        stage = hurried
        stage.plays(_usage(41), _usage(42))
        with locked(stage):
            done = stage.poll()
        assert done.code == 5
        (kept,) = spool_of(stage)
        assert str(kept) in done.out + done.err
        assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert stage.polls == []
        doctor = stage.run("doctor", "--json")
        assert "1 poll" in doctor.out
        again = stage.poll()
        assert (again.code, stage.outcomes, spool_of(stage)) == (0, ["ok", "ok"], [])
        first, second = stage.polls
        assert json.loads(first.flags) == ["spooled"]
        assert "locked" in first.error
        assert (json.loads(second.flags), second.error) == ([], None)
        assert first.finished_at < second.started_at
        assert again.logged("info") == ["polls that were kept in the spool are stored"]
        assert [row.value for row in stage.snapshots] == [41, 42, 410, 420]
        assert stage.run("verify").code == 0

    def test_failed_poll_is_kept_too(self, hurried: Stage) -> None:
        stage = hurried
        stage.plays(json_response({"error": "no"}, 401), usage())
        with locked(stage):
            assert stage.poll().code == 5
        assert stage.poll().code == 0
        assert stage.outcomes == ["http_401", "ok"]
        assert json.loads(stage.polls[0].flags) == ["spooled"]

    def test_several_are_stored_in_order_and_once(self, hurried: Stage) -> None:
        stage = hurried
        stage.plays(*(_usage(number) for number in range(1, 5)))
        with locked(stage):
            for _ in range(3):
                assert stage.poll().code == 5
        assert len(spool_of(stage)) == 3
        stage.poll()
        stage.poll()
        assert [row.value for row in stage.snapshots if row.value < 10] == [1, 2, 3, 4]
        assert [json.loads(row.flags) for row in stage.polls][:4] == [["spooled"]] * 3 + [[]]
        assert stage.run("verify").code == 0

    def test_account_never_seen_before_is_asked_and_kept(self, hurried: Stage) -> None:
        with locked(hurried):
            assert hurried.poll().code == 5
        assert hurried.table("account") == []
        assert len(spool_of(hurried)) == 1

    def test_file_left_behind_by_a_crash_after_the_commit_is_not_stored_twice(self, hurried: Stage) -> None:
        stage = hurried
        with locked(stage):
            stage.poll()
        (kept,) = spool_of(stage)
        copy = kept.read_bytes()
        stage.poll()
        before = stage.polls
        kept.write_bytes(copy)
        stage.poll()
        assert len(stage.polls) == len(before) + 1
        assert spool_of(stage) == []

    def test_torn_file_is_set_aside_and_blocks_nothing(self, hurried: Stage) -> None:
        stage = hurried
        with locked(stage):
            stage.poll()
            stage.poll()
        first, _ = spool_of(stage)
        first.write_bytes(first.read_bytes()[:100])
        done = stage.poll()
        assert (done.code, stage.outcomes) == (0, ["ok", "ok"])
        assert first.with_suffix(".torn").exists()
        assert "torn" in stage.run("doctor", "--json").out

    def test_full_spool_drops_the_newest_and_counts_them(self, hurried: Stage) -> None:
        stage = hurried
        stage.configure(daemon="spool_limit_mib = 1")
        spool = stage.folder / "usage.db.state" / "spool"
        spool.mkdir(parents=True)
        (spool / "000000000001.other.poll").write_bytes(b"x" * 1024 * 1024)
        with locked(stage):
            done = stage.poll()
        assert done.code == 5
        assert "full" in done.out + done.err
        assert (spool / "dropped").read_text() == "1"
        assert "1 more could not be kept" in stage.run("doctor", "--json").out

    def test_daemon_goes_on_asking_and_stores_everything_once_it_can(self, hurried: Stage) -> None:
        stage = hurried
        stage.configure(account='poll_every = "1s"')
        stage.plays(*(_usage(number) for number in range(1, 60)))
        stage.poll()
        released = threading.Event()
        with locked(stage) as holder:

            def enough() -> bool:
                if len(spool_of(stage)) >= 3 and not released.is_set():
                    holder.rollback()
                    released.set()
                return released.is_set() and not spool_of(stage) and len(stage.polls) >= 4

            done = stage.daemon(enough, seconds=40)
        assert done.code == 0
        flags = [json.loads(row.flags) for row in stage.polls]
        assert flags.count(["spooled"]) >= 3
        values = [row.value for row in stage.snapshots if row.value % 10]
        assert values == sorted(values)
        assert len(done.logged("error")) == 1
        assert "kept in the spool" in done.logged("error")[0]
        assert "the database can be used again; what was kept is stored" in done.logged("info")
        assert stage.run("verify").code == 0


@pytest.mark.fault("S12")
class TestLostTail:
    def test_old_copy_put_back_is_told_by_verify_and_at_the_start(self, stage: Stage) -> None:
        assert stage.path is not None
        stage.plays(*(_usage(number) for number in range(1, 60)))
        stage.poll()
        stage.run("db", "backup", "old.db")
        stage.poll()
        for name in ("usage.db-wal", "usage.db-shm"):
            (stage.folder / name).unlink(missing_ok=True)
        shutil.copy(stage.folder / "old.db", stage.path)
        self._is_told(stage, polls=1)

    def test_file_copied_without_its_log_is_told(self, stage: Stage) -> None:
        self._lose_log(stage, copied=True)

    def test_deleted_log_is_told(self, stage: Stage) -> None:
        self._lose_log(stage, copied=False)

    def _lose_log(self, stage: Stage, *, copied: bool) -> None:
        assert stage.path is not None
        stage.plays(*(_usage(number) for number in range(1, 60)))
        stage.poll()
        with closing(sqlite3.connect(stage.path)) as reader:  # keeps the log from being written back at the end
            reader.execute("SELECT count(*) FROM poll").fetchall()
            stage.poll()
            main = stage.path.read_bytes()
            log = stage.path.with_name("usage.db-wal")
            assert log.stat().st_size > 0
            if copied:
                (stage.folder / "copy.db").write_bytes(main)
            reader.execute("BEGIN")
        for one in stage.folder.glob("usage.db-*"):
            one.unlink()
        stage.path.unlink()
        stage.path.write_bytes(main)
        stage.path.chmod(0o600)
        self._is_told(stage, polls=1)

    def _is_told(self, stage: Stage, polls: int) -> None:
        assert len(stage.polls) == polls
        proof = stage.run("verify")
        assert proof.code == 7
        assert "not there any more" in proof.out
        done = stage.poll()
        assert done.code == 0
        assert any("lost its tail" in line for line in done.logged("warning"))
        assert stage.run("verify").code == 7
        assert "lost" in stage.run("doctor", "--json").out
        accepted = stage.run("verify", "--accept-loss")
        assert accepted.code == 0
        assert any("forgotten" in line for line in accepted.logged("warning"))
        assert stage.run("verify").code == 0
        assert stage.poll().code == 0


@both_engines
@pytest.mark.fault("S12", "S21")
def test_database_that_is_whole_is_not_suspected(stage: Stage) -> None:
    for _ in range(2):
        assert stage.poll().logged("warning") == []
    assert stage.run("verify").code == 0


def test_kept_poll_of_another_collector_goes_between_newer_ones(hurried: Stage) -> None:
    stage = hurried
    stage.plays(*(_usage(number) for number in range(1, 60)))
    stage.poll()
    with locked(stage):
        stage.poll()
    (kept,) = spool_of(stage)
    aside = stage.folder / "aside"
    kept.rename(aside)
    stage.poll()  # as another collector, with a state folder of its own, would
    aside.rename(kept)
    done = stage.poll()
    assert done.code == 0, done.rows[0]["error"][-600:]
    assert [row.kind for row in stage.polls] == ["poll", "poll", "import", "poll"]
    late = stage.polls[2]
    assert (json.loads(late.flags), late.outcome) == (["spooled"], "ok")
    assert [row.value for row in stage.snapshots if row.value % 10] == [1, 2, 3, 4]
    assert stage.run("verify").code == 0, stage.printed[-2:]


@pytest.mark.fault("S5")
class TestRefusedForGood:
    @pytest.fixture
    def refusing(self, stage: Stage) -> Stage:
        """A stage whose database takes every value but one, which was answered and is kept; more came since."""
        assert stage.path is not None
        stage.plays(*(_usage(number) for number in range(1, 60)))
        assert stage.poll().code == 0
        with closing(sqlite3.connect(stage.path)) as connection, connection:
            connection.execute(
                "CREATE TRIGGER never BEFORE INSERT ON snapshot WHEN NEW.value = 2 "
                "BEGIN SELECT RAISE(ABORT, 'never this'); END"
            )
        assert stage.poll().code == 5
        return stage

    def test_it_is_set_aside_with_one_error_and_the_rest_goes_on(self, refusing: Stage) -> None:
        stage = refusing
        done = stage.poll()
        assert (done.code, spool_of(stage)) == (0, [])
        (told,) = done.logged("error")
        assert "refused for good, and set aside" in told
        assert "never this" in told
        again = stage.poll()
        assert (again.code, again.logged("error")) == (0, [])
        assert [row.value for row in stage.snapshots if row.value < 10] == [1, 3, 4]
        assert stage.run("verify").code == 0

    def test_doctor_and_status_name_it(self, refusing: Stage) -> None:
        refusing.poll()
        doctor = refusing.run("doctor", "--json")
        assert any("set aside (*.refused)" in row["message"] and not row["ok"] for row in doctor.rows)
        status = refusing.run("status")
        assert "set aside (*.refused)" in " ".join((status.out + status.err).split())

    def test_it_is_stored_once_the_database_takes_it_and_it_has_its_name_again(self, refusing: Stage) -> None:
        stage = refusing
        stage.poll()
        assert stage.path is not None
        with closing(sqlite3.connect(stage.path)) as connection, connection:
            connection.execute("DROP TRIGGER never")
        (aside,) = (stage.folder / "usage.db.state" / "spool").glob("*.refused")
        assert aside.stat().st_mode & 0o777 == 0o600
        aside.rename(aside.with_suffix(".poll"))
        assert stage.poll().code == 0
        assert sorted(row.value for row in stage.table("imported")) == [2, 20]
        assert "refused" not in stage.run("doctor", "--json").out
        assert stage.run("verify").code == 0
