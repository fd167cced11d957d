from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from collector.app.clock import SystemClock, lease_owner


def test_now_is_aware_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_monotonic_clock_is_the_system_s() -> None:
    assert abs(SystemClock().monotonic() - time.monotonic()) < 5


def test_steady_clock_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.steady() <= clock.steady()


def test_steady_clock_is_monotonic_where_nothing_better_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert abs(SystemClock().steady() - time.monotonic()) < 5


def test_wait_ends_with_its_time() -> None:
    assert SystemClock().wait(0.001) is False


def test_wait_ends_at_once_when_the_program_stops() -> None:
    clock = SystemClock()
    clock.stopping.set()
    began = time.monotonic()
    assert clock.wait(30)
    assert time.monotonic() - began < 5


def test_no_two_lease_owners_have_one_name() -> None:
    names = {lease_owner() for _ in range(50)}
    assert len(names) == 50
    assert all(f":{os.getpid()}:" in name for name in names)
