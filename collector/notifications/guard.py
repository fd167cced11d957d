"""Refuses connections to private addresses at the moment they are made, by the address that is really dialled.

A name that is checked first and resolved again for the connection can lead elsewhere the second time, and every library
resolves for itself. So the interpreter's own audit event ``socket.connect`` is watched, which carries the resolved
address; only the thread that sends is bound, polls are not.

    with only_public(allow_private=False):   a connection of this thread to 10.0.0.5 or 127.0.0.1 fails as if it were
                                             forbidden, and what comes of it leaves as ConfigError
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from collector.errors import ConfigError

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_EVENT = "socket.connect"
_bound = threading.local()
_installing = threading.Lock()
_installed: list[bool] = []


@contextmanager
def only_public(*, allow_private: bool) -> Iterator[None]:
    """Bind this thread: connections to addresses that are not public raise ConfigError, unless they are allowed."""
    with _installing:
        if not _installed:
            sys.addaudithook(_watch)  # for good: an audit hook cannot be taken back
            _installed.append(True)
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
    return found.is_global and not found.is_multicast


def _translated(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event != _EVENT or not getattr(_bound, "on", False):
        return
    address = arguments[1]
    host = address[0] if isinstance(address, tuple) else None
    if not isinstance(host, str) or not is_public(host):
        _bound.refused.append(host if isinstance(host, str) else "a local socket")
        # Libraries close their sockets after an OSError, and only then.
        raise PermissionError(EACCES, "no public address")
