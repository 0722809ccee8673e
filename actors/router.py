"""JID -> mailbox: the only file that knows where an actor lives.

A lookup, not an actor: it runs in the turn of whoever routes. All of it happens without waiting, so a User is never
started twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from actors.actor import Inbox
from actors.clock import Clock
from actors.mailbox import Inbound, Message, Sleep
from actors.presence import FLEETING
from actors.receipts import Receipt
from actors.storage import StorageError
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.host import Domain

log = logging.getLogger(__name__)

# A User that has had nothing to do for one to two times as many seconds leaves memory.
DROWSE = 15.0


class Router:
    """Where every actor of this process is. `mailbox`: how many messages may wait for one actor."""

    def __init__(self, clock: Clock, *, mailbox: int) -> None:
        self.clock = clock
        self.sessions: set[Inbox] = set()
        self.mailbox = mailbox
        self._domains: dict[str, Domain] = {}
        self._former: dict[str, Domain] = {}
        self._users: dict[JID, Inbox] = {}
        self._vacant: set[JID] = set()
        self._drowsy: set[Inbox] = set()
        self._drowsier: set[Inbox] = set()
        self._sweeping = False

    def add(self, domain: Domain) -> None:
        """Serves one more domain."""
        self._former.pop(domain.name, None)
        self._domains[domain.name] = domain

    def remove(self, domain: Domain) -> None:
        """Serves this domain no more: from now on nothing is routed to it.

        Its Users are woken no more but by its Sessions, which have to be ended, and by themselves.
        """
        self._former[domain.name] = self._domains.pop(domain.name)

    def former(self, name: str) -> Domain | None:
        """The domain of this name if it has been served here once: its Users may not have left memory yet."""
        return self._former.get(name)

    @property
    def formers(self) -> Iterator[Domain]:
        """Those that were served here until a reload."""
        return iter(self._former.values())

    def domain(self, name: str) -> Domain | None:
        """The domain of this (prepared) name, None if it is not served here."""
        return self._domains.get(name)

    @property
    def domains(self) -> Iterator[Domain]:
        """All domains that are served here."""
        return iter(self._domains.values())

    @property
    def awake(self) -> int:
        """How many Users are in memory."""
        return len(self._users)

    # -- stanzas

    def route(self, stanza: Stanza, receipt: Receipt | None = None) -> None:
        """Puts the stanza into the mailbox of the actor it is addressed to, with its receipt. `to` must be set.

        What cannot get there comes back as an error to its sender, if it may be answered (RFC 6120 §10.4, §10.5).
        """
        to = stanza.to
        assert to is not None
        domain = self._domains.get(to.domain)
        if domain is None:
            self.bounce(stanza, StanzaError("remote-server-not-found"), receipt)
            return
        if to.local and stanza.kind == "presence" and stanza.type in FLEETING and not self.may_be_there(to.bare):
            if receipt is not None:
                receipt.handled()
            return
        inbox = self.user(to.bare) if to.local else domain.host
        if len(inbox.messages) < self.mailbox:
            inbox.tell(Inbound(stanza, receipt))
        else:
            self.bounce(stanza, StanzaError("resource-constraint", "too much is waiting for the recipient"), receipt)

    def bounce(self, stanza: Stanza, error: StanzaError | StorageError, receipt: Receipt | None = None) -> None:
        """Routes the `refusal` of a stanza, if there may be one, back to its sender."""
        refusal = self.refusal(stanza, error)
        if refusal is not None and stanza.from_ is not None and stanza.from_.domain in self._domains:
            self.route(refusal, receipt)
        elif receipt is not None:
            receipt.handled()

    @staticmethod
    def refusal(stanza: Stanza, error: StanzaError | StorageError) -> Stanza | None:
        """The error that answers a stanza, None for what may not be answered (RFC 6120 §8.3.1).

        An error of the storage's is logged, and shown as internal-server-error.
        """
        if isinstance(error, StorageError):
            log.error("%r could not be handled: %s", stanza, error)
            error = StanzaError("internal-server-error")
        return stanza.error(error) if stanza.answerable else None

    # -- users

    def user(self, jid: JID) -> Inbox:
        """The mailbox of the User of this bare JID, who is woken if need be. The domain is, or was, served here."""
        inbox = self._users.get(jid)
        if inbox is None or inbox.closed:
            domain = self._domains.get(jid.domain) or self._former[jid.domain]
            inbox = self._users[jid] = User(domain, jid).actor_inbox
        return inbox

    def tell_users(self, domain: str, message: Message) -> None:
        """Tells all Users of this domain that are in memory."""
        for jid, inbox in self._users.items():
            if jid.domain == domain:
                inbox.tell(message)

    def may_be_there(self, jid: JID) -> bool:
        """Whether this bare JID may have a resource: False for a User of ours who has none, or is not in memory."""
        return jid not in self._vacant and (jid in self._users or jid.domain not in self._domains)

    def place(self, jid: JID, user: Inbox) -> None:
        """Puts this User in the place of one that has crashed."""
        self._users[jid] = user
        self._vacant.discard(jid)

    def asleep(self, jid: JID, user: Inbox) -> None:
        """This User leaves memory."""
        if self._users.get(jid) is user:
            del self._users[jid]
            self._vacant.discard(jid)

    def occupied(self, jid: JID) -> None:
        """This User has a resource."""
        self._vacant.discard(jid)

    def drowsy(self, jid: JID, user: Inbox) -> None:
        """A User has no resource and nothing to do: after a while without a word to it, it is told so."""
        self._vacant.add(jid)
        self._drowsier.discard(user)
        self._drowsy.add(user)
        self._sweep_later()

    def _sweep_later(self) -> None:
        if not self._sweeping and (self._drowsy or self._drowsier):
            self._sweeping = True
            self.clock.after(DROWSE, self._sweep)

    def _sweep(self) -> None:
        sleepy, self._drowsier, self._drowsy = self._drowsier, self._drowsy, set()
        for user in sleepy:
            user.tell(Sleep())
        self._sweeping = False
        self._sweep_later()
