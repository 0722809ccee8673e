"""XEP-0494: Client Access Management."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Annotated

import msgspec

from actors.clients import Client, Proved
from actors.hooks import XEP, Feature, asks, authenticate_inline, due, serving
from actors.mailbox import Due, Revoked
from actors.resource import Resource
from actors.sasl2 import USER_AGENT
from actors.storage import StorageError
from actors.sweep import Sweep
from actors.user import User
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import SASL
from net.xmpp.sasl import EXTERNAL
from net.xmpp.stamps import stamp
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.negotiation import Negotiation
    from actors.sasl2 import Request

log = logging.getLogger(__name__)

NAMESPACE = "urn:xmpp:cam:0"

DAY = 86400.0


class ClientAccessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`days`: after which a client that is not seen is forgotten. `names`: whether software and device are kept."""

    days: Annotated[float, msgspec.Meta(gt=0, le=36500)] = 180
    names: bool = True


class ClientAccess(Feature):
    """Lets users see which clients can log in to their account, and take that from those that have no password."""

    implements = (XEP(494, "0.1.0", "Client Access Management"),)
    advertises_for_accounts = (NAMESPACE,)
    requires = ("sasl2",)
    Options = ClientAccessOptions

    # -- what is remembered

    @authenticate_inline(USER_AGENT)
    def note(self, session: Negotiation, request: Request) -> None:
        """Remembers who has logged in, and by what. The login stands even if that cannot be stored."""
        agent = request.user_agent
        if not agent.id:
            return
        assert session.username is not None
        jid, now = self.domain.accounts.jid(session.username), self.domain.clock.now()
        by_token = session.access.by == "token"

        def note(client: Client, epoch: str) -> Client:
            if self.options.names:
                client = msgspec.structs.replace(client, software=agent.software, device=agent.device)
            known = client.proved is not None and client.proved == Proved("password", epoch)
            if by_token or known:
                return client
            proved = Proved("certificate" if session.access.by == "certificate" else "password", epoch)
            return msgspec.structs.replace(client, proved=proved)

        try:
            self.domain.clients.change(jid, agent.id, now, note, anew=not by_token, epoch=session.access.epoch)
        except StorageError as error:
            log.error("a client could not be noted: %s", error)

    @serving
    def look_after(self) -> None:
        """§6: nothing is remembered for longer than that."""
        Sweep(self, self.domain.clients.owners, self._look_after, DAY).begin()

    def _look_after(self, owner: str) -> bool:
        jid = JID.parse(owner)
        if self._late(self.domain.clients.of(jid)):
            self.domain.router.user(jid).tell(Due(self.name, "late"))  # who knows which ones are connected
        return False

    @due
    def forget_late(self, user: User, _: str) -> None:
        """There may be some that have not been seen for too long."""
        try:
            self._remembered(user)
        except StorageError as error:
            log.error("%r: clients could not be forgotten: %s", user, error)

    def _late(self, clients: Mapping[str, Client]) -> list[str]:
        oldest = self.domain.clock.now() - self.options.days * DAY
        return [id for id, client in clients.items() if client.last_seen < oldest]

    def _remembered(self, user: User) -> dict[str, Client]:
        """The clients of this user; those that have not been seen for too long are forgotten now."""
        connected = {resource.client for resource in user.resources.values()}
        clients = self.domain.clients.of(user.jid)
        late = [id for id in self._late(clients) if id not in connected]
        if late:
            self.domain.clients.forget(user.jid, late)
        return {id: client for id, client in clients.items() if id not in late}

    # -- what is told, and taken

    @asks("get", f"{{{NAMESPACE}}}list", of=User, own=True)
    def tell(self, user: User, iq: Stanza) -> Stanza:
        """§3.1"""
        return iq.result(element(f"{{{NAMESPACE}}}clients", None, *self._listed(user)))

    def _listed(self, user: User) -> Iterator[Element]:
        epoch, now = self._epoch(user), self.domain.clock.now()
        connected = {resource.client for resource in user.resources.values()}
        clients = self._remembered(user)
        for id, client in clients.items():
            ways = client.ways(epoch, now)
            if ways or id in connected:
                yield _client(
                    self.domain.clients.shown(user.jid, id),
                    ways,
                    connected=id in connected,
                    times=(client.first_seen, now if id in connected else client.last_seen),
                    names={"software": client.software, "device": client.device},
                )
        for resource in self._unknown(user, clients):
            way = resource.access.by
            ways = [way] if way in _WAYS and resource.access.epoch == epoch else []
            yield _client(self._shown(user, resource), ways, connected=True)

    def _shown(self, user: User, resource: Resource) -> str:
        """The name of a session whose client is not known."""
        return self.domain.accounts.pseudonym("session", user.full_jid(resource))

    @staticmethod
    def _unknown(user: User, clients: dict[str, Client]) -> Iterator[Resource]:
        """Those whose clients do not say which one they are, or could not be remembered."""
        return (resource for resource in user.resources.values() if resource.client not in clients)

    @asks("set", f"{{{NAMESPACE}}}revoke", of=User, own=True)
    def revoke(self, user: User, iq: Stanza) -> None:
        """§3.2. The answer comes first: it may be the client's own session that ends."""
        assert iq.payload is not None and iq.from_ is not None
        shown = iq.payload.get("id")
        if not shown:
            raise StanzaError("bad-request", "which client? XEP-0494 §3.2")
        epoch, clients = self._epoch(user), self._remembered(user)
        asker = user.resources.get(iq.from_.resource)
        for id, client in clients.items():
            if self.domain.clients.shown(user.jid, id) == shown:
                _check_revocable(client.ways(epoch, self.domain.clock.now()))
                self.domain.clients.forget(user.jid, [id])
                if asker is not None:
                    user.deliver(asker, iq.result())
                user.on_revoked(Revoked(id))
                return
        for resource in self._unknown(user, clients):
            if self._shown(user, resource) == shown:
                _check_revocable([resource.access.by] if resource.access.epoch == epoch else [])
                if asker is not None:
                    user.deliver(asker, iq.result())
                user.revoke("", [resource])
                return
        raise StanzaError("item-not-found", "there is no such client")

    def _epoch(self, user: User) -> str:
        account = self.domain.accounts.find(user.jid)
        return account.epoch if account is not None else ""


def _check_revocable(ways: Collection[str]) -> None:
    """Raises StanzaError for a client that could log in again (§3.2)."""
    if "password" in ways:
        detail = element(f"{{{NAMESPACE}}}password-reset-required")
        raise StanzaError("service-unavailable", "it knows the password, which has to be changed", detail=detail)
    if "certificate" in ways:
        raise StanzaError("not-allowed", "it has a certificate, which only whoever signed that can revoke")


# How the ways to log in are called here. There is no name for a certificate, but others may be used (§3.1).
_WAYS = {
    "password": element(f"{{{NAMESPACE}}}password"),
    "token": element(f"{{{NAMESPACE}}}fast"),
    "certificate": element(f"{{{SASL}}}mechanism", EXTERNAL),
}


def _client(
    id: str,
    ways: list[str],
    *,
    connected: bool,
    times: tuple[float, float] | None = None,
    names: dict[str, str] | None = None,
) -> Element:
    """§3.1; a client has as much access as its user."""

    def part(name: str, *content: Element, text: str | None = None) -> Element:
        return element(f"{{{NAMESPACE}}}{name}", text, *content)

    seen = zip(("first-seen", "last-seen"), times, strict=True) if times else ()
    known = [part(name, text=text) for name, text in (names or {}).items() if text]
    return element(
        f"{{{NAMESPACE}}}client",
        None,
        *(part(name, text=stamp(int(time))) for name, time in seen),
        part("auth", *(deepcopy(_WAYS[way]) for way in ways)),
        element(f"{{{NAMESPACE}}}permission", status="unrestricted"),
        *([part("user-agent", *known)] if known else []),
        id=id,
        connected="true" if connected else "false",
        type="session",
    )
