"""Decisions in the middle of long histories: only what follows is folded again, and the result is as if all were."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from collector.app.deciding import decide_fall
from collector.app.wiring import load_settings
from collector.domain.accounts import Account, Resets
from collector.domain.falls import Course, Decision, FallKind, Observation, Pin, Status, Terms, step
from collector.domain.instants import format_instant, instant_of
from collector.errors import UsageError
from collector.store.decisions import decide
from collector.store.engine import Database
from collector.store.locating import Fall
from tests.app.console import Console
from tests.polling.door import Bench

TERMS = Terms(Resets.UNKNOWN, lambda _after, _until: None)
VERDICTS = (FallKind.RESET, FallKind.CORRECTION, FallKind.GLITCH)


def wandering(seed: int, length: int) -> list[int]:
    """Return what a counter says: growth, pauses, dips, brief zeros and resets."""
    chance = random.Random(seed)
    value, said = 500, []
    for _ in range(length):
        kind = chance.random()
        shown = value
        if kind < 0.5:
            value += chance.randint(0, 60)
            shown = value
        elif kind < 0.62:
            shown = max(0, value - chance.randint(1, 40))
        elif kind < 0.7:
            shown = 0
        elif kind < 0.76:
            value = shown = chance.randint(0, 30)
        said.append(shown)
    return said


@dataclass
class Anew:
    """A history folded from its first snapshot on, with every operator's decision in its place."""

    statuses: dict[int, Status] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    @classmethod
    def of(cls, snapshots: list[Any], pins: dict[int, Pin]) -> Anew:
        """Fold stored snapshots; each was observed, and perhaps confirmed later."""
        anew, course = cls(), Course()
        for row in snapshots:
            for at in sorted({row.observed_at, row.confirmed_at or row.observed_at}):
                if at > row.observed_at and anew.statuses[row.observed_at] is Status.EXCLUDED:
                    break
                pin = pins.get(at) if at == row.observed_at else None
                course = anew._take(step(course, Observation(at, row.value), TERMS, pin), row.observed_at, at)
        return anew

    def _take(self, done: Any, observed_at: int, at: int) -> Course:
        self.statuses |= {observed_at if when == at else when: status for when, status in done.statuses.items()}
        for one in done.decisions:
            if self.decisions and self.decisions[-1].kind is FallKind.HELD:
                self.decisions.pop()
            self.decisions.append(one)
        course: Course = done.course
        return course


class Desk:
    """A counter that was polled often, and an operator who overrules what was decided about it."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(1000 + seed)
        self.meter = next(iter(bench.target.row.meters.values()))

    def poll(self, values: list[int]) -> None:
        """Poll once for each value."""
        for value in values:
            self.bench.hear({"data": {"invocations": value}, "code": "success"}, after=300)

    def overrule(self) -> None:
        """Decide about any snapshot but the first."""
        at = self.chance.choice(self.snapshots[1:]).observed_at
        pin = Pin(self.chance.choice(VERDICTS), "operator:ada", f"decided at {at}")
        with self.bench.database.write() as connection:
            decide(connection, self.meter, at, pin, TERMS, self.bench.clock)

    @property
    def snapshots(self) -> list[Any]:
        return self.bench.rows("snapshot")

    @property
    def in_force(self) -> list[Decision]:
        """The decisions that hold, in order of time."""
        rows = [row for row in self.bench.rows("decision") if row.superseded_by is None]
        return sorted(
            (
                Decision(
                    FallKind(row.kind), row.at, row.since, row.before, row.after, row.offset, row.reason, row.decided_by
                )
                for row in rows
            ),
            key=lambda one: one.at,
        )

    def assert_as_if_all_were_folded(self) -> None:
        pins = {
            one.at: Pin(one.kind, one.decided_by, one.reason)
            for one in self.in_force
            if one.decided_by.startswith("operator:")
        }
        anew = Anew.of(self.snapshots, pins)
        assert self.in_force == sorted(anew.decisions, key=lambda one: one.at)
        assert {row.observed_at: row.status for row in self.snapshots} == anew.statuses


@pytest.mark.parametrize("seed", range(12))
def test_many_decisions_are_as_if_all_were_folded_anew(
    seed: int, sqlite_database: Database, make_account: Callable[..., Account]
) -> None:
    desk = Desk(Bench(sqlite_database, make_account(provider="nected")), seed)
    desk.poll(wandering(seed, 60))
    desk.assert_as_if_all_were_folded()
    for _ in range(12):
        desk.overrule()
        desk.assert_as_if_all_were_folded()


@pytest.mark.parametrize("seed", range(4))
def test_polls_after_a_decision_go_on_from_it(
    seed: int, database: Database, make_account: Callable[..., Account]
) -> None:
    desk = Desk(Bench(database, make_account(provider="nected")), seed)
    values = wandering(seed, 60)
    desk.poll(values[:20])
    for start in range(20, 60, 10):
        desk.overrule()
        desk.poll(values[start : start + 10])
    desk.assert_as_if_all_were_folded()


def test_history_longer_than_one_look_up_is_folded_to_its_end(
    sqlite_database: Database, make_account: Callable[..., Account]
) -> None:
    desk = Desk(Bench(sqlite_database, make_account(provider="nected")), 0)
    # Nothing but steps down: no snapshot is undisputed, so a decision about the second one reaches the last.
    desk.poll([value for pair in range(300) for value in (2000 - 2 * pair, 2000 - 2 * pair - 1)])
    second = desk.snapshots[1].observed_at
    with sqlite_database.write() as connection:
        decide(connection, desk.meter, second, Pin(FallKind.GLITCH, "operator:ada", "x"), TERMS, desk.bench.clock)
    desk.assert_as_if_all_were_folded()


class TestDecideFall:
    @pytest.fixture
    def fallen(self, console: Console, make_account: Callable[..., Account]) -> Console:
        """A console whose Nected counter fell, and settings that know when its periods begin."""
        with console.database() as database:
            bench = Bench(database, make_account("nected", provider="nected"))
            for value in (100, 200, 5, 20):
                bench.hear({"data": {"invocations": value}, "code": "success"}, after=300)
        return console

    def test_of_an_account_that_is_no_longer_configured_still_works(self, fallen: Console) -> None:
        settings = load_settings(fallen.folder / "collector.toml")
        rows = decide_fall(replace(settings, accounts=()), _fall(fallen), "correction", "ada", "why")
        assert [(row.kind, row.decided_by) for row in rows] == [("correction", "operator:ada")]

    def test_returns_what_is_in_force(self, fallen: Console) -> None:
        settings = load_settings(fallen.folder / "collector.toml")
        rows = decide_fall(settings, _fall(fallen), "glitch", "ada", "why")
        assert [row.superseded_by for row in rows] == [None] * len(rows)

    def test_of_no_snapshot_is_refused(self, fallen: Console) -> None:
        settings = load_settings(fallen.folder / "collector.toml")
        later = format_instant(instant_of(fallen.table("snapshot")[-1].observed_at) + timedelta(days=1))
        with pytest.raises(UsageError, match="no snapshot"):
            decide_fall(settings, Fall(None, "nected", None, later), "reset", "ada", "why")


def _fall(console: Console) -> Fall:
    low = next(row for row in console.table("snapshot") if row.value == 5)
    return Fall(None, "nected", "invocations", format_instant(instant_of(low.observed_at)))
