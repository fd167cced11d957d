"""Collectors that run: who they are, when they were last seen, and what troubles them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "collector_process",
        sa.Column("owner", sa.Text(), nullable=False, comment="by what it signs its leases"),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False, comment="when it last wrote this row"),
        sa.Column("version", sa.Text(), nullable=False, comment="of the program"),
        sa.Column("troubles", sa.Text(), server_default=sa.text("'[]'"), nullable=False, comment="JSON list of names"),
        sa.PrimaryKeyConstraint("owner", name="pk_collector_process"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("collector_process")
