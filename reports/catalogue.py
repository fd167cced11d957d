"""The reports by name: each asks the ledger once and computes with pure frame functions."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from collector.store.engine import Database
from reports.burn_rate import burn_rates, burn_windows
from reports.daily import daily_deltas
from reports.exhaustion import exhaustion
from reports.forecast import MOST_DAYS
from reports.question import Question
from reports.standing import QuotaStanding, quota_standings
from reports.windows import daily_windows, meters_asked, usage_windows


def daily(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``daily``; see ``reports.daily.daily_deltas`` for its columns."""
    return daily_deltas(daily_windows(database, question))


def burn(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``burn``; see ``reports.burn_rate.burn_rates`` for its columns."""
    rows = meters_asked(database, question)
    wanted = [(row, burn_windows(row, question.agreement_of(row.account, row.timezone))) for row in rows]
    return burn_rates(usage_windows(database, wanted))


def exhaustion_dates(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``exhaustion``; see ``reports.exhaustion.exhaustion`` for its columns."""
    standings = quota_standings(database, question, meters_asked(database, question))
    recent = replace(question, start=None, end=None, last_days=_days_needed(standings, question))
    days = daily(database, recent).groupby(["account", "meter"])
    return exhaustion(standings, {(str(key[0]), str(key[1])): group for key, group in days}, question.now)


def _days_needed(standings: list[QuotaStanding], question: Question) -> int:
    """Return how many days back a forecast looks: its profile's weeks, and every running period whole."""
    starts = [one.allowance.period.start for one in standings if one.allowance and one.allowance.period]
    return max([MOST_DAYS + 2, *((question.now - start).days + 2 for start in starts)])
