"""The README says what the program does: its examples are run, its tables compared with the program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main

from collector.app.cli.main import app
from collector.config import template
from collector.simulator.server import Simulator
from tests.readme_history import EXAMPLE, KEYS, README, example_folder, rewritten

TEXT = README.read_text(encoding="utf-8")
SHELL_BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def test_examples_show_what_the_commands_print() -> None:
    with example_folder():
        assert rewritten(TEXT) == TEXT


def test_first_screen_has_a_real_command_with_its_output() -> None:
    first = EXAMPLE.search(TEXT)
    assert first is not None
    assert TEXT[: first.start()].count("\n") < 12
    assert "credits" in first[2]


def _commands() -> Iterator[tuple[str, Any]]:
    def walk(prefix: str, command: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(command, typer.core.TyperGroup):
            for name, sub in command.commands.items():
                yield from walk(f"{prefix} {name}", sub)
        else:
            yield prefix, command

    yield from walk("collector", typer.main.get_command(app))


@pytest.mark.parametrize("verb", [name for name, _ in _commands()])
def test_every_verb_is_in_the_readme(verb: str) -> None:
    short = verb.removeprefix("collector db ")
    assert verb in TEXT or f"`{short}" in TEXT


def _shell_commands() -> Iterator[str]:
    for block in SHELL_BLOCKS:
        for line in block.splitlines():
            command = line.partition("  #")[0].strip()
            if command.startswith("collector "):
                yield command


@pytest.mark.parametrize("command", sorted(set(_shell_commands())))
def test_every_shown_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    names = dict(_commands())
    verb = next(
        (f"collector {' '.join(words[:n])}" for n in (2, 1) if f"collector {' '.join(words[:n])}" in names), None
    )
    assert verb is not None
    arguments = words[len(verb.split()) - 1 :]
    assert names[verb].make_context(verb, arguments, resilient_parsing=False) is not None


def test_every_setting_is_in_the_readme() -> None:
    settings = set(re.findall(r"^\s*#?([a-z_]+) = ", template(), re.MULTILINE))
    documented = set(re.findall(r"^\| `(?:[a-zA-Z]+\.)*([a-z_]+)` \|", TEXT, re.MULTILINE))
    assert settings <= documented


def test_setting_up_by_hand_works_as_written(tmp_path: Path) -> None:
    block = next(block for block in SHELL_BLOCKS if "collector init" in block)
    commands = [line.partition("  #")[0].strip() for line in block.splitlines() if line.startswith("collector")]
    environ = {**os.environ, **KEYS, "PYTHONPATH": str(README.parent)}
    with Simulator(now=lambda: datetime.now(UTC)) as simulator:
        for command in commands[: commands.index("collector run")]:
            done = subprocess.run(
                [sys.executable, "-m", *shlex.split(command)],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            if command == "collector init":
                settings = tmp_path / "collector.toml"
                text = re.sub(r'#base_url = ".*"', f'base_url = "{simulator.url}"', settings.read_text())
                settings.write_text(text)
