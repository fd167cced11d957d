"""Scheduled reports when an operator asks: made now for any period that is over, and a trial of where they go.

Without sending nothing is recorded, so the schedule goes on as if nobody had asked; with it the period counts as done,
and whoever has the report already does not get it again.

Public: ``run_now``, ``RunNow``, ``send_trial``, ``Tried``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.app.clock import Clock
from collector.app.scheduled.delivering import deliver, trial
from collector.app.scheduled.folder import point_to_latest, ready_folder
from collector.app.scheduled.letters import as_trial
from collector.app.scheduled.making import deliveries_of, made, make_now, message_id, without_data
from collector.app.scheduled.planning import run_called, run_due
from collector.app.scheduled.work import MAKING, SENDING, ScheduledReports
from collector.config import ReportSettings
from collector.errors import UsageError
from collector.store.deliveries import (
    DeliveryState,
    RecordedDelivery,
    claim_delivery,
    recorded_deliveries,
    reopen,
)
from collector.store.report_runs import PlannedRun, add_deliveries, claim_run, plan, planned_until, recorded_run


@dataclass(frozen=True, slots=True)
class RunNow:
    """What was done.

    Attributes:
        missing: Accounts whose data of the period are not all in.
        before: When the period had been made already; its files are those of then.
        deliveries: Everything recorded about the period's deliveries; empty where nothing was to be sent.
        lacking: The configured targets that were not reached, as far as the report was to be sent.
    """

    period: str
    files: tuple[Path, ...]
    missing: tuple[str, ...]
    before: datetime | None
    deliveries: tuple[RecordedDelivery, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of one target; ``error`` is None where it was sent."""

    target: str
    error: str | None


def report_called(work: ScheduledReports, name: str) -> ReportSettings:
    """Return a report by its name.

    Raises:
        UsageError: There is none of that name.
    """
    found = work.reports.get(name)
    if found is None:
        have = ", ".join(sorted(work.reports)) or "none; add a [[reports]] table"
        raise UsageError(f"no report is called {name!r} (configured: {have})")
    return found


def run_now(work: ScheduledReports, clock: Clock, name: str, period: str | None, *, send: bool) -> RunNow:
    """Make a report for a period that is over, the last one if none is named, whether its data are in or not.

    Raises:
        UsageError: There is no such report or period, nobody to send it to, or its files are still to be sent.
        CollectorError: It cannot be made, or another collector is making it.
    """
    report, now = report_called(work, name), clock.now()
    run = run_due(report, now) if period is None else run_called(report, period, now)
    if send:
        if not report.targets:
            raise UsageError(f"report {name} has nobody to send it to; name somebody with to = […]")
        return _recorded(work, clock, report, run)
    _refuse_unsent(work, report, run)
    bench, missing, folder = work.post.bench, without_data(work.post.bench, report, run), ready_folder(report)
    files = made(bench, report, run, (missing, now), folder).files
    point_to_latest(report.name, run.period, files)
    return RunNow(run.period, tuple(files), tuple(missing), None, (), ())


def _refuse_unsent(work: ScheduledReports, report: ReportSettings, run: PlannedRun) -> None:
    """Keep files that are still to be sent as they are: whoever gets them later gets what the others got."""
    with work.post.bench.database.read() as connection:
        sent = recorded_deliveries(connection, [report.name], run.period)
    waiting = [one.target for one in sent if one.finished_at is None]
    if waiting:
        raise UsageError(
            f"the files of {report.name} {run.period} are still to be sent to {', '.join(waiting)} and stay as they "
            "are until then; --send tries that now"
        )


def _recorded(work: ScheduledReports, clock: Clock, report: ReportSettings, run: PlannedRun) -> RunNow:
    bench, now = work.post.bench, clock.now()
    plan(bench.database, report.name, [run], planned_until(bench.database, report.name, now))
    claimed = claim_run(bench.database, [report.name], work.owner, now, now + MAKING, run.period)
    if claimed is not None:
        make_now(bench, report, claimed, without_data(bench, report, run), now)
    with bench.database.read() as connection:
        known = recorded_run(connection, report.name, run.period)
    if known is None or known.made_at is None:
        raise UsageError(f"report {report.name} for {run.period} is just being made by another collector")
    reopen(bench.database, report.name, run.period, now)
    add_deliveries(bench.database, report.name, run.period, now, deliveries_of(bench, report, run.period))
    _send_all(work, clock, report, run.period)
    with bench.database.read() as connection:
        sent = recorded_deliveries(connection, [report.name], run.period)
    before = None if claimed is not None else known.made_at
    reached = {one.target for one in sent if one.state is DeliveryState.SENT}
    lacking = tuple(one.label for one in report.targets if one.label not in reached)
    return RunNow(run.period, tuple(map(Path, known.files)), known.missing, before, tuple(sent), lacking)


def _send_all(work: ScheduledReports, clock: Clock, report: ReportSettings, period: str) -> None:
    """Try each delivery of a period that is still to be made once."""
    with work.post.bench.database.read() as connection:
        sent = recorded_deliveries(connection, [report.name], period)
    for _ in [one for one in sent if one.finished_at is None]:
        now = clock.now()
        claimed = claim_delivery(work.post.bench.database, [report.name], work.owner, now, now + SENDING, period)
        if claimed is None:
            return
        deliver(work.post, report, claimed, clock.now)


def send_trial(work: ScheduledReports, clock: Clock, name: str) -> Sequence[Tried]:
    """Send the last period's report to everybody, labelled as a trial; nothing is recorded, no file stays.

    Raises:
        UsageError: There is no such report, or nobody to send it to.
        CollectorError: It cannot be made.
    """
    report, now = report_called(work, name), clock.now()
    if not report.targets:
        raise UsageError(f"report {name} has nobody to send it to; name somebody with to = […]")
    run = run_due(report, now)
    bench = work.post.bench
    with tempfile.TemporaryDirectory(prefix="collector-trial-") as folder:
        letter = made(bench, report, run, (without_data(bench, report, run), now), Path(folder)).letter
        tried = []
        for target in report.targets:
            message = as_trial(letter).message(message_id("trial", name, target.label, now.isoformat()))
            tried.append(Tried(target.label, trial(work.post, target, message)))
    return tried
