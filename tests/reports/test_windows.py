from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from collector.domain.accounts import Meter
from collector.domain.instants import micros_of
from reports.burn_rate import COLUMNS as BURN
from reports.catalogue import burn, daily, exhaustion_dates
from reports.daily import COLUMNS as DAILY
from reports.question import Question
from reports.rows import rows_of
from reports.windows import SCHEMA, Window, daily_windows, local_days, meters_asked, observed_share, usage_windows

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger, Quotas

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = MIDNIGHT + 90 * DAY
BERLIN = ZoneInfo("Europe/Berlin")


def window(name: str, start: datetime, end: datetime) -> Window:
    return Window(name, micros_of(start), micros_of(end))


def usage_of(ledger: Ledger, *windows: Window) -> pd.DataFrame:
    (row,) = meters_asked(ledger.database, ledger.question(NOW))
    return usage_windows(ledger.database, [(row, windows)])


class TestUsageOfWindows:
    def test_dtypes_are_fixed(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + HOUR, 20)])
        found = usage_of(ledger, window("one", MIDNIGHT, MIDNIGHT + HOUR))
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == SCHEMA

    def test_dtypes_are_fixed_without_rows(self, ledger: Ledger) -> None:
        found = usage_windows(ledger.database, [])
        assert {name: str(dtype) for name, dtype in found.dtypes.items()} == SCHEMA

    def test_windows_come_in_the_asked_order(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + 2 * HOUR, 20)])
        late = window("late", MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR)
        early = window("early", MIDNIGHT, MIDNIGHT + HOUR)
        assert usage_of(ledger, late, early)["window"].tolist() == ["late", "early"]

    def test_windows_may_overlap(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT + count * HOUR, count) for count in range(5)])
        found = usage_of(
            ledger,
            window("all", MIDNIGHT, MIDNIGHT + 4 * HOUR),
            window("part", MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR),
        )
        assert found["usage"].tolist() == [4, 2]

    @pytest.mark.parametrize("days", [-3, 3], ids=["before", "after"])
    def test_nothing_is_used_outside_the_history(self, ledger: Ledger, days: int) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + HOUR, 20)])
        start = MIDNIGHT + days * DAY
        found = usage_of(ledger, window("outside", start, start + DAY))
        assert found[["usage", "lower", "upper", "observed_us"]].iloc[0].tolist() == [0, 0, 0, 0]

    @pytest.mark.parametrize("value", [2**53 + 1, 2**62 + 1, 2**63 - 1], ids=str)
    def test_large_usage_is_exact_beside_an_open_bound(self, ledger: Ledger, value: int) -> None:
        ledger.polls([(MIDNIGHT, 0), (MIDNIGHT + HOUR, value), (MIDNIGHT + 2 * HOUR, 0)])
        found = usage_of(
            ledger,
            window("growth", MIDNIGHT, MIDNIGHT + HOUR),
            window("held", MIDNIGHT + HOUR, MIDNIGHT + 3 * HOUR),
        )
        assert (found["usage"][0], found["upper"][0], found["upper"].isna().tolist()) == (value, value, [False, True])

    @pytest.mark.parametrize("more", [1, 2**63 - 1], ids=["one more", "twice as much"])
    def test_usage_beyond_64_bits_is_exact(self, ledger: Ledger, more: int) -> None:
        values = [0, 2**63 - 1, 0, 0, more]
        ledger.polls([(MIDNIGHT + count * HOUR, value) for count, value in enumerate(values)])
        found = usage_of(ledger, window("all", MIDNIGHT, MIDNIGHT + 5 * HOUR))
        assert found["usage"][0] == 2**63 - 1 + more

    def test_every_report_copes_with_usage_beyond_64_bits(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT + count * HOUR, value) for count, value in enumerate([10, 2**63 - 1, 12, 13])])
        question = Question(MIDNIGHT + DAY)
        assert rows_of(daily(ledger.database, question), DAILY)[0]["usage"] == 2**63 - 1 - 10 + 13
        assert rows_of(burn(ledger.database, question), BURN)[0]["usage"] == 2**63 - 1 - 10 + 13
        assert len(exhaustion_dates(ledger.database, question)) == 1

    def test_length_stands_for_itself_unless_told(self, ledger: Ledger) -> None:
        ledger.polls([(MIDNIGHT, 10), (MIDNIGHT + HOUR, 20)])
        one = window("one", MIDNIGHT, MIDNIGHT + HOUR)
        found = usage_of(ledger, one, Window("meant", one.start, one.end, 7))
        assert found["nominal_us"].tolist() == [HOUR // timedelta(microseconds=1), 7]

    def test_meter_without_windows_has_no_rows(self, ledger: Ledger) -> None:
        ledger.poll(MIDNIGHT, 10)
        assert usage_of(ledger).empty


class TestDays:
    def days(self, quotas: Quotas, zone: ZoneInfo, first: date | None = None, end: date | None = None) -> list[str]:
        """Return the days of a history from 23:30 UTC on 28 March to 22:30 UTC on 30 March."""
        row = quotas.standing(
            first_at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC), seen_at=datetime(2026, 3, 30, 22, 30, tzinfo=UTC)
        ).row
        return [one.name for one in local_days(row, zone, first, end)]

    @pytest.mark.parametrize(
        ("zone", "days"),
        [
            ("UTC", ["2026-03-28", "2026-03-29", "2026-03-30"]),
            ("Europe/Berlin", ["2026-03-29", "2026-03-30", "2026-03-31"]),
        ],
    )
    def test_days_run_from_the_first_to_the_last_observation(self, quotas: Quotas, zone: str, days: list[str]) -> None:
        assert self.days(quotas, ZoneInfo(zone)) == days

    @pytest.mark.parametrize(
        ("first", "end", "days"),
        [
            (date(2026, 3, 29), None, ["2026-03-29", "2026-03-30"]),
            (None, date(2026, 3, 29), ["2026-03-28"]),
            (date(2026, 3, 29), date(2026, 3, 30), ["2026-03-29"]),
            (date(2026, 1, 1), date(2027, 1, 1), ["2026-03-28", "2026-03-29", "2026-03-30"]),
            (date(2026, 4, 1), None, []),
            (None, date(2026, 3, 28), []),
            (date(9999, 12, 31), None, []),
            (None, date(1, 1, 1), []),
        ],
        ids=["from", "to", "both", "wider", "after", "before", "the end of time", "its beginning"],
    )
    def test_range_is_half_open_and_gives_no_day_outside_the_history(
        self, quotas: Quotas, first: date | None, end: date | None, days: list[str]
    ) -> None:
        assert self.days(quotas, ZoneInfo("UTC"), first, end) == days

    @pytest.mark.parametrize(
        ("month", "day", "hours"), [(3, 28, 24), (3, 29, 23), (10, 25, 25)], ids=["ordinary", "spring", "autumn"]
    )
    def test_days_at_a_change_of_clocks_have_their_own_length(
        self, ledger: Ledger, month: int, day: int, hours: int
    ) -> None:
        noon = datetime(2026, month, day, 12, tzinfo=UTC)
        ledger.polls([(noon - DAY, 0), (noon + DAY, 48)])
        found = daily_windows(ledger.database, ledger.question(NOW, zone=BERLIN)).set_index("window")
        assert found["length_us"][noon.date().isoformat()] == hours * 3_600_000_000

    def test_zone_of_the_question_goes_before_the_accounts_own(self, ledger: Ledger) -> None:
        ledger.open(zone=ZoneInfo("Asia/Tokyo"))
        ledger.polls([(MIDNIGHT + HOUR, 0), (MIDNIGHT + 2 * HOUR, 5)])
        own = daily_windows(ledger.database, ledger.question(NOW))
        asked = daily_windows(ledger.database, ledger.question(NOW, zone=ZoneInfo("America/New_York")))
        assert (own["window"].tolist(), asked["window"].tolist()) == (["2026-03-02"], ["2026-03-01"])

    def test_account_that_is_no_longer_configured_keeps_its_recorded_zone(self, ledger: Ledger) -> None:
        ledger.open(zone=ZoneInfo("Asia/Tokyo"))
        ledger.poll(MIDNIGHT + 20 * HOUR, 0)
        found = daily_windows(ledger.database, ledger.question(NOW, agreements={}))
        assert found["window"].tolist() == ["2026-03-03"]


def test_only_the_asked_meters_are_read(ledger: Ledger) -> None:
    for account in ("one", "two"):
        ledger.open(account, [Meter("requests", "requests"), Meter("credits", "credits")])
        ledger.poll(MIDNIGHT, {"requests": 1, "credits": 2}, account)
    asked = ledger.question(NOW, accounts=("two",), meters=("credits",))
    assert [(row.account, row.name) for row in meters_asked(ledger.database, asked)] == [("two", "credits")]


@pytest.mark.parametrize(
    ("observed", "whole", "share"),
    [(0, 10, 0), (5, 10, 0.5), (10, 10, 1), (11, 10, 1), (0, 0, 0), (10**9 - 1, 10**9, 0.999999), (1, 10**9, 0)],
    ids=["nothing", "half", "all", "more than all", "no length", "nearly all", "next to nothing"],
)
def test_observed_share_is_full_only_where_nothing_is_missing(observed: int, whole: int, share: float) -> None:
    assert observed_share(pd.Series([observed]), pd.Series([whole])).tolist() == [share]
