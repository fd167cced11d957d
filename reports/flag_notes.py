"""Says which polls were flagged for a review, where the figures are that they brought: by day, or in a sentence.

A flag of one meter (``spike:credits``) is told of that meter alone, every other one of all meters of its account. JSON
and CSV do not change: their columns are a contract, and ``collector status --json`` has the flags.

Public: ``with_day_flags``, ``flag_sentences``, ``flags_between``, ``rate_notes``, ``asked_notes``,
``period_notes``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import DAY, instant_of, micros_of
from collector.store.engine import Database
from collector.store.flagged import flagged_polls, names_for
from collector.store.reading import MeterRow
from reports.month import MonthRow
from reports.question import Question
from reports.rendering import Row
from reports.spikes import spike_notes
from reports.windows import local_days, meters_asked

FLAGS = "flags"
_Counts = Counter[str]


def with_day_flags(database: Database, question: Question, rows: Iterable[Row]) -> list[Row]:
    """Return rows of the report ``daily`` with ``flags``: what polls of the day were flagged with, in words."""
    found: dict[tuple[str, str, str], _Counts] = {}
    meters = meters_asked(database, question)
    zones = {row.account_id: question.agreement_of(row.account, row.timezone).zone for row in meters}
    since, until = _span(question, set(zones.values()))
    with database.read() as connection:
        for poll in flagged_polls(connection, zones, since, until) if zones else ():
            day = day_of(instant_of(poll.at), zones[poll.account]).isoformat()
            for row in meters:
                if row.account_id == poll.account:
                    found.setdefault((row.account, row.name, day), Counter()).update(names_for(row.name, poll.flags))
    return [{**row, FLAGS: words_of(found.get(_key(row), Counter()))} for row in rows]


def _span(question: Question, zones: Iterable[ZoneInfo]) -> tuple[int | None, int | None]:
    """Return instants that no asked day of any of the zones begins before or ends after; None is open."""
    asked = [(question.dates(zone), zone) for zone in zones]
    starts = [micros_of(start_of_day(start, zone)) for (start, _), zone in asked if start is not None]
    ends = [micros_of(start_of_day(end, zone)) for (_, end), zone in asked if end is not None]
    return min(starts, default=None), max(ends, default=None)


def _key(row: Row) -> tuple[str, str, str]:
    return str(row["account"]), str(row["meter"]), str(row["day"])


def words_of(counts: _Counts) -> str:
    """Return flags with how many polls have each, such as ``clock_skew (2), spike (1)``; empty for none."""
    return ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))


def flags_between(database: Database, row: MeterRow, since: int, until: int | None = None) -> str:
    """Return what polls were flagged with that a meter's figures in ``[since, until)`` come from, in words."""
    with database.read() as connection:
        counts = Counter(
            name
            for poll in flagged_polls(connection, [row.account_id], since, until)
            for name in names_for(row.name, poll.flags)
        )
    return words_of(counts)


def flag_sentences(database: Database, rows: Sequence[MeterRow], days: int) -> Iterator[str]:
    """Yield for each meter whose polls of the last ``days`` times 24 hours were flagged what they were flagged with."""
    for row in rows:
        found = flags_between(database, row, row.last_at - days * DAY, row.until)
        if found:
            yield f"{row.account}/{row.name}: polls of the last {days} days deserve a review: {found}"


def asked_notes(database: Database, question: Question) -> Iterator[str]:
    """Yield for each meter what must be known to judge what was learned from the asked days, as ``rate_notes`` does."""
    for row in meters_asked(database, question):
        zone = question.agreement_of(row.account, row.timezone).zone
        days = local_days(row, zone, *question.dates(zone))
        if days:
            spikes = spike_notes(database, [row], days[0].start).get(row.id, ())
            yield from (f"{row.account}/{row.name}: {words}" for words in spikes)
            found = flags_between(database, row, days[0].start, days[-1].end)
            if found:
                yield f"{row.account}/{row.name}: polls of these days deserve a review: {found}"


def period_notes(database: Database, question: Question, found: Iterable[MonthRow]) -> Iterator[str]:
    """Yield for each statement with what polls of its period were flagged."""
    rows = {(row.account, row.name): row for row in meters_asked(database, question)}
    for one in (each.shown for each in found):
        row = rows.get((one.account, one.meter))
        flags = "" if row is None else flags_between(database, row, micros_of(one.start), micros_of(one.end))
        if flags:
            yield f"{one.account}/{one.meter}: polls of the period deserve a review: {flags}"


def rate_notes(database: Database, question: Question, days: int) -> list[str]:
    """Return what must be known to judge burn rates: what they leave out, and which polls were flagged."""
    rows = meters_asked(database, question)
    left_out = spike_notes(database, rows, min((row.last_at for row in rows), default=0) - days * DAY) if rows else {}
    spikes = [
        f"{row.account}/{row.name}: {words}; `collector resets list` names it, `collector resets decide` settles it"
        for row in rows
        for words in left_out.get(row.id, ())
    ]
    return [*spikes, *flag_sentences(database, rows, days)]
