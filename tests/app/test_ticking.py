"""One run of the scheduler's job: tick after tick while somebody waits for a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from collector.app.ticking import tick_until_idle
from collector.app.workers import Workers
from collector.domain.accounts import Account
from collector.polling.one_poll import Target
from collector.providers import provider_named
from collector.store.accounts import AccountRow, Lease
from tests.app.timepiece import NOON
from tests.app.world import World, until


class Queue:
    """Accounts that wait, and a pool that polls ``room`` of them at once, each in ``takes`` seconds."""

    def __init__(self, waiting: int, room: int = 8, takes: float = 0.1) -> None:
        self.waiting, self.room, self.takes = waiting, room, takes
        self.now = 100.0
        self.ticks = 0

    def tick(self) -> bool:
        self.ticks += 1
        more = self.waiting >= self.room
        self.waiting = max(0, self.waiting - self.room)
        return more

    def has_room(self, seconds: float) -> bool:
        self.now += min(self.takes, max(0.0, seconds))
        return self.takes <= seconds


def run(queue: Queue) -> Queue:
    tick_until_idle(queue, lambda: queue.now)
    return queue


def test_everybody_has_a_turn_within_one_second() -> None:
    assert run(Queue(40)).waiting == 0


def test_nobody_waiting_costs_one_tick() -> None:
    assert run(Queue(3)).ticks == 1


def test_a_crowd_does_not_keep_the_job_beyond_its_second() -> None:
    queue = run(Queue(10_000))

    assert queue.now < 101
    assert queue.ticks == 10


def test_a_pool_that_hangs_is_left_for_the_next_second() -> None:
    queue = run(Queue(20, takes=30))

    assert (queue.ticks, queue.now) == (1, 100.9)


def _target(make_account: Callable[..., Account], name: str) -> Target:
    return Target(make_account(name), provider_named("nellie"), AccountRow(1, name, {}))


def _held_by(gate: threading.Event) -> Callable[[Lease, Target], None]:
    def poll(lease: Lease, target: Target) -> None:
        gate.wait(10)

    return poll


class TestWorkers:
    def test_are_free_again_when_half_of_them_are(self, make_account: Callable[..., Account]) -> None:
        workers, gates = Workers(4), [threading.Event() for _ in range(4)]
        for number, gate in enumerate(gates):
            lease = Lease(number, "us", NOON, 0)
            assert workers.hand_over(lease, _target(make_account, "a"), _held_by(gate))
        assert not workers.wait_until_half_free(0)
        gates[0].set()
        until(lambda: len(workers.busy) == 3)
        assert not workers.wait_until_half_free(0)
        gates[1].set()
        assert workers.wait_until_half_free(10)
        for gate in gates:
            gate.set()
        assert workers.stop(10)

    def test_take_nobody_after_the_end(self, make_account: Callable[..., Account]) -> None:
        workers = Workers(1)
        assert workers.stop(1)

        assert not workers.hand_over(Lease(1, "us", NOON, 0), _target(make_account, "a"), lambda *_: None)

    def test_name_whom_they_wait_for_too_long(self, make_account: Callable[..., Account]) -> None:
        workers, gate = Workers(2), threading.Event()
        workers.hand_over(Lease(1, "us", NOON, 0), _target(make_account, "slow"), _held_by(gate))
        minute = timedelta(minutes=1)

        assert workers.hanging(NOON + minute, minute) == []
        assert workers.hanging(NOON + 2 * minute, minute) == ["slow"]
        gate.set()
        assert workers.stop(10)


def test_of_a_hundred_due_accounts_none_waits_for_the_next_second(world: World) -> None:
    names: Sequence[str] = [f"account-{number}" for number in range(100)]
    daemon = world.daemon(*names)

    tick_until_idle(daemon, world.clock.monotonic)
    until(lambda: daemon.running == 0)

    assert sorted(world.asked) == sorted(names)


def test_a_tick_after_the_end_returns_at_once(world: World) -> None:
    daemon = world.daemon()
    assert daemon.stop(10)

    late = threading.Thread(target=daemon.tick, daemon=True)
    late.start()
    late.join(10)

    assert not late.is_alive()
    assert world.asked == []
