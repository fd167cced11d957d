"""What the cases of processes and of time need: programs broken from the outside, and answers that are held back."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.stage import REPOSITORY, Process, Stage, usage
from tests.http.fault_server import Behaviour, Exchange

_RUN = "from collector.app.cli.main import main\nmain(['run'])\n"


@contextmanager
def broken_daemon(stage: Stage, breaking: str, number: int = 90) -> Iterator[Process]:
    """Start ``collector run`` after ``breaking``, some lines of Python; it is killed at the end if it still runs.

    Args:
        stage: Where it runs.
        breaking: What is done to the program before it starts.
        number: Tells its output from that of others.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
    command = [sys.executable, "-c", f"{breaking}\n{_RUN}"]
    with Process(command, stage.folder, environ | {"PYTHONPATH": str(REPOSITORY)}, number) as process:
        yield process
    stage.printed += (process.out, process.err)


@contextmanager
def redirected_daemon(stage: Stage, redirection: str) -> Iterator[Process]:
    """Start ``collector run`` with its streams as a shell redirects them; it is killed at the end if it still runs."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
    command = ["sh", "-c", f"exec {sys.executable} -W error -m collector run {redirection}"]
    with Process(command, stage.folder, environ | {"PYTHONPATH": str(REPOSITORY)}, 91) as process:
        yield process


def held_back(until: threading.Event) -> Behaviour:
    """Answer like Nellie, but not before an event."""
    answer = usage()

    def wait(exchange: Exchange) -> None:
        until.wait(30)
        answer(exchange)

    return wait
