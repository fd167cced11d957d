"""The report ``requests`` as a document: how many, how they ended, what they cost and took, when; and the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from collector.store.engine import Database
from reports.charts.requests import by_status, durations
from reports.charts.rhythm import week_by_hour
from reports.document import Column, Document, Fact, Kind, Section, Table, Tone
from reports.documents.asked import NOTHING, subtitle
from reports.documents.records import records
from reports.question import Question
from reports.rendering import Row
from reports.request_pages import hour_words, length
from reports.request_summary import FLAT_COLUMNS, RequestSummary, flat_row, request_summaries
from reports.requests import request_rows
from reports.tables import number, share

_FOOTER = (
    "A percentile is the smallest value that at least so many of the values do not exceed, so it always is one that "
    "occurred. Credits are those of completed requests; durations are from creation to completion.",
    "The failure rate is of finished requests. Unresolved are requests that left the provider's list before their end: "
    "nobody was told how they ended.",
)
_FLAT_KINDS = {
    "account": Kind.TEXT,
    "timezone": Kind.TEXT,
    "start": Kind.INSTANT,
    "end": Kind.INSTANT,
    "failure_rate": Kind.SHARE,
    **dict.fromkeys(("credits", "credits_p50", "credits_p90", "credits_p99", "credits_max"), Kind.QUANTITY),
    **dict.fromkeys(("seconds_p50", "seconds_p90", "seconds_p99", "seconds_max"), Kind.SECONDS),
}
_WARNING, _BAD = 0.05, 0.2
_SHOWN = (
    Column("request_id", "Request"),
    Column("status", "Status"),
    Column("created_at", "Created", Kind.INSTANT),
    Column("seconds", "For", Kind.SECONDS),
    Column("credits_used", "Credits", Kind.QUANTITY),
)


def requests_document(database: Database, question: Question, *, listed: bool = True) -> Document:
    """Return the report ``requests`` of the asked local dates as a document; an empty one where none was listed.

    Args:
        database: Where the ledger is.
        question: What is asked.
        listed: True for all requests as its records and at its end, read as they are written; False for the summary
            alone, with a row for each account as its records.
    """
    found = [one for one in request_summaries(database, question) if one.facts["requests"]]
    sections = [_section(place, one) for place, one in enumerate(found, 1)]
    whole = _all_requests(database, question) if listed else _flat(found)
    if found and listed:
        sections.append(Section("all_requests", "All requests", blocks=(whole,)))
    return Document(
        name="requests",
        title="Requests",
        subtitle=subtitle(database, question, ranged=True),
        made_at=question.now,
        records=whole,
        facts=tuple(_facts(found[0])) if len(found) == 1 else (),
        sections=(*((_overview(found),) if len(found) > 1 else ()), *sections),
        footer=_FOOTER if found else (),
        empty="" if found else NOTHING,
    )


def _all_requests(database: Database, question: Question) -> Table:
    return records("requests", _Listed(database, question), "All requests, oldest first", "Instants are UTC.")


def _flat(found: Sequence[RequestSummary]) -> Table:
    columns = tuple(
        Column(key, key.replace("_", " ").capitalize(), _FLAT_KINDS.get(key, Kind.COUNT)) for key in FLAT_COLUMNS
    )
    return Table("summary", "Summary of requests", columns, [flat_row(one) for one in found])


class _Listed:
    """The request rows, read anew each time they are asked for."""

    def __init__(self, database: Database, question: Question) -> None:
        self._database, self._question = database, question

    def __iter__(self) -> Iterator[Row]:
        """Read the rows one after another."""
        return request_rows(self._database, self._question)


def _facts(summary: RequestSummary) -> Iterator[Fact]:
    facts = summary.facts
    statuses = cast("Mapping[str, int]", facts["statuses"])
    yield Fact("Requests", number(cast("int", facts["requests"])), _ended(statuses))
    rate = cast("float | None", facts["failure_rate"])
    if rate is not None:
        tone = Tone.PLAIN if rate < _WARNING else Tone.WARNING if rate < _BAD else Tone.BAD
        yield Fact("Failed", share(rate), f"of {number(cast('int', facts['finished']))} finished requests", tone)
    used, took = summary.row("credits"), summary.row("durations")
    if used["requests"]:
        yield Fact("Credits", number(used["total"]), f"half of the requests used at most {number(used['p50'])}")
    if took["requests"]:
        most = length(took["p90_seconds"])
        yield Fact("Half took at most", length(took["p50_seconds"]), f"h:mm:ss; nine of ten at most {most}")


def _ended(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in statuses.items())


def _sentences(summary: RequestSummary) -> Iterator[str]:
    facts = summary.facts
    statuses = cast("Mapping[str, int]", facts["statuses"])
    yield f"{number(cast('int', facts['requests']))} requests were made: {_ended(statuses)}."
    used, took, busiest = summary.row("credits"), summary.row("durations"), summary.rows("busiest_hours")
    if used["requests"]:
        yield (
            f"A completed request used {number(used['p50'])} credits in the median; nine of ten used at most "
            f"{number(used['p90'])}, ninety-nine of a hundred at most {number(used['p99'])}."
        )
    if took["requests"]:
        yield (
            f"From creation to completion half took at most {length(took['p50_seconds'])} (h:mm:ss), nine of ten at "
            f"most {length(took['p90_seconds'])}, ninety-nine of a hundred at most {length(took['p99_seconds'])}; the "
            f"longest took {length(took['max_seconds'])}."
        )
    if busiest:
        words = hour_words(busiest[0]["hour"]).replace("–", " and ")
        yield f"Most were made between {words}, {facts['timezone']}."


def _section(place: int, summary: RequestSummary) -> Section:
    name = f"account_{place}"
    statuses = cast("Mapping[str, int]", summary.facts["statuses"])
    by_hour = [{**row, "value": row["requests"]} for row in summary.week]
    titles = (
        ("longest", "Took longest"),
        ("running", "Running, oldest first"),
        ("unresolved", "Unresolved, newest first"),
    )
    return Section(
        name,
        str(summary.facts["account"]),
        paragraphs=tuple(_sentences(summary)),
        blocks=(
            by_status(
                [{"status": status, "requests": count} for status, count in statuses.items()],
                name=f"{name}_status",
                title="Requests by status",
            ),
            *((durations(summary.bins, name=f"{name}_took", title="How long requests took"),) if summary.bins else ()),
            *((week_by_hour(by_hour, name=f"{name}_week", title="When requests are made", unit="requests"),)
              if summary.rows("busiest_hours") else ()),
            *(_shown(f"{name}_{part}", title, summary.rows(part)) for part, title in titles if summary.rows(part)),
        ),
    )  # fmt: skip


def _shown(name: str, title: str, rows: Sequence[Row]) -> Table:
    return Table(name, title, _SHOWN, rows)


def _overview(found: Sequence[RequestSummary]) -> Section:
    columns = (
        Column("account", "Account"),
        Column("requests", "Requests", Kind.COUNT),
        Column("failure_rate", "Failed", Kind.SHARE),
        Column("credits", "Credits", Kind.QUANTITY),
        Column("p50_seconds", "Half took at most", Kind.SECONDS),
        Column("p90_seconds", "Nine of ten at most", Kind.SECONDS),
    )
    rows = [
        {
            **{key: cast("int", one.facts[key]) for key in ("account", "requests", "failure_rate")},
            "credits": one.row("credits")["total"],
            **{key: one.row("durations")[key] for key in ("p50_seconds", "p90_seconds")},
        }
        for one in found
    ]
    return Section("overview", "All accounts", blocks=(Table("overview", "All accounts", columns, rows),))
