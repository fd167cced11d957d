"""Signals that come before ``collector run`` is ready, and while it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Plays a daemon: says when signals are held back, waits for its turn, then takes over as ``run_daemon`` does.
_PROGRAM = """
import sys, time
from collector.app.early_signals import hold_back, take_over
hold_back(["collector", *sys.argv[1:]])
print("held", flush=True)
sys.stdin.readline()
from collector.app.stopping import stopping_on_signals
import threading
stop, hung_up = threading.Event(), threading.Event()
with stopping_on_signals(stop.set, hung_up.set):
    if take_over():
        hung_up.set()
    print("ready", hung_up.is_set(), flush=True)
    sys.stdin.readline()
print("ending", flush=True)
sys.stdin.readline()
sys.exit(5)
"""


def _started(*words: str) -> subprocess.Popen[str]:
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    started = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "held\n"
    return started


def _goes_on(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_before_it_is_ready_ends_it_with_0(number: signal.Signals) -> None:
    with _started("--config", "x", "run") as process:
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_hangup_before_it_is_ready_is_a_reload_once_it_is() -> None:
    with _started("run") as process:
        process.send_signal(signal.SIGHUP)
        assert _goes_on(process) == "ready True\n"
        process.kill()


def test_without_a_hangup_nothing_is_read_anew() -> None:
    with _started("run") as process:
        assert _goes_on(process) == "ready False\n"
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_it_ends_does_not_change_how(number: signal.Signals) -> None:
    with _started("run") as process:
        _goes_on(process)
        assert _goes_on(process) == "ending\n"
        process.send_signal(number)
        _goes_on(process)
        assert process.wait(10) == 5


def test_other_verbs_keep_the_usual_signals() -> None:
    with _started("report", "daily", "--account", "run") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
