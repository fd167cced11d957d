"""The tables: facts (poll, snapshot, usage_request), their interpretation (decision), and who polls when.

Account and meter lead every key, and numbering restarts within them, so the schema distributes by account on
PostgreSQL's family as it is, and the same polls give the same rows on every engine. Rules for editors: every
constraint is named; instants are ``Instant`` or, in ``snapshot``, ``gap`` and ``decision`` (read by the ten thousand),
plain microseconds; change a table only together with a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from collector.store.types import Instant, Quantity, RowId

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    }
)

account = Table(
    "account",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("next_poll_at", Instant),
    Column("not_before", Instant, comment="until when the provider told us to wait"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="failed polls in a row"),
    Column("lease_until", Instant),
    Column("lease_owner", Text),
    Column("paused_reason", Text),
    UniqueConstraint("name"),
    Index(None, "next_poll_at"),
)

meter = Table(
    "meter",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", RowId, nullable=False),
    Column("name", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("scale", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    UniqueConstraint("account", "name"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    CheckConstraint("kind in ('counter', 'gauge')", name="kind"),
    CheckConstraint("scale between 0 and 18", name="scale"),
)

poll = Table(
    "poll",
    metadata,
    Column("account", RowId, nullable=False),
    Column("id", RowId, nullable=False, autoincrement=False, comment="counts the account's polls from 1"),
    Column("kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=False, comment="when the answer was complete: its snapshots' instant"),
    Column("outcome", Text, nullable=False),
    Column("http_status", Integer),
    Column("error", Text),
    Column("flags", Text, nullable=False, comment="JSON list of names"),
    Column("new_requests", Integer),
    Column("missed_requests", BigInteger),
    Column("rejected_requests", Integer),
    Column("rejections", Text, comment="JSON list of what was refused alone, and why"),
    Column("body", LargeBinary, comment="the first bytes of a refused answer, keys removed"),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "id"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    CheckConstraint("kind in ('poll', 'import')", name="kind"),
    sqlite_with_rowid=False,
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("meter", RowId, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, comment="until when the same value was seen; empty where it was seen once"),
    Column("value", Quantity, nullable=False),
    Column("number", BigInteger, nullable=False, comment="counts the meter's snapshots from 1, in order of time"),
    Column("status", SmallInteger, nullable=False, comment="0 good, 1 held, 2 excluded"),
    PrimaryKeyConstraint("meter", "observed_at"),
    ForeignKeyConstraint(["meter"], ["meter.id"]),
    CheckConstraint("value >= 0", name="value"),
    CheckConstraint("confirmed_at >= observed_at", name="confirmed"),
    CheckConstraint("status in (0, 1, 2)", name="status"),
    sqlite_with_rowid=False,
)
# A busy counter's snapshots are seen once: empty instead of a second instant saves a quarter of every row.
snapshot_columns = (
    snapshot.c.meter,
    snapshot.c.observed_at,
    func.coalesce(snapshot.c.confirmed_at, snapshot.c.observed_at).label("confirmed_at"),
    snapshot.c.value,
    snapshot.c.number,
    snapshot.c.status,
)
Index(
    "ix_snapshot_not_good",
    snapshot.c.meter,
    snapshot.c.observed_at,
    sqlite_where=snapshot.c.status != 0,
    postgresql_where=snapshot.c.status != 0,
)

gap = Table(
    "gap",
    metadata,
    Column("meter", RowId, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("meter", "started_at"),
    ForeignKeyConstraint(["meter"], ["meter.id"]),
    CheckConstraint("ended_at > started_at", name="length"),
    sqlite_with_rowid=False,
)

decision = Table(
    "decision",
    metadata,
    Column("meter", RowId, nullable=False),
    Column("id", RowId, nullable=False, autoincrement=False, comment="counts the meter's decisions from 1"),
    Column("at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False, comment="the last good observation before the fall"),
    Column("kind", Text, nullable=False),
    Column("before", Quantity, nullable=False),
    Column("after", Quantity, nullable=False),
    Column("offset", Quantity, nullable=False, comment="what every later total gains"),
    Column("decided_at", Instant, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("superseded_by", RowId),
    PrimaryKeyConstraint("meter", "id"),
    ForeignKeyConstraint(["meter"], ["meter.id"]),
    ForeignKeyConstraint(["meter", "superseded_by"], ["decision.meter", "decision.id"]),
    CheckConstraint("kind in ('held', 'glitch', 'reset', 'correction')", name="kind"),
    sqlite_with_rowid=False,
)
Index(
    "ix_decision_in_force",
    decision.c.meter,
    decision.c.at,
    sqlite_where=decision.c.superseded_by.is_(None),
    postgresql_where=decision.c.superseded_by.is_(None),
)

usage_request = Table(
    "usage_request",
    metadata,
    Column("account", RowId, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant),
    Column("completed_at", Instant),
    Column("credits_used", Quantity),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, comment="empty while the provider still lists it"),
    PrimaryKeyConstraint("account", "request_id"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    Index(None, "account", "created_at"),
    sqlite_with_rowid=False,
)
Index(
    "ix_usage_request_listed",
    usage_request.c.account,
    usage_request.c.request_id,
    sqlite_where=usage_request.c.last_seen_at.is_(None),
    postgresql_where=usage_request.c.last_seen_at.is_(None),
)

usage_request_change = Table(
    "usage_request_change",
    metadata,
    Column("account", RowId, nullable=False),
    Column("poll", RowId, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant),
    Column("completed_at", Instant),
    Column("credits_used", Quantity),
    PrimaryKeyConstraint("account", "poll", "request_id"),
    ForeignKeyConstraint(["account", "poll"], ["poll.account", "poll.id"]),
    CheckConstraint("kind in ('new', 'update', 'regression', 'conflict')", name="kind"),
    Index(None, "account", "request_id"),
    sqlite_with_rowid=False,
)
