"""A domain: what all of its actors share, and the actor that answers for its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from actors.accounts import Accounts
from actors.actor import Actor, told
from actors.attempts import Attempts
from actors.clients import Clients
from actors.errands import Errands
from actors.guests import GuestStorage
from actors.hooks import Aside, Feature, Hooks
from actors.mailbox import Inbound
from actors.notices import Notices
from actors.roster import RosterStore
from actors.storage import Storage, StorageError
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import SESSION
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.config import Config
    from actors.router import Router


class Domain:
    """What the actors of one domain share. It has no mailbox.

    `name` is the prepared domain. `options` are those of the host in the configuration. `administer` carries out one of
    the commands of `actors.commands`. `started`: since when it has been served.
    """

    def __init__(
        self,
        name: str,
        config: Config,
        storage: Storage,
        router: Router,
        features: dict[str, type[Feature]],
        *,
        administer: Callable[[Mapping[str, Any]], Any],
    ) -> None:
        self.name = name
        self.jid = JID.parse(name)
        self.router = router
        self.administer = administer
        self.clock = router.clock
        self.started = self.clock.now()
        self.errands = Errands(router)
        self.accounts = Accounts(self.jid, storage, iterations=config.sasl.iterations)
        self.storage = GuestStorage(storage, self.accounts.guests)
        self.rosters = RosterStore(self.storage)
        self.clients = Clients(self.accounts, self.storage, most=config.limits.clients)
        self.notices = Notices(self.jid, self.storage)
        self._features = features
        self.configure(config)
        self.host = Host(self).actor_inbox

    def configure(self, config: Config) -> None:
        """Goes by this configuration from now on. What is under way ends as it began."""
        self.config = config
        self.options = config.hosts[self.name]
        self.accounts.iterations = config.sasl.iterations
        self.clients.most = config.limits.clients
        self.attempts = Attempts(config.limits)
        self.hooks = Hooks(
            feature(self, getattr(config.xeps, feature_name))
            for feature_name, feature in self._features.items()
            if feature_name not in config.xeps.disabled
        )

    def serve(self) -> None:
        """Has the features begin what they do by themselves. The domain is among those served, and somebody listens."""
        for begin in self.hooks.serving:
            begin()

    def revive(self) -> None:
        """Is about to be served: nobody can have connected to it yet."""
        for handler in self.hooks.revives:
            handler()

    def is_admin(self, jid: JID) -> bool:
        """Whether this is one of those who may administer the domain, with whichever resource."""
        return str(jid.bare) in self.options.admins

    def answer(self, actor: Actor, jid: JID, iq: Stanza) -> Stanza | None:
        """What its features answer to an iq request to `actor`; None where the answer goes its own way.

        Raises StanzaError, as `Hooks.answer`.
        """
        answer = self.hooks.answer(actor, jid, iq)
        if isinstance(answer, Aside):
            self.errands.run(iq, answer.work)
            return None
        return answer


class Host(Actor):
    """Answers what is addressed to the domain itself (RFC 6120 §10.5.1)."""

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.jid = domain.jid
        self.state: dict[str, Any] = {}
        self._suspect: Inbound | None = None

    @told(Inbound)
    def on_inbound(self, message: Inbound) -> None:
        stanza = message.stanza
        router = self.domain.router
        try:
            if stanza.is_request:
                answer = self._answer_iq(stanza)
                if answer is not None:
                    router.route(answer, message.receipt)
                    return
            elif stanza.kind == "message":
                raise StanzaError("service-unavailable")
        except (StanzaError, StorageError) as error:
            router.bounce(stanza, error, message.receipt)
        else:
            if message.receipt is not None:
                message.receipt.handled()

    def _answer_iq(self, iq: Stanza) -> Stanza | None:
        # RFC 3921 §3: clients of its time establish a session with the domain. It does nothing.
        if iq.type == "set" and iq.payload is not None and iq.payload.tag == f"{{{SESSION}}}session":
            return iq.result()
        return self.domain.answer(self, self.jid, iq)

    def succeed(self, message: Any, left: list[Any]) -> None:
        """Another Host takes over. The message is tried once more, then answered with an error."""
        heir = Host(self.domain)
        self.domain.host = heir.actor_inbox
        if isinstance(message, Inbound):
            if message is self._suspect:
                error = StanzaError("internal-server-error")
                self.domain.router.bounce(message.stanza, error, message.receipt)
            else:
                heir._suspect = message
                heir.actor_inbox.tell(message)
        for late in left:
            heir.actor_inbox.tell(late)

    @property
    def address(self) -> str:
        return self.jid

    def __repr__(self) -> str:
        return f"<Host {self.jid}>"
