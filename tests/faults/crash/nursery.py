"""Starts collectors and kills them: each is forked from a parent that has imported everything, so a life costs little.

Run as a program with the path of an order (JSON); it prints a report (JSON):

    {"folder": …, "statements": [1, 2, …], "kills": 100, "seed": 1}

First one life for each number, which ends at that statement to the database; then lives of random length; then one that
ends by itself. While children live the parent has no connection to the database: SQLite would not survive the fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event

from collector.providers import PROVIDERS
from collector.store.verifying.proof import Wanted, prove
from tests.faults.crash.script import NAMES, World, stored

_WITHOUT_END = dict.fromkeys(NAMES, 1 << 40)
_BROKEN = 78  # the exit code of a look at a ledger that is not whole
_CATALOGUE = {name: one.meters for name, one in PROVIDERS.items()}


@dataclass(frozen=True)
class Order:
    """What to do.

    Attributes:
        folder: Where the collectors work.
        statements: At which statement to the database to end a life, each.
        kills: How many lives to end at random after that.
        seed: Of the chance by which they end.
        proved: After how many kills the whole ledger is proved.
    """

    folder: Path
    statements: Sequence[int] = ()
    kills: int = 0
    seed: int = 1
    proved: int = 20


def forked(live: Callable[[], None]) -> int:
    """Start a child that lives and ends; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        live()
        code = 0
    except BaseException:  # noqa: BLE001 - the child's edge: it must not go on as a second parent
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a child and return its exit code; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def suicide() -> None:
    """End this process as ``kill -9`` would."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at_statement(number: int) -> None:
    """Have this process killed at the n-th of the instants before and after a statement, a commit, a rollback."""
    met = 0

    def count(*_: object) -> None:
        nonlocal met
        met += 1
        if met == number:
            suicide()

    for name in ("before_cursor_execute", "after_cursor_execute", "commit", "rollback"):
        event.listen(Engine, name, count)


class Nursery:
    """Where collectors of one folder are born.

    The parent's ``World`` has polled before: what SQLAlchemy keeps of statements it compiled is inherited.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._world = World(order.folder)

    def killed_at_statements(self) -> Iterator[int]:
        """Yield the exit code of each life that ends at a statement."""
        for number in self._order.statements:
            yield ended(forked(lambda number=number: self._die_at(number)))  # type: ignore[misc]  # a default binds it

    def killed_at_random(self) -> Iterator[int]:
        """Yield the exit code of each life that ends at random, and of each proof in between."""
        chance = random.Random(self._order.seed)
        longest = self._warmed()
        for number in range(self._order.kills):
            child = forked(lambda: self._live(_WITHOUT_END))
            time.sleep(chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            yield ended(child)
            if number % self._order.proved == self._order.proved - 1:
                yield ended(forked(self._prove))

    def last(self, goal: dict[str, int]) -> int:
        """Let one live until it has reached ``goal``, and return its exit code."""
        return ended(forked(lambda: self._live(goal)))

    def _live(self, until: dict[str, int]) -> None:
        self._world.start()
        self._world.live(until)

    def _die_at(self, number: int) -> None:
        dying_at_statement(number)
        self._live(_WITHOUT_END)

    def _warmed(self) -> float:
        """Poll a few times here, and return how long a short life takes."""
        self._live({name: count + 8 for name, count in stored(self._order.folder).items()})
        self._world.database.close()
        goal = {name: count + 2 for name, count in stored(self._order.folder).items()}
        began = time.monotonic()
        ended(forked(lambda: self._live(goal)))
        return time.monotonic() - began

    def _prove(self) -> None:
        proof = prove(self._world.database, Wanted(catalogue=_CATALOGUE), lambda _: None)
        os._exit(0 if proof.proved else _BROKEN)


def main(order: Order) -> dict[str, object]:
    """Carry out an order and return the report."""
    nursery = Nursery(order)
    codes = [*nursery.killed_at_statements(), *nursery.killed_at_random()]
    reached = stored(order.folder)
    goal = {name: count + 3 for name, count in reached.items()}
    return {"codes": codes, "reached": reached, "goal": goal, "last": nursery.last(goal)}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps(main(Order(**{**asked, "folder": Path(asked["folder"])}))))
