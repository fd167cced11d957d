"""Tells of the collectors that run on a database: where, since when, and what troubles them.

Public: ``collectors_of``, ``collector_words``, ``trouble_words``.
"""

from __future__ import annotations

from datetime import datetime

from collector.domain.instants import format_instant
from collector.store.engine import Database
from collector.store.processes import ProcessRow, processes

_TROUBLES = {
    "logging_failed": "its log cannot be written; make room on the disk of the log, or give it a stderr that is open",
    "reports_stalled": "a scheduled report hangs while polling goes on; its log says since when",
    "spooling": "answers wait in its spool because the database cannot be written; make it available again",
    "heads_unsaved": "what it last stored cannot be noted in its state folder; make that folder writable",
    "long_log": "the write-ahead log is longer than 64 MiB because a reader does not end; its log says who reads",
    "lost_tail": "the database does not have polls any more that it had acknowledged; bring the right one back",
    "overloaded": "slots fall out because all its workers are busy; raise daemon.workers or poll_every",
    "refused": "polls were set aside because the database refuses them for good; report it with the log",
    "spool_full": "its spool is full, so answers get lost; make the database available again",
}


def collectors_of(database: Database) -> list[ProcessRow]:
    """Return the collectors of a database, those killed lately among them."""
    with database.read() as connection:
        return processes(connection)


def trouble_words(name: str) -> str:
    """Return what a trouble means and what to do; a newer program's own name is shown as it is."""
    return _TROUBLES.get(name, name)


def collector_words(row: ProcessRow, now: datetime) -> str:
    """Return one collector in words."""
    who = f"{row.host}, process {row.pid}"
    if row.is_silent(now):
        return f"{who}: not heard of since {_moment(row.seen_at)}; it was killed, or cannot write to the database"
    troubles = f"; {', '.join(row.troubles)}" if row.troubles else ""
    return f"{who}: version {row.version}, running since {_moment(row.started_at)}{troubles}"


def _moment(instant: datetime) -> str:
    return format_instant(instant.replace(microsecond=0))
