"""Finds out which single fact of a poll was changed: the one whose old value makes the digest fit again.

A digest says only that something of a poll is not what it was. But a flipped bit has few possible origins, and a
counter's value lies between its neighbours: each candidate is tried, and SHA-256 makes the one that fits a proof, not
a guess. Rule for editors: the number of candidates is bounded; whatever was changed more widely stays unnamed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from itertools import chain, islice

from collector.domain.digest import ListFacts, PollFacts, chained

_MOST = 40_000
_LONGEST_TEXT = 400
_BITS = 63
_POLL_COLUMNS = ("outcome", "http_status", "started_at", "finished_at", "format", "kind", "error", "rejections")
_CHANGE_COLUMNS = ("status", "kind", "request_id", "credits_used", "created_at", "completed_at", "last_seen_at")
_WORDS = (
    *("ok", "poll", "import", "new", "update", "regression", "conflict"),
    *("processing", "completed", "failed", "queued", "unresolved"),
)


class Origin(StrEnum):
    """What kind of row a fact of a poll is kept in."""

    POLL = "poll"
    VALUE = "value"
    CHANGE = "change"
    LEFT = "left"
    ACCOUNT = "account"
    METER = "meter"


@dataclass(frozen=True, slots=True)
class Alteration:
    """One fact that was changed.

    Attributes:
        name: The poll's column, the meter's name as it is now, or the request's id as it is now.
        column: Of a change of a request record, its column.
        now, was: The fact as stored, and as it was.
        facts: The poll as it was.
    """

    origin: Origin
    name: str
    column: str
    now: object
    was: object
    facts: PollFacts


@dataclass(frozen=True, slots=True)
class Hints:
    """What a fact may have been beside its own flipped bits.

    Attributes:
        values: By meter, values it may have had; also for meters the poll does not seem to have seen.
        left: Requests that may have left the list with this poll.
        accounts: Names the account may have had.
    """

    values: Mapping[str, Iterable[int]] = field(default_factory=dict)
    left: Iterable[str] = ()
    accounts: Iterable[str] = ()


def alteration(previous: bytes, digest: bytes, facts: PollFacts, hints: Hints) -> Alteration | None:
    """Return the one changed fact with which ``facts`` follow from ``previous`` as ``digest``, or None."""
    candidates = islice(_candidates(facts, hints), _MOST)
    return next((one for one in candidates if chained(previous, one.facts) == digest), None)


def _candidates(facts: PollFacts, hints: Hints) -> Iterator[Alteration]:
    return chain(_values(facts, hints), _own(facts), _left(facts, hints), _names(facts, hints), _changes(facts))


def _values(facts: PollFacts, hints: Hints) -> Iterator[Alteration]:
    for meter, now in facts.values.items():
        for was in chain(_flipped(now), hints.values.get(meter, ())):
            yield Alteration(
                Origin.VALUE, meter, "value", now, was, replace(facts, values={**facts.values, meter: was})
            )
        without = {name: value for name, value in facts.values.items() if name != meter}
        yield Alteration(Origin.VALUE, meter, "value", now, None, replace(facts, values=without))
    for meter, values in hints.values.items():
        if meter not in facts.values:
            for was in values:
                entered = replace(facts, values={**facts.values, meter: was})
                yield Alteration(Origin.VALUE, meter, "value", None, was, entered)


def _own(facts: PollFacts) -> Iterator[Alteration]:
    for column in _POLL_COLUMNS:
        now = getattr(facts, column)
        for was in _others(now):
            changed = replace(facts, **{column: was})  # type: ignore[arg-type]  # any fact, by name
            yield Alteration(Origin.POLL, column, column, now, was, changed)
    for index, flag in enumerate(facts.flags):
        for was in _others(flag):
            flags = (*facts.flags[:index], str(was), *facts.flags[index + 1 :])
            yield Alteration(Origin.POLL, "flags", "flags", facts.flags, flags, replace(facts, flags=flags))
    for one in fields(ListFacts):
        now = getattr(facts.listing, one.name)
        if one.name != "left":
            for was in chain(_others(now), _small(now)):
                listing = replace(facts.listing, **{one.name: was})  # type: ignore[arg-type]  # any count
                yield Alteration(Origin.POLL, one.name, one.name, now, was, replace(facts, listing=listing))


def _left(facts: PollFacts, hints: Hints) -> Iterator[Alteration]:
    now = facts.listing.left
    for request in now:
        without = tuple(one for one in now if one != request)
        yield Alteration(Origin.LEFT, request, "last_seen_at", now, without, _with_left(facts, without))
    for request in hints.left:
        entered = tuple(sorted({*now, request}))
        yield Alteration(Origin.LEFT, request, "last_seen_at", now, entered, _with_left(facts, entered))


def _with_left(facts: PollFacts, left: tuple[str, ...]) -> PollFacts:
    return replace(facts, listing=replace(facts.listing, left=left))


def _names(facts: PollFacts, hints: Hints) -> Iterator[Alteration]:
    for was in chain(hints.accounts, _others(facts.account)):
        yield Alteration(Origin.ACCOUNT, facts.account, "name", facts.account, was, replace(facts, account=str(was)))
    for meter, value in facts.values.items():
        rest = {name: one for name, one in facts.values.items() if name != meter}
        for was in _others(meter):
            renamed = replace(facts, values={**rest, str(was): value})
            yield Alteration(Origin.METER, meter, "name", meter, was, renamed)


def _changes(facts: PollFacts) -> Iterator[Alteration]:
    for index, change in enumerate(facts.changes):
        before, after = facts.changes[:index], facts.changes[index + 1 :]
        for column in _CHANGE_COLUMNS:
            now = getattr(change, column)
            for was in _others(now):
                other = replace(change, **{column: was})  # type: ignore[arg-type]  # any fact, by name
                changes = tuple(sorted((*before, other, *after), key=lambda each: each.request_id))
                changed = replace(facts, changes=changes)
                yield Alteration(Origin.CHANGE, change.request_id, column, now, was, changed)
        without = replace(facts, changes=(*before, *after))
        yield Alteration(Origin.CHANGE, change.request_id, "", change.request_id, None, without)


def _others(now: object) -> Iterator[object]:
    """Yield what ``now`` may have been."""
    match now:
        case int():
            return chain(_flipped(now), [None])
        case str():
            return chain(_flipped_text(now), (word for word in _WORDS if word != now))
        case _:
            return iter(())


def _flipped(now: int) -> Iterator[int]:
    for bit in range(_BITS):
        yield now ^ (1 << bit)


def _small(now: object) -> Iterator[int]:
    """Yield what a count may have been that is not known any more."""
    if now is None:
        yield from range(100)


def _flipped_text(now: str) -> Iterator[str]:
    stored = now.encode("utf-8", "surrogateescape")
    for index, byte in enumerate(stored[:_LONGEST_TEXT]):
        for bit in range(8):
            was = stored[:index] + bytes([byte ^ (1 << bit)]) + stored[index + 1 :]
            try:
                yield was.decode("utf-8")
            except UnicodeDecodeError:
                continue
