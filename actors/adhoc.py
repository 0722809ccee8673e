"""What an ad-hoc command is (XEP-0050), for the features that have some: see `commands` in `actors/hooks/`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from net.xmpp.forms import Form, Submission
from net.xmpp.jid import JID
from net.xmpp.xml import Element


class Stage(NamedTuple):
    """A form to be filled in. `last`: after it the command is carried out."""

    form: Form
    last: bool = True


class Outcome(NamedTuple):
    """What came of a command: data (a form of type "result"), and lines for people, those about failures apart."""

    data: Element | None = None
    notes: Sequence[str] = ()
    failures: Sequence[str] = ()


class Command(Protocol):
    """One command of a domain. It is found by its `node`, and shown to people by its `name`."""

    @property
    def node(self) -> str: ...

    @property
    def name(self) -> str: ...

    def allows(self, asker: JID) -> bool:
        """Whether this entity may carry it out; to others it does not exist."""

    def stage(self, asker: JID, given: Sequence[Submission]) -> Stage | None:
        """What has to be filled in after all that is `given`; None when it is enough to carry out the command.

        Who goes back is asked again, with less given: the answer depends on nothing else. It does not wait.
        """

    def do(self, asker: JID, given: Sequence[Submission]) -> Outcome:
        """Carries it out. It may wait, for it holds up no mailbox, and touches no actor's state. Raises StanzaError."""
