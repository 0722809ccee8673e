"""The four shapes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Sorted by code points, as SQLite does anyway and a language does not.
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", Name, nullable=False, unique=True),
    )
    op.create_table(
        "record",
        sa.Column("store", sa.Integer, sa.ForeignKey("store.id"), primary_key=True),
        sa.Column("owner", Name, primary_key=True),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_table(
        "item",
        sa.Column("store", sa.Integer, sa.ForeignKey("store.id"), primary_key=True),
        sa.Column("owner", Name, primary_key=True),
        sa.Column("key", Name, primary_key=True),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("store", sa.Integer, sa.ForeignKey("store.id"), primary_key=True),
        sa.Column("owner", Name, primary_key=True),
        sa.Column("id", Name, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
    )
    op.create_index("entry_by_peer", "entry", ["store", "owner", "peer", "id"])
    op.create_index("entry_by_time", "entry", ["store", "at"])
    op.create_table(
        "blob",
        sa.Column("store", sa.Integer, sa.ForeignKey("store.id"), primary_key=True),
        sa.Column("key", Name, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
