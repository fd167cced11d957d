"""The first schema: facts of polls, their interpretation, and the accounts' schedule."""

import sqlalchemy as sa
from alembic import op

from collector.store.engine import APPLICATION_ID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
QUANTITY = sa.BigInteger()


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    op.create_table(
        "account",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("next_poll_at", INSTANT),
        sa.Column("not_before", INSTANT, comment="until when the provider told us to wait"),
        sa.Column(
            "failures", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="failed polls in a row"
        ),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("paused_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_index("ix_account_next_poll_at", "account", ["next_poll_at"])

    op.create_table(
        "meter",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("scale", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('counter', 'gauge')", name=op.f("ck_meter_kind")),
        sa.CheckConstraint("scale between 0 and 18", name=op.f("ck_meter_scale")),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_meter_account_account"),
        sa.PrimaryKeyConstraint("id", name="pk_meter"),
        sa.UniqueConstraint("account", "name", name="uq_meter_account_name"),
    )
    op.create_table(
        "poll",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("id", ROW_ID, autoincrement=False, nullable=False, comment="counts the account's polls from 1"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column(
            "finished_at", INSTANT, nullable=False, comment="when the answer was complete: its snapshots' instant"
        ),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column("flags", sa.Text(), nullable=False, comment="JSON list of names"),
        sa.Column("new_requests", sa.Integer()),
        sa.Column("missed_requests", sa.BigInteger()),
        sa.Column("rejected_requests", sa.Integer()),
        sa.Column("rejections", sa.Text(), comment="JSON list of what was refused alone, and why"),
        sa.Column("body", sa.LargeBinary(), comment="the first bytes of a refused answer, keys removed"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind in ('poll', 'import')", name=op.f("ck_poll_kind")),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_poll_account_account"),
        sa.PrimaryKeyConstraint("account", "id", name="pk_poll"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_request",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT),
        sa.Column("completed_at", INSTANT),
        sa.Column("credits_used", QUANTITY),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, comment="empty while the provider still lists it"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_usage_request_account_account"),
        sa.PrimaryKeyConstraint("account", "request_id", name="pk_usage_request"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_request_account_created_at", "usage_request", ["account", "created_at"])
    op.create_index(
        "ix_usage_request_listed",
        "usage_request",
        ["account", "request_id"],
        sqlite_where=sa.text("last_seen_at IS NULL"),
        postgresql_where=sa.text("last_seen_at IS NULL"),
    )

    op.create_table(
        "decision",
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("id", ROW_ID, autoincrement=False, nullable=False, comment="counts the meter's decisions from 1"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="the last good observation before the fall"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", QUANTITY, nullable=False),
        sa.Column("after", QUANTITY, nullable=False),
        sa.Column("offset", QUANTITY, nullable=False, comment="what every later total gains"),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_by", ROW_ID),
        sa.CheckConstraint("kind in ('held', 'glitch', 'reset', 'correction')", name=op.f("ck_decision_kind")),
        sa.ForeignKeyConstraint(
            ["meter", "superseded_by"],
            ["decision.meter", "decision.id"],
            name="fk_decision_meter_superseded_by_decision",
        ),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_decision_meter_meter"),
        sa.PrimaryKeyConstraint("meter", "id", name="pk_decision"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_decision_in_force",
        "decision",
        ["meter", "at"],
        sqlite_where=sa.text("superseded_by IS NULL"),
        postgresql_where=sa.text("superseded_by IS NULL"),
    )

    op.create_table(
        "gap",
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ended_at > started_at", name=op.f("ck_gap_length")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_gap_meter_meter"),
        sa.PrimaryKeyConstraint("meter", "started_at", name="pk_gap"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshot",
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "confirmed_at",
            sa.BigInteger(),
            comment="until when the same value was seen; empty where it was seen once",
        ),
        sa.Column("value", QUANTITY, nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="counts the meter's snapshots from 1, in order of time"
        ),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="0 good, 1 held, 2 excluded"),
        sa.CheckConstraint("confirmed_at >= observed_at", name=op.f("ck_snapshot_confirmed")),
        sa.CheckConstraint("status in (0, 1, 2)", name=op.f("ck_snapshot_status")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_snapshot_value")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_snapshot_meter_meter"),
        sa.PrimaryKeyConstraint("meter", "observed_at", name="pk_snapshot"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_snapshot_not_good",
        "snapshot",
        ["meter", "observed_at"],
        sqlite_where=sa.text("status != 0"),
        postgresql_where=sa.text("status != 0"),
    )

    op.create_table(
        "usage_request_change",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("poll", ROW_ID, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT),
        sa.Column("completed_at", INSTANT),
        sa.Column("credits_used", QUANTITY),
        sa.CheckConstraint(
            "kind in ('new', 'update', 'regression', 'conflict')", name=op.f("ck_usage_request_change_kind")
        ),
        sa.ForeignKeyConstraint(
            ["account", "poll"], ["poll.account", "poll.id"], name="fk_usage_request_change_account_poll_poll"
        ),
        sa.PrimaryKeyConstraint("account", "poll", "request_id", name="pk_usage_request_change"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_request_change_account_request_id", "usage_request_change", ["account", "request_id"])


def downgrade() -> None:
    for table in (
        "usage_request_change",
        "usage_request",
        "snapshot",
        "gap",
        "decision",
        "poll",
        "meter",
        "account",
    ):
        op.drop_table(table)
