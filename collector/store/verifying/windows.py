"""Proves invariants 1 to 3 on the windows that reports are made of: sums, additivity, and bounds.

The growth was summed step by step before; here it is looked up as every report does, over the local days of three
zones and around snapshots spread over the whole history. What a window says must not depend on which other windows
were asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from collector.domain.calendar import day_of, days_between
from collector.domain.edges import Edge, usage_between
from collector.domain.instants import instant_of, micros_of
from collector.store.reading import MeterRow, edges, meters
from collector.store.verifying.accounts import Ledger, MeterOf
from collector.store.verifying.courses import Course
from collector.store.verifying.findings import Check, Place, instant_words

_ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
_DAYS = 400
_ALONE = 6


def prove_windows(connection: Connection, ledger: Ledger, meter: MeterOf, course: Course, check: Check) -> None:
    """Hold the windows of one meter against its course."""
    rows = [row for row in meters(connection, [ledger.name], [meter.name]) if row.id == meter.id]
    if course.opening is None or not rows:
        return
    asked = _Asked(connection, rows[0], check, Place("meter", {"id": meter.id}, f"{ledger.name}/{meter.name}"))
    asked.ends(course)
    for zone in dict.fromkeys((rows[0].timezone, *_ZONES)):
        asked.days(course, ZoneInfo(zone))
    asked.around(course)
    check.counted["epochs"] += course.epochs


class _Asked:
    """Asks for windows of one meter as reports do."""

    def __init__(self, connection: Connection, row: MeterRow, check: Check, place: Place) -> None:
        self._connection = connection
        self._row = row
        self._check = check
        self._place = place

    def edges(self, ats: Sequence[int]) -> list[Edge]:
        return edges(self._connection, [self._row], {self._row.id: sorted(set(ats))})[self._row.id]

    def ends(self, course: Course) -> None:
        """Invariant 1: opening value + Σ deltas = last value, over all epochs."""
        first, last = self.edges([course.first, course.last + 1])
        if first.total != course.opening:
            self._find(f"the opening balance is {first.total}, the first good value {course.opening}")
        if last.total - first.total != course.growth:
            self._find(f"the counter grew by {last.total - first.total}, its steps add up to {course.growth}")

    def days(self, course: Course, zone: ZoneInfo) -> None:
        """Invariants 2 and 3 over local days: Σ days = growth."""
        used, before = 0, None
        for ats in _chunked_days(course, zone):
            found = self.edges(ats)
            if before is not None and found[0] != before:
                self._find(f"the total at {instant_words(before.at)} depends on which days are asked for in {zone.key}")
            used += sum(self._usage(start, end) for start, end in pairwise(found))
            self._bounds(found)
            before = found[-1]
            self._check.counted["local days"] += len(found) - 1
        if used != course.growth:
            self._find(f"its days in {zone.key} add up to {used}, the counter grew by {course.growth}")

    def around(self, course: Course) -> None:
        """Invariants 2 and 3 for windows that begin and end around snapshots."""
        ats = [at for one in course.sample for at in _near(one.observed, one.confirmed)]
        ats += [(one.confirmed + other.observed) // 2 for one, other in pairwise(course.sample)]
        found = self.edges([course.first, course.last + 1, *ats])
        self._bounds(found)
        for start, end in pairwise(found):
            self._usage(start, end)
        by_at = {edge.at: edge for edge in found}
        chosen = found[:: max(1, len(found) // _ALONE)]
        for edge in chosen:
            if self.edges([edge.at]) != [by_at[edge.at]]:
                self._find(f"the total at {instant_words(edge.at)} depends on which other windows are asked for")

    def _usage(self, start: Edge, end: Edge) -> int:
        used = usage_between(start, end)
        self._check.counted["windows"] += 1
        if used.lower > used.usage or (used.upper is not None and used.usage > used.upper):
            upper = "open" if used.upper is None else used.upper
            self._find(
                f"usage {used.usage} from {instant_words(start.at)} to {instant_words(end.at)} is not within its "
                f"bounds {used.lower} and {upper}"
            )
        return used.usage

    def _bounds(self, found: Sequence[Edge]) -> None:
        """Hold wider windows too: a week, from the beginning, and that three edges add up."""
        first, last = found[0], found[-1]
        for index in range(0, len(found), 7):
            middle = found[index]
            one, other, whole = usage_between(first, middle), usage_between(middle, last), usage_between(first, last)
            if one.usage + other.usage != whole.usage:
                self._find(f"usage before and after {instant_words(middle.at)} does not add up")
            self._usage(first, middle)
            self._usage(middle, found[min(index + 7, len(found) - 1)])

    def _find(self, fault: str) -> None:
        self._check.find(self._place, fault)


def _near(observed: int, confirmed: int) -> tuple[int, ...]:
    return observed - 1, observed, observed + 1, confirmed, confirmed + 1


def _chunked_days(course: Course, zone: ZoneInfo) -> Iterator[list[int]]:
    """Yield the edges of the local days of a history, some hundred at once; neighbours share an edge."""
    day, last = day_of(instant_of(course.first), zone), day_of(instant_of(course.last), zone)
    while day <= last:
        end = min(day + timedelta(days=_DAYS), last + timedelta(days=1))
        spans = list(days_between(day, end, zone))
        if spans:
            yield [micros_of(spans[0][1]), *(micros_of(stop) for _, _, stop in spans)]
        day = end
