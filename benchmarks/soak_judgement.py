"""Compares the ledger with the truth after a soak: counters, usage by day, and every request record."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select

from benchmarks.soak_program import Program
from benchmarks.soak_upstream import Truth
from collector.store import schema
from collector.store.engine import Database

_SHOWN = 20


def differences(program: Program, truth: Truth) -> list[str]:
    """Return in words where the ledger is not the truth; nothing where it is."""
    used: dict[tuple[str, str], int] = defaultdict(int)
    for row in json.loads(program.printed("report", "daily", "--last", "7d", "--json")):
        used[row["account"], row["meter"]] += int(row["usage"] or 0)
    requests = [json.loads(line) for line in program.printed("export", "requests", "--format", "jsonl").splitlines()]
    found = [*_of_counters(program, truth, used), *_of_requests(program, truth, requests)]
    return found[:_SHOWN]


def _of_counters(program: Program, truth: Truth, used: dict[tuple[str, str], int]) -> Iterator[str]:
    for (name, meter), (opening, last) in _ends(program).items():
        wanted = truth.credits(name) if meter == "credits" else truth.requests(name)
        if last != wanted:
            yield f"{name} {meter}: the last value is {last}, the truth {wanted}"
        if opening not in {one[0 if meter == "credits" else 1] for one in truth.said[name]}:
            yield f"{name} {meter}: the first value is {opening}, which the provider never said"
        if used[name, meter] != wanted - opening:
            yield f"{name} {meter}: {used[name, meter]} used by day, {wanted - opening} in truth"


def _ends(program: Program) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the first and the last value of every meter."""
    account, meter, snapshot = schema.account, schema.meter, schema.snapshot
    seen = snapshot.c.observed_at
    ends = (
        select(snapshot.c.meter, func.min(seen).label("first"), func.max(seen).label("last"))
        .group_by(snapshot.c.meter)
        .subquery()
    )
    first, last = snapshot.alias(), snapshot.alias()
    statement = (
        select(account.c.name, meter.c.name, first.c.value, last.c.value)
        .join_from(meter, account, account.c.id == meter.c.account)
        .join(ends, ends.c.meter == meter.c.id)
        .join(first, (first.c.meter == meter.c.id) & (first.c.observed_at == ends.c.first))
        .join(last, (last.c.meter == meter.c.id) & (last.c.observed_at == ends.c.last))
    )
    database = Database(program.url)
    try:
        with database.read() as connection:
            return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(statement)}
    finally:
        database.close()


def _of_requests(program: Program, truth: Truth, rows: list[dict[str, Any]]) -> Iterator[str]:
    known: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        name, _, number = row["request_id"].rpartition("-")
        if int(number) in known[name]:
            yield f"{row['request_id']} is there twice"
        known[name].add(int(number))
        said, wanted = (
            (row["status"], row["credits_used"]),
            (truth.status_of(int(number)), truth.credits_of(int(number))),
        )
        if said != wanted:
            yield f"{row['request_id']} has status and credits {said}, {wanted} in truth"
    missed = _missed(program)
    for name in truth.names:
        if not truth.is_plain(name):
            numbers = known[name]
            holes = (max(numbers) - min(numbers) + 1 - len(numbers)) if numbers else 0
            if not numbers or max(numbers) != truth.requests(name) - 1:
                yield f"{name}: the newest request is not there"
            if holes != missed.get(name, 0):
                yield f"{name}: {holes} requests are not there, {missed.get(name, 0)} are known to be missed"


def _missed(program: Program) -> dict[str, int]:
    database = Database(program.url)
    try:
        with database.read() as connection:
            rows = connection.execute(
                select(schema.account.c.name, func.sum(schema.poll.c.missed_requests))
                .join_from(schema.poll, schema.account, schema.account.c.id == schema.poll.c.account)
                .group_by(schema.account.c.name)
            )
            return {name: int(count or 0) for name, count in rows}
    finally:
        database.close()
