"""A season of faults: every account has a fault of its own, and one daemon lives through all of them together.

The clock is moved by hand, half an hour and a minute at a time:

    11:29    12:00    12:31    13:02                     13:33    14:04
    good     fault    fault    fault  collector poll     good     good
             told              told   (fails again)      told
                                      status, report

Who asked for a wait of an hour is left out at 12:31 and asked again, in vain, at 13:02; his good poll is that of 14:04.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from collector.app import logs
from collector.app.due_polls import DuePolls
from collector.app.wiring import chosen, load_settings, targets
from collector.config import Settings
from collector.domain.secret import Secret
from collector.http import HttpAnswer, HttpClient, HttpSettings
from tests.app.console import NELLIE_KEY, Console
from tests.app.payload_rows import PAYLOAD_ROWS
from tests.app.timepiece import Timepiece
from tests.app.world import until
from tests.faults.stage import Run, log_lines
from tests.http.asker import NOW
from tests.http.fault_rows import FAULT_ROWS, FaultRow
from tests.http.fault_server import Behaviour, Exchange, FaultServer, Sink, json_response

_ALL_ROWS = (*FAULT_ROWS, *PAYLOAD_ROWS)
# A name server that fails is one for all accounts: these rows are played one by one.
ROWS = [row for row in _ALL_ROWS if row.lookup is None]
LOOKUPS = [row for row in _ALL_ROWS if row.lookup is not None]
_NAMES = {id(row): f"a{number}" for number, row in enumerate(_ALL_ROWS)}
STEP = timedelta(minutes=31)
FAULTS = 3

_DEADLINE = timedelta(seconds=2)
_PATIENCE = timedelta(seconds=60)  # for good answers: a slow machine is no fault


def label(row: FaultRow) -> str:
    """Return a row's name among the tests."""
    return f"{row.fault} {row.variant}"


def params(rows: Sequence[FaultRow]) -> list[Any]:
    """Return rows as parameters, each marked as a case of its row of the matrix."""
    return [pytest.param(row, id=label(row), marks=pytest.mark.fault(row.fault)) for row in rows]


def name_of(row: FaultRow) -> str:
    """Return the name of a row's account."""
    return _NAMES[id(row)]


def outcome_of(row: FaultRow) -> str:
    """Return the outcome on the poll's row; what HTTP takes for an answer, the provider refuses."""
    return "api_error" if row.outcome == "answered" else row.outcome


def good(number: int) -> Behaviour:
    """Answer like Nellie, at the good poll of this number."""
    listed = [{"requestId": f"r-{one}", "status": "completed", "completedAt": None} for one in range(number)]
    counters = {"totalRequests": 41 + number, "totalCreditsUsed": 8740 + 10 * number}
    return json_response({"success": True, **counters, "recentRequests": listed})


def settings_of(rows: Sequence[FaultRow], origins: Sequence[str], deadline: str = "2s") -> str:
    """Return settings with one account per row, each at its own origin."""
    accounts = (
        f'[[accounts]]\nname = "{name_of(row)}"\nprovider = "nellie"\nbase_url = "{origin}"\npoll_every = "30m"\n'
        f"allow_close_delimited = {str(row.allow_close_delimited).lower()}\n"
        for row, origin in zip(rows, origins, strict=True)
    )
    return f'[http]\ndeadline = "{deadline}"\n[daemon]\nworkers = 32\n{"".join(accounts)}'


class Scenery:
    """A server that plays what the scene wants: the script of a fault, or good answers."""

    def __init__(self, row: FaultRow, sink: Sink) -> None:
        self._script = row.script(sink.origin)
        self._behaviours: Sequence[Behaviour] = [good(1)]
        self._connections = 0
        self.server = FaultServer(self._play)

    def plays_good(self, number: int) -> None:
        """Answer as at the good poll of this number."""
        self._behaviours, self._connections = [good(number)], 0

    def plays_fault(self) -> None:
        """Begin the script of the fault."""
        self._behaviours, self._connections = self._script, 0

    def _play(self, exchange: Exchange) -> None:
        behaviour = self._behaviours[min(self._connections, len(self._behaviours) - 1)]
        self._connections += 1
        behaviour(exchange)


@dataclass(slots=True)
class Told:
    """What was seen of all accounts while their providers failed."""

    status: list[dict[str, Any]] = field(default_factory=list)
    daily: list[dict[str, Any]] = field(default_factory=list)
    table: str = ""
    polled: Run | None = None
    alone: dict[str, Run] = field(default_factory=dict)


class Door:
    """The door to the network, with little patience while the providers fail and much while they do not."""

    def __init__(self, clock: Timepiece) -> None:
        self.failing = False
        self._hasty, self._patient = (
            HttpClient(
                user_agent="usage-collector/0.1 (tests)",
                now=clock.now,
                monotonic=time.monotonic,
                wait=lambda _: False,
                settings=HttpSettings(deadline=deadline, retry_delays=(0.01, 0.02)),
            )
            for deadline in (_DEADLINE, _PATIENCE)
        )

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Ask."""
        client = self._hasty if self.failing else self._patient
        return client.get_json(url, key_header=key_header, key=key, allow_close_delimited=allow_close_delimited)

    def close(self) -> None:
        """Close both."""
        self._hasty.close()
        self._patient.close()


class Season:
    """One daemon, a command line beside it, and a provider for each row."""

    def __init__(self, console: Console, sceneries: Sequence[Scenery]) -> None:
        self.console, self.sceneries = console, sceneries
        self.clock = Timepiece(NOW - STEP)
        self.door = Door(self.clock)
        self.log = io.StringIO()
        self.before, self.during = Told(), Told()
        self.facts_before: dict[str, list[Any]] = {}
        self.facts_during: dict[str, list[Any]] = {}
        self.first_fault: dict[str, Any] = {}
        self.states: dict[str, Any] = {}
        self.polls: list[Any] = []
        self.untouched = False

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the daemon logged."""
        return log_lines(self.log.getvalue())

    def polls_of(self, row: FaultRow) -> list[Any]:
        """Return the rows of an account's polls."""
        identity = self.states[name_of(row)].id
        return [poll for poll in self.polls if poll.account == identity]

    def last_seen(self, row: FaultRow) -> Any:
        """Return the account's newest poll at the time of what was seen during the faults."""
        return self.polls_of(row)[FAULTS - (row.retry_after is not None and row.retry_after > STEP)]

    def play(self) -> None:
        """Play all of it."""
        settings = load_settings(self.console.folder / "collector.toml")
        with self._daemon(settings) as daemon:
            self._round(daemon)
            self.before = self._seen()
            self.facts_before = self.facts()
            self.door.failing = True
            for number in range(FAULTS):
                self._next(Scenery.plays_fault)
                self._round(daemon)
                if number == 0:
                    self.first_fault = self._accounts()
            self.during = self._seen()
            self._polled_by_hand()
            self.states, self.facts_during = self._accounts(), self.facts()
            self.door.failing = False
            for number in (2, 3):
                self._next(partial(Scenery.plays_good, number=number))
                self._round(daemon)
        self.polls = self.console.table("poll")

    def _next(self, change: Callable[[Scenery], None]) -> None:
        for scenery in self.sceneries:
            change(scenery)
        self.clock.passes(STEP.total_seconds())

    @contextmanager
    def _daemon(self, settings: Settings) -> Iterator[DuePolls]:
        environ = {"NELLIE_API_KEY": NELLIE_KEY}
        accounts = [one.account(environ) for one in chosen(settings, [])]
        with self.console.database() as database:
            logs.configure([account.key for account in accounts], stream=self.log)
            daemon = DuePolls(settings, database, self.clock, self.door, targets(database, accounts))
            yield daemon
            assert daemon.stop(10)
            self.door.close()

    def _round(self, daemon: DuePolls) -> None:
        """Let the daemon poll everybody who is due."""
        logs.configure([], stream=self.log)
        polled = -1
        while polled != (polled := len(self.console.table("poll"))):
            daemon.tick()
            until(lambda: daemon.running == 0, 60)

    def _run(self, *words: str) -> Run:
        with time_machine.travel(self.clock.now(), tick=True):
            done = self.console.run(*words)
        return Run(done.code, done.out, done.err)

    def _seen(self) -> Told:
        return Told(
            self._run("status", "--json").rows,
            self._run("report", "daily", "--json").rows,
            self._run("status").out,
        )

    def _polled_by_hand(self) -> None:
        """Poll one account of each row of the matrix alone, and all others at once."""
        for scenery in self.sceneries:
            scenery.plays_fault()
        first = {row.fault: row for row in reversed(ROWS) if row.outcome != "ok"}
        alone = [row for row in ROWS if first.get(row.fault) is row]
        self.during.polled = self._run("poll", "--json", "--force", *(name_of(row) for row in ROWS if row not in alone))
        for row in alone:
            self.during.alone[row.fault] = self._run("poll", name_of(row), "--force", "--config", "alone.toml")

    def _accounts(self) -> dict[str, Any]:
        return {row.name: row for row in self.console.table("account")}

    def facts(self) -> dict[str, list[Any]]:
        """Return the facts of every account, by name: everything but its polls."""
        names = {row.id: row.name for row in self.console.table("account")}
        owners = {row.id: row.account for row in self.console.table("meter")}
        found: dict[str, list[Any]] = {name: [] for name in names.values()}
        for table in ("snapshot", "decision", "gap"):
            for row in self.console.table(table):
                found[names[owners[row.meter]]].append(row)
        for table in ("usage_request", "usage_request_change"):
            for row in self.console.table(table):
                found[names[row.account]].append(row)
        return found


@contextmanager
def played(console: Console) -> Iterator[Season]:
    """Play the season in a folder with an upgraded database."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        sceneries = [Scenery(row, sink) for row in ROWS]
        origins = [stack.enter_context(scenery.server).origin for scenery in sceneries]
        console.write(settings_of(ROWS, origins))
        console.write(settings_of(ROWS, origins, "1s"), "alone.toml")
        season = Season(console, sceneries)
        season.play()
        season.untouched = sink.untouched
        yield season
