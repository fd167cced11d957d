"""Runs the real program for minutes against a provider that misbehaves, while it is killed, locked out and restored.

    python -m benchmarks.soak [--minutes 20] [--accounts 200] [--seed 1] [--database postgresql://…]

The first two thirds are rough: SIGKILL and SIGTERM with restarts, a database that somebody else holds, backup →
restore → verify. The last third only has the provider's faults, so that open files, threads and memory can be seen to
stay flat. In the end the provider's counters stop, everybody is polled once more, and the ledger must equal the truth.
Prints a table and one line of JSON; exit code 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak_judgement import differences
from benchmarks.soak_program import Program, Sample
from benchmarks.soak_upstream import Truth, Upstream

_ROUGH = 2 / 3
_QUIET = 15.0  # seconds after a start before its memory is looked at
_TELLING = 2.0  # minutes; what is shorter says nothing of a slope
_SLOPE = 0.5  # MiB a minute; what a stretch of minutes cannot tell from nothing


@dataclass
class Soak:
    """One soak: the program, the provider, and what was done to them."""

    program: Program
    upstream: Upstream
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def rough(self, until: float) -> None:
        """Do something bad every few seconds."""
        deeds: list[Callable[[], None]] = [self.kill, self.kill, self.terminate, self.hold_lock, self.restore]
        if not self.program.is_sqlite:
            deeds = [self.kill, self.kill, self.terminate]
        while time.monotonic() < until:
            self.program.watch(self.chance.uniform(3, 12))
            self.chance.choice(deeds)()

    def kill(self) -> None:
        """Kill the daemon and start it again."""
        self.program.signal(signal.SIGKILL)
        self._note("killed", self.program.ended() == -signal.SIGKILL)
        self.program.start()

    def terminate(self) -> None:
        """End the daemon in order and start it again."""
        self.program.signal(signal.SIGTERM)
        self._note("stopped", self.program.ended() == 0)
        self.program.start()

    def hold_lock(self) -> None:
        """Hold the database's write lock for longer than the program waits."""
        seconds = self.chance.uniform(1, 6)
        with self.program.locked():
            self.program.watch(seconds)
        self._note("locked", correct=True)

    def restore(self) -> None:
        """Make a backup while the daemon writes; stop it, put the backup in place, and prove the ledger."""
        self._note("backed up", self.program.run("db", "backup", "backup.db") == 0)
        self.program.signal(signal.SIGTERM)
        self._note("stopped", self.program.ended() == 0)
        self._note("restored", self.program.run("db", "restore", "backup.db") == 0)
        self._note("verified", self.program.run("verify") == 0)
        self.program.start()

    def finish(self) -> list[str]:
        """Stop the provider's counters, poll everybody once more, and return what is not the truth."""
        self.upstream.spoilt = 0
        self.upstream.truth.freeze()
        self.program.signal(signal.SIGTERM)
        self._note("stopped", self.program.ended() == 0)
        self._note("polled", self.program.run("poll", "--force") == 0)
        self._note("verified", self.program.run("verify") == 0)
        return differences(self.program, self.upstream.truth)

    def _note(self, what: str, correct: bool) -> None:
        self.done[what] += 1
        if not correct:
            self.faults.append(f"{what}: not as it should be ({self.program.last})")


def slope(samples: list[Sample], of: Callable[[Sample], float]) -> float:
    """Return by how much a figure grows a minute: the least squares line through it."""
    count = len(samples)
    if count < 3:
        return 0.0
    middle = sum(one.at for one in samples) / count
    level = sum(of(one) for one in samples) / count
    spread = sum((one.at - middle) ** 2 for one in samples)
    return 60 * sum((one.at - middle) * (of(one) - level) for one in samples) / spread


def steady(samples: list[Sample]) -> tuple[dict[str, float], list[str]]:
    """Return the figures of the longest life without a kill, and which of them are not flat."""
    life = max({one.life for one in samples}, key=lambda life: sum(one.life == life for one in samples))
    mine = [one for one in samples if one.life == life]
    settled = [one for one in mine if one.at > mine[0].at + max(_QUIET, (mine[-1].at - mine[0].at) / 3)]
    if not settled:
        return {}, []
    figures = {
        "minutes": round((settled[-1].at - settled[0].at) / 60, 2),
        "memory_mib": round(settled[-1].memory, 1),
        "memory_mib_per_minute": round(slope(settled, lambda one: one.memory), 3),
        "files_most": max(one.files for one in settled),
        "files_per_minute": round(slope(settled, lambda one: one.files), 3),
        "threads_most": max(one.threads for one in settled),
        "threads_per_minute": round(slope(settled, lambda one: one.threads), 3),
    }
    if figures["minutes"] < _TELLING:
        return figures, []
    limits = {"memory_mib_per_minute": _SLOPE, "files_per_minute": 1.0, "threads_per_minute": 0.5}
    return figures, [f"{name} is {figures[name]}" for name, limit in limits.items() if figures[name] > limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite:///usage.db")
    asked = parser.parse_args()
    upstream = Upstream(Truth(asked.accounts), spoilt=0.1, seed=asked.seed)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        program = Program(Path(folder), upstream, asked.database)
        soak = Soak(program, upstream, random.Random(asked.seed))
        program.start()
        began = time.monotonic()
        soak.rough(began + asked.minutes * 60 * _ROUGH)
        program.watch(asked.minutes * 60 * (1 - _ROUGH))  # all of it, however long the last deed took
        wrong = [*soak.faults, *soak.finish()]
        figures, uneven = steady(program.samples)
        report = {
            "minutes": asked.minutes,
            "accounts": asked.accounts,
            "database": "sqlite" if program.is_sqlite else "postgresql",
            "answers": dict(sorted(upstream.answered.items())),
            "done": dict(sorted(soak.done.items())),
            "polls": program.counted(),
            "longest_life": figures,
            "wrong": [*wrong, *uneven],
        }
        program.close()
    upstream.close()
    _print(report)
    return 1 if report["wrong"] else 0


def _print(report: dict[str, object]) -> None:
    for name, value in report.items():
        shown = value.items() if isinstance(value, dict) else [("", value)]
        for key, one in shown:
            print(f"{name:<14} {key:<24} {one}")
    print(json.dumps(report))


if __name__ == "__main__":
    sys.exit(main())
