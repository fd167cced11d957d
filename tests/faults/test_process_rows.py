"""Rows R5 to R12: what happens to the process, or in it, never costs more than it must."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
import structlog
from sqlalchemy import insert, select

from collector.app import logs
from collector.app.due_polls import DuePolls
from collector.app.wiring import targets
from collector.domain.accounts import Account
from collector.domain.schedule import phase_of
from collector.domain.secret import Secret
from collector.http import HttpAnswer
from collector.store import schema
from collector.store.accounts import claim_due
from collector.store.engine import Database
from tests.app.timepiece import NOON, Timepiece
from tests.app.world import World, until
from tests.faults.broken import broken_daemon, redirected_daemon
from tests.faults.stage import ACCOUNT, BOTH, Stage, sound
from tests.http.fault_server import silence
from tests.polling.door import answer


class TestEnd:
    @pytest.mark.fault("R5")
    def test_signal_during_a_request_closes_the_socket(self, stage: Stage) -> None:
        stage.plays(silence())
        stage.configure(http='deadline = "30s"')
        with stage.process("run") as daemon:
            until(lambda: stage.upstream.connections == 1, 30)
            began = time.monotonic()
            daemon.signal(signal.SIGTERM)
            assert daemon.code == 0
        assert time.monotonic() - began < 10
        assert stage.outcomes == ["interrupted"]
        assert stage.snapshots == []
        assert [row.lease_owner for row in stage.table("account")] == [None]
        assert {line["level"] for line in daemon.log} == {"info"}
        assert stage.seen[0]["error"] is None  # it says nothing of the provider
        assert stage.table("collector_process") == []

    @BOTH
    @pytest.mark.fault("R6")
    def test_signal_during_a_commit_lets_it_end(self, stage: Stage) -> None:
        breaking = """
import os, signal, time
from collector.polling import one_poll
store = one_poll.record_poll
def slow(database, entry):
    with database.write():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
    return store(database, entry)
one_poll.record_poll = slow
"""
        with broken_daemon(stage, breaking) as daemon:
            assert daemon.code == 0
        assert stage.outcomes == ["ok"]
        assert [row["value"] for row in stage.seen] == [8740, 41]
        assert "stopping" in [line["event"] for line in daemon.log]
        assert sound(stage)


class TestReload:
    @pytest.mark.fault("R7")
    def test_wrong_settings_keep_the_old_ones_and_name_the_fault(self, stage: Stage) -> None:
        settings = stage.configure(account='poll_every = "1s"')
        with stage.process("run") as daemon:
            until(lambda: stage.polls, 30)
            good = settings.read_text()
            settings.write_text(good.replace('poll_every = "1s"', 'poll_evry = "1s"'))
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("old ones stay in force")
            before = len(stage.polls)
            until(lambda: len(stage.polls) > before + 1, 30)
            settings.write_text(good.replace(f'name = "{ACCOUNT}"', 'name = "other"'))
            daemon.signal(signal.SIGHUP)
            until(lambda: {row.name for row in stage.table("account")} == {ACCOUNT, "other"}, 30)
            other = next(row.id for row in stage.table("account") if row.name == "other")
            until(lambda: other in {row.account for row in stage.polls}, 30)
            settings.write_text(good.replace("usage.db", "elsewhere.db").replace("/postgres", "/elsewhere"))
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("database.url was changed")
            daemon.terminate()
            assert daemon.code == 0
        errors = [line["error"] for line in daemon.log if line["level"] == "error"]
        assert len(errors) == 2
        assert "poll_evry" in errors[0]
        assert "poll_every" in errors[0]
        assert "restart" in errors[1]
        told = next(line for line in daemon.log if line["event"] == "the settings were reloaded")
        assert (told["added"], told["removed"]) == (["other"], [ACCOUNT])
        assert not (stage.folder / "elsewhere.db").exists()


class TestWatchdog:
    """Three intervals and a deadline after the scheduler died, nothing runs any more."""

    BROKEN: ClassVar = {
        "dies": "raise SystemExit",
        "hangs and keeps its locks": "self._jobstores_lock.acquire(); self._executors_lock.acquire(); time.sleep(3600)",
    }

    @pytest.mark.fault("R8")
    @pytest.mark.parametrize("how", BROKEN)
    def test_scheduler_thread_that_is_gone_ends_the_process_with_1(self, how: str, stage: Stage) -> None:
        stage.configure(account='poll_every = "1s"', http='deadline = "2s"')
        breaking = f"""
import time
from apscheduler.schedulers.base import BaseScheduler
process = BaseScheduler._process_jobs
count = 0
def broken(self):
    global count
    count += 1
    if count > 3:
        {self.BROKEN[how]}
    return process(self)
BaseScheduler._process_jobs = broken
"""
        with broken_daemon(stage, breaking) as daemon:
            until(lambda: stage.polls, 30)
            last = time.monotonic()
            assert daemon.code == 1
            took = time.monotonic() - last
        (line,) = [line for line in daemon.log if line["level"] == "error"]
        assert "no tick for" in line["reason"]
        assert took < 30  # 5 s where nothing else keeps the machine busy
        assert stage.outcomes[0] == "ok"
        (left,) = stage.table("collector_process")  # it did not end in order: its row tells so until it is forgotten
        assert left.pid == daemon.pid
        assert sound(stage)

    @pytest.mark.fault("R9")
    def test_poll_that_hangs_ends_by_its_deadline(self, stage: Stage) -> None:
        stage.plays(silence())
        stage.configure(http='deadline = "1s"')
        done = stage.daemon(lambda: "timeout_total" in stage.outcomes)
        assert done.code == 0
        assert stage.snapshots == []
        assert [row["health"] for row in stage.seen] == ["failing"]
        assert any("poll failed" in line for line in done.logged("warning"))


class TestOneAccount:
    @pytest.mark.fault("R10")
    @pytest.mark.parametrize(
        "fault",
        [ZeroDivisionError("x"), MemoryError(), SystemExit(3), KeyboardInterrupt()],
        ids=lambda one: type(one).__name__,
    )
    def test_that_breaks_leaves_the_others_alone(self, fault: BaseException, world: World) -> None:
        world.faults["a"] = fault
        daemon = world.daemon("a", "b")
        for _ in range(3):
            world.tick(daemon)
            world.clock.passes(300)
        assert world.asked.count("b") == 3
        names = {row.id: row.name for row in world.rows("account")}
        stored = [(names[row.account], row.outcome) for row in world.rows("poll")]
        assert stored.count(("b", "ok")) == 3
        assert ("a", "ok") not in stored
        assert sum("ended unexpectedly" in one or "poll failed" in one for one in world.said) == 1


class TestLog:
    @pytest.mark.fault("R11")
    @pytest.mark.parametrize("redirection", ["2>/dev/full >/dev/full", "2>&- >&- <&-"])
    def test_that_cannot_be_written_stops_nothing_and_is_seen(self, redirection: str, stage: Stage) -> None:
        stage.configure(account='poll_every = "1s"')
        with redirected_daemon(stage, redirection) as daemon:
            until(lambda: len(stage.polls) >= 2, 30)
            until(lambda: any("logging_failed" in row.troubles for row in stage.table("collector_process")), 30)
            doctor, status = stage.run("doctor"), stage.run("status")
            daemon.terminate()
            assert daemon.code == 0
        assert doctor.code == 1
        assert "logging_failed: its log cannot be written" in doctor.out
        assert "logging_failed" in status.out
        assert set(stage.outcomes) - {"interrupted"} == {"ok"}  # SIGTERM may come in mid-poll
        assert daemon.err == ""

    @pytest.mark.fault("R11")
    def test_that_can_be_written_again_is_no_trouble_any_more(self) -> None:
        stream = Leaky()
        logs.configure(stream=stream)
        log = structlog.get_logger()
        found = []
        for full in (False, True, True, False):
            stream.full = full
            log.info("polled")
            found.append(logs.are_failing())
        assert found == [False, True, True, False]

    @pytest.mark.fault("R11")
    def test_takes_no_memory_for_what_cannot_be_written(self) -> None:
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            logs.configure(stream=full)
            log = structlog.get_logger()
            for _ in range(200):
                log.warning("x" * 400)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in range(10_000):
                log.warning("x" * 400)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert logs.are_failing()
            os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
        assert grown < 2048  # KiB; what was said would take 5000


class Leaky(io.StringIO):
    """A log whose disk may be full."""

    full = False

    def write(self, text: str, /) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


class Crowd:
    """Ten thousand accounts that answer at once, and how many are asked at the same time."""

    def __init__(self, clock: Timepiece) -> None:
        self.clock = clock
        self.asked: dict[str, int] = {}
        self.most = 0
        self._asking = 0
        self._lock = threading.Lock()

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Answer an account; its name is the host."""
        name = url.split("/")[2]
        with self._lock:
            self.asked[name] = self.asked.get(name, 0) + 1
            self._asking += 1
            self.most = max(self.most, self._asking)
        reply = answer({"data": {"invocations": 7}, "code": "success"}, self.clock.now())
        with self._lock:
            self._asking -= 1
        return reply


class TestCrowd:
    COUNT = 10_000

    @pytest.mark.fault("R12")
    def test_of_accounts_spreads_over_the_interval_and_keeps_its_places(self) -> None:
        seconds = Counter(int(phase_of(f"account-{number}") * 300) for number in range(self.COUNT))
        assert len(seconds) == 300  # every second of a five-minute interval has its share
        assert max(seconds.values()) < 3 * self.COUNT / 300
        assert phase_of("account-7") == phase_of("account-7")

    @pytest.mark.fault("R12")
    def test_of_accounts_due_in_one_second_is_claimed_to_the_last_in_bounded_steps(self, database: Database) -> None:
        names = [f"account-{number}" for number in range(self.COUNT)]
        with database.write() as connection:
            rows = [{"name": name, "provider": "nected", "timezone": "UTC", "next_poll_at": NOON} for name in names]
            connection.execute(insert(schema.account), rows)
        with database.read() as connection:
            everybody = list(connection.scalars(select(schema.account.c.id)))
        taken: list[int] = []
        while leases := claim_due(database, everybody, "us", NOON, NOON + timedelta(minutes=1), 500):
            assert len(leases) <= 500
            taken += [lease.account for lease in leases]
        assert sorted(taken) == sorted(everybody)

    @pytest.mark.fault("R12")
    def test_of_accounts_due_in_one_second_is_asked_by_a_bounded_pool_and_none_is_missed(
        self, world: World, make_account: Callable[..., Account]
    ) -> None:
        crowd = Crowd(world.clock)
        names = [f"account-{number}" for number in range(100)]
        accounts = [make_account(name, provider="nected", base_url=f"https://{name}") for name in names]
        daemon = DuePolls(world.settings, world.database, world.clock, crowd, targets(world.database, accounts))
        ticks = 0
        while len(crowd.asked) < len(names):
            world.tick(daemon)
            ticks += 1
        assert crowd.asked == dict.fromkeys(names, 1)
        assert crowd.most <= world.settings.collector.workers
        assert ticks >= len(names) // world.settings.collector.workers
        assert [row.outcome for row in world.rows("poll")] == ["ok"] * len(names)
        assert world.said == []
        world.tick(daemon)
        assert sum(crowd.asked.values()) == len(names)  # nobody is asked twice for the second
