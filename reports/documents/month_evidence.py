"""How well a meter's month is known: when nobody looked, what those hours hold, and what the counter did.

    period   [ ──────●     gap      ●───────────── seen ●┈┈ not yet observed ┈┈ )
             └ begins  └ read before and after: what it holds is known exactly

A gap inside the period is bracketed by two readings, so its usage is exact and only its course is not; one that reaches
over an end of the period holds at least and at most so much of it.

Public: ``Silence``, ``SilenceKind``, ``Fall``, ``Evidence``, ``evidence_of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pandas as pd

from collector.domain.instants import instant_of, micros_of
from collector.store.completeness import Overrun, overruns
from collector.store.decisions import listed
from collector.store.engine import Database
from collector.store.reading import MeterRow, gaps_of
from collector.store.spikes import listed_spikes
from reports.flag_notes import flags_between
from reports.rendering import Cell
from reports.rows import rows_of, scaled
from reports.statement_views import StatementView
from reports.windows import Window, observed_share, usage_windows

_SO_FAR = "so far"
_TOLD = frozenset({"reset", "unit", "correction", "held", "spike"})


class SilenceKind(StrEnum):
    """Why nothing was observed."""

    GAP = "gap"
    BEFORE = "before the first observation"
    AHEAD = "not yet observed"


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of the period ``[start, end)`` that nobody observed; quantities in units.

    Attributes:
        share: Of the whole period, 0..1.
        upper: None where a reset or a held fall left it open, or where nothing is known of it.
    """

    kind: SilenceKind
    start: datetime
    end: datetime
    share: float
    usage: Cell
    lower: Cell
    upper: Cell


@dataclass(frozen=True, slots=True)
class Fall:
    """A decision about a fall of the counter within the period; values in units.

    Attributes:
        since: When the counter was last seen before the fall.
        kind: ``reset``, ``unit``, ``correction``, ``held`` or, of a jump that nobody decided about, ``spike``.
    """

    kind: str
    since: datetime
    at: datetime
    before: Cell
    after: Cell
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a meter's month beside its figures.

    Attributes:
        seen_until: The last observation, or the period's end where that is earlier.
        observed: The observed share of the period up to ``seen_until``, 0..1.
        silences: In order of time.
        flags: What polls of the period were flagged with, in words.
        overruns: Polls of the account at which requests were missed or credits stayed unexplained.
    """

    seen_until: datetime
    observed: float
    silences: tuple[Silence, ...]
    falls: tuple[Fall, ...]
    overruns: tuple[Overrun, ...]
    flags: str = ""


def evidence_of(database: Database, row: MeterRow, view: StatementView) -> Evidence:
    """Return how well the month of ``view`` is known of its meter, as now known."""
    start, end = micros_of(view.start), micros_of(view.end)
    until = max(start, min(end, row.last_at))
    with database.read() as connection:
        gaps = gaps_of(connection, [row.id]).get(row.id, [])
        decided = listed(connection, [row.account], [row.name])
        decided += listed_spikes(connection, [row.account], [row.name])
        missed = tuple(overruns(connection, [row.account], view.start, view.end))
    spans = [(SilenceKind.GAP, max(start, one.start), min(until, one.end)) for one in gaps]
    silent = [one for one in spans if one[1] < one[2]]
    falls = tuple(
        Fall(one.kind, one.since, one.at, scaled(one.before, row.scale), scaled(one.after, row.scale), one.decided_by,
             one.reason)
        for one in decided
        if one.kind in _TOLD and view.start <= one.at < view.end
    )  # fmt: skip
    windows = [Window(str(index), first, last) for index, (_, first, last) in enumerate(silent)]
    frame = usage_windows(database, [(row, [*windows, Window(_SO_FAR, min(start, until), until)])])
    told = [*_unknown(row, start, end), *_held_by(frame, end - start)]
    silences = tuple(sorted(told, key=lambda one: one.start))
    flags = flags_between(database, row, start, end)
    return Evidence(instant_of(until), _observed(frame), silences, falls, missed, flags)


def _observed(frame: pd.DataFrame) -> float:
    shares = observed_share(frame["observed_us"], frame["length_us"])
    return float(shares.iloc[-1])


def _held_by(frame: pd.DataFrame, length: int) -> Iterator[Silence]:
    rows = rows_of(frame, ("window", "start", "end", "usage", "lower", "upper"))
    for one in rows:
        if one["window"] == _SO_FAR:
            continue
        first, last = one["start"], one["end"]
        assert isinstance(first, datetime)  # noqa: S101 - the frame's columns are instants
        assert isinstance(last, datetime)  # noqa: S101 - as above
        part = (micros_of(last) - micros_of(first)) / length
        yield Silence(SilenceKind.GAP, first, last, part, one["usage"], one["lower"], one["upper"])


def _unknown(row: MeterRow, start: int, end: int) -> Iterator[Silence]:
    """Yield what of the period lies before the first observation and after the last one: nothing is known of it."""
    spans: Sequence[tuple[SilenceKind, int, int]] = (
        (SilenceKind.BEFORE, start, min(end, row.first_at)),
        (SilenceKind.AHEAD, max(start, row.last_at), end),
    )
    for kind, first, last in spans:
        if first < last:
            share = (last - first) / (end - start)
            yield Silence(kind, instant_of(first), instant_of(last), share, None, None, None)
