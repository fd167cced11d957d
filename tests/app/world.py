"""Accounts that are polled by a daemon in this process, under a clock that is moved by hand."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select

from collector.app import logs
from collector.app.due_polls import DuePolls
from collector.app.wiring import targets
from collector.config import Settings
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.http import HttpAnswer
from collector.polling.one_poll import Target
from collector.store import schema
from collector.store.engine import Database
from tests.app.timepiece import Timepiece
from tests.polling.door import answer


def until(met: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition is met, not longer than ``seconds``."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.002)


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Take back, at the end, how logging was configured meanwhile."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@contextmanager
def stopped_when(met: Callable[[], object]) -> Iterator[None]:
    """Send this process SIGTERM as soon as what runs here handles it and a condition is met."""
    usual = signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        until(lambda: signal.getsignal(signal.SIGTERM) is not usual and met())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class World:
    """Accounts that answer with counters which grow by one with each asking, and what was recorded of them."""

    def __init__(self, database: Database, settings: Settings, make_account: Callable[..., Account]) -> None:
        self.database = database
        self.settings = settings
        self.clock = Timepiece()
        self.asked: list[str] = []
        self.faults: dict[str, BaseException] = {}
        self.server_date: Callable[[], datetime] | None = None
        self.holding = threading.Event()
        self.holding.set()
        self.log = io.StringIO()
        self._make_account = make_account
        logs.configure(stream=self.log, verbose=True)

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Answer an account; its name is the host."""
        name = url.split("/")[2]
        self.asked.append(name)
        self.holding.wait(10)
        if name in self.faults:
            raise self.faults[name]
        said = {"data": {"invocations": len(self.asked)}, "code": "success"}
        return answer(said, self.clock.now(), server_date=self.server_date() if self.server_date else self.clock.now())

    def daemon(self, *names: str, **fields: Any) -> DuePolls:
        """Return a daemon for accounts of these names."""
        return DuePolls(self.settings, self.database, self.clock, self, self.targets(*names or ("a",), **fields))

    def targets(self, *names: str, **fields: Any) -> list[Target]:
        """Return accounts of these names as they are polled."""
        fields = {"provider": "nected", **fields}
        accounts = [self._make_account(name, base_url=f"https://{name}", **fields) for name in names]
        return targets(self.database, accounts)

    def tick(self, *daemons: DuePolls) -> None:
        """Let daemons tick and their polls end."""
        for daemon in daemons:
            daemon.tick()
        if daemons:
            until(lambda: all(daemon.running == 0 for daemon in daemons))

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        with self.database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())

    @property
    def polls(self) -> list[tuple[str, tuple[str, ...]]]:
        """Outcome and flags of every poll."""
        return [(row.outcome, tuple(json.loads(row.flags))) for row in self.rows("poll")]

    @property
    def said(self) -> list[str]:
        """The sentences in the log, apart from those for developers."""
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line["event"] for line in lines if line["level"] != "debug"]
