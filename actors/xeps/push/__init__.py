"""XEP-0357: Push Notifications. Clients that are away are called by the app servers that they have named.

`devices.py` says what is known of them, `notification.py` what is said. Told in docs/design/0011-push.md.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from hmac import compare_digest
from typing import Annotated, Any

import msgspec

from actors.hooks import (
    XEP,
    Feature,
    accepted,
    asks,
    awakes,
    delivered,
    due,
    hibernates,
    inbound,
    revoked,
    unacknowledged,
    unbound,
)
from actors.host import Domain
from actors.mailbox import Due, Recount
from actors.resource import Resource
from actors.storage import StorageError
from actors.user import User
from actors.xeps.carbons import eligible
from actors.xeps.push.devices import Device, Registration, Registrations
from actors.xeps.push.notification import (
    NAMESPACE,
    Verdict,
    address,
    publish,
    publish_options,
    said,
    summary,
    verdict,
    withdrawn,
)
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element

log = logging.getLogger(__name__)

# After a push a device is left alone for so many seconds, lest push services take it for a flood; by then an answer
# should have come. A User that nobody uses stays in memory longer than that.
REST_SECONDS = 5.0

# So many errors one after the other that need not mean anything mean that the device is gone (§7.1).
MOST_ERRORS = 10

NO_ANSWER = Verdict("no answer")


class PushOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`devices`: for how many nodes of app servers one user may have push enabled."""

    devices: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20


class Push(Feature):
    """Calls the devices of a user whose clients are not there when somebody says something to the user.

    The state in a User are the devices that can be reached, if there are any.
    """

    implements = (XEP(357, "0.4.1", "Push Notifications"),)
    advertises_for_accounts = (NAMESPACE,)
    # What is refused is no reason to call anybody, and what is kept has its id then.
    after = ("archive", "blocking", "stanza_ids")
    for_some = True
    Options = PushOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._registrations = Registrations(domain.storage)

    # -- what clients want

    @asks("set", f"{{{NAMESPACE}}}enable", of=User, own=True)
    def enable(self, user: User, iq: Stanza) -> Stanza:
        """§5. Again replaces what was said before."""
        assert iq.payload is not None and iq.from_ is not None
        jid, node = address(iq.payload)
        if jid.bare == user.jid:
            raise StanzaError("bad-request", "an app server is somebody else")
        asker = user.resources.get(iq.from_.resource)
        if asker is None:
            raise StanzaError("forbidden", "only a connected resource can be called later")
        registration = Registration(
            str(jid),
            node or "",
            publish_options(iq.payload),
            client=asker.client,
            resource=iq.from_.resource,
            since=self.domain.clock.now(),
        )
        others = [device for device in self._devices(user) if device.registration.key != registration.key]
        self._registrations.enable(user.jid, registration, self.options.devices)
        user.state[self.name] = (*others, Device(registration))
        return iq.result()

    @asks("set", f"{{{NAMESPACE}}}disable", of=User, own=True)
    def disable(self, user: User, iq: Stanza) -> Stanza:
        """§6. What is not enabled is disabled already."""
        assert iq.payload is not None
        jid, node = address(iq.payload)
        self._registrations.remove(user.jid, jid, node)
        left = [device for device in self._devices(user) if not device.registration.is_of(jid, node)]
        self.keep_in_mind(user, tuple(left))
        return iq.result()

    @revoked
    def forget(self, user: User, client: str, resources: Collection[Resource]) -> None:
        """It is not to hear of the account any more, not even by way of its app server."""

        def its(registration: Registration) -> bool:
            own = bool(client) and registration.client == client
            return own or any(registration.is_by(resource) for resource in resources)

        self.keep_in_mind(user, tuple(device for device in self._devices(user) if not its(device.registration)))
        try:
            for each in self._registrations.of(user.jid):
                if its(each):
                    self._registrations.remove(user.jid, each.jid, each.node)
        except StorageError as error:
            log.error("%r: a client that was revoked is called again after a restart: %s", user, error)

    @awakes(lambda feature: (feature._registrations.map,))
    def remember(self, user: User, stored: Mapping[str, Registration]) -> None:
        """Most users have no devices, and then nothing is remembered of them."""
        self.keep_in_mind(user, tuple(Device(each) for each in stored.values() if each.enabled))

    def _devices(self, user: User) -> tuple[Device, ...]:
        """Those that can be reached."""
        devices: tuple[Device, ...] = user.state.get(self.name, ())
        return devices

    # -- when to push

    @accepted
    def kept(self, user: User, message: Stanza, waiting: bool) -> Stanza:
        """Nobody can be given it now; or could, and has not got it."""
        if waiting:
            user.once_kept(self._call, user, (message,))
        return message

    @delivered
    def taken(self, user: User, message: Stanza, takers: list[Resource]) -> list[Resource]:
        """Some have it. All devices want it, those that hibernate and those that will find it in the archive; but what
        is for one client alone (XEP-0280 §6.1) is for one device.
        """
        if takers:
            user.once_kept(self._call, user, (message,), None if eligible(message, "received") else takers)
        return []

    @hibernates
    def left(self, user: User, resource: Resource) -> None:
        """It was there until now, but may not have got everything: its Session knows."""
        self._seen(user, resource)
        if self._devices(user):
            resource.session.tell(Recount())

    @unacknowledged
    def unheard(self, user: User, resource: Resource, messages: Collection[Stanza]) -> None:
        """This is what it has not got."""
        self._call(user, messages, (resource,))

    @unbound
    def gone(self, user: User, resource: Resource) -> None:
        """It was there until now, unless it had left before."""
        if resource.hibernating is None:
            self._seen(user, resource)

    def _seen(self, user: User, resource: Resource) -> None:
        for device in self._devices(user):
            if device.registration.is_by(resource):
                device.seen()

    def _call(self, user: User, messages: Iterable[Stanza], only: Collection[Resource] | None = None) -> None:
        """Of these messages the devices are to know that are not in use; `only` those of these resources."""
        new = [one for message in messages if (one := said(message, user.jid)) is not None]
        if not new:
            return
        for device in self._devices(user):
            if (only is None or device.belongs(only)) and not device.is_in_use(user):
                for one in new:
                    device.count(one)
                self._push_fresh(user, device)

    # -- pushing

    def _push_fresh(self, user: User, device: Device) -> None:
        """At once or, if there was one just now, when it has rested."""
        app_server = JID.parse(device.registration.jid)
        if not device.fresh or device.resting or user.shuns(app_server):
            return
        device.id = secrets.token_urlsafe(18)
        device.unanswered.append(device.id)
        device.fresh, device.resting = False, True
        device.registration = msgspec.structs.replace(device.registration, tried=self.domain.clock.now())
        body = publish(device.registration.node, device.registration.options, self._summary(user, device))
        inbox, over = user.actor_inbox, Due(self.name, device.id)
        self.domain.clock.after(REST_SECONDS, lambda: inbox.tell(over))
        # Past `user.route`: the message's receipt goes with the message.
        self.domain.router.route(Stanza("iq", type="set", from_=user.jid, to=app_server, id=device.id, body=body))

    def _summary(self, user: User, device: Device) -> Element | None:
        asking = sum(item.asks and not user.shuns(contact) for contact, item in user.roster)
        return summary(self.domain.options.push_summary, device.unseen, asking, device.last)

    @due
    def rested(self, user: User, id: str) -> None:
        """What has come meanwhile is told now."""
        for device in self._devices(user):
            if device.id == id:
                device.resting = False
                if id in device.unanswered:
                    self._note(user, device, NO_ANSWER)
                if not device.is_in_use(user):
                    self._push_fresh(user, device)

    # -- what app servers say

    @inbound("message", "iq")
    def hear(self, user: User, stanza: Stanza) -> Stanza | None:
        """How it went; or that they want no more."""
        if stanza.to != user.jid:
            return stanza
        if stanza.kind == "message":
            return self._withdrawn(user, stanza)
        if not stanza.is_request:
            for device in self._devices(user):
                asked = _answered(stanza, device)
                if asked is not None:
                    device.unanswered.remove(asked)
                    self._note(user, device, verdict(stanza))
        return stanza

    def _withdrawn(self, user: User, message: Stanza) -> Stanza | None:
        """§8. It is for the server, and for nobody else."""
        node = withdrawn(message, user.jid)
        if node is None:
            return message
        found = [each for each in self._devices(user) if each.registration.is_of(str(message.from_), node)]
        for device in found:
            self._note(user, device, Verdict("affiliation withdrawn", failed=True, gone=True))
        return None if found else message

    def _note(self, user: User, device: Device, verdict: Verdict) -> None:
        """Remembers the last result. A device that is gone is not called again, until its client enables it (§7.1)."""
        before = device.registration
        errors = before.errors + 1 if verdict.failed else before.errors if verdict is NO_ANSWER else 0
        enabled = not verdict.gone and errors < MOST_ERRORS
        device.registration = msgspec.structs.replace(
            before, unseen=device.unseen, result=verdict.result, errors=errors, enabled=enabled
        )
        if not enabled:
            log.info("no more pushes to %s: %s", before.jid, verdict.result)
            self.keep_in_mind(user, tuple(each for each in self._devices(user) if each is not device))
        try:
            self._registrations.put(user.jid, device.registration)
        except StorageError as error:
            log.error("%r: the result of a push could not be stored: %s", user, error)


def _answered(answer: Stanza, device: Device) -> str | None:
    """The id of the push that this is the answer to. Nobody can guess it; still, only the app server is believed."""
    if answer.from_ != device.registration.jid:
        return None
    id = (answer.id or "").encode()
    return next((asked for asked in device.unanswered if compare_digest(id, asked.encode())), None)
