"""Accounts and meters as rows, and who may poll them: leases.

A lease is one statement: the accounts that are due are marked with an owner and an end, so two collectors on one
database share the work and never poll twice. A lease that is not given back ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, literal, or_, select, text, update

from collector.domain.accounts import Account, Meter
from collector.store import schema
from collector.store.account_rows import (
    Describable,
    Known,
    KnownMeter,
    meters_by_account,
    require_provider,
    rows_by_name,
    unwritten,
    write_account,
)
from collector.store.engine import Database
from collector.store.rows import any_of
from collector.store.types import Instant

_account = schema.account
_meter = schema.meter
# A lease lasts minutes and a Retry-After at most an hour; a later end was written by a clock that ran ahead.
_PLAUSIBLE = timedelta(hours=1)
CLAIM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account's row and the rows of its meters, by meter name."""

    id: int
    name: str
    meters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to poll one account until an instant.

    Attributes:
        owner: Who holds it.
        failures: How many polls failed in a row before this one.
        due_at: When the account should have been polled; None where that is not known.
    """

    account: int
    owner: str
    until: datetime
    failures: int
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an account may not be polled now.

    Attributes:
        held_by: The collector that is polling it, or None.
        not_before: Until when the provider told us to wait, or None.
    """

    held_by: str | None = None
    not_before: datetime | None = None


def register(
    database: Database, accounts: Sequence[tuple[Account, Sequence[Meter]]], *, writing: bool = True
) -> dict[str, AccountRow]:
    """Return the rows of the configured accounts, writing those that are new and what of a meter was not known.

    Changed zones and terms are left to ``collector.store.terms``: they decide anew what falls were. With ``writing``
    false nothing is written and unknown accounts are left out.

    Raises:
        ConfigError: An account's name was used for another provider before.
    """
    names = [account.name for account, _ in accounts]
    with database.read() as connection:
        known = rows_by_name(connection, names)
        meters = meters_by_account(connection, [row.id for row in known.values()])
    stale = [pair for pair in accounts if _is_stale(pair, known, meters)]
    if stale and writing:
        with database.write() as connection:
            for account, wanted in stale:
                record_account(connection, account, wanted)
        return register(database, accounts, writing=False)
    return {
        name: AccountRow(row.id, name, {meter: one.id for meter, one in meters.get(row.id, {}).items()})
        for name, row in known.items()
    }


def record_account(connection: Connection, account: Describable, meters: Sequence[Meter]) -> AccountRow:
    """Return the rows of an account, writing what is new, in the caller's transaction.

    Raises:
        ConfigError: The account's name was used for another provider before.
    """
    if connection.dialect.name != "sqlite":
        # Two collectors may meet a new account at once; SQLite's writers queue anyway.
        connection.execute(text("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE"))
    identity = write_account(connection, account, meters)
    known = meters_by_account(connection, [identity]).get(identity, {})
    return AccountRow(identity, account.name, {name: one.id for name, one in known.items()})


def _is_stale(
    pair: tuple[Account, Sequence[Meter]],
    known: Mapping[str, Known],
    meters: Mapping[int, Mapping[str, KnownMeter]],
) -> bool:
    account, wanted = pair
    row = known.get(account.name)
    if row is None:
        return True
    require_provider(account, row.provider)
    return bool(unwritten(wanted, meters.get(row.id, {})))


def claim_due(
    database: Database, accounts: Sequence[int], owner: str, now: datetime, until: datetime, limit: int
) -> list[Lease]:
    """Take the leases of at most ``limit`` accounts that are due at ``now``, the longest due first.

    Whoever asks does so every second, so it does not wait for long until it can write.

    An account never polled is due. Accounts leased by others are passed over, also while they are being claimed.
    """
    with database.write(CLAIM_SECONDS) as connection:
        # A CTE is evaluated once; a subquery that locks and skips could be evaluated anew for every row it meets.
        due = (
            select(_account.c.id)
            .where(
                any_of(connection, _account.c.id, accounts),
                or_(_account.c.next_poll_at.is_(None), _account.c.next_poll_at <= now),
                _is_free(now),
                _account.c.paused_reason.is_(None),
            )
            .order_by(_account.c.next_poll_at.asc().nulls_first(), _account.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claimed = connection.execute(
            update(_account)
            .where(_account.c.id.in_(select(due.c.id)))
            .values(lease_owner=owner, lease_until=until)
            .returning(_account.c.id, _account.c.failures, _account.c.next_poll_at)
        ).all()
    ordered = sorted(claimed, key=lambda row: (row.next_poll_at is not None, row.next_poll_at or now, row.id))
    return [Lease(row.id, owner, until, row.failures, row.next_poll_at) for row in ordered]


def claim(
    database: Database, account: int, owner: str, now: datetime, until: datetime, *, force: bool = False
) -> Lease | Refusal:
    """Take the lease of one account whether it is due or not.

    Refused while another collector holds it or, unless ``force``, before the provider's own ``Retry-After`` is over.
    """
    with database.write() as connection:
        found = connection.execute(
            select(_account.c.lease_owner, _account.c.lease_until, _account.c.not_before, _account.c.failures)
            .where(_account.c.id == account)
            .with_for_update()
        ).one()
        if found.lease_until is not None and now < found.lease_until <= now + _PLAUSIBLE:
            return Refusal(held_by=found.lease_owner)
        if not force and found.not_before is not None and now < found.not_before <= now + _PLAUSIBLE:
            return Refusal(not_before=found.not_before)
        connection.execute(
            update(_account).where(_account.c.id == account).values(lease_owner=owner, lease_until=until)
        )
    return Lease(account, owner, until, found.failures)


def _is_free(now: datetime) -> ColumnElement[bool]:
    until = _account.c.lease_until
    return or_(until.is_(None), until <= now, until > now + _PLAUSIBLE)


def hasten(database: Database, due_by: Mapping[int, tuple[datetime, datetime]], now: datetime) -> None:
    """Bring polls forward that are planned too late: an interval was shortened, or a clock was set back.

    Args:
        database: Where the accounts are.
        due_by: By account, when it must be asked at the latest, and when it must be while its polls fail.
        now: The current instant; a provider's ``Retry-After`` that can still be meant is respected.
    """
    not_before = _account.c.not_before
    allowed = or_(not_before.is_(None), not_before <= now, not_before > now + _PLAUSIBLE)
    with database.write(CLAIM_SECONDS) as connection:
        for account, (good, failing) in sorted(due_by.items()):  # one order for all: nobody waits in a circle
            latest = case((_account.c.failures == 0, literal(good, Instant())), else_=literal(failing, Instant()))
            connection.execute(
                update(_account)
                .where(_account.c.id == account, _account.c.next_poll_at > latest, allowed)
                .values(next_poll_at=latest)
            )


def release(database: Database, lease: Lease, patience: float | None = None) -> None:
    """Give a lease back without a poll.

    Args:
        database: Where the account is.
        lease: Nothing happens where it is not in force any more.
        patience: How many seconds to wait for other writers, where that is less than usual.
    """
    with database.write(patience) as connection:
        connection.execute(update(_account).where(is_held(lease)).values(lease_owner=None, lease_until=None))


def is_held(lease: Lease) -> ColumnElement[bool]:
    """Return the condition that this very lease is in force: its owner may have lost it and taken a newer one."""
    return and_(
        _account.c.id == lease.account, _account.c.lease_owner == lease.owner, _account.c.lease_until == lease.until
    )


def recorded(database: Database) -> dict[str, list[str]]:
    """Return the names of all recorded accounts with those of their meters."""
    statement = select(_account.c.name, _meter.c.name).join(_meter, _meter.c.account == _account.c.id)
    found: dict[str, list[str]] = {}
    with database.read() as connection:
        for account, meter in connection.execute(statement):
            found.setdefault(account, []).append(meter)
    return found


def recorded_scales(database: Database) -> dict[str, dict[str, int]]:
    """Return the decimal places of every recorded meter, by account and by name."""
    found: dict[str, dict[str, int]] = {}
    with database.read() as connection:
        statement = select(_account.c.name, _meter.c.name, _meter.c.scale)
        for account, meter, scale in connection.execute(
            statement.outerjoin_from(_account, _meter, _meter.c.account == _account.c.id)
        ):
            found.setdefault(account, {}).update({} if meter is None else {meter: scale})
    return found


def recorded_zones(database: Database) -> dict[str, str]:
    """Return the recorded time zone of every account by its name."""
    with database.read() as connection:
        return {row.name: row.timezone for row in connection.execute(select(_account.c.name, _account.c.timezone))}
