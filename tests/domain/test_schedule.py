from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.accounts import Account
from collector.domain.calendar import days_between, start_of_day
from collector.domain.instants import EPOCH
from collector.domain.schedule import Failure, next_poll_at, phase_of

Make = Callable[..., Account]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)
LATENCY = timedelta(milliseconds=300)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - by keyword
INTERVALS = st.integers(5, 86_400).map(lambda seconds: timedelta(seconds=seconds))
NAMES = st.integers(0, 10**6).map(lambda number: f"account-{number}")


def polls(account: Account, start: datetime, end: datetime) -> list[datetime]:
    """Every poll of ``[start, end)``, each answered a little after it was due."""
    found = []
    at = next_poll_at(account, start)
    while at < end:
        found.append(at)
        at = next_poll_at(account, at + LATENCY)
    return found


def test_an_account_keeps_its_place_over_restarts_and_releases() -> None:
    assert phase_of("nellie-prod") == 0.5590191383687788


@given(NAMES, INSTANTS, INTERVALS)
def test_the_next_poll_is_always_ahead_and_at_most_one_interval_away(
    make_account: Make, name: str, now: datetime, every: timedelta
) -> None:
    at = next_poll_at(make_account(name, poll_every=every), now)
    assert now < at <= now + every


@given(NAMES, INSTANTS.filter(lambda now: 1 <= now.hour < 22), st.integers(5, 3600))
def test_slots_lie_on_a_grid_of_the_accounts_own(make_account: Make, name: str, now: datetime, seconds: int) -> None:
    every = timedelta(seconds=seconds)
    at = next_poll_at(make_account(name, poll_every=every), now)
    assert (at - EPOCH) % every == every * phase_of(name) or at - now == min(timedelta(seconds=10), every * 0.9)


@given(NAMES, INSTANTS, INTERVALS)
def test_no_poll_follows_another_within_ten_seconds(
    make_account: Make, name: str, now: datetime, every: timedelta
) -> None:
    at = next_poll_at(make_account(name, poll_every=every), now)
    assert at - now >= min(timedelta(seconds=10), every * 0.9)


def test_a_late_poll_does_not_shift_the_slots(make_account: Make) -> None:
    account = make_account()
    slot = next_poll_at(account, NOON)
    assert next_poll_at(account, slot + timedelta(minutes=4)) == slot + EVERY


def test_slots_do_not_depend_on_when_the_collector_started(make_account: Make) -> None:
    account, start = make_account(), datetime(2026, 3, 10, 13, tzinfo=UTC)
    later = start + timedelta(minutes=30, seconds=17)
    assert [at for at in polls(account, start, start + timedelta(hours=2)) if at > later] == polls(
        account, later, start + timedelta(hours=2)
    )


def test_slots_are_the_interval_apart(make_account: Make) -> None:
    found = polls(make_account(), NOON, NOON + timedelta(hours=3))
    assert {later - earlier for earlier, later in pairwise(found)} == {EVERY}


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("UTC", date(2026, 1, 1), {24}),
        ("Europe/Berlin", date(2026, 3, 28), {23, 24}),
        ("Europe/Berlin", date(2026, 10, 24), {24, 25}),
        ("America/New_York", date(2026, 10, 31), {24, 25}),
        ("Asia/Kathmandu", date(2026, 6, 1), {24}),
        ("Africa/Cairo", date(2026, 4, 23), {23, 24}),
        ("America/Santiago", date(2026, 9, 5), {23, 24}),
        ("Australia/Lord_Howe", date(2026, 10, 3), {23.5, 24}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["nellie-prod", "nected-dev", "a", "account-92"])
@pytest.mark.parametrize("every", [timedelta(minutes=5), timedelta(hours=7), timedelta(days=2)], ids=str)
def test_each_local_midnight_has_a_poll_just_before_and_just_after(
    make_account: Make, zone: str, first: date, hours: set[float], name: str, every: timedelta
) -> None:
    account = make_account(name, zone=ZoneInfo(zone), poll_every=every)
    days = list(days_between(first, first + timedelta(days=4), account.zone))
    assert {(end - start) / timedelta(hours=1) for _, start, end in days} == hours
    found = polls(account, days[0][1] - timedelta(hours=1), days[-1][2] + timedelta(hours=1))
    for midnight in [days[0][1], *(end for _, _, end in days)]:
        assert any(timedelta(0) < midnight - at <= timedelta(seconds=31) for at in found)
        assert any(timedelta(0) < at - midnight <= timedelta(seconds=30) for at in found)


def test_midnight_costs_at_most_two_polls_more_a_day(make_account: Make) -> None:
    account = make_account(zone=ZoneInfo("Europe/Berlin"))
    start = start_of_day(date(2026, 6, 1), account.zone) + timedelta(hours=1)
    assert len(polls(account, start, start + timedelta(days=1))) == 24 * 12 + 2


@given(NAMES, st.integers(1, 40))
def test_backoff_doubles_from_one_minute_to_fifteen_and_never_exceeds_them(
    make_account: Make, name: str, in_a_row: int
) -> None:
    account = make_account(name, poll_every=timedelta(days=400))
    at = next_poll_at(account, NOON, Failure(True, in_a_row))
    most = timedelta(minutes=min(2 ** (in_a_row - 1), 15))
    assert 0.75 * most <= at - NOON <= most or at == next_poll_at(account, NOON)


@pytest.mark.parametrize(
    ("in_a_row", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (6, 15), (1000, 15)], ids=str
)
def test_backoff_spreads_the_accounts_over_a_quarter_of_itself(make_account: Make, in_a_row: int, minutes: int) -> None:
    patience = [
        next_poll_at(make_account(f"a{number}", poll_every=timedelta(days=400)), NOON, Failure(True, in_a_row)) - NOON
        for number in range(300)
    ]
    assert max(patience) - min(patience) == pytest.approx(timedelta(minutes=minutes) / 4, rel=0.05)


def test_backoff_never_waits_past_the_next_slot(make_account: Make) -> None:
    account = make_account()
    assert next_poll_at(account, NOON, Failure(True, 9)) == next_poll_at(account, NOON)


@pytest.mark.parametrize("in_a_row", [1, 2, 3, 4])
def test_a_terminal_fault_waits_for_the_next_slot(make_account: Make, in_a_row: int) -> None:
    account = make_account()
    assert next_poll_at(account, NOON, Failure(False, in_a_row)) == next_poll_at(account, NOON)


@pytest.mark.parametrize("in_a_row", [5, 6, 99])
def test_a_terminal_fault_that_stays_is_asked_six_times_slower(make_account: Make, in_a_row: int) -> None:
    account, failure = make_account(), Failure(False, in_a_row)
    at = next_poll_at(account, NOON, failure)
    assert next_poll_at(account, at, failure) - at == 6 * EVERY


@pytest.mark.parametrize("transient", [True, False], ids=["transient", "terminal"])
def test_retry_after_wins(make_account: Make, transient: bool) -> None:
    until = NOON + timedelta(hours=1)
    assert next_poll_at(make_account(), NOON, Failure(transient, 1, until)) == until


def test_a_short_retry_after_does_not_shorten_the_backoff(make_account: Make) -> None:
    account = make_account(poll_every=timedelta(hours=6))
    short = Failure(True, 3, NOON + timedelta(seconds=1))
    assert next_poll_at(account, NOON, short) == next_poll_at(account, NOON, Failure(True, 3))


def test_ten_thousand_accounts_spread_evenly_over_the_interval(make_account: Make) -> None:
    due = [next_poll_at(make_account(f"account-{number}"), NOON) for number in range(10_000)]
    per_second = Counter((at - NOON) // timedelta(seconds=1) for at in due)
    # Those within ten seconds of now come ten seconds later, together; the others keep their places.
    assert len(per_second) == 290
    assert sorted(per_second.values())[-2] < 70  # 33 on average


def test_ten_thousand_accounts_spread_around_midnight(make_account: Make) -> None:
    before = datetime(2026, 3, 10, 23, 59, 15, tzinfo=UTC)
    accounts = [make_account(f"account-{number}", poll_every=timedelta(days=9)) for number in range(10_000)]
    per_second = Counter((next_poll_at(one, before) - before) // timedelta(seconds=1) for one in accounts)
    assert max(per_second.values()) < 600  # 400 on average


class TestShorterInterval:
    @given(NAMES, INSTANTS, INTERVALS, st.integers(1, 10))
    def test_next_poll_is_ahead_and_at_most_so_far_away(
        self, make_account: Make, name: str, now: datetime, every: timedelta, parts: int
    ) -> None:
        shorter = max(every / parts, min(timedelta(seconds=10), every))
        at = next_poll_at(make_account(name, poll_every=every), now, None, shorter)
        assert now < at <= now + shorter

    @given(NAMES, INSTANTS.filter(lambda now: 1 <= now.hour < 22))
    def test_its_slots_are_among_those_of_the_longer_ones(self, make_account: Make, name: str, now: datetime) -> None:
        account = make_account(name)
        slots = [next_poll_at(account, now, None, EVERY / parts) for parts in (1, 2, 4, 8)]
        assert slots == sorted(slots, reverse=True)
        later = now
        while later < slots[0]:
            later = next_poll_at(account, later, None, EVERY / 8)
        assert later == slots[0] or slots[0] - now == timedelta(seconds=10)

    def test_slots_are_the_interval_apart(self, make_account: Make) -> None:
        at, found = NOON, []
        while at < NOON + timedelta(minutes=30):
            at = next_poll_at(make_account(), at + LATENCY, None, EVERY / 4)
            found.append(at)
        assert {later - before for before, later in pairwise(found)} == {EVERY / 4}

    def test_failed_poll_is_repeated_as_ever(self, make_account: Make) -> None:
        failure = Failure(transient=False, in_a_row=5)
        assert next_poll_at(make_account(), NOON, failure, EVERY / 8) == next_poll_at(make_account(), NOON, failure)
