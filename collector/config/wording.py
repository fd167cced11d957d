"""How messages name things: what was found, what is nearest, where a setting stands.

Rule for editors: ``found`` is for values that cannot be a secret. Whatever may hold a key or a password (addresses,
``api_key``, unknown keys' values) is described, never shown.

Public: ``found``, ``nearest``, ``one_of``, ``spelled``, ``SettingPath``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from datetime import date, time

SettingPath = tuple[str | int, ...]

_LONGEST = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


def found(value: object) -> str:
    """Return ``value`` as a message shows it: short, on one line, in TOML's spelling."""
    match value:
        case str():
            shown = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
            text = json.dumps(shown, ensure_ascii=not shown.isprintable())
        case dict() | list():
            text = "a table" if isinstance(value, dict) else "a list"
        case bool() | float() | None:
            text = str(value).lower()
        case int() if value.bit_length() > 64:
            # Python refuses to print integers of thousands of digits, which hexadecimal TOML can hold.
            text = f"a number of {value.bit_length()} bits"
        case int() | date() | time():
            text = str(value)
        case _:
            text = f"a value of type {type(value).__name__}"
    return text


def nearest(word: str, known: Iterable[str], *, closeness: float = 0.6) -> str | None:
    """Return the known name that ``word`` most probably was meant to be, or None if none is close."""
    close = difflib.get_close_matches(word[:_LONGEST], sorted(known), n=1, cutoff=closeness)
    return close[0] if close else None


def one_of(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown ``word``: what is allowed, what was found, what is near."""
    names = sorted(known)
    close = nearest(word, names)
    hint = f"; did you mean {close}?" if close else ""
    return f"must be one of {', '.join(names)}; found {found(word)}{hint}"


def spelled(path: SettingPath) -> str:
    """Return a setting's place as messages write it: ``accounts[0].billing.anchor_day``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else found(part)
            text += f".{key}" if text else key
    return text
