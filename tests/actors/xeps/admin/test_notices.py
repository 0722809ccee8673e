import pytest
from lxml import etree

from tests.actors.xeps.admin.doing import answered, command, does
from tests.world import Client, World, failure

BODY = "{jabber:client}body"


def test_everybody_who_is_available_hears_an_announcement(world: World, bard: Client) -> None:
    """§4.23."""
    romeo, juliet = (
        world.available("romeo"),
        world.available("juliet", presence="<presence><priority>-1</priority></presence>"),
    )
    silent = world.connect("romeo", "tomb")
    done = does(bard, "announce", announcement=("This service will go down &lt;soon&gt;.", "Log off now!"))
    assert done == [("info", "told in 2 sessions")]
    for client in (romeo, juliet):
        message = client.hears_one()
        assert (message.get("type"), message.get("from")) == ("headline", "localhost")
        assert message.findtext("{jabber:client}body") == "This service will go down <soon>.\nLog off now!"
    assert silent.hears() == []


def proposed(client: Client, node: str) -> list[str | None]:
    """The lines that the form of a command has already."""
    answer = client.asks("set", command(node), "localhost")
    assert answer[0].get("status") == "executing", etree.tostring(answer)
    return [value.text for value in answer.iterfind("{*}command/{*}x/{*}field[@type='text-multi']/{*}value")]


def done(client: Client, node: str) -> str | None:
    """The note with which a command completes that asks for nothing."""
    answer = client.asks("set", command(node), "localhost")
    assert answer[0].get("status") == "completed", etree.tostring(answer)
    return answer[0].findtext("{*}note")


def test_the_message_of_the_day_is_set_and_told(world: World, bard: Client) -> None:
    """§4.24: at once to who is online, and to the others when they come."""
    romeo = world.available("romeo")
    assert proposed(bard, "set-motd") == []
    lines = ("Don't forget: the grand re-opening of the", "Globe Theatre will occur tomorrow night.")
    assert does(bard, "set-motd", motd=lines) == [("info", "set, and told to 1 users")]
    juliet = world.connect("juliet").says("<presence/>")
    for client in (romeo, juliet):
        (message,) = (node for node in client.hears() if node.tag == "{jabber:client}message")
        assert (message.get("type"), message.get("from")) == ("headline", "localhost")
        assert message.findtext(BODY) == "\n".join(lines)


def test_the_message_of_the_day_is_corrected(world: World, bard: Client) -> None:
    """§4.25: the form has the present text; nobody is told twice."""
    romeo = world.available("romeo")
    does(bard, "set-motd", motd=("--The Globe", "Stuff"))
    romeo.hears()
    assert proposed(bard, "edit-motd") == ["--The Globe", "Stuff"]
    assert does(bard, "edit-motd", motd=("--The Globe", "Staff")) == [("info", "changed")]
    assert romeo.hears() == []
    assert world.connect("juliet").says("<presence/>").hears()[-1].findtext(BODY) == "--The Globe\nStaff"


def test_the_message_of_the_day_is_deleted(world: World, bard: Client) -> None:
    """§4.26."""
    does(bard, "set-motd", motd="Tomorrow!")
    assert done(bard, "delete-motd") == "deleted"
    heard = world.connect("juliet").says("<presence/>").hears()
    assert [node.tag for node in heard] == ["{jabber:client}presence"]


def test_new_users_are_welcomed(world: World, bard: Client) -> None:
    """§4.27: the form has the present text."""
    assert proposed(bard, "set-welcome") == []
    assert does(bard, "set-welcome", welcome=("Welcome to", "the Globe")) == [("info", "set")]
    assert proposed(bard, "set-welcome") == ["Welcome to", "the Globe"]
    does(bard, "add-user", accountjid="nurse@localhost", password="secret")
    assert world.connect("nurse").says("<presence/>").hears()[-1].findtext(BODY) == "Welcome to\nthe Globe"


def test_new_users_are_welcomed_no_more(world: World, bard: Client) -> None:
    """§4.28."""
    does(bard, "set-welcome", welcome="Welcome!")
    assert done(bard, "delete-welcome") == "deleted"
    does(bard, "add-user", accountjid="nurse@localhost", password="secret")
    heard = world.connect("nurse").says("<presence/>").hears()
    assert [node.tag for node in heard] == ["{jabber:client}presence"]


def test_what_there_is_not_is_neither_corrected_nor_deleted(bard: Client) -> None:
    assert failure(answered(bard, "edit-motd", motd="x")) == ("cancel", "item-not-found")
    for node in ("delete-motd", "delete-welcome"):
        assert failure(bard.asks("set", command(node), "localhost")) == ("cancel", "item-not-found")


@pytest.mark.parametrize(
    ("node", "var"), [("set-motd", "motd"), ("set-welcome", "welcome"), ("announce", "announcement")]
)
def test_nothing_is_not_told(bard: Client, node: str, var: str) -> None:
    assert failure(answered(bard, node, **{var: ("", "")})) == ("modify", "bad-request")
    assert failure(answered(bard, node, **{var: (" ", "")})) == ("modify", "not-acceptable")
