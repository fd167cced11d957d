"""The budget of one attempt: what it may still spend of time, bytes and tries.

The budget travels in a context variable, because it must reach sockets through requests, urllib3 and ``http.client``,
none of which know of it.

    ├─ name ─┼─ connect ─┼─ TLS ─┼─ headers ─┼─ body ─┼─ pause ─┼─ headers ─┼─ body ─┤
    0                                                                           deadline
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from collector.errors import AskError, InterruptedAskError, TransientAskError
from collector.http.faults import RETRIED, Ask
from collector.http.settings import HttpSettings
from collector.http.stopping import StopSwitch

_HEADERS_ALLOWANCE = 64 * 1024


class Attempt:
    """One asking in progress; used by one thread only.

    Args:
        ask: Whom we ask, for messages.
        key_header: The header that carries the key.
        settings: The limits.
        monotonic: Seconds of a clock that never steps.
        wait: Sleeps for some seconds and returns True if the program is stopping.
        stop: The client's switch.
    """

    def __init__(
        self,
        ask: Ask,
        key_header: str,
        settings: HttpSettings,
        *,
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
        stop: StopSwitch,
    ) -> None:
        self.ask = ask
        self.key_header = key_header
        self.stop = stop
        self._settings = settings
        self._monotonic = monotonic
        self._wait = wait
        self._ends = monotonic() + settings.deadline.total_seconds()
        self._received = 0

    def remaining(self) -> float:
        """Return the seconds left, more than none.

        Raises:
            TransientAskError: The deadline has passed.
            InterruptedAskError: The program is stopping.
        """
        self.stop.check()
        left = self._ends - self._monotonic()
        if left <= 0:
            raise self.overdue()
        return left

    def overdue(self) -> TransientAskError:
        """Return the fault of an attempt that took too long."""
        seconds = self._settings.deadline.total_seconds()
        return self.ask.transient("timeout_total", f"no whole answer within {seconds:g} s; the next poll asks again")

    def unreachable(self) -> TransientAskError:
        """Return the fault of a host of which no address accepted a connection in time."""
        seconds = self._settings.deadline.total_seconds()
        found = f"no connection within {seconds:g} s; check base_url, network and firewall"
        return self.ask.transient("timeout_connect", found)

    def room(self) -> int:
        """Return how many more bytes may be received in this try, headers included.

        Raises:
            TerminalAskError: None more.
        """
        left = self._settings.max_bytes + _HEADERS_ALLOWANCE - self._received
        if left <= 0:
            raise self.oversized()
        return left

    def oversized(self) -> AskError:
        """Return the fault of an answer that is longer than we read."""
        found = f"the answer is longer than the {self._settings.max_bytes} bytes that are read; check base_url"
        return self.ask.terminal("too_large", found)

    def received(self, count: int) -> None:
        """Count bytes that came from the network.

        Raises:
            InterruptedAskError: The program is stopping, so an end of the bytes is not the server's.
        """
        self._received += count
        self.stop.check()

    def begin_try(self) -> None:
        """Start counting anew for a retry."""
        self._received = 0

    def may_retry(self, outcome: str, tries: int) -> bool:
        """Tell whether to try again after ``tries`` retries: worth it, allowed, and in time."""
        delays = self._settings.retry_delays
        if outcome not in RETRIED or tries >= len(delays):
            return False
        self.stop.check()
        return delays[tries] < self._ends - self._monotonic()

    def pause(self, tries: int) -> None:
        """Wait before retry number ``tries``, counted from zero.

        Raises:
            InterruptedAskError: The program is stopping.
        """
        if self._wait(self._settings.retry_delays[tries]):
            raise InterruptedAskError
        self.stop.check()


CURRENT_ATTEMPT: ContextVar[Attempt] = ContextVar("current_attempt")
"""The attempt that the running thread is making."""
