"""Archives: parts of peers, who waits, sizes; the time of an entry is found by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COUNTED = """
    UPDATE entry SET number = counted.number, total = counted.total
    FROM (
        SELECT store, owner, id,
            row_number() OVER so_far AS number,
            sum(octet_length(doc)) OVER so_far AS total
        FROM entry
        WINDOW so_far AS (PARTITION BY store, owner ORDER BY id)
    ) AS counted
    WHERE entry.store = counted.store AND entry.owner = counted.owner AND entry.id = counted.id
"""


def upgrade() -> None:
    op.drop_index("entry_by_time", "entry")
    op.add_column("entry", sa.Column("part", sa.Text, nullable=False, server_default=""))
    op.add_column("entry", sa.Column("waiting", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("entry", sa.Column("number", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("entry", sa.Column("total", sa.BigInteger, nullable=False, server_default="0"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    # SQLite has octet_length since 3.43.
    op.execute(COUNTED.replace("octet_length(doc)", "length(CAST(doc AS BLOB))") if sqlite else COUNTED)
    op.drop_index("entry_by_peer", "entry")
    op.create_index("entry_by_peer", "entry", ["store", "owner", "peer", "id", "part"])
    waiting = sa.column("waiting", sa.Boolean).is_(sa.true())
    op.create_index("entry_waiting", "entry", ["store", "owner", "id"], sqlite_where=waiting, postgresql_where=waiting)
