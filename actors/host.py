"""A domain: what all of its actors share, and the actor that answers for its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.accounts import Accounts
from actors.actor import Actor, told
from actors.hooks import Feature, Hooks
from actors.mailbox import Inbound
from actors.roster import Counter, RosterItem, RosterStore
from actors.storage import Map, Storage
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID

if TYPE_CHECKING:
    from actors.config import Config
    from actors.router import Router


class Domain:
    """What the actors of one domain share. It has no mailbox and nothing in it changes.

    `name` is the prepared domain. `options` are those of the host in the configuration.
    """

    def __init__(
        self, name: str, config: Config, storage: Storage, router: Router, features: dict[str, type[Feature]]
    ) -> None:
        self.name = name
        self.jid = JID.parse(name)
        self.config = config
        self.options = config.hosts[name]
        self.storage = storage
        self.router = router
        self.clock = router.clock
        self.accounts = Accounts(self.jid, storage, iterations=config.sasl.iterations)
        self.rosters = RosterStore(
            storage.store("roster", Map, of=RosterItem), storage.store("roster counter", Map, of=Counter)
        )
        self.hooks = Hooks(
            feature(self, getattr(config.xeps, feature_name))
            for feature_name, feature in features.items()
            if feature_name not in config.xeps.disabled
        )
        self.host = Host(self).actor_inbox


class Host(Actor):
    """Answers what is addressed to the domain itself (RFC 6120 §10.5.1)."""

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.jid = domain.jid
        self.state: dict[str, Any] = {}
        self.suspect: Any = None

    @told(Inbound)
    def on_inbound(self, message: Inbound) -> None:
        stanza = message.stanza
        router = self.domain.router
        try:
            if stanza.is_request:
                router.route(self.domain.hooks.answer(self, self.jid, stanza))
            elif stanza.kind == "message":
                raise StanzaError("service-unavailable")
        except StanzaError as error:
            router.bounce(stanza, error)

    def succeed(self, message: Any, left: list[Any]) -> None:
        """Another Host takes over. The message is tried once more, then answered with an error."""
        host = Host(self.domain)
        self.domain.host = host.actor_inbox
        if message is not self.suspect:
            host.suspect = message
            host.actor_inbox.tell(message)
        elif isinstance(message, Inbound):
            self.domain.router.bounce(message.stanza, StanzaError("internal-server-error"))
        for late in left:
            host.actor_inbox.tell(late)

    def __repr__(self) -> str:
        return f"<Host {self.jid}>"
