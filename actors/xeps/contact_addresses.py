"""XEP-0157: Contact Addresses for XMPP Services."""

from __future__ import annotations

import re

import msgspec

from actors.hooks import XEP, Feature, describes
from net.xmpp import forms
from net.xmpp.forms import Field
from net.xmpp.xml import Element

SERVER_INFO = "http://jabber.org/network/serverinfo"

Addresses = tuple[str, ...]


class ContactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where those who run the server are reached, as URIs: "mailto:...", "xmpp:...", "https:..."."""

    abuse: Addresses = ()
    admin: Addresses = ()
    feedback: Addresses = ()
    sales: Addresses = ()
    security: Addresses = ()
    status: Addresses = ()
    support: Addresses = ()

    def __post_init__(self) -> None:
        for address in (address for name in self.__struct_fields__ for address in getattr(self, name)):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", address):
                raise ValueError(f"URIs, such as mailto:xmpp@example.org; {address!r} is none")


class ContactAddresses(Feature):
    """Tells where those who run the server are reached."""

    implements = (XEP(157, "1.1.1", "Contact Addresses for XMPP Services"),)
    Options = ContactOptions

    @describes
    def addresses(self) -> list[Element]:
        """§3: a form with those there are, in the disco#info of the domain."""
        told = [
            Field(f"{name}-addresses", "list-multi", values=getattr(self.options, name))
            for name in ContactOptions.__struct_fields__
            if getattr(self.options, name)
        ]
        return [forms.result(SERVER_INFO, told)] if told else []
