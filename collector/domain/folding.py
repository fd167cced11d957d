"""Folds a meter's observations, in order of time, into what is stored of them: snapshots, gaps and decisions.

A poll enters one observation at a time; an import, an operator's decision or a change of terms folds a whole stretch
again, and a proof folds everything. All of them must come to the same: what is stored is a pure function of the
observations, the terms, the cadence and the operators' decisions.

    observations   5   5   5       7        7   …        a snapshot is a run of one value that counts alike;
    snapshots      5 ───── 5 │     7 ────── 7   …        a silence longer than the cadence allows is a gap
    gaps                     └─────┘
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collector.domain.accounts import Resets
from collector.domain.edges import Gap
from collector.domain.falls import Course, Decision, FallKind, Observation, Pin, Status, Step, Terms, step

_NO_PINS: Mapping[int, Pin] = {}


@dataclass(slots=True)
class Snapshot:
    """A run of one value, from its first observation to its last, in microseconds since 1970 UTC."""

    observed: int
    confirmed: int
    value: int
    status: Status


class Cadence:
    """How long a silence may last before it is a gap, from which instant on.

    Args:
        rows: ``(since, gap_after)`` in microseconds, in order of time; the first one also holds before its instant.
    """

    __slots__ = ("_gap_after", "_since")

    def __init__(self, rows: Sequence[tuple[int, int]]) -> None:
        self._since = [since for since, _ in rows]
        self._gap_after = [gap_after for _, gap_after in rows]

    def gap_after(self, at: int) -> int:
        """Return what holds for a silence that ends at ``at``."""
        return self._gap_after[max(0, bisect_right(self._since, at) - 1)]


def confirms(before: Snapshot, seen: Observation, done: Step) -> bool:
    """Tell whether ``seen`` makes the newest snapshot longer instead of beginning another.

    It does if it has the same value, counts or waits as that one does after the step, and no reset lies between.
    """
    if before.value != seen.value:
        return False
    if done.statuses.get(before.observed, before.status) is not done.statuses[seen.at]:
        return False
    return not any(one.kind is FallKind.RESET and one.at != before.observed for one in done.decisions)


class Folding:
    """Folds observations one by one; nothing that was taken out changes any more.

    Args:
        terms: How the meter may fall.
        cadence: What a gap is.
        pins: Operators' decisions by the instant of the observation they are about.

    Attributes:
        gaps: Silences that are gaps, in order.
        decisions: The decisions in force, in order.
    """

    def __init__(self, terms: Terms, cadence: Cadence, pins: Mapping[int, Pin] = _NO_PINS) -> None:
        self.gaps: list[Gap] = []
        self.decisions: list[Decision] = []
        self._terms = terms
        self._cadence = cadence
        self._pins = pins
        self._plain = terms.resets is not Resets.PERIOD
        self._course = Course()
        self._open: list[Snapshot] = []
        self._done: list[Snapshot] = []
        self._excluded_until: int | None = None

    def see(self, at: int, value: int) -> None:
        """Fold an observation that is later than all before it."""
        newest = self._open[-1] if self._open else None
        if newest is not None and at - newest.confirmed > self._cadence.gap_after(at):
            self.gaps.append(Gap(newest.confirmed, at))
        if newest is not None and self._is_of_a_glitch(newest, at, value):
            newest.confirmed = at
            return
        self._excluded_until = None
        pin = self._pins.get(at)
        good = self._course.good
        if pin is None and self._plain and good is not None and not self._course.held and value >= good.value:
            self._grow(Observation(at, value))
        else:
            self._step(Observation(at, value), pin)

    @property
    def ready(self) -> int:
        """How many snapshots can be taken."""
        return len(self._done)

    def take(self) -> list[Snapshot]:
        """Return the snapshots that no later observation can change, in order, each once."""
        done, self._done = self._done, []
        return done

    def finish(self) -> list[Snapshot]:
        """Return the snapshots not yet taken; the last of them may still grow with later observations."""
        return [*self.take(), *self._open]

    def _is_of_a_glitch(self, newest: Snapshot, at: int, value: int) -> bool:
        """An operator's decision is about the whole run of the value that was seen when it was taken."""
        until = self._excluded_until
        return until is not None and at <= until and value == newest.value and at not in self._pins

    def _grow(self, seen: Observation) -> None:
        """Fold the usual: nothing is held and the value did not fall."""
        self._course = Course(seen)
        newest = self._open[-1]
        if newest.value == seen.value and newest.status is Status.GOOD:
            newest.confirmed = seen.at
            return
        self._done += self._open
        self._open = [Snapshot(seen.at, seen.at, seen.value, Status.GOOD)]

    def _step(self, seen: Observation, pin: Pin | None) -> None:
        done = step(self._course, seen, self._terms, pin)
        newest = self._open[-1] if self._open else None
        longer = newest is not None and confirms(newest, seen, done)
        for one in self._open:
            one.status = done.statuses.get(one.observed, one.status)
        if newest is not None and longer:
            newest.confirmed = seen.at
        else:
            self._open.append(Snapshot(seen.at, seen.at, seen.value, done.statuses[seen.at]))
        self._course = done.course
        if done.withdrawn is not None:
            self.decisions.remove(done.withdrawn)
        self._decide(done.decisions)
        self._settle()
        if pin is not None and pin.kind is FallKind.GLITCH:
            self._excluded_until = pin.until

    def _decide(self, decisions: Iterable[Decision]) -> None:
        for one in decisions:
            if self.decisions and self.decisions[-1].kind is FallKind.HELD:
                self.decisions.pop()
            self.decisions.append(one)

    def _settle(self) -> None:
        """Let go of every snapshot before the last good one: what comes later decides only about those behind it."""
        good = self._course.good
        last = max((i for i, one in enumerate(self._open) if good is not None and one.observed <= good.at), default=0)
        self._done += self._open[:last]
        del self._open[:last]


def fold(
    observations: Iterable[tuple[int, int]], terms: Terms, cadence: Cadence, pins: Mapping[int, Pin] = _NO_PINS
) -> tuple[list[Snapshot], Folding]:
    """Return all snapshots of a short history, copied, and the folding with its gaps and decisions."""
    folding = Folding(terms, cadence, pins)
    for at, value in observations:
        folding.see(at, value)
    return [replace(one) for one in folding.finish()], folding
