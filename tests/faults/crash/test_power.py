"""After a power cut at any instant every acknowledged poll is there, and the ledger is whole (S17).

A real collector's system calls are recorded once; then the power is lost again and again, in hundreds of places and
each time in another way, and the program looks at what is left on the disk.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.providers import PROVIDERS
from collector.store.engine import Database
from collector.store.heads import Heads
from collector.store.revision import require_head, upgrade
from collector.store.spool import Spool
from collector.store.verifying.proof import Wanted, prove
from tests.faults.crash.disk import MODES, Disk
from tests.faults.crash.recording import Step, Sync, Write, record
from tests.faults.crash.script import NOTED, configure

REPOSITORY = Path(__file__).parents[3]
LIVES = "2,37"  # polls of each account: a short life, and one long enough for a checkpoint in its middle
CUTS = 500
CATALOGUE = {name: one.meters for name, one in PROVIDERS.items()}

pytestmark = pytest.mark.fault("S17")

Newest = dict[str, tuple[int, bytes]]


@dataclass(frozen=True)
class Recorded:
    """What a collector did, beginning from what was in ``before``; ``chains`` is every digest it came to."""

    folder: Path
    before: Path
    steps: Sequence[Step]
    chains: dict[str, list[bytes]]


def recorded(folder: Path, *pragma: str) -> Recorded:
    work, before = folder / "work", folder / "before"
    work.mkdir(parents=True)
    configure(work)
    database = Database(f"sqlite:///{work / 'usage.db'}")
    upgrade(database)
    database.close()
    shutil.copytree(work, before)
    words = ["-m", "tests.faults.crash.recorded", str(work), LIVES, *pragma]
    steps = record(work, words, folder / "trace", REPOSITORY)
    with sqlite3.connect(work / "usage.db") as connection:
        polls = "SELECT a.name, p.digest FROM poll p JOIN account a ON a.id = p.account ORDER BY p.id"
        chains: dict[str, list[bytes]] = {}
        for name, digest in connection.execute(polls):
            chains.setdefault(name, []).append(digest)
    connection.close()
    return Recorded(work, before, steps, chains)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is one: what a disk would keep is our own model's affair."""
    shared = Path("/dev/shm")  # noqa: S108 - the folder made in it is ours alone
    where = shared if shared.is_dir() else tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def collector(memory: Path) -> Recorded:
    """A collector with the settings that the program makes."""
    return recorded(memory / "durable")


def heads(image: Path) -> Newest:
    """Return the newest poll of each account as the program's own door shows it, the file being whole."""
    database = Database(f"sqlite:///{image / 'usage.db'}")
    try:
        require_head(database)
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            rows = connection.exec_driver_sql(
                "SELECT a.name, max(p.id), p.digest FROM poll p JOIN account a ON a.id = p.account GROUP BY a.name"
            )
            return {name: (number, digest) for name, number, digest in rows}
    finally:
        database.close()


def require_proved(image: Path) -> None:
    database = Database(f"sqlite:///{image / 'usage.db'}")
    try:
        assert prove(database, Wanted(catalogue=CATALOGUE), lambda _: None).proved
    finally:
        database.close()


def cuts(collector: Recorded, count: int, seed: int) -> list[int]:
    """Return after how many steps the power is lost: around syncs, where it matters most, and anywhere."""
    chance = random.Random(seed)
    syncs = [at for at, step in enumerate(collector.steps) if isinstance(step, Sync)]
    near = [min(max(at + chance.choice((-1, 0, 1, 2)), 1), len(collector.steps)) for at in syncs]
    anywhere = range(1, len(collector.steps) + 1)
    chosen = [*near, *chance.choices(anywhere, k=count)]
    return sorted(chance.sample(chosen, count))


def missing(collector: Recorded, image: Path, noted: Counter[str]) -> int:
    """Return how many acknowledged polls are not in an image; what is there must be what the collector had."""
    found = heads(image)
    for name, (number, digest) in found.items():
        assert collector.chains[name][number - 1] == digest
    return sum(max(0, count - found.get(name, (0, b""))[0]) for name, count in noted.items())


def lost_in(collector: Recorded, folder: Path, count: int, lies: str | None = None, *, proved: int = 25) -> list[int]:
    """Return by power cut how many acknowledged polls were lost."""
    disk, noted, done = Disk(collector.before, collector.folder, lies), Counter[str](), 0
    chance = random.Random(1)
    lost: list[int] = []
    for at in cuts(collector, count, seed=2):
        for step in collector.steps[done:at]:
            if step.path.endswith(NOTED):
                noted.update(step.data.decode().split()[:1] if isinstance(step, Write) else ())
            else:
                disk.do(step)
        done = at
        image = folder / f"image-{len(lost)}"
        image.mkdir(parents=True)
        disk.lose_power(image, chance, chance.choice(MODES))
        lost.append(missing(collector, image, noted))
        if proved and len(lost) % proved == 0:
            require_proved(image)
        shutil.rmtree(image)
    return lost


def test_no_acknowledged_poll_is_lost(collector: Recorded, memory: Path) -> None:
    assert sum(lost_in(collector, memory, CUTS)) == 0


def test_a_disk_that_only_says_that_it_synced_loses_some(collector: Recorded, memory: Path) -> None:
    """The cuts can find a loss: the same collector on a disk that does not keep what it promised."""
    assert sum(lost_in(collector, memory, 40, lies="-wal", proved=0)) > 0


def test_synchronous_normal_would_lose_some(memory: Path) -> None:
    """The cuts can find a loss: the same collector with the weaker setting of SQLite."""
    weaker = recorded(memory / "weaker", "synchronous = NORMAL")
    assert sum(lost_in(weaker, memory, 60, proved=0)) > 0


def spool_lost_in(memory: Path, recording: Sequence[Step], work: Path, lies: str | None = None) -> int:
    """Return how many spooled polls and remembered heads are lost in 150 power cuts."""
    chance, lost, nothing = random.Random(1), 0, memory / "nothing"
    nothing.mkdir(exist_ok=True)
    for _ in range(150):
        disk, safe = Disk(nothing, work, lies), dict[str, int]()
        for step in recording[: chance.randint(1, len(recording))]:
            if not step.path.endswith(NOTED):
                disk.do(step)
            elif isinstance(step, Write):
                name, value = step.data.decode().split()
                safe[name] = int(value)
        image = memory / "image"
        image.mkdir()
        disk.lose_power(image, chance, chance.choice(MODES))
        spool = Spool(image / "state" / "spool", 1 << 20)
        kept = {one.path.name: one.poll.counters["invocations"] for one in spool.of_account("acct")}
        head = Heads(image / "state" / "heads.json", "here").known("acct")
        lost += (0 if head is None else head.number) < safe.pop("heads.json", 0)
        lost += len(safe.items() - kept.items())
        shutil.rmtree(image)
    return lost


def test_no_spooled_poll_is_lost_and_no_remembered_head_goes_back(memory: Path) -> None:
    work = memory / "spool"
    work.mkdir()
    words = ["-m", "tests.faults.crash.recorded", str(work), "spool", "12"]
    steps = record(work, words, memory / "trace", REPOSITORY)
    assert spool_lost_in(memory, steps, work) == 0
    assert spool_lost_in(memory, steps, work, lies=".part") > 0  # the cuts can find a loss
