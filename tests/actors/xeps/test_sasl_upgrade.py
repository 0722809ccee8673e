import hashlib
from base64 import b64decode, b64encode

import pytest
from lxml import etree

from actors.accounts import HASHES
from net.xmpp.jid import JID
from net.xmpp.sasl import Hash
from tests.sasl2 import (
    ABORT,
    PHONE,
    SASL2,
    authenticate,
    bind,
    data_of,
    fast,
    identity,
    plain,
    refusal,
    request,
    response,
    token_of,
)
from tests.scram import Scram, auth
from tests.world import PASSWORD, Client, World

ROMEO = JID.parse("romeo@localhost")
BOTH = ("SHA-1", "SHA-256")


def verified(world: World, password: str) -> bool:
    accounts = world.domain.accounts
    return accounts.verify(accounts.find(ROMEO), "romeo", password)


def name(hash: str) -> str:
    return f"UPGR-SCRAM-{hash}"


def upgrade(*hashes: str) -> str:
    return "".join(f"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>{name(hash)}</upgrade>" for hash in hashes)


def next_(hash: str) -> str:
    return f"<next xmlns='{SASL2}' task='{name(hash)}'/>"


def task_data(content: str) -> str:
    return f"<task-data xmlns='{SASL2}'>{content}</task-data>"


def hash_(data: str) -> str:
    return task_data(f"<hash xmlns='urn:xmpp:scram-upgrade:0'>{data}</hash>")


@pytest.fixture
def world() -> World:
    """One whose iterations have been raised since "romeo" got an account."""
    world = World("romeo")
    world.domain.accounts.iterations = 5000
    return world


def opened(world: World, sender: str = "romeo@localhost", **wire: bool) -> Client:
    return world.wire(**wire).opens(**({"from": sender} if sender else {}))


def offered(client: Client) -> list[str | None]:
    found = client.hears()[-1].find(f"{{{SASL2}}}authentication")
    return [node.text for node in found.findall("{urn:xmpp:sasl:upgrade:0}upgrade")]


def asked_to_continue(world: World, *hashes: str, mechanism: str = "SCRAM-SHA-1", then: str = "") -> Client:
    """A client that has proved who it is and has been told that there is something to do."""
    client = opened(world)
    client.hears()
    scram = Scram("romeo", PASSWORD, mechanism)
    client.says(authenticate(mechanism, scram.first(), upgrade(*hashes), then, agent=PHONE))
    client.says(response(scram.final(data_of(client.hears_one(), "challenge"))))
    node = client.hears_one()
    assert scram.accepts(data_of(node, "continue"))
    assert task(node) == name(hashes[0])
    return client


def task(node: etree._Element) -> str:
    (found,) = node.findall(f"{{{SASL2}}}tasks/{{{SASL2}}}task")
    return str(found.text)


def works(client: Client, hash: Hash, password: str = PASSWORD) -> list[etree._Element]:
    """Does a task; returns what comes after it."""
    client.says(next_(hash))
    (salt,) = client.hears_one()
    assert salt.tag == "{urn:xmpp:scram-upgrade:0}salt"
    rounds = int(salt.get("iterations"))
    kind = hash.replace("-", "").lower()
    salted = hashlib.pbkdf2_hmac(kind, password.encode(), b64decode(salt.text), rounds)
    return client.says(hash_(b64encode(salted).decode())).hears()


def counts(world: World) -> list[int]:
    return [world.domain.accounts.keys("romeo", hash).iterations for hash in HASHES]


# -- what is offered


def test_it_is_offered_to_who_has_few_iterations_and_says_so_from_the_start(world: World) -> None:
    assert offered(opened(world)) == [name("SHA-1"), name("SHA-256")]


@pytest.mark.parametrize("sender", ["", "romeo@elsewhere", "localhost", "@"])
def test_it_is_not_offered_to_who_does_not_say_who_it_is(world: World, sender: str) -> None:
    assert offered(opened(world, sender)) == []


def test_it_is_not_offered_where_nobody_has_few() -> None:
    assert offered(opened(World("romeo"))) == []


def test_nobody_can_tell_by_it_who_has_an_account(world: World) -> None:
    found = {tuple(offered(opened(world, f"nobody{number}@localhost"))) for number in range(40)}
    assert len(found) == 4


# -- the tasks


def test_a_client_brings_its_keys_up_to_date(world: World) -> None:
    client = asked_to_continue(world, "SHA-256")
    success, _ = works(client, "SHA-256")
    assert identity(success) == "romeo@localhost"
    assert success.find(f"{{{SASL2}}}additional-data") is None
    assert counts(world) == [world.domain.accounts._rounds[0], 5000]
    again = opened(world)
    assert offered(again) == [name("SHA-1")]
    scram = Scram("romeo", PASSWORD)
    again.says(authenticate(scram.mechanism, scram.first(), upgrade(*BOTH[1:])))
    again.says(response(scram.final(data_of(again.hears_one(), "challenge"))))
    assert identity(again.hears()[0]) == "romeo@localhost"


def test_several_are_done_one_after_the_other_and_what_was_asked_for_comes_with_the_last(world: World) -> None:
    client = asked_to_continue(world, *BOTH, then=bind() + request())
    (node,) = works(client, "SHA-1")
    assert task(node) == name("SHA-256")
    assert node.find(f"{{{SASL2}}}additional-data") is None
    assert client.session.type == "c2s_unauthed"
    success, _ = works(client, "SHA-256")
    assert client.session.full_jid == identity(success)
    assert token_of(success)
    assert counts(world) == [5000, 5000]
    assert verified(world, PASSWORD)


def test_tokens_are_good_as_before(world: World) -> None:
    client = opened(world)
    client.hears()
    token = token_of(client.says(plain("romeo", request())).hears()[0])
    world.domain.accounts.iterations = 6000
    works(asked_to_continue(world, "SHA-1"), "SHA-1")
    client = opened(world)
    client.hears()
    assert identity(client.says(fast(token)).hears()[0]) == "romeo@localhost"


def logged_in(world: World, said: str) -> Client:
    client = opened(world)
    client.hears()
    assert identity(client.says(said).hears()[0]) == "romeo@localhost"
    return client


def test_with_plain_there_is_nothing_to_do_for_the_client(world: World) -> None:
    logged_in(world, plain("romeo", upgrade(*BOTH)))
    assert counts(world) == [5000, 5000]


def test_a_token_is_no_proof_of_a_password_to_make_keys_of(world: World) -> None:
    client = opened(world)
    client.hears()
    token = token_of(client.says(plain("romeo", request())).hears()[0])
    world.domain.accounts.iterations = 6000
    logged_in(world, fast(token, upgrade(*BOTH)))
    assert counts(world) == [5000, 5000]


def test_what_is_not_known_or_not_needed_is_not_done(world: World) -> None:
    works(asked_to_continue(world, "SHA-1", "SHA-1", "SHA-512"), "SHA-1")
    assert counts(world)[0] == 5000


# -- what goes wrong


@pytest.mark.parametrize(
    ("begun", "said", "condition"),
    [
        (False, next_("SHA-256"), "invalid-mechanism"),
        (False, f"<next xmlns='{SASL2}'/>", "invalid-mechanism"),
        (False, hash_("AAAA"), "malformed-request"),
        (False, response(b"x"), "malformed-request"),
        (False, ABORT, "aborted"),
        (True, next_("SHA-1"), "malformed-request"),
        (True, task_data(""), "malformed-request"),
        (True, hash_(""), "malformed-request"),
        (True, hash_("AAAA"), "malformed-request"),
        (True, hash_("!"), "incorrect-encoding"),
        (True, ABORT, "aborted"),
    ],
)
@pytest.mark.parametrize("again", [plain(), next_("SHA-1"), auth("PLAIN", b"\0romeo\0secret"), "<presence/>"])
def test_a_task_that_fails_is_the_end_of_the_login(
    world: World, begun: bool, said: str, condition: str, again: str
) -> None:
    client = asked_to_continue(world, "SHA-1", then=bind())
    if begun:
        client.says(next_("SHA-1"))
        client.hears()
    assert refusal(client.says(said).hears_one()) == condition
    assert counts(world) == [4096, 4096]
    assert client.session.username is None
    assert client.says(again).hears_the_end() == "policy-violation"


@pytest.mark.parametrize("said", [plain(), auth("PLAIN", b"\0romeo\0secret"), "<presence/>"])
def test_nothing_else_may_come_before_it_is_done(world: World, said: str) -> None:
    client = asked_to_continue(world, "SHA-1")
    assert client.says(said).hears_the_end() == "policy-violation"


def test_who_has_proved_nothing_gets_no_task(world: World) -> None:
    client = opened(world)
    client.hears()
    scram = Scram("romeo", "wrong", "SCRAM-SHA-1")
    client.says(authenticate("SCRAM-SHA-1", scram.first(), upgrade(*BOTH)))
    client.says(response(scram.final(data_of(client.hears_one(), "challenge"))))
    assert refusal(client.hears_one()) == "not-authorized"
    assert refusal(client.says(next_("SHA-1")).hears_one()) == "malformed-request"


def test_a_password_that_was_changed_meanwhile_stays_changed(world: World) -> None:
    client = asked_to_continue(world, "SHA-1")
    world.domain.accounts.set_password(ROMEO, "another")
    works(client, "SHA-1")
    assert verified(world, "another")
    assert counts(world) == [5000, 5000]
