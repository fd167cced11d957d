"""How often to ask an account with a list of requests, so that no request slips through the list between two polls.

At most half the list may be new when the next poll comes: at the rate of the last poll, at that of the last three, and
at ten times the usual rate, for a burst begins between two polls and not at one. So for a list of ``length`` records

    interval = (length / 2) / max(rate of the last polls, 10 x usual rate)

within the account's bounds. The usual rate is the largest of what can be known: the mean of the last 24 hours, the last
hour, and the hour that lies ahead as it was a day and a week ago, for traffic has hours and weekdays. An interval is
shortened at once and at most doubled per poll. Nothing is remembered: the polls' own rows say it all, so a restart
changes nothing.

Intervals are halves of halves of the longest one, or the shortest: so the slots of each lie on the slots of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

LOOKS = 20
"""How many polls to look at: doubled so often, the shortest interval there is becomes the longest."""
_TOGETHER = 3
"""How many polls show a rate that chance does not: one quiet interval in the middle of a burst is no calm."""

LEAST_HISTORY_SECONDS = 3600
"""A history shorter than this says nothing of what is usual."""

_BURST = 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what an account's interval lies."""

    longest: timedelta
    shortest: timedelta


@dataclass(frozen=True, slots=True)
class Look:
    """What one poll saw of the list.

    Attributes:
        length: How many records were listed, those refused included.
        arrived: How many requests were made since the poll before, by the counter or by the list.
        seconds: The time since the poll before; None for the first.
    """

    length: int
    arrived: int
    seconds: float | None

    @property
    def per_second(self) -> float:
        """The rate of requests since the poll before; 0 where there was none."""
        return self.arrived / self.seconds if self.seconds else 0.0


def interval(bounds: Bounds, looks: Sequence[Look], usual_per_second: float, *, whole: bool) -> timedelta:
    """Return how long after its last poll an account is asked again.

    Args:
        bounds: Between what the interval lies.
        looks: The last polls, the newest first.
        usual_per_second: The usual rate; 0 where it is unknown.
        whole: True if the list still shows every request ever counted: nothing has been pushed out of it yet, so how
            much it holds is unknown, and a young account is not asked more often for nothing.
    """
    length = max((one.length for one in looks), default=0)
    if whole or not length:
        return bounds.longest
    shortest, longest = bounds.shortest.total_seconds(), bounds.longest.total_seconds()
    allowed = longest
    for age, look in enumerate(looks):
        rate = max(look.per_second, _rate_of(looks[age : age + _TOGETHER]), _BURST * usual_per_second)
        if rate:
            # What a poll allowed is doubled by each poll since.
            allowed = min(allowed, max(length / 2 / rate, shortest) * 2**age)
    halves = bounds.longest
    while halves.total_seconds() > allowed:
        halves /= 2
    return max(halves, bounds.shortest)


def _rate_of(looks: Sequence[Look]) -> float:
    """Return the rate of several polls together; 0 where no time passed."""
    timed = [(look.arrived, look.seconds) for look in looks if look.seconds]
    seconds = sum(seconds for _, seconds in timed)
    return sum(arrived for arrived, _ in timed) / seconds if seconds else 0.0


def usual_rate(grown: Iterable[tuple[int, float]]) -> float:
    """Return the largest rate per second of ``grown``: how much the counter grew, and in how many seconds.

    A fall of the counter is a new beginning: callers give what it grew since. 0 where nothing is known.
    """
    return max((growth / seconds for growth, seconds in grown if seconds > 0), default=0.0)
