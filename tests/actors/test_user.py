"""Users: what becomes of one that has too much to do or is removed, and of what comes back to it."""

import pytest

from actors.mailbox import Due, Kick, ListSessions, Remove, Returned
from actors.roster import ROSTER, RosterStore
from actors.session import Session
from actors.storage import StorageError
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.actors.users import ask, ids, message
from tests.couple import JULIET, ROMEO, item, lovers, query, relate, states, told
from tests.world import World, failure, settle

# -- too much to do


def test_a_user_with_too_much_to_do_takes_no_more_stanzas() -> None:
    world = World("romeo", "juliet", sets=("limits.mailbox=100",))
    romeo, juliet = world.available("romeo"), world.available("juliet")
    assert romeo.jid is not None
    for n in range(120):
        world.router.route(Stanza("message", id=str(n), from_=romeo.jid, to=JULIET))
    settle()
    assert ids(juliet) == [str(n) for n in range(100)]
    refused = romeo.hears()
    assert [node.get("id") for node in refused] == [str(n) for n in range(100, 120)]
    assert {failure(node) for node in refused} == {("wait", "resource-constraint")}


def test_a_user_with_too_much_to_do_for_itself_ends_in_silence() -> None:
    world = World("romeo", sets=("limits.mailbox=100",))
    romeo = world.available("romeo")
    assert romeo.jid is not None
    for n in range(120):
        world.router.route(Stanza("message", id=str(n), from_=romeo.jid, to=ROMEO))
    settle()
    assert len(ids(romeo)) == 100


# -- what comes back from a Session


def returned(world: World, stanza: Stanza, *, shared: bool = False) -> None:
    world.router.user(JULIET).tell(Returned(stanza, (("gone", 1.0), ("gone too", 2.0)) if shared else ()))
    settle()


@pytest.mark.parametrize(
    ("type", "delivered", "refused"), [("chat", ["1"], []), ("normal", [], ["1"]), ("headline", [], [])]
)
def test_a_message_that_was_not_written_goes_where_it_would_go_without_that_resource(
    type: str, delivered: list[str], refused: list[str]
) -> None:
    world, romeo, juliet = lovers("both")
    returned(world, Stanza("message", type=type, id="1", from_=romeo.jid, to=JID.parse("juliet@localhost/gone")))
    assert ids(juliet) == delivered
    assert ids(romeo) == refused


def test_a_message_to_many_that_one_of_them_did_not_write_is_not_doubled() -> None:
    world, romeo, juliet = lovers("both")
    other = world.available("juliet", "chamber")
    romeo.hears()
    juliet.hears()
    other.wire.closed = True
    other.session.conn = None  # it has lost its connection, and nobody knows
    romeo.says(message("1"))
    assert ids(juliet) == ["1"]
    assert ids(romeo) == []


@pytest.mark.parametrize("shared", [True, False])
def test_a_message_that_nobody_has_written_is_kept_or_refused(shared: bool) -> None:
    world = World("romeo", "juliet", sets=('xeps.disabled=["offline"]',))
    romeo = world.available("romeo")
    returned(world, Stanza("message", type="chat", id="1", from_=romeo.jid, to=JULIET), shared=shared)
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


# -- legacy


def test_establishing_a_session_does_nothing_and_says_so() -> None:
    world = World("romeo", "juliet")
    romeo = world.connect("romeo")
    session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
    assert romeo.asks("set", session).get("type") == "result"
    assert romeo.asks("set", session, to="localhost").get("type") == "result"
    assert failure(romeo.asks("set", session, to="juliet@localhost")) == ("auth", "forbidden")


# -- removal of the account


def test_an_account_that_is_removed_leaves_nothing() -> None:
    world, romeo, juliet = lovers("both")
    juliet.asks("set", item(jid="nurse@localhost"))
    romeo.hears()
    ask(world, JULIET, Remove())
    assert "not-authorized" in juliet.raw
    assert juliet.wire.closed
    assert told(romeo) == [
        "presence unavailable juliet@localhost/balcony",
        "presence unsubscribe juliet@localhost",
        "push juliet@localhost to",
        "presence unsubscribed juliet@localhost",
        "push juliet@localhost none",
    ]
    assert not world.domain.accounts.exists(JULIET)
    assert len(RosterStore(world.server.storage).load(JULIET)) == 0
    assert world.router.sessions == {romeo.session.actor_inbox}
    world.domain.accounts.create(JULIET, "secret", world.clock.now())
    assert world.connect("juliet").asks("get", query())[0].findall(f"{{{ROSTER}}}item") == []


@pytest.mark.parametrize("state", ["none + pending out", "none + pending in"])
def test_requests_of_an_account_and_to_it_end_with_it(state: str) -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, state)
    ask(world, JULIET, Remove())
    assert states(world) == ("none", "none")


def test_a_removal_that_cannot_be_stored_has_not_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    world, romeo, juliet = lovers("both")

    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patched:
        patched.setattr(world.server.storage, "forget", fail)
        with pytest.raises(StorageError):
            ask(world, JULIET, Remove())
    assert told(romeo) == told(juliet) == []
    assert world.domain.accounts.exists(JULIET)


def test_whoever_has_authenticated_cannot_bind_once_the_account_is_gone() -> None:
    world = World("juliet")
    client = world.wire().opens().logs_in("juliet")
    client.hears()
    ask(world, JULIET, Remove())
    client.says("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert failure(client.hears_one()) == ("cancel", "not-allowed")


# -- what is asked at the edges


def test_a_user_lists_its_sessions() -> None:
    world = World("juliet")
    one, other = world.connect("juliet", "a"), world.connect("juliet", "b")
    listed = ask(world, JULIET, ListSessions())
    assert listed == {"a": one.session.actor_inbox, "b": other.session.actor_inbox}
    assert isinstance(one.session, Session)


def test_a_resource_can_be_kicked() -> None:
    world = World("juliet")
    juliet = world.connect("juliet", "balcony")
    assert ask(world, JULIET, Kick("balcony", StreamError("reset"))) is True
    assert "<reset " in juliet.raw
    assert ask(world, JULIET, Kick("balcony", StreamError("reset"))) is False


def test_what_is_due_to_a_feature_that_there_is_not_any_more_is_nobodys_business() -> None:
    world = World("juliet")
    world.router.user(JULIET).tell(Due("nobody", "x"))
    assert ask(world, JULIET, ListSessions()) == {}
