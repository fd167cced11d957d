"""Finds the jumps that nobody has decided about: booked, and left out of burn rates and forecasts until somebody does.

    ──●────────●                 the poll at which the step ends was flagged ``spike``; whatever is decided about the
      since    │ growth          step settles it: growth, unit, reset, correction or glitch
               ●──── at

Nothing of it is stored but the flag, which is a fact of its poll; the step is looked up, so what is imported between
its two ends is seen at once. Rule for editors: nothing here may change what is booked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from collector.domain.edges import Bracket
from collector.domain.falls import RULE
from collector.domain.instants import instant_of
from collector.store.decisions import DecisionRow
from collector.store.flagged import Flagged, flagged_polls, names_for
from collector.store.reading import MeterRow, brackets, in_force, meters
from collector.store.reviews import SPIKE


@dataclass(frozen=True, slots=True)
class Spike:
    """A step ``(since, at]`` that nobody has decided about; instants in microseconds since 1970 UTC.

    Attributes:
        poll: The number of the poll that was flagged, within its account.
        before, after: The values at both ends, in the meter's smallest unit.
    """

    poll: int
    since: int
    at: int
    before: int
    after: int

    @property
    def growth(self) -> int:
        """What was booked."""
        return self.after - self.before


def open_spikes(connection: Connection, rows: Sequence[MeterRow], since: int | None = None) -> dict[int, list[Spike]]:
    """Return the undecided spikes by meter id, in order of time; meters without any are left out.

    Args:
        connection: A reading transaction.
        rows: The meters; a spike that began after the end of a row's history is not of it.
        since: Those that ended before are not looked for; None for all.
    """
    found = list(flagged_polls(connection, {row.account_id for row in rows}, since))
    asked = {row.id: [one for one in found if _concerns(one, row)] for row in rows}
    asked = {meter: polls for meter, polls in asked.items() if polls}
    if not asked:
        return {}
    ends = brackets(connection, {meter: [one.at for one in polls] for meter, polls in asked.items()})
    began = {meter: [_just_before(one) for one in each] for meter, each in ends.items()}
    starts = brackets(connection, began)
    decided = in_force(connection, list(asked))
    spikes = {
        meter: list(_undecided(polls, ends[meter], starts[meter], [one.at for one in decided.get(meter, ())]))
        for meter, polls in asked.items()
    }
    return {meter: each for meter, each in spikes.items() if each}


def _concerns(poll: Flagged, row: MeterRow) -> bool:
    return poll.account == row.account_id and poll.at <= row.last_at and SPIKE in names_for(row.name, poll.flags)


def _just_before(end: Bracket) -> int:
    return end.at - 1 if end.observed is None else end.observed - 1


def _undecided(
    polls: Sequence[Flagged], ends: Sequence[Bracket], starts: Sequence[Bracket], decided: Sequence[int]
) -> Iterator[Spike]:
    """Yield each step that a flagged poll ended, once; brackets are in the polls' order."""
    before: int | None = None
    for poll, end, start in zip(polls, ends, starts, strict=True):
        if end.observed is None or end.value is None or start.confirmed is None or start.value is None:
            continue
        seen = end.confirmed is not None and end.observed <= poll.at <= end.confirmed
        if not seen or end.observed == before or end.value <= start.value:
            continue
        if not any(start.confirmed < at <= end.observed for at in decided):
            before = end.observed
            yield Spike(poll.number, start.confirmed, end.observed, start.value, end.value)


def listed_spikes(
    connection: Connection, accounts: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> list[DecisionRow]:
    """Return the undecided spikes as ``collector.store.decisions.listed`` returns decisions; their key names a poll."""
    rows = meters(connection, accounts, names)
    spikes: Mapping[int, Sequence[Spike]] = open_spikes(connection, rows)
    return [_row(row, one) for row in rows for one in spikes.get(row.id, ())]


def _row(row: MeterRow, one: Spike) -> DecisionRow:
    return DecisionRow(
        key=f"{row.id}-p{one.poll}",
        meter_id=row.id,
        account=row.account,
        meter=row.name,
        at=instant_of(one.at),
        since=instant_of(one.since),
        kind=SPIKE,
        before=one.before,
        after=one.after,
        offset=0,
        decided_at=instant_of(one.at),
        decided_by=RULE,
        reason="a jump far above what is plausible: booked, but in no burn rate and no forecast until it is decided "
        "(growth, unit or glitch)",
        superseded_at=None,
        superseded_by=None,
    )
