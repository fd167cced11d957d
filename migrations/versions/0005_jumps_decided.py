"""What an operator can say of a jump, and the polls that deserve a review, so that reports find them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
QUANTITY = sa.BigInteger()

FALLS = "kind in ('held', 'glitch', 'reset', 'correction')"
FALLS_AND_JUMPS = "kind in ('held', 'glitch', 'reset', 'correction', 'growth', 'unit')"


def upgrade() -> None:
    allow(FALLS_AND_JUMPS)
    op.create_index(
        "ix_poll_flagged",
        "poll",
        ["account", "finished_at"],
        sqlite_where=sa.text("flags != '[]'"),
        postgresql_where=sa.text("flags != '[]'"),
    )


def downgrade() -> None:
    """Take it back; what was decided about a jump has no place before, and the constraint then refuses the step."""
    op.drop_index("ix_poll_flagged", "poll")
    allow(FALLS)


def allow(kinds: str) -> None:
    """Let a decision be of these kinds; SQLite has to write the table anew for it."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_decision_kind"), "decision", type_="check")
        op.create_check_constraint(op.f("ck_decision_kind"), "decision", kinds)
        return
    op.drop_index("ix_decision_in_force", "decision")
    op.rename_table("decision", "decision_before")
    columns = create_decision(kinds)
    names = ", ".join(f'"{one}"' for one in columns)
    op.execute(f"INSERT INTO decision ({names}) SELECT {names} FROM decision_before")  # noqa: S608 - names from here
    op.drop_table("decision_before")
    op.create_index("ix_decision_in_force", "decision", ["meter", "at"], sqlite_where=sa.text("superseded_at IS NULL"))


def create_decision(kinds: str) -> list[str]:
    """Create the table and return the names of its columns."""
    columns = (
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", QUANTITY, nullable=False),
        sa.Column("after", QUANTITY, nullable=False),
        sa.Column("offset", QUANTITY, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("superseded_by", ROW_ID),
        sa.Column("until", sa.BigInteger()),
        sa.Column("superseded_at", INSTANT),
        sa.Column("digest", sa.LargeBinary()),
    )
    op.create_table(
        "decision",
        *columns,
        sa.CheckConstraint(kinds, name=op.f("ck_decision_kind")),
        sa.ForeignKeyConstraint(
            ["meter", "superseded_by"],
            ["decision.meter", "decision.id"],
            name="fk_decision_meter_superseded_by_decision",
        ),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_decision_meter_meter"),
        sa.PrimaryKeyConstraint("meter", "id", name="pk_decision"),
        sqlite_with_rowid=False,
    )
    return [one.name for one in columns]
