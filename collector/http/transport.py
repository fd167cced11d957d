"""Sockets whose every step ends with the deadline of the attempt that uses them.

A socket's own timeout bounds one step, so a server that sends a byte a second holds a reader for ever. Here each step
is given what is left of the whole attempt, and each byte is counted, headers included. Both kinds of socket do it in
``recv_into``, where every reader of the standard library ends up.

A fault that ends the attempt is raised as an ``AskError`` at once: no layer above takes it for a broken connection
and tries again. Faults of the connection alone stay ``OSError``, which the layers above know.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from collector.errors import AskError
from collector.http.attempt import CURRENT_ATTEMPT, Attempt
from collector.http.resolver import Endpoint, endpoints_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class DeadlineSocket(socket.socket):
    """A TCP socket that obeys the current attempt."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = 0, flags: int = 0) -> int:
        """Receive into ``buffer`` within what the attempt has left of time and bytes."""
        attempt = CURRENT_ATTEMPT.get()
        wanted = min(nbytes or memoryview(buffer).nbytes, attempt.room())
        self.settimeout(attempt.remaining())
        try:
            count = super().recv_into(buffer, wanted, flags)
        except TimeoutError:
            raise attempt.overdue() from None
        except OSError:
            attempt.stop.check()  # the switch closed the socket, not the server
            raise
        attempt.received(count)
        return count

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of ``data`` within what the attempt has left of time."""
        attempt = CURRENT_ATTEMPT.get()
        self.settimeout(attempt.remaining())
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise attempt.overdue() from None
        except OSError:
            attempt.stop.check()
            raise


class DeadlineTlsSocket(DeadlineSocket, ssl.SSLSocket):
    """The same over TLS; an ``SSLContext`` makes these when it is its ``sslsocket_class``."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within what the attempt has left of time."""
        try:
            self._shake_hands(block)
        except AskError:
            self.close()  # ssl closes it for an OSError only
            raise

    def _shake_hands(self, block: bool) -> None:
        attempt = CURRENT_ATTEMPT.get()
        attempt.stop.watch(self)  # the TCP socket underneath gave its descriptor away
        self.settimeout(attempt.remaining())
        try:
            super().do_handshake(block)
        except TimeoutError:
            raise attempt.overdue() from None
        except OSError:
            attempt.stop.check()
            raise


def connect(host: str, port: int, attempt: Attempt) -> DeadlineSocket:
    """Return a socket connected to the first address of ``host`` that accepts.

    Every address gets an equal share of the time that is left, so a dead one does not starve those after it.

    Raises:
        socket.gaierror: The name has no address.
        OSError: Every address refused, or none is reachable.
        TransientAskError: The deadline passed meanwhile.
        InterruptedAskError: The program is stopping.
    """
    endpoints = endpoints_of(host, port, attempt)
    failure = OSError("no address")
    for place, endpoint in enumerate(endpoints):
        share = attempt.remaining() / (len(endpoints) - place)
        try:
            return _connected(endpoint, share, attempt)
        except OSError as error:
            attempt.stop.check()
            failure = error
    if isinstance(failure, TimeoutError):
        raise attempt.unreachable()
    raise failure


def _connected(endpoint: Endpoint, seconds: float, attempt: Attempt) -> DeadlineSocket:
    connection = DeadlineSocket(endpoint.family, endpoint.kind, endpoint.protocol)
    try:
        attempt.stop.watch(connection)
        with suppress(OSError):
            # A request fits one segment: do not wait for an acknowledgement before sending its end.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(seconds)
        connection.connect(endpoint.address)
    except BaseException:
        connection.close()
        raise
    return connection
