"""A client with small limits and a clock that stands still, for every suite that talks to a fault server."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.domain.secret import Secret
from collector.http import HttpAnswer, HttpClient, HttpSettings
from tests.canary import NELLIE_KEY

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = Secret(NELLIE_KEY)
DEADLINE = timedelta(seconds=0.3)


class Asker:
    """A client with its surroundings: what it was made to wait, and whether the program is stopping.

    ``settings`` are those of ``HttpSettings``, by default with a deadline of 0.3 s and two short retries.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, **settings: Any) -> None:
        limits: dict[str, Any] = {"deadline": DEADLINE, "retry_delays": (0.01, 0.02)}
        self.waits: list[float] = []
        self.stopping = False
        self.client = HttpClient(
            user_agent="usage-collector/0.1 (tests)",
            now=lambda: NOW,
            monotonic=monotonic,
            wait=self._wait,
            settings=HttpSettings(**(limits | settings)),
        )

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.stopping

    def ask(self, url: str, **options: Any) -> HttpAnswer:
        given: dict[str, Any] = {"key_header": "X-API-Key", "key": KEY} | options
        return self.client.get_json(url, **given)
