import re

import pytest

from tests.actors.xeps.stream_management.managing import (
    ENABLE,
    ENABLE_RESUMPTION,
    NAMESPACE,
    SM,
    R,
    a,
    condition,
    returns,
)
from tests.world import Client, World

RESUME = f"<resume {SM} previd='x' h='0'/>"


def answer(client: Client, said: str) -> dict[str, str]:
    node = client.says(said).hears_one()
    assert node.tag == f"{NAMESPACE}enabled"
    return dict(node.attrib)


def world(*options: str) -> World:
    return World("juliet", sets=tuple(f"xeps.stream_management.{option}" for option in options))


def test_it_is_offered_with_resource_binding_and_not_before() -> None:
    client = world().wire().opens()
    assert "urn:xmpp:sm:3" not in client.raw.replace("<authentication", "\0").partition("\0")[0]  # XEP-0388 apart
    client.logs_in("juliet")
    assert re.search(r'<bind [^>]*/>.*<sm xmlns="urn:xmpp:sm:3"/>', client.raw)


def test_a_client_enables_it() -> None:
    assert answer(world().connect("juliet"), ENABLE) == {}


@pytest.mark.parametrize("yes", ["true", "1"])
def test_a_client_asks_to_be_allowed_to_resume(yes: str) -> None:
    enabled = answer(world().connect("juliet"), f"<enable {SM} resume='{yes}'/>")
    assert len(enabled.pop("id")) >= 32
    assert enabled == {"resume": "true", "max": "300"}


@pytest.mark.parametrize("no", ["false", "0"])
def test_a_client_says_that_it_will_not_resume(no: str) -> None:
    assert answer(world().connect("juliet"), f"<enable {SM} resume='{no}'/>") == {}


def test_no_two_streams_have_the_same_id() -> None:
    here = world()
    assert len({answer(here.connect("juliet"), ENABLE_RESUMPTION)["id"] for _ in range(10)}) == 10


@pytest.mark.parametrize(("most", "granted"), [("60", "60"), ("0060", "60"), ("9000", "300"), ("9" * 400, "300")])
def test_the_time_is_the_clients_wish_within_the_servers_limit(most: str, granted: str) -> None:
    assert answer(world().connect("juliet"), f"<enable {SM} resume='1' max='{most}'/>")["max"] == granted


def test_the_place_to_come_back_to_is_told() -> None:
    here = world('location="[2001:db8::1]:5222"')
    assert answer(here.connect("juliet"), ENABLE_RESUMPTION)["location"] == "[2001:db8::1]:5222"


def test_a_server_without_resumption_says_so() -> None:
    here = world("seconds=0")
    client = returns(here, "juliet")
    assert condition(client.says(RESUME).hears_one()) == "feature-not-implemented"
    client.binds()
    assert answer(client, ENABLE_RESUMPTION) == {}


@pytest.mark.parametrize("said", [ENABLE, RESUME])
def test_before_the_login_it_is_unexpected(said: str) -> None:
    client = world().wire().opens()
    client.hears()
    assert condition(client.says(said).hears_one()) == "unexpected-request"
    assert client.logs_in("juliet").binds().jid is not None


def test_before_resource_binding_only_resuming_is_expected() -> None:
    client = returns(world(), "juliet")
    assert condition(client.says(ENABLE).hears_one()) == "unexpected-request"
    assert answer(client.binds(), ENABLE) == {}


@pytest.mark.parametrize("said", [ENABLE, ENABLE_RESUMPTION, RESUME])
def test_a_second_time_is_unexpected(said: str) -> None:
    client = world().connect("juliet").says(ENABLE)
    client.hears()
    assert condition(client.says(said).hears_one()) == "unexpected-request"
    assert client.says(R).raw == '<a xmlns="urn:xmpp:sm:3" h="0"/>'


@pytest.mark.parametrize("wrong", ["resume='yes'", "max='0'", "max='-1'", "max='soon'", "resume='1' max=''"])
def test_what_is_no_boolean_or_no_time_is_a_bad_request(wrong: str) -> None:
    client = world().connect("juliet")
    assert condition(client.says(f"<enable {SM} {wrong}/>").hears_one()) == "bad-request"
    assert answer(client, ENABLE) == {}


@pytest.mark.parametrize(
    "wrong", ["previd='x'", "h='0'", "previd='' h='0'", "previd='x' h='-1'", "previd='x' h='4294967296'"]
)
def test_a_wrong_request_to_resume_is_a_bad_request(wrong: str) -> None:
    client = returns(world(), "juliet")
    assert condition(client.says(f"<resume {SM} {wrong}/>").hears_one()) == "bad-request"
    assert client.binds().jid is not None


def test_nobody_may_guess_for_ever() -> None:
    client = returns(world(), "juliet")
    for _ in range(10):
        client.says(RESUME)
    assert client.hears_the_end() == "policy-violation"


@pytest.mark.parametrize("said", [R, a(0)])
def test_without_it_there_is_nothing_to_acknowledge(said: str) -> None:
    client = world().connect("juliet").says(said)
    assert client.hears_the_end() == "unsupported-stanza-type"


def test_turned_off_it_is_unknown() -> None:
    client = World("juliet", sets=('xeps.disabled=["stream_management"]',)).connect("juliet").says(ENABLE)
    assert client.hears_the_end() == "unsupported-stanza-type"
