"""What a fall of a counter means, decided by evidence and never by a ratio alone.

The rules, in their order:

1. The meter is declared to reset with its billing period and a boundary lies after the last good snapshot: a reset,
   even if the value rose. The usage after the boundary is the new value; what was used before it is unknown.
   One period has one reset: where a real fall within a day of the boundary (or a quarter of a short period) shows that
   the provider's clock differs from the account's, that fall is it, and none is hidden at the boundary.
2. Otherwise a fall from ``old`` to ``low`` is *held*: nothing is booked, the next observation decides.
   At or above ``old``: a *glitch*; the low values are excluded and growth counts from ``old``.
   Below ``old``, not below ``low``: a *reset* if the meter may reset and ``low`` is below half of ``old`` (usage of the
   step: ``low``), else a *correction* (``low - old``, negative). Below ``low``: still held, at most three snapshots.
3. An operator's decision overrules any of these. It can be about a jump as well: *growth*, it was usage; *unit*, the
   counter goes on in another unit: a new epoch begins, and the step itself is no usage.

Observations are folded one by one, so a poll decides in constant time and a replay of stored facts decides the same.
A decision carries the *increment* of the offset: changing it changes every later total and touches no fact. Rule for
editors: nothing here may look at the size of a fall except the one comparison with half of ``old``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType

from collector.domain.accounts import Resets

_MOST_HELD = 3
_ASTRAY = 86_400_000_000
"""How far from a declared boundary the provider may reset, in microseconds: the clocks of the world differ by a day."""
RULE = "rule"


class Status(IntEnum):
    """How a snapshot counts: in the ledger, waiting for a decision, or kept for audit only."""

    GOOD = 0
    HELD = 1
    EXCLUDED = 2


class FallKind(StrEnum):
    """What a fall was found to be; the last two are an operator's alone, and can be about a jump."""

    HELD = "held"
    GLITCH = "glitch"
    RESET = "reset"
    CORRECTION = "correction"
    GROWTH = "growth"
    UNIT = "unit"


NEW_EPOCH = frozenset({FallKind.RESET, FallKind.UNIT})


@dataclass(frozen=True, slots=True)
class Observation:
    """A meter's value at an instant, in microseconds since 1970 UTC."""

    at: int
    value: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one fall.

    Attributes:
        at: From when on it holds: the low snapshot, or the boundary of a declared reset (or just after it).
        since: The last good observation before it; between ``since`` and ``at`` the course is not known.
        before, after: The good value before the fall, and the value after it.
        offset: What the decision adds to the total of every later snapshot.
        decided_by: ``rule`` or ``operator:NAME``.
        reason: Why, in plain words.
        until: Of an operator's glitch, the last observation it is about.
    """

    kind: FallKind
    at: int
    since: int
    before: int
    after: int
    offset: int
    reason: str
    decided_by: str = RULE
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """Where a meter stands: its last good observation and the falls that wait for a decision, lowest last.

    Attributes:
        reset: The last one in force; it has a say where the meter is declared to reset.
    """

    good: Observation | None = None
    held: tuple[Observation, ...] = ()
    reset: Decision | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How one meter may fall; ``boundary`` returns the last start of a period in ``(after, until]``, or None."""

    resets: Resets
    boundary: Callable[[int, int], int | None]


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator's decision about the snapshot observed at one instant.

    Attributes:
        until: Of a glitch, the last observation of the same value that it is about; None: the first alone.
    """

    kind: FallKind
    decided_by: str
    reason: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one observation did.

    Attributes:
        course: Where the meter stands now.
        statuses: The status of every snapshot the observation settles, by its ``observed_at``.
        decisions: New ones in order. A decision about a fall replaces an earlier *held* one of the same fall.
        withdrawn: A reset that was thought hidden at a boundary until the fall that is decided now.
    """

    course: Course
    statuses: Mapping[int, Status]
    decisions: tuple[Decision, ...] = ()
    withdrawn: Decision | None = None


def step(course: Course, seen: Observation, terms: Terms, pin: Pin | None = None) -> Step:
    """Fold one observation, later than all before it, into a meter's course.

    One of the same value as the last (a confirmation) decides what is held. The first is the opening balance.
    """
    if course.good is None:
        return Step(Course(seen), {seen.at: Status.GOOD})
    if pin is not None:
        return _pinned(course, course.good, seen, pin)
    boundary = _boundary_between(course.good, seen, terms)
    if boundary is not None and not _is_used_up(course, seen, boundary, terms):
        return _declared_reset(course, course.good, seen, boundary)
    if course.held:
        return _judge_held(course, course.good, seen, terms)
    if seen.value >= course.good.value:
        return Step(replace(course, good=seen), {seen.at: Status.GOOD})
    return _hold(course, course.good, seen)


def _boundary_between(good: Observation, seen: Observation, terms: Terms) -> int | None:
    """Return the boundary of a declared reset between two observations, or None.

    A value seen at the very instant of a boundary is the old counter's last one, unless it is zero: had the counter
    begun again, nothing could have been used since.
    """
    is_declared = terms.resets is Resets.PERIOD
    return terms.boundary(good.at - (good.value > 0), seen.at - (seen.value > 0)) if is_declared else None


def _is_used_up(course: Course, seen: Observation, boundary: int, terms: Terms) -> bool:
    """Tell whether the reset that a boundary stands for was seen shortly before it."""
    return _was_early(course, seen, boundary, terms) or _is_early(course, seen, boundary, terms)


def _was_early(course: Course, seen: Observation, boundary: int, terms: Terms) -> bool:
    """Tell whether a real fall shortly before the boundary was its reset, and the value only grew since."""
    reset, good = course.reset, course.good
    if reset is None or good is None or course.held or seen.value < good.value or _is_hidden(reset):
        return False
    return boundary - reset.at <= _how_far_astray(boundary, terms)


def _is_early(course: Course, seen: Observation, boundary: int, terms: Terms) -> bool:
    """Tell whether the fall that waits since shortly before the boundary is its reset: the value stayed low."""
    if course.good is None or not course.held:
        return False
    low = course.held[-1]
    stayed = low.value <= seen.value < course.good.value and 2 * low.value < course.good.value
    return stayed and low.at < boundary <= low.at + _how_far_astray(boundary, terms)


def _was_late(course: Course, decided: Decision, terms: Terms) -> bool:
    """Tell whether a real fall is the reset that was thought hidden at the boundary shortly before it."""
    reset = course.reset
    if reset is None or decided.kind is not FallKind.RESET or not _is_hidden(reset):
        return False
    return decided.at - reset.at <= _how_far_astray(reset.at, terms)


def _is_hidden(reset: Decision) -> bool:
    """Tell whether only the declaration says so: the value did not fall."""
    return reset.decided_by == RULE and reset.after >= reset.before


def _how_far_astray(boundary: int, terms: Terms) -> int:
    """Return how far from a boundary the provider may reset: a day, but at most a quarter of the period before it."""
    begun = terms.boundary(boundary - 5 * _ASTRAY, boundary - 2)
    return _ASTRAY if begun is None else min(_ASTRAY, (boundary - begun) // 4)


def _declared_reset(course: Course, good: Observation, seen: Observation, boundary: int) -> Step:
    reason = "the meter is declared to reset with the billing period that begins here"
    at = max(boundary, good.at + 1)
    decision = Decision(FallKind.RESET, at, good.at, good.value, seen.value, good.value, reason)
    stands = Course(seen, reset=decision)
    return Step(stands, {**_all(course.held, Status.EXCLUDED), seen.at: Status.GOOD}, (decision,))


def _hold(course: Course, good: Observation, seen: Observation) -> Step:
    decision = Decision(
        FallKind.HELD, seen.at, good.at, good.value, seen.value, 0, "the value fell; the next snapshot decides"
    )
    return Step(replace(course, held=(*course.held, seen)), {seen.at: Status.HELD}, (decision,))


def _judge_held(course: Course, good: Observation, seen: Observation, terms: Terms) -> Step:
    if seen.value >= good.value:
        return _glitch(course, good, seen)
    if seen.value >= course.held[-1].value:
        return _settled(course, good, seen, terms)
    if len(course.held) < _MOST_HELD:
        return _hold(course, good, seen)
    return _settled_then_held(course, good, seen, terms)


def _glitch(course: Course, good: Observation, seen: Observation) -> Step:
    low = course.held[-1]
    decision = Decision(FallKind.GLITCH, low.at, good.at, good.value, low.value, 0, "a later value took the fall back")
    stands = replace(course, good=seen, held=())
    return Step(stands, {**_all(course.held, Status.EXCLUDED), seen.at: Status.GOOD}, (decision,))


def _settled(course: Course, good: Observation, seen: Observation, terms: Terms) -> Step:
    decision = _reset_or_correction(good, course.held[-1], terms)
    stands = Course(seen, reset=_reset_after(course, decision, terms))
    statuses = {**_lowest_good(course.held), seen.at: Status.GOOD}
    return Step(stands, statuses, (decision,), _withdrawn_by(course, decision, terms))


def _settled_then_held(course: Course, good: Observation, seen: Observation, terms: Terms) -> Step:
    """Settle a fall that went on for three snapshots, and hold the next fall from where it ended."""
    low = course.held[-1]
    first = _reset_or_correction(good, low, terms)
    again = _hold(Course(low, reset=_reset_after(course, first, terms)), low, seen)
    statuses = {**_lowest_good(course.held), **again.statuses}
    return Step(again.course, statuses, (first, *again.decisions), _withdrawn_by(course, first, terms))


def _reset_after(course: Course, decision: Decision, terms: Terms) -> Decision | None:
    """Return the last reset in force after ``decision``; it matters only where boundaries do."""
    is_reset = decision.kind is FallKind.RESET and terms.resets is Resets.PERIOD
    return decision if is_reset else course.reset


def _withdrawn_by(course: Course, decision: Decision, terms: Terms) -> Decision | None:
    return course.reset if _was_late(course, decision, terms) else None


def _reset_or_correction(good: Observation, low: Observation, terms: Terms) -> Decision:
    if terms.resets is not Resets.NEVER and 2 * low.value < good.value:
        reason = "the value fell below half and stayed below: the counter began again"
        return Decision(FallKind.RESET, low.at, good.at, good.value, low.value, good.value, reason)
    reason = "the value fell and stayed below: usage was taken back"
    return Decision(FallKind.CORRECTION, low.at, good.at, good.value, low.value, 0, reason)


def _pinned(course: Course, good: Observation, seen: Observation, pin: Pin) -> Step:
    """Apply what the operator decided about this very snapshot; falls held before it are excluded."""
    offset = {FallKind.RESET: good.value, FallKind.UNIT: good.value - seen.value}.get(pin.kind, 0)
    until = pin.until if pin.kind is FallKind.GLITCH else None
    decision = Decision(pin.kind, seen.at, good.at, good.value, seen.value, offset, pin.reason, pin.decided_by, until)
    excluded = _all(course.held, Status.EXCLUDED)
    if pin.kind is FallKind.GLITCH:
        return Step(replace(course, held=()), {**excluded, seen.at: Status.EXCLUDED}, (decision,))
    reset = decision if pin.kind is FallKind.RESET else course.reset
    return Step(Course(seen, reset=reset), {**excluded, seen.at: Status.GOOD}, (decision,))


def _all(held: tuple[Observation, ...], status: Status) -> Mapping[int, Status]:
    return MappingProxyType({one.at: status for one in held})


def _lowest_good(held: tuple[Observation, ...]) -> Mapping[int, Status]:
    return {**_all(held[:-1], Status.EXCLUDED), held[-1].at: Status.GOOD}
