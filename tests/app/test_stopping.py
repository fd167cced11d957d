from __future__ import annotations

import os
import pty
import signal
import sys
import threading

import pytest

from collector.app.stopping import all_ended, ended_within, stopping_on_signals
from tests.app.timepiece import Timepiece
from tests.app.world import until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_is_told(number: signal.Signals) -> None:
    told = threading.Event()
    with stopping_on_signals(told.set):
        os.kill(os.getpid(), number)
        assert told.wait(5)


def test_it_is_told_from_another_thread() -> None:
    tellers: list[threading.Thread] = []
    told = threading.Event()

    def stop() -> None:
        tellers.append(threading.current_thread())
        told.set()

    with stopping_on_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(5)
    assert tellers != [threading.main_thread()]


def test_signal_that_comes_while_the_event_is_being_waited_for_does_not_hang() -> None:
    """The handler runs while this very thread holds the event's lock, as it may in the middle of a wait."""
    told = threading.Event()
    with stopping_on_signals(told.set):
        with told._cond:  # type: ignore[attr-defined]  # the lock that ``wait`` takes
            os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(5)


def test_every_signal_is_told() -> None:
    told = threading.Semaphore(0)
    with stopping_on_signals(told.release):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            assert told.acquire(timeout=5)


def test_signals_do_afterwards_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with stopping_on_signals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_all_are_waited_for_until_one_deadline() -> None:
    clock, given = Timepiece(), []

    def slow(seconds: float) -> bool:
        given.append(seconds)
        clock.passes(min(seconds, 5))
        return seconds >= 5

    assert all_ended((slow, slow, slow), 8, clock.monotonic) == (True, False, False)
    assert given == [8, 3, 0]


class TestHangup:
    def told(self) -> list[str]:
        """Hang up, and return which of the two was called."""
        called: list[str] = []
        with stopping_on_signals(lambda: called.append("stop"), lambda: called.append("reload")):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        return called

    def test_reads_the_settings_anew(self) -> None:
        assert self.told() == ["reload", "stop"]

    def test_of_the_terminal_stops(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            called: list[str] = []
            with stopping_on_signals(lambda: called.append("stop"), lambda: called.append("reload")):
                os.kill(os.getpid(), signal.SIGHUP)
                until(lambda: called)
                os.close(ours)  # the terminal is gone
                os.kill(os.getpid(), signal.SIGHUP)
        assert called == ["reload", "stop"]

    def test_without_a_stderr_is_no_terminal_s(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        assert self.told() == ["reload", "stop"]


def test_action_that_ends_in_time_is_told_from_one_that_does_not() -> None:
    held = threading.Event()
    assert not ended_within(0.01, held.wait)
    held.set()
    assert ended_within(10, held.wait)
