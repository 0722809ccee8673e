"""Anonymous users (XEP-0175): who they are, and where their state is while they are here. Nothing of them lasts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Sequence
from typing import Any

from actors.storage import Blobs, Storage, open_storage
from net.xmpp.jid import JID

# What is called with the owner first.
OF_AN_OWNER = frozenset(
    (
        "append",
        "append_within",
        "change",
        "delete",
        "extent",
        "get",
        "index",
        "indexed",
        "items",
        "page",
        "prepare",
        "put",
        "put_soon",
        "replace",
        "trim",
        "wait",
    )
)


class Guests(set[str]):
    """The anonymous users of `domain`, by their bare JIDs: each has one session, and is gone with it."""

    def __init__(self, domain: JID) -> None:
        super().__init__()
        self._domain = domain

    def admit(self) -> JID:
        """A new one, by a name that nobody has had (XEP-0175 §3: a UUID)."""
        jid = JID.of(str(uuid.uuid4()), self._domain)
        self.add(jid)
        return jid


class GuestStorage(Storage):
    """A storage that keeps in memory what belongs to `guests`, and all else where it `lasts`.

    Of what guests never have, that one can be asked itself: it takes a message half a microsecond to come by here.
    """

    def __init__(self, lasts: Storage, guests: Container[str]) -> None:
        self.lasts = lasts
        self._fleeting = open_storage("memory:")
        self._guests = guests

    def store(self, name: str, shape: type[Any], *, of: type[Any] | None = None) -> Any:
        lasts = self.lasts.store(name, shape, of=of)  # type: ignore[arg-type]
        if shape is Blobs:  # they have no owner
            return lasts
        return _Either(self._guests, lasts, self._fleeting.store(name, shape, of=of))  # type: ignore[arg-type]

    def glance(self, owner: str, stores: Sequence[Any]) -> list[Any]:
        # What is only for those that last, as accounts are, has nothing of a guest, and can be asked all the same.
        guest = owner in self._guests
        wanted = [store.chosen(guest=guest) if isinstance(store, _Either) else store for store in stores]
        return (self._fleeting if guest else self.lasts).glance(owner, wanted)

    def forget(self, owner: str) -> None:
        (self._fleeting if owner in self._guests else self.lasts).forget(owner)


class _Either:
    """One store, over the two storages; what is called for all owners at once is called for those that last."""

    def __init__(self, guests: Container[str], lasts: Any, fleeting: Any) -> None:
        self._lasts, self._fleeting = lasts, fleeting
        for name in dir(lasts):
            if name in OF_AN_OWNER:
                setattr(self, name, _by_owner(guests, lasts, fleeting, name))
            elif not name.startswith("_"):
                setattr(self, name, getattr(lasts, name))

    def chosen(self, *, guest: bool) -> Any:
        """The store in which what is a guest's is, or all else."""
        return self._fleeting if guest else self._lasts


def _by_owner(guests: Container[str], lasts: Any, fleeting: Any, name: str) -> Callable[..., Any]:
    def call(owner: str, *args: Any, **options: Any) -> Any:
        return getattr(fleeting if owner in guests else lasts, name)(owner, *args, **options)

    return call
