"""Proves that a provider's list of recent requests was seen whole: what grew against what was listed.

Each poll counts ``unmatched``: the growth of the counter of requests less the requests that came into the list, with
its sign. A list may lag behind its counter or run ahead of it, so one poll proves nothing; the balance of the polls
does, and it returns to 0 where the list catches up. Only a list that has no record in common with the one before it was
overrun: whatever the balance then is, no list will ever show it, and the balance begins again.

      list before ├───────────┤      ?     ├───────────┤ list now
                        newest ├──────────┤ oldest                requests made in between were missed

A balance that stays positive although the lists overlap is not a miss but is not forgotten either: it is the number of
requests that were counted and never listed (a provider that leaves some out, or a record refused alone). It stands in
the polls' ``unmatched``, whose sum over any stretch is what was counted and not listed in it: an auditor holds it
against the sum of ``missed``. An overrun takes over what is still open, because from there on no list can show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

QUIET_POLLS = 3
"""So many polls in a row without growth and without new records: a list that lagged has caught up."""

LOOK_BACK = 100
"""What a list has not shown for so many polls it owes no more."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What one poll found; see ``collector.domain.digest.ListFacts``.

    Attributes:
        unmatched: None where the counter's growth is unknown.
        overrun: True where the list had nothing in common with the one before it and requests were missed.
    """

    unmatched: int | None
    new: int | None
    overrun: bool = False


def balance(polls: Iterable[Compared]) -> int:
    """Return how many requests were counted and are not listed yet (negative: listed and not counted yet).

    Args:
        polls: The polls with a list, the newest first. What lies before the last overrun, before a poll whose growth is
            unknown, or before a stretch in which nothing moved, is settled.
    """
    total = quiet = 0
    for one in polls:
        if one.unmatched is None or one.overrun:
            break
        quiet = quiet + 1 if one.unmatched == 0 and not one.new else 0
        if quiet == QUIET_POLLS:
            break
        total += one.unmatched
    return total


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A list and the one before it.

    Attributes:
        overlap: True if a record stands in both.
        newest_before: When the newest record known before was made, as far as the records tell.
        oldest_new: When the oldest record that is new was made, as far as the records tell.
        before_at, at: When the two lists were seen, by our clock.
    """

    overlap: bool
    newest_before: datetime | None
    oldest_new: datetime | None
    before_at: datetime
    at: datetime

    def unseen(self) -> tuple[datetime, datetime] | None:
        """Return the span that neither list reaches, or None where they meet: by their records, or by their times."""
        if self.overlap:
            return None
        newest, oldest = self.newest_before, self.oldest_new
        if newest is not None and oldest is not None and oldest < newest:
            return None
        after, before = newest or self.before_at, oldest or self.at
        # The provider's clock and ours may disagree where one of each is compared.
        return min(after, before), max(after, before)


class Signed(Protocol):
    """Something that carries unexplained credits."""

    @property
    def unexplained(self) -> int | None:
        """Credits with their sign; None where that is unknown."""


_Row = TypeVar("_Row", bound=Signed)


def never_explained(rows: Iterable[_Row]) -> Sequence[_Row]:
    """Return those ``rows``, in order of time, whose unexplained credits no later row takes back.

    A counter that moves a poll before its list leaves ``+250`` at one poll and ``-250`` at the next: neither deserves a
    look. A row is taken back by the nearest later ones of the other sign; what is left of all adds up to their sum.
    """
    kept: list[_Row] = []
    opened: list[list[int]] = []  # place in ``kept`` and what is left of it, all of one sign
    for row in rows:
        rest = row.unexplained or 0
        while rest and opened and (opened[-1][1] < 0) != (rest < 0):
            both = opened[-1][1] + rest
            if (both < 0) != (rest < 0) and both:
                opened[-1][1], rest = both, 0
            else:
                opened.pop()
                rest = both
        if rest:
            opened.append([len(kept), rest])
        kept.append(row)
    left = {place for place, _ in opened}
    return [row for place, row in enumerate(kept) if place in left]
