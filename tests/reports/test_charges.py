from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.domain.accounts import Account, Agreement, Meter, MeterTerms
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, Period, PeriodKind
from collector.domain.prices import Price, Tier
from collector.store.reading import MeterRow
from reports.charges import PeriodCharges, billing_periods, charges_asked, period_charges
from reports.windows import Window, meters_asked, usage_windows
from tests.reports.conftest import Ledger as Filled
from tests.reports.finance_ledger import LAST

if TYPE_CHECKING:
    from collector.store.engine import Database
    from tests.reports.conftest import Ledger, Quotas

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTHLY = Billing(PeriodKind.MONTHLY, currency="EUR")
BERLIN = ZoneInfo("Europe/Berlin")


def only(ledger: Ledger, **agreed: object) -> tuple[MeterRow, Agreement]:
    """Return the ledger's one meter with an agreement of UTC days and calendar months, or as ``agreed``."""
    (row,) = meters_asked(ledger.database, ledger.question(MIDNIGHT))
    return row, Agreement(**{"zone": ZoneInfo("UTC"), "billing": MONTHLY, **agreed})  # type: ignore[arg-type]  # by name


def charges_of(ledger: Ledger, **agreed: object) -> list[PeriodCharges]:
    row, agreement = only(ledger, **agreed)
    return period_charges(ledger.database, [(row, agreement, one) for one in billing_periods(row, agreement)])


def growth_of(database: Database, charges: PeriodCharges) -> int:
    """Return what the ledger says that the whole period used."""
    window = Window("period", micros_of(charges.period.start), micros_of(charges.period.end))
    return int(usage_windows(database, [(charges.row, [window])])["usage"][0])


class TestDays:
    def test_every_local_day_of_the_period_is_there_also_without_data(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10)])
        (found,) = charges_of(ledger)
        assert [one.day for one in found.days] == [date(2026, 3, 1) + count * DAY for count in range(31)]

    def test_day_without_data_used_nothing(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10)])
        (found,) = charges_of(ledger)
        assert [one.usage for one in found.days[:4]] == [0, 10, 0, 0]

    def test_days_of_each_period_add_up_to_its_growth(self, finance: Ledger) -> None:
        found = charges_asked(finance.database, finance.question(LAST))
        periods = [period for meter in found for period in meter.periods]
        sums = [sum(day.usage for day in period.days) for period in periods]
        assert sums == [growth_of(finance.database, period) for period in periods]

    def test_days_are_priced_in_whole_units(self, ledger: Ledger) -> None:
        ledger.open(meters=[Meter("hours", "hours", 6)])
        ledger.poll(MIDNIGHT, {"hours": 0})
        ledger.poll(MIDNIGHT + HOUR, {"hours": 1_500_000})
        (found,) = charges_of(ledger, terms={"hours": MeterTerms(prices=(Price(Decimal(2)),))})
        assert (found.days[1].usage, found.days[1].charge.quantity, found.rating.amount) == (
            1_500_000,
            Decimal("1.5"),
            Decimal(3),
        )

    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2025, 10, 26), 25)], ids=str
    )
    def test_days_have_the_hours_of_their_zone(self, ledger: Ledger, day: date, hours: int) -> None:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        ledger.polls([(noon, 0), (noon + HOUR, 1)])
        (found,) = charges_of(ledger, zone=BERLIN)
        lengths = {one.day: (one.end - one.start) // 3_600_000_000 for one in found.days}
        assert lengths[day] == hours

    def test_counts_and_bounds_are_those_of_the_report_daily(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + HOUR, 20), (MIDNIGHT + 2 * HOUR, 15), (MIDNIGHT + 3 * HOUR, 16)])
        (found,) = charges_of(ledger)
        one = found.days[1]
        assert (one.usage, one.lower, one.upper, one.snapshots, one.corrections, one.partial) == (6, 6, 6, 4, 1, True)

    def test_upper_bound_is_open_where_a_fall_is_held(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + HOUR, 20), (MIDNIGHT + 2 * HOUR, 15)])
        (found,) = charges_of(ledger)
        assert (found.days[1].upper, found.days[1].held) == (None, 1)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        zone=st.sampled_from(
            ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"]
        ),
        billing=st.builds(
            Billing,
            st.sampled_from(PeriodKind),
            anchor_day=st.integers(1, 7),
            anchor_month=st.integers(1, 12),
        ),
    )
    def test_days_add_up_in_any_zone_and_period(self, finance: Ledger, zone: str, billing: Billing) -> None:
        row = next(one for one in meters_asked(finance.database, finance.question(LAST)) if one.account == "1st")
        agreement = Agreement(ZoneInfo(zone), billing)
        wanted = [(row, agreement, period) for period in billing_periods(row, agreement)]
        whole = usage_windows(finance.database, [(row, [Window("all", row.first_at, row.last_at)])])["usage"][0]
        assert sum(day.usage for one in period_charges(finance.database, wanted) for day in one.days) == whole


class TestPeriods:
    def test_meter_may_be_wanted_for_several_periods_in_any_order(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + 40 * DAY, 40)])
        row, agreement = only(ledger)
        march, april = billing_periods(row, agreement)
        found = period_charges(ledger.database, [(row, agreement, one) for one in (april, march, april)])
        assert [(one.period, sum(day.usage for day in one.days)) for one in found] == [
            (april, 10),
            (march, 30),
            (april, 10),
        ]

    def test_meters_may_take_turns(self, finance: Ledger) -> None:
        rows = meters_asked(finance.database, finance.question(LAST))[:2]
        agreements = [finance.agreements[row.account] for row in rows]
        pairs = [(row, one, billing_periods(row, one)) for row, one in zip(rows, agreements, strict=True)]
        wanted = [(row, one, periods[index]) for index in range(3) for row, one, periods in pairs]
        together = period_charges(finance.database, wanted)
        assert together == [period_charges(finance.database, [one])[0] for one in wanted]

    def test_nothing_wanted_is_nothing_read(self, ledger: Ledger) -> None:
        assert period_charges(ledger.database, []) == []

    def test_account_without_periods_has_calendar_months(self, quotas: Quotas) -> None:
        row = quotas.standing(first_at=datetime(2026, 1, 31, tzinfo=UTC), seen_at=datetime(2026, 3, 1, tzinfo=UTC)).row
        found = billing_periods(row, Agreement(ZoneInfo("UTC")))
        assert [one.starts_on for one in found] == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]

    @pytest.mark.parametrize(
        ("start", "end", "months"),
        [
            (None, None, [1, 2, 3]),
            (date(2026, 2, 28), None, [2, 3]),
            (None, date(2026, 2, 1), [1]),
            (date(2026, 2, 3), date(2026, 2, 4), [2]),
            (date(2026, 4, 1), None, []),
            (None, date(2026, 1, 15), []),
        ],
        ids=["all", "from", "to", "within", "after", "before"],
    )
    def test_periods_overlap_the_history_and_the_asked_dates(
        self, quotas: Quotas, start: date | None, end: date | None, months: list[int]
    ) -> None:
        row = quotas.standing(first_at=datetime(2026, 1, 15, tzinfo=UTC), seen_at=datetime(2026, 3, 9, tzinfo=UTC)).row
        found = billing_periods(row, Agreement(ZoneInfo("UTC"), MONTHLY), start, end)
        assert [one.starts_on.month for one in found] == months

    def test_periods_begin_at_the_accounts_own_midnight(self, quotas: Quotas) -> None:
        (found,) = billing_periods(quotas.standing(seen_at=MIDNIGHT, first_at=MIDNIGHT).row, Agreement(BERLIN, MONTHLY))
        assert found == Period(
            date(2026, 3, 1),
            date(2026, 4, 1),
            datetime(2026, 2, 28, 23, tzinfo=UTC),
            datetime(2026, 3, 31, 22, tzinfo=UTC),
        )


class TestAsked:
    def test_days_asked_for_cost_what_they_cost_within_their_whole_period(self, ledger: Ledger) -> None:
        tiers = (Tier(10, Decimal(3)), Tier(None, Decimal(1)))
        ledger.open(billing=MONTHLY, terms={"credits": MeterTerms(prices=(Price(tiers=tiers),))})
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10), (MIDNIGHT + 2 * DAY, 14)])
        (found,) = charges_asked(ledger.database, ledger.question(MIDNIGHT, start=date(2026, 3, 3)))
        assert [one.charge.amount for one in found.asked_days()][:1] == [4]

    def test_only_days_asked_for_are_told(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + 9 * DAY, 14)])
        asked = ledger.question(MIDNIGHT, start=date(2026, 3, 3), end=date(2026, 3, 5))
        (found,) = charges_asked(ledger.database, asked)
        assert [one.day.day for one in found.asked_days()] == [3, 4]

    def test_account_that_is_no_longer_configured_has_months_of_its_recorded_zone(self, ledger: Ledger) -> None:
        ledger.open(zone=BERLIN)
        ledger.poll(MIDNIGHT, 0)
        (found,) = charges_asked(ledger.database, ledger.question(MIDNIGHT, agreements={}))
        assert (found.agreement.zone.key, found.periods[0].period.starts_on) == (BERLIN.key, date(2026, 3, 1))

    def test_meter_without_history_in_the_range_is_left_out(self, ledger: Ledger) -> None:
        ledger.poll(MIDNIGHT, 0)
        assert [*charges_asked(ledger.database, ledger.question(MIDNIGHT, start=date(2026, 4, 1)))] == []


def test_both_engines_say_the_same(database: Database, make_account: Callable[..., Account]) -> None:
    filled = Filled(database, make_account)
    filled.open(terms={"credits": MeterTerms(prices=(Price(Decimal("0.5")),))})
    filled.polls([(MIDNIGHT, 0), (MIDNIGHT + DAY, 10), (MIDNIGHT + 3 * DAY, 14)])
    (found,) = charges_asked(database, filled.question(MIDNIGHT))
    days = [(one.usage, one.charge.amount) for one in found.periods[0].days[:5]]
    assert days == [(0, Decimal(0)), (10, Decimal(5)), (2, Decimal(1)), (2, Decimal(1)), (0, Decimal(0))]
