from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import MeterTerms, Resets
from collector.domain.periods import Billing, PeriodKind
from collector.domain.quota import Used
from reports.standing import QuotaStanding, quota_standings
from reports.windows import meters_asked

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MONTHLY = Billing(PeriodKind.MONTHLY)
Terms = Callable[..., dict[str, MeterTerms]]


def standing_of(ledger: Ledger, now: datetime, **question: object) -> QuotaStanding:
    asked = ledger.question(now, **question)
    return quota_standings(ledger.database, asked, meters_asked(ledger.database, asked))[0]


def test_what_grew_since_the_period_began_is_used(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000))
    ledger.polls([(MIDNIGHT - DAY, 5000), (MIDNIGHT, 5100), (MIDNIGHT + DAY, 5400)])
    assert standing_of(ledger, MIDNIGHT + DAY).used == Used(300, complete=True)


def test_counter_that_resets_with_the_period_says_itself_what_is_used(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000, resets=Resets.PERIOD))
    ledger.polls([(MIDNIGHT - DAY, 900), (MIDNIGHT + DAY, 40)])
    assert standing_of(ledger, MIDNIGHT + DAY).used == Used(40, complete=True)


def test_lifetime_is_used_up_by_all_the_counter_ever_said(ledger: Ledger, terms: Terms) -> None:
    ledger.open(terms=terms(10_000, lifetime=True))
    ledger.polls([(MIDNIGHT, 8750), (MIDNIGHT + DAY, 9000)])
    assert standing_of(ledger, MIDNIGHT + 40 * DAY).used == Used(9000, complete=True)


def test_history_that_begins_within_the_period_is_a_lower_limit(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000))
    ledger.polls([(MIDNIGHT + DAY, 5000), (MIDNIGHT + 2 * DAY, 5010)])
    assert standing_of(ledger, MIDNIGHT + 2 * DAY).used == Used(10, complete=False)


def test_nothing_is_known_before_the_first_value_of_a_period(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000))
    ledger.polls([(MIDNIGHT - 2 * DAY, 5000), (MIDNIGHT - DAY, 5010)])
    standing = standing_of(ledger, MIDNIGHT + DAY)
    assert (standing.used, standing.remaining, standing.exhausted) == (None, None, False)


def test_meter_without_a_quota_has_no_allowance(ledger: Ledger) -> None:
    ledger.poll(MIDNIGHT, 5000)
    standing = standing_of(ledger, MIDNIGHT)
    assert (standing.allowance, standing.used, standing.remaining) == (None, None, None)


@pytest.mark.parametrize(
    ("grown", "remaining", "exhausted"), [(0, 100, False), (99, 1, False), (100, 0, True), (150, 0, True)]
)
def test_remaining_is_what_is_left_and_never_negative(
    ledger: Ledger, terms: Terms, grown: int, remaining: int, exhausted: bool
) -> None:
    ledger.open(billing=MONTHLY, terms=terms(100))
    ledger.polls([(MIDNIGHT, 5000), (MIDNIGHT + DAY, 5000 + grown)])
    standing = standing_of(ledger, MIDNIGHT + DAY)
    assert (standing.remaining, standing.exhausted) == (remaining, exhausted)


def test_value_that_is_held_is_not_yet_used(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000))
    ledger.polls([(MIDNIGHT, 5000), (MIDNIGHT + DAY, 5010), (MIDNIGHT + 2 * DAY, 4000)])
    standing = standing_of(ledger, MIDNIGHT + 2 * DAY)
    assert (standing.used, standing.seen_at) == (Used(10, complete=True), MIDNIGHT + DAY)


def test_asked_zone_moves_no_billing_period(ledger: Ledger, terms: Terms) -> None:
    ledger.open(billing=MONTHLY, terms=terms(1000))
    ledger.polls([(MIDNIGHT - DAY, 5000), (MIDNIGHT, 5100), (MIDNIGHT + DAY, 5400)])
    standing = standing_of(ledger, MIDNIGHT + DAY, zone=ZoneInfo("Asia/Tokyo"))
    assert (standing.used, standing.zone) == (Used(300, complete=True), ZoneInfo("Asia/Tokyo"))
