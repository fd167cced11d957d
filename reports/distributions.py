"""Percentiles and histograms of values that come in order with how often each occurs: exact, and never a list of them.

Percentiles are by nearest rank: the p-th is the smallest value that at least p percent of the values do not exceed, so
it always is a value that occurred.

Source: definition 1 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician
50 (1996).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from collector.store.request_figures import Counted
from reports.rendering import Row

RANKS = (50, 90, 99)
BINS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400, 604_800)
"""Upper ends of the histogram's bins in seconds; what took longer is in a last one of its own."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is told of many values.

    Attributes:
        ranks: By percentile of ``RANKS`` its value; None without any values.
        greatest: None without any values.
    """

    ranks: Mapping[int, int | None]
    greatest: int | None
    total: int
    count: int


def distribution(counted: Callable[[], Iterable[Counted]]) -> Distribution:
    """Return the distribution of the values that ``counted`` gives in rising order; it is called twice."""
    count = sum(one.times for one in counted())
    ranks: dict[int, int | None] = dict.fromkeys(RANKS)
    wanted = [(rank, -(-count * rank // 100)) for rank in RANKS]
    seen, total, greatest = 0, 0, None
    for value, times in counted():
        before, seen = seen, seen + times
        total += value * times
        greatest = value
        ranks.update({rank: value for rank, place in wanted if before < place <= seen})
    return Distribution(ranks, greatest, total, count)


def duration_bins(seconds: Iterable[Counted]) -> Iterator[Row]:
    """Yield how many requests took how long, from the first to the last bin that holds any.

    Args:
        seconds: Durations in rising order with how often each occurs.

    Yields:
        ``from_seconds`` (included), ``to_seconds`` (excluded; None for the last, open one), ``requests``.
    """
    counts: dict[int, int] = {}
    for value, times in seconds:
        place = next((place for place, end in enumerate(BINS) if value < end), len(BINS))
        counts[place] = counts.get(place, 0) + times
    for place in range(min(counts, default=0), max(counts, default=-1) + 1):
        yield {
            "from_seconds": BINS[place - 1] if place else 0,
            "to_seconds": BINS[place] if place < len(BINS) else None,
            "requests": counts.get(place, 0),
        }
