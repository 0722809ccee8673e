import pytest
from lxml import etree

from tests.world import World, failure

EMPTY = "<vCard xmlns='vcard-temp'/>"
CARD = "<vCard xmlns='vcard-temp'><FN>Juliet</FN><x xmlns='urn:x' a='&lt;'>é<y/> tail</x></vCard>"


@pytest.fixture
def world() -> World:
    return World("romeo", "juliet")


def test_a_card_comes_back_as_it_was_given(world: World) -> None:
    juliet = world.connect("juliet")
    assert juliet.asks("set", CARD).get("type") == "result"
    answer = juliet.asks("get", EMPTY)[0]
    assert etree.canonicalize(etree.tostring(answer, encoding="unicode")) == etree.canonicalize(CARD)


def test_everybody_sees_the_card_of_an_account_that_is_offline(world: World) -> None:
    juliet = world.connect("juliet")
    juliet.asks("set", CARD)
    juliet.says("</stream:stream>")
    answer = world.connect("romeo").asks("get", EMPTY, "juliet@localhost")
    assert answer.get("from") == "juliet@localhost"
    assert answer[0].findtext("{vcard-temp}FN") == "Juliet"


def test_a_new_card_takes_the_place_of_the_old_one(world: World) -> None:
    juliet = world.connect("juliet")
    juliet.asks("set", CARD)
    juliet.asks("set", "<vCard xmlns='vcard-temp'><NICKNAME>J</NICKNAME></vCard>")
    assert [etree.QName(child).localname for child in juliet.asks("get", EMPTY)[0]] == ["NICKNAME"]


def test_the_own_card_that_there_is_not_is_not_found(world: World) -> None:
    assert failure(world.connect("juliet").asks("get", EMPTY)) == ("cancel", "item-not-found")


def test_an_empty_card_is_none(world: World) -> None:
    juliet = world.connect("juliet")
    juliet.asks("set", CARD)
    assert juliet.asks("set", EMPTY).get("type") == "result"
    assert failure(juliet.asks("get", EMPTY)) == ("cancel", "item-not-found")


def test_to_others_an_account_without_a_card_looks_like_none(world: World) -> None:
    romeo = world.connect("romeo")
    answers = [
        etree.tostring(romeo.asks("get", EMPTY, f"{name}@localhost")).decode().replace(name, "X")
        for name in ("juliet", "nobody")
    ]
    assert answers[0] == answers[1]
    assert "service-unavailable" in answers[0]


def test_nobody_writes_the_card_of_somebody_else(world: World) -> None:
    romeo, juliet = world.connect("romeo"), world.connect("juliet")
    assert failure(romeo.asks("set", CARD, "juliet@localhost")) == ("auth", "forbidden")
    assert failure(juliet.asks("get", EMPTY)) == ("cancel", "item-not-found")


def test_a_domain_has_no_card(world: World) -> None:
    assert failure(world.connect("romeo").asks("get", EMPTY, "localhost")) == ("cancel", "service-unavailable")
