from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World


def test_an_announcement_reaches_the_domain_and_no_other() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    romeo = world.available("romeo")
    assert do(world, "announce", domain="example.org", text="x") == "told in 0 sessions"
    assert do(world, "announce", domain="localhost", text="a <b>\x00") == "told in 1 sessions"
    assert romeo.hears_one().findtext("{jabber:client}body") == "a <b>"
