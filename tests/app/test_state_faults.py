"""What is told of a state folder that cannot be read, and which exit code ``doctor`` ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.console import Console


def _heads(console: Console) -> Path:
    (found,) = console.folder.rglob("heads.json")
    return found


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 1}', "\x00\x00"])
def test_damaged_heads_are_told_at_the_start_and_by_doctor(console: Console, damage: str) -> None:
    console.good("poll")
    _heads(console).write_text(damage)
    told = console.run("doctor")
    assert told.code == 5
    assert "would not be noticed" in told.out
    assert "would not be noticed" in console.good("poll").err
    assert console.good("doctor").code == 0


def test_heads_that_cannot_be_read_are_told(console: Console) -> None:
    console.good("poll")
    path = _heads(console)
    path.unlink()
    path.mkdir()
    assert "sudo chown" in console.run("poll").err


def test_the_worst_fault_is_the_exit_code_of_doctor(console: Console) -> None:
    console.good("poll")
    path = _heads(console)
    fields = json.loads(path.read_text())
    fields["heads"][0][1] += 1000
    path.write_text(json.dumps(fields))
    spool = path.parent / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "000000000001.nellie.torn").write_bytes(b"half")
    done = console.run("doctor")
    assert "torn" in done.out
    assert done.code == 7


def test_doctor_names_a_kept_poll_that_cannot_be_read(console: Console) -> None:
    console.good("poll")
    spool = _heads(console).parent / "spool"
    spool.mkdir(exist_ok=True)
    (spool / "000000000001.nellie.poll").mkdir()
    done = console.run("poll", "nellie")
    assert done.code == 0
    assert "cannot be used" not in done.err
    assert "a kept poll cannot be read" in done.err
    assert "cannot be read" in console.run("doctor").out
