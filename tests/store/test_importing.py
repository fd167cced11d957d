from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.domain.accounts import Account, Meter, MeterTerms, Resets
from collector.domain.digest import START, PollFacts, RowsDigest, chained
from collector.domain.falls import FallKind, Pin
from collector.domain.instants import micros_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.terms import fall_terms
from collector.errors import UsageError
from collector.store import schema
from collector.store.decisions import decide
from collector.store.engine import Database
from collector.store.polls import polling_states
from tests.store.importer import LATER, import_facts, ledger_of, owner_of

if TYPE_CHECKING:
    from tests.store.conftest import Desk, Dump

CREDITS = Meter("credits", "credits")
COURSES = {
    "growth": [10, 20, 30, 45, 50, 60],
    "a run of equal values": [10, 10, 10, 10, 10, 12],
    "a brief zero": [8750, 0, 8760, 8760, 8761],
    "a reset": [100, 200, 300, 5, 20, 40],
    "two falls": [50, 90, 3, 9, 1, 4],
    "a fall in four steps": [90, 80, 70, 60, 50, 50, 55],
    "held at the end": [10, 20, 10],
    "a correction that stays": [500, 350, 350, 360],
    "a dip and idle": [7, 7, 3, 7, 7, 9],
}
# Idle stretches, silences that are gaps, and days that end in between.
SECONDS = [0, 300, 600, 2_000, 2_300, 50_000, 90_000, 90_300]
PERIOD = {"billing": Billing(PeriodKind.DAILY), "terms": {"credits": MeterTerms(resets=Resets.PERIOD)}}
TERMS: dict[str, dict[str, Any]] = {
    "unknown": {},
    "never": {"terms": {"credits": MeterTerms(resets=Resets.NEVER)}},
    "period": PERIOD,
}

_names = itertools.count()


class Pair:
    """One account that was polled, and others that get the same facts otherwise."""

    def __init__(self, database: Database, open_desk: type[Desk], make_account: Callable[..., Account]) -> None:
        self.database, self._open_desk, self._make_account = database, open_desk, make_account

    def polled(self, facts: Sequence[tuple[float, int]], terms: dict[str, Any], **changes: Any) -> Desk:
        account = self._make_account(f"a{next(_names)}", **terms)
        desk = self._open_desk(self.database, account, meters=[CREDITS])
        self.poll(desk, facts, **changes)
        return desk

    @staticmethod
    def poll(desk: Desk, facts: Sequence[tuple[float, int]], **changes: Any) -> None:
        how = {"credits": fall_terms(desk.account.agreement).of_meter("credits")}
        for second, value in facts:
            desk.poll(second, {"credits": value}, terms=how, **changes)

    def imported(self, desk: Desk, facts: Sequence[tuple[float, int]]) -> int:
        owner = owner_of(desk.account, [CREDITS])
        return import_facts(self.database, owner, [("credits", desk.micros(at), value) for at, value in facts])

    def ledger(self, desk: Desk) -> dict[str, list[tuple[object, ...]]]:
        return ledger_of(self.database, desk.account.name)


@pytest.fixture
def pair(database: Database, open_desk: type[Desk], make_account: Callable[..., Account]) -> Pair:
    return Pair(database, open_desk, make_account)


def facts_of(values: Sequence[int]) -> list[tuple[float, int]]:
    return list(zip(SECONDS, values, strict=False))


@pytest.mark.parametrize("terms", [{}, PERIOD], ids=["unknown", "period"])
@pytest.mark.parametrize("values", COURSES.values(), ids=COURSES.keys())
class TestTheSameFacts:
    def test_imported_in_order_are_the_ledger_that_polls_make(
        self, values: list[int], terms: dict[str, Any], pair: Pair
    ) -> None:
        facts = facts_of(values)
        polled, other = pair.polled(facts, terms), pair.polled([], terms)
        pair.imported(other, facts)
        assert pair.ledger(other) == pair.ledger(polled)

    def test_imported_one_by_one_from_the_last_to_the_first(
        self, values: list[int], terms: dict[str, Any], pair: Pair
    ) -> None:
        facts = facts_of(values)
        polled, other = pair.polled(facts, terms), pair.polled([], terms)
        for one in reversed(facts):
            pair.imported(other, [one])
        assert pair.ledger(other) == pair.ledger(polled)

    @pytest.mark.parametrize("remainder", [0, 1])
    def test_imported_between_polls(self, values: list[int], terms: dict[str, Any], remainder: int, pair: Pair) -> None:
        facts = facts_of(values)
        polled = pair.polled(facts, terms)
        other = pair.polled(facts[remainder::2], terms)
        pair.imported(other, facts[1 - remainder :: 2])
        assert pair.ledger(other) == pair.ledger(polled)

    def test_imported_before_and_polled_after(self, values: list[int], terms: dict[str, Any], pair: Pair) -> None:
        facts = facts_of(values)
        polled, other = pair.polled(facts, terms), pair.polled([], terms)
        pair.imported(other, facts[:2])
        pair.poll(other, facts[2:])
        assert pair.ledger(other) == pair.ledger(polled)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([1, 300, 601, 4_000, 40_000]), st.sampled_from([0, 1, 2, 5, 9, 10, 20, 21])),
        min_size=1,
        max_size=12,
    ),
    chance=st.randoms(use_true_random=False),
    terms=st.sampled_from(list(TERMS)),
)
def test_however_facts_are_shared_among_polls_and_imports_the_ledger_is_the_same(
    steps: list[tuple[int, int]], chance: Random, terms: str, pair: Pair
) -> None:
    seconds = itertools.accumulate(step for step, _ in steps)
    facts: list[tuple[float, int]] = [(at, value) for at, (_, value) in zip(seconds, steps, strict=True)]
    polled = pair.polled(facts, TERMS[terms])
    other = pair.polled([], TERMS[terms])
    polls = [one for one in facts if chance.random() < 0.5]
    waiting = [one for one in facts if one not in polls]
    chance.shuffle(waiting)
    for poll in [*polls, None]:
        # An import may come at any time, but not before a poll that is earlier than what it says.
        ready = [one for one in waiting if poll is None or (one[0] < poll[0] and chance.random() < 0.7)]
        waiting = [one for one in waiting if one not in ready]
        for start in range(0, len(ready), 3):
            pair.imported(other, ready[start : start + 3])
        if poll is not None:
            pair.poll(other, [poll])
    assert pair.ledger(other) == pair.ledger(polled)


def test_importing_the_same_again_writes_nothing(pair: Pair, dump: Callable[[], Dump]) -> None:
    desk = pair.polled(facts_of([1, 2, 2, 3]), {})
    pair.imported(desk, [(450, 2), (5_000, 7)])
    before = dump()
    found = pair.imported(desk, [(450, 2), (5_000, 7), *facts_of([1, 2, 2, 3])])
    assert (found, dump()) == (0, before)


def test_a_poll_inside_a_run_is_known(pair: Pair, dump: Callable[[], Dump]) -> None:
    desk = pair.polled(facts_of([5, 5, 5]), {})
    before = dump()
    assert pair.imported(desk, [(300, 5)]) == 0
    assert dump() == before


def test_an_instant_inside_a_run_that_no_poll_saw_is_new(pair: Pair) -> None:
    desk = pair.polled(facts_of([5, 5, 5]), {})
    assert pair.imported(desk, [(301, 5)]) == 1


def test_another_value_inside_a_run_splits_it(pair: Pair) -> None:
    desk = pair.polled(facts_of([5, 5, 5]), {})
    pair.imported(desk, [(450, 4)])
    assert [value for *_, value, _ in desk.courses()] == [5, 4, 5]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, 4, id="the beginning of a snapshot"),
        pytest.param(300, 6, id="a poll inside a snapshot"),
        pytest.param(600, 6, id="the end of a snapshot"),
        pytest.param(900, 6, id="what was imported before"),
    ],
)
def test_another_value_at_a_known_instant_stops_the_import(
    at: float, value: int, pair: Pair, dump: Callable[[], Dump]
) -> None:
    desk = pair.polled(facts_of([5, 5, 5]), {})
    pair.imported(desk, [(900, 7)])
    before = dump()
    with pytest.raises(UsageError, match=rf"^line 3: credits of {desk.account.name} at .* is {value} here, but"):
        pair.imported(desk, [(800, 5), (at, value)])
    assert dump() == before


def test_two_lines_of_a_file_that_contradict_each_other_stop_the_import(pair: Pair, dump: Callable[[], Dump]) -> None:
    desk = pair.polled([], {})
    before = dump()
    with pytest.raises(UsageError, match=r"^line 4: .* is 2 here and 1 in line 2; nothing was imported"):
        pair.imported(desk, [(0, 1), (0, 1), (0, 2), (1, 5)])
    assert dump() == before


def test_the_lowest_contradicting_line_is_named(pair: Pair) -> None:
    desk = pair.polled(facts_of([5, 6]), {})
    with pytest.raises(UsageError, match=r"^line 3:"):
        pair.imported(desk, [(200, 5), (300, 9), (0, 9)])


def test_an_import_that_is_not_kept_writes_nothing(pair: Pair, dump: Callable[[], Dump]) -> None:
    desk = pair.polled(facts_of([1, 2]), {})
    before = dump()
    owner = owner_of(desk.account, [CREDITS])
    assert import_facts(pair.database, owner, [("credits", desk.micros(100), 1)], keep=False) == 1
    assert dump() == before


def test_an_account_never_polled_is_recorded_with_its_cadence(
    database: Database, make_account: Callable[..., Account], dump: Callable[[], Dump]
) -> None:
    account = make_account("fresh")
    import_facts(database, owner_of(account, [CREDITS], timedelta(minutes=14)), [("credits", 5, 1)])
    found = dump()
    assert [row[1] for row in found["account"]] == ["fresh"]
    assert [row[1:] for row in found["cadence"]] == [(0, 14 * 60 * 1_000_000)]


def test_a_refused_import_records_no_account(
    database: Database, make_account: Callable[..., Account], dump: Callable[[], Dump]
) -> None:
    owner = owner_of(make_account("fresh"), [CREDITS])
    with pytest.raises(UsageError):
        import_facts(database, owner, [("credits", 5, 1), ("credits", 5, 2)])
    assert dump()["account"] == []


def test_the_gaps_of_a_changed_cadence_stay(pair: Pair) -> None:
    facts = facts_of([1, 2, 3, 4, 5, 6, 7, 8])
    desks = []
    for share in (slice(None), slice(None, None, 2)):
        desk = pair.polled(facts[:4][share], {})
        pair.poll(desk, facts[4:5], gap_after=timedelta(hours=20))
        pair.poll(desk, facts[5:][share], gap_after=timedelta(hours=20))
        desks.append(desk)
    pair.imported(desks[1], facts)
    assert pair.ledger(desks[1]) == pair.ledger(desks[0])


@pytest.mark.parametrize("kind", [FallKind.RESET, FallKind.CORRECTION, FallKind.GLITCH])
def test_what_an_operator_decided_stands(kind: FallKind, pair: Pair) -> None:
    facts = [
        (float(at), value)
        for at, value in zip(range(0, 3_000, 300), [9, 20, 12, 12, 12, 14, 30, 31, 31, 40], strict=True)
    ]
    desks = []
    for share in (facts, facts[::2]):
        desk = pair.polled(share, {})
        with pair.database.write() as connection:
            terms = fall_terms(desk.account.agreement).of_meter("credits")
            pin = Pin(kind, "operator:ann", "they told us")
            decide(connection, desk.meter(), desk.micros(600), pin, terms, desk.at(80_000))
        desks.append(desk)
    pair.imported(desks[1], [*facts[5::2], *facts[1:2]])
    found = [row for row in desks[1].rows("decision") if row.meter == desks[1].meter() and row.superseded_at is None]
    assert [(row.kind, row.at) for row in found if row.decided_by == "operator:ann"] == [(kind, desks[1].micros(600))]


def test_an_import_is_chained_to_the_polls(pair: Pair) -> None:
    desk = pair.polled(facts_of([1, 2]), {})
    pair.imported(desk, [(100, 1), (50, 1)])
    rows = RowsDigest()
    rows.snapshot("credits", desk.micros(50), 1)
    rows.snapshot("credits", desk.micros(100), 1)
    now = micros_of(LATER)
    facts = PollFacts(desk.account.name, "import", now, now, "ok", None, None, (), {}, imported=rows.digest())
    assert desk.digests()[2] == chained(desk.digests()[1], facts)


def test_the_first_import_begins_the_chain(database: Database, make_account: Callable[..., Account]) -> None:
    import_facts(database, owner_of(make_account("fresh"), [CREDITS]), [("credits", 5, 1)])
    rows = RowsDigest()
    rows.snapshot("credits", 5, 1)
    now = micros_of(LATER)
    with database.read() as connection:
        found = connection.scalar(schema.poll.select().with_only_columns(schema.poll.c.digest))
    assert found == chained(
        START, PollFacts("fresh", "import", now, now, "ok", None, None, (), {}, imported=rows.digest())
    )


def test_an_import_is_no_poll(pair: Pair) -> None:
    desk = pair.polled(facts_of([1]), {})
    desk.fail(300)
    pair.imported(desk, [(200, 1)])
    with pair.database.read() as connection:
        (state,) = polling_states(connection)
    assert (state.outcome, state.last_at) == ("http_503", desk.at(300))


def test_staging_leaves_the_write_lock_alone(pair: Pair) -> None:
    desk = pair.polled(facts_of([1]), {})
    with pair.database.bench() as bench, bench.aside() as connection:
        connection.exec_driver_sql("CREATE TEMPORARY TABLE aside (a INTEGER)")
        connection.exec_driver_sql("INSERT INTO aside VALUES (1)")
        pair.poll(desk, [(300, 2)])
    assert len(desk.courses()) == 2


def test_temporary_tables_end_with_their_import(pair: Pair) -> None:
    desk = pair.polled([], {})
    for at in range(3):
        assert pair.imported(desk, [(at, 5)]) == 1
