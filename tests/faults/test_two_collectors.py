"""Rows R1 to R4: several collectors share one database, on both engines, as processes of their own."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from collector.domain.instants import EPOCH
from collector.domain.schedule import phase_of
from tests.app.world import until
from tests.faults.broken import broken_daemon, held_back
from tests.faults.stage import ACCOUNT, BOTH, Stage, sound, usage

SECOND = timedelta(seconds=1)
# It stops itself between the provider's answer and the transaction that would store it, and in no other transaction.
FROZEN_BEFORE_THE_COMMIT = """
import os, signal, time
from collector.polling import one_poll
store = one_poll.record_poll
def frozen(database, entry):
    with database._write_lock:
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.2)  # another thread may take the signal, and this one go on for a moment
    return store(database, entry)
one_poll.record_poll = frozen
"""


NAMES = (ACCOUNT, "second", "third")


def more_accounts(stage: Stage) -> str:
    """Return the settings of accounts beside the usual one."""
    return "".join(
        f'[[accounts]]\nname = "{name}"\nprovider = "nellie"\nbase_url = "{stage.upstream.origin}"\npoll_every = "1s"\n'
        for name in NAMES[1:]
    )


def whole(stage: Stage) -> list[Any]:
    """Return the polls that were not cut short by SIGTERM."""
    return [row for row in stage.polls if row.outcome != "interrupted"]


def slots(stage: Stage) -> dict[str, list[int]]:
    """Return, by account, in which slot of its grid each poll began that was not cut short by SIGTERM."""
    names = {row.id: row.name for row in stage.table("account")}
    found: dict[str, list[int]] = {name: [] for name in NAMES}
    for row in whole(stage):
        name = names[row.account]
        found[name].append((row.started_at - EPOCH - SECOND * phase_of(name)) // SECOND)
    return found


def wait_for_slots(stage: Stage, count: int) -> None:
    """Wait until every account was polled in some more slots."""
    met = {name: len(used) for name, used in slots(stage).items()}
    until(lambda: all(len(used) >= met[name] + count for name, used in slots(stage).items()), 30)


def owners(stage: Stage) -> list[str]:
    """Return the leases' owners."""
    return [row.lease_owner for row in stage.table("account")]


def is_stopped(pid: int) -> bool:
    """Tell whether a process is stopped."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - no file of ours
        return stat.read().rpartition(")")[2].split()[0] == "T"


@BOTH
@pytest.mark.fault("R1")
def test_two_collectors_poll_every_slot_once(stage: Stage) -> None:
    stage.configure(account='poll_every = "1s"', extra=more_accounts(stage))
    with stage.process("run", "--verbose") as first:
        until(lambda: stage.polls, 30)
        with stage.process("run", "--verbose") as second:
            until(lambda: len(stage.table("collector_process")) == 2, 30)
            wait_for_slots(stage, 3)
            status, doctor = stage.run("status").out, stage.run("doctor").out
            first.terminate()
            assert first.code == 0
            wait_for_slots(stage, 3)  # who is left goes on with all of them
            second.terminate()
            assert second.code == 0
    log = first.log + second.log
    for used in slots(stage).values():
        assert max(Counter(used).values()) == 1
        # Both together leave no slot out. A machine that is busy with the other cases may, now and then, pass one over.
        left_out = max(used) - min(used) + 1 - len(used)
        assert left_out <= len(used) // 3, sorted(used)
    # Who of both is a little earlier may take every slot while both run; that each polls is seen where it is alone.
    assert all(any(line["event"] == "polled" for line in one) for one in (first.log, second.log)), log
    asked = stage.upstream.connections - len(NAMES)  # `doctor` asks too, and stores nothing
    assert len(whole(stage)) <= asked <= len(stage.polls)
    assert {row.outcome for row in whole(stage)} == {"ok"}
    assert "error" not in {line["level"] for line in log}
    assert not [line for line in log if line["event"].startswith(("poll failed", "poll not stored"))]
    assert status.count("running since") == doctor.count("running since") == 2
    assert stage.table("collector_process") == []  # both ended in order


@BOTH
@pytest.mark.fault("R2")
def test_account_of_a_killed_collector_is_taken_over_when_its_lease_ends(stage: Stage) -> None:
    stage.configure(account='poll_every = "1s"', http='deadline = "1s"')
    answered = threading.Event()
    stage.plays(held_back(answered))
    with stage.process("run") as killed:
        until(lambda: stage.upstream.connections == 1 and stage.table("collector_process"), 30)
        killed.kill()
    ends_at = stage.table("account")[0].lease_until
    answered.set()
    with stage.process("run") as survivor:
        until(lambda: "ok" in stage.outcomes, 30)
        survivor.terminate()
        assert survivor.code == 0
    assert stage.polls[0].started_at >= ends_at
    assert ends_at - stage.polls[0].started_at <= 2 * SECOND
    # Its row tells of it until the next collector forgets it; nothing else does: there is no pid file.
    assert [row.pid for row in stage.table("collector_process")] == [killed.pid]
    assert f"process {killed.pid}" in stage.run("status").out
    assert not list(stage.folder.rglob("*.pid"))
    assert sound(stage)


@BOTH
@pytest.mark.fault("R3")
def test_collector_frozen_past_its_lease_cannot_commit(stage: Stage) -> None:
    stage.configure(account='poll_every = "1s"', http='deadline = "1s"')
    stage.plays(usage(41, 8740), usage(42, 8750))
    with broken_daemon(stage, FROZEN_BEFORE_THE_COMMIT) as frozen:
        until(lambda: stage.upstream.connections == 1 and is_stopped(frozen.pid), 30)
        held_by = owners(stage)
        with stage.process("run") as other:
            until(lambda: len(stage.polls) >= 2, 30)
            before = stage.polls[:2]
            frozen.signal(signal.SIGCONT)
            frozen.wait_for("took it over")
            other.terminate()
            assert other.code == 0
        frozen.kill()
    assert held_by != [None]
    assert stage.polls[:2] == before
    assert {row.value for row in stage.snapshots} == {42, 8750}  # what the frozen one had heard is nowhere
    (line,) = [one for one in frozen.log if "took it over" in str(one)]
    assert line["level"] == "warning"
    assert sound(stage)


@pytest.mark.fault("R4")
def test_poll_while_the_daemon_polls_says_who_does_and_exits_0(stage: Stage) -> None:
    stage.configure(account='poll_every = "10s"', http='deadline = "20s"')
    answered = threading.Event()
    stage.plays(held_back(answered))
    with stage.process("run") as daemon:
        until(lambda: stage.upstream.connections == 1, 30)
        done = stage.poll()
        answered.set()
        until(lambda: stage.outcomes == ["ok"], 30)
        daemon.terminate()
        assert daemon.code == 0
    assert done.code == 0
    assert "already fresh" in done.out
    assert f":{daemon.pid}:" in done.out
    assert stage.upstream.connections == 1
    assert done.logged("warning") == []
