"""Killed at any instant, a collector loses nothing that it acknowledged and leaves no half of anything (S16)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.store.engine import Database
from collector.store.revision import upgrade
from tests.app.console import Console
from tests.faults.crash.canonical import ledger
from tests.faults.crash.script import acknowledged, configure

REPOSITORY = Path(__file__).parents[3]
KILLS = int(os.environ.get("CRASH_KILLS", "50"))  # on each engine; `make crash KILLS=5000` for more

pytestmark = pytest.mark.fault("S16")

UNDISTURBED = """
import json, pathlib, sys
from tests.faults.crash.script import World

world = World(pathlib.Path(sys.argv[1]))
world.start()
world.live(json.loads(sys.argv[2]))
"""


def run(*words: str) -> str:
    """Run Python with ``words`` beside the tests and return what it printed."""
    done = subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=400 + 2 * KILLS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def url_of(database: Database) -> str:
    return database.url.set(drivername=database.url.get_backend_name()).render_as_string(hide_password=False)


@pytest.fixture
def nursery(database: Database, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that has collectors of a database born and killed, and gives the report."""
    folder = tmp_path / "killed"
    folder.mkdir()
    configure(folder, url_of(database))

    def killed(**order: object) -> dict[str, Any]:
        path = tmp_path / "order.json"
        path.write_text(json.dumps({"folder": str(folder), **order}))
        found: dict[str, Any] = json.loads(run("-m", "tests.faults.crash.nursery", str(path)))
        return found

    return killed


@pytest.fixture
def undisturbed(tmp_path: Path) -> Callable[[dict[str, int]], Any]:
    """Return a function that gives the ledger of a collector that nobody disturbed, up to a number of polls each."""

    def rows(goal: dict[str, int]) -> Any:
        folder = tmp_path / "undisturbed"
        folder.mkdir()
        configure(folder)
        database = Database(f"sqlite:///{folder / 'usage.db'}")
        upgrade(database)
        run("-c", UNDISTURBED, str(folder), json.dumps(goal))
        found = ledger(database)
        database.close()
        return found

    return rows


def test_killed_at_any_instant_it_equals_one_that_was_not(
    database: Database,
    nursery: Callable[..., dict[str, Any]],
    undisturbed: Callable[[dict[str, int]], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_statements = [*range(1, 40, 2), *range(40, 130, 4)]  # those that record the accounts first, then those of polls
    report = nursery(statements=at_statements, kills=KILLS, seed=5)
    assert report["codes"].count(-9) == len(at_statements) + KILLS
    assert set(report["codes"]) == {-9, 0}  # 0: the ledger was proved between two kills
    assert report["last"] == 0
    assert sum(report["reached"].values()) > KILLS / 2  # they lived long enough to be killed at work
    assert acknowledged(tmp_path / "killed") == report["goal"]
    killed, whole = ledger(database), undisturbed(report["goal"])
    for table in killed.keys() | whole.keys():
        assert killed[table] == whole[table], table
    console = Console(tmp_path / "killed", monkeypatch)
    console.good("verify")
    assert {row["account"] for row in console.json("status")} == set(report["goal"])
