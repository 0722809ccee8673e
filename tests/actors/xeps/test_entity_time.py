from net.xmpp.stamps import stamp
from tests.world import World


def test_the_server_tells_the_time_in_utc() -> None:
    world = World("romeo")
    answer = world.connect("romeo").asks("get", "<time xmlns='urn:xmpp:time'/>", "localhost")[0]
    assert answer.tag == "{urn:xmpp:time}time"
    assert answer.findtext("{urn:xmpp:time}tzo") == "+00:00"
    assert answer.findtext("{urn:xmpp:time}utc") == stamp(world.clock.now())
