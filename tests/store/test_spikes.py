from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.accounts import Account, Meter
from collector.domain.edges import usage_between
from collector.domain.falls import FallKind, Pin
from collector.errors import UsageError
from collector.store import reading
from collector.store.decisions import decide, listed
from collector.store.engine import Database
from collector.store.flagged import flagged_polls, names_for
from collector.store.locating import Fall, locate
from collector.store.refolding import BEGINNING, key_of, refold
from collector.store.spikes import Spike, listed_spikes, open_spikes
from tests.store.importer import import_facts, ledger_of, owner_of
from tests.store.verifying.conftest import proof_of

if TYPE_CHECKING:
    from tests.store.conftest import Desk

CREDITS = (Meter("credits", "credits"),)
AT_MOST_100: dict[str, Any] = {"max_per_hour": {"credits": Decimal(100)}}
JUMP = 60
SETTLED = [("growth", 8030), ("unit", 30), ("glitch", 8030), ("reset", 10 + 8110 + 20), ("correction", 8030)]


def jumped(desk: Desk) -> Desk:
    """Poll a counter that jumps by 8,000 within a minute, and by a little before and after."""
    for second, value in ((0, 100), (30, 110), (JUMP, 8110), (90, 8130)):
        desk.poll(second, {"credits": value}, **AT_MOST_100)
    return desk


def spikes(desk: Desk, since: float | None = None) -> list[Spike]:
    with desk.database.read() as connection:
        rows = reading.meters(connection)
        at = None if since is None else desk.micros(since)
        return [one for each in open_spikes(connection, rows, at).values() for one in each]


def faults(database: Database) -> list[str]:
    """Return what a proof finds wrong, but for what the desk's meters are not: all that their provider has."""
    lines = [one.line for check in proof_of(database).checks for one in check.findings]
    return [one for one in lines if not (one.startswith("meter ") and one.endswith(("is credits", "row is missing")))]


def settle(desk: Desk, kind: str, second: float = JUMP) -> None:
    with desk.database.write() as connection:
        pin = Pin(FallKind(kind), "operator:ada", "she asked the provider")
        decide(connection, desk.meter(), desk.micros(second), pin, desk.terms, desk.at(1000))


def usages(desk: Desk, *seconds: float) -> list[tuple[int, int, int | None]]:
    with desk.database.read() as connection:
        rows = reading.meters(connection)
        found = reading.edges(connection, rows[:1], {rows[0].id: [desk.micros(one) for one in seconds]})
    used = [usage_between(one, other) for one, other in pairwise(found[rows[0].id])]
    return [(one.usage, one.lower, one.upper) for one in used]


def test_growth_above_the_configured_maximum_is_an_undecided_spike(credits_desk: Desk) -> None:
    jumped(credits_desk)
    at = credits_desk.micros
    assert spikes(credits_desk) == [Spike(3, at(30), at(JUMP), 110, 8110)]
    assert spikes(credits_desk)[0].growth == 8000


@pytest.mark.parametrize(
    ("seconds", "growth", "found"),
    [(30, 100, False), (30, 101, True), (3600, 100, False), (3601, 200, False), (3601, 201, True)],
)
def test_the_maximum_is_of_every_hour_begun(credits_desk: Desk, seconds: int, growth: int, found: bool) -> None:
    credits_desk.poll(0, {"credits": 5}, **AT_MOST_100)
    stored = credits_desk.poll(seconds, {"credits": 5 + growth}, **AT_MOST_100)
    assert stored.flags == (("spike",) if found else ())


def test_a_maximum_is_kept_to_the_digit(credits_desk: Desk) -> None:
    exact: dict[str, Any] = {"max_per_hour": {"credits": Decimal("0.5")}}
    credits_desk.poll(0, {"credits": 5}, **exact)
    assert credits_desk.poll(30, {"credits": 6}, **exact).flags == ("spike",)


def test_a_fall_is_no_spike(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 5000}, **AT_MOST_100)
    assert credits_desk.poll(30, {"credits": 5}, **AT_MOST_100).flags == ()


@pytest.mark.parametrize(("most", "flags"), [({}, ("spike",)), ({"credits": Decimal(10_000)}, ())])
def test_a_maximum_replaces_the_learned_bound(
    credits_desk: Desk, most: dict[str, Decimal], flags: tuple[str, ...]
) -> None:
    for number in range(30):
        credits_desk.poll(300 * number, {"credits": number})
    assert credits_desk.poll(9000, {"credits": 9000}, max_per_hour=most).flags == flags


def test_of_several_meters_the_flag_names_the_one_that_jumped(desk: Desk) -> None:
    desk.poll(0, {"requests": 1, "credits": 100}, **AT_MOST_100)
    stored = desk.poll(30, {"requests": 2, "credits": 8100}, **AT_MOST_100)
    assert stored.flags == ("spike", "spike:credits")
    with desk.database.read() as connection:
        rows = reading.meters(connection)
        assert list(open_spikes(connection, rows)) == [desk.meter("credits")]


@pytest.mark.parametrize(
    ("meter", "flags", "names"),
    [
        ("credits", ["spike", "spike:credits"], ["spike"]),
        ("requests", ["spike", "spike:credits"], []),
        ("requests", ["clock_skew", "spike"], ["clock_skew", "spike"]),
    ],
)
def test_a_flag_that_names_a_meter_is_of_no_other(meter: str, flags: list[str], names: list[str]) -> None:
    assert names_for(meter, flags) == names


def test_spikes_are_looked_for_from_an_instant_on(credits_desk: Desk) -> None:
    jumped(credits_desk)
    assert len(spikes(credits_desk, JUMP)) == 1
    assert spikes(credits_desk, JUMP + 1) == []


def test_flagged_polls_are_found_by_their_time(credits_desk: Desk) -> None:
    jumped(credits_desk)
    at = credits_desk.micros
    with credits_desk.database.read() as connection:
        spans = [(None, None), (at(JUMP), at(JUMP + 1)), (at(0), at(JUMP))]
        found = [[one.number for one in flagged_polls(connection, [credits_desk.row.id], *span)] for span in spans]
    assert found == [[3], [3], []]


@pytest.mark.parametrize(("kind", "used"), SETTLED)
def test_what_an_operator_decides_settles_the_spike_and_the_proof_holds(
    credits_desk: Desk, kind: str, used: int
) -> None:
    settle(jumped(credits_desk), kind)
    assert spikes(credits_desk) == []
    assert sum(one[0] for one in usages(credits_desk, 0, 45, JUMP, 91)) == used
    assert faults(credits_desk.database) == []
    credits_desk.poll(120, {"credits": 8140}, **AT_MOST_100)
    assert faults(credits_desk.database) == []


def test_another_unit_begins_an_epoch_and_its_step_is_no_usage(credits_desk: Desk) -> None:
    settle(jumped(credits_desk), "unit")
    with credits_desk.database.read() as connection:
        (decided,) = listed(connection)
    assert (decided.kind, decided.before, decided.after, decided.offset) == ("unit", 110, 8110, -8000)
    # What was used while nobody looked, in one unit or the other, is not known.
    assert usages(credits_desk, 0, 30, JUMP, 91) == [(10, 10, 10), (0, 0, None), (20, 20, 20)]


def test_a_spike_that_was_taken_back_can_be_decided_a_glitch(credits_desk: Desk) -> None:
    for second, value in ((0, 100), (30, 110), (JUMP, 8110), (90, 120), (120, 130)):
        credits_desk.poll(second, {"credits": value}, **AT_MOST_100)
    assert usages(credits_desk, 0, 121)[0][0] == 10 + 8000 + 120 + 10
    assert len(spikes(credits_desk)) == 1
    settle(credits_desk, "glitch")
    assert usages(credits_desk, 0, 121)[0][0] == 30
    assert (spikes(credits_desk), faults(credits_desk.database)) == ([], [])


def test_another_unit_may_be_a_larger_one(credits_desk: Desk) -> None:
    for second, value in ((0, 5000), (30, 6000), (60, 6), (90, 7), (120, 9)):
        credits_desk.poll(second, {"credits": value})
    settle(credits_desk, "unit", 60)
    assert sum(one[0] for one in usages(credits_desk, 0, 130)) == 1000 + 0 + 1 + 2
    assert faults(credits_desk.database) == []


def test_a_confirmed_growth_is_a_step_like_any_other(credits_desk: Desk) -> None:
    before = usages(jumped(credits_desk), 0, 40, 50, 91)
    settle(credits_desk, "growth")
    assert usages(credits_desk, 0, 40, 50, 91) == before


def test_a_fall_cannot_be_called_growth(credits_desk: Desk) -> None:
    for second, value in ((0, 100), (30, 200), (60, 20), (90, 30)):
        credits_desk.poll(second, {"credits": value})
    with pytest.raises(UsageError, match="that is no growth"):
        settle(credits_desk, "growth", 60)
    with credits_desk.database.read() as connection:
        assert [one.kind for one in listed(connection)] == ["reset"]


@pytest.mark.parametrize("kind", ["growth", "unit"])
def test_a_decision_about_a_jump_survives_folding_again(
    credits_desk: Desk, kind: str, dump: Callable[[], dict[str, Any]]
) -> None:
    settle(jumped(credits_desk), kind)
    before = dump()
    with credits_desk.database.write() as connection:
        key = key_of(connection, credits_desk.meter())
        done = refold(connection, key, credits_desk.terms, BEGINNING, credits_desk.at(2000))
    assert (done.fresh, done.gone) == ((), ())
    assert dump() == before


@pytest.mark.parametrize("kind", ["growth", "unit"])
def test_imports_before_and_after_the_decision_give_the_same_ledger(
    make_desk: Callable[..., Desk], make_account: Callable[..., Account], kind: str
) -> None:
    early, late = (make_desk(name, meters=CREDITS) for name in ("early", "late"))
    for desk, imports_first in ((early, True), (late, False)):
        jumped(desk)
        facts = [("credits", desk.micros(second), value) for second, value in ((45, 120), (75, 8120))]
        owner = replace(owner_of(make_account(desk.account.name), CREDITS), name=desk.account.name)
        if imports_first:
            import_facts(desk.database, owner, facts)
        settle(desk, kind)
        if not imports_first:
            import_facts(desk.database, owner, facts)
    assert ledger_of(early.database, "early") == ledger_of(late.database, "late")
    assert faults(early.database) == []


def test_a_value_imported_into_the_step_makes_the_spike_smaller(
    credits_desk: Desk, make_account: Callable[..., Account]
) -> None:
    jumped(credits_desk)
    owner = owner_of(make_account(credits_desk.account.name), CREDITS)
    import_facts(credits_desk.database, owner, [("credits", credits_desk.micros(45), 3110)])
    assert [(one.before, one.growth) for one in spikes(credits_desk)] == [(3110, 5000)]


def test_the_jump_imported_earlier_is_decided_where_it_is_then(
    credits_desk: Desk, make_account: Callable[..., Account]
) -> None:
    settle(jumped(credits_desk), "growth")
    owner = owner_of(make_account(credits_desk.account.name), CREDITS)
    import_facts(credits_desk.database, owner, [("credits", credits_desk.micros(45), 8110)])
    assert [one.at for one in spikes(credits_desk)] == [credits_desk.micros(45)]
    settle(credits_desk, "unit", 45)
    assert spikes(credits_desk) == []
    assert faults(credits_desk.database) == []


def test_an_undecided_spike_is_listed_and_found_by_its_key(credits_desk: Desk) -> None:
    jumped(credits_desk)
    with credits_desk.database.read() as connection:
        (listed_one,) = listed_spikes(connection)
        row, at = locate(connection, Fall(listed_one.key, None, None, None))
    assert (listed_one.kind, listed_one.before, listed_one.after) == ("spike", 110, 8110)
    assert listed_one.key == f"{credits_desk.meter()}-p3"
    assert (row.name, at) == ("credits", credits_desk.micros(JUMP))


def test_a_key_of_no_undecided_spike_is_refused(credits_desk: Desk) -> None:
    settle(jumped(credits_desk), "growth")
    with credits_desk.database.read() as connection, pytest.raises(UsageError, match="no undecided spike"):
        locate(connection, Fall(f"{credits_desk.meter()}-p3", None, None, None))


def test_a_database_without_flags_is_asked_once(credits_desk: Desk, statements: list[str]) -> None:
    credits_desk.poll(0, {"credits": 1})
    with credits_desk.database.read() as connection:
        rows = reading.meters(connection)
        statements.clear()
        assert open_spikes(connection, rows) == {}
    assert len([one for one in statements if "poll" in one]) == len(statements) == 1


def test_polls_are_looked_up_by_the_index_of_the_flagged(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection:
        wanted = "SELECT id FROM poll WHERE account IN (1, 2) AND flags != '[]' AND finished_at >= 5"
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}"))
    assert "ix_poll_flagged" in plan
