"""Makes a report for one period: waits for its data, writes its files and its letter, records it with its deliveries.

claimed ──► data in? ──no, and not yet too late──► put off for a minute
               │ yes, or too late (and the report says whose data did not come)
               ▼
        document ──► files ──► letter ──► one transaction: made, deliveries pending, forecasts kept ──► links, old files
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from collector.app.scheduled.settling import Waits
from collector.config import ReportSettings, Settings
from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of, start_of_day
from collector.errors import CollectorError
from collector.store.deliveries import unfinished_deliveries
from collector.store.engine import Database
from collector.store.forecasts import Foretold
from collector.store.heard import heard_since, known_since
from collector.store.report_runs import (
    ClaimedRun,
    NewDelivery,
    PlannedRun,
    RecordedRun,
    finish_run,
    put_off,
    recorded_runs,
)

if TYPE_CHECKING:
    from reports.document import Document
    from reports.question import Question

_ASK_AGAIN = timedelta(minutes=1)
# The least time in which a clock that is wrong is set right, if anybody will.
_REALLY = timedelta(minutes=10)
_DOMAIN = "usage-collector.invalid"
_SWEPT = 50


@dataclass(frozen=True, slots=True)
class Bench:
    """What making needs: settings, ledger, agreements, the renderer, and how long was really waited.

    Attributes:
        draw: Returns a text that no other installation ever draws.
    """

    settings: Settings
    database: Database
    agreements: Mapping[str, Agreement]
    renderer: Renders
    waits: Waits
    draw: Callable[[], str]


class Made(NamedTuple):
    """What was made about a run: what is to be sent, the files, and what they foretell."""

    letter: Letter
    files: list[Path]
    foretold: tuple[Foretold, ...]


def ends_of(bench: Bench, report: ReportSettings, run: PlannedRun) -> dict[str, datetime]:
    """Return when a run's period ends for each account: a statement's in the account's own zone."""
    if not report.report.of_billing_period:
        return dict.fromkeys(report.accounts, run.end)
    ends_on = day_of(run.end, report.schedule.zone)
    return {name: start_of_day(ends_on, bench.agreements[name].zone) for name in report.accounts}


def without_data(bench: Bench, report: ReportSettings, run: PlannedRun) -> list[str]:
    """Return the accounts of which nothing is known since the period's end: neither a good poll nor imported values."""
    ends = ends_of(bench, report, run)
    with bench.database.read() as connection:
        heard = heard_since(connection, ends) | known_since(connection, ends)
    return [name for name in report.accounts if name not in heard]


def question_of(bench: Bench, report: ReportSettings, run: PlannedRun, now: datetime) -> Question:
    """Return what a report about a run's period asks."""
    from reports.question import Question

    zone = report.schedule.zone
    shared = all(bench.agreements[name].zone == zone for name in report.accounts)
    return Question(
        now=now,
        agreements=bench.agreements,
        accounts=report.accounts,
        meters=report.meters,
        start=day_of(run.start, zone),
        end=day_of(run.end, zone),
        # A statement is one of the account's own days; anything else is told in the days of the report.
        zone=None if shared or report.report.of_billing_period else zone,
        as_of=run.end if report.report.of_standing else None,
    )


def document_of(bench: Bench, report: ReportSettings, run: PlannedRun, missing: list[str], now: datetime) -> Document:
    """Return the report about a run's period; it begins with whose data did not come."""
    question = question_of(bench, report, run, now)
    invoice = report.invoice_of(run.period)
    lies = invoice is not None and os.path.lexists(invoice)
    document = bench.renderer.document(bench.database, report.report, question, run.period, invoice if lies else None)
    told = []
    if missing:
        told.append(
            f"Data of {', '.join(missing)} did not come: there was no successful poll after the end of {run.period}, "
            "so what was used before that end may be missing here."
        )
    if invoice is not None and not lies:
        told.append(f"No invoice was at {invoice} when this was made, so nothing is held against one.")
    return replace(document, paragraphs=(*told, *document.paragraphs))


def make_run(bench: Bench, report: ReportSettings, claimed: ClaimedRun, now: datetime) -> bool:
    """Make a claimed run, or put it off because its data are not in; return whether it was made.

    Raises:
        LeaseLostError: Another collector took it over.
        CollectorError: It cannot be made now.
    """
    missing = without_data(bench, report, claimed.planned)
    if missing and not _waited_enough(bench, report, claimed.planned, now):
        put_off(bench.database, claimed, now + _ASK_AGAIN, None)
        return False
    make_now(bench, report, claimed, missing, now)
    return True


def _waited_enough(bench: Bench, report: ReportSettings, run: PlannedRun, now: datetime) -> bool:
    """Tell whether a run is made without the data that it lacks.

    The clock alone does not say so, for it may be wrong: either an account was asked since its period ended, whatever
    it answered, or we have really waited for so long.
    """
    ends = ends_of(bench, report, run)
    really = bench.waits.waited(report.name, run.period)
    if now < max(run.due_at, *ends.values()) + report.wait_for_data:
        return False
    with bench.database.read() as connection:
        asked = heard_since(connection, ends, good=False)
    return bool(asked) or really >= max(report.wait_for_data, _REALLY)


def make_now(
    bench: Bench, report: ReportSettings, claimed: ClaimedRun, missing: list[str], now: datetime
) -> list[Path]:
    """Make a claimed run whether its data are in or not, and return its files.

    Raises:
        LeaseLostError: Another collector took it over.
        CollectorError: It cannot be made now.
    """
    folder, run = ready_folder(report), claimed.planned
    done = made(bench, report, run, (missing, now), folder)
    keep_letter(letter_path(folder, report.name, run.period), done.letter if report.targets else None)
    finish_run(
        bench.database,
        claimed,
        now,
        ([str(one) for one in done.files], missing),
        deliveries_of(bench, report, run.period),
        done.foretold,
    )
    bench.waits.over(report.name, run.period)
    tidy(bench, report)
    return done.files


def tidy(bench: Bench, report: ReportSettings) -> None:
    """Let the links lead to the latest files and remove old ones; a fault here changes nothing of what was made."""
    log = structlog.get_logger().bind(report=report.name)
    try:
        with bench.database.read() as connection:
            runs = recorded_runs(connection, [report.name], latest=(report.keep or 0) + _SWEPT)
            sent = unfinished_deliveries(connection)
        done = [run for run in runs if run.made_at is not None]
        _link(report, done)
        if report.keep is not None:
            unsent = {one.period for one in sent if one.report == report.name}
            _sweep(report, [run for run in done[report.keep :] if run.period not in unsent])
    except (CollectorError, OSError) as error:
        log.warning("the links to the latest report or the old files were left as they are", error=str(error))


def _link(report: ReportSettings, done: Sequence[RecordedRun]) -> None:
    """Let the links lead to the files of the latest period, as far as they are there."""
    for run in done[:1]:
        paths = [path for path in map(Path, run.files) if path.parent == report.folder and path.is_file()]
        point_to_latest(report.name, run.period, paths)


def _sweep(report: ReportSettings, old: Sequence[RecordedRun]) -> None:
    """Remove the files of old periods."""
    for run in old:
        remove_files(report.folder, [*run.files, str(letter_path(report.folder, report.name, run.period))])


def made(
    bench: Bench, report: ReportSettings, run: PlannedRun, state: tuple[list[str], datetime], folder: Path
) -> Made:
    """Write the files about a run into ``folder``; return what is to be sent, the files, and what they foretell.

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
    return Made(letter_of(bench.renderer, document, subject, files, now), files, document.foretold)


def deliveries_of(bench: Bench, report: ReportSettings, period: str) -> list[NewDelivery]:
    """Return what is to be sent about a period: one delivery for each configured target."""
    return [NewDelivery(one.label, message_id(bench.draw(), report.name, period, one.label)) for one in report.targets]


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
