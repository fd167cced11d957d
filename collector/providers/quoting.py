r"""Quotes what a provider said so that it stays inert wherever it is shown: one line, no control characters, short.

Printable text of any language is left readable. Whatever a terminal or a log could act upon (line ends, escapes,
changes of writing direction, lone surrogates) is written as ``\uXXXX``. Nothing is escaped for HTML or spreadsheets:
that belongs to where the text is shown.

Public: ``inert``, ``json_text``.
"""

from __future__ import annotations

import json
from decimal import Decimal

LIMIT = 200

_DEEPEST = 8  # further down nobody reads, and recursion must end by itself
_LONGEST_DECIMAL_BITS = 128  # CPython refuses to write very long integers in decimal; hexadecimal always works


def inert(text: str, limit: int = LIMIT) -> str:
    """Return ``text`` on one line, unprintable characters escaped, cut to at most ``limit`` characters."""
    shown = "".join(char if char.isprintable() else _escaped(char) for char in text[:limit])
    if len(text) <= limit and len(shown) <= limit:
        return shown
    return shown[: limit - 1] + "…"


def json_text(value: object, limit: int = LIMIT) -> str:
    """Return ``value``, read from JSON, as inert JSON text of at most ``limit`` characters."""
    return inert(_unbounded(value, 0), limit)


def _unbounded(value: object, depth: int) -> str:
    match value:
        case dict() | list() if depth == _DEEPEST:
            return "…"
        case dict():
            return "{" + ", ".join(f"{_plain(key)}: {_unbounded(item, depth + 1)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(_unbounded(item, depth + 1) for item in value) + "]"
        case Decimal():
            return str(value)
        case int() if value.bit_length() > _LONGEST_DECIMAL_BITS:
            return f"{value:#x}"
        case _:
            return _plain(value)


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]
