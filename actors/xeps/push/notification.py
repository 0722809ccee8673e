"""What clients, app servers and this server say to each other about push. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from lxml import etree

from actors.xeps.csi import SENT, URGENT, spoken
from actors.xeps.stanza_ids import STANZA_ID
from net.xmpp.errors import STANZA_CONDITIONS, STANZAS, StanzaError
from net.xmpp.forms import FIELD, FORM_TYPE, VALUE, Field, X, result
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.signs import Sign, signs
from net.xmpp.stanza import Stanza
from net.xmpp.xml import CLIENT, Element, element, escape, serialise

NAMESPACE = "urn:xmpp:push:0"
SUMMARY = "urn:xmpp:push:summary"
PUBSUB = "http://jabber.org/protocol/pubsub"
PUBLISH_OPTIONS = f"{PUBSUB}#publish-options"

# Bytes of an app server's address and a node's name together, which a database has to find devices by; and of the form
# that goes along with each notification.
LONGEST_ADDRESS = 1300
LONGEST_OPTIONS = 4096

# Characters of a message that are shown: push services take a few thousand bytes, and a lock screen less.
LONGEST_BODY = 500

# An app server that answers so has not said anything about the device. So it is with each error of the type "wait".
TEMPORARY = frozenset(
    (
        "internal-server-error",
        "recipient-unavailable",
        "remote-server-timeout",
        "resource-constraint",
        "service-unavailable",
        "unexpected-request",
    )
)

Content = Literal["nothing", "count", "sender", "body"]

# -- from clients


def address(asked: Element) -> tuple[JID, str | None]:
    """The app server and the node, None for none, of an <enable/> or <disable/>.

    Raises StanzaError: bad-request, jid-malformed, policy-violation.
    """
    text, node = asked.get("jid"), asked.get("node")
    if not text:
        raise StanzaError("bad-request", "the jid of an app server is needed, XEP-0357 §5")
    if len(text.encode()) + len((node or "").encode()) > LONGEST_ADDRESS:
        raise StanzaError("policy-violation", f"jid and node have {LONGEST_ADDRESS} bytes at most")
    try:
        return JID.parse(text), node
    except JIDMalformed as malformed:
        raise StanzaError("jid-malformed", str(malformed)) from None


def publish_options(asked: Element) -> str:
    """The form of an <enable/> that is to go along with each notification, serialised; "" for none (§5).

    Raises StanzaError: bad-request, policy-violation.
    """
    given = asked.findall(X)
    if not given:
        return ""
    types = [field.findtext(VALUE) for field in given[0].iterfind(FIELD) if field.get("var") == FORM_TYPE]
    if len(given) > 1 or types != [PUBLISH_OPTIONS]:
        raise StanzaError("bad-request", f"one form of the type {PUBLISH_OPTIONS} may be given, XEP-0357 §5")
    written = serialise(given[0])
    if len(written) > LONGEST_OPTIONS:
        raise StanzaError("policy-violation", f"the form has {LONGEST_OPTIONS} bytes at most")
    return written.decode()


def disabling(owner: JID, jid: JID, node: str | None) -> Stanza:
    """The request by which one of the owner's clients disables an app server, or a node of it (§6)."""
    at = {} if node is None else {"node": node}
    content = element("iq", None, element(f"{{{NAMESPACE}}}disable", None, jid=jid, **at))
    return Stanza("iq", type="set", from_=owner, to=owner, id="disable", content=content)


# -- from others


class Said(NamedTuple):
    """What somebody says that the user has to be called for. `mark` tells it from everything else."""

    sender: str
    text: str
    mark: int


def said(message: Stanza, owner: JID) -> Said | None:
    """What is said in a message for `owner`, or in the one that it is a copy of (XEP-0280); None for nothing.

    What the owner's other clients say is nothing new. A headline is for those who are there.
    """
    content, copied = spoken(message)
    if message.type in ("error", "headline") or copied == SENT:
        return None
    if isinstance(content, Stanza):
        sender, id, text = str(content.from_ or ""), content.id, content.text("body")
    else:
        sender, id = content.get("from", ""), content.get("id")
        text = content.findtext(f"{{{CLIENT}}}body") or ""
    found = signs(content) & URGENT
    if not (found if text else found & ~Sign.BODY):
        return None
    kept_as = next((child.get("id") for child in content if child.tag == STANZA_ID and child.get("by") == owner), "")
    return Said(sender, text, hash((sender, id, text, kept_as)))


# -- to app servers


def publish(node: str, options: str, form: Element | None) -> bytes:
    """The request to publish a notification with this form in it (§7)."""
    at = f' node="{escape(node)}"' if node else ""
    summary = serialise(form).decode() if form is not None else ""
    with_options = f"<publish-options>{options}</publish-options>" if options else ""
    return (
        f'<pubsub xmlns="{PUBSUB}"><publish{at}><item><notification xmlns="{NAMESPACE}">{summary}</notification>'
        f"</item></publish>{with_options}</pubsub>"
    ).encode()


def summary(content: Content, messages: int, subscriptions: int, last: Said | None) -> Element | None:
    """The form that sums up what there is to see (§7), as far as app servers may know it; None: nothing of it."""
    if content == "nothing":
        return None
    return result(SUMMARY, _summed_up(content, messages, subscriptions, last))


def _summed_up(content: Content, messages: int, subscriptions: int, last: Said | None) -> Iterator[Field]:
    yield Field("message-count", values=(str(messages),))
    if subscriptions:
        yield Field("pending-subscription-count", values=(str(subscriptions),))
    if last is not None and content in ("sender", "body"):
        yield Field("last-message-sender", "jid-single", values=(last.sender,))
    if last is not None and last.text and content == "body":
        yield Field("last-message-body", values=(last.text[:LONGEST_BODY],))


# -- from app servers


class Verdict(NamedTuple):
    """What has come of a push: `result` for people; whether it has `failed`; whether the device is `gone` for good."""

    result: str
    failed: bool = False
    gone: bool = False


def verdict(answer: Stanza) -> Verdict:
    """What the answer to a request to publish says (§7.1)."""
    if answer.type == "result":
        return Verdict("accepted")
    error = answer.find("error")
    condition = next((name for name in _conditions(error) if name in STANZA_CONDITIONS), "undefined-condition")
    waits = error is not None and error.get("type") == "wait"
    return Verdict(condition, failed=True, gone=not waits and condition not in TEMPORARY)


def _conditions(error: Element | None) -> Iterator[str]:
    for child in error if error is not None else ():
        name = etree.QName(child)
        if name.namespace == STANZAS:
            yield name.localname


def withdrawn(message: Stanza, owner: JID) -> str | None:
    """The node at which the app server that has sent this takes nothing more from `owner` (§8); None for none."""
    if not message.mentions(b"affiliation"):
        return None
    for told in message.element.iterfind(f"{{{PUBSUB}}}pubsub"):
        for affiliation in told.iterfind(f"{{{PUBSUB}}}affiliation"):
            if affiliation.get("jid") == owner and affiliation.get("affiliation") == "none":
                return str(told.get("node", ""))
    return None
