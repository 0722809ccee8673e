"""Which Sessions a User has: resources are bound and lost (RFC 6120 §7). Of its mailbox, a part."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from actors.actor import Inbox, told
from actors.comebacks import Comebacks
from actors.mailbox import Bind, BindRefused, Bound, Close, Released, Settle, Settled, Unbind, Waited
from actors.resource import Resource
from actors.settling import Settling
from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.xml import Element


class Bindings(Comebacks):
    """The fields are those of `actors.user.User`."""

    _settling: Settling | None

    @told(Bind)
    def on_bind(self, message: Bind) -> None:
        """Resource binding (RFC 6120 §7): the resource asked for, or one that nobody can guess."""
        access = message.access
        try:
            self._check(access)
            if message.inline is not None and access.client:
                self._replace(access.client)
            name = self._free(message.resource)
        except StanzaError as error:
            message.session.tell(BindRefused(error))
            return
        resource = self._gain(Resource(name, message.session, access, self.domain.clock.now()))
        inline = self._begin(resource, message.inline) if message.inline is not None else ()
        message.session.tell(Bound(name, self.roster, tuple(inline)))

    def _replace(self, client: str) -> None:
        """XEP-0386 §3.2: a client that comes again has lost its earlier sessions."""
        for holder in [resource for resource in self.resources.values() if resource.client == client]:
            holder.session.tell(Close(StreamError("conflict", "the same client has connected again")))
            self._lose(holder)

    def _begin(self, resource: Resource, asked: tuple[Element, ...]) -> Iterator[Element]:
        """What comes of what was asked for along with a resource, and what else its client is told."""
        hooks = self.domain.hooks
        yield from hooks.bind_inline(self, resource, asked)
        for handler in hooks.bound:
            told = handler(self._as_user, resource)
            if told is not None:
                yield told

    def _free(self, wanted: str) -> str:
        """A resourcepart that is free now; a conflict is resolved as the host's options say (RFC 6120 §7.7.2.2)."""
        if not self.exists:
            raise StanzaError("not-allowed", "the account is gone")
        if self.disabled:
            raise StanzaError("not-allowed", "the account has been disabled")
        holder = self.resources.get(wanted)
        conflict = self.domain.options.conflict
        if holder is not None and conflict == "refuse":
            raise StanzaError("conflict")
        if holder is not None and conflict == "replace":
            holder.session.tell(Close(StreamError("conflict", "another client has taken this resource")))
            self._lose(holder)
            return wanted
        if len(self.resources) >= self.domain.config.limits.resources:
            raise StanzaError("resource-constraint", "too many resources")
        if holder is not None:
            stem = wanted[:200]
            return next(
                name for n in range(2, len(self.resources) + 3) if (name := f"{stem}-{n}") not in self.resources
            )
        return wanted or secrets.token_urlsafe(9)

    @told(Unbind)
    def on_unbind(self, message: Unbind) -> None:
        holder = self.resources.get(message.resource)
        if holder is not None and holder.session is message.session:
            self._lose(holder)
        message.session.tell(Released())

    def _lose(self, resource: Resource) -> None:
        """Its Session will be told `Released`, if it has not been."""
        del self.resources[resource.name]
        self._wait_for(resource)
        self._as_user.presence.gone(resource)
        for handler in self.domain.hooks.unbound:
            handler(self._as_user, resource)

    # -- who takes messages changes

    def settle(self) -> None:
        """Messages go another way from now on; ahead of them go those that Sessions were given and hand back."""
        for resource in self.resources.values():
            resource.session.tell(Settle())
            self._wait_for(resource)

    def _wait_for(self, resource: Resource) -> None:
        self._settling = self._settling or Settling()
        self._settling.queue.append(resource.session)

    @told(Settled)
    def on_settled(self, message: Settled) -> None:
        """What has waited for this Session, and waits for no other, has its turn now."""
        self.actor_inbox.handle(self._settled(message.session))

    def _settled(self, session: Inbox) -> Sequence[Waited]:
        if self._settling is None:
            return []
        ready = self._settling.settled(session)
        if not self._settling.queue:
            self._settling = None
        return ready
