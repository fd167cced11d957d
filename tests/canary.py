"""The keys of every test, and the search for them in whatever the program wrote.

They are canaries: no eight characters of them occur anywhere by accident. Every test's ``tmp_path`` is searched when
the test is over, and everything pytest captured and every command printed: for the keys, their base64 (wherever in
other bytes they begin), their URL and hexadecimal forms, back to front, and every slice of eight characters.

A file that holds a key and nothing else is a key file, and may. Any other file that is meant to hold one is declared:

    path = meant(tmp_path / "collector.toml")
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

NECTED_KEY = "nk-Bz5Tn8WdV3GsY6PfQ1Mx9RhK"
NELLIE_KEY = "nel_Vq7XmZ2+kR9/tLw4Hc8JyUd3Nb"
SMTP_PASSWORD = "Wp6uXk3Fz9Lq2Ts7Ga5"
KEYS = (NECTED_KEY, NELLIE_KEY, SMTP_PASSWORD)

_SLICE = 8
_GRAM = 4
_meant: set[Path] = set()


def meant(path: Path) -> Path:
    """Declare that a file may hold a key, and return it."""
    _meant.add(path)
    return path


@cache
def forms_of(key: str) -> frozenset[str]:
    """Return the spellings of a key, and its slices of eight characters."""
    written = {quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1], *_slices(key.encode().hex(), 16)}
    coded = {piece for run in _base64_runs(key) for piece in _slices(run, 12)}
    return frozenset(written | coded | set(_slices(key)) | set(_slices(key[::-1])))


def leaks(found: str | bytes, *keys: str) -> set[str]:
    """Return the forms of ``keys`` (all of them) that are in ``found``."""
    data = found.encode("utf-8", "surrogatepass") if isinstance(found, str) else found
    dense = data.translate(None, b"\0")  # most of a small database is empty, and no form of a key holds a zero
    return {form for key in keys or KEYS if _may_hold(dense, key) for form in forms_of(key) if form.encode() in data}


def leaks_in_files(folder: Path, *keys: str) -> dict[str, set[str]]:
    """Return what ``leaks`` finds in the files below ``folder``, by file."""
    found = {path: leaks(path.read_bytes(), *keys) for path in files_below(folder) if path not in _meant}
    return {str(path): forms for path, forms in found.items() if forms and not _is_key_file(path)}


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the regular files below ``folder`` that can be read."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o400:
            yield path


def _is_key_file(path: Path) -> bool:
    return path.stat().st_size < 200 and path.read_text("latin-1").strip() in KEYS


def _slices(text: str, size: int = _SLICE) -> Iterator[str]:
    return (text[start : start + size] for start in range(len(text) - size + 1))


def _base64_runs(key: str) -> Iterator[str]:
    """Yield what the base64 of any text around the key must hold, in both alphabets."""
    for before in range(3):
        shifted = bytes(before) + key.encode()
        sure = base64.b64encode(shifted).decode()[-(-before * 8 // 6) : len(shifted) * 8 // 6]
        yield from (sure, sure.replace("+", "-").replace("/", "_"))


@cache
def _grams(key: str) -> tuple[bytes, ...]:
    """Return short texts of which every form of the key holds one: looking for all forms in every file takes long."""
    grams = {form[:_GRAM].encode() for form in (quote(key, safe=""), json.dumps(key)[1:-1])}
    for whole, window in (
        (key, 8),
        (key[::-1], 8),
        (key.encode().hex(), 16),
        *((one, 12) for one in _base64_runs(key)),
    ):
        # A window of eight characters holds a gram of four that begins at a multiple of five.
        step = window - _GRAM + 1
        grams |= {whole[at : at + _GRAM].encode() for at in range(0, len(whole) - _GRAM + 1, step)}
    return tuple(grams)


def _may_hold(data: bytes, key: str) -> bool:
    return any(gram in data for gram in _grams(key))
