"""What ``reports list`` tells: each report, its last period, when it is due next, and how its deliveries went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.config import ReportSettings, Settings
from collector.domain.report_schedule import About, next_run
from collector.store.deliveries import RecordedDelivery, deliveries_to_tell, unfinished_deliveries
from collector.store.engine import Database
from collector.store.report_runs import RecordedRun, recorded_runs

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ListedReport:
    """One report.

    Attributes:
        run: The latest period that was due, or None before the first.
        next_at: When the next period is due, or when one that waits is looked at again if that is sooner.
        deliveries: Of the latest period, and of earlier ones what is not sent.
    """

    report: ReportSettings
    run: RecordedRun | None
    next_at: datetime | None
    deliveries: tuple[RecordedDelivery, ...]

    @property
    def result(self) -> str:
        """How the latest period stands, in words."""
        run = self.run
        if run is None:
            return "not yet due"
        if run.made_at is not None:
            return f"made without data of {', '.join(run.missing)}" if run.missing else "made"
        if run.error is None:
            return "waiting for data"
        return f"failed {run.attempts} time{'s' if run.attempts > 1 else ''}: {run.error}"


def listed(settings: Settings, database: Database, now: datetime) -> list[ListedReport]:
    """Return every configured report in the settings' order."""
    names = [one.name for one in settings.reports]
    with database.read() as connection:
        runs = recorded_runs(connection, names, latest=_SHOWN)
        sent = deliveries_to_tell(connection, names, [run.period for run in runs])
    return [_listed(one, runs, sent, now) for one in settings.reports]


def forsaken(settings: Settings, database: Database) -> list[RecordedDelivery]:
    """Return what is still to be sent about reports that are configured no longer; it waits until one is again."""
    names = {one.name for one in settings.reports}
    with database.read() as connection:
        return [one for one in unfinished_deliveries(connection) if one.report not in names]


def _listed(
    report: ReportSettings, runs: Sequence[RecordedRun], sent: Sequence[RecordedDelivery], now: datetime
) -> ListedReport:
    own = [run for run in runs if run.report == report.name]
    # What was missed and is not made yet is more worth telling than what is.
    run = next((one for one in own if one.made_at is None), own[0] if own else None)
    waiting = [one.not_before for one in own if one.made_at is None]
    due = next_run(report.schedule, now)
    shown = tuple(
        one
        for one in sent
        if one.report == report.name
        and (one.finished_at is None or one.error is not None or (run is not None and one.period == run.period))
    )
    return ListedReport(report, run, min([*waiting, *([due] if due else [])], default=None), shown)


def schedule_words(report: ReportSettings) -> str:
    """Return when a report is due, such as ``monthly on day 2 at 07:00, Europe/Berlin``."""
    schedule = report.schedule
    if schedule.cron is not None:
        return f"cron {schedule.cron.text} (about the {schedule.about.value} before), {schedule.zone.key}"
    match schedule.about:
        case About.DAY:
            when = "daily"
        case About.WEEK:
            when = f"weekly on {_WEEKDAYS[schedule.weekday - 1]}"
        case About.MONTH:
            when = f"monthly on day {schedule.day}"
    return f"{when} at {schedule.at:%H:%M}, {schedule.zone.key}"
