"""Rows T1 to T14: clocks are set, machines sleep, days have 23 and 25 hours, and nothing is lost, doubled or bent."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import requires
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import time_machine

from collector.app.due_polls import DuePolls
from collector.app.watchdog import Watchdog
from collector.app.wiring import targets
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.http import HttpAnswer
from collector.store import schema
from collector.store.engine import Database
from tests.app.scheduled.desk import ReportDesk
from tests.app.timepiece import Timepiece
from tests.app.world import World, until
from tests.faults.stage import ACCOUNT, Stage
from tests.polling.door import answer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INTERVAL = 300.0


@pytest.fixture
def daemon(world: World) -> DuePolls:
    """A daemon that has polled once."""
    daemon = world.daemon()
    world.tick(daemon)
    return daemon


def goes_on(world: World, daemon: DuePolls, seconds: float, step: float = 1.0) -> list[tuple[str, tuple[str, ...]]]:
    """Let time pass as the daemon lives through it, and return the polls made meanwhile."""
    before, watchdog = len(world.polls), Watchdog(daemon, world.clock)
    for _ in range(int(seconds / step)):
        world.clock.passes(step)
        if watchdog.clock_stepped():
            daemon.clock_stepped()
        world.tick(daemon)
    return world.polls[before:]


@contextmanager
def stepped(world: World, daemon: DuePolls, seconds: float) -> Iterator[Watchdog]:
    """Set the clock while a watchdog looks, and tell the daemon as the main thread would."""
    watchdog = Watchdog(daemon, world.clock)
    world.clock.is_set(seconds)
    if watchdog.clock_stepped():
        daemon.clock_stepped()
    yield watchdog


class TestSetClock:
    @pytest.mark.fault("T1")
    def test_an_hour_ahead_makes_exactly_one_poll_that_says_so(self, world: World, daemon: DuePolls) -> None:
        with stepped(world, daemon, 3600):
            made = goes_on(world, daemon, 20)
        assert made == [("ok", ("clock_step",))]
        assert world.said == ["the clock stepped", "the answer deserves a review"]

    @pytest.mark.fault("T2")
    def test_an_hour_back_leaves_no_gap_longer_than_an_interval(self, world: World, daemon: DuePolls) -> None:
        with stepped(world, daemon, -3600):
            made = goes_on(world, daemon, INTERVAL + 2)
        assert made[0] == ("clock", ("clock_step",))
        assert [row.id for row in world.rows("poll")] == list(
            range(1, len(made) + 2)
        )  # the order is that of the numbers
        assert len({row.observed_at for row in world.rows("snapshot")}) == 1  # no value is entered before another
        assert world.said[0] == "the clock stepped"


class TestWrongClock:
    def moved(self, stage: Stage, by: timedelta) -> None:
        """Store a value and move it in time."""
        assert stage.poll().code == 0
        database = Database(stage._database_url)
        micros = by // timedelta(microseconds=1)
        with database.write() as connection:
            column = schema.snapshot.c
            connection.execute(
                schema.snapshot.update().values(
                    observed_at=column.observed_at + micros, confirmed_at=column.confirmed_at + micros
                )
            )
        database.close()

    @pytest.mark.fault("T3")
    @pytest.mark.parametrize(
        "by", [2 * DAY, 73 * 365 * DAY, -11 * 366 * DAY], ids=["behind", "2099 before", "2099 now"]
    )
    @pytest.mark.parametrize("words", [("run",), ("poll",), ("doctor",)], ids=" ".join)
    def test_is_refused_by_what_is_stored(self, words: tuple[str, ...], by: timedelta, stage: Stage) -> None:
        self.moved(stage, by)
        asked, facts = stage.upstream.connections, stage.facts
        done = stage.run(*words)
        assert done.code == 5
        assert "set the clock" in done.out + done.err
        assert (len(stage.polls), stage.facts) == (1, facts)
        assert words == ("doctor",) or stage.upstream.connections == asked

    @pytest.mark.fault("T3")
    @pytest.mark.parametrize("year", [1970, 2099])
    @pytest.mark.parametrize("words", [("run",), ("poll",), ("doctor",)], ids=" ".join)
    def test_of_another_age_is_refused_before_anything_is_stored(
        self, words: tuple[str, ...], year: int, stage: Stage
    ) -> None:
        with time_machine.travel(datetime(year, 1, 1, 0, 5, tzinfo=UTC)):
            done = stage.run(*words)
        assert done.code == 5
        assert f"the clock says {year}-01-01 00:05Z" in done.out + done.err
        assert stage.polls == []


class TestAbsence:
    @pytest.mark.fault("T4")
    def test_of_a_machine_that_slept_makes_one_poll_and_a_gap(self, world: World, daemon: DuePolls) -> None:
        watchdog = Watchdog(daemon, world.clock)
        world.clock.sleeps(7200)
        assert not watchdog.clock_stepped()  # by the clock that goes on while the machine sleeps
        assert watchdog.fault() is None
        assert goes_on(world, daemon, 20) == [("ok", ())]
        assert {(row.ended_at - row.started_at) // 10**6 for row in world.rows("gap")} == {7201}
        assert world.said == []

    @pytest.mark.fault("T5")
    def test_of_a_stopped_process_makes_one_poll_and_a_gap(self, stage: Stage) -> None:
        stage.configure(account='poll_every = "1s"')
        with stage.process("run") as daemon:
            until(lambda: len(stage.polls) >= 2, 30)
            daemon.signal(signal.SIGSTOP)
            stopped = len(stage.polls)
            time.sleep(3.5)  # real seconds: the process is a real one
            daemon.signal(signal.SIGCONT)
            until(lambda: len(stage.polls) >= stopped + 2, 30)
            daemon.terminate()
            assert daemon.code == 0
        polls = stage.polls
        absences = [later.started_at - one.finished_at for one, later in pairwise(polls)]
        longest = absences.index(max(absences))
        assert absences[longest] > timedelta(seconds=3)
        assert stage.table("gap")
        assert {row.outcome for row in polls} == {"ok"}
        assert all("clock_step" not in row.flags for row in polls)
        assert "polling has stopped" not in daemon.err


HISTORY = "account,meter,observed_at,value\n"


def history(stage: Stage, *instants: str) -> int:
    """Import a value for each instant, growing by ten, and return the whole growth."""
    rows = "".join(f"{ACCOUNT},credits,{at},{100 + 10 * number}\n" for number, at in enumerate(instants))
    path = stage.folder / "history.csv"
    path.write_text(HISTORY + rows)
    assert stage.run("import", str(path)).code == 0
    return 10 * (len(instants) - 1)


def hours(first: datetime, count: int) -> list[str]:
    """Return instants one hour apart."""
    return [(first + number * HOUR).isoformat() for number in range(count)]


def days(stage: Stage, zone: str) -> list[dict[str, Any]]:
    """Return the days of the report in a zone."""
    done = stage.run("report", "daily", "--tz", zone, "--meter", "credits", "--json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.rows
    return found


class TestDays:
    @pytest.mark.fault("T6")
    @pytest.mark.parametrize(
        ("first", "day", "usage"),
        [
            (datetime(2026, 3, 7, 5, tzinfo=UTC), "2026-03-08", 230),
            (datetime(2025, 11, 1, 4, tzinfo=UTC), "2025-11-02", 250),
        ],
        ids=["spring", "autumn"],
    )
    def test_of_23_and_25_hours_add_up(self, first: datetime, day: str, usage: int, stage: Stage) -> None:
        whole = history(stage, *hours(first, 24 * 3 + 5))
        found = days(stage, "America/New_York")
        assert next(row["usage"] for row in found if row["day"] == day) == usage
        assert sum(row["usage"] for row in found) == whole

    @pytest.mark.fault("T7")
    @pytest.mark.parametrize(
        ("zone", "first", "day"),
        [
            ("Africa/Cairo", datetime(2026, 4, 22, 22, tzinfo=UTC), "2026-04-24"),
            ("America/Santiago", datetime(2025, 9, 6, 4, tzinfo=UTC), "2025-09-07"),
        ],
    )
    def test_without_a_midnight_begin_at_one_o_clock_and_add_up(
        self, zone: str, first: datetime, day: str, stage: Stage
    ) -> None:
        whole = history(stage, *hours(first, 24 * 4))
        found = days(stage, zone)
        assert next(row["usage"] for row in found if row["day"] == day) == 230
        assert sum(row["usage"] for row in found) == whole

    @pytest.mark.fault("T9")
    def test_in_another_zone_are_another_report_of_the_same_ledger(self, stage: Stage) -> None:
        history(stage, *hours(datetime(2026, 3, 1, tzinfo=UTC), 49))
        facts = stage.facts
        first, second = days(stage, "UTC"), days(stage, "Asia/Tokyo")
        assert [row["usage"] for row in first] != [row["usage"] for row in second]
        assert sum(row["usage"] for row in first) == sum(row["usage"] for row in second)
        assert stage.facts == facts
        for form in ("md", "html"):
            assert "Asia/Tokyo" in stage.run("report", "daily", "--tz", "Asia/Tokyo", "--format", form).out, form

    @pytest.mark.fault("T10")
    @pytest.mark.parametrize("words", [("run",), ("poll",), ("status",), ("doctor",)], ids=" ".join)
    def test_of_an_unknown_zone_end_the_program_with_2(self, words: tuple[str, ...], stage: Stage) -> None:
        stage.configure(account='timezone = "Mars/Olympus"')
        done = stage.run(*words)
        assert done.code == 2
        assert "Mars/Olympus" in done.out + done.err
        assert stage.polls == []

    @pytest.mark.fault("T10")
    def test_do_not_depend_on_the_zones_of_the_system(self) -> None:
        assert any(one.split(">")[0].split("=")[0].strip() == "tzdata" for one in requires("usage-collector") or ())

    @pytest.mark.fault("T11")
    def test_own_the_snapshot_at_their_beginning_and_not_that_at_their_end(self, stage: Stage) -> None:
        history(stage, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
        assert [(row["day"], row["usage"]) for row in days(stage, "UTC")][:2] == [
            ("2026-03-01", 10),
            ("2026-03-02", 10),
        ]


class TestReport:
    @pytest.mark.fault("T8")
    @pytest.mark.parametrize(
        "when", ['{ every = "day", at = "02:30" }', '{ cron = "30 2 * * *", about = "day" }'], ids=["at", "cron"]
    )
    def test_at_an_hour_that_comes_twice_is_made_and_sent_once(
        self, when: str, sqlite_database: Database, tmp_path: Path, make_account: Callable[..., Account]
    ) -> None:
        text = f'[[reports]]\nname = "nightly"\nreport = "daily"\nschedule = {when}\nto = [{{ env = "MAIL_URL" }}]\n'
        desk = ReportDesk(sqlite_database, tmp_path, make_account, text, datetime(2026, 10, 24, 20, tzinfo=UTC))
        work = desk.work()
        for _ in range(24):
            desk.poll()
            work.tick()
            desk.clock.passes(1800)
        assert [run.period for run in desk.runs("nightly")] == ["2026-10-24"]
        assert len(desk.postman.taken) == 1


class Slow:
    """A provider that takes its time."""

    def __init__(self, clock: Timepiece, seconds: float) -> None:
        self.clock, self.seconds, self.asked = clock, seconds, 0

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Answer after some time."""
        self.asked += 1
        self.clock.passes(self.seconds)
        return answer({"data": {"invocations": self.asked}, "code": "success"}, self.clock.now())


def slow_daemon(world: World, make_account: Callable[..., Account], provider: Slow, poll_every: timedelta) -> DuePolls:
    """Return a daemon of one account at ``provider``."""
    account = make_account("a", provider="nected", poll_every=poll_every)
    return DuePolls(world.settings, world.database, world.clock, provider, targets(world.database, [account]))


class TestSlowPoll:
    @pytest.mark.fault("T12")
    def test_across_midnight_belongs_to_the_instant_its_answer_was_complete(
        self, world: World, make_account: Callable[..., Account]
    ) -> None:
        world.clock = Timepiece(datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC))
        world.tick(slow_daemon(world, make_account, Slow(world.clock, 20), 5 * MINUTE))
        (poll,), (snapshot,) = world.rows("poll"), world.rows("snapshot")
        assert poll.started_at == datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC)
        assert poll.finished_at == datetime(2026, 3, 2, 0, 0, 10, tzinfo=UTC)
        assert snapshot.observed_at == int(poll.finished_at.timestamp()) * 10**6

    @pytest.mark.fault("T13")
    def test_longer_than_its_interval_leaves_slots_out_and_says_so_once(
        self, world: World, make_account: Callable[..., Account]
    ) -> None:
        provider = Slow(world.clock, 25)
        daemon = slow_daemon(world, make_account, provider, timedelta(seconds=10))
        for _ in range(40):
            world.tick(daemon)
            world.clock.passes(1)
        assert len(world.polls) == provider.asked
        assert world.said.count("polls take longer than poll_every, so slots fall out") == 1
        starts = [row.started_at for row in world.rows("poll")]
        assert len(starts) == len(set(starts)) >= 3

    @pytest.mark.fault("T13")
    def test_longer_than_its_interval_is_foreseen_by_the_settings(self, stage: Stage) -> None:
        stage.configure(account='poll_every = "2s"', http='deadline = "5s"')
        doctor = stage.run("doctor")
        assert "poll_every is shorter than the 5s one poll may take" in doctor.out
        assert doctor.code == 0
        daemon = stage.daemon(lambda: stage.polls)
        assert any("poll_every is shorter" in line for line in daemon.logged("warning"))


class TestRestart:
    @pytest.mark.fault("T14")
    def test_every_half_hour_keeps_an_interval_of_an_hour(self, world: World) -> None:
        for _ in range(9):
            daemon = world.daemon(poll_every=HOUR)
            goes_on(world, daemon, 1800, step=60)
            assert daemon.stop(5)
        starts = [row.started_at for row in world.rows("poll")]
        apart = [later - one for one, later in pairwise(starts)]
        assert starts[0] == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)  # at once
        assert max(apart) <= HOUR + 2 * MINUTE
        assert len(starts) >= 5

    @pytest.mark.fault("T14")
    def test_polls_at_once_only_what_is_due(self, world: World) -> None:
        world.tick(world.daemon(poll_every=HOUR))
        world.clock.passes(60)
        world.tick(world.daemon(poll_every=HOUR))
        assert len(world.polls) == 1
        world.clock.passes(3600)
        world.tick(world.daemon(poll_every=HOUR))
        assert len(world.polls) == 2
