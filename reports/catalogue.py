"""The reports by name: each asks the ledger once and computes with pure frame functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from collector.store.engine import Database
from reports.burn_rate import burn_rates, burn_windows
from reports.daily import daily_deltas
from reports.exhaustion import days_needed, ends_at, exhaustion
from reports.forecasting.history import histories
from reports.forecasting.hours import hours_of
from reports.forecasting.prospect import Prospect, prospect_of
from reports.question import Question
from reports.spikes import with_spikes
from reports.standing import QuotaStanding, quota_standings
from reports.windows import daily_windows, meters_asked, usage_windows


def daily(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``daily``; see ``reports.daily.daily_deltas`` for its columns."""
    return daily_deltas(daily_windows(database, question))


def burn(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``burn``; see ``reports.burn_rate.burn_rates`` for its columns."""
    rows = meters_asked(database, question)
    wanted = [(row, burn_windows(row, question.agreed_with(row.account, row.timezone))) for row in rows]
    return burn_rates(with_spikes(database, wanted, usage_windows(database, wanted)))


class Outlooks(NamedTuple):
    """The report ``exhaustion`` and what it was made from, in one order.

    Attributes:
        prospects: By meter id what is to come, or why nobody can say; of those with a quota and something used of it.
        frame: As ``reports.exhaustion.exhaustion`` returns it.
    """

    standings: Sequence[QuotaStanding]
    prospects: Mapping[int, Prospect | str]
    frame: pd.DataFrame


def exhaustion_dates(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``exhaustion``; see ``reports.exhaustion.exhaustion`` for its columns."""
    return exhaustion_outlooks(database, question).frame


def exhaustion_outlooks(database: Database, question: Question) -> Outlooks:
    """Return the report ``exhaustion`` with the forecasts it rests on, for whoever draws or explains them."""
    standings = quota_standings(database, question, meters_asked(database, question))
    asked = [one for one in standings if one.used is not None]
    known = histories(database, [one.row for one in asked], {one.row.id: one.zone for one in asked})
    drawn = {one.row.id: prospect_of(known[one.row.id], ends_at(one), question.stood_at) for one in asked}
    prospects = _with_hours(database, asked, drawn)
    wanted = [(one.row, windows) for one in standings if (windows := days_needed(one))]
    days = daily_deltas(usage_windows(database, wanted))
    by_meter = {(str(account), str(meter)): group for (account, meter), group in days.groupby(["account", "meter"])}
    return Outlooks(standings, prospects, exhaustion(standings, prospects, by_meter, question.stood_at))


def _with_hours(
    database: Database, standings: Sequence[QuotaStanding], drawn: Mapping[int, Prospect | str]
) -> dict[int, Prospect | str]:
    """Return the prospects with the hours at which meters are used, for those of which something ends within days."""
    near = {}
    for one in standings:
        prospect = drawn[one.row.id]
        if isinstance(prospect, Prospect) and prospect.is_near(float(one.remaining or 0), ends_at(one)):
            near[one.row.id] = prospect
    hours = hours_of(database, [(one.row, near[one.row.id].history) for one in standings if one.row.id in near])
    return {**drawn, **{meter: replace(near[meter], hours=each) for meter, each in hours.items()}}
