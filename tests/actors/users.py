"""Users, and what befalls them, for tests."""

import pytest

from actors.storage import StorageError
from actors.storage.memory import MemoryMap
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.couple import JULIET
from tests.world import Client, World, settle


def without_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    monkeypatch.setattr(MemoryMap, "change", fail)
    monkeypatch.setattr(MemoryMap, "items", fail)


def user(world: World, jid: JID = JULIET) -> User:
    actor = world.router.user(jid).actor
    assert isinstance(actor, User)
    return actor


def message(id: str, inside: str = "", to: str = "juliet@localhost") -> str:
    return f"<message to='{to}' id='{id}'>{inside}</message>"


def ids(client: Client) -> list[str | None]:
    return [node.get("id") for node in client.hears()]


def ask(world: World, jid: JID, question: object) -> object:
    answer = world.router.user(jid).actor.actor_ref.ask(question, block=False)
    settle()
    return answer.get(timeout=1)


def goes_between(client: Client, *stanzas: Stanza) -> None:
    """The Session of this client closes after its User got the first of these, and before it gets the others."""
    first, *others = stanzas
    client.world.router.route(first)
    client.session.close(None)
    for stanza in others:
        client.world.router.route(stanza)
