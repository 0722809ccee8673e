"""What is worth keeping in an archive."""

import pytest

from actors.xeps.archive.worth import worth_keeping
from tests.actors.xeps.archive.asking import message

BODY = "<body>x</body>"
STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
STORE = "<store xmlns='urn:xmpp:hints'/>"
NO_STORE = "<no-store xmlns='urn:xmpp:hints'/>"
NO_PERMANENT_STORE = "<no-permanent-store xmlns='urn:xmpp:hints'/>"


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        f"{STATE}{BODY}",
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
        "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
        "<encrypted xmlns='urn:xmpp:omemo:2'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
        "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
        "<x xmlns='jabber:x:conference' jid='room@muc.example'/>",
    ],
)
@pytest.mark.parametrize("type", ["chat", "normal", "", "unheard-of"])
def test_what_people_say_and_what_answers_it_is_kept(content: str, type: str) -> None:
    assert worth_keeping(message(content, type))


@pytest.mark.parametrize(
    "content",
    [
        "",
        STATE,
        "<thread>t</thread>",
        "<markable xmlns='urn:xmpp:chat-markers:0'/>",
        "<request xmlns='urn:xmpp:receipts'/>",
        "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>",
        "<x xmlns='urn:x'><body>x</body></x>",
        "<body xmlns='urn:x'>x</body>",
    ],
)
def test_what_says_nothing_is_not(content: str) -> None:
    assert not worth_keeping(message(content))


@pytest.mark.parametrize("type", ["error", "groupchat", "headline"])
def test_some_types_never_are(type: str) -> None:
    assert not worth_keeping(message(BODY, type))


@pytest.mark.parametrize("hint", [NO_STORE, NO_PERMANENT_STORE, NO_STORE + STORE, STORE + NO_PERMANENT_STORE])
def test_whoever_wants_nothing_kept_is_heard_first(hint: str) -> None:
    """XEP-0334."""
    assert not worth_keeping(message(BODY + hint))


@pytest.mark.parametrize(("type", "kept"), [("chat", True), ("", True), ("headline", True), ("error", False)])
def test_a_hint_has_anything_kept_but_an_error(type: str, kept: bool) -> None:
    """XEP-0334 §4.4, §5."""
    assert worth_keeping(message(STATE + STORE, type)) is kept
