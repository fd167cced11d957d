"""What happens where the answer cannot be written: a full disk behind stdout, a pipe that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.console import Console

REPOSITORY = Path(__file__).parents[3]
_WORDS = ["verify", "poll", "status --json", "report daily", "export snapshots", "doctor", "--help"]


def _run(console: Console, words: str, out: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "collector", *words.split()]
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        command, cwd=console.folder, env=environ, stdout=out, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize("words", _WORDS)
def test_a_full_disk_behind_stdout_is_told_in_one_line(console: Console, words: str) -> None:
    console.good("poll")
    with Path("/dev/full").open("w") as full:
        done = _run(console, words, full.fileno())
    said = [line for line in done.stderr.splitlines() if not line.startswith(("{", "warning: "))]
    assert said == ["collector: cannot write the answer: No space left on device"]
    assert done.returncode == 1


@pytest.mark.parametrize("words", ["status --json", "report daily", "export snapshots"])
def test_a_pipe_that_nobody_reads_is_no_fault_to_tell(console: Console, words: str) -> None:
    console.good("poll")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = _run(console, words, writer)
    finally:
        os.close(writer)
    assert done.stderr == ""
