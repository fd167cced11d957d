"""Whatever happened: windows add up and hold the truth, for random lives of a counter in any zone, with any anchor.

A life is known to the second: requests that are made and completed, a counter that begins again with the billing period
or on its own, takes usage back and blinks, and polls with silence between them. Every fall is seen twice before
anything else happens, so that what it is can be told, or is the last thing seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.domain.accounts import Counts, Resets
from collector.domain.calendar import day_of, days_between
from collector.domain.edges import Edge, Gap, usage_between
from collector.domain.evidence import Evidence, Stretch, Tally
from collector.domain.falls import FallKind
from collector.domain.instants import SECOND, instant_of, micros_of
from collector.domain.periods import Billing, PeriodKind, period_of

if TYPE_CHECKING:
    from tests.domain.conftest import Fold, Folded

HOUR, DAY = 3600, 86_400
SILENCE = 3 * HOUR  # a longer one is a gap
LONGEST = 90 * DAY

# Each with a day near which its clocks or its calendar do something.
PLACES = {
    "UTC": date(2026, 2, 27),
    "Europe/Berlin": date(2026, 3, 28),  # a day of 23 hours follows
    "America/New_York": date(2026, 10, 31),  # one of 25 hours
    "America/Santiago": date(2026, 9, 5),  # whose next midnight does not exist
    "Africa/Cairo": date(2026, 4, 23),  # likewise
    "Asia/Kathmandu": date(2026, 1, 30),  # 5:45 ahead
    "Asia/Kolkata": date(2026, 12, 30),
    "Australia/Lord_Howe": date(2026, 4, 4),  # a change of half an hour
    "Pacific/Apia": date(2011, 12, 28),  # whose 30th never was
    "America/St_Johns": date(2010, 11, 5),  # whose midnight comes twice
}
BILLINGS = (
    st.builds(Billing, st.just(PeriodKind.WEEKLY), st.integers(1, 7))
    | st.builds(Billing, st.just(PeriodKind.MONTHLY), st.integers(1, 31))
    | st.builds(Billing, st.just(PeriodKind.YEARLY), st.integers(1, 31), st.integers(1, 12))
    | st.just(Billing(PeriodKind.DAILY))
)


@dataclass(frozen=True)
class Life:
    """What really happened; seconds count from ``begin``.

    Attributes:
        begin: In microseconds since 1970 UTC.
        requests: When each was made and completed, and its credits.
        restarts: When the counter began again from zero by itself.
        refunds: When how much was taken back.
        blinks: By the second of a poll, what the counter said instead of the truth, for that poll.
        polls: When the counter was read.
        renewed: Whether it begins again with every billing period, and says so.
    """

    zone: ZoneInfo
    billing: Billing
    begin: int
    requests: tuple[tuple[int, int, int], ...]
    restarts: tuple[int, ...]
    refunds: tuple[tuple[int, int], ...]
    blinks: frozenset[int]
    polls: tuple[int, ...]
    renewed: bool

    @property
    def first(self) -> int:
        """The first poll, in microseconds since 1970 UTC."""
        return self.micros(self.polls[0])

    @property
    def last(self) -> int:
        """The last poll, in microseconds since 1970 UTC."""
        return self.micros(self.polls[-1])

    @property
    def gaps(self) -> list[Gap]:
        """Where nobody looked for long."""
        found = [(self.micros(a), self.micros(b)) for a, b in pairwise(self.polls) if b - a > SILENCE]
        return [Gap(start, end) for start, end in found]

    @cached_property
    def starts(self) -> list[int]:
        """Starts of billing periods, in microseconds since 1970 UTC."""
        if not self.renewed:
            return []
        return [one for one in self.periods if self.first < one <= self.last]

    @cached_property
    def periods(self) -> list[int]:
        """Edges of billing periods that cover the history."""
        day, found = day_of(instant_of(self.first), self.zone), list[int]()
        while not found or found[-1] <= self.last:
            period = period_of(day, self.billing, self.zone)
            found += [micros_of(period.start)] if not found else []
            found.append(micros_of(period.end))
            day = period.ends_on
        return found

    def micros(self, second: int) -> int:
        """Return a second as microseconds since 1970 UTC."""
        return self.begin + second * SECOND

    @cached_property
    def _sums(self) -> tuple[list[int], list[int]]:
        events = sorted(
            [(self.micros(done), amount) for _, done, amount in self.requests]
            + [(self.micros(at), -amount) for at, amount in self.refunds]
        )
        return [at for at, _ in events], [0, *accumulate(amount for _, amount in events)]

    def truth(self, start: int, end: int) -> int:
        """Return what was really used in ``[start, end)``, while somebody looked at all."""
        ats, sums = self._sums
        first, last = (min(max(one, self.first), self.last) for one in (start, end))
        return sums[bisect_left(ats, last)] - sums[bisect_left(ats, first)]

    def observations(self) -> list[tuple[int, int]]:
        """What the provider said; a poll sees what happened before its second."""
        begun = sorted([*self.starts, *map(self.micros, self.restarts)])
        ats, sums = self._sums
        found = []
        for second in self.polls:
            at = self.micros(second)
            since = max((one for one in begun if one <= at), default=at - 10 * LONGEST * SECOND)
            value = sums[bisect_left(ats, at)] - sums[bisect_left(ats, since)]
            found.append((at, max(0, value - 1) if second in self.blinks else value))
        return found

    def read(self, fold: Fold) -> Folded:
        """Return the ledger that the polls led to."""
        resets = Resets.PERIOD if self.renewed else Resets.UNKNOWN
        return fold(self.observations(), resets, self.starts)

    def evidence(self, stretch: Stretch, at: int) -> Evidence:
        """Return what a list of all requests says of a stretch at one edge."""
        marks = stretch.marks([at])

        def place(second: int) -> int:
            return sum(mark <= self.micros(second) for mark in marks)

        return Evidence(
            stretch, marks, [Tally(place(made), place(done), 1, used) for made, done, used in self.requests]
        )

    def edges(self, folded: Folded, ats: Iterable[int]) -> list[Edge]:
        """Return the edges at ``ats`` with usage placed by evidence."""
        history, found = folded.history(self.gaps), []
        for at in ats:
            bracket = folded.bracket(at)
            unseen = history.unseen_around(bracket)
            placed = None
            if unseen is not None:
                evidence = self.evidence(Stretch(1, unseen.since, unseen.until), at)
                placed = evidence.used_before(at, Counts.CREDITS, unseen.growth)
            found.append(history.edge(bracket, placed))
        return found


@st.composite
def lives(draw: st.DrawFn, *, falls: bool = True) -> Life:
    """Draw a life; with ``falls`` its counter begins again, takes back and blinks."""
    name = draw(st.sampled_from(sorted(PLACES)))
    zone = ZoneInfo(name)
    begin = datetime.combine(PLACES[name], datetime.min.time(), UTC) + timedelta(hours=draw(st.integers(-40, 40)))
    span = draw(st.sampled_from([2 * DAY, 9 * DAY, LONGEST]))
    seconds = st.integers(0, span)
    troubles = draw(st.lists(seconds, max_size=3, unique_by=lambda at: at // 100)) if falls else []
    kinds = [draw(st.sampled_from(["restart", "refund", "blink"])) for _ in troubles]
    quiet = {at // 100 + step for at in troubles for step in (-1, 0, 1)}
    requests = [
        (made, made + draw(st.integers(0, 2 * HOUR)), draw(st.integers(0, 9) | st.integers(0, 10**15)))
        for made in draw(st.lists(seconds, max_size=15))
    ]
    requests = [one for one in requests if not quiet & {one[0] // 100, one[1] // 100}]
    polls = set(draw(st.lists(seconds, min_size=2, max_size=15, unique=True)))
    # What falls is read just before, and twice after, while nothing else happens.
    polls |= {at + step for at in troubles for step in (-1, 1, 2)}
    renewed = falls and draw(st.booleans())
    quiet_life = Life(
        zone, draw(BILLINGS), micros_of(begin), tuple(requests), (), (), frozenset(), tuple(sorted(polls)), renewed
    )
    life = _settled(quiet_life, list(zip(troubles, kinds, strict=True)))
    seen_once = [at + 1 for at in life.restarts] + sorted(life.blinks)
    if not seen_once or not draw(st.booleans()):
        return life
    return replace(life, polls=tuple(one for one in life.polls if one <= max(seen_once)))  # the last fall stays held


def _settled(life: Life, troubles: Sequence[tuple[int, str]]) -> Life:
    """Add the troubles one by one, each as far as it can be told from the counter."""
    for at, kind in sorted(troubles):
        said = dict(life.observations())
        before = said[life.micros(at - 1)]
        begun = any(life.micros(at - 1) < one <= life.micros(at + 2) for one in life.starts)
        if before < 4 or begun:
            continue
        if kind == "restart":
            life = replace(life, restarts=(*life.restarts, at))
        elif kind == "refund":
            life = replace(life, refunds=(*life.refunds, (at, before // 4)))
        else:
            life = replace(life, blinks=life.blinks | {at + 1})
    return life


THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ZONES = st.sampled_from(sorted(PLACES)).map(ZoneInfo)
INSTANTS = st.lists(st.integers(-DAY, LONGEST + DAY) | st.integers(0, 2 * DAY), min_size=3, max_size=8)


def days_of(life: Life, zone: ZoneInfo) -> list[int]:
    """Return the edges of the local days of a history."""
    first, last = (day_of(instant_of(at), zone) for at in (life.first, life.last))
    days = list(days_between(first, last + timedelta(days=1), zone))
    return [micros_of(days[0][1]), *(micros_of(end) for _, _, end in days)]


def asked_of(life: Life, seconds: Iterable[int]) -> list[int]:
    """Return windows' edges: some instants, and the midnights and periods near the first and the last poll."""
    days = days_of(life, life.zone)
    return sorted({*map(life.micros, seconds), *days[:4], *days[-4:], *life.periods[:3]})


@THOROUGH
@given(life=lives(), zone=ZONES)
def test_days_of_any_zone_add_up_to_the_growth(fold: Fold, life: Life, zone: ZoneInfo) -> None:
    folded = life.read(fold)
    edges = life.edges(folded, days_of(life, zone))
    assert sum(usage_between(*pair).usage for pair in pairwise(edges)) == folded.usage


@THOROUGH
@given(life=lives())
def test_billing_periods_of_any_kind_add_up_to_the_growth(fold: Fold, life: Life) -> None:
    folded = life.read(fold)
    edges = life.edges(folded, life.periods)
    assert sum(usage_between(*pair).usage for pair in pairwise(edges)) == folded.usage


@THOROUGH
@given(life=lives(), seconds=INSTANTS)
def test_windows_add_up_at_any_three_instants(fold: Fold, life: Life, seconds: list[int]) -> None:
    edges = life.edges(life.read(fold), asked_of(life, seconds))
    for index, (a, b) in enumerate(pairwise(edges)):
        for c in edges[index + 1 :]:
            assert usage_between(a, c).usage == usage_between(a, b).usage + usage_between(b, c).usage


@THOROUGH
@given(life=lives(), seconds=INSTANTS)
def test_usage_lies_within_its_bounds_in_any_window(fold: Fold, life: Life, seconds: list[int]) -> None:
    edges = life.edges(life.read(fold), asked_of(life, seconds))
    found = [usage_between(start, end) for index, start in enumerate(edges) for end in edges[index:]]
    assert all(one.lower <= one.usage for one in found)
    assert all(one.upper is None or one.usage <= one.upper for one in found)


@THOROUGH
@given(life=lives(), seconds=INSTANTS)
def test_the_truth_lies_within_the_bounds_of_any_window(fold: Fold, life: Life, seconds: list[int]) -> None:
    edges = life.edges(life.read(fold), asked_of(life, seconds))
    for index, start in enumerate(edges):
        for end in edges[index:]:
            usage, truth = usage_between(start, end), life.truth(start.at, end.at)
            assert usage.lower <= truth
            assert usage.upper is None or truth <= usage.upper


@THOROUGH
@given(life=lives(), seconds=INSTANTS)
def test_a_bound_is_open_only_over_a_reset_or_a_held_fall(fold: Fold, life: Life, seconds: list[int]) -> None:
    folded = life.read(fold)
    edges = life.edges(folded, asked_of(life, seconds))
    unknown = [one for one in folded.in_force if one.kind in {FallKind.RESET, FallKind.HELD}]
    for index, start in enumerate(edges):
        for end in edges[index:]:
            over = [one for one in unknown if one.since < end.at and (one.kind is FallKind.HELD or start.at < one.at)]
            assert (usage_between(start, end).upper is None) == bool(over)


@THOROUGH
@given(life=lives(falls=False), seconds=INSTANTS)
def test_a_counter_that_only_grows_tells_the_truth_between_polls(fold: Fold, life: Life, seconds: list[int]) -> None:
    start, end = life.edges(life.read(fold), [life.first, life.last])
    assert usage_between(start, end).usage == life.truth(life.first, life.last)


@THOROUGH
@given(life=lives(falls=False), seconds=INSTANTS)
def test_a_complete_list_tells_the_truth_inside_of_gaps(fold: Fold, life: Life, seconds: list[int]) -> None:
    folded = life.read(fold)
    inside = [at for at in asked_of(life, seconds) if any(gap.start < at < gap.end for gap in life.gaps)]
    for start, end in pairwise(life.edges(folded, inside)):
        assert usage_between(start, end).usage == life.truth(start.at, end.at)


@pytest.mark.parametrize("place", PLACES)
def test_days_tile_the_time_of_every_place(place: str) -> None:
    days = list(days_between(PLACES[place] - timedelta(days=5), PLACES[place] + timedelta(days=9), ZoneInfo(place)))
    assert all(before[2] == after[1] for before, after in pairwise(days))
    assert all(timedelta() < end - start <= timedelta(hours=25) for _, start, end in days)
