from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest

from collector.app import logs
from collector.app.watchdog import ReportsWatch, Watchdog, silence_of
from tests.app.timepiece import Timepiece


class Polling:
    """What is watched: when it last ticked, whether it is at it, and who is late."""

    def __init__(self) -> None:
        self.last_tick = 0.0
        self.ticking = False
        self.late: list[str] = []
        self.stalled = False
        self._looks = 0

    @property
    def late_looks(self) -> int:
        """Every look is a new one unless who looks has stalled."""
        self._looks += not self.stalled
        return self._looks


@pytest.fixture
def clock() -> Timepiece:
    return Timepiece()


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    logs.configure(stream=stream)
    return stream


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

    def test_is_borne_as_long_as_was_told_last(self, watchdog: Watchdog, clock: Timepiece) -> None:
        watchdog.bear(10)
        assert faults(watchdog, clock, 11) == {None, "no tick for 11 s"}

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

    def test_are_none_while_another_keeps_the_database(self, clock: Timepiece, polling: Polling) -> None:
        kept = [True]
        watchdog = Watchdog(polling, clock, storage_is_free=lambda: not kept[0])
        polling.late = ["a"]
        assert faults(watchdog, clock, 600, polling) == {None}
        kept[0] = False
        assert faults(watchdog, clock, 59, polling) == {None}
        assert "not polled for several intervals: a" in faults(watchdog, clock, 60, polling)

    def test_are_not_counted_again_by_an_old_look(self, watchdog: Watchdog, clock: Timepiece, polling: Polling) -> None:
        polling.late = ["a"]
        faults(watchdog, clock, 30, polling)
        polling.stalled = True
        assert faults(watchdog, clock, 600, polling) == {None}


class TestClockStep:
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


@pytest.mark.parametrize(
    ("shortest", "deadline", "seconds"),
    [(300, 30, 57), (10, 30, 57), (10, 5, 32), (1, 2, 3.5), (1, 1, 3.5)],
    ids=["usual", "quickest elsewhere", "quick to give up", "on loopback", "never less"],
)
def test_silence_is_three_intervals_and_a_deadline_at_the_most(shortest: int, deadline: int, seconds: float) -> None:
    assert silence_of(timedelta(seconds=shortest), timedelta(seconds=deadline)) == seconds


class TestTickThatIsAtWork:
    """It may be waiting for the database."""

    @pytest.fixture(autouse=True)
    def _ticking(self, polling: Polling) -> None:
        polling.ticking = True

    def test_is_given_time_to_store(self, polling: Polling, clock: Timepiece) -> None:
        assert faults(Watchdog(polling, clock, 5.0), clock, 40) == {None}

    def test_is_dead_after_that(self, polling: Polling, clock: Timepiece) -> None:
        assert "no tick for 41 s" in faults(Watchdog(polling, clock, 5.0), clock, 41)

    def test_is_not_while_another_keeps_the_database(self, polling: Polling, clock: Timepiece) -> None:
        kept = [True]
        watchdog = Watchdog(polling, clock, 5.0, lambda: not kept[0])
        assert faults(watchdog, clock, 600) == {None}
        kept[0] = False
        assert "no tick for 601 s" in faults(watchdog, clock, 1)

    def test_that_has_ended_is_no_excuse(self, polling: Polling, clock: Timepiece) -> None:
        polling.ticking = False
        assert "no tick for 6 s" in faults(Watchdog(polling, clock, 5.0, lambda: False), clock, 6)


class Reports:
    """Reports whose last step ended some time ago."""

    def __init__(self) -> None:
        self.last_step = 0.0


class TestReports:
    LONGEST = timedelta(minutes=30)

    @pytest.fixture
    def reports(self) -> Reports:
        return Reports()

    @pytest.fixture
    def watch(self, reports: Reports, clock: Timepiece, log: io.StringIO) -> ReportsWatch:
        return ReportsWatch(reports, clock, self.LONGEST)

    def look(self, watch: ReportsWatch, clock: Timepiece, minutes: int) -> set[str | None]:
        found = set()
        for _ in range(minutes * 60):
            clock.passes(1)
            found.add(watch.fault())
        return found

    def test_that_go_on_are_no_fault(self, watch: ReportsWatch, reports: Reports, clock: Timepiece) -> None:
        for _ in range(10):
            reports.last_step = clock.monotonic()
            assert self.look(watch, clock, 20) == {None}
        assert not watch.stalled

    def test_that_hang_are_told_once_and_polling_goes_on(
        self, watch: ReportsWatch, clock: Timepiece, log: io.StringIO
    ) -> None:
        assert self.look(watch, clock, 60) == {None}
        assert watch.stalled
        (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
        assert (line["level"], line["event"]) == ("error", "scheduled reports have stalled; polling goes on")

    def test_that_go_on_again_are_told(
        self, watch: ReportsWatch, reports: Reports, clock: Timepiece, log: io.StringIO
    ) -> None:
        self.look(watch, clock, 60)
        reports.last_step = clock.monotonic()
        self.look(watch, clock, 1)
        assert not watch.stalled
        assert "scheduled reports go on" in log.getvalue()

    def test_that_hang_three_times_as_long_end_the_process(self, watch: ReportsWatch, clock: Timepiece) -> None:
        assert "scheduled reports hang for 90 min" in self.look(watch, clock, 91)
