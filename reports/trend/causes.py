"""What made a day: its requests, its largest ones, a gap, a reset, a correction; in words.

Credits of a request belong to the day it was completed on, as in the statement; requests to the day they were made on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from collector.domain.accounts import Counts
from collector.domain.instants import instant_of
from collector.store.engine import Database
from collector.store.reading import MeterRow
from collector.store.request_figures import RequestSpan, ShownRequest, largest_requests_of, status_counts_of
from collector.store.request_sums import last_good_poll
from reports.rendering import Cell, Row
from reports.tables import bounds, number, plain

_LARGEST = 3
_NARROW = 0.05
_BOUNDED = ("usage", "lower", "upper")


@dataclass(frozen=True, slots=True)
class DayRequests:
    """The requests of one day: how many were made by status, and the largest ones, largest first."""

    statuses: Mapping[str, int]
    largest: tuple[ShownRequest, ...]

    @property
    def made(self) -> int:
        """How many were made, as far as the records tell."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.statuses.get("failed", 0)


def requests_of_days(
    database: Database, row: MeterRow, spans: Sequence[tuple[int, int]]
) -> list[DayRequests] | list[None]:
    """Return the requests of each ``[start, end)``, in microseconds since 1970, with two statements for all of them.

    Each is None for a meter that counts no requests.
    """
    if row.counts is None:
        return [None for _ in spans]
    with database.read() as connection:
        last_good = last_good_poll(connection, row.account_id)
        wanted = [RequestSpan(row.account_id, instant_of(start), instant_of(end), last_good) for start, end in spans]
        statuses = status_counts_of(connection, wanted)
        largest = largest_requests_of(connection, wanted, _LARGEST)
    return [DayRequests(*one) for one in zip(statuses, largest, strict=True)]


def largest_rows(found: DayRequests | None) -> list[Mapping[str, Cell]]:
    """Return the largest requests as rows."""
    return [
        {"request_id": one.request_id, "status": one.status, "credits_used": one.credits_used}
        for one in (() if found is None else found.largest)
    ]


def causes(day: Row, counts: Counts | None, found: DayRequests | None) -> Iterator[str]:
    """Yield in words what made the usage of ``day``, a row of the report ``daily``."""
    if found is not None and found.made:
        failed = f", {found.failed:,} of them failed" if found.failed else ""
        yield f"{found.made:,} request{'' if found.made == 1 else 's'}{failed}"
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
