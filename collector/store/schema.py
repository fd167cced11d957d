"""The tables: facts (poll, snapshot, usage_request), their interpretation (decision), and who polls when.

Account and meter lead every key, and numbering restarts within them, so the schema distributes by account on
PostgreSQL's family as it is, and the same polls give the same rows on every engine. Rules for editors: every
constraint is named; instants are ``Instant`` or, in ``snapshot``, ``gap`` and ``decision`` (read by the ten thousand),
plain microseconds; change a table only together with a migration. ``imported`` keeps what was imported as it came; what
was polled is kept by ``snapshot`` and the instants of ``poll``.
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

from collector.store.outbox_tables import outbox_tables
from collector.store.process_table import process_table
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
    Column("terms", Text, nullable=False, server_default=text("''"), comment="JSON: by what falls are decided"),
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
    Column("counts", Text, comment="what a listed request adds to it: 'requests' (one) or 'credits' (its credits)"),
    UniqueConstraint("account", "name"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    CheckConstraint("kind in ('counter', 'gauge')", name="kind"),
    CheckConstraint("scale between 0 and 18", name="scale"),
)

cadence = Table(
    "cadence",
    metadata,
    Column("account", RowId, nullable=False),
    Column("since", BigInteger, nullable=False, comment="the instant from which it holds; 0 is ever since"),
    Column("gap_after", BigInteger, nullable=False, comment="microseconds; a longer silence is a gap"),
    PrimaryKeyConstraint("account", "since"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    sqlite_with_rowid=False,
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
    Column("format", SmallInteger, nullable=False, server_default=text("0"), comment="of the facts under the digest"),
    Column("listed_requests", Integer, comment="how many the provider listed"),
    Column("new_requests", Integer),
    Column("unmatched_requests", BigInteger, comment="growth of the counter less new requests, with its sign"),
    Column("missed_requests", BigInteger, comment="requests that no list will ever show: it was overrun"),
    Column("missed_after", Instant, comment="the span in which they were made"),
    Column("missed_before", Instant),
    Column("unexplained", BigInteger, comment="growth of the credits less those of requests, with its sign"),
    Column("rejected_requests", Integer),
    Column("rejections", Text, comment="JSON list of what was refused alone, and why"),
    Column("body", LargeBinary, comment="the first bytes of a refused answer, keys removed"),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account", "id"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    CheckConstraint("kind in ('poll', 'import')", name="kind"),
    sqlite_with_rowid=False,
)

Index(
    "ix_poll_flagged",
    poll.c.account,
    poll.c.finished_at,
    sqlite_where=poll.c.flags != "[]",
    postgresql_where=poll.c.flags != "[]",
)

imported = Table(
    "imported",
    metadata,
    Column("meter", RowId, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("value", Quantity, nullable=False),
    Column("poll", RowId, nullable=False, comment="the account's poll of kind import that brought it"),
    PrimaryKeyConstraint("meter", "observed_at"),
    ForeignKeyConstraint(["meter"], ["meter.id"]),
    CheckConstraint("value >= 0", name="value"),
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
    Column("offset", BigInteger, nullable=False, comment="what every later total gains"),
    Column("until", BigInteger, comment="of an operator's glitch: until when the value was seen"),
    Column("decided_at", Instant, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("superseded_by", RowId, comment="the decision that replaced it, if one did"),
    Column("superseded_at", Instant, comment="empty while it is in force"),
    Column("digest", LargeBinary, comment="over the meter's decision before it and this one"),
    PrimaryKeyConstraint("meter", "id"),
    ForeignKeyConstraint(["meter"], ["meter.id"]),
    ForeignKeyConstraint(["meter", "superseded_by"], ["decision.meter", "decision.id"]),
    CheckConstraint("kind in ('held', 'glitch', 'reset', 'correction', 'growth', 'unit')", name="kind"),
    sqlite_with_rowid=False,
)
Index(
    "ix_decision_in_force",
    decision.c.meter,
    decision.c.at,
    sqlite_where=decision.c.superseded_at.is_(None),
    postgresql_where=decision.c.superseded_at.is_(None),
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
    Column("first_seen_at", Instant, comment="of an imported record, as the file says"),
    Column(
        "last_seen_at", Instant, comment="of an imported record; else until when it had been listed before it came back"
    ),
    PrimaryKeyConstraint("account", "poll", "request_id"),
    ForeignKeyConstraint(["account", "poll"], ["poll.account", "poll.id"]),
    CheckConstraint("kind in ('new', 'update', 'regression', 'conflict')", name="kind"),
    Index(None, "account", "request_id"),
    sqlite_with_rowid=False,
)

statement = Table(
    "statement",
    metadata,
    Column("account", RowId, nullable=False),
    Column("number", RowId, nullable=False, autoincrement=False, comment="counts the account's closes from 1"),
    Column("period", Text, nullable=False, comment="as written, such as 2026-10"),
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("currency", Text),
    Column("closed_at", Instant, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="over the digest before it, this row and its lines"),
    PrimaryKeyConstraint("account", "number"),
    UniqueConstraint("account", "period_start", "period_end"),
    ForeignKeyConstraint(["account"], ["account.id"]),
    CheckConstraint("period_end > period_start", name="length"),
    sqlite_with_rowid=False,
)

statement_line = Table(
    "statement_line",
    metadata,
    Column("account", RowId, nullable=False),
    Column("statement", RowId, nullable=False),
    Column("line", Integer, nullable=False, comment="counts the statement's lines from 1"),
    Column("kind", Text, nullable=False),
    Column("meter", Text, comment="the meter's name"),
    Column("body", Text, nullable=False, comment="the line's figures as canonical JSON"),
    PrimaryKeyConstraint("account", "statement", "line"),
    ForeignKeyConstraint(["account", "statement"], ["statement.account", "statement.number"]),
    CheckConstraint("kind in ('meter', 'day', 'price', 'requests', 'correction')", name="kind"),
    sqlite_with_rowid=False,
)

scheduled_report, report_run, delivery, forecast = outbox_tables(metadata)
collector_process = process_table(metadata)
