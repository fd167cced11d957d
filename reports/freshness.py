"""Tells whose figures are stale: the last poll of the account failed, so they stand where the last good one left them.

Every report for people says it in the same words as ``status``. What the provider said is not repeated here: a report
goes further than a log.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from collector.domain.instants import format_instant, instant_of
from collector.store.polls import PollingState, polling_states
from collector.store.reading import meters

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Document
    from reports.question import Question

_NO_FAULT = frozenset({None, "ok", "interrupted"})


def stale_notes(database: Database, question: Question) -> tuple[str, ...]:
    """Return a sentence for each asked account whose figures are stale, by name.

    An account that is no longer configured, or was heard after the instant the question is about, has none.
    """
    with database.read() as connection:
        failing = [one for one in polling_states(connection, question.accounts) if one.outcome not in _NO_FAULT]
        rows = meters(connection, [one.account for one in failing]) if failing else ()
    heard: dict[str, datetime] = {}
    for row in rows:
        at = instant_of(row.last_at)
        heard[row.account] = max(at, heard.get(row.account, at))
    return tuple(
        _note(one, heard.get(one.account))
        for one in failing
        if (not question.agreements or one.account in question.agreements)
        and heard.get(one.account, question.stood_at) <= question.stood_at
    )


def _note(state: PollingState, heard_at: datetime | None) -> str:
    since = "no value yet" if heard_at is None else f"stale since {format_instant(heard_at.replace(microsecond=0))}"
    return f"{state.account}: {since}; the last poll failed ({state.outcome})"


def with_stale_notes(document: Document, database: Database, question: Question) -> Document:
    """Return a document that begins with what is stale."""
    notes = stale_notes(database, question)
    return replace(document, paragraphs=(*notes, *document.paragraphs)) if notes else document
