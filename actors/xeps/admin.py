"""XEP-0133: Service Administration. The commands of `actors.commands` that concern one domain, for its admins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.adhoc import Outcome, Stage
from actors.commands import COMMANDS, CommandError, Parameter, bare_jid
from actors.hooks import XEP, Feature, commands
from actors.host import Domain
from net.xmpp import forms
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Form, Option, Submission
from net.xmpp.jid import JID

log = logging.getLogger(__name__)

ADMIN = "http://jabber.org/protocol/admin"

NOTHING = Submission({})

# §3: an account, or several, by the names that the XEP has for them.
ACCOUNT = Field("accountjid", "jid-single", "The account's address", required=True)
ACCOUNTS = Field("accountjids", "jid-multi", "The addresses of one or more accounts", required=True)
SESSIONS = Field("accountjids", "jid-multi", "Addresses of accounts, or full addresses of sessions", required=True)
ANNOUNCEMENT = Field("announcement", "text-multi", "What they are told", required=True)
MOST = Field(
    "max_items",
    "list-single",
    "How many to show at most",
    values=("100",),
    options=tuple(Option(str(count)) for count in (25, 50, 75, 100, 150, 200, 500, 1000)),
)

VERIFY = "-verify"


@dataclass(frozen=True)
class AdminCommand:
    """One command, with one form or none. `carry_out` is given what was entered."""

    domain: Domain
    node: str
    name: str
    fields: Sequence[Field]
    carry_out: Callable[[Submission], Outcome]

    def allows(self, asker: JID) -> bool:
        """§6: nobody but the admins of the domain."""
        return self.domain.is_admin(asker)

    def stage(self, asker: JID, given: Sequence[Submission]) -> Stage | None:
        """The form, once."""
        if given or not self.fields:
            return None
        return Stage(Form(ADMIN, self.name, "Fill in this form.", tuple(self.fields)))

    def do(self, asker: JID, given: Sequence[Submission]) -> Outcome:
        """Carries it out, and leaves a line in the log."""
        entered = given[0] if given else NOTHING
        log.info("%s", " ".join((self.name, *entered.texts(ACCOUNT.var), *entered.texts(ACCOUNTS.var))))
        try:
            return self.carry_out(entered)
        except CommandError as error:
            raise StanzaError(error.condition, str(error), echo=False) from None


class Admin(Feature):
    """Lets the admins of a domain administer it from their clients."""

    implements = (XEP(133, "1.3.1", "Service Administration"),)
    requires = ("adhoc",)

    @commands
    def all(self) -> list[AdminCommand]:
        """Those of §4 that there is something behind."""
        return [
            self._declared("add-user", "Add a user", "account add"),
            self._declared("delete-user", "Delete users", "account remove", many=True),
            self._declared("disable-user", "Disable users", "account disable", many=True),
            self._declared("reenable-user", "Re-enable users", "account enable", many=True),
            self._declared("change-user-password", "Change a user's password", "account password"),
            self._made("end-user-session", "End sessions", [SESSIONS], self._end_sessions),
            self._made("user-stats", "Show what a user does", [ACCOUNT], self._statistics),
            self._made("get-registered-users-num", "Count users", [], self._count_registered),
            self._made("get-online-users-num", "Count users who are online", [], self._count_online),
            self._made("get-registered-users-list", "List users", [MOST], self._list_registered),
            self._made("get-online-users-list", "List users who are online", [MOST], self._list_online),
            self._made("announce", "Tell something to all who are online", [ANNOUNCEMENT], self._announce),
        ]

    def _made(
        self, node: str, name: str, fields: Sequence[Field], carry_out: Callable[[Submission], Outcome]
    ) -> AdminCommand:
        return AdminCommand(self.domain, f"{ADMIN}#{node}", name, fields, carry_out)

    def _declared(self, node: str, name: str, command: str, *, many: bool = False) -> AdminCommand:
        """A command as `actors.commands` declares it: its parameters are the form. `many`: for one account each."""
        parameters = COMMANDS[command].parameters
        fields = [field for parameter in parameters for field in _fields(parameter, many=many)]

        def carry_out(entered: Submission) -> Outcome:
            _check_repeated(entered)
            others = {p.name: entered.text(p.name) or None for p in parameters if p.read is not bare_jid}
            jids = entered.jids((ACCOUNTS if many else ACCOUNT).var)
            return self._for_each(jids, lambda jid: self._run(command, jid=jid, **others))

        return self._made(node, name, fields, carry_out)

    def _for_each(self, jids: Sequence[JID], do: Callable[[JID], str]) -> Outcome:
        """What came of each. If it is only one, its error is the answer; of several, some may succeed."""
        for jid in jids:
            self._check_ours(jid)
        if len(jids) == 1:
            return Outcome(notes=[do(jids[0])])
        notes, failures = [], []
        for jid in jids:
            try:
                notes.append(do(jid))
            except CommandError as error:
                failures.append(str(error))
        return Outcome(None, notes, failures)

    def _check_ours(self, jid: JID) -> None:
        if jid.domain != self.domain.name or not jid.local:
            raise StanzaError("not-allowed", f"{jid} is nobody at {self.domain.name}", echo=False)

    def _run(self, command: str, **arguments: str | None) -> Any:
        return self.domain.administer({"command": command, "arguments": arguments})

    # -- what the XEP wants in another form

    def _end_sessions(self, entered: Submission) -> Outcome:
        """§4.5: all sessions of an account, or the one."""
        return self._for_each(entered.jids(SESSIONS.var), self._end)

    def _end(self, jid: JID) -> str:
        ended = [jid] if jid.resource else [row["full_jid"] for row in self._run("session list", jid=jid)]
        for full_jid in ended:
            self._run("session kick", full_jid=full_jid)
        return f"{jid}: {len(ended)} ended"

    def _statistics(self, entered: Submission) -> Outcome:
        """§4.10."""
        (jid,) = entered.jids(ACCOUNT.var)
        self._check_ours(jid)
        if not self.domain.accounts.exists(jid):
            raise StanzaError("item-not-found", f"there is no account {jid}")
        sessions: list[Mapping[str, Any]] = self._run("session list", jid=jid)
        addresses = {row["peer"].rpartition(":")[0] or row["peer"] for row in sessions if row["peer"]}
        return _told(
            Field("ipaddresses", "text-multi", "Where they are connected from", tuple(sorted(addresses))),
            Field("rostersize", "text-single", "Contacts", (str(len(self.domain.rosters.load(jid).listed)),)),
            Field("onlineresources", "text-multi", "Resources", tuple(row["full_jid"].resource for row in sessions)),
        )

    def _count_registered(self, entered: Submission) -> Outcome:
        """§4.13."""
        return _told(Field("registeredusersnum", label="Users", values=(str(self.domain.accounts.count()),)))

    def _count_online(self, entered: Submission) -> Outcome:
        """§4.15."""
        return _told(Field("onlineusersnum", label="Users who are online", values=(str(len(self._online())),)))

    def _list_registered(self, entered: Submission) -> Outcome:
        """§4.18."""
        return _told(Field("registereduserjids", "jid-multi", "Users", _first(self._registered(), entered)))

    def _list_online(self, entered: Submission) -> Outcome:
        """§4.20."""
        return _told(Field("onlineuserjids", "jid-multi", "Users who are online", _first(self._online(), entered)))

    def _registered(self) -> Sequence[str]:
        return [row["jid"] for row in self._run("account list", domain=self.domain.name)]

    def _online(self) -> Sequence[str]:
        """§4.15: whoever has a connected resource."""
        sessions = self._run("session list", jid=self.domain.name)
        return list(dict.fromkeys(row["full_jid"].bare for row in sessions))

    def _announce(self, entered: Submission) -> Outcome:
        """§4.23."""
        text = "\n".join(entered.texts(ANNOUNCEMENT.var))
        return Outcome(notes=[self._run("announce", domain=self.domain.name, text=text)])


def _fields(parameter: Parameter, *, many: bool) -> list[Field]:
    """What asks for a parameter of a command; a secret is asked for twice."""
    if parameter.read is bare_jid:
        return [ACCOUNTS if many else ACCOUNT]
    if not parameter.secret:
        return [Field(parameter.name, label=parameter.help, required=parameter.required)]
    secret = Field(parameter.name, "text-private", parameter.help, required=parameter.required)
    return [secret, Field(parameter.name + VERIFY, "text-private", "The same once more.")]


def _check_repeated(entered: Submission) -> None:
    if "password" + VERIFY in entered and entered.text("password" + VERIFY) != entered.text("password"):
        raise CommandError("the passwords differ")


def _first(jids: Sequence[str], entered: Submission) -> tuple[str, ...]:
    (proposed,) = MOST.values
    return tuple(jids[: int(entered.text(MOST.var) or proposed)])


def _told(*fields: Field) -> Outcome:
    return Outcome(forms.result(ADMIN, fields))
