"""Runs a command of the program and kills it at a line of its own code, again and again, each time from the same start.

Run as a program with the path of an order (JSON); it prints a report (JSON):

    {"base": …, "words": ["db", "backup", "copy.db"], "into": …, "kills": 10, "set_up": ["collector.app…", …]}

For each kill there are then two folders: ``N-left``, as the kill left it, and ``N-again``, after the same command was
run once more. ``whole`` is the folder in which nothing was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import reports.catalogue
import reports.formats.html  # noqa: F401 - a child shall find everything imported
from collector.app.cli.main import main as collector_main
from tests.faults.crash.at_lines import die_at, met_by
from tests.faults.crash.nursery import ended, forked
from tests.faults.crash.script import KEYS


@dataclass(frozen=True)
class Order:
    """What to do: ``words`` in copies of ``base``, made in ``into``."""

    base: Path
    into: Path
    words: Sequence[str]
    kills: int


def run(folder: Path, words: Sequence[str]) -> int:
    """Run the command in this process and return its exit code; what it says goes to a file beside the folder."""
    os.chdir(folder)
    os.environ.update(KEYS)
    with Path(f"{folder}.said").open("a") as said, redirect_stdout(said), redirect_stderr(said):
        try:
            collector_main(list(words))
        except SystemExit as left:
            return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


def lines_of(order: Order) -> int:
    """Run the command undisturbed in ``whole`` and return how many lines of ours that took."""
    folder = order.into / "whole"
    shutil.copytree(order.base, folder)
    reader, writer = os.pipe()

    def count() -> None:
        met, code = met_by(lambda: run(folder, order.words))
        os.write(writer, str(met if code == 0 else -code).encode())

    child = forked(count)
    os.close(writer)
    found = int(os.read(reader, 100) or b"-1")
    ended(child)
    return found


def killed(order: Order, number: int, line: int) -> tuple[int, int]:
    """Kill the command at a line, run it again, and return both exit codes."""
    left, again = order.into / f"{number}-left", order.into / f"{number}-again"
    shutil.copytree(order.base, left)

    def die() -> None:
        die_at(line)
        os._exit(run(left, order.words))

    first = ended(forked(die))
    shutil.copytree(left, again)
    return first, ended(forked(lambda: os._exit(run(again, order.words))))


def main(order: Order) -> dict[str, object]:
    """Carry out an order and return the report."""
    total = lines_of(order)
    if total <= 0:
        return {"lines": total, "codes": []}
    # Half of them where it begins and works, half in the last tenth, where files and rows take their final place.
    half = order.kills // 2
    early = [1 + total * 9 // 10 * one // half for one in range(half)]
    late = [total * 9 // 10 + total // 10 * one // (order.kills - half) for one in range(order.kills - half)]
    codes = [killed(order, number, max(1, line)) for number, line in enumerate([*early, *late])]
    return {"lines": total, "codes": codes}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    order = Order(Path(asked["base"]), Path(asked["into"]), asked["words"], asked["kills"])
    sys.stdout.write(json.dumps(main(order)))
