"""Whose facts are imported, and the poll of kind ``import`` that an import leaves in each account's chain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, text

from collector.domain.accounts import Agreement, Meter
from collector.domain.digest import PollFacts
from collector.domain.instants import micros_of
from collector.store import schema
from collector.store.account_rows import meters_by_account, rows_by_name, write_account
from collector.store.poll_rows import add_poll_row
from collector.store.refolding import hold_account

KIND = "import"


@dataclass(frozen=True, slots=True)
class Owner:
    """A configured account, as it is recorded where an import is the first that is heard of it.

    Attributes:
        gap_after: How long a silence may last where no poll ever said.
    """

    name: str
    provider: str
    agreement: Agreement
    meters: tuple[Meter, ...]
    gap_after: timedelta


@dataclass(frozen=True, slots=True)
class ImportAccount:
    """An account that an import is about, held by its transaction, with the rows of its meters by name."""

    id: int
    name: str
    meters: Mapping[str, int]


def hold_accounts(
    connection: Connection, wanted: Mapping[str, Collection[str]], owners: Mapping[str, Owner]
) -> list[ImportAccount]:
    """Return the accounts with the wanted meters, by name, recording what is new and keeping polls of them out.

    Args:
        connection: The writing transaction.
        wanted: The names of meters by account.
        owners: What is configured, by name: needed for what is not recorded.
    """
    known = rows_by_name(connection, list(wanted))
    meters = meters_by_account(connection, [row.id for row in known.values()])
    fresh = [
        name for name in sorted(wanted) if name not in known or not set(wanted[name]) <= set(meters[known[name].id])
    ]
    if fresh and connection.dialect.name != "sqlite":
        # Another collector may meet a new account at the same time; SQLite's writers queue anyway.
        connection.execute(text("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE"))
    ids = {name: row.id for name, row in known.items()}
    ids |= {name: write_account(connection, owners[name], owners[name].meters) for name in fresh}
    meters = meters_by_account(connection, list(ids.values()))
    for identity in sorted(ids.values()):  # one order for all: nobody waits in a circle
        hold_account(connection, identity)
    return [
        ImportAccount(identity, name, {meter: one.id for meter, one in meters.get(identity, {}).items()})
        for name, identity in sorted(ids.items())
    ]


def keep_cadence(connection: Connection, accounts: Iterable[ImportAccount], owners: Mapping[str, Owner]) -> None:
    """Write down what a gap is for accounts that were never polled, as their first poll would."""
    cadence = schema.cadence
    for one in accounts:
        known = connection.execute(select(cadence.c.since).where(cadence.c.account == one.id).limit(1)).first()
        if known is None and one.name in owners:
            silence = owners[one.name].gap_after // timedelta(microseconds=1)
            connection.execute(insert(cadence).values(account=one.id, since=0, gap_after=silence))


def next_number(connection: Connection, account: int) -> int:
    """Return the number of the account's next poll."""
    last = connection.scalar(
        select(schema.poll.c.id).where(schema.poll.c.account == account).order_by(schema.poll.c.id.desc()).limit(1)
    )
    return 1 if last is None else last + 1


def add_import(connection: Connection, account: ImportAccount, number: int, rows_digest: bytes, now: datetime) -> None:
    """Add the import's row at the end of the account's chain of polls.

    Args:
        connection: The writing transaction.
        account: Whose.
        number: As ``next_number`` gave it.
        rows_digest: Over what the import brought.
        now: When it was imported.
    """
    poll = schema.poll
    previous = connection.scalar(select(poll.c.digest).where(poll.c.account == account.id, poll.c.id == number - 1))
    at = micros_of(now)
    facts = PollFacts(account.name, KIND, at, at, "ok", None, None, (), {}, imported=rows_digest)
    add_poll_row(connection, account.id, number, previous, facts)
