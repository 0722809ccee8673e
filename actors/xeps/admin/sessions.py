"""Sessions (§4.5, §4.10, §4.15, §4.20): who is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.adhoc import Outcome
from actors.host import Domain
from actors.xeps.admin.accounts import MOST, first
from actors.xeps.admin.command import ACCOUNT, AdminCommand, Desk, told
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Submission
from net.xmpp.jid import JID

SESSIONS = Field("accountjids", "jid-multi", "Addresses of accounts, or full addresses of sessions", required=True)


def commands(domain: Domain) -> list[AdminCommand]:
    """Those about sessions."""
    desk = Desk(domain)

    def end_all(entered: Submission) -> Outcome:
        """§4.5: all sessions of an account, or the one."""
        return desk.for_each(entered.jids(SESSIONS.var), end)

    def end(jid: JID) -> str:
        ended = [jid] if jid.resource else [row["full_jid"] for row in desk.run("session list", jid=jid)]
        for full_jid in ended:
            desk.run("session kick", full_jid=full_jid)
        return f"{jid}: {len(ended)} ended"

    def statistics(entered: Submission) -> Outcome:
        """§4.10."""
        (jid,) = entered.jids(ACCOUNT.var)
        desk.check_ours([jid])
        if not domain.accounts.exists(jid):
            raise StanzaError("item-not-found", f"there is no account {jid}")
        sessions: list[Mapping[str, Any]] = desk.run("session list", jid=jid)
        addresses = {row["peer"].rpartition(":")[0] or row["peer"] for row in sessions if row["peer"]}
        return told(
            Field("ipaddresses", "text-multi", "Where they are connected from", tuple(sorted(addresses))),
            Field("rostersize", "text-single", "Contacts", (str(len(domain.rosters.load(jid).listed)),)),
            Field("onlineresources", "text-multi", "Resources", tuple(row["full_jid"].resource for row in sessions)),
        )

    def count(_entered: Submission) -> Outcome:
        """§4.15."""
        return told(Field("onlineusersnum", label="Users who are online", values=(str(len(online())),)))

    def listed(entered: Submission) -> Outcome:
        """§4.20."""
        return told(Field("onlineuserjids", "jid-multi", "Users who are online", first(online(), entered)))

    def online() -> list[str]:
        """§4.15: whoever has a connected resource."""
        sessions = desk.run("session list", jid=domain.name)
        return list(dict.fromkeys(row["full_jid"].bare for row in sessions))

    return [
        desk.made("end-user-session", "End sessions", [SESSIONS], end_all),
        desk.made("user-stats", "Show what a user does", [ACCOUNT], statistics),
        desk.made("get-online-users-num", "Count users who are online", [], count),
        desk.made("get-online-users-list", "List users who are online", [MOST], listed),
    ]
