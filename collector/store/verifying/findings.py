"""What a proof says: how much it proved, and which rows contradict it.

A finding names its row by table and key, in the words in which a SQLite tool would look it up. Many rows can be wrong
for one reason, so a check keeps the first few of each account or meter and counts the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from collector.domain.instants import format_instant, instant_of

_MOST = 10
_INSTANTS = frozenset({"observed_at", "started_at", "since"})

Advance: TypeAlias = Callable[[int], None]
"""Is told of every few thousand rows that were proved."""


@dataclass(frozen=True, slots=True)
class Place:
    """One row: its table, its key, and whose it is in words (an account, or account/meter)."""

    table: str
    key: Mapping[str, int | str]
    whose: str = ""

    @property
    def words(self) -> str:
        """The row as a person looks it up."""
        parts = [self.table]
        for index, (column, value) in enumerate(self.key.items()):
            shown = instant_words(value) if column in _INSTANTS and isinstance(value, int) else plain(value)
            parts.append(f"{column}={shown}")
            if not index and self.whose:
                parts.append(f"({plain(self.whose)})")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that contradicts the rest, and how."""

    place: Place
    fault: str

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{self.place.words}: {self.fault}"


class Check:
    """One proof: what it is about, how much it counted, and what contradicts it.

    Args:
        name: A short key for programs.

    Attributes:
        counted: By what was counted, how many.
        proved: What holds, in words.
        notes: What was left out, and why.
        findings: The first contradictions of each account or meter.
        more: How many others there are.
    """

    def __init__(self, name: str, proved: str) -> None:
        self.name = name
        self.proved = proved
        self.counted: Counter[str] = Counter()
        self.notes: list[str] = []
        self.findings: list[Finding] = []
        self.more = 0
        self._of_group: Counter[str] = Counter()
        self._known: set[str] = set()

    @property
    def ok(self) -> bool:
        """True if nothing contradicts it."""
        return not self.findings

    def find(self, place: Place, fault: str, group: str = "") -> None:
        """Add a contradiction, the same one only once; ``group`` says of whom only the first few are kept."""
        finding = Finding(place, fault)
        if finding.line in self._known:
            return
        group = group or place.whose
        self._of_group[group] += 1
        if self._of_group[group] > _MOST:
            self.more += 1
            return
        self._known.add(finding.line)
        self.findings.append(finding)

    def has(self, table: str, key: Mapping[str, int | str]) -> bool:
        """Tell whether a row is among the contradictions kept."""
        return any(one.place.table == table and one.place.key == key for one in self.findings)

    @property
    def words(self) -> str:
        """What was counted, and what holds or does not."""
        counts = ", ".join(
            f"{count:,} {what if count != 1 else _singular(what)}" for what, count in self.counted.items()
        )
        if self.ok:
            return f"{counts or 'nothing recorded'}: {self.proved}"
        found = len(self.findings) + self.more
        return f"{counts or self.name}: {found:,} contradiction{'s' if found != 1 else ''}"


def _singular(what: str) -> str:
    first, _, rest = what.partition(" ")
    return f"{first.removesuffix('s')} {rest}".rstrip()


def instant_words(micros: int) -> str:
    """Return an instant for people with the stored number behind it."""
    try:
        return f"{format_instant(instant_of(micros))} ({micros})"
    except OverflowError:
        return f"{micros} (no instant of any calendar)"


def plain(value: object) -> str:
    """Return a value in printable characters, whatever became of it."""
    if isinstance(value, bytes):
        return f"x'{value[:32].hex()}{'…' if len(value) > 32 else ''}'"
    text = str(value)
    shown = text if len(text) <= 120 else text[:119] + "…"
    return shown if shown.isprintable() else ascii(shown)[1:-1]
