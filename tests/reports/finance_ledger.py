"""Accounts as finance meets them: every kind of period and price, zones, resets, corrections, gaps, held falls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from collector.domain.accounts import Meter, MeterTerms, Resets
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price, Tier, TierMode

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

FIRST = datetime(2026, 1, 20, 10, 30, tzinfo=UTC)
LAST = datetime(2026, 4, 20, 21, 15, tzinfo=UTC)  # the clocks of Berlin and New York have changed in March
HOUR = timedelta(hours=1)

_GRADUATED = Price(
    tiers=(Tier(1000, Decimal("0.0123")), Tier(20_000, Decimal("0.0071")), Tier(None, Decimal("0.00333"))), included=500
)
_VOLUME = Price(
    tiers=(Tier(5000, Decimal("1.25")), Tier(None, Decimal("0.75"))), mode=TierMode.VOLUME, minimum=Decimal(6000)
)
_CHANGING = (
    Price(Decimal("0.1234567"), valid_from=date(2026, 2, 10)),
    Price(Decimal("0.1"), valid_from=date(2026, 3, 29)),
)


def fill(ledger: Ledger) -> None:
    """Give ``ledger`` seven accounts and three months of history."""
    two = [Meter("credits", "credits"), Meter("requests", "requests")]
    ledger.open(
        "berlin_prod", two, zone=ZoneInfo("Europe/Berlin"), billing=_monthly(15, "EUR"), terms=_terms(_GRADUATED)
    )
    ledger.open("new-york", zone=ZoneInfo("America/New_York"), billing=_weekly("JPY"), terms=_terms(_VOLUME))
    ledger.open(
        "kathmandu", [Meter("hours", "hours", 6)], zone=ZoneInfo("Asia/Kathmandu"), billing=_monthly(31, "USD"),
        terms={"hours": MeterTerms(prices=_CHANGING)},
    )  # fmt: skip
    ledger.open("1st", billing=_monthly(1, "USD"), terms=_terms(Price(Decimal("0.004")), resets=Resets.PERIOD))
    ledger.open(
        "gaps",
        zone=ZoneInfo("Australia/Lord_Howe"),
        billing=_monthly(28, "BHD"),
        terms=_terms(Price(Decimal("0.0005"))),
    )
    ledger.open(
        "held", zone=ZoneInfo("America/St_Johns"), billing=_monthly(7, "GBP"), terms=_terms(Price(Decimal("0.01")))
    )
    ledger.open("free", [Meter("invocations", "API calls")])
    for account, course in _courses():
        for at, value in course:
            ledger.poll(at, value, account)


def _monthly(anchor_day: int, currency: str) -> Billing:
    return Billing(PeriodKind.MONTHLY, anchor_day, currency=currency)


def _weekly(currency: str) -> Billing:
    return Billing(PeriodKind.WEEKLY, 3, currency=currency)


def _terms(price: Price, resets: Resets = Resets.UNKNOWN) -> dict[str, MeterTerms]:
    return {"credits": MeterTerms(resets=resets, prices=(price,))}


def _courses() -> Iterator[tuple[str, list[tuple[datetime, dict[str, int]]]]]:
    traffic = _growth(1, 700)
    for index in (120, 121, 122):  # a correction that stays
        traffic[index:] = [(at, value - 400) for at, value in traffic[index:]]
    yield "berlin_prod", [(at, {"credits": value, "requests": value // 250}) for at, value in traffic]
    idle = [
        (at, value)
        for at, value in _growth(2, 1500)
        if not datetime(2026, 3, 3, tzinfo=UTC) < at < datetime(2026, 3, 20, tzinfo=UTC)
    ]
    yield "new-york", [(at, {"credits": value}) for at, value in idle]
    yield "kathmandu", [(at, {"hours": value}) for at, value in _growth(3, 3_333_333)]
    yield "1st", [(at, {"credits": value}) for at, value in _with_monthly_resets(_growth(4, 900))]
    sparse = _growth(5, 40)
    yield "gaps", [(at, {"credits": value}) for at, value in [*sparse[:20], *sparse[150:160], *sparse[-3:]]]
    falling = _growth(6, 50)
    yield "held", [(at, {"credits": value}) for at, value in [*falling, (LAST + HOUR, falling[-1][1] // 3)]]
    yield "free", [(at, {"invocations": value}) for at, value in _growth(7, 20)]


def _growth(seed: int, most: int) -> list[tuple[datetime, int]]:
    """Return a counter that grows by up to ``most`` at uneven instants, about four a day, with nights of rest."""
    chance = random.Random(seed)
    at, value, course = FIRST, 8750, []
    while at < LAST:
        course.append((at, value))
        at += timedelta(minutes=chance.randint(180, 540), seconds=chance.randint(0, 59))
        value += chance.choice((0, 1, chance.randint(0, most), chance.randint(0, most)))
    return course


def _with_monthly_resets(course: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    began: dict[tuple[int, int], int] = {}
    return [
        (at, value if at.month == FIRST.month else value - began.setdefault((at.year, at.month), value))
        for at, value in course
    ]
