"""What a storage call may raise."""


class StorageError(Exception):
    """A store could not do what it was asked; nothing of that call has been stored.

    The text names the store and the owner where there is one, and never quotes what was stored.
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
