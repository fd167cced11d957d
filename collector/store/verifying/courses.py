"""Sums a meter's growth step by step, as a person with a pencil would, to hold the look-ups of reports against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.domain.falls import NEW_EPOCH, Decision, Status
from collector.store.verifying.observed import Kept

_SAMPLE = 256


@dataclass(slots=True)
class Course:
    """What going through a meter's snapshots added up to.

    Attributes:
        opening: The first good value; None without one.
        growth: The sum of all steps between good values after it.
        epochs: How many stretches between resets there are.
        snapshots: How many of any status there are.
        first, last: When the first snapshot was observed, and when any value was last seen.
        sample: A few snapshots, evenly spread.
    """

    opening: int | None = None
    growth: int = 0
    epochs: int = 0
    snapshots: int = 0
    first: int = 0
    last: int = 0
    sample: list[Kept] = field(default_factory=list)


class Walk:
    """Goes through the snapshots of one meter in order of time.

    Args:
        decided: The decisions in force.
    """

    def __init__(self, decided: Iterable[Decision]) -> None:
        self.course = Course()
        self._resets = sorted((one.at, one.offset) for one in decided if one.kind in NEW_EPOCH)
        self._passed = 0
        self._before = 0
        self._stride = 1

    def step(self, one: Kept) -> None:
        """Take the next snapshot; only a good one counts."""
        course = self.course
        self._remember(one)
        course.snapshots += 1
        course.first = one.observed if course.snapshots == 1 else course.first
        course.last = max(course.last, one.confirmed)
        if one.status != Status.GOOD:
            return
        offset, resets = self._offset_until(one.observed)
        if course.opening is None:
            course.opening, course.epochs = one.value, 1
        else:
            course.growth += one.value - self._before + offset
            course.epochs += bool(resets)
        self._before = one.value

    def _offset_until(self, at: int) -> tuple[int, int]:
        offset = resets = 0
        while self._passed < len(self._resets) and self._resets[self._passed][0] <= at:
            offset += self._resets[self._passed][1]
            self._passed += 1
            resets += 1
        return offset, resets

    def _remember(self, one: Kept) -> None:
        """Keep every snapshot at first, and every second of them each time there are too many."""
        if self.course.snapshots % self._stride:
            return
        self.course.sample.append(one)
        if len(self.course.sample) >= _SAMPLE:
            del self.course.sample[1::2]
            self._stride *= 2
