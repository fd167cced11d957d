from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from collector.app import logs
from collector.app.overload import Overload
from collector.domain.accounts import Account
from tests.app.timepiece import NOON, Timepiece
from tests.app.world import World, until

MINUTE = timedelta(minutes=1)


class TestOverload:
    @pytest.fixture
    def clock(self) -> Timepiece:
        return Timepiece()

    @pytest.fixture
    def overload(self, clock: Timepiece) -> Overload:
        return Overload(clock.monotonic)

    @pytest.fixture
    def log(self) -> io.StringIO:
        stream = io.StringIO()
        logs.configure(stream=stream)
        return stream

    @pytest.fixture
    def account(self, make_account: Callable[..., Account]) -> Account:
        return make_account(poll_every=MINUTE)

    @pytest.mark.parametrize(
        ("late", "waited", "lost"),
        [(59, 600, 0), (60, 600, 1), (185, 600, 3), (600, 61, 1), (7200, 0, 0), (-3600, 600, 0)],
        ids=["less than a slot", "one", "three", "workers were free before", "machine slept", "clock was set back"],
    )
    def test_counts_slots_lost_while_all_workers_were_busy(
        self, late: int, waited: float, lost: int, overload: Overload, account: Account, log: io.StringIO
    ) -> None:
        overload.served(account, NOON, NOON + timedelta(seconds=late), waited)
        assert [json.loads(line)["skipped_polls"] for line in log.getvalue().splitlines()] == [lost] * (lost > 0)
        assert overload.troubles() == ({"overloaded"} if lost else set())

    def test_is_told_once_an_hour(
        self, overload: Overload, account: Account, clock: Timepiece, log: io.StringIO
    ) -> None:
        for _ in range(61):
            overload.served(account, NOON, NOON + 2 * MINUTE, 600)
            clock.passes(60)
        assert [json.loads(line)["skipped_polls"] for line in log.getvalue().splitlines()] == [2, 122]

    def test_is_over_two_intervals_later(
        self, overload: Overload, account: Account, clock: Timepiece, log: io.StringIO
    ) -> None:
        overload.served(account, NOON, NOON + 2 * MINUTE, 600)
        clock.passes(119)
        assert overload.troubles() == {"overloaded"}
        clock.passes(2)
        assert [overload.troubles(), overload.troubles()] == [set(), set()]
        assert [json.loads(line)["level"] for line in log.getvalue().splitlines()] == ["warning", "info"]


def test_daemon_tells_when_workers_are_too_few(world: World) -> None:
    daemon = world.daemon(*"abcdef")
    for _ in range(3):
        world.tick(daemon)
    assert daemon.troubles() == set()
    world.clock.passes(301)
    world.holding.clear()
    daemon.tick()
    until(lambda: daemon.running == 2)
    world.clock.passes(700)
    world.holding.set()
    until(lambda: daemon.running == 0)
    world.tick(daemon)
    assert daemon.troubles() == {"overloaded"}
    assert "all workers are busy, so slots fall out: raise daemon.workers or poll_every" in world.said


def test_daemon_that_slept_was_not_overloaded(world: World) -> None:
    daemon = world.daemon(*"abcdef")
    for _ in range(4):
        world.tick(daemon)
    world.clock.sleeps(7200)
    for _ in range(4):
        world.tick(daemon)
    assert daemon.troubles() == set()
