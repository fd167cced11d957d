"""A quota of nothing is used up from the beginning of its period on, and not before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from collector.domain.accounts import MeterTerms, Quota
from collector.domain.periods import Billing, PeriodKind
from reports.catalogue import exhaustion_dates
from reports.question import Question

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

START = datetime(2026, 5, 1, tzinfo=UTC)


def test_quota_of_nothing_is_used_up_when_its_period_begins(ledger: Ledger) -> None:
    ledger.open(billing=Billing(PeriodKind.MONTHLY, anchor_day=15), terms={"credits": MeterTerms(quota=Quota(0))})
    ledger.polls([(START + timedelta(hours=count), 10 * count) for count in range(24 * 20)])
    found = exhaustion_dates(ledger.database, Question(START + timedelta(days=20), ledger.agreements))
    assert found[["status", "exhausts_on"]].iloc[0].tolist() == ["exhausted", "2026-05-15"]
