"""XEP-0133: Service Administration. The message of the day and the welcome (§4.24 to §4.28), as users get them."""

from __future__ import annotations

import logging

from actors.hooks import XEP, Feature, inbound, receptive
from actors.notices import Told, headline
from actors.resource import Resource
from actors.storage import StorageError
from actors.user import User
from net.xmpp.stanza import Stanza

log = logging.getLogger(__name__)


class Notices(Feature):
    """Tells users what those who run the server have to say, when they come. See `actors/commands/notices.py`."""

    implements = (XEP(133, "1.3.1", "Service Administration"),)

    @receptive
    def tell(self, user: User, resource: Resource) -> None:
        """Once to each user. Remembered when it is in the Session's mailbox: better twice than never."""
        notices = self.domain.notices
        if not notices:
            return
        try:
            before = notices.told(user.jid)
            told = self._tell(user, resource, before)
            if told != before:
                notices.note(user.jid, told)
        except StorageError as error:
            log.error("%r: notices: %s", user, error)

    def _tell(self, user: User, resource: Resource, told: Told) -> Told:
        welcome, motd = self.domain.notices.get("welcome"), self.domain.notices.get("motd")
        texts = []
        if welcome is not None and not told.welcome:
            # Who was there before it is not new.
            account = self.domain.accounts.find(user.jid)
            told = Told(told.motd, welcome=True)
            if account is not None and account.created >= welcome.since:
                texts.append(welcome.text)
        if motd is not None and told.motd != motd.id:
            told = Told(motd.id, told.welcome)
            texts.append(motd.text)
        for text in texts:
            user.deliver(resource, headline(self.domain.jid, text).addressed(user.full_jid(resource)))
        return told

    @inbound("message")
    def note(self, user: User, stanza: Stanza) -> Stanza:
        """Who is there when the message of the day is set has been told it."""
        if stanza.type == "headline" and stanza.from_ == self.domain.jid:
            motd = self.domain.notices.get("motd")
            if motd is not None and stanza.id == motd.id and any(each.receptive for each in user.resources.values()):
                told = self.domain.notices.told(user.jid)
                self.domain.notices.note(user.jid, Told(motd.id, told.welcome))
        return stanza
