"""XEP-0198: Stream Management. Clients resume their streams after a lost connection, and after a restart of the server.

How it is done is told in docs/design/0008-stream-management.md.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from actors.hooks import (
    LATER,
    XEP,
    Feature,
    Later,
    authenticate_inline,
    bind_inline,
    hibernates,
    nonza,
    offered,
    offered_inline,
    revives,
    saves,
    unresumable,
)
from actors.host import Domain
from actors.mailbox import Close, Manage, Revive
from actors.presence import priority
from actors.resource import Resource
from actors.session import Session
from actors.storage import StorageError
from actors.user import User
from actors.xeps.stream_management.managed import Managed, Terms
from actors.xeps.stream_management.saved import ID_BYTES, SavedResource, SavedStream, Streams, resource_key
from net.xmpp import sasl, sm
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.offers import Offer, after_login
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, parse

if TYPE_CHECKING:
    from actors.sasl2 import Request

log = logging.getLogger(__name__)


class StreamManagementOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds`: how long a stream without connection can be resumed, 0 for never. `hibernating`: how many of a user's
    may be without. `stanzas`, `bytes`: how much may wait for one client to acknowledge it. `patience`: seconds until a
    client that does not answer counts as gone. `location`: where clients are to come back to, "" for where they came.
    """

    seconds: Annotated[int, msgspec.Meta(ge=0, le=7 * 86400)] = 300
    hibernating: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    stanzas: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 5000
    bytes: Annotated[int, msgspec.Meta(ge=10_000, le=1 << 30)] = 3_145_728
    patience: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60
    location: str = ""


class StreamManagement(Feature):
    """Keeps the books of clients' streams. The state in a Resource is what is stored of it."""

    implements = (XEP(198, "1.6.3", "Stream Management"),)
    Options = StreamManagementOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._streams = Streams(domain.storage)
        # All that waits is written at once to a client that comes back, so it has to fit into the outbox.
        room = min(options.bytes, domain.config.limits.outbox * 3 // 4)
        self._terms = Terms(options.stanzas, room, options.patience)

    @offered
    def offer(self) -> Offer:
        return after_login("sm", sm.FEATURE)

    @offered_inline
    def offer_inline(self, _offer: sasl.Offer) -> Element | None:
        """§6.1: a stream may be resumed along with the login."""
        return parse(sm.FEATURE) if self.options.seconds else None

    # -- what clients say

    @nonza(sm.ENABLE)
    def enable(self, session: Session, element: Element) -> None:
        """§3: once, when a resource is bound."""
        if session.full_jid is None:
            session.refuse_step(sm.failed("unexpected-request"))
        else:
            _say(session, self._enabled(session, element))

    @bind_inline(sm.NAMESPACE, sm.ENABLE, of=Session)
    def enable_inline(self, session: Session, _resource: str, element: Element) -> Element:
        """§6.2: along with the resource (XEP-0386)."""
        return parse(self._enabled(session, element))

    def _enabled(self, session: Session, element: Element) -> bytes:
        """The answer to an <enable/> on a stream with a resource."""
        wanted, most = sm.truth(element.get("resume")), element.get("max")
        if session.managed is not None:
            return sm.failed("unexpected-request")
        if wanted is None or (most is not None and sm.wish(most) is None):
            return sm.failed("bad-request")
        if wanted and self.options.seconds:
            return self._enable_resumption(session, min(self.options.seconds, sm.wish(most) or self.options.seconds))
        session.managed = self._manage(session)
        return sm.enabled()

    def _enable_resumption(self, session: Session, seconds: int) -> bytes:
        managed = self._manage(session, seconds)
        if not managed.save():
            return sm.failed("internal-server-error")
        session.managed = managed
        assert session.resource is not None and session.user is not None
        session.user.tell(Manage(session.actor_inbox, session.resource, managed.previd))
        return sm.enabled(managed.previd, most=seconds, location=self.options.location)

    def _manage(self, session: Session, seconds: float = 0, previd: str = "") -> Managed:
        previd = previd or secrets.token_urlsafe(ID_BYTES)
        return Managed(session, self._streams, self._terms, previd=previd, seconds=seconds)

    @nonza(sm.RESUME)
    def resume(self, session: Session, element: Element) -> None:
        """§5: on a stream that is logged in and has no resource."""
        previd, h = element.get("previd"), sm.count(element.get("h"))
        if session.full_jid is not None:
            _say(session, sm.failed("unexpected-request"))
        elif session.type != "c2s":
            session.refuse_step(sm.failed("unexpected-request"))
        elif not self.options.seconds:
            session.refuse_step(sm.failed("feature-not-implemented"))
        elif not previd or h is None:
            session.refuse_step(sm.failed("bad-request"))
        else:
            session.resume(previd, h)

    @authenticate_inline(sm.RESUME)
    def resume_inline(self, session: Session, request: Request) -> Element | Later:
        """§6.1: along with the login (XEP-0388), in place of a resource."""
        asked = request.find(sm.RESUME)
        assert asked is not None
        previd, h = asked.get("previd"), sm.count(asked.get("h"))
        if not self.options.seconds:
            return parse(sm.failed("feature-not-implemented"))
        if not previd or h is None:
            return parse(sm.failed("bad-request"))
        session.resume(previd, h)
        return LATER

    @nonza(sm.REQUEST)
    def answer(self, session: Session, element: Element) -> None:
        """§4."""
        _books(session).requested()

    @nonza(sm.ACK)
    def note(self, session: Session, element: Element) -> None:
        """§4."""
        h = sm.count(element.get("h"))
        if h is None:
            raise StreamError("invalid-xml", "an acknowledgement needs an h")
        _books(session).acknowledged(h)

    # -- the user's resources

    @hibernates
    def make_room(self, user: User, resource: Resource) -> None:
        """Whoever loses connections again and again does not fill up the server: the oldest one ends."""
        waiting = [each for each in user.resources.values() if each.hibernating is not None]
        if len(waiting) > self.options.hibernating:
            oldest = min(waiting, key=lambda each: each.hibernating or 0.0)
            oldest.session.tell(Close())

    @unresumable
    def recall(self, user: User, previd: str) -> int | None:
        """§5: how far a stream had got that has timed out."""
        try:
            stream = self._streams.stream(user.jid, previd)
        except StorageError as error:
            log.error("%r: earlier streams could not be read: %s", user, error)
            return None
        return stream.received if stream is not None and stream.ended is not None else None

    @saves
    def keep(self, user: User, resource: Resource) -> None:
        """What would be missed after a restart."""
        presence = resource.presence.wire.decode() if resource.presence is not None else ""
        state = _plain({name: value for name, value in resource.state.items() if name != self.name})
        saved = SavedResource(
            presence,
            resource.interested,
            [str(jid) for jid in resource.directed],
            state,
            resource.access,
            resource.since,
        )
        if saved != resource.state.get(self.name):
            self._streams.change(user.jid, {resource_key(resource.previd): saved})
            resource.state[self.name] = saved

    # -- a new life

    @revives
    def revive(self) -> None:
        """All that can be resumed hibernates again, as if the connections had been lost just now."""
        for owner in self._streams.owners(self.domain.name):
            jid = JID.parse(owner)
            account = self.domain.accounts.find(jid)
            there = account is not None and account.disabled is None
            for previd, stream in self._streams.streams(owner).items():
                if stream.ended is None and there:
                    try:
                        self._revive(jid, previd, stream)
                    except msgspec.ValidationError as error:
                        log.error("a stream of %s cannot be resumed: %s", jid, error)
                elif stream.ended is None:
                    self._streams.change(owner, dict.fromkeys(self._streams.keys(owner, previd)))

    def _revive(self, jid: JID, previd: str, stream: SavedStream) -> None:
        saved = self._streams.resource(jid, previd) or SavedResource("", interested=False, directed=[], state={})
        stanzas = [*self._streams.stanzas(jid, previd)]
        session = Session(self.domain.router, None)
        session.revive(self.domain, jid.with_resource(stream.resource), stream.lang)
        presence = Stanza.read(parse(saved.presence.encode())).at_rest() if saved.presence else None
        session.presence, session.interested = presence, saved.interested
        session.priority = priority(presence) if presence is not None else 0
        managed = self._manage(session, stream.seconds, previd)
        session.managed = managed
        managed.revive(stream, stanzas)
        assert session.user is not None
        directed = tuple(map(JID.parse, saved.directed))
        session.user.tell(
            Revive(
                session.actor_inbox,
                stream.resource,
                previd,
                presence,
                saved.interested,
                directed,
                saved.state,
                saved.access,
                saved.since,
            )
        )


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A copy of what can be stored of the features' state."""
    plain = {}
    for name, value in state.items():
        with suppress(TypeError):
            plain[name] = msgspec.to_builtins(value)
    return plain


def _say(session: Session, nonza: bytes) -> None:
    assert session.conn is not None
    session.conn.send(nonza)


def _books(session: Session) -> Managed:
    if not isinstance(session.managed, Managed):
        raise StreamError("unsupported-stanza-type", "stream management has not been enabled")
    return session.managed
