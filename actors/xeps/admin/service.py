"""The service as a whole (§4.31). It cannot restart itself (§4.30): that is for whoever has started it."""

from __future__ import annotations

from dataclasses import dataclass

from actors.adhoc import Outcome
from actors.host import Domain
from actors.xeps.admin.command import ADMIN, AdminCommand, Desk
from net.xmpp.forms import Field, Option, Submission
from net.xmpp.jid import JID

DELAY = Field(
    "delay",
    "list-single",
    "When",
    values=("60",),
    options=tuple(
        Option(str(seconds), label)
        for seconds, label in (
            (30, "in 30 seconds"),
            (60, "in 60 seconds"),
            (90, "in 90 seconds"),
            (120, "in 2 minutes"),
            (180, "in 3 minutes"),
            (240, "in 4 minutes"),
            (300, "in 5 minutes"),
        )
    ),
)
ANNOUNCEMENT = Field("announcement", "text-multi", "What all who are online are told before")


@dataclass(frozen=True)
class ServiceCommand(AdminCommand):
    """One that is about every domain that is served here."""

    def allows(self, asker: JID) -> bool:
        """Whoever administers all of them."""
        return all(domain.is_admin(asker) for domain in self.domain.router.domains)


def commands(domain: Domain) -> list[AdminCommand]:
    """The one there is."""
    desk = Desk(domain)

    def shut_down(entered: Submission) -> Outcome:
        (proposed,) = DELAY.values
        delay = int(entered.text(DELAY.var) or proposed)
        announcement = "\n".join(entered.texts(ANNOUNCEMENT.var))
        if announcement.strip():
            for each in domain.router.domains:
                desk.run("announce", domain=each.name, text=announcement)
        domain.clock.after(delay, lambda: desk.run("stop"))
        return Outcome(notes=[f"the server stops in {delay} seconds"])

    return [
        ServiceCommand(domain, f"{ADMIN}#shutdown", "Shut the server down", lambda: [DELAY, ANNOUNCEMENT], shut_down)
    ]
