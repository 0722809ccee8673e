"""The value that travels: a message, a presence or an iq (RFC 6120 §8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from net.xmpp.errors import StanzaError, StreamError
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.xml import (
    CLIENT,
    MOST_ATTRIBUTES,
    XML,
    XML_LANG,
    Element,
    element,
    escape,
    inner,
    lone_body,
    parse,
    serialise,
)

Kind = Literal["message", "presence", "iq"]

KINDS: frozenset[Kind] = frozenset(("message", "presence", "iq"))


class Stanza:
    """A message, presence or iq: its attributes as fields, its content as one lxml element or as bytes.

    A stanza that has been handed on is never changed again: it may stand in many mailboxes at once, and is serialised
    once for all of them. Whoever wants it different makes another (`addressed`, `stamped`, `with_content`).

    `type` is "" when the attribute is absent. `lang` is the stanza's own xml:lang or "". `extra` holds attributes that
    RFC 6120 does not define, by Clark name.
    """

    __slots__ = ("_alone", "_body", "_element", "_wire", "extra", "from_", "id", "kind", "lang", "to", "type")

    def __init__(
        self,
        kind: str,
        *,
        type: str = "",
        to: JID | None = None,
        from_: JID | None = None,
        id: str | None = None,
        lang: str = "",
        content: Element | None = None,
        body: bytes | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.type = type
        self.to = to
        self.from_ = from_
        self.id = id
        self.lang = lang
        self.extra = extra
        self._element = content
        self._body = body if content is not None or body is not None else b""
        self._alone = False  # known to be one <body/> and nothing else
        self._wire: bytes | None = None

    @classmethod
    def read(cls, node: Element, content: Element | None = None) -> Stanza:
        """The stanza that a parsed stanza-level element is; takes the element over.

        `content` is the element to take the content from, where it is not `node` itself. Raises `Malformed` when an
        address is no JID (RFC 6120 §8.1.1.1, §8.3.3.8), and `StreamError` when there are too many attributes.
        """
        attributes = node.items()
        if len(attributes) > MOST_ATTRIBUTES:
            raise StreamError("policy-violation", f"more than {MOST_ATTRIBUTES} attributes")
        content = node if content is None else content
        body = lone_body(content)
        # Hardly anybody looks into a body alone, so its tree need not be kept as long as the stanza.
        stanza = cls(content.tag, content=content if body is None else None, body=body)
        stanza._alone = body is not None
        to = from_ = None
        for name, value in attributes:
            if name == "to":
                to = value
            elif name == "id":
                stanza.id = value
            elif name == "type":
                stanza.type = value
            elif name == "from":
                from_ = value
            elif name == XML_LANG:
                stanza.lang = value
            else:
                stanza.extra = stanza.extra or {}
                stanza.extra[name] = value
        if from_ is not None:
            stanza.from_ = _address(stanza, "from", from_)
        if to is not None:
            stanza.to = _address(stanza, "to", to)
        return stanza

    # -- content

    @property
    def element(self) -> Element:
        """The element whose children are the content. Its attributes mean nothing; read the fields."""
        if self._element is None:
            self._element = parse(b"<" + self.kind.encode() + b">" + self.body + b"</" + self.kind.encode() + b">")
        return self._element

    @property
    def body(self) -> bytes:
        """The content serialised: everything between the start tag and the end tag."""
        if self._body is None:
            assert self._element is not None
            self._body = inner(self._element)
        return self._body

    @property
    def payload(self) -> Element | None:
        """The first child element: what an iq asks or answers; None when there is none."""
        return next(iter(self), None)

    def __iter__(self) -> Iterator[Element]:
        return iter(self.element)

    def find(self, tag: str) -> Element | None:
        """The first child with this Clark name ("{namespace}local"; "local" alone for the content namespace)."""
        return self.element.find(tag)

    def text(self, tag: str) -> str:
        """The text of the first child with this name, "" when there is none."""
        return self.element.findtext(tag) or ""

    def mentions(self, text: bytes) -> bool:
        """Whether this is anywhere in the content, serialised: what is not mentioned need not be looked for.

        What the <body/> says does not count where there is nothing else.
        """
        return not self._alone and text in self.body

    # -- others made from this one

    def _other(self) -> Stanza:
        """The same once more, to become another. The content is shared, and serialised once for all."""
        other = Stanza.__new__(Stanza)
        other.kind, other.type, other.id, other.lang = self.kind, self.type, self.id, self.lang
        other.to, other.from_, other.extra = self.to, self.from_, self.extra
        other._element, other._body, other._alone, other._wire = self._element, self.body, self._alone, None
        return other

    def addressed(self, to: JID | None) -> Stanza:
        """The same for another recipient."""
        other = self._other()
        other.to = to
        return other

    def stamped(self, from_: JID | None) -> Stanza:
        """The same from another sender."""
        other = self._other()
        other.from_ = from_
        return other

    def with_content(self, added: bytes) -> Stanza:
        """The same with these elements, serialised, added to its content."""
        other = self._other()
        other._element, other._body, other._alone = None, self.body + added, False
        if self._wire is not None and self._body:
            end = -len(self.kind) - 3
            other._wire = self._wire[:end] + added + self._wire[end:]
        return other

    def without(self, children: Collection[Element]) -> Stanza:
        """The same without these of the elements in its content."""
        other = self._other()
        kept = b"".join(serialise(child) for child in self if child not in children)
        other._element, other._body, other._alone = None, kept, False
        return other

    def emptied(self) -> Stanza:
        """The same without its content, which is enough for an error about it."""
        return Stanza(self.kind, type=self.type, to=self.to, from_=self.from_, id=self.id, lang=self.lang)

    def at_rest(self) -> Stanza:
        """The same without its parsed tree, to be kept: an lxml tree holds the memory of its whole document."""
        other = self._other()
        other._element = None
        return other

    def result(self, payload: Element | bytes | None = None) -> Stanza:
        """The answer to an iq request (RFC 6120 §8.2.3), serialised or not; the addresses are exchanged."""
        body, content = (payload, None) if isinstance(payload, bytes) else (None, _around("iq", payload))
        return Stanza("iq", type="result", to=self.from_, from_=self.to, id=self.id, content=content, body=body)

    def error(self, error: StanzaError) -> Stanza:
        """This stanza sent back with an error (RFC 6120 §8.3.1); the content comes first, as in the original."""
        body = self.body + error.xml() if error.echo else error.xml()
        return Stanza(self.kind, type="error", to=self.from_, from_=self.to, id=self.id, lang=self.lang, body=body)

    @property
    def answerable(self) -> bool:
        """Whether an error may be sent in answer: never to an error, nor to an iq result (RFC 6120 §8.3.1)."""
        return self.type != "error" and not (self.kind == "iq" and self.type == "result")

    @property
    def is_request(self) -> bool:
        """Whether this is an iq that must be answered exactly once (RFC 6120 §8.2.3)."""
        return self.kind == "iq" and self.type in ("get", "set")

    # -- out

    @property
    def wire(self) -> bytes:
        """The stanza as it goes out on a stream, in the stream's content namespace."""
        if self._wire is None:
            body = self.body
            head = self._head("")
            self._wire = b"".join((head, b">", body, b"</", self.kind.encode(), b">")) if body else head + b"/>"
        return self._wire

    def framed(self) -> bytes:
        """The stanza naming "jabber:client" itself, to stand outside of a stream or inside another stanza."""
        return self._head(f' xmlns="{CLIENT}"') + b">" + self.body + b"</" + self.kind.encode() + b">"

    def _head(self, namespace: str) -> bytes:
        head = ["<", self.kind, namespace]
        if self.to is not None:
            head += ' to="', self.to.xml, '"'
        if self.from_ is not None:
            head += ' from="', self.from_.xml, '"'
        if self.id is not None:
            head += ' id="', escape(self.id), '"'
        if self.type:
            head += ' type="', escape(self.type), '"'
        if self.lang:
            head += ' xml:lang="', escape(self.lang), '"'
        if self.extra:
            head.append(_attributes(self.extra))
        return "".join(head).encode()

    def __repr__(self) -> str:
        """For logs: the address line, never the content."""
        return f"<{self.kind} type={self.type!r} from={self.from_!s} to={self.to!s} id={self.id!r}>"


def _address(stanza: Stanza, attribute: str, value: str) -> JID:
    try:
        return JID.parse(value)
    except JIDMalformed as malformed:
        raise Malformed(stanza, attribute, str(malformed)) from None


class Malformed(Exception):
    """A stanza with an address that is no JID: `stanza` without it, `attribute` ("to" or "from"), `reason`."""

    def __init__(self, stanza: Stanza, attribute: str, reason: str) -> None:
        super().__init__(reason)
        self.stanza = stanza
        self.attribute = attribute
        self.reason = reason


def _around(kind: Kind, payload: Element | None) -> Element | None:
    return None if payload is None else element(kind, None, payload)


def _attributes(extra: dict[str, str]) -> str:
    """Attributes by Clark name as they go out; each namespace is declared once."""
    written = ""
    prefixes = {"{" + XML: "xml:"}  # the one that is never declared (XML namespaces §3)
    for name, value in extra.items():
        namespace, _, local = name.rpartition("}")
        prefix = prefixes.get(namespace) if namespace else ""
        if prefix is None:
            prefix = prefixes[namespace] = f"a{len(prefixes)}:"
            written += f' xmlns:{prefix[:-1]}="{escape(namespace[1:])}"'
        written += f' {prefix}{local}="{escape(value)}"'
    return written
