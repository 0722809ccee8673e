"""Every message an actor can be told.

Messages are values: JIDs, stanzas, numbers, and mailboxes as addresses. Actors never hand each other anything that one
of them goes on changing.

A Session is also told what the transport hears: the events of `net.xmpp.stream` (`Opened`, `Stanza`, `Nonza`,
`Misaddressed`, `Closed`, `Failed`), and `Secured` and `Disconnected` of `net.transport`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors.access import Access
from actors.actor import Inbox
from actors.resource import Key
from actors.roster import Roster
from net.transport import Transport
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

if TYPE_CHECKING:
    from actors.receipts import Receipt
    from actors.sasl2 import Welcome


class Message(msgspec.Struct, frozen=True):
    """What all of them are: frozen, slotted, cheap to make."""


# -- to a Session


class Deliver(Message, frozen=True):
    """From its User: write this stanza to the client.

    `shared`: the keys of the resources that have been given it, if there are several.
    """

    stanza: Stanza
    shared: tuple[Key, ...] = ()
    receipt: Receipt | None = None


class Handled(Message, frozen=True):
    """From whoever is done with a part of the stanza of this number."""

    number: int


class Split(Message, frozen=True):
    """From whoever has one more part of the stanza of this number to be handled."""

    number: int


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


class Recount(Message, frozen=True):
    """From its User: say what your client has not acknowledged. The answer, if there is anything: `Unacknowledged`."""


class Close(Message, frozen=True):
    """From anybody: end the stream, with this error or with none."""

    error: StreamError | None = None


class HostGone(Message, frozen=True):
    """From the server: this domain is served no more (RFC 6120 §4.9.3.5). Sessions with others go on."""

    domain: str


class LoginExpired(Message, frozen=True):
    """From the clock: too long without a bound resource."""


class Resumable(Message, frozen=True):
    """From its User to a new Session: here is the one that it wants to go on as; `h` as it came with the request."""

    session: Inbox
    h: int


class ResumeRefused(Message, frozen=True):
    """From a User, or a Session that does not go on: nothing is resumed. The client may bind a resource instead.

    `h`: so many stanzas had been handled, if that is known. `error`: by this the client's stream ends.
    """

    h: int | None = None
    error: StreamError | None = None


class Attach(Message, frozen=True):
    """From a new Session: take my connection, its client goes on with your stream, of which it has handled `h`.

    `access`: how it has logged in. `welcome`: the end of a login that waits for it (XEP-0388), None where none does.
    The one message that carries what is alive: a connection is where its process is, and so are both Sessions.
    """

    session: Inbox
    conn: Transport
    h: int
    access: Access
    welcome: Welcome | None = None


class Superseded(Message, frozen=True):
    """From the Session that has taken the connection of this one: end without a word."""

    by: Inbox


class Severed(Message, frozen=True):
    """From a Session that has given its connection away: it had been lost before."""

    conn: Transport


class Save(Message, frozen=True):
    """From the Session itself, now or by its clock: what its client has yet to acknowledge is to be on disk."""


class Overdue(Message, frozen=True):
    """From the clock: the client has not answered a request for acknowledgement."""


class Withheld(Message, frozen=True):
    """From the clock: the client has waited long enough for an acknowledgement."""


class HibernationOver(Message, frozen=True):
    """From the clock: the client has not come back in time."""


# -- to a User


class Bind(Message, frozen=True):
    """From a new Session: it wants to be this resource, or any ("" for one that the server makes).

    `access`: how it has logged in. `inline`: what is asked for along with it, in an XEP-0386 bind, which takes the
    place of all others of the same client; None for one of RFC 6120.
    """

    session: Inbox
    resource: str
    access: Access = Access()
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
    receipt: Receipt | None = None


class Manage(Message, frozen=True):
    """From a Session: by this id its client can resume it from now on."""

    session: Inbox
    resource: str
    previd: str


class Resume(Message, frozen=True):
    """From a new Session: its client wants to go on with an earlier stream, of which it has handled `h` stanzas.

    `access`: how it has logged in.
    """

    session: Inbox
    previd: str
    h: int
    access: Access


class Hibernates(Message, frozen=True):
    """From a Session: it has lost its connection, and waits for the client to come back."""

    session: Inbox
    resource: str


class Unacknowledged(Message, frozen=True):
    """From a Session: of what it was given before it was asked, its client has yet to acknowledge these messages."""

    session: Inbox
    resource: str
    messages: tuple[Stanza, ...]


class Resumed(Message, frozen=True):
    """From a Session: its client has come back, and logged in again by this `access`.

    `revived`: the server has been started again meanwhile.
    """

    session: Inbox
    resource: str
    access: Access
    revived: bool


class Revive(Message, frozen=True):
    """From a Session of an earlier life of the server: the resource is there, and as it was.

    `directed`, `state`, `access` and `since` as in `actors.resource.Resource`.
    """

    session: Inbox
    resource: str
    previd: str
    presence: Stanza | None
    interested: bool
    directed: tuple[JID, ...]
    state: dict[str, Any]
    access: Access
    since: float


class Returned(Message, frozen=True):
    """From a Session that had closed when it was to deliver this, or whose client has never acknowledged it.

    `shared` as in `Deliver`.
    """

    stanza: Stanza
    shared: tuple[Key, ...] = ()
    receipt: Receipt | None = None


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


class Due(Message, frozen=True):
    """From the clock: the time has come that this feature has set for this. What it is only the feature knows."""

    feature: str
    what: str


class Enabled(Message, frozen=True):
    """From the server: the domain has these features now, by name, which it had not before."""

    features: frozenset[str]


class Sleep(Message, frozen=True):
    """From the router: nothing has been heard of you for a while; leave memory if there is nothing to do."""


# -- to a User, a Host


class Inbound(Message, frozen=True):
    """From the router: a stanza addressed to you."""

    stanza: Stanza
    receipt: Receipt | None = None


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
