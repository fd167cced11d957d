from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.domain.calendar import day_of, days_between, start_of_day
from collector.domain.instants import parse_instant

# Every kind of midnight: plain, skipped, repeated, passed twice, whole days skipped or lived twice, odd offsets.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",
    "America/Santiago",
    "America/Havana",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Toronto",
    "Antarctica/Casey",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kwajalein",
]
IN_ZONES = st.sampled_from(ZONES).map(ZoneInfo)
DAYS = st.dates(date(1900, 1, 1), date(2080, 1, 1))
INSTANTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001  bounds are naive, the zone is drawn beside them
    datetime(2080, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
THOROUGH = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        pytest.param("UTC", date(2026, 1, 31), "2026-01-31T00:00:00Z", id="UTC"),
        pytest.param("Europe/Berlin", date(2025, 3, 30), "2025-03-29T23:00:00Z", id="before the clock goes forward"),
        pytest.param("Europe/Berlin", date(2025, 3, 31), "2025-03-30T22:00:00Z", id="after the clock went forward"),
        pytest.param("Asia/Kathmandu", date(2026, 1, 1), "2025-12-31T18:15:00Z", id="45 minutes"),
        pytest.param("Asia/Kolkata", date(2026, 1, 1), "2025-12-31T18:30:00Z", id="30 minutes"),
        pytest.param("Pacific/Chatham", date(2026, 1, 1), "2025-12-31T10:15:00Z", id="nearly 14 hours"),
        pytest.param("Africa/Cairo", date(2024, 4, 26), "2024-04-25T22:00:00Z", id="no midnight in Cairo"),
        pytest.param("America/Santiago", date(2024, 9, 8), "2024-09-08T04:00:00Z", id="no midnight in Santiago"),
        pytest.param("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00:00Z", id="no midnight in São Paulo"),
        pytest.param("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30:00Z", id="first instant is 00:30"),
        pytest.param("America/Havana", date(2024, 11, 3), "2024-11-03T04:00:00Z", id="midnight comes twice"),
        pytest.param("America/St_Johns", date(2010, 11, 7), "2010-11-07T02:30:00Z", id="set back behind midnight"),
        pytest.param("Pacific/Apia", date(2011, 12, 29), "2011-12-29T10:00:00Z", id="before the skipped date"),
        pytest.param("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00:00Z", id="the skipped date"),
        pytest.param("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00:00Z", id="after the skipped date"),
    ],
)
def test_day_starts_at_its_first_instant(zone: str, day: date, start: str) -> None:
    assert start_of_day(day, ZoneInfo(zone)) == parse_instant(start)


def test_first_instant_after_a_skipped_midnight_is_not_midnight() -> None:
    toronto = ZoneInfo("America/Toronto")
    assert start_of_day(date(1919, 3, 31), toronto).astimezone(toronto).isoformat() == "1919-03-31T00:30:00-04:00"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("UTC", date(2025, 3, 30), 24, id="UTC"),
        pytest.param("Europe/Berlin", date(2025, 3, 29), 24, id="Berlin, plain"),
        pytest.param("Europe/Berlin", date(2025, 3, 30), 23, id="Berlin, forward"),
        pytest.param("Europe/Berlin", date(2025, 10, 26), 25, id="Berlin, back"),
        pytest.param("America/New_York", date(2025, 3, 9), 23, id="New York, forward"),
        pytest.param("America/New_York", date(2025, 11, 2), 25, id="New York, back"),
        pytest.param("Africa/Cairo", date(2024, 4, 26), 23, id="Cairo, forward at midnight"),
        pytest.param("Africa/Cairo", date(2024, 10, 31), 25, id="Cairo, back at midnight"),
        pytest.param("America/Santiago", date(2024, 9, 8), 23, id="Santiago, forward at midnight"),
        pytest.param("America/Santiago", date(2024, 4, 6), 25, id="Santiago, back at midnight"),
        pytest.param("Australia/Lord_Howe", date(2025, 10, 5), 23.5, id="Lord Howe, half an hour forward"),
        pytest.param("Australia/Lord_Howe", date(2025, 4, 6), 24.5, id="Lord Howe, half an hour back"),
        pytest.param("America/Toronto", date(1919, 3, 30), 23.5, id="Toronto, its last half hour skipped"),
        pytest.param("America/Toronto", date(1919, 3, 31), 23.5, id="Toronto, its first half hour skipped"),
        pytest.param("America/St_Johns", date(2010, 11, 7), 25, id="St. John's, back behind midnight"),
        pytest.param("Pacific/Kwajalein", date(1969, 9, 30), 47, id="Kwajalein, a day lived twice"),
    ],
)
def test_day_is_as_long_as_the_zone_makes_it(zone: str, day: date, hours: float) -> None:
    [(found, start, end)] = days_between(day, day + ONE_DAY, ZoneInfo(zone))
    assert (found, end - start) == (day, hours * HOUR)


def test_skipped_date_is_no_day() -> None:
    days = days_between(date(2011, 12, 29), date(2012, 1, 1), ZoneInfo("Pacific/Apia"))
    assert [day for day, _, _ in days] == [date(2011, 12, 29), date(2011, 12, 31)]


@pytest.mark.parametrize("end", [date(2025, 3, 30), date(2025, 3, 29)], ids=["empty", "inverted"])
def test_no_dates_have_no_days(end: date) -> None:
    assert list(days_between(date(2025, 3, 30), end, ZoneInfo("Europe/Berlin"))) == []


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        pytest.param("Europe/Berlin", "2025-03-29T22:59:59.999999Z", date(2025, 3, 29), id="just before midnight"),
        pytest.param("Europe/Berlin", "2025-03-29T23:00:00Z", date(2025, 3, 30), id="at midnight"),
        pytest.param("Europe/Berlin", "2025-10-26T01:30:00Z", date(2025, 10, 26), id="in a repeated hour"),
        pytest.param("America/Havana", "2024-11-03T05:00:00Z", date(2024, 11, 3), id="at the second midnight"),
        pytest.param("Africa/Cairo", "2024-04-25T21:59:59Z", date(2024, 4, 25), id="before a skipped midnight"),
        pytest.param("America/St_Johns", "2010-11-07T02:29:59Z", date(2010, 11, 6), id="before the first midnight"),
        pytest.param("America/St_Johns", "2010-11-07T02:30:59Z", date(2010, 11, 7), id="before the clock is set back"),
        pytest.param("America/St_Johns", "2010-11-07T02:31:00Z", date(2010, 11, 7), id="set back to the day before"),
        pytest.param("America/St_Johns", "2010-11-07T03:30:00Z", date(2010, 11, 7), id="at the second midnight again"),
    ],
)
def test_instant_falls_on_the_day_that_contains_it(zone: str, instant: str, day: date) -> None:
    assert day_of(parse_instant(instant), ZoneInfo(zone)) == day


def test_naive_datetime_falls_on_no_day() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        day_of(datetime(2025, 3, 30), ZoneInfo("UTC"))  # noqa: DTZ001  naive on purpose


@THOROUGH
@given(INSTANTS, IN_ZONES)
@example(datetime(2010, 11, 7, 3, 0, tzinfo=UTC), ZoneInfo("America/St_Johns"))
@example(datetime(2010, 3, 4, 15, 30, tzinfo=UTC), ZoneInfo("Antarctica/Casey"))
@example(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), ZoneInfo("Pacific/Apia"))
@example(datetime(1919, 3, 31, 4, 30, tzinfo=UTC), ZoneInfo("America/Toronto"))
def test_every_instant_lies_within_its_day(instant: datetime, zone: ZoneInfo) -> None:
    day = day_of(instant, zone)
    assert start_of_day(day, zone) <= instant < start_of_day(day + ONE_DAY, zone)


@THOROUGH
@given(DAYS, IN_ZONES)
@example(date(1919, 3, 31), ZoneInfo("America/Toronto"))
@example(date(2024, 4, 26), ZoneInfo("Africa/Cairo"))
@example(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
def test_nothing_of_a_day_lies_before_its_start(day: date, zone: ZoneInfo) -> None:
    assert day_of(start_of_day(day, zone) - MICROSECOND, zone) < day


@THOROUGH
@given(DAYS, st.integers(0, 40), IN_ZONES)
@example(date(2011, 12, 20), 20, ZoneInfo("Pacific/Apia"))
@example(date(1993, 8, 10), 20, ZoneInfo("Pacific/Kwajalein"))
def test_days_tile_time(first: date, count: int, zone: ZoneInfo) -> None:
    end = first + count * ONE_DAY
    days = list(days_between(first, end, zone))
    edges = [start_of_day(first, zone), *(stop for _, _, stop in days)]
    assert [start for _, start, _ in days] == edges[:-1]
    assert edges[-1] == start_of_day(end, zone)


@THOROUGH
@given(DAYS, IN_ZONES)
def test_no_yielded_day_is_empty(first: date, zone: ZoneInfo) -> None:
    assert all(start < stop for _, start, stop in days_between(first, first + 5 * ONE_DAY, zone))
