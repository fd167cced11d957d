from __future__ import annotations

import io
import json

import pytest

from collector.app import logs
from collector.app.watchdog import Watchdog
from collector.errors import StorageError
from tests.app.timepiece import Timepiece


class Polling:
    """What is watched: when it last ticked, and who is late."""

    def __init__(self) -> None:
        self.last_tick = 0.0
        self.late: list[str] | Exception = []
        self.looked = 0

    def overdue(self) -> list[str]:
        self.looked += 1
        if isinstance(self.late, Exception):
            raise self.late
        return self.late


@pytest.fixture
def clock() -> Timepiece:
    return Timepiece()


@pytest.fixture
def polling() -> Polling:
    return Polling()


@pytest.fixture
def watchdog(polling: Polling, clock: Timepiece) -> Watchdog:
    return Watchdog(polling, clock)


def faults(watchdog: Watchdog, clock: Timepiece, seconds: int, polling: Polling | None = None) -> set[str | None]:
    """Look once a second; ``polling`` ticks before each look, if given."""
    found = set()
    for _ in range(seconds):
        clock.passes(1)
        if polling is not None:
            polling.last_tick = clock.monotonic()
        found.add(watchdog.fault())
    return found


class TestTick:
    def test_that_goes_on_is_no_fault(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        assert faults(watchdog, clock, 600, polling) == {None}

    def test_that_is_missing_for_a_minute_is_not_yet_one(self, watchdog: Watchdog, clock: Timepiece) -> None:
        assert faults(watchdog, clock, 60) == {None}

    def test_that_is_missing_for_longer_is_one(self, watchdog: Watchdog, clock: Timepiece) -> None:
        assert faults(watchdog, clock, 61) == {None, "no tick for 61 s"}

    def test_that_comes_late_is_forgiven(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        faults(watchdog, clock, 50)
        polling.last_tick = clock.monotonic()
        assert faults(watchdog, clock, 60) == {None}

    def test_is_not_missed_while_the_process_was_stopped(self, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.passes(7200)
        assert watchdog.fault() is None

    def test_is_not_missed_while_the_machine_slept(self, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.sleeps(7200)
        assert watchdog.fault() is None

    def test_missing_is_found_although_the_process_was_stopped(self, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.passes(7200)
        assert "no tick for 61 s" in faults(watchdog, clock, 61)


class TestLateAccounts:
    def test_none_is_no_fault(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        assert faults(watchdog, clock, 600, polling) == {None}

    def test_are_looked_for_twice_a_minute(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        faults(watchdog, clock, 600, polling)
        assert polling.looked == 20

    def test_are_a_fault_when_they_stay_late(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        polling.late = ["a", "b"]
        assert faults(watchdog, clock, 90, polling) == {None, "not polled for several intervals: a, b"}

    def test_that_are_polled_after_all_are_none(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        found = set()
        for late in (["a"], ["a", "b"], ["b"], ["a"], []):
            polling.late = list(late)
            found |= faults(watchdog, clock, 30, polling)
        assert found == {None}

    def test_are_not_all_named(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        polling.late = list("abcdefgh")
        assert "not polled for several intervals: a, b, c, d, e and 3 more" in faults(watchdog, clock, 90, polling)

    def test_cannot_be_told_without_a_database(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        polling.late = StorageError("locked")
        assert faults(watchdog, clock, 600, polling) == {None}


class TestClockStep:
    @pytest.fixture
    def log(self) -> io.StringIO:
        stream = io.StringIO()
        logs.configure(stream=stream)
        return stream

    @pytest.mark.parametrize("seconds", [3600, -3600, 5.1, -5.1])
    def test_is_found_once(self, seconds: float, watchdog: Watchdog, clock: Timepiece, log: io.StringIO) -> None:
        clock.is_set(seconds)
        assert [watchdog.clock_stepped(), watchdog.clock_stepped()] == [True, False]

    def test_is_told(self, watchdog: Watchdog, clock: Timepiece, log: io.StringIO) -> None:
        clock.is_set(-3600)
        watchdog.clock_stepped()
        assert json.loads(log.getvalue())["seconds"] == -3600

    @pytest.mark.parametrize("seconds", [0, 4.9, -4.9])
    def test_of_a_few_seconds_is_none(self, seconds: float, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.is_set(seconds)
        assert not watchdog.clock_stepped()

    def test_is_none_when_time_just_passes(self, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.passes(7200)
        assert not watchdog.clock_stepped()

    def test_is_none_when_the_machine_slept(self, watchdog: Watchdog, clock: Timepiece) -> None:
        clock.sleeps(7200)
        assert not watchdog.clock_stepped()

    def test_is_none_when_the_clock_is_put_right_slowly(self, watchdog: Watchdog, clock: Timepiece) -> None:
        stepped = set()
        for _ in range(20):
            clock.is_set(0.5)
            stepped.add(watchdog.clock_stepped())
        assert stepped == {False}
