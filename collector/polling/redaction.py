r"""Removes keys from text for people, also where only a piece of one is left.

A provider may echo the key, and whoever quotes him may cut the echo in two, change its case or spell it in escapes, or
in escapes of escapes. So text that is kept only to be read (errors, bodies of refused answers, logs) loses every run of
eight and more characters that some key contains, in plain, in hexadecimal, or in base64 wherever the key begins in it.
Facts lose runs of sixteen and more only, because eight characters could be part of an honest request id.

    …"bad key nel_\u0063anary-0123"…      as written
    …"bad key nel_canary-0123"…           as read: the slices of the key are looked for here
    …"bad key [key removed]"…             what is left, up to where the pieces were written

Rule for editors: this module, ``collector.http`` and ``collector.notifications`` alone reveal a key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from collector.domain.secret import Secret

MASK = "[key removed]"
IN_FACTS = 16
"""The shortest piece that is taken from facts: long enough to be no accident."""

_SLICE = 8
_LAYERS = 3  # an error page of a JSON error, percent-encoded; nobody wraps deeper by accident
# Capitals count as small letters, and both alphabets of base64 as one.
_FOLDED = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)} | {ord("-"): "+", ord("_"): "/"}
# How JSON, URLs, HTML and Python's own escapes spell a character; NUL is what UTF-16 puts between two of ASCII.
_SPELT = re.compile(
    r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|&\#[xX]0{0,5}([0-9a-fA-F]{1,4});|&\#0{0,5}([0-9]{1,5});"
    r"|&(amp|lt|gt|quot|apos);|\\([^ux])|\0",
    re.DOTALL,
)
_ESCAPING = re.compile(r"[\\%&\0]")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


# Up to so many pieces are looked for one by one: each at the speed of C.
_FEW = 1000


class Redactor:
    """Removes some keys from text.

    Args:
        keys: The keys to remove.
        shortest: How long a piece must be to be removed; of a shorter key only the whole.
    """

    __slots__ = ("_slices",)

    def __init__(self, keys: Iterable[Secret], shortest: int = _SLICE) -> None:
        self._slices: dict[int, set[str]] = {}
        for key in keys:
            for form, width in _forms(key):
                size = min(shortest * width, len(form))
                self._slices.setdefault(size, set()).update(_slices(form, size, width))

    def __reduce__(self) -> NoReturn:
        raise TypeError("what holds pieces of keys is never pickled or copied")

    __getstate__ = __reduce__

    def text(self, text: str) -> str:
        """Return ``text`` with every piece of a key replaced by a mark."""
        if not self.finds_in(text):
            return text
        # Outside in: a key may itself hold what looks like an escape, so it is looked for as it is written, too.
        read, places = text, list(range(len(text) + 1))
        found = self._pieces(read)
        for _ in range(_LAYERS):
            read, inner = _as_read(read)
            places = [places[at] for at in inner]
            found += [(places[start], places[end]) for start, end in self._pieces(read)]
        return _masked(text, sorted(found))

    def finds_in(self, text: str) -> bool:
        """Tell, quickly, whether a piece of a key is in ``text``, however it is spelt."""
        for _ in range(_LAYERS + 1):
            if self._holds(text.translate(_FOLDED)):
                return True
            read = _SPELT.sub(_meant, text) if _ESCAPING.search(text) else text
            if read == text:
                return False
            text = read
        return False

    def _holds(self, folded: str) -> bool:
        if sum(map(len, self._slices.values())) > _FEW:
            return bool(self._pieces(folded))
        return any(piece in folded for slices in self._slices.values() for piece in slices)

    def body(self, body: bytes, limit: int) -> bytes:
        """Return the first ``limit`` bytes of ``body`` without any piece of a key; what is no UTF-8 is escaped."""
        text = body[: 2 * limit].decode("utf-8", "backslashreplace")
        return self.text(text).encode()[:limit]

    def _pieces(self, read: str) -> list[tuple[int, int]]:
        """Return where slices of keys begin and end."""
        folded = read.translate(_FOLDED)
        return [
            (at, at + size)
            for size, slices in self._slices.items()
            for at in range(len(folded) - size + 1)
            if folded[at : at + size] in slices
        ]


def _masked(text: str, found: Sequence[tuple[int, int]]) -> str:
    """Return ``text`` with a mark for each of the stretches ``found``, in order; touching ones are one."""
    pieces: list[str] = []
    kept = 0
    for start, end in found:
        if start > kept or not pieces:
            pieces += (text[kept:start], MASK)
        kept = max(kept, end)
    return "".join((*pieces, text[kept:]))


def _forms(key: Secret) -> Iterator[tuple[str, int]]:
    """Yield the folded forms of a key, and how many characters one of the key's takes in each."""
    encoded = key.reveal().encode("utf-8", "surrogatepass")
    if not encoded:
        return
    yield key.reveal().translate(_FOLDED), 1
    coded = [(base64.b64encode(encoded).decode(), 1), (encoded.hex(), 2)]
    coded += [(_base64_after(before, encoded), 1) for before in range(3)]
    # Of a very short key these would be short enough to be found anywhere.
    yield from ((form.translate(_FOLDED), width) for form, width in coded if len(form) >= _SLICE)


def _base64_after(before: int, encoded: bytes) -> str:
    """Return the part of the base64 of ``encoded``, behind so many other bytes, that no neighbour changes."""
    shifted = bytes(before) + encoded
    sure = len(shifted) * 8 // 6
    return base64.b64encode(shifted).decode()[-(-before * 8 // 6) : sure]


def _slices(form: str, size: int, step: int) -> Iterator[str]:
    return (form[at : at + size] for at in range(0, len(form) - size + 1, step))


def _as_read(text: str) -> tuple[str, Sequence[int]]:
    """Return ``text`` with spellings resolved, and where each of its characters, and its end, is in ``text``."""
    spellings = list(_SPELT.finditer(text))
    if not spellings:
        return text, range(len(text) + 1)
    read: list[str] = []
    places: list[int] = []
    at = 0
    for spelling in spellings:
        read.append(text[at : spelling.start()])
        places += range(at, spelling.start())
        character = _meant(spelling)
        read.append(character)
        places += [spelling.start()] * len(character)
        at = spelling.end()
    return "".join((*read, text[at:])), [*places, *range(at, len(text) + 1)]


def _meant(spelling: re.Match[str]) -> str:
    digits = spelling[1] or spelling[2] or spelling[3] or spelling[4]
    if digits or spelling[5]:
        code = int(digits, 16) if digits else int(spelling[5])
        return chr(code)
    return _NAMED[spelling[6]] if spelling[6] else spelling[7] or ""
