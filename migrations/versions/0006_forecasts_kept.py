"""What scheduled reports foretold, so that it can be graded when its time is over."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "forecast",
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="the report's, as written, such as 2026-10"),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False, comment="the last good observation: it counts from there"),
        sa.Column(
            "until", INSTANT, nullable=False, comment="how far it looks: the end of a billing period, if there is one"
        ),
        sa.Column(
            "quota", sa.BigInteger(), comment="in the meter's smallest unit, as used and remaining; empty without one"
        ),
        sa.Column("used", sa.BigInteger()),
        sa.Column("remaining", sa.BigInteger()),
        sa.Column("probability", sa.Double(), comment="that what remains is used before until, 0 to 1"),
        sa.Column(
            "times", sa.Text(), nullable=False, comment="JSON: pairs of level and days until the quota ends, or null"
        ),
        sa.Column("amounts", sa.Text(), nullable=False, comment="JSON: pairs of level and usage from seen_at to until"),
        sa.Column("method", sa.Text(), nullable=False),
        sa.CheckConstraint("until > seen_at", name=op.f("ck_forecast_length")),
        sa.CheckConstraint("probability between 0 and 1", name=op.f("ck_forecast_probability")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_forecast_meter_meter"),
        sa.ForeignKeyConstraint(
            ["report", "period"],
            ["report_run.report", "report_run.period"],
            name="fk_forecast_report_period_report_run",
        ),
        sa.PrimaryKeyConstraint("meter", "report", "period", name="pk_forecast"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("forecast")
