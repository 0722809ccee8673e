import gevent
import pytest
from lxml import etree

from actors.storage import StorageError
from net.xmpp.jid import JID
from tests.couple import lovers, states, told
from tests.world import PASSWORD, Client, World, failure, settle

REGISTER = "jabber:iq:register"
OPEN = "hosts.localhost.registration=true"
FEATURE = "{http://jabber.org/features/iq-register}register"
GOOD = "Calliope"


def query(inside: str = "") -> str:
    return f"<query xmlns='{REGISTER}'>{inside}</query>"


def fields(username: str | None = "bill", password: str | None = GOOD) -> str:
    written = {"username": username, "password": password}
    return query("".join(f"<{tag}>{text}</{tag}>" for tag, text in written.items() if text is not None))


def form(username: str = "bill", password: str = GOOD, form_type: str = REGISTER, type: str = "submit") -> str:
    entered = {"FORM_TYPE": form_type, "username": username, "password": password}
    inside = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in entered.items())
    return query(f"<x xmlns='jabber:x:data' type='{type}'>{inside}</x>")


def stranger(world: World) -> Client:
    """Somebody on an open stream who has not logged in."""
    client = world.wire().opens()
    client.hears()
    return client


def exists(world: World, name: str = "bill") -> bool:
    return world.domain.accounts.exists(world.domain.accounts.jid(name))


def offers(client: Client) -> list[str]:
    return [child.tag for child in client.hears_one()]


def can_log_in(world: World, name: str, password: str) -> bool:
    client = stranger(world)
    client.logs_in(name, password)
    return client.session.type == "c2s"


@pytest.fixture
def world() -> World:
    return World("juliet", sets=(OPEN,))


# -- registration


def test_it_is_offered_where_the_host_allows_it(world: World) -> None:
    assert FEATURE in offers(world.wire().opens())
    assert FEATURE not in offers(World().wire().opens())


def test_it_is_not_offered_before_the_stream_is_encrypted_unless_it_need_not_be(world: World) -> None:
    assert FEATURE not in offers(world.wire(secured=False).opens())
    assert FEATURE in offers(World(sets=(OPEN, "tls.required=false")).wire(secured=False).opens())


def test_it_is_not_offered_after_the_login(world: World) -> None:
    client = stranger(world)
    client.logs_in("juliet")
    assert FEATURE not in [child.tag for node in client.hears() for child in node]


@pytest.mark.parametrize("to", ["", "localhost"])
def test_a_stranger_is_told_the_fields_in_both_ways(world: World, to: str) -> None:
    answer = stranger(world).asks("get", query(), to)
    assert (answer.get("type"), answer.get("from")) == ("result", to or None)
    instructions, username, password, x = answer[0]
    assert [etree.QName(node).localname for node in (username, password)] == ["username", "password"]
    assert instructions.text
    assert len(username) == len(password) == 0
    asked = [
        (node.get("var"), node.get("type"), node.find("{*}required") is not None) for node in x.iterfind("{*}field")
    ]
    assert asked == [
        ("FORM_TYPE", "hidden", False),
        ("username", "text-single", True),
        ("password", "text-private", True),
    ]


@pytest.mark.parametrize("entered", [fields(), form()])
def test_a_stranger_makes_an_account_and_logs_in_on_the_same_stream(world: World, entered: str) -> None:
    client = stranger(world)
    answer = client.asks("set", entered)
    assert (answer.get("type"), len(answer)) == ("result", 0)
    client.logs_in("bill", GOOD).binds("globe")
    assert client.jid == JID.parse("bill@localhost/globe")


def test_a_username_is_prepared(world: World) -> None:
    assert stranger(world).asks("set", fields("BILL")).get("type") == "result"
    assert exists(world)


@pytest.mark.parametrize("name", ["juliet", "JULIET"])
def test_a_username_that_is_taken_is_a_conflict(world: World, name: str) -> None:
    assert failure(stranger(world).asks("set", fields(name))) == ("cancel", "conflict")
    assert can_log_in(world, "juliet", PASSWORD)


def test_nobody_becomes_an_admin_by_being_the_first_of_that_name() -> None:
    world = World(sets=(OPEN, 'hosts.localhost.admins=["bill@localhost"]'))
    assert failure(stranger(world).asks("set", fields())) == ("cancel", "conflict")
    assert not exists(world)


@pytest.mark.parametrize(
    "entered",
    [
        query(),
        fields(None),
        fields(username=""),
        fields(password=None),
        fields(password=""),
        fields(password="short"),
        fields("williams", "Williams"),
        fields(password="x" * 600),
        fields("a b"),
        fields("a@b"),
        fields("x" * 1024),
        form(username=""),
        form(password=""),
        form(form_type="jabber:iq:search"),
        form(type="form"),
        query("<x xmlns='jabber:x:data' type='cancel'/>"),
    ],
)
def test_what_is_missing_or_cannot_be_is_not_acceptable(world: World, entered: str) -> None:
    error = stranger(world).asks("set", entered)
    assert failure(error) == ("modify", "not-acceptable")
    assert len(error) == 1, "the password does not travel back"
    assert len(list(world.domain.accounts)) == 1


def test_a_weak_password_is_called_so_in_the_words_that_clients_know(world: World) -> None:
    error = stranger(world).asks("set", fields(password="1234567"))
    assert error[0].findtext("{*}text") == "The password is too weak"
    assert stranger(world).asks("set", fields(password="12345678")).get("type") == "result"


@pytest.mark.parametrize(("type", "content"), [("get", query()), ("set", fields())])
def test_where_it_is_not_allowed_there_is_no_such_service(type: str, content: str) -> None:
    world = World()
    assert failure(stranger(world).asks(type, content)) == ("cancel", "service-unavailable")
    assert not exists(world)


@pytest.mark.parametrize(("type", "content"), [("get", query()), ("set", fields())])
def test_the_stream_has_to_be_encrypted_first(world: World, type: str, content: str) -> None:
    client = world.wire(secured=False).opens()
    client.hears()
    assert failure(client.asks(type, content)) == ("auth", "not-authorized")
    assert not exists(world)


def test_attempts_from_one_address_are_counted_over_all_connections(world: World) -> None:
    for number in range(5):
        assert stranger(world).asks("set", fields(f"user-{number}")).get("type") == "result"
        assert failure(stranger(world).asks("set", fields("juliet"))) == ("cancel", "conflict")
    assert failure(stranger(world).asks("set", fields())) == ("wait", "resource-constraint")
    assert not exists(world)
    assert stranger(world).asks("get", query()).get("type") == "result"
    world.clock.advance(361)
    assert stranger(world).asks("set", fields()).get("type") == "result"
    assert failure(stranger(world).asks("set", fields("another"))) == ("wait", "resource-constraint")


def test_another_address_has_its_own_attempts() -> None:
    world = World(sets=(OPEN, "xeps.registration.per_hour=1"))
    one, other, near = (stranger(world) for _ in range(3))
    for client, peer in ((one, "[2001:db8::1]:1"), (near, "[2001:db8::2]:2"), (other, "192.0.2.1:3")):
        client.session._peer = peer
    assert one.asks("set", fields("one")).get("type") == "result"
    assert failure(near.asks("set", fields("near"))) == ("wait", "resource-constraint")
    assert other.asks("set", fields("other")).get("type") == "result"


def test_one_stream_has_an_end_of_requests(world: World) -> None:
    client = stranger(world)
    for _ in range(19):
        client.asks("get", query())
    client.says(f"<iq type='get' id='last'>{query()}</iq>")
    assert client.hears_the_end() == "policy-violation"


@pytest.mark.parametrize(
    "said",
    [
        f"<iq type='get' id='1' to='juliet@localhost'>{query()}</iq>",
        f"<iq type='get' id='1' to='elsewhere.example'>{query()}</iq>",
        f"<iq type='result' id='1'>{query()}</iq>",
        f"<message>{query()}</message>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    ],
)
def test_nothing_else_is_heard_from_strangers(world: World, said: str) -> None:
    assert stranger(world).says(said).hears_the_end() == "not-authorized"


@pytest.mark.parametrize("said", [f"<iq type='get'>{query()}</iq>", f"<iq type='set' id='1'>{query()}<other/></iq>"])
def test_a_request_that_is_malformed_is_a_bad_request(world: World, said: str) -> None:
    client = stranger(world)
    assert failure(client.says(said).hears_one()) == ("modify", "bad-request")
    assert client.asks("get", query()).get("type") == "result"


def test_a_stranger_who_says_to_be_somebody_is_not(world: World) -> None:
    client = stranger(world)
    client.says(f"<iq type='set' id='1' from='juliet@localhost/x'>{query('<remove/>')}</iq>")
    assert failure(client.hears_one()) == ("modify", "not-acceptable")
    assert exists(world, "juliet")


def test_an_account_that_cannot_be_stored_is_not_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    client = stranger(world)
    with monkeypatch.context() as patched:
        patched.setattr(world.domain.accounts, "create", fail)
        error = client.asks("set", fields())
    assert failure(error) == ("cancel", "internal-server-error")
    assert len(error) == 1
    assert client.asks("set", fields()).get("type") == "result"


def test_of_two_who_want_the_same_name_at_once_one_gets_it(world: World) -> None:
    both = [stranger(world), stranger(world)]
    for client in both:
        client.wire.hear(f"<iq type='set' id='ask'>{fields()}</iq>".encode())
    settle()
    answers = [client.hears_one() for client in both]
    assert sorted(answer.get("type", "") for answer in answers) == ["error", "result"]


def test_a_connection_that_breaks_meanwhile_does_no_harm(world: World) -> None:
    client = stranger(world)
    client.wire.hear(f"<iq type='set' id='ask'>{fields()}</iq>".encode())
    client.wire.cut()
    settle()
    assert world.router.sessions == set()


# -- those who are registered


@pytest.mark.parametrize("to", ["", "localhost", "juliet@localhost"])
def test_who_has_logged_in_is_registered(world: World, to: str) -> None:
    answer = world.connect("juliet").asks("get", query(), to)[0]
    assert [(etree.QName(node).localname, node.text) for node in answer] == [
        ("registered", None),
        ("username", "juliet"),
        ("password", None),
    ]


def test_it_is_advertised_for_passwords_can_be_changed_everywhere() -> None:
    info = (
        World("juliet")
        .connect("juliet")
        .asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost")
    )
    assert REGISTER in [node.get("var") for node in info[0]]


@pytest.mark.parametrize("to", ["", "localhost", "juliet@localhost"])
@pytest.mark.parametrize("name", ["juliet", "Juliet", "juliet@localhost"])
@pytest.mark.parametrize("entered", [fields, form])
def test_a_user_changes_the_password(to: str, name: str, entered: object) -> None:
    world = World("juliet")
    juliet = world.connect("juliet")
    assert callable(entered)
    answer = juliet.asks("set", entered(name, "new password"), to)
    assert (answer.get("type"), len(answer)) == ("result", 0)
    assert can_log_in(world, "juliet", "new password")
    assert not can_log_in(world, "juliet", PASSWORD)
    assert juliet.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


@pytest.mark.parametrize("to", ["", "localhost"])
@pytest.mark.parametrize(
    ("entered", "error"),
    [
        (query(), ("modify", "bad-request")),
        (fields(None), ("modify", "bad-request")),
        (fields("juliet", None), ("modify", "bad-request")),
        (fields("juliet", ""), ("modify", "bad-request")),
        (form("juliet", ""), ("modify", "bad-request")),
        (form("juliet", form_type="jabber:iq:register:cancel"), ("modify", "bad-request")),
        (fields("romeo"), ("cancel", "not-allowed")),
        (fields("juliet@elsewhere.example"), ("cancel", "not-allowed")),
        (fields("a b"), ("cancel", "not-allowed")),
        (fields("juliet", "short"), ("modify", "not-acceptable")),
        (fields("juliet", "x" * 600), ("modify", "not-acceptable")),
    ],
)
def test_what_does_not_change_the_password(entered: str, error: tuple[str, str], to: str) -> None:
    world = World("romeo", "juliet")
    answer = world.connect("juliet").asks("set", entered, to)
    assert failure(answer) == error
    assert len(answer) == 1, "§3.3: the password does not travel back"
    for name in ("romeo", "juliet"):
        assert can_log_in(world, name, PASSWORD)


@pytest.mark.parametrize("type", ["get", "set"])
def test_nobody_has_a_say_about_the_account_of_somebody_else(type: str) -> None:
    world = World("romeo", "juliet")
    for content in (query(), fields("juliet"), fields("romeo"), query("<remove/>")):
        answer = world.connect("romeo").asks(type, content, "juliet@localhost")
        assert failure(answer) == ("auth", "forbidden")
    assert can_log_in(world, "juliet", PASSWORD)


@pytest.mark.parametrize(("type", "content"), [("get", query()), ("set", fields("bill")), ("set", query("<remove/>"))])
def test_who_is_registered_elsewhere_is_not_registered_here(type: str, content: str) -> None:
    world = World("romeo", sets=("hosts.localhost={}", 'hosts."example.org"={}'))
    answer = world.connect("romeo").asks(type, content, "example.org")
    assert failure(answer) == ("auth", "registration-required")
    assert exists(world, "romeo")


def test_passwords_are_not_changed_without_end() -> None:
    juliet = World("juliet", sets=("xeps.registration.per_hour=2",)).connect("juliet")
    for number in range(2):
        assert juliet.asks("set", fields("juliet", f"password {number}")).get("type") == "result"
    answer = juliet.asks("set", fields("juliet"), "localhost")
    assert failure(answer) == ("wait", "resource-constraint")
    assert len(answer) == 1


def test_a_password_that_cannot_be_stored_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    world = World("juliet")
    juliet = world.connect("juliet")
    with monkeypatch.context() as patched:
        patched.setattr(world.domain.accounts, "set_password", fail)
        answer = juliet.asks("set", fields("juliet"))
    assert failure(answer) == ("cancel", "internal-server-error")
    assert len(answer) == 1


def test_others_are_served_while_a_password_becomes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo", "juliet")
    juliet, romeo = world.connect("juliet"), world.connect("romeo")
    gate = gevent.event.Event()
    monkeypatch.setattr(world.domain.accounts, "set_password", lambda *_: gate.wait())
    juliet.wire.hear(f"<iq type='set' id='change' to='localhost'>{fields('juliet')}</iq>".encode())
    romeo.wire.hear(b"<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    for _ in range(20):
        gevent.sleep(0)
    assert b'id="ping" type="result"' in romeo.wire.said
    assert juliet.wire.said == b"" or b'id="change"' not in juliet.wire.said
    gate.set()
    assert juliet.hears_one().get("id") == "change"


# -- leaving


@pytest.mark.parametrize("to", ["", "localhost", "juliet@localhost"])
def test_a_user_leaves_and_is_told_so_before_the_streams_end(to: str) -> None:
    world = World("juliet")
    juliet, phone = world.connect("juliet"), world.connect("juliet", "phone")
    address = f" to='{to}'" if to else ""
    juliet.says(f"<iq type='set' id='unreg1'{address}>{query('<remove/>')}</iq>")
    result, error = juliet.hears()
    assert (result.get("type"), result.get("id")) == ("result", "unreg1")
    assert etree.QName(error[0]).localname == "not-authorized"
    assert juliet.wire.closed
    assert phone.hears_the_end() == "not-authorized"
    assert not exists(world, "juliet")
    assert world.router.sessions == set()


def test_the_contacts_of_a_user_who_leaves_are_told() -> None:
    world, romeo, juliet = lovers("both")
    juliet.says(f"<iq type='set' id='unreg1'>{query('<remove/>')}</iq>")
    heard = told(romeo)
    assert {"presence unsubscribe juliet@localhost", "presence unsubscribed juliet@localhost"} <= set(heard)
    assert states(world) == ("none", "none")


def test_who_leaves_does_nothing_else() -> None:
    world = World("juliet")
    answer = world.connect("juliet").asks("set", query("<remove/><username>juliet</username>"))
    assert failure(answer) == ("modify", "bad-request")
    assert exists(world, "juliet")


def test_who_cannot_be_forgotten_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    world = World("juliet")
    juliet = world.connect("juliet")
    with monkeypatch.context() as patched:
        patched.setattr(world.domain.storage, "forget", fail)
        assert failure(juliet.asks("set", query("<remove/>"))) == ("cancel", "internal-server-error")
    assert exists(world, "juliet")
    assert juliet.asks("get", "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"


def test_the_name_of_one_who_has_left_is_free_again(world: World) -> None:
    world.connect("juliet").says(f"<iq type='set' id='unreg1'>{query('<remove/>')}</iq>")
    assert stranger(world).asks("set", fields("juliet")).get("type") == "result"
    assert world.wire().opens().logs_in("juliet", GOOD).binds().jid is not None


def test_an_anonymous_user_has_no_account_to_speak_of() -> None:
    world = World(sets=("hosts.localhost.anonymous=true",))
    client = stranger(world)
    client.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>").opens().binds()
    for content in (fields("bill"), query("<remove/>")):
        assert failure(client.asks("set", content)) == ("auth", "registration-required")
