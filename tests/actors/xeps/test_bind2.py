from typing import Any

import pytest
from lxml import etree

from actors.hooks import Feature, bind_inline, bound
from actors.resource import Resource
from actors.session import Session
from actors.storage import Archive, Entry, Extent, StorageError
from actors.user import User
from net.xmpp.xml import element
from tests.actors.xeps.stream_management.managing import ENABLE_RESUMPTION, acknowledges, cut, ended, managed
from tests.sasl2 import BIND2, LAPTOP, PHONE, SASL2, authenticate, bind, identity, opened, plain
from tests.world import Client, World

BOUND = f"{{{BIND2}}}bound"


def binds(world: World, *children: str, agent: str = PHONE, user: str = "romeo", tag: str = "AwesomeXMPP") -> Client:
    """A client that has bound a resource along with its login."""
    client = opened(world)
    success = client.says(plain(user, bind(*children, tag=tag), agent=agent)).hears()[0]
    assert success.find(BOUND) is not None, etree.tostring(success)
    assert identity(success) == client.session.full_jid
    client.jid = client.session.full_jid
    return client


def resource(client: Client) -> str:
    assert client.jid is not None
    return client.jid.resource


def of(world: World, feature: type[Feature]) -> Any:
    """Gives the domain one more feature."""
    feature.name = "probe"
    made = feature(world.domain, None)
    world.domain.hooks = type(world.domain.hooks)([*world.domain.hooks.features, made])
    return made


def test_it_is_offered_among_what_goes_along_with_a_login() -> None:
    features = World().wire().opens().hears_one()
    assert features.find(f"{{{SASL2}}}authentication/{{{SASL2}}}inline/{{{BIND2}}}bind") is not None


@pytest.mark.parametrize("off", ["bind2", "sasl2"])
def test_it_can_be_turned_off_and_is_with_what_it_rests_on(off: str) -> None:
    client = World("romeo", sets=(f'xeps.disabled=["{off}"]',)).wire().opens()
    assert "urn:xmpp:bind:0" not in client.raw


def test_the_success_tells_the_full_jid_and_the_stream_is_bound() -> None:
    client = opened(World("romeo"))
    success, features = client.says(plain("romeo", bind())).hears()
    assert [etree.QName(node).localname for node in success] == ["authorization-identifier", "bound"]
    assert (identity(success) or "").startswith("romeo@localhost/AwesomeXMPP/")
    assert features.find("{urn:ietf:params:xml:ns:xmpp-bind}bind") is None
    assert client.session.connected
    assert client.session.roster is not None
    assert client.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost").get("type") == "result"


def test_messages_reach_a_resource_that_was_bound_so() -> None:
    world = World("romeo", "juliet")
    romeo = binds(world).says("<presence/>")
    romeo.hears()
    world.connect("juliet").says(f"<message to='{romeo.jid}'><body>hi</body></message>")
    assert romeo.hears_one().findtext("{jabber:client}body") == "hi"


# -- the archive, and what waits

MAM = "urn:xmpp:mam:2"
BODY = "{jabber:client}body"
ARCHIVED = f"{{urn:xmpp:forward:0}}forwarded/{{jabber:client}}message/{BODY}"


class Full(Archive):
    """A disk that nothing can be read from."""

    def page(self, owner: str, **wanted: object) -> list[tuple[str, Entry]]:  # type: ignore[override]
        raise StorageError("input/output error")

    def extent(self, owner: str) -> Extent | None:
        raise StorageError("input/output error")


def juliet_says(world: World, text: str, more: str = "") -> None:
    message = f"<message to='romeo@localhost' type='chat'><body>{text}</body>{more}</message>"
    world.connect("juliet").says(message).hears()


def texts(client: Client) -> list[str | None]:
    return [node.findtext(BODY) for node in client.hears() if node.find(BODY) is not None]


def archived(client: Client) -> list[str | None]:
    client.says(f"<iq type='set' id='q'><query xmlns='{MAM}'/></iq>")
    return [node[0].findtext(ARCHIVED) for node in client.hears() if node.tag == "{jabber:client}message"]


def metadata(world: World) -> etree._Element | None:
    success = opened(world).says(plain("romeo", bind())).hears()[0]
    told: etree._Element | None = success.find(f"{BOUND}/{{{MAM}}}metadata")
    return told


def test_the_client_is_told_where_the_archive_begins_and_ends() -> None:
    world = World("romeo", "juliet")
    assert len(metadata(world)) == 0
    for text in ("first", "between", "last"):
        juliet_says(world, text)
        world.clock.time += 1
    told = metadata(world)
    same = world.connect("romeo").asks("get", f"<metadata xmlns='{MAM}'/>")[0]
    assert [node.tag for node in told] == [f"{{{MAM}}}start", f"{{{MAM}}}end"]
    assert [dict(node.attrib) for node in told] == [dict(node.attrib) for node in same]


def test_without_an_archive_nothing_is_told_of_one() -> None:
    assert metadata(World("romeo", sets=('xeps.disabled=["archive"]',))) is None


def test_what_waited_is_left_to_the_archive() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "early")
    romeo = binds(world).says("<presence/>")
    assert texts(romeo) == []
    assert archived(romeo) == ["early"]
    romeo.says("</stream:stream>")
    assert texts(world.connect("romeo").says("<presence/>")) == []


def test_what_its_earlier_session_has_not_got_is_left_to_the_archive_too() -> None:
    world = World("romeo", "juliet")
    earlier = binds(world, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>").says("<presence/>")
    acknowledges(earlier)
    cut(earlier)
    juliet_says(world, "unheard")
    romeo = binds(world).says("<presence/>")
    assert texts(romeo) == []
    assert archived(romeo) == ["unheard"]
    romeo.says("</stream:stream>")
    assert texts(world.connect("romeo").says("<presence/>")) == []


def hibernates_with(world: World, text: str) -> Client:
    """A client of romeo's that is gone, and has this in its queue."""
    earlier = managed(world, "romeo", "balcony")
    cut(earlier)
    juliet_says(world, text)
    return earlier


def test_what_a_client_could_find_in_the_archive_waits_for_others_if_it_is_gone_too() -> None:
    world = World("romeo", "juliet")
    earlier = hibernates_with(world, "unheard")
    later = binds(world, ENABLE_RESUMPTION).says("<presence/>")
    cut(later)
    world.clock.advance(301)
    world.clock.advance(301)
    assert ended(earlier)
    assert ended(later)
    assert texts(world.connect("romeo").says("<presence/>")) == ["unheard"]


def test_what_has_gone_from_the_archive_is_not_left_to_it() -> None:
    world = World("romeo", "juliet")
    earlier = hibernates_with(world, "unheard")
    later = binds(world).says("<presence/>")
    later.hears()
    kept = world.domain.storage.store("archive", Archive)
    kept.delete("romeo@localhost", [id for id, _ in kept.page("romeo@localhost", limit=9)])
    world.clock.advance(301)
    assert ended(earlier)
    assert texts(later) == ["unheard"]


def test_who_binds_in_the_old_way_is_given_what_waited() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "early")
    assert texts(world.connect("romeo").says("<presence/>")) == ["early"]


def test_what_comes_between_the_bind_and_the_first_presence_is_delivered() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "early")
    romeo = binds(world)
    juliet_says(world, "late")
    assert texts(romeo.says("<presence/>")) == ["late"]


def test_what_waited_is_delivered_where_there_is_no_archive() -> None:
    world = World("romeo", "juliet", sets=('xeps.disabled=["archive"]',))
    juliet_says(world, "early")
    assert texts(binds(world).says("<presence/>")) == ["early"]


def test_what_waited_in_an_archive_that_has_been_turned_off_is_delivered() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "early")
    hooks = world.domain.hooks
    world.domain.hooks = type(hooks)([each for each in hooks.features if each.name != "archive"])
    assert texts(binds(world).says("<presence/>")) == ["early"]


def test_what_is_not_in_the_archive_is_delivered_as_ever() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "kept")
    juliet_says(world, "not for long", "<no-permanent-store xmlns='urn:xmpp:hints'/>")
    prefs = f"<prefs xmlns='{MAM}' default='never'><always/><never/></prefs>"
    assert world.connect("romeo").asks("set", prefs).get("type") == "result"
    juliet_says(world, "not wanted")
    romeo = binds(world)
    assert texts(romeo.says("<presence/>")) == ["not for long", "not wanted"]
    assert archived(romeo) == ["kept"]


def test_a_client_can_bind_while_the_archive_cannot_be_read() -> None:
    world = World("romeo", "juliet")
    juliet_says(world, "early")
    features = {each.name: each for each in world.domain.hooks.features}
    offline, archive = features["offline"], features["archive"]
    whole, offline._archive, archive._kept = offline._archive, Full(), Full()
    romeo = opened(world)
    (success, _) = romeo.says(plain("romeo", bind())).hears()
    assert len(success.find(BOUND)) == 0
    offline._archive = archive._kept = whole
    assert texts(romeo.says("<presence/>")) == ["early"]


# -- the resource


def test_a_client_gets_the_same_resource_each_time_and_others_get_another() -> None:
    world = World("romeo", "juliet")
    first = binds(world)
    assert resource(binds(world)) == resource(first)
    others = [binds(world, agent=LAPTOP), binds(world, tag="Other"), binds(world, user="juliet")]
    assert len({resource(client).rpartition("/")[2] for client in (first, *others)}) == 4


def test_the_resource_does_not_give_the_client_away() -> None:
    assert PHONE not in resource(binds(World("romeo")))
    assert resource(binds(World("romeo"))) != resource(binds(World("romeo")))  # another server, another secret


def test_a_client_that_does_not_say_who_it_is_gets_one_that_nobody_can_guess() -> None:
    world = World("romeo")
    found = set()
    for _ in range(3):
        client = opened(world)
        client.says(authenticate("PLAIN", b"\0romeo\0secret", bind()))
        assert client.session.resource is not None
        found.add(client.session.resource)
    assert len(found) == 3
    assert all(name.startswith("AwesomeXMPP/") and len(name) == len("AwesomeXMPP/") + 12 for name in found)


@pytest.mark.parametrize("tag", ["", "&#127;", "\t"])
def test_without_a_tag_that_can_be_used_the_resource_is_the_servers_own(tag: str) -> None:
    assert len(resource(binds(World("romeo"), tag=tag))) == 12


def test_a_long_tag_is_cut_short() -> None:
    assert resource(binds(World("romeo"), tag="x" * 2000)).startswith("x" * 100 + "/")


# -- the same client again


@pytest.mark.parametrize("conflict", ["replace", "refuse", "number"])
@pytest.mark.parametrize("tag", ["AwesomeXMPP", "Other"])
def test_a_client_that_comes_again_takes_the_place_of_its_earlier_session(conflict: str, tag: str) -> None:
    world = World("romeo", sets=(f"hosts={{'localhost' = {{conflict = '{conflict}'}}}}",))
    first = binds(world)
    second = binds(world, tag=tag)
    assert first.hears_the_end() == "conflict"
    assert second.session.connected
    assert len(world.router.sessions) == 1


def test_an_earlier_session_that_was_bound_in_the_old_way_ends_too() -> None:
    world = World("romeo")
    first = opened(world).says(plain())
    first.binds("old")
    assert first.session.connected
    binds(world)
    assert first.hears_the_end() == "conflict"


def test_other_clients_stay() -> None:
    world = World("romeo")
    first, other = binds(world, agent=LAPTOP), world.connect("romeo")
    binds(world)
    assert not first.wire.closed
    assert not other.wire.closed


# -- what cannot be bound


def test_too_many_resources_end_the_stream() -> None:
    world = World("romeo", sets=("limits.resources=1",))
    binds(world)
    client = opened(world)
    assert client.says(plain("romeo", bind(), agent=LAPTOP)).hears_the_end() == "resource-constraint"


def test_a_login_that_fails_binds_nothing() -> None:
    world = World("romeo")
    client = opened(world).says(plain("romeo", bind(), password="wrong"))
    assert client.session.full_jid is None
    assert not world.router.may_be_there(world.domain.accounts.jid("romeo"))


def test_who_is_gone_before_the_answer_leaves_nothing_behind() -> None:
    world = World("romeo")
    client = opened(world)
    client.wire.hear(plain("romeo", bind()).encode())
    client.wire.cut()
    client.hears()
    assert not world.router.sessions
    assert world.connect("romeo").asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


# -- what is asked for along with it


class Lamp(Feature):
    """Two that can be asked for, one in each kind of actor; and something to be told in any case."""

    @bind_inline("urn:example:lamp", "{lamp}on", "{lamp}off", of=User)
    def switch(self, user: User, resource: Resource, asked: etree._Element) -> None:
        resource.state[self.name] = etree.QName(asked).localname

    @bind_inline("urn:example:bulb", "{bulb}new", of=Session)
    def screw(self, session: Session, resource: str, asked: etree._Element) -> etree._Element:
        return element("{bulb}screwed", f"{session.full_jid is not None} {resource == session.resource}")

    @bound
    def tell(self, user: User, resource: Resource) -> etree._Element | None:
        return element("{lamp}is", resource.state.get(self.name, "none"))


def test_the_features_that_can_be_asked_for_are_listed_once_each() -> None:
    world = World()
    of(world, Lamp)
    listed = world.wire().opens().hears_one().find(f".//{{{BIND2}}}bind/{{{BIND2}}}inline")
    ours = [node.get("var") for node in listed if node.get("var").startswith("urn:example:")]
    assert ours == ["urn:example:lamp", "urn:example:bulb"]


def test_what_is_asked_for_is_done_and_answered() -> None:
    world = World("romeo", sets=('xeps.disabled=["archive"]',))
    of(world, Lamp)
    client = opened(world)
    success = client.says(plain("romeo", bind("<on xmlns='lamp'/>", "<new xmlns='bulb'/>", "<x xmlns='y'/>"))).hears()[
        0
    ]
    assert [(node.tag, node.text) for node in success.find(BOUND)] == [
        ("{lamp}is", "on"),
        ("{bulb}screwed", "True True"),
    ]


def test_what_is_not_asked_for_is_not_done() -> None:
    world = World("romeo", sets=('xeps.disabled=["archive"]',))
    of(world, Lamp)
    success = opened(world).says(plain("romeo", bind())).hears()[0]
    assert [(node.tag, node.text) for node in success.find(BOUND)] == [("{lamp}is", "none")]


def test_two_features_cannot_be_asked_for_by_the_same_element() -> None:
    world = World("romeo")
    of(world, Lamp)
    twin: type[Feature] = type("Twin", (Lamp,), {**vars(Lamp), "name": "twin"})
    with pytest.raises(ValueError, match=r"two handlers for \{lamp\}on"):
        type(world.domain.hooks)([*world.domain.hooks.features, twin(world.domain, None)])


# -- along with a resource


def test_both_sides_of_conversations_may_be_had_from_the_beginning() -> None:
    world = World("romeo", "juliet")
    phone = binds(world, "<enable xmlns='urn:xmpp:carbons:2'/>").says("<presence/>")
    laptop = world.available("romeo", "laptop")
    phone.hears()
    laptop.says("<message to='juliet@localhost' type='chat'><body>soft</body></message>")
    assert phone.hears_one()[0].tag == "{urn:xmpp:carbons:2}sent"


def test_nobody_may_look_at_a_client_from_the_beginning() -> None:
    world = World("romeo")
    phone = binds(world, "<inactive xmlns='urn:xmpp:csi:0'/>").says("<presence/>")
    phone.hears()
    laptop = world.available("romeo", "laptop")
    laptop.says("<presence><show>away</show></presence>")
    assert phone.hears() == []
    heard = phone.says("<active xmlns='urn:xmpp:csi:0'/>").hears()
    assert [node.findtext("{jabber:client}show") for node in heard if node.get("from") == laptop.jid] == ["away"]
