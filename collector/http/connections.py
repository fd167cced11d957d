"""urllib3's connections on sockets of ours, each used for one try, and responses with a strict header block.

No connection is kept for a later poll. A firewall forgets an idle one without telling either side; and what a server,
or a box on the way, sent too much on it would be taken for the answer to the next request, which may be another
account's. The handshake that this costs is nothing beside an interval of minutes.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import TYPE_CHECKING

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError, NameResolutionError, NewConnectionError
from urllib3.util.response import assert_header_parsing

from collector.http.attempt import CURRENT_ATTEMPT
from collector.http.heads import Dechunked, read_head
from collector.http.transport import connect

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

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
        stream = self.fp
        self.fp = io.BufferedReader(io.BytesIO(read_head(stream)))
        try:
            super().begin()
        finally:
            self.fp = stream
        if self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
            # Read as one stream from here on: http.client's own reading of chunks forgives too much.
            self.fp, self.chunked = io.BufferedReader(Dechunked(stream)), False
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

    def _new_conn(self) -> socket.socket:
        attempt = CURRENT_ATTEMPT.get()
        try:
            return connect(self._dns_host, self.port, attempt)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from None
        except OSError as error:
            raise NewConnectionError(self, type(error).__name__) from None


class _DeadlineTlsConnection(_DeadlineConnection, HTTPSConnection):
    """The same over TLS."""


class _OneUse(HTTPConnectionPool):
    """A pool that gets its connections back closed."""

    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        if conn is not None:
            conn.close()
        super()._put_conn(conn)


class PlainPool(_OneUse):
    """Connections to one loopback origin."""

    ConnectionCls = _DeadlineConnection


class TlsPool(_OneUse, HTTPSConnectionPool):
    """Connections to one https origin."""

    ConnectionCls = _DeadlineTlsConnection
