"""Time, waiting and chance of the real world; the only module that asks for them."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the daemon needs of time."""

    stopping: threading.Event

    def now(self) -> datetime:
        """Return the current instant, aware UTC; it may step."""

    def monotonic(self) -> float:
        """Return seconds that never step and stand still while the machine sleeps."""

    def steady(self) -> float:
        """Return seconds that never step and go on while the machine sleeps."""

    def wait(self, seconds: float) -> bool:
        """Sleep for ``seconds``; return True, at once, if the program is stopping."""


class SystemClock:
    """The system's time, and a wait that ends early when the program is told to stop."""

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def now(self) -> datetime:
        """Return the current instant, aware UTC; it may step."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never step and stand still while the machine sleeps."""
        return time.monotonic()

    def steady(self) -> float:
        """Return seconds that never step and, where the system can tell, go on while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep for ``seconds``; return True, at once, if the program is stopping."""
        return self.stopping.wait(seconds)


def lease_owner() -> str:
    """Return a name for this process that no other one has: host, process id and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def nonce() -> str:
    """Return a text that nobody has drawn before or will draw again."""
    return secrets.token_hex(16)
