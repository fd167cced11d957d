"""Holds signals back while ``collector run`` starts, and keeps those that come while it ends from changing how it ends.

Until a program handles a signal, it is killed by it: a SIGHUP that is sent to a daemon right after its start would end
it, a SIGTERM would end it with another code than 0. The handlers do nothing; the system writes each signal's number
into a pipe, which a thread reads at once, even while the main thread waits for the database. Only the standard library
is imported, so that this is over early. It is called by the program's entry alone, never by a test's own process.

Public: ``hold_back``, ``take_over``.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from types import FrameType

_VERB = "run"
_WITH_VALUE = "--config"
_HANGUP = getattr(signal, "SIGHUP", None)
_NUMBERS = tuple(one for one in (signal.SIGTERM, signal.SIGINT, _HANGUP) if one is not None)


class _Held:
    """What came so far; stopping needs nobody who is ready, as nothing was begun yet."""

    def __init__(self) -> None:
        self.active = False
        self.hung_up = False

    def listen(self, reader: int) -> None:
        while numbers := os.read(reader, 64):
            for number in numbers:
                if not self.active:
                    continue
                if number == _HANGUP:
                    self.hung_up = True
                else:
                    os._exit(0)


_held = _Held()


def hold_back(arguments: Sequence[str]) -> None:
    """From now on end with 0 by SIGTERM and SIGINT, and remember a SIGHUP, if the verb is ``run``.

    Args:
        arguments: The program's name and what follows it.
    """
    if _held.active or _verb(arguments) != _VERB:
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    _held.active = True
    threading.Thread(target=_held.listen, args=(reader,), name="early signals", daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in _NUMBERS:
        signal.signal(number, _ignored)


def take_over() -> bool:
    """Leave signals to the handlers that are installed now; return whether a SIGHUP came before.

    When those are taken away again, signals do nothing any more.
    """
    if _held.active:
        signal.set_wakeup_fd(-1)
        _held.active = False
    return _held.hung_up


def _ignored(_number: int, _frame: FrameType | None) -> None:
    pass


def _verb(arguments: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor the value of one."""
    words = iter(arguments[1:])
    for word in words:
        if word == _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None
