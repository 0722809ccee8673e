"""PLAIN (RFC 4616): the password itself, so only where nobody can listen."""

from net.xmpp.sasl.exchange import SASLError, VerifyPassword, check_authzid, decode_utf8


def plain(domain: str, data: bytes, sender: str | None = None) -> VerifyPassword:
    """Read the one message of PLAIN, `[authzid] NUL authcid NUL password` (RFC 4616 §2).

    `sender` as for `check_authzid`. Raises SASLError malformed-request or invalid-authzid.
    """
    match decode_utf8(data).split("\0"):
        case [authzid, username, password] if username and password:
            check_authzid(authzid, username, domain, sender)
            return VerifyPassword(username, password)
    raise SASLError("malformed-request")
