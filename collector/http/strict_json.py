"""Turns bytes into JSON values, or refuses them; never anything else, and never slowly.

What ``json`` would let pass is refused here: bytes that are not UTF-8, duplicate keys, ``NaN``, numbers no double can
hold, numbers long enough to be expensive later (``int(Decimal("1E+1000000"))`` takes a minute), and nesting deep
enough to exhaust the stack of the parser or of whoever walks the value. Fractions become ``Decimal``, whole numbers
``int``.

Rule for editors: what can be refused by looking at the bytes at C speed is refused before the parser runs, so that
the worst body of the largest size stays within 50 ms.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import NoReturn

from collector.errors import AnswerRejectedError

MAX_BYTES = 1 << 20
KEPT_BYTES = 4096
"""How much of a refused body is kept for inspection."""

_MAX_DEPTH = 32
_MAX_DIGITS = 20
_MAX_NUMBER_TEXT = 64
_MAX_EXPONENT_DIGITS = 4
# The smallest number that rounds to infinity as a double: half a step above the largest one. Source: IEEE 754.
_OVERFLOW = Decimal(2**1024 - 2**970)
# Ten times what a list of a thousand requests needs; without it a body of tiny values takes 100 ms to build.
_MAX_VALUES = 50_000
_BEGINNING = 8192

_BOM = b"\xef\xbb\xbf"
_STRING = re.compile(rb'"[^"]*"?')
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{},"')
_ONE_KIND_OF_BRACKET = bytes.maketrans(b"{}", b"[]")


class _RefusedError(ValueError):
    """A body that is refused: the outcome code and the reason."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def load_json(body: bytes, *, max_bytes: int = MAX_BYTES) -> object:
    """Return the JSON value that ``body`` holds; whole numbers as ``int``, others as ``Decimal``.

    Raises:
        AnswerRejectedError: The body is not strict JSON; the outcome is ``too_large``, ``not_utf8``, ``too_deep``,
            ``schema`` (a number or the number of values is out of range), ``duplicate_key`` or ``malformed_json``,
            and the first 4 KiB are kept on the error.
    """
    try:
        return _loaded(body, max_bytes)
    except _RefusedError as error:
        outcome, reason = error.outcome, str(error)
    # Raised outside the handler: the inner error refers to the whole body.
    raise AnswerRejectedError(outcome, f"read a JSON answer: {reason}", body=body[:KEPT_BYTES])


def _loaded(body: bytes, max_bytes: int) -> object:
    if len(body) > max_bytes:
        raise _RefusedError("too_large", f"it has {len(body)} bytes, more than the allowed {max_bytes}")
    text = _decoded(body)
    _check_structure(body)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _RefusedError("malformed_json", f"it is not JSON at character {error.pos}: {error.msg}") from None
    except RecursionError:
        # The depth was checked; this is a caller whose own stack is nearly used up.
        raise _RefusedError("too_deep", "it is nested too deeply for the stack") from None


def _decoded(body: bytes) -> str:
    if b"\0" in body:
        raise _RefusedError("not_utf8", "it holds a NUL byte, so it is binary or UTF-16, not UTF-8")
    try:
        return body.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _RefusedError("not_utf8", f"it is not UTF-8 at byte {error.start}") from None


def _check_structure(body: bytes) -> None:
    """Refuse by brackets and commas alone, before the parser can be made to recurse or to allocate.

    Strings are removed first. Deleting the pair ``""`` merges two strings or drops an empty one; either way every
    other byte stays inside or outside of strings as it was.
    """
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    structure = unescaped.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in structure:
        structure = _STRING.sub(b"", structure)
    too_many = structure.count(b",") + structure.count(b"[") + structure.count(b"{") > _MAX_VALUES
    # Of too many values the beginning tells whether they are a tower or a heap; either is refused.
    judged = structure[:_BEGINNING] if too_many else structure
    if _deeper_than(_MAX_DEPTH, judged.translate(_ONE_KIND_OF_BRACKET, b",")):
        raise _RefusedError("too_deep", f"it is nested more than {_MAX_DEPTH} levels deep")
    if too_many:
        raise _RefusedError("schema", f"it holds more than {_MAX_VALUES} values")


def _deeper_than(levels: int, brackets: bytes) -> bool:
    """Tell whether brackets are nested more than ``levels`` deep, counting those never closed."""
    for _ in range(levels):
        inner_removed = brackets.replace(b"[]", b"")
        if len(inner_removed) == len(brackets):
            break
        brackets = inner_removed
    return b"[]" in brackets or brackets.count(b"[") > levels


def _whole_number(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise _RefusedError("schema", f"number out of range: a whole number of more than {_MAX_DIGITS} digits")
    return int(text)


def _fraction(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER_TEXT:
        raise _RefusedError("schema", f"number out of range: written with more than {_MAX_NUMBER_TEXT} characters")
    mark = max(text.find("e"), text.find("E"))
    # Before the number is made: Decimal has its own bound for exponents, and an error of its own beyond it.
    if mark >= 0 and len(text[mark + 1 :].lstrip("+-")) > _MAX_EXPONENT_DIGITS:
        raise _RefusedError("schema", f"number out of range: an exponent of more than {_MAX_EXPONENT_DIGITS} digits")
    number = Decimal(text)
    if mark >= 0 and number.copy_abs() >= _OVERFLOW:
        raise _RefusedError("malformed_json", "it holds a number too large for a double")
    return number


def _constant(name: str) -> NoReturn:
    raise _RefusedError("malformed_json", f"it holds {name}, which is not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError("duplicate_key", "an object has the same key twice")
    return members


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number, parse_float=_fraction, parse_constant=_constant
)
