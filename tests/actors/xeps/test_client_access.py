from pathlib import Path

import pytest
from lxml import etree
from msgspec.structs import replace

from actors.access import Access
from actors.mailbox import Resumed
from actors.storage import Map, StorageError
from actors.xeps.push.devices import Registration, Registrations
from net.client_certificates import PeerCertificate
from net.xmpp.jid import JID
from net.xmpp.stamps import stamp
from tests.actors.commands.doing import do
from tests.actors.xeps.push.pushing import AppServer, enables
from tests.actors.xeps.stream_management.managing import cut, managed, previd
from tests.actors.xeps.stream_management.test_surviving import Lives
from tests.sasl2 import LAPTOP, PHONE, authenticate, bind, fast, identity, opened, plain, refusal, request, token_of
from tests.scram import auth
from tests.world import Client, World, failure, settle

NAMESPACE = "urn:xmpp:cam:0"
CAM = f"{{{NAMESPACE}}}"
LIST = f"<list xmlns='{NAMESPACE}'/>"
ROMEO = JID.parse("romeo@localhost")
DAY = 86400


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


def comes(world: World, said: str) -> Client:
    """A client that logs in so and binds a resource."""
    client = opened(world).says(said)
    assert client.session.connected, client.raw
    client.jid = client.session.full_jid
    return client


def by_password(world: World, agent: str = PHONE) -> Client:
    return comes(world, plain("romeo", bind(), agent=agent))


def by_token(world: World, agent: str = PHONE) -> tuple[Client, str]:
    """A client with a token that does not know the password any more, and the token."""
    first = opened(world)
    assert identity(first.says(plain("romeo", request(), agent=agent)).hears()[0])
    do(world, "account password", jid="romeo@localhost", password="changed by hand")
    renewed = opened(world).says(plain("romeo", request(), password="changed by hand", agent=agent))
    token = token_of(renewed.hears()[0])
    forgets_the_password(world, agent)
    return comes(world, fast(token, bind(), agent=agent)), token


def forgets_the_password(world: World, agent: str) -> None:
    """As if the client had been given its token in another way than by the password."""
    store = world.domain.clients._store
    known = store.get(ROMEO, agent)
    assert known is not None
    store.put(ROMEO, agent, type(known)(**{**{f: getattr(known, f) for f in known.__struct_fields__}, "proved": None}))


def listed(client: Client) -> list[etree._Element]:
    answer = client.asks("get", LIST)
    assert answer.get("type") == "result"
    assert answer[0].tag == f"{CAM}clients"
    return list(answer[0])


def ways(node: etree._Element) -> list[str]:
    return [etree.QName(way).localname for way in node.find(f"{CAM}auth")]


def revoke(id: str | None) -> str:
    named = "" if id is None else f" id='{id}'"
    return f"<revoke xmlns='{NAMESPACE}'{named}/>"


# -- the list


def test_a_client_is_listed_with_all_that_is_known_of_it(world: World) -> None:
    client = by_password(world)
    seen = stamp(world.clock.now())
    (node,) = listed(client)
    assert dict(node.attrib) == {"id": node.get("id"), "connected": "true", "type": "session"}
    assert PHONE not in etree.tostring(node).decode()
    assert (node.findtext(f"{CAM}first-seen"), node.findtext(f"{CAM}last-seen")) == (seen, seen)
    assert ways(node) == ["password"]
    assert node.find(f"{CAM}permission").get("status") == "unrestricted"
    agent = node.find(f"{CAM}user-agent")
    assert agent.findtext(f"{CAM}software") == "AwesomeXMPP"
    assert agent.findtext(f"{CAM}device") == "Kiva's Phone"


def test_one_that_is_gone_stays_listed_with_when_it_was_seen(world: World) -> None:
    by_password(world).wire.cut()
    world.clock.advance(DAY)
    comes(world, plain("romeo", bind())).wire.cut()
    world.clock.advance(DAY)
    phone, laptop = sorted(listed(by_password(world, LAPTOP)), key=lambda node: node.get("connected"))
    assert (phone.get("connected"), laptop.get("connected")) == ("false", "true")
    now = world.clock.now()
    assert phone.findtext(f"{CAM}first-seen") == stamp(now - 2 * DAY)
    assert phone.findtext(f"{CAM}last-seen") == stamp(now - DAY)


def test_one_that_has_a_token_is_listed_with_that(world: World) -> None:
    client, _ = by_token(world)
    (node,) = listed(client)
    assert ways(node) == ["fast"]


def test_one_may_have_both(world: World) -> None:
    (node,) = listed(comes(world, plain("romeo", bind(), request())))
    assert ways(node) == ["password", "fast"]


def test_one_that_can_log_in_no_more_is_not_listed_unless_it_is_there(world: World) -> None:
    phone, laptop = by_password(world), by_password(world, LAPTOP)
    do(world, "account password", jid="romeo@localhost", password="another")
    laptop.wire.cut()
    settle()
    assert [ways(node) for node in listed(phone)] == [[]]


def test_sessions_of_clients_that_do_not_say_who_they_are_are_listed_too(world: World) -> None:
    by_password(world)
    old, other = world.connect("romeo"), world.connect("romeo")
    nodes = listed(old)
    assert len({node.get("id") for node in nodes}) == 3
    assert [ways(node) for node in nodes] == [["password"]] * 3
    other.wire.cut()
    settle()
    assert len(listed(old)) == 2


def test_a_certificate_is_a_way_too(world: World) -> None:
    client = world.wire()
    client.wire.certified = PeerCertificate(("romeo@localhost",), world.clock.now() + DAY)
    client.opens()
    client.hears()
    client.says(authenticate("EXTERNAL", b"", bind(), agent=PHONE))
    (node,) = listed(client)
    assert [way.text for way in node.find(f"{CAM}auth")] == ["EXTERNAL"]
    assert failure(client.asks("set", revoke(node.get("id")))) == ("cancel", "not-allowed")


def test_nobody_sees_the_list_of_another(world: World) -> None:
    by_password(world)
    juliet = world.connect("juliet")
    assert failure(juliet.asks("get", LIST, "romeo@localhost")) == ("auth", "forbidden")
    assert failure(juliet.asks("set", revoke("x"), "romeo@localhost")) == ("auth", "forbidden")
    assert len(listed(juliet)) == 1


def test_it_is_advertised_by_accounts(world: World) -> None:
    info = world.connect("romeo").asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert NAMESPACE in [node.get("var") for node in info[0]]


# -- what is kept


def test_one_that_has_not_been_seen_for_long_is_forgotten_with_its_token() -> None:
    world = World("romeo", sets=("xeps.client_access.days=5",))
    phone, token = by_token(world)
    phone.wire.cut()
    world.clock.advance(6 * DAY)
    assert len(listed(by_password_changed(world))) == 1
    assert refusal(opened(world).says(fast(token)).hears_one()) == "not-authorized"


def test_nobody_has_to_look_for_that() -> None:
    world = World("romeo", sets=("xeps.client_access.days=5",))
    world.domain.serve()
    phone, token = by_token(world)
    laptop = by_password_changed(world)
    phone.wire.cut()
    for _ in range(7):
        world.clock.advance(DAY)
        world.clock.advance(1)
    assert refusal(opened(world).says(fast(token)).hears_one()) == "not-authorized"
    assert [*world.domain.clients.of(ROMEO)] == [LAPTOP]
    assert laptop.session.connected


def by_password_changed(world: World) -> Client:
    return comes(world, plain("romeo", bind(), password="changed by hand", agent=LAPTOP))


def test_names_need_not_be_kept() -> None:
    world = World("romeo", sets=("xeps.client_access.names=false",))
    (node,) = listed(by_password(world))
    assert node.find(f"{CAM}user-agent") is None


def test_a_login_does_not_fail_when_the_client_cannot_be_noted(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(world.domain.clients._store, "change", fail)
        client = by_password(world)
    assert "a client could not be noted" in caplog.text
    assert [ways(node) for node in listed(client)] == [["password"]]


def test_many_logins_in_an_hour_are_noted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    by_password(world)
    noted = []
    store = world.domain.clients._store
    monkeypatch.setattr(store, "put", lambda *args: noted.append(args))
    for _ in range(3):
        by_password(world)
    assert noted == []
    world.clock.advance(3600)
    by_password(world)
    assert len(noted) == 1


# -- revoking


def test_a_client_that_only_has_a_token_can_be_shut_out(world: World) -> None:
    phone, token = by_token(world)
    laptop = by_password_changed(world)
    (id,) = [node.get("id") for node in listed(laptop) if ways(node) == ["fast"]]
    answer = laptop.asks("set", revoke(id))
    assert (answer.get("type"), len(answer)) == ("result", 0)
    assert phone.hears_the_end() == "not-authorized"
    assert refusal(opened(world).says(fast(token)).hears_one()) == "not-authorized"
    assert [ways(node) for node in listed(laptop)] == [["password"]]
    assert failure(laptop.asks("set", revoke(id))) == ("cancel", "item-not-found")


def test_a_client_may_shut_itself_out_and_is_told_so_first(world: World) -> None:
    phone, _ = by_token(world)
    (node,) = listed(phone)
    phone.says(f"<iq type='set' id='r'>{revoke(node.get('id'))}</iq>")
    text = phone.raw
    assert text.index('id="r"') < text.index("not-authorized")
    assert phone.wire.closed


def test_one_that_knows_the_password_is_not_shut_out_by_less_than_another_password(world: World) -> None:
    phone = comes(world, plain("romeo", bind(), request()))
    token = token_of(opened(world).says(plain("romeo", request())).hears()[0])
    answer = phone.asks("set", revoke(listed(phone)[0].get("id")))
    assert failure(answer) == ("cancel", "service-unavailable")
    assert answer[-1].find(f"{CAM}password-reset-required") is not None
    assert not phone.wire.closed
    assert identity(opened(world).says(fast(token)).hears()[0])


def test_the_same_holds_for_one_that_does_not_say_who_it_is(world: World) -> None:
    client = world.connect("romeo")
    answer = client.asks("set", revoke(listed(client)[0].get("id")))
    assert answer[-1].find(f"{CAM}password-reset-required") is not None


def test_one_that_does_not_say_who_it_is_is_shut_out_once_the_password_has_changed(world: World) -> None:
    old = world.connect("romeo", "old")
    do(world, "account password", jid="romeo@localhost", password="another")
    client = comes(world, plain("romeo", bind(), password="another"))
    (known,) = [node for node in listed(client) if node.find(f"{CAM}first-seen") is None]
    assert ways(known) == []
    assert client.says(f"<iq type='set' id='r'>{revoke(known.get('id'))}</iq>").hears_one().get("type") == "result"
    assert old.hears_the_end() == "not-authorized"


def test_one_that_has_come_by_certificate_without_saying_who_it_is_needs_no_other_password(world: World) -> None:
    client = world.wire()
    client.wire.certified = PeerCertificate(("romeo@localhost",), world.clock.now() + DAY)
    client.opens().says(auth("EXTERNAL", b"romeo@localhost")).opens().binds("old")
    (known,) = listed(client)
    assert ways(known) == ["mechanism"]
    assert failure(client.asks("set", revoke(known.get("id")))) == ("cancel", "not-allowed")


def test_a_stream_that_a_client_has_taken_up_is_its_own(world: World) -> None:
    """It was bound by one that had not said who it is."""
    old = managed(world, "romeo", "old")
    id, known = previd(old), old.session.managed._out.sent  # type: ignore[union-attr]
    phone, token = by_token(world)
    phone.says("</stream:stream>")
    cut(old)
    later = opened(world).says(fast(token, f"<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{known}'/>"))
    assert identity(later.hears()[0]) == old.jid
    assert [node.get("connected") for node in listed(later)] == ["true"]


def test_one_that_was_shut_out_resumes_nothing(world: World) -> None:
    id = previd(managed(world, "romeo", "old"))
    phone, token = by_token(world)
    waiting = opened(world)
    assert identity(waiting.says(fast(token)).hears()[0])
    name = world.domain.clients.shown(ROMEO, PHONE)
    assert phone.asks("set", revoke(name)).get("type") == "result"
    waiting.says(f"<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='1'/>")
    assert waiting.hears_one().tag == "{urn:xmpp:sm:3}failed"


def test_one_that_is_shut_out_while_it_resumes_has_its_stream_closed(world: World) -> None:
    old = world.connect("romeo", "old")
    account = world.domain.accounts.find(ROMEO)
    assert account is not None
    access = Access(PHONE, "token", account.epoch)
    world.router.user(ROMEO).tell(Resumed(old.session.actor_inbox, "old", access, revived=False))
    assert old.hears_the_end() == "not-authorized"


def test_who_has_taken_up_a_stream_is_known_in_the_servers_next_life(tmp_path: Path) -> None:
    lives = Lives(tmp_path)
    old = managed(lives.world, "romeo", "old")
    id, known = previd(old), old.session.managed._out.sent  # type: ignore[union-attr]
    cut(old)
    resume = f"<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{known}'/>"
    assert identity(opened(lives.world).says(plain("romeo", resume)).hears()[0]) == old.jid
    world = lives.dies()
    assert world.router.user(ROMEO).actor.resources["old"].client == PHONE
    world.server.stop()


@pytest.mark.parametrize("said", [True, False], ids=["it says who it is", "it had not said"])
def test_the_app_server_of_one_that_was_shut_out_hears_no_more(world: World, said: bool) -> None:
    world.domain.accounts.create(world.domain.accounts.jid("nurse"), "secret", world.clock.now())
    app_server = AppServer(world, "romeo")
    phone, _ = by_token(world)
    enables(phone)
    if not said:
        (registration,) = world.domain.storage.store("push", Map, of=Registration).items(ROMEO).values()
        registrations = Registrations(world.domain.storage)
        registrations.put(ROMEO, replace(registration, client=""))
    name = world.domain.clients.shown(ROMEO, PHONE)
    assert phone.asks("set", revoke(name)).get("type") == "result"
    world.available("juliet").says("<message to='romeo@localhost' type='chat'><body>in private</body></message>")
    assert app_server.pushes() == []
    assert do(world, "push list", jid="romeo@localhost") == []


@pytest.mark.parametrize(
    ("id", "condition"),
    [(None, "bad-request"), ("", "bad-request"), ("x", "item-not-found"), (PHONE, "item-not-found")],
)
def test_who_is_meant_has_to_be_said_by_the_id_in_the_list(world: World, id: str | None, condition: str) -> None:
    assert failure(by_password(world).asks("set", revoke(id)))[1] == condition


def test_one_that_is_just_logging_in_is_shut_out_too(world: World) -> None:
    _, token = by_token(world)

    def shut_out(*_: object) -> None:
        world.domain.clients.forget(ROMEO, [PHONE])

    world.domain.hooks._authenticate_inline.insert(0, (shut_out, ("{urn:xmpp:bind:0}bind",)))
    client = opened(world)
    assert client.says(fast(token, bind(), request())).hears_the_end() == "not-authorized"
    assert world.domain.clients.of(ROMEO) == {}


def test_one_that_has_logged_in_and_waits_is_not_bound_any_more(world: World) -> None:
    phone, token = by_token(world)
    waiting = opened(world).says(fast(token))
    waiting.hears()
    phone.asks("set", revoke(listed(phone)[0].get("id")))
    waiting.says("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert failure(waiting.hears_one()) == ("cancel", "not-allowed")


def test_one_that_was_shut_out_may_come_again_by_the_password(world: World) -> None:
    phone, _ = by_token(world)
    phone.says(f"<iq type='set' id='r'>{revoke(listed(phone)[0].get('id'))}</iq>")
    assert comes(world, plain("romeo", bind(), password="changed by hand")).session.connected


def test_it_can_be_turned_off_and_tokens_stay() -> None:
    world = World("romeo", sets=('xeps.disabled=["client_access"]',))
    token = token_of(opened(world).says(plain("romeo", request())).hears()[0])
    assert failure(comes(world, fast(token, bind())).asks("get", LIST)) == ("cancel", "service-unavailable")
