"""Every message an actor can be told.

Messages are values: JIDs, stanzas, numbers, and mailboxes as addresses. Actors never hand each other anything that one
of them goes on changing.

A Session is also told what the transport hears: the events of `net.xmpp.stream` (`Opened`, `Stanza`, `Nonza`,
`Misaddressed`, `Closed`, `Failed`), and `Secured` and `Disconnected` of `net.transport`.
"""

from __future__ import annotations

import msgspec

from actors.actor import Inbox
from actors.roster import Roster
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element


class Message(msgspec.Struct, frozen=True):
    """What all of them are: frozen, slotted, cheap to make."""


# -- to a Session


class Deliver(Message, frozen=True):
    """From its User: write this stanza to the client. `shared`: other clients of the user's are given it as well."""

    stanza: Stanza
    shared: bool = False


class Bound(Message, frozen=True):
    """From its User: the resource is bound (RFC 6120 §7). `roster` is the user's, as it is now.

    `inline`: what came of what was asked for along with it.
    """

    resource: str
    roster: Roster
    inline: tuple[Element, ...] = ()


class BindRefused(Message, frozen=True):
    """From its User: the resource cannot be bound; the client may try again."""

    error: StanzaError


class RosterChanged(Message, frozen=True):
    """From its User: the roster is another now. (Whether the client hears of it is the User's business.)"""

    roster: Roster


class Reattach(Message, frozen=True):
    """From a User that takes the place of one that has crashed: its mailbox. It knows the resources already."""

    user: Inbox


class Released(Message, frozen=True):
    """From its User: nothing more will come. The answer is `Settled`."""


class Settle(Message, frozen=True):
    """From its User: hand back what you can deliver no more, and answer `Settled`."""


class Close(Message, frozen=True):
    """From anybody: end the stream, with this error or with none."""

    error: StreamError | None = None


class HostGone(Message, frozen=True):
    """From the server: this domain is served no more (RFC 6120 §4.9.3.5). Sessions with others go on."""

    domain: str


class LoginExpired(Message, frozen=True):
    """From the clock: too long without a bound resource."""


# -- to a User


class Bind(Message, frozen=True):
    """From a new Session: it wants to be this resource, or any ("" for one that the server makes).

    `client`: the id of its user agent, "" for none that is known. `revocable`: it has logged in by what can have been
    taken from that client meanwhile. `inline`: what is asked for along with it, in an
    XEP-0386 bind, which takes the place of all others of the same client; None for one of RFC 6120.
    """

    session: Inbox
    resource: str
    client: str = ""
    revocable: bool = False
    inline: tuple[Element, ...] | None = None


class Unbind(Message, frozen=True):
    """From a Session that has closed."""

    session: Inbox
    resource: str


class Settled(Message, frozen=True):
    """From a Session: whatever it was given before it was asked is delivered, or has been handed back."""

    session: Inbox


class Outbound(Message, frozen=True):
    """From a Session: what its client sent, checked and stamped with its full JID."""

    stanza: Stanza
    session: Inbox


class Returned(Message, frozen=True):
    """From a Session that had closed when it was to deliver this."""

    stanza: Stanza
    shared: bool = False


class Remove(Message, frozen=True):
    """From the accounts: the account is gone; take leave of the contacts, forget everything, close the sessions.

    `request`: how the user has asked for it, to be answered.
    """

    request: Stanza | None = None


class Disabled(Message, frozen=True):
    """From the accounts: this is why nobody may log in any more, and the sessions end; None: the owner may again."""

    reason: str | None


class Revoked(Message, frozen=True):
    """From an admin: this client, by the id of its user agent, cannot log in any more; its sessions end."""

    client: str


class Sleep(Message, frozen=True):
    """From the router: nothing has been heard of you for a while; leave memory if there is nothing to do."""


# -- to a User, a Host


class Inbound(Message, frozen=True):
    """From the router: a stanza addressed to you."""

    stanza: Stanza


class Waited(Inbound, frozen=True):
    """From a User to itself: it has waited for Sessions to settle, and has its turn now."""


# -- asked at the edges (control socket, tests)


class Show(Message, frozen=True):
    """Asked of a Session: its fields by name, for people."""


class ListSessions(Message, frozen=True):
    """Asked of a User: its Sessions by resource, as a dict of mailboxes."""


class ListClients(Message, frozen=True):
    """Asked of a User: the ids of the user agents that have a Session, as a set."""


class Kick(Message, frozen=True):
    """Asked of a User: end the Session of this resource, with this error; whether there was one is answered."""

    resource: str
    error: StreamError
