"""Who waits for whom while Sessions settle."""

from actors.actor import Actor
from actors.mailbox import Waited
from actors.settling import Settling
from net.xmpp.stanza import Stanza


def waiting(id: str) -> Waited:
    return Waited(Stanza("message", id=id))


def test_what_waits_does_so_for_those_that_were_asked_before_and_no_others() -> None:
    one, other = Actor().actor_inbox, Actor().actor_inbox
    first, second = waiting("1"), waiting("2")
    settling = Settling()
    settling.queue.extend((one, first, other, second))
    assert settling.settled(one) == [first]
    assert settling.settled(other) == [second]
    assert not settling.queue


def test_nothing_goes_ahead_of_what_waits_longer() -> None:
    one, other = Actor().actor_inbox, Actor().actor_inbox
    first, second = waiting("1"), waiting("2")
    settling = Settling()
    settling.queue.extend((one, first, other, second))
    assert settling.settled(other) == []
    assert settling.settled(one) == [first, second]


def test_one_that_was_asked_twice_settles_twice() -> None:
    one = Actor().actor_inbox
    first = waiting("1")
    settling = Settling()
    settling.queue.extend((one, one, first))
    assert settling.settled(one) == []
    assert settling.settled(one) == [first]


def test_one_that_was_not_asked_changes_nothing() -> None:
    one, first = Actor().actor_inbox, waiting("1")
    settling = Settling()
    settling.queue.extend((one, first))
    assert settling.settled(Actor().actor_inbox) == []
    assert list(settling.queue) == [one, first]
