"""EXTERNAL (RFC 4422 appendix A): the client's certificate has said who it is (XEP-0178 §2)."""

from collections.abc import Collection

from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.sasl.exchange import Certified, SASLError, decode_utf8


def external(domain: str, certified: Collection[str], data: bytes, sender: str | None = None) -> Certified:
    """Choose among the addresses that the certificate names by the one message of EXTERNAL, the authorization identity.

    Raises SASLError malformed-request; not-authorized where none is of this domain; invalid-authzid where the one asked
    for is not among them or is not the `sender` (as for `check_authzid`), or none was asked for and there are several.
    """
    wanted = decode_utf8(data)
    own = {jid for jid in map(_bare, certified) if jid is not None and jid.domain == domain and jid.local}
    if not own:
        raise SASLError("not-authorized")
    if not wanted and len(own) == 1:
        return Certified(own.pop().local)
    chosen = _bare(wanted)
    if chosen is None or chosen not in own or sender not in (None, chosen):
        raise SASLError("invalid-authzid")
    return Certified(chosen.local)


def _bare(address: str) -> JID | None:
    try:
        jid = JID.parse(address)
    except JIDMalformed:
        return None
    return jid if jid.is_bare or jid.is_domain else None
