from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from collector.domain.accounts import Account
from collector.store import schema
from collector.store.accounts import register
from collector.store.engine import Database
from collector.store.rows import any_of, any_text_of

NAMES = ["a", "b", "c"]


@pytest.fixture
def ids(database: Database, make_account: Callable[..., Account]) -> list[int]:
    """The ids of the accounts a, b and c."""
    rows = register(database, [(make_account(name), []) for name in NAMES])
    return [rows[name].id for name in NAMES]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["a", "c"], ["a", "c"]),
        (["a", "a"], ["a"]),
        (["A", "a "], []),
        ([], []),
        (["b' OR '1'='1", "%", '["b"]', "\u2603", "\\"], []),
        ([*(f"x{number}" for number in range(50_000)), "b"], ["b"]),
    ],
    ids=["two", "twice", "to the letter", "none", "hostile", "fifty thousand"],
)
def test_rows_are_chosen_by_texts(database: Database, ids: list[int], wanted: list[str], found: list[str]) -> None:
    assert ids
    name = schema.account.c.name
    with database.read() as connection:
        rows = connection.scalars(select(name).where(any_text_of(connection, name, wanted)).order_by(name)).all()
    assert rows == found


@pytest.mark.parametrize("more", [[], [0, -1, 2**63 - 1], list(range(100, 50_000))], ids=["", "unknown", "many"])
def test_rows_are_chosen_by_numbers(database: Database, ids: list[int], more: list[int]) -> None:
    identity = schema.account.c.id
    with database.read() as connection:
        condition = any_of(connection, identity, [ids[2], ids[0], *more])
        assert connection.scalars(select(identity).where(condition).order_by(identity)).all() == [ids[0], ids[2]]
