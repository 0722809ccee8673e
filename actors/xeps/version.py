"""XEP-0092: Software Version."""

from __future__ import annotations

import platform

import msgspec

from actors.hooks import XEP, Feature, asks
from actors.host import Host
from actors.version import VERSION
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element

NAMESPACE = "jabber:iq:version"
QUERY = f"{{{NAMESPACE}}}query"


class VersionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`show_os`: tell the operating system too (§5)."""

    show_os: bool = False


class Version(Feature):
    """Tells what software the server is."""

    implements = (XEP(92, "1.1", "Software Version"),)
    advertises = (NAMESPACE,)
    Options = VersionOptions

    @asks("get", QUERY, of=Host)
    def answer(self, host: Host, iq: Stanza) -> Stanza:
        """§2."""
        told = {"name": "Parley", "version": VERSION}
        if self.options.show_os:
            told["os"] = platform.system()
        return iq.result(element(QUERY, None, *(element(f"{{{NAMESPACE}}}{tag}", text) for tag, text in told.items())))
