import base64

import gevent
import pytest

from actors import commands
from actors.storage import StorageError
from net.client_certificates import PeerCertificate
from net.greenlets import greenlets
from net.xmpp.jid import JID
from tests.scram import Scram, auth, data_of, refusal, response
from tests.world import PASSWORD, Client, World, failure, settle

END_POINT = b"digest of the certificate"
ABORT = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def opened(*sets: str, secured: bool = True, end_point: bytes | None = None) -> Client:
    """A client of a server where "romeo" has an account, on an open stream."""
    client = World("romeo", sets=sets).wire(secured=secured, end_point=end_point).opens()
    client.hears()
    return client


def plain(user: str, password: str = PASSWORD, authzid: str = "") -> str:
    return auth("PLAIN", f"{authzid}\0{user}\0{password}".encode())


def offered(client: Client) -> list[str | None]:
    """The mechanisms in the features heard on a stream opened anew."""
    again = client.world.wire(secured=client.wire.secured, end_point=client.wire.end_point).opens()
    return [node.text for node in again.hears_one().iter(f"{{{SASL}}}mechanism")]


# -- success


def test_plain_logs_in() -> None:
    client = opened().says(plain("romeo"))
    assert client.raw == f'<success xmlns="{SASL}"></success>'
    assert client.session.username == "romeo"
    assert client.session.type == "c2s"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram_logs_in_and_the_server_proves_itself_too(mechanism: str) -> None:
    client = opened()
    assert Scram("romeo", PASSWORD, mechanism).runs(client).tag == f"{{{SASL}}}success"
    assert client.session.username == "romeo"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_scram_logs_in_bound_to_the_channel(mechanism: str) -> None:
    client = opened(end_point=END_POINT)
    scram = Scram("romeo", PASSWORD, mechanism, gs2="p=tls-server-end-point,,", binding=END_POINT)
    assert scram.runs(client).tag == f"{{{SASL}}}success"
    assert client.session.username == "romeo"


def test_scram_logs_in_without_tls_where_that_is_allowed() -> None:
    client = opened("tls.required=false", secured=False)
    assert Scram("romeo", PASSWORD).runs(client).tag == f"{{{SASL}}}success"


def test_a_client_that_cannot_bind_says_so_and_logs_in() -> None:
    client = opened(end_point=END_POINT)
    assert Scram("romeo", PASSWORD, gs2="n,,").runs(client).tag == f"{{{SASL}}}success"


def test_the_user_name_is_prepared() -> None:
    client = opened().says(plain("ROMEO"))
    assert client.session.username == "romeo"


def test_one_may_act_for_oneself() -> None:
    client = opened().says(plain("romeo", authzid="romeo@localhost"))
    assert client.session.username == "romeo"


def test_a_client_may_wait_for_a_challenge_before_it_says_anything() -> None:
    client = opened().says(auth("PLAIN"))
    assert data_of(client.hears_one(), "challenge") == b""
    client.says(response(b"\0romeo\0secret"))
    assert client.session.username == "romeo"


def test_the_stream_header_may_be_sent_along_with_the_last_response() -> None:
    client = opened()
    header = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>"
    client.says(plain("romeo") + header + bind)
    success, _features, bound = client.hears()
    assert (success.tag, bound.get("type")) == (f"{{{SASL}}}success", "result")
    assert client.session.full_jid == "romeo@localhost/x"


def test_the_stream_is_not_closed_between_login_and_the_next_header() -> None:
    client = opened().says(plain("romeo"))
    assert "</stream:stream>" not in client.raw


# -- what is offered


def test_channel_binding_is_offered_where_there_is_a_channel() -> None:
    client = World().wire(end_point=END_POINT).opens()
    mechanisms, bindings, *_ = client.hears_one()
    assert [node.text for node in mechanisms] == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
    ]
    assert bindings.tag == "{urn:xmpp:sasl-cb:0}sasl-channel-binding"
    assert [node.get("type") for node in bindings] == ["tls-server-end-point"]


def test_without_a_channel_to_bind_to_nothing_is_said_of_it() -> None:
    assert "sasl-cb" not in World().wire().opens().raw
    assert "-PLUS" not in World().wire().opens().raw


def test_only_what_the_operator_allows_is_offered_and_accepted() -> None:
    client = opened('sasl.mechanisms=["SCRAM-SHA-256"]')
    assert offered(client) == ["SCRAM-SHA-256"]
    assert refusal(client.says(plain("romeo")).hears_one()) == "invalid-mechanism"


# -- refusals


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (plain("romeo", "wrong"), "not-authorized"),
        (plain("juliet"), "not-authorized"),
        (plain("romeo@localhost"), "not-authorized"),
        (plain("romeo", "x" * 2000), "not-authorized"),
        (plain("romeo", authzid="juliet@localhost"), "invalid-authzid"),
        (plain("romeo", authzid="romeo@elsewhere"), "invalid-authzid"),
        (plain("romeo", authzid="@"), "invalid-authzid"),
        (plain("", ""), "malformed-request"),
        (auth("PLAIN", b"\xff\0\xff\0\xff"), "malformed-request"),
        (auth("SCRAM-SHA-256", b"n,,n=romeo"), "malformed-request"),
        (f"<auth xmlns='{SASL}' mechanism='PLAIN'>=</auth>", "malformed-request"),
        (f"<auth xmlns='{SASL}' mechanism='PLAIN'>!</auth>", "incorrect-encoding"),
        (f"<auth xmlns='{SASL}' mechanism='PLAIN'> AHJvbWVvAHNlY3JldA== </auth>", "incorrect-encoding"),
        (f"<auth xmlns='{SASL}' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA</auth>", "incorrect-encoding"),
        (f"<auth xmlns='{SASL}'/>", "invalid-mechanism"),
        (auth("plain"), "invalid-mechanism"),
        (auth("X-FLOOD", b"x"), "invalid-mechanism"),
        (auth("EXTERNAL"), "invalid-mechanism"),
        (auth("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=romeo,r=x"), "invalid-mechanism"),
        (ABORT, "aborted"),
        (response(b"\0romeo\0secret"), "malformed-request"),
    ],
)
def test_each_refusal_has_its_condition_and_the_client_may_try_again(said: str, condition: str) -> None:
    client = opened()
    assert refusal(client.says(said).hears_one()) == condition
    assert client.session.type == "c2s_unauthed"
    client.says(plain("romeo"))
    assert client.session.username == "romeo"


@pytest.mark.parametrize("said", [plain("romeo"), auth("SCRAM-SHA-256"), auth("X-FLOOD"), ABORT])
def test_nobody_logs_in_before_tls_where_that_is_required(said: str) -> None:
    client = opened(secured=False).says(said)
    assert refusal(client.hears_one()) == "encryption-required"
    assert client.session.username is None


def test_the_password_itself_is_never_accepted_without_tls() -> None:
    client = opened("tls.required=false", secured=False).says(plain("romeo"))
    assert refusal(client.hears_one()) == "encryption-required"
    assert client.session.username is None


def test_an_exchange_can_be_aborted() -> None:
    client = opened()
    scram = Scram("romeo", PASSWORD)
    challenge = scram.begins(client)
    assert refusal(client.says(ABORT).hears_one()) == "aborted"
    assert refusal(client.says(response(scram.final(challenge))).hears_one()) == "malformed-request"
    assert client.session.username is None


def test_a_challenge_cannot_be_responded_to_twice() -> None:
    client = opened()
    scram = Scram("romeo", "wrong")
    final = response(scram.final(scram.begins(client)))
    assert refusal(client.says(final).hears_one()) == "not-authorized"
    assert refusal(client.says(final).hears_one()) == "malformed-request"


def test_another_exchange_cannot_be_begun_in_the_middle_of_one() -> None:
    client = opened()
    Scram("romeo", PASSWORD).begins(client)
    assert refusal(client.says(plain("romeo")).hears_one()) == "malformed-request"
    client.says(plain("romeo"))
    assert client.session.username == "romeo"


def test_a_wrong_channel_is_noticed() -> None:
    client = opened(end_point=END_POINT)
    scram = Scram("romeo", PASSWORD, "SCRAM-SHA-256-PLUS", gs2="p=tls-server-end-point,,", binding=b"another")
    assert refusal(scram.runs(client)) == "not-authorized"


def test_a_kind_of_binding_that_was_not_offered_is_refused() -> None:
    client = opened(end_point=END_POINT).says(auth("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,n=romeo,r=x"))
    assert refusal(client.hears_one()) == "not-authorized"


def test_a_client_that_was_told_we_cannot_bind_has_been_lied_to() -> None:
    client = opened(end_point=END_POINT).says(auth("SCRAM-SHA-256", b"y,,n=romeo,r=x"))
    assert refusal(client.hears_one()) == "not-authorized"


def test_a_client_that_could_bind_logs_in_where_we_cannot() -> None:
    client = opened()
    assert Scram("romeo", PASSWORD, gs2="y,,").runs(client).tag == f"{{{SASL}}}success"


def test_a_storage_that_fails_is_a_temporary_failure() -> None:
    client = opened()

    def fail(_: str) -> None:
        raise StorageError("the disk is gone")

    client.world.domain.accounts.records.get = fail  # type: ignore[method-assign]
    assert refusal(client.says(plain("romeo")).hears_one()) == "temporary-auth-failure"
    assert not client.wire.closed


# -- attempts


@pytest.mark.parametrize("said", [plain("romeo", "wrong"), plain("juliet"), ABORT, auth("X-FLOOD")])
def test_after_so_many_failures_the_stream_is_closed(said: str) -> None:
    client = opened("limits.login_attempts=3")
    client.says(said).says(said)
    assert not client.wire.closed
    client.hears()
    heard = client.says(said).raw
    assert heard.startswith("<failure ")
    assert "<stream:error><policy-violation " in heard
    assert client.wire.closed
    assert not client.world.router.sessions


def test_exchanges_that_are_never_finished_are_counted() -> None:
    client = opened("limits.login_attempts=3")
    for _ in range(6):
        client.says(auth("SCRAM-SHA-256", b"n,,n=romeo,r=x"))
    assert client.hears_the_end() == "policy-violation"


def test_what_is_pipelined_after_the_last_attempt_is_not_looked_at() -> None:
    client = opened("limits.login_attempts=2")
    client.says(plain("juliet") * 2 + plain("romeo"))
    assert client.hears_the_end() == "policy-violation"
    assert client.session.username is None


# -- who exists is nobody's business


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_an_unknown_account_is_answered_as_a_wrong_password_is(mechanism: str) -> None:
    def conversation(user: str) -> tuple[int, bytes, str]:
        client = opened()
        scram = Scram(user, "wrong", mechanism)
        challenge = scram.begins(client)
        _nonce, salt, rounds, _offered = challenge.split(b",")
        client.says(response(scram.final(challenge)))
        return len(base64.b64decode(salt[2:])), rounds, client.raw

    assert conversation("romeo") == conversation("nobody") == conversation("not a name@")


def test_an_unknown_account_always_has_the_same_salt() -> None:
    world = World("romeo")

    def salt(user: str) -> bytes:
        return Scram(user, "x").begins(heard(world.wire().opens())).split(b",")[1]

    def heard(client: Client) -> Client:
        client.hears()
        return client

    assert salt("nobody") == salt("NOBODY") != salt("noone")
    assert salt("romeo") == salt("ROMEO")


def test_with_the_password_itself_the_answers_are_the_same_too() -> None:
    client = opened()
    assert client.says(plain("romeo", "wrong")).raw == client.says(plain("nobody")).raw


# -- in the wrong place


def test_nobody_logs_in_twice() -> None:
    client = opened().says(plain("romeo")).opens()
    client.hears()
    assert client.says(plain("romeo")).hears_the_end() == "unsupported-stanza-type"


def test_nobody_logs_in_after_binding() -> None:
    client = World("romeo").connect("romeo").says(plain("romeo"))
    assert client.hears_the_end() == "unsupported-stanza-type"


# -- meanwhile


def while_verifying(client: Client) -> None:
    """Returns when the password is being verified."""
    client.wire.hear(plain("romeo").encode())
    with gevent.Timeout(5):
        while not greenlets.waiting:
            gevent.sleep(0)


def test_the_connection_may_break_while_the_password_is_verified() -> None:
    client = opened()
    while_verifying(client)
    client.wire.cut()
    settle()
    assert client.session.conn is None
    assert not client.world.router.sessions
    assert client.world.clock.timers == 0


def test_time_may_run_out_while_the_password_is_verified() -> None:
    client = opened()
    while_verifying(client)
    client.world.clock.advance(60)
    assert "connection-timeout" in client.raw
    assert client.wire.closed
    assert not client.world.router.sessions


# -- attempts over time


def tries(world: World, user: str, password: str = "wrong", *, peer: str = "192.0.2.1:1") -> str:
    """The condition of the refusal of one login over a connection of its own; "" if it succeeds."""
    client = world.wire()
    client.session._peer = peer
    client.opens().hears()
    client.says(plain(user, password))
    found = "" if client.session.username is not None else refusal(client.hears_one())
    client.wire.cut()
    return found


def test_an_address_that_guesses_too_often_is_not_listened_to_for_a_while() -> None:
    world = World("romeo", "juliet", sets=("limits.failed_logins_per_address=3",))
    assert [tries(world, user) for user in ("romeo", "juliet", "nobody")] == ["not-authorized"] * 3
    assert tries(world, "romeo", PASSWORD) == "temporary-auth-failure"
    assert tries(world, "romeo", PASSWORD, peer="192.0.2.2:1") == ""
    world.clock.advance(1200)
    assert tries(world, "romeo", PASSWORD) == ""


def test_who_gets_in_without_a_password_may_not_guess_any_more_often_for_that() -> None:
    world = World("romeo", sets=("hosts.localhost.anonymous=true", "limits.failed_logins_per_account=3"))
    found = []
    for _ in range(5):
        client = world.wire().opens()
        client.hears()
        client.says(plain("romeo", "wrong"))
        found.append(refusal(client.hears_one()))
        client.says(auth("ANONYMOUS"))
        assert client.session.username is not None
    assert found == ["not-authorized"] * 3 + ["temporary-auth-failure"] * 2


def test_addresses_of_one_ipv6_network_are_one() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_address=1",))
    assert tries(world, "romeo", peer="[2001:db8::1]:1") == "not-authorized"
    assert tries(world, "romeo", peer="[2001:db8::2]:1") == "temporary-auth-failure"


@pytest.mark.parametrize("user", ["romeo", "nobody", "not a name@"])
def test_an_account_that_is_guessed_at_from_many_addresses_is_closed_for_a_while(user: str) -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=3",))
    found = [tries(world, user, peer=f"192.0.2.{number}:1") for number in range(5)]
    assert found == ["not-authorized"] * 3 + ["temporary-auth-failure"] * 2


def test_every_spelling_of_a_name_is_counted_as_the_one_account() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=2",))
    assert [tries(world, user) for user in ("romeo", "ROMEO", "Romeo")][2] == "temporary-auth-failure"


def test_an_owner_is_not_locked_out_where_the_account_has_been_used_before() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=3",))
    assert tries(world, "romeo", PASSWORD, peer="192.0.2.9:1") == ""
    for number in range(5):
        tries(world, "romeo", peer=f"192.0.2.{number}:1")
    assert tries(world, "romeo", PASSWORD, peer="192.0.2.8:1") == "temporary-auth-failure"
    assert tries(world, "romeo", PASSWORD, peer="192.0.2.9:2") == ""


def test_logins_that_succeed_are_not_counted() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=2", "limits.failed_logins_per_address=2"))
    assert [tries(world, "romeo", PASSWORD) for _ in range(10)] == [""] * 10


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_an_exchange_that_is_never_finished_counts_as_one_that_failed(mechanism: str) -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=2",))
    for _ in range(2):
        client = world.wire().opens()
        client.hears()
        Scram("romeo", PASSWORD, mechanism).begins(client)
        client.wire.cut()
    assert tries(world, "romeo", PASSWORD) == "temporary-auth-failure"


def test_an_exchange_that_succeeds_is_not_counted() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_account=1",))
    for _ in range(3):
        client = world.wire().opens()
        client.hears()
        assert Scram("romeo", PASSWORD).runs(client).tag == f"{{{SASL}}}success"


# -- disabled accounts


def test_who_knows_the_password_of_a_disabled_account_is_told_why_nobody_may_log_in() -> None:
    client = opened()
    client.world.domain.accounts.disable(JID.parse("romeo@localhost"), "moved to Mantua")
    heard = client.says(plain("romeo")).hears_one()
    assert refusal(heard) == "account-disabled"
    assert heard.findtext(f"{{{SASL}}}text") == "moved to Mantua"
    assert client.session.username is None
    assert refusal(Scram("romeo", PASSWORD).runs(client)) == "account-disabled"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_who_does_not_know_the_password_does_not_learn_that_an_account_is_disabled(mechanism: str) -> None:
    client = opened()
    client.world.domain.accounts.disable(JID.parse("romeo@localhost"), "")
    if mechanism == "PLAIN":
        heard = client.says(plain("romeo", "wrong")).hears_one()
    else:
        heard = Scram("romeo", "wrong", mechanism).runs(client)
    assert refusal(heard) == "not-authorized"


def test_the_sessions_of_an_account_end_when_it_is_disabled_and_new_ones_cannot_begin() -> None:
    world = World("romeo")
    bound = world.connect("romeo", "orchard")
    waiting = world.wire().opens().logs_in("romeo")
    waiting.hears()
    disable = {"command": "account disable", "arguments": {"jid": "romeo@localhost", "reason": "gone"}}
    commands.run(world.server, disable)
    assert bound.hears_the_end() == "not-authorized"
    waiting.says("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    assert failure(waiting.hears_one()) == ("cancel", "not-allowed")


def test_an_account_that_is_enabled_again_can_be_used() -> None:
    world = World("romeo")
    for name in ("disable", "enable"):
        commands.run(world.server, {"command": f"account {name}", "arguments": {"jid": "romeo@localhost"}})
    assert world.connect("romeo").jid is not None


@pytest.mark.parametrize("name", ["disable", "enable"])
def test_who_does_not_exist_cannot_be_disabled(name: str) -> None:
    with pytest.raises(commands.CommandError):
        commands.run(World().server, {"command": f"account {name}", "arguments": {"jid": "nobody@localhost"}})


# -- by certificate


def certified(*addresses: str) -> Client:
    """A client of a server where "romeo" has an account, that has shown a certificate with these addresses."""
    client = World("romeo").wire()
    client.wire.certified = PeerCertificate(addresses, client.world.clock.now() + 3600)
    return client.opens()


def test_a_certificate_logs_in_to_the_account_it_names() -> None:
    client = certified("romeo@localhost")
    assert "<mechanism>EXTERNAL</mechanism>" in client.raw
    client.says(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
    assert client.raw == f'<success xmlns="{SASL}"></success>'
    assert client.session.username == "romeo"


def test_a_stream_ends_when_the_certificate_expires_that_the_client_has_shown() -> None:
    """RFC 6120 §13.7.2.3"""
    client = certified("romeo@localhost").says(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>").opens().binds()
    client.world.clock.advance(3599)
    assert not client.wire.closed
    client.world.clock.advance(1)
    assert client.hears_the_end() == "reset"


def test_nothing_waits_for_the_certificate_of_a_client_that_has_gone() -> None:
    client = certified("romeo@localhost").says(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>").opens().binds()
    client.says("</stream:stream>")
    for _ in range(3):
        client.world.clock.advance(60)  # the user falls asleep
    assert client.world.clock.timers == 0


def test_a_certificate_for_an_account_that_there_is_not_is_refused() -> None:
    client = certified("juliet@localhost")
    client.hears()
    client.says(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
    assert refusal(client.hears_one()) == "not-authorized"


def test_a_certificate_for_a_disabled_account_is_refused() -> None:
    client = certified("romeo@localhost")
    client.world.domain.accounts.disable(JID.parse("romeo@localhost"), "")
    client.hears()
    client.says(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
    assert refusal(client.hears_one()) == "account-disabled"
