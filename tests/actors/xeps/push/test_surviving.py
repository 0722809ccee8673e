"""Devices outlive the server, and so do the streams that hibernate."""

from tests.actors.xeps.push.pushing import AppServer, chat, enables, enabling
from tests.actors.xeps.stream_management.managing import (
    ENABLE_RESUMPTION,
    acknowledges,
    cut,
    managed,
    names,
    previd,
    resumes,
)
from tests.actors.xeps.stream_management.test_surviving import ENDS, Ends, Lives, lives
from tests.sasl2 import PHONE, bind, opened, plain
from tests.world import World

__all__ = ["lives"]


def begins(world: World) -> tuple[AppServer, str]:
    """Juliet's phone hibernates, with push. The id of its stream."""
    jid = world.domain.accounts.jid
    world.domain.accounts.create(jid("nurse"), "secret", world.clock.now())
    phone = acknowledges(enables(managed(world, "juliet", "phone")))
    cut(phone)
    return AppServer(world), previd(phone)


@ENDS
def test_a_client_that_hibernates_is_called_in_the_servers_next_life(lives: Lives, ends: Ends) -> None:
    before, id = begins(lives.world)
    lives.world.available("romeo").says(chat("one"))
    assert before.counts == ["1"]
    world = ends(lives)
    app_server, romeo = AppServer(world), world.available("romeo")
    world.clock.advance(6)
    romeo.says(chat("two"))
    assert app_server.counts == ["2"]
    assert names(resumes(world, "juliet", id, 2)).count("message") == 2
    world.clock.advance(6)
    romeo.says(chat("three"))
    assert app_server.counts == []


@ENDS
def test_a_client_is_still_known_for_the_one_that_has_the_device(lives: Lives, ends: Ends) -> None:
    """It has enabled push on an earlier stream, with another resource."""
    world = lives.world
    world.domain.accounts.create(world.domain.accounts.jid("nurse"), "secret", world.clock.now())
    opened(world).says(plain("juliet", bind(), agent=PHONE)).says(f"<iq type='set' id='x'>{enabling()}</iq>")
    phone = opened(world).says(plain("juliet", bind(ENABLE_RESUMPTION, tag="Other"), agent=PHONE))
    id = previd(acknowledges(phone.says("<presence/>")))
    world = ends(lives)
    app_server, romeo = AppServer(world), world.available("romeo")
    assert names(resumes(world, "juliet", id, 1))[0] == "resumed"
    romeo.says(chat())
    assert app_server.counts == []


@ENDS
def test_a_device_that_is_gone_stays_so(lives: Lives, ends: Ends) -> None:
    before, _ = begins(lives.world)
    lives.world.available("romeo").says(chat())
    before.pushes("<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
    world = ends(lives)
    app_server = AppServer(world)
    world.available("romeo").says(chat())
    assert app_server.counts == []
