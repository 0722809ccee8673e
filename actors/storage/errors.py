"""What a storage call may raise."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError


class StorageError(Exception):
    """A store could not do what it was asked; nothing of that call has been stored.

    Only if the connection to a database broke in the middle of a commit, nobody knows. The text is one line; it names
    the store and the owner where there is one, and never quotes what was stored.
    """

    def __init__(self, reason: str, *, store: str | None = None, owner: str | None = None) -> None:
        named = f"store {store!r}" if store else "storage"
        super().__init__(f"{named}, owner {owner!r}: {reason}" if owner is not None else f"{named}: {reason}")
        self.store = store
        self.owner = owner


class StorageClosed(StorageError):
    """The storage was closed before the call could be accepted."""

    def __init__(self) -> None:
        super().__init__("closed")


def reason(error: BaseException | None) -> str:
    """Why, on one line: the driver's first. SQLAlchemy's would quote the statement, PostgreSQL's others the row."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).partition("\n")[0]


def public(url: str | URL) -> str:
    """The URL of a storage without what is secret in it: the password, which may also be among its options."""
    try:
        return make_url(url).set(query={}).render_as_string()
    except (ArgumentError, ValueError):
        return str(url).partition(":")[0] + ":"
