from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from rich.console import Console

from collector.domain.accounts import MeterTerms
from collector.domain.prices import Price
from reports.month import As, month
from reports.statement_tables import month_pages
from tests.reports.conftest import Ledger
from tests.reports.october import METERS, NOW, account_fields, fill


def page(ledger: Ledger, text: str = "2026-10") -> list[str]:
    rows = month(ledger.database, ledger.question(NOW, meters=("credits",)), text, As.NOW)
    out = io.StringIO()
    Console(file=out, width=120).print(month_pages(rows))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_days_with_exact_bounds_raise_no_alarm_however_seldom_they_were_seen(ledger: Ledger) -> None:
    ledger.open("nellie-prod", METERS[:1], **account_fields())
    for day in range(33):
        at = datetime(2026, 9, 30, 22, tzinfo=UTC) + timedelta(days=day, hours=day >= 25)
        ledger.poll(at, 100 * day, gap_after=timedelta(hours=1))
    lines = page(ledger)
    assert any(
        line.startswith("observed") and line.endswith("0.0 %  not all, but the total is exact all the same")
        for line in lines
    )
    assert [line.split() for line in lines if line.startswith("2026-10-05 ")] == [["2026-10-05", "100", "1.00"]]


def test_days_with_open_bounds_keep_their_notes(ledger: Ledger) -> None:
    ledger.open("nellie-prod", METERS[:1], **account_fields())
    for day in range(34):
        at = datetime(2026, 9, 30, 12, tzinfo=UTC) + timedelta(days=day)
        ledger.poll(at, 100 * day, gap_after=timedelta(hours=1))
    assert any(line.startswith("2026-10-05 ") and line.endswith("not observed") for line in page(ledger))


def test_units_without_a_price_stand_below_the_costs(ledger: Ledger) -> None:
    price = Price(Decimal("0.01"), valid_from=date(2026, 10, 16))
    fill(ledger, terms={"credits": MeterTerms(prices=(price,))})
    assert ["used", "without", "a", "price", "2,207", "not", "in", "the", "costs"] in [
        line.split() for line in page(ledger)
    ]
