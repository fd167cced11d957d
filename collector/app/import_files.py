"""Opens a file of facts as numbered lines of text: from the disk or stdin, as it is or packed with gzip.

What a file is, is told from its bytes, never from its name. It is read piece by piece, so neither a large file nor one
that unpacks to a large one needs memory, and a line has a greatest length.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from collector.errors import UsageError

STDIN = "-"
LONGEST_LINE = 1 << 16
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_BUFFER = 1 << 18


class _Readable(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class _Counted(io.RawIOBase):
    """A stream that begins with bytes that were already read from it, and counts what was taken out."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = head, rest
        self.taken = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed has a private protocol here
        """Read the next bytes."""
        piece = self._head[: len(buffer)] if self._head else self._rest.read(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        self.taken += len(piece)
        return len(piece)


class ImportFile:
    """One opened file.

    Attributes:
        name: What people call it.
        size: How many bytes it has, or None where nobody knows.
    """

    def __init__(self, name: str, source: BinaryIO, size: int | None) -> None:
        self.name, self.size = name, size
        head = source.read(len(_GZIP))
        self._counted = _Counted(head, source)
        buffered = io.BufferedReader(self._counted, _BUFFER)
        packed = head == _GZIP
        self._lines: _Readable = gzip.GzipFile(fileobj=buffered, mode="rb") if packed else buffered

    @property
    def taken(self) -> int:
        """How many of the bytes were read so far."""
        return self._counted.taken

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, without the byte order mark.

        Raises:
            UsageError: The file is no text in UTF-8, a damaged gzip file, or cannot be read.
        """
        number = 1
        try:
            line = self._lines.readline(LONGEST_LINE).removeprefix(_BOM)
            while line:
                if len(line) == LONGEST_LINE:
                    raise UsageError(
                        f"line {number} of {self.name} has more than {LONGEST_LINE} bytes; is it a CSV file?"
                    )
                yield line.decode("utf-8")
                number += 1
                line = self._lines.readline(LONGEST_LINE)
        except UnicodeDecodeError:
            raise UsageError(f"line {number} of {self.name} is not UTF-8; save the file as UTF-8") from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UsageError(f"{self.name} is a damaged gzip file ({error}); fetch it again") from None
        except OSError as error:
            raise UsageError(f"cannot read {self.name}: {error.strerror}") from None


@contextmanager
def opened(name: str) -> Iterator[ImportFile]:
    """Open a file, or stdin for ``-``.

    Raises:
        UsageError: It cannot be opened.
    """
    if name == STDIN:
        yield ImportFile("stdin", sys.stdin.buffer, None)
        return
    try:
        source = Path(name).open("rb")  # noqa: SIM115 - closed below; only opening it may fail here
        size = os.fstat(source.fileno()).st_size
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no name of a file"
        raise UsageError(f"cannot open {name}: {reason}") from None
    with source:
        try:
            opened_file = ImportFile(name, source, size)
        except OSError as error:
            raise UsageError(f"cannot read {name}: {error.strerror}") from None
        yield opened_file
