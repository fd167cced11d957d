"""Answers before a job starts whether the quota still allows it: quick, and honest about how old the answer is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from collector.app.wiring import agreements, open_database
from collector.config import Settings, parse_duration
from collector.domain.instants import instant_of
from collector.errors import NotEnoughDataError, UsageError
from collector.store.engine import Database
from collector.store.reading import meters
from reports.question import Question
from reports.standing import QuotaStanding, quota_standings

_INTERVALS = 3
_AMOUNT = re.compile(r"[0-9]{1,19}(\.[0-9]{1,18})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an amount may be spent; amounts are in units, integers where the meter has no decimal places.

    Attributes:
        complete: False where usage before the history began is not counted, so that less may be left.
        held: True while a fall of the counter waits for a decision.
    """

    account: str
    meter: str
    unit: str
    amount: int | Decimal
    remaining: int | Decimal
    allowed: bool
    observed_at: datetime
    age_seconds: int
    complete: bool
    held: bool


def may_spend(
    settings: Settings, now: datetime, account: str, amount: str, meter: str | None, max_age: str | None
) -> Verdict:
    """Return whether the quota of ``account`` still allows ``amount`` more units.

    Raises:
        UsageError: The amount, the account or the meter is not clear, or no quota is declared.
        NotEnoughDataError: There is no value yet, or the last one is too old.
    """
    wanted = _amount(amount)
    known = agreements(settings)
    if account not in known:
        raise UsageError(f"no account is called {account!r} (configured: {', '.join(sorted(known)) or 'none'})")
    question = Question(now, known, (account,), None if meter is None else (meter,))
    database = open_database(settings)
    try:
        standing = _standing(database, question, account, meter)
    finally:
        database.close()
    intervals = {one.name: _INTERVALS * one.poll_every for one in settings.accounts}
    return _verdict(standing, wanted, now, intervals[account] if max_age is None else parse_duration(max_age))


def _amount(text: str) -> Decimal:
    if _AMOUNT.fullmatch(text) is None:
        raise UsageError(f"AMOUNT takes a number of units such as 500, not {text!r}")
    return Decimal(text)


def _standing(database: Database, question: Question, account: str, meter: str | None) -> QuotaStanding:
    with database.read() as connection:
        rows = meters(connection, question.accounts, question.meters)
    declared = question.agreements[account].terms
    names = [name for name, terms in declared.items() if terms.quota is not None and meter in {None, name}]
    if not names:
        of_meter = "" if meter is None else f" for {meter}"
        raise UsageError(f"account {account} declares no quota{of_meter}; set one under [accounts.meters.NAME]")
    if len(names) > 1:
        raise UsageError(f"account {account} has several quotas; say which with --meter: {', '.join(names)}")
    row = next((one for one in rows if one.name == names[0]), None)
    if row is None:
        raise NotEnoughDataError(f"{account}/{names[0]} has no value yet; run `collector poll {account}`")
    return quota_standings(database, question, [row])[0]


def _verdict(standing: QuotaStanding, amount: Decimal, now: datetime, oldest: timedelta) -> Verdict:
    row, remaining = standing.row, standing.remaining
    observed_at = instant_of(row.good_at)
    age = now - observed_at
    if remaining is None or standing.used is None:
        raise NotEnoughDataError(
            f"{row.account}/{row.name} was not observed yet in the billing period that is running; "
            f"run `collector poll {row.account}` and ask again"
        )
    if age > oldest:
        raise NotEnoughDataError(
            f"the last value of {row.account}/{row.name} is {int(age.total_seconds())} s old, more than "
            f"{int(oldest.total_seconds())} s; run `collector poll {row.account}` and ask again"
        )
    whole = row.scale == 0
    left = remaining if whole else Decimal(remaining).scaleb(-row.scale)
    return Verdict(
        account=row.account,
        meter=row.name,
        unit=row.unit,
        amount=int(amount) if whole and amount == amount.to_integral_value() else amount,
        remaining=left,
        allowed=amount <= left,
        observed_at=observed_at,
        age_seconds=int(age.total_seconds()),
        complete=standing.used.complete,
        held=row.latest < row.good_value,
    )
