r"""Removes keys from text for people, also where only a piece of one is left.

A provider may echo the key, and whoever quotes him may cut the echo in two, change its case or spell it in escapes. So
text that is kept only to be read (errors, bodies of refused answers, logs) loses every run of eight and more characters
that some key contains, in plain or in base64. Facts are never treated like that: from a payload only the whole key is
taken, because eight characters could be part of an honest request id.

    …"bad key nel_\u0063anary-0123"…      as written
    …"bad key nel_canary-0123"…           as read: the slices of the key are looked for here
    …"bad key [key removed]"…             what is left, up to where the pieces were written

Rule for editors: this module, ``collector.http`` and ``collector.notifications`` alone reveal a key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence

from collector.domain.secret import Secret

MASK = "[key removed]"

_SLICE = 8
_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
# How JSON, URLs and Python's own escapes spell a character; NUL is what UTF-16 puts between two of ASCII.
_SPELT = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|\\([^ux])|\0", re.DOTALL)


class Redactor:
    """Removes some keys from text.

    Args:
        keys: The keys to remove.
    """

    __slots__ = ("_slices",)

    def __init__(self, keys: Iterable[Secret]) -> None:
        self._slices: dict[int, set[str]] = {}
        for key in keys:
            for form in _forms(key):
                size = min(_SLICE, len(form))
                self._slices.setdefault(size, set()).update(_slices(form, size))

    def text(self, text: str) -> str:
        """Return ``text`` with every piece of a key replaced by a mark."""
        text = self._without(text, *_as_read(text))
        # A key may itself hold what looks like an escape, so it is looked for as it is written, too.
        return self._without(text, text, range(len(text) + 1))

    def body(self, body: bytes, limit: int) -> bytes:
        """Return the first ``limit`` bytes of ``body`` without any piece of a key; what is no UTF-8 is escaped."""
        text = body[: 2 * limit].decode("utf-8", "backslashreplace")
        return self.text(text).encode()[:limit]

    def _without(self, text: str, read: str, places: Sequence[int]) -> str:
        """Return ``text`` without the pieces in ``read``, whose characters begin at ``places`` of ``text``."""
        pieces: list[str] = []
        kept = 0
        for start, end in self._runs(read.translate(_CAPITALS)):
            pieces += (text[kept : places[start]], MASK)
            kept = places[end]
        return "".join((*pieces, text[kept:])) if pieces else text

    def _runs(self, read: str) -> Iterator[tuple[int, int]]:
        """Yield where pieces of keys begin and end, touching ones as one."""
        begun = ended = -1
        for at in range(len(read)):
            size = next((size for size, slices in self._slices.items() if read[at : at + size] in slices), 0)
            if not size:
                continue
            if at > ended:
                if ended >= 0:
                    yield begun, ended
                begun = at
            ended = max(ended, at + size)
        if ended >= 0:
            yield begun, ended


def _forms(key: Secret) -> Iterator[str]:
    value = key.reveal()
    encoded = value.encode("utf-8", "surrogatepass")
    coded = {base64.b64encode(encoded).decode(), base64.urlsafe_b64encode(encoded).decode()}
    forms = {value, *coded, *(form.rstrip("=") for form in coded)}
    return (form.translate(_CAPITALS) for form in forms if form)


def _slices(form: str, size: int) -> Iterator[str]:
    return (form[at : at + size] for at in range(len(form) - size + 1))


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
    code = spelling[1] or spelling[2] or spelling[3]
    return chr(int(code, 16)) if code else spelling[4] or ""
