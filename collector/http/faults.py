"""Names what went wrong: every outcome code of an asking, its type of error, and the words for the operator.

    outcome           error      when
    http_401          terminal   the key was rejected
    http_403          terminal   the key is valid but not allowed
    http_4xx          terminal   any other 4xx; 408 alone is transient: the server was only slow to read
    http_429          limited    with the wait the provider asked for, if it said so
    http_5xx          transient  500..599; retried within the attempt
    http_unexpected   transient  any other status than 200, or a 200 without a body: a stranger's answer, may pass
    redirect_refused  terminal   300..399 but 304; a redirect is never followed, the key stays with its origin
    conn_error        transient  refused, reset, or closed before an answer; retried within the attempt
    dns_error         transient  the name has no address; retried within the attempt
    timeout_connect   transient  no address of the host accepted a connection before the deadline
    timeout_total     transient  the deadline ended anything else: name, handshake, headers, body
    tls_error         terminal   certificate or protocol of TLS; a hang-up in the handshake is a conn_error
    truncated         transient  the answer broke off
    protocol_error    transient  not HTTP, or HTTP that contradicts itself; seen while servers are being replaced
    too_large         terminal   more bytes than are read; it will not shrink by asking again
    encoding_refused  terminal   compressed, although we said we take none
    no_length         terminal   neither a length nor chunks, so an end could be a break; the account may allow it
    content_type      rejected   a 200 that is not JSON, such as a login page
    (strict_json)     rejected   malformed_json, duplicate_key, too_deep, not_utf8, schema
    interrupted       —          the program is stopping

Rule for editors: whatever a server wrote passes through ``Ask.quote``, which removes the key, escapes and cuts. Keys
and queries never reach a message.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import requests
from urllib3 import HTTPHeaderDict
from urllib3 import exceptions as u3

from collector.domain.secret import Secret
from collector.errors import (
    AnswerRejectedError,
    AskError,
    InterruptedAskError,
    RateLimitedError,
    TerminalAskError,
    TransientAskError,
)
from collector.http.retry_after import parse_retry_after
from collector.http.strict_json import KEPT_BYTES

_LONGEST_QUOTE = 200
RETRIED = frozenset({"http_5xx", "conn_error", "dns_error"})
"""The outcomes that are worth another try within the same attempt."""
_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}
)
"""OpenSSL's words for first bytes that are no record of TLS, by the versions of it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Whom we ask and with which key: what every message names.

    Attributes:
        place: ``scheme://host[:port]`` of the address.
    """

    place: str
    key: Secret

    def transient(self, outcome: str, found: str, *, status: int | None = None) -> TransientAskError:
        """Return a fault that may pass."""
        return TransientAskError(outcome, self.message(found), http_status=status)

    def terminal(self, outcome: str, found: str, *, status: int | None = None) -> TerminalAskError:
        """Return a fault that stays until somebody acts."""
        return TerminalAskError(outcome, self.message(found), http_status=status)

    def limited(self, found: str, values: Sequence[str], now: datetime) -> RateLimitedError:
        """Return the fault of a 429 with the wait its ``Retry-After`` headers ask for."""
        return RateLimitedError(self.message(found), retry_after=parse_retry_after(values, now))

    def rejected(self, outcome: str, found: str, body: bytes) -> AnswerRejectedError:
        """Return a refusal of an answer, with the first 4 KiB of its body, the key removed."""
        # Redacted before the cut: a key across the cut must not leave half of itself.
        kept = self.key.redact(body[: 2 * KEPT_BYTES].decode("latin-1")).encode("latin-1")[:KEPT_BYTES]
        return AnswerRejectedError(outcome, self.message(found), http_status=200, body=kept)

    def quote(self, text: str) -> str:
        """Return a server's text without the key, on one line of visible ASCII, at most 200 characters."""
        escaped = self.key.redact(text[:100_000]).encode("unicode_escape").decode("ascii")
        return escaped if len(escaped) <= _LONGEST_QUOTE else escaped[: _LONGEST_QUOTE - 3] + "..."

    def message(self, found: str) -> str:
        """Return what was found, with whom we asked."""
        return f"asked {self.place}: {found}"


def fault_of_status(ask: Ask, status: int, headers: HTTPHeaderDict, now: datetime) -> AskError | None:
    """Return the fault that a status line announces, or None for 200."""
    if status == 200:
        return None
    if 300 <= status < 400 and status != 304:
        return _redirect(ask, status, headers.get("Location"))
    if 400 <= status < 500:
        return _client_fault(ask, status, headers.getlist("Retry-After"), now)
    if 500 <= status < 600:
        return _server_fault(ask, status, headers.getlist("Retry-After"), now)
    found = f"status {status}, where only 200 is an answer; check base_url and any proxy on the way"
    return ask.transient("http_unexpected", found, status=status)


def _client_fault(ask: Ask, status: int, waits: Sequence[str], now: datetime) -> AskError:
    match status:
        case 401:
            found = f"the key {ask.key.fingerprint()} was rejected (401); put a current key where the account reads it"
            return ask.terminal("http_401", found, status=status)
        case 403:
            found = f"the key {ask.key.fingerprint()} is valid but not allowed here (403); check its rights and plan"
            return ask.terminal("http_403", found, status=status)
        case 429:
            said = ", ".join(f"'{ask.quote(text)}'" for text in waits[:2]) or "absent"
            return ask.limited(f"too many requests (429), Retry-After {said}; poll less often", waits, now)
        case 408:
            return ask.transient("http_4xx", "the server gave up waiting for our request (408)", status=status)
        case 404 | 405 | 410:
            return ask.terminal("http_4xx", f"nothing to ask there ({status}); check base_url", status=status)
        case _:
            found = f"the request was refused ({status}); check base_url and the account at the provider"
            return ask.terminal("http_4xx", found, status=status)


def _server_fault(ask: Ask, status: int, waits: Sequence[str], now: datetime) -> AskError:
    """Return the fault of a server that failed; one that is being repaired may say when to come back (RFC 9110)."""
    wait = parse_retry_after(waits, now) if status == 503 else None
    if wait is None:
        found = f"the server failed with status {status}; the next poll asks again"
        return ask.transient("http_5xx", found, status=status)
    found = f"the server failed with status {status}, Retry-After '{ask.quote(waits[0])}'; it is asked again after that"
    return RateLimitedError(ask.message(found), retry_after=wait, outcome="http_5xx", http_status=status)


def _redirect(ask: Ask, status: int, location: str | None) -> AskError:
    found = f"a redirect ({status}) to {_target(ask, location)} was refused, the key stays here; correct base_url"
    return ask.terminal("redirect_refused", found, status=status)


def _target(ask: Ask, location: str | None) -> str:
    """Return scheme and host of a ``Location``: its path and query may hold what belongs to others."""
    if not location:
        return "nowhere"
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an unreadable address"
    if host is None:
        return f"'{ask.quote(parts.scheme)}:'" if parts.scheme else "another path of the same host"
    return f"'{ask.quote(f'{parts.scheme}://{host}' + (f':{port}' if port else ''))}'"


def fault_of_exchange(ask: Ask, error: Exception) -> AskError:
    """Return the fault of a request for which no status line arrived."""
    cause = _root(error)
    if isinstance(cause, u3.ClosedPoolError):
        return InterruptedAskError()
    if isinstance(cause, u3.NameResolutionError):
        return ask.transient("dns_error", "the host's name has no address; check base_url and the name server")
    if isinstance(cause, (ssl.SSLError, ssl.CertificateError)):
        return _tls_fault(ask, cause)
    if isinstance(cause, u3.NewConnectionError):
        return ask.transient("conn_error", "no connection could be made; check base_url, network and firewall")
    if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
        kind = type(cause).__name__
        return ask.transient("conn_error", f"the connection ended before an answer ({kind}); the next poll asks again")
    found = f"the answer is not valid HTTP ({type(cause).__name__}); check base_url and any proxy on the way"
    return ask.transient("protocol_error", found)


def fault_of_body(ask: Ask, error: Exception) -> AskError:
    """Return the fault of a body that could not be read to its end."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLError):
        return _tls_fault(ask, cause)
    if isinstance(cause, (u3.InvalidChunkLength, ValueError)):
        return ask.transient("protocol_error", "the body's chunks are not valid HTTP", status=200)
    return ask.transient("truncated", "the answer broke off before its end; the next poll asks again", status=200)


def _root(error: Exception) -> Exception:
    """Unwrap what requests and urllib3 put around the error that happened."""
    while True:
        inner: object = None
        if isinstance(error, u3.ProxyError):
            inner = error.original_error
        elif isinstance(error, (u3.ProtocolError, u3.SSLError, requests.ConnectionError)) and error.args:
            inner = error.args[-1]
        if not isinstance(inner, Exception):
            return error
        error = inner


def _tls_fault(ask: Ask, cause: Exception) -> AskError:
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return ask.transient("conn_error", "the server hung up during the TLS handshake; the next poll asks again")
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = ask.quote(cause.verify_message)
        return ask.terminal(
            "tls_error", f"its certificate was not accepted ({why}); check base_url, or name its authority in ca_bundle"
        )
    reason = getattr(cause, "reason", None)
    if reason in _NO_TLS:
        found = f"the server does not speak TLS there ({reason}); check scheme, host and port of base_url"
        return ask.terminal("tls_error", found)
    why = ask.quote(reason or type(cause).__name__)
    return ask.terminal("tls_error", f"no TLS 1.2 or newer could be agreed on ({why}); check base_url and the server")
