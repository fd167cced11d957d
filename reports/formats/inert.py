"""Text that shows what it holds and does nothing: no character that nobody sees, none that turns a line around.

Every format for people passes text through here first, and then escapes what its own syntax would obey. JSON, CSV and
Parquet keep text whole.
"""

from __future__ import annotations

import re
import unicodedata

CELL = 300
"""Characters of a cell that people are shown."""
PROSE = 4000
"""Characters of a sentence that people are shown."""

_PERCENT = re.compile(r"(?<=[0-9]) %")
# Controls, format characters such as U+202E, halves of pairs, private and unassigned ones, and the two line breaks.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, limit: int | None = CELL) -> str:
    """Return ``text`` on one line, characters that nobody sees named such as ``⟨U+202E⟩``.

    Args:
        text: Anything.
        limit: How many characters are shown; the rest is counted in words, never dropped silently. None for all.
    """
    shown = text if limit is None else text[:limit]
    named = shown if shown.isascii() and shown.isprintable() else "".join(map(_named, shown))
    return named if len(shown) == len(text) else f"{named}… ({len(text):,} characters)"


def _named(one: str) -> str:
    return f"⟨U+{ord(one):04X}⟩" if unicodedata.category(one) in _UNSEEN else one


def unbroken(text: str) -> str:
    """Return ``text`` with figures kept on one line with their ``%``, for pages that break lines."""
    return _PERCENT.sub("\u00a0%", text)


def encodable(text: str) -> str:
    """Return ``text`` whole, but with halves of surrogate pairs, which UTF-8 cannot hold, spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
