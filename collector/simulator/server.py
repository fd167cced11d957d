"""Serves both providers over real HTTP on loopback, with a clock that is passed in.

Only the connection lives here: HTTP/1.1 with keep-alive, ``Content-Length`` on every answer, waiting, dropping and
closing. What is answered is decided in ``answers``. It refuses every address but loopback, because it admits
made-up keys. No key is ever logged.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from collector.errors import UsageError
from collector.simulator.answers import DEFAULT_WINDOW, Question, Reply, account_of, answer
from collector.simulator.rhythm import Workload
from collector.simulator.switches import HEALTHY, Switchboard, Switches
from collector.simulator.traffic import History, Traffic

_LOGGER = logging.getLogger(__name__)

_LARGEST_REQUEST_BODY = 65_536
_CLOSING_SECONDS = 5


@dataclass(eq=False)
class Simulator:
    """Both provider APIs under one address, for as long as it is started.

    Attributes:
        now: The simulated time: an aware datetime; asked once per request, from several threads.
        seed: Another seed is another world.
        window: Length of Nellie's list of recent requests where the switches do not say another.
        keys: The valid keys; None admits every key that does not start with ``invalid``.
        host: A loopback address.
        port: 0 takes a free one.
        workload: How much the accounts are used.

    Raises:
        UsageError: The host is not loopback, or the window is out of range.
    """

    now: Callable[[], datetime]
    seed: int = 1
    window: int = DEFAULT_WINDOW
    keys: frozenset[str] | None = None
    host: str = "127.0.0.1"
    port: int = 0
    workload: Workload = field(default_factory=Workload)
    _traffic: Traffic = field(init=False, repr=False)
    _board: Switchboard = field(init=False, repr=False)
    _server: _Server | None = field(init=False, repr=False, default=None)
    _seen: int = field(init=False, repr=False, default=0)
    _counting: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        _require_loopback(self.host)
        self._traffic = Traffic(self.seed, self.workload)
        self._board = Switchboard(replace(HEALTHY, window=self.window))

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end: the base URL of both providers.

        Raises:
            UsageError: It is not started.
        """
        if self._server is None:
            raise UsageError("the simulator has an address once it is started")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self._server.server_address[1]}"

    @property
    def requests_seen(self) -> int:
        """How many HTTP requests arrived, whatever was answered."""
        with self._counting:
            return self._seen

    @property
    def switches(self) -> Switches:
        """The faults in force."""
        return self._board.switches

    def put(self, switches: Switches) -> None:
        """Exchange all switches at once, also while requests are being answered."""
        self._board.put(replace(switches, window=self.window) if switches.window is None else switches)

    def history(self, key: str) -> History:
        """Return the truth about the account that ``key`` opens; switches do not change it."""
        return self._traffic.history(key)

    def start(self) -> None:
        """Bind and answer in threads of its own until ``close``.

        Raises:
            UsageError: It is started already, or the port cannot be had.
        """
        if self._server is not None:
            raise UsageError("the simulator is started already")
        try:
            self._server = _Server(self.host, self.port, self._exchange)
        except (OSError, OverflowError) as error:
            raise UsageError(f"the simulator cannot listen on {self.host} port {self.port}: {error}") from None
        self._server.begin()

    def close(self) -> None:
        """Stop listening and end all connections; does nothing where it is not started."""
        server, self._server = self._server, None
        if server is not None:
            server.end()

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, method: str, target: str, headers: dict[str, str]) -> _Outcome:
        with self._counting:
            self._seen += 1
        question = Question(method, target.partition("?")[0], headers, self.now())
        switches, index = self._board.take(account_of(question))
        reply = answer(replace(question, index=index), self._traffic, switches, self._admits)
        if not switches.disturbs(index):
            return _Outcome(reply, question.instant, 0.0)
        return _Outcome(reply, question.instant, switches.latency.total_seconds(), switches.drop_connection)

    def _admits(self, key: str) -> bool:
        return not key.startswith("invalid") if self.keys is None else key in self.keys


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What becomes of one request: its reply, the simulated time, and what spoils the sending."""

    reply: Reply
    instant: datetime
    wait_seconds: float
    drop: bool = False


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing ends them instead of waiting for idle clients."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, exchange: Callable[[str, str, dict[str, str]], _Outcome]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.exchange = exchange
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((host, port), _Handler)
        self._accepting = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator", daemon=True
        )

    def begin(self) -> None:
        """Accept connections in a thread."""
        self._accepting.start()

    def end(self) -> None:
        """Stop accepting and end every connection."""
        self.closing.set()
        self.shutdown()
        self._accepting.join()
        self.server_close()
        with self._changed:
            for connection in self._open:
                _hang_up(connection)
            self._changed.wait_for(lambda: not self._open, timeout=_CLOSING_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection and answer it in a thread."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong; a client that went away is nothing."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError):
            _LOGGER.error("the simulator could not answer", exc_info=fault)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "usage-simulator"
    sys_version = ""
    # Headers and body leave in one packet, at once: otherwise delayed acknowledgements cost 40 ms an answer.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer one request, of any method: ``answers`` knows which methods there are."""
        self._discard_body()
        outcome = self.server.exchange(self.command, self.path, dict(self.headers.items()))
        if outcome.wait_seconds:
            self.server.closing.wait(outcome.wait_seconds)
        if outcome.drop or self.server.closing.is_set():
            self.close_connection = True
            return
        self._send(outcome.reply, outcome.instant)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Treat a method without a function of its own like GET; refuse what is not HTTP as the base class does."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self.do_GET()
        else:
            super().send_error(code, message, explain)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr; a request is worth a line only to who debugs the simulator."""
        _LOGGER.debug("simulator answered %s", self.requestline)

    def _send(self, reply: Reply, instant: datetime) -> None:
        self.log_request(reply.status)
        self.send_response_only(reply.status)
        self.send_header("Server", self.version_string())
        # The Date is the simulated one, so that a client in simulated time sees no skew.
        self.send_header("Date", format_datetime(instant.astimezone(UTC), usegmt=True))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _discard_body(self) -> None:
        """Read a body away, so that the next request on this connection begins where it should."""
        length = self.headers.get("Content-Length", "0")
        readable = length.isdecimal() and len(length) < 10 and int(length) <= _LARGEST_REQUEST_BODY
        if not readable or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        else:
            self.rfile.read(int(length))


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        _LOGGER.debug("a client had already gone")


def _require_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"the simulator listens on loopback only, and {host!r} is not: use 127.0.0.1, ::1 or localhost"
        )
