"""Archives are numbered, ids are bytes, and what finds entries by peer is a table of its own."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Sorted by code points, as SQLite does anyway and a language does not.
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# FTS5's own way to follow a table (SQLite documentation, FTS5 §4.4.3); and with an entry, what finds it is deleted.
SQLITE = (
    """CREATE VIRTUAL TABLE sought_words USING fts5(
        words, content='sought', content_rowid='number', tokenize='unicode61 remove_diacritics 0'
    )""",
    """CREATE TRIGGER sought_found AFTER INSERT ON sought BEGIN
        INSERT INTO sought_words (rowid, words) VALUES (new.number, new.words);
    END""",
    """CREATE TRIGGER sought_gone AFTER DELETE ON sought BEGIN
        INSERT INTO sought_words (sought_words, rowid, words) VALUES ('delete', old.number, old.words);
    END""",
    """CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
        DELETE FROM listing WHERE archive = old.archive AND peer_key = old.peer_key AND id = old.id;
        DELETE FROM sought WHERE archive = old.archive AND id = old.id;
    END""",
)
POSTGRESQL = (
    "CREATE INDEX sought_by_words ON sought USING gin (to_tsvector('simple', words))",
    """CREATE FUNCTION entry_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM listing WHERE archive = old.archive AND peer_key = old.peer_key AND id = old.id;
        DELETE FROM sought WHERE archive = old.archive AND id = old.id;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER entry_gone AFTER DELETE ON entry FOR EACH ROW EXECUTE FUNCTION entry_gone()",
)

KEY = (
    "CASE {0} WHEN '' THEN 0 ELSE"
    " ('x' || substr(encode(sha256(convert_to({0}, 'UTF8')), 'hex'), 1, 12))::bit(48)::bigint >> 1 END"
)

MOVED = (
    "INSERT INTO archive (store, owner, listed) SELECT store, owner, {last} FROM former GROUP BY store, owner",
    """INSERT INTO entry
            (archive, id, peer_key, part_key, peer, part, doc, waiting, receipt, number, total)
        SELECT archive.id, {id}, {peer}, {part}, peer, part, doc, waiting, receipt, number, total
        FROM former JOIN archive ON archive.store = former.store AND archive.owner = former.owner""",
    # Not in order, which SQLite would make in memory.
    "INSERT INTO listing (archive, peer_key, id, part_key) SELECT archive, peer_key, id, part_key FROM entry",
    """INSERT INTO sought (archive, id, words)
        SELECT archive.id, {of}, words
        FROM former_sought JOIN archive ON archive.store = former_sought.store AND archive.owner = former_sought.owner
        ORDER BY former_sought.number""",
)


def upgrade() -> None:
    op.drop_index("entry_by_peer", "entry")
    op.drop_index("entry_waiting", "entry")
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        for gone in ("TRIGGER sought_found", "TRIGGER sought_gone", "TABLE sought_words"):
            op.execute(f"DROP {gone}")
    else:
        op.drop_index("sought_by_words", "sought")
    op.rename_table("entry", "former")
    op.rename_table("sought", "former_sought")
    _make()
    for statement in SQLITE if sqlite else POSTGRESQL:
        op.execute(statement)
    _move(sqlite)
    op.drop_table("former_sought")
    op.drop_table("former")
    if not sqlite:
        op.execute("ANALYZE archive, entry, listing, sought")


def _make() -> None:
    op.create_table(
        "archive",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("store", sa.Integer, sa.ForeignKey("store.id"), nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("listed", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("store", "owner"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "entry",
        sa.Column("archive", sa.Integer, sa.ForeignKey("archive.id"), primary_key=True),
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("peer_key", sa.BigInteger, primary_key=True),
        sa.Column("part_key", sa.BigInteger, primary_key=True),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("doc", sa.Text, nullable=False),
        sa.Column("waiting", sa.Boolean, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
    )
    waiting = sa.column("waiting", sa.Boolean).is_(sa.true())
    op.create_index("entry_waiting", "entry", ["archive", "id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "listing",
        sa.Column("archive", sa.Integer, sa.ForeignKey("archive.id"), primary_key=True),
        sa.Column("peer_key", sa.BigInteger, primary_key=True),
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("part_key", sa.BigInteger, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sought",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("archive", sa.Integer, sa.ForeignKey("archive.id"), nullable=False),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.UniqueConstraint("archive", "id"),
    )


def _move(sqlite: bool) -> None:
    packed, key = "decode({}, 'hex')", KEY
    if sqlite:
        packed, key = "packed({})", "peer_key(CAST({} AS BLOB))"
        driver = op.get_bind().connection.driver_connection
        assert driver is not None
        driver.create_function("packed", 1, bytes.fromhex, deterministic=True)
        driver.create_function("peer_key", 1, _key, deterministic=True)
    words = {
        "last": packed.format("max(id)"),
        "id": packed.format("former.id"),
        "of": packed.format("former_sought.id"),
    }
    words |= {name: key.format(name) for name in ("peer", "part")}
    for statement in MOVED:
        op.execute(statement.format(**words))


def _key(text: bytes) -> int:
    return int.from_bytes(sha256(text).digest()[:6], "big") >> 1 if text else 0
