from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from collector.app.clock import SystemClock
from collector.app.demonstration import DEFAULT_URL, WORKLOAD, answering, is_demonstration, write_demonstration
from collector.config import Settings, TemplateAccount, load, template
from collector.errors import ConfigError
from collector.simulator.server import Simulator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _settings(folder: Path, port: int) -> Settings:
    path = folder / "collector.toml"
    write_demonstration(path)
    path.write_text(path.read_text().replace(DEFAULT_URL, f"http://127.0.0.1:{port}"))
    return load(path, {})


def test_written_settings_are_recognised(tmp_path: Path) -> None:
    assert is_demonstration(_settings(tmp_path, 1))


def test_settings_for_real_accounts_are_no_demonstration(tmp_path: Path) -> None:
    (tmp_path / "collector.toml").write_text(template([TemplateAccount("nellie", "nellie")]))
    assert not is_demonstration(load(tmp_path / "collector.toml", {}))


def test_settings_without_accounts_are_no_demonstration(tmp_path: Path) -> None:
    (tmp_path / "collector.toml").write_text(template([]))
    assert not is_demonstration(load(tmp_path / "collector.toml", {}))


def test_everything_written_is_for_the_owner_alone(tmp_path: Path) -> None:
    write_demonstration(tmp_path / "collector.toml")
    files = [*tmp_path.glob("*.key"), tmp_path / "collector.toml"]
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o600"] * 3


def test_the_accounts_have_keys_of_their_own(tmp_path: Path) -> None:
    # Two accounts with the same key at the same address would be reported as counted twice.
    accounts = _settings(tmp_path, 1).accounts
    assert accounts[0].account({}).key != accounts[1].account({}).key


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "simulator-nellie.key").write_text("mine")
    write_demonstration(tmp_path / "collector.toml")
    assert (tmp_path / "simulator-nellie.key").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        write_demonstration(tmp_path / "missing" / "collector.toml")


def test_it_answers_at_the_address_of_the_settings(tmp_path: Path, clock: SystemClock) -> None:
    settings = _settings(tmp_path, _free_port())
    with answering(settings, {}, clock) as url:
        assert url == settings.accounts[0].base_url


def test_whoever_tells_the_same_world_is_asked_instead(tmp_path: Path, clock: SystemClock) -> None:
    with Simulator(now=clock.now, workload=WORKLOAD) as other, answering(_other(tmp_path, other), {}, clock) as url:
        assert url == other.url


def test_another_world_at_the_same_port_is_not_asked(tmp_path: Path, clock: SystemClock) -> None:
    with Simulator(now=clock.now) as other, answering(_other(tmp_path, other), {}, clock) as url:
        assert url != other.url


def test_another_program_at_the_same_port_is_not_asked(tmp_path: Path, clock: SystemClock) -> None:
    with Simulator(now=clock.now, keys=frozenset()) as other, answering(_other(tmp_path, other), {}, clock) as url:
        assert url != other.url


def _other(folder: Path, other: Simulator) -> Settings:
    return _settings(folder, int(other.url.rpartition(":")[2]))


def test_it_can_be_kept_answering_until_told_to_stop(tmp_path: Path) -> None:
    settings = _settings(tmp_path, _free_port())
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "collector.app.demonstration"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert settings.accounts[0].base_url in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_serving_at_a_taken_address_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        _settings(tmp_path, server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "collector.app.demonstration"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "cannot listen" in done.stderr
