"""Makes a report for one period: waits for its data, writes its files and its letter, records it with its deliveries.

claimed ──► data in? ──no, and not yet too late──► put off for a minute
               │ yes, or too late (and the report says whose data did not come)
               ▼
        document ──► files ──► letter ──► one transaction: made, deliveries pending ──► links, old files
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from collector.app.scheduled.folder import (
    letter_path,
    point_to_latest,
    ready_folder,
    remove_files,
    write_files,
)
from collector.app.scheduled.letters import Letter, letter_of, written
from collector.app.scheduled.rendering import Renders
from collector.config import ReportSettings, Settings
from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of, start_of_day
from collector.errors import CollectorError
from collector.store.engine import Database
from collector.store.report_runs import (
    ClaimedRun,
    NewDelivery,
    PlannedRun,
    finish_run,
    heard_since,
    put_off,
    recorded_runs,
)

if TYPE_CHECKING:
    from reports.document import Document

_ASK_AGAIN = timedelta(minutes=1)
_DOMAIN = "usage-collector.invalid"
_SWEPT = 50


@dataclass(frozen=True, slots=True)
class Bench:
    """What making needs: settings, ledger, agreements and the renderer."""

    settings: Settings
    database: Database
    agreements: Mapping[str, Agreement]
    renderer: Renders


def without_data(bench: Bench, report: ReportSettings, run: PlannedRun) -> list[str]:
    """Return the accounts of which no good poll was made since the period's end, in their own zones."""
    ends_on = day_of(run.end, report.schedule.zone)
    zones = {name: bench.agreements[name].zone for name in report.accounts}
    ends = {name: start_of_day(ends_on, zone) for name, zone in zones.items()}
    with bench.database.read() as connection:
        heard = heard_since(connection, ends)
    return [name for name in report.accounts if name not in heard]


def document_of(bench: Bench, report: ReportSettings, run: PlannedRun, missing: list[str], now: datetime) -> Document:
    """Return the report about a run's period; it begins with whose data did not come."""
    from reports.question import Question

    zone = report.schedule.zone
    shared = all(bench.agreements[name].zone == zone for name in report.accounts)
    question = Question(
        now=now,
        agreements=bench.agreements,
        accounts=report.accounts,
        meters=report.meters,
        start=day_of(run.start, zone),
        end=day_of(run.end, zone),
        # A statement is one of the account's own days; anything else is told in the days of the report.
        zone=None if shared or report.report.of_billing_period else zone,
    )
    document = bench.renderer.document(bench.database, report.report, question, run.period)
    if not missing:
        return document
    told = (
        f"Data of {', '.join(missing)} did not come: there was no successful poll after the end of {run.period}, "
        "so what was used before that end may be missing here."
    )
    return replace(document, paragraphs=(told, *document.paragraphs))


def make_run(bench: Bench, report: ReportSettings, claimed: ClaimedRun, now: datetime) -> bool:
    """Make a claimed run, or put it off because its data are not in; return whether it was made.

    Raises:
        LeaseLostError: Another collector took it over.
        CollectorError: It cannot be made now.
    """
    run = claimed.planned
    missing = without_data(bench, report, run)
    if missing and now < run.due_at + report.wait_for_data:
        put_off(bench.database, claimed, min(now + _ASK_AGAIN, run.due_at + report.wait_for_data), None)
        return False
    make_now(bench, report, claimed, missing, now)
    return True


def make_now(
    bench: Bench, report: ReportSettings, claimed: ClaimedRun, missing: list[str], now: datetime
) -> list[Path]:
    """Make a claimed run whether its data are in or not, and return its files.

    Raises:
        LeaseLostError: Another collector took it over.
        CollectorError: It cannot be made now.
    """
    folder, run = ready_folder(report), claimed.planned
    letter, files = made(bench, report, run, (missing, now), folder)
    keep_letter(letter_path(folder, report.name, run.period), letter if report.targets else None)
    deliveries = [
        NewDelivery(one.label, message_id(bench.database.place, report.name, run.period, one.label))
        for one in report.targets
    ]
    finish_run(bench.database, claimed, now, ([str(one) for one in files], missing), deliveries)
    try:
        point_to_latest(report.name, run.period, files)
    except CollectorError as error:
        structlog.get_logger().warning("the link to the latest report was left as it is", error=str(error))
    _sweep(bench, report, folder)
    return files


def made(
    bench: Bench, report: ReportSettings, run: PlannedRun, state: tuple[list[str], datetime], folder: Path
) -> tuple[Letter, list[Path]]:
    """Write the files about a run into ``folder``; return what is to be sent, and the files.

    Args:
        bench: What it is made from.
        report: Which report.
        run: About which period.
        state: Whose data are missing, and the current instant.
        folder: Where the files are put.
    """
    missing, now = state
    document = document_of(bench, report, run, missing, now)
    files = write_files(bench.renderer, report, run.period, document, folder)
    # A statement's title names its period already.
    own = report.subject is None and report.report.of_billing_period
    subject = document.title if own else f"{report.subject or document.title} – {run.period}"
    return letter_of(bench.renderer, document, subject, files, now), files


def message_id(*facts: str) -> str:
    """Return the id under which a delivery is sent, however often it is tried."""
    return f"{hashlib.sha256(chr(0).join(facts).encode()).hexdigest()[:32]}@{_DOMAIN}"


def keep_letter(path: Path, letter: Letter | None) -> None:
    """Keep a letter beside the files until it is sent."""
    from reports.rendering import whole_binary_file

    if letter is not None:
        with whole_binary_file(path) as out:
            out.write(written(letter))
            out.flush()


def _sweep(bench: Bench, report: ReportSettings, folder: Path) -> None:
    """Remove the files of periods beyond those that are kept."""
    if report.keep is None:
        return
    with bench.database.read() as connection:
        runs = recorded_runs(connection, [report.name], latest=report.keep + _SWEPT)
    done = [run for run in runs if run.made_at is not None]
    for run in done[report.keep :]:
        remove_files(folder, [*run.files, str(letter_path(folder, report.name, run.period))])
