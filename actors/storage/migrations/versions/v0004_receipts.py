"""Entries are kept with the receipts of what they were made of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("entry", sa.Column("receipt", sa.Text(), nullable=False, server_default=""))
