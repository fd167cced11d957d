"""Prints scheduled reports for people and as JSON: the list, what was made by hand, and trials."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from collector.app.printing import output_stream, print_table
from collector.app.scheduled.by_hand import RunNow, Tried
from collector.app.scheduled.listing import ListedReport, schedule_words
from collector.store.deliveries import DeliveryState, RecordedDelivery

if TYPE_CHECKING:
    from reports.rendering import Value


def print_listed(reports: Sequence[ListedReport], *, as_json: bool) -> None:
    """Print every report with its last and next run and its deliveries."""
    if as_json:
        from reports.rendering import write_json

        write_json([_object(one) for one in reports], output_stream())
        return
    if not reports:
        sys.stderr.write("no report is configured; add a [[reports]] table to the settings\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Report", "Due", "Last", "Result", "Next", "Delivered"):
        table.add_column(title, overflow="fold")
    for one in reports:
        cells = (
            f"{one.report.name}\n({one.report.report.value})",
            schedule_words(one.report),
            "–" if one.run is None else f"{one.run.period}\n{_when(one, one.run.made_at)}".strip(),
            one.result,
            _when(one, one.next_at) or "never",
            "\n".join(_delivery_words(one, sent) for sent in one.deliveries) or "–",
        )
        table.add_row(*(Text(cell) for cell in cells))
    print_table(table)


def print_forsaken(waiting: Sequence[RecordedDelivery]) -> None:
    """Tell, beside any list, what waits to be sent about reports that are configured no longer."""
    for one in waiting:
        sys.stderr.write(
            f"note: {one.report} {one.period} was not sent to {one.target} and waits: no report of that name is "
            "configured any more\n"
        )


def _when(one: ListedReport, instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(one.report.schedule.zone):%Y-%m-%d %H:%M}"


def _delivery_words(one: ListedReport, sent: RecordedDelivery) -> str:
    older = "" if one.run is not None and sent.period == one.run.period else f"{sent.period} "
    match sent.state:
        case DeliveryState.SENT:
            state = f"sent {_when(one, sent.finished_at)}"
        case DeliveryState.PARTLY:
            state = f"partly sent {_when(one, sent.finished_at)}: {sent.error}"
        case DeliveryState.FAILED:
            state = f"failed {_when(one, sent.finished_at)}: {sent.error}"
        case DeliveryState.SENDING:
            state = "being sent"
        case DeliveryState.PENDING:
            tried = f"; attempt {sent.attempts} failed: {sent.error}" if sent.attempts else ""
            state = f"to be sent {_when(one, sent.not_before)}{tried}"
    return f"{older}{sent.target}: {state}"


def _object(one: ListedReport) -> dict[str, Value]:
    run = one.run
    return {
        "report": one.report.name,
        "kind": one.report.report.value,
        "accounts": list(one.report.accounts),
        "schedule": schedule_words(one.report),
        "timezone": one.report.schedule.zone.key,
        "formats": [format_.value for format_ in one.report.formats],
        "folder": str(one.report.folder),
        "period": None if run is None else run.period,
        "due_at": None if run is None else run.due_at,
        "made_at": None if run is None else run.made_at,
        "result": one.result,
        "missing": [] if run is None else list(run.missing),
        "files": [] if run is None else list(run.files),
        "next_at": one.next_at,
        "deliveries": [_delivery(sent) for sent in one.deliveries],
    }


def _delivery(sent: RecordedDelivery) -> dict[str, Value]:
    return {
        "period": sent.period,
        "target": sent.target,
        "state": sent.state.value,
        "attempts": sent.attempts,
        "next_at": None if sent.finished_at is not None else sent.not_before,
        "finished_at": sent.finished_at,
        "error": sent.error,
    }


def print_run(name: str, done: RunNow) -> None:
    """Print the files of a report that was made by hand, and how its deliveries went."""
    out = output_stream()
    if done.before is not None:
        twice = "; nobody gets it twice" if done.deliveries else ""
        out.write(f"{name} {done.period}: made before, {done.before:%Y-%m-%d %H:%M}Z{twice}\n")
    for path in done.files:
        out.write(f"{path}\n")
    if done.missing:
        sys.stderr.write(f"note: no data yet after the end of {done.period}: {', '.join(done.missing)}\n")
    for sent in done.deliveries:
        error = "" if sent.error is None else f" ({sent.error})"
        (out if sent.state is DeliveryState.SENT else sys.stderr).write(f"{sent.target}: {sent.state.value}{error}\n")


def print_tried(tried: Sequence[Tried]) -> None:
    """Print how each trial went."""
    for one in tried:
        stream = output_stream() if one.error is None else sys.stderr
        stream.write(f"{one.target}: {'sent a trial' if one.error is None else one.error}\n")
