"""Measures the import of snapshots: rows per second, the same file again, shuffled pieces, and the memory it takes.

    python benchmarks/importing.py [--rows 1000000] [--postgres postgresql://user@host/an_empty_database]

Prints seconds and rows per second of each step; whatever the order, the snapshots must come out the same.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from collector.app.importing import Imported, import_file
from collector.app.wiring import load_settings
from collector.config import Settings
from collector.store import schema
from collector.store.engine import Database
from collector.store.revision import upgrade

START = datetime(2024, 1, 1, tzinfo=UTC)
ACCOUNTS = 5
HEADER = "account,meter,observed_at,value\n"


def settings_at(folder: Path) -> Settings:
    path = folder / "collector.toml"
    path.write_text("".join(f'[[accounts]]\nname = "a{n}"\nprovider = "nellie"\n' for n in range(ACCOUNTS)))
    return load_settings(path, {})


def lines_of(count: int) -> Iterator[str]:
    """Yield rows of ten meters: some idle, some busy, with a reset now and then."""
    for account in range(ACCOUNTS):
        for number, meter in enumerate(("credits", "requests")):
            value = 0
            for step in range(count // ACCOUNTS // 2):
                value = 0 if step % 20_000 == 19_999 else value + (step * 7 + account) % (3 + 4 * number)
                at = START + timedelta(seconds=60 * step)
                yield f"a{account},{meter},{at:%Y-%m-%dT%H:%M:%SZ},{value}\n"


@contextmanager
def timed(what: str, rows: int) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what:<28} {seconds:7.1f} s {rows / seconds:10,.0f} rows/s   peak {peak} MB", flush=True)


def take(settings: Settings, database: Database, path: Path) -> Imported:
    return import_file(settings, database, str(path), datetime.now(UTC), lambda _what, _done, _total: None)


def mark_of(database: Database) -> str:
    mark = hashlib.sha256()
    columns = (schema.account.c.name, schema.meter.c.name, *schema.snapshot_columns[1:])
    statement = (
        select(*columns)
        .select_from(schema.snapshot)
        .join(schema.meter, schema.meter.c.id == schema.snapshot.c.meter)
        .join(schema.account)
        .order_by(schema.account.c.name, schema.meter.c.name, schema.snapshot.c.observed_at)
    )
    with database.read() as connection:
        for row in connection.execute(statement, execution_options={"yield_per": 5000}):
            mark.update(repr(tuple(row)).encode())
    return mark.hexdigest()


def measure(url: str, folder: Path, rows: list[str], pieces: int) -> str:
    database = Database(url)
    if database.is_sqlite:
        database.create_file()
    upgrade(database)
    with database.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    settings = settings_at(folder)
    size = -(-len(rows) // pieces)
    for number in range(pieces):
        path = folder / f"piece-{number}.csv"
        path.write_text(HEADER + "".join(rows[number * size : (number + 1) * size]))
    with timed(f"{pieces} piece(s)", len(rows)):
        for number in range(pieces):
            take(settings, database, folder / f"piece-{number}.csv")
    if pieces == 1:
        with timed("the same again", len(rows)):
            again = take(settings, database, folder / "piece-0.csv")
        assert again.new == 0
    mark = mark_of(database)
    database.close()
    return mark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", help="a database that may be emptied")
    parser.add_argument("--pieces", type=int, default=10)
    asked = parser.parse_args()
    rows = list(lines_of(asked.rows))
    shuffled = random.Random(1).sample(rows, len(rows))
    with tempfile.TemporaryDirectory() as name:
        urls = [f"sqlite:///{name}/usage.db", *([asked.postgres] if asked.postgres else [])]
        marks = set()
        for url in urls:
            print(url.partition(":")[0])
            marks.add(measure(url, Path(name), rows, 1))
            marks.add(measure(url, Path(name), shuffled, asked.pieces))
    print("all the same" if len(marks) == 1 else "DIFFERENT LEDGERS")


if __name__ == "__main__":
    main()
