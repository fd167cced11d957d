"""A dashboard of three days of history."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import time_machine

from tests.app.console import Console
from tests.app.timepiece import Timepiece
from tests.app.web.dashboard import Dashboard, dashboard
from tests.upstream import Upstream, listed

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with settings and three days of history; one request has a hostile id and status."""
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        console.configure(upstream.url, nected='poll_every = "8h"', nellie='poll_every = "8h"')
        for number in range(7):
            clock.move_to(FIRST + number * timedelta(hours=8))
            upstream.invocations = 1000 + 100 * number
            upstream.say(requests=number, credits=250 * number)
            upstream.listed = [
                listed(f"r-{one}" if one > 1 else HOSTILE, status=HOSTILE if one == 1 else "completed",
                       createdAt=(FIRST + (one - 0.5) * timedelta(hours=8)).isoformat())
                for one in range(1, number + 1)
            ]  # fmt: skip
            console.good("poll")
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
    return folder


@pytest.fixture(scope="session")
def shown(history: Path) -> Iterator[Dashboard]:
    """The dashboard of the history, a minute after its last poll; nothing of it is changed by a test."""
    with dashboard(history / "collector.toml", clock=Timepiece(LAST + timedelta(minutes=1))) as found:
        yield found
