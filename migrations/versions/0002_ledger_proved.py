"""What proves the ledger: terms and cadence, imports, completeness of request lists, and closed statements."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
QUANTITY = sa.BigInteger()

COMMENTS = {
    "poll": {"missed_requests": (sa.BigInteger(), "requests that no list will ever show: it was overrun")},
    "decision": {"superseded_by": (ROW_ID, "the decision that replaced it, if one did")},
}


def added() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return the new columns by table; a column can be added to one table only, so each call makes its own."""
    return {
        "account": (
            sa.Column(
                "terms",
                sa.Text(),
                server_default=sa.text("''"),
                nullable=False,
                comment="JSON: by what falls are decided",
            ),
        ),
        "meter": (
            sa.Column(
                "counts",
                sa.Text(),
                comment="what a listed request adds to it: 'requests' (one) or 'credits' (its credits)",
            ),
        ),
        "poll": (
            sa.Column(
                "format",
                sa.SmallInteger(),
                server_default=sa.text("0"),
                nullable=False,
                comment="of the facts under the digest",
            ),
            sa.Column("listed_requests", sa.Integer(), comment="how many the provider listed"),
            sa.Column(
                "unmatched_requests",
                sa.BigInteger(),
                comment="growth of the counter less new requests, with its sign",
            ),
            sa.Column("missed_after", INSTANT, comment="the span in which they were made"),
            sa.Column("missed_before", INSTANT),
            sa.Column(
                "unexplained",
                sa.BigInteger(),
                comment="growth of the credits less those of requests, with its sign",
            ),
        ),
        "decision": (
            sa.Column("until", sa.BigInteger(), comment="of an operator's glitch: until when the value was seen"),
            sa.Column("superseded_at", INSTANT, comment="empty while it is in force"),
            sa.Column("digest", sa.LargeBinary(), comment="over the meter's decision before it and this one"),
        ),
        "usage_request_change": (
            sa.Column("first_seen_at", INSTANT, comment="of an imported record, as the file says"),
            sa.Column(
                "last_seen_at",
                INSTANT,
                comment="of an imported record; else until when it had been listed before it came back",
            ),
        ),
    }


def upgrade() -> None:
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    comment(set_=True)
    create_tables()
    op.execute(
        "UPDATE decision SET superseded_at = (SELECT later.decided_at FROM decision AS later"
        " WHERE later.meter = decision.meter AND later.id = decision.superseded_by) WHERE superseded_by IS NOT NULL"
    )
    op.execute(
        "UPDATE decision SET until = (SELECT coalesce(seen.confirmed_at, seen.observed_at) FROM snapshot AS seen"
        ' WHERE seen.meter = decision.meter AND seen.observed_at = decision."at")'
        " WHERE kind = 'glitch' AND decided_by LIKE 'operator:%'"
    )
    chain_decisions()
    op.execute("UPDATE meter SET counts = name WHERE name IN ('requests', 'credits')")
    op.drop_index("ix_decision_in_force", "decision")
    in_force_where("superseded_at")


def downgrade() -> None:
    op.drop_index("ix_decision_in_force", "decision")
    in_force_where("superseded_by")
    for table in ("statement_line", "statement", "imported", "cadence"):
        op.drop_table(table)
    comment(set_=False)
    for table, columns in added().items():
        for column in columns:
            op.drop_column(table, column.name)


def comment(*, set_: bool) -> None:
    """Comments are kept by PostgreSQL only."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, columns in COMMENTS.items():
        for name, (kind, text) in columns.items():
            op.alter_column(table, name, existing_type=kind, comment=text if set_ else None)


def in_force_where(empty: str) -> None:
    op.create_index(
        "ix_decision_in_force",
        "decision",
        ["meter", "at"],
        sqlite_where=sa.text(f"{empty} IS NULL"),
        postgresql_where=sa.text(f"{empty} IS NULL"),
    )


def chain_decisions() -> None:
    """Chain the decisions that are there already: the digest before, and what each says."""
    connection = op.get_bind()
    names = connection.execute(
        sa.text("SELECT meter.id, account.name, meter.name FROM meter JOIN account ON account.id = meter.account")
    ).all()
    for meter, account_name, meter_name in names:
        digest = bytes(32)
        rows = connection.execute(
            sa.text(
                'SELECT id, kind, "at", since, "before", "after", "offset", until, decided_at, decided_by, reason'
                " FROM decision WHERE meter = :meter ORDER BY id"
            ),
            {"meter": meter},
        ).all()
        for identity, *facts in rows:
            text = json.dumps([account_name, meter_name, *facts], ensure_ascii=True, separators=(",", ":"))
            digest = hashlib.sha256(digest + text.encode("ascii")).digest()
            connection.execute(
                sa.text("UPDATE decision SET digest = :digest WHERE meter = :meter AND id = :id"),
                {"digest": digest, "meter": meter, "id": identity},
            )


def create_tables() -> None:
    op.create_table(
        "cadence",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="the instant from which it holds; 0 is ever since"),
        sa.Column("gap_after", sa.BigInteger(), nullable=False, comment="microseconds; a longer silence is a gap"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_cadence_account_account"),
        sa.PrimaryKeyConstraint("account", "since", name="pk_cadence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported",
        sa.Column("meter", ROW_ID, nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("value", QUANTITY, nullable=False),
        sa.Column("poll", ROW_ID, nullable=False, comment="the account's poll of kind import that brought it"),
        sa.CheckConstraint("value >= 0", name=op.f("ck_imported_value")),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name="fk_imported_meter_meter"),
        sa.PrimaryKeyConstraint("meter", "observed_at", name="pk_imported"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "statement",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("number", ROW_ID, autoincrement=False, nullable=False, comment="counts the account's closes from 1"),
        sa.Column("period", sa.Text(), nullable=False, comment="as written, such as 2026-10"),
        sa.Column("period_start", INSTANT, nullable=False),
        sa.Column("period_end", INSTANT, nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text()),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="over the digest before it, this row and its lines"
        ),
        sa.CheckConstraint("period_end > period_start", name=op.f("ck_statement_length")),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_statement_account_account"),
        sa.PrimaryKeyConstraint("account", "number", name="pk_statement"),
        sa.UniqueConstraint(
            "account", "period_start", "period_end", name="uq_statement_account_period_start_period_end"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "statement_line",
        sa.Column("account", ROW_ID, nullable=False),
        sa.Column("statement", ROW_ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False, comment="counts the statement's lines from 1"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), comment="the meter's name"),
        sa.Column("body", sa.Text(), nullable=False, comment="the line's figures as canonical JSON"),
        sa.CheckConstraint(
            "kind in ('meter', 'day', 'price', 'requests', 'correction')", name=op.f("ck_statement_line_kind")
        ),
        sa.ForeignKeyConstraint(
            ["account", "statement"],
            ["statement.account", "statement.number"],
            name="fk_statement_line_account_statement_statement",
        ),
        sa.PrimaryKeyConstraint("account", "statement", "line", name="pk_statement_line"),
        sqlite_with_rowid=False,
    )
