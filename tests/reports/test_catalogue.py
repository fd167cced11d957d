from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from collector.domain.accounts import Meter, MeterTerms, Quota, Resets
from collector.domain.periods import Billing, PeriodKind
from collector.store import schema
from collector.store.reading import in_force
from reports import daily as daily_report
from reports import exhaustion as exhaustion_report
from reports.catalogue import burn, daily, exhaustion_dates
from reports.rendering import Row, write_json
from reports.rows import rows_of
from reports.windows import Window, meters_asked, usage_windows

if TYPE_CHECKING:
    from tests.reports.conftest import Ledger

BEGINNING = datetime(2026, 3, 27, tzinfo=UTC)  # the clocks of Europe go forward on the 29th
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NOW = BEGINNING + 300 * DAY
GAP = 12 * HOUR
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
MONTHLY = Billing(PeriodKind.MONTHLY)
Terms = Callable[..., dict[str, MeterTerms]]


@dataclass(frozen=True)
class World:
    """What really happened, in seconds after the beginning: usage at instants, and polls that saw its sum."""

    events: dict[int, int]
    polls: list[int]

    def value(self, second: int) -> int:
        """Return what the counter says at ``second``."""
        return 500 + sum(amount for at, amount in self.events.items() if at <= second)

    def course(self) -> list[tuple[datetime, int]]:
        """Return the polls as they are stored."""
        return [(BEGINNING + at * SECOND, self.value(at)) for at in self.polls]


SPAN = 6 * 86_400
WORLDS = st.builds(
    World,
    events=st.dictionaries(st.integers(0, SPAN), st.integers(1, 1000), max_size=30),
    polls=st.lists(st.integers(0, SPAN), unique=True, min_size=1, max_size=14).map(sorted),
)


@dataclass(frozen=True)
class BruteForce:
    """The same figures computed from the list of polls alone, with nothing but whole seconds."""

    world: World

    def rows(self, zone: ZoneInfo) -> Iterator[dict[str, object]]:
        """Yield the rows of the report ``daily``, as far as they follow from a course without falls."""
        seconds = self.world.polls
        day = (BEGINNING + seconds[0] * SECOND).astimezone(zone).date()
        last = (BEGINNING + seconds[-1] * SECOND).astimezone(zone).date()
        while day <= last:
            start, end = _second(day, zone), _second(day + DAY, zone)
            lower, upper = self.bounds(start, end)
            yield {
                "day": day.isoformat(),
                "usage": self.total(end) - self.total(start),
                "lower": lower,
                "upper": upper,
                "coverage": pytest.approx(self.observed(start, end) / (end - start), abs=2e-6),
                "snapshots": self.snapshots(start, end),
                "resets": 0,
                "corrections": 0,
                "held": 0,
                "partial": start < seconds[0] or end > seconds[-1],
            }
            day += DAY

    def around(self, second: int) -> tuple[int, int]:
        """Return the polls before and after ``second``; the same one where it lies on one, or outside of all."""
        seconds = self.world.polls
        index = bisect_right(seconds, second)
        if index == 0:
            return seconds[0], seconds[0]
        if index == len(seconds) or seconds[index - 1] == second:
            return seconds[index - 1], seconds[index - 1]
        return seconds[index - 1], seconds[index]

    def total(self, second: int) -> int:
        """Return the interpolated total."""
        before, after = self.around(second)
        if before == after:
            return self.world.value(before)
        growth = self.world.value(after) - self.world.value(before)
        return self.world.value(before) + growth * (second - before) // (after - before)

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """Return what the window alone can have used."""
        (a, b), (c, d) = self.around(start), self.around(end)
        if (a, b) == (c, d) and a < b:
            return 0, self.world.value(b) - self.world.value(a)
        return self.world.value(c) - self.world.value(b), self.world.value(d) - self.world.value(a)

    def observed(self, start: int, end: int) -> int:
        """Return the seconds of the window that lie in no gap."""
        seen = [(a, b) for a, b in pairwise(self.world.polls) if (b - a) * SECOND <= GAP]
        return sum(max(0, min(b, end) - max(a, start)) for a, b in seen)

    def snapshots(self, start: int, end: int) -> int:
        """Count the polls in the window that said something new."""
        seconds = self.world.polls
        new = [seconds[0], *(b for a, b in pairwise(seconds) if self.world.value(a) != self.world.value(b))]
        return sum(start <= one < end for one in new)

    def truth(self, start: int, end: int) -> int:
        """Return what was really used within the window and the history."""
        start, end = max(start, self.world.polls[0]), min(end, self.world.polls[-1])
        return self.world.value(end) - self.world.value(start) if start < end else 0


def _second(day: date, zone: ZoneInfo) -> int:
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    return (midnight - BEGINNING) // SECOND


_NUMBERS = count(1)
each_example_its_own_account = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def filled(ledger: Ledger, course: Sequence[tuple[datetime, int]], **changes: Any) -> str:
    """Return the name of a new account that was polled through ``course``."""
    name = ledger.open(f"account-{next(_NUMBERS)}", **changes)
    ledger.polls(course, name)
    return name


def daily_rows(ledger: Ledger, **question: Any) -> list[Row]:
    return rows_of(daily(ledger.database, ledger.question(NOW, **question)), daily_report.COLUMNS)


class TestAnyHistory:
    @each_example_its_own_account
    @given(world=WORLDS, zone=st.sampled_from(ZONES))
    def test_days_are_those_of_brute_force(self, ledger: Ledger, world: World, zone: str) -> None:
        account = filled(ledger, world.course(), zone=ZoneInfo(zone))
        names = {"account": account, "meter": "credits", "unit": "credits"}
        assert daily_rows(ledger, accounts=(account,)) == [
            {**names, **row} for row in BruteForce(world).rows(ZoneInfo(zone))
        ]

    @each_example_its_own_account
    @given(world=WORLDS, zone=st.sampled_from(ZONES))
    def test_truth_lies_within_the_bounds_of_every_day(self, ledger: Ledger, world: World, zone: str) -> None:
        account = filled(ledger, world.course(), zone=ZoneInfo(zone))
        force = BruteForce(world)
        for row in daily_rows(ledger, accounts=(account,)):
            day = date.fromisoformat(str(row["day"]))
            truth = force.truth(_second(day, ZoneInfo(zone)), _second(day + DAY, ZoneInfo(zone)))
            assert row["lower"] <= truth <= row["upper"]  # type: ignore[operator]  # whole numbers

    @each_example_its_own_account
    @given(
        values=st.lists(st.integers(0, 40), min_size=1, max_size=14),
        hours=st.integers(1, 30),
        resets=st.sampled_from(Resets),
        zone=st.sampled_from(ZONES),
    )
    def test_days_add_up_to_what_the_ledger_booked_whatever_fell(
        self, ledger: Ledger, values: list[int], hours: int, resets: Resets, zone: str
    ) -> None:
        course = [(BEGINNING + index * hours * HOUR, value) for index, value in enumerate(values)]
        billing = Billing(PeriodKind.WEEKLY)
        account = filled(ledger, course, billing=billing, terms={"credits": MeterTerms(resets=resets)})
        rows = daily_rows(ledger, accounts=(account,), zone=ZoneInfo(zone))
        assert sum(int(str(row["usage"])) for row in rows) == booked(ledger, account)

    @each_example_its_own_account
    @given(values=st.lists(st.integers(0, 40), min_size=1, max_size=14), hours=st.integers(1, 30))
    def test_usage_lies_within_its_bounds_whatever_fell(self, ledger: Ledger, values: list[int], hours: int) -> None:
        account = filled(ledger, [(BEGINNING + index * hours * HOUR, value) for index, value in enumerate(values)])
        for row in daily_rows(ledger, accounts=(account,)):
            assert row["lower"] <= row["usage"]  # type: ignore[operator]  # whole numbers
            assert row["upper"] is None or row["usage"] <= row["upper"]  # type: ignore[operator]  # whole numbers

    @each_example_its_own_account
    @given(
        values=st.lists(st.integers(0, 40), min_size=1, max_size=14),
        cuts=st.lists(st.integers(-86_400, SPAN), min_size=3, max_size=3, unique=True).map(sorted),
    )
    def test_windows_add_up_wherever_they_are_cut(self, ledger: Ledger, values: list[int], cuts: list[int]) -> None:
        account = filled(ledger, [(BEGINNING + index * 7 * HOUR, value) for index, value in enumerate(values)])
        (row,) = meters_asked(ledger.database, ledger.question(NOW, accounts=(account,)))
        a, b, c = (row.first_at + cut * 1_000_000 for cut in cuts)
        windows = [Window("both", a, c), Window("one", a, b), Window("other", b, c)]
        both, one, other = usage_windows(ledger.database, [(row, windows)])["usage"].tolist()
        assert both == one + other


def booked(ledger: Ledger, account: str) -> int:
    """Return the growth of the counter from its good snapshots and the decisions in force, without any look-up."""
    (row,) = meters_asked(ledger.database, ledger.question(NOW, accounts=(account,)))
    with ledger.database.read() as connection:
        good = connection.scalars(
            select(schema.snapshot.c.value)
            .where(schema.snapshot.c.meter == row.id, schema.snapshot.c.status == 0)
            .order_by(schema.snapshot.c.observed_at)
        ).all()
        offsets = [one.offset for one in in_force(connection, [row.id]).get(row.id, [])]
    return int(good[-1] - good[0] + sum(offsets))


class TestDaily:
    def test_empty_ledger_has_no_days(self, ledger: Ledger) -> None:
        assert daily_rows(ledger) == []

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("Europe/Berlin", "2026-03-29", 23),
            ("Europe/Berlin", "2026-10-25", 25),
            ("America/New_York", "2026-03-08", 23),
            ("Australia/Lord_Howe", "2026-04-05", 24.5),
            ("UTC", "2026-03-29", 24),
        ],
        ids=["spring", "autumn", "New York", "half an hour", "no change"],
    )
    def test_steady_usage_fills_a_day_by_its_length(self, ledger: Ledger, zone: str, day: str, hours: float) -> None:
        noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
        ledger.polls([(noon - 4 * DAY, 0), (noon + 4 * DAY, 2 * 8 * 24)])
        rows = {row["day"]: row["usage"] for row in daily_rows(ledger, zone=ZoneInfo(zone))}
        assert rows[day] == 2 * hours

    @pytest.mark.parametrize("zone", ZONES)
    def test_days_of_any_zone_add_up_to_the_growth(self, ledger: Ledger, zone: str) -> None:
        ledger.polls([(BEGINNING + index * 5 * HOUR, index**2) for index in range(30)])
        assert sum(int(str(row["usage"])) for row in daily_rows(ledger, zone=ZoneInfo(zone))) == 29**2

    def test_days_without_a_snapshot_are_rows(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING, 0), (BEGINNING + 5 * DAY, 500)])
        rows = daily_rows(ledger)
        assert [(row["usage"], row["lower"], row["upper"], row["coverage"], row["snapshots"]) for row in rows[1:5]] == [
            (100, 0, 500, 0.0, 0)
        ] * 4

    def test_idle_day_is_a_real_zero(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING + index * 6 * HOUR, 7) for index in range(9)])
        row = daily_rows(ledger)[1]
        assert (row["usage"], row["lower"], row["upper"], row["coverage"], row["partial"]) == (0, 0, 0, 1.0, False)

    @pytest.mark.parametrize(
        ("question", "days"),
        [
            ({"start": date(2026, 3, 28)}, ["2026-03-28", "2026-03-29"]),
            ({"end": date(2026, 3, 28)}, ["2026-03-27"]),
            ({"start": date(2026, 1, 1), "end": date(2026, 2, 1)}, []),
            ({"start": date(2027, 1, 1)}, []),
            ({"last_days": 30}, []),
            ({"last_days": 300}, ["2026-03-28", "2026-03-29"]),
        ],
        ids=["from", "to", "before", "after", "last 30 of a quiet year", "last 300"],
    )
    def test_no_day_outside_the_history_is_invented(
        self, ledger: Ledger, question: dict[str, Any], days: list[str]
    ) -> None:
        ledger.polls([(BEGINNING, 0), (BEGINNING + 60 * HOUR, 500)])
        assert [row["day"] for row in daily_rows(ledger, **question)] == days

    def test_decimal_places_are_decimal_text(self, ledger: Ledger) -> None:
        ledger.open(meters=[Meter("credits", "dollars", 6)])
        ledger.polls([(BEGINNING, 0), (BEGINNING + HOUR, 1_500_001)])
        out = io.StringIO()
        write_json(daily_rows(ledger), out)
        (row,) = json.loads(out.getvalue())
        assert (row["usage"], row["lower"], row["unit"]) == ("1.500001", "1.500001", "dollars")

    def test_largest_counters_stay_exact_in_json(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING, 1), (BEGINNING + HOUR, 2**63 - 1)])
        out = io.StringIO()
        write_json(daily_rows(ledger), out)
        assert json.loads(out.getvalue())[0]["usage"] == 2**63 - 2

    def test_reset_leaves_the_upper_bound_open(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING + index * HOUR, value) for index, value in enumerate([100, 200, 3, 9])])
        (row,) = daily_rows(ledger)
        assert (row["usage"], row["upper"], row["resets"]) == (109, None, 1)

    def test_fall_that_waits_is_told(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING + index * HOUR, value) for index, value in enumerate([100, 200, 150])])
        (row,) = daily_rows(ledger)
        assert (row["usage"], row["upper"], row["held"]) == (100, None, 1)

    def test_usage_taken_back_is_negative(self, ledger: Ledger) -> None:
        ledger.polls([(BEGINNING + index * HOUR, value) for index, value in enumerate([200, 150, 160])])
        (row,) = daily_rows(ledger)
        assert (row["usage"], row["corrections"]) == (-40, 1)

    def test_meters_come_by_account_and_name(self, ledger: Ledger) -> None:
        for account in ("zulu", "alpha"):
            ledger.open(account, [Meter("requests", "requests"), Meter("credits", "credits")])
            ledger.poll(BEGINNING, {"requests": 1, "credits": 2}, account)
        assert [(row["account"], row["meter"]) for row in daily_rows(ledger)] == [
            ("alpha", "credits"), ("alpha", "requests"), ("zulu", "credits"), ("zulu", "requests"),
        ]  # fmt: skip


class TestBurn:
    def test_windows_end_at_the_last_observation(self, ledger: Ledger) -> None:
        ledger.open(billing=MONTHLY)
        ledger.polls([(BEGINNING + index * 6 * HOUR, 10 * index) for index in range(41)])
        frame = burn(ledger.database, ledger.question(NOW)).set_index("window")
        assert frame["per_day"].to_dict() == {"1d": 40, "7d": 40, "28d": 40, "period": 40}
        assert set(frame["window_end"]) == {BEGINNING + 10 * DAY}

    def test_asked_zone_moves_no_billing_period(self, ledger: Ledger) -> None:
        ledger.open(billing=MONTHLY)
        ledger.polls([(BEGINNING + index * DAY, index) for index in range(10)])
        frame = burn(ledger.database, ledger.question(NOW, zone=ZoneInfo("Asia/Tokyo"))).set_index("window")
        assert frame["window_start"]["period"] == datetime(2026, 4, 1, tzinfo=UTC)

    def test_one_snapshot_has_no_rate(self, ledger: Ledger) -> None:
        ledger.poll(BEGINNING, 5)
        frame = burn(ledger.database, ledger.question(NOW))
        assert frame["usage"].tolist() == [0, 0, 0]
        assert frame["per_day"].isna().all()

    def test_empty_ledger_has_no_rates(self, ledger: Ledger) -> None:
        assert burn(ledger.database, ledger.question(NOW)).empty


def outlook_of(ledger: Ledger, now: datetime, **question: Any) -> Row:
    (row,) = rows_of(exhaustion_dates(ledger.database, ledger.question(now, **question)), exhaustion_report.COLUMNS)
    return row


def steady(days: float, per_day: int = 40, start: datetime = BEGINNING) -> list[tuple[datetime, int]]:
    """Return polls every twelve hours of a counter that grows evenly from 1000."""
    return [(start + index * 12 * HOUR, 1000 + index * per_day // 2) for index in range(int(days * 2) + 1)]


class TestExhaustion:
    APRIL = datetime(2026, 4, 1, tzinfo=UTC)

    def test_empty_ledger_has_no_quotas(self, ledger: Ledger) -> None:
        assert exhaustion_dates(ledger.database, ledger.question(NOW)).empty

    @pytest.mark.parametrize("quota", [700, 800, 1000])
    def test_steady_usage_ends_where_arithmetic_says(self, ledger: Ledger, terms: Terms, quota: int) -> None:
        ledger.open(billing=MONTHLY, terms=terms(quota))
        course = steady(20.5)
        ledger.polls(course)
        row = outlook_of(ledger, course[-1][0])
        # 200 were used before 1 April; the counter has grown by the quota when so many days have passed.
        day = self.APRIL + DAY * (quota / 40) - SECOND
        assert row["status"] == "exhausts"
        assert abs(date.fromisoformat(str(row["exhausts_on"])) - day.date()) <= DAY

    def test_steady_usage_within_the_quota_lasts(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(1300))
        course = steady(20.5)
        ledger.polls(course)
        row = outlook_of(ledger, course[-1][0])
        assert (row["status"], row["reason"]) == ("lasts", None)
        assert row["projected_usage"] == pytest.approx(1200, rel=0.05)

    @pytest.mark.parametrize("quota", [40, 41, 240, 600])
    def test_day_of_exhaustion_is_the_true_one(self, ledger: Ledger, terms: Terms, quota: int) -> None:
        ledger.open(billing=MONTHLY, terms=terms(quota))
        course = steady(20.5)
        ledger.polls(course)
        row = outlook_of(ledger, course[-1][0])
        day = self.APRIL + DAY * (quota / 40) - SECOND
        assert (row["status"], row["exhausts_on"]) == ("exhausted", day.date().isoformat())

    def test_lifetime_used_up_long_ago_is_found(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(terms=terms(1205, lifetime=True))
        ledger.polls([(BEGINNING + index * DAY, 1000 + 40 * index) for index in range(60)])
        assert outlook_of(ledger, BEGINNING + 60 * DAY)["exhausts_on"] == "2026-04-01"

    def test_counter_that_resets_with_the_period_is_projected(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(1000, resets=Resets.PERIOD))
        before = [*steady(4.5), (self.APRIL - SECOND, 1200)]
        after = [(self.APRIL + index * 12 * HOUR, 20 * index) for index in range(1, 41)]
        ledger.polls([*before, *after])
        row = outlook_of(ledger, after[-1][0])
        assert (row["used"], row["status"], row["exhausts_on"]) == (800, "exhausts", "2026-04-25")

    def test_counter_that_resets_with_the_period_is_known_from_its_middle(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(5000, resets=Resets.PERIOD))
        ledger.polls(steady(10, start=self.APRIL + 5 * DAY))
        row = outlook_of(ledger, self.APRIL + 15 * DAY)
        assert (row["used"], row["reason"]) == (1400, None)

    def test_one_poll_a_day_is_enough(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(1000))
        ledger.polls([(BEGINNING + index * DAY + 5 * HOUR, 40 * index) for index in range(20)])
        assert outlook_of(ledger, BEGINNING + 20 * DAY)["status"] == "exhausts"

    def test_two_polls_a_month_apart_give_an_interval_only(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(terms=terms(10_000, lifetime=True))
        ledger.polls([(BEGINNING, 0), (BEGINNING + 29 * DAY, 1000)])
        row = outlook_of(ledger, BEGINNING + 29 * DAY)
        assert row["exhausts_on"] is None
        assert "observed: an interval, no date" in str(row["reason"])

    def test_old_values_are_projected_from_where_they_end(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(1000))
        ledger.polls(steady(20))
        row = outlook_of(ledger, BEGINNING + 25 * DAY)
        assert (row["exhausts_on"], row["reason"]) == ("2026-04-25", "the last value is 5 days old")

    def test_asked_zone_names_the_days_and_moves_no_period(self, ledger: Ledger, terms: Terms) -> None:
        ledger.open(billing=MONTHLY, terms=terms(1000))
        course = steady(20.5)
        ledger.polls(course)
        row = outlook_of(ledger, course[-1][0], zone=ZoneInfo("Pacific/Kiritimati"))
        assert (row["period_start"], row["used"], row["exhausts_on"]) == (self.APRIL, 620, "2026-04-26")

    def test_row_without_a_quota_is_json(self, ledger: Ledger) -> None:
        ledger.polls(steady(1))
        out = io.StringIO()
        write_json([outlook_of(ledger, NOW)], out)
        (row,) = json.loads(out.getvalue(), parse_constant=pytest.fail)
        assert {name for name, value in row.items() if value is not None} == {
            "account", "meter", "unit", "status", "reason",
        }  # fmt: skip

    def test_many_meters_are_told_apart(self, ledger: Ledger, terms: Terms) -> None:
        for account, per_day in (("alpha", 40), ("beta", 80)):
            ledger.open(account, billing=MONTHLY, terms=terms(1000))
            ledger.polls(steady(20, per_day), account)
        frame = exhaustion_dates(ledger.database, ledger.question(BEGINNING + 20 * DAY))
        alpha, beta = (date.fromisoformat(str(one)) for one in frame["exhausts_on"])
        assert (abs(alpha - date(2026, 4, 25)) <= DAY, abs(beta - date(2026, 4, 13)) <= DAY) == (True, True)
        assert frame["per_day"].tolist() == pytest.approx([40, 80], rel=0.05)


def test_quota_of_a_day_that_is_used_in_office_hours_does_not_run_out_in_the_evening(ledger: Ledger) -> None:
    terms = {"credits": MeterTerms(quota=Quota(900))}
    ledger.open(zone=ZoneInfo("UTC"), billing=Billing(PeriodKind.DAILY), terms=terms)
    start = datetime(2026, 6, 1, tzinfo=UTC)
    for hour in range(0, 24 * 8 + 18 + 1, 3):
        days, part = divmod(hour, 24)
        ledger.poll(start + hour * HOUR, 800 * days + 100 * min(max(part - 9, 0), 8))
    now = start + 8 * DAY + 18 * HOUR
    (row,) = rows_of(exhaustion_dates(ledger.database, ledger.question(now)), exhaustion_report.COLUMNS)
    assert (row["used"], row["status"], row["exhausts_on"]) == (800, "lasts", None)
    assert row["probability"] == 0.01
    assert isinstance(row["projected_usage"], int)
    assert 800 <= row["projected_usage"] < 860
