from datetime import UTC, datetime, timedelta, timezone

import pytest

from collector.domain.instants import DAY, SECOND, micros_of
from collector.errors import UsageError
from collector.simulator.chance import Chance
from collector.simulator.rhythm import Burst, Rhythm, Workload

GENESIS = datetime(2025, 1, 1, tzinfo=UTC)
TUESDAY = datetime(2025, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rhythm(workload: Workload | None = None, per_weekday: int = 4_000) -> Rhythm:
    return Rhythm(Chance(b"test"), workload if workload is not None else Workload(), per_weekday)


def between(stream: Rhythm, start: datetime, end: datetime) -> int:
    return stream.count_at(micros_of(end)) - stream.count_at(micros_of(start))


def events_of(stream: Rhythm, day: int) -> list[int]:
    index = 0
    found: list[int] = []
    while index < stream.count_of_day(day):
        cell = stream.cell_holding(day, index)
        found.extend(cell.instants)
        index = cell.first + len(cell.instants)
    return found


def bursting(start: datetime, end: datetime, multiplier: int) -> Workload:
    return Workload(bursts=(Burst(start, end, multiplier),))


def test_nothing_happens_before_genesis() -> None:
    assert rhythm().count_at(micros_of(GENESIS) - 1) == 0


def test_an_event_counts_from_its_own_microsecond_on() -> None:
    stream = rhythm()
    day = (TUESDAY - GENESIS).days
    before = stream.count_at(micros_of(TUESDAY) - 1)
    events = events_of(stream, day)

    counted = [(stream.count_at(at - 1) - before, stream.count_at(at) - before) for at in events[:50]]

    assert counted == [(sum(e <= at - 1 for e in events), sum(e <= at for e in events)) for at in events[:50]]


def test_the_cells_of_a_day_hold_all_of_its_events_in_order() -> None:
    stream = rhythm()
    day = (TUESDAY - GENESIS).days
    events = events_of(stream, day)

    assert (len(events), events) == (between(stream, TUESDAY, TUESDAY + timedelta(days=1)), sorted(events))


def test_an_events_number_leads_to_its_day_and_place() -> None:
    stream = rhythm()
    number = stream.count_at(micros_of(TUESDAY + 10 * HOUR)) - 1
    day, index = stream.place_of(number)
    cell = stream.cell_holding(day, index)

    assert stream.count_at(cell.instants[index - cell.first]) == number + 1


def test_office_hours_are_busier_than_the_night() -> None:
    stream = rhythm()
    night = between(stream, TUESDAY, TUESDAY + 4 * HOUR)

    assert between(stream, TUESDAY + 9 * HOUR, TUESDAY + 13 * HOUR) > 10 * night


def test_traffic_grows_by_the_stated_share_a_year() -> None:
    stream = rhythm()
    year = timedelta(days=364)
    first, second = between(stream, GENESIS, GENESIS + year), between(stream, GENESIS + year, GENESIS + 2 * year)

    assert second / first == pytest.approx(1.225 / 1.075, rel=0.02)


def test_instants_are_cut_to_their_grain() -> None:
    stream = Rhythm(Chance(b"test"), Workload(), 4_000, (SECOND, 1_000))
    remainders = {at % SECOND for at in events_of(stream, 40)}

    assert (all(rest % 1_000 == 0 for rest in remainders), len(remainders) > 100) == (True, True)


def test_no_traffic_has_no_events() -> None:
    assert rhythm(per_weekday=0).count_at(micros_of(TUESDAY)) == 0


def test_a_burst_multiplies_its_interval() -> None:
    start = TUESDAY + timedelta(hours=10, minutes=7, seconds=13)
    usual = between(rhythm(), start, start + HOUR)
    burst = between(rhythm(bursting(start, start + HOUR, 50)), start, start + HOUR)

    assert burst / usual == pytest.approx(50, rel=0.15)


def test_a_burst_leaves_the_days_before_it_as_they_were() -> None:
    start = TUESDAY + 10 * HOUR
    burst = rhythm(bursting(start, start + HOUR, 50))
    day = (TUESDAY - GENESIS).days

    assert [events_of(burst, before) for before in (day - 2, day - 1)] == [
        events_of(rhythm(), before) for before in (day - 2, day - 1)
    ]


def test_a_burst_leaves_the_days_after_it_as_they_were() -> None:
    start = TUESDAY + 10 * HOUR
    day = (TUESDAY - GENESIS).days + 1

    assert events_of(rhythm(bursting(start, start + HOUR, 50)), day) == events_of(rhythm(), day)


def test_a_burst_over_midnight_touches_both_days() -> None:
    start = TUESDAY + 23 * HOUR
    stream = rhythm(bursting(start, start + 2 * HOUR, 30))

    grown = [between(stream, at, at + HOUR) / between(rhythm(), at, at + HOUR) > 15 for at in (start, start + HOUR)]

    assert grown == [True, True]


def test_a_multiplier_of_zero_silences_the_interval() -> None:
    start = TUESDAY + timedelta(hours=9, minutes=30)

    assert between(rhythm(bursting(start, start + 3 * HOUR, 0)), start, start + 3 * HOUR) == 0


def test_overlapping_bursts_multiply() -> None:
    start, end = TUESDAY + 9 * HOUR, TUESDAY + 12 * HOUR
    both = Workload(bursts=(Burst(start, end, 4), Burst(start + HOUR, end, 5)))
    inner = (start + HOUR, end)

    assert between(rhythm(both), *inner) / between(rhythm(), *inner) == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize(
    ("start", "end", "multiplier"),
    [
        pytest.param(TUESDAY, TUESDAY, 2, id="empty"),
        pytest.param(TUESDAY, TUESDAY - HOUR, 2, id="backwards"),
        pytest.param(TUESDAY, TUESDAY + HOUR, -1, id="negative multiplier"),
        pytest.param(TUESDAY.replace(tzinfo=None), TUESDAY + HOUR, 2, id="naive"),
        pytest.param(TUESDAY, TUESDAY + timedelta(microseconds=1), 2, id="not on a second"),
    ],
)
def test_an_impossible_burst_is_refused(start: datetime, end: datetime, multiplier: int) -> None:
    with pytest.raises(UsageError, match="a burst"):
        Burst(start, end, multiplier)


@pytest.mark.parametrize(
    "genesis",
    [
        pytest.param(datetime(2025, 1, 1), id="naive"),  # noqa: DTZ001 - naive on purpose
        pytest.param(datetime(2025, 1, 1, 1, tzinfo=UTC), id="not midnight"),
        pytest.param(datetime(2025, 1, 1, tzinfo=timezone(HOUR)), id="midnight of another zone"),
    ],
)
def test_a_genesis_that_is_no_utc_midnight_is_refused(genesis: datetime) -> None:
    with pytest.raises(UsageError, match="midnight in UTC"):
        Workload(genesis=genesis)


def test_negative_traffic_is_refused() -> None:
    with pytest.raises(UsageError, match="0 or more"):
        Workload(requests_per_weekday=-1)


def test_a_day_has_the_same_events_whatever_was_asked_before() -> None:
    asked = rhythm()
    for day in range(100, 0, -7):
        asked.count_at(micros_of(GENESIS) + day * DAY)

    assert events_of(asked, 60) == events_of(rhythm(), 60)
