import pytest
from lxml import etree

from actors.config import ConfigError
from tests.world import World

SETS = (
    'xeps.contact_addresses.abuse=["mailto:abuse@shakespeare.lit", "xmpp:abuse@shakespeare.lit"]',
    'xeps.contact_addresses.status=["https://status.shakespeare.lit"]',
)


def forms(*sets: str) -> list[etree._Element]:
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
    info = World("romeo", sets=sets).connect("romeo").asks("get", query, "localhost")[0]
    return list(info.iterfind("{jabber:x:data}x"))


def test_the_addresses_stand_in_a_form_of_the_domain() -> None:
    (form,) = forms(*SETS)
    assert form.get("type") == "result"
    assert {field.get("var"): [value.text for value in field] for field in form} == {
        "FORM_TYPE": ["http://jabber.org/network/serverinfo"],
        "abuse-addresses": ["mailto:abuse@shakespeare.lit", "xmpp:abuse@shakespeare.lit"],
        "status-addresses": ["https://status.shakespeare.lit"],
    }
    assert form[0].get("type") == "hidden"


def test_without_addresses_there_is_no_form() -> None:
    assert forms() == []


@pytest.mark.parametrize("address", ["abuse@shakespeare.lit", "", "mailto:", "mailto:a b", "1a:x", "mailto:\\u00e9"])
def test_what_is_no_uri_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="expected URIs"):
        World(sets=(f'xeps.contact_addresses.admin=["{address}"]',))
