from pathlib import Path

import pytest
from lxml import etree

from actors.storage import StorageError
from net.xmpp.jid import JID
from net.xmpp.stamps import read_stamp
from tests.actors.commands.doing import do
from tests.sasl2 import (
    END_POINT,
    FAST,
    LAPTOP,
    NONE,
    PHONE,
    SASL2,
    authenticate,
    bind,
    data_of,
    fast,
    hashed,
    header,
    identity,
    opened,
    plain,
    refusal,
    request,
    response,
    runs,
    token_of,
)
from tests.scram import Scram, auth
from tests.scram import refusal as refusal_of_rfc
from tests.world import PASSWORD, Client, World, failure, settle

DIGEST = b"digest of the certificate"
DAY = 86400
ROMEO = JID.parse("romeo@localhost")


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet", sets=("xeps.fast.days=20",))


def granted(world: World, mechanism: str = NONE, agent: str = PHONE, user: str = "romeo") -> str:
    """A token that a client has got by its password."""
    client = opened(world, end_point=DIGEST)
    token = token_of(client.says(plain(user, request(mechanism), agent=agent)).hears()[0])
    assert token
    client.says("</stream:stream>")
    return token


def says(world: World, said: str, **wire: object) -> etree._Element:
    """The first answer to this, on a stream of its own which ends after it."""
    client = opened(world, **{"end_point": DIGEST, **wire})
    answer: etree._Element = client.says(said).hears()[0]
    client.wire.cut()
    settle()
    return answer


def refused(world: World, said: str, **wire: object) -> str:
    return refusal(says(world, said, **wire))


# -- what is offered


def offered(client: Client) -> list[str | None]:
    found = client.hears()[-1].find(f"{{{SASL2}}}authentication/{{{SASL2}}}inline/{{{FAST}}}fast")
    if found is not None:
        assert found.get("tls-0rtt") is None
    return [] if found is None else [node.text for node in found]


def test_it_is_offered_with_the_mechanisms_that_the_channel_allows() -> None:
    assert offered(World().wire(end_point=DIGEST).opens()) == [END_POINT, NONE]
    assert offered(World().wire().opens()) == [NONE]


def test_it_is_not_offered_where_anybody_can_listen() -> None:
    world = World("romeo", sets=("tls.required=false",))
    assert offered(world.wire(secured=False).opens()) == []
    assert refused(world, fast("x"), secured=False) == "encryption-required"


def test_its_mechanisms_are_not_among_the_others() -> None:
    assert "HT-SHA-256" not in [node.text for node in World().wire().opens().hears()[-1].iter(f"{{{SASL2}}}mechanism")]


# -- tokens


def test_who_asks_for_a_token_gets_one_with_the_success(world: World) -> None:
    success = says(world, plain("romeo", request(), bind()))
    token = success.find(f"{{{FAST}}}token")
    assert token.get("token").startswith("secret-token:")
    assert len(token.get("token")) > 50
    assert read_stamp(token.get("expiry")) == world.clock.now() + 20 * DAY


def test_scram_gets_one_too(world: World) -> None:
    assert token_of(runs(Scram("romeo", PASSWORD), opened(world), request()))


def test_every_token_is_another(world: World) -> None:
    assert len({granted(world) for _ in range(5)}) == 5


def test_who_does_not_ask_gets_none(world: World) -> None:
    assert token_of(says(world, plain())) == ""


@pytest.mark.parametrize("mechanism", ["HT-SHA-256-UNIQ", "HT-SHA-256-EXPR", "PLAIN", ""])
def test_there_are_none_for_mechanisms_that_are_not_offered(world: World, mechanism: str) -> None:
    assert token_of(says(world, plain("romeo", request(mechanism)))) == ""


def test_there_are_none_bound_to_a_channel_that_cannot_be_bound_to(world: World) -> None:
    assert token_of(says(world, plain("romeo", request(END_POINT)), end_point=None)) == ""


def test_there_are_none_for_who_does_not_say_which_client_it_is(world: World) -> None:
    assert token_of(says(world, authenticate("PLAIN", b"\0romeo\0secret", request()))) == ""


def test_there_are_none_for_who_has_no_account() -> None:
    world = World(sets=("hosts={'localhost' = {anonymous = true}}",))
    assert token_of(says(world, authenticate("ANONYMOUS", None, request(), agent=PHONE))) == ""


def test_a_login_that_fails_gives_none(world: World) -> None:
    assert refused(world, plain("romeo", request(), password="wrong")) == "not-authorized"
    assert world.domain.clients.of(ROMEO) == {}


def test_a_token_that_cannot_be_stored_is_not_given_and_the_login_stands(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    monkeypatch.setattr(world.domain.clients._store, "change", fail)
    success = says(world, plain("romeo", request()))
    assert (identity(success), token_of(success)) == ("romeo@localhost", "")
    assert "a token could not be stored" in caplog.text


# -- logging in by one


def test_a_token_logs_in_and_the_server_proves_to_have_it_too(world: World) -> None:
    token = granted(world)
    success = says(world, fast(token))
    assert identity(success) == "romeo@localhost"
    assert data_of(success, "success") == hashed("romeo", token, b"Responder")
    assert token_of(success) == ""


def test_a_login_takes_one_round_trip_with_everything_in_it(world: World) -> None:
    token = granted(world)
    client = world.wire(end_point=DIGEST)
    client.says(header(**{"from": "romeo@localhost"}) + fast(token, bind(), attributes="count='1'") + "<presence/>")
    _offered, success, features, presence = client.hears()
    assert (identity(success) or "").startswith("romeo@localhost/AwesomeXMPP/")
    assert success.find("{urn:xmpp:bind:0}bound") is not None
    assert features.find("{urn:ietf:params:xml:ns:xmpp-bind}bind") is None
    assert presence.get("from") == identity(success)
    assert client.session.available


def test_a_token_logs_in_again_and_again(world: World) -> None:
    token = granted(world)
    for _ in range(3):
        assert identity(says(world, fast(token))) == "romeo@localhost"


def test_a_token_may_be_bound_to_the_channel(world: World) -> None:
    token = granted(world, END_POINT)
    success = says(world, fast(token, mechanism=END_POINT, binding=DIGEST))
    assert data_of(success, "success") == hashed("romeo", token, b"Responder", DIGEST)


def test_tokens_outlive_the_server(tmp_path: Path) -> None:
    sets = (f'storage.url="sqlite:///{tmp_path}/parley.sqlite"', f'data_dir="{tmp_path}"')
    world = World("romeo", sets=sets)
    token = granted(world)
    world.server.stop()
    again = World(sets=sets)
    assert identity(says(again, fast(token))) == "romeo@localhost"
    again.server.stop()


def test_each_client_has_its_own(world: World) -> None:
    phone, laptop = granted(world), granted(world, agent=LAPTOP)
    assert identity(says(world, fast(phone))) == "romeo@localhost"
    assert identity(says(world, fast(laptop, agent=LAPTOP.upper()))) == "romeo@localhost"


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"agent": LAPTOP}, "not-authorized"),
        ({"user": "juliet"}, "not-authorized"),
        ({"user": "nobody"}, "not-authorized"),
        ({"user": "@"}, "not-authorized"),
        ({"mechanism": END_POINT, "binding": DIGEST}, "not-authorized"),
        ({"mechanism": "HT-SHA-256-UNIQ"}, "invalid-mechanism"),
        ({"binding": DIGEST}, "not-authorized"),
        ({"agent": None}, "malformed-request"),
        ({"attributes": "count='0'"}, "malformed-request"),
        ({"attributes": "count='-1'"}, "malformed-request"),
        ({"attributes": "count='one'"}, "malformed-request"),
        ({"attributes": f"count='{'9' * 5000}'"}, "malformed-request"),
    ],
)
def test_a_token_is_for_one_client_one_mechanism_and_one_account(
    world: World, changes: dict[str, object], condition: str
) -> None:
    token = granted(world)
    assert refused(world, fast(token, **changes)) == condition  # type: ignore[arg-type]
    assert identity(says(world, fast(token))) == "romeo@localhost"


def test_another_token_does_not_log_in(world: World) -> None:
    granted(world)
    assert refused(world, fast("secret-token:forged")) == "not-authorized"


def test_a_token_that_is_bound_does_not_log_in_through_another_channel(world: World) -> None:
    token = granted(world, END_POINT)
    said = fast(token, mechanism=END_POINT, binding=DIGEST)
    assert refused(world, said, end_point=b"somebody else's") == "not-authorized"
    assert refused(world, said, end_point=None) == "invalid-mechanism"
    assert refused(world, fast(token)) == "not-authorized"


def test_a_token_needs_to_be_said_to_be_one(world: World) -> None:
    said = authenticate(NONE, hashed("romeo", granted(world)), agent=PHONE)
    assert refused(world, said) == "malformed-request"


def test_a_token_is_no_password_and_a_password_no_token(world: World) -> None:
    token = granted(world)
    assert refused(world, plain(password=token)) == "not-authorized"
    assert refused(world, fast(PASSWORD)) == "not-authorized"


def test_the_profile_of_the_rfc_takes_no_tokens(world: World) -> None:
    client = opened(world).says(auth(NONE, hashed("romeo", granted(world))))
    assert refusal_of_rfc(client.hears_one()) == "invalid-mechanism"


def test_it_can_be_turned_off() -> None:
    world = World("romeo", sets=('xeps.disabled=["fast"]',))
    assert token_of(says(world, plain("romeo", request()))) == ""
    assert refused(world, fast("x")) == "invalid-mechanism"


def test_guessing_tokens_is_as_slow_as_guessing_passwords() -> None:
    world = World("romeo", sets=("limits.failed_logins_per_address=3",))
    token = granted(world)
    for _ in range(3):
        assert refused(world, fast("guess")) == "not-authorized"
    assert refused(world, fast(token)) == "temporary-auth-failure"


# -- replay


def test_a_count_that_has_been_there_is_refused(world: World) -> None:
    token = granted(world)
    assert identity(says(world, fast(token, attributes="count='5'")))
    for count in (5, 4, 1):
        assert refused(world, fast(token, attributes=f"count='{count}'")) == "not-authorized"
    assert identity(says(world, fast(token, attributes="count='6'")))


def test_of_two_at_once_with_the_same_count_one_is_refused(world: World) -> None:
    said = fast(granted(world), attributes="count='1'")
    clients = [opened(world) for _ in range(4)]
    for client in clients:
        client.wire.hear(said.encode())
    answers = [client.hears()[0].tag for client in clients]
    assert sorted(answers) == [f"{{{SASL2}}}failure"] * 3 + [f"{{{SASL2}}}success"]


# -- time


def test_a_token_expires(world: World) -> None:
    token = granted(world)
    world.clock.advance(20 * DAY - 1)
    assert identity(says(world, fast(token)))
    world.clock.advance(1)
    assert refused(world, fast(token)) == "credentials-expired"


def test_one_that_nobody_has_is_not_said_to_have_expired(world: World) -> None:
    granted(world)
    world.clock.advance(21 * DAY)
    assert refused(world, fast("secret-token:forged")) == "not-authorized"


def test_in_the_second_half_of_its_time_another_one_comes_along(world: World) -> None:
    old = granted(world, END_POINT)
    said = fast(old, mechanism=END_POINT, binding=DIGEST)
    world.clock.advance(10 * DAY)
    assert token_of(says(world, said)) == ""
    world.clock.advance(1)
    new = token_of(says(world, said))
    assert new not in ("", old)
    assert identity(says(world, fast(new, mechanism=END_POINT, binding=DIGEST)))


def test_the_old_one_is_good_until_the_new_one_is_used(world: World) -> None:
    old = granted(world)
    new = token_of(says(world, fast(old, request())))
    assert identity(says(world, fast(old)))
    assert identity(says(world, fast(new)))
    assert refused(world, fast(old)) == "not-authorized"
    assert identity(says(world, fast(new)))


def test_of_new_ones_that_were_not_used_only_the_last_is_good(world: World) -> None:
    old = granted(world)
    lost = token_of(says(world, fast(old, request())))
    new = token_of(says(world, fast(old, request())))
    assert refused(world, fast(lost)) == "not-authorized"
    assert identity(says(world, fast(new)))


def test_a_client_may_have_one_for_another_mechanism(world: World) -> None:
    old = granted(world)
    new = token_of(says(world, fast(old, request(END_POINT))))
    assert refused(world, fast(new)) == "not-authorized"
    assert identity(says(world, fast(new, mechanism=END_POINT, binding=DIGEST)))


# -- the end of tokens


@pytest.mark.parametrize("yes", ["true", "1"])
def test_a_client_can_give_its_token_back(world: World, yes: str) -> None:
    token = granted(world)
    world.clock.advance(15 * DAY)
    success = says(world, fast(token, attributes=f"invalidate='{yes}'"))
    assert (identity(success), token_of(success)) == ("romeo@localhost", "")
    assert refused(world, fast(token)) == "not-authorized"


def test_a_client_can_change_its_token_for_another(world: World) -> None:
    token = granted(world)
    new = token_of(says(world, fast(token, request(), attributes="invalidate='true'")))
    assert refused(world, fast(token)) == "not-authorized"
    assert identity(says(world, fast(new)))


def test_one_that_cannot_be_given_back_does_not_log_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = granted(world)

    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(world.domain.clients._store, "put", fail)
        assert refused(world, fast(token, attributes="invalidate='true'")) == "temporary-auth-failure"
    assert identity(says(world, fast(token)))


def test_who_fails_gives_nothing_back(world: World) -> None:
    token = granted(world)
    assert refused(world, fast("forged", attributes="invalidate='true'")) == "not-authorized"
    assert identity(says(world, fast(token, attributes="invalidate='false'")))


def test_who_logs_in_by_password_gives_nothing_back(world: World) -> None:
    token = granted(world)
    assert identity(says(world, plain("romeo", f"<fast xmlns='{FAST}' invalidate='true'/>")))
    assert identity(says(world, fast(token)))


@pytest.mark.parametrize("command", ["password", "disable"])
def test_another_password_or_a_closed_door_ends_them_all(world: World, command: str) -> None:
    tokens = [granted(world), granted(world, agent=LAPTOP)]
    theirs = granted(world, user="juliet")
    arguments = {"jid": "romeo@localhost", **({"password": "another one"} if command == "password" else {})}
    do(world, f"account {command}", **arguments)
    if command == "disable":
        do(world, "account enable", jid="romeo@localhost")
    for token, agent in zip(tokens, (PHONE, LAPTOP), strict=True):
        assert refused(world, fast(token, agent=agent)) == "credentials-expired"
    assert identity(says(world, fast(theirs, user="juliet")))
    password = "another one" if command == "password" else PASSWORD
    new = token_of(says(world, plain("romeo", request(), password=password)))
    assert identity(says(world, fast(new)))


def test_who_proves_a_password_that_has_been_changed_meanwhile_gets_neither_in_nor_a_token(world: World) -> None:
    client, scram = opened(world), Scram("romeo", PASSWORD)
    client.says(authenticate(scram.mechanism, scram.first(), request(), bind(), agent=PHONE))
    challenge = data_of(client.hears_one(), "challenge")
    do(world, "account password", jid="romeo@localhost", password="another")
    assert refusal(client.says(response(scram.final(challenge))).hears_one()) == "not-authorized"


def test_who_had_the_account_before_does_not_get_that_of_somebody_else(world: World) -> None:
    client, scram = opened(world), Scram("romeo", PASSWORD)
    client.says(authenticate(scram.mechanism, scram.first(), request(), bind(), agent=PHONE))
    challenge = data_of(client.hears_one(), "challenge")
    do(world, "account remove", jid="romeo@localhost")
    do(world, "account add", jid="romeo@localhost", password="of another Romeo")
    assert refusal(client.says(response(scram.final(challenge))).hears_one()) == "not-authorized"


@pytest.mark.parametrize("by", ["token", "password"])
def test_who_has_logged_in_binds_nothing_when_the_password_has_changed(world: World, by: str) -> None:
    token = granted(world)
    client = opened(world, end_point=DIGEST)
    assert identity(client.says(fast(token) if by == "token" else plain("romeo")).hears()[0])
    do(world, "account password", jid="romeo@localhost", password="another")
    answer = client.asks("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
    assert failure(answer) == ("cancel", "not-allowed")


def test_a_password_changed_by_the_user_ends_them_too(world: World) -> None:
    token = granted(world)
    romeo = world.connect("romeo")
    change = "<username>romeo</username><password>a new password</password>"
    assert romeo.asks("set", f"<query xmlns='jabber:iq:register'>{change}</query>").get("type") == "result"
    assert refused(world, fast(token)) == "credentials-expired"


def test_keys_that_are_made_stronger_leave_them_as_they_are() -> None:
    world = World("romeo")
    token = granted(world)
    world.domain.accounts.iterations = 5000
    says(world, plain())
    account = world.domain.accounts.find(ROMEO)
    assert account is not None
    assert account.keys["SHA-256"].iterations == 5000
    assert identity(says(world, fast(token)))


def test_with_the_account_they_are_gone(world: World) -> None:
    token = granted(world)
    do(world, "account remove", jid="romeo@localhost")
    assert refused(world, fast(token)) == "not-authorized"
    do(world, "account add", jid="romeo@localhost", password=PASSWORD)
    assert refused(world, fast(token)) == "not-authorized"


def test_nobody_has_more_than_there_may_be_and_the_longest_unseen_goes() -> None:
    world = World("romeo", sets=("limits.clients=3",))
    agents = [f"{PHONE[:-1]}{number}" for number in range(5)]
    tokens = []
    for agent in agents:
        tokens.append(granted(world, agent=agent))
        world.clock.advance(1)
    assert [refused(world, fast(tokens[n], agent=agents[n])) for n in (0, 1)] == ["not-authorized"] * 2
    assert all(identity(says(world, fast(tokens[n], agent=agents[n]))) for n in (2, 3, 4))


# -- secrets


def test_no_token_gets_into_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = granted(world)
    says(world, fast(token))
    says(world, fast(token, agent=LAPTOP))
    assert token not in caplog.text
    assert token not in repr(world.domain.clients.of(ROMEO))
