"""A meter's course folded in memory, and read back by brute force: what the store does, in forty lines of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from collector.domain.accounts import Resets
from collector.domain.edges import Bracket, Edge, Gap, History
from collector.domain.falls import Course, Decision, FallKind, Observation, Pin, Status, Terms, step


@dataclass(frozen=True)
class Row:
    """One snapshot."""

    observed: int
    confirmed: int
    value: int
    number: int


@dataclass
class Folded:
    """What folding observations one by one led to; ``statuses`` are per observation, also of confirmations."""

    rows: list[Row] = field(default_factory=list)
    statuses: dict[int, Status] = field(default_factory=dict)
    in_force: list[Decision] = field(default_factory=list)
    made: list[Decision] = field(default_factory=list)
    course: Course = field(default_factory=Course)

    @property
    def letters(self) -> str:
        """One letter per observation: good, held, excluded."""
        return "".join("ghx"[self.statuses[at]] for at in sorted(self.statuses))

    @property
    def good(self) -> list[Row]:
        """The snapshots that count."""
        return [row for row in self.rows if self.statuses[row.observed] is Status.GOOD]

    @property
    def usage(self) -> int:
        """What is booked: the last good value and the offsets in force, less the opening balance."""
        return self.good[-1].value + sum(one.offset for one in self.in_force) - self.good[0].value

    @property
    def verdicts(self) -> list[list[object]]:
        """The decisions in force as kind, before, after, offset."""
        return [[one.kind.value, one.before, one.after, one.offset] for one in self.in_force]

    def history(self, gaps: Iterable[Gap] = ()) -> History:
        """Return what is read beside the look-ups."""
        excluded = [row.observed for row in self.rows if self.statuses[row.observed] is not Status.GOOD]
        return History(self.rows[0].observed, self.rows[-1].confirmed, self.in_force, excluded, gaps)

    def bracket(self, at: int) -> Bracket:
        """Return the good snapshots around ``at``, found by looking at all of them."""
        prior = [row for row in self.good if row.observed <= at]
        later = [row for row in self.good if row.observed > at]
        before = (prior[-1].observed, prior[-1].confirmed, prior[-1].value, prior[-1].number) if prior else (None,) * 4
        after = (later[0].observed, later[0].value) if later else (None, None)
        return Bracket(at, *before, *after)

    def edges(self, ats: Iterable[int], gaps: Iterable[Gap] = ()) -> list[Edge]:
        """Return the edges at ``ats``."""
        history = self.history(gaps)
        return [history.edge(self.bracket(at)) for at in ats]


class Fold:
    """Folds observations ``(at, value)`` into a course, keeping confirmations as the store does."""

    def __call__(
        self,
        seen: Iterable[tuple[int, int]],
        resets: Resets = Resets.UNKNOWN,
        boundaries: Sequence[int] = (),
        pins: Mapping[int, Pin] | None = None,
    ) -> Folded:
        """Return where the observations lead; ``boundaries`` are starts of billing periods."""
        folded = Folded()
        terms = Terms(resets, boundary_among(boundaries))
        for at, value in seen:
            self._enter(folded, Observation(at, value), terms, (pins or {}).get(at))
        return folded

    def _enter(self, folded: Folded, seen: Observation, terms: Terms, pin: Pin | None) -> None:
        done = step(folded.course, seen, terms, pin)
        folded.course = done.course
        folded.statuses |= done.statuses
        folded.made += done.decisions
        folded.in_force = [one for one in folded.in_force if one != done.withdrawn]
        for decision in done.decisions:
            folded.in_force = [one for one in folded.in_force if one.kind is not FallKind.HELD] + [decision]
        last = folded.rows[-1] if folded.rows else None
        parted = last is None or any(one.at > last.observed for one in done.decisions)
        if last is not None and last.value == seen.value and not parted:
            folded.rows[-1] = replace(last, confirmed=seen.at)
        else:
            folded.rows.append(Row(seen.at, seen.at, seen.value, len(folded.rows) + 1))


def boundary_among(boundaries: Sequence[int]) -> Callable[[int, int], int | None]:
    """Return the function that finds the last of ``boundaries`` in ``(after, until]``."""
    return lambda after, until: max((one for one in boundaries if after < one <= until), default=None)


@pytest.fixture(scope="session")
def fold() -> Fold:
    """The function that folds observations."""
    return Fold()
