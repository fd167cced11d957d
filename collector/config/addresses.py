"""Addresses in settings: the provider's, the proxy's and the database's.

Each check returns the address or raises ValueError with a reason that shows at most scheme and host, because the rest
of an address may hold a password. A key travels to ``base_url`` with every poll, so that address must be encrypted
(loopback excepted) and must say nothing but where to go.

Public: ``checked_base_url``, ``checked_proxy``, ``checked_database_url``, ``absolute_database_url``,
``holds_password``, ``is_loopback``.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

# Printable ASCII without the characters that RFC 3986 keeps out of addresses and clients read differently.
_ADDRESS = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?!.{{254}})(?:{_LABEL}\.)*{_LABEL}\.?")
_DATABASE = re.compile(r"postgresql(\+[a-z0-9_]+)?://.+|sqlite(\+[a-z0-9_]+)?://(/.*)?", re.DOTALL)
_SQLITE_FILE = re.compile(r"(sqlite(?:\+[a-z0-9_]+)?:///)([^?]+)(.*)", re.DOTALL)
_PASSWORD = re.compile(r"://[^@/?#]*:[^@]+@|[?&](?:\w*password|passwd|pwd)=[^&]", re.IGNORECASE)


def checked_base_url(text: str) -> str:
    """Return the provider's address in lower case up to its path, without a slash at its end.

    Raises:
        ValueError: It is no https address (http on loopback), or it carries a user, a query or a fragment.
    """
    parts = _split(text)
    if "?" in text or "#" in text:
        raise ValueError("must not carry a query (?) or a fragment (#): only where the provider answers")
    if "@" in parts.netloc:
        raise ValueError("must not carry a user or password (the part before @); the key has its own setting, api_key")
    if parts.scheme == "http" and not _is_loopback_host(parts.hostname):
        raise ValueError(
            f"must begin with https://; the key would travel unencrypted to {parts.hostname} (plain http is for "
            "loopback only)"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def checked_proxy(text: str) -> str:
    """Return the proxy's address, which may carry a user and password.

    Raises:
        ValueError: It is no ``http://[user:password@]host:port``; https providers are reached through it by CONNECT.
    """
    parts = _split(text)
    if parts.scheme != "http" or "?" in text or "#" in text or parts.path.strip("/"):
        raise ValueError("must be an address such as http://proxy.example:3128: http, without path, query or fragment")
    return text


def checked_database_url(text: str) -> str:
    """Return the database's address.

    Raises:
        ValueError: It names neither SQLite nor PostgreSQL.
    """
    if _DATABASE.fullmatch(text) is None:
        raise ValueError(
            'must be "sqlite:///FILE" (three slashes, four for an absolute path) or "postgresql://USER@HOST/NAME" '
            "(what was found is not shown: it may hold a password)"
        )
    return text


def absolute_database_url(url: str, folder: Path) -> str:
    """Return ``url`` with a relative SQLite file taken as relative to ``folder``; all else as it is."""
    match = _SQLITE_FILE.fullmatch(url)
    if match is None or match[2].startswith(("/", ":memory:", "file:")):
        return url
    return f"{match[1]}{folder / match[2]}{match[3]}"


def holds_password(url: str) -> bool:
    """Return True if an address carries a password, before its host or in its query."""
    return _PASSWORD.search(url) is not None


def is_loopback(url: str) -> bool:
    """Return True if an address names this very machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    return _is_loopback_host(urlsplit(url).hostname)


def _split(text: str) -> SplitResult:
    if _ADDRESS.fullmatch(text) is None:
        raise ValueError("must be an address in printable ASCII without spaces, quotes or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be an address whose host and port can be read") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with https://")
    if port == 0 or not _is_host(parts.hostname or ""):
        raise ValueError("must name a host, and a port from 1 to 65535 if any")
    return parts


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _is_loopback_host(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
