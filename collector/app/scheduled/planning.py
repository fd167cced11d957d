"""Which periods are to be reported: each once, from the moment a report was first seen, whatever clocks do since."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from collector.config import Missed, ReportSettings
from collector.domain.report_schedule import period_before, period_called, runs_between
from collector.errors import UsageError
from collector.store.engine import Database
from collector.store.heard import history_begins
from collector.store.report_runs import PlannedRun, drop_future, plan, planned_until

_MOST_AT_ONCE = 1000


def plan_due(database: Database, report: ReportSettings, now: datetime) -> None:
    """Record the runs of a report that became due until ``now``.

    After a stop these are all that were missed, or the last of them, as the report wants; never a period that was over
    before the history began. A clock that was set back plans nothing twice: a period has one run.
    """
    known = planned_until(database, report.name, now)
    if known > now:
        drop_future(database, report.name, now)  # the clock ran ahead
        return
    due = list(islice(runs_between(report.schedule, known, now), _MOST_AT_ONCE))
    if not due:
        return
    with database.read() as connection:
        begins = history_begins(connection, report.accounts)
    runs = [run for run in (run_due(report, at) for at in due) if begins is None or run.end > begins]
    if report.missed is Missed.LAST:
        runs = runs[-1:]
    plan(database, report.name, runs, due[-1])


def run_due(report: ReportSettings, at: datetime) -> PlannedRun:
    """Return the run of a report that is due at an instant: about the last period that is over then."""
    name, period = period_before(at, report.report, report.schedule, report.billing)
    return PlannedRun(name, period.start, period.end, at)


def run_called(report: ReportSettings, text: str, now: datetime) -> PlannedRun:
    """Return the run of a report for the period that an operator calls ``text``.

    Raises:
        UsageError: It names no period of the report, or one that is not over.
    """
    try:
        name, period = period_called(text, report.report, report.schedule, report.billing)
    except ValueError as error:
        raise UsageError(f"report {report.name} has no period {text!r}: {error}") from None
    if period.end > now:
        raise UsageError(f"the period {name} of report {report.name} is not over before {period.end:%Y-%m-%d %H:%M}Z")
    return PlannedRun(name, period.start, period.end, now)
