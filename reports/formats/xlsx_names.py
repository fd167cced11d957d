"""Names of sheets: at most 31 characters, unique whatever their case, none that a spreadsheet refuses."""

from __future__ import annotations

import re

from reports.formats.inert import visible

LONGEST = 31  # Source: Excel specifications and limits, "worksheet name"
_REFUSED = re.compile(r"[\[\]:*?/\\'\"<>|=+@]+")
_RESERVED = frozenset({"history"})


class SheetNames:
    """Gives every sheet a name of its own."""

    def __init__(self) -> None:
        self._given: set[str] = set(_RESERVED)

    def name(self, title: str, of: str = "") -> str:
        """Return a name that tells ``title``, numbered where that is taken.

        Args:
            title: The table's.
            of: What it is about, such as "nellie-prod · credits", told before it; its parts are shortened alike. Empty
                where the title says it, or no other table has the same.
        """
        plain = _plain(title) or "Table"
        if of:
            end = plain[: LONGEST // 2].strip()
            plain = f"{_shortened(of, LONGEST - 1 - len(end))} {end}".strip()
        number, found = 1, plain[:LONGEST].strip()
        while found.lower() in self._given:
            number += 1
            mark = f" ({number})"
            found = plain[: LONGEST - len(mark)].strip() + mark
        self._given.add(found.lower())
        return found


def _plain(text: str) -> str:
    return " ".join(_REFUSED.sub(" ", visible(text, 200)).split())


def _shortened(text: str, room: int) -> str:
    """Return the parts of ``text`` beside each other, the longest cut until all have room."""
    parts = [found for one in text.split(" · ") if (found := _plain(one))]
    while parts and len(" ".join(parts)) > room:
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[longest] = parts[longest][:-1]
    return " ".join(one for one in parts if one)
