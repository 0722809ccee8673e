"""What a User does for those of its resources whose clients may come back (XEP-0198): of its mailbox, a part."""

from __future__ import annotations

import logging
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from actors.access import Access
from actors.actor import Inbox, told
from actors.batching import Batching
from actors.mailbox import (
    Close,
    Hibernates,
    Manage,
    Resumable,
    Resume,
    Resumed,
    ResumeRefused,
    Revive,
    RosterChanged,
    Unacknowledged,
)
from actors.presence import priority
from actors.receipts import Receipt
from actors.resource import Resource
from actors.storage import StorageError
from net.xmpp.errors import StanzaError, StreamError

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.roster import Roster

log = logging.getLogger(__name__)


class Comebacks(Batching):
    """The fields are those of `actors.user.User`."""

    domain: Domain
    resources: dict[str, Resource]
    state: dict[str, Any]
    exists: bool
    disabled: bool
    roster: Roster

    def _gain(self, resource: Resource) -> Resource:
        self.resources[resource.name] = resource
        self.domain.router.occupied(self.jid)
        return resource

    def _resource(self, session: Inbox, name: str) -> Resource | None:
        """The resource of this name if it is still this Session's."""
        resource = self.resources.get(name)
        return resource if resource is not None and resource.session is session else None

    @told(Manage)
    def on_manage(self, message: Manage) -> None:
        resource = self._resource(message.session, message.resource)
        if resource is not None:
            resource.previd = message.previd
            self._save(resource)

    @told(Resume)
    def on_resume(self, message: Resume) -> None:
        """Only what is this user's own is looked at, so that nobody learns anything of anybody else's."""
        found = None
        if self._may_resume(message.access):
            for resource in self.resources.values():
                if resource.previd and compare_digest(resource.previd.encode(), message.previd.encode()):
                    found = resource
        if found is not None:
            message.session.tell(Resumable(found.session, message.h))
            return
        known = None
        for handler in self.domain.hooks.unresumable:
            known = handler(self._as_user, message.previd) if known is None else known
        message.session.tell(ResumeRefused(known))

    def _may_resume(self, access: Access) -> bool:
        if not self.exists or self.disabled:
            return False
        try:
            self._check(access)
        except StanzaError:
            return False
        return True

    def _check(self, access: Access) -> None:
        """Raises StanzaError not-allowed if what a client has logged in by has been taken from it since."""
        if self.domain.accounts.epoch(self.jid, access.epoch) != access.epoch:
            raise StanzaError("not-allowed", "the password has been changed since the login")
        if access.by == "token" and not self._knows(access.client):
            raise StanzaError("not-allowed", "the access of this client has been revoked")

    def _knows(self, client: str) -> bool:
        try:
            return self.domain.clients.knows(self.jid, client)
        except StorageError as error:
            log.error("%r: it is not known whether a client may come in: %s", self, error)
            return False

    @told(Hibernates)
    def on_hibernates(self, message: Hibernates) -> None:
        resource = self._resource(message.session, message.resource)
        if resource is not None:
            self._hibernate(resource)

    def _hibernate(self, resource: Resource) -> None:
        resource.hibernating = self.domain.clock.now()
        for handler in self.domain.hooks.hibernates:
            handler(self._as_user, resource)

    @told(Unacknowledged)
    def on_unacknowledged(self, message: Unacknowledged) -> None:
        resource = self._resource(message.session, message.resource)
        if resource is not None and resource.hibernating is not None:
            for handler in self.domain.hooks.unacknowledged:
                handler(self._as_user, resource, message.messages)

    @told(Resumed)
    def on_resumed(self, message: Resumed) -> None:
        resource = self._resource(message.session, message.resource)
        if resource is not None:
            resource.hibernating = None
            # One that does not say which client it is has shown by the id of the stream that it is the same.
            resource.access = message.access._replace(client=message.access.client or resource.client)
            try:
                self._check(message.access)
            except StanzaError as error:
                resource.session.tell(Close(StreamError("not-authorized", error.text)))
            self._save(resource)
            if message.revived and resource.presence is not None:
                self._as_user.presence.look_around(resource)
            for handler in self.domain.hooks.resumed:
                handler(self._as_user, resource)

    @told(Revive)
    def on_revive(self, message: Revive) -> None:
        """No contact is told anything: those who were there before it still take the resource to be there."""
        if message.resource in self.resources:
            message.session.tell(Close())
            return
        resource = self._gain(Resource(message.resource, message.session, message.access, message.since))
        resource.previd = message.previd
        resource.presence = message.presence
        resource.priority = priority(message.presence) if message.presence is not None else 0
        resource.interested = message.interested
        resource.directed = dict.fromkeys(message.directed)
        resource.state = message.state
        message.session.tell(RosterChanged(self.roster))
        self._hibernate(resource)

    # -- receipts

    def _take_receipt(self) -> Receipt | None:
        """The receipt of what is being handled, for whoever handles the rest of it."""
        receipt, self._receipt = self._receipt, None
        return receipt

    def _done(self, receipt: Receipt) -> None:
        """What has been told is handled, and nobody else has its receipt."""
        self._receipt = None
        for resource in self.resources.values():
            if receipt.origin and resource.previd == receipt.origin and not self._save(resource):
                return
        self.once_kept(receipt.handled)

    def _save(self, resource: Resource) -> bool:
        """Whether all that is to be kept of the resource is stored."""
        try:
            for handler in self.domain.hooks.saves:
                handler(self._as_user, resource)
        except StorageError as error:
            log.error("%r: the state of a resource could not be stored: %s", self, error)
            return False
        return True
