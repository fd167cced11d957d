"""The text of ``collector.toml``: parsed, and asked on which line a setting stands.

A line is found by TOML's own grammar, never by searching for a word: a setting stands in the statement after the
longest run of leading lines that parses and does not hold it yet. Only runs that parse are compared, so multi-line
strings, quoted keys and dotted tables cannot mislead. Files of thousands of accounts are first cut at ``[[accounts]]``
lines into pieces that parse alone; such a line inside a string leaves a piece that does not, and the cut is undone.

Public: ``Document``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.config.model import Raw
from collector.config.wording import SettingPath
from collector.errors import ConfigError

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_ACCOUNT_HEADER = re.compile(r"\s*\[\[\s*accounts\s*\]\]")
_REPEATED_KEY = "Cannot overwrite a value"
_REPEATED_TABLE = re.compile(r"Cannot declare \((.*)\) twice|Cannot mutate immutable namespace \((.*)\)")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of lines that parses alone.

    Attributes:
        before: How many lines stand before it.
        accounts: How many accounts stand before it.
    """

    lines: tuple[str, ...]
    content: Raw
    before: int
    accounts: int


class Document:
    """A parsed configuration file.

    Attributes:
        path: Where it was read.
        content: Its tables.
    """

    __slots__ = ("_left", "_pieces", "_text", "content", "path")

    def __init__(self, path: Path, raw: bytes) -> None:
        """Parse ``raw``.

        Raises:
            ConfigError: It is no UTF-8 or no TOML; the message names the line.
        """
        self.path = path
        self._text = _decoded(path, raw).replace("\r\n", "\n")
        self.content = _parsed(path, self._text)
        # Parsing is linear, searching need not be: one statement over thousands of lines is given up.
        self._left = 20 * len(self._text) + 1_000_000
        self._pieces: tuple[_Piece, ...] | None = None

    def line_of(self, path: SettingPath) -> int | None:
        """Return the line, from 1, on which the setting at ``path`` or the nearest table above it begins."""
        while path and not _holds(self.content, path):
            path = path[:-1]
        if not path:
            return None
        if self._pieces is None:
            self._pieces = tuple(self._cut())
        line = next((self._line_in(piece, path) for piece in self._pieces if _holds_part(piece, path)), None)
        return line if self._left >= 0 else None

    def _cut(self) -> Iterator[_Piece]:
        lines = self._text.split("\n")
        cuts = [at for at, line in enumerate(lines) if _ACCOUNT_HEADER.match(line)]
        start = accounts = 0
        for end in [*(at for at in cuts if at), len(lines)]:
            content = self._parse(lines[start:end])
            if content is not None:
                yield _Piece(tuple(lines[start:end]), content, start, accounts)
                start, accounts = end, accounts + _count(content)

    def _line_in(self, piece: _Piece, path: SettingPath) -> int:
        path = _shifted(piece, path)
        # No run of lines up to `without` holds the path; every run from `end` on does or does not parse.
        without, end = 0, len(piece.lines)
        while end - without > 1:
            middle = (without + end) // 2
            length, content = self._next_that_parses(piece, middle, end)
            if content is None or _holds(content, path):
                end = middle
            else:
                without = length
        return piece.before + without + 1

    def _next_that_parses(self, piece: _Piece, first: int, end: int) -> tuple[int, Raw | None]:
        for length in range(first, end):
            content = self._parse(piece.lines[:length])
            if content is not None:
                return length, content
        return end, None

    def _parse(self, lines: list[str] | tuple[str, ...]) -> Raw | None:
        text = "\n".join(lines)
        self._left -= len(text)
        try:
            return tomllib.loads(text) if self._left >= 0 else None
        except tomllib.TOMLDecodeError:
            return None


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8; save the file in that encoding") from None


def _parsed(path: Path, text: str) -> Raw:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_fault(path, text, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables are nested too deeply") from None
    except ValueError:
        raise ConfigError(f"{path}: a number has thousands of digits") from None


def _syntax_fault(path: Path, text: str, message: str) -> str:
    place = _PLACE.search(message)
    line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
    reason = message[: place.start()] if place else message
    repeated = _REPEATED_TABLE.search(reason)
    if repeated:
        reason = f"the table {(repeated[1] or repeated[2]).strip(',')} is given twice"
    elif reason == _REPEATED_KEY:
        reason = "this key is given twice"
    return f"{path}, line {line}: not valid TOML: {reason}"


def _count(content: Raw) -> int:
    accounts = content.get("accounts")
    return len(accounts) if isinstance(accounts, list) else 0


def _shifted(piece: _Piece, path: SettingPath) -> SettingPath:
    if path[0] == "accounts" and len(path) > 1 and isinstance(path[1], int):
        return (path[0], path[1] - piece.accounts, *path[2:])
    return path


def _holds_part(piece: _Piece, path: SettingPath) -> bool:
    return _holds(piece.content, _shifted(piece, path))


def _holds(content: object, path: SettingPath) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(content, list) or not 0 <= part < len(content):
                return False
            content = content[part]
        elif isinstance(content, dict) and part in content:
            content = content[part]
        else:
            return False
    return True
