from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.instants import DAY, EPOCH, SECOND, format_instant, instant_of, micros_of, parse_instant

INSTANTS = st.datetimes(timezones=st.just(UTC))
OFFSETS = st.integers(-(23 * 60 + 59), 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NAIVE = EPOCH.replace(tzinfo=None)


def test_count_begins_with_1970() -> None:
    assert micros_of(EPOCH) == 0


def test_second_and_day_are_counted_in_microseconds() -> None:
    assert (instant_of(SECOND), instant_of(DAY)) == (EPOCH + timedelta(seconds=1), EPOCH + timedelta(days=1))


def test_instants_before_1970_are_negative() -> None:
    assert micros_of(EPOCH - timedelta(microseconds=1)) == -1


def test_zone_of_an_instant_does_not_change_its_count() -> None:
    assert micros_of(datetime(1970, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))) == 0


def test_both_hours_of_a_clock_set_back_are_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    assert micros_of(second) - micros_of(first) == 3600 * SECOND


@given(INSTANTS)
def test_count_and_instant_are_each_other_s_inverse(instant: datetime) -> None:
    assert instant_of(micros_of(instant)) == instant


@given(INSTANTS)
def test_written_instant_is_read_back_to_the_microsecond(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), OFFSETS)  # noqa: DTZ001  the zone is drawn beside it
def test_any_offset_names_the_same_instant(wall: datetime, offset: timezone) -> None:
    instant = wall.replace(tzinfo=offset)
    assert parse_instant(instant.isoformat()) == instant


@given(st.text())
def test_any_text_is_an_instant_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize("refuse", [micros_of, format_instant])
def test_naive_datetime_is_refused(refuse: object) -> None:
    assert callable(refuse)
    with pytest.raises(ValueError, match="needs a time zone"):
        refuse(NAIVE)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        pytest.param(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), "2026-01-31T23:59:59Z", id="whole second"),
        pytest.param(datetime(2026, 1, 31, 0, 0, 0, 500, tzinfo=UTC), "2026-01-31T00:00:00.000500Z", id="microseconds"),
        pytest.param(datetime(33, 4, 3, tzinfo=UTC), "0033-04-03T00:00:00Z", id="early year"),
        pytest.param(
            datetime(2026, 2, 1, 0, 59, 59, tzinfo=ZoneInfo("Europe/Berlin")), "2026-01-31T23:59:59Z", id="other zone"
        ),
    ],
)
def test_instant_is_written_in_utc(instant: datetime, text: str) -> None:
    assert format_instant(instant) == text


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2025-12-03T10:30:00Z", datetime(2025, 12, 3, 10, 30, tzinfo=UTC), id="Z"),
        pytest.param("2025-12-03t10:30:00z", datetime(2025, 12, 3, 10, 30, tzinfo=UTC), id="small letters"),
        pytest.param("2025-12-03T10:30:00+05:45", datetime(2025, 12, 3, 4, 45, tzinfo=UTC), id="east"),
        pytest.param("2025-12-03T23:30:00-02:30", datetime(2025, 12, 4, 2, 0, tzinfo=UTC), id="west, next day"),
        pytest.param("2025-12-03T10:30:00-00:00", datetime(2025, 12, 3, 10, 30, tzinfo=UTC), id="unknown offset"),
        pytest.param("2025-12-03T10:30:00.5Z", datetime(2025, 12, 3, 10, 30, 0, 500_000, tzinfo=UTC), id="1 digit"),
        pytest.param(
            "2025-12-03T10:30:00.123456999Z", datetime(2025, 12, 3, 10, 30, 0, 123_456, tzinfo=UTC), id="9 digits"
        ),
        pytest.param("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC), id="leap day"),
    ],
)
def test_rfc_3339_is_read(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("2025-12-03T10:30:00", id="naive"),
        pytest.param("2025-12-03 10:30:00Z", id="blank between"),
        pytest.param("2025-12-03T10:30:00Z\n", id="newline behind"),
        pytest.param(" 2025-12-03T10:30:00Z", id="blank before"),
        pytest.param("2025-12-03T10:30Z", id="no seconds"),
        pytest.param("2025-12-03T10:30:00.Z", id="point without digits"),
        pytest.param("2025-12-03T10:30:00,5Z", id="comma"),
        pytest.param("2025-12-03T10:30:00+0100", id="offset without colon"),
        pytest.param("2025-12-03T10:30:00+24:00", id="offset of a day"),
        pytest.param("2025-12-03T10:30:00+01:60", id="offset of 60 minutes"),
        pytest.param("2025-12-03T24:00:00Z", id="24:00"),
        pytest.param("2025-12-31T23:59:60Z", id="leap second"),
        pytest.param("2025-02-29T00:00:00Z", id="no leap year"),
        pytest.param("2025-13-01T00:00:00Z", id="month 13"),
        pytest.param("0000-01-01T00:00:00Z", id="year 0"),
        pytest.param("0001-01-01T00:00:00+00:01", id="before year 1"),
        pytest.param("9999-12-31T23:59:59-00:01", id="after year 9999"),
        pytest.param("1764757800000", id="epoch milliseconds"),
        pytest.param("03/04/2026", id="slashes"),
        pytest.param("٢٠٢٥-12-03T10:30:00Z", id="other digits"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|offset|calendar|range|month|day|hour|second|year"):
        parse_instant(text)
