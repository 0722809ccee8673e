import pytest

from tests.world import World

PING = "<ping xmlns='urn:xmpp:ping'/>"


@pytest.mark.parametrize("to", ["", "localhost", "romeo@localhost", "juliet@localhost"])
def test_domains_and_accounts_answer_a_ping(to: str) -> None:
    answer = World("romeo", "juliet").connect("romeo").asks("get", PING, to)
    assert (answer.get("type"), len(answer)) == ("result", 0)
