"""Errors of RFC 6120, as exceptions that know how to render themselves.

Raising one *is* the error reply: a handler raises `StanzaError`, and whoever routed the stanza to it answers; a
`StreamError` ends the stream it is raised in.
"""

from __future__ import annotations

from lxml import etree

from net.xmpp.xml import escape, serialise

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS = "urn:ietf:params:xml:ns:xmpp-streams"

# RFC 6120 §8.3.3: each condition with the type that the RFC recommends for it.
STANZA_CONDITIONS = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}

# RFC 6120 §4.9.3
STREAM_CONDITIONS = frozenset(
    (
        "bad-format",
        "bad-namespace-prefix",
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "improper-addressing",
        "internal-server-error",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-authorized",
        "not-well-formed",
        "policy-violation",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "restricted-xml",
        "see-other-host",
        "system-shutdown",
        "undefined-condition",
        "unsupported-encoding",
        "unsupported-feature",
        "unsupported-stanza-type",
        "unsupported-version",
    )
)


class StanzaError(Exception):
    """A stanza cannot be processed (RFC 6120 §8.3).

    `condition` is one of `STANZA_CONDITIONS`; `type` ("auth", "cancel", "continue", "modify", "wait") defaults to what
    the RFC recommends for it; `text` is for people, in English; `detail` is an application-specific condition (§8.3.4).
    `echo`: whether the error brings back what the stanza contained (§8.3.1 leaves it open); no secret needs that.
    """

    def __init__(
        self,
        condition: str,
        text: str = "",
        *,
        type: str | None = None,
        detail: etree._Element | None = None,
        echo: bool = True,
    ) -> None:
        super().__init__(condition, text)
        self.condition = condition
        self.type = type or STANZA_CONDITIONS[condition]
        self.text = text
        self.detail = detail
        self.echo = echo

    def xml(self) -> bytes:
        """The <error/> element, to stand inside a stanza of type "error"."""
        text = f'<text xmlns="{STANZAS}" xml:lang="en">{escape(self.text)}</text>' if self.text else ""
        head = f'<error type="{self.type}"><{self.condition} xmlns="{STANZAS}"/>{text}'
        detail = serialise(self.detail) if self.detail is not None else b""
        return head.encode() + detail + b"</error>"


class StreamError(Exception):
    """The stream cannot go on (RFC 6120 §4.9). `condition` is one of `STREAM_CONDITIONS`.

    `detail` is an application-specific condition (§4.9.4).
    """

    def __init__(self, condition: str, text: str = "", *, detail: etree._Element | None = None) -> None:
        assert condition in STREAM_CONDITIONS
        super().__init__(condition, text)
        self.condition = condition
        self.text = text
        self.detail = detail

    def xml(self) -> bytes:
        """The <stream:error/> element, to stand before the closing tag of the stream."""
        text = f'<text xmlns="{STREAMS}" xml:lang="en">{escape(self.text)}</text>' if self.text else ""
        head = f'<stream:error><{self.condition} xmlns="{STREAMS}"/>{text}'
        detail = serialise(self.detail) if self.detail is not None else b""
        return head.encode() + detail + b"</stream:error>"
