from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.named_periods import Span, name_of, period_named, span_of
from collector.domain.periods import Billing, PeriodKind, period_of

NONE = Billing()
DAILY = Billing(PeriodKind.DAILY)
WEEKLY = Billing(PeriodKind.WEEKLY, 3)
MONTHLY = Billing(PeriodKind.MONTHLY, 15)
YEARLY = Billing(PeriodKind.YEARLY, 1, 4)
UTC_ZONE = ZoneInfo("UTC")

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia"]
).map(ZoneInfo)
BILLINGS = st.one_of(
    st.just(DAILY),
    st.builds(Billing, st.just(PeriodKind.WEEKLY), st.integers(1, 7)),
    st.builds(Billing, st.just(PeriodKind.MONTHLY), st.integers(1, 31)),
    st.builds(Billing, st.just(PeriodKind.YEARLY), st.integers(1, 31), st.integers(1, 12)),
)
DAYS = st.dates(date(1902, 1, 1), date(2120, 1, 1))


@pytest.mark.parametrize(
    ("text", "billing", "starts_on", "ends_on"),
    [
        pytest.param("2026-10", MONTHLY, date(2026, 10, 15), date(2026, 11, 15), id="month, 15th"),
        pytest.param("2026-12", MONTHLY, date(2026, 12, 15), date(2027, 1, 15), id="december"),
        pytest.param(
            "2026-02", Billing(PeriodKind.MONTHLY, 31), date(2026, 2, 28), date(2026, 3, 31), id="short month"
        ),
        pytest.param("2026-10-15", MONTHLY, date(2026, 10, 15), date(2026, 11, 15), id="month by its first day"),
        pytest.param("2026-W41", WEEKLY, date(2026, 10, 7), date(2026, 10, 14), id="week that starts on wednesday"),
        pytest.param("2026-W53", WEEKLY, date(2026, 12, 30), date(2027, 1, 6), id="week 53"),
        pytest.param("2026-10-07", WEEKLY, date(2026, 10, 7), date(2026, 10, 14), id="week by its first day"),
        pytest.param("2026", YEARLY, date(2026, 4, 1), date(2027, 4, 1), id="fiscal year"),
        pytest.param("2026-10-15", DAILY, date(2026, 10, 15), date(2026, 10, 16), id="day"),
        pytest.param("2026", NONE, date(2026, 1, 1), date(2027, 1, 1), id="calendar year"),
        pytest.param("2026-10", NONE, date(2026, 10, 1), date(2026, 11, 1), id="calendar month"),
        pytest.param("2026-W41", NONE, date(2026, 10, 5), date(2026, 10, 12), id="iso week"),
        pytest.param("2026-10-15", NONE, date(2026, 10, 15), date(2026, 10, 16), id="calendar day"),
    ],
)
def test_text_names_the_period_that_starts_in_it(text: str, billing: Billing, starts_on: date, ends_on: date) -> None:
    period = period_named(text, billing, UTC_ZONE)
    assert (period.starts_on, period.ends_on) == (starts_on, ends_on)


def test_period_begins_at_the_midnight_of_the_zone() -> None:
    period = period_named("2026-10", NONE, ZoneInfo("America/New_York"))
    assert (period.start, period.end) == (
        datetime(2026, 10, 1, 4, tzinfo=UTC),
        datetime(2026, 11, 1, 4, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "billing", "near"),
    [
        pytest.param("2026-10", WEEKLY, "2026-W40", id="month of a weekly account: several"),
        pytest.param("2026", MONTHLY, "2025-12", id="year of a monthly account: several"),
        pytest.param("2026-W41", MONTHLY, "2026-09", id="week of a monthly account"),
        pytest.param("2026-10", DAILY, "2026-10-01", id="month of a daily account: several"),
        pytest.param("2026-10", YEARLY, "2026", id="month of a yearly account"),
        pytest.param("2026-10-16", MONTHLY, "2026-10", id="day that is not the first"),
        pytest.param("2026-10-14", MONTHLY, "2026-09", id="day before the first"),
    ],
)
def test_text_that_names_no_period_is_refused_with_the_nearest(text: str, billing: Billing, near: str) -> None:
    with pytest.raises(ValueError, match=rf" is {near}\b"):
        period_named(text, billing, UTC_ZONE)


@pytest.mark.parametrize(
    "text",
    ["", "october", "26-10", "2026-1", "2026-13", "2026-00", "2026-W54", "2025-W53", "2026-02-30", "2026-W41-1",
     "2026-10\n", " 2026", "\N{FULLWIDTH DIGIT TWO}026", "1899-12", "9000", "0000", "9999-12-31"],
)  # fmt: skip
def test_text_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"period|calendar"):
        span_of(text)


def test_month_spans_to_the_first_of_the_next() -> None:
    assert span_of("2026-12") == Span(PeriodKind.MONTHLY, date(2026, 12, 1), date(2027, 1, 1))


@pytest.mark.parametrize("billing", [NONE, DAILY], ids=["calendar day", "billing day"])
def test_day_that_a_zone_skipped_is_no_period(billing: Billing) -> None:
    with pytest.raises(ValueError, match="skipped that day"):
        period_named("2011-12-30", billing, ZoneInfo("Pacific/Apia"))


@given(DAYS, BILLINGS, ZONES)
def test_name_of_a_period_names_it(day: date, billing: Billing, zone: ZoneInfo) -> None:
    period = period_of(day, billing, zone)
    if period.start < period.end:
        assert period_named(name_of(period, billing), billing, zone) == period


@given(DAYS, BILLINGS, ZONES)
def test_first_day_of_a_period_names_it(day: date, billing: Billing, zone: ZoneInfo) -> None:
    period = period_of(day, billing, zone)
    if period.start < period.end:
        assert period_named(period.starts_on.isoformat(), billing, zone) == period


@given(DAYS, st.sampled_from(["%G-W%V", "%Y-%m-%d", "%Y-%m", "%Y"]))
def test_calendar_period_has_the_name_it_was_asked_for_by(day: date, shape: str) -> None:
    text = day.strftime(shape)
    assert name_of(period_named(text, NONE, UTC_ZONE), NONE) == text
