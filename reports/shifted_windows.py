"""Other windows that an invoice may have been drawn up for: the same period under another clock, a day more or less.

    ours        [ 1 Oct 00:00 Berlin ──────────────────── 1 Nov 00:00 Berlin )
    theirs          [ 1 Oct 00:00 New York ──────────────────── 1 Nov 00:00 New York )

The usage of each window is read from the ledger. Where it equals what was invoiced, or can equal it within its bounds,
that window is a likely explanation, and a person is told in words. Windows outside the observed history say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
from collector.domain.edges import Usage, usage_between
from collector.domain.instants import instant_of, micros_of
from collector.domain.money import EXACT, rounded
from collector.domain.named_periods import span_of
from collector.domain.periods import Period, PeriodKind, period_of
from collector.domain.prices import DayQuantity, rate
from collector.store.engine import Database
from collector.store.reading import edges
from reports.statement import Asked

# Where providers and their accountants are; one name for each clock that is common.
COMMON_ZONES = (
    "UTC", "America/New_York", "America/Los_Angeles", "America/Chicago", "America/Denver", "America/Sao_Paulo",
    "Europe/London", "Europe/Berlin", "Europe/Helsinki", "Asia/Dubai", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo",
    "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
_NOUNS = {
    PeriodKind.DAILY: "day",
    PeriodKind.WEEKLY: "week",
    PeriodKind.MONTHLY: "month",
    PeriodKind.YEARLY: "year",
}
_ONE_DAY = timedelta(days=1)
_MOST_NAMES = 3
_AT_MIDNIGHT = "at 00:00 {}"


@dataclass(frozen=True, slots=True)
class Shifted:
    """A window ``[start, end)`` and the words that complete "… if the provider".

    Attributes:
        is_clock: True where it differs from the account's period by the clock alone, or by clock and calendar.
    """

    start: datetime
    end: datetime
    words: str
    is_clock: bool = False


@dataclass(frozen=True, slots=True)
class Explained:
    """A window that explains what was invoiced: its usage equals it, or only its bounds hold it."""

    window: Shifted
    used: Usage
    exact: bool


def explaining_windows(
    database: Database, asked: Asked, invoiced: Decimal, billed: tuple[datetime, datetime]
) -> list[Explained]:
    """Return the windows whose usage equals ``invoiced`` units; if there is none, those whose bounds hold it.

    Args:
        database: Where the ledger is.
        asked: The meter and the period it was asked for.
        invoiced: The billed quantity, in units.
        billed: The period as the invoice has it; tried too where it is another.
    """
    wanted = invoiced.scaleb(asked.row.scale)
    used = _used(database, asked, billed)
    exact = [Explained(one, usage, exact=True) for one, usage in used if usage.usage == wanted]
    return exact or [Explained(one, usage, exact=False) for one, usage in used if _holds(usage, wanted)]


def paying_windows(
    database: Database, asked: Asked, amount: Decimal, billed: tuple[datetime, datetime]
) -> list[Shifted]:
    """Return the windows whose usage costs just ``amount`` by the account's prices; none where they change within."""
    return [one for one, usage in _used(database, asked, billed) if _cost(asked, usage) == amount]


def chance_matches(
    found: Sequence[Shifted], asked: Asked, billed: tuple[datetime, datetime], *, weak: bool
) -> tuple[list[Shifted], list[Shifted]]:
    """Return the windows that may well be meant, and those that match by chance, the nearest to the period first.

    Several clocks cannot all be the provider's: then none of them is more than a chance, but the one whose instants
    the invoice itself has. With ``weak`` all of the others are.
    """
    own = asked.period
    others = [one for one in found if (one.start, one.end) != billed]
    several = sum(one.is_clock for one in found) > 1
    chance = others if weak else [one for one in others if one.is_clock and several]
    far = {one: abs(one.start - own.start) + abs(one.end - own.end) for one in chance}
    return [one for one in found if one not in far], sorted(chance, key=lambda one: far[one])


def _cost(asked: Asked, used: Usage) -> Decimal | None:
    """Return what the usage of a whole window costs, in money; None where that depends on its days."""
    prices, currency = asked.agreement.terms_of(asked.row.name).prices, asked.agreement.billing.currency
    first, end = asked.period.starts_on, asked.period.ends_on
    if currency is None or any(one.valid_from is not None and first < one.valid_from < end for one in prices):
        return None
    amount = rate(prices, [DayQuantity(first, Decimal(used.usage).scaleb(-asked.row.scale, context=EXACT))]).amount
    return None if amount is None else rounded(amount, currency)


def _used(database: Database, asked: Asked, billed: tuple[datetime, datetime]) -> list[tuple[Shifted, Usage]]:
    """Return every observed window that is tried, and what was used in it."""
    windows = [one for one in _distinct(_windows(asked, billed)) if _observed(asked, one)]
    ends = sorted({micros_of(at) for one in windows for at in (one.start, one.end)})
    with database.read() as connection:
        found = {edge.at: edge for edge in edges(connection, [asked.row], {asked.row.id: ends})[asked.row.id]}
    return [(one, usage_between(found[micros_of(one.start)], found[micros_of(one.end)])) for one in windows]


def _holds(used: Usage, wanted: Decimal) -> bool:
    return used.lower <= wanted and (used.upper is None or wanted <= used.upper)


def _observed(asked: Asked, window: Shifted) -> bool:
    row = asked.row
    return micros_of(window.start) >= row.first_at and micros_of(window.end) <= row.good_at


def _distinct(windows: Sequence[tuple[datetime, datetime, str, str]]) -> list[Shifted]:
    """Return each window once, with the names of all clocks that make it."""
    names: dict[tuple[datetime, datetime, str], list[str]] = {}
    for start, end, words, clock in windows:
        names.setdefault((start, end, words), []).append(clock)
    seen: set[tuple[datetime, datetime]] = set()
    found = []
    for (start, end, words), clocks in names.items():
        if (start, end) not in seen:
            seen.add((start, end))
            names_of = " or ".join(list(dict.fromkeys(clocks))[:_MOST_NAMES])
            found.append(Shifted(start, end, words.format(names_of), is_clock=words.endswith(_AT_MIDNIGHT)))
    return found


def _windows(asked: Asked, billed: tuple[datetime, datetime]) -> list[tuple[datetime, datetime, str, str]]:
    """Return the windows other than the account's own as start, end, words and clock."""
    own = asked.period.start, asked.period.end
    found = [*_under_other_clocks(asked), *_calendar(asked)]
    # After those with a clock's name, which says more than instants.
    found.append((*billed, "bills exactly from {}", f"{_shown(billed[0])} to {_shown(billed[1])}"))
    found += _days_more_or_less(asked.period, asked.agreement.zone)
    found += _other_weekdays(asked)
    return [one for one in found if one[:2] != own]


def _under_other_clocks(asked: Asked) -> Iterator[tuple[datetime, datetime, str, str]]:
    period, noun = asked.period, _noun(asked)
    for name in COMMON_ZONES:
        zone = ZoneInfo(name)
        start, end = start_of_day(period.starts_on, zone), start_of_day(period.ends_on, zone)
        yield start, end, f"closes its {noun} {_AT_MIDNIGHT}", name


def _calendar(asked: Asked) -> Iterator[tuple[datetime, datetime, str, str]]:
    """Yield the calendar's months (or weeks, years) that the period touches, where it is anchored otherwise."""
    billing = asked.agreement.billing
    calendar = replace(billing, anchor_day=1, anchor_month=1)
    if billing.kind in {PeriodKind.NONE, PeriodKind.DAILY} or billing == calendar:
        return
    for name in (asked.agreement.zone.key, *COMMON_ZONES):
        for day in (asked.period.starts_on, asked.period.ends_on - _ONE_DAY):
            whole = period_of(day, calendar, ZoneInfo(name))
            title = f"bills the calendar {_noun(asked)} from {whole.starts_on} to {whole.ends_on} {_AT_MIDNIGHT}"
            yield whole.start, whole.end, title, name


def _days_more_or_less(period: Period, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime, str, str]]:
    first, end = period.starts_on, period.ends_on
    for begins, stops, words in (
        (first, end - _ONE_DAY, f"leaves out the last day, {end - _ONE_DAY}"),
        (first + _ONE_DAY, end, f"leaves out the first day, {first}"),
        (first, end + _ONE_DAY, f"bills {end} as well"),
        (first - _ONE_DAY, end, f"bills {first - _ONE_DAY} as well"),
    ):
        if begins < stops:
            yield start_of_day(begins, zone), start_of_day(stops, zone), words, ""


def _other_weekdays(asked: Asked) -> Iterator[tuple[datetime, datetime, str, str]]:
    """Yield the weeks that begin up to three days earlier or later, where the period is a week."""
    period, zone = asked.period, asked.agreement.zone
    if span_of(asked.name).kind is not PeriodKind.WEEKLY:
        return
    for days in (-1, 1, -2, 2, -3, 3):
        first, end = (day + days * _ONE_DAY for day in (period.starts_on, period.ends_on))
        yield start_of_day(first, zone), start_of_day(end, zone), f"begins its week on {first:%A}, {first}", ""


def _noun(asked: Asked) -> str:
    return _NOUNS[span_of(asked.name).kind]


def _shown(at: datetime) -> str:
    return instant_of(micros_of(at)).strftime("%Y-%m-%d %H:%M:%SZ")
