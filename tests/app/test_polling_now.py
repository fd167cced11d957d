from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from collector.app.polling_now import Turn, poll_now
from collector.app.wiring import chosen, load_settings
from collector.errors import StorageError
from tests.app.console import Console
from tests.upstream import NECTED, Upstream


@pytest.fixture
def polled(console: Console) -> list[Turn]:
    """What happened to an account that no schedule can be computed for, and to the one after it."""
    settings = load_settings(console.folder / "collector.toml")
    nected, nellie = settings.accounts
    with console.database() as database:
        return poll_now(settings, database, [replace(nected, poll_every=timedelta(0)), nellie], os.environ)


class TestFaultOfOurs:
    def test_is_told_in_plain_words(self, polled: list[Turn]) -> None:
        assert "a fault in the collector ended the poll (ZeroDivisionError)" in str(polled[0].error)
        assert polled[0].exit_code == 1

    def test_leaves_the_other_accounts_alone(self, polled: list[Turn]) -> None:
        assert polled[1].polled is not None
        assert polled[1].polled.ok

    def test_gives_the_lease_back(self, polled: list[Turn], console: Console) -> None:
        assert {row.lease_owner for row in console.table("account")} == {None}


def test_each_turn_is_told_as_it_is_done(console: Console) -> None:
    settings = load_settings(console.folder / "collector.toml")
    done: list[Turn] = []
    with console.database() as database:
        turns = poll_now(settings, database, settings.accounts, os.environ, done=done.append)
    assert done == turns


def test_turns_come_in_the_order_of_the_accounts(console: Console) -> None:
    settings = load_settings(console.folder / "collector.toml")
    with console.database() as database:
        turns = poll_now(settings, database, chosen(settings, ["nellie", "nected"]), os.environ)
    assert [turn.account for turn in turns] == ["nellie", "nected"]


def test_several_accounts_are_asked_at_the_same_time(console: Console, upstream: Upstream) -> None:
    usual = upstream.answers[NECTED]

    def after_the_other() -> object:
        while len(upstream.asked) < 2:
            upstream.released.wait(0.005)
        return usual()

    upstream.answers[NECTED] = after_the_other  # type: ignore[assignment]  # it returns what the usual one does
    console.configure(upstream.url, extra='[http]\ndeadline = "5s"')
    assert console.run("poll").code == 0


@pytest.mark.parametrize(
    ("turn", "code"),
    [(Turn("a", skipped="fresh"), 0), (Turn("a", error=StorageError("gone")), 5)],
    ids=["skipped", "not stored"],
)
def test_turn_without_a_poll_has_the_exit_code_of_its_error(turn: Turn, code: int) -> None:
    assert turn.exit_code == code
