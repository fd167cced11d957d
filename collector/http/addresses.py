"""Decides which addresses may be asked: https, or plain http to this machine alone.

A key travels with every request, so an address that could carry it elsewhere is a mistake in the settings and is
refused before anything is sent. Addresses are plain ASCII here: what two parsers could read differently (backslashes,
spaces, other scripts) is refused too.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from collector.errors import ConfigError

_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+", re.ASCII)
_NAME = re.compile(
    r"(?!.{254})(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)


def place_of(url: str) -> str:
    """Return ``scheme://host[:port]`` of an address that may be asked: what messages call it.

    Raises:
        ConfigError: The address is no https address, nor http on a loopback host, or holds a user name.
    """
    parts = _split(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise ConfigError("check an address: it must begin with https://; correct base_url")
    if "@" in parts.netloc:
        raise ConfigError("check an address: it holds a user name or password; remove that part from base_url")
    if not _is_host(host):
        raise ConfigError("check an address: its host is missing or not a host name; correct base_url")
    place = f"{parts.scheme}://{parts.netloc.lower()}"
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"check the address {place}: plain http would show the key to everybody on the way; use https"
        )
    return place


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is ``localhost`` or an address of the loopback interface."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_proxy(proxy: str | None) -> str | None:
    """Return the proxy as it was given.

    Raises:
        ConfigError: It is not of the form ``http://[user:password@]host:port``.
    """
    if proxy is None:
        return None
    parts = _split(proxy)
    usable = parts.scheme == "http" and _is_host(parts.hostname or "") and parts.path in ("", "/")
    if not usable or parts.query or parts.fragment:
        raise ConfigError("check the proxy: it must be http://host:port; https goes through it by CONNECT")
    return proxy


def _split(url: str) -> SplitResult:
    parts = None
    if _PLAIN.fullmatch(url):
        try:
            parts = urlsplit(url)
            if parts.port == 0:
                parts = None
        except ValueError:
            parts = None
    if parts is None:
        raise ConfigError(
            "check an address: it cannot be read; write plain ASCII without spaces, like https://api.example.com"
        )
    return parts


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        return ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False
