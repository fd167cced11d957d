from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from collector.domain.accounts import Resets
from collector.domain.requests import RequestRecord

if TYPE_CHECKING:
    from tests.store.conftest import Desk

ONE = RequestRecord("one", "processing")


def test_a_chain_of_every_kind_of_poll_is_recomputed_from_what_is_stored(desk: Desk) -> None:
    desk.fail(0, "timeout_total", http_status=None, error="gave up after 30 s, \N{SNOWMAN}")
    desk.poll(300, {"requests": 1, "credits": 100}, [ONE], flags=("clock_skew",))
    desk.poll(600, {"requests": 1, "credits": 100}, [ONE])
    desk.poll(500, {"requests": 1, "credits": 100}, [ONE])
    desk.poll(900, {"requests": 2, "credits": 40}, [RequestRecord("one", "completed"), RequestRecord("two", "queued")])
    desk.poll(1200, {"requests": 2, "credits": 40}, [ONE], http_status=200)
    assert desk.digests() == desk.chain()
    assert len(set(desk.digests())) == 6


def test_a_confirmation_is_covered_by_the_snapshot_it_extends(credits_desk: Desk) -> None:
    for second in (0, 300, 600, 900):
        credits_desk.poll(second, {"credits": 7})
    assert len(credits_desk.rows("snapshot")) == 1
    assert credits_desk.digests() == credits_desk.chain()


def test_every_account_has_a_chain_of_its_own(make_desk: Callable[..., Desk]) -> None:
    one, two = make_desk("one"), make_desk("two")
    for second in (0, 300):
        one.poll(second, {"requests": 1, "credits": 1})
        two.poll(second, {"requests": 1, "credits": 1})
    assert one.digests() == one.chain()
    assert two.digests() == two.chain()
    assert not set(one.digests()) & set(two.digests())


def test_ids_that_a_database_would_sort_otherwise_are_recomputed(desk: Desk) -> None:
    listed = [RequestRecord(one, "completed") for one in ("b", "B", "a b", "a-b", "ab", "\u00e9", "z", "\U0001f600")]
    desk.poll(0, {"requests": 8, "credits": 0}, listed)
    assert desk.digests() == desk.chain()


TAMPERED = {
    "a value": "UPDATE snapshot SET value = value + 1 WHERE number = 2",
    "a confirmation": "UPDATE snapshot SET confirmed_at = observed_at WHERE number = 2",
    "a removed snapshot": "DELETE FROM snapshot WHERE number = 2",
    "an outcome": "UPDATE poll SET outcome = 'http_500' WHERE id = 2",
    "an instant": "UPDATE poll SET finished_at = finished_at + 1 WHERE id = 2",
    "a flag": "UPDATE poll SET flags = '[\"spike\"]' WHERE id = 2",
    "a refused record": "UPDATE poll SET rejections = '[]' WHERE id = 2",
    "a status code": "UPDATE poll SET http_status = 201 WHERE id = 2",
    "a record's credits": "UPDATE usage_request_change SET credits_used = 1 WHERE request_id = 'two'",
    "a record's kind": "UPDATE usage_request_change SET kind = 'update' WHERE request_id = 'two'",
    "how many were listed": "UPDATE poll SET listed_requests = 3 WHERE id = 2",
    "how many were missed": "UPDATE poll SET missed_requests = 1 WHERE id = 2",
    "what was unexplained": "UPDATE poll SET unexplained = 0 WHERE id = 2",
    "when a record left": "UPDATE usage_request SET last_seen_at = last_seen_at + 1 WHERE request_id = 'three'",
    "a removed change": "DELETE FROM usage_request_change WHERE request_id = 'two'",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=list(TAMPERED))
def test_a_changed_fact_breaks_the_chain(desk: Desk, statement: str) -> None:
    desk.poll(0, {"requests": 1, "credits": 10}, [ONE, RequestRecord("three", "queued")])
    desk.poll(300, {"requests": 2, "credits": 20}, [ONE, RequestRecord("two", "completed")])
    desk.poll(600, {"requests": 2, "credits": 20}, [ONE, RequestRecord("two", "completed")])
    assert desk.digests() == desk.chain()
    with desk.database.write() as connection:
        connection.execute(text(statement))
    assert desk.digests() != desk.chain()


@pytest.mark.parametrize("seed", range(4))
def test_random_polls_leave_a_chain_that_is_recomputed(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desk = make_desk(resets=chance.choice(list(Resets)), boundaries=[1000, 2500])
    second = 0.0
    for _ in range(25):
        second += chance.choice([-30, 0, 1, 60, 900])
        if chance.random() < 0.2:
            desk.fail(second)
            continue
        listed = [
            RequestRecord(one, chance.choice(["processing", "completed", "failed"]), desk.at(0) - timedelta(hours=1))
            for one in chance.sample("abcdef", 3)
        ]
        desk.poll(second, {"requests": chance.randrange(6), "credits": chance.randrange(6)}, listed)
    assert desk.digests() == desk.chain()
