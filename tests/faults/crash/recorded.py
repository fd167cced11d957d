"""The collector whose writes are recorded: it lives several short lives in one thread, so their order is known.

python -m tests.faults.crash.recorded FOLDER POLLS,POLLS,… [PRAGMA]
python -m tests.faults.crash.recorded FOLDER spool COUNT
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from collector.store.entries import FinishedPoll, PollHead
from collector.store.heads import Heads
from collector.store.spool import Spool
from tests.faults.crash.script import NOTED, World, instant


def _weaken(pragma: str) -> None:
    def connected(connection: Connection) -> None:
        connection.connection.cursor().execute(f"PRAGMA {pragma}")

    event.listen(Engine, "engine_connect", connected)


def main(folder: Path, lives: Sequence[int]) -> None:
    """Poll every account as often as said in each life; each opens the database, and all but the last close it."""
    for number, polls in enumerate(lives, 1):
        world = World(folder)
        world.start()
        world.live_in_turn(polls)
        if number < len(lives):
            world.database.close()
    os._exit(0)


def spool(folder: Path, count: int) -> None:
    """Keep polls that could not be stored, note each that is safe, and remember heads in between."""
    kept = Spool(folder / "state" / "spool", 1 << 20)
    heads = Heads(folder / "state" / "heads.json", "here")
    noted = os.open(folder / NOTED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in range(count):
        at = instant(number)
        poll = FinishedPoll("acct", "nected", at, at, "ok", at, counters={"invocations": number})
        path = kept.add(poll, "the database is locked")
        os.write(noted, f"{path.name} {number}\n".encode())
        heads.committed("acct", PollHead(number + 1, bytes([number]) * 32), number)
        heads.save()
        os.write(noted, f"heads.json {number + 1}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[2] == "spool":
        spool(Path(sys.argv[1]), int(sys.argv[3]))
    if len(sys.argv) > 3:
        _weaken(sys.argv[3])
    main(Path(sys.argv[1]), [int(one) for one in sys.argv[2].split(",")])
