from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.simulator.rhythm import Burst, Workload
from collector.simulator.traffic import History, Traffic

GENESIS = datetime(2025, 1, 1, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

HISTORY = Traffic(seed=1).history("nel_key")
INSTANTS = st.datetimes(datetime(2024, 12, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given by keyword

COUNTERS = [
    pytest.param(History.invocations_at, id="invocations"),
    pytest.param(History.requests_at, id="requests"),
    pytest.param(History.credits_at, id="credits"),
]
Counting = Callable[[History, datetime], int]


def growth(counter: Counting, start: datetime, end: datetime, history: History = HISTORY) -> int:
    return counter(history, end) - counter(history, start)


def counters(history: History, instant: datetime) -> tuple[int, int, int]:
    return history.invocations_at(instant), history.requests_at(instant), history.credits_at(instant)


@pytest.mark.parametrize("counter", COUNTERS)
@settings(deadline=None)
@given(instants=st.lists(INSTANTS, min_size=2, max_size=6))
def test_counters_never_fall(counter: Counting, instants: list[datetime]) -> None:
    values = [counter(HISTORY, instant) for instant in sorted(instants)]

    assert values == sorted(values)


@pytest.mark.parametrize("counter", COUNTERS)
def test_counters_open_with_a_balance(counter: Counting) -> None:
    assert counter(HISTORY, GENESIS - DAY) == counter(HISTORY, GENESIS - MICROSECOND) > 0


@settings(deadline=None)
@given(start=INSTANTS, length=st.timedeltas(timedelta(), timedelta(days=9)))
def test_requests_between_are_as_many_as_the_counter_grew(start: datetime, length: timedelta) -> None:
    assert len(HISTORY.requests_between(start, start + length)) == growth(History.requests_at, start, start + length)


@settings(deadline=None)
@given(start=INSTANTS, length=st.timedeltas(timedelta(), timedelta(days=9)))
def test_credits_of_completed_requests_are_the_counters_growth(start: datetime, length: timedelta) -> None:
    end = start + length
    ended = HISTORY.requests_between(start - HOUR, end)

    booked = sum(r.credits_used or 0 for r in ended if r.completed_at is not None and start < r.completed_at <= end)

    assert booked == growth(History.credits_at, start, end)


def test_credits_are_counted_at_the_microsecond_of_completion() -> None:
    record = next(r for r in HISTORY.requests_between(MONDAY, MONDAY + DAY) if r.credits_used)
    assert record.completed_at is not None

    step = growth(History.credits_at, record.completed_at - MICROSECOND, record.completed_at)

    assert step == record.credits_used


def test_a_request_is_counted_at_the_microsecond_of_its_creation() -> None:
    record = HISTORY.requests_between(MONDAY, MONDAY + DAY)[3]
    assert record.created_at is not None

    assert growth(History.requests_at, record.created_at - MICROSECOND, record.created_at) == 1


@settings(deadline=None)
@given(instant=INSTANTS, window=st.integers(0, 60))
def test_recent_is_the_end_of_the_history_most_recent_first(instant: datetime, window: int) -> None:
    made = HISTORY.requests_between(instant - timedelta(days=25), instant)
    expected = [record.request_id for record in reversed(made)][:window]

    assert [record.request_id for record in HISTORY.recent(instant, window)] == expected


def test_recent_shows_a_running_request_as_processing_without_credits() -> None:
    record = HISTORY.requests_between(MONDAY, MONDAY + DAY)[10]
    assert record.completed_at is not None
    shown = {r.request_id: r for r in HISTORY.recent(record.completed_at - MICROSECOND, 50)}[record.request_id]

    assert (shown.status, shown.completed_at, shown.credits_used) == ("processing", None, 0)


def test_recent_shows_an_ended_request_as_it_ended() -> None:
    record = HISTORY.requests_between(MONDAY, MONDAY + DAY)[10]
    assert record.completed_at is not None

    assert record in HISTORY.recent(record.completed_at, 50)


def test_recent_is_empty_before_the_first_request() -> None:
    assert HISTORY.recent(GENESIS - MICROSECOND, 20) == ()


def test_request_ids_are_distinct_uuids() -> None:
    records = HISTORY.requests_between(GENESIS, GENESIS + timedelta(days=365))

    assert len({str(UUID(record.request_id)) for record in records}) == len(records)


def test_requests_take_one_to_sixty_minutes() -> None:
    records = HISTORY.requests_between(MONDAY, MONDAY + timedelta(days=60))
    lengths = [r.completed_at - r.created_at for r in records if r.created_at and r.completed_at]

    assert timedelta(minutes=1) <= min(lengths) < timedelta(minutes=2) < 59 * max(lengths) / 60 <= 59 * HOUR / 60


def test_about_six_per_cent_fail() -> None:
    statuses = Counter(r.status for r in HISTORY.requests_between(GENESIS, GENESIS + timedelta(days=365)))

    assert statuses["failed"] / statuses.total() == pytest.approx(0.06, abs=0.01)


def test_a_request_costs_what_its_model_costs_and_nothing_when_it_failed() -> None:
    records = HISTORY.requests_between(MONDAY, MONDAY + timedelta(days=60))

    assert {(r.status, r.credits_used) for r in records} == {("completed", 250), ("completed", 500), ("failed", 0)}


def test_created_at_has_whole_seconds_or_milliseconds() -> None:
    records = HISTORY.requests_between(MONDAY, MONDAY + timedelta(days=60))
    fractions = [r.created_at.microsecond for r in records if r.created_at]

    assert (all(f % 1_000 == 0 for f in fractions), 0 in fractions, any(fractions)) == (True, True, True)


def test_weekdays_have_forty_to_a_hundred_and_twenty_requests_for_two_years() -> None:
    days = [GENESIS + n * DAY for n in range(730)]
    weekdays = [growth(History.requests_at, day, day + DAY) for day in days if day.weekday() < 5]

    assert 40 <= min(weekdays) <= max(weekdays) <= 120


@pytest.mark.parametrize("counter", COUNTERS)
def test_every_weekend_is_quieter_than_the_weekdays_around_it(counter: Counting) -> None:
    weeks = [MONDAY + n * 7 * DAY for n in range(8)]
    shares = [growth(counter, w + 5 * DAY, w + 7 * DAY) / growth(counter, w, w + 5 * DAY) for w in weeks]

    assert max(shares) < 0.15


def test_the_same_seed_and_key_tell_the_same_history() -> None:
    again = Traffic(seed=1).history("nel_key")

    assert (counters(again, MONDAY), again.recent(MONDAY, 40)) == (
        counters(HISTORY, MONDAY),
        HISTORY.recent(MONDAY, 40),
    )


@pytest.mark.parametrize(
    ("seed", "key"), [pytest.param(2, "nel_key", id="other seed"), pytest.param(1, "nel_other", id="other key")]
)
def test_another_seed_or_key_tells_another_history(seed: int, key: str) -> None:
    other = Traffic(seed).history(key)

    assert not {r.request_id for r in other.recent(MONDAY, 500)} & {r.request_id for r in HISTORY.recent(MONDAY, 500)}


@pytest.mark.parametrize("counter", COUNTERS)
def test_two_keys_grow_differently(counter: Counting) -> None:
    other = Traffic(seed=1).history("nel_other")

    assert growth(counter, GENESIS, MONDAY, other) != growth(counter, GENESIS, MONDAY)


def test_the_history_does_not_depend_on_the_order_of_questions() -> None:
    asked = Traffic(seed=1).history("nel_key")
    backwards = [counters(asked, MONDAY + n * HOUR) for n in range(200, -1, -1)]

    assert backwards[::-1] == [counters(HISTORY, MONDAY + n * HOUR) for n in range(201)]


def test_a_burst_makes_many_requests_in_a_short_time() -> None:
    start = MONDAY + 10 * HOUR
    quarter = HOUR / 4
    burst = Traffic(workload=Workload(bursts=(Burst(start, start + quarter, 60),))).history("nel_key")

    assert growth(History.requests_at, start, start + quarter, burst) > 60


def test_credits_agree_with_requests_during_a_burst() -> None:
    start, end = MONDAY + 10 * HOUR, MONDAY + 12 * HOUR
    burst = Traffic(workload=Workload(bursts=(Burst(start, start + HOUR / 3, 90),))).history("nel_key")
    records = burst.requests_between(start - HOUR, end)

    booked = sum(r.credits_used or 0 for r in records if r.completed_at is not None and start < r.completed_at <= end)

    assert booked == growth(History.credits_at, start, end, burst)


def test_a_forgotten_account_comes_back_with_the_same_history() -> None:
    traffic = Traffic(remembered=2)
    before = counters(traffic.history("first"), MONDAY)
    for key in ("second", "third"):
        traffic.history(key)

    assert counters(traffic.history("first"), MONDAY) == before


def test_two_years_after_genesis_are_reached_quickly() -> None:
    far = GENESIS + timedelta(days=731, hours=15, minutes=7)
    began = perf_counter()
    counters(Traffic(seed=3).history("fresh"), far)

    assert perf_counter() - began < 0.2
