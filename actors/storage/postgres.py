"""PostgreSQL, by psycopg."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic.util import CommandError
from psycopg import waiting
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.dialects.postgresql import insert, psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from actors.storage import backups
from actors.storage.errors import StorageError, public, reason
from actors.storage.insertion import Insertion
from actors.storage.schema import migrate
from actors.storage.tables import entry, metadata
from actors.storage.thread import aside
from actors.storage.writer import Writer

LANES = 4
"""While one connection waits for the network or the disk, another one is at work."""

APPEND = Insertion(
    insert(entry).on_conflict_do_nothing(),
    psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
)

PATIENCE = 5.0
"""Seconds to wait for a connection, and for a lock that somebody else holds."""

SILENCE = 10
"""Seconds without a sign of life from the other end after which a connection is given up."""

# Our connections live in native threads, where waiting in C is right. psycopg, seeing that gevent has patched `select`,
# would make a hub in each of them.
waiting.wait = getattr(waiting, "wait_c", waiting.wait)


def connect(url: URL) -> Connection:
    """Connect to the database that `url` names, and bring its schema up to date.

    StorageError, with the reason, if that cannot be done. The password is not in it.
    """
    with _opening(url):
        connection = _opened(url)
        try:
            with connection.begin():
                encoding = connection.scalar(text("SHOW server_encoding"))
                if encoding != "UTF8":
                    raise StorageError(f"cannot use {public(url)}: its encoding is {encoding}, not UTF8")
                migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def snapshot(url: URL) -> Connection:
    """A connection that reads. What others write meanwhile it does not see."""
    with _opening(url):
        connection = _opened(url).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.begin()
        connection.scalar(text("SELECT 1"))  # the moment is that of the first statement
    return connection


def flaws(_snapshot: Connection) -> list[str]:
    """None: PostgreSQL finds them where it reads (if its checksums are on), which is an error there."""
    return []


def backup(url: URL, path: Path) -> Generator[None, None, None]:
    """Row by row."""
    with closing(snapshot(url)) as source, backups.written(path) as target:
        yield from backups.copy(source, target)


def vacuum(url: URL, _writer: Writer) -> None:
    """On a connection of its own: nobody has to wait for it."""

    def work() -> Generator[None, None, None]:
        with _opening(url), closing(_opened(url).execution_options(isolation_level="AUTOCOMMIT")) as connection:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {names}")
            yield

    aside(work())


@contextmanager
def _opening(url: URL) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, CommandError) as error:
        # Other errors of SQLAlchemy's are about the URL, and may quote it.
        why = reason(error) if isinstance(error, DBAPIError | CommandError) else "not a usable URL"
        raise StorageError(f"cannot open {public(url)}: {why}") from error


def _opened(url: URL) -> Connection:
    wanted = {
        "application_name": "parley",
        "client_encoding": "utf8",
        "connect_timeout": round(PATIENCE),
        "options": f"-c lock_timeout={PATIENCE * 1000:.0f}",
        "keepalives_idle": SILENCE,
        "keepalives_interval": 1,
        "tcp_user_timeout": SILENCE * 1000,
    }
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={name: value for name, value in wanted.items() if name not in url.query},
    ).connect()
