"""Errands: answers that take longer than the mailbox of the one who was asked can wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from actors.storage import StorageError
from net.greenlets import greenlets
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.router import Router

# So many at a time for one asker, and for all of them.
MOST_EACH = 4
MOST = 32


class Errands:
    """What is being done aside for those who have asked one domain."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.under_way: list[JID] = []

    def run(self, iq: Stanza, work: Callable[[], Stanza]) -> None:
        """Does the `work` in a turn of its own, and routes the answer to `iq` that comes of it.

        Raises StanzaError resource-constraint where enough is under way.
        """
        assert iq.from_ is not None
        asker = iq.from_.bare
        if self.under_way.count(asker) >= MOST_EACH or len(self.under_way) >= MOST:
            raise StanzaError("resource-constraint", "too many requests of this kind at once")
        self.under_way.append(asker)
        greenlets.ready(Errand(self, asker, iq, work))


class Errand(NamedTuple):
    """One of them, as a task for `net.greenlets`."""

    errands: Errands
    asker: JID
    iq: Stanza
    work: Callable[[], Stanza]

    @property
    def address(self) -> str:
        """Who has asked, for the log."""
        return self.iq.from_ or self.asker

    def turn(self) -> None:
        """Whoever waits for it is answered, whatever comes of it."""
        router = self.errands.router
        try:
            router.route(self.work())
        except (StanzaError, StorageError) as error:
            router.bounce(self.iq, error)
        except BaseException:
            router.bounce(self.iq, StanzaError("internal-server-error"))
            raise
        finally:
            self.errands.under_way.remove(self.asker)
