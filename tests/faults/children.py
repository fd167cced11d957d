"""Work done in a child of this process: quicker than a new interpreter, and it may be killed anywhere."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable

from sqlalchemy import Engine, event

UNEXPECTED = 99


def forked(act: Callable[[], object]) -> int:
    """Start ``act`` in a child and return its process id; the child ends with the code that ``act`` exits with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer interpreters warn of threads; the child has one
        child = os.fork()
    if child:
        return child
    code = UNEXPECTED
    try:
        act()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else UNEXPECTED
    finally:
        os._exit(code)


def code_of(child: int) -> int:
    """Wait for a child and return its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def done_in_child(act: Callable[[], object]) -> int:
    """Do ``act`` in a child, wait for it and return its exit code."""
    return code_of(forked(act))


def killed_at(number: int, act: Callable[[], object], last: str = "") -> Callable[[], object]:
    """Return ``act`` with its process killed before the statement or commit of that number; the first is 0.

    Args:
        number: At which.
        act: What is killed.
        last: After a statement that begins so, nothing is killed any more; empty means none.
    """

    def until_killed() -> None:
        sent, over = 0, False

        def count(*arguments: object) -> None:
            nonlocal sent, over
            if sent == number and not over:
                os.kill(os.getpid(), signal.SIGKILL)
            over = over or bool(last and len(arguments) > 2 and str(arguments[2]).startswith(last))
            sent += 1

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        act()

    return until_killed
