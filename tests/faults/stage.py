"""The stage on which faults are played: a configured program in a folder, a server that misbehaves, and a sink.

    stage.plays(reset)                        what the provider does from now on (behaviours of fault_server)
    stage.configure(account='poll_every = "1s"', daemon="workers = 2")
    stage.poll() -> Run                       ``collector poll --json`` in this process
    stage.run("status", "--json") -> Run      any verb in this process
    stage.daemon(lambda: stage.polls)         ``collector run`` in this process until a condition holds
    with stage.process("run") as daemon:      the real program as a process of its own
        daemon.wait_for("polling")
    stage.polls, stage.snapshots, stage.requests, stage.facts      what is stored
    stage.seen                                the rows of ``status --json``

The account is called ``acct``. The environment names the sink as every kind of proxy. At the end of every case nobody
may have talked to the sink, and no key may be in anything that was printed, logged or written; a file that is to hold
a key is written with ``stage.key_file``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from collector.store import schema
from collector.store.checking import check
from collector.store.engine import Database
from tests.app.console import Console, Printed
from tests.app.world import until
from tests.canary import KEYS, leaks
from tests.http.fault_server import Behaviour, Exchange, FaultServer, Sink, json_response

ACCOUNT = "acct"
BOTH = pytest.mark.parametrize("stage", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
"""Plays a case on both engines."""
REPOSITORY = Path(__file__).parents[2]
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def usage(requests: int = 41, credits: int = 8740, listed: list[object] | None = None, **fields: object) -> Behaviour:
    """Answer like Nellie."""
    return json_response(
        {
            "success": True,
            "totalRequests": requests,
            "totalCreditsUsed": credits,
            "recentRequests": [] if listed is None else listed,
            **fields,
        }
    )


def invocations(count: int) -> Behaviour:
    """Answer like Nected."""
    return json_response({"data": {"invocations": count}, "code": "success", "message": "Success."})


@dataclass(frozen=True, slots=True)
class Run(Printed):
    """What a command did; ``log`` holds the lines of stderr that are JSON."""

    @property
    def log(self) -> list[dict[str, Any]]:
        """The parsed lines of the log."""
        return log_lines(self.err)

    def logged(self, level: str) -> list[str]:
        """Return the sentences of the log at one level."""
        return [line["event"] for line in self.log if line["level"] == level]


def log_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines that are JSON objects, parsed."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Process:
    """The program as a process of its own; leaving its context kills what still runs."""

    def __init__(self, command: list[str], folder: Path, environ: Mapping[str, str], number: int) -> None:
        self._out, self._err = folder / f"stdout-{number}.txt", folder / f"stderr-{number}.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=err)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    @property
    def out(self) -> str:
        """What it printed so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What it wrote to stderr so far."""
        return self._err.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The parsed lines of its log; the last may still be under way."""
        return log_lines(self.err[: self.err.rfind("\n") + 1])

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Wait until stderr holds ``text``."""
        until(lambda: text in self.err or not self.running, seconds)
        assert text in self.err, self.err

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once and wait for it."""
        self._process.kill()
        self._process.wait(20)

    @property
    def code(self) -> int:
        """Its exit code; waits for the end."""
        return self._process.wait(30)


class Stage:
    """A configured program, its provider and its database.

    Args:
        console: Runs verbs in a folder of their own.
        url: The URL of a database at the newest schema.
        upstream: The provider; it does what ``plays`` said last.
        sink: Nobody may talk to it.
    """

    def __init__(self, console: Console, monkeypatch: pytest.MonkeyPatch, url: str, sink: Sink) -> None:
        self.console, self.folder, self.url = console, console.folder, url
        self.sink = sink
        self._behaviours: list[Behaviour] = [usage()]
        self._connections = 0
        self.upstream = FaultServer(self._play)
        self.printed: list[str] = []
        self._processes: list[Process] = []
        self._key_files: set[Path] = set()
        for name in _PROXIES:
            monkeypatch.setenv(name, sink.origin)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")):
            monkeypatch.setenv(name, str(self.folder / folder))
        self.configure()

    def plays(self, *behaviours: Behaviour) -> None:
        """Let the provider do this: one behaviour for each connection from now on, the last for all that follow."""
        self._connections, self._behaviours = 0, list(behaviours)

    def _play(self, exchange: Exchange) -> None:
        behaviour = self._behaviours[min(self._connections, len(self._behaviours) - 1)]
        self._connections += 1
        behaviour(exchange)

    def configure(
        self,
        *,
        account: str = "",
        daemon: str = "",
        http: str = "",
        extra: str = "",
        provider: str = "nellie",
        base_url: str | None = None,
    ) -> Path:
        """Write the settings of one account at the provider; the texts are added to the tables.

        Args:
            account: Lines of the account's table.
            daemon: Lines of ``[daemon]``.
            base_url: Where it is, instead of the server that plays.
        http: Lines of ``[http]``; the deadline is 5 s unless they say another.
            extra: More tables.
            provider: Whose API the account speaks.
        """
        deadline = "" if "deadline" in http else 'deadline = "5s"\n'
        address = f'base_url = "{base_url or self.upstream.origin}"'
        return self.console.write(
            f'[database]\nurl = "{self.url}"\n[http]\n{deadline}{http}\n[daemon]\n{daemon}\n{extra}\n'
            f'[[accounts]]\nname = "{ACCOUNT}"\nprovider = "{provider}"\n{address}\n{account}\n'
        )

    def key_file(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file that may hold a key."""
        path = self.console.write(text, name)
        path.chmod(mode)
        self.hold_key(path)
        return path

    def hold_key(self, path: Path) -> None:
        """Let a file hold a key: somebody else wrote it there for the case."""
        self._key_files.add(path)

    def run(self, *words: str) -> Run:
        """Run ``collector`` with ``words`` in this process."""
        done = self.console.run(*words)
        self.printed += (done.out, done.err)
        return Run(done.code, done.out, done.err)

    def poll(self, *words: str) -> Run:
        """Run ``collector poll --json``."""
        return self.run("poll", "--json", *words)

    def daemon(self, until: Callable[[], object], *words: str, seconds: float = 60.0) -> Run:
        """Run ``collector run`` in this process until a condition holds, then end it by SIGTERM.

        The condition is asked in a thread of its own. The daemon may also end by itself. The time is long: what takes
        four seconds takes fifteen on a machine with nine times as much to do.
        """
        usual, met, ended = signal.getsignal(signal.SIGTERM), threading.Event(), threading.Event()

        def stop() -> None:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends and not met.is_set():
                if ended.wait(0.01):
                    return
                if signal.getsignal(signal.SIGTERM) is not usual and until():
                    met.set()
            # Asked to end in vain it ends all the same: a case fails, and does not hang.
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=stop, daemon=True)
        before = signal.signal(signal.SIGTERM, usual)
        thread.start()
        try:
            done = self.run("run", *words)
        finally:
            ended.set()
            thread.join(5)
            signal.signal(signal.SIGTERM, before)
        assert met.is_set() or done.code != 0, f"it never came to pass: {done.err}"
        return done

    @contextmanager
    def process(self, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Process]:
        """Start the program with ``words`` as a process; it is killed at the end if it still runs."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        command = [sys.executable, "-W", "error", "-m", "collector", *words]
        started = Process(
            command, self.folder, environ | {"PYTHONPATH": str(REPOSITORY), **(env or {})}, len(self._processes)
        )
        self._processes.append(started)
        with started:
            yield started

    def table(self, name: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[name]
        database = Database(self._database_url)
        try:
            with database.read() as connection:
                return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())
        finally:
            database.close()

    @property
    def _database_url(self) -> str:
        return self.url.replace("sqlite:///", f"sqlite:///{self.folder}/") if self.path else self.url

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database, else None."""
        return self.folder / self.url.removeprefix("sqlite:///") if self.url.startswith("sqlite") else None

    @property
    def polls(self) -> list[Any]:
        """Every row of a poll."""
        return self.table("poll")

    @property
    def outcomes(self) -> list[str]:
        """The outcome of every poll."""
        return [row.outcome for row in self.polls]

    @property
    def snapshots(self) -> list[Any]:
        """Every snapshot."""
        return self.table("snapshot")

    @property
    def requests(self) -> list[Any]:
        """Every request record."""
        return self.table("usage_request")

    @property
    def facts(self) -> list[list[Any]]:
        """Everything that a failed poll must leave as it is."""
        tables = ("snapshot", "decision", "gap", "usage_request", "usage_request_change")
        return [self.table(name) for name in tables]

    @property
    def seen(self) -> Any:
        """The rows of ``status --json``."""
        done = self.run("status", "--json")
        assert done.code == 0, done.err
        return done.rows

    def leaks(self) -> set[str]:
        """Return where pieces of a key are found: among what was printed and what was written below the folder."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path not in self._key_files]
        printed = {"printed" for text in self.printed if holds_key(text.encode())}
        return printed | {str(path) for path in files if holds_key(path.read_bytes())}


def sound(stage: Stage) -> bool:
    """Tell whether the ledger contradicts itself nowhere."""
    with closing(Database(stage._database_url)) as database:
        return check(database) == []


def holds_key(data: bytes) -> bool:
    """Tell whether a form or a slice of a key is in ``data``."""
    return any(leaks(data, key) for key in KEYS)
