"""S1 to S3 and S6 to S15: the database's file is missing, foreign, full, read-only, damaged, replaced or misplaced."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from collector.app.long_log import LONG
from collector.errors import FileReplacedError
from collector.store import schema
from collector.store.engine import APPLICATION_ID, Database
from collector.store.sqlite_place import MOUNTS, log_of, network_filesystem_of
from tests.faults.powers import FullDisk, longest_file, modes_in_force, no_page_in_memory, read_only
from tests.faults.stage import Run, Stage, usage

VERBS = [("poll",), ("run",), ("status",), ("report", "daily"), ("db", "check")]
by_verb = pytest.mark.parametrize("words", VERBS, ids=" ".join)


def path_of(stage: Stage) -> Path:
    assert stage.path is not None
    return stage.path


def files(stage: Stage) -> set[str]:
    """Return the names of everything that is or may be a database."""
    return {one.name for one in stage.folder.rglob("*.db*")}


def doctor_says(stage: Stage) -> str:
    """Return what ``doctor`` finds wrong with the database."""
    rows = stage.run("doctor", "--json").rows
    return " ".join(row["message"] for row in rows if row["check"] == "database" and not row["ok"])


def raw(path: Path, *statements: str) -> None:
    """Change a file as another program would, and write its log into it."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def nobody_was_asked(stage: Stage) -> bool:
    return stage.upstream.requests == []


def at_revision(path: Path, revision: str) -> None:
    """Say that a file has the schema of another revision."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


@pytest.mark.fault("S1")
class TestMissing:
    @by_verb
    def test_every_verb_ends_with_5_and_creates_nothing(self, stage: Stage, words: tuple[str, ...]) -> None:
        path_of(stage).unlink()
        done = stage.run(*words)
        assert done.code == 5
        assert f"no database at {path_of(stage)}; run `collector init` or `collector db upgrade`" in done.err
        assert files(stage) == set()

    def test_nobody_is_asked_and_doctor_names_the_way_out(self, stage: Stage) -> None:
        path_of(stage).unlink()
        stage.poll()
        assert nobody_was_asked(stage)
        assert "collector db upgrade" in doctor_says(stage)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def music(path: Path) -> None:
    path.unlink()
    raw(path, "CREATE TABLE song (title TEXT)")


def marked_by_another(path: Path) -> None:
    path.unlink()
    raw(path, "PRAGMA application_id = 7", "PRAGMA user_version = 1")


def migrated_by_another(path: Path) -> None:
    path.unlink()
    raw(path, "CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0005')")


@pytest.mark.fault("S2")
class TestForeign:
    @pytest.mark.parametrize(
        ("make", "code", "says"),
        [
            (empty, 6, "has no tables yet; run `collector db upgrade`"),
            (music, 5, "a SQLite database of another program"),
            (marked_by_another, 5, "a SQLite database of another program"),
            (migrated_by_another, 5, "a SQLite database of another program"),
        ],
    )
    @by_verb
    def test_it_is_told_and_left_as_it_is(
        self, stage: Stage, make: Callable[[Path], None], code: int, says: str, words: tuple[str, ...]
    ) -> None:
        make(path_of(stage))
        before = path_of(stage).read_bytes()
        done = stage.run(*words)
        assert (done.code, says in done.err) == (code, True), done.err
        assert path_of(stage).read_bytes() == before
        assert nobody_was_asked(stage)

    @pytest.mark.parametrize("make", [music, marked_by_another, migrated_by_another])
    def test_an_upgrade_does_not_write_into_it_either(self, stage: Stage, make: Callable[[Path], None]) -> None:
        make(path_of(stage))
        before = path_of(stage).read_bytes()
        assert stage.run("db", "upgrade").code == 5
        assert path_of(stage).read_bytes() == before
        assert "another program" in doctor_says(stage)


@pytest.mark.fault("S3")
class TestRevision:
    @pytest.mark.parametrize(
        ("found", "says"),
        [
            ("0003", "run `collector db upgrade`"),
            ("0000", "run `collector db upgrade`"),
            ("9999", "install a newer collector or restore a backup"),
            ("deadbeef", "install a newer collector or restore a backup"),
        ],
    )
    @by_verb
    def test_another_one_ends_with_6_and_nothing_is_written(
        self, stage: Stage, found: str, says: str, words: tuple[str, ...]
    ) -> None:
        at_revision(path_of(stage), found)
        before = path_of(stage).read_bytes()
        done = stage.run(*words)
        assert (done.code, says in done.err) == (6, True), done.err
        assert path_of(stage).read_bytes() == before
        assert nobody_was_asked(stage)

    @pytest.mark.parametrize("found", ["0000", "9999", "deadbeef"])
    def test_one_that_is_not_ours_is_not_upgraded(self, stage: Stage, found: str) -> None:
        at_revision(path_of(stage), found)
        before = path_of(stage).read_bytes()
        assert stage.run("db", "upgrade").code == 6
        assert path_of(stage).read_bytes() == before
        assert found in doctor_says(stage)


_DISK = FullDisk()


@contextmanager
def full_disk(_: Stage) -> Iterator[None]:
    with _DISK.full():
        yield


@contextmanager
def no_growth(stage: Stage) -> Iterator[None]:
    """Let the log, which is the file that grows, not grow."""
    with longest_file(_LOG_SO_LONG):
        yield


# Longer than the memory that readers share and than an answer, shorter than the log of one poll with a long list.
_LOG_SO_LONG = 64 * 1024
LONG_LIST: list[object] = [
    {"requestId": f"req-{number:04}-{'x' * 100}", "status": "completed", "createdAt": "2026-03-01T00:00:00Z",
     "completedAt": "2026-03-01T00:00:09Z", "creditsUsed": 1}
    for number in range(200)
]  # fmt: skip

Fault = Callable[[Stage], AbstractContextManager[None]]
unwritable = pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(full_disk, "full", marks=pytest.mark.fault("S6"), id="full disk"),
        pytest.param(no_growth, "disk I/O error", marks=pytest.mark.fault("S7"), id="file too large"),
    ],
)


class TestUnwritable:
    @pytest.fixture(autouse=True)
    def _room_again(self) -> Iterator[None]:
        yield
        _DISK.gone()

    @unwritable
    def test_poll_ends_with_5_and_what_was_there_can_be_read(self, stage: Stage, fault: Fault, says: str) -> None:
        assert stage.poll().code == 0
        before, seen = stage.facts, stage.seen
        stage.plays(usage(listed=LONG_LIST))
        with fault(stage):
            done = stage.poll()
            assert done.code == 5
            assert says in done.out + done.err
            assert stage.facts == before
            assert [row["value"] for row in stage.seen] == [row["value"] for row in seen]
        assert stage.run("verify").code == 0

    @unwritable
    def test_it_recovers_by_itself(self, stage: Stage, fault: Fault, says: str) -> None:
        assert stage.poll().code == 0
        stage.plays(usage(listed=LONG_LIST))
        with fault(stage):
            assert stage.poll().code == 5
        assert stage.poll().code == 0
        assert {one.outcome for one in stage.polls} == {"ok"}
        assert len(stage.polls) >= 2
        assert stage.run("verify").code == 0

    @unwritable
    def test_the_daemon_keeps_trying_tells_it_once_and_recovers(self, stage: Stage, fault: Fault, says: str) -> None:
        stage.configure(account='poll_every = "1s"')
        assert stage.poll().code == 0
        ending: list[object] = []

        def recovered() -> bool:
            if len(stage.upstream.requests) >= 3 and not ending:
                ending.append(limit.__exit__(None, None, None))
            return bool(ending) and len(stage.polls) >= 3

        stage.plays(usage(listed=LONG_LIST))
        limit = fault(stage)
        limit.__enter__()
        try:
            done = stage.daemon(recovered)
        finally:
            if not ending:
                limit.__exit__(None, None, None)
        assert done.code == 0, done.err
        assert len(done.logged("error")) == 1, done.logged("error")
        assert {one.outcome for one in stage.polls} <= {"ok", "interrupted"}  # SIGTERM may come in mid-poll


@contextmanager
def file_mode(stage: Stage) -> Iterator[None]:
    path_of(stage).chmod(0o400)
    with modes_in_force():
        yield


@contextmanager
def folder_mode(stage: Stage) -> Iterator[None]:
    stage.folder.chmod(0o500)
    try:
        with modes_in_force():
            yield
    finally:
        stage.folder.chmod(0o700)


@contextmanager
def mount(stage: Stage) -> Iterator[None]:
    with read_only(stage.folder), modes_in_force():
        yield


@pytest.mark.fault("S8")
class TestReadOnly:
    @pytest.mark.parametrize("fault", [file_mode, folder_mode, mount])
    @pytest.mark.parametrize("words", [("poll",), ("run",)], ids=" ".join)
    def test_it_is_told_at_the_start_before_anybody_is_asked(
        self, stage: Stage, fault: Fault, words: tuple[str, ...]
    ) -> None:
        before = path_of(stage).read_bytes()
        with fault(stage):
            done = stage.run(*words)
        assert done.code == 5
        assert "cannot be written (" in done.err
        assert "so no poll could be stored: nothing was asked" in done.err
        assert nobody_was_asked(stage)
        assert path_of(stage).read_bytes() == before
        assert stage.polls == []

    @pytest.mark.parametrize("fault", [file_mode, folder_mode, mount])
    def test_doctor_finds_it(self, stage: Stage, fault: Fault) -> None:
        with fault(stage):
            assert "cannot be written (" in doctor_says(stage)


def overwritten(path: Path, at: int, length: int) -> bytes:
    """Overwrite a part of a file and return what the file then holds."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * length)
    return path.read_bytes()


def roots(path: Path) -> int:
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'account'").fetchone()
    connection.close()
    return int(page)


def in_header(path: Path) -> bytes:
    return overwritten(path, 0, 100)


def in_schema(path: Path) -> bytes:
    return overwritten(path, 200, 3896)


def in_table(path: Path) -> bytes:
    return overwritten(path, 4096 * (roots(path) - 1), 4096)


def everywhere(path: Path) -> bytes:
    return overwritten(path, 4096, path.stat().st_size - 4096)


def cut(path: Path) -> bytes:
    path.write_bytes(path.read_bytes()[:9000])
    return path.read_bytes()


@pytest.mark.fault("S9")
class TestDamaged:
    @pytest.mark.parametrize("damage", [in_header, in_schema, in_table, everywhere, cut])
    @by_verb
    def test_it_ends_with_7_and_the_file_is_left_as_it_is(
        self, stage: Stage, damage: Callable[[Path], bytes], words: tuple[str, ...]
    ) -> None:
        assert stage.poll().code == 0
        before, there = damage(path_of(stage)), files(stage)
        done = stage.run(*words)
        assert done.code == 7, done.err
        assert "collector db restore" in done.err
        assert path_of(stage).read_bytes() == before
        assert {one for one in files(stage) if not one.endswith(("-wal", "-shm"))} == there
        assert "collector db restore" in doctor_says(stage)


@pytest.mark.fault("S10")
def test_a_flipped_bit_in_a_counter_is_found_with_its_row(stage: Stage) -> None:
    assert stage.poll().code == 0
    (row,) = (row for row in stage.snapshots if row.value == 8740)
    raw(path_of(stage), "UPDATE snapshot SET value = 8740 + 64 WHERE value = 8740")  # 8740 has no bit of 64
    before = path_of(stage).read_bytes()
    done = stage.run("verify", "--json")
    assert done.code == 7
    findings = [one for check in done.rows["checks"] for one in check["findings"]]
    assert any(one["table"] in {"snapshot", "poll"} for one in findings)
    assert any(one["key"].get("meter") == row.meter or one["key"].get("account") == 1 for one in findings), findings
    assert path_of(stage).read_bytes() == before


@contextmanager
def while_it_runs(stage: Stage, act: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Give a condition for ``stage.daemon`` that lets ``act`` happen after the second poll, and never holds."""
    acted: list[object] = []

    def condition() -> bool:
        if not acted and len(stage.upstream.requests) >= 2:
            acted.append(act())
        return False

    yield condition


def ended_by_itself(stage: Stage, act: Callable[[], object]) -> Run:
    """Run the daemon, let ``act`` happen to its database, and wait for its end."""
    stage.configure(account='poll_every = "1s"')
    with while_it_runs(stage, act) as condition:
        return stage.daemon(condition)


def written_in(path: Path) -> None:
    """Have the log written into the file: whatever is in the log is read from there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def leaf(path: Path) -> None:
    written_in(path)
    in_table(path)


def every_page_but_the_first(path: Path) -> None:
    written_in(path)
    everywhere(path)


def log(path: Path) -> None:
    header, frame = 32, 24
    overwritten(log_of(path), header + frame, log_of(path).stat().st_size - header - frame)


@pytest.mark.fault("S11")
@pytest.mark.parametrize("damage", [leaf, every_page_but_the_first, log])
def test_damage_found_while_the_daemon_runs_ends_it_with_7(stage: Stage, damage: Callable[[Path], None]) -> None:
    event.listen(Engine, "connect", no_page_in_memory)
    try:
        done = ended_by_itself(stage, lambda: damage(path_of(stage)))
    finally:
        event.remove(Engine, "connect", no_page_in_memory)
    assert done.code == 7, done.err
    assert any("is damaged" in str(line) and "collector db restore" in str(line) for line in done.log)
    assert files(stage) >= {"usage.db"}
    assert stage.run("verify").code == 7


@pytest.mark.fault("S13")
class TestReplaced:
    def gone(self, path: Path) -> None:
        path.rename(path.with_name("elsewhere"))

    def deleted(self, path: Path) -> None:
        path.unlink()

    def replaced(self, path: Path) -> None:
        shutil.copy(path, path.with_name("other"))
        path.with_name("other").rename(path)

    @pytest.mark.parametrize("way", ["gone", "deleted", "replaced"])
    def test_the_daemon_ends_with_5_and_says_so_once(self, stage: Stage, way: str) -> None:
        path = path_of(stage)
        done = ended_by_itself(stage, lambda: getattr(self, way)(path))
        assert done.code == 5, done.err
        assert len([line for line in done.log if line["level"] == "error"]) == 1, done.logged("error")
        assert any("while it was in use" in str(line) for line in done.log)
        assert path.exists() == (way == "replaced")

    @pytest.mark.parametrize("way", ["gone", "deleted", "replaced"])
    @pytest.mark.parametrize("moment", ["before", "in the transaction", "between commit and answer"])
    def test_no_transaction_in_a_ghost_is_told_as_done(
        self, sqlite_database: Database, tmp_path: Path, way: str, moment: str
    ) -> None:
        path = tmp_path / "usage.db"
        add(sqlite_database, "known")
        act: Callable[..., None] = lambda *_: getattr(self, way)(path)  # noqa: E731 - one line says it all
        if moment == "between commit and answer":
            event.listen(sqlite_database._writer, "commit", act, once=True)
        elif moment == "before":
            act()
        with pytest.raises(FileReplacedError, match="while it was in use"):
            add(sqlite_database, "ghost", act if moment == "in the transaction" else lambda: None)

    def test_no_transaction_in_a_deleted_log_is_told_as_done(self, sqlite_database: Database) -> None:
        add(sqlite_database, "known")
        assert sqlite_database.path is not None
        log_of(sqlite_database.path).unlink()
        with pytest.raises(FileReplacedError, match=r"write-ahead log of .* was deleted"):
            add(sqlite_database, "ghost")


def add(database: Database, name: str, then: Callable[[], None] = lambda: None) -> None:
    with database.write() as connection:
        connection.execute(schema.account.insert().values(name=name, provider="nellie", timezone="UTC"))
        then()


MOUNTED = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/nfs rw,relatime - nfs4 host:/export rw,vers=4.2
31 22 0:41 / /mnt/smb\\040share rw - cifs //host/share rw
32 22 0:42 / /mnt/c rw - 9p drvfs rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs user@host:/ rw
34 22 0:44 / /mnt/fuse rw - fuse.ntfs-3g /dev/sdb1 rw
35 30 254:1 / /mnt/nfs/local rw - xfs /dev/vdb rw
36 22 0:45 / /mnt/over rw - ext4 /dev/vdc rw
37 36 0:46 / /mnt/over rw - nfs host:/over rw
broken line
"""


@pytest.mark.fault("S14")
class TestNetwork:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/var/usage.db", None),
            ("/mnt/nfs/usage.db", "nfs4"),
            ("/mnt/nfs/deep/er/usage.db", "nfs4"),
            ("/mnt/nfs/local/usage.db", None),
            ("/mnt/nfsx/usage.db", None),
            ("/mnt/smb share/usage.db", "cifs"),
            ("/mnt/c/usage.db", "9p"),
            ("/mnt/ssh/usage.db", "fuse.sshfs"),
            ("/mnt/fuse/usage.db", None),
            ("/mnt/over/usage.db", "nfs"),
        ],
    )
    def test_the_mount_that_a_path_lies_on_decides(self, path: str, kind: str | None) -> None:
        assert network_filesystem_of(Path(path), MOUNTED) == kind

    @pytest.fixture
    def _on_nfs(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the machine say that the stage's folder is a network's."""
        read, said = Path.read_text, f"22 1 254:0 / / rw - ext4 x rw\n30 22 0:40 / {stage.folder} rw - nfs4 h:/e rw\n"
        monkeypatch.setattr(Path, "read_text", lambda one, *a, **k: said if one == MOUNTS else read(one, *a, **k))

    @pytest.mark.usefixtures("_on_nfs")
    @pytest.mark.parametrize("words", [*VERBS[:4], ("db", "upgrade")], ids=" ".join)
    def test_a_start_on_a_network_is_refused_with_the_reason(self, stage: Stage, words: tuple[str, ...]) -> None:
        before = path_of(stage).read_bytes()
        done = stage.run(*words)
        assert done.code == 5
        assert "lies on a network file system (nfs4)" in done.err
        assert "allow_network_filesystem = true" in done.err
        assert nobody_was_asked(stage)
        assert path_of(stage).read_bytes() == before
        assert "nfs4" in doctor_says(stage)

    @pytest.mark.usefixtures("_on_nfs")
    def test_who_knows_better_may_allow_it(self, stage: Stage) -> None:
        stage.console.set("COLLECTOR_DATABASE__ALLOW_NETWORK_FILESYSTEM", "true")
        assert stage.poll().code == 0
        assert stage.outcomes == ["ok"]


@pytest.mark.fault("S15")
class TestLongLog:
    def test_the_daemon_warns_once_and_names_who_holds_the_file(self, stage: Stage) -> None:
        stage.configure(account='poll_every = "1s"')
        path = path_of(stage)
        reader = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM poll'); input()"
        with subprocess.Popen([sys.executable, "-c", reader, str(path)], stdin=subprocess.PIPE) as stuck:

            def long() -> bool:
                if log_of(path).exists() and log_of(path).stat().st_size < LONG and stage.polls:
                    with log_of(path).open("r+b") as log:
                        log.truncate(LONG + 4096)
                return "long_log" in str(stage.table("collector_process")) and len(stage.polls) >= 2

            try:
                done = stage.daemon(long)
            finally:
                assert stuck.stdin is not None
                stuck.stdin.close()
        warned = [line for line in done.log if "a program that reads it does not end" in line["event"]]
        assert [line["level"] for line in warned] == ["warning"]
        assert any(f"({stuck.pid})" in one for one in warned[0]["open_in"]), warned
        assert done.code == 0
        assert {one.outcome for one in stage.polls} == {"ok"}


class TestModes:
    def modes(self, folder: Path) -> dict[str, str]:
        return {
            one.name: oct(stat.S_IMODE(one.stat().st_mode))
            for one in folder.rglob("*")
            if stat.S_IMODE(one.stat().st_mode) & 0o077
        }

    def test_nothing_that_is_written_is_open_to_anybody_else(self, stage: Stage) -> None:
        stage.configure(
            account='poll_every = "1s"',
            extra='[[reports]]\nname = "r"\nreport = "daily"\nschedule = { every = "day" }\nfolder = "made"\n',
        )
        before = self.modes(stage.folder)
        assert stage.poll().code == 0
        stage.daemon(lambda: len(stage.polls) >= 2 and log_of(path_of(stage)).exists() and self.seen_log(stage))
        for words in (
            ("db", "backup", "copy.db"),
            ("report", "daily", "--output", "daily.csv"),
            ("report", "daily", "--output", "daily.html"),
            ("report", "daily", "--output", "daily.xlsx"),
            ("export", "polls", "--output", "polls.jsonl"),
            ("reports", "run", "r"),
        ):
            done = stage.run(*words)
            assert done.code in {0, 2, 4}, (words, done.err)
        assert self.modes(stage.folder) == before
        assert len(list(stage.folder.rglob("*"))) > 6

    def seen_log(self, stage: Stage) -> bool:
        """Tell whether SQLite's own files are private while they are there."""
        found = [one for one in stage.folder.glob("usage.db*") if stat.S_IMODE(one.stat().st_mode) & 0o077]
        assert found == []
        return True

    def test_a_database_that_is_open_to_everybody_is_told_and_still_used(self, stage: Stage) -> None:
        path_of(stage).chmod(0o644)
        done = stage.poll()
        assert done.code == 0
        assert any("is open to every user of this machine (mode 0644); run: chmod 600" in one for one in
                   done.logged("warning"))  # fmt: skip
        assert "chmod 600" in doctor_says(stage)
        assert stat.S_IMODE(path_of(stage).stat().st_mode) == 0o644


def test_our_mark_is_in_every_database(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        found: Any = connection.exec_driver_sql("PRAGMA application_id").scalar()
    assert found == APPLICATION_ID
