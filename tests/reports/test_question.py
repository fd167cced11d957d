from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Agreement, MeterTerms, Quota, Tolerance
from collector.domain.periods import Billing, PeriodKind
from reports.question import Question

NOW = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # already the third in Berlin
UTC_ZONE, BERLIN, TOKYO = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
AGREED = Agreement(BERLIN, Billing(PeriodKind.MONTHLY, 15))


@pytest.mark.parametrize(
    ("asked", "zone", "dates"),
    [
        ({}, UTC_ZONE, (None, None)),
        ({"start": date(2026, 1, 5), "end": date(2026, 1, 7)}, UTC_ZONE, (date(2026, 1, 5), date(2026, 1, 7))),
        ({"last_days": 1}, UTC_ZONE, (date(2026, 3, 2), None)),
        ({"last_days": 1}, BERLIN, (date(2026, 3, 3), None)),
        ({"last_days": 30}, UTC_ZONE, (date(2026, 2, 1), None)),
        ({"last_days": 30, "start": date(2026, 2, 20)}, UTC_ZONE, (date(2026, 2, 20), None)),
        ({"last_days": 3, "start": date(2026, 2, 20)}, UTC_ZONE, (date(2026, 2, 28), None)),
        ({"last_days": 3, "end": date(2026, 3, 1)}, UTC_ZONE, (date(2026, 2, 28), date(2026, 3, 1))),
        ({"last_days": 99_999}, UTC_ZONE, (date(1752, 5, 19), None)),
    ],
    ids=["all", "from-to", "today", "today there", "thirty days", "later from", "earlier from", "with to", "longest"],
)
def test_asked_dates_are_local_and_half_open(
    asked: dict[str, object], zone: ZoneInfo, dates: tuple[date | None, date | None]
) -> None:
    assert Question(NOW, **asked).dates(zone) == dates  # type: ignore[arg-type]  # fields by name


def test_unknown_account_has_its_recorded_zone_and_no_terms() -> None:
    found = Question(NOW).agreement_of("gone", "Asia/Tokyo")
    assert (found.zone.key, found.billing, found.terms) == ("Asia/Tokyo", Billing(), {})


def test_asked_zone_makes_the_days() -> None:
    asked = Question(NOW, {"one": AGREED}, zone=TOKYO)
    assert asked.agreement_of("one", "UTC").zone == TOKYO


def test_asked_zone_changes_nothing_else_that_was_agreed() -> None:
    agreed = replace(AGREED, terms={"credits": MeterTerms(Quota(5))}, tolerance=Tolerance(quantity=2))
    asked = Question(NOW, {"one": agreed}, zone=TOKYO)
    assert replace(asked.agreement_of("one", "UTC"), zone=BERLIN) == agreed


def test_asked_zone_moves_no_billing_period() -> None:
    assert Question(NOW, {"one": AGREED}, zone=TOKYO).agreed_with("one", "UTC") == AGREED


def test_configured_zone_goes_before_the_recorded_one() -> None:
    assert Question(NOW, {"one": AGREED}).agreement_of("one", "Asia/Tokyo") == AGREED
