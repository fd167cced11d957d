"""A server on loopback that sends exactly the bytes it is told to, however wrong they are.

Frameworks will not send broken HTTP; this is a socket, a thread for each connection and a script of what to do on it.

    with FaultServer([raw(b"HTTP/1.1 200 OK\\r\\n"), json_response({"ok": True})]) as server:
        ...ask server.url...
        assert b"X-API-Key" in server.requests[0]

A *behaviour* is called with the ``Exchange`` of one connection and closes it by returning. The script gives one
behaviour for each connection, in order; the last one serves all later connections too. Ready-made behaviours:

    json_response(body, status, headers)   answers every request of the connection, and keeps it open
    raw(data)                              reads one request, sends ``data``, closes
    drip(head, piece, pause)               reads one request, sends ``head``, then ``piece`` again and again
    silence()                              reads one request and says nothing
    hang_up() / reset()                    reads one request and closes in order / with a reset
    hang_up_at_once()                      closes without reading
    once_each(*answers)                    the answers in turn on one connection, then closes

``response(body, …)`` builds the bytes of a well-formed response to spoil. ``Sink`` is a server that nobody may talk
to. ``dead_endpoint()`` is an address that never accepts a connection, ``refusing_port()`` one that refuses.
Every server records ``requests`` (the raw bytes of each request head) and ``connections`` (how many were accepted).
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType

Headers = Sequence[tuple[str, str]]


class Exchange:
    """One connection to the server, for a behaviour to act on."""

    def __init__(self, server: FaultServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._unread = b""

    def read_request(self) -> bytes | None:
        """Read and record one request head; None once the client has closed."""
        while b"\r\n\r\n" not in self._unread:
            received = self._connection.recv(65536)
            if not received:
                return None
            self._unread += received
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        self._server.requests.append(head + b"\r\n\r\n")
        return head

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._connection.sendall(data)

    def pause(self, seconds: float) -> bool:
        """Wait, and tell whether the server is closing."""
        return self._server.closing.wait(seconds)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on, as behind a proxy's CONNECT."""
        self._connection = context.wrap_socket(self._connection, server_side=True)
        self._server.watch(self._connection)

    def finish(self) -> None:
        """Close the connection as it is by now."""
        self._connection.close()

    def reset(self) -> None:
        """Close with a TCP reset instead of in order."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


Behaviour = Callable[[Exchange], object]


class FaultServer:
    """A scripted server on loopback.

    Args:
        script: One behaviour for each connection; the last serves the rest.
        tls: Speaks TLS by this context, if given.
        host: The loopback address to listen on.
    """

    def __init__(
        self, script: Behaviour | Sequence[Behaviour], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.closing = threading.Event()
        self._script = [script] if callable(script) else list(script)
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self.url = f"{self.origin}/v1/usage"
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> FaultServer:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._accepting.join(5)
        for thread in self._threads:
            thread.join(5)

    def all_closed(self, seconds: float = 2.0) -> bool:
        """Tell whether every connection so far ends within ``seconds``."""
        for thread in tuple(self._threads):
            thread.join(seconds)
        return not any(thread.is_alive() for thread in tuple(self._threads))

    def watch(self, connection: socket.socket) -> None:
        """Remember a connection, so that it ends with the server."""
        self._open.add(connection)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            behaviour = self._script[min(self.connections, len(self._script) - 1)]
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, behaviour), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, behaviour: Behaviour) -> None:
        with ExitStack() as stack:
            stack.callback(connection.close)
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                self.watch(connection)
                if self.closing.is_set():
                    return
                exchange = Exchange(self, connection)
                stack.callback(exchange.finish)
                behaviour(exchange)


class Sink(FaultServer):
    """A server that nobody may talk to: where a redirect, a proxy or a leak would lead."""

    def __init__(self) -> None:
        super().__init__(json_response({"stolen": True}))

    @property
    def untouched(self) -> bool:
        """True while nobody has as much as connected."""
        return self.connections == 0 and not self.requests

    def forget(self) -> None:
        """Take back that somebody talked to it: a test made sure that it would be noticed."""
        self.connections = 0
        self.requests.clear()

    def __enter__(self) -> Sink:
        super().__enter__()
        return self


def response(
    body: bytes = b"{}",
    *,
    status: int = 200,
    headers: Headers = (),
    kind: str | None = "application/json",
    length: bool = True,
) -> bytes:
    """Return the bytes of a response; without ``length`` it has no ``Content-Length``, without ``kind`` no type."""
    lines = [f"HTTP/1.1 {status} Status"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def json_response(body: object = None, status: int = 200, headers: Headers = ()) -> Behaviour:
    """Answer every request with ``body`` (bytes as they are, anything else as JSON)."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    data = response(sent, status=status, headers=headers)

    def behave(exchange: Exchange) -> None:
        while exchange.read_request() is not None:
            exchange.send(data)

    return behave


def raw(data: bytes) -> Behaviour:
    """Read one request, send ``data`` and close in order."""

    def behave(exchange: Exchange) -> None:
        exchange.read_request()
        exchange.send(data)

    return behave


def drip(head: bytes, piece: bytes, pause: float = 0.02) -> Behaviour:
    """Read one request, send ``head``, then ``piece`` every ``pause`` seconds until the client goes away."""

    def behave(exchange: Exchange) -> None:
        exchange.read_request()
        exchange.send(head)
        while not exchange.pause(pause):
            exchange.send(piece)

    return behave


def silence() -> Behaviour:
    """Read one request and say nothing until the client goes away."""

    def behave(exchange: Exchange) -> None:
        exchange.read_request()
        exchange.read_request()

    return behave


def hang_up(exchange: Exchange) -> None:
    """Read one request and close in order."""
    exchange.read_request()


def hang_up_at_once(exchange: Exchange) -> None:
    """Close without reading."""


def reset(exchange: Exchange) -> None:
    """Read one request and close with a reset."""
    exchange.read_request()
    exchange.reset()


def once_each(*answers: bytes) -> Behaviour:
    """Answer the first requests of the connection with ``answers`` in turn, then close."""

    def behave(exchange: Exchange) -> None:
        for answer in answers:
            if exchange.read_request() is None:
                return
            exchange.send(answer)

    return behave


def refusing_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def dead_endpoint() -> Iterator[tuple[str, int]]:
    """Give a loopback address whose connections are never accepted: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()
