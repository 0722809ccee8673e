"""ANONYMOUS (RFC 4505): nobody in particular."""

from net.xmpp.sasl.exchange import Anonymous, SASLError, decode_utf8

TRACE_LIMIT = 255
"""Characters of trace information (RFC 4505 §2)."""


def anonymous(data: bytes) -> Anonymous:
    """Read the one message of ANONYMOUS, which is dropped: it may serve for nothing but tracing (XEP-0175 §3).

    Raises SASLError malformed-request for one that is none.
    """
    if len(decode_utf8(data)) > TRACE_LIMIT:
        raise SASLError("malformed-request")
    return Anonymous()
