"""Proves what facts are read by: accounts, meters, terms, and from when on which silence is a gap.

None of it is a fact of its own, so no chain covers it. It is held against what the provider is known to measure,
against itself, and against the polls that wrote it down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from collector.domain.accounts import Counts, Meter
from collector.domain.terms import parse_fall_terms
from collector.store import schema
from collector.store.verifying.accounts import Ledger
from collector.store.verifying.findings import Check, Place, instant_words, plain
from collector.store.verifying.poll_facts import IMPORT, OK
from collector.store.verifying.raw import raw

_account = schema.account
_meter = schema.meter
_poll = schema.poll

_COUNTS = (None, *(one.value for one in Counts))

Catalogue = Mapping[str, Sequence[Meter]]
"""By provider, what it measures."""


def prove_declared(connection: Connection, ledger: Ledger, catalogue: Catalogue, check: Check) -> bool:
    """Hold an account's own row, its meters and its cadence; return whether its falls can be decided again."""
    row = connection.execute(select(_account).where(_account.c.id == ledger.id)).one()
    place = Place("account", {"id": ledger.id}, ledger.name)
    check.counted["accounts"] += 1
    readable = True
    for fault in _terms_faults(row):
        readable = False
        check.find(place, fault)
    known = catalogue.get(row.provider)
    if known is None:
        check.find(place, f"provider is {plain(row.provider)}: none is called that")
    else:
        readable = _hold_meters(connection, ledger, row.provider, known, check) and readable
    _hold_cadence(connection, ledger, check)
    _hold_older_polls(connection, ledger, check)
    return readable


def _terms_faults(row: Row[Any]) -> Iterator[str]:
    try:
        ZoneInfo(row.timezone)
    except (KeyError, ValueError, OSError):
        yield f"timezone is {plain(row.timezone)}: there is no such zone"
        return
    if not row.terms:
        return
    try:
        terms = parse_fall_terms(row.terms)
        readable = terms.text == row.terms and _is_anchor(terms.billing.anchor_day, terms.billing.anchor_month)
    except (KeyError, ValueError, TypeError, AttributeError, OSError):
        readable = False
    if not readable:
        yield f"terms are {plain(row.terms)}: no terms are written like that"
    elif terms.zone.key != row.timezone:
        yield f"timezone is {plain(row.timezone)}, but terms say {terms.zone.key}"


def _is_anchor(day: object, month: object) -> bool:
    return isinstance(day, int) and 1 <= day <= 31 and isinstance(month, int) and 1 <= month <= 12


def _hold_meters(connection: Connection, ledger: Ledger, provider: str, known: Sequence[Meter], check: Check) -> bool:
    readable = True
    by_name = {one.name: one for one in known}
    for row in connection.execute(select(_meter).where(_meter.c.account == ledger.id).order_by(_meter.c.id)):
        check.counted["meters"] += 1
        place = Place("meter", {"id": row.id}, f"{ledger.name}/{row.name}")
        one = by_name.pop(row.name, None)
        if one is None:
            check.find(place, f"name is {plain(row.name)}, which {provider} does not measure")
            continue
        counts = None if one.counts is None else one.counts.value
        wanted = {"unit": one.unit, "scale": one.scale, "kind": one.kind.value, "counts": counts}
        for column, value in wanted.items():
            found = getattr(row, column)
            if found != value:
                check.find(place, f"{column} is {plain(found)}; for {provider}'s {one.name} it is {plain(value)}")
        readable = readable and row.counts in _COUNTS
    for name in by_name:
        if any(one.id for one in ledger.meters) or _has_good_poll(connection, ledger):
            check.find(Place("meter", {"name": name}, ledger.name), "the row is missing")
    return readable


def _has_good_poll(connection: Connection, ledger: Ledger) -> bool:
    good = select(_poll.c.id).where(_poll.c.account == ledger.id, _poll.c.kind != IMPORT, _poll.c.outcome == OK)
    return connection.scalar(good.limit(1)) is not None


def _hold_cadence(connection: Connection, ledger: Ledger, check: Check) -> None:
    """Every row but the first of all was written by a good poll, because the silence it allows had changed."""
    table = schema.cadence
    good = and_(
        _poll.c.account == table.c.account,
        _poll.c.kind != IMPORT,
        _poll.c.outcome == OK,
        _poll.c.finished_at == table.c.since,
    )
    by_poll = select(func.count()).select_from(_poll).where(good).correlate(table).scalar_subquery()
    statement = select(table.c.since, table.c.gap_after, by_poll).where(table.c.account == ledger.id)
    before = None
    for since, gap_after, polls in connection.execute(statement.order_by(table.c.since)):
        check.counted["cadence rows"] += 1
        place = ledger.place("cadence", since=since)
        if since and not polls:
            check.find(place, f"no good poll is of {instant_words(since)}, which since names")
        if gap_after <= 0 or gap_after == before:
            check.find(
                place, f"gap_after is {gap_after}: {'no silence is that short' if gap_after <= 0 else 'no change'}"
            )
        before = gap_after
    if before is None and connection.scalar(select(func.count()).select_from(_poll).where(*_keeping_cadence(ledger))):
        check.find(ledger.place("cadence", since=0), "there is none, though every good poll and import keeps one")


def _keeping_cadence(ledger: Ledger) -> tuple[ColumnElement[bool], ...]:
    """Polls that cannot have been stored without a cadence."""
    return _poll.c.account == ledger.id, _poll.c.outcome == OK, _poll.c.format > 0


def _hold_older_polls(connection: Connection, ledger: Ledger, check: Check) -> None:
    """Polls of before the list was compared have no such facts, and their counts follow from their rows."""
    change = schema.usage_request_change
    fresh = (
        select(func.count())
        .select_from(change)
        .where(change.c.account == _poll.c.account, change.c.poll == _poll.c.id, change.c.kind == "new")
        .correlate(_poll)
        .scalar_subquery()
    )
    later = ("listed_requests", "unmatched_requests", "missed_after", "missed_before", "unexplained")
    columns = [raw(connection, _poll.c[name]) for name in later]
    statement = select(_poll.c.id, _poll.c.new_requests, fresh.label("fresh"), *columns).where(
        _poll.c.account == ledger.id, _poll.c.format == 0
    )
    for row in connection.execute(statement.order_by(_poll.c.id), execution_options={"yield_per": 2000}):
        place = ledger.place("poll", id=row.id)
        if row.new_requests is not None and row.new_requests != row.fresh:
            check.find(place, f"new_requests is {row.new_requests}, but it brought {row.fresh}")
        for name in later:
            if getattr(row, name) is not None:
                check.find(place, f"{name} is {getattr(row, name)}, which polls of its format do not know")
