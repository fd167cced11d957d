"""Proves the chain of decisions of each meter, and that what replaced a decision is there and fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from collector.domain.chains import Break, Fault, Links
from collector.domain.digest import chained_decision
from collector.domain.falls import Decision
from collector.domain.instants import format_instant, micros_of
from collector.store import schema
from collector.store.snapshots import decision_of
from collector.store.verifying.accounts import Ledger, MeterOf
from collector.store.verifying.findings import Check

_decision = schema.decision


class _Taken(NamedTuple):
    decision: Decision
    decided_at: int


def prove_decisions(connection: Connection, ledger: Ledger, meter: MeterOf, check: Check) -> None:
    """Recompute a meter's chain of decisions and hold what superseded them."""
    links: Links[_Taken] = Links(
        lambda previous, one: chained_decision(previous, ledger.name, meter.name, one.decision, one.decided_at)
    )
    check.counted["decisions"] += 0
    successors = _decision.alias()
    rows = connection.execute(
        select(_decision, successors.c.decided_at.label("replaced_at"))
        .outerjoin(
            successors,
            (successors.c.meter == _decision.c.meter) & (successors.c.id == _decision.c.superseded_by),
        )
        .where(_decision.c.meter == meter.id)
        .order_by(_decision.c.id),
        execution_options={"yield_per": 1000},
    )
    for row in rows:
        check.counted["decisions"] += 1
        _judge(
            ledger,
            meter,
            check,
            links.add(row.id, row.digest or b"", _Taken(decision_of(row), micros_of(row.decided_at))),
        )
        fault = _superseding_fault(row.id, row.superseded_at, row.superseded_by, row.replaced_at)
        if fault is not None:
            check.find(ledger.of_meter(meter, "decision", id=row.id), fault)
    _judge(ledger, meter, check, links.end())


def _judge(ledger: Ledger, meter: MeterOf, check: Check, breaks: Iterator[Break[_Taken]]) -> None:
    for one in breaks:
        check.find(ledger.of_meter(meter, "decision", id=one.number), _words(one))


def _words(one: Break[_Taken]) -> str:
    match one.fault:
        case Fault.MISSING:
            rest = "" if one.until == one.number else f", and all up to {one.until}"
            return f"the row is missing{rest}"
        case Fault.STRANGE:
            return "decisions are numbered from 1 on; this number was changed"
        case Fault.DIGEST:
            return "its digest was changed: the next decision follows from another one"
        case Fault.FACTS:
            return "it is not what was decided: its digest does not fit its columns"
        case _:
            return "it is not what was decided: its digest does not fit its columns, one of both was changed"


def _superseding_fault(
    number: int,
    superseded_at: datetime | None,
    superseded_by: int | None,
    replaced_at: datetime | None,
) -> str | None:
    """Return what is wrong with how a decision ended, or None.

    Two instants of different machines prove nothing: decisions are in the order of their numbers.
    """
    if superseded_by is not None:
        if superseded_at is None:
            return f"superseded_by is {superseded_by}, but superseded_at is empty"
        if superseded_by <= number:
            return f"superseded_by is {superseded_by}, which was decided earlier"
        if replaced_at != superseded_at:
            at = "never" if replaced_at is None else format_instant(replaced_at)
            return f"superseded_at is {format_instant(superseded_at)}, but {superseded_by} replaced it {at}"
    return None
