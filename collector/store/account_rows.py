"""Accounts and meters as rows: which are known, and writing those that are new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, insert, select, update

from collector.domain.accounts import Agreement, Meter
from collector.domain.terms import fall_terms
from collector.errors import ConfigError
from collector.store import schema
from collector.store.rows import any_of, any_text_of

_account = schema.account
_meter = schema.meter


class Describable(Protocol):
    """What is recorded of an account when it is new."""

    @property
    def name(self) -> str:
        """The name of the user's choice."""

    @property
    def provider(self) -> str:
        """The provider's name."""

    @property
    def agreement(self) -> Agreement:
        """Its zone and terms."""


def unwritten(wanted: Iterable[Meter], known: Mapping[str, KnownMeter]) -> list[Meter]:
    """Return the meters that are new, or of which something else was recorded about what requests tell of them."""
    return [one for one in wanted if one.name not in known or one.counts not in {None, known[one.name].counts}]


def require_provider(account: Describable, recorded: str) -> None:
    """Make sure that the account is still one of its provider.

    Raises:
        ConfigError: Its name was used for another provider before.
    """
    if recorded != account.provider:
        raise ConfigError(
            f"account {account.name!r} was recorded with provider {recorded!r} before, now it says "
            f"{account.provider!r}; give the new account a name of its own"
        )


class KnownMeter(NamedTuple):
    """A recorded meter, and what a listed request adds to it."""

    id: int
    counts: str | None


class Known(NamedTuple):
    """A recorded account."""

    id: int
    provider: str


def rows_by_name(connection: Connection, names: Sequence[str]) -> dict[str, Known]:
    """Return the recorded accounts among ``names``, by name."""
    statement = select(_account.c.name, _account.c.id, _account.c.provider).where(
        any_text_of(connection, _account.c.name, names)
    )
    return {row.name: Known(row.id, row.provider) for row in connection.execute(statement)}


def meters_by_account(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, KnownMeter]]:
    """Return the recorded meters by the row id of their account and by name."""
    found: dict[int, dict[str, KnownMeter]] = {}
    statement = select(_meter).where(any_of(connection, _meter.c.account, ids))
    for row in connection.execute(statement):
        found.setdefault(row.account, {})[row.name] = KnownMeter(row.id, row.counts)
    return found


def write_account(connection: Connection, account: Describable, meters: Iterable[Meter]) -> int:
    """Write what is new of an account and return its row id.

    Raises:
        ConfigError: Its name was used for another provider before.
    """
    row = rows_by_name(connection, [account.name]).get(account.name)
    if row is None:
        identity = connection.execute(
            insert(_account)
            .values(
                name=account.name,
                provider=account.provider,
                timezone=account.agreement.zone.key,
                terms=fall_terms(account.agreement).text,
            )
            .returning(_account.c.id)
        ).scalar_one()
    else:
        # Another collector may have written the account since we looked.
        require_provider(account, row.provider)
        identity = row.id
    known = meters_by_account(connection, [identity]).get(identity, {})
    fresh = []
    for one in unwritten(meters, known):
        counts = None if one.counts is None else one.counts.value
        if one.name in known:
            connection.execute(update(_meter).where(_meter.c.id == known[one.name].id).values(counts=counts))
        else:
            described = {"unit": one.unit, "scale": one.scale, "kind": one.kind.value, "counts": counts}
            fresh.append({"account": identity, "name": one.name, **described})
    if fresh:
        connection.execute(insert(_meter), fresh)
    return int(identity)
