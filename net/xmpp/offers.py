"""Stream features as data (RFC 6120 §4.3.2): what each needs, forbids and grants, and what to offer now."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple


class State:
    """What has been reached on a stream: the sum of these. (Of enum's flags a login would ask thirty questions.)"""

    NEW = 0
    SECURE = 1
    AUTHENTICATED = 2
    BOUND = 4


class Offer(NamedTuple):
    """One stream feature: `content` is its element as it goes out, b"" when there is nothing to offer."""

    name: str
    content: bytes
    needs: int = State.NEW
    forbids: int = State.NEW
    grants: int = State.NEW

    def fits(self, state: int) -> bool:
        """Whether it can be offered to a stream in this state."""
        return not self.needs & ~state and not self.forbids & state and bool(self.content)


TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SASL2 = "urn:xmpp:sasl:2"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION = "urn:ietf:params:xml:ns:xmpp-session"
CHANNEL_BINDING = "urn:xmpp:sasl-cb:0"


@cache
def starttls(*, required: bool) -> Offer:
    """RFC 6120 §5.4.1; on a stream that is to be secured first it stands alone (§5.3.1)."""
    inside = b"<required/>" if required else b""
    content = b'<starttls xmlns="%s">%s</starttls>' % (TLS.encode(), inside)
    return Offer("starttls", content, forbids=State.SECURE | State.AUTHENTICATED, grants=State.SECURE)


def mechanisms(names: Iterable[str], bindings: Iterable[str], *, secure_first: bool) -> Offer:
    """RFC 6120 §6.4.1, and with it the channel-binding types (XEP-0440 §3)."""
    content = _listed(names)
    if content:
        content = f'<mechanisms xmlns="{SASL}">{content}</mechanisms>'
        types = "".join(f'<channel-binding type="{type}"/>' for type in bindings)
        if types:
            content += f'<sasl-channel-binding xmlns="{CHANNEL_BINDING}">{types}</sasl-channel-binding>'
    needs = State.SECURE if secure_first else State.NEW
    return Offer("mechanisms", content.encode(), needs, State.AUTHENTICATED, State.AUTHENTICATED)


def authentication(names: Iterable[str], inline: bytes, tasks: bytes) -> Offer:
    """XEP-0388 §2.1, and §3: with TLS only. `inline` and `tasks` are what can be asked for along with the login."""
    content = _listed(names).encode()
    if content:
        content += (b"<inline>%s</inline>" % inline if inline else b"") + tasks
        content = b'<authentication xmlns="%s">%s</authentication>' % (SASL2.encode(), content)
    return Offer("authentication", content, State.SECURE, State.AUTHENTICATED, State.AUTHENTICATED)


def _listed(names: Iterable[str]) -> str:
    return "".join(f"<mechanism>{name}</mechanism>" for name in names)


def after_login(name: str, content: bytes, *, forbids: int = State.BOUND, grants: int = State.NEW) -> Offer:
    """A feature of an authenticated stream that has not been bound yet."""
    return Offer(name, content, State.AUTHENTICATED, forbids, grants)


# RFC 6120 §7.4, and what RFC 6121 announces beside it: roster versioning (§2.6.1), pre-approval (§3.4.1).
# Establishing a session is a leftover of RFC 3921 that some clients insist on; it does nothing and says so.
AFTER_LOGIN = (
    after_login("bind", b'<bind xmlns="%s"/>' % BIND.encode(), grants=State.BOUND),
    after_login("session", b'<session xmlns="%s"><optional/></session>' % SESSION.encode()),
    after_login("rosterver", b'<ver xmlns="urn:xmpp:features:rosterver"/>'),
    after_login("pre-approval", b'<sub xmlns="urn:xmpp:features:pre-approval"/>'),
)


def features(offers: Iterable[Offer], state: int) -> bytes:
    """The <stream:features/> for a stream in this state."""
    return b"<stream:features>" + b"".join(o.content for o in offers if o.fits(state)) + b"</stream:features>"
