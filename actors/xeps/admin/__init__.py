"""XEP-0133: Service Administration. The commands of `actors.commands` that concern one domain, for its admins."""

from __future__ import annotations

from actors.hooks import XEP, Feature, commands
from actors.xeps.admin import accounts, notices, service, sessions
from actors.xeps.admin.command import AdminCommand


class Admin(Feature):
    """Lets the admins of a domain administer it from their clients."""

    implements = (XEP(133, "1.3.1", "Service Administration"),)
    requires = ("adhoc",)

    @commands
    def all(self) -> list[AdminCommand]:
        """Those of §4 that there is something behind."""
        return [command for room in (accounts, sessions, notices, service) for command in room.commands(self.domain)]
