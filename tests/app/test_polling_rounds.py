from __future__ import annotations

from pathlib import Path

import pytest

from collector.app.clock import SystemClock
from collector.app.polling_rounds import Pace, poll_rounds
from collector.config import Settings, TemplateAccount, load, template
from collector.simulator.server import Simulator
from collector.store.engine import Database

KEYS = {"NELLIE_API_KEY": "nel_1234"}


class Waiting:
    """Remembers how long it was told to sleep, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return False


def _settings(folder: Path, simulator: Simulator) -> Settings:
    path = folder / "collector.toml"
    path.write_text(template([TemplateAccount("nellie", "nellie", base_url=simulator.url)]))
    return load(path, {})


def test_the_pause_lies_between_the_rounds_only(tmp_path: Path, sqlite_database: Database) -> None:
    waiting = Waiting()
    with Simulator(now=SystemClock().now) as simulator:
        settings = _settings(tmp_path, simulator)
        poll_rounds(settings, sqlite_database, settings.accounts, KEYS, Pace(3, 10), waiting)
    assert sum(waiting.seconds) == 20


def test_every_round_asks_every_account(tmp_path: Path, sqlite_database: Database) -> None:
    with Simulator(now=SystemClock().now) as simulator:
        settings = _settings(tmp_path, simulator)
        turns = poll_rounds(settings, sqlite_database, settings.accounts, KEYS, Pace(3, 0), Waiting())
        assert (len(turns), simulator.requests_seen) == (3, 3)


def test_nobody_is_waited_for_once_all_have_failed(tmp_path: Path, sqlite_database: Database) -> None:
    waiting = Waiting()
    with Simulator(now=SystemClock().now, keys=frozenset()) as simulator:
        settings = _settings(tmp_path, simulator)
        poll_rounds(settings, sqlite_database, settings.accounts, KEYS, Pace(3, 10), waiting)
    assert waiting.seconds == []


def test_what_each_poll_brought_is_printed(
    tmp_path: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(now=SystemClock().now) as simulator:
        settings = _settings(tmp_path, simulator)
        poll_rounds(settings, sqlite_database, settings.accounts, KEYS, Pace(2, 0), Waiting())
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["nellie", "nellie"]
