"""The report ``daily`` as a document: what was used, day by day, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from collector.store.engine import Database
from reports.catalogue import daily
from reports.charts.usage import PLACED, daily_usage
from reports.daily import COLUMNS
from reports.document import Column, Document, Fact, Kind, Section, Table, Tone
from reports.documents.asked import NOTHING, by_meter, subtitle
from reports.documents.records import columns, records
from reports.flag_notes import with_day_flags
from reports.question import Question
from reports.rendering import Cell, Row
from reports.rows import rows_of
from reports.tables import notes_of, number, share

_Amount: TypeAlias = int | Decimal
_FOOTER = (
    "“At least” and “at most” bound what a day alone can have used: where nobody looked around midnight, usage may "
    "belong to either day.",
    "A day is part of the day where it is not over, was not observed to its end, or began before the history did.",
)


def daily_document(database: Database, question: Question) -> Document:
    """Return the report ``daily`` of the asked local dates as a document; an empty one where nothing was recorded."""
    rows = rows_of(daily(database, question), COLUMNS)
    meters = by_meter(with_day_flags(database, question, rows))
    alone = len(meters) == 1
    sections = tuple(_section(place, title, group, alone=alone) for place, (title, group) in enumerate(meters, 1))
    return Document(
        name="daily",
        title="Usage by day",
        subtitle=subtitle(database, question, ranged=True),
        made_at=question.now,
        records=records("daily", rows, "Usage by day"),
        facts=tuple(_facts(meters[0][1])) if alone else (),
        paragraphs=tuple(_sentences(group) for _, group in meters) if alone else (),
        sections=(*((_overview(meters),) if len(meters) > 1 else ()), *sections),
        footer=_FOOTER if rows else (),
        empty="" if rows else NOTHING,
    )


def amounts(rows: Sequence[Row], key: str) -> list[_Amount] | None:
    """Return the cells of ``key``, or None where one of them is not known."""
    found = [row[key] for row in rows]
    known = [one for one in found if isinstance(one, int | Decimal)]
    return known if len(known) == len(found) else None


def _total(rows: Sequence[Row], key: str) -> _Amount | None:
    found = amounts(rows, key)
    return None if found is None else sum(found)


def _observed(rows: Sequence[Row]) -> float:
    """Return the observed share of the days that are over; of all where none is."""
    rows = [row for row in rows if not row["partial"]] or rows
    return sum(found for row in rows if isinstance(found := row["coverage"], float)) / len(rows)


def _facts(rows: Sequence[Row]) -> Iterator[Fact]:
    unit = str(rows[0]["unit"])
    yield Fact("Used", f"{number(_total(rows, 'usage'))} {unit}", _span(rows))
    over = [row for row in rows if not row["partial"]]
    whole = [row for row in over if row["coverage"] == 1]
    if over and (total := _total(whole or over, "usage")) is not None:
        note = (
            f"of {_days(len(whole))} seen whole" if whole else f"of {_days(len(over))} that are over, none seen whole"
        )
        yield Fact("On an average day", f"{number(_mean(total, len(whole or over)))} {unit}", note)
    if len(rows) > 1 and (top := _busiest(rows)) is not None:
        yield Fact("Busiest day", f"{number(top['usage'])} {unit}", str(top["day"]))
    observed = _observed(rows)
    yield Fact(
        "Observed",
        share(observed),
        "of the days that are over",
        Tone.PLAIN if observed >= 0.9 else Tone.WARNING,
    )


def _mean(total: _Amount, count: int) -> Cell:
    mean = float(total) / count
    return round(mean, 1) if abs(mean) < 1000 else round(mean)


def _busiest(rows: Sequence[Row]) -> Row | None:
    used = amounts(rows, "usage")
    return rows[used.index(max(used))] if used else None


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _span(rows: Sequence[Row]) -> str:
    first, last = rows[0]["day"], rows[-1]["day"]
    return f"on {first}" if first == last else f"{first} to {last}, {_days(len(rows))}"


def _sentences(rows: Sequence[Row]) -> str:
    """Return what must be known to judge the figures of one meter."""
    said = []
    unsure = [row for row in rows if row["lower"] != row["upper"]]
    if unsure:
        said.append(f"{_of(len(unsure), len(rows))} not known to the unit; the table has what each can have been.")
    unseen = [row for row in rows if not row["coverage"] and not row["snapshots"] and not row["partial"]]
    if unseen:
        said.append(f"{_of(len(unseen), len(rows))} not observed at all: {PLACED}.")
    for key, what in (("resets", "reset"), ("corrections", "correction"), ("held", "undecided fall")):
        count = _count(rows, key)
        if count:
            said.append(f"The counter had {count:,} {what}{'' if count == 1 else 's'}; the table has the days.")
    if rows[-1]["partial"]:
        said.append(f"{rows[-1]['day']} is not over yet, or was not observed to its end.")
    return " ".join(said) or f"All {_days(len(rows))} are known to the unit."


def _count(rows: Sequence[Row], key: str) -> int:
    return sum(found for row in rows if isinstance(found := row[key], int))


def _of(count: int, whole: int) -> str:
    return f"{count:,} of {_days(whole)} {'is' if count == 1 else 'are'}"


_OVERVIEW = (
    *columns("account", "meter", "unit", "usage"),
    Column("days", "Days", Kind.COUNT),
    Column("busiest", "Busiest day", Kind.DAY),
    Column("coverage", "Observed", Kind.SHARE),
)


def _overview(meters: Sequence[tuple[str, Sequence[Row]]]) -> Section:
    rows: list[Row] = [
        {
            **{key: group[0][key] for key in ("account", "meter", "unit")},
            "usage": _total(group, "usage"),
            "days": len(group),
            "busiest": None if (top := _busiest(group)) is None else top["day"],
            "coverage": _observed(group),
        }
        for _, group in meters
    ]
    return Section("overview", "All meters", blocks=(Table("overview", "In the whole range", _OVERVIEW, rows),))


def _section(place: int, title: str, rows: Sequence[Row], *, alone: bool) -> Section:
    """Return the part about one meter; where it is ``alone`` the document has said the sentences already."""
    name = f"meter_{place}"
    unit = str(rows[0]["unit"])
    shown = [{**row, "notes": ", ".join(notes_of(row))} for row in rows]
    wanted = (*columns("day", "usage", "lower", "upper", "coverage"), Column("notes", "Notes"))
    return Section(
        name,
        title,
        paragraphs=() if alone else (_sentences(rows),),
        blocks=(
            daily_usage(rows, name=name, title="Used each day", unit=unit),
            Table(f"{name}_days", f"{title}, by day", wanted, shown),
        ),
    )
