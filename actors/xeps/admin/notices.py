"""What users are told (§4.23 to §4.28)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.adhoc import Outcome
from actors.host import Domain
from actors.notices import Kind
from actors.xeps.admin.command import AdminCommand, Desk
from net.xmpp.forms import Field, Submission

ANNOUNCEMENT = Field("announcement", "text-multi", "What they are told", required=True)
MOTD = Field("motd", "text-multi", "The message of the day", required=True)
WELCOME = Field("welcome", "text-multi", "What they are told", required=True)


def commands(domain: Domain) -> list[AdminCommand]:
    """Those about announcements, the message of the day and the welcome."""
    desk = Desk(domain)

    def telling(command: str, field: Field) -> Callable[[Submission], Outcome]:
        """Carries out a command with the text that was entered."""
        return lambda entered: Outcome(
            notes=[desk.run(command, domain=domain.name, text="\n".join(entered.texts(field.var)))]
        )

    def deleting(command: str) -> Callable[[Submission], Outcome]:
        return lambda entered: Outcome(notes=[desk.run(command, domain=domain.name)])

    def standing(kind: Kind, field: Field) -> Callable[[], Sequence[Field]]:
        """§4.25, §4.27: the form has the text that there is."""

        def fields() -> Sequence[Field]:
            notice = domain.notices.get(kind)
            return [field if notice is None else field._replace(values=tuple(notice.text.split("\n")))]

        return fields

    edit, welcome = standing("motd", MOTD), standing("welcome", WELCOME)
    return [
        desk.made(
            "announce", "Tell something to all who are online", [ANNOUNCEMENT], telling("announce", ANNOUNCEMENT)
        ),
        desk.made("set-motd", "Set the message of the day", [MOTD], telling("motd set", MOTD)),
        desk.asking("edit-motd", "Correct the message of the day", edit, telling("motd edit", MOTD)),
        desk.made("delete-motd", "Delete the message of the day", [], deleting("motd delete")),
        desk.asking("set-welcome", "Set what new users are told", welcome, telling("welcome set", WELCOME)),
        desk.made("delete-welcome", "Welcome new users no more", [], deleting("welcome delete")),
    ]
