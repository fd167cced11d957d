"""Stops the program on SIGTERM and SIGINT without risking that it hangs.

A signal handler runs between any two steps of the main thread, also while that holds the lock of an event it is waiting
for; setting the event there would wait for itself. So the handler does the one thing that is always safe, a put into a
``SimpleQueue``, and a thread of its own does what must be done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` for each SIGTERM and SIGINT, from another thread; afterwards signals do what they did before.

    Must be entered in the main thread.
    """
    told: SimpleQueue[bool] = SimpleQueue()

    def serve() -> None:
        while told.get():
            stop()

    def tell(_signal: int, _frame: FrameType | None) -> None:
        told.put(True)

    thread = threading.Thread(target=serve, name="stopping", daemon=True)
    thread.start()
    before = {number: signal.signal(number, tell) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        told.put(False)
        thread.join()


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
