"""Names of sheets: at most 31 characters, unique whatever their case, none that a spreadsheet refuses."""

from __future__ import annotations

import re

from reports.formats.inert import visible

_LONGEST = 31  # Source: Excel specifications and limits, "worksheet name"
_REFUSED = re.compile(r"[\[\]:*?/\\'\"<>|=+@]+")
_RESERVED = frozenset({"history"})


class SheetNames:
    """Gives every sheet a name of its own."""

    def __init__(self) -> None:
        self._given: set[str] = set(_RESERVED)

    def name(self, title: str) -> str:
        """Return a name that tells ``title``, numbered where that is taken."""
        plain = " ".join(_REFUSED.sub(" ", visible(title, 200)).split()) or "Table"
        number, found = 1, plain[:_LONGEST].strip()
        while found.lower() in self._given:
            number += 1
            mark = f" ({number})"
            found = plain[: _LONGEST - len(mark)].strip() + mark
        self._given.add(found.lower())
        return found
