"""What should not come over the wire, and what it is answered."""

from __future__ import annotations

from base64 import b64encode

from tests.e2e.raw import HEADER, STARTTLS

# More bytes than a stanza may have, and one read: so much the server may take beyond the limit.
LARGE = 400_000

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def _header(**changed: str) -> str:
    said = {
        "to": "localhost",
        "version": "1.0",
        "xmlns": "jabber:client",
        "xmlns:stream": "http://etherx.jabber.org/streams",
    }
    return "<stream:stream" + "".join(f" {name}='{value}'" for name, value in {**said, **changed}.items()) + ">"


def _auth(mechanism: str, data: str) -> str:
    return f"{HEADER}<auth xmlns='{SASL}' mechanism='{mechanism}'>{data}</auth>"


# Of somebody who has not logged in: what it is, the bytes, and a pattern of the answer; "" where a closed connection is
# answer enough.
STRANGERS: tuple[tuple[str, str | bytes, str], ...] = (
    ("a tag that closes another", HEADER + "<a></b>", "<not-well-formed"),
    ("an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "<not-well-formed"),
    ("a DTD", "<!DOCTYPE x [<!ENTITY e 'x'>]>" + HEADER, "<restricted-xml"),
    ("an entity", HEADER + "<a>&e;</a>", "<restricted-xml"),
    ("a comment", HEADER + "<!-- x --><a/>", "<restricted-xml"),
    ("a processing instruction", HEADER + "<?x y?><a/>", "<restricted-xml"),
    ("no UTF-8", HEADER.encode() + b"<a>\xff\xfe</a>", "<(unsupported-encoding|not-well-formed)"),
    ("random bytes", bytes(range(255, -1, -1)) * 10, ""),
    ("another stream namespace", _header(**{"xmlns:stream": "urn:x"}), "<invalid-namespace"),
    ("another content namespace", _header(xmlns="urn:x"), "<invalid-namespace"),
    ("another domain", _header(to="example.invalid"), "<host-unknown"),
    ("a domain that is none", _header(to="a@b@c"), "<improper-addressing"),
    ("version 0", _header(version="0.9"), "<unsupported-version"),
    ("a stanza before the login", HEADER + "<message to='p0@localhost'><body>x</body></message>", "<not-authorized"),
    ("a large stanza before the login", HEADER + "<message><body>" + "x" * 30_000, "<policy-violation"),
    ("a long header", HEADER[:-1] + " x='" + "y" * 30_000 + "'>", "<policy-violation"),
    ("deep elements", HEADER + "<a>" * 2000, "<policy-violation"),
    ("an unknown mechanism", _auth("X-NONE", "eA=="), "<invalid-mechanism"),
    ("no base64", _auth("SCRAM-SHA-1", "%%%"), "<incorrect-encoding"),
    ("a malformed request", _auth("SCRAM-SHA-1", b64encode(b"nonsense").decode()), "<malformed-request"),
    ("something behind starttls", HEADER + STARTTLS + "<iq type='get' id='x'/>", "<policy-violation"),
)

# The same of a user: what it is, the bytes, and the stream error that they get.
FATAL: tuple[tuple[str, str | bytes, str], ...] = (
    ("a tag that closes another", "<message><body></message>", "not-well-formed"),
    ("an unknown prefix", "<x:message/>", "not-well-formed"),
    ("an entity", "<message><body>&e;</body></message>", "restricted-xml"),
    ("a comment", "<message><!-- x --></message>", "restricted-xml"),
    ("an unknown stanza", "<telegram to='p0@localhost'/>", "unsupported-stanza-type"),
    (
        "another namespace",
        "<message xmlns='jabber:server' to='p0@localhost'><body>x</body></message>",
        "unsupported-stanza-type",
    ),
    ("a forged from", "<message from='somebody@localhost' to='p0@localhost'><body>x</body></message>", "invalid-from"),
    ("a from that is no address", "<message from='@@' to='p0@localhost'><body>x</body></message>", "invalid-from"),
    ("a large stanza", "<message to='p0@localhost'><body>" + "x" * LARGE + "</body></message>", "policy-violation"),
    ("deep elements", "<message to='p0@localhost'>" + "<a>" * 2000, "policy-violation"),
    ("text between stanzas", "text<presence/>", "bad-format"),
)

# Of a user, too, but not the end: a stanza with the id %s, and the stanza error that it gets.
HARMLESS: tuple[tuple[str, str, str], ...] = (
    ("an address that is none", "<message id='%s' to='@localhost'><body>x</body></message>", "jid-malformed"),
    ("a long address", "<message id='%s' to='" + "x" * 1100 + "@localhost'><body>x</body></message>", "jid-malformed"),
    ("two payloads", "<iq type='get' id='%s'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>", "bad-request"),
    ("no payload", "<iq type='set' id='%s'/>", "bad-request"),
    ("an unknown type", "<iq type='have' id='%s'><a xmlns='urn:a'/></iq>", "bad-request"),
    ("an unknown payload", "<iq type='get' id='%s'><a xmlns='urn:a'/></iq>", "service-unavailable"),
    (
        "an unknown payload to the server",
        "<iq type='get' id='%s' to='localhost'><a xmlns='urn:a'/></iq>",
        "service-unavailable",
    ),
    ("somebody else's roster", "<iq type='get' id='%s' to='p0@localhost'><query xmlns='jabber:iq:roster'/></iq>", "*"),
    (
        "a roster item that is none",
        "<iq type='set' id='%s'><query xmlns='jabber:iq:roster'><item jid='@'/></query></iq>",
        "*",
    ),
    (
        "two roster items",
        "<iq type='set' id='%s'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/></query></iq>",
        "bad-request",
    ),
    ("a priority that is none", "<presence id='%s'><priority>high</priority></presence>", "bad-request"),
    ("no element of its own", "<iq type='set' id='%s'><query xmlns='jabber:iq:private'/></iq>", "not-acceptable"),
)
