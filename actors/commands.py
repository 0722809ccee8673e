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

import msgspec
import pykka

from actors import logs
from actors.accounts import AccountExists, NoSuchAccount, PasswordRefused
from actors.actor import Inbox
from actors.mailbox import Disabled, Kick, ListSessions, Remove, Show
from actors.reload import CannotReload
from actors.reports import Reports
from actors.storage import StorageError
from actors.trace import trace as stanzas
from actors.version import VERSION
from net.control import Refused
from net.xmpp.errors import StreamError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.stanza import Stanza
from net.xmpp.xml import escape

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


LEVELS = ("debug", "info", "warning", "error")


class CommandError(Refused):
    """The command cannot do what it was told. The text is one line for people, `condition` one of RFC 6120 §8.3.3."""

    def __init__(self, text: str, condition: str = "not-acceptable") -> None:
        super().__init__(text)
        self.condition = condition


@dataclass(frozen=True)
class Parameter:
    """One thing that a command is told, as text. `read` makes a value of that, or raises ValueError.

    `secret`: not to be shown when it is entered. `file`: a path, which the server has to be told from the root on. One
    that is not `required` and not given is None.
    """

    name: str
    read: Callable[[str], Any]
    help: str
    required: bool = True
    secret: bool = False
    file: bool = False


@dataclass(frozen=True)
class Command:
    """`do(server, **arguments)` returns a value made of what JSON has: a text, an object, or a list of objects.

    `columns` are the keys of each of these objects; empty for a command that returns no list. `needs_server`: it makes
    sense only in one that runs. `ends_server`: it returns at once, and the server ends after that. `lasts`: it may take
    as long as it takes. `goes_on`: it returns a generator of objects, and ends when nobody wants more of them.
    """

    name: str
    do: Callable[..., Any]
    help: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    needs_server: bool
    ends_server: bool
    lasts: bool
    goes_on: bool


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    *parameters: Parameter,
    columns: tuple[str, ...] = (),
    needs_server: bool = True,
    ends_server: bool = False,
    lasts: bool = False,
    goes_on: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares the function below it as the command `name`, with its docstring for help."""

    def declare(do: Callable[..., Any]) -> Callable[..., Any]:
        help = inspect.getdoc(do) or ""
        COMMANDS[name] = Command(name, do, help, parameters, columns, needs_server, ends_server, lasts, goes_on)
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


def traceable_jid(text: str) -> JID:
    """The address of an account or of a bound session. Raises ValueError."""
    return _address(text, lambda jid: bool(jid.local), "an address as in romeo@example.org or romeo@example.org/phone")


def jid_or_domain(text: str) -> JID:
    """The address of an account, or a domain. Raises ValueError."""
    return _address(text, lambda jid: not jid.is_full, "an account's address or a domain")


def domain(text: str) -> JID:
    """A domain. Raises ValueError."""
    return _address(text, lambda jid: jid.is_domain, "a domain, as in example.org")


def absolute(text: str) -> Path:
    """A file, by its path from the root on. Raises ValueError."""
    path = Path(text)
    if not path.is_absolute() or not text.isprintable():
        raise ValueError(f"{text!r} is not a path from the root on")
    return path


def log_level(text: str) -> str:
    """A level of the log. Raises ValueError."""
    if text not in LEVELS:
        raise ValueError(f"{text!r} is none of {', '.join(LEVELS)}")
    return text


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
        raise CommandError(f"{jid} exists already", "conflict") from None
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
        raise CommandError(f"there is no account {jid}", "item-not-found")
    _answer(_user(server, jid), Remove())
    return f"{jid} removed"


@command("account password", ACCOUNT, PASSWORD, needs_server=False)
def account_password(server: Server, jid: JID, password: str) -> str:
    """Give an account another password. Its sessions go on: they have logged in already."""
    try:
        _served(server, jid).accounts.set_password(jid, password)
    except NoSuchAccount:
        raise CommandError(f"there is no account {jid}", "item-not-found") from None
    except PasswordRefused as error:
        raise CommandError(str(error)) from None
    return f"{jid} has a new password"


@command(
    "account disable",
    ACCOUNT,
    Parameter("reason", str, "Why; whoever logs in with the right password is told.", required=False),
    needs_server=False,
)
def account_disable(server: Server, jid: JID, reason: str | None) -> str:
    """Let nobody log in to an account any more, and end its sessions. What is stored of it stays."""
    _disable(server, jid, reason or "")
    return f"{jid} disabled"


@command("account enable", ACCOUNT, needs_server=False)
def account_enable(server: Server, jid: JID) -> str:
    """Let a disabled account log in again."""
    _disable(server, jid, None)
    return f"{jid} enabled"


def _disable(server: Server, jid: JID, reason: str | None) -> None:
    try:
        _served(server, jid).accounts.disable(jid, reason)
    except NoSuchAccount:
        raise CommandError(f"there is no account {jid}", "item-not-found") from None
    _answer(_user(server, jid), Disabled(reason))


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
    Parameter("jid", jid_or_domain, "Only the sessions bound by this account, or at this domain.", required=False),
    columns=("full_jid", "type", "priority", "available", "interested", "peer", "tls"),
)
def session_list(server: Server, jid: JID | None) -> list[dict[str, Any]]:
    """List the sessions, with those that are still logging in.

    One that does not answer is listed as silent.
    """
    of_account = jid is not None and bool(jid.local)
    sessions: Iterable[Inbox] = _sessions(server, jid).values() if jid and of_account else [*server.router.sessions]
    rows = [_row(fields) for fields in _shown(sessions)]
    if jid is not None and not of_account:
        rows = [row for row in rows if row["full_jid"] is not None and row["full_jid"].domain == jid]
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
        raise CommandError(f"there is no session {full_jid}", "item-not-found")
    return f"{full_jid} ended"


@command(
    "announce",
    Parameter("domain", domain, "The domain whose users are told."),
    Parameter("text", str, "What they are told."),
)
def announce(server: Server, domain: JID, text: str) -> str:
    """Tell something to all users of a domain who are online now."""
    message = Stanza("message", type="headline", from_=_served(server, domain).jid, body=_body(text))
    audience = [row["full_jid"] for row in session_list(server, domain) if row["available"]]
    for full_jid in audience:
        server.router.route(message.addressed(full_jid))
    return f"told in {len(audience)} sessions"


def _body(text: str) -> bytes:
    return f"<body>{escape(text)}</body>".encode()


# -- reports


@command(
    "report list",
    Parameter("domain", domain, "Only those that users of this domain have made.", required=False),
    columns=("id", "time", "reporter", "reported", "reason", "text", "messages"),
)
def report_list(server: Server, domain: JID | None) -> list[dict[str, Any]]:
    """List the reports of spam and abuse that users have made, oldest first."""
    domains = server.router.domains if domain is None else [_served(server, domain)]
    return [
        {
            "id": kept.id,
            "time": datetime.fromtimestamp(kept.when, UTC).isoformat(timespec="seconds"),
            "reported": kept.reported,
            **msgspec.to_builtins(kept.report),
        }
        for served in domains
        for kept in Reports(server.storage, served.jid)
    ]


@command("report remove", Parameter("id", str, "The report's id, as it is listed."))
def report_remove(server: Server, id: str) -> str:
    """Forget a report."""
    if not any(Reports(server.storage, served.jid).remove(id) for served in server.router.domains):
        raise CommandError(f"there is no report {id!r}", "item-not-found")
    return f"{id} removed"


# -- storage


@command("storage check", columns=("problem",), needs_server=False, lasts=True)
def storage_check(server: Server) -> list[dict[str, Any]]:
    """Read all that is stored, and list what is broken.

    With nothing listed, it is sound. After a hundred problems no more are looked for.
    """
    return [{"problem": problem} for problem in server.storage.check()]


@command("storage vacuum", needs_server=False, lasts=True)
def storage_vacuum(server: Server) -> str:
    """Give the room of what was deleted back to the disk.

    SQLite stores nothing else meanwhile, and so everybody waits: seconds for each gigabyte.
    """
    server.storage.vacuum()
    return "vacuumed"


@command(
    "backup",
    Parameter("file", absolute, "The file to make, which is not there yet.", file=True),
    needs_server=False,
    lasts=True,
)
def backup(server: Server, file: Path) -> str:
    """Copy all that is stored at this moment to a file.

    The server writes it while it goes on. It is an SQLite database, whatever storage.url says.
    """
    server.storage.backup(file)
    return f"{file} made, {file.stat().st_size} bytes"


@command("restore", Parameter("file", absolute, "The file of a backup.", file=True), needs_server=False, lasts=True)
def restore(server: Server, file: Path) -> str:
    """Put what is in a backup in place of all that is stored.

    No server may run. The backup may be of an earlier version, or of a server with another storage.url.
    """
    if server.running:
        raise CommandError("a server is running: stop it first")
    server.storage.restore(file)
    return f"{file} restored"


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


@command(
    "trace",
    Parameter("jid", traceable_jid, "An account's address, or the full address of one session."),
    columns=("time", "full_jid", "way", "stanza", "left_out"),
    goes_on=True,
)
def trace(server: Server, jid: JID) -> Iterator[dict[str, Any] | None]:
    """Show every stanza of an account's or a session's, in and out, until it is interrupted.

    It shows what people say to each other: use it with their consent.
    """
    _served(server, jid)
    return stanzas(jid, server.router.clock)


@command("reload")
def reload(server: Server) -> str:
    """Read the configuration and the certificates again, and say what has changed.

    Sessions stay, except those of domains that are served no more. If anything is wrong, nothing changes.
    """
    try:
        changed = server.reload()
    except CannotReload as error:
        raise CommandError(" ".join(str(error).split())) from None
    return "\n".join(changed) or "nothing has changed"


@command(
    "log", Parameter("level", log_level, "One of debug, info, warning, error: what is less than that is not logged.")
)
def log(server: Server, level: str) -> str:  # noqa: ARG001 - there is one log
    """Change how much is logged, until the next reload or start."""
    logs.set_level(level)
    return f"what is logged is {level} and above"


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
        raise CommandError(f"there is no session {full_jid}", "item-not-found") from None


def _answer(inbox: Inbox, message: Any) -> Any:
    """What an actor answers. Raises what it raises, and CommandError when it has ended or does not answer."""
    try:
        return inbox.actor.actor_ref.ask(message, timeout=ANSWER_SECONDS)
    except pykka.ActorDeadError:
        raise CommandError(f"{inbox.actor!r} has just ended") from None
    except pykka.Timeout:
        raise CommandError(f"{inbox.actor!r} has not answered within {ANSWER_SECONDS:.0f} seconds") from None
