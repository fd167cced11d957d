"""The reports by name: each asks the ledger once and computes with pure frame functions."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.burn_rate import burn_rates, burn_windows
from reports.daily import daily_deltas
from reports.exhaustion import days_needed, exhaustion
from reports.question import Question
from reports.spikes import spike_notes, with_spikes
from reports.standing import quota_standings
from reports.windows import Window, daily_windows, meters_asked, usage_windows


def daily(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``daily``; see ``reports.daily.daily_deltas`` for its columns."""
    return daily_deltas(daily_windows(database, question))


def burn(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``burn``; see ``reports.burn_rate.burn_rates`` for its columns."""
    rows = meters_asked(database, question)
    wanted = [(row, burn_windows(row, question.agreed_with(row.account, row.timezone))) for row in rows]
    return burn_rates(with_spikes(database, wanted, usage_windows(database, wanted)))


def exhaustion_dates(database: Database, question: Question) -> pd.DataFrame:
    """Return the report ``exhaustion``; see ``reports.exhaustion.exhaustion`` for its columns."""
    standings = quota_standings(database, question, meters_asked(database, question))
    wanted = [(one.row, days_needed(one)) for one in standings]
    days = with_spikes(database, wanted, daily_deltas(usage_windows(database, wanted)))
    by_meter = {(str(account), str(meter)): group for (account, meter), group in days.groupby(["account", "meter"])}
    return exhaustion(standings, by_meter, question.stood_at, _left_out(database, wanted))


def _left_out(database: Database, wanted: Sequence[tuple[MeterRow, Sequence[Window]]]) -> dict[int, list[str]]:
    """Return by meter id what the forecast from these days leaves out."""
    starts = {row.id: windows[0].start for row, windows in wanted if windows}
    return spike_notes(database, [row for row, _ in wanted if row.id in starts], min(starts.values(), default=None))
