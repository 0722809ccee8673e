import re

import pytest

from actors.mailbox import Close, Show
from net.xmpp.errors import StreamError
from tests.scram import auth
from tests.world import STREAM, Client, World, settle

IN_THE_CLEAR = ("tls.required=false",)
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"


def open_with(text: str, world: World | None = None) -> Client:
    return (world or World()).wire().says(text)


def header(attributes: str = "to='localhost' version='1.0'") -> str:
    return f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' {attributes}>"


def answered(client: Client) -> dict[str, str]:
    """The attributes of the stream header that was heard."""
    found = re.search(r"<stream:stream ([^>]*)>", client.raw)
    assert found
    return dict(re.findall(r'(\S+)="([^"]*)"', found[1]))


def offered(client: Client) -> list[str]:
    """The names of the features that were heard last."""
    features = client.hears()[-1]
    assert features.tag == f"{{{STREAM}}}features"
    return [child.tag.partition("}")[2] for child in features]


# -- the fields


def test_the_fields_of_a_session_from_the_first_byte_to_its_close() -> None:
    world = World("romeo")
    client = world.wire(secured=False)
    session = client.session

    def expect(**changed: object) -> None:
        nonlocal known
        known = {**known, **changed}
        settle()
        assert {name: getattr(session, name) for name in known} == known

    known: dict[str, object] = {}
    expect(
        conn=client.wire,
        notopen=True,
        type="c2s_unauthed",
        username=None,
        host=None,
        resource=None,
        full_jid=None,
        priority=0,
        presence=None,
        interested=False,
        roster=None,
        connected=False,
        available=False,
    )
    client.opens()
    expect(notopen=False, host="localhost")
    client.says(STARTTLS)
    expect(notopen=True, host=None)
    client.opens()
    expect(notopen=False, host="localhost")
    client.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>")
    expect(notopen=True, type="c2s", username="romeo")
    client.opens()
    expect(notopen=False)
    client.binds("balcony")
    assert session.roster is not None
    expect(resource="balcony", full_jid="romeo@localhost/balcony", connected=True, roster=session.roster)
    client.says("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    expect(interested=True)
    client.says("<presence><priority>5</priority></presence>")
    assert session.presence is not None
    expect(priority=5, available=True, presence=session.presence)
    client.says("<presence type='unavailable' to='juliet@localhost'/><presence to='juliet@localhost'/>")
    expect()
    client.says("<presence type='unavailable'/>")
    expect(priority=0, available=False, presence=None)
    client.says("<presence/>")
    client.says("</stream:stream>")
    expect(conn=None, interested=False)
    assert not world.router.sessions


def test_show_prints_the_fields_by_name() -> None:
    client = World("romeo").available("romeo", "balcony", "<presence><priority>3</priority></presence>")
    shown = client.session.actor_ref.ask(Show(), timeout=5)
    names = "conn notopen type username host resource full_jid priority presence interested roster"
    assert " ".join(shown) == names
    assert shown["full_jid"] == "romeo@localhost/balcony"
    assert shown["priority"] == 3
    assert "<priority>3</priority>" in shown["presence"]


# -- the header


def test_the_answer_comes_from_the_domain_that_was_asked_for() -> None:
    world = World(sets=("hosts={'localhost' = {}, 'verona.example' = {}}",))
    assert answered(open_with(header("to='Verona.Example.' version='1.0'"), world))["from"] == "verona.example"


@pytest.mark.parametrize("who", ["romeo@localhost", "Romeo@localhost/orchard"])
def test_the_answer_is_addressed_to_the_bare_jid_that_the_client_gave(who: str) -> None:
    assert answered(open_with(header(f"to='localhost' from='{who}' version='1.0'")))["to"] == "romeo@localhost"


@pytest.mark.parametrize("who", ["", "from=''", "from='@'"])
def test_the_answer_to_a_client_that_gave_no_address_has_none(who: str) -> None:
    assert "to" not in answered(open_with(header(f"to='localhost' version='1.0' {who}")))


def test_an_error_is_addressed_as_well() -> None:
    assert answered(open_with(header("to='elsewhere' from='romeo@elsewhere' version='1.0'")))["to"] == "romeo@elsewhere"


def test_every_stream_has_an_id_of_its_own() -> None:
    world = World("romeo")
    client = world.wire().opens().logs_in("romeo")
    ids = [*re.findall(r' id="([^"]+)"', client.raw), answered(world.wire().opens())["id"]]
    assert len(set(ids)) == 3
    assert all(len(id) >= 16 for id in ids)


@pytest.mark.parametrize("version", ["1.0", "1", "1.5", "2.0", "01.0", "99999999999999999999.0"])
def test_version_one_or_later_is_answered_in_version_one(version: str) -> None:
    client = open_with(header(f"to='localhost' version='{version}'"))
    assert answered(client)["version"] == "1.0"
    assert not client.wire.closed


@pytest.mark.parametrize("version", ["", "version=''", "version='0.9'", "version='one'", "version='-1'", "version='²'"])
def test_other_versions_are_unsupported(version: str) -> None:
    assert open_with(header(f"to='localhost' {version}")).hears_the_end() == "unsupported-version"


@pytest.mark.parametrize("to", ["", "to=''", "to='a..b'", "to='romeo@localhost'", "to='@'", "to=' '"])
def test_a_header_without_a_domain_is_improperly_addressed(to: str) -> None:
    assert open_with(header(f"{to} version='1.0'")).hears_the_end() == "improper-addressing"


def test_a_domain_that_is_not_served_is_unknown() -> None:
    client = open_with(header("to='elsewhere' version='1.0'"))
    assert client.hears_the_end() == "host-unknown"
    assert client.session.host is None


def test_an_error_to_an_unknown_domain_comes_from_one_that_is_served() -> None:
    """RFC 6120 §4.9.1.3"""
    assert answered(open_with(header("to='elsewhere' version='1.0'")))["from"] == "localhost"


def test_the_domain_cannot_change_after_login() -> None:
    world = World("romeo", sets=("hosts={'localhost' = {}, 'verona.example' = {}}",))
    client = world.wire().opens().logs_in("romeo").says(BIND)
    assert client.session.full_jid
    client = world.wire().opens()
    client.says("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>")
    assert client.opens("verona.example").hears_the_end() == "host-unknown"


@pytest.mark.parametrize("who", ["romeo@localhost", "Romeo@LOCALHOST", "romeo@localhost/orchard", ""])
def test_after_login_the_header_may_say_whom_it_is_from(who: str) -> None:
    client = World("romeo").wire().opens().says(auth("PLAIN", b"\0romeo\0secret"))
    client.hears()
    client.opens(**{"from": who})
    assert answered(client).get("to", "") == ("romeo@localhost" if who else "")
    assert not client.wire.closed


@pytest.mark.parametrize("who", ["juliet@localhost", "romeo@elsewhere", "localhost", "@"])
def test_after_login_a_header_from_somebody_else_ends_the_stream(who: str) -> None:
    """RFC 6120 §6.4.6, §4.9.3.9"""
    client = World("romeo").wire().opens().says(auth("PLAIN", b"\0romeo\0secret"))
    client.hears()
    client.opens(**{"from": who})
    assert client.hears_the_end() == "invalid-from"


# -- errors


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        ("<stream:stream xmlns='jabber:client'>", "not-well-formed"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?>" + header(), "unsupported-encoding"),
        ("<!DOCTYPE x>", "restricted-xml"),
        (f"<stream:stream xmlns='jabber:server' xmlns:stream='{STREAM}' to='localhost'>", "invalid-namespace"),
        ("<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' to='localhost'>", "invalid-namespace"),
        (f"<stream:flood xmlns='jabber:client' xmlns:stream='{STREAM}' to='localhost'>", "bad-format"),
    ],
)
def test_an_error_before_the_header_stands_in_a_stream_opened_for_it(text: str, condition: str) -> None:
    client = World().wire().says(text)
    raw = client.raw
    assert raw.startswith('<?xml version="1.0"?><stream:stream ')
    assert raw.endswith("</stream:stream>")
    assert raw.count("<stream:stream ") == 1
    assert f"<{condition} " in raw
    assert client.wire.closed


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("<message/", "not-authorized"),
        ("<presence/", "not-authorized"),
        ("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq", "not-authorized"),
        (BIND[:-1], "not-authorized"),
        ("<message to='@'/", "not-authorized"),
        ("<message from='@'/", "not-authorized"),
        ("<a></b", "not-well-formed"),
        ("<message>&nbsp;</message", "restricted-xml"),
        ("<!-- hello --", "restricted-xml"),
        ("<?php ?", "restricted-xml"),
        ("<flood/", "unsupported-stanza-type"),
        ("<flood xmlns='urn:x'/", "unsupported-stanza-type"),
        (header()[:-1], "unsupported-stanza-type"),
        (f"<message>{'x' * 20_000}</message", "policy-violation"),
    ],
)
def test_what_an_unauthenticated_client_must_not_send(text: str, condition: str) -> None:
    client = World("romeo").wire().opens()
    client.hears()
    client.says(text + ">")
    raw = client.raw
    assert "<stream:stream" not in raw
    assert f"<stream:error><{condition} " in raw
    assert raw.endswith("</stream:stream>")
    assert client.wire.closed


def test_nothing_is_processed_after_a_stream_error() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    world.connect("romeo").says("<flood xmlns='urn:x'/><message to='juliet@localhost'><body>hi</body></message>")
    assert not juliet.hears()


def test_an_error_is_sent_once() -> None:
    client = World().wire().opens()
    client.hears()
    client.session.actor_inbox.tell(Close(StreamError("policy-violation")))
    client.session.actor_inbox.tell(Close(StreamError("system-shutdown")))
    assert client.raw.count("<stream:error>") == 1


# -- the end


def test_a_stream_that_the_client_closes_is_closed_in_return() -> None:
    client = World("romeo").connect("romeo")
    client.says("</stream:stream>")
    assert client.raw == "</stream:stream>"
    assert client.wire.closed


def test_what_was_asked_before_the_closing_tag_is_still_done() -> None:
    world = World("romeo", "juliet")
    juliet = world.available("juliet")
    world.connect("romeo").says("<message to='juliet@localhost'><body>bye</body></message></stream:stream>")
    assert juliet.hears_one().findtext("{*}body") == "bye"


def test_a_stream_closed_without_an_error_says_only_that() -> None:
    client = World("romeo").connect("romeo")
    client.session.actor_inbox.tell(Close())
    assert client.raw == "</stream:stream>"


def test_a_connection_that_has_not_said_anything_is_closed_in_silence() -> None:
    client = World().wire()
    client.session.actor_inbox.tell(Close())
    assert client.raw == ""
    assert client.wire.closed


@pytest.mark.parametrize("steps", range(4))
def test_a_connection_may_break_at_any_time(steps: int) -> None:
    world = World("romeo")
    client = world.wire(secured=False)
    for step in (client.opens, lambda: client.says(STARTTLS), client.opens)[:steps]:
        step()
    client.wire.cut()
    settle()
    assert not world.router.sessions
    assert world.clock.timers == 0


def test_a_shutdown_is_told_in_a_stream() -> None:
    client = World().wire()
    client.session.actor_inbox.tell(Close(StreamError("system-shutdown")))
    assert client.hears_the_end() == "system-shutdown"


# -- time


@pytest.mark.parametrize("steps", range(4))
def test_who_does_not_log_in_in_time_is_disconnected(steps: int) -> None:
    world = World("romeo")
    client = world.wire()
    for step in (client.opens, lambda: client.logs_in("romeo"), lambda: client.says(BIND.replace("set", "get")))[
        :steps
    ]:
        step()
    world.clock.advance(59)
    assert not client.wire.closed
    world.clock.advance(1)
    assert client.hears_the_end() == "connection-timeout"
    assert not world.router.sessions
    assert world.clock.timers == 0


def test_who_has_bound_a_resource_may_stay() -> None:
    world = World("romeo")
    client = world.connect("romeo")
    assert world.clock.timers == 0
    world.clock.advance(1_000_000)
    assert not client.wire.closed


# -- features


def test_only_tls_is_offered_where_it_is_required() -> None:
    client = World().wire(secured=False).opens()
    features = client.hears_one()
    assert [child.tag for child in features] == [f"{TLS}starttls"]
    assert [child.tag for child in features[0]] == [f"{TLS}required"]


def test_login_without_tls_is_offered_where_that_is_allowed_but_not_with_the_password_itself() -> None:
    client = World(sets=IN_THE_CLEAR).wire(secured=False).opens()
    tls, mechanisms, *_ = client.hears_one()
    assert (tls.tag, len(tls)) == (f"{TLS}starttls", 0)
    assert [mechanism.text for mechanism in mechanisms] == ["SCRAM-SHA-256", "SCRAM-SHA-1"]


def test_tls_is_not_offered_twice() -> None:
    client = World().wire(secured=False).opens().says(STARTTLS).opens()
    assert offered(client) == ["mechanisms", "authentication", "limits"]


def test_after_login_binding_is_offered_and_nothing_of_before() -> None:
    client = World("romeo", sets=IN_THE_CLEAR).wire().opens().logs_in("romeo")
    names = offered(client)
    assert {"bind", "session", "ver", "sub"} <= set(names)
    assert not {"starttls", "mechanisms", "sasl-channel-binding"} & set(names)


# -- TLS


def test_starttls_is_answered_and_a_new_stream_begins() -> None:
    client = World().wire(secured=False).opens()
    client.hears()
    client.says(STARTTLS)
    assert client.hears_one().tag == f"{TLS}proceed"
    assert "<mechanisms" in client.opens().raw


def refused_tls(client: Client) -> bool:
    raw = client.raw
    return raw == '<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"/></stream:stream>' and client.wire.closed


def test_starttls_a_second_time_fails() -> None:
    client = World().wire(secured=False).opens().says(STARTTLS).opens()
    client.hears()
    assert refused_tls(client.says(STARTTLS))


def test_starttls_after_login_fails() -> None:
    client = World("romeo").connect("romeo")
    assert refused_tls(client.says(STARTTLS))


@pytest.mark.parametrize("more", ["<presence/>", header(), "<", BIND])
def test_what_is_sent_together_with_starttls_is_refused_and_never_processed(more: str) -> None:
    world = World("romeo")
    client = world.wire(secured=False).opens()
    client.hears()
    client.says(STARTTLS + more)
    assert client.hears_the_end() == "policy-violation"
    assert not client.wire.secured
    assert not world.router.sessions


def test_white_space_after_starttls_is_no_injection() -> None:
    client = World().wire(secured=False).opens().says(STARTTLS + "\n")
    assert client.wire.secured
    assert not client.wire.closed
