import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event

from actors import commands, logs
from actors.actor import told
from actors.commands import COMMANDS, CommandError, run
from actors.mailbox import Show
from actors.session import Session
from actors.version import VERSION
from tests.world import PASSWORD, Client, World, settle

JABBER = "{jabber:client}"
STREAMS = "{urn:ietf:params:xml:ns:xmpp-streams}"

TWO_DOMAINS = ("hosts.localhost={}", 'hosts."example.org"={}')


def do(world: World, name: str, **arguments: Any) -> Any:
    with gevent.Timeout(20):
        return run(world.server, {"command": name, "arguments": arguments})


def accounts(world: World) -> list[str]:
    return [row["jid"] for row in do(world, "account list")]


def stream_error(client: Client) -> str:
    """The condition of the stream error that is the last thing heard."""
    condition: str = client.hears()[-1][0].tag
    return condition.removeprefix(STREAMS)


# -- declarations


def test_every_command_says_what_it_does_and_what_it_is_told() -> None:
    assert {"account add", "account remove", "account list", "account password"} <= COMMANDS.keys()
    assert {"session list", "session show", "session kick", "status", "stop"} <= COMMANDS.keys()
    for command in COMMANDS.values():
        assert command.help
        assert all(parameter.help for parameter in command.parameters)


def test_only_accounts_and_storage_can_be_administered_without_a_server() -> None:
    assert {name for name, command in COMMANDS.items() if not command.needs_server} == {
        name for name in COMMANDS if name.startswith(("account ", "storage ")) or name in {"backup", "restore"}
    }


@pytest.mark.parametrize(
    ("request_", "told_"),
    [
        ({}, "there is no command None"),
        ({"command": "account"}, "there is no command 'account'"),
        ({"command": ["status"]}, r"there is no command \['status'\]"),
        ({"command": "status", "arguments": None}, "the arguments of a command are an object"),
        ({"command": "status", "arguments": {"fast": "yes"}}, "status has no parameter 'fast'"),
        ({"command": "session show"}, "session show needs full_jid"),
        ({"command": "account list", "arguments": {"domain": 1}}, "domain of account list is a text"),
        ({"command": "account add", "arguments": {"jid": None, "password": "x"}}, "account add needs jid"),
    ],
)
def test_a_request_that_is_none_is_refused(request_: dict[str, Any], told_: str) -> None:
    with pytest.raises(CommandError, match=told_):
        run(World().server, request_)


# -- accounts


def test_an_added_account_can_log_in() -> None:
    world = World()
    assert do(world, "account add", jid="Romeo@LOCALHOST", password="montague") == "romeo@localhost added"
    client = world.wire().opens().logs_in("romeo", "montague").binds("orchard")
    assert client.jid == "romeo@localhost/orchard"


def test_an_account_added_while_somebody_writes_to_it_can_log_in() -> None:
    world = World("juliet")
    world.connect("juliet").says("<message to='romeo@localhost'><body>Wherefore?</body></message>")
    do(world, "account add", jid="romeo@localhost", password=PASSWORD)
    assert world.connect("romeo", "orchard").jid == "romeo@localhost/orchard"


@pytest.mark.parametrize(
    ("jid", "password", "reason"),
    [
        ("romeo@localhost", "x", "romeo@localhost exists already"),
        ("juliet@capulet.example", "x", "capulet.example is not served here; served: localhost"),
        ("localhost", "x", "'localhost' is not an account's address"),
        ("juliet@localhost/balcony", "x", "'juliet@localhost/balcony' is not an account's address"),
        ("ju liet@localhost", "x", "'ju liet@localhost' is not an account's address.*: localpart"),
        ("\ud800@localhost", "x", "is not an account's address"),
        ("", "x", "'' is not an account's address"),
        ("juliet@localhost", "", "the password is empty"),
        ("juliet@localhost", "\ud800", "the password is empty or has characters"),
        ("juliet@localhost", "a" * 513, "the password is longer than 512 bytes"),
    ],
)
def test_an_account_that_cannot_be_is_not_added(jid: str, password: str, reason: str) -> None:
    world = World("romeo")
    with pytest.raises(CommandError, match=reason):
        do(world, "account add", jid=jid, password=password)
    assert accounts(world) == ["romeo@localhost"]


def test_a_refused_password_is_neither_told_nor_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError) as refused:
        do(World(), "account add", jid="romeo@localhost", password="hunter2\0")
    assert "hunter2" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_accounts_are_listed_in_order_of_domain_and_name() -> None:
    world = World("romeo", "juliet", sets=TWO_DOMAINS)
    do(world, "account add", jid="nurse@example.org", password="x")
    assert accounts(world) == ["juliet@localhost", "romeo@localhost", "nurse@example.org"]
    assert do(world, "account list", domain="LOCALHOST") == [{"jid": "juliet@localhost"}, {"jid": "romeo@localhost"}]
    assert do(world, "account list", domain="example.org") == [{"jid": "nurse@example.org"}]


@pytest.mark.parametrize("domain", ["nowhere", "romeo@localhost", "a b"])
def test_accounts_of_what_is_no_domain_here_are_not_listed(domain: str) -> None:
    with pytest.raises(CommandError):
        do(World(), "account list", domain=domain)


def test_a_new_password_replaces_the_old_one_and_sessions_go_on() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    assert do(world, "account password", jid="romeo@localhost", password="new") == "romeo@localhost has a new password"
    assert not romeo.wire.closed
    assert "not-authorized" in world.wire().opens().logs_in("romeo", PASSWORD).raw
    assert world.wire().opens().logs_in("romeo", "new").binds().jid is not None


def test_nobody_gets_a_new_password() -> None:
    with pytest.raises(CommandError, match="there is no account romeo@localhost"):
        do(World(), "account password", jid="romeo@localhost", password="new")


def test_a_password_that_none_may_have_does_not_replace_one() -> None:
    world = World("romeo")
    with pytest.raises(CommandError, match="the password is empty"):
        do(world, "account password", jid="romeo@localhost", password="")
    assert world.connect("romeo").jid is not None


def test_a_removed_account_is_gone_when_the_command_answers() -> None:
    world = World("romeo", "juliet")
    assert do(world, "account remove", jid="Romeo@localhost") == "romeo@localhost removed"
    assert accounts(world) == ["juliet@localhost"]


def test_the_sessions_of_a_removed_account_end() -> None:
    world = World("romeo")
    romeo = world.available("romeo")
    do(world, "account remove", jid="romeo@localhost")
    assert stream_error(romeo) == "not-authorized"
    assert do(world, "session list") == []


def test_the_contacts_of_a_removed_account_are_told() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    juliet = world.available("juliet")
    do(world, "account remove", jid="romeo@localhost")
    presences = [(node.get("type"), node.get("from")) for node in juliet.hears() if node.tag == f"{JABBER}presence"]
    assert ("unsubscribe", "romeo@localhost") in presences
    assert ("unsubscribed", "romeo@localhost") in presences


def test_nobody_is_not_removed() -> None:
    with pytest.raises(CommandError, match="there is no account romeo@localhost"):
        do(World(), "account remove", jid="romeo@localhost")


def test_a_storage_that_fails_is_told_of_in_one_line() -> None:
    world = World("romeo")
    world.server.storage.close()
    for name, arguments in (("account list", {}), ("account remove", {"jid": "romeo@localhost"})):
        with pytest.raises(CommandError, match=f"^{name}: storage: closed$"):
            do(world, name, **arguments)


# -- sessions


def test_sessions_are_listed_those_without_an_address_last() -> None:
    world = World("romeo", "juliet")
    stranger = world.wire(secured=False)
    romeo = world.connect("romeo", "orchard")
    world.available("juliet", "balcony", "<presence><priority>-3</priority></presence>")
    settle()
    bound = {"type": "c2s", "peer": "wire", "tls": True}
    assert do(world, "session list") == [
        {"full_jid": "juliet@localhost/balcony", "priority": -3, "available": True, "interested": True, **bound},
        {"full_jid": "romeo@localhost/orchard", "priority": 0, "available": False, "interested": False, **bound},
        {
            "full_jid": None,
            "type": "c2s_unauthed",
            "priority": 0,
            "available": False,
            "interested": False,
            "peer": "wire",
            "tls": False,
        },
    ]
    assert {romeo.session.actor_inbox, stranger.session.actor_inbox} <= world.router.sessions


def test_the_rows_of_a_list_have_the_columns_that_are_declared() -> None:
    world = World("romeo")
    world.connect("romeo")
    for name in ("account list", "session list"):
        assert [tuple(row) for row in do(world, name)] == [COMMANDS[name].columns]


def test_the_sessions_of_one_account_are_listed() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo", "orchard")
    world.connect("juliet", "balcony")
    world.connect("juliet", "chamber")
    listed = [row["full_jid"] for row in do(world, "session list", jid="juliet@localhost")]
    assert listed == ["juliet@localhost/balcony", "juliet@localhost/chamber"]


def test_more_sessions_than_are_asked_at_once_are_all_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "ASKED_AT_ONCE", 2)
    world = World("romeo")
    for number in range(5):
        world.connect("romeo", f"r{number}")
    assert [row["full_jid"] for row in do(world, "session list")] == [f"romeo@localhost/r{n}" for n in range(5)]


class Stuck(Session):
    """Waits for something that does not come until it is let go."""

    let_go: Event

    @told(Show)
    def on_show(self, message: Show) -> dict[str, Any]:
        self.let_go.wait()
        return super().on_show(message)


def test_a_session_that_does_not_answer_is_listed_as_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "ANSWER_SECONDS", 0.05)
    world = World("romeo")
    world.connect("romeo", "orchard")
    stuck = Stuck(world.router, world.wire().wire)
    stuck.let_go = Event()
    rows = do(world, "session list")
    assert sorted((row["type"], row["full_jid"]) for row in rows if row["type"] != "c2s_unauthed") == [
        ("c2s", "romeo@localhost/orchard"),
        ("silent", None),
    ]
    stuck.let_go.set()
    settle()


def test_a_session_that_ends_while_the_list_is_made_is_left_out() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    romeo.wire.cut()
    settle()
    world.router.sessions.add(romeo.session.actor_inbox)
    assert do(world, "session list") == []


def test_a_session_is_shown_field_by_field() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    world.available("romeo", "orchard", "<presence><show>away</show><priority>7</priority></presence>")
    shown = do(world, "session show", full_jid="ROMEO@localhost/orchard")
    presence = shown.pop("presence")
    assert "<show>away</show>" in presence
    assert shown == {
        "conn": {"peer": "wire", "tls": True},
        "notopen": False,
        "type": "c2s",
        "username": "romeo",
        "host": "localhost",
        "resource": "orchard",
        "full_jid": "romeo@localhost/orchard",
        "priority": 7,
        "interested": True,
        "roster": ["juliet@localhost"],
    }


@pytest.mark.parametrize("name", ["session show", "session kick"])
@pytest.mark.parametrize(
    "jid", ["romeo@localhost/balcony", "nurse@localhost/x", "a@nowhere/x", "romeo@localhost", "x/y"]
)
def test_a_session_that_is_none_can_be_neither_shown_nor_ended(name: str, jid: str) -> None:
    world = World("romeo")
    world.connect("romeo", "orchard")
    with pytest.raises(CommandError):
        do(world, name, full_jid=jid)
    assert len(do(world, "session list")) == 1


def test_a_kicked_session_ends_with_policy_violation_and_the_others_go_on() -> None:
    world = World("romeo")
    kicked, other = world.connect("romeo", "orchard"), world.connect("romeo", "chamber")
    assert do(world, "session kick", full_jid="romeo@localhost/orchard") == "romeo@localhost/orchard ended"
    assert stream_error(kicked) == "policy-violation"
    assert kicked.wire.closed
    assert not other.wire.closed
    assert [row["full_jid"] for row in do(world, "session list")] == ["romeo@localhost/chamber"]


def test_an_actor_that_does_not_answer_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("romeo")

    def never(*_: Any, **__: Any) -> None:
        raise pykka.Timeout

    monkeypatch.setattr(pykka.ActorRef, "ask", never)
    with pytest.raises(CommandError, match="<User romeo@localhost> has not answered within 20 seconds"):
        do(world, "session show", full_jid="romeo@localhost/x")


# -- storage


def on_disk(folder: Path, *users: str) -> World:
    return World(*users, sets=(f"data_dir={str(folder / 'data')!r}", 'storage.url=""'))


def test_a_backup_brings_back_what_was_there(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    file = tmp_path / "backup"
    assert do(world, "backup", file=str(file)) == f"{file} made, {file.stat().st_size} bytes"
    do(world, "account remove", jid="romeo@localhost")
    do(world, "account add", jid="tybalt@localhost", password="x")
    assert do(world, "restore", file=str(file)) == f"{file} restored"
    assert accounts(world) == ["romeo@localhost"]
    world.server.stop()


@pytest.mark.parametrize(
    ("command", "file", "reason"),
    [
        ("backup", "{}/nowhere/backup", "backup: storage: cannot write /.*/nowhere/backup: No such file"),
        ("backup", "backup", "'backup' is not a path from the root on"),
        ("backup", "/tmp/\0", "is not a path from the root on"),
        ("restore", "{}/nowhere/backup", "restore: storage: there is no file /.*/nowhere/backup"),
    ],
)
def test_a_file_that_cannot_be_is_told_of(tmp_path: Path, command: str, file: str, reason: str) -> None:
    world = on_disk(tmp_path)
    with pytest.raises(CommandError, match=reason):
        do(world, command, file=file.format(tmp_path))
    world.server.stop()


def test_nothing_is_broken_in_a_sound_storage(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    assert do(world, "storage check") == []
    assert do(world, "storage vacuum") == "vacuumed"
    assert accounts(world) == ["romeo@localhost"]
    world.server.stop()


def test_what_is_broken_in_the_storage_is_listed(tmp_path: Path) -> None:
    world = on_disk(tmp_path, "romeo")
    with closing(sqlite3.connect(tmp_path / "data" / "parley.sqlite", isolation_level=None)) as other:
        other.execute("UPDATE record SET doc = '{' WHERE owner = 'romeo@localhost'")
    (row,) = do(world, "storage check")
    assert row["problem"].startswith("store 'accounts', owner 'romeo@localhost': corrupt document")
    world.server.stop()


# -- the server


def test_the_status_says_what_the_server_is_and_how_much_it_does() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    world.connect("romeo")
    world.clock.time += 90
    status = do(world, "status")
    assert status.pop("memory_bytes") > 1_000_000
    assert status == {
        "version": VERSION,
        "pid": os.getpid(),
        "started": "2027-01-15T08:00:00+00:00",
        "uptime_seconds": 90,
        "domains": ["localhost", "example.org"],
        "listeners": {"c2s": [], "c2s_tls": []},
        "sessions": 1,
        "users_awake": 1,
    }


def test_stop_only_says_that_the_server_is_to_stop() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    do(world, "stop")
    assert world.server.stopping.is_set()
    assert not romeo.wire.closed


def test_the_level_of_the_log_is_changed() -> None:
    try:
        assert do(World(), "log", level="debug") == "what is logged is debug and above"
        assert logging.getLogger("actors.session").isEnabledFor(logging.DEBUG)
    finally:
        for name in logs.OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("level", ["", "INFO", "all"])
def test_a_level_that_there_is_not_is_refused(level: str) -> None:
    with pytest.raises(CommandError, match="is none of debug, info, warning, error"):
        do(World(), "log", level=level)


def test_a_trace_of_a_domain_that_is_not_served_is_refused() -> None:
    with pytest.raises(CommandError, match="is not served here"):
        do(World(), "trace", jid="romeo@example.org")


# -- reports and announcements


def test_the_sessions_at_one_domain_are_listed() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    world.connect("romeo", "orchard")
    world.wire().opens()
    assert [row["full_jid"] for row in do(world, "session list", jid="localhost")] == ["romeo@localhost/orchard"]
    assert do(world, "session list", jid="example.org") == []


def test_an_announcement_reaches_the_domain_and_no_other() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    romeo = world.available("romeo")
    assert do(world, "announce", domain="example.org", text="x") == "told in 0 sessions"
    assert do(world, "announce", domain="localhost", text="a <b>\x00") == "told in 1 sessions"
    assert romeo.hears_one().findtext(f"{JABBER}body") == "a <b>"


def test_reports_are_listed_by_domain_and_removed_one_by_one() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    report = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>So much!</text></report>"
    for jid in ("a@example.org", "b@example.org"):
        world.connect("romeo").asks(
            "set", f"<block xmlns='urn:xmpp:blocking'><item jid='{jid}'>{report}</item></block>"
        )
    rows = do(world, "report list")
    assert [tuple(row) for row in rows] == [("id", "time", "reported", "reporter", "reason", "text", "messages")] * 2
    assert {key: rows[0][key] for key in ("time", "reported", "reporter", "reason", "text")} == {
        "time": "2027-01-15T08:00:00+00:00",
        "reported": "a@example.org",
        "reporter": "romeo@localhost",
        "reason": "urn:xmpp:reporting:spam",
        "text": "So much!",
    }
    assert set(COMMANDS["report list"].columns) == set(rows[0])
    assert do(world, "report list", domain="example.org") == []
    assert do(world, "report remove", id=rows[0]["id"]) == f"{rows[0]['id']} removed"
    assert do(world, "report list", domain="localhost") == rows[1:]
    with pytest.raises(CommandError, match="there is no report"):
        do(world, "report remove", id=rows[0]["id"])
