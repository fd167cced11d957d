"""Binds the socket, runs the server, and ends it in order.

The socket is bound before anything else, and what it is bound to decides: whoever can reach us from another machine
must show a token, whatever name was given for the address.

Public: ``serve_until_stopped``, ``server_of``, ``bound``, ``Listening``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

import structlog
import uvicorn

from collector.app.clock import SystemClock
from collector.app.stopping import stopping_on_signals
from collector.app.web.application import application
from collector.app.web.connections import BriefConnection
from collector.app.web.guarding import LONGEST_HEAD, OF_THIS_MACHINE, Door, Guard
from collector.app.web.ledger import Ledger
from collector.app.web.working import Workshop
from collector.config import Settings
from collector.domain.secret import Secret
from collector.errors import UsageError

_MOST_CONNECTIONS = 64
_WAITING = 128
_IDLE_SECONDS = 5
_STOP_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and who may ask.

    Attributes:
        port: 0 takes a free one.
        names: What we are called beside this machine's own names.
    """

    host: str
    port: int
    token: Secret | None = None
    names: tuple[str, ...] = ()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: those would end the process with the signal instead of with 0."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # a plain one will do
        return nullcontext()


def serve_until_stopped(
    settings: Settings,
    listening: Listening,
    told: Callable[[str], object],
    *,
    leave: Callable[[int], object] = os._exit,
) -> None:
    """Serve the dashboard until SIGTERM or SIGINT.

    Args:
        settings: What is configured.
        listening: Where, and for whom.
        told: Is given the address once it answers.
        leave: Ends the process at once, where a page that is being made does not end in time.

    Raises:
        UsageError: The address cannot be listened on, or others could reach it and no token is wanted.
        StorageError: The database cannot be used.
        RevisionError: Its schema is older or newer than this program.
    """
    clock = SystemClock()
    with closing(bound(listening)) as listener, closing(Ledger(settings, clock)) as ledger:
        workshop = Workshop()
        server = server_of(ledger, workshop, listening)
        with stopping_on_signals(lambda: setattr(server, "should_exit", True)):
            listener.listen(_WAITING)
            told(_address(listener))
            asyncio.run(server.serve(sockets=[listener]))
            if not workshop.stop(_STOP_SECONDS):
                structlog.get_logger().warning("a page did not end in time; it is left unfinished")
                sys.stderr.flush()
                leave(0)  # a thread that hangs would keep the interpreter from ending


def server_of(ledger: Ledger, workshop: Workshop, listening: Listening) -> uvicorn.Server:
    """Return the server, which is given its socket when it is run."""
    door = Door(OF_THIS_MACHINE | {listening.host, *listening.names}, listening.token)
    return _Server(_config(Guard(application(ledger, workshop), door)))


def _config(app: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BriefConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )


def bound(listening: Listening) -> socket.socket:
    """Return a socket bound to the address, which nobody can reach yet.

    Raises:
        UsageError: It cannot be bound, or others could reach it and no token is wanted.
    """
    where = f"{listening.host}:{listening.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listening.host, listening.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"cannot listen on {where}: {error.strerror or error}") from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise UsageError(f"cannot listen on {where}: {error.strerror}; choose another with --port or --host") from None
    if listening.token is None and not ipaddress.ip_address(found.getsockname()[0]).is_loopback:
        found.close()
        raise UsageError(
            f"{listening.host} can be reached from other machines, so a token is needed: set serve.token, or give "
            "--token-file FILE (make one with: openssl rand -hex 32); or listen on 127.0.0.1"
        )
    return found


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
