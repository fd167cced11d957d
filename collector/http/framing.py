"""Decides from the headers whether a body may be read and where it ends, then reads it.

Refused before a byte of the body is read: anything compressed (a bomb is not inflated), a length above the limit, and
headers that disagree about the length. Two readers of such an answer would see two different bodies.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator

from urllib3 import HTTPResponse
from urllib3 import exceptions as u3

from collector.errors import AskError
from collector.http.attempt import Attempt
from collector.http.faults import fault_of_body

_PIECE = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HTTP_1_0 = 10  # it has no chunks: RFC 9112, section 6.1


def read_body(raw: HTTPResponse, attempt: Attempt, *, max_bytes: int, allow_close_delimited: bool) -> bytes:
    """Return the whole body as it was sent.

    Raises:
        AskError: ``encoding_refused``, ``protocol_error``, ``no_length``, ``too_large``, ``truncated``, or one of the
            faults of the attempt itself.
    """
    refusal = _refusal(raw, attempt, max_bytes, allow_close_delimited)
    if refusal is not None:
        raise refusal
    try:
        # Not ``stream``: that reads chunks by itself, and forgives what ``heads`` does not.
        pieces = iter(lambda: raw.read(_PIECE, decode_content=False), b"")
        body = b"".join(_timely(pieces, attempt))
    except (u3.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        attempt.stop.check()
        raise fault_of_body(attempt.ask, error) from None
    if len(body) > max_bytes:
        raise attempt.oversized()
    return body


def _timely(pieces: Iterator[bytes], attempt: Attempt) -> Iterator[bytes]:
    """Give the pieces on while there is time: those that are here already cost no wait, but a million cost seconds."""
    for piece in pieces:
        attempt.remaining()
        yield piece


def _refusal(raw: HTTPResponse, attempt: Attempt, max_bytes: int, allow_close_delimited: bool) -> AskError | None:
    ask = attempt.ask
    encoding = raw.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        found = f"the answer is encoded as '{ask.quote(encoding)}', which was not asked for; check any proxy on the way"
        return ask.terminal("encoding_refused", found, status=200)
    if any(_CONTROLS.search(value) for _, value in raw.headers.items()):
        found = "a header of the answer holds a control character; check any proxy on the way"
        return ask.transient("protocol_error", found, status=200)
    lengths = set(raw.headers.getlist("Content-Length"))
    chunked = raw.headers.getlist("Transfer-Encoding")
    if not _agree(lengths, chunked) or (chunked and raw.version == _HTTP_1_0):
        found = "the headers contradict each other about the length of the answer; check any proxy on the way"
        return ask.transient("protocol_error", found, status=200)
    if lengths:
        return attempt.oversized() if int(lengths.pop()) > max_bytes else None
    if not chunked and not allow_close_delimited:
        found = "the answer has no length, so a broken one looks whole; set allow_close_delimited to take it anyway"
        return ask.terminal("no_length", found, status=200)
    return None


def _agree(lengths: set[str], encodings: list[str]) -> bool:
    """Tell whether there is one length, or chunks alone, or neither."""
    if encodings:
        return not lengths and len(encodings) == 1 and encodings[0].strip().lower() == "chunked"
    return len(lengths) <= 1 and all(_LENGTH.fullmatch(length) for length in lengths)
