import ast
import base64
import json
import logging
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from actors import logs
from actors.actor import Actor, told
from actors.commands import CommandError, run
from actors.config import PROJECT
from actors.host import Host
from actors.logs import ALIKE_SECONDS, JSON, MOST_ALIKE, Repeats, Text
from actors.mailbox import Inbound, Outbound
from actors.session import Session
from actors.storage import StorageError
from actors.storage.memory import MemoryArchive, MemoryMap, MemoryRecord
from actors.user import User
from net.xmpp.stanza import Stanza
from tests.scram import Scram
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


SECRETS = ("Right-0ne", "Wr0ng-0ne", "Br4nd-new", "Th3-4dmins")


def test_a_log_for_debugging_holds_no_password_however_it_was_said(text: list[str], objects: list[str]) -> None:
    right, wrong, new, admins = SECRETS
    world = World("bard", sets=("hosts.localhost.registration=true", 'hosts.localhost.admins=["bard@localhost"]'))
    do = partial(run, world.server)
    do({"command": "account add", "arguments": {"jid": "romeo@localhost", "password": right}})
    do({"command": "account password", "arguments": {"jid": "romeo@localhost", "password": right}})
    with pytest.raises(CommandError):
        do({"command": "account add", "arguments": {"jid": "romeo@localhost", "password": wrong}})

    for password in (right, wrong):
        client = world.wire().opens()
        client.hears()
        Scram("romeo", password).runs(client)
        world.wire().opens().logs_in("romeo", password)
    client = world.wire().opens()
    for name in ("juliet", "juliet", "bad name"):
        client.asks("set", registration(name, new))
    world.wire().opens().logs_in("juliet", new).binds("r").asks("set", registration("juliet", admins))
    bard = world.connect("bard")
    command = "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#add-user'{}>{}</command>"
    session = bard.asks("set", command.format("", ""), "localhost")[0].get("sessionid")
    entered = {"accountjid": "nurse@localhost", "password": admins, "password-verify": admins}
    fields = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in entered.items())
    form = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
    bard.asks("set", command.format(f" sessionid='{session}'", form), "localhost")

    everything = "\n".join((*text, *objects))
    for event in (
        "logged in as romeo",
        "juliet@localhost registered",
        "another password",
        "Add a user nurse@localhost",
    ):
        assert event in everything
    for secret in SECRETS:
        assert secret not in everything
        assert base64.b64encode(f"\0romeo\0{secret}".encode()).decode() not in everything


def registration(name: str, password: str) -> str:
    inside = f"<username>{name}</username><password>{password}</password>"
    return f"<query xmlns='jabber:iq:register'>{inside}</query>"


SAID = {
    "a message": (Session, "<message to='juliet@localhost' type='chat'><body>my-own-words</body></message>"),
    "a roster": (
        Session,
        "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b' name='my-own-words'/></query></iq>",
    ),
    "a presence": (User, "<presence><status>my-own-words</status></presence>"),
    "a card": (User, "<iq type='set' id='2'><vCard xmlns='vcard-temp'><FN>my-own-words</FN></vCard></iq>"),
    "a question": (Host, "<iq type='get' id='3' to='localhost'><query xmlns='urn:x'>my-own-words</query></iq>"),
}


@pytest.mark.parametrize("what", SAID)
def test_a_crash_is_logged_without_what_was_said(text: list[str], monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    kind, said = SAID[what]

    def fail(*_: object) -> None:
        raise RuntimeError("made to fail")

    romeo = World("romeo").connect("romeo", "balcony")
    for message in (Stanza, Outbound, Inbound):
        if message in kind.handlers:
            monkeypatch.setitem(kind.handlers, message, fail)
    romeo.says(said)
    crashes = [line for line in text if "crashed on" in line]
    assert "RuntimeError: made to fail" in crashes[0]
    assert not [line for line in text if "my-own-words" in line]


def test_what_could_not_be_stored_is_logged_without_it(text: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo", "juliet", sets=("hosts.localhost.registration=true",))
    romeo = world.connect("romeo", "balcony")

    def fail(*_: object, **__: object) -> None:
        raise StorageError("made to fail")

    for shape, verb in ((MemoryRecord, "put"), (MemoryMap, "change"), (MemoryArchive, "append")):
        monkeypatch.setattr(shape, verb, fail)
    for what in ("a message", "a roster", "a card"):
        romeo.says(SAID[what][1])
        assert "could not be handled" in text[-1] or "could not be stored" in text[-1]
    world.wire().opens().says(f"<iq type='set' id='1'>{registration('nurse', 'my-own-words')}</iq>")
    assert "an account could not be stored" in text[-1]
    assert not [line for line in text if "my-own-words" in line]


# What a stanza holds, and what proves who somebody is, by the names that both have in this code.
CONFIDENTIAL = {"body", "wire", "element", "payload", "content", "data", "text", "password", "keys", "proof"}
# A stream error's text is the server's own.
HARMLESS = {"reason.text"}


@pytest.mark.parametrize("folder", ["actors", "net"])
def test_no_call_of_the_log_is_given_anything_confidential(folder: str) -> None:
    calls = 0
    for path in (PROJECT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")):
                continue
            calls += 1
            given = [part for argument in node.args for part in ast.walk(argument)]
            names = {
                part.attr for part in given if isinstance(part, ast.Attribute) and ast.unparse(part) not in HARMLESS
            }
            names |= {part.id for part in given if isinstance(part, ast.Name)}
            assert not names & CONFIDENTIAL, f"{path}:{node.lineno}"
    assert calls > 5


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
