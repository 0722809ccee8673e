import platform

from lxml import etree

from actors.version import VERSION
from tests.world import World, failure

QUERY = "<query xmlns='jabber:iq:version'/>"


def told(world: World) -> dict[str, str | None]:
    query = world.connect("romeo").asks("get", QUERY, "localhost")[0]
    assert query.tag == "{jabber:iq:version}query"
    return {etree.QName(child).localname: child.text for child in query}


def test_the_server_tells_its_name_and_version_and_not_the_system() -> None:
    assert told(World("romeo")) == {"name": "Parley", "version": VERSION}


def test_the_system_is_told_when_the_admin_wants_it() -> None:
    assert told(World("romeo", sets=("xeps.version.show_os=true",)))["os"] == platform.system()


def test_an_account_is_no_software() -> None:
    assert failure(World("romeo").connect("romeo").asks("get", QUERY)) == ("cancel", "service-unavailable")
