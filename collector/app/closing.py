"""Closes a billing period: freezes each account's statement of it, with the corrections of what was closed before.

Each account is closed in a transaction of its own that keeps its polls and other closes out, so two closes at once give
one. Nothing takes a close back. What became known later is corrected with the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.domain.accounts import Agreement
from collector.domain.named_periods import name_of
from collector.domain.periods import Period
from collector.store.engine import Database
from collector.store.statements import (
    ClosedStatement,
    Closing,
    add_statement,
    closed_statements,
    held_account,
)
from reports.late_facts import closed_as, corrections, priced_otherwise
from reports.question import Question
from reports.statement import MeterStatement, asked_for, periods_named, statements
from reports.statement_views import CorrectionLine, frozen_lines, view_of

CLOSED = "closed"
ALREADY = "already_closed"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing did for one account.

    Attributes:
        status: ``closed``, ``already_closed`` or ``refused``.
        number: Of the statement among the account's; None where it was refused.
        digest: Of the statement, as hexadecimal digits.
        corrections: How many corrections of earlier periods were frozen with it.
        reason: Why it was refused, or what else a person should know.
    """

    account: str
    period: str
    period_start: datetime
    period_end: datetime
    status: str
    number: int | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    digest: str | None = None
    corrections: int = 0
    reason: str | None = None


def close_period(database: Database, question: Question, text: str, operator: str) -> list[Closed]:
    """Close the period that ``text`` names for each account asked for, at ``question.now``; return what was done.

    Raises:
        UsageError: It names no period of an account that was named, or of no account at all.
    """
    periods = periods_named(database, question, text)
    for name in question.accounts or ():
        if name not in periods:
            periods_named(database, replace(question, accounts=(name,)), text)
    return [_close(database, question, name, periods[name], operator) for name in sorted(periods)]


def _close(
    database: Database, question: Question, account: str, named: tuple[Agreement, Period], operator: str
) -> Closed:
    agreement, period = named
    name = name_of(period, agreement.billing)
    with database.write() as connection:
        identity = held_account(connection, account)
        earlier = closed_statements(connection, [account])
        known = closed_as(earlier, name, period)
        if known is not None:
            return _told(known, ALREADY)
        name = _free_name(name, period, earlier)
        asked = asked_for(database, replace(question, accounts=(account,), meters=None), {account: named})
        found = statements(database, asked)
        reason = _refusal(found)
        if reason is not None:
            return Closed(account, name, period.start, period.end, REFUSED, reason=reason)
        late = corrections(database, question, earlier)
        closing = Closing(
            name, period.start, period.end, agreement.zone.key, agreement.billing.currency, question.now, operator
        )
        number, digest = add_statement(
            connection, identity, closing, frozen_lines([view_of(one) for one in found], late)
        )
    frozen = ClosedStatement(account, number, closing, digest, ())
    return replace(_told(frozen, CLOSED), corrections=len(late), reason=_remark(found, earlier, period))


def _free_name(name: str, period: Period, earlier: Sequence[ClosedStatement]) -> str:
    """Return the period's name, or its first day where another period was closed under that name."""
    return period.starts_on.isoformat() if name in {one.closing.period for one in earlier} else name


def _told(one: ClosedStatement, status: str) -> Closed:
    closing = one.closing
    return Closed(
        account=one.account,
        period=closing.period,
        period_start=closing.period_start,
        period_end=closing.period_end,
        status=status,
        number=one.number,
        closed_at=closing.closed_at,
        closed_by=closing.closed_by,
        digest=one.digest.hex(),
    )


def _refusal(found: Sequence[MeterStatement]) -> str | None:
    """Return why the period cannot be closed, or None."""
    if not found:
        return "nothing was recorded in it"
    reasons = [f"{one.asked.row.name}: {reason}" for one in found for reason in one.pending]
    return "; ".join(reasons) or None


def _remark(found: Sequence[MeterStatement], earlier: Sequence[ClosedStatement], period: Period) -> str | None:
    """Return what was closed all the same and should be known: a late beginning, no price, an overlap or a hole."""
    remarks = [f"{one.asked.row.name}: {one.late_start}" for one in found if one.late_start is not None]
    remarks += [
        f"{one.asked.row.name}: {one.figures.unpriced:,} units of it were used on days without a price"
        for one in found
        if one.figures.unpriced
    ]
    overlapping = [
        one.closing.period
        for one in earlier
        if one.closing.period_start < period.end and period.start < one.closing.period_end
    ]
    if overlapping:
        remarks.append(f"it overlaps what was closed as {', '.join(overlapping)}: that usage is in both statements")
    before = [one.closing.period_end for one in earlier if one.closing.period_end <= period.start]
    if not overlapping and before and max(before) < period.start:
        span = f"{max(before):%Y-%m-%d %H:%MZ} until {period.start:%Y-%m-%d %H:%MZ}"
        remarks.append(f"what was used from {span} is in no closed statement")
    return "; ".join(remarks) or None


def closed_otherwise(
    database: Database, question: Question, periods: Mapping[str, tuple[Agreement, Period]]
) -> list[str]:
    """Return a note for each of the periods that is closed with other figures or prices than hold now.

    Args:
        database: Where the statements are.
        question: What is asked.
        periods: By account.
    """
    with database.read() as connection:
        every = closed_statements(connection, sorted(periods))
    wanted = {}
    notes = []
    for account, (agreement, period) in periods.items():
        own = [one for one in every if one.account == account]
        known = closed_as(own, name_of(period, agreement.billing), period)
        if known is not None:
            wanted[account, known.number] = known
            notes += [
                f"{account}/{meter}: {known.closing.period} was closed with other prices; amounts here are by those "
                "that are declared now"
                for meter in priced_otherwise(known, agreement)
            ]
    late = corrections(database, question, every) if wanted else []
    return notes + [
        _otherwise(line, wanted[line.account, line.number]) for line in late if (line.account, line.number) in wanted
    ]


def _otherwise(line: CorrectionLine, closed: ClosedStatement) -> str:
    amount = "" if line.amount is None else f" and {line.amount:+,} {line.currency}"
    return (
        f"{line.account}/{line.meter}: {line.period} was closed on {closed.closing.closed_at:%Y-%m-%d} with other "
        f"figures; since then {line.usage:+,}{amount}, to be corrected with the next close "
        f"(`collector report month --period {line.period} --as both`)"
    )
