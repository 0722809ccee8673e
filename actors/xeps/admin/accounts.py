"""Accounts (§4.1 to §4.9, §4.13, §4.18): who there is, and what they have."""

from __future__ import annotations

from datetime import datetime

from actors.adhoc import Outcome
from actors.host import Domain
from actors.roster import query
from actors.xeps.admin.command import ACCOUNTS, ADMIN, AdminCommand, Desk, told
from net.xmpp import forms
from net.xmpp.forms import Field, Option, Submission
from net.xmpp.stamps import stamp
from net.xmpp.xml import parse

MOST = Field(
    "max_items",
    "list-single",
    "How many to show at most",
    values=("100",),
    options=tuple(Option(str(count)) for count in (25, 50, 75, 100, 150, 200, 500, 1000)),
)


def commands(domain: Domain) -> list[AdminCommand]:
    """Those about accounts."""
    desk = Desk(domain)

    def rosters(entered: Submission) -> Outcome:
        """§4.8. Of several accounts there are as many rosters, in the same order."""
        jids = entered.jids(ACCOUNTS.var)
        desk.check_ours(jids)
        for jid in jids:
            desk.run("account show", jid=jid)  # there has to be one
        answer = forms.result(ADMIN, [ACCOUNTS._replace(values=jids, required=False)])
        for jid in jids:
            listed = domain.rosters.load(jid).listed
            answer.append(parse(query(item.xml(contact) for contact, item in listed.items())))
        return Outcome(answer)

    def last_logins(entered: Submission) -> Outcome:
        """§4.9: when they were last there, in the order of the accounts; now, for those who are."""
        jids = entered.jids(ACCOUNTS.var)
        desk.check_ours(jids)
        seen = [desk.run("account show", jid=jid)["last_seen"] for jid in jids]
        times = tuple(stamp(datetime.fromisoformat(each).timestamp()) if each else "never" for each in seen)
        return told(
            ACCOUNTS._replace(values=jids, required=False), Field("lastlogin", "text-multi", "Last there", times)
        )

    def count(_entered: Submission) -> Outcome:
        """§4.13."""
        return told(Field("registeredusersnum", label="Users", values=(str(domain.accounts.count()),)))

    def listed(entered: Submission) -> Outcome:
        """§4.18."""
        jids = [row["jid"] for row in desk.run("account list", domain=domain.name)]
        return told(Field("registereduserjids", "jid-multi", "Users", first(jids, entered)))

    return [
        desk.declared("add-user", "Add a user", "account add"),
        desk.declared("delete-user", "Delete users", "account remove", many=True),
        desk.declared("disable-user", "Disable users", "account disable", many=True),
        desk.declared("reenable-user", "Re-enable users", "account enable", many=True),
        desk.declared("change-user-password", "Change a user's password", "account password"),
        desk.made("get-user-roster", "Show the contacts of users", [ACCOUNTS], rosters),
        desk.made("get-user-lastlogin", "Show when users were last there", [ACCOUNTS], last_logins),
        desk.made("get-registered-users-num", "Count users", [], count),
        desk.made("get-registered-users-list", "List users", [MOST], listed),
    ]


def first(jids: list[str], entered: Submission) -> tuple[str, ...]:
    """As many as are wanted."""
    (proposed,) = MOST.values
    return tuple(jids[: int(entered.text(MOST.var) or proposed)])
