"""urllib3's connections on sockets of ours, and responses with a strict header block.

A kept-alive connection is used again only while it is young: a firewall forgets an idle one without telling
either side, and a request into it would wait until the deadline.
"""

from __future__ import annotations

import http.client
import socket

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util.response import assert_header_parsing

from collector.http.attempt import CURRENT_ATTEMPT
from collector.http.transport import connect

# Below the 60 s after which common load balancers drop an idle connection.
_LONGEST_IDLE_SECONDS = 45.0
_VERSIONS = frozenset({"HTTP/1.0", "HTTP/1.1"})


class _StrictResponse(http.client.HTTPResponse):
    """A response whose header block is HTTP/1.x to the letter, and which has no cookies."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
        if version not in _VERSIONS:
            raise http.client.UnknownProtocol("not HTTP/1.x")
        return version, status, reason

    def begin(self) -> None:
        """Read the header block.

        Raises:
            http.client.HTTPException: It is not a well-formed header block.
        """
        super().begin()
        try:
            assert_header_parsing(self.msg)
        except HeaderParsingError:
            # urllib3 would only log it, and the headers after the broken line would be missing.
            raise http.client.HTTPException("malformed header block") from None
        del self.msg["Set-Cookie"]
        del self.msg["Set-Cookie2"]


class _DeadlineConnection(HTTPConnection):
    """A connection under the deadline of the current attempt."""

    # Even where somebody switched http.client's printing on for the whole process: it prints the key.
    debuglevel = 0
    response_class = _StrictResponse

    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Tell whether the connection may be used again."""
        attempt = CURRENT_ATTEMPT.get()
        if attempt.wants_fresh_connection or attempt.now() - self._used_at > _LONGEST_IDLE_SECONDS:
            return False
        return super().is_connected

    def _new_conn(self) -> socket.socket:
        attempt = CURRENT_ATTEMPT.get()
        attempt.opened()
        try:
            return connect(self._dns_host, self.port, attempt)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from None
        except OSError as error:
            raise NewConnectionError(self, type(error).__name__) from None

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        """Return the response once its header block has arrived."""
        response = super().getresponse()
        self._used_at = CURRENT_ATTEMPT.get().now()
        return response


class _DeadlineTlsConnection(_DeadlineConnection, HTTPSConnection):
    """The same over TLS."""


class PlainPool(HTTPConnectionPool):
    """Connections to one loopback origin."""

    ConnectionCls = _DeadlineConnection


class TlsPool(HTTPSConnectionPool):
    """Connections to one https origin."""

    ConnectionCls = _DeadlineTlsConnection
