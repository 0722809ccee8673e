"""Addresses to mailboxes."""

import pytest

from actors.mailbox import Inbound
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.world import World, failure, settle

ROMEO = JID.parse("romeo@localhost")


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet", sets=("hosts={localhost={}, 'other.example'={}}",))


def test_a_bare_jid_has_one_mailbox_however_often_it_is_looked_up(world: World) -> None:
    assert world.router.user(ROMEO) is world.router.user(JID.parse("Romeo@LOCALHOST"))
    assert world.router.awake == 1


def test_a_mailbox_that_is_closed_is_nobodys(world: World) -> None:
    closed = world.router.user(ROMEO)
    closed.close()
    assert world.router.user(ROMEO) is not closed


def test_a_user_that_was_replaced_does_not_take_its_successor_with_it(world: World) -> None:
    old = world.router.user(ROMEO)
    old.close()
    new = world.router.user(ROMEO)
    world.router.asleep(ROMEO, old)
    assert world.router.user(ROMEO) is new


@pytest.mark.parametrize("to", ["romeo@localhost", "romeo@localhost/orchard"])
def test_a_stanza_to_somebody_is_for_their_user(world: World, to: str) -> None:
    stanza = Stanza("message", to=JID.parse(to))
    world.router.route(stanza)
    assert world.router.user(ROMEO).messages == [Inbound(stanza)]
    settle()


@pytest.mark.parametrize("to", ["other.example", "other.example/x"])
def test_a_stanza_to_a_domain_is_for_its_host(world: World, to: str) -> None:
    stanza = Stanza("message", to=JID.parse(to))
    world.router.route(stanza)
    domain = world.router.domain("other.example")
    assert domain is not None
    assert domain.host.messages == [Inbound(stanza)]
    settle()


def test_users_of_different_domains_are_different(world: World) -> None:
    world.connect("romeo").says("<message to='romeo@other.example' id='m'/>")
    romeo = world.available("romeo")
    romeo.says("<message to='romeo@other.example' id='m'/>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
def test_a_domain_that_is_not_served_here_is_out_of_reach(world: World, kind: str) -> None:
    romeo = world.connect("romeo")
    romeo.says(
        f"<{kind} to='juliet@far.example' type='{'get' if kind == 'iq' else ''}' id='m'><x xmlns='urn:x'/></{kind}>"
    )
    error = romeo.hears_one()
    assert (error.get("id"), error.get("from")) == ("m", "juliet@far.example")
    assert failure(error) == ("cancel", "remote-server-not-found")


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza("message", type="error", from_=ROMEO, to=JID.parse("x@far.example")),
        Stanza("iq", type="result", from_=ROMEO, to=JID.parse("x@far.example")),
        Stanza("iq", type="error", from_=ROMEO, to=JID.parse("x@far.example")),
        Stanza("presence", type="error", from_=ROMEO, to=JID.parse("x@far.example")),
        Stanza("message", to=JID.parse("x@far.example")),
        Stanza("message", from_=JID.parse("y@far.example"), to=JID.parse("x@far.example")),
    ],
    ids=repr,
)
def test_what_may_not_be_answered_or_comes_from_nowhere_is_dropped(world: World, stanza: Stanza) -> None:
    romeo = world.available("romeo")
    world.router.route(stanza)
    world.router.bounce(stanza, StanzaError("service-unavailable"))
    assert romeo.hears() == []
