"""The switch that ends every asking at once.

It may be thrown from a signal handler, on a thread that is at that moment inside any line of this package. So it
takes no lock at all: it relies on sets whose single operations are atomic, and on ``SimpleQueue``, which is made to be
used from such places. What registers itself checks the switch *after* registering, so nothing slips between.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from weakref import ref

from collector.errors import InterruptedAskError


class StopSwitch:
    """Knows every open socket and every wait for a name, and ends them when it is thrown."""

    def __init__(self) -> None:
        self._thrown = False
        # Weak: a socket that nobody holds any longer is closed, and leaves the set by itself.
        self._sockets: set[ref[socket.socket]] = set()
        self._waits: set[SimpleQueue[object]] = set()

    def throw(self) -> None:
        """Close every open socket and make every present and later ``check`` raise."""
        self._thrown = True
        for wait in tuple(self._waits):
            wait.put(None)
        for reference in tuple(self._sockets):
            connection = reference()
            if connection is not None:
                with suppress(OSError):
                    # Past the TLS layer's own shutdown, which would make a reader take ciphertext for an answer.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def check(self) -> None:
        """Return if the switch was not thrown.

        Raises:
            InterruptedAskError: It was.
        """
        if self._thrown:
            raise InterruptedAskError

    def watch(self, connection: socket.socket) -> None:
        """Remember an open socket until it is gone."""
        self._sockets.add(ref(connection, self._sockets.discard))
        self.check()

    @contextmanager
    def waking(self, wait: SimpleQueue[object]) -> Iterator[None]:
        """Put None into ``wait`` if the switch is thrown meanwhile."""
        self._waits.add(wait)
        try:
            self.check()
            yield
        finally:
            self._waits.discard(wait)
