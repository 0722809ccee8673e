"""What stream management (XEP-0198) is to a Session: whoever keeps the books of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors.actor import Inbox
from actors.mailbox import Deliver, Handled, HibernationOver, Overdue, Save, Split, Withheld
from actors.receipts import Receipt
from net.xmpp.stanza import Stanza

if TYPE_CHECKING:
    from actors.sasl2 import Welcome


class Management(Protocol):
    """What a feature puts into `session.managed`. It runs in the Session's mailbox.

    `resumable`: whether the Session outlives its connection. `revived`: it has outlived the server, and its client has
    not come back yet. Any method may raise StreamError, which ends the stream.
    """

    resumable: bool
    revived: bool

    def receive(self) -> Receipt:
        """A stanza has come from the client: what is to go with it."""

    def deliver(self, message: Deliver) -> None:
        """A stanza is for the client."""

    def told(self, message: Handled | Split | Save | Overdue | Withheld | HibernationOver) -> None:
        """One of the messages that concern the books."""

    def idle(self) -> None:
        """The Session has nothing to do for now."""

    def hibernate(self) -> None:
        """The connection is gone; the client may come back."""

    def check(self, h: int) -> None:
        """Raises StreamError when a client that comes back cannot have handled so many stanzas."""

    def resume(self, h: int, welcome: Welcome | None) -> None:
        """The client has come back, on `session.conn`, and has handled so many stanzas.

        `welcome`: the end of its login, if it came back along with that.
        """

    def end(self, user: Inbox) -> None:
        """The Session has closed, and told its User: what was not acknowledged goes back to that."""

    @property
    def ended(self) -> bool:
        """Whether all that went back has been taken care of: the Session may stop."""

    @property
    def unacknowledged(self) -> tuple[Stanza, ...]:
        """The messages that the client may not have got, oldest first."""

    def forget(self) -> None:
        """The Session stops: nothing is kept for it any more."""
