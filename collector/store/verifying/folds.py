"""Proves that snapshots, gaps and decisions follow from what was seen, the terms, the cadence and operators' decisions.

Everything is folded again from the first observation on and held against what is stored, row by row; nothing is
written. The growth of the counter is summed on the way, step by step, for the proofs about windows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Connection, func, select

from collector.domain.edges import Gap
from collector.domain.falls import Decision
from collector.domain.folding import Folding, Snapshot
from collector.store import schema
from collector.store.refolding import cadence_of, pins_of
from collector.store.snapshots import decision_of
from collector.store.terms import kept_terms
from collector.store.verifying.accounts import Ledger, MeterOf
from collector.store.verifying.courses import Course, Walk
from collector.store.verifying.findings import Advance, Check, Place, instant_words
from collector.store.verifying.observed import Kept, Seen, observed, seen_instants, stored_snapshots
from collector.store.verifying.poll_facts import IMPORT, OK

_EVERY = 2000


def prove_fold(
    connection: Connection, ledger: Ledger, meter: MeterOf, broken: Collection[int], check: Check, advance: Advance
) -> Course:
    """Fold a meter's observations again, hold the result against what is stored, and return its course.

    Args:
        connection: A reading transaction.
        ledger: The meter's account.
        meter: Which one.
        broken: Polls of imports whose digests do not fit their rows: snapshots are believed rather than these.
        check: Where to say what was proved and found.
        advance: Is told of progress.
    """
    terms = kept_terms(connection, ledger.id).of_meter(meter.name)
    pins = {at: pin for at, (pin, _) in pins_of(connection, meter.id).items()}
    folding = Folding(terms, cadence_of(connection, ledger.id), pins)
    judge = _Judge(ledger, meter, broken, check)
    decided = _in_force(connection, meter)
    walk = Walk(one for _, one in decided)
    seen = seen_instants(connection, ledger, meter)
    found = observed(stored_snapshots(connection, meter), seen, judge)
    derived = _derived(folding, found, check, advance)
    _hold(_walked(stored_snapshots(connection, meter), walk), derived, judge)
    check.counted["snapshots"] += walk.course.snapshots
    _hold_decisions(judge, folding.decisions, decided)
    _hold_gaps(connection, judge, folding.gaps)
    return walk.course


def _derived(folding: Folding, found: Iterable[tuple[int, int]], check: Check, advance: Advance) -> Iterator[Snapshot]:
    count = 0
    for count, (at, value) in enumerate(found, 1):
        folding.see(at, value)
        if folding.ready >= _EVERY:
            yield from folding.take()
        if not count % _EVERY:
            advance(_EVERY)
    yield from folding.finish()
    check.counted["observations"] += count


def _walked(rows: Iterator[Kept], walk: Walk) -> Iterator[Kept]:
    for one in rows:
        walk.step(one)
        yield one


def _hold(stored: Iterator[Kept], derived: Iterator[Snapshot], judge: _Judge) -> None:
    """Hold both, in order of time, against each other."""
    one, other = next(stored, None), next(derived, None)
    while one is not None or other is not None:
        if one is not None and (other is None or one.observed <= other.observed):
            judge.number(one)
        if other is None or (one is not None and one.observed < other.observed):
            assert one is not None  # noqa: S101 - the loop goes on while there is any
            judge.find(one.observed, "it does not follow from what was seen")
            one = next(stored, None)
        elif one is None or other.observed < one.observed:
            judge.find(other.observed, f"the row is missing: {other.value} was seen from here on")
            other = next(derived, None)
        else:
            judge.same(one, other)
            one, other = next(stored, None), next(derived, None)
    judge.numbered()


class _Judge:
    """Says what is wrong with the snapshots of one meter."""

    def __init__(self, ledger: Ledger, meter: MeterOf, broken: Collection[int], check: Check) -> None:
        self.ledger = ledger
        self.meter = meter
        self._broken = broken
        self.check = check
        self._next = 1
        self._odd: tuple[Kept, int] | None = None

    def place(self, table: str, **key: int) -> Place:
        return self.ledger.of_meter(self.meter, table, **key)

    def find(self, observed_at: int, fault: str) -> None:
        self.check.find(self.place("snapshot", observed_at=observed_at), fault)

    def unbacked(self, run: Kept, column: str) -> None:
        at = run.observed if column == "observed_at" else run.confirmed
        self.find(run.observed, f"{column} is {instant_words(at)}: no good poll and no import is of that instant")

    def disputed(self, run: Kept, seen: Seen) -> bool:
        return self._believed(seen, f"value is {seen.value}, but the snapshot that keeps it has {run.value}")

    def unkept(self, seen: Seen) -> bool:
        return self._believed(seen, f"no snapshot keeps its value {seen.value} at this instant")

    def _believed(self, seen: Seen, fault: str) -> bool:
        if seen.poll not in self._broken:
            return True
        proof = f"the digest of import {seen.poll} proves that its rows were changed"
        self.check.find(self.place("imported", observed_at=seen.at), f"{fault}, and {proof}")
        return False

    def same(self, one: Kept, other: Snapshot) -> None:
        pairs = {
            "confirmed_at": (one.confirmed, other.confirmed),
            "value": (one.value, other.value),
            "status": (one.status, int(other.status)),
        }
        for column, (stored, derived) in pairs.items():
            if stored != derived:
                shown = [instant_words(x) if column == "confirmed_at" else str(x) for x in (stored, derived)]
                self.find(one.observed, f"{column} is {shown[0]}, from what was seen follows {shown[1]}")

    def number(self, one: Kept) -> None:
        """Hold that snapshots are counted without a hole; one odd number is told from rows that are gone."""
        if self._odd is not None:
            before, wanted = self._odd
            self._odd = None
            self._report(before, wanted, gone=one.number == before.number + 1)
            self._next = before.number + 1 if one.number == before.number + 1 else wanted + 1
        if one.number != self._next:
            self._odd = one, self._next
        else:
            self._next += 1

    def numbered(self) -> None:
        """Report what is still in doubt."""
        if self._odd is not None:
            self._report(*self._odd, gone=False)

    def _report(self, one: Kept, wanted: int, *, gone: bool) -> None:
        if gone and one.number > wanted:
            last = "" if one.number == wanted + 1 else f" to {one.number - 1}"
            self.find(one.observed, f"number is {one.number}: number {wanted}{last} before it is missing")
        else:
            self.find(one.observed, f"number is {one.number}, counted from the first it is {wanted}")


def _in_force(connection: Connection, meter: MeterOf) -> list[tuple[int, Decision]]:
    table = schema.decision
    rows = connection.execute(
        select(table).where(table.c.meter == meter.id, table.c.superseded_at.is_(None)).order_by(table.c.at, table.c.id)
    )
    return [(row.id, decision_of(row)) for row in rows]


def _hold_decisions(judge: _Judge, derived: list[Decision], decided: list[tuple[int, Decision]]) -> None:
    judge.check.counted["decisions in force"] += len(decided)
    left = set(derived)
    for number, one in decided:
        if one in left:
            left.remove(one)
        else:
            fault = f"{one.kind.value} at {instant_words(one.at)} is in force, but does not follow from what was seen"
            judge.check.find(judge.place("decision", id=number), fault)
    for one in sorted(left, key=lambda each: each.at):
        follows = f"{one.kind.value} from {one.before} to {one.after} by {one.decided_by} follows"
        fault = f"no decision is in force here; {follows}"
        judge.check.find(judge.place("decision", at=one.at), fault)


def _hold_gaps(connection: Connection, judge: _Judge, derived: list[Gap]) -> None:
    table = schema.gap
    rows = connection.execute(
        select(table.c.started_at, table.c.ended_at).where(table.c.meter == judge.meter.id),
        execution_options={"yield_per": _EVERY},
    )
    known_from = _cadence_known_from(connection, judge.ledger)
    wanted = {one.start: one.end for one in derived if known_from is not None and one.end >= known_from}
    older = 0
    for started_at, ended_at in rows:
        if known_from is None or (ended_at < known_from and started_at not in wanted):
            older += 1
            continue
        judge.check.counted["gaps"] += 1
        end = wanted.pop(started_at, None)
        if end != ended_at:
            says = "no silence was too long there" if end is None else f"it lasted until {instant_words(end)}"
            fault = f"ended_at is {instant_words(ended_at)}, but {says}"
            judge.check.find(judge.place("gap", started_at=started_at), fault)
    for start, end in sorted(wanted.items()):
        fault = f"the row is missing: nobody looked from here to {instant_words(end)}"
        judge.check.find(judge.place("gap", started_at=start), fault)
    if older:
        judge.check.notes.append(
            f"{judge.ledger.name}/{judge.meter.name}: {older:,} older gaps, found when the cadence was not yet kept, "
            "cannot be derived again"
        )


def _cadence_known_from(connection: Connection, ledger: Ledger) -> int | None:
    """Return from which instant on it is known which silence is a gap; None where it never is."""
    since = connection.scalar(select(func.min(schema.cadence.c.since)).where(schema.cadence.c.account == ledger.id))
    if since is not None:
        return int(since)
    poll = schema.poll
    polled = select(poll.c.id).where(poll.c.account == ledger.id, poll.c.kind != IMPORT, poll.c.outcome == OK).limit(1)
    return 0 if connection.scalar(polled) is None else None
