"""XEP-0050: Ad-Hoc Commands."""

from __future__ import annotations

import secrets
from functools import cached_property

from actors.adhoc import Command, Outcome, Stage
from actors.hooks import XEP, Aside, Feature, Found, asks, describes_node, lists
from actors.host import Host
from actors.user import User
from actors.xeps.disco import INFO, ITEMS
from net.xmpp.errors import StanzaError
from net.xmpp.forms import DATA, FormRefused, Submission, X
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import XML_LANG, Element, element

NAMESPACE = "http://jabber.org/protocol/commands"
COMMAND = f"{{{NAMESPACE}}}command"

ACTIONS = ("execute", "cancel", "prev", "next", "complete")

# A dialogue that nobody goes on with is over after so many seconds; of one asker's, so many go on at once.
PATIENCE = 900.0
MOST = 10


class Dialogue:
    """A command that is being carried out: by whom, and what has been filled in so far (§2.4.2)."""

    __slots__ = ("asker", "command", "given", "id", "touched", "undone")

    def __init__(self, asker: JID, command: Command, now: float) -> None:
        self.id = secrets.token_urlsafe(12)
        self.asker = asker
        self.command = command
        self.given: list[Submission] = []
        self.undone: Submission | None = None
        self.touched = now

    @property
    def stage(self) -> Stage | None:
        """What has to be filled in next."""
        return self.command.stage(self.asker, self.given)


class AdHoc(Feature):
    """Lets those who may carry out the commands that features of the domain have, by filling in forms.

    The state in a Host is the dialogues that go on, by their ids, the longest untouched first.
    """

    implements = (XEP(50, "1.3.0", "Ad-Hoc Commands"), XEP(4, "2.13.2", "Data Forms"))
    advertises = (NAMESPACE,)
    requires = ("disco",)

    @cached_property
    def _commands(self) -> dict[str, Command]:
        commands = [command for declared in self.domain.hooks.commands for command in declared()]
        return {command.node: command for command in sorted(commands, key=lambda command: command.name)}

    # -- discovery

    @lists
    def commands_of(self, actor: Host | User, node: str, asker: JID) -> Found:
        """§2.2: those that the asker may carry out."""
        if node != NAMESPACE or not isinstance(actor, Host):
            return None
        return [
            element(f"{{{ITEMS}}}item", jid=actor.jid, node=command.node, name=command.name)
            for command in self._commands.values()
            if command.allows(asker)
        ]

    @describes_node
    def describe(self, actor: Host | User, node: str, asker: JID) -> Found:
        """§2.2: the list itself, and each command."""
        if not isinstance(actor, Host):
            return None
        if node == NAMESPACE:
            return [_identity("command-list", "Commands")]
        if node not in self._commands:
            return None
        features = [element(f"{{{INFO}}}feature", var=var) for var in (NAMESPACE, DATA)]
        return [_identity("command-node", self._allowed(node, asker).name), *features]

    def _allowed(self, node: str, asker: JID) -> Command:
        """Raises StanzaError item-not-found, forbidden (§4.4)."""
        command = self._commands.get(node)
        if command is None:
            raise StanzaError("item-not-found", "there is no such command")
        if not command.allows(asker):
            raise StanzaError("forbidden")
        return command

    # -- execution

    @asks("set", COMMAND, of=Host)
    def execute(self, host: Host, iq: Stanza) -> Stanza | Aside:
        """§2.4."""
        asked, asker = iq.payload, iq.from_
        assert asked is not None and asker is not None
        command = self._allowed(asked.get("node", ""), asker)
        action = asked.get("action", "execute")
        if action not in ACTIONS:
            raise _bad("malformed-action")
        dialogues = self._dialogues(host)
        id = asked.get("sessionid")
        if id is None:
            if action != "execute":
                raise _bad("bad-action")
            dialogue = self._begin(dialogues, asker, command)
        else:
            dialogue = _going_on(dialogues, id, asker, command)
            if action == "cancel":
                del dialogues[id]
                return iq.result(_command(dialogue, "canceled"))
            _step(dialogue, action, asked.find(X))
        dialogue.touched = self.domain.clock.now()
        stage = dialogue.stage
        if stage is not None:
            dialogues[dialogue.id] = dialogues.pop(dialogue.id, dialogue)
            return iq.result(_form(dialogue, stage))
        dialogues.pop(dialogue.id, None)
        return Aside(lambda: iq.result(_completed(dialogue, command.do(asker, dialogue.given))))

    def _dialogues(self, host: Host) -> dict[str, Dialogue]:
        """Those that go on; those that have waited too long are over."""
        dialogues: dict[str, Dialogue] = host.state.setdefault(self.name, {})
        latest = self.domain.clock.now() - PATIENCE
        for id in [dialogue.id for dialogue in dialogues.values() if dialogue.touched < latest]:
            del dialogues[id]
        return dialogues

    def _begin(self, dialogues: dict[str, Dialogue], asker: JID, command: Command) -> Dialogue:
        """A new dialogue. Whoever has many has forgotten the first of them."""
        theirs = [dialogue.id for dialogue in dialogues.values() if dialogue.asker.bare == asker.bare]
        if len(theirs) >= MOST:
            del dialogues[theirs[0]]
        return Dialogue(asker, command, self.domain.clock.now())


def _going_on(dialogues: dict[str, Dialogue], id: str, asker: JID, command: Command) -> Dialogue:
    """The asker's dialogue with this id. Raises StanzaError for one that is over, or not theirs (§4.4)."""
    dialogue = dialogues.get(id)
    if dialogue is None:
        raise StanzaError("not-allowed", detail=element(f"{{{NAMESPACE}}}session-expired"), echo=False)
    if dialogue.asker != asker or dialogue.command.node != command.node:
        raise _bad("bad-sessionid")
    return dialogue


def _step(dialogue: Dialogue, action: str, form: Element | None) -> None:
    """Goes forward with what has been filled in, or back. Raises StanzaError bad-action, bad-payload (§4.4)."""
    stage = dialogue.stage
    assert stage is not None
    if action == "prev":
        if not dialogue.given:
            raise _bad("bad-action")
        dialogue.undone = dialogue.given.pop()
        return
    if action == ("next" if stage.last else "complete"):
        raise _bad("bad-action")
    try:
        dialogue.given.append(stage.form.read(form))
    except FormRefused as refused:
        raise _bad("bad-payload", str(refused)) from None
    dialogue.undone = None


def _bad(detail: str, text: str = "") -> StanzaError:
    # What was sent may contain a password, which need not travel back.
    return StanzaError("bad-request", text, detail=element(f"{{{NAMESPACE}}}{detail}"), echo=False)


def _form(dialogue: Dialogue, stage: Stage) -> Element:
    """§2.4.2: the form, and what can be done with it. Who has gone back finds it as they filled it in."""
    onward = "complete" if stage.last else "next"
    actions = element(f"{{{NAMESPACE}}}actions", execute=onward)
    actions.extend(
        element(f"{{{NAMESPACE}}}{action}") for action in ("prev", onward) if action != "prev" or dialogue.given
    )
    return _command(dialogue, "executing", actions, stage.form.xml(dialogue.undone))


def _completed(dialogue: Dialogue, outcome: Outcome) -> Element:
    """§3.5: what has failed stands in notes of type "error"."""
    data = [outcome.data] if outcome.data is not None else []
    notes = [(type, text) for type, texts in (("info", outcome.notes), ("error", outcome.failures)) for text in texts]
    lines = (element(f"{{{NAMESPACE}}}note", text, type=type) for type, text in notes)
    return _command(dialogue, "completed", *data, *lines)


def _command(dialogue: Dialogue, status: str, *content: Element) -> Element:
    answer = element(COMMAND, None, *content, node=dialogue.command.node, sessionid=dialogue.id, status=status)
    answer.set(XML_LANG, "en")
    return answer


def _identity(type: str, name: str) -> Element:
    return element(f"{{{INFO}}}identity", category="automation", type=type, name=name)
