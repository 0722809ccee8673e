"""Admin commands, as functions: whoever lets people administer a server finds them here.

A command is declared where it is written: its name, its parameters, and whether it needs a server that runs. It is
given a `Server`; one that has not been started will do for those that need none, since that has all the actors and
hears nobody. All of this happens at the edge of the actors: here, and nowhere within, they are asked and waited for.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pykka

from actors.accounts import AccountExists, NoSuchAccount, PasswordRefused
from actors.actor import Inbox
from actors.mailbox import Kick, ListSessions, Remove, Show
from actors.storage import StorageError
from actors.version import VERSION
from net.control import Refused
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID, JIDMalformed

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.server import Server
    from net.listener import Listener

# Seconds that an actor has for its answer; removing an account with a long roster takes a while.
ANSWER_SECONDS = 20.0

# So many Sessions are asked at a time: what each says of itself is much longer than the row that is made of it.
ASKED_AT_ONCE = 500


# A Session that waits for something that does not come (storage, most likely) has to be seen too.
SILENT = {"full_jid": None, "type": "silent", "priority": None, "presence": None, "interested": None, "conn": None}


class CommandError(Refused):
    """The command cannot do what it was told. The text is one line for people."""


@dataclass(frozen=True)
class Parameter:
    """One thing that a command is told, as text. `read` makes a value of that, or raises ValueError.

    `secret`: not to be shown when it is entered. One that is not `required` and not given is None.
    """

    name: str
    read: Callable[[str], Any]
    help: str
    required: bool = True
    secret: bool = False


@dataclass(frozen=True)
class Command:
    """`do(server, **arguments)` returns a value made of what JSON has: a text, an object, or a list of objects.

    `columns` are the keys of each of these objects; empty for a command that returns no list. `needs_server`: it makes
    sense only in one that runs. `ends_server`: it returns at once, and the server ends after that.
    """

    name: str
    do: Callable[..., Any]
    help: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    needs_server: bool
    ends_server: bool


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    *parameters: Parameter,
    columns: tuple[str, ...] = (),
    needs_server: bool = True,
    ends_server: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares the function below it as the command `name`, with its docstring for help."""

    def declare(do: Callable[..., Any]) -> Callable[..., Any]:
        COMMANDS[name] = Command(name, do, inspect.getdoc(do) or "", parameters, columns, needs_server, ends_server)
        return do

    return declare


def run(server: Server, request: Mapping[str, Any]) -> Any:
    """Carries out {"command": name, "arguments": {name: text}} and returns the command's result.

    Raises CommandError, also for a request that is none.
    """
    name, given = request.get("command"), request.get("arguments", {})
    found = COMMANDS.get(name) if isinstance(name, str) else None
    if found is None:
        raise CommandError(f"there is no command {name!r}")
    if not isinstance(given, dict):
        raise CommandError("the arguments of a command are an object")
    try:
        return found.do(server, **dict(_arguments(found, given)))
    except StorageError as error:
        raise CommandError(f"{name}: {error}") from error


def _arguments(command: Command, given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if unknown := given.keys() - {parameter.name for parameter in command.parameters}:
        raise CommandError(f"{command.name} has no parameter {min(unknown)!r}")
    for parameter in command.parameters:
        text = given.get(parameter.name)
        if text is None and parameter.required:
            raise CommandError(f"{command.name} needs {parameter.name}")
        if not isinstance(text, str | None):
            raise CommandError(f"{parameter.name} of {command.name} is a text")
        try:
            yield parameter.name, None if text is None else parameter.read(text)
        except ValueError as error:
            raise CommandError(str(error)) from None


# -- parameters


def _address(text: str, fits: Callable[[JID], bool], kind: str) -> JID:
    try:
        jid = JID.parse(text)
    except JIDMalformed as error:
        raise ValueError(f"{text!r} is not {kind}: {error}") from None
    if not fits(jid):
        raise ValueError(f"{text!r} is not {kind}")
    return jid


def bare_jid(text: str) -> JID:
    """The address of an account. Raises ValueError."""
    return _address(text, lambda jid: jid.is_bare, "an account's address, as in romeo@example.org")


def full_jid(text: str) -> JID:
    """The address of a bound session. Raises ValueError."""
    return _address(text, lambda jid: jid.is_full and bool(jid.local), "a full address, as in romeo@example.org/phone")


def domain(text: str) -> JID:
    """A domain. Raises ValueError."""
    return _address(text, lambda jid: jid.is_domain, "a domain, as in example.org")


ACCOUNT = Parameter("jid", bare_jid, "The account's address, as in romeo@example.org.")
PASSWORD = Parameter("password", str, "The password.", secret=True)
SESSION = Parameter("full_jid", full_jid, "The session's full address, as in romeo@example.org/phone.")


# -- accounts


@command("account add", ACCOUNT, PASSWORD, needs_server=False)
def account_add(server: Server, jid: JID, password: str) -> str:
    """Add an account, which can log in from now on."""
    try:
        _served(server, jid).accounts.create(jid, password, server.router.clock.now())
    except AccountExists:
        raise CommandError(f"{jid} exists already") from None
    except PasswordRefused as error:
        raise CommandError(str(error)) from None
    return f"{jid} added"


@command("account remove", ACCOUNT, needs_server=False)
def account_remove(server: Server, jid: JID) -> str:
    """Remove an account with everything that is stored of it.

    Its sessions end, and its contacts are told that their subscriptions have. Without a server that runs, only contacts
    at the domains served here can be told.
    """
    if not _served(server, jid).accounts.exists(jid):
        raise CommandError(f"there is no account {jid}")
    _answer(_user(server, jid), Remove())
    return f"{jid} removed"


@command("account password", ACCOUNT, PASSWORD, needs_server=False)
def account_password(server: Server, jid: JID, password: str) -> str:
    """Give an account another password. Its sessions go on: they have logged in already."""
    try:
        _served(server, jid).accounts.set_password(jid, password)
    except NoSuchAccount:
        raise CommandError(f"there is no account {jid}") from None
    except PasswordRefused as error:
        raise CommandError(str(error)) from None
    return f"{jid} has a new password"


@command(
    "account list",
    Parameter("domain", domain, "Only the accounts of this domain.", required=False),
    columns=("jid",),
    needs_server=False,
)
def account_list(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """List the accounts."""
    domains = server.router.domains if domain is None else [_served(server, domain)]
    return [{"jid": jid} for served in domains for jid in served.accounts]


# -- sessions


@command(
    "session list",
    Parameter("jid", bare_jid, "Only the sessions bound by this account.", required=False),
    columns=("full_jid", "type", "priority", "available", "interested", "peer", "tls"),
)
def session_list(server: Server, jid: JID | None) -> list[dict[str, Any]]:
    """List the sessions, with those that are still logging in.

    One that does not answer is listed as silent.
    """
    sessions: Iterable[Inbox] = [*server.router.sessions] if jid is None else _sessions(server, jid).values()
    rows = [_row(fields) for fields in _shown(sessions)]
    return sorted(rows, key=lambda row: (row["full_jid"] is None, row["full_jid"] or "", row["peer"] or ""))


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    conn = fields["conn"] or {"peer": None, "tls": None}
    return {
        "full_jid": fields["full_jid"],
        "type": fields["type"],
        "priority": fields["priority"],
        "available": fields["presence"] is not None,
        "interested": fields["interested"],
        "peer": conn["peer"],
        "tls": conn["tls"],
    }


def _shown(sessions: Iterable[Inbox]) -> Iterator[dict[str, Any]]:
    """What the Sessions say of themselves, those that end meanwhile left out; `SILENT` for one that does not answer."""
    deadline = time.monotonic() + ANSWER_SECONDS
    waiting = iter(sessions)
    while some := [session.actor.actor_ref.ask(Show(), block=False) for session in islice(waiting, ASKED_AT_ONCE)]:
        for answer in some:
            try:
                yield answer.get(timeout=max(0.0, deadline - time.monotonic()))
            except pykka.ActorDeadError:
                continue
            except pykka.Timeout:
                yield SILENT


@command("session show", SESSION)
def session_show(server: Server, full_jid: JID) -> dict[str, Any]:
    """Show the fields of one session."""
    fields: dict[str, Any] = _answer(_session(server, full_jid), Show())
    return fields


@command("session kick", SESSION)
def session_kick(server: Server, full_jid: JID) -> str:
    """End one session. Its client is told policy-violation."""
    # RFC 6120 §4.9.3.14, so that the client stays away. It takes "reset" (§4.9.3.16) for a request to connect again.
    error = StreamError("policy-violation", "ended by an administrator")
    if not _answer(_user(server, full_jid), Kick(full_jid.resource, error)):
        raise CommandError(f"there is no session {full_jid}")
    return f"{full_jid} ended"


# -- the server


@command("status")
def status(server: Server) -> dict[str, Any]:
    """Show how the server is."""
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "started": datetime.fromtimestamp(server.started, UTC).isoformat(timespec="seconds"),
        "uptime_seconds": int(server.router.clock.now() - server.started),
        "memory_bytes": _memory(),
        "domains": [served.name for served in server.router.domains],
        "listeners": {name: [_place(each) for each in listening] for name, listening in server.listeners.items()},
        "sessions": len(server.router.sessions),
        "users_awake": server.router.awake,
    }


@command("stop", ends_server=True)
def stop(server: Server) -> str:
    """Stop the server.

    It does what it does on SIGTERM: says goodbye to its clients, and stores what is left to store.
    """
    server.stopping.set()
    return "stopped"


def _place(listener: Listener) -> str:
    return f"[{listener.host}]:{listener.port}" if ":" in listener.host else f"{listener.host}:{listener.port}"


def _memory() -> int:
    """What the process holds in memory (its resident set), in bytes."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


# -- whom to ask


def _served(server: Server, jid: JID) -> Domain:
    domain = server.router.domain(jid.domain)
    if domain is None:
        names = ", ".join(served.name for served in server.router.domains)
        raise CommandError(f"{jid.domain} is not served here; served: {names}")
    return domain


def _user(server: Server, jid: JID) -> Inbox:
    _served(server, jid)
    return server.router.user(jid.bare)


def _sessions(server: Server, jid: JID) -> dict[str, Inbox]:
    sessions: dict[str, Inbox] = _answer(_user(server, jid), ListSessions())
    return sessions


def _session(server: Server, full_jid: JID) -> Inbox:
    try:
        return _sessions(server, full_jid)[full_jid.resource]
    except KeyError:
        raise CommandError(f"there is no session {full_jid}") from None


def _answer(inbox: Inbox, message: Any) -> Any:
    """What an actor answers. Raises what it raises, and CommandError when it has ended or does not answer."""
    try:
        return inbox.actor.actor_ref.ask(message, timeout=ANSWER_SECONDS)
    except pykka.ActorDeadError:
        raise CommandError(f"{inbox.actor!r} has just ended") from None
    except pykka.Timeout:
        raise CommandError(f"{inbox.actor!r} has not answered within {ANSWER_SECONDS:.0f} seconds") from None
