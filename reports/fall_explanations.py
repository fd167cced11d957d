"""What the falls of a counter have to do with a difference between an invoice and the ledger, in sentences.

    counter   ──── 183,250 ╮                 the provider took at least 4,500 back; an invoice drawn up from the
                           ╰── 178,750 ───   requests may not, and then bills more than the counter grew

Public: ``explaining_falls``, ``recorded_by``, ``counted``.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from collector.store.decisions import listed
from collector.store.engine import Database
from reports.reconciliation import usage_of
from reports.rows import scaled
from reports.statement import MeterStatement
from reports.tables import moment, number


def explaining_falls(database: Database, statement: MeterStatement, invoiced: Decimal) -> Iterator[str]:
    """Yield the corrections and resets of the period, and a later correction that is just what is missing.

    Args:
        database: Where the ledger is.
        statement: Of the meter and period.
        invoiced: The billed quantity, in units; it differs from the usage.
    """
    asked = statement.asked
    with database.read() as connection:
        found = listed(connection, [asked.row.account], [asked.row.name])
    for one in found:
        if one.kind not in {"correction", "reset", "unit"} or one.at < asked.period.start:
            continue
        before, after = (number(scaled(value, asked.row.scale)) for value in (one.before, one.after))
        is_later = one.at >= asked.period.end
        if one.kind == "correction":
            taken_back = Decimal(one.before - one.after).scaleb(-asked.row.scale)
            told = f"by {moment(one.at)} (its counter fell from {before} to {after})"
            yield from _taken_back(statement, invoiced - usage_of(statement), taken_back, told, is_later=is_later)
        elif one.kind == "unit" and not is_later:
            yield f"the counter went on in another unit by {moment(one.at)}, from {before} to {after}: no usage of ours"
        elif not is_later:
            yield f"the counter began anew by {moment(one.at)}, from {before} to {after}"


def _taken_back(
    statement: MeterStatement, differs: Decimal, taken_back: Decimal, told: str, *, is_later: bool
) -> Iterator[str]:
    """Yield what a correction means for the difference; nothing where a later one has nothing to do with it."""
    shown = counted(taken_back, statement.asked.row.unit)
    text = f"the provider took {shown} back {told}"
    fits = abs(differs) == taken_back
    recorded = recorded_by(statement)
    if is_later:
        if fits and differs < 0:
            yield f"{text}, after the period: just what differs, so the invoice may take it back already"
    elif fits:
        verb = "not take it back" if differs > 0 else "take it back twice"
        yield f"{text}: just what differs, so the invoice may {verb}"
    elif differs > taken_back and recorded == usage_of(statement) + differs:
        yield f"the provider took at least {shown} back {told}, and the invoice does not take it off"
    else:
        yield f"{text}, and the usage is less by as much"


def recorded_by(statement: MeterStatement) -> Decimal | None:
    """Return the credits of the period's request records, in units; None where no record tells any."""
    credits = statement.figures.request_credits
    return None if credits is None else Decimal(credits).scaleb(-statement.asked.row.scale)


def counted(count: int | Decimal, unit: str) -> str:
    """Return a count with its unit, whose name is a plural."""
    return f"{number(count)} {unit.removesuffix('s') if count == 1 else unit}"
