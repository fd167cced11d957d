"""Killed at any line, a command leaves nothing half done under a final name, and run again it does all of it (S16)."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.store.engine import Database
from collector.store.revision import HEAD, upgrade
from tests.app.console import Console
from tests.faults.crash.canonical import ledger
from tests.faults.crash.script import World, configure
from tests.faults.test_migration_rows import downgrade

REPOSITORY = Path(__file__).parents[3]
KILLS = int(os.environ.get("CRASH_VERB_KILLS", "4"))  # of each command; `make crash KILLS=5000` for more

pytestmark = pytest.mark.fault("S16")

FACTS = "account,meter,observed_at,value\n" + "".join(
    f"nected,invocations,2026-01-{day:02}T{hour:02}:00:00Z,{day * 24 + hour}\n"
    for day in range(1, 25)
    for hour in (1, 7, 19)
)
# When a period was closed, and everything that follows from that.
CLOCK = {"statement": {"closed_at", "digest"}, "statement_line": {"body"}}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings, a history, a backup from its middle, and a file to import."""
    folder = tmp_path_factory.mktemp("base") / "site"
    folder.mkdir()
    configure(folder)
    database = Database(f"sqlite:///{folder / 'usage.db'}")
    upgrade(database)
    database.close()
    (folder / "facts.csv").write_text(FACTS)
    before = Path.cwd()
    world = World(folder)
    world.start()
    world.live_in_turn(6)
    world.database.close()
    shutil.copy(folder / "usage.db", folder / "earlier.db")
    world.live_in_turn(6)
    world.database.close()
    os.chdir(before)
    (folder / "old.csv").write_text("what was there before")
    (folder / "facts.csv").chmod(0o600)
    return folder


@pytest.fixture
def killed(base: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that runs a command, kills it, runs it again, and gives the folder of what that left."""

    def kill(*words: str, start: Path = base) -> Path:
        into = tmp_path / "killed"
        into.mkdir()
        order = tmp_path / "order.json"
        order.write_text(json.dumps({"base": str(start), "into": str(into), "words": words, "kills": KILLS}))
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.crash.verbs", str(order)],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=400 + 10 * KILLS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert report["lines"] > 0, (into / "whole.said").read_text()
        assert {first for first, _ in report["codes"]} == {-9}
        assert [again for _, again in report["codes"]] == [0] * KILLS, said(into)
        return into

    return kill


def said(into: Path) -> str:
    return "\n".join(path.read_text()[-500:] for path in sorted(into.glob("*.said")))


def rows(folder: Path, name: str = "usage.db") -> Any:
    database = Database(f"sqlite:///{folder / name}")
    try:
        return ledger(database, CLOCK)
    finally:
        database.close()


def test_import_is_all_there_or_nothing(killed: Callable[..., Path], base: Path) -> None:
    into = killed("import", "facts.csv")
    whole, before = rows(into / "whole"), rows(base)
    assert whole["imported"]
    for number in range(KILLS):
        left = rows(into / f"{number}-left")
        assert [len(left[table]) for table in ("imported", "snapshot")] in (
            [len(one[table]) for table in ("imported", "snapshot")] for one in (before, whole)
        )
        assert rows(into / f"{number}-again")["snapshot"] == whole["snapshot"]


def test_migration_is_done_or_not_begun(killed: Callable[..., Path], base: Path, tmp_path: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(base, start)
    database = Database(f"sqlite:///{start / 'usage.db'}")
    downgrade(database, "0002")
    database.close()
    into = killed("db", "upgrade", start=start)
    for number in range(KILLS):
        with sqlite3.connect(into / f"{number}-left" / "usage.db") as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone()[0] in {"0002", HEAD}
        connection.close()
        assert rows(into / f"{number}-again") == rows(into / "whole")


def test_backup_has_its_name_only_when_it_is_whole(killed: Callable[..., Path], base: Path) -> None:
    into = killed("db", "backup", "copy.db")
    for number in range(KILLS):
        left = into / f"{number}-left"
        assert not (left / "copy.db").exists() or rows(left, "copy.db") == rows(base)
        assert rows(into / f"{number}-again", "copy.db") == rows(base)


def test_restore_leaves_the_old_database_or_the_new_one(killed: Callable[..., Path], base: Path) -> None:
    into = killed("db", "restore", "earlier.db")
    old, new = rows(base), rows(base, "earlier.db")
    assert old != new
    for number in range(KILLS):
        assert rows(into / f"{number}-left") in (old, new)
        assert rows(into / f"{number}-again") == new


@pytest.mark.parametrize("report", ["out.md", "old.csv"])
def test_report_has_its_name_only_when_it_is_whole(killed: Callable[..., Path], base: Path, report: str) -> None:
    words = ("--format", report.rpartition(".")[2], "--from", "2026-01-30", "--to", "2026-02-01", "--output", report)
    into = killed("report", "daily", *words)
    whole = timeless((into / "whole" / report).read_bytes())
    before = (base / report).read_bytes() if (base / report).exists() else None
    for number in range(KILLS):
        left = into / f"{number}-left" / report
        assert (left.read_bytes() if left.exists() else None) == before or timeless(left.read_bytes()) == whole
        assert timeless((into / f"{number}-again" / report).read_bytes()) == whole


def timeless(report: bytes) -> bytes:
    """Return a report without when it was made; a CSV says nothing of that."""
    return re.sub(rb"Made at \S+ \S+ by", b"Made by", report)


def test_close_freezes_a_period_once(
    killed: Callable[..., Path], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "start"
    shutil.copytree(base, start)
    Console(start, monkeypatch).good("import", "facts.csv")
    into = killed("close", "2026-01-10", "--account", "nected", "--by", "somebody", start=start)
    whole = rows(into / "whole")
    assert len(whole["statement"]) == 1
    for number in range(KILLS):
        assert len(rows(into / f"{number}-left")["statement"]) in {0, 1}
        assert rows(into / f"{number}-again") == whole
