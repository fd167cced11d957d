"""Days and billing periods of any zone, read from the store: they add up, and a complete list tells the truth in gaps.

The collector looks only every other day, so nearly every midnight lies in a gap; the list shows every request.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Counts, Meter
from collector.domain.calendar import start_of_day
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind, period_of
from collector.domain.requests import RequestRecord
from reports.catalogue import burn, daily, exhaustion_dates
from reports.daily import COLUMNS
from reports.requests import request_rows
from reports.rows import rows_of
from reports.windows import Window, meters_asked, usage_windows

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

COUNTED = (
    Meter("requests", "requests", counts=Counts.REQUESTS),
    Meter("credits", "credits", counts=Counts.CREDITS),
)
SPAN = timedelta(days=20)
# Each with a day on which its clocks or its calendar do something.
PLACES = {
    "UTC": date(2026, 2, 28),
    "Europe/Berlin": date(2026, 3, 29),
    "America/New_York": date(2026, 11, 1),
    "America/Santiago": date(2026, 9, 6),
    "Africa/Cairo": date(2026, 4, 24),
    "Asia/Kathmandu": date(2026, 1, 31),
    "Asia/Kolkata": date(2026, 12, 31),
    "Australia/Lord_Howe": date(2026, 4, 5),
    "Pacific/Apia": date(2011, 12, 30),
}
places = pytest.mark.parametrize("place", PLACES)


@dataclass(frozen=True)
class Truth:
    """Requests that were really made, and when the collector looked."""

    records: Sequence[RequestRecord]
    polls: Sequence[datetime]

    @classmethod
    def around(cls, day: date, seed: int) -> Truth:
        """Return what happened in the days around ``day``."""
        chance = random.Random(seed)
        at = begin = datetime(day.year, day.month, day.day, 7, 3, tzinfo=UTC) - SPAN / 2
        records: list[RequestRecord] = []
        while at < begin + SPAN:
            at += timedelta(seconds=chance.randrange(1, 40_000))
            ended = at + timedelta(seconds=chance.randrange(0, 3000))
            records.append(RequestRecord(f"r{len(records):03}", "completed", at, ended, chance.choice([250, 500])))
        polls = [begin]
        while polls[-1] < begin + SPAN:
            polls.append(polls[-1] + timedelta(hours=chance.uniform(30, 60)))
        return cls(records, polls)

    def times(self, meter: str) -> list[tuple[datetime, int]]:
        """Return when what was added to a meter."""
        found = []
        for one in self.records:
            assert one.created_at is not None
            assert one.completed_at is not None
            assert one.credits_used is not None
            found.append((one.created_at, 1) if meter == "requests" else (one.completed_at, one.credits_used))
        return sorted(found)

    def used(self, meter: str, start: datetime, end: datetime) -> int:
        """Return what was used in ``[start, end)`` between the first and the last poll."""
        start, end = max(start, self.polls[0]), min(end, self.polls[-1])
        return sum(amount for at, amount in self.times(meter) if start <= at < end)

    def tell(self, ledger: Ledger, **account: Any) -> None:
        """Poll an account whose provider lists every request."""
        ledger.open(meters=COUNTED, **account)
        for now in self.polls:
            counters = {
                meter: sum(amount for at, amount in self.times(meter) if at <= now) for meter in ("requests", "credits")
            }
            ledger.poll(now, counters, requests=list(self._listed(now)), requests_meter="requests")

    def _listed(self, now: datetime) -> list[RequestRecord]:
        ats = [one.created_at for one in self.records if one.created_at is not None]
        made = self.records[: bisect_left(ats, now)]
        return [
            one
            if one.completed_at is not None and one.completed_at <= now
            else RequestRecord(one.request_id, "processing", one.created_at)
            for one in made
        ]


def days(ledger: Ledger, zone: ZoneInfo, meter: str) -> list[dict[str, Any]]:
    question = ledger.question(NOW, zone=zone, meters=(meter,))
    return [dict(row) for row in rows_of(daily(ledger.database, question), COLUMNS)]


NOW = datetime(2027, 6, 1, tzinfo=UTC)
both = pytest.mark.parametrize("meter", ["requests", "credits"])


@places
@both
def test_days_in_gaps_tell_the_truth_where_the_list_is_complete(ledger: Ledger, place: str, meter: str) -> None:
    truth, zone = Truth.around(PLACES[place], 1), ZoneInfo(place)
    truth.tell(ledger)
    for row in days(ledger, zone, meter):
        day = date.fromisoformat(row["day"])
        assert row["usage"] == truth.used(meter, start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone))


@places
def test_days_of_any_zone_add_up_to_the_same_growth(ledger: Ledger, place: str) -> None:
    truth = Truth.around(PLACES[place], 2)
    truth.tell(ledger)
    sums = {zone: sum(row["usage"] for row in days(ledger, ZoneInfo(zone), "credits")) for zone in PLACES}
    assert set(sums.values()) == {truth.used("credits", truth.polls[0], truth.polls[-1])}


@places
@pytest.mark.parametrize(
    "billing",
    [
        Billing(PeriodKind.WEEKLY, 3),
        Billing(PeriodKind.MONTHLY, 1),
        Billing(PeriodKind.MONTHLY, 31),
        Billing(PeriodKind.YEARLY, 30, 12),
    ],
    ids=["weekly", "monthly", "monthly on the last", "yearly"],
)
def test_days_of_billing_periods_add_up_to_the_periods(ledger: Ledger, place: str, billing: Billing) -> None:
    truth, zone = Truth.around(PLACES[place], 3), ZoneInfo(place)
    truth.tell(ledger)
    found = days(ledger, zone, "credits")
    (row,) = meters_asked(ledger.database, ledger.question(NOW, meters=("credits",)))
    periods = {period_of(date.fromisoformat(one["day"]), billing, zone) for one in found}
    windows = [Window(one.starts_on.isoformat(), micros_of(one.start), micros_of(one.end)) for one in periods]
    usage = usage_windows(ledger.database, [(row, windows)]).set_index("window")["usage"]
    for one in periods:
        within = [day["usage"] for day in found if one.starts_on.isoformat() <= day["day"] < one.ends_on.isoformat()]
        assert sum(within) == usage[one.starts_on.isoformat()]


def test_date_that_a_zone_skipped_has_no_row(ledger: Ledger) -> None:
    Truth.around(PLACES["Pacific/Apia"], 4).tell(ledger)
    found = [row["day"] for row in days(ledger, ZoneInfo("Pacific/Apia"), "credits")]
    assert ("2011-12-29" in found, "2011-12-30" in found, "2011-12-31" in found) == (True, False, True)


def test_change_of_an_accounts_zone_makes_other_days_of_the_same_facts(ledger: Ledger) -> None:
    truth = Truth.around(PLACES["Europe/Berlin"], 5)
    truth.tell(ledger)
    asked = days(ledger, ZoneInfo("Asia/Kathmandu"), "credits")
    ledger.open(meters=COUNTED, zone=ZoneInfo("Asia/Kathmandu"))
    question = ledger.question(NOW, meters=("credits",))
    assert [dict(row) for row in rows_of(daily(ledger.database, question), COLUMNS)] == asked


def test_change_of_the_anchor_makes_other_periods_of_the_same_facts(ledger: Ledger, terms: Callable[..., Any]) -> None:
    truth = Truth.around(PLACES["Europe/Berlin"], 6)
    truth.tell(ledger)
    last = truth.polls[-1]
    for anchor in (1, 15, 31):
        billing = Billing(PeriodKind.MONTHLY, anchor)
        ledger.open(meters=COUNTED, billing=billing, terms=terms(10**6))
        standing = exhaustion_dates(ledger.database, ledger.question(last, meters=("credits",)))
        period = period_of(last.date(), billing, ZoneInfo("UTC"))
        assert standing["used"].tolist() == [truth.used("credits", period.start, last)]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_zone_of_the_question_moves_no_billing_period(ledger: Ledger, terms: Callable[..., Any], zone: str) -> None:
    truth = Truth.around(PLACES["Europe/Berlin"], 7)
    truth.tell(ledger, billing=Billing(PeriodKind.MONTHLY), terms=terms(10**6))
    own, asked = (ledger.question(truth.polls[-1], zone=one, meters=("credits",)) for one in (None, ZoneInfo(zone)))
    for report in (burn, exhaustion_dates):
        columns = [name for name in report(ledger.database, own) if name in {"window", "usage", "used", "period_start"}]
        assert report(ledger.database, own)[columns].equals(report(ledger.database, asked)[columns])


@places
def test_requests_of_a_day_are_those_made_in_the_zones_own_day(ledger: Ledger, place: str) -> None:
    truth, zone, day = Truth.around(PLACES[place], 8), ZoneInfo(place), PLACES[place] - timedelta(days=1)
    truth.tell(ledger)
    start, end = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    found = request_rows(ledger.database, ledger.question(NOW, zone=zone, start=day, end=day + timedelta(days=1)))
    expected = [one.request_id for one in truth.records if one.created_at is not None and start <= one.created_at < end]
    assert [row["request_id"] for row in found] == expected
