"""Scheduled reports: since when each is made, its runs by period, and the outbox of their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "scheduled_report",
        sa.Column("report", sa.Text(), nullable=False, comment="its name in the settings"),
        sa.Column("since", INSTANT, nullable=False, comment="when it was first seen; nothing before is made by itself"),
        sa.Column("planned_until", INSTANT, nullable=False, comment="runs due until then are in report_run"),
        sa.PrimaryKeyConstraint("report", name="pk_scheduled_report"),
        sqlite_with_rowid=False,
    )
    create_runs()
    create_deliveries()


def downgrade() -> None:
    for table in ("delivery", "report_run", "scheduled_report"):
        op.drop_table(table)


def create_runs() -> None:
    op.create_table(
        "report_run",
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="as written, such as 2026-10"),
        sa.Column("period_start", INSTANT, nullable=False),
        sa.Column("period_end", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False, comment="when it is looked at next"),
        sa.Column(
            "attempts",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="failures to make it, in a row",
        ),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("made_at", INSTANT, comment="empty while it is still to be made"),
        sa.Column("error", sa.Text(), comment="why it was not made when it was tried last"),
        sa.Column(
            "missing",
            sa.Text(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="JSON: accounts without data",
        ),
        sa.Column(
            "files", sa.Text(), server_default=sa.text("'[]'"), nullable=False, comment="JSON: paths of what was made"
        ),
        sa.CheckConstraint("period_end > period_start", name=op.f("ck_report_run_length")),
        sa.PrimaryKeyConstraint("report", "period", name="pk_report_run"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_report_run_to_make",
        "report_run",
        ["not_before"],
        sqlite_where=sa.text("made_at IS NULL"),
        postgresql_where=sa.text("made_at IS NULL"),
    )


def create_deliveries() -> None:
    op.create_table(
        "delivery",
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="where its address is configured, never the address"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False, comment="the same for every attempt"),
        sa.Column("not_before", INSTANT, nullable=False, comment="when it is tried next"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tried_since", INSTANT, comment="when it was claimed first, since it was opened"),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("finished_at", INSTANT, comment="when it was sent or given up"),
        sa.Column("reached", sa.Text(), server_default=sa.text("'[]'"), nullable=False, comment="JSON: fingerprints"),
        sa.Column("error", sa.Text(), comment="what went wrong last"),
        sa.CheckConstraint(
            "state in ('pending', 'sending', 'sent', 'partly', 'failed')", name=op.f("ck_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["report", "period"],
            ["report_run.report", "report_run.period"],
            name="fk_delivery_report_period_report_run",
        ),
        sa.PrimaryKeyConstraint("report", "period", "target", name="pk_delivery"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_delivery_to_send",
        "delivery",
        ["not_before"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
