"""What a command loads: nothing heavy that it does not need, seen in interpreters of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.config import TemplateAccount, template
from collector.simulator.server import Simulator
from collector.store.engine import Database

ROOT = Path(__file__).parents[1]
HEAVY = {"pandas", "numpy", "alembic", "altair", "fastapi", "starlette", "uvicorn", "prometheus_client", "dask"}
NEEDED_TO_WORK = {"sqlalchemy", "requests", "urllib3", "apscheduler"}
KEYS = {"NECTED_API_KEY": "nec_1234", "NELLIE_API_KEY": "nel_1234"}

_LOADED = re.compile(r"^import time: +[0-9]+ \| +[0-9]+ \| +([\w.]+)$", re.MULTILINE)


def _loaded(folder: Path, *words: str) -> set[str]:
    """Return the packages that `collector WORDS` loads; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "collector", *words],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **KEYS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return {name.partition(".")[0] for name in _LOADED.findall(done.stderr)}


@pytest.fixture
def folder(tmp_path: Path, sqlite_database: Database) -> Iterator[Path]:
    """A folder with settings for both providers, which answer, and a database."""
    assert sqlite_database.path == tmp_path / "usage.db"
    with Simulator(now=lambda: datetime.now(UTC)) as simulator:
        accounts = [TemplateAccount(name, name, base_url=simulator.url) for name in ("nected", "nellie")]
        (tmp_path / "collector.toml").write_text(template(accounts))
        yield tmp_path


def test_the_list_of_imports_is_read_rightly(folder: Path) -> None:
    assert {"collector", "typer", "sqlalchemy", "requests"} <= _loaded(folder, "poll")


@pytest.mark.parametrize("words", [["--help"], ["poll", "--help"], ["report", "daily", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    assert _loaded(tmp_path, *words).isdisjoint(HEAVY | NEEDED_TO_WORK)


def test_a_poll_loads_nothing_heavy(folder: Path) -> None:
    assert _loaded(folder, "poll").isdisjoint(HEAVY)


def test_a_poll_as_json_loads_nothing_heavy(folder: Path) -> None:
    assert _loaded(folder, "poll", "--json").isdisjoint(HEAVY)
