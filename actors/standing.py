"""What befalls an account, and what its domain can do, while its User is in memory. Of the User's mailbox, a part."""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import told
from actors.bindings import Bindings
from actors.mailbox import Close, Disabled, Enabled, Remove, Revoked
from actors.resource import Resource
from actors.storage import StorageError
from net.xmpp.errors import StreamError


class Standing(Bindings):
    """The fields are those of `actors.user.User`."""

    @told(Disabled)
    def on_disabled(self, message: Disabled) -> None:
        self.disabled = message.reason is not None
        if self.disabled:
            for resource in self.resources.values():
                resource.session.tell(Close(StreamError("not-authorized", "the account has been disabled")))

    @told(Revoked)
    def on_revoked(self, message: Revoked) -> None:
        """A client has lost its access (XEP-0494 §3.2). One that has no resource yet gets none: see `on_bind`."""
        self.revoke(message.client, [each for each in self.resources.values() if each.client == message.client])

    def revoke(self, client: str, resources: Sequence[Resource]) -> None:
        """Ends these sessions of a client that has lost its access; "" for one that has not said which it is."""
        for resource in resources:
            resource.session.tell(Close(StreamError("not-authorized", "the access of this client has been revoked")))
            self._lose(resource)
        for handler in self.domain.hooks.revoked:
            handler(self._as_user, client, resources)

    @told(Remove)
    def on_remove(self, message: Remove) -> None:
        """The account is gone. Its contacts are told, as if the user had taken them all from the roster."""
        try:
            self.domain.storage.forget(self.jid)
        except StorageError as error:
            if message.request is None:
                raise
            self.domain.router.bounce(message.request, error)
            return
        self.domain.accounts.guests.discard(self.jid)
        if message.request is not None:
            self._as_user._take_iq(message.request.result())
        self.exists = False
        for resource in list(self.resources.values()):
            resource.session.tell(Close(StreamError("not-authorized", "the account has been removed")))
            self._lose(resource)
        self._as_user.contacts.take_leave_of_all()
        self.state.clear()
        self.on_start()

    @told(Enabled)
    def on_enabled(self, message: Enabled) -> None:
        """They learn now what they would have when the User came into memory."""
        for handler, needed in self.domain.hooks.awakes:
            if handler.__self__.name in message.features:
                handler(self._as_user, *(self.domain.storage.glance(self.jid, needed) if needed else ()))
