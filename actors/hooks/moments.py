"""What happens to domains, users and stanzas: the moments at which every feature may act that wants to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from actors.hooks.marks import H, marked
from actors.storage import Archive, Map, Record
from net.xmpp.jid import JID
from net.xmpp.offers import Offer
from net.xmpp.stanza import KINDS, Kind, Stanza
from net.xmpp.xml import Element

if TYPE_CHECKING:
    from actors.adhoc import Command
    from actors.host import Host
    from actors.resource import Resource
    from actors.user import User


Store: TypeAlias = Record[Any] | Map[Any] | Archive


def awakes(stores: Callable[[Any], tuple[Store, ...]]) -> Callable[[H], H]:
    """A User comes into memory: the handler is given what these stores of the feature have of it (`Storage.glance`).

    They are read at once with the roster. Nothing else is known of the user yet but `jid`.
    """
    return lambda handler: marked(handler, "awakes", stores)


Passing: TypeAlias = Callable[[Any, "User", Stanza], Stanza | None]


def outbound(*kinds: Kind) -> Callable[[Passing], Passing]:
    """A stanza of the user's, of one of these kinds (of all, if none are named), is on its way out, stamped.

    Return it, another in its place, or None to end its way here.
    """
    return lambda handler: marked(handler, "outbound", kinds or KINDS)


def inbound(*kinds: Kind) -> Callable[[Passing], Passing]:
    """A stanza for the user, of one of these kinds (of all, if none are named), is on its way in.

    Return it, another in its place, or None to end its way here.
    """
    return lambda handler: marked(handler, "inbound", kinds or KINDS)


def delivered(
    handler: Callable[[Any, User, Stanza, list[Resource]], list[Resource]],
) -> Callable[[Any, User, Stanza, list[Resource]], list[Resource]]:
    """A message for the user goes to these of the resources; to none where it is kept for later, or has nobody.

    Not for a message that finds another way because it could not be written. Return to whom else it has been given.
    """
    return marked(handler, "delivered")


def accepted(handler: Callable[[Any, User, Stanza, bool], Stanza]) -> Callable[[Any, User, Stanza, bool], Stanza]:
    """A message for the user is about to be given to some of the user's clients or, `waiting`, to be kept for the next
    one that comes. Return it, or another in its place. One that a client could not be given any more comes here again.
    """
    return marked(handler, "accepted")


def copied(handler: Callable[[Any, User, Stanza], Stanza]) -> Callable[[Any, User, Stanza], Stanza]:
    """What the user is sending to somebody else is about to be shown to others of the user's clients. Return it, or
    another in its place. It has passed all that is `outbound`; whom it is for does not get what is made of it here.
    """
    return marked(handler, "copied")


def undeliverable(handler: Passing) -> Passing:
    """A message that no resource can take now (RFC 6121 §8.5.2.2). Return it, or what it is kept as, to have taken
    charge of it; None otherwise.
    """
    return marked(handler, "undeliverable")


def known(handler: Callable[[Any, User, Resource, Stanza], bool]) -> Callable[[Any, User, Resource, Stanza], bool]:
    """A message could not be given to a client any more. Whether another one, at this resource, has got it all the same
    by some way of its own: then it is not lost, and goes to nobody.
    """
    return marked(handler, "known")


def overtaking(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A message is about to be delivered to a resource because it names it, and this one is not `receptive`: whatever
    has come for it before has to go ahead.
    """
    return marked(handler, "overtaking")


def receptive(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource has become available with a priority that is not negative: it can be given what waited."""
    return marked(handler, "receptive")


def unavailable(handler: Callable[[Any, User, Stanza], None]) -> Callable[[Any, User, Stanza], None]:
    """A resource that was available is not any more; the presence is what says so to others."""
    return marked(handler, "unavailable")


def unbound(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource is not connected any more, and among `user.resources` no longer."""
    return marked(handler, "unbound")


def hibernates(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """A resource has lost its connection, now or in an earlier life of the server. It stays bound and available: its
    client may come back for what waits.
    """
    return marked(handler, "hibernates")


def unacknowledged(
    handler: Callable[[Any, User, Resource, Collection[Stanza]], None],
) -> Callable[[Any, User, Resource, Collection[Stanza]], None]:
    """A resource that hibernates has these messages in its queue, oldest first: its client may not have got them.

    Comes once for each `Recount` that a feature tells the resource's Session, if there are any. All that the User had
    given it by then is among them, or has been acknowledged.
    """
    return marked(handler, "unacknowledged")


def due(handler: Callable[[Any, User, str], None]) -> Callable[[Any, User, str], None]:
    """The time has come that the feature has set, by telling the User's mailbox `Due(self.name, what)` after a while.

    The User may be another by then, which has been started again, and remembers nothing of it.
    """
    return marked(handler, "due")


def resumed(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """The client of a hibernating resource has come back, or that of one whose connection was thought to be alive."""
    return marked(handler, "resumed")


def saves(handler: Callable[[Any, User, Resource], None]) -> Callable[[Any, User, Resource], None]:
    """Something that the client of a resumable resource has sent is done with: the resource may be another now.

    Its client is told of it afterwards. May raise StorageError: then it is not told.
    """
    return marked(handler, "saves")


def unresumable(handler: Callable[[Any, User, str], int | None]) -> Callable[[Any, User, str], int | None]:
    """A client wants to resume, by this id, what is not there. Return how many stanzas it had handled, if known."""
    return marked(handler, "unresumable")


def shuns(handler: Callable[[Any, User, JID], bool]) -> Callable[[Any, User, JID], bool]:
    """The server is about to act for the user by itself: to show this JID presence or ask for its, to hand over what
    it kept of it. Return True if the user wants nothing to do with it.
    """
    return marked(handler, "shuns")


# What a node's handler gives: elements, or None where the node is not this feature's.
Found = Iterable[Element] | None


def describes(handler: Callable[[Any], Iterable[Element]]) -> Callable[[Any], Iterable[Element]]:
    """Somebody wants to know what the domain is: more identities and forms for its disco#info (XEP-0128).

    It is asked without an actor and has to say the same each time: XEP-0115 computes a hash of it, once.
    """
    return marked(handler, "describes")


def describes_account(
    handler: Callable[[Any, User], Iterable[Element]],
) -> Callable[[Any, User], Iterable[Element]]:
    """Somebody who may know it wants to know what the account is: more identities and forms for its disco#info."""
    return marked(handler, "describes_account")


def describes_node(
    handler: Callable[[Any, Host | User, str, JID], Found],
) -> Callable[[Any, Host | User, str, JID], Found]:
    """Somebody (the JID) wants to know what a node of the actor's is: all that is in its disco#info.

    For a User it is asked only on behalf of those who may see the user's presence. Return None for a node that is not
    this feature's. May raise StanzaError.
    """
    return marked(handler, "describes_node")


def lists(handler: Callable[[Any, Host | User, str, JID], Found]) -> Callable[[Any, Host | User, str, JID], Found]:
    """Somebody (the JID) wants to know what belongs to the actor (node "") or to a node of it: its disco#items.

    Otherwise as `describes_node`.
    """
    return marked(handler, "lists")


def offered(handler: Callable[[Any], Offer]) -> Callable[[Any], Offer]:
    """The first stream opens: a stream feature of this feature's own, the same for all streams of the domain."""
    return marked(handler, "offered")


def revoked(
    handler: Callable[[Any, User, str, Sequence[Resource]], None],
) -> Callable[[Any, User, str, Sequence[Resource]], None]:
    """A client of the user's has lost its access to the account (XEP-0494). By the id of its user agent, "" if it has
    not said which it is; and the resources that it had until now.
    """
    return marked(handler, "revoked")


def bound(handler: Callable[[Any, User, Resource], Element | None]) -> Callable[[Any, User, Resource], Element | None]:
    """A resource has been bound by XEP-0386, before anything can be delivered to it. What is returned goes into
    `<bound/>`: what a client should know that comes.
    """
    return marked(handler, "bound")


def revives(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """The domain is about to be served, and nobody can have connected to it yet: what has outlived the server can be
    taken up again. May wait for storage.
    """
    return marked(handler, "revives")


def serving(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """The server has begun to serve the domain, or goes by another configuration from now on: what a feature does by
    itself begins. It ends when the feature is not among `domain.hooks.features` any more.
    """
    return marked(handler, "serving")


def commands(handler: Callable[[Any], Iterable[Command]]) -> Callable[[Any], Iterable[Command]]:
    """The first ad-hoc command is asked for: those of this feature, of the domain's."""
    return marked(handler, "commands")


# By kind of stanza.
PASSING = ("outbound", "inbound")

# These and those above come with every stanza: whoever is not concerned is to cost nothing (`Feature.for_some`).
FREQUENT = ("delivered", "accepted", "shuns")

MOMENTS = (
    "copied",
    "undeliverable",
    "known",
    "overtaking",
    "receptive",
    "unavailable",
    "unbound",
    "revoked",
    "bound",
    "hibernates",
    "unacknowledged",
    "resumed",
    "saves",
    "unresumable",
    "offered_inline",
    "offered_tasks",
    "tasks",
    "serving",
    "commands",
    "describes",
    "describes_account",
    "describes_node",
    "lists",
    "revives",
)
