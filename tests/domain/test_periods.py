from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.domain.calendar import start_of_day
from collector.domain.instants import instant_of, micros_of, parse_instant
from collector.domain.periods import Billing, Period, PeriodKind, period_at, period_of
from collector.domain.terms import FallTerms

BERLIN = ZoneInfo("Europe/Berlin")
ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "Africa/Cairo",
        "America/Santiago",
        "America/St_Johns",
        "America/Toronto",
        "Asia/Kathmandu",
        "Pacific/Apia",
    ]
).map(ZoneInfo)
INSTANTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001  bounds are naive, the zone is drawn beside them
    datetime(2080, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
BILLINGS = st.one_of(
    st.just(Billing(PeriodKind.DAILY)),
    st.builds(Billing, st.just(PeriodKind.WEEKLY), st.integers(1, 7)),
    st.builds(Billing, st.just(PeriodKind.MONTHLY), st.integers(1, 31)),
    st.builds(Billing, st.just(PeriodKind.YEARLY), st.integers(1, 31), st.integers(1, 12)),
)
THOROUGH = settings(max_examples=150, deadline=None)


def monthly(anchor_day: int) -> Billing:
    return Billing(PeriodKind.MONTHLY, anchor_day)


def yearly(anchor_day: int, anchor_month: int) -> Billing:
    return Billing(PeriodKind.YEARLY, anchor_day, anchor_month)


def certain_period_at(instant: datetime, billing: Billing, zone: ZoneInfo) -> Period:
    period = period_at(instant, billing, zone)
    assert period is not None
    return period


@pytest.mark.parametrize(
    ("billing", "day", "starts_on", "ends_on"),
    [
        pytest.param(Billing(PeriodKind.DAILY), date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 1), id="daily"),
        pytest.param(
            Billing(PeriodKind.WEEKLY, 1),
            date(2026, 10, 11),
            date(2026, 10, 5),
            date(2026, 10, 12),
            id="monday, sunday",
        ),
        pytest.param(
            Billing(PeriodKind.WEEKLY, 1), date(2026, 10, 5), date(2026, 10, 5), date(2026, 10, 12), id="monday, monday"
        ),
        pytest.param(
            Billing(PeriodKind.WEEKLY, 7), date(2026, 1, 2), date(2025, 12, 28), date(2026, 1, 4), id="sunday, new year"
        ),
        pytest.param(monthly(1), date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1), id="1st, december"),
        pytest.param(monthly(15), date(2026, 1, 14), date(2025, 12, 15), date(2026, 1, 15), id="15th, day before"),
        pytest.param(monthly(15), date(2026, 1, 15), date(2026, 1, 15), date(2026, 2, 15), id="15th, on the day"),
        pytest.param(monthly(31), date(2026, 2, 27), date(2026, 1, 31), date(2026, 2, 28), id="31st, short month"),
        pytest.param(monthly(31), date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 31), id="31st, last of february"),
        pytest.param(monthly(31), date(2026, 4, 30), date(2026, 4, 30), date(2026, 5, 31), id="31st, april"),
        pytest.param(monthly(30), date(2024, 2, 29), date(2024, 2, 29), date(2024, 3, 30), id="30th, leap day"),
        pytest.param(monthly(29), date(2025, 2, 28), date(2025, 2, 28), date(2025, 3, 29), id="29th, no leap year"),
        pytest.param(yearly(1, 1), date(2026, 12, 31), date(2026, 1, 1), date(2027, 1, 1), id="calendar year"),
        pytest.param(yearly(1, 4), date(2026, 3, 31), date(2025, 4, 1), date(2026, 4, 1), id="fiscal year"),
        pytest.param(yearly(29, 2), date(2025, 6, 1), date(2025, 2, 28), date(2026, 2, 28), id="leap day, plain year"),
        pytest.param(yearly(29, 2), date(2024, 2, 28), date(2023, 2, 28), date(2024, 2, 29), id="leap day, day before"),
        pytest.param(yearly(29, 2), date(2024, 2, 29), date(2024, 2, 29), date(2025, 2, 28), id="leap day, on the day"),
    ],
)
def test_period_of_a_day(billing: Billing, day: date, starts_on: date, ends_on: date) -> None:
    period = period_of(day, billing, ZoneInfo("UTC"))
    assert (period.starts_on, period.ends_on) == (starts_on, ends_on)


@pytest.mark.parametrize("anchor_day", range(1, 32))
@pytest.mark.parametrize("year", [2024, 2025], ids=["leap", "plain"])
def test_every_month_starts_one_period_on_its_anchor_or_last_day(anchor_day: int, year: int) -> None:
    days = [date(year, 1, 1) + n * ONE_DAY for n in range(365 + (year == 2024))]
    starts = {period_of(day, monthly(anchor_day), BERLIN).starts_on for day in days}
    expected = {date(year, month, min(anchor_day, monthrange(year, month)[1])) for month in range(1, 13)}
    assert {start for start in starts if start.year == year} == expected


def test_period_starts_and_ends_at_local_midnight() -> None:
    period = period_of(date(2025, 3, 20), monthly(15), BERLIN)
    assert (period.start, period.end) == (parse_instant("2025-03-14T23:00:00Z"), parse_instant("2025-04-14T22:00:00Z"))


def test_period_whose_midnight_is_skipped_starts_at_the_change() -> None:
    period = period_of(date(2024, 4, 26), Billing(PeriodKind.DAILY), ZoneInfo("Africa/Cairo"))
    assert (period.start, period.end - period.start) == (parse_instant("2024-04-25T22:00:00Z"), timedelta(hours=23))


def test_period_of_an_instant_is_that_of_its_local_day() -> None:
    late_in_utc = parse_instant("2026-01-31T23:30:00Z")
    assert certain_period_at(late_in_utc, monthly(1), BERLIN).starts_on == date(2026, 2, 1)


def test_account_without_periods_has_none_at_any_instant() -> None:
    assert period_at(parse_instant("2026-01-31T23:30:00Z"), Billing(), BERLIN) is None


def test_account_without_periods_has_none_to_look_up() -> None:
    with pytest.raises(ValueError, match="has none"):
        period_of(date(2026, 1, 31), Billing(), BERLIN)


def last_boundary(after: datetime, until: datetime, billing: Billing, zone: ZoneInfo) -> datetime | None:
    found = FallTerms(zone, billing).of_meter("credits").boundary(micros_of(after), micros_of(until))
    return None if found is None else instant_of(found)


@pytest.mark.parametrize(
    ("after", "until", "boundary"),
    [
        pytest.param("2026-01-10T00:00:00Z", "2026-01-20T00:00:00Z", "2026-01-15T00:00:00Z", id="between"),
        pytest.param("2026-01-10T00:00:00Z", "2026-04-20T00:00:00Z", "2026-04-15T00:00:00Z", id="latest of several"),
        pytest.param("2026-01-10T00:00:00Z", "2026-01-15T00:00:00Z", "2026-01-15T00:00:00Z", id="at the end"),
        pytest.param("2026-01-15T00:00:00Z", "2026-01-20T00:00:00Z", None, id="at the beginning"),
        pytest.param("2026-01-16T00:00:00Z", "2026-01-20T00:00:00Z", None, id="within one period"),
    ],
)
def test_last_boundary_is_after_the_first_and_not_after_the_second(
    after: str, until: str, boundary: str | None
) -> None:
    found = last_boundary(parse_instant(after), parse_instant(until), monthly(15), ZoneInfo("UTC"))
    assert found == (None if boundary is None else parse_instant(boundary))


def test_account_without_periods_has_no_boundary() -> None:
    assert (
        last_boundary(parse_instant("2020-01-01T00:00:00Z"), datetime(2026, 1, 1, tzinfo=UTC), Billing(), BERLIN)
        is None
    )


@THOROUGH
@given(INSTANTS, BILLINGS, ZONES)
@example(datetime(2010, 11, 7, 3, 0, tzinfo=UTC), Billing(PeriodKind.DAILY), ZoneInfo("America/St_Johns"))
@example(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), Billing(PeriodKind.DAILY), ZoneInfo("Pacific/Apia"))
def test_period_contains_its_instant(instant: datetime, billing: Billing, zone: ZoneInfo) -> None:
    period = certain_period_at(instant, billing, zone)
    assert period.start <= instant < period.end


@THOROUGH
@given(st.dates(date(1900, 1, 1), date(2080, 1, 1)), BILLINGS, ZONES)
def test_period_contains_its_day(day: date, billing: Billing, zone: ZoneInfo) -> None:
    period = period_of(day, billing, zone)
    assert period.starts_on <= day < period.ends_on
    assert period.start <= start_of_day(day, zone) <= start_of_day(day + ONE_DAY, zone) <= period.end


@THOROUGH
@given(INSTANTS, BILLINGS, ZONES)
def test_period_ends_where_the_next_one_starts(instant: datetime, billing: Billing, zone: ZoneInfo) -> None:
    period = certain_period_at(instant, billing, zone)
    assert certain_period_at(period.end, billing, zone).start == period.end


@THOROUGH
@given(INSTANTS, BILLINGS, ZONES)
def test_period_starts_where_the_one_before_ends(instant: datetime, billing: Billing, zone: ZoneInfo) -> None:
    period = certain_period_at(instant, billing, zone)
    assert certain_period_at(period.start - MICROSECOND, billing, zone).end == period.start


@THOROUGH
@given(INSTANTS, INSTANTS, BILLINGS, ZONES)
def test_no_boundary_lies_between_the_last_one_and_the_end(
    one: datetime, other: datetime, billing: Billing, zone: ZoneInfo
) -> None:
    after, until = min(one, other), max(one, other)
    boundary = last_boundary(after, until, billing, zone)
    same_period = certain_period_at(after, billing, zone) == certain_period_at(until, billing, zone)
    assert (boundary is None) == same_period
    assert boundary is None or after < boundary <= until < certain_period_at(boundary, billing, zone).end
