"""Replays the changes of one request record and says in what the stored record differs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.domain.digest import ChangeFact
from collector.domain.instants import instant_of, micros_of
from collector.domain.requests import ChangeKind, RequestRecord, merged
from collector.store.verifying.findings import instant_words, plain


class Brought(NamedTuple):
    """A change, the poll that brought it, and when that was."""

    fact: ChangeFact
    poll: int
    at: int | None
    imported: bool


class Stored(NamedTuple):
    """A request record as stored; ``by_poll`` where a good poll is of the instant ``last_seen_at``."""

    request_id: str
    status: str
    created_at: int | None
    completed_at: int | None
    credits_used: int | None
    first_seen_at: int
    last_seen_at: int | None
    by_poll: bool


@dataclass(slots=True)
class _State:
    record: RequestRecord
    first_seen: int | None
    last_seen: int | None
    listed_at: int | None
    """When a poll last said something of it; None where no poll ever listed it."""


def faults(stored: Stored, changes: Sequence[Brought], broken: Collection[int]) -> Iterator[tuple[int | None, str]]:
    """Yield what is wrong with a record, or with the change of a poll.

    Args:
        stored: The record.
        changes: Its changes in order of their polls.
        broken: Polls of imports whose digests do not fit their rows.
    """
    if not changes:
        yield None, "no change brought it"
        return
    state = None
    for one in changes:
        if state is None:
            state = _first(one)
            fault = None if one.fact.kind == ChangeKind.NEW else "it is the first of its request"
        else:
            fault = _advance(state, one)
        if fault is None and not one.imported and one.fact.first_seen_at is not None:
            fault = "first_seen_at is filled, as only an import's is"
        if fault is not None:
            yield one.poll, f"kind is {plain(one.fact.kind)}, but {fault}"
    assert state is not None  # noqa: S101 - there is a change
    for fault in _differences(stored, state):
        yield None, fault
        if changes[-1].poll in broken:
            yield changes[-1].poll, f"the digest of its import does not fit, and of the record {fault}"


def _first(one: Brought) -> _State:
    fact = one.fact
    if one.imported:
        return _State(_record(fact), fact.first_seen_at, fact.last_seen_at, None)
    return _State(_record(fact), one.at, None, one.at)


def _record(fact: ChangeFact) -> RequestRecord:
    made, ended = (None if one is None else instant_of(one) for one in (fact.created_at, fact.completed_at))
    return RequestRecord(fact.request_id, fact.status, made, ended, fact.credits_used)


def _advance(state: _State, one: Brought) -> str | None:
    """Apply a later change; return what contradicts it, or None."""
    if one.fact.kind == ChangeKind.NEW:
        return "the request was known"
    return _advance_imported(state, one) if one.imported else _advance_listed(state, one)


def _advance_listed(state: _State, one: Brought) -> str | None:
    known = state.record
    state.record, kind = merged(known, _record(one.fact))
    state.listed_at = one.at
    if one.fact.kind == kind or (kind is None and one.fact.kind == ChangeKind.UPDATE and one.fact.last_seen_at):
        return None
    return f"replayed it is {'no change' if kind is None else kind.value}"


def _advance_imported(state: _State, one: Brought) -> str | None:
    known, seen = state.record, _record(one.fact)
    state.record = seen
    if state.listed_at is None:
        state.first_seen, state.last_seen = one.fact.first_seen_at, one.fact.last_seen_at
    if one.fact.kind != ChangeKind.UPDATE:
        return "imports only add and fill in"
    if known.final and (seen.status != known.status or merged(known, seen)[1] is ChangeKind.CONFLICT):
        return f"the request had already {known.status}"
    return None


def _differences(stored: Stored, state: _State) -> Iterator[str]:
    record = state.record
    made, ended = (None if one is None else micros_of(one) for one in (record.created_at, record.completed_at))
    replayed = {
        "status": record.status,
        "created_at": made,
        "completed_at": ended,
        "credits_used": record.credits_used,
        "first_seen_at": state.first_seen,
    }
    for column, wanted in replayed.items():
        found = getattr(stored, column)
        if found != wanted:
            yield f"{column} is {_shown(column, found)}, its changes give {_shown(column, wanted)}"
    fault = _last_seen_fault(stored, state)
    if fault is not None:
        yield f"last_seen_at is {_shown('last_seen_at', stored.last_seen_at)}, {fault}"


def _last_seen_fault(stored: Stored, state: _State) -> str | None:
    last = stored.last_seen_at
    if state.listed_at is None:
        return None if last == state.last_seen else f"its changes give {_shown('last_seen_at', state.last_seen)}"
    if last is None:
        return None
    if not stored.by_poll:
        return "but no good poll is of that instant"
    if last < state.listed_at:
        return f"but a poll listed it at {instant_words(state.listed_at)}"
    return None


def _shown(column: str, value: object) -> str:
    if value is None:
        return "empty"
    return instant_words(value) if column.endswith("_at") and isinstance(value, int) else plain(value)
