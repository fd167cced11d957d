"""Stops the program on SIGTERM and SIGINT, and has it read its settings anew on SIGHUP, without risking that it hangs.

A signal handler runs between any two steps of the main thread, also while that holds the lock of an event it is waiting
for; setting the event there would wait for itself. So the handler does the one thing that is always safe, a put into a
``SimpleQueue``, and a thread of its own does what must be done.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_HANGUP = getattr(signal, "SIGHUP", None)


@contextmanager
def stopping_on_signals(stop: Callable[[], None], reload: Callable[[], None] | None = None) -> Iterator[None]:
    """Call ``stop`` for each SIGTERM and SIGINT, from another thread; afterwards signals do what they did before.

    With ``reload``, SIGHUP calls that; one that tells that the terminal is gone stops the program, as is usual.
    Must be entered in the main thread.
    """
    told: SimpleQueue[int] = SimpleQueue()
    had_terminal = _has_terminal()

    def serve() -> None:
        while number := told.get():
            hung_up = had_terminal and not _has_terminal()
            if reload is not None and number == _HANGUP and not hung_up:
                reload()
            else:
                stop()

    def tell(number: int, _frame: FrameType | None) -> None:
        told.put(number)

    thread = threading.Thread(target=serve, name="stopping", daemon=True)
    thread.start()
    heard = _SIGNALS if reload is None or _HANGUP is None else (*_SIGNALS, _HANGUP)
    before = {number: signal.signal(number, tell) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        told.put(0)
        thread.join()


def _has_terminal() -> bool:
    """Return True while stderr is a terminal that is still there."""
    try:
        return os.isatty(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # there is no stderr, or it is no file
        return False


def ended_within(seconds: float, action: Callable[[], object]) -> bool:
    """Call ``action`` in a thread of its own and return whether it ended within ``seconds``."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    return not thread.is_alive()


def all_ended(
    waits: Iterable[Callable[[float], bool]], seconds: float, monotonic: Callable[[], float]
) -> tuple[bool, ...]:
    """Wait for one after the other, ``seconds`` for all together, and return which of them ended.

    Args:
        waits: Each waits for as many seconds as it is given at the most, and tells whether what it waited for ended.
        seconds: How long all may take.
        monotonic: Seconds of a clock that never steps.
    """
    last = monotonic() + seconds
    return tuple(wait(max(0.0, last - monotonic())) for wait in waits)
