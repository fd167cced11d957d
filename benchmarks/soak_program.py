"""The program under a soak: a folder with its settings, its daemon as a process, and what that takes of the machine."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.soak_upstream import Upstream
from collector.store import schema
from collector.store.engine import Database

_REPOSITORY = Path(__file__).parents[1]
_KEY = "soak_0123456789abcdef"


@dataclass(frozen=True)
class Sample:
    """What the daemon took at one moment; ``life`` counts its starts."""

    at: float
    life: int
    memory: float
    files: int
    threads: int


class Program:
    """The real program in a folder of its own."""

    def __init__(self, folder: Path, upstream: Upstream, database: str) -> None:
        self.folder = folder
        self.is_sqlite = database.startswith("sqlite")
        self.samples: list[Sample] = []
        self.last = ""
        self._lives = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "log").open("ab")
        accounts = "".join(
            f'[[accounts]]\nname = "{name}"\nprovider = "{"nected" if upstream.truth.is_plain(name) else "nellie"}"\n'
            f'base_url = "{upstream.url}/{name}"\npoll_every = "2s"\napi_key = {{ env = "SOAK_KEY" }}\n'
            for name in upstream.truth.names
        )
        waiting = 'busy_timeout = "2s"\n' if self.is_sqlite else ""
        path = folder / "collector.toml"
        path.write_text(
            f'[database]\nurl = "{database}"\n{waiting}[http]\ndeadline = "3s"\n[daemon]\nworkers = 16\n{accounts}'
        )
        path.chmod(0o600)
        self.url = database.replace("sqlite:///", f"sqlite:///{folder}/") if self.is_sqlite else database
        if self.run("db", "upgrade"):
            raise SystemExit(self.last)

    @property
    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        return {**kept, "SOAK_KEY": _KEY, "PYTHONPATH": str(_REPOSITORY)}

    def run(self, *words: str) -> int:
        """Run a command to its end and return the exit code; what it said is in ``last``."""
        done = subprocess.run(
            [sys.executable, "-m", "collector", *words],
            cwd=self.folder, env=self._environ, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        self.last = f"{' '.join(words)}: exit {done.returncode}: {(done.stdout + done.stderr)[-600:]}"
        return done.returncode

    def printed(self, *words: str) -> str:
        """Run a command that must succeed and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "collector", *words],
            cwd=self.folder, env=self._environ, capture_output=True, text=True, check=True, timeout=600,
        ).stdout  # fmt: skip

    def start(self) -> None:
        """Start the daemon."""
        self._lives += 1
        command = [sys.executable, "-m", "collector", "run"]
        self._process = subprocess.Popen(
            command, cwd=self.folder, env=self._environ, stdout=self._log, stderr=self._log
        )

    def signal(self, number: int) -> None:
        """Send the daemon a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the daemon's end and return its exit code."""
        assert self._process is not None
        code = self._process.wait(60)
        self.last = f"run: exit {code}"
        return code

    def watch(self, seconds: float) -> None:
        """Let time pass, and look every second at what the daemon takes."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(min(1.0, max(0.0, ends - time.monotonic())))
            self._sample()

    def _sample(self) -> None:
        assert self._process is not None
        place = Path(f"/proc/{self._process.pid}")
        if self._process.poll() is not None:
            raise SystemExit(f"the daemon ended by itself with exit code {self._process.returncode}; see {self.tail()}")
        try:
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
            memory, threads = int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"])
            files = len(list((place / "fd").iterdir()))
        except (OSError, KeyError):
            return  # it is being started
        self.samples.append(Sample(time.monotonic(), self._lives, memory, files, threads))

    def tail(self) -> str:
        """Return the end of the daemon's log."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock of the SQLite file."""
        with closing(sqlite3.connect(self.folder / "usage.db", timeout=30, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")

    def counted(self) -> dict[str, int]:
        """Return how many polls are stored, by outcome."""
        database = Database(self.url)
        try:
            with database.read() as connection:
                outcome = schema.poll.c.outcome
                rows = connection.execute(select(outcome, func.count()).group_by(outcome).order_by(outcome))
                return {row[0]: row[1] for row in rows}
        finally:
            database.close()

    def close(self) -> None:
        """End the daemon if it is still there."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)
        self._log.close()
