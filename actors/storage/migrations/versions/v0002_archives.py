"""Archives: parts of peers, who waits, sizes, words; the time of an entry is found by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Sorted by code points, as SQLite does anyway and a language does not.
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

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

# FTS5's own way to follow a table (SQLite documentation, FTS5 §4.4.3).
FTS5 = (
    """CREATE VIRTUAL TABLE sought_words USING fts5(
        words, content='sought', content_rowid='number', tokenize='unicode61 remove_diacritics 0'
    )""",
    """CREATE TRIGGER sought_found AFTER INSERT ON sought BEGIN
        INSERT INTO sought_words (rowid, words) VALUES (new.number, new.words);
    END""",
    """CREATE TRIGGER sought_gone AFTER DELETE ON sought BEGIN
        INSERT INTO sought_words (sought_words, rowid, words) VALUES ('delete', old.number, old.words);
    END""",
)
TEXT_SEARCH = ("CREATE INDEX sought_by_words ON sought USING gin (to_tsvector('simple', words))",)


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
    op.create_table(
        "sought",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("store", sa.Integer, nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("id", Name, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.UniqueConstraint("store", "owner", "id"),
        sa.ForeignKeyConstraint(
            ["store", "owner", "id"], ["entry.store", "entry.owner", "entry.id"], ondelete="CASCADE"
        ),
    )
    for statement in FTS5 if sqlite else TEXT_SEARCH:
        op.execute(statement)
