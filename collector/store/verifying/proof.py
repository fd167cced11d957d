"""Proves the whole ledger in one consistent reading transaction, account by account, and says what it proved.

Everything streams: memory does not grow with the history. What is found early can make later proofs pointless (terms
that cannot be read, a table with values that are none); those are left out and said so, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from collector.store import schema
from collector.store.engine import Database
from collector.store.statements import broken_statements
from collector.store.verifying.accounts import Ledger, ledgers
from collector.store.verifying.chain import Head, prove_polls
from collector.store.verifying.decisions import prove_decisions
from collector.store.verifying.declared import Catalogue, prove_declared
from collector.store.verifying.findings import Advance, Check, Place
from collector.store.verifying.folds import prove_fold
from collector.store.verifying.requests import prove_requests
from collector.store.verifying.soundness import column_check, file_check
from collector.store.verifying.windows import prove_windows


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved.

    Attributes:
        checks: In the order in which they were made.
        heads: By account, the newest poll with its digest; None for an account without polls.
        closed: By account, the newest close with its digest; only accounts that have one.
    """

    checks: tuple[Check, ...]
    heads: Mapping[str, Head | None] = field(default_factory=dict)
    closed: Mapping[str, Head] = field(default_factory=dict)

    @property
    def proved(self) -> bool:
        """True if nothing contradicts anything."""
        return all(one.ok for one in self.checks)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be proved.

    Attributes:
        accounts: Names; None means all.
        expected: By account, numbers of polls and the first digits of the digests they must have.
        catalogue: By provider, what it measures.
    """

    accounts: Sequence[str] | None = None
    expected: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=dict)


def recorded_accounts(database: Database) -> list[str]:
    """Return the names of all accounts, by name, whatever became of them."""
    with database.read() as connection:
        return [one.name for one in ledgers(connection, None)]


def kept_texts(database: Database) -> dict[str, str]:
    """Return the terms kept with each account's facts, by name; empty where none are."""
    with database.read() as connection:
        return {
            row.name: row.terms for row in connection.execute(select(schema.account.c.name, schema.account.c.terms))
        }


def rows_to_prove(database: Database, accounts: Sequence[str] | None) -> int:
    """Return about how many rows a proof will go through, for a progress bar."""
    poll, meter, snapshot = schema.poll, schema.meter, schema.snapshot
    with database.read() as connection:
        ids = [one.id for one in ledgers(connection, accounts)]
        total = 0
        for account in ids:
            polls = connection.scalar(select(func.max(poll.c.id)).where(poll.c.account == account)) or 0
            for key in connection.scalars(select(meter.c.id).where(meter.c.account == account)).all():
                last = select(snapshot.c.number).where(snapshot.c.meter == key)
                kept = connection.scalar(last.order_by(snapshot.c.observed_at.desc()).limit(1)) or 0
                total += max(polls, kept)
            total += polls
    return int(total)


def prove(database: Database, wanted: Wanted, advance: Advance) -> Proof:
    """Prove the ledger.

    Args:
        database: Where it is.
        wanted: What of it.
        advance: Is told of every few thousand rows.

    Raises:
        StorageError: The database cannot be read.
        IntegrityError: The file is damaged.
    """
    with database.read() as connection:
        engine, columns = file_check(database, connection), column_check(connection)
        if not columns.ok:
            columns.notes.append("nothing else was proved: repair these rows, or restore a backup, and verify again")
            return Proof((engine, columns))
        proving = _Proving(connection, wanted, advance)
        heads = {one.name: proving.account(one) for one in ledgers(connection, wanted.accounts)}
        return Proof((engine, columns, *proving.checks()), heads, _closed(connection, heads))


def _closed(connection: Connection, accounts: Mapping[str, object]) -> dict[str, Head]:
    """Return the newest close of each of the accounts, by name."""
    closed = schema.statement
    statement = (
        select(schema.account.c.name, closed.c.number, closed.c.digest)
        .join(schema.account, schema.account.c.id == closed.c.account)
        .order_by(closed.c.number)
    )
    rows = connection.execute(statement)
    found = {row.name: Head(row.number, row.digest) for row in rows if row.name in accounts}
    return dict(sorted(found.items()))


class _Proving:
    """Proves one account after another."""

    def __init__(self, connection: Connection, wanted: Wanted, advance: Advance) -> None:
        self._connection = connection
        self._wanted = wanted
        self._advance = advance
        self._declared = Check("declared", "as the providers measure, and their terms can be read")
        self._chain = Check("chain", "the chain of digests is unbroken")
        self._decisions = Check("decisions", "the chain of decisions is unbroken")
        self._fold = Check("fold", "all follow from what was seen")
        self._windows = Check("windows", "opening + Σ deltas = last value, Σ days = growth, lower <= usage <= upper")
        self._requests = Check("requests", "each id once, never back, and as their changes replayed in order give")

    def account(self, ledger: Ledger) -> Head | None:
        """Prove one account and return the head of its chain."""
        connection, advance = self._connection, self._advance
        readable = prove_declared(connection, ledger, self._wanted.catalogue, self._declared)
        expected = self._wanted.expected.get(ledger.name, ())
        head, broken = prove_polls(connection, ledger, self._chain, expected, advance)
        prove_requests(connection, ledger, broken, self._requests, advance)
        for meter in ledger.meters:
            prove_decisions(connection, ledger, meter, self._decisions)
            if not readable:
                self._fold.notes.append(f"{ledger.name}/{meter.name}: not derived again, its terms cannot be read")
                continue
            before = len(self._fold.findings), self._fold.more
            course = prove_fold(connection, ledger, meter, broken, self._fold, advance)
            if before == (len(self._fold.findings), self._fold.more):
                prove_windows(connection, ledger, meter, course, self._windows)
            else:
                self._windows.notes.append(f"{ledger.name}/{meter.name}: left out until its snapshots are right")
        return head

    def checks(self) -> tuple[Check, ...]:
        """Return every check, the closed statements among them."""
        return (
            self._declared,
            self._chain,
            self._fold,
            self._decisions,
            self._windows,
            self._requests,
            _statements(self._connection, self._wanted.accounts),
        )


def _statements(connection: Connection, accounts: Sequence[str] | None) -> Check:
    """Invariant 9: a closed period never changes."""
    check = Check("statements", "as they were closed")
    statement, account = schema.statement, schema.account
    closed = select(account.c.id, account.c.name, func.count(statement.c.number).label("closed")).outerjoin(
        statement, statement.c.account == account.c.id
    )
    rows = connection.execute(closed.group_by(account.c.id, account.c.name)).all()
    ids = {row.name: row.id for row in rows}
    check.counted["closed statements"] += sum(row.closed for row in rows if accounts is None or row.name in accounts)
    for one in broken_statements(connection):
        if accounts is None or one.account in accounts:
            period = "" if one.period is None else f"period {one.period}: "
            key = {"account": ids.get(one.account, 0), "number": one.number}
            check.find(Place("statement", key, one.account), f"{period}{one.fault}")
    return check
