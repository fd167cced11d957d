from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.app.clock import SystemClock
from collector.app.demonstration import DEFAULT_URL, write_demonstration
from collector.app.first_run import first_run
from collector.app.polling_rounds import Pace
from collector.config import TemplateAccount, template
from collector.simulator.server import Simulator

ROOT = Path(__file__).parents[2]
TWICE = Pace(rounds=2, pause_seconds=0)
KEYS = {"NECTED_API_KEY": "nec_1234", "NELLIE_API_KEY": "nel_1234"}


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with simulated accounts on a port of this test's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    path = tmp_path / "collector.toml"
    write_demonstration(path)
    path.write_text(path.read_text().replace(DEFAULT_URL, f"http://127.0.0.1:{port}"))
    return tmp_path


def _with_accounts(folder: Path, simulator: Simulator) -> Path:
    accounts = [TemplateAccount(name, name, base_url=simulator.url) for name in ("nected", "nellie")]
    (folder / "collector.toml").write_text(template(accounts))
    return folder


def _polls(path: Path) -> list[tuple[str, int]]:
    query = "SELECT account.name, count(*) FROM poll JOIN account ON account.id = poll.account GROUP BY 1 ORDER BY 1"
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_simulated_accounts_are_polled_in_rounds(folder: Path, clock: SystemClock) -> None:
    assert first_run(folder, {}, clock, TWICE) == 0
    assert _polls(folder / "simulated.db") == [("nected", 2), ("nellie", 2)]


def test_a_second_run_continues_the_same_history(folder: Path, clock: SystemClock) -> None:
    assert [first_run(folder, {}, clock, TWICE) for _ in range(2)] == [0, 0]
    assert _polls(folder / "simulated.db") == [("nected", 4), ("nellie", 4)]


@pytest.mark.parametrize("title", ["Status", "Daily usage", "Burn rate", "Exhaustion", "What to type next"])
def test_every_first_report_is_shown(
    title: str, folder: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    first_run(folder, {}, clock, TWICE)
    assert re.search(rf"^{title}", capsys.readouterr().out, re.MULTILINE)


def test_a_simulated_run_tells_how_to_go_on(
    folder: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    first_run(folder, {}, clock, TWICE)
    assert "make simulate" in capsys.readouterr().out


def test_a_folder_without_settings_gets_them(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first_run(tmp_path, {}, clock, TWICE) == 0
    assert "Created the database simulated.db." in capsys.readouterr().out
    assert (tmp_path / "collector.toml").exists()


def test_a_taken_port_is_told_and_another_one_used(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(now=clock.now, keys=frozenset()) as other:
        path = tmp_path / "collector.toml"
        write_demonstration(path)
        path.write_text(path.read_text().replace(DEFAULT_URL, other.url))
        assert first_run(tmp_path, {}, clock, TWICE) == 0
    said = capsys.readouterr().out
    assert f"{other_url(path)} is taken by another program" in said
    assert "edit base_url in collector.toml" in said


def other_url(path: Path) -> str:
    found = re.search(r'base_url = "(.*)"', path.read_text())
    assert found is not None
    return found[1]


def test_accounts_with_keys_are_polled_where_the_settings_say(tmp_path: Path, clock: SystemClock) -> None:
    with Simulator(now=clock.now) as simulator:
        assert first_run(_with_accounts(tmp_path, simulator), KEYS, clock, TWICE) == 0
    assert _polls(tmp_path / "usage.db") == [("nected", 2), ("nellie", 2)]


def test_a_real_run_does_not_speak_of_the_simulator(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(now=clock.now) as simulator:
        first_run(_with_accounts(tmp_path, simulator), KEYS, clock, TWICE)
    assert "simulat" not in capsys.readouterr().out


def test_when_every_poll_fails_the_run_fails(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(now=clock.now, keys=frozenset()) as simulator:
        assert first_run(_with_accounts(tmp_path, simulator), KEYS, clock, TWICE) == 1
    assert "No poll succeeded." in capsys.readouterr().out


def test_an_account_that_fails_is_not_asked_again(tmp_path: Path, clock: SystemClock) -> None:
    with Simulator(now=clock.now, keys=frozenset({KEYS["NECTED_API_KEY"]})) as simulator:
        first_run(_with_accounts(tmp_path, simulator), KEYS, clock, TWICE)
    assert _polls(tmp_path / "usage.db") == [("nected", 2), ("nellie", 1)]


def test_when_one_account_fails_the_run_succeeds_and_names_it(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(now=clock.now, keys=frozenset({KEYS["NECTED_API_KEY"]})) as simulator:
        assert first_run(_with_accounts(tmp_path, simulator), KEYS, clock, TWICE) == 0
    assert "Not every poll succeeded; the reasons are above: nellie." in capsys.readouterr().out


def test_settings_beside_the_users_own_are_named_in_what_to_type(
    tmp_path: Path, clock: SystemClock, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "collector.toml").write_text(template([TemplateAccount("mine", "nellie")]))
    first_run(tmp_path, {}, clock, TWICE)
    assert "collector --config collector.simulated.toml status" in capsys.readouterr().out


def _program(folder: Path) -> subprocess.CompletedProcess[str]:
    # Nothing of the surroundings may turn this into a run against the real APIs.
    environ = {name: value for name, value in os.environ.items() if name not in KEYS}
    return subprocess.run(
        [sys.executable, "-m", "collector.app.first_run"],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_wrong_settings_end_the_program_with_their_exit_code(tmp_path: Path) -> None:
    (tmp_path / "collector.toml").write_text("[databse]\n")
    done = _program(tmp_path)
    assert (done.returncode, "databse" in done.stderr) == (2, True)


def test_a_database_that_cannot_be_used_ends_the_program_with_its_exit_code(folder: Path) -> None:
    (folder / "simulated.db").mkdir()
    assert _program(folder).returncode == 5
