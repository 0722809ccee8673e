"""What may stand before a stream header: an XML declaration, or nothing (RFC 6120 §11)."""

from __future__ import annotations

import re

from net.xmpp.errors import StreamError

BLANK = b" \t\r\n"

_DECLARATION = re.compile(
    rb"""<\?xml\s+version\s*=\s*(["'])1\.\d+\1(?:\s+encoding\s*=\s*(["'])([A-Za-z0-9._-]+)\2)?"""
    rb"""(?:\s+standalone\s*=\s*(["'])(?:yes|no)\4)?\s*\?>"""
)
_LONGEST = 256


def after_prolog(data: bytes) -> bytes | None:
    """What follows the prolog at the beginning of `data`: the header's "<" and on. None while too little has come.

    Raises `StreamError` for whatever else stands there. None is never the answer to more than 256 bytes.
    """
    data = data.lstrip(BLANK)
    if data[:2] == b"<?":
        end = data.find(b"?>", 0, _LONGEST) + 2
        if end < 2:
            if len(data) < _LONGEST:
                return None
            end = _LONGEST
        _check(data[:end])
        data = data[end:].lstrip(BLANK)
    if len(data) < 2:
        return None
    if data[:1] != b"<" or data[1:2] == b"\0":
        # RFC 6120 §11.6: UTF-8 only. UTF-16 comes with a byte order mark or a NUL; U+FEFF in UTF-8 is but a character.
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:2]
        raise StreamError("unsupported-encoding" if utf16 else "not-well-formed")
    if data[1:2] in (b"!", b"?"):
        raise StreamError("restricted-xml")  # RFC 6120 §11.1: no DTD, no comment, no processing instruction
    return data


def _check(declaration: bytes) -> None:
    matched = _DECLARATION.fullmatch(declaration)
    if matched is None:
        raise StreamError("not-well-formed" if declaration[:5] == b"<?xml" else "restricted-xml")
    if (matched[3] or b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise StreamError("unsupported-encoding", "RFC 6120 §11.6: UTF-8 only")
