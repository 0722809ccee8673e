import pytest

from tests.sasl2 import bind, opened, plain
from tests.world import Client, World

LIMITS = "{urn:xmpp:stream-limits:0}limits"
MOST = "{urn:xmpp:stream-limits:0}max-bytes"
SETS = ("limits.stanza_before_login=12345", "limits.stanza=54321")


def told(client: Client) -> list[str | None]:
    """The sizes in the features heard last."""
    return [node.findtext(MOST) for node in client.hears()[-1].iter(LIMITS)]


def test_a_stranger_is_told_what_strangers_may_send() -> None:
    assert told(World(sets=SETS).wire().opens()) == ["12345"]


@pytest.mark.parametrize("said", [plain(), plain("romeo", bind())])
def test_who_has_logged_in_is_told_what_users_may_send(said: str) -> None:
    assert told(opened(World("romeo", sets=SETS)).says(said)) == ["54321"]
    assert told(World("romeo", sets=SETS).wire().opens().logs_in("romeo")) == ["54321"]


def test_what_is_told_is_what_holds() -> None:
    client = opened(World("romeo", sets=SETS)).says(plain("romeo", bind()))
    message = "<message to='localhost'><body>{}</body></message>"
    fill = 54321 - len(message) + 2
    client.says(message.format("x" * fill))
    assert not client.wire.closed
    assert client.says(message.format("x" * (fill + 1))).hears_the_end() == "policy-violation"


def test_before_tls_nothing_is_said_where_tls_is_required() -> None:
    assert told(World().wire(secured=False).opens()) == []
    assert told(World(sets=("tls.required=false", *SETS)).wire(secured=False).opens()) == ["12345"]


def test_nothing_is_said_of_idle_streams_which_do_not_end() -> None:
    assert "idle-seconds" not in World().wire().opens().raw
