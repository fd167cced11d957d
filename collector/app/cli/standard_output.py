"""Makes sure that what a command printed was written: a full disk behind stdout is told, and no success.

Public: ``whole_output``.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from collector.errors import CollectorError

_FAULTS = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT, errno.EBADF, errno.EINVAL})


@contextmanager
def whole_output() -> Iterator[None]:
    """Write out what stands in the buffer of stdout when the body ends, however it ends.

    A pipe that nobody reads any more is no fault to tell.

    Raises:
        CollectorError: The answer cannot be written.
    """
    try:
        try:
            yield
        finally:
            _flush(sys.stdout)
    except BrokenPipeError:
        _discard()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _FAULTS:
            raise
        _discard()
        raise CollectorError(f"cannot write the answer: {error.strerror}") from None


def _flush(stdout: TextIO | None) -> None:
    if stdout is not None:  # it is where the program was started with stdout closed
        stdout.flush()


def _discard() -> None:
    """Have the interpreter write what is left to nowhere when it ends, instead of failing once more."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
