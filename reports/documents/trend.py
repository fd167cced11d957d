"""The report ``trend`` as a document: what is usual, what changed and what stands out, in words, charts and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from collector.store.engine import Database
from reports.charts.rhythm import week_by_hour, weekdays
from reports.charts.usage import period_usage, trend_line
from reports.document import Block, Column, Document, Fact, Kind, Section, Table
from reports.documents.asked import NOTHING, heading, subtitle
from reports.documents.trend_tables import (
    change_table,
    comparison_table,
    day_table,
    idle_table,
    long_table,
    period_table,
    top_table,
    unusual_table,
)
from reports.flag_notes import asked_notes
from reports.question import Question
from reports.rendering import Row, Value
from reports.tables import number
from reports.trend.report import TrendReport, long_rows, trend
from reports.trend.words import (
    growth_words,
    hours_words,
    learned_words,
    missing,
    money,
    total_words,
    weekdays_words,
)

_FOOTER = (
    "Moving mean and median are trailing: those of a day are of the seven days up to and with it. Days that are not "
    "over are in neither; a day that a gap swallowed is in the mean, for the gap's total is known, but not in the "
    "median.",
    "A day is unusual where the day alone, whatever a gap hides, lies outside of what the days of its weekday around "
    "it use: their median, four robust standard deviations to each side.",
    "Moving figures, what is usual and changes of level are learned from the whole history up to the end of the range, "
    "and shown for the range; growth, weekdays and hours are of the range, reached back to twelve weeks where it is "
    "shorter. Comparisons use the whole history.",
    "Growth is the median of the slopes between any two days of one weekday (Theil–Sen), after the weekdays were "
    "scaled to one level, with its 95 % interval; one step of level counts as growth too. "
    "Stretches that are compared are equally long. Weeks are ISO weeks; weeks and months are cut at the ends of the "
    "range, and the sums of days, weeks and months are equal.",
)


def trend_document(database: Database, question: Question) -> Document:
    """Return the report ``trend`` of the asked local dates as a document; an empty one where nothing was recorded."""
    found = list(trend(database, question))
    return Document(
        name="trend",
        title="Usage trend",
        subtitle=subtitle(database, question, ranged=True),
        made_at=question.now,
        records=long_table([row for report in found for row in long_rows(report)]),
        facts=tuple(_facts(found[0])) if len(found) == 1 else (),
        sections=(
            *((_overview(found),) if len(found) > 1 else ()),
            *(section for place, report in enumerate(found, 1) for section in _sections(place, report)),
        ),
        paragraphs=tuple(asked_notes(database, question)) if found else (),
        footer=_FOOTER if found else (),
        empty="" if found else NOTHING,
        objects=[report.facts for report in found],
    )


def _unit(report: TrendReport) -> str:
    return str(report.facts["unit"])


def _facts(report: TrendReport) -> Iterator[Fact]:
    facts = report.facts
    used = sum(cast("int", row["usage"]) for row in report.rows("days"))
    yield Fact("Used", f"{number(used)} {_unit(report)}", f"{facts['start']} until {facts['end']}")
    cost = cast("Mapping[str, Value]", facts["cost"])
    if cost["total"] is not None:
        yield Fact("Cost", money(cost["total"], cost["currency"]), "as the prices of its days say")
    grown = cast("Row | None", facts["growth"])
    if grown is not None:
        verdict = {"steady": "No certain growth", "rising": "Rising", "falling": "Falling"}[str(grown["verdict"])]
        yield Fact("Growth", verdict, growth_words(report).partition(": ")[2])
    compared = next((row for row in report.rows("comparisons") if row["name"] == "last_28_days"), None)
    if compared is not None and isinstance(compared["change"], float):
        yield Fact("Last 28 days", f"{compared['change'] * 100:+.1f} %", "against the 28 days before")
    untold = missing(report, "unusual")
    yield Fact("Unusual days", "–" if untold else number(len(report.rows("unusual"))), untold)


def _overview(found: Sequence[TrendReport]) -> Section:
    columns = (
        Column("meter", "Meter"),
        Column("used", "Used"),
        Column("growth", "Growth"),
        Column("changes", "Changes of level", Kind.COUNT),
        Column("unusual", "Unusual days", Kind.COUNT),
    )
    rows: list[Row] = [
        {
            "meter": heading(cast("Row", one.facts)),
            "used": total_words(one),
            "growth": growth_words(one),
            **{part: None if missing(one, part) else len(one.rows(part)) for part in ("changes", "unusual")},
        }
        for one in found
    ]
    return Section("overview", "All meters", blocks=(Table("overview", "All meters", columns, rows),))


def _sections(place: int, report: TrendReport) -> Iterator[Section]:
    name = f"meter_{place}"
    yield Section(
        name,
        heading(cast("Row", report.facts)),
        paragraphs=(
            _sentence("Used", total_words(report)),
            _sentence("Growth", growth_words(report)),
            *(_sentence("History", words) for words in (learned_words(report),) if words),
        ),
        blocks=(_line(name, report), *_months(name, report)),
    )
    yield Section(
        f"{name}_compared",
        "Compared on equal numbers of days",
        level=3,
        paragraphs=() if report.rows("comparisons") else ("No day of the range was observed whole.",),
        blocks=(comparison_table(name, report),) if report.rows("comparisons") else (),
    )
    yield _rhythm(name, report)
    yield Section(
        f"{name}_found", "What stands out", level=3, paragraphs=tuple(_nothing(report)), blocks=_found(name, report)
    )
    yield Section(
        f"{name}_tables",
        "All figures",
        level=3,
        blocks=(period_table(name, report, "month"), period_table(name, report, "week"), day_table(name, report)),
    )


def _sentence(name: str, words: str) -> str:
    return f"{name}: {words}{'' if words.endswith('.') else '.'}"


def _line(name: str, report: TrendReport) -> Block:
    rows = [{**cast("Row", row), "mean": row["mean_7"], "median": row["median_7"]} for row in report.rows("days")]
    return trend_line(
        cast("Sequence[Row]", rows), name=f"{name}_trend", title="Usage by day and what is usual", unit=_unit(report)
    )


def _months(name: str, report: TrendReport) -> Iterator[Block]:
    """Yield the chart of months, or of weeks where there are fewer than three months."""
    grain = "month" if len(report.rows("months")) > 2 else "week"
    rows = [{**cast("Row", row), "period": str(row[grain])} for row in report.rows(f"{grain}s")]
    if len(rows) > 1:
        yield period_usage(rows, name=f"{name}_{grain}s", title=f"Usage by {grain}", unit=_unit(report))


def _rhythm(name: str, report: TrendReport) -> Section:
    rows = cast("Sequence[Row]", report.rows("weekdays"))
    hours = [{**row, "value": row["usage"]} for row in report.found.hours.week if row["usage"] is not None]
    blocks: list[Block] = []
    if rows:
        title = "A weekday's usage, mean and middle half"
        blocks.append(weekdays(rows, name=f"{name}_weekdays", title=title, unit=_unit(report)))
    if hours:
        title = f"Usage by hour of the week, from {report.facts['hours_source']}"
        blocks.append(week_by_hour(hours, name=f"{name}_hours", title=title, unit=_unit(report)))
    said = (_sentence("Weekdays", weekdays_words(report)), _sentence("Hours", hours_words(report)))
    return Section(f"{name}_rhythm", "Rhythm of the week", level=3, paragraphs=said, blocks=tuple(blocks))


def _nothing(report: TrendReport) -> Iterator[str]:
    """Yield a sentence for each kind of finding of which there is none, and why."""
    for part, name, none in (
        ("changes", "Changes of level", "none found"),
        ("unusual", "Unusual days", "none"),
        ("idle", "Idle stretches", "never three whole days in a row without usage"),
    ):
        if not report.rows(part):
            yield _sentence(name, missing(report, part) or none)


def _found(name: str, report: TrendReport) -> tuple[Block, ...]:
    wanted = (
        ("changes", change_table),
        ("unusual", unusual_table),
        ("idle", idle_table),
        ("top_days", top_table),
    )
    return tuple(made(name, report) for part, made in wanted if report.rows(part))
