"""An October of hand-made traffic, small enough to be added up on paper.

Every day at 12:00 UTC one request uses 100 credits, on the 15th 777 instead; and there are three around the edges:

    Berlin's October   [ 30 Sep 22:00Z ──────────────────── 31 Oct 23:00Z )      30·100 + 777 + 30           = 3807
    New York's         [  1 Oct 04:00Z ──────────────────────────── 1 Nov 04:00Z )   30·100 + 777 + 70       = 3847
                         ▲ 23:30Z: 30                          03:30Z: 70 ▲   ▲ 04:30Z: 11

The counters stood at 1000 credits and 50 requests before; they are read a minute before each request ends and when it
ends, so what lies between two readings is known to the unit.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from collector.domain.accounts import Counts, Meter, MeterTerms, Tolerance
from collector.domain.periods import Billing, PeriodKind
from collector.domain.prices import Price
from collector.domain.requests import RequestRecord
from reports.invoices import Invoice, parse_invoice
from tests.remembered import remembered

METERS = (Meter("credits", "credits", counts=Counts.CREDITS), Meter("requests", "requests", counts=Counts.REQUESTS))
OPENED = datetime(2026, 9, 29, 12, tzinfo=UTC)
SEEN_LAST = datetime(2026, 11, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

EVENTS = (
    (datetime(2026, 9, 30, 23, 30, tzinfo=UTC), 30),
    *((datetime(2026, 10, day, 12, tzinfo=UTC), 777 if day == 15 else 100) for day in range(1, 32)),
    (datetime(2026, 11, 1, 3, 30, tzinfo=UTC), 70),
    (datetime(2026, 11, 1, 4, 30, tzinfo=UTC), 11),
)
USAGE = 30 * 100 + 777 + 30
NEW_YORK = 30 * 100 + 777 + 70


def account_fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of the account: Berlin's calendar months, a cent for each credit."""
    return {
        "zone": ZoneInfo("Europe/Berlin"),
        "billing": Billing(PeriodKind.MONTHLY, currency="EUR"),
        "terms": {"credits": MeterTerms(prices=(Price(Decimal("0.01")),))},
        "tolerance": Tolerance(),
        **changes,
    }


def fill(ledger: Any, until: datetime = SEEN_LAST, name: str = "nellie-prod", **changes: Any) -> None:
    """Open the account and poll it until an instant."""
    ledger.open(name, METERS, **account_fields(**changes))
    if ledger.is_empty:
        key = ("october", until, name, repr(sorted(changes.items())))
        remembered(ledger.database, key, lambda: _polls(ledger, until, name))
    else:
        _polls(ledger, until, name)


def _polls(ledger: Any, until: datetime, name: str) -> None:
    credits = 1000
    records: list[RequestRecord] = []
    _poll(ledger, OPENED, credits, records, name)
    for number, (at, used) in enumerate(EVENTS, 1):
        if at > until:
            break
        _poll(ledger, at - MINUTE, credits, records, name)
        credits += used
        records.append(RequestRecord(f"r-{number}", "completed", at - timedelta(seconds=50), at, used))
        _poll(ledger, at, credits, records, name)
    _poll(ledger, until, credits, records, name)


def _poll(ledger: Any, at: datetime, credits: int, records: list[RequestRecord], name: str) -> None:
    values = {"credits": credits, "requests": 50 + len(records)}
    ledger.poll(at, values, name, requests=records[-5:], requests_meter="requests", gap_after=timedelta(days=3))


def invoice(*lines: str) -> Invoice:
    """Return an invoice; a line is ``quantity,amount,currency``, of credits in Berlin's October, or a whole line."""
    whole = [one if one.count(",") > 2 else f"nellie-prod,credits,2026-10-01,2026-11-01,{one}" for one in lines]
    header = "account,meter,period_start,period_end,quantity,amount,currency"
    return parse_invoice("\n".join([header, *whole]).encode(), "invoice.csv")
