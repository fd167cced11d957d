from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Agreement, MeterTerms, Quota, Resets
from collector.domain.instants import DAY, micros_of
from collector.domain.periods import Billing, PeriodKind, period_at
from collector.domain.quota import Allowance, Standing, Used, allowance_at, used_of

NOW = datetime(2026, 2, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
BILLING = Billing(PeriodKind.MONTHLY, anchor_day=15)
START = micros_of(datetime(2026, 2, 14, 23, tzinfo=UTC))  # midnight of the 15th in Berlin
MONTHLY = Allowance(Quota(10_000), period_at(NOW, BILLING, BERLIN))
LIFETIME = Allowance(Quota(10_000, lifetime=True), None)
STANDING = Standing(at_start=1500, latest=4200, value=900, first_at=START - DAY, last_at=START + DAY)


def agreed(quota: Quota | None, billing: Billing = BILLING) -> Agreement:
    return Agreement(BERLIN, billing, {"credits": MeterTerms(quota)})


def test_without_a_quota_there_is_no_allowance() -> None:
    assert allowance_at(agreed(None), "credits", NOW) is None


def test_a_meter_without_terms_has_no_allowance() -> None:
    assert allowance_at(agreed(Quota(10_000)), "requests", NOW) is None


def test_a_quota_is_for_the_billing_period_in_the_accounts_zone() -> None:
    found = allowance_at(agreed(Quota(10_000)), "credits", NOW)
    assert found == MONTHLY
    assert found.period is not None
    assert micros_of(found.period.start) == START


def test_a_lifetime_quota_has_no_period() -> None:
    assert allowance_at(agreed(Quota(10_000, lifetime=True)), "credits", NOW) == LIFETIME


def test_a_quota_of_an_account_without_periods_has_no_period() -> None:
    found = allowance_at(agreed(Quota(10_000), Billing()), "credits", NOW)
    assert found == Allowance(Quota(10_000), None)


@pytest.mark.parametrize("resets", Resets)
def test_a_lifetime_allowance_is_used_by_everything_the_counter_ever_said(resets: Resets) -> None:
    assert used_of(LIFETIME, STANDING, resets) == Used(4200, complete=True)


def test_a_counter_that_resets_with_the_period_says_itself_what_is_used() -> None:
    assert used_of(MONTHLY, STANDING, Resets.PERIOD) == Used(900, complete=True)


def test_a_counter_that_resets_with_the_period_is_complete_though_we_began_in_its_middle() -> None:
    began_late = replace(STANDING, first_at=START + DAY // 2)
    assert used_of(MONTHLY, began_late, Resets.PERIOD) == Used(900, complete=True)


@pytest.mark.parametrize(
    ("last_at", "amount"), [(START - 1, 0), (START, 900)], ids=["not seen in this period", "seen at its start"]
)
def test_a_value_of_the_period_before_is_not_of_this_one(last_at: int, amount: int) -> None:
    assert used_of(MONTHLY, replace(STANDING, last_at=last_at), Resets.PERIOD).amount == amount


@pytest.mark.parametrize("resets", [Resets.NEVER, Resets.UNKNOWN])
def test_any_other_counter_has_used_what_it_grew_since_the_period_began(resets: Resets) -> None:
    assert used_of(MONTHLY, STANDING, resets) == Used(2700, complete=True)


@pytest.mark.parametrize(
    ("first_at", "complete"), [(START, True), (START + 1, False)], ids=["from its start on", "from later on"]
)
def test_growth_is_a_lower_limit_where_the_history_began_later(first_at: int, complete: bool) -> None:
    standing = replace(STANDING, first_at=first_at, at_start=700)
    assert used_of(MONTHLY, standing, Resets.UNKNOWN) == Used(3500, complete=complete)
