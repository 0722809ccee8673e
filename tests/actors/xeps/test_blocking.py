import logging

import pytest
from lxml import etree

from actors.hooks import Hooks
from actors.reports import Report, Reports
from actors.storage import StorageError
from net.xmpp.jid import JID
from tests.couple import JULIET, ROMEO, lovers, relate, told
from tests.world import Client, World, failure

BLOCKING = "urn:xmpp:blocking"
SPAM = "urn:xmpp:reporting:spam"


def items(*jids: str) -> str:
    return "".join(f"<item jid='{jid}'/>" for jid in jids)


def blocks(client: Client, *jids: str) -> None:
    answer = client.asks("set", f"<block xmlns='{BLOCKING}'>{items(*jids)}</block>")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert len(answer) == 0


def unblocks(client: Client, *jids: str) -> None:
    answer = client.asks("set", f"<unblock xmlns='{BLOCKING}'>{items(*jids)}</unblock>")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert len(answer) == 0


def blocklist(client: Client) -> list[str | None]:
    answer = client.asks("get", f"<blocklist xmlns='{BLOCKING}'/>")
    assert answer.get("type") == "result"
    assert answer[0].tag == f"{{{BLOCKING}}}blocklist"
    return [item.get("jid") for item in answer[0]]


def pushed(client: Client) -> list[tuple[str, list[str | None]]]:
    """What has changed in the list, as a client hears it."""
    heard = [node[0] for node in client.hears() if node.get("type") == "set"]
    return [(etree.QName(change).localname, [item.get("jid") for item in change]) for change in heard]


@pytest.fixture
def strangers() -> tuple[World, Client, Client]:
    """Romeo and Juliet, who are nothing to each other; and both available."""
    return lovers("none")


# -- the list


def test_a_list_that_nobody_has_written_is_empty(strangers: tuple[World, Client, Client]) -> None:
    assert blocklist(strangers[2]) == []


def test_what_is_blocked_is_listed_in_every_session_and_stays(strangers: tuple[World, Client, Client]) -> None:
    world, _, juliet = strangers
    blocks(juliet, "romeo@montague.net", "IAGO@shakespeare.lit")
    assert blocklist(juliet) == ["iago@shakespeare.lit", "romeo@montague.net"]
    juliet.says("</stream:stream>")
    world.clock.advance(100)
    assert blocklist(world.connect("juliet")) == ["iago@shakespeare.lit", "romeo@montague.net"]


def test_blocking_the_same_again_changes_nothing(strangers: tuple[World, Client, Client]) -> None:
    juliet = strangers[2]
    for _ in range(2):
        blocks(juliet, "romeo@localhost", "romeo@localhost")
    assert blocklist(juliet) == ["romeo@localhost"]


def test_one_can_be_unblocked_and_all_can(strangers: tuple[World, Client, Client]) -> None:
    juliet = strangers[2]
    blocks(juliet, "a@example.org", "b@example.org", "c@example.org")
    unblocks(juliet, "b@example.org", "never@blocked.example")
    assert blocklist(juliet) == ["a@example.org", "c@example.org"]
    unblocks(juliet)
    assert blocklist(juliet) == []


def test_every_resource_that_has_requested_the_list_hears_of_changes(strangers: tuple[World, Client, Client]) -> None:
    world, _, balcony = strangers
    chamber, garden = world.connect("juliet", "chamber"), world.connect("juliet", "garden")
    blocklist(balcony)
    blocklist(chamber)
    block = f"<block xmlns='{BLOCKING}'>{items('romeo@montague.net', 'iago@shakespeare.lit')}</block>"
    garden.says(f"<iq type='set' id='block1'>{block}</iq>")
    garden.says(
        f"<iq type='set' id='unblock1'><unblock xmlns='{BLOCKING}'>{items('romeo@montague.net')}</unblock></iq>"
    )
    garden.says(f"<iq type='set' id='unblock2'><unblock xmlns='{BLOCKING}'/></iq>")
    for client in (balcony, chamber):
        assert pushed(client) == [
            ("block", ["romeo@montague.net", "iago@shakespeare.lit"]),
            ("unblock", ["romeo@montague.net"]),
            ("unblock", []),
        ]
    assert pushed(garden) == []


def test_a_push_is_addressed_to_the_resource(strangers: tuple[World, Client, Client]) -> None:
    world, _, balcony = strangers
    blocklist(balcony)
    blocks(world.connect("juliet"), "romeo@montague.net")
    push = balcony.hears_one()
    assert (push.get("to"), push.get("from")) == ("juliet@localhost/balcony", None)
    assert push.get("id")


def test_who_comes_after_one_that_had_requested_the_list_has_not(strangers: tuple[World, Client, Client]) -> None:
    world, _, balcony = strangers
    blocklist(balcony)
    again = world.connect("juliet", "balcony")
    blocks(world.connect("juliet"), "romeo@montague.net")
    assert again.hears() == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", ("modify", "bad-request")),
        ("<item/>", ("modify", "bad-request")),
        ("<item jid=''/>", ("modify", "bad-request")),
        ("<item xmlns='urn:other' jid='romeo@localhost'/>", ("modify", "bad-request")),
        ("<item jid='@'/>", ("modify", "jid-malformed")),
        ("<item jid='romeo@localhost'/><item jid='a b@localhost'/>", ("modify", "jid-malformed")),
    ],
)
def test_what_names_nobody_blocks_nobody(
    strangers: tuple[World, Client, Client], content: str, error: tuple[str, str]
) -> None:
    juliet = strangers[2]
    assert failure(juliet.asks("set", f"<block xmlns='{BLOCKING}'>{content}</block>")) == error
    assert blocklist(juliet) == []


def test_a_malformed_address_unblocks_nobody(strangers: tuple[World, Client, Client]) -> None:
    juliet = strangers[2]
    blocks(juliet, "romeo@localhost")
    unblock = f"<unblock xmlns='{BLOCKING}'><item jid='@'/></unblock>"
    assert failure(juliet.asks("set", unblock)) == ("modify", "jid-malformed")
    assert blocklist(juliet) == ["romeo@localhost"]


def test_the_list_of_somebody_else_is_forbidden(strangers: tuple[World, Client, Client]) -> None:
    romeo = strangers[1]
    for type, name in (("get", "blocklist"), ("set", "block"), ("set", "unblock")):
        answer = romeo.asks(type, f"<{name} xmlns='{BLOCKING}'>{items('nurse@localhost')}</{name}>", "juliet@localhost")
        assert failure(answer) == ("auth", "forbidden")


def test_the_list_has_an_end() -> None:
    juliet = World("juliet", sets=("xeps.blocking.items=2",)).connect("juliet")
    blocks(juliet, "a@example.org")
    block = f"<block xmlns='{BLOCKING}'>{items('b@example.org', 'c@example.org')}</block>"
    assert failure(juliet.asks("set", block)) == ("wait", "resource-constraint")
    blocks(juliet, "a@example.org", "b@example.org")
    assert blocklist(juliet) == ["a@example.org", "b@example.org"]


def test_it_is_advertised() -> None:
    info = (
        World("juliet")
        .connect("juliet")
        .asks("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "localhost")
    )
    assert {"urn:xmpp:blocking", "urn:xmpp:reporting:1"} <= {node.get("var") for node in info[0]}


# -- inbound


def test_a_presence_of_any_type_disappears() -> None:
    world, romeo, juliet = lovers("from")
    blocks(juliet, "romeo@localhost")
    romeo.hears()
    for type in ("", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"):
        written = f" type='{type}'" if type else ""
        romeo.says(f"<presence to='juliet@localhost'{written}/>")
        romeo.says(f"<presence to='juliet@localhost/balcony'{written}/>")
    assert juliet.hears() == []
    assert [line for line in told(romeo) if line.startswith("presence")] == []
    assert world.domain.rosters.load(JULIET)[ROMEO].state == "to"


@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony", "juliet@localhost/nowhere"])
@pytest.mark.parametrize("type", ["", "normal", "chat", "headline"])
def test_a_message_comes_back(strangers: tuple[World, Client, Client], type: str, to: str) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    romeo.says(f"<message to='{to}' type='{type}'><body>x</body></message>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")
    assert juliet.hears() == []


@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("to", ["juliet@localhost", "juliet@localhost/balcony"])
def test_a_request_comes_back_as_if_nobody_were_there(
    strangers: tuple[World, Client, Client], type: str, to: str
) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    assert failure(romeo.asks(type, "<vCard xmlns='vcard-temp'/>", to)) == ("cancel", "service-unavailable")
    assert juliet.hears() == []


@pytest.mark.parametrize(
    "stanza",
    [
        "<iq type='result' id='1' to='juliet@localhost/balcony'/>",
        "<iq type='error' id='1' to='juliet@localhost/balcony'/>",
        "<message type='error' to='juliet@localhost/balcony'/>",
    ],
)
def test_what_must_not_be_answered_disappears(strangers: tuple[World, Client, Client], stanza: str) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    romeo.says(stanza)
    assert romeo.hears() == juliet.hears() == []


def test_after_unblocking_everything_comes_again(strangers: tuple[World, Client, Client]) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    unblocks(juliet, "romeo@localhost")
    romeo.says("<message to='juliet@localhost' type='chat'><body>x</body></message>")
    assert juliet.hears_one().findtext("{jabber:client}body") == "x"


def test_the_block_lasts_when_the_user_is_offline(strangers: tuple[World, Client, Client]) -> None:
    world, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    juliet.says("</stream:stream>")
    world.clock.advance(100)
    romeo.says("<message to='juliet@localhost' type='chat'><body>x</body></message>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


def test_what_had_been_kept_of_them_is_not_handed_over() -> None:
    world = World("romeo", "juliet", "nurse")
    for name in ("romeo", "nurse"):
        world.connect(name).says("<message to='juliet@localhost' type='chat'><body>x</body></message>")
    juliet = world.connect("juliet")
    blocks(juliet, "romeo@localhost")
    heard = [node.get("from", "") for node in juliet.says("<presence/>").hears() if node.tag.endswith("}message")]
    assert [JID.parse(sender).local for sender in heard] == ["nurse"]
    assert [node for node in juliet.says("<presence type='unavailable'/><presence/>").hears() if len(node)] == []


def test_a_request_for_a_subscription_that_waits_is_not_repeated() -> None:
    world, _, juliet = lovers("none + pending out")
    blocks(juliet, "romeo@localhost")
    phone = world.available("juliet", "phone")
    assert phone.hears() == []
    unblocks(juliet, "romeo@localhost")
    phone.hears()
    phone.says("<presence type='unavailable'/><presence/>")
    assert "presence subscribe romeo@localhost" in told(phone)


# -- outbound


@pytest.mark.parametrize(
    "stanza",
    [
        "<message to='romeo@localhost' id='1'><body>Can you hear me now?</body></message>",
        "<message to='romeo@localhost/orchard' type='headline' id='1'/>",
        "<presence to='romeo@localhost' id='1'/>",
        "<presence to='romeo@localhost' type='subscribe' id='1'/>",
        "<presence to='romeo@localhost' type='unavailable' id='1'/>",
        "<iq to='romeo@localhost/orchard' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq to='romeo@localhost' type='set' id='1'><vCard xmlns='vcard-temp'/></iq>",
    ],
)
def test_nothing_goes_out_to_them_and_the_user_is_told(strangers: tuple[World, Client, Client], stanza: str) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    error = juliet.says(stanza).hears_one()
    assert failure(error) == ("cancel", "not-acceptable")
    assert error[-1][-1].tag == "{urn:xmpp:blocking:errors}blocked"
    assert error.get("from", "").startswith("romeo@localhost")
    assert error.get("to") == "juliet@localhost/balcony"
    assert romeo.hears() == []


def test_an_answer_to_them_disappears(strangers: tuple[World, Client, Client]) -> None:
    _, romeo, juliet = strangers
    blocks(juliet, "romeo@localhost")
    juliet.says("<iq type='result' id='1' to='romeo@localhost/orchard'/>")
    assert juliet.hears() == romeo.hears() == []


# -- presence


@pytest.mark.parametrize("state", ["from", "both"])
def test_a_contact_that_is_blocked_sees_every_resource_leave(state: str) -> None:
    world, romeo, balcony = lovers(state.replace("from", "to"))
    world.available("juliet", "chamber")
    world.connect("juliet", "garden")
    romeo.hears()
    blocks(balcony, "romeo@localhost")
    assert sorted(told(romeo)) == [
        "presence unavailable juliet@localhost/balcony",
        "presence unavailable juliet@localhost/chamber",
    ]
    balcony.says("<presence><show>away</show></presence>").says("<presence type='unavailable'/>").says("<presence/>")
    balcony.says("</stream:stream>")
    assert romeo.hears() == []


@pytest.mark.parametrize("state", ["none", "from", "none + pending in"])
def test_who_may_not_see_the_presence_hears_nothing_of_the_block(state: str) -> None:
    _, romeo, juliet = lovers(state)
    blocks(juliet, "romeo@localhost")
    unblocks(juliet, "romeo@localhost")
    assert [line for line in told(romeo) if "balcony" in line] == []


def test_a_contact_that_is_unblocked_sees_the_presence_as_it_is_now() -> None:
    world, romeo, balcony = lovers("to")
    blocks(balcony, "romeo@localhost")
    balcony.says("<presence><show>away</show></presence>")
    world.available("juliet", "chamber")
    romeo.hears()
    unblocks(balcony, "romeo@localhost")
    shown = {node.get("from"): node.findtext("{jabber:client}show") for node in romeo.hears()}
    assert shown == {"juliet@localhost/balcony": "away", "juliet@localhost/chamber": None}


def test_after_unblocking_the_user_sees_the_contact_again() -> None:
    world, romeo, juliet = lovers("both")
    blocks(juliet, "romeo@localhost")
    romeo.says("<presence><show>dnd</show></presence>")
    assert [line for line in told(juliet) if "romeo" in line] == []
    juliet.says(f"<iq type='set' id='u'><unblock xmlns='{BLOCKING}'/></iq>")
    shown = [
        node.findtext("{jabber:client}show") for node in juliet.hears() if node.get("from", "").startswith("romeo")
    ]
    assert shown == ["dnd"]
    assert world.domain.rosters.load(JULIET)[ROMEO].state == "both"


def test_presence_that_was_directed_is_taken_back_and_not_repeated(strangers: tuple[World, Client, Client]) -> None:
    _, romeo, juliet = strangers
    juliet.says("<presence to='romeo@localhost/orchard'/>")
    romeo.hears()
    blocks(juliet, "romeo@localhost")
    assert told(romeo) == ["presence unavailable juliet@localhost/balcony"]
    unblocks(juliet, "romeo@localhost")
    juliet.says("</stream:stream>")
    assert romeo.hears() == []


def test_a_probe_of_the_user_by_a_blocked_contact_gets_no_answer() -> None:
    world, _, juliet = lovers("both")
    blocks(juliet, "romeo@localhost")
    phone = world.available("romeo", "phone")
    assert [line for line in told(phone) if "juliet" in line] == []


def test_a_user_who_comes_online_does_not_probe_blocked_contacts() -> None:
    world, romeo, juliet = lovers("from")
    blocks(juliet, "romeo@localhost")
    juliet.says("</stream:stream>")
    again = world.available("juliet", "again")
    assert [line for line in told(again) if "romeo" in line] == []
    assert told(romeo) == []


def test_a_blocked_contact_can_be_taken_from_the_roster() -> None:
    _, romeo, juliet = lovers("both")
    blocks(juliet, "romeo@localhost")
    romeo.hears()
    answer = juliet.asks(
        "set", "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' subscription='remove'/></query>"
    )
    assert answer.get("type") == "result"
    assert romeo.hears() == []


# -- what an address stands for


@pytest.mark.parametrize(
    ("blocked", "orchard", "phone"),
    [
        ("romeo@localhost/orchard", True, False),
        ("romeo@localhost", True, True),
        ("localhost/orchard", False, False),
        ("localhost", True, True),
        ("nurse@localhost", False, False),
        ("montague.localhost", False, False),
    ],
)
def test_an_address_stands_for_what_is_below_it(
    strangers: tuple[World, Client, Client], blocked: str, *, orchard: bool, phone: bool
) -> None:
    world, romeo, juliet = strangers
    blocks(juliet, blocked)
    for client, kept_out in ((romeo, orchard), (world.connect("romeo", "phone"), phone)):
        client.says("<message to='juliet@localhost'><body>x</body></message>")
        assert len(juliet.hears()) == (not kept_out)


def test_a_resource_that_is_blocked_sees_the_others_leave_alone() -> None:
    world, orchard, juliet = lovers("to")
    phone = world.available("romeo", "phone")
    orchard.hears()
    blocks(juliet, "romeo@localhost/orchard")
    assert told(orchard) == ["presence unavailable juliet@localhost/balcony"]
    assert told(phone) == []


def test_a_contact_at_a_domain_that_is_blocked_sees_the_user_leave() -> None:
    _, romeo, juliet = lovers("to")
    blocks(juliet, "localhost")
    assert told(romeo) == ["presence unavailable juliet@localhost/balcony"]
    unblocks(juliet, "localhost")
    assert told(romeo) == ["presence juliet@localhost/balcony"]


def test_who_is_blocked_twice_stays_blocked_until_both_are_gone() -> None:
    _, romeo, juliet = lovers("to")
    blocks(juliet, "localhost")
    blocks(juliet, "romeo@localhost")
    romeo.hears()
    unblocks(juliet, "localhost")
    assert told(romeo) == []
    unblocks(juliet, "romeo@localhost")
    assert told(romeo) == ["presence juliet@localhost/balcony"]


@pytest.mark.parametrize("blocked", ["localhost", "juliet@localhost", "juliet@localhost/chamber"])
def test_neither_the_server_nor_the_account_itself_can_be_locked_out(
    strangers: tuple[World, Client, Client], blocked: str
) -> None:
    world, _, juliet = strangers
    chamber = world.available("juliet", "chamber")
    juliet.hears()
    blocks(juliet, blocked)
    assert told(chamber) == []
    chamber.says("<message to='juliet@localhost/balcony'><body>x</body></message>")
    assert juliet.hears_one().findtext("{jabber:client}body") == "x"
    chamber.says("<presence><show>away</show></presence>")
    assert told(juliet) == ["presence juliet@localhost/chamber"]
    for to in ("", "juliet@localhost", "localhost"):
        assert chamber.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to).get("type") == "result"


# -- storage


def test_what_cannot_be_stored_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, romeo, juliet = lovers("to")

    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patched:
        feature = next(each for each in juliet.world.domain.hooks.features if each.name == "blocking")
        patched.setattr(feature._lists, "change", fail)
        block = f"<block xmlns='{BLOCKING}'>{items('romeo@localhost')}</block>"
        assert failure(juliet.asks("set", block)) == ("cancel", "internal-server-error")
    assert told(romeo) == []
    assert blocklist(juliet) == []


def test_without_the_feature_nobody_is_shunned() -> None:
    world, romeo, juliet = lovers("to")
    blocks(juliet, "romeo@localhost")
    romeo.hears()
    world.domain.hooks = Hooks(each for each in world.domain.hooks.features if each.name != "blocking")
    juliet.says("<presence/>")
    assert told(romeo) == ["presence juliet@localhost/balcony"]


# -- reports (XEP-0377)


def report(inside: str = "", reason: str = f"reason='{SPAM}'", jid: str = "romeo@localhost") -> str:
    content = f"<report xmlns='urn:xmpp:reporting:1' {reason}>{inside}</report>"
    return f"<block xmlns='{BLOCKING}'><item jid='{jid}'>{content}</item></block>"


def kept(world: World) -> list[tuple[str, Report]]:
    return [(each.reported, each.report) for each in Reports(world.server.storage, world.domain.jid)]


def test_a_report_is_kept_and_the_block_is_a_block(strangers: tuple[World, Client, Client]) -> None:
    world, _, juliet = strangers
    blocklist(juliet)
    ids = "".join(f"<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='{id}'/>" for id in ("1", "2"))
    text = "<text xml:lang='en'>\n    Never came trouble to my house like this.\n  </text>"
    juliet.says(f"<iq type='set' id='b'>{report(ids + text + '<report-origin/><third-party/>')}</iq>")
    assert pushed(juliet) == [("block", ["romeo@localhost"])]
    assert blocklist(juliet) == ["romeo@localhost"]
    assert kept(world) == [
        ("romeo@localhost", Report("juliet@localhost", SPAM, "Never came trouble to my house like this.", ("1", "2")))
    ]


@pytest.mark.parametrize("reason", ["", "reason=''"])
def test_a_report_without_a_reason_is_none(strangers: tuple[World, Client, Client], reason: str) -> None:
    world, _, juliet = strangers
    assert juliet.asks("set", report(reason=reason)).get("type") == "result"
    assert blocklist(juliet) == ["romeo@localhost"]
    assert kept(world) == []


def test_a_long_report_is_cut(strangers: tuple[World, Client, Client]) -> None:
    world, _, juliet = strangers
    ids = "".join(f"<stanza-id xmlns='urn:xmpp:sid:0' id='{id}'/>" for id in range(50))
    juliet.asks("set", report(f"{ids}<text>{'x' * 5000}</text>", reason=f"reason='{'y' * 5000}'"))
    ((_, long),) = kept(world)
    assert (len(long.reason), len(long.text), len(long.messages)) == (1000, 1000, 20)


def test_reports_beyond_the_limit_are_dropped_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World("juliet", sets=("xeps.blocking.reports=1",))
    juliet = world.connect("juliet")
    with caplog.at_level(logging.WARNING):
        for jid in ("a@example.org", "b@example.org"):
            assert juliet.asks("set", report(jid=jid)).get("type") == "result"
    assert [each[0] for each in kept(world)] == ["a@example.org"]
    assert "a report about b@example.org is dropped" in caplog.text
    assert blocklist(juliet) == ["a@example.org", "b@example.org"]


def test_nobody_fills_the_list_of_reports_alone() -> None:
    world = World("romeo", "juliet")
    juliet, romeo = world.connect("juliet"), world.connect("romeo")
    for number in range(30):
        juliet.asks("set", report(jid=f"{number}@example.org"))
    assert len(kept(world)) == 20
    romeo.asks("set", report())
    assert len(kept(world)) == 21
    world.clock.advance(3600)
    juliet.asks("set", report(jid="later@example.org"))
    assert len(kept(world)) == 22


def test_a_report_outlives_the_account_that_made_it(strangers: tuple[World, Client, Client]) -> None:
    world, _, juliet = strangers
    juliet.asks("set", report())
    juliet.says("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    assert len(kept(world)) == 1


def test_a_removed_account_has_no_blocks_left(strangers: tuple[World, Client, Client]) -> None:
    world, _, juliet = strangers
    blocks(juliet, "romeo@localhost")
    juliet.says("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    world.domain.accounts.create(JULIET, "secret", 0)
    relate(world, JULIET, ROMEO, "none")
    assert blocklist(world.connect("juliet")) == []
