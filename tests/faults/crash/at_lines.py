"""Kills a piece of work at lines of its own code, each time in a child of this process: that costs little.

Rule for those who use it: nothing that the child touches may be open here, above all no connection to a database.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from tests.faults.children import code_of, forked
from tests.faults.crash.nursery import suicide

_OURS = ("/collector/", "/reports/", "/migrations/")
_PURE = ("/collector/domain/", "/collector/store/verifying/", "/collector/store/types.py")  # they write nothing
_Result = TypeVar("_Result")


def at_each_line(met: Callable[[], None]) -> None:
    """Have ``met`` called at each line of our own code that is run from here on, in every thread."""
    root = str(Path(__file__).parents[3])

    def line(frame: FrameType, what: str, _: Any) -> Any:
        if what == "line":
            met()
        return line

    def call(frame: FrameType, what: str, _: Any) -> Any:
        name = frame.f_code.co_filename.removeprefix(root)
        return line if name.startswith(_OURS) and not name.startswith(_PURE) else None

    threading.settrace(call)
    sys.settrace(call)


def met_by(act: Callable[[], _Result]) -> tuple[int, _Result]:
    """Do ``act`` and return how many lines of ours that took, and what it returned."""
    met = 0

    def one() -> None:
        nonlocal met
        met += 1

    at_each_line(one)
    result = act()
    sys.settrace(None)
    return met, result


def die_at(line: int) -> None:
    """Kill this process at so many lines of ours from here on."""
    remaining = line

    def one() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            suicide()

    at_each_line(one)


def lines_of(act: Callable[[], object]) -> int:
    """Do ``act`` undisturbed in a child and return how many lines of ours that took."""
    reader, writer = os.pipe()

    def count() -> None:
        os.write(writer, str(met_by(act)[0]).encode())

    child = forked(count)
    os.close(writer)
    found = os.read(reader, 100)
    os.close(reader)
    assert code_of(child) == 0
    return int(found)


def killed_at_line(line: int, act: Callable[[], object]) -> int:
    """Do ``act`` in a child that is killed at a line, and return its exit code: -9, or 0 where it ended before."""

    def die() -> None:
        die_at(line)
        act()

    return code_of(forked(die))


def spread(total: int, kills: int) -> Iterator[int]:
    """Yield so many lines between the first and the last."""
    for number in range(kills):
        yield 1 + (total - 1) * number // max(1, kills - 1)


def killed_before_removal(number: int, ending: str, act: Callable[[], object]) -> int:
    """Do ``act`` in a child that is killed just before it removes a file, and return its exit code.

    Args:
        number: The how many-th file; the first is 1.
        ending: How its name ends.
        act: What is killed.
    """

    def die() -> None:
        removed = 0

        def look(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal removed
            if event == "os.remove" and str(arguments[0]).endswith(ending):
                removed += 1
                if removed == number:
                    suicide()

        sys.addaudithook(look)
        act()

    return code_of(forked(die))
