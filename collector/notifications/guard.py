"""Watches the connections that a thread makes: refuses private addresses, and cuts all of them off when time is up.

A name that is checked first and resolved again for the connection can lead elsewhere the second time, and every library
resolves for itself. So the interpreter's own audit events are watched, which carry the socket and the resolved address,
also of a datagram; only the thread that sends is bound, polls are not. A library's timeout is for each read, so a
server that drips would hold it for ever; a socket that is shut down ends whoever reads from it.

    with only_public(allow_private=False):   a connection of this thread to 10.0.0.5 or 127.0.0.1 fails as if it were
                                             forbidden, and what comes of it leaves as ConfigError
    with ends_within(120.0):                 after two minutes every connection of this thread ends, new ones fail
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from collector.errors import ConfigError

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_ASSIGNED = IPv6Network("2000::/3")  # what IANA gives to the world; all else has a special meaning, or none yet
_CONNECT = "socket.connect"
_ADDRESSED = {_CONNECT, "socket.sendto", "socket.sendmsg"}
_LOCAL = {"syslog.openlog", "syslog.syslog"}
_bound = threading.local()
_installing = threading.Lock()
_installed: list[bool] = []


@contextmanager
def only_public(*, allow_private: bool) -> Iterator[None]:
    """Bind this thread: connections to addresses that are not public raise ConfigError, unless they are allowed."""
    _install()
    _bound.on, _bound.refused = not allow_private, []
    try:
        yield
    except Exception:
        if _bound.refused:
            raise ConfigError(
                f"send to {_bound.refused[0]}: that is no public address; where it is meant, set allow_private = true "
                "under [notify]"
            ) from None
        raise
    finally:
        _bound.on = False


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Bind this thread: ``seconds`` from now its connections are shut down, and further ones fail with TimeoutError."""
    _install()
    cutter = _Cutter()
    timer = threading.Timer(seconds, cutter.cut)
    timer.daemon = True
    timer.start()
    _bound.cutter = cutter
    try:
        yield
    finally:
        _bound.cutter = None
        timer.cancel()
        cutter.close()


class _Cutter:
    """Holds a second descriptor of every connection: TLS takes the first one out of the socket that was dialled."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = False

    def hold(self, connection: socket.socket) -> None:
        with self._lock:
            if self._over:
                raise TimeoutError("time is up")
            self._held.append(socket.socket(fileno=os.dup(connection.fileno())))

    def cut(self) -> None:
        with self._lock:
            self._over = True
            for one in self._held:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            self._over = True
            for one in self._held:
                one.close()
            self._held.clear()


def _install() -> None:
    with _installing:
        if not _installed:
            sys.addaudithook(_watch)  # for good: an audit hook cannot be taken back
            _installed.append(True)


def is_public(address: str) -> bool:
    """Tell whether an IP address may be reached from anywhere; one inside of IPv6 counts as itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _translated(found) or found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return is_public(str(inner))
        if found not in _ASSIGNED:
            return False
    return found.is_global and not found.is_multicast


def _translated(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _ADDRESSED and event not in _LOCAL:
        return
    # What is sent over a connection has no address of its own; the connection was judged.
    if getattr(_bound, "on", False) and (event in _LOCAL or arguments[1] is not None):
        _refuse_private(None if event in _LOCAL else arguments[1])
    cutter: _Cutter | None = getattr(_bound, "cutter", None)
    if cutter is not None and event == _CONNECT and isinstance(arguments[0], socket.socket):
        cutter.hold(arguments[0])


def _refuse_private(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else None
    if not isinstance(host, str) or not is_public(host):
        _bound.refused.append(host if isinstance(host, str) else "a local socket or log")
        # Libraries close their sockets after an OSError, and only then.
        raise PermissionError(EACCES, "no public address")
