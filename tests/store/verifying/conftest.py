"""A ledger in which everything happens that a ledger can hold, and what a proof says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, insert, text, update

from collector.domain.accounts import Account, MeterTerms, Resets
from collector.domain.digest import ChangeFact, RowsDigest
from collector.domain.falls import FallKind, Pin
from collector.domain.instants import instant_of
from collector.domain.periods import Billing, PeriodKind
from collector.domain.requests import RequestRecord
from collector.domain.terms import fall_terms
from collector.providers.nected import Nected
from collector.providers.nellie import Nellie
from collector.store import schema
from collector.store.decisions import decide
from collector.store.engine import Database
from collector.store.import_polls import ImportAccount, add_import, next_number
from collector.store.refolding import MeterKey, refold
from collector.store.statements import Closing, StatementLine, add_statement
from collector.store.terms import kept_terms
from collector.store.verifying.findings import Finding
from collector.store.verifying.proof import Proof, Wanted, prove

if TYPE_CHECKING:
    from tests.store.conftest import Desk

CATALOGUE = {one.name: one.meters for one in (Nellie(), Nected())}


def proof_of(database: Database, **wanted: Any) -> Proof:
    """Prove a whole database."""
    return prove(database, Wanted(**{"catalogue": CATALOGUE, **wanted}), lambda _: None)


def findings_of(database: Database) -> list[Finding]:
    """Return whatever a proof finds."""
    return [one for check in proof_of(database).checks for one in check.findings]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A filled database with the desks that filled it."""

    database: Database
    nellie: Desk
    nected: Desk

    def alter(self, *statements: str) -> None:
        """Change rows as a tool would that knows nothing of the ledger."""
        with self.database.migrate() as connection:
            for one in statements:
                connection.execute(text(one))

    def findings(self) -> list[Finding]:
        """Return whatever a proof finds."""
        return findings_of(self.database)


def _record(number: int, status: str = "completed", used: int | None = 10) -> RequestRecord:
    made = timedelta(seconds=300 * number)
    from tests.store.conftest import NOON

    ended = None if status == "processing" else NOON + made + timedelta(seconds=30)
    return RequestRecord(f"request-{number}", status, NOON + made, ended, used)


def fill_nellie(desk: Desk) -> None:
    """Poll the account with the list of requests: failures, gaps, falls, records that leave and come back."""
    terms = {name: fall_terms(desk.account.agreement).of_meter(name) for name in desk.row.meters}

    def poll(second: float, requests: int, used: int, listed: Sequence[RequestRecord], **changes: Any) -> None:
        desk.poll(second, {"requests": requests, "credits": used}, listed, terms=terms, **changes)

    desk.fail(0, "timeout_total", http_status=None, error="gave up after 30 s")
    poll(300, 1, 100, [_record(1, "processing", None)], flags=("clock_skew",))
    poll(600, 1, 100, [_record(1, "processing", None)])
    poll(900, 2, 120, [_record(1), _record(2)])
    desk.fail(1200, body=b"<html>busy</html>", error="the provider answered 503")
    poll(5000, 3, 130, [_record(2), _record(3)], rejections=[("recentRequests[2]", "no id", "{}")])
    poll(5300, 3, 130, [_record(1), _record(2), _record(3)])
    poll(5600, 4, 60, [_record(2, "processing"), _record(4)])
    poll(5900, 5, 70, [_record(4), _record(5)])
    poll(6200, 6, 20, [_record(5), _record(6)])
    poll(6500, 7, 90, [_record(6), _record(7)], gap_after=timedelta(minutes=20))
    poll(6800, 8, 100, [_record(7), _record(8)], gap_after=timedelta(minutes=20))
    poll(9000, 9, 150, [_record(8), _record(9)], gap_after=timedelta(minutes=20))
    poll(9300, 9, 140, [_record(8), _record(9)], gap_after=timedelta(minutes=20))


def fill_nected(desk: Desk) -> None:
    """Poll the account whose counter is declared to reset with each day."""
    terms = {name: fall_terms(desk.account.agreement).of_meter(name) for name in desk.row.meters}
    for second, value in [(0, 5), (300, 9), (43_000, 30), (43_300, 4), (43_600, 4), (43_900, 7)]:
        desk.poll(second, {"invocations": value}, terms=terms)


def bring(
    desk: Desk, meter: str, values: Sequence[tuple[float, int]], records: Sequence[ChangeFact], at: float
) -> None:
    """Import values of a meter and request records, as an import writes them."""
    digest = RowsDigest()
    with desk.database.write() as connection:
        number = next_number(connection, desk.row.id)
        for second, value in sorted(values):
            row = {"meter": desk.meter(meter), "observed_at": desk.micros(second), "value": value, "poll": number}
            connection.execute(insert(schema.imported), [row])
            digest.snapshot(meter, desk.micros(second), value)
        for one in records:
            digest.record(one)
        account = ImportAccount(desk.row.id, desk.account.name, desk.row.meters)
        add_import(connection, account, number, digest.digest(), desk.at(at))
        for one in records:
            _write_record(connection, desk.row.id, number, one)
        terms = kept_terms(connection, desk.row.id).of_meter(meter)
        if values:
            first = desk.micros(min(second for second, _ in values))
            refold(connection, MeterKey(desk.row.id, desk.meter(meter)), terms, first, desk.at(at))


def _write_record(connection: Connection, account: int, poll: int, one: ChangeFact) -> None:
    stands = {
        "status": one.status,
        "created_at": _instant(one.created_at),
        "completed_at": _instant(one.completed_at),
        "credits_used": one.credits_used,
        "first_seen_at": _instant(one.first_seen_at),
        "last_seen_at": _instant(one.last_seen_at),
    }
    key = {"account": account, "request_id": one.request_id}
    request, change = schema.usage_request, schema.usage_request_change
    if one.kind == "new":
        connection.execute(insert(request).values(**key, **stands))
    else:
        same = (request.c.account == account) & (request.c.request_id == one.request_id)
        connection.execute(update(request).where(same).values(**stands))
    connection.execute(insert(change).values(**key, poll=poll, kind=one.kind, **stands))


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else instant_of(micros)


def overrule(desk: Desk, second: float, kind: FallKind, at: float) -> None:
    """Let an operator decide about a fall of the credits."""
    with desk.database.write() as connection:
        terms = kept_terms(connection, desk.row.id).of_meter("credits")
        pin = Pin(kind, "operator:ann", "they told us")
        decide(connection, desk.meter("credits"), desk.micros(second), pin, terms, desk.at(at))


def close(desk: Desk, period: str, start: float, end: float, at: float) -> None:
    """Close a period of two lines."""
    closing = Closing(period, desk.at(start), desk.at(end), "UTC", "EUR", desk.at(at), "ann")
    lines = [StatementLine("meter", "credits", '{"usage":5}'), StatementLine("requests", None, '{"completed":1}')]
    with desk.database.write() as connection:
        add_statement(connection, desk.row.id, closing, lines)


Fill = Callable[[Database], "Shelf"]


@pytest.fixture(scope="session")
def fill(make_account: Callable[..., Account], open_desk: type[Desk]) -> Fill:
    """Return a function that fills an empty database."""

    def filled(database: Database) -> Shelf:
        nellie = open_desk(database, make_account("nellie-prod"), Nellie().meters)
        daily = make_account(
            "nected",
            provider="nected",
            billing=Billing(PeriodKind.DAILY),
            terms={"invocations": MeterTerms(resets=Resets.PERIOD)},
        )
        nected = open_desk(database, daily, Nected().meters)
        fill_nellie(nellie)
        fill_nected(nected)
        overrule(nellie, 5600, FallKind.RESET, 9_400)
        bring(nellie, "credits", [(-900, 40), (750, 110), (12_000, 200), (12_300, 210)], [], 20_000)
        seen = [nellie.micros(one) for one in (-1000, -970, -990, -500)]
        record = ChangeFact("elsewhere", "new", "processing", seen[0], None, None, seen[2], seen[2])
        bring(nellie, "credits", [], [record], 20_300)
        ended = ChangeFact("elsewhere", "update", "completed", seen[0], seen[1], 7, seen[2], seen[3])
        bring(nellie, "credits", [], [ended], 20_600)
        close(nellie, "2025-12", -50_000, -40_000, 20_900)
        close(nellie, "2026-01", -40_000, 0, 21_000)
        return Shelf(database, nellie, nected)

    return filled


@pytest.fixture
def shelf(database: Database, fill: Fill) -> Shelf:
    """A filled database of each engine."""
    return fill(database)
