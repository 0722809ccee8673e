import pytest
from lxml import etree

from actors.hooks import LATER, Feature, authenticate_inline, offered_inline
from actors.negotiation import Negotiation
from actors.sasl2 import Request
from actors.storage import StorageError
from net.xmpp.jid import JID
from net.xmpp.sasl import Offer
from net.xmpp.xml import element
from tests.sasl2 import (
    ABORT,
    LAPTOP,
    PHONE,
    SASL2,
    authenticate,
    data_of,
    header,
    identity,
    opened,
    plain,
    refusal,
    response,
    runs,
)
from tests.scram import Scram, auth
from tests.scram import response as response_of_rfc
from tests.world import PASSWORD, STREAM, Client, World

END_POINT = b"digest of the certificate"
BIND = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>"


@pytest.fixture
def client() -> Client:
    return opened(World("romeo", "juliet"))


def names(node: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in node]


# -- what is offered


def offer(client: Client) -> etree._Element | None:
    found: etree._Element | None = client.hears_one().find(f"{{{SASL2}}}authentication")
    return found


def test_it_is_offered_beside_the_profile_of_the_rfc_with_the_same_mechanisms() -> None:
    features = World().wire(end_point=END_POINT).opens().hears_one()
    mechanisms = features.find("{urn:ietf:params:xml:ns:xmpp-sasl}mechanisms")
    authentication = features.find(f"{{{SASL2}}}authentication")
    assert [node.text for node in authentication.findall(f"{{{SASL2}}}mechanism")] == [node.text for node in mechanisms]
    assert len(features.findall("{urn:xmpp:sasl-cb:0}sasl-channel-binding")) == 1


@pytest.mark.parametrize("sender", ["", "romeo@localhost", "nobody@localhost", "romeo@elsewhere", "@"])
def test_it_is_offered_whomever_the_header_is_from_and_says_the_same(sender: str) -> None:
    world = World("romeo")
    offered = [offer(world.wire().opens(**({"from": who} if who else {}))) for who in ("", sender)]
    assert offered[0] is not None
    assert etree.tostring(offered[0]) == etree.tostring(offered[1])


def test_it_is_not_offered_before_tls() -> None:
    assert offer(World().wire(secured=False).opens()) is None
    assert offer(World(sets=("tls.required=false",)).wire(secured=False).opens()) is None


def test_a_challenge_of_the_rfc_is_not_answered_by_it() -> None:
    client, scram = opened(World("romeo")), Scram("romeo", PASSWORD)
    client.says(response(scram.final(scram.begins(client))))
    assert refusal(client.hears_one()) == "malformed-request"
    assert client.logs_in("romeo").binds().jid is not None


@pytest.mark.parametrize("enabled", ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_channel_bindings_are_announced_if_there_is_something_to_bind(enabled: str) -> None:
    world = World(sets=(f'sasl.mechanisms=["{enabled}"]',))
    features = world.wire(end_point=b"digest").opens().raw
    assert enabled in features
    assert ("sasl-channel-binding" in features) is enabled.endswith("-PLUS")


def test_without_tls_nobody_logs_in_by_it() -> None:
    client = opened(World("romeo", sets=("tls.required=false",)), secured=False)
    assert refusal(client.says(plain()).hears_one()) == "encryption-required"
    assert client.logs_in("romeo").binds().jid is None


def test_it_can_be_turned_off() -> None:
    client = World("romeo", sets=('xeps.disabled=["sasl2"]',)).wire().opens()
    assert offer(client) is None
    assert client.says(plain()).hears_the_end() == "unsupported-stanza-type"


# -- success


def test_plain_logs_in_and_the_stream_goes_on_without_a_restart(client: Client) -> None:
    success, features = client.says(plain()).hears()
    assert names(success) == ["authorization-identifier"]
    assert identity(success) == "romeo@localhost"
    assert features.tag == f"{{{STREAM}}}features"
    assert features.find("{urn:ietf:params:xml:ns:xmpp-bind}bind") is not None
    assert features.find(f"{{{SASL2}}}authentication") is None
    assert client.says(BIND).hears_one().get("type") == "result"
    assert client.session.full_jid == "romeo@localhost/x"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_logs_in_and_the_server_proves_itself_too(client: Client, mechanism: str) -> None:
    assert identity(runs(Scram("romeo", PASSWORD, mechanism), client)) == "romeo@localhost"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_scram_logs_in_bound_to_the_channel(mechanism: str) -> None:
    client = opened(World("romeo"), end_point=END_POINT)
    scram = Scram("romeo", PASSWORD, mechanism, gs2="p=tls-server-end-point,,", binding=END_POINT)
    assert identity(runs(scram, client)) == "romeo@localhost"


def test_a_client_may_wait_for_a_challenge_before_it_says_anything(client: Client) -> None:
    client.says(authenticate("PLAIN"))
    assert data_of(client.hears_one(), "challenge") == b""
    assert identity(client.says(response(b"\0romeo\0secret")).hears()[0]) == "romeo@localhost"


def test_somebody_in_particular_may_be_nobody() -> None:
    client = opened(World(sets=("hosts={'localhost' = {anonymous = true}}",)))
    success = client.says(authenticate("ANONYMOUS")).hears()[0]
    assert identity(success) == f"{client.session.username}@localhost"


def test_data_may_stand_between_white_space(client: Client) -> None:
    client.says(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>\n  AHJvbWVvAHNlY3JldA==\n"
                "</initial-response></authenticate>")  # fmt: skip
    assert client.session.username == "romeo"


def test_a_login_can_be_sent_along_with_the_header_and_all_that_comes_after_it() -> None:
    client = World("romeo").wire().says(header() + plain() + BIND + "<presence/>")
    _, success, _, bound, *_ = client.hears()
    assert identity(success) == "romeo@localhost"
    assert bound.get("type") == "result"
    assert client.session.available


@pytest.mark.parametrize("sender", ["romeo@localhost", "ROMEO@localhost/orchard", ""])
def test_one_may_act_for_oneself(sender: str) -> None:
    client = World("romeo").wire().opens(**{"from": sender})
    client.hears()
    assert identity(client.says(plain(authzid="romeo@localhost")).hears()[0]) == "romeo@localhost"


# -- refusals


def broken(id: str) -> str:
    return authenticate("PLAIN", b"\0romeo\0secret", agent=id)


def initial(text: str) -> str:
    return f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{text}</initial-response></authenticate>"


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (plain(password="wrong"), "not-authorized"),
        (plain("tybalt"), "not-authorized"),
        (plain(authzid="juliet@localhost"), "invalid-authzid"),
        (authenticate("SCRAM-SHA-256", b"n,,n=romeo"), "malformed-request"),
        (initial(""), "malformed-request"),
        (initial("="), "incorrect-encoding"),
        (initial("!"), "incorrect-encoding"),
        (initial("AHJvbWVv\nAHNlY3JldA=="), "incorrect-encoding"),
        (initial("A" * 12_000), "malformed-request"),
        (authenticate(None), "invalid-mechanism"),
        (authenticate("plain"), "invalid-mechanism"),
        (authenticate("X-FLOOD", b"x"), "invalid-mechanism"),
        (authenticate("EXTERNAL"), "invalid-mechanism"),
        (authenticate("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=romeo,r=x"), "invalid-mechanism"),
        (broken("phone"), "malformed-request"),
        (broken("d4565fa7-4d72-1749-b3d3-740edbf87770"), "malformed-request"),
        (ABORT, "aborted"),
        (response(b"\0romeo\0secret"), "malformed-request"),
    ],
)
def test_each_refusal_has_its_condition_and_the_client_may_try_again(said: str, condition: str) -> None:
    client = opened(World("romeo", sets=("limits.stanza_before_login=20000",)))
    assert refusal(client.says(said).hears_one()) == condition
    assert client.session.type == "c2s_unauthed"
    assert identity(client.says(plain()).hears()[0]) == "romeo@localhost"


@pytest.mark.parametrize("first", [b"a=romeo@localhost", b"a=juliet@localhost"])
@pytest.mark.parametrize("header", ["juliet@localhost", "romeo@", "romeo@localhost/"])
def test_who_acts_for_oneself_has_said_so_in_the_header_or_has_not_said_who(first: bytes, header: str) -> None:
    client = World("romeo", "juliet").wire().opens(**{"from": header})
    client.hears()
    client.says(authenticate("SCRAM-SHA-256", b"n," + first + b",n=romeo,r=abc"))
    assert refusal(client.hears_one()) == "invalid-authzid"


def test_a_header_from_what_is_no_address_does_not_matter_to_who_acts_for_nobody() -> None:
    client = World("romeo").wire().opens(**{"from": "romeo@"})
    client.hears()
    assert identity(client.says(plain()).hears()[0]) == "romeo@localhost"


def test_a_refusal_may_say_why(client: Client) -> None:
    client.world.domain.accounts.disable(JID.parse("romeo@localhost"), "gone fishing")
    failure = client.says(plain()).hears_one()
    assert refusal(failure) == "account-disabled"
    assert failure.findtext(f"{{{SASL2}}}text") == "gone fishing"


def test_nobody_logs_in_before_tls_where_that_is_required() -> None:
    client = opened(World("romeo"), secured=False)
    assert refusal(client.says(plain()).hears_one()) == "encryption-required"


def test_an_exchange_can_be_aborted(client: Client) -> None:
    scram = Scram("romeo", PASSWORD)
    client.says(authenticate(scram.mechanism, scram.first()))
    final = response(scram.final(data_of(client.hears_one(), "challenge")))
    aborted = f"<abort xmlns='{SASL2}'><text>changed my mind</text></abort>"
    assert refusal(client.says(aborted).hears_one()) == "aborted"
    assert refusal(client.says(final).hears_one()) == "malformed-request"


@pytest.mark.parametrize(
    "said",
    [
        plain(),
        auth("PLAIN", b"\0romeo\0secret"),
        response_of_rfc(b"x"),
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ],
)
def test_nothing_else_may_come_while_a_login_is_under_way(client: Client, said: str) -> None:
    client.says(authenticate("SCRAM-SHA-256", Scram("romeo", PASSWORD).first()))
    assert data_of(client.hears_one(), "challenge")
    assert client.says(said).hears_the_end() == "policy-violation"
    assert client.session.username is None


def test_after_a_refusal_the_profile_of_the_rfc_may_be_tried(client: Client) -> None:
    client.says(plain(password="wrong"))
    client.hears()
    assert client.logs_in("romeo").binds().session.connected


def test_a_login_of_the_other_profile_is_not_gone_on_with(client: Client) -> None:
    Scram("romeo", PASSWORD).begins(client)
    assert refusal(client.says(plain()).hears_one()) == "malformed-request"


@pytest.mark.parametrize("bind", ["", BIND])
def test_who_has_logged_in_does_not_do_so_again(client: Client, bind: str) -> None:
    client.says(plain() + bind)
    assert client.session.type == "c2s"
    assert client.says(plain()).hears_the_end() == "unsupported-stanza-type"


def test_too_many_refusals_end_the_stream_whatever_the_profile(client: Client) -> None:
    for said in (plain(password="wrong"), auth("PLAIN", b"\0romeo\0wrong")) * 2:
        client.says(said)
    assert client.says(plain(password="wrong")).hears_the_end() == "policy-violation"


def test_a_login_that_storage_cannot_decide_may_be_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(client.world.domain.accounts, "verify", fail)
        assert refusal(client.says(plain()).hears_one()) == "temporary-auth-failure"
    assert identity(client.says(plain()).hears()[0]) == "romeo@localhost"


# -- what goes along with it


class Probe(Feature):
    """Answers at once, and later."""

    name = "a_probe"  # before bind2, as whatever can make a resource unnecessary

    @offered_inline
    def offer(self, offer: object) -> etree._Element:
        return element("{probe}probe")

    @authenticate_inline("{probe}now")
    def at_once(self, session: Negotiation, request: Request) -> etree._Element:
        return element("{probe}answer", f"{session.username} {request.mechanism} {request.user_agent.id}")

    @authenticate_inline("{probe}later", "{probe}resume")
    def later(self, session: Negotiation, request: Request) -> object:
        self.session = session
        return LATER


@pytest.fixture
def probed() -> tuple[Client, Probe]:
    world = World("romeo")
    probe = Probe(world.domain, None)
    world.domain.hooks = type(world.domain.hooks)([*world.domain.hooks.features, probe])
    return world.wire().opens(), probe


def test_what_can_be_asked_for_along_with_a_login_is_offered(probed: tuple[Client, Probe]) -> None:
    inline = probed[0].hears_one().find(f"{{{SASL2}}}authentication/{{{SASL2}}}inline")
    assert inline.find("{probe}probe") is not None


def test_what_was_asked_for_along_with_a_login_is_answered_in_the_success(probed: tuple[Client, Probe]) -> None:
    client, _ = probed
    client.hears()
    success, _ = client.says(plain("romeo", "<now xmlns='probe'/>", "<unknown xmlns='probe'/>", agent=LAPTOP)).hears()
    assert names(success) == ["authorization-identifier", "answer"]
    assert success.findtext("{probe}answer") == f"romeo PLAIN {LAPTOP}"


def test_nothing_comes_of_what_was_asked_for_along_with_a_login_that_fails(probed: tuple[Client, Probe]) -> None:
    client, probe = probed
    client.hears()
    client.says(plain("romeo", "<later xmlns='probe'/>", password="wrong"))
    assert names(client.hears_one()) == ["not-authorized"]
    assert not hasattr(probe, "session")


def test_an_answer_may_come_later_and_until_then_nothing_is_said(probed: tuple[Client, Probe]) -> None:
    client, probe = probed
    client.hears()
    client.says(plain("romeo", "<later xmlns='probe'/>", "<now xmlns='probe'/>") + BIND)
    assert client.hears() == []
    probe.session.go_on(element("{probe}late"))
    success, _, bound = client.hears()
    assert names(success) == ["authorization-identifier", "answer", "late"]
    assert bound.get("type") == "result"


def test_somebody_else_may_end_the_login_and_then_nothing_more_is_done(probed: tuple[Client, Probe]) -> None:
    client, probe = probed
    client.hears()
    client.says(plain("romeo", "<resume xmlns='probe'/>", "<bind xmlns='urn:xmpp:bind:0'/>") + BIND)
    assert client.hears() == []
    welcome = probe.session._authentication.welcome()
    client.wire.send(welcome.xml(JID.parse("romeo@localhost/old"), b"<resumed xmlns='probe'/>"))
    success = client.hears_one()
    assert identity(success) == "romeo@localhost/old"
    assert names(success) == ["authorization-identifier", "resumed"]
    assert client.session.full_jid is None


def test_who_is_gone_before_the_answer_is_told_nothing(probed: tuple[Client, Probe]) -> None:
    client, probe = probed
    client.says(plain("romeo", "<later xmlns='probe'/>"))
    client.wire.cut()
    client.hears()
    probe.session.go_on(None)
    assert client.hears() == []


def test_what_a_client_says_of_itself_is_read_and_cut_short() -> None:
    node = etree.fromstring(
        f"<a><user-agent xmlns='{SASL2}' id='{PHONE.upper()}'><software>{'s' * 500}</software></user-agent></a>"
    )
    agent = Request(node, Offer("localhost", secure=True)).user_agent
    assert (agent.id, agent.software, agent.device) == (PHONE, "s" * 100, "")
