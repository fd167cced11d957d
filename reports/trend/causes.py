"""What made a day: its requests, its largest ones, a gap, a reset, a correction; in words.

Credits of a request belong to the day it was completed on, as in the statement; requests to the day they were made on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from collector.domain.accounts import Counts
from collector.domain.instants import instant_of
from collector.store.engine import Database
from collector.store.reading import MeterRow
from collector.store.request_figures import ShownRequest, largest_requests
from collector.store.request_sums import RequestSums, request_sums
from reports.rendering import Cell, Row
from reports.tables import bounds, number, plain

_LARGEST = 3
_NARROW = 0.05
_BOUNDED = ("usage", "lower", "upper")


@dataclass(frozen=True, slots=True)
class DayRequests:
    """The requests of one day: how many by status, their credits, and the largest ones, largest first."""

    sums: RequestSums
    largest: tuple[ShownRequest, ...]

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.sums.statuses.get("failed", 0)


def day_requests(database: Database, row: MeterRow, start: int, end: int) -> DayRequests | None:
    """Return the requests of ``[start, end)``, in microseconds since 1970; None for a meter that counts no requests."""
    if row.counts is None:
        return None
    first, last = instant_of(start), instant_of(end)
    with database.read() as connection:
        sums = request_sums(connection, row.account_id, first, last)
        largest = largest_requests(connection, row.account_id, first, last, _LARGEST)
    return DayRequests(sums, tuple(largest))


def largest_rows(found: DayRequests | None) -> list[Mapping[str, Cell]]:
    """Return the largest requests as rows."""
    return [
        {"request_id": one.request_id, "status": one.status, "credits_used": one.credits_used}
        for one in (() if found is None else found.largest)
    ]


def causes(day: Row, counts: Counts | None, found: DayRequests | None) -> Iterator[str]:
    """Yield in words what made the usage of ``day``, a row of the report ``daily``."""
    if found is not None and found.sums.made:
        failed = f", {found.failed:,} of them failed" if found.failed else ""
        yield f"{found.sums.made:,} request{'' if found.sums.made == 1 else 's'}{failed}"
    if found is not None and found.largest and counts is Counts.CREDITS:
        most = found.largest[0]
        yield f"the largest, {plain(most.request_id)}, used {number(most.credits_used)}"
    for key, words in (("corrections", "correction"), ("resets", "reset"), ("held", "held fall")):
        if day[key]:
            yield f"{number(day[key])} {words}{'' if day[key] == 1 else 's'} of the counter in it"
    between = bounds(day)
    if between and not _is_narrow(day):
        yield f"a gap reaches into it: alone it used {between.replace('…', ' to ').replace('≥', 'at least')}"


def _is_narrow(day: Row) -> bool:
    """Tell whether the bounds of a day are so close that they hide nothing worth telling."""
    usage, lower, upper = (None if day[key] is None else float(cast("int", day[key])) for key in _BOUNDED)
    return usage is not None and lower is not None and upper is not None and upper - lower <= _NARROW * abs(usage)


def compared(amount: float, middle: float, noun: str) -> str:
    """Return in words how a day's amount compares with what such a day usually uses, ``noun`` being "Thursday"."""
    if amount < 0:
        return f"usage was taken back; a usual {noun} uses {_about(middle)}"
    if amount == 0:
        return f"nothing was used; a usual {noun} uses {_about(middle)}"
    if middle <= 0 or amount / middle >= 100:
        return f"a usual {noun} uses {'nothing' if middle <= 0 else f'only {_about(middle)}'}"
    ratio = amount / middle
    if ratio >= 2:
        return f"{ratio:,.1f} times a usual {noun}"
    return f"{abs(ratio - 1) * 100:.0f} % {'above' if ratio > 1 else 'below'} a usual {noun}"


def _about(middle: float) -> str:
    return f"{middle:,.0f}" if middle >= 10 else f"{middle:,.3g}"


def in_units(value: float, scale: int) -> int | Decimal:
    """Return a computed amount as a quantity of a meter with so many decimal places, to the nearest."""
    whole = round(value * 10**scale)
    return Decimal(whole).scaleb(-scale) if scale else whole
