from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from collector.app.exporting_facts import export_requests, export_snapshots
from collector.app.import_cells import Kind
from collector.app.importing import Imported, import_file
from collector.app.wiring import agreements, load_settings
from collector.config import Settings
from collector.domain.accounts import Account, Meter
from collector.store import schema
from collector.store.accounts import register
from collector.store.engine import Database
from collector.store.refolding import MeterKey, refold
from collector.store.terms import kept_terms
from reports.catalogue import daily
from reports.question import Question
from tests.app.test_import_rows import HEADER, REQUESTS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LINES = [
    f"{account},{meter},2026-01-{day:02}T{hour:02}:30:00Z,{(day * 24 + hour) * step % modulus}\n"
    for account, meter, step, modulus in (
        ("busy", "credits", 7, 2_000),
        ("busy", "requests", 1, 10_000),
        ("idle", "invocations", 0, 5),
    )
    for day in range(1, 20)
    for hour in range(0, 24, 5)
]
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from collector.app.importing import import_file
from collector.app.wiring import load_settings
from collector.store.engine import Database

def watch(what, done, total):
    if what == "meters":
        os.kill(os.getpid(), signal.SIGKILL)

settings = load_settings(Path(sys.argv[2]), {})
import_file(settings, Database(sys.argv[1]), sys.argv[3], datetime.fromisoformat(sys.argv[4]), watch)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "collector.toml"
    path.write_text(
        '[[accounts]]\nname = "busy"\nprovider = "nellie"\ntimezone = "Asia/Kathmandu"\n'
        '[[accounts]]\nname = "idle"\nprovider = "nected"\n'
    )
    return load_settings(path, {})


def silent(what: str, done: int, total: int | None) -> None:
    assert what
    assert total is None or done <= total


class Import:
    """Imports texts into a database, and shows what became of it."""

    def __init__(self, database: Database, settings: Settings, folder: Path) -> None:
        self.database, self.settings, self.folder = database, settings, folder

    def take(self, text: str, **how: bool) -> Imported:
        path = self.folder / "facts"
        path.write_text(text)
        return import_file(self.settings, self.database, str(path), NOW, silent, **how)

    def exported(self, *, as_csv: bool = True) -> tuple[str, str]:
        snapshots, requests = io.StringIO(newline=""), io.StringIO(newline="")
        export_snapshots(self.database, Question(NOW), snapshots, as_csv=as_csv)
        export_requests(self.database, Question(NOW), requests, as_csv=as_csv)
        return snapshots.getvalue(), requests.getvalue()

    def daily(self) -> list[Any]:
        frame = daily(self.database, Question(NOW, agreements(self.settings)))
        return list(frame.to_dict("records"))

    def dump(self, *names: str) -> dict[str, list[Any]]:
        tables = [schema.metadata.tables[name] for name in names] or schema.metadata.sorted_tables
        with self.database.read() as connection:
            return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables}

    def forget(self) -> None:
        with self.database.write() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                connection.execute(table.delete())


@pytest.fixture
def imports(database: Database, settings: Settings, tmp_path: Path) -> Import:
    return Import(database, settings, tmp_path)


def test_in_shuffled_pieces_it_is_the_same_ledger(imports: Import) -> None:
    imports.take(HEADER + "".join(LINES))
    whole = imports.exported(), imports.daily(), imports.dump("gap")
    imports.forget()
    lines = Random(5).sample(LINES, len(LINES))
    for start in range(0, len(lines), 40):
        imports.take(HEADER + "".join(lines[start : start + 40]))
    assert (imports.exported(), imports.daily()) == whole[:2]


@pytest.mark.parametrize("as_csv", [True, False], ids=["csv", "jsonl"])
def test_what_is_exported_imports_to_the_same_ledger(as_csv: bool, imports: Import) -> None:
    record = "busy,'=x,processing,,,,2026-01-01T11:01:00Z,2026-01-01T12:00:00Z\n"
    imports.take(HEADER + "".join(LINES))
    imports.take(REQUESTS + record)
    snapshots, requests = imports.exported(as_csv=as_csv)
    before = imports.daily(), imports.dump("snapshot", "gap", "decision", "usage_request", "cadence", "imported")
    imports.forget()
    if not imports.database.is_sqlite:
        with imports.database.write() as connection:
            connection.exec_driver_sql("SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'")
    imports.take(snapshots)
    imports.take(requests)
    assert imports.exported(as_csv=as_csv) == (snapshots, requests)
    after = imports.daily(), imports.dump("snapshot", "gap", "decision", "usage_request", "cadence", "imported")
    assert after == before


def test_a_fold_of_everything_again_changes_nothing(imports: Import) -> None:
    imports.take(HEADER + "".join(LINES))
    before = imports.dump("snapshot", "gap", "decision")
    with imports.database.write() as connection:
        for account, meter, name in connection.execute(
            select(schema.meter.c.account, schema.meter.c.id, schema.meter.c.name)
        ).all():
            refold(connection, MeterKey(account, meter), kept_terms(connection, account).of_meter(name), 0, NOW)
    assert imports.dump("snapshot", "gap", "decision") == before


def test_decimals_go_out_as_they_came_in(
    imports: Import, make_account: Callable[..., Account], database: Database
) -> None:
    register(database, [(make_account("cloud"), [Meter("dollars", "USD", scale=6)])])
    line = "cloud,dollars,2026-01-01T00:00:00Z,12.500000\r\n"
    imports.take(HEADER + line)
    assert imports.exported()[0].endswith(line)


def test_a_dry_run_counts_what_would_be_new(imports: Import) -> None:
    done = imports.take(HEADER + "".join(LINES), dry_run=True)
    assert (done.new, done.dry_run, imports.dump("account", "imported", "poll")) == (
        len(LINES), True, {"account": [], "imported": [], "poll": []},
    )  # fmt: skip


def test_what_an_import_did_is_counted(imports: Import) -> None:
    imports.take(HEADER + LINES[0])
    done = imports.take(HEADER + "".join(LINES[:3]) + LINES[2])
    first, last = datetime(2026, 1, 1, 0, 30, tzinfo=UTC), datetime(2026, 1, 1, 10, 30, tzinfo=UTC)
    assert astuple(done) == (Kind.SNAPSHOTS, 4, 2, 0, 2, ("busy",), ("credits",), first, last, False)


@pytest.mark.parametrize("earlier", [[], LINES[:7]], ids=["into an empty database", "between what is known"])
def test_killed_while_it_writes_it_leaves_nothing(earlier: Sequence[str], imports: Import) -> None:
    if earlier:
        imports.take(HEADER + "".join(earlier))
    before = imports.dump()
    facts = imports.folder / "many.csv"
    facts.write_text(HEADER + "".join(LINES))
    url = imports.database.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(imports.folder / "collector.toml"), str(facts), NOW.isoformat()],
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert (done.returncode, imports.dump()) == (-9, before)


def test_memory_does_not_grow_with_the_file(sqlite_database: Database, settings: Settings, tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom datetime import datetime\nfrom pathlib import Path\n"
        "from collector.app.importing import import_file\nfrom collector.app.wiring import load_settings\n"
        "from collector.store.engine import Database\n"
        "settings = load_settings(Path(sys.argv[2]), {})\n"
        "import_file(settings, Database(sys.argv[1]), sys.argv[3], datetime.fromisoformat(sys.argv[4]),"
        " lambda what, done, total: None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for count in (10_000, 100_000):
        facts = tmp_path / "facts.csv"
        with facts.open("w") as out:
            out.write(HEADER)
            for number in range(count):
                at = datetime.fromtimestamp(1_600_000_000 + 60 * number, UTC)
                out.write(f"busy,credits,{at:%Y-%m-%dT%H:%M:%SZ},{number}\n")
        words = [sqlite_database.url.render_as_string(), str(tmp_path / "collector.toml"), str(facts), NOW.isoformat()]
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.25 * peaks[0]
