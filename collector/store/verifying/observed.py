"""Merges what polls saw and what was imported with the snapshots that keep it, one meter at a time.

    polls       ●   ●   ●       ●           instants only: the value is that of the run that covers them
    imported          ○             ○       with values of their own
    snapshots   ├───────┤       ├───┤       both ends of a run must be instants of a poll or of an import

Ends of runs are observations also where nothing stands behind them, as when everything is derived again; they are
named as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, func, select

from collector.store import schema
from collector.store.verifying.accounts import Ledger, MeterOf
from collector.store.verifying.poll_facts import IMPORT, OK
from collector.store.verifying.raw import raw, streamed


class Kept(NamedTuple):
    """A stored snapshot, in microseconds since 1970 UTC."""

    observed: int
    confirmed: int
    value: int
    number: int
    status: int


class Seen(NamedTuple):
    """An observation; of an imported one its value and the import's poll, else only the covering run can tell."""

    at: int
    value: int | None = None
    poll: int | None = None


class Witness(Protocol):
    """Is asked where observations and snapshots do not agree."""

    def unbacked(self, run: Kept, column: str) -> None:
        """Hear of a snapshot with an end, by its column, at which nobody looked."""

    def disputed(self, run: Kept, seen: Seen) -> bool:
        """Tell whether an imported value is to be believed that is not the one of its snapshot."""

    def unkept(self, seen: Seen) -> bool:
        """Tell whether an imported value is to be believed that no snapshot covers."""


def stored_snapshots(connection: Connection, meter: MeterOf) -> Iterator[Kept]:
    """Yield the snapshots of a meter in order of time."""
    table = schema.snapshot
    confirmed = func.coalesce(table.c.confirmed_at, table.c.observed_at)
    rows = select(table.c.observed_at, confirmed, table.c.value, table.c.number, table.c.status).where(
        table.c.meter == meter.id
    )
    return (Kept._make(row) for row in streamed(connection, rows.order_by(table.c.observed_at)))


def seen_instants(connection: Connection, ledger: Ledger, meter: MeterOf) -> Iterator[Seen]:
    """Yield the instants of good polls and of imported values in order of time, each once."""
    poll, imported = schema.poll, schema.imported
    polled = select(raw(connection, poll.c.finished_at)).where(
        poll.c.account == ledger.id, poll.c.kind != IMPORT, poll.c.outcome == OK
    )
    brought = select(imported.c.observed_at, imported.c.value, imported.c.poll).where(imported.c.meter == meter.id)
    return _merged(
        (Seen(row[0]) for row in streamed(connection, polled.order_by(poll.c.finished_at))),
        (Seen._make(row) for row in streamed(connection, brought.order_by(imported.c.observed_at))),
    )


def _merged(polled: Iterator[Seen], brought: Iterator[Seen]) -> Iterator[Seen]:
    """Merge both; at one instant the imported value stands for the poll's."""
    one, other = next(polled, None), next(brought, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.at < other.at):
            assert one is not None  # noqa: S101 - the loop goes on while there is any
            yield one
            one = _after(polled, one.at)
        else:
            yield other
            one = _after(polled, other.at) if one is not None and one.at == other.at else one
            other = next(brought, None)


def _after(rows: Iterator[Seen], at: int) -> Seen | None:
    """Return the next row later than ``at``: two polls at one instant are one observation."""
    return next((one for one in rows if one.at > at), None)


def observed(runs: Iterable[Kept], seen: Iterator[Seen], witness: Witness) -> Iterator[tuple[int, int]]:
    """Yield ``(instant, value)`` of every observation in order of time, each instant once.

    Args:
        runs: The stored snapshots in order of time.
        seen: The instants that stand behind them, in order of time.
        witness: Is asked about what does not agree.
    """
    last = None
    for at, value in _found(runs, _Ahead(seen), witness):
        if last is None or at > last:  # runs that overlap were changed; an instant is folded once
            last = at
            yield at, value


def _found(runs: Iterable[Kept], stream: _Ahead, witness: Witness) -> Iterator[tuple[int, int]]:
    for run in runs:
        yield from _unkept(stream.before(run.observed), witness)
        ends = {"observed_at": run.observed, "confirmed_at": run.confirmed}
        for column, end in ends.items():
            for one in stream.before(end):
                yield one.at, _value(run, one, witness)
            found = stream.at(end)
            if found is not None:
                yield end, _value(run, found, witness)
            elif column == "observed_at" or end > run.observed:
                witness.unbacked(run, column)
                yield end, run.value
    yield from _unkept(stream.before(None), witness)


def _unkept(seen: Iterable[Seen], witness: Witness) -> Iterator[tuple[int, int]]:
    for one in seen:
        if one.value is not None and witness.unkept(one):
            yield one.at, one.value


def _value(run: Kept, seen: Seen, witness: Witness) -> int:
    if seen.value is None or seen.value == run.value or not witness.disputed(run, seen):
        return run.value
    return seen.value


class _Ahead:
    """A stream of observations that can be looked at before it is taken from."""

    def __init__(self, rows: Iterator[Seen]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def before(self, at: int | None) -> Iterator[Seen]:
        """Take what comes before ``at``; everything without it."""
        while self._next is not None and (at is None or self._next.at < at):
            yield self._next
            self._next = next(self._rows, None)

    def at(self, at: int) -> Seen | None:
        """Take what is of the very instant ``at``, if anything is."""
        found = self._next if self._next is not None and self._next.at == at else None
        if found is not None:
            self._next = next(self._rows, None)
        return found
