"""The same polls give the same rows, whichever engine keeps them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.accounts import Account, Resets
from collector.domain.requests import RequestRecord
from collector.errors import ClockError
from collector.store.accounts import claim_due, hasten, release
from collector.store.engine import Database
from collector.store.entries import Plan

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

STATUSES = ("processing", "completed", "failed", "queued", "COMPLETED", "\U0001f600")
IDS = ("b", "B", "a b", "a-b", "ab", "\u00e9", "e\u0301", "z", "10", "9", "\U0001f600", "a'; DROP TABLE poll; --")


def random_list(chance: random.Random, desk: Desk) -> list[RequestRecord]:
    def instant() -> Any:
        return chance.choice([None, desk.at(chance.randrange(-1000, 1000) / 7)])

    return [
        RequestRecord(one, chance.choice(STATUSES), instant(), instant(), chance.choice([None, 0, 250, 2**62]))
        for one in chance.sample(IDS, chance.randrange(len(IDS)))
    ]


def random_poll(chance: random.Random, desk: Desk, second: float) -> None:
    plan = Plan(desk.at(second + 300), chance.randrange(3), chance.choice([None, desk.at(second + 60)]))
    if chance.random() < 0.15:
        desk.fail(second, "content_type", body=b"\x00<html>", error="\u2603 'quoted' \"text\"", plan=plan)
        return
    desk.poll(
        second,
        {"requests": chance.randrange(9), "credits": chance.choice([0, 5, 9, 2**62, 2**63 - 1])},
        random_list(chance, desk),
        plan=plan,
        flags=tuple(chance.sample(["clock_skew", "timestamps"], chance.randrange(3))),
        rejections=[("recentRequests[3]", "is no object", '"\u00e9"')] * chance.randrange(2),
    )


def play(seed: int, open_desk: Callable[..., Desk]) -> None:
    """Poll three accounts sixty times, by chance and always the same for a seed."""
    chance = random.Random(seed)
    desks = [
        open_desk(name, resets=resets, boundaries=[600, 3000])
        for name, resets in zip(("b", "a", "B"), Resets, strict=True)
    ]
    second = 0.0
    for _ in range(60):
        second += chance.choice([-20, 0, 0.000001, 30, 300, 1300])
        desk = chance.choice(desks)
        if chance.random() < 0.1:
            hasten(desk.database, {desk.row.id: (desk.at(second), desk.at(second))}, desk.at(second))
            ids = [one.row.id for one in desks]
            for lease in claim_due(desk.database, ids, "them", desk.at(second), desk.at(second + 9), 2):
                release(desk.database, lease)
        random_poll(chance, desk, second)
    with pytest.raises(ClockError):
        random_poll(chance, desks[0], second - timedelta(days=9).total_seconds())


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(2))
def test_the_same_polls_give_the_same_rows(
    sqlite_database: Database,
    postgres_database: Database,
    make_account: Callable[..., Account],
    open_desk: Callable[..., Desk],
    dump_of: Callable[[Database], Dump],
    seed: int,
) -> None:
    for database in (sqlite_database, postgres_database):
        play(seed, lambda name, database=database, **terms: open_desk(database, make_account(name), **terms))
    kept = dump_of(sqlite_database)
    assert kept == dump_of(postgres_database)
    assert all(kept[table] for table in ("poll", "snapshot", "decision", "usage_request_change", "gap"))
