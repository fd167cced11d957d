"""Reads the head of an answer and the frames of its chunks to the letter of RFC 9112, before the standard library does.

``http.client`` and urllib3 read numbers as Python's ``int`` does (``+200``, ``2_00``, ``0x12d``), end lines at a bare
LF and take an end of the connection for the end of the chunks. Whoever reads the same bytes another way sees another
answer: what is not said exactly is refused.

Public: ``read_head``, ``Dechunked``.

Source: RFC 9112, sections 2.2, 4, 5 and 7.1; RFC 9110, section 15.2 on interim answers.
"""

from __future__ import annotations

import http.client
import io
import re
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


_LONGEST_LINE = 65_536
_LONGEST_SIZE_LINE = 4096
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\x00\r\n]*)?\r\n")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*\r\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\x00-\x08\x0a-\x1f]*)?\r\n")
_SWITCHING = 101


def read_head(stream: BinaryIO) -> bytes:
    """Return status line and header lines of the final answer; interim ones (1xx) are read over.

    An endless row of interim answers ends with the attempt's deadline or its bytes, which the socket counts.

    Raises:
        http.client.RemoteDisconnected: The connection ended before that.
        http.client.HTTPException: It is no head of HTTP/1.x.
    """
    while True:
        status = stream.readline(_LONGEST_LINE + 1)
        if not status:
            raise http.client.RemoteDisconnected("closed before the status line")
        found = _STATUS.fullmatch(status)
        if found is None:
            raise http.client.BadStatusLine("not a status line of HTTP/1.x")
        fields = _fields(stream)
        if not 100 <= int(found[1]) < 200 or int(found[1]) == _SWITCHING:
            return status + fields


def _fields(stream: BinaryIO) -> bytes:
    lines = []
    while True:
        line = stream.readline(_LONGEST_LINE + 1)
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
        if not line.endswith(b"\n") and len(line) <= _LONGEST_LINE:
            raise http.client.RemoteDisconnected("closed in the headers")
        if len(line) > _LONGEST_LINE or not _FIELD.fullmatch(line):
            raise http.client.HTTPException("malformed header line")


class Dechunked(io.RawIOBase):
    """The bytes of a body that comes in chunks.

    Reading raises ``ValueError`` where the chunks are not valid, ``http.client.IncompleteRead`` where they break off.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = 0
        self._begun = self._ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` with what there is of the current chunk; return 0 after the last."""
        if not self._ended and not self._left:
            self._next_chunk()
        if self._ended:
            return 0
        with memoryview(buffer) as room:
            data = self._stream.read(min(self._left, len(room)))
            room[: len(data)] = data
        if not data:
            raise http.client.IncompleteRead(b"")
        self._left -= len(data)
        return len(data)

    def _next_chunk(self) -> None:
        if self._begun and self._line() != b"\r\n":
            raise ValueError("more bytes than the chunk's size")
        self._begun = True
        size = _SIZE.fullmatch(self._line())
        if size is None:
            raise ValueError("no size of a chunk")
        self._left = int(size[1], 16)
        if not self._left:
            self._read_trailer()
            self._ended = True

    def _read_trailer(self) -> None:
        while (line := self._line()) != b"\r\n":
            if not _FIELD.fullmatch(line):
                raise ValueError("no trailer field")

    def _line(self) -> bytes:
        line = self._stream.readline(_LONGEST_SIZE_LINE)
        if not line.endswith(b"\n") and len(line) < _LONGEST_SIZE_LINE:
            raise http.client.IncompleteRead(b"")
        return line

    def close(self) -> None:
        """Close the connection's side of it too."""
        self._stream.close()
        super().close()
