"""Accounts whose n-th answer is a function of n, and a collector that polls them for as long as it lives.

Which answer comes next is read from the database: only what was committed counts as answered. So a ledger that was
killed a hundred times can be compared, row for row, with one that nobody disturbed. Each commit that the program has
acknowledged is noted in a file beside the database, which a killed process cannot take back.

    settings(folder, url)  ──►  World(folder)  ──►  .start(), .live(until)
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from collector.app.wiring import agreements, lease_length, load_settings, targets
from collector.domain.secret import Secret
from collector.errors import AnswerRejectedError, RateLimitedError, StorageError, TransientAskError
from collector.http import HttpAnswer, load_json
from collector.polling.one_poll import Poller, Target
from collector.store import schema
from collector.store.accounts import Lease, claim
from collector.store.engine import Database
from collector.store.revision import require_head
from collector.store.terms import bring_terms

START = datetime(2026, 1, 30, 23, 50, tzinfo=UTC)
STEP = timedelta(seconds=60)
KEYS = {"NECTED_API_KEY": "nct_0123456789abcdef", "NELLIE_API_KEY": "nel_0123456789abcdef"}
NAMES = ("nected", "nellie", "resets")
NOTED = "acknowledged"
LOST = 77  # the exit code of a collector that misses what was acknowledged to it

_MONTHLY = """
timezone = "Asia/Kathmandu"
billing = { period = "monthly", anchor_day = 31 }
[accounts.meters.credits]
resets = "period"
"""
_ACCOUNTS = "".join(
    f'[[accounts]]\nname = "{name}"\nprovider = "{provider}"\nbase_url = "https://{name}.example"\n{more}\n'
    for name, provider, more in (
        ("nected", "nected", 'timezone = "America/Santiago"'),
        ("nellie", "nellie", 'poll_every_min = "30s"'),
        ("resets", "nellie", _MONTHLY),
    )
)


def configure(folder: Path, url: str = "sqlite:///usage.db", more: str = "") -> Path:
    """Write the settings of the scripted accounts and return their file."""
    path = folder / "collector.toml"
    path.write_text(f'[database]\nurl = "{url}"\n{more}\n{_ACCOUNTS}')
    path.chmod(0o600)
    return path


def instant(number: int) -> datetime:
    """Return when an account's poll of a number begins."""
    return START + number * STEP


def said(name: str, number: int) -> object:
    """Return what an account's provider answers to its poll of a number."""
    if name == "nected":
        return {"data": {"invocations": 1000 + 3 * number - (500 if number % 17 == 16 else 0)}, "code": "success"}
    listed = [
        {
            "requestId": f"r-{one}",
            "status": "processing" if one > 4 * number - 2 else ("failed" if one % 9 == 0 else "completed"),
            "createdAt": f"{instant(one // 4):%Y-%m-%dT%H:%M:%SZ}",
            "completedAt": None if one > 4 * number - 2 else f"{instant(number):%Y-%m-%dT%H:%M:%SZ}",
            "creditsUsed": None if one > 4 * number - 2 else 25,
        }
        for one in range(max(0, 4 * number - (3 if number % 13 == 12 else 20)), 4 * number)
    ]
    spent = 100 * (number % 40 if name == "resets" else number)
    return {"success": True, "totalRequests": 4 * number, "totalCreditsUsed": spent, "recentRequests": listed}


class Scripted:
    """The provider of one account; ``number`` says which answer is the next."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.number = 0

    def now(self) -> datetime:
        """Return when the poll begins, and when a failed one ends."""
        return instant(self.number)

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Give the answer or the fault that is next."""
        number = self.number
        if number % 7 == 3:
            raise TransientAskError("http_5xx", "the provider answered 503", http_status=503)
        if number % 11 == 5:
            raise AnswerRejectedError("malformed_json", "it is not JSON", http_status=200, body=b"<html>" * 9)
        if number % 19 == 7:
            raise RateLimitedError("the provider answered 429", retry_after=timedelta(minutes=3))
        body = json.dumps(said(self._name, number)).encode()
        at = instant(number) + timedelta(seconds=1)
        return HttpAnswer(load_json(body), at, server_date=at, age_seconds=None, body=body)


class World:
    """A collector at work in a folder.

    Args:
        folder: Where the settings are, and what it acknowledges is noted.
    """

    def __init__(self, folder: Path) -> None:
        os.chdir(folder)
        self._folder = folder
        self._settings = load_settings(folder / "collector.toml", KEYS)
        self.database = Database(self._settings.database_url, pool_size=len(NAMES) + 2)
        self._lease_length = lease_length(self._settings)
        self._targets: list[Target] = []
        self._noted = os.open(folder / NOTED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def start(self) -> None:
        """Do what every collector does first; ends the process with ``LOST`` if an acknowledged poll is not there."""
        require_head(self.database)
        bring_terms(self.database, agreements(self._settings), START)
        self._targets = targets(self.database, [one.account(KEYS) for one in self._settings.accounts])
        noted = acknowledged(self._folder)
        if any(self.count(target) < noted.get(target.account.name, 0) for target in self._targets):
            os._exit(LOST)

    def live(self, until: Mapping[str, int]) -> None:
        """Poll each account until its polls are as many as said, each account in a thread of its own."""
        threads = [threading.Thread(target=self._poll, args=(one, until[one.account.name])) for one in self._targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def live_in_turn(self, polls: int) -> None:
        """Poll the accounts in turn, each ``polls`` times, all in this thread."""
        for _ in range(polls):
            for target in self._targets:
                self._poll(target, self.count(target) + 1)

    def count(self, target: Target) -> int:
        """Return how many polls of an account are stored."""
        with self.database.read() as connection:
            newest = select(func.max(schema.poll.c.id)).where(schema.poll.c.account == target.row.id)
            return connection.scalar(newest) or 0

    def _poll(self, target: Target, until: int) -> None:
        name = target.account.name
        provider = Scripted(name)
        poller = Poller(self.database, provider, provider.now)
        while True:
            lease = self._lease(target)
            provider.number = self.count(target)
            if provider.number >= until:
                return
            poller.poll(target, lease)
            os.write(self._noted, f"{name} {provider.number + 1}\n".encode())

    def _lease(self, target: Target) -> Lease:
        """Take the lease; one that a killed collector held is waited for on the leases' own clock."""
        now = instant(self.count(target))
        while True:
            now += self._lease_length
            lease = claim(self.database, target.row.id, str(os.getpid()), now, now + self._lease_length, force=True)
            if isinstance(lease, Lease):
                return lease


def acknowledged(folder: Path) -> dict[str, int]:
    """Return how many polls of each account were acknowledged; a note that was cut off by a kill does not count."""
    path = folder / NOTED
    found: dict[str, int] = {}
    for line in path.read_text().splitlines(keepends=True) if path.exists() else ():
        if line.endswith("\n"):
            name, number = line.split()
            found[name] = max(found.get(name, 0), int(number))
    return found


def stored(folder: Path) -> dict[str, int]:
    """Return how many polls of each account are in the database of a folder; none where an account is not there."""
    os.chdir(folder)
    database = Database(load_settings(folder / "collector.toml", KEYS).database_url)
    try:
        with database.read() as connection:
            rows = connection.execute(
                select(schema.account.c.name, func.count(schema.poll.c.id))
                .outerjoin_from(schema.account, schema.poll, schema.poll.c.account == schema.account.c.id)
                .group_by(schema.account.c.name)
            )
            return dict.fromkeys(NAMES, 0) | {row[0]: row[1] for row in rows}
    except StorageError:
        return dict.fromkeys(NAMES, 0)
    finally:
        database.close()
