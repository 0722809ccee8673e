"""XEP-0480: SASL Upgrade Tasks."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from actors.hooks import XEP, Feature, Task, offered_tasks, tasks
from actors.sasl2 import decode
from net.xmpp import sasl
from net.xmpp.jid import JID
from net.xmpp.sasl import SALT_SIZE, Hash
from net.xmpp.xml import Element, element

if TYPE_CHECKING:
    from actors.sasl2 import Request

UPGRADE = "{urn:xmpp:sasl:upgrade:0}upgrade"
SALT = "{urn:xmpp:scram-upgrade:0}salt"
HASH = "{urn:xmpp:scram-upgrade:0}hash"

TASK = "UPGR-SCRAM-"


class SASLUpgrade(Feature):
    """Lets clients that log in by SCRAM bring keys up to date that have fewer iterations than new ones get.

    With PLAIN the server does so itself. By nothing else does the client prove to have the password of which it gives
    the keys.
    """

    implements = (XEP(480, "0.2.0", "SASL Upgrade Tasks"),)
    requires = ("sasl2",)

    @offered_tasks
    def offer(self, _: sasl.Offer, sender: JID | None) -> Iterator[Element]:
        """§2.1. Who does not exist is told the same as somebody whose iterations SCRAM would show to be as many."""
        if sender is not None and sender.domain == self.domain.name and sender.local:
            for hash in self.domain.accounts.outdated(sender.local):
                yield element(UPGRADE, TASK + hash)

    @tasks
    def demand(self, request: Request, username: str) -> Iterator[Task]:
        """§2.2: those that the client wants and that there is any use in."""
        if not request.mechanism.startswith("SCRAM-"):
            return
        wanted = request.texts(UPGRADE)
        for hash in self.domain.accounts.outdated(username):
            if TASK + hash in wanted:
                yield Task(TASK + hash, self._upgrade(self.domain.accounts.jid(username), hash))

    def _upgrade(self, jid: JID, hash: Hash) -> Generator[Element, Element, None]:
        """§3"""
        accounts = self.domain.accounts
        old, salt, count = accounts.keys(jid.local, hash), secrets.token_bytes(SALT_SIZE), accounts.iterations
        answer = yield element(SALT, b64encode(salt).decode(), iterations=str(count))
        found = answer.find(HASH)
        if found is None:
            raise sasl.SASLError("malformed-request", "The answer to a salt is a hash.")
        try:
            new = sasl.keys_of(hash, decode(found), salt, count)
        except ValueError as error:
            raise sasl.SASLError("malformed-request", str(error)) from None
        accounts.strengthen(jid, old, {hash: new})
