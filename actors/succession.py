"""How a User ends, and what comes after it: one that has crashed has an heir. Of its mailbox, a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from actors.actor import told
from actors.mailbox import (
    Bind,
    BindRefused,
    Inbound,
    Message,
    Outbound,
    Reattach,
    Released,
    Resume,
    ResumeRefused,
    Returned,
    Settled,
    Sleep,
    Unbind,
)
from actors.standing import Standing
from net.xmpp.errors import StanzaError

if TYPE_CHECKING:
    from actors.user import User


class Succession(Standing):
    """The fields are those of `actors.user.User`. `_suspect`: on this message the one before it has crashed."""

    _suspect: Message | None
    _sleepy: bool

    @told(Sleep)
    def on_sleep(self, message: Sleep) -> None:
        self._sleepy = True

    def on_idle(self) -> None:
        """A User without Sessions leaves memory after a while, one without an account at once. State is in storage."""
        if self.resources or self._settling is not None:
            self._sleepy = False
        elif self._sleepy or not self.started or not self.exists:
            self._stop()
        else:
            self.domain.router.drowsy(self.jid, self.actor_inbox)

    def on_stop(self) -> None:
        self.domain.router.asleep(self.jid, self.actor_inbox)

    def refuse(self, message: Any) -> None:
        """What is told to a User that has ended is for the one that took its place, or will."""
        if isinstance(message, Message):
            self.domain.router.user(self.jid).tell(message)
        else:
            super().refuse(message)

    def succeed(self, message: Any, left: list[Any]) -> None:
        """After a crash another User starts from storage. It takes over the resources and what was `left` to do.

        The message that did it is tried once more. If it crashes the second User too, or if a User cannot even start,
        the message is dropped.
        """
        heir = cast("type[User]", type(self))(self.domain, self.jid)
        heir.resources = self.resources
        heir._settling = self._settling
        self.domain.router.place(self.jid, heir.actor_inbox)
        for resource in heir.resources.values():
            resource.session.tell(Reattach(heir.actor_inbox))
        again = self.started and message is not self._suspect and isinstance(message, Message)
        if again:
            heir._suspect = message
            heir.actor_inbox.tell(message)
        for late in left:
            heir.actor_inbox.tell(late)
        if not again:
            heir._drop(message)
        if not heir.resources and heir._settling is None and heir.actor_inbox.empty():
            heir.on_stop()

    def _drop(self, message: Any) -> None:
        """Whoever waits for something to come of the message is told that nothing will."""
        error = StanzaError("internal-server-error")
        match message:
            case Inbound() | Outbound():
                self.domain.router.bounce(message.stanza, error, message.receipt)
            case Returned():
                self.domain.router.bounce(message.stanza.emptied(), error, message.receipt)
            case Resume():
                message.session.tell(ResumeRefused())
            case Bind():
                message.session.tell(BindRefused(error))
            case Unbind():
                holder = self.resources.get(message.resource)
                if holder is not None and holder.session is message.session:
                    del self.resources[message.resource]
                message.session.tell(Released())
            case Settled():
                for late in self._settled(message.session):
                    self.domain.router.bounce(late.stanza, error, late.receipt)
