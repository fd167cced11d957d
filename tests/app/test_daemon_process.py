"""The daemon as a user runs it: a process of its own, against a provider on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from collector.domain.instants import EPOCH
from collector.domain.schedule import phase_of
from collector.store import schema
from collector.store.checking import check
from collector.store.engine import Database
from tests.app.console import NECTED_KEY, NELLIE_KEY
from tests.app.world import until
from tests.polling.canary import leaks
from tests.upstream import NECTED, NELLIE, Upstream

REPOSITORY = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)


class Process:
    """One running ``collector run``."""

    def __init__(self, folder: Path, log: Path) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        environ |= {"NECTED_API_KEY": NECTED_KEY, "NELLIE_API_KEY": NELLIE_KEY, "PYTHONPATH": str(REPOSITORY)}
        self._log = log
        with log.open("wb") as out:
            command = [sys.executable, "-W", "error", "-m", "collector", "run"]
            self._process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=out)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def ended(self, seconds: float = 15.0) -> int:
        """Wait for its end and return the exit code."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(15)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    @property
    def said(self) -> list[str]:
        """The sentences it logged."""
        return [line["event"] for line in self.lines]


class Site:
    """A folder with settings and a database, and the processes that run there."""

    def __init__(self, folder: Path, url: str, database: str, deadline: str = "5s") -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.database = Database(database)
        accounts = "".join(
            f'[[accounts]]\nname = "{name}"\nprovider = "{name}"\nbase_url = "{url}"\npoll_every = "1s"\n'
            for name in ("nected", "nellie")
        )
        settings = folder / "collector.toml"
        settings.write_text(f'[database]\nurl = "{database}"\n[http]\ndeadline = "{deadline}"\n{accounts}')
        settings.chmod(0o600)

    def start(self) -> Process:
        """Start a daemon."""
        process = Process(self.folder, self.folder / f"log-{len(self.processes)}.json")
        self.processes.append(process)
        return process

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        with self.database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())

    def outcomes(self, account: str = "nected") -> list[str]:
        """Return the outcome of every poll of an account."""
        identity = next((row.id for row in self.rows("account") if row.name == account), None)
        return [row.outcome for row in self.rows("poll") if row.account == identity]

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
        self.database.close()


@pytest.fixture
def site(sqlite_database: Database, tmp_path: Path, upstream: Upstream) -> Iterator[Site]:
    """A site on SQLite."""
    with closing(Site(tmp_path, upstream.url, sqlite_database.url.render_as_string())) as site:
        yield site


@pytest.fixture
def any_site(database: Database, tmp_path: Path, upstream: Upstream) -> Iterator[Site]:
    """A site on each engine, where a lease ends after two seconds."""
    url = database.url.set(drivername=database.url.get_backend_name()).render_as_string(hide_password=False)
    with closing(Site(tmp_path, upstream.url, url, "1s")) as site:
        yield site


def test_first_poll_is_at_once_and_sigterm_ends_it(site: Site) -> None:
    daemon = site.start()
    until(lambda: len(site.rows("poll")) >= 2)
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0
    assert [line for line in daemon.said if line in {"polling", "stopping"}] == ["polling", "stopping"]


def test_sigint_ends_it_too(site: Site) -> None:
    daemon = site.start()
    until(lambda: site.rows("poll"))
    daemon.signal(signal.SIGINT)
    assert daemon.ended() == 0


class TestSigtermInARequest:
    @pytest.fixture
    def seconds(self, site: Site, upstream: Upstream) -> float:
        """How long the end took."""
        upstream.hang(NECTED)
        daemon = site.start()
        until(lambda: upstream.asked_of(NECTED) and site.outcomes("nellie"))
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        assert daemon.ended() == 0
        return time.monotonic() - began

    def test_ends_quickly_with_nothing_half_written(self, site: Site, seconds: float) -> None:
        assert seconds < 3
        assert site.outcomes() == ["interrupted"]
        assert [row.lease_owner for row in site.rows("account")] == [None, None]
        assert check(site.database) == []

    def test_is_no_failure_of_the_provider(self, site: Site, seconds: float) -> None:
        assert [row.failures for row in site.rows("account")] == [0, 0]
        assert "failed" not in " ".join(site.processes[0].said)


def test_failing_provider_is_told_once_and_its_recovery_with_the_count(site: Site, upstream: Upstream) -> None:
    upstream.refuse(NELLIE, 401)
    daemon = site.start()
    until(lambda: site.outcomes("nellie").count("http_401") >= 2)
    upstream.heal()
    until(lambda: "polling works again" in daemon.said)
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0
    told = [(line["level"], line["failed_polls"]) for line in daemon.lines if "failed_polls" in line]
    assert told == [("warning", 1), ("info", site.outcomes("nellie").count("http_401"))]


def test_key_is_in_no_log_line_although_the_provider_echoes_it(site: Site, upstream: Upstream) -> None:
    upstream.answers[NELLIE] = lambda: (200, {}, {"success": False, "error": f"bad key {NELLIE_KEY}"})
    daemon = site.start()
    until(lambda: "api_error" in site.outcomes("nellie"))
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0
    assert not leaks((site.folder / "log-0.json").read_bytes())


def slots(rows: Sequence[Any], name: str) -> list[int]:
    """Return which slot of the account's grid each poll began in, counted from 1970."""
    shift = SECOND * phase_of(name)
    return [(row.started_at - EPOCH - shift) // SECOND for row in rows]


def test_two_daemons_never_poll_twice_for_a_slot(any_site: Site, upstream: Upstream) -> None:
    daemons = [any_site.start(), any_site.start()]
    until(lambda: len(any_site.outcomes("nellie")) >= 3 and len(any_site.outcomes("nected")) >= 3)
    for daemon in daemons:
        daemon.signal(signal.SIGTERM)
    assert [daemon.ended() for daemon in daemons] == [0, 0]
    polls = any_site.rows("poll")
    for account in any_site.rows("account"):
        used = slots([row for row in polls if row.account == account.id], account.name)
        assert used == sorted(set(used))
    assert len(upstream.asked) == len(polls)


def test_account_of_a_killed_daemon_is_taken_over_when_its_lease_ends(any_site: Site, upstream: Upstream) -> None:
    upstream.hang(NECTED)
    killed = any_site.start()
    until(lambda: upstream.asked_of(NECTED))
    killed.kill()
    ends_at = next(row for row in any_site.rows("account") if row.name == "nected").lease_until
    upstream.heal()
    survivor = any_site.start()
    until(lambda: "ok" in any_site.outcomes())
    survivor.signal(signal.SIGTERM)
    assert survivor.ended() == 0
    nected = next(row.id for row in any_site.rows("account") if row.name == "nected")
    first = next(row for row in any_site.rows("poll") if row.account == nected)
    assert first.started_at >= ends_at


def test_daemon_that_was_stopped_and_goes_on_polls_once_and_lives(site: Site) -> None:
    daemon = site.start()
    until(site.outcomes)
    daemon.signal(signal.SIGSTOP)
    time.sleep(0.5)
    before = len(site.outcomes())
    daemon.signal(signal.SIGCONT)
    until(lambda: len(site.outcomes()) > before)
    daemon.signal(signal.SIGTERM)
    assert daemon.ended() == 0


def test_missing_database_ends_it_with_5(tmp_path: Path) -> None:
    with closing(Site(tmp_path, "http://127.0.0.1:9", f"sqlite:///{tmp_path / 'none.db'}")) as site:
        assert site.start().ended() == 5
        assert not (tmp_path / "none.db").exists()
