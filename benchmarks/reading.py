"""Measures boundary look-ups against a scan with window functions, side by side in one run.

    python benchmarks/reading.py [--meters 20] [--days 365] [--every 300]

Prints the time of each as a ratio to the look-ups; both must find the same daily usage. Only ratios of one run mean
anything: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from collector.domain.instants import DAY, SECOND, micros_of
from collector.store.engine import Database
from collector.store.reading import edges, meters
from collector.store.revision import upgrade

START = datetime(2025, 1, 1, tzinfo=UTC)

# What one writes without the idea that a counter is its own prefix sum: every row, its predecessor, a group.
SCAN = f"""
    SELECT meter, (observed_at - {micros_of(START)}) / {DAY} AS day, sum(value - earlier)
      FROM (SELECT meter, observed_at, value,
                   lag(value, 1, value) OVER (PARTITION BY meter ORDER BY observed_at) AS earlier
              FROM snapshot WHERE status = 0)
     GROUP BY meter, day
"""


def fill(path: Path, count: int, days: int, every: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    for meter in range(1, count + 1):
        connection.execute(
            "INSERT INTO account (id, name, provider, timezone) VALUES (?, ?, 'nected', 'UTC')", (meter, f"a{meter:04}")
        )
        connection.execute(
            "INSERT INTO meter (id, account, name, unit, scale, kind, counts)"
            " VALUES (?, ?, 'm', 'm', 0, 'counter', 'requests')",
            (meter, meter),
        )
        rows = []
        value = 0
        for number in range(days * 86_400 // every):
            value += (number * 7 + meter) % 11
            at = micros_of(START) + number * every * SECOND
            rows.append((meter, at, value, number + 1))
        connection.executemany(
            "INSERT INTO snapshot (meter, observed_at, value, number, status) VALUES (?, ?, ?, ?, 0)",
            rows,
        )
    connection.commit()
    connection.execute("ANALYZE")
    connection.close()


def look_up(database: Database, days: int) -> dict[tuple[int, int], int]:
    boundaries = [micros_of(START + timedelta(days=day)) for day in range(days + 1)]
    with database.read() as connection:
        rows = meters(connection)
        found = edges(connection, rows, {row.id: boundaries for row in rows})
    return {
        (meter, day): end.total - start.total
        for meter, each in found.items()
        for day, (start, end) in enumerate(pairwise(each))
    }


def scan(database: Database) -> dict[tuple[int, int], int]:
    with database.read() as connection:
        return {(row[0], row[1]): row[2] for row in connection.exec_driver_sql(SCAN)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=20)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--every", type=int, default=300, help="seconds between snapshots")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.db"
        database = Database(f"sqlite:///{path}")
        upgrade(database)
        fill(path, asked.meters, asked.days, asked.every)
        snapshots = asked.meters * asked.days * 86_400 // asked.every
        print(f"{snapshots:,} snapshots, {path.stat().st_size / snapshots:.1f} bytes each")
        best = {"look-ups": float("inf"), "scan": float("inf")}
        for _ in range(3):
            began = time.perf_counter()
            looked_up = look_up(database, asked.days)
            middle = time.perf_counter()
            scanned = scan(database)
            best["look-ups"] = min(best["look-ups"], middle - began)
            best["scan"] = min(best["scan"], time.perf_counter() - middle)
        database.close()
    # A snapshot on midnight ends the day before it for the ledger and begins the next one for the scan.
    same = sum(looked_up.values()) - sum(scanned.values())
    print(f"look-ups 1.0, scan {best['scan'] / best['look-ups']:.1f}; difference of the two totals: {same}")


if __name__ == "__main__":
    main()
