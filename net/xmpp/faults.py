"""What libxml2 finds wrong with a stream, as stream errors (RFC 6120 §4.9.3)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from net.xmpp.errors import StreamError

_XML = etree.ErrorTypes
_FATAL = etree.ErrorLevels.FATAL

# Namespace errors are not fatal to libxml2. It also warns of names that are no absolute URI ("vcard-temp"): they are
# in order. What is no URI at all is not, nor could it be parsed again when it has been stored.
_NAMESPACES = frozenset(
    (
        _XML.WAR_NS_URI,
        _XML.NS_ERR_XML_NAMESPACE,
        _XML.NS_ERR_UNDEFINED_NAMESPACE,
        _XML.NS_ERR_QNAME,
        _XML.NS_ERR_ATTRIBUTE_REDEFINED,
        _XML.NS_ERR_EMPTY,
        _XML.NS_ERR_COLON,
    )
)
_TOO_MUCH = frozenset((_XML.ERR_RESOURCE_LIMIT, _XML.ERR_NAME_TOO_LONG))


def refuse_faults(entries: list[Any], tag: bytes = b"") -> None:
    """Raises `StreamError` for the first of these entries of an error log that is more than a warning.

    `tag` is what was being read: "<!" in it tells what belongs into a DTD from a name that is none.
    """
    for entry in entries:
        if entry.level == _FATAL or entry.type in _NAMESPACES:
            raise _error(entry.type, tag)


def _error(code: int, tag: bytes) -> StreamError:
    if code == _XML.ERR_UNDECLARED_ENTITY or (code == _XML.ERR_NAME_REQUIRED and b"<!" in tag):
        return StreamError("restricted-xml")  # RFC 6120 §11.1: no entities, no DTD
    if code == _XML.ERR_INVALID_ENCODING:
        return StreamError("unsupported-encoding", "not UTF-8")
    if code in _TOO_MUCH:
        return StreamError("policy-violation", "nested too deeply, or too large")
    return StreamError("not-well-formed")


# libxml2 does not look at "<!" before there are nine bytes of it.
_LOOKED_AT = 9


def beginning(read: bytes) -> bytes:
    """What has to be kept of what has been read without a fault, to put in front of the rest.

    That is a "<!" which has not been looked at, or has not ended. What stood in a CDATA section that has ended was in
    order.
    """
    last = read[1 - _LOOKED_AT :].rpartition(b"]]>")[2]
    unended = b"<!" in read[read.rfind(b">") + 1 :]
    return b"<!" + last if unended and b"<!" not in last else last


def next_place(edge: bytes, data: bytes, start: int) -> int:
    """How far to read `data` from `start`, behind that `edge`: to where an element or a declaration may be told."""
    end = data.find(b">", start) + 1 or len(data)
    declared = data.find(b"<!", start + 1, end)
    if declared > 0:
        end = declared
    recent = edge[1 - _LOOKED_AT :]
    pending = (recent + data[start:end][:2]).find(b"<!")
    return end if pending < 0 else min(end, start + pending + _LOOKED_AT - len(recent))
