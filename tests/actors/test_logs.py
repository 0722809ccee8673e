import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from actors import logs
from actors.actor import Actor, told
from actors.logs import ALIKE_SECONDS, JSON, MOST_ALIKE, Repeats, Text
from tests.world import World, settle


class Written(logging.Handler):
    """What a formatter makes of each record, at the time it comes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def text() -> Iterator[list[str]]:
    yield from written(Text())


@pytest.fixture
def objects() -> Iterator[list[str]]:
    yield from written(JSON())


def written(formatter: logging.Formatter) -> Iterator[list[str]]:
    handler = Written(formatter)
    logging.getLogger().addHandler(handler)
    logs.set_level("debug")
    yield handler.lines
    logging.getLogger().removeHandler(handler)
    for name in logs.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


log = logging.getLogger("actors.test")


class Crasher(Actor):
    @told(str)
    def on_text(self, text: str) -> None:
        raise ValueError("one\ntwo")


def crash() -> None:
    Crasher().actor_inbox.tell("x")
    settle()


def test_an_event_is_one_line_whatever_is_in_it(text: list[str]) -> None:
    log.info("a\nb\x1b[31m %s", "ü\u202e")
    assert text[0].endswith("INFO actors.test [-] a\\nb\\x1b[31m ü\\u202e")


def test_a_traceback_stays_in_its_line(text: list[str], objects: list[str]) -> None:
    crash()
    assert len(text) == 1
    assert "\n" not in text[0]
    assert "ValueError: one | two" in text[0]
    assert "\n" not in objects[0]
    assert json.loads(objects[0])["traceback"].endswith("ValueError: one\ntwo")


def test_an_object_has_what_a_line_has(objects: list[str]) -> None:
    log.warning("%s happened", "ü")
    found = json.loads(objects[0])
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "warning", "logger": "actors.test", "address": None, "event": "ü happened"}


def test_a_line_about_a_session_has_its_peer_and_once_it_is_bound_its_address(text: list[str]) -> None:
    world = World("romeo")
    world.wire().opens("nowhere.example")
    client = world.connect("romeo", "balcony")
    client.says("<presence from='juliet@localhost'/>")
    assert [line.split(" ", 4)[4] for line in text] == [
        "[wire] closing: host-unknown ",
        "[wire] logged in as romeo@localhost",
        "[romeo@localhost/balcony] closing: invalid-from ",
    ]


def test_a_log_for_debugging_holds_no_secret_and_nothing_that_was_said(text: list[str], objects: list[str]) -> None:
    world = World("romeo", "juliet")
    romeo, juliet = world.available("romeo"), world.available("juliet")
    world.wire().opens().says(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdyb25nLXdvcmQ=</auth>"
    )
    romeo.says("<message to='juliet@localhost' type='chat'><body>my-own-words</body></message>")
    romeo.says("<message to='nobody@localhost' type='chat'><body>my-own-words</body></message>")
    romeo.says("<presence><status>my-own-words</status></presence>")
    romeo.says("<iq type='set' id='1'><vCard xmlns='vcard-temp'><FN>my-own-words</FN></vCard></iq>")
    romeo.says("<iq type='set' id='2' to='juliet@localhost'><query xmlns='my-own-words'/></iq>")
    juliet.says("<message to='romeo@localhost'><body>my-own-words</message>")
    everything = "\n".join((*text, *objects))
    assert "logged in as romeo" in everything
    for secret in ("my-own-words", "wrong-word", "d3Jvbmctd29yZA", "AHJvbWVv", "\0romeo"):
        assert secret not in everything


def test_libraries_never_log_for_debugging() -> None:
    logs.set_level("debug")
    assert logging.getLogger("sqlalchemy.engine").getEffectiveLevel() >= logging.WARNING
    for name in logs.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


# -- repeats


def record(text: str = "disk full: %s", level: int = logging.ERROR) -> Any:
    return logging.LogRecord("actors.test", level, "file", 1, text, ("x",), None)


def test_the_same_complaint_is_written_a_few_times_and_counted() -> None:
    now = 0.0
    repeats = Repeats(lambda: now)
    assert sum(repeats.passes(record()) for _ in range(1000)) == MOST_ALIKE
    now += ALIKE_SECONDS
    later = record()
    assert repeats.passes(later)
    assert Text().format(later).endswith(f"disk full: x ({1000 - MOST_ALIKE} more like it were left out)")
    assert json.loads(JSON().format(later))["left_out"] == 1000 - MOST_ALIKE


def test_other_complaints_and_what_is_no_complaint_are_written() -> None:
    repeats = Repeats(lambda: 0.0)
    assert all(repeats.passes(record(f"{n} %s")) for n in range(100))
    assert all(repeats.passes(record(level=logging.INFO)) for _ in range(100))


# -- what Python and gevent would have printed


def test_what_cannot_be_raised_is_an_event(text: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", logs._unraisable)

    class Bad:
        def __del__(self) -> None:
            raise ValueError("in the end")

    Bad()
    (line,) = text
    assert "an exception that could not be raised in <function" in line
    assert line.endswith("ValueError: in the end")
