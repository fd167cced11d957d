"""The report ``requests --gaps`` as a document: where requests were missed, or credits stayed unexplained."""

from __future__ import annotations

from collector.store.engine import Database
from reports.document import Document, Fact, Section, Tone
from reports.documents.asked import NOTHING, subtitle
from reports.documents.records import records
from reports.question import Question
from reports.request_gaps import gap_rows
from reports.tables import number
from reports.windows import meters_asked

_NONE = "No poll of this range missed a request or left credits unexplained."


def gaps_document(database: Database, question: Question) -> Document:
    """Return the report ``requests --gaps`` as a document; one that says so where every list was complete."""
    rows = list(gap_rows(database, question))
    table = records("gaps", rows, "Polls at which something was missed")
    return Document(
        name="gaps",
        title="Requests that no list showed",
        subtitle=subtitle(database, question, ranged=True),
        made_at=question.now,
        records=table,
        facts=_facts([row["missed_requests"] for row in rows], [row["unexplained"] for row in rows]) if rows else (),
        paragraphs=(
            "A provider lists only its newest requests. Where more were made between two polls than the list holds, "
            "the older ones were never shown; what they cost is in the counter all the same.",
        )
        if rows
        else (),
        sections=(Section("polls", "Poll by poll", blocks=(table,)),) if rows else (),
        empty="" if rows else _NONE if meters_asked(database, question) else NOTHING,
    )


def _facts(missed: list[object], unexplained: list[object]) -> tuple[Fact, ...]:
    known = [one for one in missed if isinstance(one, int)]
    credits_ = [one for one in unexplained if isinstance(one, int)]
    note = "" if len(known) == len(missed) else "and more at polls where their number is not known"
    return (
        Fact("Polls", number(len(missed))),
        Fact("Requests missed", number(sum(known)), note, Tone.WARNING if sum(known) else Tone.PLAIN),
        Fact("Credits that no request explains", number(sum(credits_))),
    )
