import pytest
from lxml import etree

from actors.host import Domain
from actors.user import User
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from tests.world import Client, World, failure, settle

CARBONS = "urn:xmpp:carbons:2"
FORWARDED = "{urn:xmpp:forward:0}forwarded/{jabber:client}message"
BODY = "{jabber:client}body"
SID = "{urn:xmpp:sid:0}stanza-id"
MUC_USER = "http://jabber.org/protocol/muc#user"
PRIVATE = f"<private xmlns='{CARBONS}'/>"
NO_COPY = "<no-copy xmlns='urn:xmpp:hints'/>"
HOME, GARDEN = "romeo@localhost/home", "romeo@localhost/garden"


def switches(client: Client, to: str = "enable", address: str = "") -> etree._Element:
    return client.asks("set", f"<{to} xmlns='{CARBONS}'/>", to=address)


def with_copies(world: World, user: str, resource: str, presence: str = "<presence/>") -> Client:
    client = world.available(user, resource, presence)
    assert switches(client).get("type") == "result"
    return client


def message(to: str, inside: str = "<body>hi</body>", attributes: str = "type='chat'") -> str:
    return f"<message to='{to}' {attributes}>{inside}</message>"


def messages(client: Client) -> list[etree._Element]:
    return [node for node in client.hears() if node.tag == "{jabber:client}message"]


def read(node: etree._Element) -> tuple[str, ...]:
    """What a client hears: "told", who says it and what; or "sent" or "received", from whom, to whom and what."""
    wrapper = node[0]
    if etree.QName(wrapper).namespace != CARBONS:
        return "told", node.get("from"), node.findtext(BODY)
    (copied,) = wrapper.findall(FORWARDED)
    return etree.QName(wrapper).localname, copied.get("from"), copied.get("to"), copied.findtext(BODY)


def heard(client: Client) -> list[tuple[str, ...]]:
    return [read(node) for node in messages(client)]


class Stage:
    """Romeo, at home and in the garden, with copies in both places; and Juliet, who has one client without."""

    def __init__(self, *sets: str) -> None:
        self.world = World("romeo", "juliet", sets=sets)
        self.home, self.garden = (with_copies(self.world, "romeo", where) for where in ("home", "garden"))
        self.juliet = self.world.available("juliet", "balcony")
        for client in (self.home, self.garden):
            client.hears()


@pytest.fixture
def stage() -> Stage:
    return Stage('xeps.disabled=["archive"]')  # whose ids would be in what is delivered


# -- enabling and disabling


def test_the_domain_and_the_account_say_that_there_are_carbons(stage: Stage) -> None:
    for to in ("localhost", "romeo@localhost"):
        info = stage.home.asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=to)[0]
        assert {CARBONS, "urn:xmpp:carbons:rules:0"} <= {feature.get("var") for feature in info}


@pytest.mark.parametrize("address", ["", "romeo@localhost"])
def test_copies_are_enabled_and_disabled_as_often_as_a_client_likes(stage: Stage, address: str) -> None:
    for to in ("enable", "enable", "disable", "disable", "enable"):
        answer = switches(stage.home, to, address)
        assert (answer.get("type"), answer.get("from"), answer.get("to")) == ("result", "romeo@localhost", HOME)
        assert len(answer) == 0
        stage.garden.says(message("juliet@localhost", f"<body>{to}</body>"))
        expected = [("sent", GARDEN, "juliet@localhost", to)] if to == "enable" else []
        assert heard(stage.home) == expected


@pytest.mark.parametrize("to", ["enable", "disable"])
def test_nobody_enables_or_disables_the_copies_of_another_account(stage: Stage, to: str) -> None:
    assert failure(switches(stage.juliet, to, "romeo@localhost")) == ("cancel", "not-allowed")
    stage.home.says(message("juliet@localhost"))
    assert len(heard(stage.garden)) == 1


def test_a_client_that_has_not_asked_gets_none(stage: Stage) -> None:
    bed = stage.world.available("romeo", "bed")
    stage.home.says(message("juliet@localhost"))
    stage.juliet.says(message(GARDEN))
    assert heard(bed) == []


def test_a_client_that_comes_again_has_to_ask_again(stage: Stage) -> None:
    stage.garden.says("</stream:stream>")
    again = stage.world.available("romeo", "garden")
    stage.home.says(message("juliet@localhost"))
    assert heard(again) == []


def test_a_user_that_has_crashed_still_knows_who_wants_copies(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    route, left = Domain.answer, [1]

    def crash_once(*args: object) -> object:
        if left:
            raise RuntimeError(f"made to fail {left.pop()}")
        return route(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(Domain, "answer", crash_once)
    stage.home.says("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>").hears()
    assert not left
    stage.home.says(message("juliet@localhost"))
    assert heard(stage.garden) == [("sent", HOME, "juliet@localhost", "hi")]


# -- received (§7)


def test_a_message_to_one_client_is_copied_to_the_other(stage: Stage) -> None:
    text = "What man art thou that, thus bescreen'd in night, so stumblest on my counsel?"
    inside = f"<body>{text}</body><thread>0e3141</thread>"
    stage.juliet.says(message(GARDEN, inside, "type='chat' id='m' xml:lang='en'"))
    (copy,) = messages(stage.home)
    assert dict(copy.attrib) == {"from": "romeo@localhost", "to": HOME, "type": "chat"}
    assert [child.tag for child in copy] == [f"{{{CARBONS}}}received"]
    (original,) = messages(stage.garden)
    assert etree.tostring(copy[0][0][0], method="c14n") == etree.tostring(original, method="c14n")
    assert (original.get("from"), original.get("to")) == ("juliet@localhost/balcony", GARDEN)
    assert original.findtext(BODY) == text


def test_a_message_to_the_account_is_told_once_to_whoever_gets_it_anyway(stage: Stage) -> None:
    stage.juliet.says(message("romeo@localhost"))
    for client in (stage.home, stage.garden):
        assert heard(client) == [("told", "juliet@localhost/balcony", "hi")]


@pytest.mark.parametrize("presence", ["<presence><priority>-1</priority></presence>", ""])
def test_a_client_that_gets_no_messages_to_the_account_gets_a_copy(stage: Stage, presence: str) -> None:
    shy = with_copies(stage.world, "romeo", "shy", presence)
    stage.juliet.says(message("romeo@localhost"))
    assert heard(shy) == [("received", "juliet@localhost/balcony", "romeo@localhost", "hi")]
    assert heard(stage.home) == [("told", "juliet@localhost/balcony", "hi")]


def test_a_message_to_a_client_that_is_gone_is_told_once_to_each(stage: Stage) -> None:
    shy = with_copies(stage.world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    stage.juliet.says(message("romeo@localhost/gone"))
    assert heard(stage.home) == heard(stage.garden) == [("told", "juliet@localhost/balcony", "hi")]
    assert heard(shy) == [("received", "juliet@localhost/balcony", "romeo@localhost/gone", "hi")]


def test_a_message_that_is_refused_is_not_copied(stage: Stage) -> None:
    stage.juliet.says(message("romeo@localhost/gone", attributes=""))
    assert failure(messages(stage.juliet)[0]) == ("cancel", "service-unavailable")
    assert heard(stage.home) == heard(stage.garden) == []


def test_what_waits_for_a_client_that_takes_messages_is_copied_to_one_that_takes_none() -> None:
    world = World("romeo", "juliet")
    shy = with_copies(world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    juliet = world.connect("juliet", "balcony")
    juliet.says(message("romeo@localhost"))
    assert heard(shy) == [("received", "juliet@localhost/balcony", "romeo@localhost", "hi")]
    assert juliet.hears() == []
    home = world.available("romeo", "home", "")
    switches(home)
    home.says("<presence/>")
    assert heard(home) == [("told", "juliet@localhost/balcony", "hi")]
    assert heard(shy) == []


def test_the_copy_of_what_waits_has_the_id_of_the_archive() -> None:
    world = World("romeo", "juliet")
    shy = with_copies(world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    world.connect("juliet", "balcony").says(message("romeo@localhost"))
    (copy,) = messages(shy)
    (told,) = messages(world.connect("romeo", "home").says("<presence/>"))
    copied, id = copy.find(f"{{{CARBONS}}}received/{FORWARDED}/{SID}"), told.find(SID)
    assert copied is not None
    assert id is not None
    assert dict(copied.attrib) == dict(id.attrib)


def test_what_nobody_stores_and_nobody_takes_is_not_copied() -> None:
    world = World("romeo", "juliet", sets=('xeps.disabled=["offline"]',))
    shy = with_copies(world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    juliet = world.connect("juliet", "balcony")
    juliet.says(message("romeo@localhost"))
    assert failure(juliet.hears_one()) == ("cancel", "service-unavailable")
    assert heard(shy) == []


# -- sent (§8)


def test_what_a_client_says_is_copied_to_the_other(stage: Stage) -> None:
    switches(stage.home, "disable")  # §8: whether the sender has copies makes no difference
    inside = "<body>Neither, fair saint, if either thee dislike.</body><thread>0e3141</thread>"
    stage.home.says(message("juliet@localhost/balcony", inside))
    (copy,) = messages(stage.garden)
    assert dict(copy.attrib) == {"from": "romeo@localhost", "to": GARDEN, "type": "chat"}
    assert [child.tag for child in copy] == [f"{{{CARBONS}}}sent"]
    (original,) = messages(stage.juliet)
    assert etree.tostring(copy[0][0][0], method="c14n") == etree.tostring(original, method="c14n")
    assert heard(stage.home) == []


def test_what_is_said_to_the_account_itself_comes_once_to_each_other_client(stage: Stage) -> None:
    shy = with_copies(stage.world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    stage.home.says(message("romeo@localhost"))
    assert heard(stage.home) == heard(stage.garden) == [("told", HOME, "hi")]
    assert heard(shy) == [("received", HOME, "romeo@localhost", "hi")]


def test_what_one_client_says_to_another_of_the_account_is_copied_to_the_third(stage: Stage) -> None:
    shy = with_copies(stage.world, "romeo", "shy", "<presence><priority>-1</priority></presence>")
    stage.home.says(message(GARDEN))
    assert heard(stage.home) == []
    assert heard(stage.garden) == [("told", HOME, "hi")]
    assert heard(shy) == [("received", HOME, GARDEN, "hi")]


def test_what_goes_to_somebody_who_has_been_blocked_is_not_copied(stage: Stage) -> None:
    block = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>"
    assert stage.home.asks("set", block).get("type") == "result"
    stage.home.says(message("juliet@localhost"))
    assert failure(messages(stage.home)[0]) == ("cancel", "not-acceptable")
    stage.juliet.says(message(GARDEN))
    assert heard(stage.garden) == heard(stage.home) == []


def test_a_copy_is_of_the_message_as_it_goes_out(stage: Stage) -> None:
    """XEP-0359: an id in the account's name that the account has not given."""
    forged = "<body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='1'/>"
    stage.home.says(message("juliet@localhost", forged))
    assert "stanza-id" not in stage.garden.raw
    stage.home.says(message("juliet@localhost", "<delay xmlns='urn:xmpp:delay' from='localhost' stamp=''/>"))
    assert heard(stage.garden) == []


# -- which messages (§6)

RECEIPT = "<received xmlns='urn:xmpp:receipts' id='1'/>"
REQUEST = "<request xmlns='urn:xmpp:receipts'/>"
MARKER = "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"
MARKABLE = "<markable xmlns='urn:xmpp:chat-markers:0'/>"
STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
DIRECT = "<x xmlns='jabber:x:conference' jid='coven@chat.localhost'/>"
MEDIATED = f"<x xmlns='{MUC_USER}'><invite from='hecate@localhost'/></x>"
IN_A_ROOM = f"<x xmlns='{MUC_USER}'/>"
OTHER = "<y xmlns='urn:y'/>"
TEXT = "<body>hi</body>"

# What there is in a message, and of which types it is copied when it is sent, and when it is received.
ELIGIBLE = {
    TEXT: ("chat normal ? unheard-of", "chat normal ? unheard-of"),
    OTHER: ("chat", "chat"),
    "": ("chat", "chat"),
    "<subject>s</subject>": ("chat", "chat"),
    **dict.fromkeys(
        (RECEIPT, REQUEST, MARKER, MARKABLE, STATE, DIRECT, MEDIATED),
        ("chat normal headline ? unheard-of", "chat normal headline ? unheard-of"),
    ),
    TEXT + IN_A_ROOM: ("chat normal ? unheard-of", ""),
    TEXT + MEDIATED: ("chat normal headline ? unheard-of", "chat normal headline ? unheard-of"),
    IN_A_ROOM: ("chat", ""),
    **dict.fromkeys((TEXT + PRIVATE, TEXT + NO_COPY, TEXT + PRIVATE + NO_COPY, RECEIPT + PRIVATE), ("", "")),
}


@pytest.mark.parametrize("type", ["chat", "normal", "headline", "groupchat", "error", "?", "unheard-of"])
@pytest.mark.parametrize("inside", ELIGIBLE)
def test_which_messages_are_copied(inside: str, type: str) -> None:
    stage = Stage()
    sent, received = ELIGIBLE[inside]
    attributes = "" if type == "?" else f"type='{type}'"
    stage.home.says(message("juliet@localhost/balcony", inside, attributes))
    assert len(messages(stage.garden)) == (type in sent.split())
    stage.juliet.says(message(HOME, inside, attributes))
    assert len(messages(stage.home)) == 1
    assert len(messages(stage.garden)) == (type in received.split())


@pytest.mark.parametrize("type", ["chat", "normal"])
def test_a_private_message_out_of_a_room_is_known_by_its_occupants_address(stage: Stage, type: str) -> None:
    """§6.1: the room itself sends it to each client that is there. What comes from the room's own address is none."""
    for sender, copies in (("coven@chat.example/witch", 0), ("coven@chat.example", 1)):
        content = (TEXT + IN_A_ROOM).encode()
        from_, to = JID.parse(sender), JID.parse(HOME)
        stage.world.router.route(Stanza("message", type=type, from_=from_, to=to, body=content))
        assert len(messages(stage.garden)) == copies


def test_what_is_private_is_delivered_with_the_wish_in_it(stage: Stage) -> None:
    """§9: it is not taken out, lest the sender could hide that nobody else has seen it."""
    stage.home.says(message("juliet@localhost/balcony", TEXT + PRIVATE + NO_COPY))
    (told,) = messages(stage.juliet)
    assert [etree.QName(child).localname for child in told] == ["body", "private", "no-copy"]
    assert heard(stage.garden) == []


def test_presence_and_requests_are_not_copied(stage: Stage) -> None:
    stage.home.says("<presence to='juliet@localhost'/>")
    stage.home.says("<iq type='get' id='1' to='juliet@localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert heard(stage.garden) == []


# -- errors (§6.1, §10.3)


def test_an_error_from_the_server_is_copied_where_the_message_was(stage: Stage) -> None:
    stage.home.says(message("nobody@localhost", attributes="type='chat' id='m'"))
    sent, failed = messages(stage.garden)
    assert read(sent) == ("sent", HOME, "nobody@localhost", "hi")
    assert (failed.get("type"), read(failed)) == ("error", ("received", "nobody@localhost", HOME, "hi"))
    assert failure(failed[0][0][0]) == ("cancel", "service-unavailable")
    assert [node.get("type") for node in messages(stage.home)] == ["error"]


ERROR = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


@pytest.mark.parametrize("echo", ["", TEXT])
def test_an_error_that_a_client_answers_with_is_copied_on_both_sides(stage: Stage, echo: str) -> None:
    chamber = with_copies(stage.world, "juliet", "chamber")
    stage.home.says(message("juliet@localhost/balcony", attributes="type='chat' id='m'"))
    for client in (chamber, stage.garden):
        assert len(messages(client)) == 1
    stage.juliet.says(message(HOME, echo + ERROR, "type='error' id='m'"))
    assert [read(node)[:3] for node in messages(chamber)] == [("sent", "juliet@localhost/balcony", HOME)]
    assert [read(node)[:3] for node in messages(stage.garden)] == [("received", "juliet@localhost/balcony", HOME)]


def test_an_error_is_copied_that_answers_what_all_clients_were_told(stage: Stage) -> None:
    stage.juliet.says(message("romeo@localhost", attributes="type='chat' id='m'"))
    assert heard(stage.garden) == [("told", "juliet@localhost/balcony", "hi")]
    stage.home.says(message("juliet@localhost/balcony", ERROR, "type='error' id='m'"))
    assert [read(node)[:3] for node in messages(stage.garden)] == [("sent", HOME, "juliet@localhost/balcony")]


def test_an_error_is_copied_that_one_client_answers_what_was_for_all_of_them(stage: Stage) -> None:
    stage.home.says(message("juliet@localhost", attributes="type='chat' id='m'"))
    assert len(messages(stage.garden)) == 1
    stage.juliet.says(message(HOME, ERROR, "type='error' id='m'"))
    assert [read(node)[:3] for node in messages(stage.garden)] == [("received", "juliet@localhost/balcony", HOME)]


@pytest.mark.parametrize("id", ["m", "other", None])
def test_other_errors_are_not_copied(stage: Stage, id: str | None) -> None:
    stage.home.says(message("juliet@localhost/balcony", TEXT + PRIVATE, "type='chat' id='m'"))
    stage.home.says(message("juliet@localhost/balcony"))
    assert len(messages(stage.garden)) == 1
    stage.juliet.says(message(HOME, TEXT + ERROR, "type='error'" + (f" id='{id}'" if id else "")))
    assert len(messages(stage.home)) == 1
    assert messages(stage.garden) == []


def test_somebody_else_cannot_answer_for_the_recipient(stage: Stage) -> None:
    chamber = stage.world.connect("juliet", "chamber")
    stage.home.says(message("juliet@localhost/balcony", attributes="type='chat' id='m'"))
    assert len(messages(stage.garden)) == 1
    chamber.says(message(HOME, ERROR, "type='error' id='m'"))
    assert messages(stage.garden) == []


def test_only_the_last_messages_are_remembered_for_their_errors(stage: Stage) -> None:
    for number in range(101):
        stage.home.says(message("juliet@localhost/balcony", attributes=f"type='chat' id='{number}'"))
    assert len(messages(stage.garden)) == 101
    for number in (0, 1):
        stage.juliet.says(message(HOME, ERROR, f"type='error' id='{number}'"))
    assert len(messages(stage.garden)) == 1


@pytest.mark.parametrize("echo", ["", f"<sent xmlns='{CARBONS}'/>"])
def test_a_copy_that_a_client_answers_with_an_error_is_nobodys_business(stage: Stage, echo: str) -> None:
    """§10.3: neither the original sender's, nor the other clients'."""
    stage.juliet.says(message(HOME, attributes="type='chat' id='m'"))
    stage.home.hears()
    stage.garden.hears()
    stage.garden.says(message("romeo@localhost", echo + ERROR, "type='error' id='m'"))
    for client in (stage.juliet, stage.home, stage.garden):
        assert client.hears() == []


# -- nothing twice, and nothing forged


def arrives_as_it_leaves(leaver: Client, type: str = "chat") -> None:
    """A message to Romeo's client at home is delivered, while a client of his has gone and he does not know yet."""
    leaver.wire.cut()
    from_, to = JID.parse("juliet@localhost/balcony"), JID.parse(HOME)
    leaver.world.router.route(Stanza("message", type=type, id="m", from_=from_, to=to, body=TEXT.encode()))
    settle()


TOLD = ("told", "juliet@localhost/balcony", "hi")
COPIED = ("received", "juliet@localhost/balcony", HOME, "hi")


def test_a_copy_that_cannot_be_written_is_dropped(stage: Stage) -> None:
    arrives_as_it_leaves(stage.garden)
    assert heard(stage.home) == [TOLD]
    assert messages(stage.juliet) == []
    assert heard(stage.world.available("romeo", "garden")) == []


def test_a_copy_that_cannot_be_written_is_not_stored_either(stage: Stage) -> None:
    """Nor told to others: this would be its way if it were a message like any other, for nobody takes it now."""
    stage.home.says("<presence><priority>-1</priority></presence>")
    stage.garden.hears()
    arrives_as_it_leaves(stage.garden)
    assert heard(stage.home) == [TOLD]
    assert heard(stage.world.connect("romeo", "garden").says("<presence/>")) == []


@pytest.mark.parametrize("type", ["chat", "normal"])
def test_a_message_that_could_not_be_written_but_has_been_copied_is_not_told_again(stage: Stage, type: str) -> None:
    arrives_as_it_leaves(stage.home, type)
    assert heard(stage.garden) == [COPIED]
    assert messages(stage.juliet) == []


def test_a_message_that_could_not_be_written_is_not_copied_twice(stage: Stage) -> None:
    """It finds another way, for the one that it was copied to takes no messages."""
    stage.garden.says("<presence><priority>-1</priority></presence>")
    arrives_as_it_leaves(stage.home)
    assert heard(stage.garden) == [COPIED]
    assert heard(stage.world.connect("romeo", "home").says("<presence/>")) == [TOLD]


FORGED = (
    f"<received xmlns='{CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='juliet@localhost/balcony' to='romeo@localhost/home' type='chat'>"
    "<body>Thou shall meet me tonite</body></message></forwarded></received>"
)


def test_a_forged_copy_says_who_has_forged_it(stage: Stage) -> None:
    """§7, example: what makes a copy is that it is from the account's own bare JID, as nobody else can be."""
    stage.juliet.says(message(HOME, FORGED))
    (told,) = messages(stage.home)
    assert told.get("from") == "juliet@localhost/balcony"
    (copy,) = messages(stage.garden)
    assert copy.get("from") == "romeo@localhost"
    (inner,) = copy[0].findall(FORWARDED)
    assert (inner.get("from"), inner[0].tag) == ("juliet@localhost/balcony", f"{{{CARBONS}}}received")


@pytest.mark.parametrize("claimed", ["", "from='romeo@localhost'"])
def test_a_client_cannot_forge_copies_for_the_others_of_its_account(stage: Stage, claimed: str) -> None:
    stage.home.says(message("romeo@localhost", FORGED, f"type='chat' {claimed}"))
    stage.home.says(message(GARDEN, FORGED, f"type='chat' {claimed}"))
    assert [node.get("from") for node in messages(stage.garden)] == [HOME, HOME]


def test_a_message_and_its_copies_are_serialised_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for resource in ("bed", "bath"):
        with_copies(stage.world, "romeo", resource)
    made: list[Stanza] = []
    framed = Stanza.framed

    def counted(stanza: Stanza) -> bytes:
        made.append(stanza)
        return framed(stanza)

    monkeypatch.setattr(Stanza, "framed", counted)
    stage.home.says(message("juliet@localhost"))
    assert len(messages(stage.garden)) == 1
    assert len(made) == 1


# -- ids in the archive (XEP-0313 §3.5)

STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
MAM = "urn:xmpp:mam:2"


def ids(node: etree._Element) -> list[tuple[str | None, str | None]]:
    return [(child.get("by"), child.get("id")) for child in node.findall(STANZA_ID)]


def copied_ids(client: Client) -> list[list[tuple[str | None, str | None]]]:
    return [ids(inner) for node in messages(client) for inner in node[0].findall(FORWARDED)]


def archived(client: Client) -> list[tuple[str | None, str | None]]:
    """The ids of all that is in the client's archive, and whose they are."""
    client.hears()
    client.says(f"<iq type='set' id='q'><query xmlns='{MAM}'/></iq>")
    return [("romeo@localhost", node[0].get("id")) for node in messages(client)]


def test_a_copy_of_what_was_sent_bears_its_id_in_the_archive_of_its_sender() -> None:
    stage = Stage()
    for text in "ab":
        stage.home.says(message("juliet@localhost", f"<body>{text}</body>"))
    first, second = archived(stage.home)
    assert copied_ids(stage.garden) == [[first], [second]]


def test_the_recipient_gets_the_id_of_the_recipients_archive_alone() -> None:
    stage = Stage()
    stage.home.says(message("juliet@localhost"))
    (told,) = messages(stage.juliet)
    assert [by for by, _ in ids(told)] == ["juliet@localhost"]
    stage.juliet.says(f"<iq type='set' id='q'><query xmlns='{MAM}'/></iq>")
    assert [node[0].get("id") for node in messages(stage.juliet)] == [id for _, id in ids(told)]


def test_what_is_not_kept_is_copied_without_an_id() -> None:
    stage = Stage()
    stage.home.says(message("juliet@localhost"))
    assert [len(found) for found in copied_ids(stage.garden)] == [1]
    stage.home.says(message("juliet@localhost", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"))
    stage.home.says(message("juliet@localhost", "<body>off</body><no-store xmlns='urn:xmpp:hints'/>"))
    assert copied_ids(stage.garden) == [[], []]


def test_an_id_that_a_client_has_forged_is_in_no_copy() -> None:
    stage = Stage()
    forged = "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='forged'/>"
    other = "<stanza-id xmlns='urn:xmpp:sid:0' by='room@example.org' id='theirs'/>"
    stage.home.says(message("juliet@localhost", f"<body>x</body>{forged}{other}"))
    (true,) = archived(stage.home)
    assert copied_ids(stage.garden) == [[("room@example.org", "theirs"), true]]


def test_what_is_received_has_the_same_id_in_copies_and_as_it_is_told() -> None:
    stage = Stage()
    stage.juliet.says(message(HOME))
    (told,) = messages(stage.home)
    assert copied_ids(stage.garden) == [ids(told)] == [archived(stage.home)]


# -- receipts and markers on their way (XEP-0184, XEP-0333)


@pytest.mark.parametrize("inside", [RECEIPT, MARKER])
@pytest.mark.parametrize("attributes", ["", "type='chat'"])
def test_a_receipt_or_marker_without_text_reaches_all_clients_of_both(
    stage: Stage, inside: str, attributes: str
) -> None:
    chamber = with_copies(stage.world, "juliet", "chamber")
    name = etree.QName(etree.fromstring(inside))
    stage.juliet.says(message(HOME, inside, attributes))
    assert [node[0].tag for node in messages(stage.home)] == [name]
    for client in (stage.garden, chamber):
        (copy,) = messages(client)
        assert [child.tag for child in copy[0].find(FORWARDED)] == [name]


@pytest.mark.parametrize("inside", [RECEIPT, MARKER])
@pytest.mark.parametrize("attributes", ["", "type='chat'"])
def test_a_receipt_or_marker_waits_for_a_user_who_is_away(inside: str, attributes: str) -> None:
    world = World("romeo", "juliet")
    juliet = world.connect("juliet", "balcony")
    juliet.says(message("romeo@localhost", inside, attributes))
    assert juliet.hears() == []
    home = with_copies(world, "romeo", "home", "")
    home.says("<presence/>")
    assert [node[0].tag for node in messages(home)] == [etree.fromstring(inside).tag]


def test_when_nobody_wants_copies_any_more_the_user_remembers_nothing(stage: Stage) -> None:
    romeo = stage.world.router.user(JID.parse("romeo@localhost")).actor
    assert isinstance(romeo, User)
    stage.home.says(message("juliet@localhost"))
    stage.garden.says("</stream:stream>")
    assert "carbons" in romeo.state
    switches(stage.home, "disable")
    assert "carbons" not in romeo.state
    switches(stage.home)
    garden = with_copies(stage.world, "romeo", "garden")
    stage.home.says(message("juliet@localhost"))
    assert len(heard(garden)) == 1
