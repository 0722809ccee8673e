"""What an admin's command is: one form or none, made of what `actors.commands` declares where that will do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.adhoc import Outcome, Stage
from actors.commands import COMMANDS, CommandError, Parameter, bare_jid
from actors.host import Domain
from net.xmpp import forms
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Form, Submission
from net.xmpp.jid import JID

log = logging.getLogger(__name__)

ADMIN = "http://jabber.org/protocol/admin"

NOTHING = Submission({})

# §3: an account, or several, by the names that the XEP has for them.
ACCOUNT = Field("accountjid", "jid-single", "The account's address", required=True)
ACCOUNTS = Field("accountjids", "jid-multi", "The addresses of one or more accounts", required=True)

VERIFY = "-verify"


@dataclass(frozen=True)
class AdminCommand:
    """One command, with one form or none: `fields` are what it asks for now, `carry_out` is given what was entered."""

    domain: Domain
    node: str
    name: str
    fields: Callable[[], Sequence[Field]]
    carry_out: Callable[[Submission], Outcome]

    def allows(self, asker: JID) -> bool:
        """§6: nobody but the admins of the domain."""
        return self.domain.is_admin(asker)

    def stage(self, asker: JID, given: Sequence[Submission]) -> Stage | None:
        """The form, once."""
        fields = self.fields()
        if given or not fields:
            return None
        return Stage(Form(ADMIN, self.name, "Fill in this form.", tuple(fields)))

    def do(self, asker: JID, given: Sequence[Submission]) -> Outcome:
        """Carries it out, and leaves a line in the log."""
        entered = given[0] if given else NOTHING
        log.info("%s", " ".join((self.name, *entered.texts(ACCOUNT.var), *entered.texts(ACCOUNTS.var))))
        try:
            return self.carry_out(entered)
        except CommandError as error:
            raise StanzaError(error.condition, str(error), echo=False) from None


class Desk:
    """Makes the commands of one domain, and carries out for them what `actors.commands` has."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    def run(self, command: str, **arguments: str | None) -> Any:
        """Raises CommandError."""
        return self.domain.administer({"command": command, "arguments": arguments})

    def made(
        self, node: str, name: str, fields: Sequence[Field], carry_out: Callable[[Submission], Outcome]
    ) -> AdminCommand:
        """A command whose form is always the same."""
        return self.asking(node, name, lambda: fields, carry_out)

    def asking(
        self, node: str, name: str, fields: Callable[[], Sequence[Field]], carry_out: Callable[[Submission], Outcome]
    ) -> AdminCommand:
        """A command whose form proposes what there is now."""
        return AdminCommand(self.domain, f"{ADMIN}#{node}", name, fields, carry_out)

    def declared(self, node: str, name: str, command: str, *, many: bool = False) -> AdminCommand:
        """A command as `actors.commands` declares it: its parameters are the form. `many`: for one account each."""
        parameters = COMMANDS[command].parameters
        fields = [field for parameter in parameters for field in _fields(parameter, many=many)]

        def carry_out(entered: Submission) -> Outcome:
            _check_repeated(entered)
            others = {p.name: entered.text(p.name) or None for p in parameters if p.read is not bare_jid}
            jids = entered.jids((ACCOUNTS if many else ACCOUNT).var)
            return self.for_each(jids, lambda jid: self.run(command, jid=jid, **others))

        return self.made(node, name, fields, carry_out)

    def for_each(self, jids: Sequence[JID], do: Callable[[JID], str]) -> Outcome:
        """What came of each. If it is only one, its error is the answer; of several, some may succeed."""
        self.check_ours(jids)
        if len(jids) == 1:
            return Outcome(notes=[do(jids[0])])
        notes, failures = [], []
        for jid in jids:
            try:
                notes.append(do(jid))
            except CommandError as error:
                failures.append(str(error))
        return Outcome(None, notes, failures)

    def check_ours(self, jids: Sequence[JID]) -> None:
        """Raises StanzaError not-allowed for an address that is no account's at this domain."""
        for jid in jids:
            if jid.domain != self.domain.name or not jid.local:
                raise StanzaError("not-allowed", f"{jid} is nobody at {self.domain.name}", echo=False)


def told(*fields: Field) -> Outcome:
    """What a command has found out."""
    return Outcome(forms.result(ADMIN, fields))


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
